"""What the nightly run reads of a program: light rows of the last 90 days, as its history in memory.

Addresses are keyed hashes only. Everything is read in pages on a reader, so that nobody waits long for anything.
"""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, Protocol

import msgspec
from sqlalchemy import Connection, Row, Select, func, select

from fraud_rules.history.program import PartnerCard, ProgramHistory, RefundRecord
from fraud_rules.partner_facts import WINDOW_DAYS
from fraud_rules.types import ClickFacts, PartnerLogin, Subject
from tracker.clicks import dictionaries
from tracker.clicks.encoding import unpack_browser_id
from tracker.clicks.tables import agents, click_enrollments, clicks
from tracker.clicks.touches import first_seq_since, newest_seq
from tracker.conversions.tables import conversions, customers
from tracker.db.database import Database
from tracker.fraud.facts.partner import card_of
from tracker.fraud.facts.records import hexed, person_of
from tracker.fraud.facts.subject import network_class
from tracker.instants import DAY_MS
from tracker.partners.tables import enrollments, partner_logins, partners

WINDOW_MS = WINDOW_DAYS * DAY_MS
PAGE = 500  # rows read at once, some 10 ms
CLICK_PAGE = 5000  # numbers of clicks looked at at once; those of other programs are passed over
# Newest rows that are held in memory, about 1 kB each.
CONVERSIONS_MAX = 500_000
CLICKS_MAX = 500_000
LOGINS_MAX = 100_000
PARTNERS_MAX = 100_000


class Window(msgspec.Struct, frozen=True, kw_only=True):
    """Whose past is read, up to when, and in which country's phone numbers."""

    program_id: str
    livemode: bool
    at_ms: int
    region: str | None

    @property
    def since_ms(self) -> int:
        """The instant the past begins."""
        return self.at_ms - WINDOW_MS


class Gathered:
    """Rows as they come; `build` makes the history of them.

    Hosts of two epochs of the address keys are made one: rows from the end of an epoch know both hashes of their host,
    and all rows get the later one.
    """

    def __init__(self, window: Window) -> None:
        """Begin empty."""
        self.window = window
        self.cards: list[PartnerCard] = []
        self.logins: list[tuple[str, PartnerLogin]] = []
        self.clicks: list[ClickFacts] = []
        self.conversions: list[Subject] = []
        self.refunds: list[tuple[str, int, int]] = []
        self.ids: dict[tuple[str, str], str] = {}
        self.later: dict[str, str] = {}

    @property
    def events(self) -> int:
        """Return how many rows there are."""
        return len(self.logins) + len(self.clicks) + len(self.conversions) + len(self.refunds)

    def name_host(self, host_key: bytes | None, next_key: bytes | None) -> str | None:
        """Return the key of a host as it was stored, noting what it is called in the next epoch."""
        name = hexed(host_key)
        if name is not None and next_key is not None:
            self.later[name] = next_key.hex()
        return name

    def build(self) -> ProgramHistory:
        """Return the history, oldest first."""
        past = ProgramHistory(self.window.program_id)
        for card in self.cards:
            past.put_partner(card)
        for partner_id, login in sorted(self.logins, key=lambda each: each[1].at_ms):
            past.add_login(partner_id, self._renamed(login))
        for click in sorted(self.clicks, key=lambda each: (each.at_ms, each.click_id)):
            past.add_click(self._renamed(click))
        for subject in reversed(self.conversions):
            named = subject if subject.lead_id is None else self._with_lead(subject)
            past.add_conversion(self._renamed(named))
        for sale_number, at_ms, amount_minor in reversed(self.refunds):
            sale_id = self.ids.get(("sale", sale_number))
            if sale_id is not None:
                past.add_refund(RefundRecord(sale_id=sale_id, at_ms=at_ms, amount_minor=amount_minor))
        return past

    def _with_lead(self, subject: Subject) -> Subject:
        """Return a sale with our id of its lead, where the shop gave its own."""
        lead_id = self.ids.get(("lead", subject.lead_id or ""), subject.lead_id)
        return msgspec.structs.replace(subject, lead_id=lead_id)

    def _renamed(self, row: Any) -> Any:
        later = self.later.get(row.host_key) if row.host_key is not None else None
        return row if later is None else msgspec.structs.replace(row, host_key=later)


async def gather(db: Database, window: Window, *, pause: Callable[[], Any]) -> Gathered:
    """Read the window; `pause` is awaited between pages and may end the reading by raising."""
    found = Gathered(window)
    await _all_pages(db, found, _read_partners, pause=pause)
    await _all_pages(db, found, _read_logins, pause=pause)
    await _all_pages(db, found, _read_conversions, pause=pause)
    await _read_all_clicks(db, found, pause=pause)
    return found


