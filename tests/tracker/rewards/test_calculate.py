from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracker.rewards.calculate import DAY_MS, RewardedConversion, RewardedCredit, dues_of
from tracker.rewards.types import MINOR_MAX, RewardRule

TWENTY_PERCENT = RewardRule(reward_id="sale-percent", on="sale", kind="percent", rate_bps=2000)
TEN_EUROS = RewardRule(reward_id="sale-fixed", on="sale", kind="fixed", amount_minor=1000)
FIVE_EUROS_A_LEAD = RewardRule(reward_id="lead-fixed", on="lead", kind="fixed", amount_minor=500)


def credit(enrollment_id="enr_a", weight="1"):
    return RewardedCredit(enrollment_id=enrollment_id, weight=weight)


def make_conversion(**changes):
    values = {
        "kind": "sale",
        "base_minor": 10_000,
        "net_base_minor": changes.get("base_minor", 10_000),
        "currency": "USD",
        "program_currency": "EUR",
        "program_version": 3,
        "occurred_at_ms": 1_000,
        "hold_days": 30,
        "credits": (credit(),),
        "rules": (TWENTY_PERCENT,),
    }
    return RewardedConversion(**(values | changes))


def amounts(conversion):
    return [(due.enrollment_id, due.currency, due.amount_minor) for due in dues_of(conversion)]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param({}, [("enr_a", "USD", 2000)], id="percent-in-the-sales-currency"),
        pytest.param({"rules": (TEN_EUROS,)}, [("enr_a", "EUR", 1000)], id="fixed-in-the-programs-currency"),
        pytest.param(
            {"rules": (TWENTY_PERCENT, TEN_EUROS)}, [("enr_a", "USD", 2000), ("enr_a", "EUR", 1000)], id="hybrid"
        ),
        pytest.param({"credits": ()}, [], id="nobody-credited"),
        pytest.param({"rules": ()}, [], id="no-rules"),
        pytest.param({"rules": (FIVE_EUROS_A_LEAD,)}, [], id="lead-rule-on-a-sale"),
        pytest.param({"rate_overrides": {"enr_a": 3500}}, [("enr_a", "USD", 3500)], id="own-rate"),
        pytest.param({"rate_overrides": {"enr_a": 0}}, [("enr_a", "USD", 0)], id="own-rate-of-zero"),
        pytest.param({"rate_overrides": {"enr_b": 1}}, [("enr_a", "USD", 2000)], id="anothers-rate"),
        pytest.param({"net_base_minor": 4_000}, [("enr_a", "USD", 800)], id="partly-refunded-percent"),
        pytest.param({"net_base_minor": 0}, [("enr_a", "USD", 0)], id="fully-refunded-percent"),
        pytest.param(
            {"net_base_minor": 4_000, "rules": (TEN_EUROS,)}, [("enr_a", "EUR", 400)], id="partly-refunded-fixed"
        ),
        pytest.param({"net_base_minor": 0, "rules": (TEN_EUROS,)}, [("enr_a", "EUR", 0)], id="fully-refunded-fixed"),
        pytest.param({"base_minor": 0, "rules": (TEN_EUROS,)}, [("enr_a", "EUR", 1000)], id="free-sale-fixed"),
        pytest.param(
            {"base_minor": 0, "is_fully_refunded": True, "rules": (TEN_EUROS, TWENTY_PERCENT)},
            [("enr_a", "EUR", 0), ("enr_a", "USD", 0)],
            id="free-base-fully-refunded",
        ),
        pytest.param(
            {"kind": "lead", "base_minor": 0, "currency": None, "rules": (FIVE_EUROS_A_LEAD,)},
            [("enr_a", "EUR", 500)],
            id="lead-without-amount",
        ),
        pytest.param(
            {
                "kind": "lead",
                "base_minor": 0,
                "currency": None,
                "rules": (RewardRule(reward_id="p", on="lead", kind="percent", rate_bps=100),),
            },
            [],
            id="percent-of-a-lead-without-amount",
        ),
    ],
)
def test_a_conversion_earns(changes, expected):
    assert amounts(make_conversion(**changes)) == expected


@pytest.mark.parametrize(
    ("base_minor", "expected"),
    [(2, 0), (3, 1), (7, 1), (8, 2), (13, 3)],
    ids=["0.4", "0.6", "1.4", "1.6", "2.6"],
)
def test_percent_is_rounded_once_to_the_nearest_unit(base_minor, expected):
    assert amounts(make_conversion(base_minor=base_minor)) == [("enr_a", "USD", expected)]


