"""Facts that arrive after a conversion was decided: what they concern is decided again.

A click that waited in a browser's queue, a lead reported after its sale, a browser recognised as a customer only later:
within a day the end is the same as if they had come in order. New terms and a partner's new status concern only what
happened since they count. Re-deciding equal facts changes nothing, so asking once too often does no harm.
"""

from collections.abc import Iterable, Sequence

import msgspec
from sqlalchemy import Connection

from tracker.conversions import late_store
from tracker.conversions.late_store import SeenClick
from tracker.conversions.types import ConversionRow
from tracker.instants import DAY_MS
from tracker.jobs import store as jobs

LATE_MS = DAY_MS  # facts that come later than this after a conversion change nothing by themselves
DECIDE = "decide_conversion"  # the job every stored conversion waits for
REVISIT = "revisit_conversions"  # the job that looks up what a change of terms concerns; its subject says which
# Test objects live by a clock of their own, which runs ahead of the worker's.
AT_ONCE = 0


def after_clicks(conn: Connection, rows: Sequence[SeenClick]) -> None:
    """Decide again what newly projected clicks concern. Call it in the transaction that stores them."""
    if rows:
        since_ms = min(row.received_at_ms for row in rows) - LATE_MS
        _decide_again(conn, late_store.concerned_by_clicks(conn, rows, since_ms=since_ms), cause="late_click")


def after_identity(conn: Connection, row: ConversionRow) -> None:
    """Decide again the customer's other conversions: a browser of theirs has become known, or their partner."""
    concerned = late_store.of_customer(conn, row, since_ms=row.received_at_ms - LATE_MS)
    _decide_again(conn, concerned, cause=f"customer:{row.conversion_id}")


def after_lead(conn: Connection, lead: ConversionRow) -> None:
    """Decide again the sales that name a lead, once it is decided itself."""
    concerned = late_store.naming_lead(conn, lead, since_ms=lead.received_at_ms - LATE_MS)
    _decide_again(conn, concerned, cause=f"lead:{lead.conversion_id}")


def after_terms(conn: Connection, program_id: str, *, effective_from_ms: int, cause: str) -> None:
    """Decide again what happened in a program since an instant: its terms or a partner's status changed then.

    Conversions may be reported some minutes ahead of our clock, and test objects live ahead of it.
    """
    _revisit(conn, Revisit(program_id=program_id, since_ms=effective_from_ms), cause=cause)


def after_code(conn: Connection, program_id: str, *, code: str, now_ms: int, cause: str) -> None:
    """Decide again what named a code within the last day: the shop may have given it out before we knew it."""
    _revisit(conn, Revisit(program_id=program_id, since_ms=now_ms - LATE_MS, code=code), cause=cause)


def revisit(conn: Connection, subject_id: str) -> None:
    """Do a job of kind REVISIT: ask for the next piece of what it concerns, and for itself again where more may be."""
    waiting = jobs.waiting(conn, kind=REVISIT, subject_id=subject_id)
    if waiting is None:
        return
    jobs.finish(conn, kind=REVISIT, subject_id=subject_id)
    asked = msgspec.json.decode(subject_id, type=Revisit)
    found = late_store.happened_since(conn, asked.program_id, since_ms=asked.since_ms, after_seq=asked.after_seq)
    concerned = [row.conversion_id for row in found if asked.code is None or asked.code in row.codes]
    cause = waiting.cause or "terms"
    _decide_again(conn, concerned, cause=cause)
    if len(found) == late_store.FOUND_MAX:
        _revisit(conn, msgspec.structs.replace(asked, after_seq=found[-1].seq), cause=cause)


class Revisit(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a job of kind REVISIT looks at; its JSON is the job's subject, so that asking twice is asking once."""

    program_id: str
    since_ms: int
    code: str | None = None
    after_seq: int = 0


def _revisit(conn: Connection, asked: Revisit, *, cause: str) -> None:
    subject_id = msgspec.json.encode(asked).decode()
    jobs.enqueue(conn, kind=REVISIT, subject_id=subject_id, run_at_ms=AT_ONCE, cause=cause)


def _decide_again(conn: Connection, conversion_ids: Iterable[str], *, cause: str) -> None:
    for conversion_id in conversion_ids:
        jobs.enqueue(conn, kind=DECIDE, subject_id=conversion_id, run_at_ms=AT_ONCE, cause=cause)
