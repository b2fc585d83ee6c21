"""Records of the operations: what a backup holds, and the lines of an examination."""

from typing import Literal

import msgspec

State = Literal["ok", "warning", "failed"]


class OperationError(Exception):
    """What the operator asked for is not possible; the message says why and what to do."""


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """One file of a backup."""

    name: str
    size_bytes: int
    sha256: str


class LedgerState(msgspec.Struct, frozen=True, kw_only=True):
    """What a verification of ledger and audit chain counted and found; problems are sentences."""

    transactions: int
    entries: int
    problems: tuple[str, ...]


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What stands in a backup's `manifest.json`.

    `ledger` is None where the schema was older than the program that made the backup. `secret_fingerprint` tells
    whether a root secret is the one the backup belongs to, and nothing else about it.
    """

    format: int
    version: str
    revision: str
    made_at: str
    parts: tuple[Part, ...]
    not_included: tuple[str, ...]
    secret_fingerprint: str
    ledger: LedgerState | None


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One line of an examination: what was looked at, how it stands, why, and what to do about it."""

    check: str
    state: State
    cause: str
    remedy: str = ""
