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

Family = Literal["identity", "network", "device", "timing", "traffic", "money", "graph", "policy"]
Severity = Literal["low", "medium", "high"]
Moment = Literal["click", "lead", "sale", "payout", "nightly"]
Evidence = str | int | bool | None

# Values of metadata.source that mean: a person of the shop typed or imported this, so its address,
# agent and tempo are the operator's and say nothing about the customer.
OPERATOR_SOURCES = frozenset({"import", "call-centre"})


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """The lead or sale being judged.

    `at_ms` is when it was received, `occurred_at_ms` when it happened; the rules measure with the latter.
    `email_key` is the canonical e-mail of `identity.email_keys`, `person_key` that of
    `identity.person_key`; the shell may replace both by keyed hashes, provided the records it compares
    carry the same form. `host_key` and `net_key` are opaque keys of the address and its neighbourhood.
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
    host_key: str | None = None
    net_key: str | None = None
    network_class: NetworkClass = "unknown"
    masked_ip: str | None = None
    agent_key: str | None = None
    agent: str | None = None
    is_bot: bool = False
    bot_reason: str | None = None
    source: str | None = None
    is_browser: bool = False
    device_known_before: bool = False
    paid: bool = False


class PartnerIdentity(msgspec.Struct, frozen=True, kw_only=True):
    """E-mails the credited partner is known by, and whether the program lets partners buy for themselves."""

    login_emails: tuple[str, ...] = ()
    contact_emails: tuple[str, ...] = ()
    payout_emails: tuple[str, ...] = ()
    allow_own_purchases: bool = False


class PartnerLogin(msgspec.Struct, frozen=True, kw_only=True):
    """One sign-in of the credited partner to the portal."""

    at_ms: int
    host_key: str
    agent_key: str | None = None


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


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One rule's statement about one subject.

    `factor_ppm` is weight x strength x damping when `fired`, else 0: the definition met its signs but
    forgave them, and the reviewer is shown what was forgiven. `message`, `message_plural` and
    `clears_when` are msgids with %(name)s placeholders; with a plural, `params["count"]` chooses.
    `translated` names those params that are msgids themselves. `params` and `evidence` hold masked
    values only. `cluster_key` is the fact shared with other conversions, `compared` their ids;
    `holds_compared` says that a case over this finding holds them too.
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
    config: dict[str, int | bool] = {}
    cluster_key: str | None = None
    compared: tuple[str, ...] = ()
    holds_compared: bool = False
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
