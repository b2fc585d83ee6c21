"""Verification of signed bodies by Standard Webhooks; pure.

A shop server signs what the browser then posts. What is signed is `id.timestamp.` and the raw body; when the three
values travel as fields, the body without them, keys sorted, no blanks.
"""

import base64
import binascii
import hashlib
import hmac
import json
from typing import Any

WINDOW_S = 300  # older or newer signatures are refused (Standard Webhooks)
DIGITS_MAX = 12  # of a Unix time in seconds; Python refuses to read thousands of digits
FIELDS = ("webhook-id", "webhook-timestamp", "webhook-signature")


def signed_content(fields: dict[str, Any]) -> bytes:
    """Return what a body with signature fields was signed as."""
    unsigned = {name: value for name, value in fields.items() if name not in FIELDS}
    return json.dumps(unsigned, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def sign(secret: bytes, *, message_id: str, timestamp: str, content: bytes) -> str:
    """Return the signature header value for one secret."""
    mac = hmac.digest(secret, f"{message_id}.{timestamp}.".encode() + content, hashlib.sha256)
    return f"v1,{base64.b64encode(mac).decode()}"


def is_signed(
    secrets: tuple[bytes, ...],
    *,
    message_id: str,
    timestamp: str,
    signature: str,
    content: bytes,
    now_s: int,
) -> bool:
    """Tell whether any of the secrets made one of the signatures, inside the time window."""
    is_number = timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= DIGITS_MAX
    if not is_number or abs(now_s - int(timestamp)) > WINDOW_S:
        return False
    given = [part for part in signature.split(" ")[:5] if part.startswith("v1,")]
    wanted = [sign(secret, message_id=message_id, timestamp=timestamp, content=content) for secret in secrets]
    return any(hmac.compare_digest(one.encode(), two.encode()) for one in given for two in wanted)


def decode_secret(text: str) -> bytes:
    """Return the bytes of a `whsec_…` secret; raises ValueError when it is none."""
    try:
        return base64.b64decode(text.removeprefix("whsec_"), validate=True)
    except binascii.Error as error:
        raise ValueError("A signing secret is whsec_ and base64.") from error
