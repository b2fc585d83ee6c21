"""How values of a click are packed into few bytes, and unpacked again.

Pure and reversible; `store.py` and the projector call it. What is packed here stands in the database: another form
needs a migration that carries the rows over.
"""

import binascii
import re
from ipaddress import AddressValueError, IPv4Address, IPv6Address

PACKED_ID_BYTES = 16
PACKED_ID_CHARACTERS = 22
LONG_VALUE = 25  # characters of a parameter's value; ad click ids are longer, names of campaigns seldom

# 22 characters of base64url hold 132 bits; where the last four are nought, the text is the form of 16 bytes and no
# other spelling decodes to the same.
_PACKED = re.compile(r"[A-Za-z0-9_-]{21}[AQgw]", re.ASCII)
_URL_SAFE = bytes.maketrans(b"+/", b"-_")
_FILL = b"\0"
_IPV4_BYTES = 3
_IPV6_BYTES = 6
_LONG_PARAMETER = re.compile(rf"[?&][^=&#]*=[^&#]{{{LONG_VALUE},}}")


def pack_browser_id(browser_id: str) -> bytes:
    """Return a click or visitor id as bytes: 16 where it is the base64url form of 16 bytes, else its characters."""
    if len(browser_id) == PACKED_ID_CHARACTERS and _PACKED.fullmatch(browser_id):
        return binascii.a2b_base64(browser_id.replace("-", "+").replace("_", "/") + "==")
    characters = browser_id.encode("utf-8", "surrogatepass")
    return characters + _FILL if len(characters) == PACKED_ID_BYTES else characters


def unpack_browser_id(packed: bytes) -> str:
    """Return the id `pack_browser_id` was given. Ids hold no NUL."""
    if len(packed) == PACKED_ID_BYTES:
        # Of the standard library's own base64url only the outer functions are left out: they take most of its time.
        return binascii.b2a_base64(packed, newline=False)[:PACKED_ID_CHARACTERS].translate(_URL_SAFE).decode()
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


def _packed_network(masked: str) -> bytes | None:
    try:
        if masked.endswith(".x"):
            return IPv4Address(f"{masked[:-2]}.0").packed[:_IPV4_BYTES]
        if masked.endswith("/48"):
            return IPv6Address(masked[:-3]).packed[:_IPV6_BYTES]
    except AddressValueError:
        return None
    return None
