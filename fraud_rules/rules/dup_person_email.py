"""Rule 6: one mailbox registered again under another spelling. Run by the engine.

The same spelling twice is a double click on "send", which the intake already treats as one lead. One new spelling
is a mistyped or forgotten account, whatever the gap; three spellings of one mailbox nobody has by mistake.
"""

from typing import Annotated

import msgspec

from fraud_rules.identity import email_keys, mask_email
from fraud_rules.msgids import N_, NN_
from fraud_rules.rule import Ppm, Rule, RuleConfig
from fraud_rules.types import Evidence, Facts, Finding, PersonLead, Subject

DAY_MS = 86_400_000
SPELLINGS_MAX = 24  # of one mailbox that are read; three already decide

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
    """Weights of a habit, of one repeat, and of one repeat after so long that it counts as forgetfulness."""

    # From three spellings on: a bonus hunter's way, which other spellings of the same mailbox speak of too.
    weight_ppm: Ppm = 800_000
    # A note alone, also on the same day through the same link: people send the form again after a typing error, and
    # a bonus hunter does not stop at two. A second sign of another family makes it a case.
    repeat_weight_ppm: Ppm = 450_000
    forgotten_after_days: Annotated[int, msgspec.Meta(ge=1, le=3650)] = 30
    forgotten_weight_ppm: Ppm = 300_000


def evaluate(facts: Facts, config: Config) -> list[Finding]:
    """Return one finding when earlier leads reached the subject's mailbox in other spellings."""
    subject = facts.subject
    keys = email_keys(subject.email)
    if keys is None or subject.email_key is None:
        return []
    records = [lead for lead in facts.same_person_leads or () if _is_other_record(lead, subject)]
    read = _read_spellings(records)
    others = [(lead, read[lead.email]) for lead in records if read.get(lead.email, keys.raw_lower) != keys.raw_lower]
    if not others:
        return []
    spellings = len({spelling for _, spelling in others})
    return [_repeat(subject, [lead for lead, _ in others], spellings=spellings, config=config)]


def _read_spellings(records: list[PersonLead]) -> dict[str | None, str]:
    """Return what was typed and how it reads: case, blanks and what cannot be seen make no second spelling."""
    typed = sorted({lead.email for lead in records if lead.email is not None})
    read = {email: email_keys(email) for email in typed[:SPELLINGS_MAX]}
    return {email: keys.raw_lower for email, keys in read.items() if keys is not None}


def _repeat(subject: Subject, others: list[PersonLead], *, spellings: int, config: Config) -> Finding:
    gap_ms = min(abs(subject.occurred_at_ms - lead.at_ms) for lead in others)
    is_habit = spellings > 1
    forgotten = not is_habit and gap_ms >= config.forgotten_after_days * DAY_MS
    one, many = (_AGAIN_LATER, None) if forgotten else _AGAIN
    weight_ppm = config.weight_ppm
    if not is_habit:
        weight_ppm = config.forgotten_weight_ppm if forgotten else config.repeat_weight_ppm
    evidence: dict[str, Evidence] = {"spellings": spellings + 1, "gap_ms": gap_ms, "forgotten": forgotten}
    return RULE.find(
        message=one,
        message_plural=many,
        params={"email": mask_email(subject.email), "count": spellings, "days": gap_ms // DAY_MS},
        weight_ppm=weight_ppm,
        evidence=evidence,
        cluster_key=f"email:{subject.email_key}",
        compared={lead.conversion_id for lead in (_repeats(others) if is_habit else others)},
        holds_compared=is_habit,
        clears_when=_CLEARS,
    )


def _repeats(others: list[PersonLead]) -> list[PersonLead]:
    """Return all but the first registration: that one is a customer, however often he comes again."""
    first = min(others, key=lambda lead: (lead.at_ms, lead.conversion_id))
    return [lead for lead in others if lead.conversion_id != first.conversion_id]


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
    version=2,
    title=N_("One mailbox registered in several spellings"),
    family="identity",
    severity="high",
    needs=frozenset({"same_person_leads"}),
    timing=frozenset({"lead"}),
    config=Config(),
    evaluate=evaluate,
)
