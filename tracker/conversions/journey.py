"""Loading what attribution looks at: one conversion's touches, codes, partners and binding.

`process.py` calls it inside its transaction; nothing here decides. The engine's "partner" is the enrollment, because a
partner's standing belongs to the program.
"""

from collections.abc import Iterable, Mapping, Sequence

import msgspec
from sqlalchemy import Connection

from attribution.types import (
    Binding,
    CodeEntry,
    Conversion,
    Credit,
    Journey,
    PartnerStanding,
    Touch,
)
from tracker.clicks import store as clicks
from tracker.clicks.types import ClickRow
from tracker.conversions import store
from tracker.conversions.base import commission_base
from tracker.conversions.types import ConversionRow, StoredBinding, StoredCredit
from tracker.db.ids import IdError, canonical_id
from tracker.links import store as links
from tracker.partners import store as partners
from tracker.partners.types import PromoCode
from tracker.programs.types import Program


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """Everything known about one conversion when it is decided."""

    row: ConversionRow
    program: Program
    conversion: Conversion
    journey: Journey
    clicks: tuple[ClickRow, ...]


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """What was loaded of one conversion. Named: the browser's own id of the click that it names."""

    visitors: frozenset[str]
    touches: tuple[Touch, ...]
    named: str | None
    codes: tuple[CodeEntry, ...]
    inherited: tuple[Credit, ...] | None
    binding: Binding | None


def load_case(conn: Connection, row: ConversionRow, program: Program) -> Case:
    """Return what attribution needs for a lead or sale."""
    visitors = visitors_with(row, [] if row.customer_id is None else clicks.visitors_of(conn, row.customer_id))
    seen = clicks.clicks_of_visitors(conn, program_id=row.program_id, visitors=visitors)
    named = _named_click(conn, row)
    if named is not None and all(click.click_id != named.click_id for click in seen):
        seen.append(named)
    known = Known(
        visitors=frozenset(visitors),
        touches=tuple(_touch(click) for click in seen),
        named=None if named is None else named.click_id,
        codes=codes_of(links.codes_like(conn, sent_codes(row))),
        inherited=_inherited(conn, row),
        binding=_binding(conn, row),
    )
    histories = partners.histories_of(conn, sorted(concerned_by(known)))
    conversion, journey = assemble(row, program, known, histories=histories)
    return Case(row=row, program=program, conversion=conversion, journey=journey, clicks=tuple(seen))


def concerned_by(known: Known) -> set[str]:
    """Return the enrollments whose standing decides."""
    concerned = {touch.partner_id for touch in known.touches if touch.partner_id is not None}
    if known.codes:
        concerned.update(code.partner_id for code in known.codes)
    if known.inherited is not None:
        concerned.update(credit.partner_id for credit in known.inherited)
    if known.binding is not None:
        concerned.add(known.binding.partner_id)
    return concerned


def assemble(
    row: ConversionRow, program: Program, known: Known, *, histories: Mapping[str, Sequence[tuple[int, str]]]
) -> tuple[Conversion, Journey]:
    """Return what the engine looks at; pure. Histories: by enrollment, at least those that `concerned_by` names."""
    conversion = Conversion(
        conversion_id=row.conversion_id,
        kind="lead" if row.kind == "lead" else "sale",
        program_id=row.program_id,
        at_ms=row.occurred_at_ms,
        seq=row.seq,
        amount_minor=commission_base(row, program.settings),
        currency=row.currency or program.currency,
        visitor_id=row.visitor_id,
        customer_id=row.customer_id,
        click_id=row.click_id if known.named is None else known.named,
        coupon=row.promo_code,
        partner_code=row.partner_code,
        is_test=not row.livemode,
        inherited=known.inherited,
    )
    journey = Journey(
        touches=known.touches,
        visitors=known.visitors,
        codes=known.codes,
        partners=tuple(
            [
                PartnerStanding(partner_id=one, statuses=tuple(histories.get(one, ())))
                for one in sorted(concerned_by(known))
            ]
        ),
        binding=known.binding,
    )
    return conversion, journey


