"""The attribution engine: a conversion, its journey and the settings in, one explained decision out.

Called by the tracker for every conversion and by the scenario replay. Pure: no clock, no storage, no floats;
the order of anything handed in decides nothing. Eligibility comes first, then precedence, then the model,
then money.
"""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from functools import lru_cache
from typing import Final

import msgspec

from attribution.binding import is_commissionable
from attribution.codes import CodeClaim, judge_codes
from attribution.eligibility import Refusal, Standings, index_standings, refuse_partner
from attribution.levels import LADDERS, Cut, SortedTouches, sort_touches
from attribution.models import TouchPath, lay_path, weigh
from attribution.money import split_minor
from attribution.types import (
    Binding,
    Conversion,
    CouponPolicy,
    Credit,
    Decision,
    Detail,
    Journey,
    Level,
    ModelName,
    Outcome,
    Reason,
    Rejection,
    Settings,
    Touch,
    Via,
)

# Goes up with every change that may decide a conversion otherwise; runs over many conversions are of one version.
ENGINE_VERSION = 1

VIAS: dict[Level, Via] = {
    "binding": "binding",
    "lead_id": "lead_id",
    "code": "coupon",
    "click_id": "click_id",
    "clicks": "visitor",
    "impressions": "visitor",
    "fingerprint": "fingerprint",
}

# Direct visits never get as far as a model, so the last touch is the last that is none.
_LAST_TAKES_ALL: tuple[ModelName, ...] = ("last_click", "last_non_direct")
_WHOLE: Final = Fraction(1)


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """Something that could earn at its level.

    name is how a rejection calls it, touch_id how a credit does.
    """

    name: str
    touch_id: str | None
    partner_id: str | None
    at_ms: int | None = None


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """All that speaks for anyone.

    Usable touches and usable claims stand per level, and no level has both; found are the levels with anything
    at all.
    """

    touches: Mapping[Level, tuple[Touch, ...]]
    claims: Mapping[Level, tuple[Claim, ...]]
    refused: tuple[Rejection, ...]
    found: frozenset[Level]

    def usable(self) -> frozenset[Level]:
        """Return the levels at which something could earn."""
        return frozenset((*self.touches, *self.claims))


def attribute(conversion: Conversion, journey: Journey, settings: Settings) -> Decision:
    """Return whose merit the conversion is.

    settings are those in force at the conversion's instant. Credits are in time order and sum to the amount;
    everything that got nothing is listed with its reason. An unusable binding leaves the conversion
    unattributed: the customer stays bound. So do custom weights that give every touch of the chosen level nothing.
    """
    standings = index_standings(journey)
    touches = sort_touches(conversion, journey, standings=standings, settings=settings)
    evidence = _weigh_evidence(conversion, journey, touches, standings=standings, settings=settings)
    usable = evidence.usable()
    chosen = _pick_level(usable, evidence.found, settings)
    credits_ = _share_credit(chosen, evidence, conversion, standings=standings, settings=settings)
    bound = journey.binding if chosen == "binding" else None
    return Decision(
        conversion_id=conversion.conversion_id,
        status="attributed" if credits_ else "unattributed",
        via=VIAS[chosen] if chosen and credits_ else None,
        model=settings.model,
        window_from_ms=conversion.at_ms - settings.window_seconds * 1000,
        window_to_ms=conversion.at_ms,
        credits=credits_,
        rejections=_list_rejections(chosen, evidence, credits_, model=settings.model),
        precedence=_trace_precedence(
            settings.coupon_policy,
            _won(chosen, credits_),
            usable,
            found=evidence.found,
            disabled=_disabled(settings),
        ),
        commissionable=bool(credits_) and (bound is None or is_commissionable(bound, conversion.at_ms, settings)),
    )


def _weigh_evidence(
    conversion: Conversion,
    journey: Journey,
    touches: SortedTouches,
    *,
    standings: Standings,
    settings: Settings,
) -> Evidence:
    claims: dict[Level, tuple[Claim, ...]] = {}
    refused = [_reject_touch(entry.touch, entry.refusal.reason, entry.refusal.detail) for entry in touches.refused]
    refused += map(_reject_cut, touches.cuts)
    judged: list[_Judged] = []
    if journey.binding is not None:
        judged += _judge_binding(journey.binding, conversion, standings=standings, settings=settings)
    if conversion.inherited:
        judged += _judge_lead(conversion.inherited, conversion, standings)
    if conversion.coupon or conversion.partner_code:
        judged += _judge_sent_codes(conversion, journey, touches, standings=standings, settings=settings)
    if conversion.click_id and "click_id" not in touches.found:
        judged.append(_refuse_click_id(conversion.click_id))
    for level, claim, refusal in judged:
        if refusal is None:
            claims[level] = (*claims.get(level, ()), claim)
        else:
            refused.append(_reject(claim, refusal.reason, refusal.detail))
    found = touches.found.union(level for level, _, _ in judged) if judged else touches.found
    return Evidence(touches=touches.eligible, claims=claims, refused=tuple(refused), found=found)


