"""Facts about addresses and devices: who else came from the subject's address or browser, and when."""

from collections.abc import Sequence

from sqlalchemy import Connection, func, select

from fraud_rules.types import CustomerPast, DevicePast, HostHistory, HostLead, LeadRecord, PaymentUses, Subject
from tracker.clicks.types import ClickRow
from tracker.conversions.store import is_lead_like
from tracker.conversions.tables import conversions
from tracker.conversions.types import ConversionRow
from tracker.custom_events.tables import custom_events
from tracker.db.prepared import Prepared, given
from tracker.fraud.facts.records import (
    ANYWHERE,
    IN_MODE,
    OF_PROGRAM,
    RECORDS_MAX,
    find_records,
    place_of,
    records_where,
)
from tracker.fraud.facts.subject import Asked
from tracker.instants import DAY_MS
from tracker.partners.tables import enrollments

CROWD_SPAN_MS = DAY_MS  # rule same_ip_leads
HISTORY_DAYS = 28  # base rate of an address
DEVICE_MS = 90 * DAY_MS
EVENTS_MAX = 500  # events of a device that are counted


_HOST = given("host_key", conversions.c.host_key)
# From the same address, be it in the same epoch of keys or in the one before.
_IS_FROM_HOST = (conversions.c.host_key == _HOST) | (conversions.c.next_host_key == _HOST)
_IS_PARTNERS = conversions.c.enrollment_id == given("enrollment_id", conversions.c.enrollment_id)
_SINCE = conversions.c.received_at_ms >= given("since_ms", conversions.c.received_at_ms)
_HOST_LEADS = records_where(*OF_PROGRAM, is_lead_like(), _IS_FROM_HOST, _IS_PARTNERS, _SINCE)
_HOST_COUNT = Prepared(
    select(func.count()).where(
        *OF_PROGRAM,
        is_lead_like(),
        _IS_FROM_HOST,
        _SINCE,
        # SQL's own true.
        func.coalesce(
            ~(_IS_PARTNERS & (conversions.c.received_at_ms >= given("recent_ms", conversions.c.received_at_ms))), True
        ),
    )
)
_FIRST_RECEIVED = Prepared(
    select(conversions.c.received_at_ms)
    .where(
        conversions.c.program_id == given("program_id", conversions.c.program_id),
        conversions.c.livemode == given("livemode", conversions.c.livemode),
    )
    .order_by(conversions.c.seq)
    .limit(1)
)
_DEVICE_LEADS = records_where(
    *ANYWHERE,
    is_lead_like(),
    conversions.c.visitor_id == given("visitor_id", conversions.c.visitor_id),
    conversions.c.occurred_at_ms >= given("since_ms", conversions.c.occurred_at_ms),
)
_PAID_ALIKE = records_where(
    *OF_PROGRAM,
    IN_MODE,
    conversions.c.payment_key == given("payment_key", conversions.c.payment_key),
    conversions.c.kind != "refund",
)
_PAID_TO = Prepared(
    select(enrollments.c.enrollment_id)
    .where(
        enrollments.c.program_id == given("program_id", enrollments.c.program_id),
        enrollments.c.payment_key == given("payment_key", enrollments.c.payment_key),
    )
    .order_by(enrollments.c.enrollment_id)
    .limit(RECORDS_MAX)
)
_SOME_EVENTS = (
    select(custom_events.c.occurred_at_ms)
    .where(
        custom_events.c.visitor_id == given("visitor_id", custom_events.c.visitor_id),
        custom_events.c.occurred_at_ms >= given("since_ms", custom_events.c.occurred_at_ms),
        custom_events.c.occurred_at_ms < given("before_ms", custom_events.c.occurred_at_ms),
        custom_events.c.program_id == given("program_id", custom_events.c.program_id),
        custom_events.c.livemode == given("livemode", custom_events.c.livemode),
    )
    .order_by(custom_events.c.occurred_at_ms.desc())
    .limit(EVENTS_MAX)
    .subquery()
)
_EVENTS = Prepared(
    select(func.count().label("events"), func.max(_SOME_EVENTS.c.occurred_at_ms).label("last_at_ms")).select_from(
        _SOME_EVENTS
    )
)


