"""Passwords: their length, their argon2id hashes, their verification off the event loop.

Sign-in, account pages and the command line call it. Hashes are computed in threads, a few at a time: each
needs 19 MiB.
"""

import asyncio
import secrets
import unicodedata

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.low_level import Type

from tracker.i18n.messages import InputError, msg

SHORTEST = 12
LONGEST = 128
# OWASP password storage cheat sheet: argon2id, 19 MiB, two passes, one lane; about 24 ms here (22 Nov 2026).
_HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1, type=Type.ID)
_READABLE = "23456789abcdefghjkmnpqrstuvwxyz"  # no look-alikes
PARALLEL_MAX = 4  # hashes at once: 76 MiB at most, however many people sign in
_GATE = asyncio.Semaphore(PARALLEL_MAX)
# Hash of a random text; verified for unknown addresses, so that they take as long as known ones.
_NOBODY = "$argon2id$v=19$m=19456,t=2,p=1$2XecQOfwbzswwrLJlR5qbQ$mKhRulAGKjLyuCwy8PCkfVwJzHyytJ5pTufDfWuiaf8"


def check_password(password: str, *, field: str = "password") -> str:
    """Return the password in NFC; refuses lengths outside 12 … 128 characters."""
    normal = unicodedata.normalize("NFC", password)
    if len(normal) < SHORTEST:
        raise InputError(
            field,
            msg("Is too short; use at least %(shortest)s characters, a short sentence works well.", shortest=SHORTEST),
        )
    if len(normal) > LONGEST:
        raise InputError(field, msg("Is too long; use at most %(longest)s characters.", longest=LONGEST))
    if any(unicodedata.category(character) in {"Cc", "Cs"} for character in normal):
        raise InputError(field, msg("Contains a control character; leave it out."))
    return normal


def new_password() -> str:
    """Return a random password of 20 letters and digits in groups of five, easy to read out: about 98 bits."""
    letters = "".join(secrets.choice(_READABLE) for _ in range(20))
    return "-".join(letters[start : start + 5] for start in range(0, 20, 5))


def hash_now(password: str) -> str:
    """Return the argon2id hash; refuses passwords that `check_password` refuses. Blocks for about 24 ms."""
    return _HASHER.hash(check_password(password))


async def hash_password(password: str) -> str:
    """Return the argon2id hash, computed in a thread."""
    check_password(password)
    async with _GATE:
        return await asyncio.to_thread(hash_now, password)


async def verify_password(password: str, password_hash: str | None) -> bool:
    """Tell whether the password fits the hash; without a hash it takes as long and is False."""
    normal = unicodedata.normalize("NFC", password[: LONGEST + 1])
    async with _GATE:
        fits = await asyncio.to_thread(_fits, normal, password_hash or _NOBODY)
    return fits and password_hash is not None


def _fits(password: str, password_hash: str) -> bool:
    try:
        return _HASHER.verify(password_hash, password.encode(errors="replace"))
    except (VerificationError, InvalidHashError):
        return False
