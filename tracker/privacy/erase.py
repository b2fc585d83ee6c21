"""Erasing one person: what names the person or came from the person's machine goes, what money rests on stays.

The command line and the pages call `erase_person`. Amounts, decisions, ledger lines and the ids that tie them together
stay, because accounts must keep adding up and verify; they name nobody. The trail gets an entry with ids and counts.
"""

from collections import Counter
from collections.abc import Sequence
from functools import partial
from typing import Any

import structlog
from sqlalchemy import Connection

from ingest.events import encode_click
from tracker.audit import store as audit
from tracker.clicks.types import ClickRow
from tracker.conversions.types import ConversionRow
from tracker.db.sqlite import SqliteDatabase
from tracker.i18n.messages import InputError, msg
from tracker.ledger import store as ledger
from tracker.partners import store as partners
from tracker.partners.types import Partner
from tracker.privacy import removal, store
from tracker.privacy.bodies import Bodies, anonymous, bodies_about, inbox_about
from tracker.privacy.dictionary import forget_unused
from tracker.privacy.export import clicks_of
from tracker.privacy.mentions import Traces, traces_of
from tracker.privacy.persons import find_person
from tracker.privacy.types import Asked, Erased, Left, Person, Running

REASON_MAX = 500  # characters
REWRITTEN_AT_ONCE = 100  # inbox rows in one transaction

log = structlog.get_logger()


async def erase_person(services: Running, asked: Asked, *, reason: str, actor: str) -> Erased:
    """Erase the person and return what was changed and what is left.

    Refuses unknown ids, an empty reason, and a partner to whom money is owed. Doing it twice changes nothing more.
    """
    if not reason.strip():
        raise InputError("reason", msg("Say why, for the trail: for example the date of the request."))
    await services.project()
    now_ms = services.now_ms()
    person = await services.db.read(lambda conn: find_person(conn, asked))
    if person.partner is not None:
        partner = person.partner
        await services.db.read(lambda conn: _check_owed(conn, partner, now_ms=now_ms))
    touched = await services.db.read(lambda conn: clicks_of(conn, person))
    traces = traces_of(person, frozenset((click.program_id, click.click_id) for click in touched))
    # First, and by ids that the last step forgets: when a crash comes between, the next attempt finds them again.
    rewritten = await _rewrite_inbox(services, traces)
    bodies = await bodies_about(services.db, traces)
    removed = await services.db.write(
        partial(
            _remove,
            person=person,
            touched=touched,
            traces=traces,
            bodies=bodies,
            reason=reason.strip()[:REASON_MAX],
            actor=actor,
            now_ms=now_ms,
        )
    )
    await forget_unused(services.db)
    await _empty_logs(services)
    await services.refresh()
    counts = {"inbox": rewritten, **removed.counts}
    log.info("person_erased", count=sum(counts.values()))
    return Erased(counts={name: number for name, number in counts.items() if number}, left=removed.left)


def _check_owed(conn: Connection, partner: Partner, *, now_ms: int) -> None:
    for one in partners.enrollments_of(conn, partner.partner_id):
        for balance in ledger.balances(conn, one.enrollment_id, livemode=True, now_ms=now_ms):
            if balance.total_minor or balance.pending_minor or balance.frozen_minor:
                raise InputError(
                    "partner",
                    msg(
                        "There is an open balance in %(currency)s with this partner; settle it first, or the money "
                        "would belong to nobody.",
                        currency=balance.currency,
                    ),
                )


async def _rewrite_inbox(services: Running, traces: Traces) -> int:
    """Make the person's clicks in the inbox anonymous; a rebuilt projection then knows no more than the erased one."""
    found = [
        (row.seq, body)
        async for row, click in inbox_about(services.db, traces.browsers)
        if (body := encode_click(anonymous(click))) != row.body
    ]
    for start in range(0, len(found), REWRITTEN_AT_ONCE):
        await services.db.inbox.rewrite(found[start : start + REWRITTEN_AT_ONCE])
    return len(found)


def _remove(
    conn: Connection,
    *,
    person: Person,
    touched: list[ClickRow],
    traces: Traces,
    bodies: Bodies,
    reason: str,
    actor: str,
    now_ms: int,
) -> Erased:
    customer_ids = [customer.customer_id for customer in person.customers]
    digests = traces.digests if customer_ids else frozenset()
    own = store.conversions_of_person(conn, customer_ids=customer_ids, browsers=person.browsers, digests=digests)
    shared = store.conversions_of_browsers(conn, person.browsers)
    counts: Counter[str] = Counter()
    counts["customers"] = removal.empty_customers(conn, customer_ids, now_ms=now_ms)
    counts["conversions"] = removal.strip_conversions(conn, _distinct([*own, *shared]), strip_reports_of=_ids(own))
    about = sorted(_ids(own) | _ids(shared))
    counts["findings"] = removal.strip_findings(conn, about)
    covering = [row.case_id for row in store.cases_about(conn, about)]
    counts["facts_of_cases"] = removal.strip_clusters(conn, covering, person.customers)
    counts["identity_links"] = removal.unlink(conn, customer_ids, person.browsers)
    counts["clicks"] = removal.strip_clicks(conn, [click.seq for click in touched])
    counts["custom_events"] = removal.delete_custom_events(conn, _event_ids(bodies.custom_events))
    refused = _event_ids(bodies.refused_events)
    counts["refused_events"] = removal.empty_refused_events(conn, refused, actor=actor, now_ms=now_ms)
    counts["stored_answers"] = removal.delete_answers(conn, bodies.answers)
    if person.partner is not None:
        counts["partners"] = removal.empty_partner(conn, person.partner, actor=actor, now_ms=now_ms)
    counts["texts"] = removal.clean_texts(conn, traces)
    counts["allow_entries"] = removal.clean_allow_entries(
        conn, traces, sorted(person.browsers), actor=actor, now_ms=now_ms
    )
    left = tuple(
        Left(what="audit_entry", id=str(seq), why="The trail is chained: an entry that changes breaks it.")
        for seq in removal.trail_mentions(conn, traces)
    )
    objects = [*customer_ids, *([person.partner.partner_id] if person.partner else [])]
    for object_id in objects or sorted({browser.program_id for browser in person.browsers}):
        audit.record(
            conn,
            at_ms=now_ms,
            actor=actor,
            action="person.erased",
            object_id=object_id,
            reason=removal.clean(reason, traces),
            after={name: number for name, number in sorted(counts.items()) if number},
        )
    return Erased(counts=dict(counts), left=left)


async def _empty_logs(services: Running) -> None:
    """Empty the write-ahead logs: what was overwritten in the files still stands in them."""
    if isinstance(services.db, SqliteDatabase):
        await services.db.checkpoint()


def _ids(rows: list[ConversionRow]) -> frozenset[str]:
    return frozenset(row.conversion_id for row in rows)


def _distinct(rows: list[ConversionRow]) -> list[ConversionRow]:
    return list({row.conversion_id: row for row in rows}.values())


def _event_ids(rows: Sequence[Any]) -> list[str]:
    return [row.event_id for row in rows]
