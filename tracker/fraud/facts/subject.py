"""The conversion being judged, as the rules see it: its row, its customer, its browser and its credited click."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, select

from fraud_rules.network import NETWORK_CLASSES, NetworkClass
from fraud_rules.types import ClickFacts, ClientSigns, Subject
from tracker.clicks.tables import agents
from tracker.clicks.types import AgentRow, ClickRow
from tracker.conversions.tables import conversions
from tracker.conversions.types import ConversionRow, Customer
from tracker.db.prepared import Prepared, given
from tracker.fraud.facts.records import hexed, person_of

_CONVERTED_BEFORE = Prepared(
    select(conversions.c.conversion_id)
    .where(
        conversions.c.customer_id == given("customer_id", conversions.c.customer_id),
        conversions.c.visitor_id == given("visitor_id", conversions.c.visitor_id),
        conversions.c.seq < given("seq", conversions.c.seq),
    )
    .limit(1)
)
_AGENTS = Prepared(
    select(agents).where(agents.c.agent_id.in_([given("first", agents.c.agent_id), given("second", agents.c.agent_id)]))
)


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What facts are loaded for: a conversion and one of the partners it is credited to.

    `click` is the credited one, `clicked_at_ms` when the last credited click was; `clicks` all that are known of the
    customer's browsers, oldest first. `allows_own_purchases`: the program's terms.
    """

    row: ConversionRow
    enrollment_id: str | None
    click: ClickRow | None
    clicked_at_ms: int | None
    clicks: Sequence[ClickRow]
    allows_own_purchases: bool


def load_subject(conn: Connection, asked: Asked, customer: Customer | None, *, mailbox: str | None) -> Subject:
    """Return the subject; what nobody told is None. Mailbox: what findings call the customer's."""
    row = asked.row
    clicked_by = None if asked.click is None else asked.click.agent_id
    wanted = [each or 0 for each in (row.agent_id, clicked_by)]
    known = {each.agent_id: _agent(each) for each in _AGENTS.rows(conn, first=wanted[0], second=wanted[1])}
    return told_subject(
        row,
        customer,
        None if row.agent_id is None else known.get(row.agent_id),
        partner_id=asked.enrollment_id,
        click_at_ms=asked.clicked_at_ms,
        lead_id=row.lead_id,
        mailbox=mailbox,
        click=_click(asked, known),
        host_key=hexed(row.host_key),
        net_key=hexed(row.net_key),
        device_known_before=_is_known_device(conn, row),
    )


def told_subject(
    row: Any,
    customer: Any,
    agent: AgentRow | None,
    *,
    partner_id: str | None,
    click_at_ms: int | None,
    lead_id: str | None,
    mailbox: str | None,
    click: ClickFacts | None,
    host_key: str | None,
    net_key: str | None,
    device_known_before: bool,
) -> Subject:
    """Return the subject a conversion is, with what its reader found beside it; what nobody told is None.

    Row and customer: a `ConversionRow` and a `Customer`, or rows of their tables.
    """
    return Subject(
        conversion_id=row.conversion_id,
        kind="lead" if row.kind == "lead" else "sale",
        program_id=row.program_id,
        partner_id=partner_id,
        at_ms=row.received_at_ms,
        occurred_at_ms=row.occurred_at_ms,
        click_at_ms=click_at_ms,
        lead_id=lead_id,
        email=customer.email if customer else None,
        email_key=mailbox,
        phone=customer.phone if customer else None,
        name=customer.name if customer else None,
        customer_id=row.customer_id,
        person_key=person_of(row, customer),
        visitor_id=row.visitor_id,
        device_key=row.visitor_id,
        phone_key=customer.phone_key if customer else None,
        payment_key=row.payment_key,
        promo_code=row.promo_code,
        click=click,
        amount_minor=row.amount_minor,
        currency=row.currency,
        home_country=customer.country if customer else None,
        country=row.country,
        host_key=host_key,
        net_key=net_key,
        network_class=network_class(row.network_class),
        masked_ip=row.masked_ip,
        agent_key=agent.agent_key if agent else None,
        agent=agent.text if agent else None,
        signs=client_signs(row.signs, agent),
        is_bot=agent.is_bot if agent else False,
        bot_reason=agent.bot_reason if agent else None,
        source=row.source,
        is_browser=row.report.get("source") == "browser",
        device_known_before=device_known_before,
        shop_says_known=_shop_says_known(row),
        paid=row.kind == "sale",
    )


def _agent(row: Any) -> AgentRow:
    return AgentRow(**{name: getattr(row, name) for name in AgentRow.__struct_fields__})


def _click(asked: Asked, agents: dict[int, AgentRow]) -> ClickFacts | None:
    click = asked.click
    return None if click is None else click_facts(click, agents.get(click.agent_id))


def click_facts(click: ClickRow, agent: AgentRow | None) -> ClickFacts:
    """Return a click as the rules see it. Loads of images, frames and the like are refused at the edge: none is one."""
    return ClickFacts(
        click_id=click.click_id,
        program_id=click.program_id,
        partner_id=click.enrollment_id,
        at_ms=click.occurred_at_ms,
        host_key=hexed(click.host_key),
        network_class=network_class(click.network_class),
        agent_key=agent.agent_key if agent else None,
        agent=agent.text if agent else None,
        is_bot=click.is_bot,
        device_key=click.visitor_id or None,
        landing_url=click.page_url,
        referrer=click.http_referer,
    )


def network_class(stored: str | None) -> NetworkClass:
    """Return the kind of a network; what an older file called otherwise is unknown."""
    return next((each for each in NETWORK_CLASSES if each == stored), "unknown")


def client_signs(signs: Mapping[str, Any] | None, agent: AgentRow | None) -> ClientSigns | None:
    """Return what the browser said of itself; a server's report tells nothing of its customer's headers."""
    if signs is None:
        return None
    name, _, major = (agent.browser if agent else "").rpartition(" ")
    return ClientSigns(
        platform=signs.get("platform"),
        system=agent.agent_key.removeprefix(f"{agent.browser} ") if agent else None,
        browser=name or None,
        browser_major=int(major) if major.isdecimal() and len(major) < 6 else None,
        has_language=signs.get("has_language"),
        http_version=signs.get("http_version"),
    )


def _is_known_device(conn: Connection, row: ConversionRow) -> bool:
    """Tell whether this customer converted from this browser before: then a form fills itself."""
    if row.customer_id is None or row.visitor_id is None:
        return False
    asked = {"customer_id": row.customer_id, "visitor_id": row.visitor_id, "seq": row.seq}
    return _CONVERTED_BEFORE.first(conn, **asked) is not None


def _shop_says_known(row: Any) -> bool:
    """Tell whether the shop called its customer an old one; a browser's word says nothing."""
    told = row.report.get("customer") or {}
    return row.trust == "verified" and told.get("is_new") is False
