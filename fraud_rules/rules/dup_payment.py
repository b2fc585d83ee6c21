"""Rule 9: one card or account behind several customers of a partner, or behind several partners. Run by the engine.

Couples and companies share a card: one surname, or one private mail domain, makes it a note. A key that customers of
many partners share is a method of payment and not an account; one person who came back with another mailbox is
forgiven too. Two partners paid to one account are judged at night.
"""

from typing import Annotated

import msgspec

from fraud_rules.fellows import are_one, as_record
from fraud_rules.msgids import N_, NN_
from fraud_rules.names import of_one_family, surnames
from fraud_rules.partner_facts import PartnerFacts
from fraud_rules.private_domains import private_domain
from fraud_rules.rule import Ppm, Rule, RuleConfig
from fraud_rules.types import Facts, Finding, LeadRecord, Subject

EMAILS_MAX = 50  # of one card, whose domains are compared
FAMILY_PEOPLE_MAX = 4

_SHARED = NN_(
    "The card or account of this payment also paid for %(count)d other customer of this partner.",
    "The card or account of this payment also paid for %(count)d other customers of this partner.",
)
_FAMILY = NN_(
    "The card or account of this payment also paid for %(count)d other customer of this partner, "
    "all of one surname or one company.",
    "The card or account of this payment also paid for %(count)d other customers of this partner, "
    "all of one surname or one company.",
)
_METHOD = NN_(
    "The key of this payment is %(count)d other customer's too, through several partners: a method of payment and "
    "not an account.",
    "The key of this payment is %(count)d other customers' too, through several partners: a method of payment and "
    "not an account.",
)
_ONE = N_("The card or account of this payment was used with another mailbox, but phone or name say it is one person.")
_PARTNERS = NN_(
    "This partner and %(count)d other are paid to one card or account.",
    "This partner and %(count)d others are paid to one card or account.",
)
_PARTNERS_FAMILY = NN_(
    "This partner and %(count)d other of the same surname are paid to one card or account.",
    "This partner and %(count)d others of the same surname are paid to one card or account.",
)
_CLEARS = N_("One person or company is known to pay for the others, or to be paid for them.")


class Config(RuleConfig, frozen=True, kw_only=True):
    """Weights for customers and partners, and from how many partners a key is no account."""

    # Three strangers with one card, or two partners with one account.
    weight_ppm: Ppm = 850_000
    # Notes alone: a friend pays, a couple, a family or a firm with one card.
    pair_weight_ppm: Ppm = 450_000
    couple_weight_ppm: Ppm = 350_000
    family_weight_ppm: Ppm = 450_000
    # Even a couple's two accounts are one purse with two rewards.
    partner_family_weight_ppm: Ppm = 600_000
    method_from_partners: Annotated[int, msgspec.Meta(ge=2, le=1_000)] = 5


def evaluate(facts: Facts, config: Config) -> list[Finding]:
    """Return one finding when other customers of the subject's partner paid with its card."""
    subject, uses = facts.subject, facts.payment_uses
    if subject.payment_key is None or subject.partner_id is None or subject.person_key is None or uses is None:
        return []
    others = [
        lead
        for lead in uses.conversions
        if lead.conversion_id not in {subject.conversion_id, subject.lead_id}
        and lead.person_key not in {None, subject.person_key}
    ]
    here = [lead for lead in others if lead.partner_id == subject.partner_id]
    if not here:
        return []
    through = {lead.partner_id for lead in others} | {subject.partner_id}
    return [_share(subject, here, partners=len(through), config=config)]


def _share(subject: Subject, here: list[LeadRecord], *, partners: int, config: Config) -> Finding:
    people = 1 + len({lead.person_key for lead in here})
    is_family = people <= FAMILY_PEOPLE_MAX and of_one_family([subject.name, *(lead.name for lead in here)])
    is_company = _is_one_company(subject, here)
    is_method = partners >= config.method_from_partners
    is_known = is_family or is_company
    is_one = people == 2 and are_one(as_record(subject), here[0])
    weight_ppm = config.weight_ppm
    if people == 2:
        weight_ppm = config.couple_weight_ppm if is_known else config.pair_weight_ppm
    elif is_known:
        weight_ppm = config.family_weight_ppm
    messages = _FAMILY if is_known else _SHARED
    if is_method:
        messages = _METHOD
    one, many = (_ONE, None) if is_one else messages
    return RULE.find(
        message=one,
        message_plural=many,
        params={"count": people - 1},
        weight_ppm=weight_ppm,
        fired=not is_method and not is_one,
        evidence={
            "people": people,
            "partners": partners,
            "same_surname": is_family,
            "same_company": is_company,
            "same_person": is_one,
        },
        cluster_key=f"payment:{subject.payment_key}",
        compared={lead.conversion_id for lead in here},
        holds_compared=people > 2 and not is_known and not is_method,
        clears_when=_CLEARS,
    )


def _is_one_company(subject: Subject, here: list[LeadRecord]) -> bool:
    domain = private_domain(subject.email)
    if domain is None:
        return False
    return len(here) <= EMAILS_MAX and all(private_domain(lead.email) == domain for lead in here)


def evaluate_partner(facts: PartnerFacts, config: Config) -> list[Finding]:
    """Return one finding when other partners are paid to an account of this one; it holds all of the partner."""
    others = sorted(set(facts.payout_partners) - {facts.partner_id})
    if not others:
        return []
    mine = surnames(facts.payout_names.get(facts.partner_id, facts.name))
    same = all(not mine.isdisjoint(surnames(facts.payout_names.get(other))) for other in others)
    one, many = _PARTNERS_FAMILY if same else _PARTNERS
    return [
        RULE.find(
            message=one,
            message_plural=many,
            params={"count": len(others)},
            weight_ppm=config.partner_family_weight_ppm if same else config.weight_ppm,
            evidence={"partners": len(others) + 1, "same_surname": same},
            # Both partners' cases are over one account, whichever of them is judged.
            cluster_key=f"payment:{'+'.join(sorted([facts.partner_id, *others])[:10])}",
            holds_partner=True,
            clears_when=_CLEARS,
        )
    ]


RULE: Rule[Config] = Rule(
    id="dup_payment",
    version=1,
    title=N_("One card or account behind several people"),
    family="money",
    severity="high",
    needs=frozenset({"payment_uses"}),
    timing=frozenset({"sale", "payout", "nightly"}),
    config=Config(),
    evaluate=evaluate,
    evaluate_partner=evaluate_partner,
)
