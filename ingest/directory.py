"""What the edge must know of programs, as protocols that the roof implements.

`Directory` is an in-memory snapshot (no I/O, no waiting); `Sink` takes what was received and returns once it is stored.
"""

from collections.abc import Sequence
from typing import Literal, Protocol

import msgspec

from ingest.conversions import ConversionReport, RecordOutcome
from ingest.events import CustomEvent, KeptEvent
from ingest.install_check import Sighting


class Discount(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a referred visitor gets, as the page may show it: whole percents, or minor units of the currency."""

    kind: Literal["percent", "amount"]
    value: int
    currency: str | None = None
    code: str | None = None


class Site(msgspec.Struct, frozen=True, kw_only=True):
    """What a publishable key stands for."""

    program_id: str
    livemode: bool
    origins: frozenset[str]
    cookie_days: int
    gpc: Literal["honor", "ignore"]
    signing_secrets: tuple[bytes, ...]
    clean_urls: bool = False
    discount: Discount | None = None


class Referral(msgspec.Struct, frozen=True, kw_only=True):
    """Whose code it is."""

    enrollment_id: str
    code: str
    partner_name: str


class LinkTarget(msgspec.Struct, frozen=True, kw_only=True):
    """Where a referral link leads."""

    program_id: str
    enrollment_id: str
    code: str
    destination: str
    hosts: frozenset[str]
    cookie_days: int
    gpc: Literal["honor", "ignore"]
    is_active: bool


class Directory(Protocol):
    """A snapshot of keys, codes, slugs and hosts; the roof refreshes it after every change."""

    def site(self, key: str) -> Site | None:
        """Return what a publishable key stands for, None when unknown or revoked."""
        ...

    def referral(self, program_id: str, code: str) -> Referral | None:
        """Return whose code it is (without case), None when unknown or the partner is not active."""
        ...

    def is_known_origin(self, origin: str) -> bool:
        """Tell whether any program has this origin among its sites."""
        ...

    def link(self, slug: str) -> LinkTarget | None:
        """Return where a slug leads."""
        ...


class Sink(Protocol):
    """Stores what the edge received."""

    async def append_clicks(self, rows: Sequence[tuple[int, str]]) -> None:
        """Store (received_at_ms, inbox text) rows in order; returns after COMMIT. Raises SinkBusyError."""
        ...

    async def record_conversion(self, report: ConversionReport) -> RecordOutcome:
        """Store a lead, sale or refund once; returns after COMMIT. Raises SinkBusyError."""
        ...

    async def keep_event(self, event: CustomEvent) -> KeptEvent:
        """Store a custom event once; returns after COMMIT. Raises SinkBusyError."""
        ...

    async def note_check(self, code: str, sighting: Sighting) -> None:
        """Note the click of an installation check; one nobody waits for is forgotten. Raises SinkBusyError."""
        ...

    def count_drop(self, reason: str) -> None:
        """Count a dropped event; never waits."""
        ...

    async def quarantine(
        self, *, program_id: str, livemode: bool, source: str, code: str, cause: str, payload: bytes
    ) -> None:
        """Keep a refused event of a known key with its cause."""
        ...


class SinkBusyError(Exception):
    """The store cannot take more now; the client should retry later."""
