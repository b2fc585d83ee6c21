"""Rule 8: one device registered several people. Run by the engine.

A family computer, a tablet on a counter and a library bring people hours or days apart; somebody who invents people
does it in one sitting, or by a clock. Only the latter is a case, and only it speaks of the others' leads. Real people
(contacts confirmed, paid with accounts of their own) damp it; a tablet full of them is forgiven, and so is one person
who came back with another mailbox.
"""

import statistics
from collections.abc import Sequence
from typing import Annotated

import msgspec

from fraud_rules.fellows import are_one, first_of_each, gaps_of, is_shared_tablet, real_people, variation_ppm
from fraud_rules.msgids import N_, NN_
from fraud_rules.names import of_one_family
from fraud_rules.rule import Ppm, Rule, RuleConfig
from fraud_rules.types import PPM, Facts, Finding, LeadRecord, Subject, is_operator_sent

CLOCK_GAP_MAX_MS = 6 * 3_600_000
MINUTE_MS = 60_000
DAY_MS = 86_400_000

BURST_PEOPLE_MIN = 3  # two people in a row are a couple
FAMILY_PEOPLE_MAX = 4
MANY_PEOPLE = 5
SITTING_GAPS = 6  # median gaps between neighbours that still belong to one sitting

_SPREAD = NN_(
    "This device registered %(count)d person within %(days)d d.",
    "This device registered %(count)d different people within %(days)d d.",
)
_BURST = NN_(
    "This device registered %(count)d person, %(minutes)d min apart.",
    "This device registered %(count)d different people one after another; half of them within %(minutes)d min of the "
    "one before.",
)
_CLOCK = NN_(
    "This device registered %(count)d person by a clock, every %(minutes)d min.",
    "This device registered %(count)d different people as if by a clock, every %(minutes)d min.",
)
_TABLET = NN_(
    "This device registered %(count)d person within %(days)d d, who is known to be real.",
    "This device registered %(count)d different people within %(days)d d, but most are known to be real: a tablet "
    "or computer many people use.",
)
_ONE = N_("This device registered before with another mailbox, but phone or name say that it is the same person.")
_CLEARS = N_("The device is known as shared (family, shop, event), or the people confirm their e-mail or phone.")


class Config(RuleConfig, frozen=True, kw_only=True):
    """Window, what one sitting and a clock are, and weights by how many people and how."""

    window_days: Annotated[int, msgspec.Meta(ge=1, le=365)] = 90
    # Five or more in one sitting, or by a clock: no household does that.
    weight_ppm: Ppm = 850_000
    small_burst_weight_ppm: Ppm = 550_000
    # Notes alone: two, three or four, and more people, hours or days apart.
    pair_weight_ppm: Ppm = 250_000
    few_weight_ppm: Ppm = 400_000
    spread_weight_ppm: Ppm = 480_000
    burst_gap_minutes: Annotated[int, msgspec.Meta(ge=1, le=1_440)] = 10
    # Four gaps of chance are this even once in eighty times, more gaps hardly ever.
    clock_variation_ppm: Ppm = 200_000
    verified_damping_ppm: Ppm = 500_000
    # One surname explains one device.
    family_damping_ppm: Ppm = 600_000


class Sitting(msgspec.Struct, frozen=True, kw_only=True):
    """The people of the device in time order, and how they follow one another."""

    people: tuple[LeadRecord, ...]
    median_ms: int
    variation_ppm: int
    is_burst: bool
    is_clock: bool


def evaluate(facts: Facts, config: Config) -> list[Finding]:
    """Return one finding when the subject's device registered others too, forgiven on a tablet of real people."""
    subject = facts.subject
    if subject.device_key is None or subject.person_key is None or is_operator_sent(subject.source):
        return []
    people = first_of_each(subject, facts.device_leads or (), window_ms=config.window_days * DAY_MS)
    if len(people) < 2:
        return []
    return [_weigh(subject, _read(people, config), config=config)]


