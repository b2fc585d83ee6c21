"""From lines to what the rules see: keys, agents, networks. Called by `run.py`; decides nothing."""

import datetime as dt
from functools import lru_cache
from typing import Any

from fraud_rules.identity import email_keys, person_key, phone_digits
from fraud_rules.types import ClickFacts, ClientSigns, Subject
from ingest.enrich import read_agent
from tracker.fraud.replay.lines import ClickLine, LeadLine, SaleLine
from tracker.fraud.replay.networks import Place

HEADER_MAX = 200
URL_MAX = 2048
COUNTRY_CODE = 2


def instant_ms(at: dt.datetime) -> int:
    """Return an instant in Unix milliseconds."""
    return round(at.timestamp() * 1000)


def device_key(device_id: str | None, visitor_id: str | None) -> str | None:
    """Return the key of the first-party device: its own id, else the browser's cookie."""
    if device_id:
        return f"device:{device_id[:128]}"
    return f"visitor:{visitor_id[:128]}" if visitor_id else None


def read_click(line: ClickLine, place: Place | None) -> ClickFacts:
    """Return a click as the rules see it."""
    headers = line.headers or {}
    purpose = " ".join(headers.get(name, "")[:HEADER_MAX] for name in ("purpose", "sec-purpose", "x-moz", "x-purpose"))
    agent = None if line.user_agent is None else read_agent(line.user_agent)
    return ClickFacts(
        click_id=line.click_id,
        program_id=line.program_id,
        partner_id=line.partner_id,
        at_ms=instant_ms(line.at),
        host_key=place.host_key if place else None,
        network_class=place.network_class if place else "unknown",
        agent_key=agent.agent_key if agent else None,
        agent=agent.text if agent else None,
        is_bot=agent.is_bot if agent else False,
        device_key=device_key(line.device_id, line.visitor_id),
        landing_url=None if line.landing_url is None else line.landing_url[:URL_MAX],
        referrer=None if line.referrer is None else line.referrer[:URL_MAX],
        fetch_dest=headers.get("sec-fetch-dest", "")[:HEADER_MAX].strip().lower() or None,
        is_prefetch="prefetch" in purpose.lower() if purpose.strip() else None,
    )


def read_subject(line: LeadLine | SaleLine, place: Place | None, *, region: str | None) -> Subject:
    """Return a lead or sale as the rules see it, without its click."""
    customer = line.customer
    email = customer.email if customer else None
    phone = customer.phone if customer else None
    country = _country(customer.country if customer else None)
    keys = email_keys(email)
    agent = None if line.user_agent is None else read_agent(line.user_agent)
    is_sale = isinstance(line, SaleLine)
    return Subject(
        conversion_id=line.external_id,
        kind="sale" if is_sale else "lead",
        program_id=line.program_id,
        partner_id=line.partner_id,
        at_ms=instant_ms(line.at),
        occurred_at_ms=instant_ms(line.occurred_at or line.at),
        lead_id=line.lead_id or None,
        email=email,
        email_key=keys.canonical if keys else None,
        phone=phone,
        phone_key=phone_digits(phone, region=country or region),
        name=customer.name if customer else None,
        customer_id=customer.external_id if customer else None,
        person_key=person_key(
            email=email,
            phone=phone,
            customer_id=customer.external_id if customer else None,
            visitor_id=line.visitor_id,
            region=country or region,
        ),
        shop_says_known=customer is not None and customer.is_new is False,
        visitor_id=line.visitor_id,
        device_key=device_key(line.device_id, line.visitor_id),
        payment_key=line.payment_fingerprint or None,
        promo_code=line.promo_code or None,
        amount_minor=line.amount,
        currency=line.currency,
        home_country=country,
        country=place.country if place else None,
        host_key=place.host_key if place else None,
        net_key=place.net_key if place else None,
        network_class=place.network_class if place else "unknown",
        network_name=place.network_name if place else None,
        masked_ip=place.masked_ip if place else None,
        agent_key=agent.agent_key if agent and agent.text.strip() else None,
        agent=agent.text if agent else None,
        signs=_signs(line.headers, agent),
        is_bot=agent.is_bot if agent else False,
        bot_reason=agent.bot_reason if agent else None,
        source=_source(line.metadata),
        is_browser=line.user_agent is not None,
        paid=is_sale,
    )


def _signs(headers: dict[str, str] | None, agent: Any) -> ClientSigns | None:
    if headers is None and agent is None:
        return None
    given = headers or {}
    family, _, major = agent.browser.rpartition(" ") if agent else ("", "", "")
    language = given.get("accept-language")
    platform = given.get("sec-ch-ua-platform", "")[:HEADER_MAX].strip().strip('"')
    return ClientSigns(
        platform=platform or None,
        system=agent.os if agent and agent.os else None,
        browser=family or None,
        browser_major=int(major) if major.isascii() and major.isdigit() and len(major) <= 6 else None,
        has_language=None if language is None else bool(language.strip()),
        http_version=given.get("http-version", "")[:16] or None,
    )


def _source(metadata: dict[str, Any] | None) -> str | None:
    source = (metadata or {}).get("source")
    return source if isinstance(source, str) else None


@lru_cache(maxsize=1024)
def _country(text: str | None) -> str | None:
    if text is None:
        return None
    code = text.strip()[:8].upper()
    return code if len(code) == COUNTRY_CODE and code.isascii() and code.isalpha() else None
