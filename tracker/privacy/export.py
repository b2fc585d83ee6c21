"""Giving out everything that is stored about one person, as plain data for JSON.

The command line and the pages call it. It reads only. What belongs to other persons is left out: a customer sees no
partner but by id, a partner no customer at all, and findings name nobody they were compared with.
"""

from typing import Any

import msgspec
from sqlalchemy import Connection

from tracker.clicks import store as clicks
from tracker.clicks.types import ClickRow
from tracker.conversions.types import ConversionRow
from tracker.instants import show_instant
from tracker.ledger import store as ledger
from tracker.ledger.types import PostedLine
from tracker.links import store as links
from tracker.partners import store as partners
from tracker.partners.types import Partner
from tracker.privacy import store
from tracker.privacy.bodies import bodies_about, inbox_about
from tracker.privacy.mentions import traces_of
from tracker.privacy.persons import find_person
from tracker.privacy.types import Asked, Fields, Person, Running

FORMAT = 1
LINES_AT_ONCE = 100  # lines of a statement read together
LINES_MAX = 100_000  # lines of one partner

# What a finding says of others, or only means something beside others.
_OF_OTHERS = frozenset({"partner_email", "spellings"})


async def export_person(services: Running, asked: Asked) -> Fields:
    """Return what is stored about the person; refuses unknown ids."""
    await services.project()
    person = await services.db.read(lambda conn: find_person(conn, asked))
    touched = await services.db.read(lambda conn: clicks_of(conn, person))
    traces = traces_of(person, frozenset((click.program_id, click.click_id) for click in touched))
    bodies = await bodies_about(services.db, traces)
    waiting = [(row, click) async for row, click in inbox_about(services.db, traces.browsers)]
    stored = await services.db.read(lambda conn: _stored(conn, person, touched, digests=traces.digests))
    return {
        "format": FORMAT,
        "made_at": show_instant(services.now_ms()),
        "asked": {name: getattr(asked, name) for name in asked.__struct_fields__ if getattr(asked, name)},
        **stored,
        "clicks_as_received": [
            {"received_at": show_instant(row.received_at_ms), **msgspec.to_builtins(msgspec.structs.asdict(click))}
            for row, click in waiting
        ],
        "custom_events": [_event(row) | {"name": row.name} for row in bodies.custom_events],
        "refused_events": [_event(row) | {"cause": row.cause, "verdict": row.verdict} for row in bodies.refused_events],
        "stored_answers": [{"created_at": show_instant(row.created_at_ms)} for row in bodies.answers],
    }


def clicks_of(conn: Connection, person: Person) -> list[ClickRow]:
    """Return the clicks of a person's browsers."""
    return [
        click
        for browser in sorted(person.browsers)
        for click in clicks.clicks_of_visitors(conn, program_id=browser.program_id, visitors=[browser.visitor_id])
    ]


def _stored(conn: Connection, person: Person, touched: list[ClickRow], *, digests: frozenset[str]) -> Fields:
    customer_ids = [customer.customer_id for customer in person.customers]
    rows = store.conversions_of_person(
        conn, customer_ids=customer_ids, browsers=person.browsers, digests=digests if customer_ids else ()
    )
    about = [row.conversion_id for row in rows]
    agents = clicks.agents_of(
        conn, [click.agent_id for click in touched] + [row.agent_id for row in rows if row.agent_id is not None]
    )
    texts = {number: agent.text for number, agent in agents.items()}
    return {
        "customers": [_shown(msgspec.structs.asdict(customer)) for customer in person.customers],
        "browsers": [
            {"program_id": browser.program_id, "visitor_id": f"vis_{browser.visitor_id}"}
            for browser in sorted(person.browsers)
        ],
        "bound_to_a_partner": [
            {"program_id": row.program_id, "since": show_instant(row.since_ms)}
            for row in store.bindings_of(conn, customer_ids)
        ],
        "conversions": [_conversion(row, texts) for row in rows],
        "clicks": [_click(click, texts) for click in touched],
        "findings": [_finding(row) for row in store.findings_about(conn, about)],
        "cases": _cases(conn, store.cases_about(conn, about)),
        **({} if person.partner is None else {"partner": _partner(conn, person.partner)}),
    }


