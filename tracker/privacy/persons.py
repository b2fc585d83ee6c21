"""Finding the person that is meant: by mailbox, customer, browser or partner."""

from sqlalchemy import Connection

from fraud_rules.identity import email_keys
from tracker.clicks import store as clicks
from tracker.clicks.types import ClickFilter
from tracker.conversions import store as conversions
from tracker.db.ids import IdError, canonical_id
from tracker.i18n.messages import InputError, msg
from tracker.partners import store as partners
from tracker.partners.types import Partner
from tracker.privacy import store
from tracker.privacy.types import Asked, Browser, Person

VISITOR_PREFIX = "vis_"


def find_person(conn: Connection, asked: Asked) -> Person:
    """Return the person that is meant; refuses unknown ids, and more or less than one question.

    A mailbox that no record has may still stand in bodies that were refused, so any mailbox is a person.
    """
    given = [name for name in asked.__struct_fields__ if getattr(asked, name)]
    if len(given) != 1:
        raise InputError("person", msg("Say whose data: one of e-mail, customer, visitor or partner."))
    if asked.email:
        return _by_email(conn, asked.email)
    if asked.customer:
        return _by_customer(conn, _id("cus", asked.customer, "customer"))
    if asked.partner:
        return Person(partner=_partner(conn, _id("prt", asked.partner, "partner")))
    return _by_visitor(conn, (asked.visitor or "").removeprefix(VISITOR_PREFIX))


def _by_email(conn: Connection, email: str) -> Person:
    keys = email_keys(email)
    if keys is None:
        raise InputError("email", msg('"%(email)s" is not an e-mail address.', email=email[:100]))
    found = store.customers_with_mailbox(conn, keys.canonical)
    partner = partners.partner_by_email(conn, email.strip().lower())
    browsers = {each for customer in found for each in _browsers(conn, customer.program_id, customer.customer_id)}
    return Person(
        customers=tuple(found),
        browsers=frozenset(browsers),
        partner=partner,
        emails=frozenset({email.strip(), keys.raw_lower}),
    )


def _by_customer(conn: Connection, customer_id: str) -> Person:
    customer = conversions.get_customer(conn, customer_id)
    if customer is None:
        raise InputError("customer", msg("There is no such customer; look it up on a conversion's page."))
    return Person(customers=(customer,), browsers=frozenset(_browsers(conn, customer.program_id, customer_id)))


def _by_visitor(conn: Connection, visitor_id: str) -> Person:
    touched = clicks.list_clicks(conn, ClickFilter(livemode=True, visitor_id=visitor_id))
    touched += clicks.list_clicks(conn, ClickFilter(livemode=False, visitor_id=visitor_id))
    programs = store.programs_of_visitor(conn, visitor_id) | {click.program_id for click in touched}
    if not programs:
        raise InputError("visitor", msg("No click and no conversion of this visitor is stored."))
    return Person(browsers=frozenset(Browser(program_id, visitor_id) for program_id in programs))


def _browsers(conn: Connection, program_id: str, customer_id: str) -> set[Browser]:
    """Return the browsers a customer was seen with in verified reports; a claim ties nobody to anybody."""
    return {Browser(program_id, visitor_id) for visitor_id in clicks.visitors_of(conn, customer_id)}


def _partner(conn: Connection, partner_id: str) -> Partner:
    partner = partners.get_partner(conn, partner_id)
    if partner is None:
        raise InputError("partner", msg("There is no such partner; look it up in the list of partners."))
    return partner


def _id(prefix: str, text: str, field: str) -> str:
    try:
        return canonical_id(prefix, text)
    except IdError as error:
        raise InputError(field, msg("%(problem)s", problem=str(error))) from error