_Judged = tuple[Level, Claim, Refusal | None]


def _judge_binding(
    bound: Binding, conversion: Conversion, *, standings: Standings, settings: Settings
) -> list[_Judged]:
    if settings.binding == "none":
        return []
    claim = Claim(name="binding", touch_id=None, partner_id=bound.partner_id, at_ms=bound.since_ms)
    return [("binding", claim, refuse_partner(bound.partner_id, conversion, standings))]


def _judge_lead(inherited: Sequence[Credit], conversion: Conversion, standings: Standings) -> list[_Judged]:
    """Judge the lead whose credit is to be inherited: usable when every partner in it may still earn.

    It stands or falls as a whole, because a part taken out would have to be given to somebody who did not
    earn it.
    """
    for credit in inherited:
        refusal = refuse_partner(credit.partner_id, conversion, standings)
        if refusal is not None:
            return [("lead_id", Claim(name="lead_id", touch_id=None, partner_id=credit.partner_id), refusal)]
    return [("lead_id", Claim(name="lead_id", touch_id=None, partner_id=None), None)]


def _refuse_click_id(click_id: str) -> _Judged:
    """Report a click id that names no click of the journey; the visitor's own touches then speak."""
    claim = Claim(name=f"click_id:{click_id}", touch_id=None, partner_id=None)
    return ("click_id", claim, Refusal(reason="unknown_click_id"))


def _judge_sent_codes(
    conversion: Conversion, journey: Journey, touches: SortedTouches, *, standings: Standings, settings: Settings
) -> list[_Judged]:
    codes = judge_codes(conversion, journey.codes, standings=standings, settings=settings, involved=touches.involved())
    return list(map(_claim_code, codes))


def _claim_code(code: CodeClaim) -> _Judged:
    return ("code", Claim(name=code.touch, touch_id=code.touch, partner_id=code.partner_id), code.refusal)


def _pick_level(usable: frozenset[Level], found: frozenset[Level], settings: Settings) -> Level | None:
    """Return the highest level with something usable.

    A bound customer's level is final also where it is unusable.
    """
    if "binding" in found:
        return "binding" if "binding" in usable else None
    for level in LADDERS[settings.coupon_policy]:
        if level in usable:
            return level
    return None


def _share_credit(
    chosen: Level | None, evidence: Evidence, conversion: Conversion, *, standings: Standings, settings: Settings
) -> tuple[Credit, ...]:
    """Return the credits of the chosen level. A share of zero is no credit."""
    if chosen is None:
        return ()
    if chosen == "lead_id":
        heirs = [(credit.touch_id, credit.partner_id, Fraction(credit.weight)) for credit in conversion.inherited or ()]
    elif chosen in ("binding", "code"):
        heirs = [(claim.touch_id, claim.partner_id or "", _WHOLE) for claim in evidence.claims[chosen][:1]]
    else:
        eligible = evidence.touches[chosen]
        winner = single_winner(eligible, settings.model)
        if winner is not None:
            return (_credit(winner.touch_id, winner.partner_id or "", "1", conversion.amount_minor),)
        weights = weigh(settings.model, _lay_path(eligible, conversion, standings=standings, settings=settings))
        heirs = [
            (touch.touch_id, touch.partner_id or "", weight)
            for touch, weight in zip(eligible, weights, strict=True)
            if weight
        ]
    amounts = split_minor(conversion.amount_minor, [weight for _, _, weight in heirs])
    return tuple(
        _credit(touch_id, partner_id, str(weight), amount)
        for (touch_id, partner_id, weight), amount in zip(heirs, amounts, strict=True)
    )


def single_winner(eligible: Sequence[Touch], model: ModelName) -> Touch | None:
    """Return the touch that takes all without any weighing, or None where weights must be made.

    Eligible: in time order, at least one, none of them a direct visit, as `sort_touches` leaves them. It is what
    `weigh` gives, which a law holds; most conversions end here, and exact weights cost more than all the rest.
    """
    if model == "first_click":
        return eligible[0]
    if model in _LAST_TAKES_ALL or (len(eligible) == 1 and model != "custom"):
        return eligible[-1]
    return None


