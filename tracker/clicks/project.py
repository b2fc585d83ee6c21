"""One batch of the projection: inbox rows become clicks in the indexed tables, and roll-ups.

`projector.py` calls it batch by batch. Reading the inbox again from the start gives the same clicks: a click id is
stored once a program. What comes again under a known id (a repeated send, or the landing page of a referral link that
handed its click on) changes nothing and is counted as a duplicate.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection

from ingest.address_keys import AddressKeyring
from ingest.bots import bot_verdict
from ingest.client_address import UNKNOWN
from ingest.drops import DropReason
from ingest.enrich import Agent, read_agent
from ingest.events import STATE_GPC, decode_click
from ingest.networks import Networks
from ingest.whereabouts import Whereabouts, columns_of, find_whereabouts
from tracker.clicks import dictionaries, store
from tracker.clicks.dictionaries import Remembered
from tracker.clicks.encoding import unpack_browser_id
from tracker.clicks.packing import PackedClick, numbered, pack
from tracker.clicks.types import ClickRow
from tracker.conversions.late import after_clicks
from tracker.conversions.late_store import SeenClick
from tracker.db.database import InboxRow
from tracker.fraud.payment_keys import PaymentKeys
from tracker.instants import DAY_MS

# Numbers remembered of each dictionary; a forgotten one costs a look-up. Texts have 2,048 characters at most.
TEXTS_REMEMBERED = 20_000
AGENTS_REMEMBERED = 4_000
PARTIES_REMEMBERED = 20_000


class Enricher(msgspec.Struct, frozen=True, kw_only=True):
    """What turns an address, or what was paid with, into what is stored of it."""

    keyring: AddressKeyring
    networks: Networks
    payments: PaymentKeys

    def locate(self, address: str, at_ms: int) -> Whereabouts:
        """Return what is kept of an address seen at an instant."""
        return find_whereabouts(address, at_ms, keyring=self.keyring, networks=self.networks)


class Arrived(msgspec.Struct, frozen=True, kw_only=True):
    """An inbox row, enriched and packed."""

    click: PackedClick
    agent: Agent


class Numbers(msgspec.Struct, frozen=True, kw_only=True):
    """What a batch names, by dictionary: spelled out, and its number."""

    programs: dict[str, int]
    enrollments: dict[str, int]
    agents: dict[str, int]
    texts: dict[str, int]


class Memory:
    """Numbers that need not be looked up again; only committed ones get here."""

    def __init__(self) -> None:
        """Remember nothing yet."""
        self.programs = Remembered(PARTIES_REMEMBERED)
        self.enrollments = Remembered(PARTIES_REMEMBERED)
        self.agents = Remembered(AGENTS_REMEMBERED)
        self.texts = Remembered(TEXTS_REMEMBERED)
        self._times_forgotten = 0

    def follow(self, times_forgotten: int) -> None:
        """Forget texts and agents when the dictionaries did, in whichever process."""
        if times_forgotten != self._times_forgotten:
            self.texts.clear()
            self.agents.clear()
            self._times_forgotten = times_forgotten

    def keep(self, numbers: Numbers) -> None:
        """Remember the numbers of a committed batch."""
        self.programs.update(numbers.programs)
        self.enrollments.update(numbers.enrollments)
        self.agents.update(numbers.agents)
        self.texts.update(numbers.texts)


class Saved(msgspec.Struct, frozen=True, kw_only=True):
    """What a batch came to: how far the projection is, the numbers to remember, and how long the writer was held."""

    cursor: int
    numbers: Numbers | None
    took_s: float


def arrive(stored: InboxRow, enricher: Enricher) -> Arrived:
    """Return an inbox row as a click. Anonymous ones (GPC) keep no address, agent or visitor."""
    click = decode_click(stored.body)
    agent = read_agent(click.user_agent)
    is_anonymous = bool(click.state & STATE_GPC)
    seen = click.whereabouts or enricher.locate(click.address, stored.received_at_ms)
    # No address is nobody's: hashed, it would make all such clicks one host.
    where = None if is_anonymous or click.address == UNKNOWN else seen
    # A browser that says a program drives it is noted for reviewers; shops test their pages so, and it still earns.
    sign = bot_verdict(agent.bot_reason, state=click.state, headers=click.headers)
    details: dict[str, Any] = dict(click.details or {})
    noted = {
        "parameter": click.parameter,
        "headers": click.headers or None,
        "code": click.code,
        "warnings": click.warnings or None,
        "bot_sign": sign if sign != agent.bot_reason else None,
    }
    details |= {name: value for name, value in noted.items() if value is not None}
    row = ClickRow(
        seq=stored.seq,
        program_id=click.program_id,
        click_id=click.click_id,
        enrollment_id=click.enrollment_id,
        visitor_id=click.visitor_id,
        livemode=click.livemode,
        source=click.source,
        occurred_at_ms=stored.received_at_ms - click.age_ms,
        received_at_ms=stored.received_at_ms,
        agent_id=0,
        # A shop's server need not say which browser its visitor had.
        is_bot=agent.is_bot and not is_anonymous and (bool(click.user_agent) or click.source != "server"),
        **columns_of(where),
        page_url=click.page_url,
        http_referer=click.http_referer,
        details=details,
    )
    return Arrived(click=pack(row, agent.text), agent=agent)


def save_batch(conn: Connection, arrived: Sequence[Arrived], memory: Memory, *, after: int) -> Saved:
    """Store one batch and move the cursor, unless somebody else already did.

    After: the inbox number behind which the batch was read. A cursor that is now before it was put back for the
    projection to be built again; then nothing is stored, and the caller goes on from there.
    """
    began = time.monotonic()
    cursor = store.cursor_of(conn)
    fresh = [one for one in arrived if one.click.seq > cursor >= after]
    if not fresh:
        return Saved(cursor=cursor, numbers=None, took_s=time.monotonic() - began)
    memory.follow(dictionaries.times_forgotten(conn))
    numbers = _numbers_of(conn, fresh, memory)
    texts: dict[str | None, int | None] = {None: None}
    texts.update(numbers.texts)
    rows = [
        numbered(
            one.click,
            programs=numbers.programs,
            enrollments=numbers.enrollments,
            agents=numbers.agents,
            texts=texts,
        )
        for one in fresh
    ]
    stored = store.insert_clicks(conn, rows)
    _count(conn, fresh, numbers.enrollments, stored=stored)
    after_clicks(conn, [_seen(one.click) for one in fresh if one.click.seq in stored])
    cursor = fresh[-1].click.seq
    store.move_cursor(conn, cursor)
    return Saved(cursor=cursor, numbers=numbers, took_s=time.monotonic() - began)


def _seen(click: PackedClick) -> SeenClick:
    """Return what conversions that were decided before the click arrived must know of it."""
    click_id = unpack_browser_id(click.click_key)
    return SeenClick(
        program_id=click.program_id,
        livemode=bool(click.livemode),
        click_id=click_id,
        visitor_id=click_id if click.visitor_key is None else unpack_browser_id(click.visitor_key),
        occurred_at_ms=click.received_at_ms - click.age_ms,
        received_at_ms=click.received_at_ms,
    )


def _numbers_of(conn: Connection, batch: Sequence[Arrived], memory: Memory) -> Numbers:
    """Return the numbers of all a batch names, storing what is new."""
    agents = {one.agent.text: one.agent for one in batch}
    texts = {text: None for one in batch for text in one.click.texts() if text is not None}
    return Numbers(
        programs=_looked_up(
            {one.click.program_id: None for one in batch},
            memory.programs,
            lambda new: dictionaries.program_numbers(conn, new),
        ),
        enrollments=_looked_up(
            {one.click.enrollment_id: None for one in batch},
            memory.enrollments,
            lambda new: dictionaries.enrollment_numbers(conn, new),
        ),
        agents=_looked_up(agents, memory.agents, lambda new: store.agent_ids(conn, [agents[text] for text in new])),
        texts=_looked_up(texts, memory.texts, lambda new: dictionaries.text_numbers(conn, new)),
    )


def _looked_up(
    wanted: Iterable[str], remembered: Remembered, look_up: Callable[[Sequence[str]], Mapping[str, int]]
) -> dict[str, int]:
    found: dict[str, int] = {}
    new: list[str] = []
    for key in wanted:
        number = remembered.get(key)
        if number is None:
            new.append(key)
        else:
            found[key] = number
    if new:
        found.update(look_up(new))
    return found


def _count(conn: Connection, batch: Sequence[Arrived], enrollments: Mapping[str, int], *, stored: set[int]) -> None:
    """Add the stored clicks to the days they happened on, and the others to the duplicates."""
    people: Counter[tuple[int, int, bool]] = Counter()
    bots: Counter[tuple[int, int, bool]] = Counter()
    known: Counter[int] = Counter()
    for one in batch:
        click = one.click
        if click.seq in stored:
            counter = bots if click.is_bot else people
            day = (click.received_at_ms - click.age_ms) // DAY_MS
            counter[enrollments[click.enrollment_id], day, bool(click.livemode)] += 1
        else:
            known[click.received_at_ms // DAY_MS] += 1
    for day, events in sorted(known.items()):
        store.count_drops(conn, day=day, reasons={DropReason.DUPLICATE.value: events})
    store.add_to_days(conn, [(*key, people[key], bots[key]) for key in sorted(people.keys() | bots.keys())])
