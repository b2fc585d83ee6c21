"""Records of deciding many conversions again: runs, what they changed, and what a batch is decided from."""

from collections.abc import Mapping
from typing import Literal

import msgspec

from attribution.types import CodeEntry, Credit, ModelName
from tracker.conversions.types import ConversionRow, StoredBinding
from tracker.programs.types import Program

RunKind = Literal["backfill", "what_if"]
EngineName = Literal["lookup", "duckdb", "spark"]
# Why a result stays: its hold is over and a day has passed, a person rejected it, its person was erased, or clicks of
# its time were deleted for their age.
LockedBy = Literal["payable", "judged", "erased", "purged"]
EVIDENCE_GONE: tuple[LockedBy, ...] = ("erased", "purged")  # not even a what-if can tell what would have been


class WhatIf(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is put in the place of the attribution settings of then; None leaves a setting as it was."""

    model: ModelName | None = None
    window_seconds: int | None = None

    @property
    def is_given(self) -> bool:
        """Whether anything differs from the settings of then."""
        return self != WhatIf()


class Scope(msgspec.Struct, frozen=True, kw_only=True):
    """Which conversions are looked at, and up to where facts count; None means all."""

    program_id: str | None = None
    since_ms: int | None = None
    click_watermark: int
    conversion_watermark: int


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """One computation of many decisions; see tables.py."""

    run_id: str
    kind: RunKind
    state: Literal["running", "done"]
    is_dry_run: bool
    engine: EngineName
    engine_version: int
    program_id: str | None
    since_ms: int | None
    settings: WhatIf
    click_watermark: int
    conversion_watermark: int
    position: int
    conversions: int
    decided: int
    digest_sum: bytes
    actor: str
    started_at_ms: int
    moved_at_ms: int
    finished_at_ms: int | None

    @property
    def scope(self) -> Scope:
        """Which conversions the run looks at."""
        return Scope(
            program_id=self.program_id,
            since_ms=self.since_ms,
            click_watermark=self.click_watermark,
            conversion_watermark=self.conversion_watermark,
        )

    @property
    def applies(self) -> bool:
        """Whether the run makes decisions and moves money."""
        return self.kind == "backfill" and not self.is_dry_run


class Money(msgspec.Struct, frozen=True, kw_only=True):
    """Commission of one enrollment in one currency."""

    enrollment_id: str
    currency: str
    amount_minor: int


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """A decision as far as anybody earns by it; commissions are filled in where they are compared."""

    status: Literal["attributed", "unattributed"]
    via: str | None
    credits: tuple[Credit, ...]
    is_commissionable: bool
    commissions: tuple[Money, ...] = ()


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """What a run changed about a conversion, or would change."""

    run_id: str
    conversion_id: str
    before: Summary
    after: Summary
    locked_by: LockedBy | None = None
    decision_id: str | None = None


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """A conversion of a batch with what is known of it but touches and what the batch itself decides.

    Visitors: browser ids. Named: the ids a click id may stand for, in their order. Lead: the one in the batch whose
    credits it inherits; `inherited`: those of a lead outside of it.
    """

    row: ConversionRow
    visitors: tuple[str, ...]
    named: tuple[str, ...]
    codes: tuple[CodeEntry, ...]
    lead_id: str | None
    inherited: tuple[Credit, ...] | None
    stored: Summary
    locked_by: LockedBy | None


class World(msgspec.Struct, frozen=True, kw_only=True):
    """What all batches share: by program its terms, each with when it came into force; by enrollment its statuses."""

    terms: Mapping[str, tuple[tuple[int, Program], ...]]
    histories: Mapping[str, tuple[tuple[int, str], ...]]

    def program_as_of(self, program_id: str, at_ms: int) -> Program:
        """Return a program with the terms in force at an instant; before the first version, with the first."""
        terms = self.terms[program_id]
        if terms[-1][0] <= at_ms:  # by far the most: what happened under the terms of today
            return terms[-1][1]
        begun = [program for from_ms, program in terms if from_ms <= at_ms]
        return begun[-1] if begun else terms[0][1]


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """Whole groups of conversions that decide about each other, in the order of what happened.

    Bindings: those made by conversions outside of the batch, by customer. Position: the highest number of a group's
    first conversion, where a run goes on.
    """

    number: int
    position: int
    members: tuple[Member, ...]
    bindings: Mapping[str, StoredBinding]


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What deciding a conversion again gave; the digest is that of the whole decision."""

    conversion_id: str
    digest: bytes
    after: Summary


class BatchResult(msgspec.Struct, frozen=True, kw_only=True):
    """What a batch came to: how many were decided, the sum of their digests, and those that differ."""

    number: int
    position: int
    decided: int
    digest_sum: bytes
    differing: tuple[Outcome, ...]
