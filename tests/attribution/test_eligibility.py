"""A touch must pass every test; the first one it fails is its reason."""

import msgspec
import pytest

from attribution.eligibility import index_standings, refuse_partner, refuse_touch, status_at
from attribution.types import Conversion, Journey, PartnerStanding, Settings, Touch

AT = 1_000_000_000_000
STANDINGS = {
    "anna": PartnerStanding(partner_id="anna"),
    "boris": PartnerStanding(partner_id="boris", own_customers=frozenset({"c-7"})),
    "gone": PartnerStanding(partner_id="gone", statuses=((0, "deleted"),)),
}


def make_click(**changes):
    click = Touch(
        touch_id="k1", kind="click", partner_id="anna", program_id="P", visitor_id="v", at_ms=AT - 60_000, seq=1
    )
    return msgspec.structs.replace(click, **changes)


def make_sale(**changes):
    sale = Conversion(
        conversion_id="s1",
        kind="sale",
        program_id="P",
        at_ms=AT,
        seq=9,
        amount_minor=1000,
        currency="EUR",
        visitor_id="v",
        customer_id="c-7",
    )
    return msgspec.structs.replace(sale, **changes)


def refuse(touch, sale=None, **settings):
    refusal = refuse_touch(
        touch, sale or make_sale(), standings=STANDINGS, settings=Settings(program_id="P", **settings)
    )
    return refusal.reason if refusal else None


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({}, None),
        ({"is_test": True}, "test_mismatch"),
        ({"program_id": "Q"}, "other_program"),
        ({"is_bot": True}, "bot"),
        ({"kind": "impression"}, "view_through_disabled"),
        ({"at_ms": AT + 1}, "after_conversion"),
        ({"at_ms": AT - 2_592_000_001}, "outside_window"),
        ({"partner_id": "boris"}, "self_referral"),
        ({"partner_id": "gone"}, "partner_inactive"),
        ({"partner_id": "stranger"}, "partner_inactive"),
        ({"kind": "direct", "partner_id": None}, "direct"),
        ({"partner_id": None}, "direct"),
    ],
)
def test_touch_is_refused_for_the_one_test_it_fails(changes, reason):
    assert refuse(make_click(**changes)) == reason


def test_live_click_does_not_earn_from_a_test_conversion_and_test_click_does():
    assert refuse(make_click(), make_sale(is_test=True)) == "test_mismatch"
    assert refuse(make_click(is_test=True), make_sale(is_test=True)) is None


@pytest.mark.parametrize(
    ("age_ms", "settings", "reason"),
    [
        (0, {}, None),
        (-1, {}, "after_conversion"),
        (10_000, {"window_seconds": 10}, None),
        (10_001, {"window_seconds": 10}, "outside_window"),
        (0, {"window_seconds": 0}, None),
        (1, {"window_seconds": 0}, "outside_window"),
        (5_000, {"min_click_to_conversion_seconds": 5}, None),
        (4_999, {"min_click_to_conversion_seconds": 5}, "too_fast"),
        (0, {"min_click_to_conversion_seconds": 1}, "too_fast"),
    ],
)
def test_windows_are_inclusive_at_both_ends_to_the_millisecond(age_ms, settings, reason):
    assert refuse(make_click(at_ms=AT - age_ms), **settings) == reason


@pytest.mark.parametrize(
    ("age_ms", "reason"), [(10_000, None), (10_001, "outside_window"), (-1, "after_conversion"), (999, "too_fast")]
)
def test_impressions_have_their_own_window(age_ms, reason):
    view = make_click(kind="impression", at_ms=AT - age_ms)
    settings = {"view_through": True, "view_window_seconds": 10, "min_click_to_conversion_seconds": 1}

    assert refuse(view, window_seconds=1, **settings) == reason


def test_click_window_does_not_follow_the_view_window():
    assert refuse(make_click(at_ms=AT - 20_000), view_through=True, view_window_seconds=10) is None


