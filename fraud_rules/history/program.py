"""One program's past held in memory, with an index for every question the rules ask.

The replay fills it event by event, the nightly run from the database's light rows; `facts.py` and `partners.py` read
it. Keys are opaque here. Nothing is decided, nothing forgets by itself.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable

import msgspec

from fraud_rules.domains import registrable_domain
from fraud_rules.identity import email_domain, name_tokens
from fraud_rules.types import FORCED_DESTS, ClickFacts, LeadRecord, PartnerLogin, Subject, moments_of

DAY_MS = 86_400_000
HOUR_MS = 3_600_000


class PartnerCard(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a partner; `phones` and `payment_keys` are keys as in `Subject`."""

    partner_id: str
    name: str | None = None
    emails: tuple[str, ...] = ()
    payout_emails: tuple[str, ...] = ()
    phones: tuple[str, ...] = ()
    payment_keys: tuple[str, ...] = ()
    tax_ids: tuple[str, ...] = ()
    allow_own_purchases: bool = False
    payout_changed_at_ms: int | None = None
    payout_requested_at_ms: int | None = None


class RefundRecord(msgspec.Struct, frozen=True, kw_only=True):
    """Money of a sale given back."""

    sale_id: str
    at_ms: int
    amount_minor: int


class ProgramHistory:
    """Partners, sign-ins, clicks, conversions and refunds of one program, in the order they came."""

    def __init__(self, program_id: str) -> None:
        self.program_id = program_id
        self.partners: dict[str, PartnerCard] = {}
        self.logins: dict[str, list[PartnerLogin]] = defaultdict(list)
        self.payout_partners: dict[str, set[str]] = defaultdict(set)
        self.clicks: dict[str, ClickFacts] = {}
        self.partner_clicks: dict[str, list[ClickFacts]] = defaultdict(list)
        self.device_clicks: dict[str, list[ClickFacts]] = defaultdict(list)
        self.conversions: dict[str, Subject] = {}
        self.leads: list[LeadRecord] = []
        self.lead_of: dict[str, LeadRecord] = {}
        self.partner_leads: dict[str, list[LeadRecord]] = defaultdict(list)
        self.partner_sales: dict[str, list[Subject]] = defaultdict(list)
        self.sales_of_lead: dict[str, list[str]] = defaultdict(list)
        self.by_mailbox: dict[str, list[Subject]] = defaultdict(list)
        self.by_phone: dict[str, list[LeadRecord]] = defaultdict(list)
        self.by_device: dict[str, list[LeadRecord]] = defaultdict(list)
        self.by_payment: dict[str, list[LeadRecord]] = defaultdict(list)
        self.by_host: dict[str, list[LeadRecord]] = defaultdict(list)
        self.by_code: dict[str, list[LeadRecord]] = defaultdict(list)
        self.first_of_person: dict[str, int] = {}
        self.delays: dict[bool, list[int]] = {False: [], True: []}
        self.domain_people: dict[str, set[str]] = defaultdict(set)
        self.name_counts: Counter[str] = Counter()
        self.named = 0
        self.refunds: dict[str, list[RefundRecord]] = defaultdict(list)
        self.first_at_ms: int | None = None

    def put_partner(self, card: PartnerCard) -> None:
        """Know a partner, or know it anew."""
        self.partners[card.partner_id] = card
        for key in card.payment_keys:
            self.payout_partners[key].add(card.partner_id)

    def add_login(self, partner_id: str, login: PartnerLogin) -> None:
        """Note a sign-in of a partner."""
        self.logins[partner_id].append(login)

    def add_click(self, click: ClickFacts) -> None:
        """Note a click; one that is a page's own load stays out of the device's activity."""
        self.clicks[click.click_id] = click
        if click.partner_id is not None:
            self.partner_clicks[click.partner_id].append(click)
        if click.device_key is not None and click.fetch_dest not in FORCED_DESTS:
            self.device_clicks[click.device_key].append(click)

    def add_conversion(self, subject: Subject) -> None:
        """Note a lead or sale after it was judged."""
        self.conversions[subject.conversion_id] = subject
        if self.first_at_ms is None:
            self.first_at_ms = subject.at_ms
        if subject.person_key is not None:
            self.first_of_person.setdefault(subject.person_key, subject.occurred_at_ms)
        self._note_delay(subject)
        if subject.kind == "sale":
            self._note_sale(subject)
        record = lead_record(subject)
        if subject.payment_key is not None:
            self.by_payment[subject.payment_key].append(record)
        if subject.promo_code is not None:
            self.by_code[subject.promo_code].append(record)
        if "lead" in moments_of(subject):
            self._note_lead(subject, record)

    def add_refund(self, refund: RefundRecord) -> None:
        """Note a refund, whether or not its sale is known."""
        self.refunds[refund.sale_id].append(refund)

    def _note_lead(self, subject: Subject, record: LeadRecord) -> None:
        self.leads.append(record)
        self.lead_of[record.conversion_id] = record
        if record.partner_id is not None:
            self.partner_leads[record.partner_id].append(record)
        if subject.email_key is not None:
            self.by_mailbox[subject.email_key].append(subject)
        for key, index in (
            (record.phone_key, self.by_phone),
            (record.device_key, self.by_device),
            (record.host_key, self.by_host),
        ):
            if key is not None:
                index[key].append(record)
        domain = mail_domain(subject)
        if domain is not None and record.person_key is not None:
            self.domain_people[domain].add(record.person_key)
        tokens = set(name_tokens(subject.name))
        if tokens:
            self.named += 1
            self.name_counts.update(tokens)

    def _note_sale(self, subject: Subject) -> None:
        if subject.partner_id is not None:
            self.partner_sales[subject.partner_id].append(subject)
        if subject.lead_id is None:
            return
        self.sales_of_lead[subject.lead_id].append(subject.conversion_id)
        lead = self.lead_of.get(subject.lead_id)
        if lead is not None and not lead.paid:
            self._replace(lead, msgspec.structs.replace(lead, paid=True, payment_key=subject.payment_key))

    def _replace(self, old: LeadRecord, new: LeadRecord) -> None:
        self.lead_of[new.conversion_id] = new
        for records in (
            self.partner_leads.get(new.partner_id or "", []),
            self.by_phone.get(new.phone_key or "", []),
            self.by_device.get(new.device_key or "", []),
            self.by_host.get(new.host_key or "", []),
        ):
            for place in range(len(records) - 1, -1, -1):
                if records[place] is old:
                    records[place] = new
                    break

    def _note_delay(self, subject: Subject) -> None:
        if subject.click_at_ms is not None and subject.occurred_at_ms >= subject.click_at_ms:
            self.delays[subject.paid].append(subject.occurred_at_ms - subject.click_at_ms)


