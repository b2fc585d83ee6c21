"""Rule 10: more people from one address through one partner than that address explains. Run by the engine.

Offices, campuses and mobile carriers share addresses, so the crowd is damped by the class of the network
and must surprise against the address's own history. A crowd that would count at a home but not here is
reported as forgiven. It counts people, not rows: a double click on "send" is one person.
"""

from typing import Annotated

import msgspec

from fraud_rules.msgids import N_, NN_
from fraud_rules.network import DAILY_LEADS_PPM, DAMPING_PPM, NETWORK_TITLES
from fraud_rules.rule import Ppm, Rule, RuleConfig
from fraud_rules.surprise import crowd_strength_ppm, expected_daily_ppm, poisson_tail_ppm
from fraud_rules.types import PPM, Evidence, Facts, Finding, HostHistory, HostLead, Subject, is_operator_sent

HOUR_MS = 3_600_000
MINUTE_MS = 60_000

_CROWD = NN_(
    "%(count)d person registered through this partner from one address (%(network)s) within "
    "%(minutes)d min; the address normally brings %(usual)s leads a day.",
    "%(count)d people registered through this partner from one address (%(network)s) within "
    "%(minutes)d min; the address normally brings %(usual)s leads a day.",
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
_CLEARS = N_("An event at this address is on the allow list, or the customers confirm their e-mail or phone.")


class Config(RuleConfig, frozen=True, kw_only=True):
    """Window, firing lines of strength and surprise, weight, and the damping by confirmed contacts."""

    window_hours: Annotated[int, msgspec.Meta(ge=1, le=168)] = 24
    fire_at_ppm: Ppm = 600_000
    surprise_below_ppm: Ppm = 10_000
    weight_ppm: Ppm = 800_000
    verified_damping_ppm: Ppm = 500_000


class Crowd(msgspec.Struct, frozen=True, kw_only=True):
    """The people of one address and partner within the window, the subject among them."""

    leads: tuple[HostLead, ...]
    people: int
    agent_repeats: bool
    span_ms: int


def evaluate(facts: Facts, config: Config) -> list[Finding]:
    """Return one finding for a surprising crowd, or for one that only its network forgives."""
    subject, history = facts.subject, facts.host_history
    if subject.host_key is None or subject.partner_id is None or history is None:
        return []
    if is_operator_sent(subject.source):
        return []
    crowd = _gather(subject, facts.host_leads or (), window_ms=config.window_hours * HOUR_MS)
    undamped_ppm = crowd_strength_ppm(people=crowd.people, damping_ppm=PPM, agent_repeats=crowd.agent_repeats)
    if undamped_ppm < config.fire_at_ppm:
        return []
    return [_weigh(subject, crowd, history=history, config=config)]


def _weigh(subject: Subject, crowd: Crowd, *, history: HostHistory, config: Config) -> Finding:
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
    if not is_surprising:
        one, many = _FORGIVEN_USUAL
    elif not is_strong:
        one, many = _FORGIVEN_CLASS
    odds: dict[str, Evidence] = {"usual_daily_ppm": usual_ppm, "tail_ppm": tail_ppm}
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
        damping_ppm=config.verified_damping_ppm if _is_verified(subject) else PPM,
        fired=is_strong and is_surprising,
        evidence=_describe(subject, crowd, history=history) | odds,
        cluster_key=f"host:{subject.host_key}",
        compared={lead.conversion_id for lead in crowd.leads},
        holds_compared=True,
        clears_when=_CLEARS,
    )


def _describe(subject: Subject, crowd: Crowd, *, history: HostHistory) -> dict[str, Evidence]:
    return {
        "people": crowd.people,
        "leads": len(crowd.leads) + 1,
        "span_ms": crowd.span_ms,
        "agent_repeats": crowd.agent_repeats,
        "network_class": subject.network_class,
        "class_damping_ppm": DAMPING_PPM[subject.network_class],
        "earlier_leads": history.earlier_leads,
        "days_observed": history.days_observed,
        "contact_verified": _is_verified(subject),
        "address": subject.masked_ip,
    }


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
        agent_repeats=any(len(members) > 1 for members in people_by_agent.values()),
        span_ms=end_ms - min((lead.at_ms for lead in leads), default=end_ms),
    )


def _class_daily_ppm(subject: Subject, history: HostHistory) -> int:
    own = history.class_daily_leads_ppm
    return DAILY_LEADS_PPM[subject.network_class] if own is None else own


def _write_rate(rate_ppm: int) -> str:
    """Write leads per day with two digits after the point ("0.05")."""
    hundredths = -(-rate_ppm // 10_000)
    return f"{hundredths // 100}.{hundredths % 100:02d}"


RULE: Rule[Config] = Rule(
    id="same_ip_leads",
    version=1,
    title=N_("Many people from one address through one partner"),
    family="network",
    severity="medium",
    needs=frozenset({"host_leads", "host_history"}),
    timing=frozenset({"lead", "nightly"}),
    config=Config(),
    evaluate=evaluate,
)
