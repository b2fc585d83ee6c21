"""Rule 24: a partner brings leads far faster than it ever did. Run by the engine, for leads.

Counted are people, and one address counts once: what gathers behind one address is `same_ip_leads`' to judge, and a
workshop must not be blamed twice. A post or mailing that really reaches people brings as many addresses, devices and
browsers as the program is used to, and is damped; announced campaigns go on the allow list.
"""

from typing import Annotated

import msgspec

from fraud_rules.crowds import DAY_MS, HOUR_MS
from fraud_rules.msgids import N_, NN_
from fraud_rules.rule import Ppm, Rule, RuleConfig
from fraud_rules.statistics import daily_rate_ppm, entropy_share_ppm, negative_binomial_tail_ppm
from fraud_rules.types import PACE_LEADS_MAX, PPM, Evidence, Facts, Finding, PaceLead, PartnerPace, is_operator_sent

DAYS_MAX = 28
SHAPE_MAX_PPM = 2_000_000  # days of a partner differ: a post today, nothing tomorrow
HOURS_A_DAY = 8  # a day's leads come in about so many hours
AGENT_KINDS_MAX = 30  # as many kinds of browser as are common; a larger crowd is not more mixed

_HOUR = NN_(
    "%(count)d person came within an hour through this partner; before, an hour brought %(usual)s at most.",
    "%(count)d people came within an hour through this partner; before, an hour brought %(usual)s at most.",
)
_DAY = NN_(
    "%(count)d person came within 24 hours through this partner, which normally brings %(usual)s leads a day.",
    "%(count)d people came within 24 hours through this partner, which normally brings %(usual)s leads a day.",
)
_NEW = NN_(
    "%(count)d person came in this partner's first 24 hours.",
    "%(count)d people came in this partner's first 24 hours.",
)
_CLEARS = N_("The partner announced a post, a mailing or an event of that day.")


class Config(RuleConfig, frozen=True, kw_only=True):
    """Lines, and the damping of a burst as mixed as the program. A note alone: success looks like this."""

    people_min: Annotated[int, msgspec.Meta(ge=3, le=10_000)] = 10
    new_people_min: Annotated[int, msgspec.Meta(ge=3, le=10_000)] = 20
    surprise_below_ppm: Ppm = 100
    weight_ppm: Ppm = 350_000
    diverse_share_ppm: Ppm = 800_000
    mixed_agents_ppm: Ppm = 400_000
    diverse_damping_ppm: Ppm = 400_000


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """A stretch of leads, the subject's among them: how many people, and how unlikely so many are."""

    message: tuple[str, str]
    people: int
    usual: str
    tail_ppm: int
    leads: tuple[PaceLead, ...]


def evaluate(facts: Facts, config: Config) -> list[Finding]:
    """Return one finding when the last hour or the last 24 hours are no chance of this partner's usual days."""
    subject, pace = facts.subject, facts.partner_pace
    if pace is None or subject.partner_id is None or is_operator_sent(subject.source):
        return []
    runs = _new_runs(facts, pace, config) if not pace.daily_counts else _known_runs(facts, pace, config)
    if not runs:
        return []
    run = min(runs, key=lambda run: (run.tail_ppm, -run.people))
    return [_burst(facts, run, pace=pace, config=config)]


def _new_runs(facts: Facts, pace: PartnerPace, config: Config) -> list[Run]:
    leads = _leads_within(facts, pace, DAY_MS)
    people = _count(facts, leads)
    if people < config.new_people_min:
        return []
    return [Run(message=_NEW, people=people, usual="0", tail_ppm=0, leads=leads)]


