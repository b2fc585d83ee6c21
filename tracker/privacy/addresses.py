"""Taking raw addresses out of what is stored; pure but for the keys it is handed.

The sink calls it where no raw address may be stored at all, the worker when the days of raw addresses are over.
"""

import re
from typing import Any

import msgspec

from ingest.client_address import UNKNOWN, normal_address
from ingest.events import STATE_GPC, decode_click, encode_click
from tracker.clicks.project import Enricher

_IP_MEMBER = re.compile(rb'"ip"\s*:\s*"(?:[^"\\]|\\.)*"?')
_IPV4 = re.compile(r"(?<!\d)\d{1,3}(?:\.\d{1,3}){3}(?!\d)")
_LIKE_IPV6 = re.compile(r"[0-9A-Fa-f:.]{3,60}")
TAKEN_OUT = "[address]"


def without_address(received_at_ms: int, body: str, enricher: Enricher) -> str:
    """Return an inbox body that holds what is kept of the address instead of the address."""
    click = decode_click(body)
    if click.address in ("", UNKNOWN) or click.state & STATE_GPC:
        return body
    where = enricher.locate(click.address, received_at_ms)
    return encode_click(msgspec.structs.replace(click, address="", whereabouts=where))


def without_ip(payload: bytes) -> bytes:
    """Return a refused body with null for each `ip` in it; the rest stays as it came, byte for byte."""
    masked = _IP_MEMBER.sub(b'"ip":null', payload)
    try:
        fields: Any = msgspec.json.decode(masked)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return masked
    if isinstance(fields, dict) and fields.get("ip") is not None:
        # The name was written with escapes ("\u0069p").
        return msgspec.json.encode(fields | {"ip": None})
    return masked


def without_addresses(text: str) -> str:
    """Return a text, such as the cause of a refusal, with every address in it named only as such."""

    def name(match: re.Match[str]) -> str:
        found = match[0].rstrip(".:")
        return TAKEN_OUT + match[0][len(found) :] if normal_address(found) else match[0]

    return _LIKE_IPV6.sub(name, _IPV4.sub(TAKEN_OUT, text))
