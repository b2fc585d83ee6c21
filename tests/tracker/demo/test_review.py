"""A reviewer clears the demo's own queue by its forms alone; each verdict moves the ledger as the page had said."""

import asyncio
import re
from html.parser import HTMLParser
from typing import Any

import httpx2
import msgspec
from sqlalchemy import func, select

from tracker.app import create_app
from tracker.cases import store as cases
from tracker.conversions import store as conversions
from tracker.demo.running import make_demo
from tracker.ledger import store as ledger
from tracker.ledger.holds import frozen_by
from tracker.ledger.tables import entries, transfers
from tracker.ledger.verify import verify_ledger
from tracker.services import open_services
from tracker.settings import write_secret
from tracker.worker import decide_conversions

# What a person makes of the stories, by the number of a case's first order; of the rest: it is fraud.
JUDGED = {
    "DEMO-203": "clear",  # the husband
    "DEMO-216": "clear",  # forgot the account
    "DEMO-246": "clear",  # three friends
    "DEMO-257": "clear",  # a class
    "DEMO-281": "clear",  # an old customer, in a hurry
    "DEMO-282": "clear",  # the shop's own advertisement
    "DEMO-273": "ask",
    "DEMO-340": "hold",
    "DEMO-285": "void",
    "DEMO-310": "pause",
    "DEMO-320": "ban",
}
AGAINST = {"reject", "void", "pause", "ban"}
ENOUGH = 20


class Form(HTMLParser):
    """Fields of the form that goes to an address of this ending, as a browser sends them untouched."""

    def __init__(self, text: str, ending: str) -> None:
        super().__init__()
        self.action = ""
        self.fields: dict[str, str] = {}
        self._ending, self._inside, self._name, self._typed = ending, False, "", False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = dict(attrs)
        name = told.get("name") or ""
        if tag == "form" and (told["action"] or "").endswith(self._ending):
            self._inside, self.action = True, told["action"] or ""
        if not self._inside:
            return
        if tag == "input" and (told.get("type") != "radio" or "checked" in told or name not in self.fields):
            self.fields[name] = told.get("value") or ""
        if tag in {"select", "textarea"}:
            self._name, self._typed = name, tag == "textarea"
            self.fields.pop(name, None)
        if tag == "option" and ("selected" in told or self._name not in self.fields):
            self.fields[self._name] = told.get("value") or ""

    def handle_data(self, data: str) -> None:
        if self._inside and self._typed:
            self.fields[self._name] = self.fields.get(self._name, "") + data

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea":
            self.fields.setdefault(self._name, "")
            self._typed = False
        if tag == "form":
            self._inside = False


class Books(msgspec.Struct, frozen=True, kw_only=True):
    """What is left of every commission, by its id, and which of them are frozen."""

    left: dict[str, int]
    frozen: frozenset[str]
    lines: int

    @property
    def frozen_minor(self) -> int:
        return sum(self.left[each] for each in self.frozen)


def read_books(conn: Any) -> Books:
    """Add the ledger up from its rows."""
    of = func.coalesce(transfers.c.reverses_id, transfers.c.transfer_id)
    query = (
        select(of, func.sum(entries.c.amount_minor))
        .join(entries, entries.c.transfer_id == transfers.c.transfer_id)
        .where(entries.c.account == "partner_payable")
        .group_by(of)
    )
    left = {row[0]: int(row[1]) for row in conn.execute(query)}
    lines = conn.execute(select(func.count()).select_from(transfers)).scalar_one()
    return Books(left=left, frozen=frozenset(frozen_by(ledger.holds_of_accruals(conn, left))), lines=lines)


class Reviewer:
    """A person at the pages of the demo."""

    def __init__(self, client: Any, services: Any) -> None:
        self.client, self.services = client, services
        self.seen: list[tuple[str, str, int]] = []

    async def sign_in(self, facts: dict[str, str]) -> None:
        token = re.search(r'name="csrf_token" value="([^"]+)"', (await self.client.get("/login")).text)
        assert token
        form = {"csrf_token": token[1], "email": facts["email"], "password": facts["password"]}
        assert (await self.client.post("/login", data=form)).status_code == 303

    async def judge(self, address: str) -> str:
        """Judge the case that is open as its story asks; return the address the page leads to next."""
        case_id = address.partition("?")[0].rpartition("/")[2]
        numbers = await self.services.db.read(lambda conn: numbers_of(conn, case_id))
        action = JUDGED.get(numbers[0], "clear" if len(self.seen) % 2 and is_honest(numbers) else "reject")
        page = (await self.client.get(f"{address.partition('?')[0]}?action={action}")).text
        promised = promise(page, action)
        form = Form(page, "/verdict")
        before = await self.services.db.read(read_books)
        answer = await self.client.post(form.action, data=form.fields)
        assert answer.status_code == 303, answer.text
        after = await self.services.db.read(read_books)
        mine = await self.services.db.read(lambda conn: accruals_of(conn, case_id))
        check_moved(action, promised, before=before, after=after, mine=mine)
        self.seen.append((numbers[0], action, promised))
        return str(answer.headers["location"])


