"""What a refund may take back: the sale it names, and how much of that sale is left.

The doors of refunds (API, postbacks) ask before they record one; a refund that comes before its sale waits for it.
"""

import msgspec
from sqlalchemy import Connection

from ingest.conversions import ConversionReport
from ingest.problems import FieldError, invalid
from tracker.conversions import store
from tracker.conversions.types import ConversionRow
from tracker.db.ids import IdError, canonical_id


def complete_refund(conn: Connection, report: ConversionReport) -> ConversionReport:
    """Return a refund with the shop's own number of its sale and, where it names no amount, all that is left.

    As it is while there is no verified sale. Raises ProblemError 422 for what the sale contradicts.
    """
    sale = find_refunded_sale(conn, report)
    if sale is None:
        return report
    report = msgspec.structs.replace(report, refund_of=sale.external_id)
    if sale.trust != "verified":
        return report
    left = _left_of(conn, sale, without=report.external_id)
    if report.amount is None:
        return msgspec.structs.replace(report, amount=left, currency=sale.currency)
    if sale.currency != report.currency:
        raise invalid(
            FieldError(field="currency", message=f"The sale was in {sale.currency}; refund it in the same currency.")
        )
    if report.amount > left:
        raise invalid(
            FieldError(field="amount", message=f"{report.amount} is more than the {left} left of the sale; send less.")
        )
    return report


def find_refunded_sale(conn: Connection, report: ConversionReport) -> ConversionRow | None:
    """Return the sale a refund names by the shop's number or by our id."""
    named = report.refund_of or ""
    sale = store.find_conversion(
        conn, program_id=report.program_id, livemode=report.livemode, kind="sale", external_id=named
    )
    if sale is not None:
        return sale
    try:
        sale = store.get_conversion(conn, canonical_id("cnv", named))
    except IdError:
        return None
    if sale is None or (sale.program_id, sale.livemode, sale.kind) != (report.program_id, report.livemode, "sale"):
        return None
    return sale


def _left_of(conn: Connection, sale: ConversionRow, *, without: str) -> int:
    """Return how much of a sale no other refund takes back, in minor units; never below 0."""
    given_back = sum(
        refund.amount_minor or 0
        for refund in store.refunds_of(conn, sale)
        # One in another currency came before its sale and was rejected with it.
        if refund.external_id != without and refund.currency == sale.currency
    )
    return max(0, (sale.amount_minor or 0) - given_back)
