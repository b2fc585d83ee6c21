"""Deciding a recorded conversion: load → decide → save, in one transaction.

The worker and a waiting request call `process_conversion`. Attribution comes first, because the facts fraud rules need
depend on who is credited; then rewards, the ledger and the cases. Doing it twice changes nothing: the job is struck off
in the same transaction, and equal inputs make no new decision.
"""

import hashlib
from typing import Any

import msgspec
import structlog
from sqlalchemy import Connection

from attribution.binding import partner_to_bind
from attribution.engine import ENGINE_VERSION, attribute
from attribution.types import Decision
from fraud_rules.engine import judge
from tracker.audit import store as audit
from tracker.cases.opening import freeze_new_lines, open_cases_for, standing_for
from tracker.clicks.types import ClickRow
from tracker.conversions import late_store, store
from tracker.conversions.base import refunded_total
from tracker.conversions.binding import next_binding
from tracker.conversions.booking import booked_refunds, credited_by, transfers_to_book
from tracker.conversions.decide import refund_status, status_of
from tracker.conversions.explain import explain
from tracker.conversions.journey import Case, find_lead, load_case
from tracker.conversions.late import DECIDE, after_identity, after_lead
from tracker.conversions.types import ConversionRow, StoredCredit, StoredDecision
from tracker.db.ids import new_id
from tracker.fraud import failures
from tracker.fraud.allow.store import entries_in_force
from tracker.fraud.facts.load import load_facts
from tracker.fraud.facts.subject import Asked
from tracker.fraud.lessons.store import scales_for
from tracker.fraud.rules import configs_for, needed_facts, rules_in_force
from tracker.i18n.messages import mark
from tracker.jobs import store as jobs
from tracker.ledger import store as ledger
from tracker.ledger.types import NewTransfer, Occasion, PublicText
from tracker.partners import store as partners
from tracker.programs import store as programs
from tracker.programs.regions import region_of
from tracker.programs.types import Program
from tracker.rewards.calculate import RewardedCredit
from tracker.services import Services

ACTOR = "system:conversions"
BROUGHT = mark("Commission for a conversion you brought.")
COMPUTED_AGAIN = mark("Whose merit conversions are was computed again with everything known.")
JUDGED_MAX = 5  # credited partners of one conversion that are judged; more share cents

log = structlog.get_logger()


async def process_conversion(services: Services, conversion_id: str) -> None:
    """Decide one recorded conversion, unless that was done; clicks acknowledged before it count."""
    await services.project()
    now_ms = services.now_ms()
    await services.db.write(lambda conn: process(conn, conversion_id, now_ms=now_ms))


def process(conn: Connection, conversion_id: str, *, now_ms: int) -> None:
    """Do what `process_conversion` does inside a transaction at hand."""
    waiting = jobs.waiting(conn, kind=DECIDE, subject_id=conversion_id)
    if waiting is None:
        return
    # Struck off first: a sale that names a lead that names the sale must end somewhere.
    jobs.finish(conn, kind=DECIDE, subject_id=conversion_id)
    row = store.get_conversion(conn, conversion_id)
    if row is None:
        return
    program = programs.program_as_of(conn, row.program_id, row.occurred_at_ms)
    if program is None:
        raise LookupError(f"Conversion {conversion_id} belongs to the unknown program {row.program_id}.")
    at_ms = now_ms if row.livemode else now_ms + programs.test_offset_ms(conn, row.program_id)
    if row.kind == "refund":
        _process_refund(conn, row, now_ms=now_ms, at_ms=at_ms)
        return
    lead = find_lead(conn, row)
    if lead is not None:
        process(conn, lead.conversion_id, now_ms=now_ms)
    _process_earning(conn, row, program, at_ms=at_ms, why=Why(cause=waiting.cause))
    if row.kind == "lead":
        after_lead(conn, row)
    for refund in store.refunds_of(conn, row) if row.kind == "sale" else []:
        if refund.status == "received":
            jobs.enqueue(conn, kind=DECIDE, subject_id=refund.conversion_id, run_at_ms=now_ms)


