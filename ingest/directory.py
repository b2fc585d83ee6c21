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
    # Nothing is kept in the visitor's browser: no cookie is set, and the snippet is told to forget.
    cookieless: bool = False
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
    cookieless: bool = False


class PostbackTarget(msgspec.Struct, frozen=True, kw_only=True):
    """What a postback key stands for; amounts without a currency are in the program's."""

    key_id: str
    program_id: str
    livemode: bool
    currency: str


class PostbackOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a postback: which conversion it made, or had made before.

    `is_changed`: the same click, transaction and status had come with another amount, which stays. `is_conflict`: the
    number belongs to another report, which stays.
    """

    conversion_id: str
    is_changed: bool = False
    is_conflict: bool = False


class Circumstances(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What came with a refused body and its door needs to take it again; never an address.

    `clock_ahead_ms`: how far the program's test clock was ahead.
    """

    headers: dict[str, str] = {}
    clock_ahead_ms: int = 0


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

    def postback(self, key: str) -> PostbackTarget | None:
        """Return what a postback key stands for, None when unknown or revoked."""
        ...


class Sink(Protocol):
    """Stores what the edge received."""

    async def append_clicks(self, rows: Sequence[tuple[int, str]]) -> None:
        """Store (received_at_ms, inbox text) rows in order; returns after COMMIT. Raises SinkBusyError."""
        ...

    async def record_conversion(self, report: ConversionReport) -> RecordOutcome:
        """Store a lead, sale or refund once; returns after COMMIT. Raises SinkBusyError."""
        ...

    async def record_postback(self, report: ConversionReport) -> PostbackOutcome:
        """Store what another tracker reports once; returns after COMMIT. Raises SinkBusyError or ProblemError 422.

        A refund without an amount takes back all that is left of its sale; one of an unknown sale is refused.
        """
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
        self,
        *,
        program_id: str,
        livemode: bool,
        source: str,
        code: str,
        cause: str,
        payload: bytes,
        circumstances: Circumstances,
    ) -> None:
        """Keep a refused event of a known key with its cause; the source names its door (`track_sale`)."""
        ...


class SinkBusyError(Exception):
    """The store cannot take more now; the client should retry later."""
