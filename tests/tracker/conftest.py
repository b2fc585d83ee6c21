"""A running Molva in this process: the whole application with its worker, on SQLite and on PostgreSQL.

`world` is fresh for a test; `shared_world` serves all tests of a module, which then use numbers of their own.
"""

import asyncio
import itertools
import shutil
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import httpx2
import pytest
from sqlalchemy import Connection, select

from ingest.events import InboxClick, encode_click
from tracker.app import create_app
from tracker.db.opening import open_database
from tracker.jobs.tables import jobs
from tracker.keys.store import create_key
from tracker.partners.store import add_partner
from tracker.programs.defaults import default_settings
from tracker.programs.store import create_program
from tracker.programs.types import ProgramSettings
from tracker.services import Services
from tracker.settings import Settings
from tracker.worker import decide_conversions

SITE = "https://shop.example"
BASE_URL = "https://go.shop.example"
SECRET = b"root secret of the tests, 32 bytes"
PEER = "203.0.113.9"
DAY_MS = 86_400_000
CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36"
)

T = TypeVar("T")


class World:
    """One program with its keys and one partner, behind the application."""

    def __init__(self, runner: asyncio.Runner, services: Services) -> None:
        self.run = runner.run
        self.services = services
        self.app = create_app(services)
        self.http = self.client()
        self._numbers = itertools.count(1)
        self.program_id = ""
        self.keys: dict[tuple[str, bool], str] = {}
        self.key_ids: dict[tuple[str, bool], str] = {}
        self.anna: Any = None

    def client(self, peer: str = PEER, **options: Any) -> httpx2.AsyncClient:
        """An HTTP client whose socket has the given address."""
        transport = httpx2.ASGITransport(app=self.app, client=(peer, 50_000))
        return httpx2.AsyncClient(transport=transport, base_url=BASE_URL, **options)

    def seed(self, settings: ProgramSettings | None = None, sites: tuple[str, ...] = (SITE,)) -> None:
        """Make the program as if three months ago, so that old reports find partners active."""
        now_ms = self.services.now_ms() - 90 * DAY_MS

        def rows(conn: Connection) -> None:
            self.program_id = self.make_program(conn, "Friends", sites, settings, now_ms)
            for kind, livemode in itertools.product(("publishable", "secret", "signing"), (True, False)):
                made = self.make_key(conn, self.program_id, kind, livemode=livemode)
                self.keys[kind, livemode], self.key_ids[kind, livemode] = made.value, made.key_id
            if sites:
                self.anna = self.add_partner_row(conn, "Anna", "ANNA", now_ms)

        self.write(rows)
        self.run(self.services.refresh())

    def make_program(
        self, conn: Connection, name: str, sites: tuple[str, ...], settings: ProgramSettings | None, now_ms: int
    ) -> str:
        return create_program(
            conn,
            name=name,
            currency="EUR",
            time_zone="UTC",
            settings=settings or default_settings(),
            sites=sites,
            actor="test",
            now_ms=now_ms,
        ).program_id

    def make_key(self, conn: Connection, program_id: str, kind: str, *, livemode: bool, scopes: Any = ()) -> Any:
        return create_key(
            conn,
            program_id=program_id,
            kind=kind,
            livemode=livemode,
            scopes=scopes,
            secret=SECRET,
            actor="test",
            now_ms=self.services.now_ms(),
        )

    def add_partner_row(self, conn: Connection, name: str, code: str, now_ms: int) -> Any:
        return add_partner(
            conn,
            program_id=self.program_id,
            name=name,
            email=f"{code.lower()}@partners.example",
            code=code,
            actor="test",
            now_ms=now_ms,
        )

    def add_partner(self, name: str, code: str) -> Any:
        """Another partner, active for three months."""
        made = self.write(lambda conn: self.add_partner_row(conn, name, code, self.services.now_ms() - 90 * DAY_MS))
        self.run(self.services.refresh())
        return made

    def write(self, transaction: Callable[[Connection], T]) -> T:
        return self.run(self.services.db.write(transaction))

    def read(self, transaction: Callable[[Connection], T]) -> T:
        return self.run(self.services.db.read(transaction))

    def request(self, method: str, path: str, **options: Any) -> httpx2.Response:
        return self.run(self.http.request(method, path, **options))

    def api(self, method: str, path: str, *, key: str | None = None, test: bool = False, **options: Any) -> Any:
        """A call of the server API with the live secret key, the test one, or the one given."""
        headers = {"Authorization": f"Bearer {key or self.keys['secret', not test]}"} | options.pop("headers", {})
        return self.request(method, path, headers=headers, **options)

    def track(self, kind: str, body: Any = None, *, wait: bool = True, **options: Any) -> Any:
        """A report of the shop's server; a dict is sent as JSON, bytes as they are."""
        path = f"/v1/track/{kind}" + ("?wait=true" if wait else "")
        if isinstance(body, bytes):
            headers = {"Content-Type": "application/json"} | options.pop("headers", {})
            return self.api("POST", path, content=body, headers=headers, **options)
        return self.api("POST", path, json=body, **options)

    def browser(self, event: Any, *, test: bool = False, headers: dict[str, str] | None = None) -> httpx2.Response:
        """An event of the snippet on the program's own page."""
        sent = {"Origin": SITE, "User-Agent": CHROME, "Content-Type": "text/plain"} | (headers or {})
        if isinstance(event, dict):
            event = {"k": self.keys["publishable", not test], **event}
            return self.request("POST", "/r/e", json=event, headers=sent)
        return self.request("POST", "/r/e", content=event, headers=sent)

    def click(self, code: str = "ANNA", *, test: bool = False, **fields: Any) -> str:
        """A click of a new browser; returns its id."""
        click_id = fields.pop("c", None) or self.number("click")
        answer = self.browser({"t": "click", "c": click_id, "r": code, "w": click_id, **fields}, test=test)
        assert answer.status_code == 200, answer.text
        assert "x-molva-drop" not in answer.headers, answer.headers
        return click_id

    def inbox_body(self, click_id: str, **changes: Any) -> str:
        """A click of a new browser as it lies in the inbox."""
        fields: dict[str, Any] = {
            "program_id": self.program_id,
            "livemode": True,
            "enrollment_id": self.anna.enrollment_id,
            "click_id": click_id,
            "visitor_id": click_id,
            "source": "snippet",
            "code": "ANNA",
            "age_ms": 0,
            "address": "203.0.113.7",
            "user_agent": CHROME,
            "page_url": "https://shop.example/",
            "http_referer": None,
            "parameter": "via",
            "state": 0,
            "event_id": None,
            "headers": {},
            "details": None,
        }
        return encode_click(InboxClick(**fields | changes))

    def settle(self) -> None:
        """Project and decide until nothing waits, beside the world's own worker, which may hold a lease."""
        ends_at = time.monotonic() + 60
        while time.monotonic() < ends_at:
            self.run(self.services.project())
            self.run(decide_conversions(self.services))
            waiting = self.read(lambda conn: conn.execute(select(jobs)).all())
            if not waiting:
                return
            assert not any(job.attempts for job in waiting), waiting
            self.run(asyncio.sleep(0.02))
        raise AssertionError(f"Deciding never comes to an end: {waiting}")

    def sale(self, **fields: Any) -> dict[str, Any]:
        """A sale body of 100.00 EUR with a new order number."""
        return {"external_id": self.number("order"), "amount": 10_000, "currency": "EUR", **fields}

    def number(self, what: str) -> str:
        return f"{what}-{next(self._numbers)}-{uuid.uuid4().hex[:6]}"


