"""Decoding of browser events and reading of their metadata limits; pure."""

import json
import re
from typing import Any

import msgspec

from ingest.events import METADATA_BYTES_MAX, WIRE_MAX, BrowserEvent
from ingest.problems import FieldError, ProblemError, field_error, invalid
from ingest.strict_json import loads, printable

KINDS = ("click", "lead", "sale")  # what else is well-formed is a custom event
RESERVED = frozenset({"refund"})  # only a server may say that money went back

_DECODER = msgspec.json.Decoder(BrowserEvent)
_CUSTOM = re.compile(r"[a-z][a-z0-9_.-]{0,31}")
_AMOUNT_REMEDY = 'send whole minor units (1999) or a decimal text ("19.99"), never a number with a fraction.'


def decode_event(body: bytes) -> BrowserEvent:
    """Return the event in a request body; raises ProblemError 4xx naming the wire key.

    The fast decoder takes plain events; whatever it refuses, and what holds other letters than ASCII, escapes or
    metadata, goes through the strict reader, which brings texts into NFC and knows the better message.
    """
    if len(body) > WIRE_MAX:
        raise ProblemError(413, "body_too_large", f"An event has at most {WIRE_MAX} bytes; this one has {len(body)}.")
    try:
        event = _DECODER.decode(body)
        if not body.isascii() or b"\\u" in body or event.metadata is not None:
            event = msgspec.convert(loads(body), BrowserEvent)
    except msgspec.ValidationError as error:
        raise invalid(_explained(field_error(error), loads(body))) from error
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        loads(body)
        raise ProblemError(400, "invalid_json", "The body is not JSON; send one JSON object.") from error
    if event.kind not in KINDS and (event.kind in RESERVED or not _CUSTOM.fullmatch(event.kind)):
        raise invalid(FieldError(field="t", message=_kind_refused(event.kind)))
    if event.metadata is not None and len(msgspec.json.encode(event.metadata)) > METADATA_BYTES_MAX:
        raise invalid(FieldError(field="d", message=f"Metadata has at most {METADATA_BYTES_MAX} bytes of JSON."))
    return event


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
