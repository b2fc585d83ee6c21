"""Made-up clicks whose shares look like those of a real installation; the same seed gives the same clicks.

The shares are assumptions, not measurements of anybody's traffic; README.md beside this file names them. `fill.py` and
`project.py` take clicks from here.
"""

import base64
import hashlib
import itertools
import random
from bisect import bisect
from collections.abc import Sequence
from typing import Any

DAY_MS = 86_400_000
DAYS = 90
NEAR_END = 2 / 3  # of the days; clicks of the last third of an epoch also carry the next keys
VISITORS_PER_CLICK = 0.4  # 4 million visitors in 10 million clicks
REMEMBERED_VISITORS = 20_000  # the latest, who may come again; others never do
LINKS_PER_PARTNER = 40  # addresses a partner publishes

_LANGUAGES = ("ru-RU,ru;q=0.9", "en-US,en;q=0.9", "de-DE,de;q=0.9,en;q=0.8", "en-GB,en;q=0.9", "tr-TR,tr;q=0.9")
_PLATFORMS = ('"Windows"', '"Android"', '"macOS"', '"Linux"', None)
_COUNTRIES = ("RU", "DE", "US", "TR", "KZ", "FR", "GB", "PL", None)
_CLASSES = ("fixed", "mobile", "fixed", "mobile", "corporate", "hosting", "unknown")
_SOURCES = ("snippet",) * 55 + ("redirect",) * 42 + ("pixel",) * 3
_CAMPAIGNS = ("spring", "may-sale", "newsletter-17", "stories", "review", "top-10")
_AD_PARAMETERS = ("fbclid", "gclid", "yclid", "ttclid")


class Traffic:
    """An endless row of clicks of one installation."""

    def __init__(self, *, seed: int, partners: int, unique_pages: bool) -> None:
        """Take how many partners there are, and whether each click has a page of its own (the worst case)."""
        self._random = random.Random(seed)
        self._unique_pages = unique_pages
        self._partners = _skewed(partners)
        self._links = _skewed(LINKS_PER_PARTNER)
        self._referers = _skewed(300)
        self._articles = _skewed(20_000)
        self._agents = _skewed(3_000)
        self._visitors: list[tuple[str, str, str, str]] = []
        self._number = itertools.count(1)

    def click(self) -> dict[str, Any]:
        """Return the next click: what both the inbox's form and the table's form are made of."""
        one, number = self._random, next(self._number)
        click_id = _browser_id(one)
        visitor_id, address, agent, language = self._visitor(click_id)
        partner = self._pick(self._partners)
        source = one.choice(_SOURCES)
        return {
            "number": number,
            "partner": partner,
            "click_id": click_id,
            "visitor_id": visitor_id,
            "source": source,
            "code": f"PARTNER{partner}" if one.random() < 0.9 else f"MAY{partner}",
            "age_ms": one.randrange(20, 3_000) if source == "snippet" else 0,
            "address": address,
            "agent": agent,
            "page_url": self._page(partner, source, number),
            "http_referer": self._referer(),
            "parameter": "via" if source == "snippet" else None,
            "headers": self._headers(source, language),
            "details": self._details(source),
        }

    def _visitor(self, click_id: str) -> tuple[str, str, str, str]:
        """Return a new visitor, or one of the latest again (from another address three times of ten)."""
        one = self._random
        if self._visitors and one.random() >= VISITORS_PER_CLICK:
            visitor_id, address, agent, language = one.choice(self._visitors)
            return visitor_id, _address(one) if one.random() < 0.3 else address, agent, language
        new = (click_id, _address(one), _agent(self._pick(self._agents)), one.choice(_LANGUAGES))
        if len(self._visitors) < REMEMBERED_VISITORS:
            self._visitors.append(new)
        else:
            self._visitors[one.randrange(REMEMBERED_VISITORS)] = new
        return new

    def _page(self, partner: int, source: str, number: int) -> str:
        one = self._random
        if self._unique_pages:
            return f"https://shop.example/catalogue/product-{number}/?via=PARTNER{partner}"
        if source == "redirect":
            return f"https://shop.example/landing/{partner % 7}/"
        # What a partner links to, not what the shop has: the click is reported from the page the link led to.
        link = self._pick(self._links)
        page = f"https://shop.example/catalogue/product-{(partner * 31 + link) % 5_000}/?via=PARTNER{partner}"
        if link % 6 == 0:
            page += f"&utm_source=partner&utm_campaign={_CAMPAIGNS[link // 6 % len(_CAMPAIGNS)]}"
        if one.random() < 0.2:
            page += f"&{one.choice(_AD_PARAMETERS)}={one.getrandbits(320):x}"
        return page

    def _referer(self) -> str | None:
        one = self._random
        chance = one.random()
        if chance < 0.35:
            return None
        if chance < 0.8:
            return f"https://site-{self._pick(self._referers)}.example/"
        if chance < 0.97:
            article = self._pick(self._articles)
            return f"https://blog-{article % 300}.example/posts/how-we-chose-article-{article}"
        return f"https://search.example/?q=best+shop&session={one.getrandbits(64):x}"

    def _headers(self, source: str, language: str) -> dict[str, str]:
        if source == "redirect":
            return {}
        one = self._random
        platform = one.choice(_PLATFORMS)
        sent = {"accept-language": language, "sec-fetch-site": one.choice(("same-origin", "same-site", "cross-site"))}
        return {**sent, "sec-fetch-mode": "cors", **({"sec-ch-ua-platform": platform} if platform else {})}

    def _details(self, source: str) -> dict[str, str] | None:
        one = self._random
        if source != "redirect" or one.random() >= 0.2:
            return None
        if one.random() < 0.5:
            return {"utm_source": "telegram", "utm_campaign": one.choice(_CAMPAIGNS)}
        return {"sub1": f"{one.getrandbits(48):x}"}

    def _pick(self, weights: Sequence[float]) -> int:
        return bisect(weights, self._random.random())