def host_leads(conn: Connection, asked: Asked) -> tuple[HostLead, ...]:
    """Return the leads of the subject's address and partner within a day before it, oldest first."""
    row = asked.row
    if row.host_key is None or asked.enrollment_id is None:
        return ()
    found = find_records(
        conn,
        _HOST_LEADS,
        row,
        host_key=row.host_key,
        enrollment_id=asked.enrollment_id,
        since_ms=row.received_at_ms - CROWD_SPAN_MS,
    )
    return tuple(
        HostLead(
            conversion_id=lead.conversion_id,
            person_key=lead.person_key,
            agent_key=lead.agent_key,
            device_key=lead.device_key,
            at_ms=lead.at_ms,
            source=lead.source,
        )
        for lead in reversed(found)
    )


def host_history(conn: Connection, asked: Asked) -> HostHistory:
    """Return what the subject's address normally brings."""
    row = asked.row
    first = _FIRST_RECEIVED.first(conn, program_id=row.program_id, livemode=row.livemode)
    observed = row.received_at_ms - first.received_at_ms if first is not None else 0
    days = min(observed // DAY_MS + 1, HISTORY_DAYS)
    if row.host_key is None or asked.enrollment_id is None:
        return HostHistory(earlier_leads=0, days_observed=days)
    counted = _HOST_COUNT.scalars(
        conn,
        host_key=row.host_key,
        enrollment_id=asked.enrollment_id,
        since_ms=row.received_at_ms - HISTORY_DAYS * DAY_MS,
        recent_ms=row.received_at_ms - CROWD_SPAN_MS,
        **place_of(row),
    )
    return HostHistory(earlier_leads=int(counted[0]), days_observed=days)


def device_leads(conn: Connection, row: ConversionRow) -> tuple[LeadRecord, ...]:
    """Return the leads of the subject's browser within 90 days before it, oldest first."""
    if row.visitor_id is None:
        return ()
    since_ms = row.occurred_at_ms - DEVICE_MS
    return tuple(find_records(conn, _DEVICE_LEADS, row, visitor_id=row.visitor_id, since_ms=since_ms)[::-1])


def payment_uses(conn: Connection, row: ConversionRow, *, person: str | None) -> PaymentUses:
    """Return who else pays with the subject's card or account, and who is paid to it."""
    if not row.payment_key:
        return PaymentUses()
    found = find_records(conn, _PAID_ALIKE, row, payment_key=row.payment_key)
    paid_to = _PAID_TO.scalars(conn, program_id=row.program_id, payment_key=row.payment_key)
    return PaymentUses(
        conversions=tuple(lead for lead in reversed(found) if person is None or lead.person_key != person),
        partner_ids=tuple(paid_to),
    )


def device_past(conn: Connection, asked: Asked) -> DevicePast:
    """Return what the subject's browser did within the day before its credited click: other clicks, and events."""
    row, clicked_at_ms = asked.row, asked.clicked_at_ms
    if row.visitor_id is None or clicked_at_ms is None:
        return DevicePast()
    since_ms = clicked_at_ms - DAY_MS
    instants = [
        click.occurred_at_ms
        for click in _seen_clicks(asked.clicks, row)
        if click.visitor_id == row.visitor_id and since_ms <= click.occurred_at_ms < clicked_at_ms
    ]
    seen = _EVENTS.first(
        conn,
        visitor_id=row.visitor_id,
        since_ms=since_ms,
        before_ms=clicked_at_ms,
        program_id=row.program_id,
        livemode=row.livemode,
    )
    last = [*instants, *([] if seen.last_at_ms is None else [seen.last_at_ms])]
    return DevicePast(events=len(instants) + seen.events, last_at_ms=max(last, default=None))


def customer_past(asked: Asked, subject: Subject, *, first_conversion_at_ms: int | None) -> CustomerPast:
    """Return what was known of the customer: its first conversion, and its first click through a partner."""
    instants = [click.occurred_at_ms for click in _seen_clicks(asked.clicks, asked.row)]
    return CustomerPast(
        first_conversion_at_ms=first_conversion_at_ms,
        first_click_at_ms=min(instants, default=subject.click_at_ms),
        shop_says_known=subject.shop_says_known,
    )


def _seen_clicks(clicks: Sequence[ClickRow], row: ConversionRow) -> list[ClickRow]:
    return [click for click in clicks if click.livemode == row.livemode]
