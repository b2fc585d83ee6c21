"""Decoding of browser events into their one normal spelling, and their metadata limits; pure."""

import base64
import json
import re
from typing import Any

import msgspec

from ingest.events import METADATA_BYTES_MAX, WIRE_MAX, BrowserEvent, WireEvent
from ingest.problems import FieldError, ProblemError, field_error, invalid
from ingest.strict_json import loads, printable

KINDS = ("click", "lead", "sale")  # what else is well-formed is a custom event
RESERVED = frozenset({"refund"})  # only a server may say that money went back
SHA256_HEX = 64  # characters

_DECODER = msgspec.json.Decoder(BrowserEvent)
_CUSTOM = re.compile(r"[a-z][a-z0-9_.-]{0,31}")
_AMOUNT_REMEDY = 'send whole minor units (1999) or a decimal text ("19.99"), never a number with a fraction.'


def decode_event(body: bytes) -> BrowserEvent:
    """Return the event in a request body, in its normal spelling; raises ProblemError 4xx naming the wire key.

    The fast decoder takes plain events; whatever it refuses, and what holds other letters than ASCII, escapes or
    metadata, goes through the strict reader, which brings texts into NFC and spellings into the normal one, and knows
    the better message.
    """
    if len(body) > WIRE_MAX:
        raise ProblemError(413, "body_too_large", f"An event has at most {WIRE_MAX} bytes; this one has {len(body)}.")
    event = _decode_plain(body) or _normal(loads(body))
    if event.kind not in KINDS and (event.kind in RESERVED or not _CUSTOM.fullmatch(event.kind)):
        raise invalid(FieldError(field="t", message=_kind_refused(event.kind)))
    if event.metadata is not None and len(msgspec.json.encode(event.metadata)) > METADATA_BYTES_MAX:
        raise invalid(FieldError(field="d", message=f"Metadata has at most {METADATA_BYTES_MAX} bytes of JSON."))
    return event


def _decode_plain(body: bytes) -> BrowserEvent | None:
    """Return an event that is spelled normally already, else None; raises ProblemError 400 for what is no JSON."""
    try:
        event = _DECODER.decode(body)
    except msgspec.ValidationError:
        return None
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        loads(body)
        raise ProblemError(400, "invalid_json", "The body is not JSON; send one JSON object.") from error
    return event if body.isascii() and b"\\u" not in body and event.metadata is None else None


def _normal(decoded: Any) -> BrowserEvent:
    """Return an event in whatever spelling in the normal one: the only place that knows of the others."""
    try:
        spelled = msgspec.convert(decoded, WireEvent)
    except msgspec.ValidationError as error:
        raise invalid(_explained(field_error(error), decoded)) from error
    fields: dict[str, Any] = msgspec.to_builtins(spelled)
    fields["c"], fields["w"] = spelled.click_id or None, spelled.visitor_id or None
    fields["o"], fields["x"] = _as_text(spelled.order_id), _as_text(spelled.customer_id)
    fields["y"] = spelled.currency and spelled.currency.upper()
    fields["h"] = _as_hex(spelled.email_sha256)
    return msgspec.convert(fields, BrowserEvent)


def _as_text(number: str | int | None) -> str | None:
    """Return a shop's number as text; pages often hold it as a number."""
    return None if number is None else str(number)


def _as_hex(digest: str | None) -> str | None:
    """Return a SHA-256 in hexadecimal; browsers make Base64 with fewer bytes of script."""
    if digest is None or len(digest) == SHA256_HEX:
        return digest
    return base64.urlsafe_b64decode(digest.rstrip("=").replace("+", "-").replace("/", "_") + "=").hex()


def _kind_refused(kind: str) -> str:
    if kind in RESERVED:
        return f'"{kind}" cannot come from a browser; report it from your server with POST /v1/track/{kind}.'
    return (
        "Send click, lead, sale, or a name of your own: 1 to 32 of a-z, 0-9, dot, hyphen, underscore, a letter first."
    )


def _explained(error: FieldError, decoded: Any) -> FieldError:
    """Return the error; that of an amount with its value and remedy, as the names of types help nobody there."""
    if error.field != "m":
        return error
    shown = printable(json.dumps(decoded["m"]))[:40]
    return FieldError(field="m", message=f"{shown} is no amount from 0 to 10^13 minor units; {_AMOUNT_REMEDY}")