@pytest.mark.parametrize(("base_minor", "expected"), [(5, 0), (15, 2), (25, 2), (35, 4)])
def test_a_half_goes_to_the_even_unit(base_minor, expected):
    tenth = RewardRule(reward_id="tenth", on="sale", kind="percent", rate_bps=1000)

    assert amounts(make_conversion(base_minor=base_minor, rules=(tenth,))) == [("enr_a", "USD", expected)]


@pytest.mark.parametrize(("net", "expected"), [(1, 0), (3, 2), (2, 1)])
def test_a_refunded_fixed_part_is_rounded_half_even(net, expected):
    two = RewardRule(reward_id="two", on="sale", kind="fixed", amount_minor=2)

    assert amounts(make_conversion(base_minor=4, net_base_minor=net, rules=(two,))) == [("enr_a", "EUR", expected)]


def test_parts_of_one_enrollment_are_summed_before_its_rate_applies():
    """Rounding each touch alone would pay a partner with many touches differently from one with a single touch."""
    thirds = tuple(credit(weight="1/3") for _ in range(3))

    assert amounts(make_conversion(base_minor=10, credits=thirds)) == [("enr_a", "USD", 2)]


def test_a_fixed_amount_is_shared_by_weight_and_adds_up():
    shares = (credit("enr_a", "1/3"), credit("enr_b", "1/3"), credit("enr_c", "1/3"))

    assert amounts(make_conversion(credits=shares, rules=(TEN_EUROS,))) == [
        ("enr_a", "EUR", 334),
        ("enr_b", "EUR", 333),
        ("enr_c", "EUR", 333),
    ]


def test_a_due_is_available_after_the_hold_counted_from_the_sale():
    (due,) = dues_of(make_conversion(occurred_at_ms=5, hold_days=14))

    assert due.available_at_ms == 5 + 14 * DAY_MS


def test_the_calculation_explains_every_number():
    conversion = make_conversion(
        net_base_minor=9_000,
        credits=(credit("enr_a", "2/5"), credit("enr_b", "1/5"), credit("enr_a", "2/5")),
        rate_overrides={"enr_a": 2500},
    )

    assert dues_of(conversion)[0].calculation == {
        "rule": "percent",
        "base_minor": 10_000,
        "net_base_minor": 9_000,
        "base_currency": "USD",
        "weights": ["2/5", "2/5"],
        "part_minor": 7_200,
        "rate_bps": 2500,
        "rate_from": "enrollment",
        "amount_minor": 1_800,
        "hold_days": 30,
        "program_version": 3,
    }


@pytest.mark.parametrize("net", [-1, 10_001])
def test_a_net_base_outside_the_base_is_refused(net):
    with pytest.raises(ValueError, match=rf"Net base {net} is outside 0 … 10000"):
        dues_of(make_conversion(net_base_minor=net))


weights = st.lists(st.integers(1, 1000), min_size=1, max_size=6).map(
    lambda parts: [Fraction(part, sum(parts)) for part in parts]
)


@given(base=st.integers(0, MINOR_MAX), kept=st.fractions(0, 1), rate=st.integers(0, 10_000), shares=weights)
def test_no_line_is_off_by_more_than_half_a_unit_and_parts_add_up(base, kept, rate, shares):
    rules = (
        RewardRule(reward_id="percent", on="sale", kind="percent", rate_bps=rate),
        RewardRule(reward_id="fixed", on="sale", kind="fixed", amount_minor=base),
    )
    parts = tuple(credit(f"enr_{index}", str(share)) for index, share in enumerate(shares))
    net = int(base * kept)
    dues = dues_of(make_conversion(base_minor=base, net_base_minor=net, rules=rules, credits=parts))

    percent = [due.calculation for due in dues if due.reward_id == "percent"]
    assert sum(each["part_minor"] for each in percent) == net
    for each in percent:
        assert abs(each["amount_minor"] - Fraction(each["part_minor"] * rate, 10_000)) <= Fraction(1, 2)
    fixed = [due.calculation for due in dues if due.reward_id == "fixed"]
    assert sum(each["part_minor"] for each in fixed) == base
    for each in fixed:
        exact = each["part_minor"] * Fraction(net, base) if base else each["part_minor"]
        assert abs(each["amount_minor"] - exact) <= Fraction(1, 2)
