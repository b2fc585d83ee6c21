"""Queries of what batches are decided from; each is asked once a batch, in long lists of ids."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, Select, func, literal_column, select, type_coerce

from attribution.types import Credit
from tracker.clicks.store import PAGE_MAX
from tracker.clicks.tables import clicks, identity_links
from tracker.conversions.tables import bindings, conversions, credits, customers, decisions  # noqa: A004  # See there.
from tracker.conversions.types import ConversionRow, StoredBinding, StoredCredit
from tracker.db.columns import Str
from tracker.db.ids import id_from_bytes, id_to_bytes
from tracker.db.prepared import PreparedKeys, given
from tracker.db.rows import as_struct, in_order
from tracker.ledger import store as ledger
from tracker.ledger.holds import frozen_by
from tracker.ledger.tables import transfers
from tracker.partners.tables import enrollment_statuses
from tracker.privacy import retention_store
from tracker.programs import store as programs
from tracker.programs.tables import program_versions, test_clocks
from tracker.programs.types import Program
from tracker.recompute.plan import Light
from tracker.recompute.types import Scope, Summary, World

WALKED_AT_ONCE = 20_000  # rows of one piece of a walk


_CONVERSION_COLUMNS = [conversions.c[name] for name in ConversionRow.__struct_fields__]
_CONVERSIONS = PreparedKeys(select(*_CONVERSION_COLUMNS), conversions.c.conversion_id)
_LEADS_NUMBERED = PreparedKeys(
    # All columns of the unique key, so that its index is used.
    select(*_CONVERSION_COLUMNS).where(
        conversions.c.program_id == given("program_id", conversions.c.program_id),
        conversions.c.livemode == given("livemode", conversions.c.livemode),
        conversions.c.kind == literal_column("'lead'"),
    ),
    conversions.c.external_id,
)
_DECISIONS = PreparedKeys(
    select(
        decisions.c.conversion_id,
        decisions.c.decision_id,
        decisions.c.status,
        decisions.c.via,
        decisions.c.run_id,
        # Its keys are sorted, so this is what the explanation begins with; reading all of it would take long.
        type_coerce(decisions.c.explanation, Str)
        .like(literal_column("'{\"commissionable\":true%'"))
        .label("is_commissionable"),
    ).order_by(decisions.c.conversion_id, decisions.c.version),
    decisions.c.conversion_id,
)
_CREDITS = PreparedKeys(
    select(credits.c.decision_id, *(credits.c[name] for name in StoredCredit.__struct_fields__)).order_by(
        credits.c.decision_id, credits.c.position
    ),
    credits.c.decision_id,
)
_VISITORS = PreparedKeys(
    select(identity_links.c.customer_id, identity_links.c.visitor_id).order_by(
        identity_links.c.customer_id, identity_links.c.visitor_id
    ),
    identity_links.c.customer_id,
)
_BINDINGS = PreparedKeys(select(bindings), bindings.c.customer_id)
_ERASED = PreparedKeys(
    select(customers.c.customer_id).where(customers.c.erased_at_ms.is_not(None)), customers.c.customer_id
)
_LINES = PreparedKeys(
    select(
        transfers.c.conversion_id,
        func.coalesce(transfers.c.reverses_id, transfers.c.transfer_id).label("accrual_id"),
        ledger.LINE_COLUMNS[-2].label("amount_minor"),
        ledger.LINE_COLUMNS[-1].label("available_at_ms"),
    ).select_from(ledger.LINE_JOIN),
    transfers.c.conversion_id,
)


class StoredResult(msgspec.Struct, frozen=True, kw_only=True):
    """The decision that counts, as far as anybody earns by it."""

    decision_id: str
    status: str
    via: str | None
    is_commissionable: bool
    parts: tuple[StoredCredit, ...]

    def summary(self) -> Summary:
        """Return it in the form a new decision is compared in."""
        return Summary(
            status="attributed" if self.status == "attributed" else "unattributed",
            via=self.via,
            credits=tuple(
                Credit(
                    touch_id=part.touch,
                    partner_id=part.enrollment_id,
                    weight=part.weight,
                    amount_minor=part.amount_minor,
                )
                for part in self.parts
            ),
            is_commissionable=self.is_commissionable,
        )


def newest_conversion(conn: Connection) -> int:
    """Return the number of the newest conversion, 0 without any."""
    return conn.execute(select(func.max(conversions.c.seq))).scalar_one() or 0


def walk_conversions(conn: Connection, scope: Scope) -> list[Light]:
    """Return the decided leads and sales of a scope with what ties them to others."""
    leads = select(conversions.c.lead_id).where(conversions.c.lead_id.is_not(None)).distinct()
    named = {text for lead_id in conn.execute(leads).scalars() for text in (lead_id, _bare(lead_id))}
    return [_light(row, named) for row in _walk(conn, scope)]


def load_world(conn: Connection, program_id: str | None) -> World:
    """Return the terms of one program or all, and every enrollment's statuses."""
    known = {program.program_id: program for program in programs.list_programs(conn)}
    terms: dict[str, list[tuple[int, Program]]] = {}
    query = select(program_versions).order_by(program_versions.c.program_id, program_versions.c.version)
    if program_id is not None:
        query = query.where(program_versions.c.program_id == program_id)
    for row in conn.execute(query):
        program = known.get(row.program_id) or programs.get_program(conn, row.program_id)
        if program is not None:
            settings = msgspec.convert(row.settings, type(program.settings))
            version = msgspec.structs.replace(program, version=row.version, settings=settings)
            terms.setdefault(row.program_id, []).append((row.effective_from_ms, version))
    histories: dict[str, list[tuple[int, str]]] = {}
    for row in conn.execute(select(enrollment_statuses).order_by(enrollment_statuses.c.seq)):
        histories.setdefault(row.enrollment_id, []).append((row.effective_from_ms, row.status))
    return World(
        terms={key: tuple(each) for key, each in terms.items()},
        histories={key: tuple(each) for key, each in histories.items()},
    )


