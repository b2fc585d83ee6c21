"""What happened in a program, as the pure history of the fraud rules takes it: read in a few queries, not row by row.

The rehearsal of settings and the nightly run read it. Addresses come as their stored hashes alone; a host that was
hashed under two epochs' keys gets one of them, so that both sides of a boundary compare. Nothing is judged here.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection, Row, Select, select

from fraud_rules.history.facts import with_click
from fraud_rules.history.program import PartnerCard, ProgramHistory, RefundRecord
from fraud_rules.types import ClickFacts, PartnerLogin, Subject
from tracker.clicks import store as clicks
from tracker.clicks.types import AgentRow, ClickRow
from tracker.conversions.tables import conversions, customers
from tracker.fraud.facts.partner import card_of
from tracker.fraud.facts.subject import click_facts, told_subject
from tracker.ledger.store import chunks
from tracker.partners.tables import enrollments, partner_logins, partners
from tracker.programs import store as programs
from tracker.programs.regions import region_of

ROWS_MAX = 50_000  # conversions held in memory at once, about 4 KB each with their indexes
CLICKS_MAX = 100_000
LOGINS_MAX = 20_000
PARTNERS_MAX = 50_000
_AGENTS_AT_ONCE = 500


class LoginOf(NamedTuple):
    """A partner's sign-in."""

    partner_id: str
    login: PartnerLogin


Happening = PartnerCard | LoginOf | ClickFacts | Subject | RefundRecord
_ORDER: tuple[type, ...] = (PartnerCard, LoginOf, ClickFacts, Subject, RefundRecord)


class LightRows(msgspec.Struct, frozen=True, kw_only=True):
    """What happened, in the order it was received; `is_cut` says that older conversions than these were left out."""

    program_id: str
    happenings: tuple[Happening, ...]
    conversions: int
    is_cut: bool


def load_rows(
    conn: Connection, program_id: str, *, livemode: bool, from_ms: int, to_ms: int, limit: int = ROWS_MAX
) -> LightRows:
    """Return partners, sign-ins, clicks, verified leads and sales and their refunds, received in the span.

    Both ends included; of more than `limit` conversions the newest. Partners are as they are known now. A partner is
    named by the enrollment, as everywhere in judging; a conversion has the one who is credited most.
    """
    rows = _conversions(conn, program_id, livemode=livemode, from_ms=from_ms, to_ms=to_ms, limit=limit + 1)
    is_cut = len(rows) > limit
    rows = rows[:limit]
    clicked = clicks.clicks_between(
        conn, program_id=program_id, livemode=livemode, from_ms=from_ms, to_ms=to_ms, limit=CLICKS_MAX
    )
    logins = _logins(conn, program_id, from_ms=from_ms, to_ms=to_ms)
    keys = _Keys([*rows, *clicked, *logins])
    numbers = [row.agent_id for row in rows if row.agent_id is not None] + [click.agent_id for click in clicked]
    agents = _agents(conn, numbers)
    found: list[tuple[int, Happening]] = [(0, card) for card in _cards(conn, program_id)]
    found += [
        (
            row.at_ms,
            LoginOf(
                row.enrollment_id,
                PartnerLogin(at_ms=row.at_ms, host_key=keys.host(row), agent_key=row.agent_key),
            ),
        )
        for row in logins
    ]
    found += [(click.received_at_ms, _click(click, keys, agents)) for click in clicked]
    found += _subjects(conn, rows, keys=keys, agents=agents, seen=clicked)
    found += _refunds(rows, {row.external_id: row.conversion_id for row in rows if row.kind == "sale"})
    found.sort(key=lambda each: (each[0], _ORDER.index(type(each[1]))))
    return LightRows(
        program_id=program_id,
        happenings=tuple(each for _, each in found),
        conversions=sum(row.kind != "refund" for row in rows),
        is_cut=is_cut,
    )


def load_history(
    conn: Connection, program_id: str, *, livemode: bool, from_ms: int, to_ms: int, limit: int = ROWS_MAX
) -> ProgramHistory:
    """Return the same as a history to ask, everything in it; see `load_rows`."""
    rows = load_rows(conn, program_id, livemode=livemode, from_ms=from_ms, to_ms=to_ms, limit=limit)
    past = ProgramHistory(program_id)
    for each in rows.happenings:
        take(past, each)
    return past


def take(past: ProgramHistory, each: Happening) -> Subject | None:
    """Put a happening into a history; return a conversion, its click attached, after it was put there."""
    if isinstance(each, Subject):
        past.add_conversion(each)
        return each
    if isinstance(each, ClickFacts):
        past.add_click(each)
    elif isinstance(each, PartnerCard):
        past.put_partner(each)
    elif isinstance(each, LoginOf):
        past.add_login(each.partner_id, each.login)
    else:
        past.add_refund(each)
    return None


class _Keys:
    """One name for hosts and networks that were hashed under two keys."""

    def __init__(self, rows: Iterable[Any]) -> None:
        self._names: dict[bytes, bytes] = {}
        for row in rows:
            for name in ("host_key", "net_key"):
                own, after = getattr(row, name, None), getattr(row, f"next_{name}", None)
                if own is not None and after is not None:
                    self._names[after] = own

    def host(self, row: Any) -> str | None:
        """Return the key of a row's host."""
        return self._name(row.host_key)

    def net(self, row: Any) -> str | None:
        """Return the key of a row's network."""
        return self._name(row.net_key)

    def _name(self, key: bytes | None) -> str | None:
        return None if key is None else bytes(self._names.get(key, key)).hex()


