"""Rule 7: one phone on leads of people with other mailboxes. Run by the engine.

A couple shares a phone, and numbers change hands after half a year; three people on one number are a pattern, unless
they are of one family. A number that forms are filled with when people will not give theirs is forgiven.
"""

import itertools
from typing import Annotated

import msgspec

from fraud_rules.identity import mask_phone, phone_digits
from fraud_rules.msgids import N_, NN_
from fraud_rules.names import of_one_family
from fraud_rules.rule import Ppm, Rule, RuleConfig
from fraud_rules.types import Facts, Finding, LeadRecord, Subject

DAY_MS = 86_400_000
FAMILY_PEOPLE_MAX = 4  # parents and two children; more on one number are no household

_SHARED = NN_(
    "Phone %(phone)s is already on the lead of %(count)d other person.",
    "Phone %(phone)s is already on the leads of %(count)d other people.",
)
_FAMILY = NN_(
    "Phone %(phone)s is already on the lead of %(count)d other person of the same surname.",
    "Phone %(phone)s is already on the leads of %(count)d other people of the same surname.",
)
_INVENTED = N_("Phone %(phone)s is on several leads, but it is one people type who will not give theirs.")
_CLEARS = N_("The people confirm the number as their family's, or it changed hands.")


class Config(RuleConfig, frozen=True, kw_only=True):
    """Weights of three people and of two, and how long a number is taken to stay with its owner."""

    weight_ppm: Ppm = 750_000
    # Notes alone: a couple, a mother and her child.
    pair_weight_ppm: Ppm = 350_000
    family_weight_ppm: Ppm = 450_000
    window_days: Annotated[int, msgspec.Meta(ge=1, le=365)] = 180


def evaluate(facts: Facts, config: Config) -> list[Finding]:
    """Return one finding when other people's leads carry the subject's phone."""
    subject = facts.subject
    if subject.phone_key is None or subject.email is None or subject.person_key is None:
        return []
    window_ms = config.window_days * DAY_MS
    others = [
        lead
        for lead in facts.same_phone_leads or ()
        if _is_other_person(lead, subject) and abs(subject.occurred_at_ms - lead.at_ms) <= window_ms
    ]
    if not others:
        return []
    return [_share(subject, others, config=config)]


def _share(subject: Subject, others: list[LeadRecord], *, config: Config) -> Finding:
    people = 1 + len({lead.person_key for lead in others})
    is_family = people <= FAMILY_PEOPLE_MAX and of_one_family([subject.name, *(lead.name for lead in others)])
    invented = _is_invented(subject.phone)
    weight_ppm = config.weight_ppm
    if people == 2:
        weight_ppm = config.pair_weight_ppm
    elif is_family:
        weight_ppm = config.family_weight_ppm
    one, many = _FAMILY if is_family else _SHARED
    return RULE.find(
        message=_INVENTED if invented else one,
        message_plural=None if invented else many,
        params={"phone": mask_phone(subject.phone), "count": people - 1},
        weight_ppm=weight_ppm,
        fired=not invented,
        evidence={
            "people": people,
            "window_days": config.window_days,
            "same_surname": is_family,
            "is_invented": invented,
        },
        cluster_key=f"phone:{subject.phone_key}",
        compared={lead.conversion_id for lead in others},
        holds_compared=people > 2 and not is_family,
        clears_when=_CLEARS,
    )


def _is_other_person(lead: LeadRecord, subject: Subject) -> bool:
    """Say whether the lead is somebody else's by its mailbox; one without a mailbox contradicts nobody."""
    if lead.conversion_id in {subject.conversion_id, subject.lead_id}:
        return False
    return lead.email is not None and "@" in lead.email and lead.person_key not in {None, subject.person_key}


def _is_invented(phone: str | None) -> bool:
    """Say whether the number ends in one repeated digit or counts up or down: 999 99 99, 123 45 67."""
    digits = (phone_digits(phone) or "")[-7:]
    steps = {(int(right) - int(left)) % 10 for left, right in itertools.pairwise(digits)}
    return len(digits) == 7 and len(steps) == 1 and steps <= {0, 1, 9}


RULE: Rule[Config] = Rule(
    id="dup_person_phone",
    version=1,
    title=N_("One phone on leads of several people"),
    family="identity",
    severity="medium",
    needs=frozenset({"same_phone_leads"}),
    timing=frozenset({"lead"}),
    config=Config(),
    evaluate=evaluate,
)