def conversions_of(conn: Connection, keys: Sequence[bytes]) -> list[ConversionRow]:
    """Return conversions by the bytes of their ids, as they happened."""
    rows = conversions_with_ids(conn, [id_from_bytes("cnv", key) for key in keys])
    return sorted(rows, key=lambda row: (row.occurred_at_ms, row.seq))


def conversions_with_ids(conn: Connection, ids: Sequence[str]) -> list[ConversionRow]:
    """Return conversions of any kind."""
    return [in_order(ConversionRow, row) for row in _CONVERSIONS.rows(conn, ids)]


def leads_numbered(conn: Connection, external_ids: Sequence[str]) -> list[ConversionRow]:
    """Return the leads of any program that a shop knows by these numbers."""
    program_ids = conn.execute(select(program_versions.c.program_id).distinct()).scalars().all()
    return [
        in_order(ConversionRow, row)
        for program_id in program_ids
        for livemode in (True, False)
        for row in _LEADS_NUMBERED.rows(conn, external_ids, program_id=program_id, livemode=livemode)
    ]


def results_of(
    conn: Connection, conversion_ids: Sequence[str], *, without_run: str | None = None
) -> dict[str, StoredResult]:
    """Return the decision that counts about each conversion, or that did before a run, which may have begun."""
    newest: dict[str, Any] = {}
    for row in _DECISIONS.rows(conn, list(dict.fromkeys(conversion_ids))):
        if without_run is None or row.run_id != without_run:
            newest[row.conversion_id] = row
    parts: dict[str, list[StoredCredit]] = {}
    for row in _CREDITS.rows(conn, [row.decision_id for row in newest.values()]):
        parts.setdefault(row.decision_id, []).append(in_order(StoredCredit, row[1:]))
    return {
        key: StoredResult(
            decision_id=row.decision_id,
            status=row.status,
            via=row.via,
            is_commissionable=bool(row.is_commissionable),
            parts=tuple(parts.get(row.decision_id, ())),
        )
        for key, row in newest.items()
    }


def visitors_of(conn: Connection, customer_ids: Sequence[str]) -> dict[str, list[str]]:
    """Return the browser visitors each customer was seen as, at most PAGE_MAX."""
    found: dict[str, list[str]] = {}
    for customer_id, visitor_id in _VISITORS.rows(conn, customer_ids):
        known = found.setdefault(customer_id, [])
        if len(known) < PAGE_MAX:
            known.append(visitor_id)
    return found


def bindings_of(conn: Connection, customer_ids: Sequence[str]) -> list[StoredBinding]:
    """Return whom customers are bound to."""
    return [as_struct(StoredBinding, row) for row in _BINDINGS.rows(conn, customer_ids)]


def erased_customers(conn: Connection, customer_ids: Sequence[str]) -> set[str]:
    """Return the customers everything was taken from."""
    return {row.customer_id for row in _ERASED.rows(conn, customer_ids)}