def test_first_failing_test_is_the_reason():
    """Each step repairs the fault found last; the order is the order of the rules."""
    worst = make_click(kind="impression", is_test=True, program_id="Q", is_bot=True, at_ms=AT + 1, partner_id="boris")
    repairs = [
        ("test_mismatch", {"is_test": False}, {}),
        ("other_program", {"program_id": "P"}, {}),
        ("bot", {"is_bot": False}, {}),
        ("view_through_disabled", {}, {"view_through": True}),
        ("after_conversion", {"at_ms": AT - 90_000_000}, {}),
        ("outside_window", {"at_ms": AT - 1}, {"min_click_to_conversion_seconds": 1}),
        ("too_fast", {"at_ms": AT - 1000}, {}),
        ("self_referral", {"partner_id": "gone"}, {}),
        ("partner_inactive", {"partner_id": "anna"}, {}),
        (None, {}, {}),
    ]

    settings = {}
    for reason, touch_changes, settings_changes in repairs:
        assert refuse(worst, **settings) == reason
        worst = msgspec.structs.replace(worst, **touch_changes)
        settings |= settings_changes


def test_self_referral_is_named_before_inactivity():
    both = {"x": PartnerStanding(partner_id="x", statuses=((0, "deleted"),), own_customers=frozenset({"c-7"}))}

    assert refuse_partner("x", make_sale(), both).reason == "self_referral"
    assert refuse_partner("x", make_sale(customer_id="c-8"), both).reason == "partner_inactive"


def test_conversion_without_a_customer_is_nobodys_self_referral():
    assert refuse(make_click(partner_id="boris"), make_sale(customer_id=None)) is None


@pytest.mark.parametrize(
    ("changes", "settings", "detail"),
    [
        ({"at_ms": AT + 5}, {}, {"late_by_ms": 5}),
        ({"at_ms": AT - 2000}, {"window_seconds": 1}, {"age_ms": 2000, "window_seconds": 1}),
        ({"at_ms": AT - 2000}, {"min_click_to_conversion_seconds": 3}, {"age_ms": 2000, "minimum_seconds": 3}),
        ({"program_id": "Q"}, {}, {"program_id": "Q"}),
        ({"is_test": True}, {}, {"touch_mode": "test"}),
        ({"partner_id": "gone"}, {}, {"status": "deleted"}),
        ({"partner_id": "stranger"}, {}, {"status": "unknown"}),
        ({"partner_id": "boris"}, {}, {"customer_id": "c-7"}),
    ],
)
def test_refusal_carries_the_figures_that_show_it(changes, settings, detail):
    refusal = refuse_touch(
        make_click(**changes), make_sale(), standings=STANDINGS, settings=Settings(program_id="P", **settings)
    )

    assert refusal.detail == detail


@pytest.mark.parametrize(
    ("statuses", "at_ms", "status"),
    [
        ((), 5, "active"),
        (((10, "deactivated"),), 9, "active"),
        (((10, "deactivated"),), 10, "deactivated"),
        (((20, "active"), (10, "deactivated")), 19, "deactivated"),
        (((20, "active"), (10, "deactivated")), 20, "active"),
        (((10, "active"), (10, "deleted")), 10, "deleted"),
        (((10, "deleted"), (10, "active")), 10, "deleted"),
        (((0, "applied"), (10, "active")), 5, "applied"),
    ],
)
def test_status_counts_from_its_own_instant_until_the_next(statuses, at_ms, status):
    assert status_at(PartnerStanding(partner_id="p", statuses=statuses), at_ms) == status


def test_partner_without_standing_is_unknown():
    assert status_at(None, 0) == "unknown"


def test_two_standings_of_one_partner_are_a_bug_of_the_caller():
    one, other = PartnerStanding(partner_id="p"), PartnerStanding(partner_id="p", statuses=((0, "deleted"),))

    assert index_standings(Journey(partners=(one, one))) == {"p": one}
    with pytest.raises(ValueError, match='"p" has two standings'):
        index_standings(Journey(partners=(one, other)))
