"""Facts about persons: who else has the subject's mailbox, phone, domain or name."""

from sqlalchemy import ColumnElement, Connection, func, select

from fraud_rules.types import LeadRecord, PersonLead
from tracker.conversions import store
from tracker.conversions.store import is_lead_like
from tracker.conversions.tables import conversions, customers
from tracker.conversions.types import ConversionRow, Customer
from tracker.db.ids import IdError, canonical_id
from tracker.fraud.facts.names import name_sample
from tracker.fraud.facts.records import RECORDS_MAX, chosen_records, earlier
from tracker.instants import DAY_MS

PHONE_MS = 180 * DAY_MS  # numbers are given to somebody else after that
PEOPLE_MAX = 20  # people at one domain that are counted; from so many on it is no small one
CUSTOMERS_MAX = 100  # customers with one phone or mailbox that are looked at


def same_person_leads(
    conn: Connection, row: ConversionRow, customer: Customer | None, *, mailbox: str | None
) -> tuple[PersonLead, ...]:
    """Return earlier leads of the subject's mailbox, which findings call by its first customer."""
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


def same_phone_leads(conn: Connection, row: ConversionRow, customer: Customer | None) -> tuple[LeadRecord, ...]:
    """Return earlier leads of the subject's phone within half a year, but the one a sale is of."""
    if customer is None or customer.phone_key is None:
        return ()
    query = (
        select(customers.c.customer_id)
        .where(
            customers.c.program_id == row.program_id,
            customers.c.livemode == row.livemode,
            customers.c.phone_key == customer.phone_key,
        )
        .order_by(customers.c.customer_id.desc())
        .limit(CUSTOMERS_MAX)
    )
    holders = list(conn.execute(query).scalars())
    return tuple(
        chosen_records(
            conn,
            *earlier(row),
            conversions.c.customer_id.in_(holders),
            conversions.c.occurred_at_ms >= row.occurred_at_ms - PHONE_MS,
            is_lead_like(),
            *not_the_lead(row),
        )
    )


def not_the_lead(row: ConversionRow) -> tuple[ColumnElement[bool], ...]:
    """Say that a conversion is not the lead a sale follows: both are one person's one story."""
    if row.lead_id is None:
        return ()
    is_named = (conversions.c.kind == "lead") & (conversions.c.external_id == row.lead_id)
    try:
        own_id = canonical_id("cnv", row.lead_id)
    except IdError:
        return (~is_named,)
    return (~is_named, conversions.c.conversion_id != own_id)


def first_conversion_at(conn: Connection, row: ConversionRow, customer: Customer | None) -> int | None:
    """Return when the person first converted before the subject, as far as mailbox or the shop's id tell."""
    if customer is None:
        return None
    people = [customer.customer_id]
    if customer.email_canonical is not None:
        query = (
            select(customers.c.customer_id)
            .where(
                customers.c.program_id == row.program_id,
                customers.c.livemode == row.livemode,
                customers.c.email_canonical == customer.email_canonical,
            )
            .order_by(customers.c.customer_id)
            .limit(CUSTOMERS_MAX)
        )
        people += conn.execute(query).scalars()
    first = select(func.min(conversions.c.occurred_at_ms)).where(
        *earlier(row),
        conversions.c.customer_id.in_(people),
        conversions.c.kind != "refund",
        conversions.c.trust == "verified",
    )
    found: int | None = conn.execute(first).scalar_one()
    return found


def domain_people(conn: Connection, customer: Customer | None) -> int:
    """Return how many people have a mailbox at the subject's domain, itself among them; PEOPLE_MAX stands for more."""
    if customer is None or customer.email_domain is None:
        return 0
    some = (
        select(customers.c.email_canonical)
        .where(
            customers.c.program_id == customer.program_id,
            customers.c.livemode == customer.livemode,
            customers.c.email_domain == customer.email_domain,
        )
        .limit(CUSTOMERS_MAX)
        .subquery()
    )
    people: int = conn.execute(select(func.count(some.c.email_canonical.distinct()))).scalar_one()
    return min(people, PEOPLE_MAX)


def name_share_ppm(conn: Connection, customer: Customer | None) -> int:
    """Return which share of the newest customers carries the subject's rarest name word; 0 without a name."""
    if customer is None or not customer.name:
        return 0
    sample = name_sample(conn, program_id=customer.program_id, livemode=customer.livemode)
    return sample.share_ppm(customer)
