"""Facts about persons: who else has the subject's mailbox, phone, domain or name."""

from sqlalchemy import Connection, func, select

from fraud_rules.types import LeadRecord, PersonLead
from tracker.conversions.store import is_lead_like
from tracker.conversions.tables import conversions, customers
from tracker.conversions.types import ConversionRow, Customer
from tracker.db.prepared import Prepared, given
from tracker.db.rows import as_struct
from tracker.fraud.facts.names import name_sample
from tracker.fraud.facts.records import (
    ANYWHERE,
    NOT_ITS_LEAD,
    RECORDS_MAX,
    SEQ,
    find_records,
    lead_of,
    place_of,
    records_where,
)
from tracker.instants import DAY_MS

PHONE_MS = 180 * DAY_MS  # numbers are given to somebody else after that
PEOPLE_MAX = 20  # people at one domain that are counted; from so many on it is no small one
CUSTOMERS_MAX = 100  # customers with one mailbox or domain that are looked at

_OF_PROGRAM = (
    customers.c.program_id == given("program_id", customers.c.program_id),
    customers.c.livemode == given("livemode", customers.c.livemode),
)
_HAS_MAILBOX = customers.c.email_canonical == given("canonical", customers.c.email_canonical)

_CUSTOMER = Prepared(select(customers).where(customers.c.customer_id == given("customer_id", customers.c.customer_id)))
_FIRST_WITH_MAILBOX = Prepared(
    select(customers.c.customer_id)
    .where(*_OF_PROGRAM, _HAS_MAILBOX)
    .order_by(customers.c.created_at_ms, customers.c.customer_id)
    .limit(1)
)
_SAME_PERSON = Prepared(
    select(conversions.c.conversion_id, conversions.c.occurred_at_ms, customers.c.email, customers.c.customer_id)
    .join(customers, customers.c.customer_id == conversions.c.customer_id)
    .where(*_OF_PROGRAM, _HAS_MAILBOX, given("seq", conversions.c.seq) > SEQ, is_lead_like())
    .order_by(SEQ.desc())
    .limit(RECORDS_MAX)
)
_SAME_PHONE = records_where(
    *ANYWHERE,
    is_lead_like(),
    *NOT_ITS_LEAD,
    customers.c.program_id == given("program_id", customers.c.program_id),
    customers.c.livemode == given("livemode", customers.c.livemode),
    customers.c.phone_key == given("phone_key", customers.c.phone_key),
    conversions.c.occurred_at_ms >= given("since_ms", conversions.c.occurred_at_ms),
)
_FIRST_OF_CUSTOMER = Prepared(
    select(func.min(conversions.c.occurred_at_ms)).where(
        *ANYWHERE,
        conversions.c.customer_id == given("customer_id", conversions.c.customer_id),
        conversions.c.kind != "refund",
    )
)
_FIRST_OF_MAILBOX = Prepared(
    select(func.min(conversions.c.occurred_at_ms))
    .join(customers, customers.c.customer_id == conversions.c.customer_id)
    .where(*ANYWHERE, *_OF_PROGRAM, _HAS_MAILBOX, conversions.c.kind != "refund")
)
_SOME_AT_DOMAIN = (
    select(customers.c.email_canonical)
    .where(*_OF_PROGRAM, customers.c.email_domain == given("domain", customers.c.email_domain))
    .limit(CUSTOMERS_MAX)
    .subquery()
)
_AT_DOMAIN = Prepared(select(func.count(_SOME_AT_DOMAIN.c.email_canonical.distinct())))


def customer_of(conn: Connection, customer_id: str) -> Customer | None:
    """Return a customer."""
    row = _CUSTOMER.first(conn, customer_id=customer_id)
    return None if row is None else as_struct(Customer, row)


def mailbox_of(conn: Connection, customer: Customer | None) -> str | None:
    """Return the name of a customer's mailbox: the first customer seen with it.

    Findings and cases keep this name, which says nothing once the customer's fields are erased.
    """
    if customer is None or customer.email_canonical is None:
        return None
    found: list[str] = _FIRST_WITH_MAILBOX.scalars(conn, canonical=customer.email_canonical, **_place(customer))
    return found[0] if found else None


def same_person_leads(
    conn: Connection, row: ConversionRow, customer: Customer | None, *, mailbox: str | None
) -> tuple[PersonLead, ...]:
    """Return earlier leads of the subject's mailbox, oldest first; findings call it by its first customer."""
    if customer is None or customer.email_canonical is None or mailbox is None:
        return ()
    found = _SAME_PERSON.rows(conn, canonical=customer.email_canonical, seq=row.seq, **_place(customer))
    return tuple(
        PersonLead(
            conversion_id=lead.conversion_id,
            email=lead.email,
            canonical_key=mailbox,
            at_ms=lead.occurred_at_ms,
            customer_id=lead.customer_id,
        )
        for lead in reversed(found)
    )


def same_phone_leads(conn: Connection, row: ConversionRow, customer: Customer | None) -> tuple[LeadRecord, ...]:
    """Return earlier leads of the subject's phone within half a year, oldest first, but the one a sale is of."""
    if customer is None or customer.phone_key is None:
        return ()
    since_ms = row.occurred_at_ms - PHONE_MS
    found = find_records(conn, _SAME_PHONE, row, phone_key=customer.phone_key, since_ms=since_ms, **lead_of(row))
    return tuple(found[::-1])


def first_conversion_at(conn: Connection, row: ConversionRow, customer: Customer | None) -> int | None:
    """Return when the person first converted before the subject, as far as mailbox or the shop's id tell."""
    if customer is None:
        return None
    found: list[int | None] = _FIRST_OF_CUSTOMER.scalars(conn, customer_id=customer.customer_id, **place_of(row))
    if customer.email_canonical is not None:
        found += _FIRST_OF_MAILBOX.scalars(conn, canonical=customer.email_canonical, **place_of(row))
    return min((each for each in found if each is not None), default=None)


def domain_people(conn: Connection, customer: Customer | None) -> int:
    """Return how many people have a mailbox at the subject's domain, itself among them; PEOPLE_MAX stands for more."""
    if customer is None or customer.email_domain is None:
        return 0
    people: int = _AT_DOMAIN.scalars(conn, domain=customer.email_domain, **_place(customer))[0]
    return min(people, PEOPLE_MAX)


def name_share_ppm(conn: Connection, customer: Customer | None) -> int:
    """Return which share of the newest customers carries the subject's rarest name word; 0 without a name."""
    if customer is None or not customer.name:
        return 0
    sample = name_sample(conn, program_id=customer.program_id, livemode=customer.livemode)
    return sample.share_ppm(customer)


def _place(customer: Customer) -> dict[str, object]:
    return {"program_id": customer.program_id, "livemode": customer.livemode}
