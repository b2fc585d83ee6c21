"""Settings and weights refuse what no program can mean."""

from fractions import Fraction

import msgspec
import pytest

from attribution.types import CustomWeights, Settings, parse_factor, parse_weight


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2/5", Fraction(2, 5)),
        ("0.4", Fraction(2, 5)),
        ("1", Fraction(1)),
        ("0", Fraction(0)),
        ("999999999/999999999", Fraction(1)),
    ],
)
def test_weight_text_is_read_exactly(text, value):
    assert parse_weight(text) == value


@pytest.mark.parametrize(
    "text", ["", " 1", "1/0", "1/000", "-1/2", "+1", "1e9", "1/2/3", ".5", "1.", "1234567890", "½", "٣", "1\n"]
)
def test_weight_text_of_another_shape_is_refused_with_an_example(text):
    with pytest.raises(ValueError, match=r'write it like "2/5"'):
        parse_weight(text)


def test_default_settings_are_last_click_thirty_days_binding_and_click_first():
    settings = Settings(program_id="P")

    assert (settings.model, settings.window_seconds, settings.binding) == ("last_click", 2_592_000, "first_conversion")
    assert (settings.coupon_policy, settings.view_through, settings.fingerprint_fallback) == (
        "click_first",
        False,
        False,
    )
    assert settings.position_weights == ("2/5", "1/5", "2/5")
    assert (settings.half_life_seconds, settings.view_window_seconds) == (604_800, 86_400)
    assert (settings.commission_months, settings.min_click_to_conversion_seconds) == (None, 0)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"window_seconds": -1}, "window_seconds is -1"),
        ({"view_window_seconds": -1}, "view_window_seconds is -1"),
        ({"min_click_to_conversion_seconds": -1}, "min_click_to_conversion_seconds is -1"),
        ({"commission_months": -1}, "commission_months is -1"),
        ({"half_life_seconds": 0}, "half_life_seconds is 0"),
        ({"position_weights": ("2/5", "2/5", "2/5")}, "do not sum to 1"),
        ({"position_weights": ("x", "0", "1")}, 'Weight "x"'),
        ({"model": "custom"}, "model is custom and custom_weights are missing"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_impossible_settings_are_refused_with_their_name(changes, message):
    with pytest.raises(ValueError, match=message):
        Settings(program_id="P", **changes)


@pytest.mark.parametrize("changes", [{"window_seconds": 0}, {"commission_months": 0}, {"half_life_seconds": 1}])
def test_smallest_settings_are_taken(changes):
    settings = Settings(program_id="P", **changes)

    assert all(getattr(settings, name) == value for name, value in changes.items())


def test_settings_refuse_unknown_fields_and_models():
    for wrong in ({"program_id": "P", "windows": 1}, {"program_id": "P", "model": "last"}):
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert(wrong, Settings)


@pytest.mark.parametrize(
    ("text", "value"), [("0", 0), ("2", 2), ("1.5", Fraction(3, 2)), ("999.999", Fraction(999_999, 1000))]
)
def test_factor_text_is_read_exactly(text, value):
    assert parse_factor(text) == value


@pytest.mark.parametrize("text", ["", " 1", "1000", "1.0000", "-1", "1/2", "1,5", "x", ".5", "٣"])
def test_factor_text_of_another_shape_is_refused_with_an_example(text):
    with pytest.raises(ValueError, match=r'write it like "2"'):
        parse_factor(text)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({}, "name no position and no group"),
        ({"between": "2"}, "name no position and no group"),
        ({"from_start": ("x",)}, 'Factor "x"'),
        ({"from_end": ("1000",)}, 'Factor "1000"'),
        ({"from_start": ("1",), "between": "x"}, 'Factor "x"'),
        ({"groups": {"gold": "x"}}, 'Factor "x"'),
        ({"from_start": ("0",), "from_end": ("0", "0"), "between": "0"}, "give every position 0"),
        ({"groups": {"gold": "2"}, "between": "0"}, "give every position 0"),
        ({"from_start": ("1",) * 21}, "from_start has 21 factors; give at most 20"),
        ({"from_end": ("1",) * 21}, "from_end has 21 factors"),
        ({"groups": {str(i): "1" for i in range(101)}}, "groups has 101 factors; give at most 100"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_custom_weights_that_weigh_nobody_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        CustomWeights(**changes)


@pytest.mark.parametrize(
    "changes",
    [
        {"from_start": ("0",)},
        {"from_start": ("0", "1"), "between": "0"},
        {"from_end": ("1",) * 20, "between": "0"},
        {"groups": {"gold": "0"}},
        {"groups": {str(i): "1" for i in range(100)}},
    ],
    ids=["all_but_the_first", "the_second_alone", "longest_list", "not_this_group", "most_groups"],
)
def test_custom_weights_that_can_weigh_somebody_are_taken(changes):
    weights = CustomWeights(**changes)

    assert Settings(program_id="P", model="custom", custom_weights=weights).custom_weights == weights


def test_custom_weights_refuse_a_base_that_shares_nothing():
    with pytest.raises(msgspec.ValidationError, match="last_click"):
        msgspec.convert({"base": "last_click", "from_start": ["1"]}, CustomWeights)
