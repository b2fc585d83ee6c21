"""Facts about the credited partner: who it is, where it signs in, how fast it brings leads, how its code is used."""

import time
from bisect import bisect_left
from collections import Counter

from sqlalchemy import Connection, func, literal_column, select

from fraud_rules.delays import summarize_delays
from fraud_rules.identity import phone_digits
from fraud_rules.types import PPM, CodeUse, PartnerIdentity, PartnerLogin, PartnerPace, ProgramTiming
from ingest.address_keys import same_host
from tracker.conversions.store import is_lead_like
from tracker.conversions.tables import conversions
from tracker.conversions.types import ConversionRow
from tracker.db.columns import Int64
from tracker.db.prepared import Prepared, given
from tracker.db.rows import as_struct
from tracker.fraud.facts.records import (
    EARLIER,
    IN_MODE,
    OF_PROGRAM,
    RECORDS_MAX,
    SEQ,
    find_records,
    place_of,
    records_where,
)
from tracker.fraud.facts.subject import Asked
from tracker.instants import DAY_MS
from tracker.partners.tables import enrollments, partner_logins, partners
from tracker.partners.types import Enrollment, Partner

HOUR_MS = 3_600_000
LOGIN_SPAN_MS = 90 * DAY_MS  # rule self_account looks so far to each side; self_network at a week of it
HISTORY_DAYS = 28
PACE_MAX = 1000  # earlier leads of a partner that are counted one by one; of a busier one whole hours are
HOURS_FRESH_S = 3600.0  # how long whole hours of a busy partner are remembered
BUSY_MAX = 500  # partners whose hours one connection remembers
_PLACE = "molva_busy_partners"
USES_MAX = 3000  # uses of a code that are counted
DIVERSITY_MAX = 500  # newest leads of the program whose addresses are told apart
DIVERSITY_MIN = 20
LOGINS_MAX = 500
DELAYS_MAX = 1000  # newest delays of a program that are looked at

Person = tuple[Enrollment, Partner]

