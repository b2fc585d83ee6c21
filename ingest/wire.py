"""Decoding of browser events and reading of their metadata limits; pure."""

import msgspec

from ingest.events import METADATA_BYTES_MAX, WIRE_MAX, BrowserEvent
from ingest.problems import FieldError, ProblemError, field_error, invalid
from ingest.strict_json import loads

_DECODER = msgspec.json.Decoder(BrowserEvent)


def decode_event(body: bytes) -> BrowserEvent:
    """Return the event in a request body; raises ProblemError 4xx naming the wire key.

    The fast decoder takes what is right; whatever it refuses, or what holds an escape worth a second look, goes through
    the strict reader, which knows the better message.
    """
    if len(body) > WIRE_MAX:
        raise ProblemError(413, "body_too_large", f"An event has at most {WIRE_MAX} bytes; this one has {len(body)}.")
    if b"\\u0000" in body or b"\\ud" in body or b"\\uD" in body:
        loads(body)
    try:
        event = _DECODER.decode(body)
    except msgspec.ValidationError as error:
        loads(body)
        raise invalid(field_error(error)) from error
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        loads(body)
        raise ProblemError(400, "invalid_json", "The body is not JSON; send one JSON object.") from error
    if event.metadata is not None and len(msgspec.json.encode(event.metadata)) > METADATA_BYTES_MAX:
        raise invalid(FieldError(field="d", message=f"Metadata has at most {METADATA_BYTES_MAX} bytes of JSON."))
    return event
