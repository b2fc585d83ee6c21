"""Rule 10: more people from one address through one partner than that address explains. Run by the engine.

Offices, campuses and mobile carriers share addresses, so the crowd is damped by the class of the network
and must surprise against the address's own history. A crowd that would count at a home but not here is
reported as forgiven. It counts people, not rows: a double click on "send" is one person.

People who each bring a device of their own are a family at the kitchen table or a workshop behind one router: a note
alone. A farm works through one device, through none that keeps its cookie, or with one browser on all of them. The
first few may yet become a workshop, so their browsers are judged once the crowd is over. A counter, where people use
shared devices one after another, is forgiven here: dup_device weighs those.
"""

import itertools
import statistics
from typing import Annotated

import msgspec

from fraud_rules.msgids import N_, NN_
from fraud_rules.network import DAILY_LEADS_PPM, DAMPING_PPM, NETWORK_TITLES, NetworkClass
from fraud_rules.partner_facts import PartnerFacts
from fraud_rules.rule import Ppm, Rule, RuleConfig
from fraud_rules.surprise import DAYS_OBSERVED_MAX, crowd_strength_ppm, expected_daily_ppm, poisson_tail_ppm
from fraud_rules.types import (
    PPM,
    Evidence,
    Facts,
    Finding,
    HostHistory,
    HostLead,
    LeadRecord,
    Subject,
    is_operator_sent,
    multiply_ppm,
)

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
LEADS_MAX = 5_000  # newest leads of a partner looked at in a night
SMALL_GROUP_MAX = 12  # rows of so few people, double submits among them
SMALL_CROWD = range(3, 5)
OVER_MS = 6 * HOUR_MS  # nobody came for so long: the gathering is over, whatever midnight says
MINUTE_MS = 60_000

# Behind these addresses many strangers sit, and half of them hold the same two models of telephone.
SHARED_CLASSES: frozenset[NetworkClass] = frozenset({"mobile", "edu", "corporate", "vpn", "relay"})

_CROWD = NN_(
    "%(count)d person registered through this partner from one address (%(network)s) within "
    "%(minutes)d min; the address normally brings %(usual)s leads a day.",
    "%(count)d people registered through this partner from one address (%(network)s) within "
    "%(minutes)d min; the address normally brings %(usual)s leads a day.",
)
_GATHERING = NN_(
    "%(count)d person registered through this partner from one address (%(network)s) within %(minutes)d min, "
    "with a device of their own, as a family or the guests of one event do.",
    "%(count)d people registered through this partner from one address (%(network)s) within %(minutes)d min, "
    "each with a device of their own, as a family or the guests of one event do.",
)
_FORGIVEN_CLASS = NN_(
    "%(count)d person registered through this partner from one address within %(minutes)d min, "
    "but many people share such an address (%(network)s).",
    "%(count)d people registered through this partner from one address within %(minutes)d min, "
    "but many people share such an address (%(network)s).",
)
_FORGIVEN_USUAL = NN_(
    "%(count)d person registered through this partner from one address (%(network)s) within "
    "%(minutes)d min, but the address brings %(usual)s leads on a normal day.",
    "%(count)d people registered through this partner from one address (%(network)s) within "
    "%(minutes)d min, but the address brings %(usual)s leads on a normal day.",
)
_COUNTER = NN_(
    "%(count)d person registered through this partner from one address (%(network)s), one after another on "
    "shared devices; those are judged by themselves.",
    "%(count)d people registered through this partner from one address (%(network)s), one after another on "
    "shared devices; those are judged by themselves.",
)
_CLEARS = N_("An event at this address is on the allow list, or the customers confirm their e-mail or phone.")