def stored_facts(address: str, *, is_near_end: bool) -> dict[str, Any]:
    """Return what is kept of an address, in the shape the table has it; the hashes are made up."""
    made = hashlib.blake2b(address.encode(), digest_size=40).digest()
    masked = f"{address.rsplit('.', 1)[0]}.x" if "." in address else f"{address[:14]}::/48"
    return {
        "host_key": made[:8],
        "net_key": made[8:16],
        "next_host_key": made[16:24] if is_near_end else None,
        "next_net_key": made[24:32] if is_near_end else None,
        "masked_ip": masked,
        "country": _COUNTRIES[made[32] % len(_COUNTRIES)],
        "asn": 1_000 + int.from_bytes(made[33:36], "big") % 400_000,
        "network_class": _CLASSES[made[36] % len(_CLASSES)],
    }


def _skewed(size: int) -> list[float]:
    """Return cumulated weights: the place n is taken in the proportion 1 / (n + 10)."""
    sums = list(itertools.accumulate(1 / (place + 10) for place in range(size)))
    return [value / sums[-1] for value in sums]


def _browser_id(one: random.Random) -> str:
    return base64.urlsafe_b64encode(one.randbytes(16)).decode().rstrip("=")


def _address(one: random.Random) -> str:
    bits = one.getrandbits(48)
    if bits % 5 < 3:
        return f"{11 + (bits >> 8) % 180}.{(bits >> 16) & 255}.{(bits >> 24) & 255}.{(bits >> 32) & 255}"
    return f"2a0{bits % 10}:1{(bits >> 8) & 0xFFF:03x}:1{(bits >> 20) & 0xFFF:03x}::{1 + ((bits >> 32) & 0xFFF):x}"


def _agent(number: int) -> str:
    return (
        f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{number}.0.0.0 "
        "Safari/537.36"
    )
