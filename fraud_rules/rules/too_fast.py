"""Rule 18: less time between click and conversion than people need. Run by the engine.

Absolute lines catch scripts; once a program has enough conversions, its own fastest hundredth does. A conversion that
came by its code alone has no click to measure from, whatever time stands there for it.
"""

from typing import Annotated

import msgspec

from fraud_rules.msgids import N_
from fraud_rules.rule import Ppm, Rule, RuleConfig
from fraud_rules.types import DelaySample, Evidence, Facts, Finding, Subject, is_operator_sent

_FAST_LEAD = N_("The form was sent %(delay)d s after the click; nobody fills it in within %(line)d s.")
_FAST_PAID = N_("The order was paid %(delay)d s after the click; nobody pays within %(line)d s.")
_FAST_HERE = N_(
    "The conversion came %(delay)d s after the click; 99 %% of this program's need over %(line)d s, "
    "half of them over %(median)d s."
)
_CLEARS = N_("The form was filled in by the browser, or the customer came back on a known device.")

LineMs = Annotated[int, msgspec.Meta(ge=0, le=3_600_000)]


class Config(RuleConfig, frozen=True, kw_only=True):
    """Absolute lines, the sample from which the relative line counts, and the weights."""

    lead_line_ms: LineMs = 5_000
    paid_line_ms: LineMs = 15_000
    sample_min: Annotated[int, msgspec.Meta(ge=100, le=1_000_000)] = 200
    # Notes alone: forms fill themselves, and one tap pays.
    weight_ppm: Ppm = 450_000
    known_device_weight_ppm: Ppm = 200_000


def evaluate(facts: Facts, config: Config) -> list[Finding]:
    """Return one finding when the conversion followed its click faster than people are."""
    subject = facts.subject
    if subject.click_at_ms is None or is_operator_sent(subject.source) or _came_by_code(subject):
        return []
    delay_ms = subject.occurred_at_ms - subject.click_at_ms
    # A conversion "before" its click is a wrong clock of the shop's server, not speed.
    if delay_ms < 0:
        return []
    sample = _sample_of(facts)
    line_ms = config.paid_line_ms if subject.paid else config.lead_line_ms
    message = _FAST_PAID if subject.paid else _FAST_LEAD
    median_ms = 0
    if delay_ms >= line_ms:
        if sample is None or not _is_outlier(delay_ms, sample, config):
            return []
        message, line_ms, median_ms = _FAST_HERE, sample.p1_ms, sample.median_ms
    times = {"delay": delay_ms, "line": line_ms, "median": median_ms}
    return [_hurry(subject, sample, message=message, times=times, config=config)]


def _hurry(
    subject: Subject, sample: DelaySample | None, *, message: str, times: dict[str, int], config: Config
) -> Finding:
    evidence: dict[str, Evidence] = {
        "delay_ms": times["delay"],
        "line_ms": times["line"],
        "sample_count": 0 if sample is None else sample.count,
        "sample_p1_ms": None if sample is None else sample.p1_ms,
        "sample_median_ms": None if sample is None else sample.median_ms,
        "device_known_before": subject.device_known_before,
    }
    known = subject.device_known_before
    return RULE.find(
        message=message,
        params={name: value_ms // 1000 for name, value_ms in times.items()},
        weight_ppm=config.known_device_weight_ppm if known else config.weight_ppm,
        evidence=evidence,
        clears_when=_CLEARS,
    )


def _came_by_code(subject: Subject) -> bool:
    return subject.promo_code is not None and subject.click is None


def _sample_of(facts: Facts) -> DelaySample | None:
    timing = facts.program_timing
    if timing is None:
        return None
    return timing.paid if facts.subject.paid else timing.lead


def _is_outlier(delay_ms: int, sample: DelaySample, config: Config) -> bool:
    """Say whether the delay is below the first percentile and below half of the median."""
    return sample.count >= config.sample_min and delay_ms < sample.p1_ms and 2 * delay_ms < sample.median_ms


RULE: Rule[Config] = Rule(
    id="too_fast",
    version=2,
    title=N_("Converted faster than people are"),
    family="timing",
    severity="medium",
    needs=frozenset({"program_timing"}),
    timing=frozenset({"lead", "sale"}),
    config=Config(),
    evaluate=evaluate,
)