class Why(msgspec.Struct, frozen=True, kw_only=True):
    """What asked for a decision: a fact that came in, or a run; neither for the report itself."""

    cause: str | None = None
    run_id: str | None = None


def decide_in_run(conn: Connection, conversion_id: str, *, run_id: str, now_ms: int) -> StoredDecision | None:
    """Decide a lead or sale again with everything known, as a late fact does; return the decision that counts now.

    None for a conversion that is gone, waits for its first decision, or is a refund.
    """
    row = store.get_conversion(conn, conversion_id)
    if row is None or row.kind == "refund" or row.status == "received":
        return None
    program = programs.program_as_of(conn, row.program_id, row.occurred_at_ms)
    if program is None:
        return None
    at_ms = now_ms if row.livemode else now_ms + programs.test_offset_ms(conn, row.program_id)
    decision = _process_earning(conn, row, program, at_ms=at_ms, why=Why(cause=f"run:{run_id}", run_id=run_id))
    if row.kind == "lead":
        after_lead(conn, row)
    return decision


def _process_earning(conn: Connection, row: ConversionRow, program: Program, *, at_ms: int, why: Why) -> StoredDecision:
    """Decide a lead or sale: whose merit, what it earns, whether a person must look."""
    case = load_case(conn, row, program)
    decision = attribute(case.conversion, case.journey, program.settings.attribution)
    stored = _save_decision(conn, case, decision, at_ms=at_ms, why=why)
    credited = partner_to_bind(decision.credits)
    clicked_at_ms = _clicked_at(case, decision)
    store.set_credited(conn, row.conversion_id, enrollment_id=credited, click_at_ms=clicked_at_ms)
    _bind(conn, case, credited)
    refunded_minor = refunded_total(row, booked_refunds(conn, row))
    occasion = Occasion(
        cause=f"decision:{stored.decision_id}",
        reason_code="conversion",
        public_text=PublicText(message=BROUGHT if why.run_id is None else COMPUTED_AGAIN),
        actor=ACTOR,
        at_ms=at_ms,
    )
    posted = _book(
        conn,
        row,
        program,
        credited=_rewarded(decision),
        decision=stored,
        refunded_minor=refunded_minor,
        occasion=occasion,
    )
    is_held = _judge(conn, case, decision, clicked_at_ms=clicked_at_ms, at_ms=at_ms)
    status = status_of(row, decision, is_held=is_held, refunded_minor=refunded_minor)
    store.set_status(conn, row.conversion_id, status)
    audit.record(
        conn,
        at_ms=at_ms,
        actor=ACTOR,
        action="conversion.decided",
        object_id=row.conversion_id,
        reason=stored.decision_id,
        before={"status": row.status},
        after={"status": status, "via": decision.via, "commissions": _summary(posted)},
    )
    return stored


