"""Decoding of browser events and reading of their metadata limits; pure."""

import msgspec

from ingest.events import METADATA_BYTES_MAX, WIRE_MAX, BrowserEvent
from ingest.problems import FieldError, ProblemError, field_error, invalid
from ingest.strict_json import loads

_DECODER = msgspec.json.Decoder(BrowserEvent)


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
        loads(body)
        raise invalid(field_error(error)) from error
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        loads(body)
        raise ProblemError(400, "invalid_json", "The body is not JSON; send one JSON object.") from error
    if event.metadata is not None and len(msgspec.json.encode(event.metadata)) > METADATA_BYTES_MAX:
        raise invalid(FieldError(field="d", message=f"Metadata has at most {METADATA_BYTES_MAX} bytes of JSON."))
    return event
