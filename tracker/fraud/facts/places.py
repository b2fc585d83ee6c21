"""Facts about addresses and devices: who else came from the subject's address or browser, and when."""

from collections.abc import Sequence

from sqlalchemy import Connection, func, select

from fraud_rules.types import CustomerPast, DevicePast, HostHistory, HostLead, LeadRecord, PaymentUses, Subject
from tracker.clicks.types import ClickRow
from tracker.conversions import store
from tracker.conversions.store import is_lead_like
from tracker.conversions.tables import conversions
from tracker.conversions.types import ConversionRow
from tracker.custom_events.tables import custom_events
from tracker.fraud.facts.records import RECORDS_MAX, chosen_records, earlier
from tracker.fraud.facts.subject import Asked
from tracker.instants import DAY_MS
from tracker.partners.tables import enrollments

CROWD_SPAN_MS = DAY_MS  # rule same_ip_leads
HISTORY_DAYS = 28  # base rate of an address
DEVICE_MS = 90 * DAY_MS
EVENTS_MAX = 500  # events of a device that are counted


def host_leads(conn: Connection, asked: Asked) -> tuple[HostLead, ...]:
    """Return the leads of the subject's address and partner within a day before it, oldest first."""
    row = asked.row
    if row.host_key is None or asked.enrollment_id is None:
        return ()
    found = chosen_records(
        conn,
        *earlier(row),
        store.is_from_host(row),
        conversions.c.enrollment_id == asked.enrollment_id,
        conversions.c.received_at_ms >= row.received_at_ms - CROWD_SPAN_MS,
        is_lead_like(),
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
        for lead in found
    )


def host_history(conn: Connection, asked: Asked) -> HostHistory:
    """Return what the subject's address normally brings."""
    row = asked.row
    first = store.first_received_at(conn, program_id=row.program_id, livemode=row.livemode)
    observed = row.received_at_ms - first if first is not None else 0
    days = min(observed // DAY_MS + 1, HISTORY_DAYS)
    if row.host_key is None or asked.enrollment_id is None:
        return HostHistory(earlier_leads=0, days_observed=days)
    earlier_leads = store.count_host_leads(
        conn,
        row,
        enrollment_id=asked.enrollment_id,
        from_ms=row.received_at_ms - HISTORY_DAYS * DAY_MS,
        recent_from_ms=row.received_at_ms - CROWD_SPAN_MS,
    )
    return HostHistory(earlier_leads=earlier_leads, days_observed=days)


def device_leads(conn: Connection, row: ConversionRow) -> tuple[LeadRecord, ...]:
    """Return the leads of the subject's browser within 90 days before it, oldest first."""
    if row.visitor_id is None:
        return ()
    return tuple(
        chosen_records(
            conn,
            *earlier(row),
            conversions.c.visitor_id == row.visitor_id,
            conversions.c.occurred_at_ms >= row.occurred_at_ms - DEVICE_MS,
            is_lead_like(),
        )
    )


def payment_uses(conn: Connection, row: ConversionRow, *, person: str | None) -> PaymentUses:
    """Return who else pays with the subject's card or account, and who is paid to it."""
    if not row.payment_key:
        return PaymentUses()
    found = chosen_records(
        conn,
        *earlier(row),
        conversions.c.payment_key == row.payment_key,
        conversions.c.kind != "refund",
        conversions.c.trust == "verified",
    )
    paid_to = (
        select(enrollments.c.enrollment_id)
        .where(enrollments.c.program_id == row.program_id, enrollments.c.payment_key == row.payment_key)
        .order_by(enrollments.c.enrollment_id)
        .limit(RECORDS_MAX)
    )
    return PaymentUses(
        conversions=tuple(lead for lead in found if person is None or lead.person_key != person),
        partner_ids=tuple(conn.execute(paid_to).scalars()),
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
    some = (
        select(custom_events.c.occurred_at_ms)
        .where(
            custom_events.c.visitor_id == row.visitor_id,
            custom_events.c.occurred_at_ms >= since_ms,
            custom_events.c.occurred_at_ms < clicked_at_ms,
            custom_events.c.program_id == row.program_id,
            custom_events.c.livemode == row.livemode,
        )
        .order_by(custom_events.c.occurred_at_ms.desc())
        .limit(EVENTS_MAX)
        .subquery()
    )
    events, last_at_ms = conn.execute(select(func.count(), func.max(some.c.occurred_at_ms)).select_from(some)).one()
    last = [*instants, *([] if last_at_ms is None else [last_at_ms])]
    return DevicePast(events=len(instants) + events, last_at_ms=max(last, default=None))


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