def visitors_with(row: ConversionRow, visitors: list[str]) -> list[str]:
    """Return a customer's visitors and the conversion's own."""
    return visitors + [one for one in browser_ids("vis", row.visitor_id) if one not in visitors]


def find_lead(conn: Connection, row: ConversionRow) -> ConversionRow | None:
    """Return the lead a conversion names, by our id or the shop's; None when there is none in its program and mode."""
    if row.lead_id is None:
        return None
    try:
        lead = store.get_conversion(conn, canonical_id("cnv", row.lead_id))
    except IdError:
        lead = None
    if lead is None:
        lead = store.find_conversion(
            conn, program_id=row.program_id, livemode=row.livemode, kind="lead", external_id=row.lead_id
        )
    if lead is None or (lead.program_id, lead.livemode, lead.kind) != (row.program_id, row.livemode, "lead"):
        return None
    return lead


def browser_ids(prefix: str, given: str | None) -> list[str]:
    """Return the ids a given one may stand for: the browser's own, or the shown form with its prefix.

    Browsers make these ids, so one may itself begin like a prefix; the literal reading comes first.
    """
    return [] if given is None else list(dict.fromkeys((given, given.removeprefix(f"{prefix}_") or given)))


def _named_click(conn: Connection, row: ConversionRow) -> ClickRow | None:
    for click_id in browser_ids("clk", row.click_id):
        click = clicks.find_click(conn, program_id=row.program_id, click_id=click_id)
        if click is not None:
            return click
    return None


def _touch(click: ClickRow) -> Touch:
    return Touch(
        touch_id=click.click_id,
        kind="click",
        partner_id=click.enrollment_id,
        program_id=click.program_id,
        visitor_id=click.visitor_id or None,
        at_ms=click.occurred_at_ms,
        seq=click.seq,
        is_test=not click.livemode,
        is_bot=click.is_bot,
    )


def sent_codes(row: ConversionRow) -> list[str]:
    """Return the codes a report named, as sent."""
    return [code for code in (row.promo_code, row.partner_code) if code]


def codes_of(found: Iterable[PromoCode]) -> tuple[CodeEntry, ...]:
    """Return stored codes as the engine knows them."""
    return tuple(
        CodeEntry(
            code=known.code,
            partner_id=known.enrollment_id,
            program_id=known.program_id,
            valid_to_ms=known.valid_to_ms,
        )
        for known in found
    )


def _inherited(conn: Connection, row: ConversionRow) -> tuple[Credit, ...] | None:
    lead = find_lead(conn, row)
    decision = None if lead is None else store.newest_decision(conn, lead.conversion_id)
    if lead is None or decision is None:
        return None
    return inherited_from(lead, status=decision.status, parts=store.credits_of(conn, decision.decision_id))


def inherited_from(lead: ConversionRow, *, status: str, parts: Iterable[StoredCredit]) -> tuple[Credit, ...] | None:
    """Return the credits a sale inherits of a lead, None when there are none. Status, parts: of its decision."""
    if status != "attributed" or lead.status == "rejected":
        return None
    return tuple(
        Credit(touch_id=part.touch, partner_id=part.enrollment_id, weight=part.weight, amount_minor=part.amount_minor)
        for part in parts
    )


def _binding(conn: Connection, row: ConversionRow) -> Binding | None:
    if row.customer_id is None:
        return None
    return binding_for(row, store.binding_of(conn, program_id=row.program_id, customer_id=row.customer_id))


def binding_for(row: ConversionRow, bound: StoredBinding | None) -> Binding | None:
    """Return the customer's binding, unless this very conversion made it or it was made by what happened later."""
    if bound is None or bound.conversion_id == row.conversion_id or bound.since_ms > row.occurred_at_ms:
        return None
    return Binding(partner_id=bound.enrollment_id, since_ms=bound.since_ms)
