"""The form of a program's terms: from typed fields to `ProgramSettings` and back; pure.

`programs.py` shows and publishes what is read here. Settings the form does not show stay as they were.
"""

from typing import Any

import msgspec

from attribution.types import Settings as AttributionSettings
from tracker.admin.custom_weights import custom_fields, is_custom_typed, read_custom
from tracker.admin.forms import Form
from tracker.admin.labels import BINDING, COUPON_POLICY, DISCOUNT_KIND, GPC, MODEL, REWARD_KIND, REWARD_ON
from tracker.admin.model_weights import read_half_life, read_position_weights, weight_fields
from tracker.i18n.messages import InputError, msg
from tracker.i18n.translator import Translator
from tracker.programs.check import PERCENT_MAX, WINDOW_DAYS_MAX
from tracker.programs.defaults import default_settings
from tracker.programs.types import ProgramSettings, ReferredDiscount
from tracker.rewards.types import RewardRule

REWARD_ROWS = 4  # lines of the form; more rewards than that belong into several programs
_DAY_SECONDS = 86_400
_MONTHS_MAX = 120


def form_of(settings: ProgramSettings, *, currency: str, speech: Translator) -> Form:
    """Return the form filled with terms."""
    rules = settings.attribution
    values = {
        "hold_days": str(settings.hold_days),
        "cookie_days": str(settings.cookie_days),
        "gpc": settings.gpc,
        "clean_urls": "on" if settings.clean_urls else "",
        "cookieless": "on" if settings.cookieless else "",
        "allow_own_purchases": "on" if settings.allow_own_purchases else "",
        "commission_on_tax": "on" if settings.commission_on_tax else "",
        "commission_on_shipping": "on" if settings.commission_on_shipping else "",
        "four_eyes": "" if settings.four_eyes_minor is None else speech.amount(settings.four_eyes_minor, currency),
        "model": rules.model,
        "window_days": str(rules.window_seconds // _DAY_SECONDS),
        "coupon_policy": rules.coupon_policy,
        "binding": rules.binding,
        "commission_months": "" if rules.commission_months is None else str(rules.commission_months),
    }
    values |= weight_fields(rules)
    values |= custom_fields(rules.custom_weights)
    values |= _discount_fields(settings.referred_discount, currency=currency, speech=speech)
    for index, reward in enumerate(settings.rewards[:REWARD_ROWS]):
        is_percent = reward.kind == "percent"
        values[f"reward_id_{index}"] = reward.reward_id
        values[f"reward_on_{index}"] = reward.on
        values[f"reward_kind_{index}"] = reward.kind
        values[f"reward_value_{index}"] = (
            speech.share(reward.rate_bps) if is_percent else speech.amount(reward.amount_minor, currency)
        )
    return Form(values.items())


def read_settings(form: Form, *, current: ProgramSettings, currency: str, speech: Translator) -> ProgramSettings | None:
    """Return the terms in the form, or None with every refusal noted on it."""
    changes: dict[str, Any] = {
        "rewards": _rewards(form, current, currency=currency, speech=speech),
        "hold_days": form.whole("hold_days", low=0, high=365),
        "cookie_days": form.whole("cookie_days", low=1, high=400),
        "gpc": form.choice("gpc", tuple(GPC)),
        "clean_urls": form.is_on("clean_urls"),
        "cookieless": form.is_on("cookieless"),
        "referred_discount": _discount(form, current.referred_discount, currency=currency, speech=speech),
        "allow_own_purchases": form.is_on("allow_own_purchases"),
        "commission_on_tax": form.is_on("commission_on_tax"),
        "commission_on_shipping": form.is_on("commission_on_shipping"),
        "four_eyes_minor": _four_eyes(form, current.four_eyes_minor, currency=currency, speech=speech),
        "attribution": _attribution(form, current.attribution),
    }
    return None if form.errors else msgspec.structs.replace(current, **changes)


def read_first_settings(form: Form, *, currency: str, speech: Translator) -> ProgramSettings | None:
    """Return the terms of a new program: one reward and the hold, the rest by default; None with refusals noted."""
    start = default_settings()
    rewards = _rewards(form, start, currency=currency, speech=speech)
    hold_days = form.whole("hold_days", low=0, high=365)
    return None if form.errors else msgspec.structs.replace(start, rewards=rewards, hold_days=hold_days)


def _attribution(form: Form, current: AttributionSettings) -> AttributionSettings:
    days = form.whole("window_days", low=1, high=WINDOW_DAYS_MAX)
    kept_seconds = current.window_seconds % _DAY_SECONDS if days == current.window_seconds // _DAY_SECONDS else 0
    months = form.whole("commission_months", low=1, high=_MONTHS_MAX) if form.get("commission_months") else None
    model = form.choice("model", tuple(MODEL))
    own = current.custom_weights
    if model == "custom" or is_custom_typed(form):
        own = read_custom(form, current.custom_weights)
        # What is refused is noted on the form and never published; the settings made of it must still be possible.
        model, own = (model, own) if own else (current.model, current.custom_weights)
    changes: dict[str, Any] = {
        "model": model,
        "custom_weights": own,
        "position_weights": read_position_weights(form, current),
        "half_life_seconds": read_half_life(form, current),
        "window_seconds": days * _DAY_SECONDS + kept_seconds,
        "coupon_policy": form.choice("coupon_policy", tuple(COUPON_POLICY)),
        "binding": form.choice("binding", tuple(BINDING)),
        "commission_months": months,
    }
    return msgspec.structs.replace(current, **changes)


def _discount_fields(discount: ReferredDiscount | None, *, currency: str, speech: Translator) -> dict[str, str]:
    if discount is None:
        return {"discount_kind": "none"}
    value = str(discount.value) if discount.kind == "percent" else speech.amount(discount.value, currency)
    return {"discount_kind": discount.kind, "discount_value": value, "discount_code": discount.code or ""}


def _discount(
    form: Form, current: ReferredDiscount | None, *, currency: str, speech: Translator
) -> ReferredDiscount | None:
    if not form.get("discount_kind"):
        return current
    kind = form.choice("discount_kind", tuple(DISCOUNT_KIND))
    if kind == "none":
        return None
    if kind == "percent":
        value = form.whole("discount_value", low=1, high=PERCENT_MAX)
    else:
        try:
            value = speech.parse_money(form.get("discount_value"), currency, field="discount_value")
        except InputError as error:
            form.refuse(error)
            return None
    try:
        code = form.get("discount_code") or None
        return msgspec.convert({"kind": kind, "value": value, "code": code}, ReferredDiscount)
    except msgspec.ValidationError as error:
        field = "discount_code" if "$.code" in str(error) else "discount_value"
        form.errors[field] = msg("This cannot be a discount; give a value above 0 and a code of at most 64 characters.")
        return None


def _four_eyes(form: Form, current: int | None, *, currency: str, speech: Translator) -> int | None:
    """Return the limit above which a verdict needs a second person; an empty field means none."""
    if not form.get("four_eyes"):
        return None
    try:
        return speech.parse_money(form.get("four_eyes"), currency, field="four_eyes")
    except InputError as error:
        form.refuse(error)
        return current


def _rewards(form: Form, current: ProgramSettings, *, currency: str, speech: Translator) -> tuple[RewardRule, ...]:
    """Return the rewards of the lines that have a value, each under its old name or a new one of its own."""
    taken = {reward.reward_id for reward in current.rewards}
    used: set[str] = set()
    rewards: list[RewardRule] = []
    for index in range(REWARD_ROWS):
        if not form.get(f"reward_value_{index}"):
            continue
        reward = _reward(form, index, currency=currency, speech=speech)
        if reward is None:
            continue
        own = form.get(f"reward_id_{index}")
        known = own if own in taken and own not in used else _new_id(reward, taken | used)
        used.add(known)
        rewards.append(msgspec.structs.replace(reward, reward_id=known))
    if not rewards and not form.errors:
        form.errors["reward_value_0"] = msg("A program needs a reward; give at least one.")
    return tuple(rewards)


def _reward(form: Form, index: int, *, currency: str, speech: Translator) -> RewardRule | None:
    field = f"reward_value_{index}"
    on = form.choice(f"reward_on_{index}", tuple(REWARD_ON))
    kind = form.choice(f"reward_kind_{index}", tuple(REWARD_KIND))
    try:
        if kind == "percent":
            value = {"rate_bps": speech.parse_share(form.get(field), field=field)}
        else:
            value = {"amount_minor": speech.parse_money(form.get(field), currency, field=field)}
    except InputError as error:
        form.refuse(error)
        return None
    if not any(value.values()):
        form.errors[field] = msg("A reward of nothing rewards nobody; give more than 0.")
        return None
    if on == "lead" and kind == "percent":
        form.errors[field] = msg("A lead has no amount to take a percentage of; give a fixed amount.")
        return None
    return msgspec.convert({"reward_id": "new", "on": on, "kind": kind, **value}, RewardRule)


def _new_id(reward: RewardRule, taken: set[str]) -> str:
    base = f"{reward.on}-{reward.kind}"
    names = (base, *(f"{base}-{number}" for number in range(2, len(taken) + 3)))
    return next(name for name in names if name not in taken)
