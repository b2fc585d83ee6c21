"""How key values look: 256 random bits in base 62 with a checksum, and signing secrets derived from the root secret.

The store makes keys here and checks incoming values before it asks the database. A checksum finds a mistyped
or cut key without a query; it is no protection, the 256 bits are.
"""

import base64
import hashlib
import hmac
import secrets
import zlib

from tracker.keys.types import KeyKind

_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_RANDOM_BYTES = 32
_RANDOM_CHARS = 43  # 62 ** 43 > 2 ** 256
_CHECK_CHARS = 6  # 62 ** 6 > 2 ** 32
_PREFIXES: dict[KeyKind, str] = {"publishable": "pk", "secret": "sk", "postback": "pb"}
SIGNING_PREFIX = "whsec_"


def new_value(kind: KeyKind, *, livemode: bool) -> str:
    """Return a new random value for a publishable, secret or postback key."""
    prefix = f"{_PREFIXES[kind]}_{'live' if livemode else 'test'}_"
    body = _base62(int.from_bytes(secrets.token_bytes(_RANDOM_BYTES), "big"), _RANDOM_CHARS)
    return prefix + body + _checksum(prefix + body)


def is_well_formed(value: str) -> bool:
    """Tell whether a value can be one of ours: known prefix, right length, right checksum."""
    parts = value.split("_")
    if len(parts) != 3 or parts[0] not in _PREFIXES.values() or parts[1] not in {"live", "test"}:
        return False
    body, check = value[:-_CHECK_CHARS], value[-_CHECK_CHARS:]
    is_sized = len(parts[2]) == _RANDOM_CHARS + _CHECK_CHARS and value.isascii()
    return is_sized and hmac.compare_digest(_checksum(body), check)


def signing_value(*, secret: bytes, key_id: str) -> str:
    """Return a signing key's value: `whsec_` and the base64 of an HMAC of the key's id under the root secret.

    It can be computed again whenever a signature is checked, so no table ever holds it.
    """
    derived = hmac.digest(secret, b"molva signing key v1\0" + key_id.encode(), hashlib.sha256)
    return SIGNING_PREFIX + base64.b64encode(derived).decode()


def signing_bytes(value: str) -> bytes:
    """Return the key material inside a `whsec_…` value, as Standard Webhooks wants it for the HMAC."""
    return base64.b64decode(value.removeprefix(SIGNING_PREFIX))


def digest_of(value: str) -> bytes:
    """Return the SHA-256 the table keeps instead of a value."""
    return hashlib.sha256(value.encode(errors="replace")).digest()


def _checksum(text: str) -> str:
    return _base62(zlib.crc32(text.encode(errors="replace")), _CHECK_CHARS)


def _base62(number: int, width: int) -> str:
    digits = []
    for _ in range(width):
        number, digit = divmod(number, len(_DIGITS))
        digits.append(_DIGITS[digit])
    return "".join(reversed(digits))
