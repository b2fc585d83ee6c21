"""The records every fraud rule reads and writes.

The shell fills `Subject` and those sections of `Facts` that the rules in force ask for; a rule answers
with `Finding`s. Times are UTC Unix milliseconds, shares and factors are integers in parts per million
(`_ppm`). Nothing here decides, reads a clock or loads anything.
"""

import math
from typing import Literal

import msgspec

from fraud_rules.network import NetworkClass

PPM = 1_000_000
PACE_LEADS_MAX = 200  # leads of a partner's last day that are told apart

Family = Literal["identity", "network", "device", "timing", "traffic", "money", "graph", "policy"]
Severity = Literal["low", "medium", "high"]
Moment = Literal["click", "lead", "sale", "payout", "nightly"]
Evidence = str | int | bool | None
Setting = int | bool | str | list[str]

# What a browser says it loads a referral link for (Sec-Fetch-Dest). People navigate; pages load the rest by themselves.
NAVIGATED = "document"  # how a person follows a link
LOADS = frozenset({"image", "iframe", "frame", "script", "style", "object", "embed"})
FETCHED = "empty"  # fetch() of a page's script: often a planted click, sometimes a link checker of an honest page
FORCED_DESTS = LOADS | {FETCHED}

# Values of metadata.source that mean: a person of the shop typed or imported this, so its address,
# agent and tempo are the operator's and say nothing about the customer.
OPERATOR_SOURCES = frozenset({"import", "call-centre"})


class ClientSigns(msgspec.Struct, frozen=True, kw_only=True):
    """What the sending program said of itself beside its agent; None means: not known, never "missing".

    `platform` is the client hint (Sec-CH-UA-Platform, unquoted), `system` and `browser` what the agent claims,
    `browser_major` its version. `has_beacon` says whether the page's script reported, where pages always do.
    """

    platform: str | None = None
    system: str | None = None
    browser: str | None = None
    browser_major: int | None = None
    has_language: bool | None = None
    http_version: str | None = None
    has_beacon: bool | None = None


class ClickFacts(msgspec.Struct, frozen=True, kw_only=True):
    """A click as the rules see it: the credited one of a conversion, or the one being judged.

    `fetch_dest` is Sec-Fetch-Dest and `is_prefetch` (Sec-)Purpose; None where the browser did not say.
    """

    click_id: str
    program_id: str
    partner_id: str | None
    at_ms: int
    host_key: str | None = None
    network_class: NetworkClass = "unknown"
    agent_key: str | None = None
    agent: str | None = None
    is_bot: bool = False
    device_key: str | None = None
    landing_url: str | None = None
    referrer: str | None = None
    fetch_dest: str | None = None
    is_prefetch: bool | None = None


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """The lead or sale being judged.

    `at_ms` is when it was received, `occurred_at_ms` when it happened; the rules measure with the latter.
    `email_key` is the canonical e-mail of `identity.email_keys`, `person_key` that of
    `identity.person_key`; the shell may replace both by keyed hashes, provided the records it compares
    carry the same form. `host_key` and `net_key` are opaque keys of the address and its neighbourhood,
    `device_key` of the first-party device (its cookie), `payment_key` of the card or account that paid.
    `country` is where the address is, `home_country` what the customer declared; `network_name` names the
    operator of the network where that is known. `click` is the click it is credited to.
    `is_browser` says an agent is expected: then a missing or blank `agent` counts as empty, otherwise as
    unknown. `source` comes from metadata of verified reports only, or anyone could excuse himself.
    A sale without `lead_id` is also judged as a lead.
    """

    conversion_id: str
    kind: Literal["lead", "sale"]
    program_id: str
    partner_id: str | None
    at_ms: int
    occurred_at_ms: int
    click_at_ms: int | None = None
    lead_id: str | None = None
    email: str | None = None
    email_key: str | None = None
    phone: str | None = None
    name: str | None = None
    customer_id: str | None = None
    person_key: str | None = None
    email_verified: bool = False
    phone_verified: bool = False
    visitor_id: str | None = None
    device_key: str | None = None
    phone_key: str | None = None
    payment_key: str | None = None
    promo_code: str | None = None
    click: ClickFacts | None = None
    amount_minor: int | None = None
    currency: str | None = None
    home_country: str | None = None
    country: str | None = None
    host_key: str | None = None
    net_key: str | None = None
    network_class: NetworkClass = "unknown"
    network_name: str | None = None
    masked_ip: str | None = None
    agent_key: str | None = None
    agent: str | None = None
    signs: ClientSigns | None = None
    is_bot: bool = False
    bot_reason: str | None = None
    source: str | None = None
    is_browser: bool = False
    device_known_before: bool = False
    # The shop's own word: this customer is not new.
    shop_says_known: bool = False
    paid: bool = False


