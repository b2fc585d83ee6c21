"""Recording what other trackers report: leads, sales, and sales they take back.

The sink calls it in one write transaction; `ingest.postbacks` has read and checked the fields.
"""

from sqlalchemy import Connection

from ingest.conversions import ConversionReport
from ingest.directory import PostbackOutcome
from ingest.problems import FieldError, invalid
from tracker.clicks.project import Enricher
from tracker.conversions import store
from tracker.conversions.record import record
from tracker.conversions.refunds import complete_refund


def record_postback(conn: Connection, report: ConversionReport, enricher: Enricher) -> PostbackOutcome:
    """Store a postback once and say what became of it; raises ProblemError 422 for a refund that cannot be taken.

    The same click, transaction and status again changes nothing, whatever amount it names.
    """
    known = store.find_conversion(
        conn,
        program_id=report.program_id,
        livemode=report.livemode,
        kind=report.kind,
        external_id=report.external_id,
    )
    if known is not None and known.trust == "verified" and known.request_digest == report.request_digest:
        told = (report.amount, report.currency)
        is_changed = report.amount is not None and told != (known.amount_minor, known.currency)
        return PostbackOutcome(conversion_id=known.conversion_id, is_changed=is_changed)
    if report.kind == "refund":
        report = complete_refund(conn, report)
        if report.amount is None:
            raise invalid(FieldError(field="txid", message=_unknown_sale(conn, report)), code="unknown_sale")
    outcome = record(conn, report, agent=None, enricher=enricher)
    return PostbackOutcome(conversion_id=outcome.conversion_id, is_conflict=outcome.status == "conflict")


def _unknown_sale(conn: Connection, report: ConversionReport) -> str:
    """Return why nothing can be taken back, and what to do."""
    number = report.refund_of or ""
    lead = store.find_conversion(
        conn, program_id=report.program_id, livemode=report.livemode, kind="lead", external_id=number
    )
    if lead is not None:
        return f'"{number}" is a lead; a sale of it can be taken back, a lead is rejected by a person in its case.'
    return f'There is no verified sale "{number}" to take back; report the sale first, then send this again.'
