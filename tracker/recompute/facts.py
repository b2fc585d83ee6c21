"""Loading what batches are decided from, by few statements for many conversions; everything but the touches.

What is loaded means what deciding one conversion loads in `tracker/conversions/journey.py`; a test compares the two.
"""

from collections.abc import Iterable, Sequence

from sqlalchemy import Connection

from attribution.types import CodeEntry, Credit
from tracker.conversions.journey import browser_ids, codes_of, inherited_from, sent_codes, visitors_with
from tracker.conversions.late import LATE_MS
from tracker.conversions.types import ConversionRow
from tracker.db.ids import IdError, canonical_id
from tracker.ledger.store import chunks
from tracker.links import store as links
from tracker.partners.types import PromoCode
from tracker.recompute import facts_store
from tracker.recompute.facts_store import StoredResult
from tracker.recompute.plan import Light
from tracker.recompute.types import Batch, LockedBy, Member, World


def load_batch(
    conn: Connection,
    groups: Sequence[Sequence[Light]],
    *,
    world: World,
    number: int,
    now_ms: int,
    run_id: str | None = None,
) -> Batch:
    """Return a batch with everything but its touches.

    Run: the one that is to decide for good. Results are as they stood before it: it may have been killed here before.
    """
    rows = facts_store.conversions_of(conn, [light.conversion for each in groups for light in each])
    leads = _leads(conn, rows)
    asked = [row.conversion_id for row in (*rows, *leads.values())]
    results = facts_store.results_of(conn, asked, without_run=run_id)
    customers = sorted({row.customer_id for row in rows if row.customer_id is not None})
    visitors = facts_store.visitors_of(conn, customers)
    codes = _codes(conn, rows)
    locks = _locks(conn, rows, customers, world=world, now_ms=now_ms)
    mine = {row.conversion_id for row in rows}
    members = []
    for row in rows:
        result = results.get(row.conversion_id)
        if result is None:
            # It was reported after the plan was made and waits for its first decision.
            continue
        lead = leads.get(row.conversion_id)
        is_mine = lead is not None and lead.conversion_id in mine and lead.conversion_id in results
        members.append(
            Member(
                row=row,
                visitors=tuple(visitors_with(row, list(visitors.get(row.customer_id or "", ())))),
                named=tuple(browser_ids("clk", row.click_id)),
                codes=_codes_of(row, codes),
                lead_id=lead.conversion_id if lead is not None and is_mine else None,
                inherited=None if lead is None or is_mine else _inherited(lead, results.get(lead.conversion_id)),
                stored=result.summary(),
                locked_by=locks.get(row.conversion_id),
            )
        )
    bindings = {bound.customer_id: bound for bound in facts_store.bindings_of(conn, customers)}
    return Batch(
        number=number,
        position=groups[-1][0].seq,
        members=tuple(members),
        bindings={key: bound for key, bound in bindings.items() if bound.conversion_id not in mine},
    )


def _leads(conn: Connection, rows: Sequence[ConversionRow]) -> dict[str, ConversionRow]:
    """Return the lead each conversion names, by our id or the shop's, where it is of the same program and mode."""
    naming = [row for row in rows if row.lead_id is not None]
    if not naming:
        return {}
    ids = {row.conversion_id: own for row in naming if (own := _own_id(row.lead_id or "")) is not None}
    by_id = {lead.conversion_id: lead for lead in facts_store.conversions_with_ids(conn, sorted(set(ids.values())))}
    by_number = {
        (lead.program_id, lead.livemode, lead.external_id): lead
        for lead in facts_store.leads_numbered(conn, sorted({row.lead_id or "" for row in naming}))
    }
    found = {}
    for row in naming:
        lead = by_id.get(ids.get(row.conversion_id, "")) or by_number.get(
            (row.program_id, row.livemode, row.lead_id or "")
        )
        if lead is not None and (lead.program_id, lead.livemode, lead.kind) == (row.program_id, row.livemode, "lead"):
            found[row.conversion_id] = lead
    return found


def _own_id(text: str) -> str | None:
    try:
        return canonical_id("cnv", text)
    except IdError:
        return None


def _inherited(lead: ConversionRow, result: StoredResult | None) -> tuple[Credit, ...] | None:
    return None if result is None else inherited_from(lead, status=result.status, parts=result.parts)


def _codes(conn: Connection, rows: Iterable[ConversionRow]) -> dict[str, list[PromoCode]]:
    known: dict[str, list[PromoCode]] = {}
    for sent in chunks(code for row in rows for code in sent_codes(row)):
        for code in links.codes_like(conn, sent):
            known.setdefault(code.code, []).append(code)
    return known


def _codes_of(row: ConversionRow, known: dict[str, list[PromoCode]]) -> tuple[CodeEntry, ...]:
    wanted = sorted({text.strip().upper() for text in sent_codes(row)})
    return codes_of(code for text in wanted for code in known.get(text, ()))


def _locks(
    conn: Connection, rows: Sequence[ConversionRow], customers: Sequence[str], *, world: World, now_ms: int
) -> dict[str, LockedBy]:
    """Return why results stay as they are: nothing moves any more what was paid or judged, or lost its evidence.

    Within a day of its report a conversion is open whatever its hold: late facts are let in so long.
    """
    offsets = facts_store.test_offsets(conn)
    settled = {
        row.conversion_id: now_ms + (0 if row.livemode else offsets.get(row.program_id, 0))
        for row in rows
        if row.trust == "verified" and row.received_at_ms < now_ms - LATE_MS
    }
    erased = facts_store.erased_customers(conn, customers)
    locks: dict[str, LockedBy] = dict.fromkeys(facts_store.payable_conversions(conn, settled), "payable")
    whole_from_ms = facts_store.clicks_whole_from_ms(conn, now_ms=now_ms)
    for row in rows:
        if row.status == "rejected":
            locks[row.conversion_id] = "judged"
        settings = world.program_as_of(row.program_id, row.occurred_at_ms).settings
        if row.occurred_at_ms - settings.attribution.window_seconds * 1000 < whole_from_ms:
            locks[row.conversion_id] = "purged"
        if row.customer_id in erased:
            locks[row.conversion_id] = "erased"
    return locks
