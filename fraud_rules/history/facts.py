"""The sections of `Facts` for one conversion, answered from a program's history in memory.

The same questions the database answers for a live conversion; a test holds both equal.
"""

from collections.abc import Sequence

import msgspec

from fraud_rules.delays import summarize_delays
from fraud_rules.history.program import DAY_MS, HOUR_MS, ProgramHistory, mail_domain
from fraud_rules.identity import name_tokens
from fraud_rules.types import (
    PACE_LEADS_MAX,
    PPM,
    CodeUse,
    CustomerPast,
    DevicePast,
    Facts,
    Forgeries,
    HostHistory,
    HostLead,
    LeadRecord,
    PaceLead,
    PartnerIdentity,
    PartnerLogin,
    PartnerPace,
    PaymentUses,
    PersonLead,
    ProgramTiming,
    Subject,
)

HISTORY_DAYS = 28
PHONE_DAYS = 180
DEVICE_DAYS = 90
LOGIN_DAYS = 90
RECORDS_MAX = 500
DELAYS_MAX = 1000
DIVERSITY_LEADS_MIN = 20


def facts_of(subject: Subject, past: ProgramHistory, *, forgeries: Forgeries | None = None) -> Facts:
    """Return the subject with every section, from what came before it."""
    return Facts(
        subject=subject,
        partner_identity=_identity(subject, past),
        partner_logins=_logins(subject, past),
        same_person_leads=_same_person(subject, past),
        host_leads=_host_leads(subject, past),
        host_history=_host_history(subject, past),
        program_timing=_timing(past),
        same_phone_leads=_same_phone(subject, past),
        device_leads=_recent(past.by_device.get(subject.device_key or "", ()), subject, days=DEVICE_DAYS),
        payment_uses=_payment_uses(subject, past),
        device_past=_device_past(subject, past),
        customer_past=_customer_past(subject, past),
        partner_pace=_pace(subject, past),
        code_use=_code_use(subject, past),
        forgeries=forgeries or Forgeries(),
        domain_people=_domain_people(subject, past),
        name_share_ppm=_name_share(subject, past),
    )


def _identity(subject: Subject, past: ProgramHistory) -> PartnerIdentity:
    card = past.partners.get(subject.partner_id or "")
    if card is None:
        return PartnerIdentity()
    return PartnerIdentity(
        login_emails=card.emails,
        contact_emails=card.emails,
        payout_emails=card.payout_emails,
        names=(card.name,) if card.name else (),
        phones=card.phones,
        payment_keys=card.payment_keys,
        tax_ids=card.tax_ids,
        allow_own_purchases=card.allow_own_purchases,
    )


def _logins(subject: Subject, past: ProgramHistory) -> tuple[PartnerLogin, ...]:
    logins = past.logins.get(subject.partner_id or "", ())
    near = [login for login in logins if abs(login.at_ms - subject.occurred_at_ms) <= LOGIN_DAYS * DAY_MS]
    return tuple(near[-RECORDS_MAX:])


def _same_person(subject: Subject, past: ProgramHistory) -> tuple[PersonLead, ...]:
    if subject.email_key is None:
        return ()
    return tuple(
        PersonLead(
            conversion_id=lead.conversion_id,
            email=lead.email,
            canonical_key=lead.email_key or "",
            at_ms=lead.occurred_at_ms,
            customer_id=lead.customer_id,
        )
        for lead in past.by_mailbox.get(subject.email_key, ())[-RECORDS_MAX:]
        if lead.conversion_id != subject.conversion_id
    )


def _host_leads(subject: Subject, past: ProgramHistory) -> tuple[HostLead, ...]:
    if subject.host_key is None or subject.partner_id is None:
        return ()
    return tuple(
        HostLead(
            conversion_id=lead.conversion_id,
            person_key=lead.person_key,
            agent_key=lead.agent_key,
            device_key=lead.device_key,
            at_ms=lead.at_ms,
            source=lead.source,
        )
        for lead in _recent(past.by_host.get(subject.host_key, ()), subject, days=1)
        if lead.partner_id == subject.partner_id
    )


