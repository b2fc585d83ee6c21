"""Rule 30a: sales that are given back once they have been paid for. Run by the engine at night and before a payout.

Three habits: surely more refunds than the program has (a season raises both, so it is silent), refunds right after
the commission became payable, and one person or card that gives back nearly everything. The first two hold what was
refunded and what the same customers or cards bought otherwise; the third is a note over that customer's sales alone.
"""

from typing import Annotated

import msgspec

from fraud_rules.crowds import HOUR_MS
from fraud_rules.msgids import N_, NN_
from fraud_rules.partner_facts import Baseline, PartnerFacts, SaleRecord
from fraud_rules.rule import Ppm, Rule, RuleConfig
from fraud_rules.statistics import beta_binomial_lower_ppm, binomial_tail_ppm
from fraud_rules.types import PPM, Evidence, Finding

SALES_MAX = 5_000  # newest sales looked at
FINDINGS_MAX = 20  # customers of one partner a reviewer is shown in a night

_RATE = NN_(
    "%(refunds)d of %(count)d sale was refunded; in the program %(usual)d %% are.",
    "%(refunds)d of %(count)d sales were refunded; in the program %(usual)d %% are.",
)
_AFTER = NN_(
    "%(count)d sale was refunded within %(hours)d hours after its commission became payable.",
    "%(count)d sales were refunded within %(hours)d hours after their commission became payable.",
)
_CUSTOMER = NN_(
    "One customer or card gave back %(count)d of %(sales)d sales.",
    "One customer or card gave back %(count)d of %(sales)d sales.",
)
_CLEARS = N_("The refunds have a cause of the shop's own: a bad batch, a late delivery, a season of returns.")


class Config(RuleConfig, frozen=True, kw_only=True):
    """Lines of the three habits and their weights.

    A partner starts as if `prior_sales` of the program's rate had been seen; `typical_rate_ppm` is believed of a
    program with few sales, as if seen in `program_sales_believed`. Refunds spread over a month and more, so
    `release_chance_ppm` of them fall into the hours after release by chance; so rare must their number be.
    """

    sales_min: Annotated[int, msgspec.Meta(ge=3, le=10_000)] = 8
    refunds_min: Annotated[int, msgspec.Meta(ge=2, le=1000)] = 3
    times_program: Annotated[int, msgspec.Meta(ge=1, le=100)] = 3
    typical_rate_ppm: Ppm = 50_000
    prior_sales: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 8
    program_sales_believed: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 20
    after_release_hours: Annotated[int, msgspec.Meta(ge=1, le=720)] = 72
    after_release_min: Annotated[int, msgspec.Meta(ge=2, le=1000)] = 2
    release_chance_ppm: Ppm = 100_000
    surprise_at_most_ppm: Ppm = 10_000
    weight_ppm: Ppm = 600_000
    customer_refunds_min: Annotated[int, msgspec.Meta(ge=2, le=1000)] = 3
    customer_share_ppm: Ppm = 800_000
    customer_weight_ppm: Ppm = 450_000  # a note: who orders three sizes sends back two


def evaluate_partner(facts: PartnerFacts, config: Config) -> list[Finding]:
    """Return a finding for each habit that shows."""
    sales = [sale for sale in facts.sales[-SALES_MAX:] if sale.at_ms <= facts.at_ms]
    refunded = [sale for sale in sales if _is_refunded(sale, facts.at_ms)]
    if not refunded:
        return []
    held = _of_the_same_customers(sales, refunded)
    return [
        *_judge_rate(sales, refunded, baseline=facts.baseline, held=held, config=config),
        *_judge_releases(refunded, held=held, config=config),
        *_judge_customers(sales, facts.at_ms, config),
    ]


def _of_the_same_customers(sales: list[SaleRecord], refunded: list[SaleRecord]) -> set[str]:
    """Return the refunded sales and what their customers or cards bought otherwise: strangers' sales are their own."""
    people = {sale.person_key for sale in refunded} - {None}
    cards = {sale.payment_key for sale in refunded} - {None}
    theirs = [sale for sale in sales if sale.person_key in people or sale.payment_key in cards]
    return {sale.conversion_id for sale in (*refunded, *theirs)}


