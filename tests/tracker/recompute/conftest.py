"""Installations with facts that came too late to count by themselves, so that deciding again has something to do."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from sqlalchemy import select

from attribution.types import Settings as AttributionSettings
from tracker.conversions.late import LATE_MS
from tracker.db.schema import METADATA
from tracker.instants import show_instant
from tracker.links.store import add_promo_code
from tracker.programs.defaults import default_settings
from tracker.recompute.answer import answer_of
from tracker.recompute.apply import Asked
from tracker.recompute.engines import open_engine
from tracker.recompute.run import run_through
from tracker.recompute.writers import HereWriter, RequestWriter

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
LATE = 2 * LATE_MS


class Quiet:
    """A progress that remembers what it was told."""

    def __init__(self) -> None:
        self.clicks: list[tuple[int, int]] = []
        self.conversions: list[tuple[int, int]] = []

    def walked(self, clicks: int, of: int) -> None:
        self.clicks.append((clicks, of))

    def decided(self, conversions: int, of: int) -> None:
        self.conversions.append((conversions, of))


@contextmanager
def later(world: Any, by_ms: int) -> Iterator[None]:
    """Let the whole installation live some time ahead."""
    now_ms = type(world.services).now_ms.__get__(world.services)
    world.services.now_ms = lambda: now_ms() + by_ms
    setup = world.app._edge._setup
    setup.now_ms = world.services.now_ms
    try:
        yield
    finally:
        del world.services.now_ms
        setup.now_ms = world.services.now_ms


def seed(world: Any, *, hold_days: int = 30, **attribution: Any) -> Any:
    """Make the program and two partners."""
    settings = msgspec.structs.replace(
        default_settings(), hold_days=hold_days, attribution=AttributionSettings(program_id="", **attribution)
    )
    world.seed(settings)
    world.boris = world.add_partner("Boris", "BORIS")
    return world


class Teller:
    """Reports events that happened some minutes before the world was made."""

    def __init__(self, world: Any) -> None:
        self.world = world
        self.zero_ms = world.services.now_ms()

    def at(self, minutes_ago: float) -> str:
        return show_instant(self.zero_ms - int(minutes_ago * MINUTE_MS))

    def click(self, code: str, minutes_ago: float, **fields: Any) -> str:
        """A click that happened before the world was made, whenever it arrives."""
        age = self.world.services.now_ms() - self.zero_ms + int(minutes_ago * MINUTE_MS)
        return self.world.click(code, a=age, **fields)

    def sale(self, minutes_ago: float, *, kind: str = "sale", test: bool = False, **fields: Any) -> str:
        body = {"external_id": self.world.number("order"), "occurred_at": self.at(minutes_ago), **fields}
        if kind == "sale":
            body = {"amount": 10_000, "currency": "EUR", **body}
        answer = self.world.track(kind, body, wait=False, test=test)
        assert answer.status_code == 202, answer.text
        return answer.json()["id"]


@pytest.fixture
def teller(unseeded_world: Any) -> Teller:
    """A program with the default settings."""
    return Teller(seed(unseeded_world))


@pytest.fixture
def recompute() -> Callable[..., dict[str, Any]]:
    """Do a whole run in this process, or what is left of one, and return its answer."""

    def do(
        world: Any,
        *,
        progress: Any = None,
        resume: str | None = None,
        url: str | None = None,
        processes: int = 1,
        **asked: Any,
    ) -> dict[str, Any]:
        return world.run(_run(world, Asked(**asked), progress or Quiet(), resume, url=url, processes=processes))

    return do


async def _run(world: Any, asked: Asked, progress: Any, resume: str | None, **crew: Any) -> dict[str, Any]:
    services = world.services
    writer = RequestWriter(HereWriter(services))
    run = await (writer.start(msgspec.to_builtins(asked)) if resume is None else writer.find(resume))
    run = await run_through(
        run,
        open_engine(asked.engine),
        reader=services.db,
        writer=writer,
        progress=progress,
        now_ms=services.now_ms,
        **crew,
    )
    return await services.db.read(lambda conn: answer_of(conn, run))


def earners(world: Any, conversion_id: str) -> dict[str, str]:
    """Who is credited with what share now."""
    shown = world.api("GET", f"/v1/conversions/{conversion_id}").json()
    return {part["partner"]: part["weight"] for part in shown["attribution"]["winner"]}


def owed(world: Any) -> dict[str, int]:
    """What each partner is owed, by partner id."""
    sums: dict[str, int] = {}
    for line in world.api("GET", "/v1/commissions?limit=100").json()["data"]:
        sums[line["partner_id"]] = sums.get(line["partner_id"], 0) + line["amount"]
    return {partner: amount for partner, amount in sums.items() if amount}


def tell_long_story(world: Any) -> Teller:
    """Many people in all shapes: who clicks, comes back, is led by a lead, sends a code, or is a robot."""
    teller = Teller(world)
    now_ms = world.services.now_ms()
    for code, partner in (("SPRING", world.anna), ("OLD", world.boris)):
        world.write(
            lambda conn, code=code, partner=partner: add_promo_code(
                conn,
                enrollment_id=partner.enrollment_id,
                code=code,
                valid_to_ms=None if code == "SPRING" else now_ms + HOUR_MS,
                actor="test",
                now_ms=now_ms,
            )
        )
    world.run(world.services.refresh())
    for number in range(8):
        _tell_person(teller, number)
    world.settle()
    with later(world, LATE):
        for number in range(8):
            _tell_late(teller, number)
        world.settle()
    return teller


def _visitor(number: int) -> str:
    return f"visitor-{number}-of-the-story"


def _tell_person(teller: Teller, number: int) -> None:
    visitor = _visitor(number)
    person = {"external_id": f"person-{number}"}
    test = number == 7
    teller.click("ANNA", 600 + number, c=visitor, test=test)
    if number % 2:
        teller.click("BORIS", 500 + number, c=f"{visitor}-b", w=visitor, test=test)
    # The whole shape of a 16-byte id, which is stored packed.
    packed = f"AAAAAAAAAAAAAAAAAAAAA{'AQgw'[number % 4]}"
    teller.click("BORIS", 480 + number, c=f"{number}{packed[1:]}", w=visitor, test=test)
    if number % 3 == 0:
        lead = teller.world.number("lead")
        teller.sale(400, kind="lead", external_id=lead, customer=person, visitor_id=visitor, test=test)
        teller.sale(300, lead_id=lead, test=test)
    teller.sale(200, customer=person, visitor_id=f"vis_{visitor}", test=test)
    teller.sale(100, customer=person, tax=1_900, test=test)
    teller.sale(90, click_id=f"clk_{visitor}", promo_code="spring ", test=test)
    teller.sale(80, promo_code="OLD", partner_code="Anna", visitor_id="nobody", test=test)
    teller.sale(70, click_id="no-such-click", currency="USD", test=test)


def _tell_late(teller: Teller, number: int) -> None:
    """A day and more later: clicks between what is known, which nothing decides again by itself."""
    visitor = _visitor(number)
    test = number == 7
    if number % 2 == 0:
        teller.click("BORIS", 210, c=f"{visitor}-late", w=visitor, test=test)
    teller.click("ANNA", 450, c=f"{visitor}-lead", w=visitor, test=test)


async def copy_rows(source: Any, target: Any) -> None:
    """Copy every row of one empty installation's database into another's, ids and all."""
    for table in METADATA.sorted_tables:
        rows = await source.read(lambda conn, table=table: [row._asdict() for row in conn.execute(select(table))])
        if table.name == "cursors":
            # A new database has some already, from its migrations.
            await target.write(lambda conn, table=table: conn.execute(table.delete()))
        if rows:
            await target.write(lambda conn, table=table, rows=rows: conn.execute(table.insert(), rows))


@pytest.fixture
def story(sqlite_template: Path, tmp_path: Path, world_with: Any) -> Iterator[Any]:
    """A SQLite world with the long story told, its worker still running."""
    path = tmp_path / "molva.db"
    path.write_bytes(sqlite_template.read_bytes())
    with world_with(f"sqlite:///{path}", tmp_path) as world:
        seed(world, model="linear")
        tell_long_story(world)
        yield world


@pytest.fixture(scope="session")
def tools() -> Any:
    """What the tests of this folder share."""
    return SimpleNamespace(
        later=later,
        seed=seed,
        Teller=Teller,
        Quiet=Quiet,
        earners=earners,
        owed=owed,
        copy_rows=copy_rows,
        tell_long_story=tell_long_story,
        LATE=LATE,
    )