_AT_MS = conversions.c.occurred_at_ms
_OF_PARTNER = (
    conversions.c.enrollment_id == given("enrollment_id", conversions.c.enrollment_id),
    conversions.c.livemode == given("livemode", conversions.c.livemode),
    given("seq", conversions.c.seq) > SEQ,
    is_lead_like(),
)
_RECENT = records_where(*_OF_PARTNER, given("day_ago_ms", _AT_MS) < _AT_MS, newest_by=_AT_MS)
_BEFORE = Prepared(
    select(_AT_MS).where(*_OF_PARTNER, given("day_ago_ms", _AT_MS) >= _AT_MS).order_by(_AT_MS.desc()).limit(PACE_MAX)
)
# Written out: PostgreSQL must see that what is grouped by is what is selected.
_HOUR = _AT_MS // literal_column(str(HOUR_MS), Int64)
_HOURS = Prepared(
    select(_HOUR.label("hour"), func.count().label("leads"))
    .where(
        *_OF_PARTNER,
        given("day_ago_ms", _AT_MS) >= _AT_MS,
        given("horizon_ms", _AT_MS) <= _AT_MS,
    )
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
_CODES = [given(f"code_{number}", conversions.c.promo_code) for number in range(4)]
_USED = (*OF_PROGRAM, IN_MODE, conversions.c.promo_code.in_(_CODES), conversions.c.kind != "refund")
_USED_TODAY = Prepared(
    select(conversions.c.conversion_id, conversions.c.click_at_ms)
    .where(*_USED, given("day_ago_ms", _AT_MS) < _AT_MS)
    .order_by(_AT_MS.desc(), SEQ.desc())
    .limit(USES_MAX)
)
_USED_BEFORE = Prepared(
    select(_AT_MS).where(*_USED, given("day_ago_ms", _AT_MS) >= _AT_MS).order_by(_AT_MS.desc()).limit(USES_MAX)
)
_DELAYS = Prepared(
    select((_AT_MS - conversions.c.click_at_ms).label("delay_ms"))
    .where(
        conversions.c.program_id == given("program_id", conversions.c.program_id),
        conversions.c.livemode == given("livemode", conversions.c.livemode),
        conversions.c.seq < given("seq", conversions.c.seq),
        conversions.c.kind == given("kind", conversions.c.kind),
        conversions.c.click_at_ms.is_not(None),
        conversions.c.status == "accepted",
    )
    .order_by(conversions.c.seq.desc())
    .limit(DELAYS_MAX)
)


_ENROLLMENT = Prepared(
    select(enrollments).where(enrollments.c.enrollment_id == given("enrollment_id", enrollments.c.enrollment_id))
)
_PARTNER = Prepared(select(partners).where(partners.c.partner_id == given("partner_id", partners.c.partner_id)))
_LOGINS = Prepared(
    select(partner_logins)
    .where(
        partner_logins.c.partner_id == given("partner_id", partner_logins.c.partner_id),
        partner_logins.c.at_ms >= given("from_ms", partner_logins.c.at_ms),
        partner_logins.c.at_ms <= given("to_ms", partner_logins.c.at_ms),
        partner_logins.c.host_key.is_not(None),
    )
    .order_by(partner_logins.c.at_ms.desc(), partner_logins.c.seq.desc())
    .limit(LOGINS_MAX)
)


def person_of(conn: Connection, enrollment_id: str) -> Person | None:
    """Return an enrollment and its partner."""
    enrollment = _ENROLLMENT.first(conn, enrollment_id=enrollment_id)
    if enrollment is None:
        return None
    partner = _PARTNER.first(conn, partner_id=enrollment.partner_id)
    return as_struct(Enrollment, enrollment), as_struct(Partner, partner)


def identity(asked: Asked, person: Person | None, *, region: str | None) -> PartnerIdentity:
    """Return what the partner is known by."""
    if person is None:
        return PartnerIdentity()
    enrollment, partner = person
    phone = phone_digits(partner.phone, region=region)
    return PartnerIdentity(
        login_emails=(partner.email,),
        contact_emails=(partner.email,),
        payout_emails=(partner.payout_email,) if partner.payout_email else (),
        names=(partner.name,),
        phones=(phone,) if phone else (),
        payment_keys=(enrollment.payment_key,) if enrollment.payment_key else (),
        allow_own_purchases=asked.allows_own_purchases or enrollment.allow_own_purchases,
    )


def logins(conn: Connection, row: ConversionRow, person: Person | None) -> tuple[PartnerLogin, ...]:
    """Return the partner's sign-ins around the conversion, newest first."""
    if person is None:
        return ()
    found = _LOGINS.rows(
        conn,
        partner_id=person[1].partner_id,
        from_ms=row.occurred_at_ms - LOGIN_SPAN_MS,
        to_ms=row.occurred_at_ms + LOGIN_SPAN_MS,
    )
    return tuple(
        # The rule compares keys: a sign-in from the same host in another epoch gets the key of the row's own.
        PartnerLogin(
            at_ms=login.at_ms,
            host_key=(row.host_key if row.host_key and same_host(login, row) else login.host_key).hex(),
            agent_key=login.agent_key,
        )
        for login in found
    )


def timing(conn: Connection, row: ConversionRow) -> ProgramTiming:
    """Return how long the program's customers usually take from click to conversion."""
    return ProgramTiming(
        lead=summarize_delays(_DELAYS.scalars(conn, kind="lead", **place_of(row))),
        paid=summarize_delays(_DELAYS.scalars(conn, kind="sale", **place_of(row))),
    )


def pace(conn: Connection, asked: Asked) -> PartnerPace:
    """Return how fast the partner brings leads; days are counted back from a day before the subject."""
    row = asked.row
    if asked.enrollment_id is None:
        return PartnerPace()
    day_ago_ms = row.occurred_at_ms - DAY_MS
    own = {"enrollment_id": asked.enrollment_id, "day_ago_ms": day_ago_ms}
    recent = find_records(conn, _RECENT, row, **own)
    before = _BEFORE.scalars(conn, livemode=row.livemode, seq=row.seq, **own)
    if not recent and not before:
        return PartnerPace()
    if len(before) == PACE_MAX and day_ago_ms - before[-1] < HISTORY_DAYS * DAY_MS:
        daily, busiest = _busy_pace(conn, row, asked.enrollment_id, day_ago_ms=day_ago_ms)
        diversity = _diversity_ppm(conn, row)
        return PartnerPace(
            recent=tuple(recent), daily_counts=daily, busiest_hour=busiest, program_diversity_ppm=diversity
        )
    days = _days_known(before, day_ago_ms)
    # Newest first: their ages rise.
    ages = [day_ago_ms - each for each in before]
    borders = [bisect_left(ages, day * DAY_MS) for day in range(days + 1)]
    horizon_ms = day_ago_ms - HISTORY_DAYS * DAY_MS
    hours = Counter([each // HOUR_MS for each in before if each >= horizon_ms])
    return PartnerPace(
        recent=tuple(recent),
        daily_counts=tuple(borders[day + 1] - borders[day] for day in range(days)),
        busiest_hour=max(hours.values(), default=0),
        program_diversity_ppm=_diversity_ppm(conn, row),
    )


def code_use(conn: Connection, asked: Asked) -> CodeUse:
    """Return how the subject's promo code was used before, however it was typed."""
    row = asked.row
    if row.promo_code is None:
        return CodeUse()
    code = row.promo_code.strip()
    spellings = {"code_0": row.promo_code, "code_1": code, "code_2": code.upper(), "code_3": code.lower()}
    day_ago_ms = row.occurred_at_ms - DAY_MS
    where = place_of(row) | spellings | {"day_ago_ms": day_ago_ms}
    today = _USED_TODAY.rows(conn, **where)
    before = _USED_BEFORE.scalars(conn, **where)
    days = _days_known(before, day_ago_ms)
    horizon_ms = day_ago_ms - HISTORY_DAYS * DAY_MS
    return CodeUse(
        uses=len(today) + 1,
        unclicked=sum(use.click_at_ms is None for use in today) + (asked.clicked_at_ms is None),
        usual_daily_ppm=sum(each >= horizon_ms for each in before) * PPM // days if days else None,
        conversion_ids=tuple(use.conversion_id for use in today[:RECORDS_MAX])[::-1],
    )


def _busy_pace(
    conn: Connection, row: ConversionRow, enrollment_id: str, *, day_ago_ms: int
) -> tuple[tuple[int, ...], int]:
    """Return the daily counts and the busiest hour of a partner that brings very many leads.

    Whole hours are counted, once an hour on each connection: a lead near the border of a day may count for the next.
    """
    remembered: dict[tuple[str, bool], tuple[float, dict[int, int]]] = conn.info.setdefault(_PLACE, {})
    key = (enrollment_id, row.livemode)
    made_at, hours = remembered.get(key, (0.0, {}))
    if not hours or time.monotonic() - made_at > HOURS_FRESH_S:
        if len(remembered) >= BUSY_MAX:
            remembered.clear()
        horizon_ms = day_ago_ms - (HISTORY_DAYS + 1) * DAY_MS
        own = {"enrollment_id": enrollment_id, "livemode": row.livemode, "seq": row.seq}
        # Up to the subject, so that what is remembered serves those who come within the hour.
        found = _HOURS.rows(conn, day_ago_ms=day_ago_ms + DAY_MS, horizon_ms=horizon_ms, **own)
        hours = {int(each.hour): int(each.leads) for each in found}
        remembered[key] = (time.monotonic(), hours)
    counts = [0] * HISTORY_DAYS
    busiest = oldest = 0
    for hour, leads in hours.items():
        day = (day_ago_ms - hour * HOUR_MS - HOUR_MS // 2) // DAY_MS
        if 0 <= day < HISTORY_DAYS:
            counts[day] += leads
            busiest, oldest = max(busiest, leads), max(oldest, day + 1)
    return tuple(counts[:oldest]), busiest


def _days_known(before: list[int], day_ago_ms: int) -> int:
    """Return on how many days before counts are known: since the first lead, at most HISTORY_DAYS."""
    if not before:
        return 0
    return int(min((day_ago_ms - before[-1]) // DAY_MS + 1, HISTORY_DAYS))


def _diversity_ppm(conn: Connection, row: ConversionRow) -> int | None:
    """Return the share of different addresses among the program's newest leads of the last 28 days."""
    since_ms = row.occurred_at_ms - HISTORY_DAYS * DAY_MS
    found = _DIVERSITY.first(conn, since_ms=since_ms, **place_of(row))
    return None if found.leads < DIVERSITY_MIN else int(found.hosts * PPM // found.leads)
