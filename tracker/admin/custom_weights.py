"""The fields of a program's own attribution weights in the form of its terms: from typed factors and back; pure.

`program_terms.py` calls it. Factors by partner group, which the form does not show, stay as they were.
"""

import msgspec

from attribution.types import FACTORS_MAX, CustomWeights, parse_factor
from tracker.admin.forms import Form
from tracker.admin.labels import CUSTOM_BASE
from tracker.i18n.messages import msg


def custom_fields(weights: CustomWeights | None) -> dict[str, str]:
    """Return the form's fields for own weights; without any, those under which every click weighs the same."""
    if weights is None:
        return {"custom_base": "linear", "custom_between": "1"}
    return {
        "custom_base": weights.base,
        "custom_from_start": " ".join(weights.from_start),
        "custom_between": weights.between,
        "custom_from_end": " ".join(weights.from_end),
    }


def is_custom_typed(form: Form) -> bool:
    """Tell whether there are factors in the form, which are kept also under another model."""
    return bool(form.get("custom_from_start") or form.get("custom_from_end"))


def read_custom(form: Form, current: CustomWeights | None) -> CustomWeights | None:
    """Return the weights in the form, or None with the refusal noted beside its field."""
    base = form.choice("custom_base", tuple(CUSTOM_BASE))
    from_start = _read_factors(form, "custom_from_start", most=FACTORS_MAX)
    between = _read_factors(form, "custom_between", most=1) or ("1",)
    from_end = _read_factors(form, "custom_from_end", most=FACTORS_MAX)
    groups = current.groups if current else {}
    if any(name.startswith("custom_") for name in form.errors):
        return None
    if not (from_start or from_end or groups):
        form.errors["custom_from_start"] = msg("Own weights need a factor for the first or the last clicks.")
        return None
    if not any(map(parse_factor, (*from_start, *between, *from_end))):
        form.errors["custom_from_start"] = msg(
            "Every click would weigh 0 and nobody could earn; give one of them more."
        )
        return None
    return msgspec.convert(
        {"base": base, "from_start": from_start, "between": between[0], "from_end": from_end, "groups": groups},
        CustomWeights,
    )


def _read_factors(form: Form, field: str, *, most: int) -> tuple[str, ...]:
    """Return the typed factors; decimal commas are read too."""
    factors = tuple(typed.replace(",", ".") for typed in form.get(field).split())
    for factor in factors:
        try:
            parse_factor(factor)
        except ValueError:
            form.errors[field] = msg(
                '"%(factor)s" is no factor; give numbers from 0 to 999.999, such as 3 or 1.5, with blanks between.',
                factor=factor[:40],
            )
    if len(factors) > most:
        form.errors[field] = msg(
            "There are %(count)s factors here; give at most %(most)s.", count=len(factors), most=most
        )
    return factors
