"""Rule 22: far more clicks than people, or than customers come of. Run by the engine at night.

Three floods: one address clicking one link all hour, one device clicking all day, thousands of clicks of which next
to nobody buys. A post that went round the world has many addresses and devices and is silent; so is one address with
a device behind almost every click: a carrier, a campus, an office. Clicks alone hold no money, so this is a note.
"""

from typing import Annotated

import msgspec

from fraud_rules.crowds import DAY_MS, own_leads
from fraud_rules.msgids import N_, NN_
from fraud_rules.partner_facts import Burst, PartnerFacts
from fraud_rules.rule import Ppm, Rule, RuleConfig
from fraud_rules.statistics import wilson_upper_ppm
from fraud_rules.types import PPM, Evidence, Finding

WINDOW_DAYS = 30  # of `ClickTotals`

_HOST = NN_(
    "%(count)d click on one link within an hour came from one address (devices: %(devices)d).",
    "%(count)d clicks on one link within an hour came from one address (devices: %(devices)d).",
)
_DEVICE = NN_(
    "%(count)d click within a day came from one device.",
    "%(count)d clicks within a day came from one device.",
)
_BARREN = NN_(
    "%(count)d click in 30 days brought %(conversions)d conversions, less than a tenth of what partners of this "
    "program bring.",
    "%(count)d clicks in 30 days brought %(conversions)d conversions, less than a tenth of what partners of this "
    "program bring.",
)
_CLEARS = N_("The partner tested the link, or the clicks come from a device many people use.")


class Config(RuleConfig, frozen=True, kw_only=True):
    """Lines of the three floods, what makes a crowd of people, the days of conversions they speak of, the weight."""

    host_hour_min: Annotated[int, msgspec.Meta(ge=10, le=100_000)] = 50
    device_day_above: Annotated[int, msgspec.Meta(ge=5, le=100_000)] = 30
    barren_clicks_min: Annotated[int, msgspec.Meta(ge=100, le=10_000_000)] = 1_000
    barren_share_ppm: Ppm = 100_000
    partners_min: Annotated[int, msgspec.Meta(ge=2, le=1000)] = 5  # a median of fewer partners is one partner's rate
    crowd_ppm: Ppm = 600_000
    flood_days: Annotated[int, msgspec.Meta(ge=1, le=30)] = 7
    weight_ppm: Ppm = 480_000


def evaluate_partner(facts: PartnerFacts, config: Config) -> list[Finding]:
    """Return one finding for each kind of flood, over the conversions credited while it ran."""
    found: list[Finding] = []
    hour, day = facts.clicks.busiest_host_hour, facts.clicks.busiest_device_day
    if hour is not None and hour.clicks >= config.host_hour_min and not _is_crowd(hour.devices, hour.clicks, config):
        found.append(_burst(facts, hour, kind="host_hour", message=_HOST, config=config))
    if day is not None and day.clicks > config.device_day_above:
        found.append(_burst(facts, day, kind="device_day", message=_DEVICE, config=config))
    found.extend(_barren(facts, config))
    return found


def _burst(facts: PartnerFacts, burst: Burst, *, kind: str, message: tuple[str, str], config: Config) -> Finding:
    until_ms = burst.at_ms + config.flood_days * DAY_MS
    return _flood(
        message,
        params={"count": burst.clicks, "devices": burst.devices},
        evidence={"kind": kind, "clicks": burst.clicks, "hosts": burst.hosts, "devices": burst.devices},
        compared=_credited(facts, from_ms=burst.at_ms, until_ms=until_ms),
        config=config,
    )


def _barren(facts: PartnerFacts, config: Config) -> list[Finding]:
    clicks, rates = facts.clicks, facts.baseline.partner_rates_ppm
    if clicks.clicks < config.barren_clicks_min or len(rates) < config.partners_min:
        return []
    # Where devices are not known the addresses speak alone.
    devices = clicks.devices or clicks.clicks
    if _is_crowd(clicks.hosts, clicks.clicks, config) and _is_crowd(devices, clicks.clicks, config):
        return []
    from_ms = facts.at_ms - WINDOW_DAYS * DAY_MS
    conversions = len(_credited(facts, from_ms=from_ms, until_ms=facts.at_ms))
    upper_ppm = wilson_upper_ppm(hits=conversions, trials=clicks.clicks)
    median_ppm = sorted(rates)[(len(rates) - 1) // 2]
    if upper_ppm * PPM >= config.barren_share_ppm * median_ppm:
        return []
    last_ms = facts.at_ms - config.flood_days * DAY_MS
    return [
        _flood(
            _BARREN,
            params={"count": clicks.clicks, "conversions": conversions},
            evidence={
                "kind": "barren",
                "clicks": clicks.clicks,
                "hosts": clicks.hosts,
                "devices": clicks.devices,
                "conversions": conversions,
                "upper_bound_ppm": upper_ppm,
                "program_median_ppm": median_ppm,
            },
            compared=_credited(facts, from_ms=last_ms, until_ms=facts.at_ms),
            config=config,
        )
    ]


def _flood(
    message: tuple[str, str],
    *,
    params: dict[str, str | int],
    evidence: dict[str, Evidence],
    compared: set[str],
    config: Config,
) -> Finding:
    one, many = message
    return RULE.find(
        message=one,
        message_plural=many,
        params=params,
        weight_ppm=config.weight_ppm,
        evidence=evidence,
        compared=compared,
        holds_compared=True,
        clears_when=_CLEARS,
    )


def _credited(facts: PartnerFacts, *, from_ms: int, until_ms: int) -> set[str]:
    """Return the conversions of that time which have a click to owe it to."""
    leads = own_leads(facts.leads, at_ms=facts.at_ms, days=2 * WINDOW_DAYS)
    return {lead.conversion_id for lead in leads if lead.click_at_ms is not None and from_ms <= lead.at_ms <= until_ms}


def _is_crowd(different: int, clicks: int, config: Config) -> bool:
    return different * PPM >= clicks * config.crowd_ppm


RULE: Rule[Config] = Rule(
    id="click_flood",
    version=1,
    title=N_("A flood of clicks"),
    family="traffic",
    severity="medium",
    timing=frozenset({"nightly"}),
    config=Config(),
    evaluate_partner=evaluate_partner,
)