def _conversion(row: ConversionRow, agents: dict[int, str]) -> Fields:
    kept = _shown(msgspec.structs.asdict(row))
    hidden = ("seq", "request_digest", "agent_id", "enrollment_id")
    return {name: value for name, value in kept.items() if name not in hidden} | {
        "user_agent": agents.get(row.agent_id or 0)
    }


def _click(click: ClickRow, agents: dict[int, str]) -> Fields:
    kept = _shown(msgspec.structs.asdict(click))
    hidden = ("seq", "agent_id", "enrollment_id")
    return {name: value for name, value in kept.items() if name not in hidden} | {
        "user_agent": agents.get(click.agent_id)
    }


def _finding(row: Any) -> Fields:
    return {
        "conversion_id": row.conversion_id,
        "rule": row.rule,
        "fired": row.fired,
        "created_at": show_instant(row.created_at_ms),
        "evidence": {name: value for name, value in row.evidence.items() if name not in _OF_OTHERS},
        "told": {name: value for name, value in row.params.items() if name not in _OF_OTHERS},
    }


def _cases(conn: Connection, rows: list[Any]) -> list[Fields]:
    judged: dict[str, list[Fields]] = {}
    for verdict in store.verdicts_of(conn, [row.case_id for row in rows]):
        found: Any = verdict
        judged.setdefault(found.case_id, []).append(
            {"verdict": found.verdict, "action": found.action, "at": show_instant(found.at_ms)}
        )
    return [
        {
            "case_id": row.case_id,
            "status": row.status,
            "score": row.score,
            "opened_at": show_instant(row.opened_at_ms),
            "verdicts": judged.get(row.case_id, []),
        }
        for row in rows
    ]


def _partner(conn: Connection, partner: Partner) -> Fields:
    enrolled = partners.enrollments_of(conn, partner.partner_id)
    ids = [one.enrollment_id for one in enrolled]
    return {
        **_shown(msgspec.structs.asdict(partner)),
        "enrollments": [
            _shown(msgspec.structs.asdict(one))
            | {
                "links": [_shown(msgspec.structs.asdict(link)) for link in links.links_of(conn, one.enrollment_id)],
                "promo_codes": [
                    _shown(msgspec.structs.asdict(promo)) for promo in links.promo_codes_of(conn, one.enrollment_id)
                ],
                "statement": _statement(conn, one.enrollment_id),
            }
            for one in enrolled
        ],
        "sign_ins": [
            {"at": show_instant(row.at_ms), "browser": row.agent_key}
            for row in store.logins_of(conn, partner.partner_id)
        ],
        "cases": _cases(conn, store.cases_of_enrollments(conn, ids)),
    }


def _statement(conn: Connection, enrollment_id: str) -> list[Fields]:
    """Return the partner's lines, test ones too, newest first; of a conversion only its id."""
    found: list[Fields] = []
    for livemode in (True, False):
        before: int | None = None
        while len(found) < LINES_MAX:
            lines = ledger.statement(
                conn, enrollment_id, livemode=livemode, now_ms=0, before_seq=before, limit=LINES_AT_ONCE
            )
            found += [_line(line.commission.line) for line in lines]
            if len(lines) < LINES_AT_ONCE:
                break
            before = lines[-1].commission.line.seq
    return found


def _line(line: PostedLine) -> Fields:
    fields: Fields = msgspec.to_builtins(line)
    return {name: value for name, value in _shown(fields).items() if name not in ("seq", "actor", "decision_id")}


def _event(row: Any) -> Fields:
    return {
        "event_id": row.event_id,
        "program_id": row.program_id,
        "received_at": show_instant(row.received_at_ms),
        "payload": bytes(row.payload).decode("utf-8", "backslashreplace"),
    }


def _shown(fields: Fields) -> Fields:
    """Return fields as JSON shows them: bytes in hexadecimal, instants in ISO 8601."""
    shown: Fields = {}
    for name, value in fields.items():
        if isinstance(value, bytes):
            shown[name] = value.hex()
        elif name.endswith("_at_ms") and isinstance(value, int):
            shown[name.removesuffix("_ms")] = show_instant(value)
        else:
            shown[name] = value
    return shown