def _judge_rate(
    sales: list[SaleRecord], refunded: list[SaleRecord], *, baseline: Baseline, held: set[str], config: Config
) -> list[Finding]:
    if len(sales) < config.sales_min or len(refunded) < config.refunds_min:
        return []
    believed = config.program_sales_believed
    program_ppm = (baseline.refunded_sales * PPM + config.typical_rate_ppm * believed) // (baseline.sales + believed)
    lower_ppm = beta_binomial_lower_ppm(
        hits=len(refunded), trials=len(sales), prior_ppm=program_ppm, prior_trials=config.prior_sales
    )
    if lower_ppm <= config.times_program * program_ppm:
        return []
    evidence: dict[str, Evidence] = {
        "kind": "rate",
        "refunds": len(refunded),
        "sales": len(sales),
        "lower_bound_ppm": lower_ppm,
        "program_rate_ppm": program_ppm,
    }
    params: dict[str, str | int] = {
        "count": len(sales),
        "refunds": len(refunded),
        "usual": program_ppm // 10_000,
    }
    return [_habit(_RATE, params=params, evidence=evidence, compared=held, config=config)]


def _judge_releases(refunded: list[SaleRecord], *, held: set[str], config: Config) -> list[Finding]:
    window_ms = config.after_release_hours * HOUR_MS
    after = [
        sale
        for sale in refunded
        if sale.released_at_ms is not None
        and sale.refunded_at_ms is not None
        and 0 <= sale.refunded_at_ms - sale.released_at_ms <= window_ms
    ]
    tail_ppm = binomial_tail_ppm(at_least=len(after), trials=len(refunded), share_ppm=config.release_chance_ppm)
    if len(after) < config.after_release_min or tail_ppm > config.surprise_at_most_ppm:
        return []
    evidence: dict[str, Evidence] = {
        "kind": "after_release",
        "refunds_after_release": len(after),
        "refunds": len(refunded),
        "tail_ppm": tail_ppm,
    }
    params: dict[str, str | int] = {"count": len(after), "hours": config.after_release_hours}
    return [_habit(_AFTER, params=params, evidence=evidence, compared=held, config=config)]


def _judge_customers(sales: list[SaleRecord], at_ms: int, config: Config) -> list[Finding]:
    by_key: dict[str, list[SaleRecord]] = {}
    for sale in sales:
        for key in {
            sale.person_key and f"person:{sale.person_key}",
            sale.payment_key and f"payment:{sale.payment_key}",
        }:
            if key:
                by_key.setdefault(key, []).append(sale)
    found: dict[frozenset[str], Finding] = {}
    for key, theirs in sorted(by_key.items()):
        back = sum(_is_refunded(sale, at_ms) for sale in theirs)
        if back < config.customer_refunds_min or back * PPM < config.customer_share_ppm * len(theirs):
            continue
        compared = {sale.conversion_id for sale in theirs}
        # A person with one card is one customer, not two.
        found.setdefault(
            frozenset(compared),
            _habit(
                _CUSTOMER,
                params={"count": back, "sales": len(theirs)},
                evidence={"kind": "customer", "refunds": back, "sales": len(theirs)},
                compared=compared,
                config=config,
                cluster_key=key,
                weight_ppm=config.customer_weight_ppm,
            ),
        )
    ordered = sorted(found.values(), key=lambda finding: (-len(finding.compared), finding.cluster_key or ""))
    return ordered[:FINDINGS_MAX]


def _habit(
    message: tuple[str, str],
    *,
    params: dict[str, str | int],
    evidence: dict[str, Evidence],
    compared: set[str],
    config: Config,
    cluster_key: str | None = None,
    weight_ppm: int | None = None,
) -> Finding:
    one, many = message
    return RULE.find(
        message=one,
        message_plural=many,
        params=params,
        weight_ppm=config.weight_ppm if weight_ppm is None else weight_ppm,
        evidence=evidence,
        cluster_key=cluster_key,
        compared=compared,
        holds_compared=True,
        clears_when=_CLEARS,
    )


def _is_refunded(sale: SaleRecord, at_ms: int) -> bool:
    """Say whether at least half was given back by now; the freight of a parcel is no refund."""
    if sale.refunded_minor <= 0 or 2 * sale.refunded_minor < sale.amount_minor:
        return False
    return sale.refunded_at_ms is None or sale.refunded_at_ms <= at_ms


RULE: Rule[Config] = Rule(
    id="refund_abuse",
    version=2,
    title=N_("Sales are given back after they paid"),
    family="money",
    severity="medium",
    timing=frozenset({"nightly", "payout"}),
    config=Config(),
    evaluate_partner=evaluate_partner,
)
