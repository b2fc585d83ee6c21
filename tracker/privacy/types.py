"""Records of persons whose data is given out or erased."""

from typing import Any, NamedTuple, Protocol

import msgspec

from tracker.conversions.types import Customer
from tracker.db.database import Database
from tracker.partners.types import Partner


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """Whose data is meant; exactly one field is given. `visitor` is the browser's own id, with or without `vis_`."""

    email: str | None = None
    customer: str | None = None
    visitor: str | None = None
    partner: str | None = None


class Browser(NamedTuple):
    """One visitor of one program."""

    program_id: str
    visitor_id: str


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """Everything by which one person is found: customers at shops, browsers, and the partner, if one."""

    customers: tuple[Customer, ...] = ()
    browsers: frozenset[Browser] = frozenset()
    partner: Partner | None = None
    # Mailboxes as they were asked for, beside those of the records.
    emails: frozenset[str] = frozenset()


class Left(msgspec.Struct, frozen=True, kw_only=True):
    """Something an erasure could not take away, and why."""

    what: str
    id: str
    why: str


class Erased(msgspec.Struct, frozen=True, kw_only=True):
    """What an erasure changed: rows by kind, and what is left."""

    counts: dict[str, int]
    left: tuple[Left, ...] = ()


Fields = dict[str, Any]


class Running(Protocol):
    """What an export or erasure needs of the running application."""

    @property
    def db(self) -> Database:
        """The opened database."""
        ...

    def now_ms(self) -> int:
        """Return Unix milliseconds now."""
        ...

    async def project(self) -> None:
        """Make clicks of everything acknowledged so far."""
        ...

    async def refresh(self) -> None:
        """Make the public edge see what changed."""
        ...