def _host_history(subject: Subject, past: ProgramHistory) -> HostHistory:
    first = past.first_at_ms
    observed_ms = 0 if first is None else subject.at_ms - first
    days = min(observed_ms // DAY_MS + 1, HISTORY_DAYS)
    if subject.host_key is None or subject.partner_id is None:
        return HostHistory(earlier_leads=0, days_observed=days)
    day_ago = subject.occurred_at_ms - DAY_MS
    earlier = [
        lead
        for lead in _recent(past.by_host.get(subject.host_key, ()), subject, days=HISTORY_DAYS)
        if lead.partner_id != subject.partner_id or lead.at_ms < day_ago
    ]
    return HostHistory(earlier_leads=len(earlier), days_observed=days)


def _timing(past: ProgramHistory) -> ProgramTiming:
    return ProgramTiming(
        lead=summarize_delays(past.delays[False][-DELAYS_MAX:]), paid=summarize_delays(past.delays[True][-DELAYS_MAX:])
    )


def _same_phone(subject: Subject, past: ProgramHistory) -> tuple[LeadRecord, ...]:
    found = _recent(past.by_phone.get(subject.phone_key or "", ()), subject, days=PHONE_DAYS)
    return tuple(lead for lead in found if lead.conversion_id != subject.lead_id)


def _payment_uses(subject: Subject, past: ProgramHistory) -> PaymentUses:
    if subject.payment_key is None:
        return PaymentUses()
    others = [
        lead
        for lead in past.by_payment.get(subject.payment_key, ())[-RECORDS_MAX:]
        if lead.person_key != subject.person_key and lead.conversion_id != subject.conversion_id
    ]
    return PaymentUses(
        conversions=tuple(others),
        partner_ids=tuple(sorted(past.payout_partners.get(subject.payment_key, ()))),
    )


def _device_past(subject: Subject, past: ProgramHistory) -> DevicePast:
    if subject.device_key is None or subject.click_at_ms is None:
        return DevicePast()
    since_ms = subject.click_at_ms - DAY_MS
    instants = [
        click.at_ms
        for click in past.device_clicks.get(subject.device_key, ())
        if since_ms <= click.at_ms < subject.click_at_ms
    ]
    return DevicePast(events=len(instants), last_at_ms=max(instants, default=None))


def _customer_past(subject: Subject, past: ProgramHistory) -> CustomerPast:
    clicks = past.device_clicks.get(subject.device_key or "", ())
    first_click_ms = min((click.at_ms for click in clicks if click.partner_id is not None), default=subject.click_at_ms)
    return CustomerPast(
        first_conversion_at_ms=past.first_of_person.get(subject.person_key or ""),
        first_click_at_ms=first_click_ms,
        shop_says_known=subject.shop_says_known,
    )


def _pace(subject: Subject, past: ProgramHistory) -> PartnerPace:
    leads = past.partner_leads.get(subject.partner_id or "", ())
    if not leads:
        return PartnerPace()
    day_ago = subject.occurred_at_ms - DAY_MS
    horizon = day_ago - HISTORY_DAYS * DAY_MS
    recent: list[PaceLead] = []
    ages: list[int] = []
    hours: dict[int, int] = {}
    for lead in reversed(leads):
        if lead.at_ms < horizon:
            break
        if lead.at_ms > day_ago:
            if len(recent) < PACE_LEADS_MAX:
                recent.append(_pace_lead(lead))
        else:
            ages.append((day_ago - lead.at_ms) // DAY_MS)
            hour = lead.at_ms // HOUR_MS
            hours[hour] = hours.get(hour, 0) + 1
    days = min(max((day_ago - leads[0].at_ms) // DAY_MS + 1, 0), HISTORY_DAYS)
    counts = [0] * days
    for age in ages:
        if age < days:
            counts[age] += 1
    return PartnerPace(
        recent=tuple(recent),
        daily_counts=tuple(counts),
        busiest_hour=max(hours.values(), default=0),
        program_diversity_ppm=_diversity(subject, past),
    )


def _pace_lead(lead: LeadRecord) -> PaceLead:
    return PaceLead(
        conversion_id=lead.conversion_id,
        at_ms=lead.at_ms,
        person_key=lead.person_key,
        host_key=lead.host_key,
        device_key=lead.device_key,
        agent_key=lead.agent_key,
        source=lead.source,
    )


def _diversity(subject: Subject, past: ProgramHistory) -> int | None:
    since_ms = subject.occurred_at_ms - HISTORY_DAYS * DAY_MS
    newest = [lead.host_key for lead in past.leads[-RECORDS_MAX:] if lead.at_ms >= since_ms and lead.host_key]
    if len(newest) < DIVERSITY_LEADS_MIN:
        return None
    return len(set(newest)) * PPM // len(newest)


def _code_use(subject: Subject, past: ProgramHistory) -> CodeUse:
    if subject.promo_code is None:
        return CodeUse()
    uses = past.by_code.get(subject.promo_code, ())
    day_ago = subject.occurred_at_ms - DAY_MS
    today = [use for use in uses if use.at_ms > day_ago]
    before = [use for use in uses if day_ago - HISTORY_DAYS * DAY_MS <= use.at_ms <= day_ago]
    days = 0 if not uses else min((day_ago - uses[0].at_ms) // DAY_MS + 1, HISTORY_DAYS)
    return CodeUse(
        uses=len(today) + 1,
        unclicked=sum(use.click_at_ms is None for use in today) + (subject.click_at_ms is None),
        usual_daily_ppm=len(before) * PPM // days if days > 0 else None,
        conversion_ids=tuple(use.conversion_id for use in today[-RECORDS_MAX:]),
    )


def _domain_people(subject: Subject, past: ProgramHistory) -> int:
    domain = mail_domain(subject)
    if domain is None:
        return 0
    people = past.domain_people.get(domain, set())
    return len(people) + (subject.person_key not in people)


def _name_share(subject: Subject, past: ProgramHistory) -> int:
    tokens = name_tokens(subject.name)
    if not tokens or past.named == 0:
        return 0
    return min(past.name_counts[token] for token in tokens) * PPM // past.named


def _recent(leads: Sequence[LeadRecord], subject: Subject, *, days: int) -> tuple[LeadRecord, ...]:
    """Return the newest leads of the span, without the subject itself."""
    since_ms = subject.occurred_at_ms - days * DAY_MS
    found = [lead for lead in leads[-RECORDS_MAX:] if lead.at_ms >= since_ms]
    return tuple(lead for lead in found if lead.conversion_id != subject.conversion_id)


def with_click(subject: Subject, past: ProgramHistory, click_id: str | None) -> Subject:
    """Return the subject with the click it is credited to, and when that was."""
    click = None if click_id is None else past.clicks.get(click_id)
    if click is None:
        return subject
    return msgspec.structs.replace(subject, click=click, click_at_ms=click.at_ms)