class Config(RuleConfig, frozen=True, kw_only=True):
    """Window, firing lines of strength and surprise, weight, and the dampings.

    A gathering is diverse when so many of its people brought a device of their own, and so many kinds of browser
    per person came with them; in a large room some kinds repeat, so `own_agents_enough` kinds do where the commonest
    one does not rule. From `gathering_from` people on it is damped, so that a workshop of any size ends at
    .40; below, a family ends at .48 at most, just under the line that holds money.
    """

    window_hours: Annotated[int, msgspec.Meta(ge=1, le=168)] = 24
    fire_at_ppm: Ppm = 600_000
    surprise_below_ppm: Ppm = 10_000
    weight_ppm: Ppm = 800_000
    verified_damping_ppm: Ppm = 500_000
    own_devices_ppm: Ppm = 800_000
    own_agents_ppm: Ppm = 500_000
    own_agents_enough: Annotated[int, msgspec.Meta(ge=2, le=100)] = 5
    commonest_agent_max_ppm: Ppm = 600_000
    gathering_from: Annotated[int, msgspec.Meta(ge=2, le=100)] = 5
    gathering_damping_ppm: Ppm = 500_000
    family_factor_max_ppm: Ppm = 480_000
    # A counter: most people on devices others used too, with time between them. In a burst both facts count.
    counter_devices_ppm: Ppm = 500_000
    counter_gap_minutes: Annotated[int, msgspec.Meta(ge=1, le=1_440)] = 30


class Crowd(msgspec.Struct, frozen=True, kw_only=True):
    """The people of one address and partner within the window, the subject among them."""

    leads: tuple[HostLead, ...]
    people: int
    agents: int
    commonest_agent: int
    devices: int
    on_shared_devices: int
    median_gap_ms: int
    agent_repeats: bool
    span_ms: int


def evaluate(facts: Facts, config: Config) -> list[Finding]:
    """Return one finding for a surprising crowd, or for one that only its network forgives."""
    subject, history = facts.subject, facts.host_history
    if history is None:
        return []
    return _judge(subject, facts.host_leads or (), history=history, is_over=False, config=config)


