"""The settings of a fraud rule as a form, made from the rule's own schema; pure.

A field's kind, bounds and choices come from the settings record, so that a rule of a plug-in has its form too. Shares
in parts per million are shown as per cent, times in milliseconds as seconds. What equals the default is not stored.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any, Literal

import msgspec

from fraud_rules.rule import ConfigError, Rule, RuleConfig, read_config
from tracker.admin.forms import Form
from tracker.i18n.messages import Message, mark, msg
from tracker.i18n.translator import Translator

Kind = Literal["tick", "share", "seconds", "whole", "line", "choice", "lines", "json"]
TEXT_MAX = 4000  # characters of one field
LINES_MAX = 200

# What fields are called; one that is not here is called by its own name, with spaces.
LABELS: Mapping[str, str] = {
    "enabled": mark("The rule judges"),
    "weight_ppm": mark("Weight"),
    "weak_weight_ppm": mark("Weight of a guess"),
    "pair_weight_ppm": mark("Weight of a pair"),
    "few_weight_ppm": mark("Weight of a few"),
    "partner_weight_ppm": mark("Weight about the partner as a whole"),
    "same_agent_weight_ppm": mark("Weight with the same browser"),
    "known_device_weight_ppm": mark("Weight on a known device"),
    "device_weight_ppm": mark("Weight of a shared device"),
    "family_weight_ppm": mark("Weight within a family"),
    "couple_weight_ppm": mark("Weight of a couple"),
    "forgotten_weight_ppm": mark("Weight of a forgotten account"),
    "forgotten_after_days": mark("Days after which an account is forgotten"),
    "repeat_weight_ppm": mark("Weight of a repetition"),
    "vpn_weight_ppm": mark("Weight of a VPN"),
    "workplace_weight_ppm": mark("Weight at a workplace"),
    "leak_weight_ppm": mark("Weight of a leaked code"),
    "banned_weight_ppm": mark("Weight of a banned source"),
    "click_weight_ppm": mark("Weight about a click"),
    "sale_weight_ppm": mark("Weight about a sale"),
    "verified_damping_ppm": mark("What is left of the weight when contacts are verified"),
    "family_damping_ppm": mark("What is left of the weight within a family"),
    "gathering_damping_ppm": mark("What is left of the weight at a gathering"),
    "diverse_damping_ppm": mark("What is left of the weight when people differ"),
    "window_days": mark("Window, days"),
    "window_hours": mark("Window, hours"),
    "days_min": mark("Days at least"),
    "lag_hours": mark("Hours a shop's system may lag"),
    "people_min": mark("People at least"),
    "leads_min": mark("Leads at least"),
    "sales_min": mark("Sales at least"),
    "conversions_min": mark("Conversions at least"),
    "partners_min": mark("Partners at least"),
    "hosts_min": mark("Addresses at least"),
    "refunds_min": mark("Refunds at least"),
    "signs_min": mark("Contradictions at least"),
    "loads_min": mark("Loads at least"),
    "sample_min": mark("Conversions before the program's own line counts"),
    "program_min": mark("Conversions of the program at least"),
    "times_program": mark("Times the program's share"),
    "expected_share_ppm": mark("Share expected of this program's partners"),
    "share_min_ppm": mark("Share at least"),
    "share_above_ppm": mark("Share above"),
    "rate_above_ppm": mark("Rate above"),
    "points_above_ppm": mark("Above the program by at least"),
    "surprise_below_ppm": mark("Fires when chance would explain less than"),
    "chance_below_ppm": mark("Fires when chance would explain less than"),
    "p_below_ppm": mark("Fires when chance would explain less than"),
    "fire_at_ppm": mark("Strength from which it fires"),
    "lead_line_ms": mark("Fastest lead, seconds"),
    "paid_line_ms": mark("Fastest sale, seconds"),
    "paid_within_seconds": mark("Paid within, seconds"),
    "host_hour_min": mark("Clicks of one address in an hour"),
    "device_day_above": mark("Clicks of one device in a day"),
    "allowed_domains": mark("Domains that are allowed"),
    "allowed_campaigns": mark("Ad campaigns that are allowed"),
    "banned_referrers": mark("Pages visitors must not come from"),
    "banned_landings": mark("Pages visitors must not land on"),
    "method_from_partners": mark("Partners from which a shared payout is a method"),
}
_PLACES = Decimal(10_000)  # parts per million in a per cent


class Field(msgspec.Struct, frozen=True, kw_only=True):
    """One setting as a form shows it; `default` is written as it would be typed."""

    name: str
    label: str
    kind: Kind
    low: int | None = None
    high: int | None = None
    choices: tuple[str, ...] = ()
    is_optional: bool = False
    default: str = ""


def fields_of(rule: Rule[Any]) -> list[Field]:
    """Return the fields of a rule's form, the switch first."""
    schema = msgspec.json.schema(type(rule.config))
    known = schema.get("$defs", {})
    properties = known[schema["$ref"].rpartition("/")[2]]["properties"]
    fields = [_field(name, _resolved(properties[name], known), rule.config) for name in properties]
    return sorted(fields, key=lambda field: field.name != "enabled")


