"""How fast a partner brings leads. What cannot change much within the hour is remembered with the connection."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, func, literal_column, select

from fraud_rules.types import PACE_LEADS_MAX, PPM, PaceLead, PartnerPace
from tracker.clicks.tables import agents
from tracker.conversions.store import is_lead_like
from tracker.conversions.tables import conversions, customers
from tracker.conversions.types import ConversionRow
from tracker.db.columns import Int64
from tracker.db.prepared import Prepared, given
from tracker.fraud.facts.records import EARLIER, SEQ, hexed, person_of, place_of
from tracker.fraud.facts.remembered import Remembered
from tracker.fraud.facts.subject import Asked
from tracker.instants import DAY_MS

HOUR_MS = 3_600_000
HOURS_A_DAY = 24
HISTORY_DAYS = 28
PACE_MAX = 300  # earlier leads of a partner that are counted one by one; of a busier one whole hours are
HOURS_KEPT = HOURS_A_DAY * 40  # hours of a busy partner that are remembered at most
DIVERSITY_MAX = 500  # newest leads of the program whose addresses are told apart
DIVERSITY_MIN = 20
DIVERSITY_LASTS = DIVERSITY_MAX // 2  # of so many addresses the share is remembered

_AT_MS = conversions.c.occurred_at_ms
_OF_PARTNER = (
    conversions.c.enrollment_id == given("enrollment_id", conversions.c.enrollment_id),
    conversions.c.livemode == given("livemode", conversions.c.livemode),
    given("seq", conversions.c.seq) > SEQ,
    is_lead_like(),
)
# Of the conversion only what the index holds, so its row is not read.
_RECENT = Prepared(
    select(
        *(conversions.c[name] for name in ("conversion_id", "customer_id", "visitor_id", "host_key", "source")),
        _AT_MS,
        *(customers.c[name] for name in ("email_canonical", "phone_key", "phone")),
        agents.c.agent_key,
    )
    .select_from(conversions)
    .outerjoin(customers, customers.c.customer_id == conversions.c.customer_id)
    .outerjoin(agents, agents.c.agent_id == conversions.c.agent_id)
    .where(*_OF_PARTNER, given("day_ago_ms", _AT_MS) < _AT_MS)
    .order_by(_AT_MS.desc(), SEQ.desc())
    .limit(PACE_LEADS_MAX)
)
_BEFORE = Prepared(
    select(_AT_MS).where(*_OF_PARTNER, given("day_ago_ms", _AT_MS) >= _AT_MS).order_by(_AT_MS.desc()).limit(PACE_MAX)
)
_FIRST = Prepared(select(_AT_MS).where(*_OF_PARTNER).order_by(_AT_MS).limit(1))
# Written out: PostgreSQL must see that what is grouped by is what is selected.
_HOUR = _AT_MS // literal_column(str(HOUR_MS), Int64)
_HOURS = Prepared(
    select(_HOUR.label("hour"), func.count().label("leads"))
    .where(*_OF_PARTNER, given("from_ms", _AT_MS) <= _AT_MS, given("before_ms", _AT_MS) > _AT_MS)
    .group_by(_HOUR)
)
_NEWEST = (
    select(conversions.c.host_key, _AT_MS)
    .where(*EARLIER, is_lead_like())
    .order_by(conversions.c.seq.desc())
    .limit(DIVERSITY_MAX)
    .subquery()
)
_DIVERSITY = Prepared(
    select(
        func.count(_NEWEST.c.host_key.distinct()).label("hosts"), func.count(_NEWEST.c.host_key).label("leads")
    ).where(_NEWEST.c.occurred_at_ms >= given("since_ms", _AT_MS))
)


class Hours(msgspec.Struct):
    """Leads of a partner in each hour of the epoch from `first` on."""

    since_ms: int  # when the partner's first lead was
    first: int
    leads: list[int]


# Hours that ended a day ago change little: a late report, a decision made anew.
_BUSY: Remembered[Hours] = Remembered("busy_partners", fresh_s=86_400, most=300)
_DIVERSITIES: Remembered[int] = Remembered("program_diversity", fresh_s=3600, most=1000)


def partner_pace(conn: Connection, asked: Asked) -> PartnerPace:
    """Return how fast the partner brings leads; days are counted back from a day before the subject."""
    row = asked.row
    if asked.enrollment_id is None:
        return PartnerPace()
    day_ago_ms = row.occurred_at_ms - DAY_MS
    own = {"enrollment_id": asked.enrollment_id, "livemode": row.livemode, "seq": row.seq}
    recent = [_pace_lead(each) for each in _RECENT.rows(conn, day_ago_ms=day_ago_ms, **own)]
    daily, busiest = _paces_before(conn, own, day_ago_ms)
    if not recent and not daily:
        return PartnerPace()
    return PartnerPace(
        recent=tuple(recent),
        daily_counts=daily,
        busiest_hour=busiest,
        program_diversity_ppm=_diversity_ppm(conn, row),
    )


def days_known(before: Sequence[int], day_ago_ms: int) -> int:
    """Return on how many days before counts are known: since the first lead, at most HISTORY_DAYS.

    Before: instants of leads, newest first.
    """
    if not before:
        return 0
    return int(min((day_ago_ms - before[-1]) // DAY_MS + 1, HISTORY_DAYS))


def _pace_lead(row: Any) -> PaceLead:
    return PaceLead(
        conversion_id=row.conversion_id,
        at_ms=row.occurred_at_ms,
        person_key=person_of(row, row),
        device_key=row.visitor_id,
        host_key=hexed(row.host_key),
        agent_key=row.agent_key,
        source=row.source,
    )


def _paces_before(conn: Connection, own: dict[str, Any], day_ago_ms: int) -> tuple[tuple[int, ...], int]:
    """Return the daily counts before, newest first, and the most leads in one hour."""
    key = (own["enrollment_id"], own["livemode"])
    hours = _BUSY.get(conn, key)
    if hours is None:
        before = _BEFORE.scalars(conn, day_ago_ms=day_ago_ms, **own)
        if len(before) < PACE_MAX or day_ago_ms - before[-1] >= HISTORY_DAYS * DAY_MS:
            return _counted(before, day_ago_ms)
        since_ms = _FIRST.scalars(conn, **own)[0]
        hours = _BUSY.put(conn, key, Hours(since_ms=since_ms, first=0, leads=[]))
    _complete(conn, hours, own, first=(day_ago_ms - HISTORY_DAYS * DAY_MS) // HOUR_MS, behind=day_ago_ms // HOUR_MS + 1)
    return _counted_by_hours(hours, day_ago_ms)


def _counted(before: list[int], day_ago_ms: int) -> tuple[tuple[int, ...], int]:
    days = days_known(before, day_ago_ms)
    # Newest first: their ages rise.
    ages = [day_ago_ms - each for each in before]
    borders = [bisect_left(ages, day * DAY_MS) for day in range(days + 1)]
    horizon_ms = day_ago_ms - HISTORY_DAYS * DAY_MS
    hours = Counter([each // HOUR_MS for each in before if each >= horizon_ms])
    return tuple(borders[day + 1] - borders[day] for day in range(days)), max(hours.values(), default=0)


def _complete(conn: Connection, hours: Hours, own: dict[str, Any], *, first: int, behind: int) -> None:
    """Count what is not counted yet of the hours from `first` up to the one before `behind`."""
    if max(behind, hours.first + len(hours.leads)) - min(first, hours.first) > HOURS_KEPT:
        hours.first, hours.leads = first, []
    if first < hours.first:
        hours.leads = _hours_between(conn, own, first, hours.first) + hours.leads
        hours.first = first
    if hours.first + len(hours.leads) < behind:
        hours.leads += _hours_between(conn, own, hours.first + len(hours.leads), behind)


def _hours_between(conn: Connection, own: dict[str, Any], first: int, behind: int) -> list[int]:
    leads = [0] * (behind - first)
    for each in _HOURS.rows(conn, from_ms=first * HOUR_MS, before_ms=behind * HOUR_MS, **own):
        leads[each.hour - first] = int(each.leads)
    return leads


def _counted_by_hours(hours: Hours, day_ago_ms: int) -> tuple[tuple[int, ...], int]:
    """Count by whole hours, by their middle: a lead near the border of a day may count for the next."""
    days = max(days_known([hours.since_ms], day_ago_ms), 0)
    end = (day_ago_ms - HOUR_MS // 2) // HOUR_MS + 1 - hours.first
    borders = [end - day * HOURS_A_DAY for day in range(days + 1)]
    if days < HISTORY_DAYS:
        borders[-1] = 0  # The middle of the first lead's hour may be in the day before it.
    counts = tuple(sum(hours.leads[borders[day + 1] : borders[day]]) for day in range(days))
    return counts, max(hours.leads[borders[-1] : end], default=0)


def _diversity_ppm(conn: Connection, row: ConversionRow) -> int | None:
    """Return the share of different addresses among the program's newest leads of the last 28 days.

    A program of many leads keeps that of the first lead of the hour.
    """
    key = (row.program_id, row.livemode, row.received_at_ms // HOUR_MS)
    kept = _DIVERSITIES.get(conn, key)
    if kept is not None:
        return kept
    since_ms = row.occurred_at_ms - HISTORY_DAYS * DAY_MS
    found = _DIVERSITY.first(conn, since_ms=since_ms, **place_of(row))
    if found.leads < DIVERSITY_MIN:
        return None
    share = int(found.hosts * PPM // found.leads)
    return share if found.leads < DIVERSITY_LASTS else _DIVERSITIES.put(conn, key, share)