def _process_refund(conn: Connection, row: ConversionRow, *, now_ms: int, at_ms: int) -> None:
    """Take back what a refunded sale earned too much; a refund before its sale waits for it."""
    sale = store.find_conversion(
        conn, program_id=row.program_id, livemode=row.livemode, kind="sale", external_id=row.refund_of or ""
    )
    if sale is None or sale.trust != "verified":
        return
    process(conn, sale.conversion_id, now_ms=now_ms)
    sale = store.get_conversion(conn, sale.conversion_id) or sale
    decision = store.newest_decision(conn, sale.conversion_id)
    program = programs.program_as_of(conn, sale.program_id, sale.occurred_at_ms)
    if decision is None or program is None:
        return
    fits = row.currency == sale.currency
    store.set_status(conn, row.conversion_id, "accepted" if fits else "rejected")
    refunded_minor = refunded_total(sale, booked_refunds(conn, sale))
    occasion = Occasion(
        cause=f"refund:{row.conversion_id}",
        reason_code="refund",
        public_text=PublicText(message=mark("The customer got money back.")),
        actor=ACTOR,
        at_ms=at_ms,
    )
    posted = _book(
        conn,
        sale,
        program,
        credited=credited_by(conn, decision),
        decision=decision,
        refunded_minor=refunded_minor,
        occasion=occasion,
    )
    status = sale.status
    if status in ("accepted", "part_refunded"):
        status = refund_status(sale, refunded_minor)
        store.set_status(conn, sale.conversion_id, status)
    audit.record(
        conn,
        at_ms=at_ms,
        actor=ACTOR,
        action="conversion.refunded" if fits else "conversion.refund_rejected",
        object_id=sale.conversion_id,
        reason=row.conversion_id if fits else f"The refund is in {row.currency}, the sale in {sale.currency}.",
        before={"status": sale.status},
        after={"status": status, "refunded_minor": refunded_minor, "commissions": _summary(posted)},
    )


def _save_decision(conn: Connection, case: Case, decision: Decision, *, at_ms: int, why: Why) -> StoredDecision:
    """Store a decision as a new version, unless the inputs are those of the newest one."""
    digest = _digest(case)
    known = store.newest_decision(conn, case.row.conversion_id)
    if known is not None and known.input_digest == digest:
        return known
    concerned = {credit.partner_id for credit in decision.credits}
    concerned |= {rejection.partner_id for rejection in decision.rejections if rejection.partner_id}
    people = partners.people_of(conn, sorted(concerned))
    stored = StoredDecision(
        decision_id=new_id("dec", at_ms),
        conversion_id=case.row.conversion_id,
        version=known.version + 1 if known else 1,
        decided_at_ms=at_ms,
        cause="reported" if known is None else why.cause or "confirmed",
        run_id=why.run_id,
        status=decision.status,
        via=decision.via,
        settings_version=case.program.version,
        input_digest=digest,
        explanation=explain(
            decision,
            clicks=case.clicks,
            settings_version=case.program.version,
            partner_ids={enrollment_id: partner.partner_id for enrollment_id, (_, partner) in people.items()},
            known_at_ms=at_ms,
        ),
    )
    parts = [
        StoredCredit(
            enrollment_id=credit.partner_id,
            touch=credit.touch_id,
            weight=credit.weight,
            amount_minor=credit.amount_minor,
        )
        for credit in decision.credits
    ]
    store.insert_decision(conn, stored, parts)
    return stored


def _digest(case: Case) -> bytes:
    """Return SHA-256 of everything the decision was made from, in an order that does not depend on loading."""
    journey = msgspec.to_builtins(case.journey)
    inputs: dict[str, Any] = {
        "engine": ENGINE_VERSION,
        "conversion": case.conversion,
        "settings": case.program.settings.attribution,
        "journey": {name: sorted(journey[name], key=repr) for name in ("touches", "visitors", "codes", "partners")},
        "binding": case.journey.binding,
    }
    return hashlib.sha256(msgspec.json.encode(inputs, order="sorted")).digest()


def _rewarded(decision: Decision) -> list[RewardedCredit]:
    if not decision.commissionable:
        return []
    return [RewardedCredit(enrollment_id=credit.partner_id, weight=credit.weight) for credit in decision.credits]


def _book(
    conn: Connection,
    row: ConversionRow,
    program: Program,
    *,
    credited: list[RewardedCredit],
    decision: StoredDecision,
    refunded_minor: int,
    occasion: Occasion,
) -> list[NewTransfer]:
    """Bring the ledger of one conversion to what is due, and freeze what a case holds."""
    transfers = transfers_to_book(
        conn,
        row,
        program,
        credited=credited,
        decision=decision,
        refunded_minor=refunded_minor,
        occasion=occasion,
    )
    ledger.post(conn, transfers)
    freeze_new_lines(conn, row.conversion_id, now_ms=occasion.at_ms, actor=ACTOR)
    return transfers