def numbers_of(conn: Any, case_id: str) -> list[str]:
    covered = [conversions.get_conversion(conn, each) for each in cases.covered_ids(conn, case_id)]
    return sorted(row.external_id for row in covered if row is not None)


def accruals_of(conn: Any, case_id: str) -> set[str]:
    lines = ledger.lines_of_conversions(conn, cases.covered_ids(conn, case_id))
    return {line.transfer_id for line in lines if line.kind == "accrual"}


def is_honest(numbers: list[str]) -> bool:
    """Tell the sales of the demo's ordinary month, which only random checks bring here."""
    return all(number < "DEMO-2" for number in numbers)


def promise(page: str, action: str) -> int:
    """Return the amount beside an action's button, in minor units; 0 where it says that nothing moves."""
    found = re.search(rf'verdict-{action}"[^>]*><span>[^<]*<small>([^<]*)</small>', page)
    assert found, action
    text = found[1]
    amounts = re.findall(r"€([\d,]+)\.(\d\d)", text)
    words = {"clear": "releases", "ask": "stays frozen", "hold": "stays frozen"}.get(action, "takes back")
    assert (words in text) if amounts else "no money moves" in text, text
    return sum(int(whole.replace(",", "")) * 100 + int(part) for whole, part in amounts)


def check_moved(action: str, promised: int, *, before: Books, after: Books, mine: set[str]) -> None:
    """Compare what a verdict did to the books with what its button had said."""
    changed = {each for each in after.left if after.left[each] != before.left.get(each)}
    freed = before.frozen - after.frozen
    assert changed <= mine
    assert freed <= mine
    assert after.frozen <= before.frozen
    if action in AGAINST:
        assert sum(before.left.values()) - sum(after.left.values()) == promised
        assert all(after.left[each] == 0 for each in mine)
        assert after.lines == before.lines + len(changed)
        return
    assert after.left == before.left
    assert after.lines == before.lines
    if action == "clear":
        assert sum(after.left[each] for each in freed) == promised
        assert not after.frozen & mine
    else:
        assert freed == frozenset()
        assert sum(before.left[each] for each in before.frozen & mine) == promised


def test_twenty_mixed_cases_of_the_demo_are_judged_and_each_moves_what_its_page_said(tmp_path):
    write_secret(tmp_path)

    async def morning() -> tuple[list[tuple[str, str, int]], Any, Books, Books]:
        services = await open_services(tmp_path)
        facts = await make_demo(services, shop_url="http://127.0.0.1:8001")
        await decide_conversions(services)
        begun = await services.db.read(read_books)
        base_url = services.settings.base_url
        transport = httpx2.ASGITransport(app=create_app(services))
        async with httpx2.AsyncClient(transport=transport, base_url=base_url, headers={"Origin": base_url}) as client:
            reviewer = Reviewer(client, services)
            await reviewer.sign_in(facts)
            queue = (await client.get("/admin/cases")).text
            offered = Form(queue, "/cases/next")
            answer = await client.post(offered.action, data=offered.fields)
            address = answer.headers["location"]
            while re.match(r"/admin/cases/cas_", address):
                address = await reviewer.judge(address)
        report = await verify_ledger(services.db)
        ended = await services.db.read(read_books)
        await services.close()
        return reviewer.seen, report, begun, ended

    seen, report, begun, ended = asyncio.run(morning())

    assert len(seen) >= ENOUGH
    assert len({number for number, _, _ in seen}) == len(seen)
    assert {action for _, action, _ in seen} == {"clear", "reject", "void", "ask", "hold", "pause", "ban"}
    assert sum(action == "clear" for _, action, _ in seen) >= 5
    assert sum(promised > 0 for _, _, promised in seen) >= ENOUGH
    waiting = sum(promised for _, action, promised in seen if action in {"ask", "hold"})
    assert ended.frozen_minor == waiting
    taken = sum(promised for _, action, promised in seen if action in AGAINST)
    assert sum(begun.left.values()) - sum(ended.left.values()) == taken
    assert report.ok
