"""How values of a click are packed into few bytes, and unpacked again.

Pure and reversible; `store.py` and the projector call it. What is packed here stands in the database: another form
needs a migration that carries the rows over.
"""

import base64
import binascii
import re
from ipaddress import AddressValueError, IPv4Address, IPv6Address

PACKED_ID_BYTES = 16
PACKED_ID_CHARACTERS = 22
LONG_VALUE = 25  # characters of a parameter's value; ad click ids are longer, names of campaigns seldom

_FILL = b"\0"
_IPV4_BYTES = 3
_IPV6_BYTES = 6
_LONG_PARAMETER = re.compile(rf"[?&][^=&#]*=[^&#]{{{LONG_VALUE},}}")


def pack_browser_id(browser_id: str) -> bytes:
    """Return a click or visitor id as bytes: 16 where it is the base64url form of 16 bytes, else its characters."""
    if len(browser_id) == PACKED_ID_CHARACTERS:
        try:
            packed = binascii.a2b_base64(browser_id.replace("-", "+").replace("_", "/") + "==")
        except (binascii.Error, ValueError):
            packed = b""
        # Many spellings decode to the same bytes; only the one that comes back is packed.
        if len(packed) == PACKED_ID_BYTES and _base64url(packed) == browser_id:
            return packed
    characters = browser_id.encode("utf-8", "surrogatepass")
    return characters + _FILL if len(characters) == PACKED_ID_BYTES else characters


def unpack_browser_id(packed: bytes) -> str:
    """Return the id `pack_browser_id` was given. Ids hold no NUL."""
    if len(packed) == PACKED_ID_BYTES:
        return _base64url(packed)
    return packed.removesuffix(_FILL).decode("utf-8", "surrogatepass")


def pack_masked(masked: str) -> bytes:
    """Return a masked address as bytes: 3 for a.b.c.x, 6 for an IPv6 /48; anything else as its characters."""
    packed = _packed_network(masked)
    if packed is not None and unpack_masked(packed) == masked:
        return packed
    # Longer than any packed form, so that the two are told apart.
    return masked.encode().rjust(_IPV6_BYTES + 1, _FILL)


def unpack_masked(packed: bytes) -> str:
    """Return the masked address `pack_masked` was given. It holds no NUL."""
    if len(packed) == _IPV4_BYTES:
        return f"{packed[0]}.{packed[1]}.{packed[2]}.x"
    if len(packed) == _IPV6_BYTES:
        return f"{IPv6Address(packed + bytes(16 - _IPV6_BYTES))}/48"
    return packed.lstrip(_FILL).decode()


def split_page(page_url: str) -> tuple[str, str | None]:
    """Return the part of an address that many clicks share, and the rest from a long parameter value on, if any."""
    found = _LONG_PARAMETER.search(page_url)
    if found is None:
        return page_url, None
    return page_url[: found.start()], page_url[found.start() :]


def _base64url(packed: bytes) -> str:
    return base64.urlsafe_b64encode(packed).decode().rstrip("=")


def _packed_network(masked: str) -> bytes | None:
    try:
        if masked.endswith(".x"):
            return IPv4Address(f"{masked[:-2]}.0").packed[:_IPV4_BYTES]
        if masked.endswith("/48"):
            return IPv6Address(masked[:-3]).packed[:_IPV6_BYTES]
    except AddressValueError:
        return None
    return None
