"""Rule 19: the click came when the customer already stood at the till. Run by the engine.

A customer who looks for a coupon at the last moment does that too, so one sale says little. When a large share of a
partner's sales are so, the partner lives on customers who had come without it; coupon partners have a share the
program expects of them. Where nothing is known of the devices, far more sales paid within a minute of their click
than the program has say the same.
"""

from typing import Annotated

import msgspec

from fraud_rules.msgids import N_, NN_
from fraud_rules.partner_facts import PartnerFacts, SaleRecord
from fraud_rules.rule import Ppm, Rule, RuleConfig
from fraud_rules.statistics import binomial_tail_ppm, wilson_lower_ppm
from fraud_rules.types import PPM, Facts, Finding, is_operator_sent

MINUTE_MS = 60_000

_LATE_CLICK = NN_(
    "The device was in the shop %(minutes)d min before this click (%(count)d event), and paid %(delay)d s after it.",
    "The device was in the shop %(minutes)d min before this click (%(count)d events), and paid %(delay)d s after it.",
)
_SHARE = NN_(
    "%(count)d sale of this partner was clicked at the till: the device was in the shop before, and paid within "
    "%(seconds)d s. That is %(percent)d %% of %(sales)d sales.",
    "%(count)d sales of this partner were clicked at the till: the device was in the shop before, and paid within "
    "%(seconds)d s. That is %(percent)d %% of %(sales)d sales.",
)
_PROMPT = NN_(
    "%(count)d of %(sales)d sale of this partner was paid within %(seconds)d s of its click; in the program "
    "%(usual)d %% are.",
    "%(count)d of %(sales)d sales of this partner were paid within %(seconds)d s of their click; in the program "
    "%(usual)d %% are.",
)
_CLEARS = N_("The program knows the partner as a coupon site and expects such a share.")


class Config(RuleConfig, frozen=True, kw_only=True):
    """Weights of one sale and of a partner's share, what the last moment is, and which share is expected."""

    # The partner's share: more than three in ten, beyond doubt, is a way of living.
    weight_ppm: Ppm = 650_000
    # One sale alone is hardly a note: honest buyers look for a coupon before they pay.
    sale_weight_ppm: Ppm = 250_000
    paid_within_seconds: Annotated[int, msgspec.Meta(ge=1, le=3_600)] = 60
    sales_min: Annotated[int, msgspec.Meta(ge=5, le=10_000)] = 10
    expected_share_ppm: Ppm = 300_000
    # Where nothing is known of the devices before: so many prompt sales, beyond three times the program's share.
    prompt_sales_min: Annotated[int, msgspec.Meta(ge=3, le=10_000)] = 6
    prompt_share_min_ppm: Ppm = 50_000
    prompt_times_program: Annotated[int, msgspec.Meta(ge=1, le=100)] = 3
    surprise_at_most_ppm: Ppm = 100


