"""A person whose traces are everywhere, and a look into every file and table for them."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx2
import pytest
from sqlalchemy import Connection, select

from tracker.db.schema import METADATA


class Planted:
    """A person who clicked, asked, bought and got money back, next to somebody else who did the same.

    `texts` are all spellings of what must be gone after an erasure.
    """

    email = "Ines.Canary@mailbox.example"
    address = "198.51.100.77"
    agent = "CanaryBrowser/7.3 (secret machine)"
    texts = (
        "ines.canary",
        "mailbox.example",
        "Quandtmeier",
        "15123456789",
        "kunde-canary",
        "198.51.100",
        "CanaryBrowser",
        "token-4711",
        "referer-4712",
        "note-4713",
    )

    def __init__(self, world: Any) -> None:
        self.world = world
        self.http = world.client(peer=self.address)
        self.visitor = self.click(self.http, self.agent, mark="token-4711")
        self.own = self.buy(self.http, self.visitor, self.customer, ip=self.address, agent=self.agent)
        other = world.client(peer="192.0.2.9")
        self.other_visitor = self.click(other, "OtherBrowser/1.0", mark="other-page")
        self.other_customer = {"external_id": "other-1", "email": "other@elsewhere.example", "name": "Otto Other"}
        self.other = self.buy(other, self.other_visitor, self.other_customer, ip="192.0.2.9", agent="OtherBrowser/1.0")
        for each in (self.http, other):
            world.run(each.aclose())

    @property
    def customer(self) -> dict[str, str]:
        return {
            "external_id": "kunde-canary-99",
            "email": self.email,
            "phone": "+4915123456789",
            "name": "Ines Quandtmeier",
            "country": "DE",
        }

    def click(self, http: httpx2.AsyncClient, agent: str, *, mark: str) -> str:
        click_id = self.world.number("click")
        event = {
            "t": "click",
            "c": click_id,
            "r": "ANNA",
            "u": f"https://shop.example/hello/{mark}?mail={mark}-and-a-very-long-value-of-its-own",
            "f": "https://search.example/?q=referer-4712" if mark == "token-4711" else "https://search.example/",
            "d": {"note": "note-4713" if mark == "token-4711" else "none"},
        }
        answer = self.post(http, event, agent)
        assert "x-molva-drop" not in answer.headers, answer.headers
        return click_id

    def post(self, http: httpx2.AsyncClient, event: dict[str, Any], agent: str) -> httpx2.Response:
        headers = {"Origin": "https://shop.example", "User-Agent": agent, "Content-Type": "text/plain"}
        body = {"k": self.world.keys["publishable", True], **event}
        answer: httpx2.Response = self.world.run(http.post("/r/e", json=body, headers=headers))
        return answer

    def buy(
        self, http: httpx2.AsyncClient, visitor: str, customer: dict[str, str], *, ip: str, agent: str
    ) -> dict[str, str]:
        """Claim a lead, do something, be reported by the shop, be refused once, and give something back."""
        world, marked = self.world, {"note": "note-4713" if ip == self.address else "none"}
        claim = {
            "t": "lead",
            "i": world.number("lead"),
            "c": visitor,
            "w": visitor,
            "e": customer["email"],
            "d": marked,
        }
        assert self.post(http, claim, agent).status_code == 200
        custom = {"t": "newsletter", "i": world.number("event"), "c": visitor, "w": visitor, "d": marked}
        assert self.post(http, custom, agent).status_code == 200
        sale = world.sale(
            visitor_id=visitor,
            click_id=visitor,
            customer=customer,
            ip=ip,
            user_agent=agent,
            metadata=marked,
            tax=1_000,
            sub1=marked["note"],
        )
        answer = world.track("sale", sale, headers={"Idempotency-Key": world.number("key")})
        assert answer.status_code == 200, answer.text
        refused = world.track("sale", world.sale(customer=customer, ip=ip, metadata=marked, amount="much"))
        assert refused.status_code == 422
        twin = customer | {"external_id": f"{customer['external_id']}-2", "email": customer["email"].upper()}
        again = world.track("lead", {"external_id": world.number("lead"), "customer": twin, "ip": ip})
        assert again.status_code == 200, again.text
        refund = {
            "external_id": world.number("refund"),
            "refund_of": sale["external_id"],
            "amount": 2_500,
            "currency": "EUR",
        }
        assert world.track("refund", refund).status_code == 200
        return {"sale": answer.json()["id"], "order": sale["external_id"], "lead": again.json()["id"]}


@pytest.fixture
def planted(world: Any) -> Planted:
    return Planted(world)


@pytest.fixture
def places_of(world: Any, places_in: Any) -> Any:
    """Return where a text stands in the world's tables, inbox and files."""
    return partial(places_in, world)


@pytest.fixture
def places_in() -> Any:
    """Return where a text stands in the tables and the inbox (`table.column`), and in which files."""

    def look(world: Any, text: str) -> list[str]:
        found = set(world.read(lambda conn: set(_places(conn, text.casefold()))))
        rows = world.run(world.services.db.inbox.rows(after=0, up_to=2**62, limit=100_000))
        found |= {"inbox.body" for row in rows if text.casefold() in row.body.casefold()}
        return sorted(found | _files(world.services.data_dir, text))

    return look


def _places(conn: Connection, text: str) -> Iterator[str]:
    for table in METADATA.sorted_tables:
        for row in conn.execute(select(table)):
            for name, value in row._mapping.items():
                shown = bytes(value).decode("utf-8", "replace") if isinstance(value, bytes | memoryview) else str(value)
                if text in shown.casefold():
                    yield f"{table.name}.{name}"


def _files(folder: Path, text: str) -> set[str]:
    """Return the files that have the text, as typed or in small letters."""
    return {
        path.name
        for path in folder.rglob("*")
        if path.is_file() and any(each.encode() in path.read_bytes() for each in (text, text.lower()))
    }
