"""Loading the facts fraud rules ask for about one conversion and one credited partner.

A rule declares what it needs; only those sections are loaded. Nothing here judges.
"""

from collections.abc import Callable, Iterable
from typing import Any

import msgspec
from sqlalchemy import Connection

from fraud_rules.delays import summarize_delays
from fraud_rules.identity import person_key
from fraud_rules.types import (
    Facts,
    HostHistory,
    HostLead,
    PartnerIdentity,
    PartnerLogin,
    PersonLead,
    ProgramTiming,
    Subject,
)
from ingest.address_keys import same_host
from tracker.clicks import store as clicks
from tracker.conversions import store
from tracker.conversions.journey import Case
from tracker.conversions.types import ConversionRow, Customer
from tracker.instants import DAY_MS
from tracker.partners import store as partners
from tracker.partners.types import Enrollment, Partner

HOUR_MS = 3_600_000
LOGIN_SPAN_MS = 7 * DAY_MS  # rule self_network looks a week to each side
CROWD_SPAN_MS = 24 * HOUR_MS  # rule same_ip_leads
HISTORY_DAYS = 28  # base rate of an address
RECORDS_MAX = 200  # earlier records one rule compares at most
DELAYS_MAX = 1000  # newest delays of a program that are looked at


def load_facts(
    conn: Connection, case: Case, *, enrollment_id: str | None, click_at_ms: int | None, needs: Iterable[str]
) -> Facts:
    """Return the subject and the sections named in `needs` (the fields of Facts)."""
    row = case.row
    customer = None if row.customer_id is None else store.get_customer(conn, row.customer_id)
    subject = _subject(conn, case, customer, enrollment_id=enrollment_id, click_at_ms=click_at_ms)
    person = None if enrollment_id is None else partners.people_of(conn, [enrollment_id]).get(enrollment_id)
    loaders: dict[str, Callable[[], Any]] = {
        "partner_identity": lambda: _identity(case, person),
        "partner_logins": lambda: _logins(conn, row, person),
        "same_person_leads": lambda: _same_person(conn, row, customer),
        "host_leads": lambda: _host_leads(conn, row, enrollment_id),
        "host_history": lambda: _host_history(conn, row, enrollment_id),
        "program_timing": lambda: _timing(conn, row),
    }
    sections = {name: loaders[name]() for name in sorted(needs)}
    return msgspec.structs.replace(Facts(subject=subject), **sections)


def _subject(
    conn: Connection,
    case: Case,
    customer: Customer | None,
    *,
    enrollment_id: str | None,
    click_at_ms: int | None,
) -> Subject:
    row = case.row
    agent = None if row.agent_id is None else clicks.get_agent(conn, row.agent_id)
    from_browser = row.report.get("source") == "browser"
    return Subject(
        conversion_id=row.conversion_id,
        kind="lead" if row.kind == "lead" else "sale",
        program_id=row.program_id,
        partner_id=enrollment_id,
        at_ms=row.received_at_ms,
        occurred_at_ms=row.occurred_at_ms,
        click_at_ms=click_at_ms,
        lead_id=row.lead_id,
        email=customer.email if customer else None,
        email_key=_mailbox(conn, customer),
        phone=customer.phone if customer else None,
        name=customer.name if customer else None,
        customer_id=row.customer_id,
        person_key=_person(row, customer),
        visitor_id=row.visitor_id,
        host_key=row.host_key.hex() if row.host_key else None,
        net_key=row.net_key.hex() if row.net_key else None,
        masked_ip=row.masked_ip,
        network_class=row.network_class or "unknown",
        agent_key=agent.agent_key if agent else None,
        agent=agent.text if agent else None,
        is_bot=agent.is_bot if agent else False,
        bot_reason=agent.bot_reason if agent else None,
        source=_source(row) if row.trust == "verified" else None,
        is_browser=from_browser,
        device_known_before=_is_known_device(conn, row),
        paid=row.kind == "sale",
    )


def _is_known_device(conn: Connection, row: ConversionRow) -> bool:
    """Tell whether this customer converted from this browser before: then a form fills itself."""
    if row.customer_id is None or row.visitor_id is None:
        return False
    return store.converted_before(conn, row)