def _read(people: list[LeadRecord], config: Config) -> Sitting:
    gaps = gaps_of(people)
    median_ms = int(statistics.median(gaps))
    variation = variation_ppm(gaps)
    return Sitting(
        people=tuple(people),
        median_ms=median_ms,
        variation_ppm=variation,
        is_burst=len(people) >= BURST_PEOPLE_MIN and median_ms <= config.burst_gap_minutes * MINUTE_MS,
        # Once a day is how people live; a clock of hours is none of theirs.
        is_clock=len(people) >= MANY_PEOPLE
        and variation <= config.clock_variation_ppm
        and median_ms < CLOCK_GAP_MAX_MS,
    )


def _weigh(subject: Subject, sitting: Sitting, *, config: Config) -> Finding:
    people = sitting.people
    is_family = len(people) <= FAMILY_PEOPLE_MAX and of_one_family([lead.name for lead in people])
    is_pattern = (sitting.is_burst or sitting.is_clock) and not is_family
    on_tablet = is_shared_tablet(people)
    real = real_people(people)
    is_one = len(people) == 2 and are_one(*people)
    messages, weight_ppm = _name(sitting, is_pattern=is_pattern, config=config)
    if on_tablet:
        messages = _TABLET
    one, many = (_ONE, None) if is_one else messages
    damping_ppm = config.verified_damping_ppm if 2 * real >= len(people) else PPM
    if is_family:
        damping_ppm = min(damping_ppm, config.family_damping_ppm)
    others = {lead.conversion_id for lead in (_of_burst(sitting) if is_pattern else people)}
    return RULE.find(
        message=one,
        message_plural=many,
        params={
            "count": len(people),
            "days": 1 + (people[-1].at_ms - people[0].at_ms) // DAY_MS,
            "minutes": -(-sitting.median_ms // MINUTE_MS),
        },
        weight_ppm=weight_ppm,
        damping_ppm=damping_ppm,
        fired=not on_tablet and not is_one,
        evidence={
            "people": len(people),
            "window_days": config.window_days,
            "median_gap_ms": sitting.median_ms,
            "gap_variation_ppm": sitting.variation_ppm,
            "real_people": real,
            "same_surname": is_family,
            "same_person": is_one,
            "is_burst": sitting.is_burst,
            "is_clock": sitting.is_clock,
        },
        cluster_key=f"device:{subject.device_key}",
        compared={each for each in others if each not in {subject.conversion_id, subject.lead_id}},
        holds_compared=is_pattern and not on_tablet,
        clears_when=_CLEARS,
    )


def _name(sitting: Sitting, *, is_pattern: bool, config: Config) -> tuple[tuple[str, str], int]:
    """Return the sentences and the weight."""
    people = len(sitting.people)
    if is_pattern:
        messages = _BURST if sitting.is_burst else _CLOCK
        return messages, config.weight_ppm if people >= MANY_PEOPLE else config.small_burst_weight_ppm
    if people >= MANY_PEOPLE:
        return _SPREAD, config.spread_weight_ppm
    return _SPREAD, config.pair_weight_ppm if people == 2 else config.few_weight_ppm


def _of_burst(sitting: Sitting) -> Sequence[LeadRecord]:
    """Return the people of the sittings; who came days before them on the same device may be its owner."""
    if sitting.is_clock:
        return sitting.people
    near_ms = SITTING_GAPS * max(sitting.median_ms, MINUTE_MS)
    close = [gap <= near_ms for gap in gaps_of(sitting.people)]
    return [
        lead
        for lead, before, after in zip(sitting.people, [False, *close], [*close, False], strict=True)
        if before or after
    ]


RULE: Rule[Config] = Rule(
    id="dup_device",
    version=2,
    title=N_("One device registered several people"),
    family="device",
    severity="medium",
    needs=frozenset({"device_leads"}),
    timing=frozenset({"lead", "sale"}),
    config=Config(),
    evaluate=evaluate,
)
