"""Rule 20: a partner's conversions come late after their clicks, as when clicks are planted. Run at night.

Planted clicks meet buyers by chance, days later; recommendations work within the hour. A partner for companies with
long cycles looks the same, so this stays a note. Needs no facts of single conversions.
"""

from typing import Annotated

import msgspec

from fraud_rules.crowds import DAY_MS, HOUR_MS
from fraud_rules.msgids import N_, NN_
from fraud_rules.partner_facts import PartnerFacts, SaleRecord
from fraud_rules.rule import Ppm, Rule, RuleConfig
from fraud_rules.statistics import g_test_p_ppm
from fraud_rules.types import PPM, Evidence, Finding, LeadRecord, is_operator_sent

EDGES_MS = (HOUR_MS, DAY_MS, 7 * DAY_MS)  # the bins of `Baseline.delays`

_LATE = NN_(
    "%(share)d %% of this partner's %(count)d conversion come more than a day after the click; in the program "
    "%(usual)d %%.",
    "%(share)d %% of this partner's %(count)d conversions come more than a day after the click; in the program "
    "%(usual)d %%.",
)
_CLEARS = N_("The partner's customers take long to decide, for example companies with a budget round.")


class Config(RuleConfig, frozen=True, kw_only=True):
    """Samples, the line of chance, points above the program's share of late conversions, and the weight."""

    conversions_min: Annotated[int, msgspec.Meta(ge=10, le=10_000)] = 30
    program_min: Annotated[int, msgspec.Meta(ge=10, le=100_000)] = 100
    p_below_ppm: Ppm = 1_000
    points_above_ppm: Ppm = 200_000
    weight_ppm: Ppm = 450_000


def evaluate_partner(facts: PartnerFacts, config: Config) -> list[Finding]:
    """Return one finding over the late conversions when the partner's curve is surely later than the program's."""
    delays = _delays(facts)
    program, ours = facts.baseline.delays, [0, 0, 0, 0]
    for delay_ms in delays.values():
        ours[_bin(delay_ms)] += 1
    if len(delays) < config.conversions_min or sum(program) < config.program_min:
        return []
    late_ppm = (ours[2] + ours[3]) * PPM // len(delays)
    program_ppm = (program[2] + program[3]) * PPM // sum(program)
    p_ppm = g_test_p_ppm(ours, program)
    if late_ppm - program_ppm < config.points_above_ppm or p_ppm >= config.p_below_ppm:
        return []
    one, many = _LATE
    evidence: dict[str, Evidence] = {
        "conversions": len(delays),
        "within_1h": ours[0],
        "within_24h": ours[1],
        "within_7d": ours[2],
        "later": ours[3],
        "late_ppm": late_ppm,
        "program_late_ppm": program_ppm,
        "p_ppm": p_ppm,
    }
    return [
        RULE.find(
            message=one,
            message_plural=many,
            params={"count": len(delays), "share": late_ppm // 10_000, "usual": program_ppm // 10_000},
            weight_ppm=config.weight_ppm,
            evidence=evidence,
            compared={conversion_id for conversion_id, delay_ms in delays.items() if _bin(delay_ms) >= 2},
            holds_compared=True,
            clears_when=_CLEARS,
        )
    ]


def _delays(facts: PartnerFacts) -> dict[str, int]:
    """Return the delay of each conversion with a click; what operators typed came when they had time."""
    typed = {lead.conversion_id for lead in facts.leads if is_operator_sent(lead.source)}
    records: tuple[LeadRecord | SaleRecord, ...] = (*facts.leads, *facts.sales)
    # A sale judged as a lead stands in both lists.
    return {
        record.conversion_id: record.at_ms - record.click_at_ms
        for record in records
        if record.click_at_ms is not None and record.at_ms >= record.click_at_ms and record.conversion_id not in typed
    }


def _bin(delay_ms: int) -> int:
    return sum(delay_ms > edge_ms for edge_ms in EDGES_MS)


RULE: Rule[Config] = Rule(
    id="delay_curve",
    version=1,
    title=N_("Conversions come late after their clicks"),
    family="timing",
    severity="low",
    timing=frozenset({"nightly", "payout"}),
    config=Config(),
    evaluate_partner=evaluate_partner,
)