class Reader(Protocol):
    """Reads one page behind a place and returns where it came to, None at the end."""

    def __call__(self, conn: Connection, found: Gathered, place: Any) -> Any:
        """Put what was read into `found`."""
        ...


async def _all_pages(db: Database, found: Gathered, read: Reader, *, pause: Callable[[], Any]) -> None:
    """Call a reader with where it came to until it returns None."""
    place = await db.read(partial(read, found=found, place=None))
    while place is not None:
        await pause()
        place = await db.read(partial(read, found=found, place=place))


def _read_partners(conn: Connection, found: Gathered, place: str | None) -> str | None:
    window = found.window
    query = (
        select(enrollments, partners.c.name, partners.c.email, partners.c.payout_email, partners.c.phone)
        .join(partners, partners.c.partner_id == enrollments.c.partner_id)
        .where(enrollments.c.program_id == window.program_id)
        .order_by(enrollments.c.enrollment_id)
        .limit(PAGE)
    )
    rows = conn.execute(query if place is None else query.where(enrollments.c.enrollment_id > place)).all()
    found.cards += [card_of(row, region=window.region) for row in rows]
    return rows[-1].enrollment_id if len(rows) == PAGE and len(found.cards) < PARTNERS_MAX else None


def _read_logins(conn: Connection, found: Gathered, place: int | None) -> int | None:
    window = found.window
    query = (
        select(partner_logins, enrollments.c.enrollment_id)
        .join(enrollments, enrollments.c.partner_id == partner_logins.c.partner_id)
        .where(
            enrollments.c.program_id == window.program_id,
            partner_logins.c.at_ms >= window.since_ms,
            partner_logins.c.at_ms <= window.at_ms,
        )
        .order_by(partner_logins.c.seq.desc())
        .limit(PAGE)
    )
    rows = conn.execute(query if place is None else query.where(partner_logins.c.seq < place)).all()
    for row in rows:
        host = found.name_host(row.host_key, row.next_host_key)
        login = PartnerLogin(at_ms=row.at_ms, host_key=host, agent_key=row.agent_key)
        found.logins.append((row.enrollment_id, login))
    return rows[-1].seq if len(rows) == PAGE and len(found.logins) < LOGINS_MAX else None


_OF_CONVERSION = (
    *("conversion_id", "seq", "kind", "external_id", "enrollment_id", "occurred_at_ms", "received_at_ms"),
    *("visitor_id", "customer_id", "lead_id", "refund_of", "status", "amount_minor", "currency", "promo_code"),
    *("host_key", "net_key", "next_host_key", "network_class", "country", "click_at_ms", "source", "payment_key"),
)


def _conversions_of(window: Window) -> Select[Any]:
    return (
        select(
            *(conversions.c[name] for name in _OF_CONVERSION),
            customers.c.email,
            customers.c.email_canonical,
            customers.c.name,
            customers.c.phone,
            customers.c.phone_key,
            customers.c.country.label("home_country"),
            agents.c.agent_key,
            agents.c.is_bot,
        )
        .select_from(conversions)
        .outerjoin(customers, customers.c.customer_id == conversions.c.customer_id)
        .outerjoin(agents, agents.c.agent_id == conversions.c.agent_id)
        .where(
            conversions.c.program_id == window.program_id,
            conversions.c.livemode == window.livemode,
            conversions.c.trust == "verified",
        )
        .order_by(conversions.c.seq.desc())
        .limit(PAGE)
    )


def _read_conversions(conn: Connection, found: Gathered, place: int | None) -> int | None:
    """Read the newest page before a number; numbers grow as reports are received."""
    query = _conversions_of(found.window)
    rows = conn.execute(query if place is None else query.where(conversions.c.seq < place)).all()
    for row in rows:
        if not found.window.since_ms <= row.occurred_at_ms <= found.window.at_ms:
            continue
        if row.kind == "refund":
            if row.status == "accepted" and row.refund_of is not None:
                found.refunds.append((row.refund_of, row.occurred_at_ms, row.amount_minor or 0))
            continue
        found.ids[row.kind, row.external_id] = row.conversion_id
        found.conversions.append(_subject(row, found))
    is_over = len(rows) < PAGE or rows[-1].received_at_ms < found.window.since_ms
    return None if is_over or len(found.conversions) >= CONVERSIONS_MAX else rows[-1].seq


