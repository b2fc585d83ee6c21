"""Rule 30e: partners who are one person, or who refer one another. Run by the engine at night and before a payout.

A ring is at least three partners joined by strong edges (payout details, phone, device, fixed address with one
browser), or a circle of partners each of whom is the other's lead. A shared address alone is no edge. Colleagues of
one agency have one office and one browser by decree, so edges of that kind alone make a note, and a family firm
weighs half.
"""

from typing import Annotated

import msgspec

from fraud_rules.msgids import N_, NN_
from fraud_rules.names import of_one_family
from fraud_rules.partner_facts import PartnerFacts, PartnerLink
from fraud_rules.rule import Ppm, Rule, RuleConfig
from fraud_rules.types import PPM, Evidence, Finding

STRONG = frozenset({"payout", "phone", "device", "host_agent"})
REFERS = "refers"
LINKS_MAX = 2_000  # edges looked at; a ring shows in far fewer
CIRCLE_MAX = 6  # partners of a circle; longer ones are chance in a busy program

KIND_TITLES: dict[str, str] = {
    "payout": N_("payout details"),
    "phone": N_("phone"),
    "device": N_("device"),
    "host_agent": N_("address with one browser"),
}
_RING = NN_(
    "%(count)d partner is joined by shared %(by)s.",
    "%(count)d partners are joined by shared %(by)s.",
)
_RING_MORE = NN_(
    "%(count)d partner is joined by shared %(by)s and %(also)s.",
    "%(count)d partners are joined by shared %(by)s and %(also)s.",
)
_CIRCLE = NN_(
    "%(count)d partner refers itself in a circle: each one is a lead of another.",
    "%(count)d partners refer one another in a circle: each one is a lead of another.",
)
_CLEARS = N_("The partners are a family firm, an agency or sub-affiliates the program has agreed to.")


class Config(RuleConfig, frozen=True, kw_only=True):
    """Partners that make a ring, weights, and the damping of a family.

    `weak_weight_ppm` is for rings joined by address and browser alone: a note that holds nobody.
    """

    partners_min: Annotated[int, msgspec.Meta(ge=2, le=100)] = 3
    weight_ppm: Ppm = 800_000
    weak_weight_ppm: Ppm = 480_000
    family_damping_ppm: Ppm = 500_000


def evaluate_partner(facts: PartnerFacts, config: Config) -> list[Finding]:
    """Return a finding for the ring and one for the circle this partner is in."""
    links = facts.links[:LINKS_MAX]
    return [*_judge_ring(facts, links, config), *_judge_circle(facts, links, config)]


def _judge_ring(facts: PartnerFacts, links: tuple[PartnerLink, ...], config: Config) -> list[Finding]:
    strong = [link for link in links if link.kind in STRONG and link.partner_id != link.other_id]
    members = _component(facts.partner_id, strong)
    if len(members) < config.partners_min:
        return []
    kinds = sorted({link.kind for link in strong if link.partner_id in members}, key=list(KIND_TITLES).index)
    one, many = _RING if len(kinds) == 1 else _RING_MORE
    weak = kinds == ["host_agent"]
    return [
        _find(
            facts,
            members,
            message=(one, many),
            params={"by": KIND_TITLES[kinds[0]], "also": KIND_TITLES[kinds[-1]]},
            evidence={"kind": "ring", "edges": ", ".join(kinds)},
            weight_ppm=config.weak_weight_ppm if weak else config.weight_ppm,
            config=config,
        )
    ]


def _judge_circle(facts: PartnerFacts, links: tuple[PartnerLink, ...], config: Config) -> list[Finding]:
    circle = _circle(facts.partner_id, [link for link in links if link.kind == REFERS])
    if not circle:
        return []
    return [
        _find(
            facts,
            frozenset(circle),
            message=_CIRCLE,
            params={},
            evidence={"kind": "circle"},
            weight_ppm=config.weight_ppm,
            config=config,
        )
    ]


def _find(
    facts: PartnerFacts,
    members: frozenset[str],
    *,
    message: tuple[str, str],
    params: dict[str, str | int],
    evidence: dict[str, Evidence],
    weight_ppm: int,
    config: Config,
) -> Finding:
    family = of_one_family([facts.payout_names.get(member) for member in sorted(members)])
    one, many = message
    counts: dict[str, Evidence] = {"partners": len(members), "one_family": family}
    return RULE.find(
        message=one,
        message_plural=many,
        params={**params, "count": len(members)},
        translated=tuple(sorted(params)),
        weight_ppm=weight_ppm,
        damping_ppm=config.family_damping_ppm if family else PPM,
        evidence=counts | evidence,
        cluster_key=f"ring:{min(members)}",
        # Families and colleagues are a note; a note must not hold a partner.
        holds_partner=not family and weight_ppm > config.weak_weight_ppm,
        clears_when=_CLEARS,
    )


def _component(start: str, links: list[PartnerLink]) -> frozenset[str]:
    neighbours: dict[str, set[str]] = {}
    for link in links:
        neighbours.setdefault(link.partner_id, set()).add(link.other_id)
        neighbours.setdefault(link.other_id, set()).add(link.partner_id)
    seen, waiting = {start}, [start]
    while waiting:
        for other in sorted(neighbours.get(waiting.pop(), ())):
            if other not in seen:
                seen.add(other)
                waiting.append(other)
    return frozenset(seen)


def _circle(start: str, links: list[PartnerLink]) -> tuple[str, ...]:
    """Return the partners of the shortest circle of referrals through this one, or none."""
    referred: dict[str, set[str]] = {}
    for link in links:
        if link.partner_id != link.other_id:
            referred.setdefault(link.partner_id, set()).add(link.other_id)
    came_from: dict[str, str] = {}
    front = [start]
    for _ in range(CIRCLE_MAX):
        following: list[str] = []
        for partner in front:
            for other in sorted(referred.get(partner, ())):
                if other == start:
                    return _walk_back(partner, start, came_from)
                if other not in came_from:
                    came_from[other] = partner
                    following.append(other)
        front = following
    return ()


def _walk_back(last: str, start: str, came_from: dict[str, str]) -> tuple[str, ...]:
    path = [last]
    while path[-1] != start:
        path.append(came_from[path[-1]])
    return tuple(path)


RULE: Rule[Config] = Rule(
    id="partner_ring",
    version=1,
    title=N_("Partners are one ring"),
    family="graph",
    severity="high",
    timing=frozenset({"nightly", "payout"}),
    config=Config(),
    evaluate_partner=evaluate_partner,
)