def _source(row: ConversionRow) -> str | None:
    metadata = row.report.get("metadata") or {}
    source = metadata.get("source")
    return source if isinstance(source, str) else None


def _person(row: ConversionRow, customer: Customer | None) -> str | None:
    return person_key(
        email=customer.email if customer else None,
        phone=customer.phone if customer else None,
        customer_id=row.customer_id,
        visitor_id=row.visitor_id,
    )


def _identity(case: Case, person: tuple[Enrollment, Partner] | None) -> PartnerIdentity:
    if person is None:
        return PartnerIdentity()
    enrollment, partner = person
    return PartnerIdentity(
        login_emails=(partner.email,),
        contact_emails=(partner.email,),
        payout_emails=(partner.payout_email,) if partner.payout_email else (),
        allow_own_purchases=case.program.settings.allow_own_purchases or enrollment.allow_own_purchases,
    )


def _logins(
    conn: Connection, row: ConversionRow, person: tuple[Enrollment, Partner] | None
) -> tuple[PartnerLogin, ...]:
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


def _mailbox(conn: Connection, customer: Customer | None) -> str | None:
    """Return the name of a customer's mailbox: the first customer seen with it.

    Findings and cases keep this name, which says nothing once the customer's fields are erased.
    """
    return None if customer is None else store.first_with_mailbox(conn, customer)


def _same_person(conn: Connection, row: ConversionRow, customer: Customer | None) -> tuple[PersonLead, ...]:
    mailbox = _mailbox(conn, customer)
    if customer is None or customer.email_canonical is None or mailbox is None:
        return ()
    found = store.people_with_mailbox(conn, row, canonical=customer.email_canonical, limit=RECORDS_MAX)
    return tuple(
        PersonLead(
            conversion_id=lead.conversion_id,
            email=lead.email,
            canonical_key=mailbox,
            at_ms=lead.occurred_at_ms,
            customer_id=lead.customer_id,
        )
        for lead in found
    )


def _host_leads(conn: Connection, row: ConversionRow, enrollment_id: str | None) -> tuple[HostLead, ...]:
    if row.host_key is None or enrollment_id is None:
        return ()
    found = store.leads_of_host(
        conn,
        row,
        enrollment_id=enrollment_id,
        from_ms=row.received_at_ms - CROWD_SPAN_MS,
        limit=RECORDS_MAX,
    )
    numbers = {lead.agent_id for lead, _ in found if lead.agent_id is not None}
    agent_keys = {number: agent.agent_key for number in sorted(numbers) if (agent := clicks.get_agent(conn, number))}
    return tuple(
        HostLead(
            conversion_id=lead.conversion_id,
            person_key=_person(lead, customer),
            agent_key=agent_keys.get(lead.agent_id) if lead.agent_id is not None else None,
            at_ms=lead.occurred_at_ms,
            source=_source(lead) if lead.trust == "verified" else None,
        )
        for lead, customer in found
    )


def _host_history(conn: Connection, row: ConversionRow, enrollment_id: str | None) -> HostHistory:
    first = store.first_received_at(conn, program_id=row.program_id, livemode=row.livemode)
    observed = row.received_at_ms - first if first is not None else 0
    days = min(observed // DAY_MS + 1, HISTORY_DAYS)
    if row.host_key is None or enrollment_id is None:
        return HostHistory(earlier_leads=0, days_observed=days)
    earlier = store.count_host_leads(
        conn,
        row,
        enrollment_id=enrollment_id,
        from_ms=row.received_at_ms - HISTORY_DAYS * DAY_MS,
        recent_from_ms=row.received_at_ms - CROWD_SPAN_MS,
    )
    return HostHistory(earlier_leads=earlier, days_observed=days)


def _timing(conn: Connection, row: ConversionRow) -> ProgramTiming:
    return ProgramTiming(
        lead=summarize_delays(store.click_delays(conn, row, kind="lead", limit=DELAYS_MAX)),
        paid=summarize_delays(store.click_delays(conn, row, kind="sale", limit=DELAYS_MAX)),
    )