def payable_conversions(conn: Connection, instants: Mapping[str, int]) -> set[str]:
    """Return the conversions with commission left that no hold and no case keeps back any more.

    Instants: what time it is for each conversion asked about.
    """
    due: dict[str, str] = {}
    left: dict[str, int] = {}
    for row in _LINES.rows(conn, sorted(instants)):
        if row.available_at_ms <= instants[row.conversion_id]:
            due[row.accrual_id] = row.conversion_id
            left[row.accrual_id] = left.get(row.accrual_id, 0) + row.amount_minor
    open_ones = [accrual_id for accrual_id, amount_minor in left.items() if amount_minor > 0]
    frozen = frozen_by(ledger.holds_of_accruals(conn, open_ones))
    return {due[accrual_id] for accrual_id in open_ones if accrual_id not in frozen}


def clicks_whole_from_ms(conn: Connection, *, now_ms: int) -> int:
    """Return the instant of receipt from which on no click was deleted for its age."""
    purged_to = retention_store.position(conn, retention_store.CLICKS_DONE)
    if purged_to == 0:
        return 0
    query = select(clicks.c.received_at_ms).where(clicks.c.seq > purged_to).order_by(clicks.c.seq).limit(1)
    return conn.execute(query).scalar_one_or_none() or now_ms


def test_offsets(conn: Connection) -> dict[str, int]:
    """Return how far ahead of real time the test objects of programs live, in ms."""
    return {row.program_id: row.offset_ms for row in conn.execute(select(test_clocks))}


def count_conversions(conn: Connection, scope: Scope) -> int:
    """Return how many conversions a scope has."""
    return int(conn.execute(select(func.count()).select_from(conversions).where(*_is_in(scope))).scalar_one())


def _walk(conn: Connection, scope: Scope) -> Iterator[Any]:
    """Give the rows of a scope in pieces, each in the order of an index: sorting it would read the whole rest anew.

    Rows of a piece are let go of: a plan holds millions of conversions.
    """
    wanted = ("seq", "conversion_id", "program_id", "livemode", "kind", "external_id", "customer_id", "lead_id")
    query = select(*(conversions.c[name] for name in wanted), conversions.c.occurred_at_ms).where(*_is_in(scope))
    if scope.program_id is None:
        yield from _in_pieces(conn, query)
    elif scope.since_ms is None:
        for livemode in (True, False):
            yield from _in_pieces(conn, query.where(conversions.c.livemode == livemode))
    else:
        yield from _as_they_happened(conn, query, scope.since_ms)


def _in_pieces(conn: Connection, query: Select[Any]) -> Iterator[Any]:
    after = 0
    while True:
        behind = query.where(conversions.c.seq > after).order_by(conversions.c.seq)
        piece = conn.execute(behind.limit(WALKED_AT_ONCE)).all()
        yield from piece
        if len(piece) < WALKED_AT_ONCE:
            return
        after = piece[-1].seq


def _as_they_happened(conn: Connection, query: Select[Any], since_ms: int) -> Iterator[Any]:
    at_ms, after = since_ms, 0
    occurred, seq = conversions.c.occurred_at_ms, conversions.c.seq
    while True:
        # The first condition leads into the index, the second past what was given.
        behind = query.where(occurred >= at_ms, (occurred > at_ms) | (seq > after)).order_by(occurred, seq)
        piece = conn.execute(behind.limit(WALKED_AT_ONCE)).all()
        yield from piece
        if len(piece) < WALKED_AT_ONCE:
            return
        at_ms, after = piece[-1].occurred_at_ms, piece[-1].seq


def _is_in(scope: Scope) -> list[ColumnElement[bool]]:
    conditions = [
        conversions.c.seq <= scope.conversion_watermark,
        conversions.c.kind.in_(["lead", "sale"]),
        conversions.c.status != "received",
    ]
    if scope.program_id is not None:
        conditions.append(conversions.c.program_id == scope.program_id)
    if scope.since_ms is not None:
        conditions.append(conversions.c.occurred_at_ms >= scope.since_ms)
    return conditions


def _light(row: Any, named: set[str]) -> Light:
    keys: list[Any] = [] if row.customer_id is None else [row.customer_id]
    own = _bare(row.conversion_id)
    if row.kind == "lead":
        if row.external_id in named:
            keys.append((row.program_id, row.livemode, row.external_id))
        if own in named:
            keys.append(own)
    elif row.lead_id is not None:
        keys += [(row.program_id, row.livemode, row.lead_id), _bare(row.lead_id)]
    return Light(row.seq, id_to_bytes("cnv", row.conversion_id), tuple(keys))


def _bare(conversion_id: str) -> str:
    return conversion_id.lower().removeprefix("cnv_")
