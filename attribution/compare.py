"""Comparing models: what every rule model and every report model would give each partner for one period.

Called by the reports with decided journeys of one program and one currency. Whose level won is kept as decided
(bindings, codes and inherited credits stay where they are): what differs is how touches share. It decides nothing and
pays nothing.
"""

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction

import msgspec

from attribution.levels import order_touches
from attribution.models import BILLION, MODELS, lay_path, weigh
from attribution.money import apportion, round_parts, split_minor
from attribution.reports.paths import CountedPath, ReportModel, ReportName
from attribution.reports.registry import REPORT_MODELS
from attribution.types import Conversion, Credit, Decision, Journey, ModelName, Settings

_MODELLED_VIAS = ("visitor", "click_id", "fingerprint")
# Rule models whose weights depend on nothing but the number of touches.
_COUNTING: frozenset[ModelName] = frozenset(
    {"first_click", "last_click", "last_non_direct", "linear", "position_based"}
)


class PathTouch(msgspec.Struct, frozen=True, kw_only=True):
    """A touch that may earn: whose, when, and the partner's group for custom weights."""

    partner_id: str
    at_ms: int
    group: str | None = None


class DecidedJourney(msgspec.Struct, frozen=True, kw_only=True):
    """A conversion as it was decided.

    touches are the eligible ones of the level that won, in time order, also those the model passed over; empty where
    no model has a say (a binding, a code, an inherited lead) or nothing was there. credits are those in force.
    """

    conversion_id: str
    at_ms: int
    amount_minor: int
    currency: str
    credits: tuple[Credit, ...]
    touches: tuple[PathTouch, ...] = ()


class PartnerFigures(msgspec.Struct, frozen=True, kw_only=True):
    """What a model gives one partner, and how that differs from what is in force.

    Conversions in parts per billion of one, money in minor units. partner_id None stands for the folded partners.
    """

    partner_id: str | None
    conversions_ppb: int
    amount_minor: int
    conversions_change_ppb: int
    amount_change_minor: int


class ModelFigures(msgspec.Struct, frozen=True, kw_only=True):
    """One model's table.

    Partners stand by id, the folded ones last. Where is_shared, partners and unattributed sum to the totals of the
    comparison; participation counts a journey once for each of its partners. folded are the partners that a capped
    model showed as one.
    """

    model: ModelName | ReportName
    pays: bool
    is_shared: bool
    partners: tuple[PartnerFigures, ...]
    unattributed_conversions: int
    unattributed_amount_minor: int
    folded: tuple[str, ...] = ()


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """All models beside what is in force.

    in_force are the credits as decided, whatever the settings were then, under the name of today's model; models are
    the rule models under today's settings, then the report models.
    """

    currency: str | None
    conversions: int
    amount_minor: int
    in_force: ModelFigures
    models: tuple[ModelFigures, ...]


_Sums = dict[str | None, tuple[int, int]]  # partner -> (conversions in parts per billion, minor units)


def trace_journey(conversion: Conversion, journey: Journey, decision: Decision) -> DecidedJourney:
    """Return a decided conversion as the comparison reads it, from what the engine was given and what it said."""
    passed_over = {entry.touch for entry in decision.rejections if entry.reason == "not_selected"}
    credited = {credit.touch_id for credit in decision.credits if decision.via in _MODELLED_VIAS}
    groups = {standing.partner_id: standing.group for standing in journey.partners}
    has_say = decision.via is None or decision.via in _MODELLED_VIAS
    return DecidedJourney(
        conversion_id=conversion.conversion_id,
        at_ms=conversion.at_ms,
        amount_minor=conversion.amount_minor,
        currency=conversion.currency,
        credits=decision.credits,
        touches=tuple(
            PathTouch(partner_id=touch.partner_id, at_ms=touch.at_ms, group=groups.get(touch.partner_id))
            for touch in order_touches(journey.touches)
            if has_say and touch.partner_id is not None and touch.touch_id in passed_over | credited
        ),
    )


def compare(journeys: Iterable[DecidedJourney], lost: Iterable[CountedPath], settings: Settings) -> Comparison:
    """Return every model's figures for the journeys of a period.

    lost are the journeys that ended without a conversion, counted by path; only Markov looks at them. settings are
    the program's of today. The order of anything handed in decides nothing. Refuses journeys of several currencies and
    lost paths that converted with ValueError.
    """
    decided = sorted(journeys, key=lambda journey: journey.conversion_id)
    currencies = sorted({journey.currency for journey in decided})
    if len(currencies) > 1:
        raise ValueError(f"Journeys are in {', '.join(currencies)}; compare one currency at a time.")
    losses = tuple(lost)
    if any(path.conversions for path in losses):
        raise ValueError("A lost path has conversions; hand conversions in as decided journeys.")
    in_force = _sum_credits((journey, [_part(credit) for credit in journey.credits]) for journey in decided)
    totals = (len(decided), sum(journey.amount_minor for journey in decided))
    partners = sorted(
        {credit.partner_id for journey in decided for credit in journey.credits}
        | {touch.partner_id for journey in decided for touch in journey.touches}
        | {partner_id for path in losses for partner_id in path.partners}
    )
    paths = (*map(_count_path, decided), *losses)
    return Comparison(
        currency=currencies[0] if currencies else None,
        conversions=totals[0],
        amount_minor=totals[1],
        in_force=_rule_figures(settings.model, in_force, partners, in_force=in_force, totals=totals),
        models=(
            *(
                _rule_figures(model, _reweigh(model, decided, settings), partners, in_force=in_force, totals=totals)
                for model in MODELS
                if model != "custom" or settings.custom_weights is not None
            ),
            *(_report_figures(model, paths, partners, in_force=in_force) for model in REPORT_MODELS),
        ),
    )


