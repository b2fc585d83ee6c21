"""Loading the facts fraud rules ask for about one conversion and one credited partner.

A rule declares what it needs; only those sections are loaded, each by an index and each limited. Nothing here judges.
"""

from collections.abc import Callable, Iterable
from typing import Any

import msgspec
from sqlalchemy import Connection

from fraud_rules.types import Facts
from tracker.fraud.facts import forgeries, partner, people, places
from tracker.fraud.facts.pace import partner_pace
from tracker.fraud.facts.subject import Asked, load_subject


def load_facts(conn: Connection, asked: Asked, *, region: str | None, needs: Iterable[str]) -> Facts:
    """Return the subject and the sections named in `needs` (the fields of Facts).

    Region: the country whose national phone numbers the program's people type.
    """
    row = asked.row
    customer = None if row.customer_id is None else people.customer_of(conn, row.customer_id)
    subject = load_subject(conn, asked, customer, mailbox=people.mailbox_of(conn, customer))
    person = None if asked.enrollment_id is None else partner.person_of(conn, asked.enrollment_id)
    loaders: dict[str, Callable[[], Any]] = {
        "partner_identity": lambda: partner.identity(asked, person, region=region),
        "partner_logins": lambda: partner.logins(conn, row, person),
        "same_person_leads": lambda: people.same_person_leads(conn, row, customer, mailbox=subject.email_key),
        "host_leads": lambda: places.host_leads(conn, asked),
        "host_history": lambda: places.host_history(conn, asked),
        "program_timing": lambda: partner.timing(conn, row),
        "same_phone_leads": lambda: people.same_phone_leads(conn, row, customer),
        "device_leads": lambda: places.device_leads(conn, row),
        "payment_uses": lambda: places.payment_uses(conn, row, person=subject.person_key),
        "device_past": lambda: places.device_past(conn, asked),
        "customer_past": lambda: places.customer_past(
            asked, subject, first_conversion_at_ms=people.first_conversion_at(conn, row, customer)
        ),
        "partner_pace": lambda: partner_pace(conn, asked),
        "code_use": lambda: partner.code_use(conn, asked),
        "forgeries": lambda: forgeries.forgeries(conn, asked),
        "domain_people": lambda: people.domain_people(conn, customer),
        "name_share_ppm": lambda: people.name_share_ppm(conn, customer),
    }
    sections = {name: loaders[name]() for name in sorted(needs)}
    return msgspec.structs.replace(Facts(subject=subject), **sections)
