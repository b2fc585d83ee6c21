"""One person's whole way as far as it is recorded: clicks, recognitions, reports, decisions, binding; reads only.

The page of a journey calls it. What became of each click stands in the explanations of the decisions; nothing is
decided here.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple

from sqlalchemy import Connection

from tracker.clicks import store as clicks
from tracker.clicks.touches import TOUCHES_MAX
from tracker.clicks.types import ClickRow
from tracker.conversions import journey_store, store
from tracker.conversions.journey import browser_ids
from tracker.conversions.types import ConversionRow, StoredBinding, StoredDecision

MOMENTS_MAX = 300  # moments told, the newest; longer stories nobody reads


class ClickMoment(NamedTuple):
    """A click of one of the person's browsers."""

    at_ms: int
    click: ClickRow
    kind: Literal["click"] = "click"


class KnownMoment(NamedTuple):
    """A browser was recognised as the customer's."""

    at_ms: int
    visitor_id: str
    kind: Literal["known"] = "known"


class ReportMoment(NamedTuple):
    """A lead, sale or refund happened."""

    at_ms: int
    row: ConversionRow
    kind: Literal["report"] = "report"


class DecisionMoment(NamedTuple):
    """Whose merit a conversion is was decided; `previous` is the decision that stood until then."""

    at_ms: int
    row: ConversionRow
    decision: StoredDecision
    previous: StoredDecision | None
    kind: Literal["decision"] = "decision"


class BindingMoment(NamedTuple):
    """The customer was bound to a partner."""

    at_ms: int
    binding: StoredBinding
    kind: Literal["binding"] = "binding"


Moment = ClickMoment | KnownMoment | ReportMoment | DecisionMoment | BindingMoment

# Of one instant, causes stand before what they caused.
_ORDER = {"click": 0, "known": 1, "report": 2, "decision": 3, "binding": 4}


class Timeline(NamedTuple):
    """A person's moments, oldest first; `is_cut` when earlier or middle ones are left out.

    Newest: the decision that counts about each conversion, by its id.
    """

    moments: list[Moment]
    is_cut: bool
    newest: dict[str, StoredDecision]


def load_timeline(conn: Connection, row: ConversionRow) -> Timeline:
    """Return the way of the person behind a lead or sale.

    A named customer's conversions and browsers; without one, those of the conversion's own browser.
    """
    links = [] if row.customer_id is None else clicks.links_of(conn, row.customer_id)
    reports = _reports(conn, row)
    seen = _clicks(conn, reports, [visitor for visitor, _ in links])
    earning = [each for each in reports if each.kind != "refund"]
    decided = journey_store.decisions_of(conn, [each.conversion_id for each in earning])
    bound = None
    if row.customer_id is not None:
        bound = store.binding_of(conn, program_id=row.program_id, customer_id=row.customer_id)
    moments: list[Moment] = [
        *(ClickMoment(click.occurred_at_ms, click) for click in seen),
        *(KnownMoment(at_ms, visitor) for visitor, at_ms in links),
        *(ReportMoment(each.occurred_at_ms, each) for each in reports),
        *_decision_moments(earning, decided),
        *([] if bound is None else [BindingMoment(bound.since_ms, bound)]),
    ]
    moments.sort(key=lambda moment: (moment.at_ms, _ORDER[moment.kind]))
    newest: dict[str, StoredDecision] = {}
    for decision in decided:
        known = newest.setdefault(decision.conversion_id, decision)
        if known.version < decision.version:
            newest[decision.conversion_id] = decision
    is_cut = (
        len(moments) > MOMENTS_MAX
        or len(seen) >= TOUCHES_MAX
        or len(decided) >= journey_store.DECISIONS_MAX
        or len(reports) >= journey_store.REPORTS_MAX
    )
    return Timeline(moments[-MOMENTS_MAX:], is_cut, newest)


def _reports(conn: Connection, row: ConversionRow) -> list[ConversionRow]:
    """Return everything reported of the person, the conversion itself included."""
    if row.customer_id is not None:
        found = journey_store.reports_of_customer(conn, row.customer_id)
    elif row.visitor_id is not None:
        # A report may name a browser with or without the prefix.
        bare = browser_ids("vis", row.visitor_id)
        spellings = list(dict.fromkeys([*bare, *(f"vis_{each}" for each in bare)]))
        found = journey_store.reports_of_visitors(conn, spellings, program_id=row.program_id, livemode=row.livemode)
        found = [each for each in found if each.customer_id is None]
    else:
        found = [row]
    if all(each.conversion_id != row.conversion_id for each in found):
        found.append(row)
    known = {each.conversion_id for each in found}
    refunds = journey_store.refunds_of_sales(conn, [each for each in found if each.kind == "sale"])
    return found + [each for each in refunds if each.conversion_id not in known]


def _clicks(conn: Connection, reports: Sequence[ConversionRow], linked: Sequence[str]) -> list[ClickRow]:
    """Return the clicks of the person's browsers and those that reports name."""
    visitors = dict.fromkeys([*linked, *(one for each in reports for one in browser_ids("vis", each.visitor_id))])
    program_id = reports[0].program_id
    seen = clicks.clicks_of_visitors(conn, program_id=program_id, visitors=list(visitors))
    known = {click.click_id for click in seen}
    for click_id in dict.fromkeys(one for each in reports for one in browser_ids("clk", each.click_id)):
        if click_id not in known:
            named = clicks.find_click(conn, program_id=program_id, click_id=click_id)
            seen += [] if named is None else [named]
    return seen


def _decision_moments(reports: Sequence[ConversionRow], decided: Sequence[StoredDecision]) -> list[DecisionMoment]:
    rows = {row.conversion_id: row for row in reports}
    numbered = {(each.conversion_id, each.version): each for each in decided}
    return [
        DecisionMoment(
            each.decided_at_ms,
            rows[each.conversion_id],
            each,
            numbered.get((each.conversion_id, each.version - 1)),
        )
        # Of one instant, in the order of versions.
        for each in sorted(decided, key=lambda each: each.version)
    ]
