"""Queries of what is said about a case beside verdicts: partners' messages, and verdicts that wait for a second person.

The review and the partner's page write through it inside their transactions; nothing here is ever changed.
"""

from sqlalchemy import Connection, insert, select

from tracker.cases.tables import cases, partner_messages, verdict_proposals
from tracker.cases.types import CaseRow, PartnerMessage, ProposalRow
from tracker.db.rows import as_struct, fields_of

SHOWN_MAX = 100  # messages of one case; a case has at most one appeal, and one answer a question
CASES_MAX = 20  # cases of one enrollment its partner sees, the newest


def insert_message(conn: Connection, message: PartnerMessage) -> None:
    """Store what a partner wrote."""
    conn.execute(insert(partner_messages), fields_of(message))


def messages_of(conn: Connection, case_id: str) -> list[PartnerMessage]:
    """Return what the partner wrote about a case, oldest first."""
    query = (
        select(partner_messages)
        .where(partner_messages.c.case_id == case_id)
        .order_by(partner_messages.c.at_ms, partner_messages.c.message_id)
        .limit(SHOWN_MAX)
    )
    return [as_struct(PartnerMessage, row) for row in conn.execute(query)]


def insert_proposal(conn: Connection, proposal: ProposalRow) -> None:
    """Store a verdict that waits for a second person."""
    conn.execute(insert(verdict_proposals), fields_of(proposal))


def proposal_row(conn: Connection, proposal_id: str) -> ProposalRow | None:
    """Return one proposed verdict, or None."""
    row = conn.execute(select(verdict_proposals).where(verdict_proposals.c.proposal_id == proposal_id)).first()
    return None if row is None else as_struct(ProposalRow, row)


def newest_cases_of(conn: Connection, enrollment_id: str, *, livemode: bool) -> list[CaseRow]:
    """Return the newest cases about an enrollment in one mode, undecided ones first."""
    query = (
        select(cases)
        .where(cases.c.enrollment_id == enrollment_id, cases.c.livemode == livemode)
        .order_by(cases.c.status == "decided", cases.c.case_id.desc())
        .limit(CASES_MAX)
    )
    return [as_struct(CaseRow, row) for row in conn.execute(query)]
