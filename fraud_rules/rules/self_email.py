"""Rule 1: the lead's mailbox is one of its partner's. Run by the engine; compares keys, never names."""

from typing import Literal

from fraud_rules.identity import EmailKeys, email_keys, mask_email
from fraud_rules.msgids import N_
from fraud_rules.rule import Ppm, Rule, RuleConfig
from fraud_rules.types import Evidence, Facts, Finding, PartnerIdentity

EMAILS_MAX = 20  # addresses of one role that are compared

Match = Literal["exact", "alias", "weak"]

_STRICTEST_FIRST: tuple[Match, ...] = ("exact", "alias", "weak")
_MESSAGES: dict[Match, str] = {
    "exact": N_("Customer %(email)s has the very e-mail address of the partner."),
    "alias": N_(
        "Customer %(email)s and partner %(partner_email)s use one mailbox: their provider ignores "
        "the difference (dots, +tag or a second domain name)."
    ),
    "weak": N_(
        "Customer %(email)s and partner %(partner_email)s differ only by a +tag; "
        "on most mail servers that is one mailbox."
    ),
}
_ALLOWED = N_("Customer %(email)s is the partner in person; this program allows own purchases.")
_CLEARS = N_("The program allows partners' own purchases, or the partner is on the allow list (an agency).")


class Config(RuleConfig, frozen=True, kw_only=True):
    """Weights of a known alias and of a guessed one."""

    weight_ppm: Ppm = 900_000
    # Still a case: the same name before the tag at the same domain is hardly ever somebody else.
    weak_weight_ppm: Ppm = 500_000


def evaluate(facts: Facts, config: Config) -> list[Finding]:
    """Return one finding when the customer's mailbox is the partner's, forgiven where that is allowed."""
    subject, partner = facts.subject, facts.partner_identity
    keys = email_keys(subject.email)
    if keys is None or partner is None:
        return []
    found = _closest(keys, partner)
    if found is None:
        return []
    match, partner_email, roles = found
    allowed = partner.allow_own_purchases
    evidence: dict[str, Evidence] = {
        "match": match,
        "partner_address": roles,
        "own_purchases_allowed": allowed,
    }
    return [
        RULE.find(
            message=_ALLOWED if allowed else _MESSAGES[match],
            params={"email": mask_email(subject.email), "partner_email": mask_email(partner_email)},
            weight_ppm=config.weak_weight_ppm if match == "weak" else config.weight_ppm,
            fired=not allowed,
            evidence=evidence,
            cluster_key=None if subject.email_key is None else f"email:{subject.email_key}",
            clears_when=_CLEARS,
        )
    ]


def _closest(keys: EmailKeys, partner: PartnerIdentity) -> tuple[Match, str, str] | None:
    """Return the strictest match, the partner's address and its roles ("contact, login")."""
    hits: dict[Match, list[tuple[str, str]]] = {}
    for role, emails in (
        ("contact", partner.contact_emails),
        ("login", partner.login_emails),
        ("payout", partner.payout_emails),
    ):
        for email in emails[:EMAILS_MAX]:
            match = _match(keys, email)
            if match is not None:
                hits.setdefault(match, []).append((role, email))
    for match in _STRICTEST_FIRST:
        if match in hits:
            roles = ", ".join(sorted({role for role, _ in hits[match]}))
            return match, min(email for _, email in hits[match]), roles
    return None


def _match(keys: EmailKeys, email: str) -> Match | None:
    other = email_keys(email)
    if other is None:
        return None
    if other.raw_lower == keys.raw_lower:
        return "exact"
    if other.canonical == keys.canonical:
        return "alias"
    return "weak" if other.weak == keys.weak else None


RULE: Rule[Config] = Rule(
    id="self_email",
    version=1,
    title=N_("Customer's mailbox is the partner's"),
    family="identity",
    severity="high",
    needs=frozenset({"partner_identity"}),
    timing=frozenset({"lead", "sale"}),
    config=Config(),
    evaluate=evaluate,
)
