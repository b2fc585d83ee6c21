"""Facts about the credited partner: who it is, where it signs in, how its code is used; and what a program expects."""

from typing import Any

from sqlalchemy import Connection, select

from fraud_rules.delays import summarize_delays
from fraud_rules.history.program import PartnerCard
from fraud_rules.identity import phone_digits
from fraud_rules.types import PPM, CodeUse, DelaySample, PartnerIdentity, PartnerLogin, ProgramTiming
from ingest.address_keys import same_host
from tracker.conversions.tables import conversions
from tracker.conversions.types import ConversionRow
from tracker.db.prepared import Prepared, given
from tracker.db.rows import as_struct
from tracker.fraud.facts.pace import HISTORY_DAYS, HOUR_MS, days_known
from tracker.fraud.facts.records import IN_MODE, OF_PROGRAM, RECORDS_MAX, SEQ, place_of
from tracker.fraud.facts.remembered import Remembered
from tracker.fraud.facts.subject import Asked
from tracker.instants import DAY_MS
from tracker.partners.tables import enrollments, partner_logins, partners
from tracker.partners.types import Enrollment, Partner

LOGIN_SPAN_MS = 90 * DAY_MS  # rule self_account looks so far to each side; self_network at a week of it
USES_MAX = 3000  # uses of a code that are counted
LOGINS_MAX = 500
DELAYS_MAX = 1000  # newest delays of a program that are looked at

Person = tuple[Enrollment, Partner]

_AT_MS = conversions.c.occurred_at_ms
# As SEQ is: no reason to walk the history of the program in the order of its index.
_NEWEST = _AT_MS + 0
_CODES = [given(f"code_{number}", conversions.c.promo_code) for number in range(4)]
_USED = (*OF_PROGRAM, IN_MODE, conversions.c.promo_code.in_(_CODES), conversions.c.kind != "refund")
_USED_TODAY = Prepared(
    select(conversions.c.conversion_id, conversions.c.click_at_ms)
    .where(*_USED, given("day_ago_ms", _AT_MS) < _AT_MS)
    .order_by(_NEWEST.desc(), SEQ.desc())
    .limit(USES_MAX)
)
_USED_BEFORE = Prepared(
    select(_AT_MS).where(*_USED, given("day_ago_ms", _AT_MS) >= _AT_MS).order_by(_NEWEST.desc()).limit(USES_MAX)
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


_SAMPLES: Remembered[DelaySample] = Remembered("program_delays", fresh_s=3600, most=1000)
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


def card_of(row: Any, *, region: str | None, allows_own_purchases: bool = False) -> PartnerCard:
    """Return what a history knows of a partner: of a row of its enrollment with its name, mailboxes and phone."""
    phone = phone_digits(row.phone, region=region)
    return PartnerCard(
        partner_id=row.enrollment_id,
        name=row.name,
        emails=(row.email,),
        payout_emails=(row.payout_email,) if row.payout_email else (),
        phones=(phone,) if phone else (),
        payment_keys=(row.payment_key,) if row.payment_key else (),
        allow_own_purchases=allows_own_purchases or row.allow_own_purchases,
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
    return ProgramTiming(lead=_delays(conn, row, "lead"), paid=_delays(conn, row, "sale"))


def _delays(conn: Connection, row: ConversionRow, kind: str) -> DelaySample | None:
    """Return the sample of one kind; a full one is that of the first conversion of the hour."""
    key = (row.program_id, row.livemode, kind, row.received_at_ms // HOUR_MS)
    kept = _SAMPLES.get(conn, key)
    if kept is not None:
        return kept
    delays = _DELAYS.scalars(conn, kind=kind, **place_of(row))
    sample = summarize_delays(delays)
    return sample if sample is None or len(delays) < DELAYS_MAX else _SAMPLES.put(conn, key, sample)


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
    days = days_known(before, day_ago_ms)
    horizon_ms = day_ago_ms - HISTORY_DAYS * DAY_MS
    return CodeUse(
        uses=len(today) + 1,
        unclicked=sum(use.click_at_ms is None for use in today) + (asked.clicked_at_ms is None),
        usual_daily_ppm=sum(each >= horizon_ms for each in before) * PPM // days if days else None,
        conversion_ids=tuple(use.conversion_id for use in today[:RECORDS_MAX])[::-1],
    )
