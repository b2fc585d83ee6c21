"""Rule 30b: the shop knew the customer before the partner's first click. Run by the engine.

Somebody who buys anyway clicks a partner's link at the last moment. CRM systems write their customers late and out
of order, so a day between the two says nothing, nor does a shop that knows whom this partner brought.
"""

from typing import Annotated

import msgspec

from fraud_rules.crowds import DAY_MS, HOUR_MS
from fraud_rules.msgids import N_, NN_
from fraud_rules.rule import Ppm, Rule, RuleConfig
from fraud_rules.types import CustomerPast, Evidence, Facts, Finding, Subject, is_operator_sent

_EARLIER = NN_(
    "The customer bought or registered here %(count)d day before the first click through a partner.",
    "The customer bought or registered here %(count)d days before the first click through a partner.",
)
_SHOP = N_("The shop itself says that it knew this customer before.")
_CLEARS = N_("The program pays for customers who come back, or the shop's records are late.")


class Config(RuleConfig, frozen=True, kw_only=True):
    """Lag of the shop's records that says nothing, and the weight: a note, for regular customers click links too."""

    lag_hours: Annotated[int, msgspec.Meta(ge=0, le=720)] = 24
    weight_ppm: Ppm = 400_000


def evaluate(facts: Facts, config: Config) -> list[Finding]:
    """Return one finding when the customer is older than the first click, by our records or the shop's word."""
    subject, past = facts.subject, facts.customer_past
    if past is None or subject.partner_id is None or is_operator_sent(subject.source):
        return []
    if _is_registered_again(facts):
        return []
    # The subject itself may be the first conversion; then nothing of ours is earlier.
    first_ms = past.first_conversion_at_ms
    if first_ms is not None and first_ms >= subject.occurred_at_ms:
        first_ms = None
    click_ms = _first_click_ms(subject, past)
    lead_ms = None if first_ms is None or click_ms is None else click_ms - first_ms
    is_older = lead_ms is not None and lead_ms > config.lag_hours * HOUR_MS
    if not is_older and not _is_shops_word_new(subject, past, first_ms):
        return []
    days = (lead_ms or 0) // DAY_MS
    one, many = _EARLIER if is_older else (_SHOP, None)
    evidence: dict[str, Evidence] = {
        "first_conversion_before_click_ms": lead_ms,
        "shop_says_known": past.shop_says_known,
    }
    return [
        RULE.find(
            message=one,
            message_plural=many,
            params={"count": max(days, 1)},
            weight_ppm=config.weight_ppm,
            evidence=evidence,
            clears_when=_CLEARS,
        )
    ]


def _is_registered_again(facts: Facts) -> bool:
    """Say whether the mailbox registered before in another spelling: dup_person_email's, one fact counts once."""
    own = (facts.subject.email or "").strip().lower()
    return any((lead.email or "").strip().lower() != own for lead in facts.same_person_leads or ())


def _first_click_ms(subject: Subject, past: CustomerPast) -> int | None:
    known = [at_ms for at_ms in (past.first_click_at_ms, subject.click_at_ms) if at_ms is not None]
    return min(known, default=None)


def _is_shops_word_new(subject: Subject, past: CustomerPast, first_ms: int | None) -> bool:
    """Say whether the shop's word adds something: not where it may know the customer through this program."""
    return past.shop_says_known and subject.lead_id is None and first_ms is None


RULE: Rule[Config] = Rule(
    id="existing_customer",
    version=2,
    title=N_("Customer was known before the click"),
    family="money",
    severity="low",
    needs=frozenset({"customer_past", "same_person_leads"}),
    timing=frozenset({"sale"}),
    config=Config(),
    evaluate=evaluate,
)