def lead_record(subject: Subject) -> LeadRecord:
    """Return a conversion as others are compared with it."""
    return LeadRecord(
        conversion_id=subject.conversion_id,
        partner_id=subject.partner_id,
        at_ms=subject.occurred_at_ms,
        person_key=subject.person_key,
        email=subject.email,
        name=subject.name,
        phone_key=subject.phone_key,
        device_key=subject.device_key,
        payment_key=subject.payment_key,
        host_key=subject.host_key,
        net_key=subject.net_key,
        network_class=subject.network_class,
        agent_key=subject.agent_key,
        country=subject.country,
        home_country=subject.home_country,
        click_at_ms=subject.click_at_ms,
        click_dest=None if subject.click is None else subject.click.fetch_dest,
        promo_code=subject.promo_code,
        source=subject.source,
        is_bot=subject.is_bot,
        is_verified=subject.email_verified or subject.phone_verified,
        paid=subject.paid,
    )


def within(records: Iterable[LeadRecord], *, from_ms: int, to_ms: int) -> list[LeadRecord]:
    """Return the records that happened in the span, both ends included."""
    return [record for record in records if from_ms <= record.at_ms <= to_ms]


def mail_domain(subject: Subject) -> str | None:
    """Return the registrable domain of the subject's e-mail, or None."""
    return registrable_domain(email_domain(subject.email))
