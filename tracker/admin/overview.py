"""The first page: thirty days in figures, what needs a person now, and the first steps of a new installation."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from sqlalchemy import Connection
from starlette.responses import Response

from tracker.admin import event_labels
from tracker.admin.evidence import headline
from tracker.admin.mode import instant_of, is_live
from tracker.admin.policy import page
from tracker.admin.render import render
from tracker.admin.visit import Visit
from tracker.cases import store as cases
from tracker.cases.types import CaseStatus
from tracker.clicks import store as clicks
from tracker.clicks.types import ClickFilter
from tracker.conversions import store as conversions
from tracker.conversions.types import ConversionFilter, ConversionRow
from tracker.fraud.lessons.store import suggested_off
from tracker.instants import DAY_MS
from tracker.jobs import store as jobs
from tracker.ledger import store as ledger
from tracker.partners import store as partners
from tracker.programs import store as programs
from tracker.programs.types import Program
from tracker.quarantine import store as quarantine
from tracker.quarantine.types import EventFilter

DAYS = 30
CASES_SHOWN = 5
CONVERSIONS_SHOWN = 8
EVENTS_SHOWN = 5
UNDECIDED: tuple[CaseStatus, ...] = ("open", "claimed", "waiting_partner", "appealed")
COUNTS_AS_SOLD = ("accepted", "part_refunded", "refunded")


class Money(NamedTuple):
    """What all partners are owed in one currency."""

    currency: str
    pending_minor: int
    payable_minor: int
    frozen_minor: int


class Step(NamedTuple):
    """A first step: which it is, and whether it is done."""

    name: str
    is_done: bool


async def overview_page(visit: Visit) -> Response:
    """Show the installation's last thirty days and what waits."""
    livemode = is_live(visit)
    facts = await visit.db.read(lambda conn: _load(conn, livemode=livemode, now_ms=visit.now_ms))
    return render(
        visit,
        "overview.html",
        livemode=livemode,
        headline=lambda row: headline(row, visit.speech),
        event_labels=event_labels,
        **facts,
    )


def _load(conn: Connection, *, livemode: bool, now_ms: int) -> dict[str, Any]:
    known = programs.list_programs(conn)
    counts = conversions.count_by_status(conn, livemode=livemode, since_ms=now_ms - DAYS * DAY_MS)
    newest = conversions.list_conversions(conn, ConversionFilter(livemode=livemode), limit=CONVERSIONS_SHOWN)
    days = _days(conn, livemode=livemode, now_ms=now_ms)
    steps = _steps(conn, known)
    return {
        "steps": [] if all(step.is_done for step in steps) else steps,
        "first_program": known[0] if known else None,
        "figures": _figures(counts, days),
        "money": _money(conn, known, livemode=livemode, now_ms=now_ms),
        "days": days,
        "cases": cases.queue(conn, livemode=livemode, statuses=UNDECIDED, limit=CASES_SHOWN),
        "newest": newest,
        "customers": conversions.names_of_customers(conn, [row.customer_id for row in newest if row.customer_id]),
        "people": partners.people_of(conn, [row.enrollment_id for row in newest if row.enrollment_id]),
        "drops": sorted(
            clicks.drops_since(conn, now_ms // DAY_MS - DAYS + 1).items(), key=lambda drop: (-drop[1], drop[0])
        ),
        "events": quarantine.list_events(
            conn, EventFilter(livemode=livemode, verdict="quarantined"), limit=EVENTS_SHOWN
        ),
        "failing": jobs.list_failing(conn, limit=EVENTS_SHOWN),
        "waiting": _waiting(conn, livemode=livemode, now_ms=now_ms),
    }


def _figures(counts: Mapping[tuple[str, str], int], days: list[tuple[int, int, int, int]]) -> dict[str, int]:
    def total(kinds: tuple[str, ...], statuses: tuple[str, ...] = ()) -> int:
        return sum(
            count for (kind, status), count in counts.items() if kind in kinds and (not statuses or status in statuses)
        )

    return {
        "clicks": sum(day[1] for day in days),
        "leads": total(("lead",)),
        "sales": total(("sale",)),
        "accepted": total(("lead", "sale"), COUNTS_AS_SOLD),
        "in_review": total(("lead", "sale"), ("in_review",)),
    }


def _days(conn: Connection, *, livemode: bool, now_ms: int) -> list[tuple[int, int, int, int]]:
    """Return (instant, people's clicks, leads, sales) of each of the thirty days, oldest first."""
    first = now_ms // DAY_MS - DAYS + 1
    clicked = clicks.clicks_by_day(conn, livemode=livemode, from_day=first)
    converted = conversions.conversions_by_day(conn, livemode=livemode, from_day=first)
    return [
        (
            day * DAY_MS,
            clicked.get(day, (0, 0))[0],
            converted.get(day, {}).get("lead", 0),
            converted.get(day, {}).get("sale", 0),
        )
        for day in range(first, first + DAYS)
    ]


def _money(conn: Connection, known: list[Program], *, livemode: bool, now_ms: int) -> list[Money]:
    """Return what is owed by currency; each program's test objects live on its own clock."""
    sums: dict[str, list[int]] = {}
    for program in known:
        at_ms = instant_of(conn, program.program_id, livemode=livemode, now_ms=now_ms)
        for debt in ledger.debts(conn, livemode=livemode, now_ms=at_ms, program_id=program.program_id):
            one = debt.balance
            total = sums.setdefault(one.currency, [0, 0, 0])
            for place, part in enumerate((one.pending_minor, one.payable_minor, one.frozen_minor)):
                total[place] += part
    return [Money(currency, *parts) for currency, parts in sorted(sums.items())]


def _waiting(conn: Connection, *, livemode: bool, now_ms: int) -> dict[str, int]:
    """Return how many things of each kind wait for a person."""
    return {
        "overdue": cases.count_overdue(conn, livemode=livemode, now_ms=now_ms),
        "cases": cases.count_cases(conn, livemode=livemode, statuses=UNDECIDED),
        "applied": partners.count_applied(conn),
        "failing": jobs.count_failing(conn),
        "rules": sum(map(len, suggested_off(conn).values())),
        "quarantined": quarantine.count_quarantined(conn, livemode=livemode),
    }


def _steps(conn: Connection, known: list[Program]) -> list[Step]:
    sites = programs.sites_by_program(conn)
    has_click = any(clicks.list_clicks(conn, ClickFilter(livemode=live), limit=1) for live in (True, False))
    return [
        Step("program", bool(known)),
        Step("site", any(sites.values())),
        Step("partner", bool(partners.list_partners(conn, limit=1))),
        Step("tag", has_click),
        Step("sale", bool(_any_sale(conn))),
    ]


def _any_sale(conn: Connection) -> list[ConversionRow]:
    found: list[ConversionRow] = []
    for live in (True, False):
        wanted = ConversionFilter(livemode=live, kind="sale", trust="verified")
        found += conversions.list_conversions(conn, wanted, limit=1)
    return found


ROUTES = (page("/admin/", overview_page, permission="overview.view"),)
