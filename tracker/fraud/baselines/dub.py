"""Dub's conversion rules: e-mail match, throw-away domains, advertising click ids."""

from collections.abc import Iterable
from urllib.parse import parse_qs, urlsplit

from tracker.fraud.baselines.types import Baseline, Holds, Line, Result, conversions, email_of, partners_of
from tracker.fraud.simulation.names import DISPOSABLE, MAILBOXES, RELAYS

AD_KEYS = frozenset({"gclid", "gad_source", "gad_campaignid"})  # on by default for Google alone
DOTLESS = frozenset({"gmail.com", "googlemail.com"})
FREE = frozenset({domain for shares in MAILBOXES.values() for domain, _ in shares} | {"googlemail.com", *RELAYS})


def judge(lines: Iterable[Line]) -> Result:
    """Return what the rules hold: the customer's commission, one group for each partner and rule."""
    known = list(lines)
    partners = partners_of(known)
    landings = {line["click_id"]: line.get("landing_url", "") for line in known if line["type"] == "click"}
    holds = Holds()
    customers: dict[str, set[str]] = {}
    for line in conversions(known):
        partner = partners.get(line.get("partner_id", ""))
        if partner is None:
            continue
        email = _folded(email_of(line))
        domain = email.rpartition("@")[2]
        earlier = customers.setdefault(partner["partner_id"], set())
        own = _folded(partner["email"].lower())
        is_private = bool(domain) and domain not in FREE
        if (email and email == own) or (is_private and (domain == own.rpartition("@")[2] or domain in earlier)):
            holds.hold(line, "customerEmailMatch")
        if domain in DISPOSABLE:
            holds.hold(line, "suspiciousDomain")
        if not AD_KEYS.isdisjoint(parse_qs(urlsplit(landings.get(line.get("click_id", ""), "")).query)):
            holds.hold(line, "paidTraffic")
        earlier.add(domain)
    return holds.result()


def _folded(email: str) -> str:
    """Return an address without "+tag" on any domain, and without dots for Gmail."""
    local, _, domain = email.rpartition("@")
    local = local.partition("+")[0]
    return f"{local.replace('.', '') if domain in DOTLESS else local}@{domain}" if domain else ""


BASELINE = Baseline(
    name="dub",
    title="Dub",
    source="source code, conversion rules",
    left_out="banned referrers (none listed by default), payout and identity checks, limits on clicks",
    judge=judge,
)
