"""One figure for any number of decisions, the same for every engine; pure.

Each decision has the SHA-256 of its canonical JSON. The digests are added modulo 2^256, so that batches may come in
any order and be cut anywhere; the result is the SHA-256 of how many there are and of their sum.
"""

import hashlib
from collections.abc import Iterable

import msgspec

from attribution.types import Decision

BYTES = 32
NOTHING = bytes(BYTES)

_MODULUS = 1 << (8 * BYTES)
_encoder = msgspec.json.Encoder(order="deterministic")


def digest_of(decision: Decision) -> bytes:
    """Return the digest of one decision with everything it says."""
    return hashlib.sha256(_encoder.encode(decision)).digest()


def add(digests: Iterable[bytes]) -> bytes:
    """Return the sum of digests or of sums."""
    return (sum(int.from_bytes(one, "big") for one in digests) % _MODULUS).to_bytes(BYTES, "big")


def result_digest(decided: int, digest_sum: bytes) -> str:
    """Return what two computations of the same decisions agree in."""
    return hashlib.sha256(decided.to_bytes(8, "big") + digest_sum).hexdigest()
