"""Epochs of the address keys: when one begins and ends, and when its key is destroyed; pure.

The key of an epoch is derived from the root secret and the epoch's random salt, so neither alone tells anything, and
destroying the salt destroys the key. `keyfile.py` and `store.py` keep the salts; the next epoch is always there,
because rows near a boundary carry hashes under both keys (ingest/address_keys.py).
"""

import hashlib
import hmac
from collections.abc import Callable, Sequence

import msgspec

from ingest.address_keys import COMPARED_DAYS, AddressEpoch
from tracker.instants import DAY_MS

SALT_BYTES = 32


class StoredEpoch(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One epoch as it is kept; Unix ms, the end belongs to the next one."""

    starts_at_ms: int
    ends_at_ms: int
    salt: bytes


def plan_epochs(
    known: Sequence[StoredEpoch], *, now_ms: int, days: int, kept_days: int, make_salt: Callable[[], bytes]
) -> tuple[StoredEpoch, ...]:
    """Return the epochs that must be kept now: the current one, the next, and ended ones until their key goes.

    Known: in order, each starting where the one before ends. Days: length of a new epoch. Kept days: how long after its
    end a key stays (never below the span that is compared).
    """
    epochs = list(known)
    start_ms = epochs[-1].ends_at_ms if epochs else now_ms - now_ms % DAY_MS
    while not epochs or epochs[-1].starts_at_ms <= now_ms:
        epochs.append(StoredEpoch(starts_at_ms=start_ms, ends_at_ms=start_ms + days * DAY_MS, salt=make_salt()))
        start_ms = epochs[-1].ends_at_ms
    return tuple(epoch for epoch in epochs if not _is_over(epoch, now_ms=now_ms, kept_days=kept_days))


def is_current(epochs: Sequence[AddressEpoch], *, now_ms: int, kept_days: int) -> bool:
    """Tell whether the plan for now would change nothing."""
    if not epochs or epochs[-1].starts_at_ms <= now_ms:
        return False
    return not _is_over(epochs[0], now_ms=now_ms, kept_days=kept_days)


def _is_over(epoch: StoredEpoch | AddressEpoch, *, now_ms: int, kept_days: int) -> bool:
    return epoch.ends_at_ms + max(kept_days, COMPARED_DAYS) * DAY_MS <= now_ms


def derive_epochs(stored: Sequence[StoredEpoch], wrapping_key: bytes) -> tuple[AddressEpoch, ...]:
    """Return the epochs with their keys: HMAC-SHA-256 of the salt under a key derived from the root secret."""
    return tuple(
        AddressEpoch(
            starts_at_ms=epoch.starts_at_ms,
            ends_at_ms=epoch.ends_at_ms,
            key=hmac.digest(wrapping_key, epoch.salt, hashlib.sha256),
        )
        for epoch in stored
    )