def evaluate(facts: Facts, config: Config) -> list[Finding]:
    """Return one finding when the device was in the shop before the click and paid right after it."""
    subject, past = facts.subject, facts.device_past
    if past is None or past.events < 1 or subject.partner_id is None or is_operator_sent(subject.source):
        return []
    if not subject.paid or subject.click_at_ms is None:
        return []
    delay_ms = subject.occurred_at_ms - subject.click_at_ms
    if not 0 <= delay_ms < config.paid_within_seconds * 1_000:
        return []
    before_ms = 0 if past.last_at_ms is None else max(subject.click_at_ms - past.last_at_ms, 0)
    one, many = _LATE_CLICK
    return [
        RULE.find(
            message=one,
            message_plural=many,
            params={"count": past.events, "minutes": -(-before_ms // MINUTE_MS), "delay": delay_ms // 1_000},
            weight_ppm=config.sale_weight_ppm,
            evidence={"events_before": past.events, "before_ms": before_ms, "delay_ms": delay_ms},
            clears_when=_CLEARS,
        )
    ]


def evaluate_partner(facts: PartnerFacts, config: Config) -> list[Finding]:
    """Return one finding when more of the partner's sales than expected were clicked at the till."""
    return _judge_share(facts, config) or _judge_prompt(facts, config)


def _judge_prompt(facts: PartnerFacts, config: Config) -> list[Finding]:
    timed = [sale for sale in facts.sales if sale.click_at_ms is not None and sale.at_ms >= sale.click_at_ms]
    span_ms = config.paid_within_seconds * 1_000
    prompt = [sale for sale in timed if sale.click_at_ms is not None and sale.at_ms - sale.click_at_ms < span_ms]
    if len(prompt) < config.prompt_sales_min:
        return []
    baseline = facts.baseline
    usual_ppm = baseline.prompt_sales * PPM // max(baseline.timed_sales, 1)
    line_ppm = max(config.prompt_share_min_ppm, min(config.prompt_times_program * usual_ppm, PPM))
    tail_ppm = binomial_tail_ppm(at_least=len(prompt), trials=len(timed), share_ppm=line_ppm)
    if tail_ppm > config.surprise_at_most_ppm:
        return []
    one, many = _PROMPT
    return [
        RULE.find(
            message=one,
            message_plural=many,
            params={
                "count": len(prompt),
                "sales": len(timed),
                "seconds": config.paid_within_seconds,
                "usual": usual_ppm * 100 // PPM,
            },
            weight_ppm=config.weight_ppm,
            evidence={
                "prompt_sales": len(prompt),
                "timed_sales": len(timed),
                "program_share_ppm": usual_ppm,
                "tail_ppm": tail_ppm,
            },
            compared={sale.conversion_id for sale in prompt},
            holds_compared=True,
            clears_when=_CLEARS,
        )
    ]


def _judge_share(facts: PartnerFacts, config: Config) -> list[Finding]:
    comparable = [sale for sale in facts.sales if _delay_ms(sale) is not None]
    if len(comparable) < config.sales_min:
        return []
    late = [sale for sale in comparable if _is_late(sale, config)]
    bound_ppm = wilson_lower_ppm(hits=len(late), trials=len(comparable))
    if bound_ppm <= config.expected_share_ppm:
        return []
    share_ppm = PPM * len(late) // len(comparable)
    one, many = _SHARE
    return [
        RULE.find(
            message=one,
            message_plural=many,
            params={
                "count": len(late),
                "seconds": config.paid_within_seconds,
                "percent": share_ppm * 100 // PPM,
                "sales": len(comparable),
            },
            weight_ppm=config.weight_ppm,
            evidence={
                "late_sales": len(late),
                "comparable_sales": len(comparable),
                "share_ppm": share_ppm,
                "share_at_least_ppm": bound_ppm,
                "expected_share_ppm": config.expected_share_ppm,
            },
            compared={sale.conversion_id for sale in late},
            holds_compared=True,
            clears_when=_CLEARS,
        )
    ]


def _delay_ms(sale: SaleRecord) -> int | None:
    """Return click to sale, or None where the device or the click is unknown or a clock is wrong."""
    if sale.click_at_ms is None or sale.device_events_before_click is None or sale.at_ms < sale.click_at_ms:
        return None
    return sale.at_ms - sale.click_at_ms


def _is_late(sale: SaleRecord, config: Config) -> bool:
    delay_ms = _delay_ms(sale)
    was_there = (sale.device_events_before_click or 0) >= 1
    return was_there and delay_ms is not None and delay_ms < config.paid_within_seconds * 1_000


RULE: Rule[Config] = Rule(
    id="checkout_hijack",
    version=2,
    title=N_("Clicked at the till"),
    family="timing",
    severity="medium",
    needs=frozenset({"device_past"}),
    timing=frozenset({"sale", "nightly"}),
    config=Config(),
    evaluate=evaluate,
    evaluate_partner=evaluate_partner,
)
