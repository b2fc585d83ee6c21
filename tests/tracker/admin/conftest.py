"""The staff pages as a small application of their own, on a fresh SQLite file with people, a program and a partner."""

import asyncio
import re
import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.testclient import TestClient

from ingest.address_keys import AddressEpoch, AddressKeyring
from ingest.conversions import ConversionReport, CustomerReport
from ingest.enrich import read_agent
from ingest.events import InboxClick, encode_click
from ingest.networks import Networks
from tracker.admin.errors import answer_error
from tracker.admin.routes import routes
from tracker.cases import store as cases_store
from tracker.clicks.project import Enricher
from tracker.clicks.projector import Projector
from tracker.conversions.process import process
from tracker.conversions.record import record
from tracker.db.opening import open_database
from tracker.fraud.payment_keys import PaymentKeys
from tracker.keys.store import create_key
from tracker.ledger import store as ledger_store
from tracker.partners.store import add_partner
from tracker.programs.defaults import default_settings
from tracker.programs.store import create_program
from tracker.settings import Settings
from tracker.users.passwords import hash_now
from tracker.users.store import add_user
from tracker.users.types import ROLES

BASE = "http://127.0.0.1:8000"
NOW_MS = 1_790_000_000_000
PASSWORD = "correct horse battery"
SECRET = b"s" * 32
CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36"
)


class Clock:
    """A clock the test moves."""

    def __init__(self) -> None:
        self.now_ms = NOW_MS

    def advance(self, span_ms: int) -> None:
        self.now_ms += span_ms


# As the build leaves it: the pages show its age.
COUNTRY_FILES = (Path(__file__).parents[3] / "ingest/data/built/country.mmdb",)


# One key for ever: tests of epochs bring their own.
KEYRING = AddressKeyring([AddressEpoch(starts_at_ms=0, ends_at_ms=NOW_MS + 10 * 365 * 86_400_000, key=b"a" * 32)])


class Services:
    """What the pages need; counts how often the public edge was told to look again."""

    def __init__(self, clock: Clock, base_url: str) -> None:
        self.clock = clock
        self.settings = Settings(base_url=base_url)
        self.secret = SECRET
        self.refreshed = 0
        self.db: Any = None
        self.address = "203.0.113.7"
        self.enricher = SimpleNamespace(networks=Networks(country_files=COUNTRY_FILES), keyring=KEYRING)

    def now_ms(self) -> int:
        return self.clock.now_ms

    async def project(self) -> None:
        """Nothing waits: a test that makes clicks projects them itself."""

    async def refresh(self) -> None:
        self.refreshed += 1

    def client_address(self, _request: Any) -> str:
        return self.address


def make_app(url: str, services: Services) -> Starlette:
    """Return the staff pages as an application; the database is opened on the loop that serves."""

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        services.db = open_database(url)
        yield
        await services.db.close()

    app = Starlette(
        routes=routes(), lifespan=lifespan, exception_handlers={HTTPException: answer_error, Exception: answer_error}
    )
    app.state.services = services
    return app


def seed(conn: Any) -> SimpleNamespace:
    """One user a role, one program with two keys, one partner."""
    password_hash = hash_now(PASSWORD)
    for role in ROLES:
        add_user(
            conn,
            email=f"{role}@example.com",
            role=role,
            password_hash=password_hash,
            language="en",
            now_ms=NOW_MS,
            actor="cli",
        )
    program = create_program(
        conn,
        name="Friends of the shop",
        currency="EUR",
        time_zone="Europe/Berlin",
        settings=default_settings(),
        sites=["https://shop.example"],
        actor="cli",
        now_ms=NOW_MS,
    )
    key = create_key(
        conn,
        program_id=program.program_id,
        kind="publishable",
        livemode=True,
        scopes=(),
        secret=SECRET,
        actor="cli",
        now_ms=NOW_MS,
    )
    partner = add_partner(
        conn,
        program_id=program.program_id,
        name="Мария Иванова",
        email="maria@example.com",
        code=None,
        actor="cli",
        now_ms=NOW_MS,
    )
    return SimpleNamespace(program=program, key=key, partner=partner)


class Browser:
    """A person at the pages: keeps cookies, sends forms with the token and headers a browser would."""

    def __init__(self, client: TestClient) -> None:
        self.client = client

    def get(self, path: str, **headers: str) -> Any:
        return self.client.get(path, headers=headers)

    def token(self, path: str = "/admin/account") -> str:
        found = re.search(r'name="csrf_token" value="([^"]+)"', self.client.get(path).text)
        assert found, path
        return found[1]

    def send(self, path: str, follow: bool = True, **fields: Any) -> Any:
        form = {"csrf_token": self.token(), **fields}
        return self.client.post(path, data=form, headers={"Origin": BASE}, follow_redirects=follow)

    def sign_in(self, role: str = "owner", password: str = PASSWORD) -> Any:
        form = {"csrf_token": self.token("/login"), "email": f"{role}@example.com", "password": password}
        return self.client.post("/login", data=form, headers={"Origin": BASE}, follow_redirects=False)


@pytest.fixture(scope="session")
def seeded(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, SimpleNamespace]:
    """A seeded SQLite file to copy, and what is in it."""
    path = tmp_path_factory.mktemp("seeded") / "molva.db"
    shutil.copyfile(sqlite_template, path)

    async def fill() -> SimpleNamespace:
        db = open_database(f"sqlite:///{path}")
        made = await db.write(seed)
        await db.close()
        return made

    return path, asyncio.run(fill())


@pytest.fixture
def world(seeded: tuple[Path, SimpleNamespace]) -> SimpleNamespace:
    """What the seed made."""
    return seeded[1]