def _part(credit: Credit) -> tuple[str, Fraction]:
    return credit.partner_id, Fraction(credit.weight)


def _count_path(journey: DecidedJourney) -> CountedPath:
    partners = [touch.partner_id for touch in journey.touches] or [credit.partner_id for credit in journey.credits]
    return CountedPath(partners=tuple(partners), conversions=1, amount_minor=journey.amount_minor)


def _reweigh(model: ModelName, journeys: Sequence[DecidedJourney], settings: Settings) -> _Sums:
    """Return what a rule model gives each partner; journeys without touches keep the credits they have."""
    known: dict[int, tuple[Fraction, ...]] = {}
    shared = []
    for journey in journeys:
        count = len(journey.touches)
        if not count:
            shared.append((journey, [_part(credit) for credit in journey.credits]))
            continue
        weights = known.get(count)
        if weights is None:
            ages = tuple(journey.at_ms - touch.at_ms for touch in journey.touches)
            weights = weigh(model, lay_path(ages, tuple(touch.group for touch in journey.touches), settings))
            if model in _COUNTING:
                known[count] = weights
        parts = [(touch.partner_id, weight) for touch, weight in zip(journey.touches, weights, strict=True) if weight]
        shared.append((journey, parts))
    return _sum_credits(shared)


def _sum_credits(shared: Iterable[tuple[DecidedJourney, list[tuple[str, Fraction]]]]) -> _Sums:
    """Return each partner's sums; every journey is split on its own, as its credits are, and loses nothing."""
    sums: _Sums = {}
    for journey, parts in shared:
        weights = [weight for _, weight in parts]
        amounts = split_minor(journey.amount_minor, weights)
        shares = apportion(BILLION, weights) if weights else []
        for (partner_id, _), share, amount in zip(parts, shares, amounts, strict=True):
            _add(sums, partner_id, (share, amount))
    return sums


def _add(sums: _Sums, partner_id: str | None, more: tuple[int, int]) -> None:
    had = sums.get(partner_id, (0, 0))
    sums[partner_id] = (had[0] + more[0], had[1] + more[1])


def _rule_figures(
    model: ModelName, sums: _Sums, partners: Sequence[str], *, in_force: _Sums, totals: tuple[int, int]
) -> ModelFigures:
    left_ppb = totals[0] * BILLION - sum(share for share, _ in sums.values())
    return ModelFigures(
        model=model,
        pays=True,
        is_shared=True,
        partners=_list_partners(sums, partners, in_force),
        # Every journey is shared as a whole or not at all, so what is left is whole conversions.
        unattributed_conversions=left_ppb // BILLION,
        unattributed_amount_minor=totals[1] - sum(amount for _, amount in sums.values()),
    )


def _report_figures(
    model: ReportModel,
    paths: Sequence[CountedPath],
    partners: Sequence[str],
    *,
    in_force: _Sums,
) -> ModelFigures:
    """Return a report model's table, rounded by largest remainder, ties to the partner who sorts first."""
    shares = model.share(paths)
    conversions = round_parts([share.conversions * BILLION for share in shares.partners])
    amounts = round_parts([share.amount for share in shares.partners])
    sums: _Sums = {
        share.partner_id: (conversions[index], amounts[index]) for index, share in enumerate(shares.partners)
    }
    compared: _Sums = dict(in_force)
    for partner_id in shares.folded:
        _add(compared, None, compared.pop(partner_id, (0, 0)))
    folded = frozenset(shares.folded)
    named: list[str | None] = [partner_id for partner_id in partners if partner_id not in folded]
    without = [path for path in paths if not path.partners]
    return ModelFigures(
        model=model.name,
        pays=False,
        is_shared=model.is_shared,
        partners=_list_partners(sums, [*named, None] if folded else named, compared),
        unattributed_conversions=sum(path.conversions for path in without),
        unattributed_amount_minor=sum(path.amount_minor for path in without),
        folded=shares.folded,
    )


def _list_partners(
    sums: Mapping[str | None, tuple[int, int]],
    partners: Sequence[str | None],
    in_force: Mapping[str | None, tuple[int, int]],
) -> tuple[PartnerFigures, ...]:
    rows = []
    for partner_id in partners:
        conversions_ppb, amount_minor = sums.get(partner_id, (0, 0))
        had_ppb, had_minor = in_force.get(partner_id, (0, 0))
        rows.append(
            PartnerFigures(
                partner_id=partner_id,
                conversions_ppb=conversions_ppb,
                amount_minor=amount_minor,
                conversions_change_ppb=conversions_ppb - had_ppb,
                amount_change_minor=amount_minor - had_minor,
            )
        )
    return tuple(rows)
