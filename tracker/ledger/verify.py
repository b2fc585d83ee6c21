"""Verification of the whole ledger: every row is read once and held against every law.

`molva ledger verify`, backups and tests call `verify_ledger`. It reads one snapshot and changes nothing; the laws are
in `verification/check.py`.
"""

from sqlalchemy import Connection

from tracker.db.database import Database
from tracker.ledger.verification.check import LedgerCheck
from tracker.ledger.verification.store import all_holds, all_transfers, stored_totals
from tracker.ledger.verification.types import VerifyReport


async def verify_ledger(db: Database) -> VerifyReport:
    """Return whether every law holds, what was counted, and each problem with the first row that shows it."""
    return await db.read(verify)


def verify(conn: Connection) -> VerifyReport:
    """Do what `verify_ledger` does inside a transaction at hand."""
    check = LedgerCheck()
    for transfer in all_transfers(conn):
        check.see_transfer(transfer)
    for hold in all_holds(conn):
        check.see_hold(hold)
    totals = stored_totals(conn)
    check.finish(totals)
    return VerifyReport(
        ok=not check.problems,
        transactions=check.seen,
        entries=totals.entries,
        problems=tuple(check.problems),
    )