def evaluate_partner(facts: PartnerFacts, config: Config) -> list[Finding]:
    """Return a finding for each small crowd of the last days that stayed small.

    Three or four people with one kind of browser may be the first of a workshop; at night the whole crowd is known.
    """
    span_ms = 2 * config.window_hours * HOUR_MS
    groups: dict[str, list[LeadRecord]] = {}
    for lead in facts.leads[-LEADS_MAX:]:
        if lead.host_key is not None and 0 <= facts.at_ms - lead.at_ms <= span_ms:
            groups.setdefault(lead.host_key, []).append(lead)
    found: list[Finding] = []
    for host_key, group in sorted(groups.items()):
        last = group[-1]
        if not 2 < len(group) <= SMALL_GROUP_MAX or facts.at_ms - last.at_ms < OVER_MS:
            continue
        earlier = [lead for lead in facts.leads if lead.host_key == host_key and lead.at_ms < last.at_ms - span_ms]
        days = min(max((last.at_ms - facts.leads[0].at_ms) // DAY_MS + 1, 1), DAYS_OBSERVED_MAX)
        history = HostHistory(earlier_leads=len(earlier), days_observed=days)
        crowd = tuple(_host_lead(lead) for lead in group)
        found += _judge(_subject(facts, last), crowd, history=history, is_over=True, config=config)
    return [finding for finding in found if finding.evidence["people"] in SMALL_CROWD]


def _judge(
    subject: Subject, leads: tuple[HostLead, ...], *, history: HostHistory, is_over: bool, config: Config
) -> list[Finding]:
    if subject.host_key is None or subject.partner_id is None or is_operator_sent(subject.source):
        return []
    crowd = _gather(subject, leads, window_ms=config.window_hours * HOUR_MS)
    undamped_ppm = crowd_strength_ppm(people=crowd.people, damping_ppm=PPM, agent_repeats=crowd.agent_repeats)
    if undamped_ppm < config.fire_at_ppm:
        return []
    return [_weigh(subject, crowd, history=history, is_over=is_over, config=config)]


def _weigh(subject: Subject, crowd: Crowd, *, history: HostHistory, is_over: bool, config: Config) -> Finding:
    strength_ppm = crowd_strength_ppm(
        people=crowd.people,
        damping_ppm=DAMPING_PPM[subject.network_class],
        agent_repeats=crowd.agent_repeats,
    )
    usual_ppm = expected_daily_ppm(
        earlier_leads=history.earlier_leads,
        days_observed=history.days_observed,
        class_daily_ppm=_class_daily_ppm(subject, history),
    )
    tail_ppm = poisson_tail_ppm(at_least=crowd.people - 1, mean_ppm=usual_ppm)
    is_strong = strength_ppm >= config.fire_at_ppm
    is_surprising = tail_ppm < config.surprise_below_ppm
    one, many = _CROWD
    is_gathering = _brings_own_devices(subject, crowd, is_over=is_over, config=config)
    damping_ppm = _gathering_damping_ppm(crowd, strength_ppm, config) if is_gathering else PPM
    if _is_verified(subject):
        damping_ppm = multiply_ppm(damping_ppm, config.verified_damping_ppm)
    is_counter = _is_counter(crowd, config)
    if is_counter:
        one, many = _COUNTER
    elif not is_surprising:
        one, many = _FORGIVEN_USUAL
    elif not is_strong:
        one, many = _FORGIVEN_CLASS
    elif is_gathering:
        one, many = _GATHERING
    odds: dict[str, Evidence] = {"usual_daily_ppm": usual_ppm, "tail_ppm": tail_ppm, "own_devices": is_gathering}
    return RULE.find(
        message=one,
        message_plural=many,
        params={
            "count": crowd.people,
            "minutes": -(-crowd.span_ms // MINUTE_MS),
            "network": NETWORK_TITLES[subject.network_class],
            "usual": _write_rate(usual_ppm),
        },
        translated=("network",),
        weight_ppm=config.weight_ppm,
        strength_ppm=strength_ppm,
        damping_ppm=damping_ppm,
        fired=is_strong and is_surprising and not is_counter,
        evidence=_describe(subject, crowd, history=history) | odds,
        cluster_key=f"host:{subject.host_key}",
        # At night nobody of the crowd is the subject: the finding is about the partner and speaks of all of them.
        compared={lead.conversion_id for lead in crowd.leads} | ({subject.conversion_id} if is_over else set()),
        holds_compared=True,
        clears_when=_CLEARS,
    )


def _describe(subject: Subject, crowd: Crowd, *, history: HostHistory) -> dict[str, Evidence]:
    return {
        "people": crowd.people,
        "leads": len(crowd.leads) + 1,
        "span_ms": crowd.span_ms,
        "agents": crowd.agents,
        "devices": crowd.devices,
        "on_shared_devices": crowd.on_shared_devices,
        "median_gap_ms": crowd.median_gap_ms,
        "agent_repeats": crowd.agent_repeats,
        "network_class": subject.network_class,
        "class_damping_ppm": DAMPING_PPM[subject.network_class],
        "earlier_leads": history.earlier_leads,
        "days_observed": history.days_observed,
        "contact_verified": _is_verified(subject),
        "address": subject.masked_ip,
    }


def _host_lead(lead: LeadRecord) -> HostLead:
    return HostLead(
        conversion_id=lead.conversion_id,
        person_key=lead.person_key,
        agent_key=lead.agent_key,
        device_key=lead.device_key,
        at_ms=lead.at_ms,
        source=lead.source,
    )


def _subject(facts: PartnerFacts, lead: LeadRecord) -> Subject:
    return Subject(
        conversion_id=lead.conversion_id,
        kind="lead",
        program_id=facts.program_id,
        partner_id=facts.partner_id,
        at_ms=lead.at_ms,
        occurred_at_ms=lead.at_ms,
        person_key=lead.person_key,
        email_verified=lead.is_verified,
        device_key=lead.device_key,
        host_key=lead.host_key,
        network_class=lead.network_class,
        agent_key=lead.agent_key,
        source=lead.source,
    )


def _brings_own_devices(subject: Subject, crowd: Crowd, *, is_over: bool, config: Config) -> bool:
    """Say whether nearly everybody brought a device, and browsers differ as those of strangers do.

    The first few of a crowd that is not over yet get the benefit of the doubt about their browsers.
    """
    if crowd.devices * PPM < crowd.people * config.own_devices_ppm:
        return False
    if not is_over and crowd.people < config.gathering_from:
        return True
    if subject.network_class in SHARED_CLASSES or crowd.agents * PPM >= crowd.people * config.own_agents_ppm:
        return True
    is_mixed = crowd.commonest_agent * PPM <= crowd.people * config.commonest_agent_max_ppm
    return crowd.agents >= config.own_agents_enough and is_mixed


def _is_counter(crowd: Crowd, config: Config) -> bool:
    """Say whether people used the devices of a place, one after another: one fact, which dup_device weighs."""
    if crowd.on_shared_devices * PPM < crowd.people * config.counter_devices_ppm:
        return False
    return crowd.median_gap_ms >= config.counter_gap_minutes * MINUTE_MS


def _gathering_damping_ppm(crowd: Crowd, strength_ppm: int, config: Config) -> int:
    if crowd.people >= config.gathering_from:
        return config.gathering_damping_ppm
    factor_ppm = multiply_ppm(config.weight_ppm, strength_ppm)
    return min(PPM, config.family_factor_max_ppm * PPM // max(factor_ppm, 1))


def _is_verified(subject: Subject) -> bool:
    return subject.email_verified or subject.phone_verified


def _gather(subject: Subject, host_leads: tuple[HostLead, ...], *, window_ms: int) -> Crowd:
    end_ms = subject.occurred_at_ms
    leads = tuple(
        lead
        for lead in host_leads
        if lead.conversion_id != subject.conversion_id
        and 0 <= end_ms - lead.at_ms <= window_ms
        and not is_operator_sent(lead.source)
    )
    # All rows without any identity count as one person: nothing says that they are several.
    people_by_agent: dict[str, set[str | None]] = {}
    people: set[str | None] = {subject.person_key}
    if subject.agent_key is not None:
        people_by_agent[subject.agent_key] = {subject.person_key}
    for lead in leads:
        people.add(lead.person_key)
        if lead.agent_key is not None:
            people_by_agent.setdefault(lead.agent_key, set()).add(lead.person_key)
    return Crowd(
        leads=leads,
        people=len(people),
        agents=len(people_by_agent),
        commonest_agent=max((len(members) for members in people_by_agent.values()), default=0),
        devices=_own_devices(subject, leads),
        on_shared_devices=len(
            {person for users in _users(subject, leads).values() if len(users) > 1 for person in users}
        ),
        median_gap_ms=_median_gap_ms([end_ms, *(lead.at_ms for lead in leads)]),
        agent_repeats=any(len(members) > 1 for members in people_by_agent.values()),
        span_ms=end_ms - min((lead.at_ms for lead in leads), default=end_ms),
    )


def _own_devices(subject: Subject, leads: tuple[HostLead, ...]) -> int:
    """Count devices that one person alone used; a device two people used is nobody's own."""
    users = _users(subject, leads).values()
    # A person with two devices is one person with a device of his own.
    return len({person for members in users if len(members) == 1 for person in members})


def _users(subject: Subject, leads: tuple[HostLead, ...]) -> dict[str, set[str | None]]:
    """Return who used each device."""
    users: dict[str, set[str | None]] = {}
    if subject.device_key is not None:
        users[subject.device_key] = {subject.person_key}
    for lead in leads:
        if lead.device_key is not None:
            users.setdefault(lead.device_key, set()).add(lead.person_key)
    return users


def _median_gap_ms(instants: list[int]) -> int:
    ordered = sorted(instants)
    gaps = [after - before for before, after in itertools.pairwise(ordered)]
    return int(statistics.median(gaps)) if gaps else 0


def _class_daily_ppm(subject: Subject, history: HostHistory) -> int:
    own = history.class_daily_leads_ppm
    return DAILY_LEADS_PPM[subject.network_class] if own is None else own


def _write_rate(rate_ppm: int) -> str:
    """Write leads per day with two digits after the point ("0.05")."""
    hundredths = -(-rate_ppm // 10_000)
    return f"{hundredths // 100}.{hundredths % 100:02d}"


RULE: Rule[Config] = Rule(
    id="same_ip_leads",
    version=3,
    title=N_("Many people from one address through one partner"),
    family="network",
    severity="medium",
    needs=frozenset({"host_leads", "host_history"}),
    timing=frozenset({"lead", "nightly"}),
    config=Config(),
    evaluate=evaluate,
    evaluate_partner=evaluate_partner,
)
