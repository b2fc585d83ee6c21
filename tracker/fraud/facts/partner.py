"""Facts about the credited partner: who it is, where it signs in, how fast it brings leads, how its code is used."""

from collections import Counter

from sqlalchemy import ColumnElement, Connection, func, select

from fraud_rules.delays import summarize_delays
from fraud_rules.identity import phone_digits
from fraud_rules.types import PPM, CodeUse, PartnerIdentity, PartnerLogin, PartnerPace, ProgramTiming
from ingest.address_keys import same_host
from tracker.conversions import store
from tracker.conversions.store import is_lead_like
from tracker.conversions.tables import conversions
from tracker.conversions.types import ConversionRow
from tracker.fraud.facts.records import RECORDS_MAX, earlier, newest_records
from tracker.fraud.facts.subject import Asked
from tracker.instants import DAY_MS
from tracker.partners import store as partners
from tracker.partners.types import Enrollment, Partner

HOUR_MS = 3_600_000
LOGIN_SPAN_MS = 90 * DAY_MS  # rule self_account looks so far to each side; self_network at a week of it
HISTORY_DAYS = 28
PACE_MAX = 3000  # earlier leads of a partner that are counted, 1 ms; of a busier one fewer days are known
USES_MAX = 3000  # uses of a code that are counted
DIVERSITY_MAX = 500  # newest leads of the program whose addresses are told apart
DIVERSITY_MIN = 20
DELAYS_MAX = 1000  # newest delays of a program that are looked at

Person = tuple[Enrollment, Partner]


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
    found = partners.logins_between(
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
        lead=summarize_delays(store.click_delays(conn, row, kind="lead", limit=DELAYS_MAX)),
        paid=summarize_delays(store.click_delays(conn, row, kind="sale", limit=DELAYS_MAX)),
    )


def pace(conn: Connection, asked: Asked) -> PartnerPace:
    """Return how fast the partner brings leads; days are counted back from a day before the subject."""
    row = asked.row
    if asked.enrollment_id is None:
        return PartnerPace()
    own = (
        conversions.c.enrollment_id == asked.enrollment_id,
        conversions.c.livemode == row.livemode,
        conversions.c.seq < row.seq,
        is_lead_like(),
    )
    day_ago_ms = row.occurred_at_ms - DAY_MS
    at_ms = conversions.c.occurred_at_ms
    recent = newest_records(conn, *own, at_ms > day_ago_ms)
    before = _instants(conn, *own, at_ms <= day_ago_ms, limit=PACE_MAX)
    if not recent and not before:
        return PartnerPace()
    days = _days_known(before, day_ago_ms)
    ages = Counter((day_ago_ms - each) // DAY_MS for each in before)
    horizon_ms = day_ago_ms - HISTORY_DAYS * DAY_MS
    hours = Counter(each // HOUR_MS for each in before if each >= horizon_ms)
    return PartnerPace(
        recent=recent,
        daily_counts=tuple(ages[day] for day in range(days)),
        busiest_hour=max(hours.values(), default=0),
        program_diversity_ppm=_diversity_ppm(conn, row),
    )


def code_use(conn: Connection, asked: Asked) -> CodeUse:
    """Return how the subject's promo code was used before, however it was typed."""
    row = asked.row
    if row.promo_code is None:
        return CodeUse()
    code = row.promo_code.strip()
    spellings = sorted({row.promo_code, code, code.upper(), code.lower()})
    day_ago_ms = row.occurred_at_ms - DAY_MS
    at_ms = conversions.c.occurred_at_ms
    used = (
        *earlier(row),
        conversions.c.promo_code.in_(spellings),
        conversions.c.kind != "refund",
        conversions.c.trust == "verified",
    )
    query = (
        select(conversions.c.conversion_id, conversions.c.click_at_ms)
        .where(*used, at_ms > day_ago_ms)
        .order_by(at_ms.desc(), conversions.c.seq.desc())
        .limit(USES_MAX)
    )
    today = conn.execute(query).all()
    before = _instants(conn, *used, at_ms <= day_ago_ms, limit=USES_MAX)
    days = _days_known(before, day_ago_ms)
    horizon_ms = day_ago_ms - HISTORY_DAYS * DAY_MS
    return CodeUse(
        uses=len(today) + 1,
        unclicked=sum(use.click_at_ms is None for use in today) + (asked.clicked_at_ms is None),
        usual_daily_ppm=sum(each >= horizon_ms for each in before) * PPM // days if days else None,
        conversion_ids=tuple(use.conversion_id for use in today[:RECORDS_MAX])[::-1],
    )


def _instants(conn: Connection, *conditions: ColumnElement[bool], limit: int) -> list[int]:
    """Return when the conversions happened, newest first."""
    at_ms = conversions.c.occurred_at_ms
    query = select(at_ms).where(*conditions).order_by(at_ms.desc()).limit(limit)
    return list(conn.execute(query).scalars())


def _days_known(before: list[int], day_ago_ms: int) -> int:
    """Return on how many days before counts are known: since the first lead, at most HISTORY_DAYS.

    Where more came than are counted, the day at which the count ends is not whole and left out.
    """
    if not before:
        return 0
    days = (day_ago_ms - before[-1]) // DAY_MS + (len(before) < PACE_MAX)
    return int(min(days, HISTORY_DAYS))


def _diversity_ppm(conn: Connection, row: ConversionRow) -> int | None:
    """Return the share of different addresses among the program's newest leads of the last 28 days."""
    newest = (
        select(conversions.c.host_key, conversions.c.occurred_at_ms)
        .where(*earlier(row), is_lead_like())
        .order_by(conversions.c.seq.desc())
        .limit(DIVERSITY_MAX)
        .subquery()
    )
    since_ms = row.occurred_at_ms - HISTORY_DAYS * DAY_MS
    hosts, leads = conn.execute(
        select(func.count(newest.c.host_key.distinct()), func.count(newest.c.host_key)).where(
            newest.c.occurred_at_ms >= since_ms
        )
    ).one()
    return None if leads < DIVERSITY_MIN else hosts * PPM // leads
