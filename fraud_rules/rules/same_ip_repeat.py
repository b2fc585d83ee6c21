"""Rule 11: one address and browser brings new people again and again. Run by the engine at night.

A family registers once; a household that brings somebody new every few days for a month works at it. A hostel or a
student house looks the same, so alone this is a note, unless the same device sent several of the people. Where half of
them came through shared devices it is a counter, forgiven here: dup_device weighs those.
"""

from typing import Annotated

import msgspec

from fraud_rules.crowds import DAY_MS, are_mostly_verified, count_people, own_leads
from fraud_rules.msgids import N_, NN_
from fraud_rules.network import DAMPING_PPM, NETWORK_TITLES
from fraud_rules.partner_facts import PartnerFacts
from fraud_rules.rule import Ppm, Rule, RuleConfig
from fraud_rules.types import PPM, Evidence, Finding, LeadRecord, multiply_ppm

FINDINGS_MAX = 20  # addresses of one partner a reviewer is shown in a night

_REPEATS = NN_(
    "%(count)d person registered from one address with one browser on %(days)d days of one month (%(network)s).",
    "%(count)d people registered from one address with one browser on %(days)d days of one month (%(network)s).",
)
_REPEATS_DEVICE = NN_(
    "%(count)d person registered from one address on %(days)d days of one month (%(network)s), "
    "several through one device.",
    "%(count)d people registered from one address on %(days)d days of one month (%(network)s), "
    "several through one device.",
)
_FORGIVEN = NN_(
    "%(count)d person registered from one address with one browser on %(days)d days, but strangers share "
    "such an address (%(network)s).",
    "%(count)d people registered from one address with one browser on %(days)d days, but strangers share "
    "such an address (%(network)s).",
)
_COUNTER = NN_(
    "%(count)d person registered from one address (%(network)s) on %(days)d days, most on shared devices; those "
    "are judged by themselves.",
    "%(count)d people registered from one address (%(network)s) on %(days)d days, most on shared devices; those "
    "are judged by themselves.",
)
_CLEARS = N_("The address is a hostel, a student house or a shop and is on the allow list, or the people confirm.")


class Config(RuleConfig, frozen=True, kw_only=True):
    """Window, people and days that make a habit, and the weights.

    `alone_max_ppm` keeps the finding a note: a student house with the newest iPhone in every room looks the same.
    """

    window_days: Annotated[int, msgspec.Meta(ge=3, le=30)] = 30
    people_min: Annotated[int, msgspec.Meta(ge=2, le=100)] = 4
    days_min: Annotated[int, msgspec.Meta(ge=2, le=30)] = 3
    weight_ppm: Ppm = 500_000
    alone_max_ppm: Ppm = 480_000
    verified_damping_ppm: Ppm = 500_000
    counter_devices_ppm: Ppm = 500_000


def evaluate_partner(facts: PartnerFacts, config: Config) -> list[Finding]:
    """Return one finding for each address and browser that makes a habit of new people."""
    groups: dict[tuple[str, str], list[LeadRecord]] = {}
    for lead in own_leads(facts.leads, at_ms=facts.at_ms, days=config.window_days):
        if lead.host_key is not None and lead.agent_key is not None:
            groups.setdefault((lead.host_key, lead.agent_key), []).append(lead)
    habits = [group for group in groups.values() if _is_habit(group, config)]
    habits.sort(key=lambda group: (-count_people(group), group[0].host_key or "", group[0].agent_key or ""))
    return [_habit(group, config) for group in habits[:FINDINGS_MAX]]


def _is_habit(group: list[LeadRecord], config: Config) -> bool:
    return count_people(group) >= config.people_min and _count_days(group) >= config.days_min


def _habit(group: list[LeadRecord], config: Config) -> Finding:
    network = group[-1].network_class
    shared_device = _has_shared_device(group)
    is_relay = network == "relay"
    is_counter = _on_shared_devices(group) * PPM >= count_people(group) * config.counter_devices_ppm
    # The catalogue's weight opens a case only with the device as a second witness.
    weight_ppm = config.weight_ppm if shared_device else min(config.weight_ppm, config.alone_max_ppm)
    verified = are_mostly_verified(group, share_ppm=800_000)
    damping_ppm = multiply_ppm(DAMPING_PPM[network], config.verified_damping_ppm if verified else PPM)
    one, many = _FORGIVEN if is_relay else _COUNTER if is_counter else _REPEATS_DEVICE if shared_device else _REPEATS
    evidence: dict[str, Evidence] = {
        "people": count_people(group),
        "leads": len(group),
        "days": _count_days(group),
        "window_days": config.window_days,
        "shared_device": shared_device,
        "network_class": network,
        "contacts_verified": verified,
    }
    return RULE.find(
        message=one,
        message_plural=many,
        params={
            "count": count_people(group),
            "days": _count_days(group),
            "network": NETWORK_TITLES[network],
        },
        translated=("network",),
        weight_ppm=weight_ppm,
        damping_ppm=damping_ppm,
        # The devices of a counter are one fact, and dup_device weighs it.
        fired=not is_relay and not is_counter,
        evidence=evidence,
        cluster_key=f"host:{group[0].host_key}",
        compared={lead.conversion_id for lead in group},
        holds_compared=True,
        clears_when=_CLEARS,
    )


def _count_days(group: list[LeadRecord]) -> int:
    return len({lead.at_ms // DAY_MS for lead in group})


def _has_shared_device(group: list[LeadRecord]) -> bool:
    return _on_shared_devices(group) > 0


def _on_shared_devices(group: list[LeadRecord]) -> int:
    users: dict[str, set[str | None]] = {}
    for lead in group:
        if lead.device_key is not None:
            users.setdefault(lead.device_key, set()).add(lead.person_key)
    return len({person for people in users.values() if len(people) > 1 for person in people})


RULE: Rule[Config] = Rule(
    id="same_ip_repeat",
    version=2,
    title=N_("One address brings new people for weeks"),
    family="network",
    severity="medium",
    timing=frozenset({"nightly"}),
    config=Config(),
    evaluate_partner=evaluate_partner,
)