@contextmanager
def open_world(url: str, data_dir: Path, **settings: Any) -> Iterator[World]:
    """A started application on a migrated, empty database; the worker runs while requests do."""
    with asyncio.Runner() as runner:

        async def opened() -> Services:
            chosen = Settings(base_url=BASE_URL, **settings)
            return Services(data_dir=data_dir, settings=chosen, secret=SECRET, db=open_database(url))

        made = World(runner, runner.run(opened()))
        stop = runner.run(start(made.app))
        try:
            yield made
        finally:
            runner.run(made.http.aclose())
            runner.run(stop())


async def start(app: Any) -> Callable[[], Any]:
    """Run the application's lifespan as a server does; returns what ends it."""
    told: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    heard: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    running = asyncio.ensure_future(app({"type": "lifespan", "state": {}}, told.get, heard.put))
    await told.put({"type": "lifespan.startup"})
    assert (await heard.get())["type"] == "lifespan.startup.complete"

    async def stop() -> None:
        await told.put({"type": "lifespan.shutdown"})
        assert (await heard.get())["type"] == "lifespan.shutdown.complete"
        await running

    return stop


@pytest.fixture
def world(database_url: str, tmp_path: Path) -> Iterator[World]:
    with open_world(database_url, tmp_path) as made:
        made.seed()
        yield made


@pytest.fixture
def unseeded_world(database_url: str, tmp_path: Path) -> Iterator[World]:
    """A world whose program the test makes itself."""
    with open_world(database_url, tmp_path) as made:
        yield made


@pytest.fixture(scope="session")
def world_with() -> Callable[..., Any]:
    """What opens a world with settings of the test's own."""
    return open_world


@pytest.fixture
def services(world: World) -> Services:
    return world.services


@pytest.fixture
def client(world: World) -> World:
    return world


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def shared_world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("world")
    if request.param == "sqlite":
        path = folder / "molva.db"
        shutil.copyfile(request.getfixturevalue("sqlite_template"), path)
        with open_world(f"sqlite:///{path}", folder) as made:
            made.seed()
            yield made
        return
    server = request.getfixturevalue("postgres_server")
    name = f"world_{uuid.uuid4().hex}"
    server.psql(f"CREATE DATABASE {name} TEMPLATE molva_template STRATEGY FILE_COPY;")
    with open_world(server.get_uri(name), folder) as made:
        made.seed()
        yield made
    server.psql(f"DROP DATABASE {name} WITH (FORCE);")