def _known_runs(facts: Facts, pace: PartnerPace, config: Config) -> list[Run]:
    counts = [max(count, 0) for count in pace.daily_counts[:DAYS_MAX]]
    mean_ppm, shape_ppm = daily_rate_ppm(counts, shape_max_ppm=SHAPE_MAX_PPM)
    runs: list[Run] = []
    for message, span_ms, hour_mean_ppm, usual in (
        (_HOUR, HOUR_MS, mean_ppm // HOURS_A_DAY, str(pace.busiest_hour)),
        (_DAY, DAY_MS, mean_ppm, _write_rate(mean_ppm)),
    ):
        leads = _leads_within(facts, pace, span_ms)
        people = _count(facts, leads)
        tail_ppm = negative_binomial_tail_ppm(at_least=people, mean_ppm=hour_mean_ppm, shape_ppm=shape_ppm)
        is_record = span_ms != HOUR_MS or people > 2 * pace.busiest_hour
        if people >= config.people_min and tail_ppm < config.surprise_below_ppm and is_record:
            runs.append(Run(message=message, people=people, usual=usual, tail_ppm=tail_ppm, leads=leads))
    return runs


def _burst(facts: Facts, run: Run, *, pace: PartnerPace, config: Config) -> Finding:
    mix = _mix(facts, run.leads)
    # A code that travels without clicks is traffic_policy's to judge; the crowd it brings is the same fact.
    by_code = facts.subject.promo_code is not None and facts.subject.click_at_ms is None
    diverse = by_code or _is_diverse(mix, pace, config)
    one, many = run.message
    evidence: dict[str, Evidence] = {
        "people": run.people,
        "leads": len(run.leads) + 1,
        "usual": run.usual,
        "tail_ppm": run.tail_ppm,
        "days_observed": min(len(pace.daily_counts), DAYS_MAX),
        "program_diversity_ppm": pace.program_diversity_ppm,
        "diverse": diverse,
    }
    return RULE.find(
        message=one,
        message_plural=many,
        params={"count": run.people, "usual": run.usual},
        weight_ppm=config.weight_ppm,
        damping_ppm=config.diverse_damping_ppm if diverse else PPM,
        evidence=evidence | mix,
        compared={lead.conversion_id for lead in run.leads},
        clears_when=_CLEARS,
    )


def _leads_within(facts: Facts, pace: PartnerPace, span_ms: int) -> tuple[PaceLead, ...]:
    end_ms = facts.subject.occurred_at_ms
    return tuple(
        lead
        for lead in pace.recent[:PACE_LEADS_MAX]
        if 0 <= end_ms - lead.at_ms <= span_ms
        and lead.conversion_id != facts.subject.conversion_id
        and not is_operator_sent(lead.source)
    )


def _count(facts: Facts, leads: tuple[PaceLead, ...]) -> int:
    """Return how many came: people, but no more than addresses; a person without address is one more."""
    subject = facts.subject
    people = {subject.person_key, *(lead.person_key for lead in leads)}
    places = {subject.host_key or subject.person_key, *(lead.host_key or lead.person_key for lead in leads)}
    return min(len(people), len(places))


def _mix(facts: Facts, leads: tuple[PaceLead, ...]) -> dict[str, Evidence]:
    """Return shares of different addresses and devices, and how mixed the browsers are; None where unknown."""
    subject = facts.subject
    agents: dict[str, int] = {}
    for agent in (subject.agent_key, *(lead.agent_key for lead in leads)):
        if agent is not None:
            agents[agent] = agents.get(agent, 0) + 1
    return {
        "hosts_ppm": _different_ppm([subject.host_key, *(lead.host_key for lead in leads)]),
        "devices_ppm": _different_ppm([subject.device_key, *(lead.device_key for lead in leads)]),
        "agents_ppm": entropy_share_ppm(agents.values(), kinds_max=AGENT_KINDS_MAX) if agents else None,
    }


def _different_ppm(keys: list[str | None]) -> int | None:
    known = [key for key in keys if key is not None]
    return len(set(known)) * PPM // len(known) if known else None


def _is_diverse(mix: dict[str, Evidence], pace: PartnerPace, config: Config) -> bool:
    # Of a program too young to have a usual mix, the best possible one is asked for.
    usual_ppm = PPM if pace.program_diversity_ppm is None else pace.program_diversity_ppm
    line_ppm = usual_ppm * config.diverse_share_ppm // PPM
    hosts, devices, agents = mix["hosts_ppm"], mix["devices_ppm"], mix["agents_ppm"]
    # Without addresses or agents nothing speaks for the burst; devices are unknown where no cookie is set.
    if hosts is None or agents is None:
        return False
    are_devices_own = devices is None or int(devices) >= line_ppm
    return int(hosts) >= line_ppm and are_devices_own and int(agents) >= config.mixed_agents_ppm


def _write_rate(rate_ppm: int) -> str:
    """Write leads per day with one digit after the point ("2.5")."""
    tenths = -(-rate_ppm // 100_000)
    return f"{tenths // 10}.{tenths % 10}"


RULE: Rule[Config] = Rule(
    id="partner_velocity",
    version=2,
    title=N_("Far more leads than usual at once"),
    family="traffic",
    severity="low",
    needs=frozenset({"partner_pace"}),
    timing=frozenset({"lead"}),
    config=Config(),
    evaluate=evaluate,
)