class PartnerIdentity(msgspec.Struct, frozen=True, kw_only=True):
    """What the credited partner is known by, and whether the program lets partners buy for themselves.

    `phones` and `payment_keys` are keys as in `Subject`, `tax_ids` digits.
    """

    login_emails: tuple[str, ...] = ()
    contact_emails: tuple[str, ...] = ()
    payout_emails: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    phones: tuple[str, ...] = ()
    payment_keys: tuple[str, ...] = ()
    tax_ids: tuple[str, ...] = ()
    allow_own_purchases: bool = False


class PartnerLogin(msgspec.Struct, frozen=True, kw_only=True):
    """One sign-in of the credited partner to the portal."""

    at_ms: int
    host_key: str | None
    network_class: NetworkClass = "unknown"
    agent_key: str | None = None
    device_key: str | None = None


class PersonLead(msgspec.Struct, frozen=True, kw_only=True):
    """A lead of the program in the same mailbox, received earlier; `email` as typed, None once erased."""

    conversion_id: str
    email: str | None
    canonical_key: str
    at_ms: int
    customer_id: str | None = None


class HostLead(msgspec.Struct, frozen=True, kw_only=True):
    """A conversion judged as a lead, of the subject's address and partner, received earlier.

    `at_ms` is when it happened.
    """

    conversion_id: str
    person_key: str | None
    agent_key: str | None
    at_ms: int
    device_key: str | None = None
    source: str | None = None


class HostHistory(msgspec.Struct, frozen=True, kw_only=True):
    """What the subject's address normally brings.

    `earlier_leads` counts leads of the address through any partner in the observed days, without those
    of the subject's own partner in the last 24 h: they are the ones under test. `days_observed` is how
    long leads have been recorded, at most 28. `class_daily_leads_ppm` is the installation's own mean per
    address of this network class, None until it has 14 days of data.
    """

    earlier_leads: int
    days_observed: int
    class_daily_leads_ppm: int | None = None


class DelaySample(msgspec.Struct, frozen=True, kw_only=True):
    """Click-to-conversion delays of a program: how many, their first percentile and their median."""

    count: int
    p1_ms: int
    median_ms: int


class ProgramTiming(msgspec.Struct, frozen=True, kw_only=True):
    """Delay samples of the program, None where nothing was measured yet."""

    lead: DelaySample | None = None
    paid: DelaySample | None = None


class LeadRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A conversion judged as a lead, as others are compared with it; `at_ms` is when it happened.

    Keys, classes and sources as in `Subject`. `click_dest` is Sec-Fetch-Dest of the credited click, None where unknown.
    `paid` says that it is a sale or that a sale followed.
    """

    conversion_id: str
    partner_id: str | None
    at_ms: int
    person_key: str | None = None
    email: str | None = None
    name: str | None = None
    phone_key: str | None = None
    device_key: str | None = None
    payment_key: str | None = None
    host_key: str | None = None
    net_key: str | None = None
    network_class: NetworkClass = "unknown"
    agent_key: str | None = None
    country: str | None = None
    home_country: str | None = None
    click_at_ms: int | None = None
    click_dest: str | None = None
    promo_code: str | None = None
    source: str | None = None
    is_bot: bool = False
    is_verified: bool = False
    paid: bool = False


class PaymentUses(msgspec.Struct, frozen=True, kw_only=True):
    """Who else uses the subject's payment key: other people's conversions, and partners paid to it."""

    conversions: tuple[LeadRecord, ...] = ()
    partner_ids: tuple[str, ...] = ()


class DevicePast(msgspec.Struct, frozen=True, kw_only=True):
    """First-party events of the subject's device before its credited click: pages, carts, other clicks.

    `events` counts them within a day before the click; `last_at_ms` is the newest of them.
    """

    events: int = 0
    last_at_ms: int | None = None


class CustomerPast(msgspec.Struct, frozen=True, kw_only=True):
    """What the program knew of the customer: its first conversion and its first click through a partner."""

    first_conversion_at_ms: int | None = None
    first_click_at_ms: int | None = None
    shop_says_known: bool = False


class PaceLead(msgspec.Struct, frozen=True, kw_only=True):
    """A conversion judged as a lead, as far as it tells how fast a partner brings them; keys as in `Subject`."""

    conversion_id: str
    at_ms: int
    person_key: str | None = None
    host_key: str | None = None
    device_key: str | None = None
    agent_key: str | None = None
    source: str | None = None


class PartnerPace(msgspec.Struct, frozen=True, kw_only=True):
    """How fast the subject's partner brings leads.

    `recent`: leads of the last 24 h, without the subject, newest 200. `daily_counts`: leads on each of the
    days before, newest first, at most 28, only days since the partner's first lead. `busiest_hour`: most
    leads in one hour before the last 24 h. `program_diversity_ppm`: share of different addresses among the
    program's leads of the last 28 days, None below 20 leads.
    """

    recent: tuple[PaceLead, ...] = ()
    daily_counts: tuple[int, ...] = ()
    busiest_hour: int = 0
    program_diversity_ppm: int | None = None


class CodeUse(msgspec.Struct, frozen=True, kw_only=True):
    """Uses of the subject's promo code in the last 24 h, the subject's among them.

    `unclicked` had no click of the code's partner; `usual_daily_ppm` is the mean a day over the 28 days
    before, None without history.
    """

    uses: int = 0
    unclicked: int = 0
    usual_daily_ppm: int | None = None
    conversion_ids: tuple[str, ...] = ()


class Forgeries(msgspec.Struct, frozen=True, kw_only=True):
    """Signs that the report itself is forged or replayed.

    Refused signatures of this order while only a browser claims it, another order under its id, a click that belongs to
    another program.
    """

    bad_signatures: int = 0
    reused_order: bool = False
    foreign_click: bool = False


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """A subject and the sections its rules declared in `needs`; None means: not loaded.

    For an organic subject (no partner) the partner's sections are loaded empty, not left out.
    """

    subject: Subject
    partner_identity: PartnerIdentity | None = None
    partner_logins: tuple[PartnerLogin, ...] | None = None
    same_person_leads: tuple[PersonLead, ...] | None = None
    host_leads: tuple[HostLead, ...] | None = None
    host_history: HostHistory | None = None
    program_timing: ProgramTiming | None = None
    same_phone_leads: tuple[LeadRecord, ...] | None = None
    device_leads: tuple[LeadRecord, ...] | None = None
    payment_uses: PaymentUses | None = None
    device_past: DevicePast | None = None
    customer_past: CustomerPast | None = None
    partner_pace: PartnerPace | None = None
    code_use: CodeUse | None = None
    forgeries: Forgeries | None = None
    # People of the program with an e-mail at the subject's registrable domain, the subject among them.
    domain_people: int | None = None
    # Share of the program's customers who carry the subject's rarest name word.
    name_share_ppm: int | None = None


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One rule's statement about one subject.

    `factor_ppm` is weight x strength x damping when `fired`, else 0: the definition met its signs but
    forgave them, and the reviewer is shown what was forgiven. `message`, `message_plural` and
    `clears_when` are msgids with %(name)s placeholders; with a plural, `params["count"]` chooses.
    `translated` names those params that are msgids themselves. `params` and `evidence` hold masked
    values only. `cluster_key` is the fact shared with other conversions, `compared` their ids;
    `holds_compared` says that the finding speaks of them too: it counts into their scores, and a case over
    it holds them. `holds_partner` says that a case over it holds all of the partner.
    """

    rule: str
    rule_version: int
    family: Family
    fired: bool
    strength_ppm: int
    weight_ppm: int
    damping_ppm: int
    factor_ppm: int
    message: str
    message_plural: str | None = None
    params: dict[str, str | int] = {}
    translated: tuple[str, ...] = ()
    evidence: dict[str, Evidence] = {}
    config: dict[str, Setting] = {}
    cluster_key: str | None = None
    compared: tuple[str, ...] = ()
    holds_compared: bool = False
    holds_partner: bool = False
    clears_when: str


def is_operator_sent(source: str | None) -> bool:
    """Say whether a conversion with this source was typed or imported by the shop's own people."""
    return source is not None and source[:64].strip().lower() in OPERATOR_SOURCES


def moments_of(subject: Subject) -> frozenset[Moment]:
    """Return at which moments the subject is judged; a sale without its lead stands for one."""
    if subject.kind == "lead":
        return frozenset({"lead"})
    if subject.lead_id is None:
        return frozenset({"lead", "sale"})
    return frozenset({"sale"})


def weightiest_first(finding: Finding) -> tuple[int, str, str]:
    """Return the sort key that puts the largest factor first and never depends on the order of input."""
    return (-finding.factor_ppm, finding.rule, finding.cluster_key or "")


def multiply_ppm(*factors: int) -> int:
    """Return the product of shares in ppm, in ppm, half up."""
    product: int = math.prod(factors)
    scale: int = PPM ** (len(factors) - 1)
    return (2 * product + scale) // (2 * scale)
