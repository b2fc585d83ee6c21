"""Ids: UUIDv7 in 16 bytes, shown as prefix and 32 hexadecimal digits.

Shells make ids here and hand them to pure code; `columns.Id` translates them at the database's border. The prefix tells
a person what a thing is; the API takes ids with or without it.
"""

import os

HEX_DIGITS = 32


class IdError(ValueError):
    """The text is not an id of the kind asked for; the message says what was expected."""


def new_id(prefix: str, now_ms: int) -> str:
    """Return a new id: 48 bits of Unix milliseconds, version 7, 74 random bits (RFC 9562)."""
    random = int.from_bytes(os.urandom(10), "big")
    value = (now_ms & ((1 << 48) - 1)) << 80
    value |= 0x7 << 76 | (random >> 68 & 0xFFF) << 64
    value |= 0x2 << 62 | (random & ((1 << 62) - 1))
    return f"{prefix}_{value:032x}"


def id_to_bytes(prefix: str, text: str) -> bytes:
    """Return the 16 bytes of an id given with or without its prefix; another prefix raises IdError."""
    head, separator, tail = text.rpartition("_")
    digits = tail if separator else text
    if (separator and head != prefix) or len(digits) != HEX_DIGITS:
        raise IdError(f'"{text[:80]}" is not an id of the form {prefix}_ and {HEX_DIGITS} hexadecimal digits.')
    try:
        return bytes.fromhex(digits)
    except ValueError as error:
        raise IdError(f'"{text[:80]}" has characters that are not hexadecimal digits.') from error


def id_from_bytes(prefix: str, value: bytes) -> str:
    """Return the shown form of 16 stored bytes."""
    return f"{prefix}_{value.hex()}"


def canonical_id(prefix: str, text: str) -> str:
    """Return the id in its shown form, whichever form was given; raises IdError."""
    return id_from_bytes(prefix, id_to_bytes(prefix, text))