@pytest.fixture
def services() -> Services:
    """The parts of the application, with a clock the test moves."""
    return Services(Clock(), BASE)


@pytest.fixture
def open_browser(
    seeded: tuple[Path, SimpleNamespace], services: Services, tmp_path: Path
) -> Iterator[Callable[[], Browser]]:
    """Open browsers on one running application; each has cookies of its own."""
    path = tmp_path / "molva.db"
    shutil.copyfile(seeded[0], path)
    app = make_app(f"sqlite:///{path}", services)
    with TestClient(app, base_url=BASE) as first:

        def opened() -> Browser:
            client = TestClient(app, base_url=BASE)
            client.portal = first.portal
            return Browser(client)

        yield opened


@pytest.fixture
def browser(open_browser: Callable[[], Browser]) -> Browser:
    """A browser nobody signed in with."""
    return open_browser()


@pytest.fixture
def owner(browser: Browser) -> Browser:
    """A browser the owner is signed in with."""
    assert browser.sign_in("owner").status_code == 303
    return browser


class Shop:
    """What happens outside: clicks, leads, sales and refunds, recorded and decided as the running application does."""

    def __init__(self, browser: Browser, services: Services, world: SimpleNamespace) -> None:
        self.services, self.world, self.client = services, world, browser.client
        self.program_id, self.enrollment_id = world.program.program_id, world.partner.enrollment_id
        self.enricher = Enricher(keyring=KEYRING, networks=Networks(), payments=PaymentKeys(b"key"))

    def write(self, fn: Any) -> Any:
        return self.client.portal.call(self.services.db.write, fn)

    def read(self, fn: Any) -> Any:
        return self.client.portal.call(self.services.db.read, fn)

    def click(self, click_id: str = "click-1", *, ago_ms: int = 3_600_000, **changes: Any) -> str:
        """A visit through the partner's link."""
        values = {
            "program_id": self.program_id,
            "livemode": True,
            "enrollment_id": self.enrollment_id,
            "click_id": click_id,
            "visitor_id": "visitor-1",
            "source": "redirect",
            "code": "MARIA",
            "age_ms": ago_ms,
            "address": "198.51.100.20",
            "user_agent": CHROME,
            "page_url": "https://shop.example/",
            "http_referer": None,
            "parameter": None,
            "state": 0,
            "event_id": None,
            "headers": {},
            "details": None,
        }
        body = encode_click(InboxClick(**(values | changes)))
        self.client.portal.call(self.services.db.inbox.append, [(self.services.now_ms(), body)])
        self.client.portal.call(Projector(self.services.db, self.enricher, now_ms=self.services.now_ms).project)
        return click_id

    def report(self, kind: str, external_id: str, *, customer: dict[str, Any] | None = None, **changes: Any) -> str:
        """A report of the shop's server, decided at once; returns the conversion's id."""
        now_ms = self.services.now_ms()
        values = {
            "program_id": self.program_id,
            "livemode": True,
            "kind": kind,
            "trust": "verified",
            "external_id": external_id,
            "request_digest": f"{kind} {external_id} {changes}".encode(),
            "occurred_at_ms": now_ms,
            "received_at_ms": now_ms,
            "customer": CustomerReport(**customer) if customer else None,
            "address": "198.51.100.77",
            "user_agent": CHROME,
        }
        report = ConversionReport(**(values | changes))
        agent = read_agent(report.user_agent)

        def run(conn: Any) -> str:
            outcome = record(conn, report, agent=agent, enricher=self.enricher)
            process(conn, outcome.conversion_id, now_ms=now_ms)
            return outcome.conversion_id

        return self.write(run)

    def sale(self, external_id: str = "A-1", *, amount: int = 10_000, **changes: Any) -> str:
        return self.report("sale", external_id, amount=amount, currency="EUR", **changes)

    def self_referral(self, external_id: str = "SELF-1") -> str:
        """A sale to the partner's own mailbox: a case with its commission frozen."""
        self.click(f"click-{external_id}", visitor_id=f"visitor-{external_id}", ago_ms=600_000)
        customer = {"email": "maria@example.com", "name": "Мария Иванова", "phone": "+7 900 000-11-22"}
        return self.sale(external_id, visitor_id=f"visitor-{external_id}", customer=customer)

    def crowd(self, people: int = 7) -> list[str]:
        """Registrations of many people from one address within minutes."""
        ids = []
        for number in range(people):
            self.services.clock.advance(60_000)
            visitor = f"crowd-{number}"
            self.click(visitor, visitor_id=visitor, ago_ms=30_000, address="198.51.100.99")
            ids.append(
                self.report(
                    "lead",
                    f"L-{number}",
                    visitor_id=visitor,
                    address="198.51.100.99",
                    customer={"email": f"person{number}@mail{number}.example", "name": f"Person {number}"},
                )
            )
        return ids

    def cases(self, **chosen: Any) -> list[Any]:
        wanted = {"livemode": True, "statuses": ("open", "claimed", "decided")} | chosen
        return self.read(lambda conn: cases_store.queue(conn, **wanted))

    def balance(self) -> tuple[int, int, int]:
        """Pending, payable and frozen of the partner."""
        found = self.read(
            lambda conn: ledger_store.balances(conn, self.enrollment_id, livemode=True, now_ms=self.services.now_ms())
        )
        return (found[0].pending_minor, found[0].payable_minor, found[0].frozen_minor) if found else (0, 0, 0)


@pytest.fixture
def shop(owner: Browser, services: Services, world: SimpleNamespace) -> Shop:
    """The shop behind the pages an owner is signed in to."""
    return Shop(owner, services, world)