def _judge(conn: Connection, case: Case, decision: Decision, *, clicked_at_ms: int | None, at_ms: int) -> bool:
    """Run the fraud rules for each credited partner; return whether a case holds the conversion.

    Browser claims are not judged before they are confirmed: anyone could fill the queue with them.
    """
    if case.row.trust != "verified":
        return False
    credited: list[str | None] = list(dict.fromkeys(credit.partner_id for credit in decision.credits))
    rules = rules_in_force()
    settings = case.program.settings
    configs = configs_for(settings.fraud_rules)
    allow = entries_in_force(conn, case.row.program_id, at_ms=case.row.received_at_ms)
    scales = scales_for(conn, case.row.program_id, livemode=case.row.livemode, now_ms=at_ms)
    clicked = _credited_clicks(case, decision)
    is_held = False
    for enrollment_id in credited[:JUDGED_MAX] or [None]:
        asked = Asked(
            row=case.row,
            enrollment_id=enrollment_id,
            click=clicked.get(enrollment_id),
            clicked_at_ms=clicked_at_ms,
            clicks=case.clicks,
            allows_own_purchases=case.program.settings.allow_own_purchases,
        )
        facts = load_facts(conn, asked, region=region_of(case.program.time_zone), needs=needed_facts())
        standing = standing_for(conn, case.row.conversion_id, enrollment_id=enrollment_id)
        said = [row.finding for row in standing]
        judgement = judge(
            facts,
            rules,
            configs=configs,
            allow=allow,
            scales=scales,
            standing=said,
            review_from=settings.review_from,
        )
        failures.note(conn, judgement.errors, subject_id=case.row.conversion_id, now_ms=at_ms)
        opened = open_cases_for(
            conn,
            subject=facts.subject,
            judgement=judgement,
            enrollment_id=enrollment_id,
            livemode=case.row.livemode,
            now_ms=at_ms,
            actor=ACTOR,
            review_from=settings.review_from,
            standing=standing,
        )
        is_held = is_held or opened.is_held
    return is_held


def _credited_clicks(case: Case, decision: Decision) -> dict[str | None, ClickRow]:
    """Return the last click each partner is credited for."""
    clicked = {click.click_id: click for click in case.clicks}
    credited = [clicked[credit.touch_id] for credit in decision.credits if credit.touch_id in clicked]
    ordered = sorted(credited, key=lambda click: (click.occurred_at_ms, click.seq))
    return {click.enrollment_id: click for click in ordered}


def _clicked_at(case: Case, decision: Decision) -> int | None:
    """Return when the last credited click was."""
    clicked = {click.click_id: click.occurred_at_ms for click in case.clicks}
    instants = [clicked[credit.touch_id] for credit in decision.credits if credit.touch_id in clicked]
    return max(instants, default=None)


def _bind(conn: Connection, case: Case, credited: str | None) -> None:
    """Keep the customer's binding right; where it moves, the customer's other conversions are decided again."""
    row = case.row
    if row.customer_id is None:
        return
    known = store.binding_of(conn, program_id=row.program_id, customer_id=row.customer_id)
    binds = case.program.settings.attribution.binding == "first_conversion"
    binding = next_binding(row, known, credited=credited, binds=binds)
    if binding == known:
        return
    if known is not None:
        late_store.replace_binding(conn, known, binding)
    elif binding is not None:
        store.insert_binding(conn, binding)
    after_identity(conn, row)


def _summary(posted: list[NewTransfer]) -> list[dict[str, Any]]:
    return [
        {
            "id": transfer.transfer_id,
            "enrollment_id": transfer.enrollment_id,
            "amount_minor": transfer.amount_minor,
            "currency": transfer.currency,
        }
        for transfer in posted
    ]
