"""What every event of the demo has in common: visits through a partner's link, and reports of the demo shop.

`world.py` and `stories.py` tell with it what happens; nothing is stored here.
"""

import hashlib
import itertools
import random
from collections.abc import Iterator
from typing import Any

import msgspec

from ingest.conversions import BrowserSigns, ConversionReport, CustomerReport
from ingest.events import InboxClick, encode_click
from tracker.partners.types import NewPartner

MINUTE_MS = 60_000

AGENTS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/155.0.0.0 Safari/537.36",
    (
        "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 "
        "Mobile/15E148 Safari/604.1"
    ),
    (
        "Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/155.0.0.0 "
        "Mobile Safari/537.36"
    ),
    "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
)

# People of the demo are made of these. No two share a whole name, and a surname is shared by chance alone.
_FIRST = (
    *("Anna", "Boris", "Clara", "David", "Elena", "Frank", "Greta", "Hugo", "Irina", "Jonas", "Karin", "Lukas"),
    *("Maria", "Nils", "Olga", "Paul", "Rosa", "Simon", "Tanja", "Udo", "Vera", "Walter", "Yvonne"),
)
_LAST = (
    *("Albers", "Brandt", "Conradi", "Dorn", "Ehlers", "Falk", "Gross", "Hartwig", "Imhof", "Jansen", "Kessler"),
    *("Lorenz", "Mertens", "Nowak", "Oster", "Pohl", "Quandt", "Reuter", "Seidel", "Thoma", "Ulrich", "Vogt"),
    *("Wendt", "Ziegler", "Arnold", "Busch", "Cramer", "Decker", "Engel", "Fromm", "Gebhard"),
)
# Reserved for examples: nobody lives there. Several, or all customers would look like one company's people.
_DOMAINS = ("customer.example", "mail.example", "post.example", "letters.example", "box.example")


class Happening(msgspec.Struct, frozen=True, kw_only=True):
    """A report at an instant."""

    at_ms: int
    report: ConversionReport


class Visit(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody's arrival through a partner's link: the browser's first-party id, its address and agent."""

    visitor: str
    address: str
    agent: str


class Stage(msgspec.Struct, frozen=True, kw_only=True):
    """The demo's program and shop, chance, and what has happened so far: clicks and reports in any order."""

    program_id: str
    shop_url: str
    currency: str
    now_ms: int
    chance: random.Random
    clicks: list[tuple[int, str]] = msgspec.field(default_factory=list)
    happenings: list[Happening] = msgspec.field(default_factory=list)
    strangers: Iterator[int] = msgspec.field(default_factory=lambda: itertools.count(1))

    def ago(self, *, days: int = 0, hours: int = 0, minutes: int = 0) -> int:
        """Return an instant of the past, with seconds and milliseconds of chance, as people have them."""
        span_ms = ((days * 24 + hours) * 60 + minutes) * MINUTE_MS
        return self.now_ms - span_ms - self.chance.randrange(MINUTE_MS)

    def visit(
        self,
        partner: NewPartner,
        at_ms: int,
        *,
        address: str | None = None,
        agent: str | None = None,
        click_id: str | None = None,
        visitor: str | None = None,
        query: str = "",
    ) -> Visit:
        """Let a browser follow the partner's link; what is not given is a stranger's."""
        came = Visit(
            visitor=visitor or token(self.chance),
            address=address or self.address(),
            agent=agent or self.chance.choice(AGENTS),
        )
        click = InboxClick(
            program_id=self.program_id,
            livemode=True,
            enrollment_id=partner.enrollment_id,
            click_id=click_id or came.visitor,
            visitor_id=came.visitor,
            source="snippet",
            code=partner.code,
            age_ms=0,
            address=came.address,
            user_agent=came.agent,
            page_url=f"{self.shop_url}/?via={partner.code}{query}",
            http_referer="https://partner.example/",
            parameter="via",
            state=0,
            event_id=None,
            headers={},
            details=None,
        )
        self.clicks.append((at_ms, encode_click(click)))
        return came

    def address(self) -> str:
        """Return the address of somebody who shares it with nobody, or its network; kept for benchmarks, nobody's."""
        return f"198.18.{next(self.strangers)}.7"

    def report(self, kind: Any, external_id: str, at_ms: int, **fields: Any) -> None:
        """Let the shop report something, at once."""
        content = repr((kind, external_id, sorted(fields.items(), key=repr)))
        report = ConversionReport(
            program_id=self.program_id,
            livemode=True,
            kind=kind,
            trust="verified",
            external_id=external_id,
            request_digest=hashlib.sha256(content.encode()).digest(),
            occurred_at_ms=at_ms,
            received_at_ms=at_ms,
            **fields,
        )
        self.happenings.append(Happening(at_ms=at_ms, report=report))

    def sale(
        self,
        order: str,
        at_ms: int,
        *,
        amount: int,
        customer: CustomerReport,
        visit: Visit | None = None,
        kind: str = "sale",
        names_click: bool = True,
        signs: BrowserSigns | None = None,
        **fields: Any,
    ) -> None:
        """Let somebody buy, or with kind="lead" register, in the browser of a visit; signs make it the browser's own.

        Without a visit the shop tells nothing of where the customer came from.
        """
        if visit is not None:
            fields |= {"visitor_id": visit.visitor, "address": visit.address, "user_agent": visit.agent}
            fields |= {"click_id": visit.visitor} if names_click else {}
        if signs is not None:
            fields |= {"source": "browser", "signs": signs}
        self.report(kind, order, at_ms, amount=amount, currency=self.currency, customer=customer, **fields)

    def refund(self, order: str, at_ms: int, *, amount: int) -> None:
        """Let the shop give a sale's money back."""
        self.report("refund", f"{order}-R", at_ms, amount=amount, currency=self.currency, refund_of=order)


def person(number: int, *, email: str | None = None, **told: Any) -> CustomerReport:
    """Return the demo's customer of a number: another name and mailbox for each up to 700."""
    first, last = _FIRST[number % len(_FIRST)], _LAST[(number * 7) % len(_LAST)]
    domain = _DOMAINS[number % len(_DOMAINS)]
    return CustomerReport(
        external_id=f"demo-{number}",
        email=email or f"{first}.{last}@{domain}".lower(),
        name=f"{first} {last}",
        **told,
    )


def token(chance: random.Random) -> str:
    """Return an id as browsers make them."""
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return "".join(chance.choice(letters) for _ in range(22))