def _credit(touch_id: str | None, partner_id: str, weight: str, amount_minor: int) -> Credit:
    return Credit(touch_id=touch_id, partner_id=partner_id, weight=weight, amount_minor=amount_minor)


def _lay_path(
    touches: tuple[Touch, ...], conversion: Conversion, *, standings: Standings, settings: Settings
) -> TouchPath:
    groups = {partner_id: standing.group for partner_id, standing in standings.items()}
    return lay_path(
        tuple(conversion.at_ms - touch.at_ms for touch in touches),
        tuple(groups.get(touch.partner_id or "") for touch in touches),
        settings,
    )


def _list_rejections(
    chosen: Level | None, evidence: Evidence, credits_: tuple[Credit, ...], *, model: ModelName
) -> tuple[Rejection, ...]:
    """Return everything that got nothing, by instant and name; what has no instant comes last.

    What is credited is never listed: an inherited touch may be too old for the sale and still earn through
    the lead. Custom weights pass over a touch only by giving it nothing, which the detail says.
    """
    credited = {credit.touch_id for credit in credits_ if credit.touch_id is not None}
    rejections = [entry for entry in evidence.refused if entry.touch not in credited]
    for level, touches in evidence.touches.items():
        passed_over: Detail = {"level": chosen or "binding"}
        if level == chosen and model == "custom":
            passed_over["weight"] = "0"
        reason = _passed_over(level, chosen)
        rejections += [_reject_touch(touch, reason, passed_over) for touch in touches if touch.touch_id not in credited]
    for level, claims in evidence.claims.items():
        if level == chosen and level in ("binding", "lead_id"):
            continue
        detail: Detail = {"level": chosen or "binding"}
        reason = _passed_over(level, chosen)
        rejections += [_reject(claim, reason, detail) for claim in claims if claim.touch_id not in credited]
    if len(rejections) > 1:
        rejections.sort(key=_place_of)
    return tuple(rejections)


def _place_of(entry: Rejection) -> tuple[bool, int, str]:
    return (entry.at_ms is None, entry.at_ms or 0, entry.touch)


def _passed_over(level: Level, chosen: Level | None) -> Reason:
    return "not_selected" if level == chosen else "lower_precedence"


def _won(chosen: Level | None, credits_: tuple[Credit, ...]) -> tuple[Level | None, Outcome]:
    return (chosen, "won" if credits_ else "refused")


def _disabled(settings: Settings) -> tuple[Level, ...]:
    """Return the levels a program switched off."""
    switched_off: list[Level] = []
    if settings.binding == "none":
        switched_off.append("binding")
    if not settings.view_through:
        switched_off.append("impressions")
    if not settings.fingerprint_fallback:
        switched_off.append("fingerprint")
    return tuple(switched_off)


@lru_cache(maxsize=4096)  # there are few answers, and making one takes as long as judging all touches
def _trace_precedence(
    policy: CouponPolicy,
    chosen: tuple[Level | None, Outcome],
    usable: frozenset[Level],
    *,
    found: frozenset[Level],
    disabled: tuple[Level, ...],
) -> tuple[tuple[Level, Outcome], ...]:
    def trace(level: Level) -> Outcome:
        if level == chosen[0]:
            return chosen[1]
        if level in usable:
            return "outranked"
        if level in disabled:
            return "disabled"
        return "refused" if level in found else "absent"

    return tuple((level, trace(level)) for level in LADDERS[policy])


def _reject_cut(cut: Cut) -> Rejection:
    detail: Detail = {"touches": cut.touches, "kept": cut.kept, "from_ms": cut.from_ms, "to_ms": cut.to_ms}
    return Rejection(touch=f"capped:{cut.name}", partner_id=None, at_ms=cut.from_ms, reason="capped", detail=detail)


def _reject(claim: Claim, reason: Reason, detail: Detail) -> Rejection:
    return Rejection(touch=claim.name, partner_id=claim.partner_id, at_ms=claim.at_ms, reason=reason, detail=detail)


def _reject_touch(touch: Touch, reason: Reason, detail: Detail) -> Rejection:
    return Rejection(touch=touch.touch_id, partner_id=touch.partner_id, at_ms=touch.at_ms, reason=reason, detail=detail)