def _conversions(
    conn: Connection, program_id: str, *, livemode: bool, from_ms: int, to_ms: int, limit: int
) -> list[Row[Any]]:
    query: Select[Any] = (
        select(conversions)
        .where(
            conversions.c.program_id == program_id,
            conversions.c.livemode == livemode,
            conversions.c.trust == "verified",
            conversions.c.received_at_ms >= from_ms,
            conversions.c.received_at_ms <= to_ms,
        )
        .order_by(conversions.c.seq.desc())
        .limit(limit)
    )
    return list(conn.execute(query))


def _logins(conn: Connection, program_id: str, *, from_ms: int, to_ms: int) -> list[Row[Any]]:
    query = (
        select(partner_logins, enrollments.c.enrollment_id)
        .join(enrollments, enrollments.c.partner_id == partner_logins.c.partner_id)
        .where(
            enrollments.c.program_id == program_id,
            partner_logins.c.at_ms >= from_ms,
            partner_logins.c.at_ms <= to_ms,
        )
        .order_by(partner_logins.c.seq.desc())
        .limit(LOGINS_MAX)
    )
    return list(conn.execute(query))


def _cards(conn: Connection, program_id: str) -> Iterator[PartnerCard]:
    program = programs.get_program(conn, program_id)
    allows = program is not None and program.settings.allow_own_purchases
    region = None if program is None else region_of(program.time_zone)
    query = (
        select(enrollments.c.enrollment_id, enrollments.c.allow_own_purchases, enrollments.c.payment_key, partners)
        .join(partners, partners.c.partner_id == enrollments.c.partner_id)
        .where(enrollments.c.program_id == program_id)
        .order_by(enrollments.c.enrollment_id)
        .limit(PARTNERS_MAX)
    )
    for row in conn.execute(query):
        yield card_of(row, region=region, allows_own_purchases=allows)


def _agents(conn: Connection, numbers: Sequence[int]) -> dict[int, AgentRow]:
    wanted = sorted(set(numbers))
    found: dict[int, AgentRow] = {}
    for start in range(0, len(wanted), _AGENTS_AT_ONCE):
        found |= clicks.agents_of(conn, wanted[start : start + _AGENTS_AT_ONCE])
    return found


def _click(row: ClickRow, keys: _Keys, agents: Mapping[int, AgentRow]) -> ClickFacts:
    return msgspec.structs.replace(click_facts(row, agents.get(row.agent_id)), host_key=keys.host(row))


def _subjects(
    conn: Connection,
    rows: Sequence[Row[Any]],
    *,
    keys: _Keys,
    agents: Mapping[int, AgentRow],
    seen: Sequence[ClickRow],
) -> list[tuple[int, Happening]]:
    people = _customers(conn, [row.customer_id for row in rows if row.customer_id])
    leads = {row.external_id: row.conversion_id for row in rows if row.kind == "lead"}
    credited = ProgramHistory("")
    by_visit: dict[tuple[str, int | None, str], str] = {}
    for click in seen:
        by_visit[click.visitor_id, click.occurred_at_ms, click.enrollment_id] = click.click_id
        credited.clicks[click.click_id] = _click(click, keys, agents)
    first_of: set[tuple[str, str]] = set()
    found: list[tuple[int, Happening]] = []
    for row in reversed(rows):
        if row.kind == "refund":
            continue
        visit = (row.customer_id or "", row.visitor_id or "")
        customer = people.get(row.customer_id)
        subject = told_subject(
            row,
            customer,
            agents.get(row.agent_id or 0),
            partner_id=row.enrollment_id,
            click_at_ms=row.click_at_ms,
            lead_id=None if row.lead_id is None else leads.get(row.lead_id, row.lead_id),
            mailbox=customer.email_canonical if customer else None,
            click=None,
            host_key=keys.host(row),
            net_key=keys.net(row),
            device_known_before=all(visit) and visit in first_of,
        )
        first_of.add(visit)
        # Without an instant no click was credited, but a code or binding.
        visited = (row.visitor_id or "", row.click_at_ms, row.enrollment_id or "")
        named = None if row.click_at_ms is None else by_visit.get(visited, row.click_id)
        clicked = with_click(subject, credited, named)
        found.append((row.received_at_ms, msgspec.structs.replace(clicked, click_at_ms=subject.click_at_ms)))
    return found


def _customers(conn: Connection, customer_ids: Sequence[str]) -> dict[str | None, Row[Any]]:
    found: dict[str | None, Row[Any]] = {}
    for ids in chunks(customer_ids):
        found |= {
            row.customer_id: row for row in conn.execute(select(customers).where(customers.c.customer_id.in_(ids)))
        }
    return found


def _refunds(rows: Sequence[Row[Any]], sales: Mapping[str, str]) -> list[tuple[int, Happening]]:
    return [
        (
            row.received_at_ms,
            RefundRecord(sale_id=sales[row.refund_of], at_ms=row.occurred_at_ms, amount_minor=row.amount_minor or 0),
        )
        for row in rows
        if row.kind == "refund" and row.status == "accepted" and row.refund_of in sales
    ]
