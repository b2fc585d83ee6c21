"""Rule 2: the customer pays, calls or browses with what is the partner's own. Run by the engine.

Phone and payment account say who somebody is. A device says less, families share one: it is a note, damped where the
customer is known to be real, and forgiven on a tablet many real people registered on. The tax id of a customer is
not known to the rules, so a partner's is compared with nothing.
"""

from typing import Annotated

import msgspec

from fraud_rules.fellows import first_of_each, is_shared_tablet
from fraud_rules.identity import mask_phone
from fraud_rules.msgids import N_
from fraud_rules.rule import Ppm, Rule, RuleConfig
from fraud_rules.types import PPM, Facts, Finding, PartnerIdentity, Subject, is_operator_sent

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS

_PAYMENT = N_("The customer paid with the card or account the partner is paid to.")
_PHONE = N_("The customer's phone %(phone)s is the partner's.")
_DEVICE = N_("The device of this conversion signed in to the partner's pages; nearest sign-in %(hours)d h from it.")
_TABLET = N_("The device of this conversion signed in to the partner's pages, but many real people registered on it.")
_ALLOWED = N_("The customer is the partner in person; this program allows own purchases.")
_CLEARS = N_("The program allows partners' own purchases, or the device is known as shared by a family or a shop.")


class Config(RuleConfig, frozen=True, kw_only=True):
    """Weights of an account and of a mere device, days to either side of a sign-in, damping by real contacts."""

    weight_ppm: Ppm = 850_000
    # A note alone: spouses and children use the same computer.
    device_weight_ppm: Ppm = 450_000
    window_days: Annotated[int, msgspec.Meta(ge=1, le=365)] = 90
    verified_damping_ppm: Ppm = 500_000


def evaluate(facts: Facts, config: Config) -> list[Finding]:
    """Return one finding for the strongest thing customer and partner share."""
    subject, partner = facts.subject, facts.partner_identity
    if partner is None or subject.partner_id is None:
        return []
    sign = _strongest(subject, partner)
    if sign is not None:
        return [_same_account(subject, sign=sign, allowed=partner.allow_own_purchases, config=config)]
    return _same_device(facts, allowed=partner.allow_own_purchases, config=config)


def _strongest(subject: Subject, partner: PartnerIdentity) -> str | None:
    if subject.payment_key is not None and subject.payment_key in partner.payment_keys:
        return "payment"
    if subject.phone_key is not None and subject.phone_key in partner.phones:
        return "phone"
    return None


def _same_account(subject: Subject, *, sign: str, allowed: bool, config: Config) -> Finding:
    is_payment = sign == "payment"
    key = f"payment:{subject.payment_key}" if is_payment else f"phone:{subject.phone_key}"
    message = _PAYMENT if is_payment else _PHONE
    return RULE.find(
        message=_ALLOWED if allowed else message,
        params={} if is_payment else {"phone": mask_phone(subject.phone)},
        weight_ppm=config.weight_ppm,
        fired=not allowed,
        evidence={"sign": sign, "own_purchases_allowed": allowed},
        cluster_key=key,
        clears_when=_CLEARS,
    )


def _same_device(facts: Facts, *, allowed: bool, config: Config) -> list[Finding]:
    subject = facts.subject
    if subject.device_key is None or is_operator_sent(subject.source):
        return []
    window_ms = config.window_days * DAY_MS
    distances = [
        abs(login.at_ms - subject.occurred_at_ms)
        for login in facts.partner_logins or ()
        if login.device_key == subject.device_key and abs(login.at_ms - subject.occurred_at_ms) <= window_ms
    ]
    if not distances:
        return []
    on_tablet = is_shared_tablet(first_of_each(subject, facts.device_leads or (), window_ms=window_ms))
    is_real = subject.email_verified or subject.phone_verified
    message = _TABLET if on_tablet else _DEVICE
    return [
        RULE.find(
            message=_ALLOWED if allowed else message,
            params={"hours": min(distances) // HOUR_MS},
            weight_ppm=config.device_weight_ppm,
            damping_ppm=config.verified_damping_ppm if is_real else PPM,
            fired=not allowed and not on_tablet,
            evidence={
                "sign": "device",
                "logins": len(distances),
                "nearest_ms": min(distances),
                "window_days": config.window_days,
                "contact_verified": is_real,
                "is_shared_tablet": on_tablet,
                "own_purchases_allowed": allowed,
            },
            cluster_key=f"device:{subject.device_key}",
            clears_when=_CLEARS,
        )
    ]


RULE: Rule[Config] = Rule(
    id="self_account",
    version=1,
    title=N_("Customer uses the partner's phone, account or device"),
    family="identity",
    severity="high",
    needs=frozenset({"partner_identity", "partner_logins", "device_leads"}),
    timing=frozenset({"lead", "sale", "payout"}),
    config=Config(),
    evaluate=evaluate,
)