def label_of(name: str, speech: Translator) -> str:
    """Return what a setting is called in the reader's language; without a name of its own, its name with spaces."""
    if name in LABELS:
        return speech.gettext(LABELS[name])
    bare = name.removesuffix("_ppm").removesuffix("_ms").replace("_", " ").capitalize()
    return speech.gettext("%(name)s, seconds", name=bare) if name.endswith("_ms") else bare


def values_of(fields: Sequence[Field], config: RuleConfig) -> list[tuple[str, str]]:
    """Return settings as they stand in the form's fields."""
    return [(field.name, written(field.kind, getattr(config, field.name))) for field in fields]


def read_rule(form: Form, rule: Rule[Any]) -> dict[str, Any] | None:
    """Return the settings in the form that differ from the rule's defaults, or None with every refusal noted on it."""
    raw: dict[str, Any] = {}
    for field in fields_of(rule):
        value = _typed(form, field)
        if isinstance(value, Message):
            form.errors[field.name] = value
        else:
            raw[field.name] = value
    if form.errors:
        return None
    try:
        config = read_config(rule, raw)
    except ConfigError as error:
        form.errors["settings"] = msg("%(problem)s", problem=str(error))
        return None
    chosen, usual = msgspec.to_builtins(config), msgspec.to_builtins(rule.config)
    return {name: value for name, value in chosen.items() if value != usual[name]}


def written(kind: Kind, value: Any) -> str:
    """Return a setting's value as it is typed."""
    if value is None:
        return ""
    if kind == "tick":
        return "on" if value else ""
    if kind == "share":
        return _plain(Decimal(int(value)) / _PLACES)
    if kind == "seconds":
        return _plain(Decimal(int(value)) / 1000)
    if kind == "lines":
        return "\n".join(map(str, value))
    return msgspec.json.encode(value).decode() if kind == "json" else str(value)


def _field(name: str, schema: Mapping[str, Any], defaults: RuleConfig) -> Field:
    options = schema.get("anyOf", [schema])
    given = [each for each in options if each.get("type") != "null"]
    one = given[0] if len(given) == 1 else {}
    kind = _kind(name, one)
    return Field(
        name=name,
        label=LABELS.get(name, name),
        kind=kind,
        low=one.get("minimum"),
        high=one.get("maximum"),
        choices=tuple(map(str, one.get("enum", ()))),
        is_optional=len(given) < len(options),
        default=written(kind, getattr(defaults, name)),
    )


def _kind(name: str, schema: Mapping[str, Any]) -> Kind:
    kind = schema.get("type")
    if kind == "boolean":
        return "tick"
    if kind == "integer":
        return "share" if name.endswith("_ppm") else "seconds" if name.endswith("_ms") else "whole"
    if "enum" in schema:
        return "choice"
    if kind == "string":
        return "line"
    return "lines" if kind == "array" and schema.get("items", {}).get("type") == "string" else "json"


def _resolved(schema: Mapping[str, Any], known: Mapping[str, Any]) -> Mapping[str, Any]:
    name = schema.get("$ref", "").rpartition("/")[2]
    resolved: Mapping[str, Any] = known.get(name, schema)
    return resolved


def _typed(form: Form, field: Field) -> Any:
    """Return the value of a field, or the message that refuses it."""
    text = form.raw(field.name).strip()
    if len(text) > TEXT_MAX:
        return msg("Has %(length)s characters; give at most %(most)s.", length=len(text), most=TEXT_MAX)
    if field.kind == "tick":
        return form.is_on(field.name)
    if not text and field.is_optional:
        return None
    if field.kind in {"share", "seconds", "whole"}:
        return _number(text, field)
    if field.kind == "lines":
        return [line.strip() for line in text.splitlines() if line.strip()][:LINES_MAX]
    if field.kind == "json":
        try:
            return msgspec.json.decode(text)
        except msgspec.DecodeError:
            return msg("This is no JSON; write it as the default is written.")
    if field.kind == "choice" and text not in field.choices:
        return msg("Choose one of the list.")
    return text


def _number(text: str, field: Field) -> Any:
    scale = {"share": _PLACES, "seconds": Decimal(1000)}.get(field.kind, Decimal(1))
    low, high = field.low or 0, field.high if field.high is not None else 10**12
    refusal = msg(
        "Give a number from %(low)s to %(high)s.", low=_plain(Decimal(low) / scale), high=_plain(Decimal(high) / scale)
    )
    # A comma is the decimal mark of half of the readers; these numbers are too small to be grouped.
    typed = text.replace(",", ".").removesuffix("%").strip()
    if len(typed) > 20 or not typed.isascii():
        return refusal
    try:
        value = Decimal(typed) * scale
    except InvalidOperation:
        return refusal
    if not value.is_finite() or value != value.to_integral_value() or not low <= value <= high:
        return refusal
    return int(value)


def _plain(value: Decimal) -> str:
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
