"""Conversions, commissions and clicks as the API shows them (field names are the contract's)."""

from typing import Any

import msgspec
from sqlalchemy import Connection

from attribution.binding import partner_to_bind
from attribution.types import Credit
from ingest.conversions import ConversionKind, Trust
from tracker.cases import store as cases
from tracker.clicks.types import ClickRow
from tracker.conversions import journey_store, store
from tracker.conversions.types import ConversionRow, ConversionStatus, StoredDecision
from tracker.instants import show_instant
from tracker.ledger import store as ledger
from tracker.ledger.types import Commission, CommissionFilter, Status, TransferKind


class ShownConversion(msgspec.Struct, frozen=True, kw_only=True):
    """A lead, sale or refund; `amount` in minor units, instants ISO 8601 in UTC."""

    id: str
    kind: ConversionKind
    external_id: str
    status: ConversionStatus
    trust: Trust
    amount: int | None
    currency: str | None
    livemode: bool
    refund_of: str | None
    customer_id: str | None
    occurred_at: str
    received_at: str


class ShownCommission(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the ledger: an accrual, or a reversal with its negative amount.

    `remaining` is what reversals left of an accrual, `payable_on` a day in the program's time zone, `calculation` the
    numbers the amount came of.
    """

    id: str
    conversion_id: str
    partner_id: str
    enrollment_id: str
    kind: TransferKind
    reverses: str | None
    amount: int
    remaining: int
    currency: str
    status: Status
    payable_on: str | None
    reward_id: str
    calculation: dict[str, Any]
    livemode: bool
    created_at: str


class Winner(msgspec.Struct, frozen=True, kw_only=True):
    """Who gets credit: through which touch, with which weight ("1", "1/3"), for which part of the base."""

    partner: str
    touch: str | None
    weight: str
    amount: int


class Considered(msgspec.Struct, frozen=True, kw_only=True):
    """A touch that was looked at, and why it earned or did not."""

    touch: str | None
    partner: str | None
    verdict: str
    reason: str | None
    at: str | None


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """A level of the order in which evidence counts, and how it ended."""

    level: str
    outcome: str


class Window(msgspec.Struct, frozen=True, kw_only=True, rename={"from_": "from"}):
    """Between which instants a click counts."""

    from_: str
    to: str


class Previous(msgspec.Struct, frozen=True, kw_only=True):
    """The decision that stood before: whom it credited most, and why it stands no more."""

    decision: str
    partner: str | None
    cause: str
    decided_at: str


class ShownAttribution(msgspec.Struct, frozen=True, kw_only=True):
    """Whose merit a conversion is, and why; docs/attribution.md names the reasons.

    `run` is the run that computed it again, None for a decision made as facts came in.
    """

    decision: str
    model: str
    via: str | None
    window: Window
    settings_version: int
    commissionable: bool
    known_at: str
    winner: list[Winner]
    considered: list[Considered]
    precedence: list[Step]
    run: str | None
    previous: Previous | None


class ShownOutcome(ShownConversion, frozen=True, kw_only=True):
    """A conversion with everything that was decided about it; `case_id` where a person must look."""

    attribution: ShownAttribution | None
    commissions: list[ShownCommission]
    case_id: str | msgspec.UnsetType = msgspec.UNSET


class ShownClick(msgspec.Struct, frozen=True, kw_only=True):
    """A click; the address masked, the browser's id unchanged behind `clk_`."""

    id: str
    visitor_id: str | None
    enrollment_id: str
    source: str
    is_bot: bool
    ip: str | None
    country: str | None
    page_url: str | None
    http_referer: str | None
    livemode: bool
    occurred_at: str
    received_at: str


def show_conversion(row: ConversionRow) -> ShownConversion:
    """Return a conversion as lists show it."""
    return ShownConversion(**_fields(row))


def show_outcome(conn: Connection, conversion_id: str, *, now_ms: int) -> ShownOutcome:
    """Return a conversion with its attribution, commissions and case."""
    row = store.get_conversion(conn, conversion_id)
    if row is None:
        raise LookupError(conversion_id)
    decision = store.newest_decision(conn, conversion_id)
    covering = cases.cases_of_conversion(conn, conversion_id)
    return ShownOutcome(
        **_fields(row),
        attribution=None if decision is None else _attribution(conn, decision),
        commissions=[show_commission(each) for each in commissions_of(conn, row, now_ms=now_ms)],
        case_id=covering[0].case_id if covering else msgspec.UNSET,
    )


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


def show_commission(commission: Commission) -> ShownCommission:
    """Return a commission: an accrual, or a reversal with its negative amount."""
    line = commission.line
    return ShownCommission(
        id=line.transfer_id,
        conversion_id=line.conversion_id,
        partner_id=commission.partner_id,
        enrollment_id=line.enrollment_id,
        kind=line.kind,
        reverses=line.reverses_id,
        amount=line.amount_minor,
        remaining=commission.remaining_minor,
        currency=line.currency,
        status=commission.view.status,
        payable_on=commission.view.payable_on,
        reward_id=line.reward_id,
        calculation=line.calculation,
        livemode=line.livemode,
        created_at=show_instant(line.created_at_ms),
    )


def show_click(row: ClickRow) -> ShownClick:
    """Return a click; the address masked, the browser's id unchanged behind clk_."""
    return ShownClick(
        id=f"clk_{row.click_id}",
        visitor_id=f"vis_{row.visitor_id}" if row.visitor_id else None,
        enrollment_id=row.enrollment_id,
        source=row.source,
        is_bot=row.is_bot,
        ip=row.masked_ip,
        country=row.country,
        page_url=row.page_url,
        http_referer=row.http_referer,
        livemode=row.livemode,
        occurred_at=show_instant(row.occurred_at_ms),
        received_at=show_instant(row.received_at_ms),
    )


def _fields(row: ConversionRow) -> dict[str, Any]:
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


def _attribution(conn: Connection, decision: StoredDecision) -> ShownAttribution:
    explanation = decision.explanation
    window = explanation["window"]
    return ShownAttribution(
        decision=decision.decision_id,
        model=explanation["model"],
        via=explanation["via"],
        window=Window(from_=show_instant(window["from_ms"]), to=show_instant(window["to_ms"])),
        settings_version=explanation["settings_version"],
        commissionable=explanation["commissionable"],
        known_at=show_instant(explanation["known_at_ms"]),
        winner=[
            Winner(partner=each["partner"], touch=each["touch"], weight=each["weight"], amount=each["amount"])
            for each in explanation["winner"]
        ],
        considered=[
            Considered(
                touch=each["touch"],
                partner=each["partner"],
                verdict=each["verdict"],
                reason=each["reason"],
                at=None if each["at_ms"] is None else show_instant(each["at_ms"]),
            )
            for each in explanation["considered"]
        ],
        precedence=[Step(level=each["level"], outcome=each["outcome"]) for each in explanation["precedence"]],
        run=decision.run_id,
        previous=_previous(conn, decision),
    )


def _previous(conn: Connection, decision: StoredDecision) -> Previous | None:
    if decision.version == 1:
        return None
    before = journey_store.decision_numbered(conn, decision.conversion_id, decision.version - 1)
    if before is None:
        return None
    credited = [
        Credit(touch_id=each["touch"], partner_id=each["partner"], weight=each["weight"], amount_minor=each["amount"])
        for each in before.explanation["winner"]
    ]
    return Previous(
        decision=before.decision_id,
        partner=partner_to_bind(credited),
        cause=decision.cause,
        decided_at=show_instant(before.decided_at_ms),
    )
