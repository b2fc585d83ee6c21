"""Rule 6: one mailbox registered again under another spelling. Run by the engine.

The same spelling twice is a double click on "send", which the intake already treats as one lead; a
single new spelling after a month is rather a forgotten account.
"""

from typing import Annotated

import msgspec

from fraud_rules.identity import email_keys, mask_email
from fraud_rules.msgids import N_, NN_
from fraud_rules.rule import Ppm, Rule, RuleConfig
from fraud_rules.types import Evidence, Facts, Finding, PersonLead, Subject

DAY_MS = 86_400_000

_AGAIN = NN_(
    "Mailbox %(email)s is registered in this program under %(count)d more spelling.",
    "Mailbox %(email)s is registered in this program under %(count)d more spellings.",
)
_AGAIN_LATER = N_(
    "Mailbox %(email)s was registered in this program under another spelling %(days)d days earlier; "
    "it may be a forgotten account."
)
_CLEARS = N_("The customer explains the second registration, for example a forgotten account.")


class Config(RuleConfig, frozen=True, kw_only=True):
    """Weight, and the gap after which one single repeat counts as forgetfulness."""

    weight_ppm: Ppm = 800_000
    forgotten_after_days: Annotated[int, msgspec.Meta(ge=1, le=3650)] = 30
    forgotten_weight_ppm: Ppm = 300_000


def evaluate(facts: Facts, config: Config) -> list[Finding]:
    """Return one finding when earlier leads reached the subject's mailbox in other spellings."""
    subject = facts.subject
    keys = email_keys(subject.email)
    if keys is None or subject.email_key is None:
        return []
    spellings: set[str] = set()
    others: list[PersonLead] = []
    for lead in facts.same_person_leads or ():
        spelling = email_keys(lead.email)
        if _is_other_record(lead, subject) and spelling and spelling.raw_lower != keys.raw_lower:
            spellings.add(spelling.raw_lower)
            others.append(lead)
    if not others:
        return []
    return [_repeat(subject, others, spellings=len(spellings), config=config)]


def _repeat(subject: Subject, others: list[PersonLead], *, spellings: int, config: Config) -> Finding:
    gap_ms = min(abs(subject.occurred_at_ms - lead.at_ms) for lead in others)
    forgotten = spellings == 1 and gap_ms >= config.forgotten_after_days * DAY_MS
    one, many = (_AGAIN_LATER, None) if forgotten else _AGAIN
    evidence: dict[str, Evidence] = {"spellings": spellings + 1, "gap_ms": gap_ms, "forgotten": forgotten}
    return RULE.find(
        message=one,
        message_plural=many,
        params={"email": mask_email(subject.email), "count": spellings, "days": gap_ms // DAY_MS},
        weight_ppm=config.forgotten_weight_ppm if forgotten else config.weight_ppm,
        evidence=evidence,
        cluster_key=f"email:{subject.email_key}",
        compared={lead.conversion_id for lead in others},
        clears_when=_CLEARS,
    )


def _is_other_record(lead: PersonLead, subject: Subject) -> bool:
    """Say whether the lead is another registration, not the subject and not its regular customer's."""
    if lead.conversion_id in {subject.conversion_id, subject.lead_id}:
        return False
    if lead.canonical_key != subject.email_key:
        return False
    # A customer the shop knows by id may buy again under another spelling: nothing is registered twice.
    is_known_buyer = subject.kind == "sale" and subject.customer_id is not None
    return not (is_known_buyer and lead.customer_id == subject.customer_id)


RULE: Rule[Config] = Rule(
    id="dup_person_email",
    version=1,
    title=N_("One mailbox registered in several spellings"),
    family="identity",
    severity="high",
    needs=frozenset({"same_person_leads"}),
    timing=frozenset({"lead"}),
    config=Config(),
    evaluate=evaluate,
)
