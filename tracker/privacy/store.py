"""Queries of the address keys' epochs, and of what is stored about one person."""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, Row, and_, delete, insert, or_, select, type_coerce

from tracker.cases.tables import case_conversions, cases, findings, verdicts
from tracker.clicks.tables import identity_links
from tracker.conversions.tables import bindings, conversions, customers
from tracker.conversions.types import ConversionRow, Customer
from tracker.db.columns import Str
from tracker.db.rows import as_struct, fields_of
from tracker.partners.tables import partner_logins
from tracker.privacy.epochs import StoredEpoch
from tracker.privacy.tables import address_epochs
from tracker.privacy.types import Browser

EPOCHS_MAX = 100  # rows; three are usual
ROWS_MAX = 10_000  # rows of one kind about one person; more are several persons
CHUNK = 500  # values in one statement


def load_epochs(conn: Connection) -> tuple[StoredEpoch, ...]:
    """Return the epochs in order."""
    query = select(address_epochs).order_by(address_epochs.c.starts_at_ms).limit(EPOCHS_MAX)
    return tuple(as_struct(StoredEpoch, row) for row in conn.execute(query))


def replace_epochs(conn: Connection, known: Sequence[StoredEpoch], planned: Sequence[StoredEpoch]) -> None:
    """Store the new epochs and delete those that are over."""
    for epoch in known:
        if epoch not in planned:
            conn.execute(delete(address_epochs).where(address_epochs.c.starts_at_ms == epoch.starts_at_ms))
    for epoch in planned:
        if epoch not in known:
            conn.execute(insert(address_epochs).values(**fields_of(epoch)))


def customers_with_mailbox(conn: Connection, canonical: str) -> list[Customer]:
    """Return the customers of every program and mode with a mailbox."""
    query = select(customers).where(customers.c.email_canonical == canonical).order_by(customers.c.customer_id)
    return [as_struct(Customer, row) for row in conn.execute(query.limit(ROWS_MAX))]


def programs_of_visitor(conn: Connection, visitor_id: str) -> set[str]:
    """Return the programs that a browser reported conversions in or was tied to a customer in."""
    found = {
        *conn.execute(select(conversions.c.program_id).where(conversions.c.visitor_id == visitor_id)).scalars(),
        *conn.execute(select(identity_links.c.program_id).where(identity_links.c.visitor_id == visitor_id)).scalars(),
    }
    return {str(program_id) for program_id in found}


def conversions_of_person(
    conn: Connection, *, customer_ids: Iterable[str], browsers: Iterable[Browser], digests: Iterable[str]
) -> list[ConversionRow]:
    """Return conversions of customers, and those that name no customer but one of the browsers or mailbox digests."""
    own = conversions.c.customer_id.in_(sorted(customer_ids))
    nameless = conversions.c.customer_id.is_(None)
    # Read as text: no index can find a digest in a report, and nobody but an export or erasure asks.
    report = type_coerce(conversions.c.report, Str)
    conditions = [own, *(and_(nameless, report.contains(digest)) for digest in sorted(digests))]
    for browser in sorted(browsers):
        seen = and_(
            conversions.c.program_id == browser.program_id, conversions.c.visitor_id == browser.visitor_id, nameless
        )
        conditions.append(seen)
    query = select(conversions).where(or_(*conditions)).order_by(conversions.c.seq).limit(ROWS_MAX)
    return [as_struct(ConversionRow, row) for row in conn.execute(query)]


def conversions_of_browsers(conn: Connection, browsers: Iterable[Browser]) -> list[ConversionRow]:
    """Return every conversion that one of the browsers reported, whoever the customer is."""
    found: list[ConversionRow] = []
    for browser in sorted(browsers):
        query = (
            select(conversions)
            .where(conversions.c.program_id == browser.program_id, conversions.c.visitor_id == browser.visitor_id)
            .order_by(conversions.c.seq)
            .limit(ROWS_MAX)
        )
        found += [as_struct(ConversionRow, row) for row in conn.execute(query)]
    return found


def bindings_of(conn: Connection, customer_ids: Iterable[str]) -> list[Row[Any]]:
    """Return (program_id, since_ms) of the customers' bindings."""
    query = select(bindings.c.program_id, bindings.c.since_ms).where(bindings.c.customer_id.in_(sorted(customer_ids)))
    return list(conn.execute(query.order_by(bindings.c.program_id, bindings.c.customer_id).limit(ROWS_MAX)))


def findings_about(conn: Connection, conversion_ids: Sequence[str]) -> list[Row[Any]]:
    """Return the findings on conversions, oldest first."""
    found: list[Row[Any]] = []
    for chunk in chunks(conversion_ids):
        query = select(findings).where(findings.c.conversion_id.in_(chunk))
        found += conn.execute(query.order_by(findings.c.created_at_ms, findings.c.finding_id)).all()
    return found


def cases_about(conn: Connection, conversion_ids: Sequence[str]) -> list[Row[Any]]:
    """Return the cases that cover conversions, oldest first."""
    found: dict[str, Row[Any]] = {}
    for chunk in chunks(conversion_ids):
        query = (
            select(cases)
            .join(case_conversions, case_conversions.c.case_id == cases.c.case_id)
            .where(case_conversions.c.conversion_id.in_(chunk))
            .order_by(cases.c.opened_at_ms, cases.c.case_id)
        )
        found |= {row.case_id: row for row in conn.execute(query)}
    return list(found.values())


def cases_of_enrollments(conn: Connection, enrollment_ids: Sequence[str]) -> list[Row[Any]]:
    """Return the cases of enrollments, oldest first."""
    query = select(cases).where(cases.c.enrollment_id.in_(list(enrollment_ids)))
    return list(conn.execute(query.order_by(cases.c.opened_at_ms, cases.c.case_id).limit(ROWS_MAX)))


def verdicts_of(conn: Connection, case_ids: Sequence[str]) -> list[Row[Any]]:
    """Return the verdicts of cases, oldest first."""
    found: list[Row[Any]] = []
    for chunk in chunks(case_ids):
        query = select(verdicts).where(verdicts.c.case_id.in_(chunk))
        found += conn.execute(query.order_by(verdicts.c.at_ms, verdicts.c.verdict_id)).all()
    return found


def logins_of(conn: Connection, partner_id: str) -> list[Row[Any]]:
    """Return a partner's sign-ins, newest first."""
    query = select(partner_logins).where(partner_logins.c.partner_id == partner_id)
    return list(
        conn.execute(query.order_by(partner_logins.c.at_ms.desc(), partner_logins.c.seq.desc()).limit(ROWS_MAX))
    )


def chunks(values: Sequence[str]) -> list[list[str]]:
    """Return values in parts that fit one statement."""
    return [list(values[start : start + CHUNK]) for start in range(0, len(values), CHUNK)]