def _subject(row: Row[Any], found: Gathered) -> Subject:
    return Subject(
        conversion_id=row.conversion_id,
        kind="lead" if row.kind == "lead" else "sale",
        program_id=found.window.program_id,
        partner_id=row.enrollment_id,
        at_ms=row.received_at_ms,
        occurred_at_ms=row.occurred_at_ms,
        click_at_ms=row.click_at_ms,
        lead_id=row.lead_id,
        email=row.email,
        email_key=row.email_canonical,
        name=row.name,
        customer_id=row.customer_id,
        person_key=person_of(row, row),
        visitor_id=row.visitor_id,
        device_key=row.visitor_id,
        phone_key=row.phone_key,
        payment_key=row.payment_key,
        promo_code=row.promo_code,
        amount_minor=row.amount_minor,
        currency=row.currency,
        home_country=row.home_country,
        country=row.country,
        host_key=found.name_host(row.host_key, row.next_host_key),
        net_key=hexed(row.net_key),
        network_class=network_class(row.network_class),
        agent_key=row.agent_key,
        is_bot=bool(row.is_bot),
        source=row.source,
        paid=row.kind == "sale",
    )


class _Clicks(msgspec.Struct, frozen=True, kw_only=True):
    """Where clicks are read: the program's number, the numbers of its partners and of network classes."""

    program_number: int
    first: int
    last: int
    enrollments: dict[int, str]


async def _read_all_clicks(db: Database, found: Gathered, *, pause: Callable[[], Any]) -> None:
    """Read clicks from the newest back to the beginning of the window."""
    span = await db.read(lambda conn: _span_of_clicks(conn, found.window))
    if span is None:
        return
    last = span.last
    while last >= span.first and len(found.clicks) < CLICKS_MAX:
        await db.read(partial(_read_clicks, found=found, span=span, up_to=last))
        last -= CLICK_PAGE
        await pause()


def _span_of_clicks(conn: Connection, window: Window) -> _Clicks | None:
    number = dictionaries.program_number(conn, window.program_id)
    if number is None:
        return None
    query = (
        select(click_enrollments)
        .join(enrollments, enrollments.c.enrollment_id == click_enrollments.c.enrollment_id)
        .where(enrollments.c.program_id == window.program_id)
    )
    return _Clicks(
        program_number=number,
        first=first_seq_since(conn, window.since_ms),
        last=newest_seq(conn),
        enrollments={row.enrollment_number: row.enrollment_id for row in conn.execute(query)},
    )


def _read_clicks(conn: Connection, *, found: Gathered, span: _Clicks, up_to: int) -> None:
    window = found.window
    columns = ("click_key", "visitor_key", "enrollment_number", "agent_id", "is_bot", "host_key", "next_host_key")
    at_ms = (clicks.c.received_at_ms - clicks.c.age_ms).label("at_ms")
    query = select(*(clicks.c[name] for name in columns), clicks.c.network_class_id, at_ms).where(
        clicks.c.seq > max(up_to - CLICK_PAGE, span.first - 1),
        clicks.c.seq <= up_to,
        clicks.c.program_number == span.program_number,
        clicks.c.livemode == window.livemode,
    )
    rows = conn.execute(query.order_by(clicks.c.seq.desc()).limit(CLICK_PAGE)).all()
    classes = dictionaries.texts_by_number(conn, {row.network_class_id for row in rows if row.network_class_id})
    keys = _agent_keys(conn, {row.agent_id for row in rows})
    for row in rows:
        if not window.since_ms <= row.at_ms <= window.at_ms:
            continue
        click_id = unpack_browser_id(row.click_key)
        found.clicks.append(
            ClickFacts(
                click_id=click_id,
                program_id=window.program_id,
                partner_id=span.enrollments.get(row.enrollment_number),
                at_ms=row.at_ms,
                host_key=found.name_host(row.host_key, row.next_host_key),
                network_class=network_class(classes.get(row.network_class_id)),
                agent_key=keys.get(row.agent_id),
                is_bot=row.is_bot,
                device_key=click_id if row.visitor_key is None else unpack_browser_id(row.visitor_key) or None,
            )
        )


def _agent_keys(conn: Connection, numbers: Iterable[int]) -> dict[int, str]:
    wanted = sorted(numbers)
    found: dict[int, str] = {}
    for start in range(0, len(wanted), PAGE):
        query = select(agents.c.agent_id, agents.c.agent_key).where(agents.c.agent_id.in_(wanted[start : start + PAGE]))
        found |= {row.agent_id: row.agent_key for row in conn.execute(query)}
    return found


def has_conversions(conn: Connection, program_id: str, *, livemode: bool) -> bool:
    """Tell whether the program has anything to judge in a mode."""
    query = select(func.count()).select_from(
        select(conversions.c.conversion_id)
        .where(conversions.c.program_id == program_id, conversions.c.livemode == livemode)
        .limit(1)
        .subquery()
    )
    return bool(conn.execute(query).scalar_one())
