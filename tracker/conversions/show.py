"""Conversions, commissions and clicks as the API shows them (field names are the contract's)."""

from typing import Any

from sqlalchemy import Connection

from tracker.cases import store as cases
from tracker.clicks.types import ClickRow
from tracker.conversions import store
from tracker.conversions.types import ConversionRow
from tracker.instants import show_instant
from tracker.ledger import store as ledger
from tracker.ledger.types import Commission, CommissionFilter


def show_conversion(row: ConversionRow) -> dict[str, Any]:
    """Return a conversion as lists show it."""
    return {
        "id": row.conversion_id,
        "kind": row.kind,
        "external_id": row.external_id,
        "status": row.status,
        "trust": row.trust,
        "amount": row.amount_minor,
        "currency": row.currency,
        "livemode": row.livemode,
        "refund_of": row.refund_of,
        "customer_id": row.customer_id,
        "occurred_at": show_instant(row.occurred_at_ms),
        "received_at": show_instant(row.received_at_ms),
    }


def show_outcome(conn: Connection, conversion_id: str, *, now_ms: int) -> dict[str, Any]:
    """Return a conversion with its attribution, commissions and case."""
    row = store.get_conversion(conn, conversion_id)
    if row is None:
        raise LookupError(conversion_id)
    shown = show_conversion(row)
    decision = store.newest_decision(conn, conversion_id)
    shown["attribution"] = None if decision is None else _attribution(decision.explanation)
    shown["commissions"] = [show_commission(each) for each in commissions_of(conn, row, now_ms=now_ms)]
    covering = cases.cases_of_conversion(conn, conversion_id)
    if covering:
        shown["case_id"] = covering[0].case_id
    return shown


def commissions_of(conn: Connection, row: ConversionRow, *, now_ms: int) -> list[Commission]:
    """Return the ledger lines of a lead or sale; for a refund, the lines it took back."""
    if row.kind != "refund":
        chosen = CommissionFilter(livemode=row.livemode, conversion_id=row.conversion_id)
        return list(reversed(ledger.commissions(conn, chosen, now_ms=now_ms)))
    sale = store.find_conversion(
        conn, program_id=row.program_id, livemode=row.livemode, kind="sale", external_id=row.refund_of or ""
    )
    if sale is None:
        return []
    chosen = CommissionFilter(livemode=row.livemode, conversion_id=sale.conversion_id)
    cause = f"refund:{row.conversion_id}"
    return [each for each in reversed(ledger.commissions(conn, chosen, now_ms=now_ms)) if each.line.cause == cause]


def show_commission(commission: Commission) -> dict[str, Any]:
    """Return a commission: an accrual, or a reversal with its negative amount."""
    line = commission.line
    return {
        "id": line.transfer_id,
        "conversion_id": line.conversion_id,
        "partner_id": commission.partner_id,
        "enrollment_id": line.enrollment_id,
        "kind": line.kind,
        "reverses": line.reverses_id,
        "amount": line.amount_minor,
        "remaining": commission.remaining_minor,
        "currency": line.currency,
        "status": commission.view.status,
        "payable_on": commission.view.payable_on,
        "reward_id": line.reward_id,
        "calculation": line.calculation,
        "livemode": line.livemode,
        "created_at": show_instant(line.created_at_ms),
    }


def show_click(row: ClickRow) -> dict[str, Any]:
    """Return a click; the address masked, the browser's id unchanged behind clk_."""
    return {
        "id": f"clk_{row.click_id}",
        "visitor_id": f"vis_{row.visitor_id}" if row.visitor_id else None,
        "enrollment_id": row.enrollment_id,
        "source": row.source,
        "is_bot": row.is_bot,
        "ip": row.masked_ip,
        "country": row.country,
        "page_url": row.page_url,
        "http_referer": row.http_referer,
        "livemode": row.livemode,
        "occurred_at": show_instant(row.occurred_at_ms),
        "received_at": show_instant(row.received_at_ms),
    }


def _attribution(explanation: dict[str, Any]) -> dict[str, Any]:
    shown: dict[str, Any] = dict(explanation)
    shown["winner"] = [
        {name: credit[name] for name in ("partner", "touch", "weight", "amount")} for credit in explanation["winner"]
    ]
    window = shown.pop("window")
    shown["window"] = {"from": show_instant(window["from_ms"]), "to": show_instant(window["to_ms"])}
    shown["known_at"] = show_instant(shown.pop("known_at_ms"))
    shown["considered"] = [
        {
            "touch": each["touch"],
            "partner": each["partner"],
            "verdict": each["verdict"],
            "reason": each["reason"],
            "at": None if each["at_ms"] is None else show_instant(each["at_ms"]),
        }
        for each in explanation["considered"]
    ]
    return shown
