"""Which touches speak for a conversion, and at which level."""

import msgspec
import pytest

from attribution.levels import CAP_HALF, Cut, order_touches, sort_touches
from attribution.types import Conversion, Journey, PartnerStanding, Settings, Touch

AT = 10_000_000
SALE = Conversion(
    conversion_id="s1",
    kind="sale",
    program_id="P",
    at_ms=AT,
    seq=99,
    amount_minor=100,
    currency="EUR",
    visitor_id="v",
    click_id="named",
    fingerprint="fp",
)
STANDINGS = {"anna": PartnerStanding(partner_id="anna")}


def make_click(touch_id="k1", **changes):
    click = Touch(
        touch_id=touch_id, kind="click", partner_id="anna", program_id="P", visitor_id="other", at_ms=AT - 5000, seq=1
    )
    return msgspec.structs.replace(click, **changes)


def sort(*touches, sale=SALE, visitors=(), **settings):
    return sort_touches(
        sale,
        Journey(touches=touches, visitors=frozenset(visitors)),
        standings=STANDINGS,
        settings=Settings(program_id="P", view_through=True, **settings),
    )


def names(touches):
    return [touch.touch_id for touch in touches]


@pytest.mark.parametrize(
    ("touch", "level"),
    [
        (make_click("named"), "click_id"),
        (make_click("named", visitor_id="v"), "click_id"),
        (make_click(visitor_id="v"), "clicks"),
        (make_click(visitor_id="v", fingerprint="fp"), "clicks"),
        (make_click(visitor_id="phone"), "clicks"),
        (make_click(visitor_id="v", kind="impression"), "impressions"),
        (make_click("named", visitor_id="v", kind="impression"), "impressions"),
        (make_click(fingerprint="fp"), "fingerprint"),
        (make_click(visitor_id=None, fingerprint="fp"), "fingerprint"),
    ],
)
def test_touch_speaks_at_its_strongest_level(touch, level):
    sorted_touches = sort(touch, visitors=["phone"], fingerprint_fallback=True)

    assert sorted_touches.eligible == {level: (touch,)}
    assert sorted_touches.found == {level}


@pytest.mark.parametrize(
    "touch",
    [
        make_click(),
        make_click(fingerprint="other"),
        make_click(visitor_id=None),
        make_click("named", kind="impression"),
        make_click(fingerprint="fp", kind="impression"),
        make_click(kind="direct", partner_id=None),
    ],
    ids=["other_visitor", "other_fingerprint", "no_visitor", "view_by_id", "view_by_fingerprint", "others_direct"],
)
def test_touch_of_no_level_is_left_out_without_a_word(touch):
    sorted_touches = sort(touch, fingerprint_fallback=True)

    assert (sorted_touches.eligible, sorted_touches.refused) == ({}, ())


def test_nothing_equals_nothing_is_no_match():
    sale = msgspec.structs.replace(SALE, visitor_id=None, fingerprint=None, click_id=None)

    sorted_touches = sort(make_click(visitor_id=None), sale=sale, fingerprint_fallback=True)

    assert (sorted_touches.eligible, sorted_touches.refused) == ({}, ())


def test_fingerprint_touch_is_refused_where_the_program_does_not_allow_it():
    (refused,) = sort(make_click(fingerprint="fp")).refused

    assert refused.refusal.reason == "fingerprint_disabled"


def test_direct_visit_is_refused_and_counts_for_no_level():
    sorted_touches = sort(make_click(visitor_id="v", kind="direct", partner_id=None))

    assert sorted_touches.refused[0].refusal.reason == "direct"
    assert sorted_touches.found == frozenset()


def test_involved_are_partners_with_an_eligible_touch_but_not_by_fingerprint():
    assert sort(make_click(visitor_id="v")).involved() == {"anna"}
    assert sort(make_click("named")).involved() == {"anna"}
    assert sort(make_click(visitor_id="v", kind="impression")).involved() == {"anna"}
    assert sort(make_click(visitor_id="v", is_bot=True)).involved() == frozenset()
    assert sort(make_click(fingerprint="fp"), fingerprint_fallback=True).involved() == frozenset()


def test_touches_stand_by_instant_then_sequence_then_id():
    touches = [
        make_click("d", at_ms=2, seq=1),
        make_click("c", at_ms=1, seq=3),
        make_click("b", at_ms=1, seq=2),
        make_click("a", at_ms=1, seq=3),
    ]

    assert names(order_touches(touches)) == ["b", "a", "c", "d"]


def test_touch_handed_in_twice_counts_once_and_the_earlier_record_stands():
    early, late = make_click(at_ms=1), make_click(at_ms=2)

    assert order_touches([early, early]) == [early]
    assert order_touches([late, early]) == order_touches([early, late]) == [early]


@pytest.mark.parametrize("count", [1, 2 * CAP_HALF])
@pytest.mark.parametrize("is_bot", [False, True])
def test_journey_up_to_the_cap_is_kept_whole(count, is_bot):
    clicks = [make_click(str(i), visitor_id="v", at_ms=i, is_bot=is_bot) for i in range(count)]

    sorted_touches = sort(*clicks)

    assert len(sorted_touches.eligible.get("clicks", ())) + len(sorted_touches.refused) == count
    assert sorted_touches.cuts == ()


def test_journey_over_the_cap_keeps_the_first_and_the_latest_thousand():
    clicks = [make_click(str(i), visitor_id="v", at_ms=i) for i in range(2 * CAP_HALF + 2)]

    sorted_touches = sort(*clicks)

    kept = names(sorted_touches.eligible["clicks"])
    assert kept == [str(i) for i in (*range(1000), *range(1002, 2002))]
    assert sorted_touches.refused == ()
    assert sorted_touches.cuts == (Cut(name="clicks", touches=2002, kept=2000, from_ms=1000, to_ms=1001),)


def test_refused_touches_over_the_cap_are_told_once():
    bots = [make_click(f"b{i:04}", visitor_id="v", at_ms=i, is_bot=True) for i in range(2 * CAP_HALF + 1)]

    sorted_touches = sort(*bots)

    kept = [entry.touch.touch_id for entry in sorted_touches.refused]
    assert kept == [f"b{i:04}" for i in (*range(1000), *range(1001, 2001))]
    assert sorted_touches.cuts == (Cut(name="refused", touches=2001, kept=2000, from_ms=1000, to_ms=1000),)


def test_refused_touches_never_push_an_eligible_one_over_the_cap():
    """A flood of bots, or of clicks after the sale, must not move money; nor must handing them in or not."""
    bots = [make_click(f"b{i}", visitor_id="v", at_ms=i, is_bot=True) for i in range(2100)]
    late = [make_click(f"l{i}", visitor_id="v", at_ms=AT + 1 + i) for i in range(2100)]
    good = make_click("good", visitor_id="v", at_ms=1050)

    assert sort(*bots, *late, good).eligible == sort(good).eligible == {"clicks": (good,)}


def test_each_level_has_its_own_cap():
    clicks = [make_click(f"k{i}", visitor_id="v", at_ms=AT - 3000 + i) for i in range(1500)]
    views = [make_click(f"i{i}", visitor_id="v", at_ms=AT - 3000 + i, kind="impression") for i in range(1500)]

    sorted_touches = sort(*clicks, *views)

    assert {level: len(touches) for level, touches in sorted_touches.eligible.items()} == {
        "clicks": 1500,
        "impressions": 1500,
    }
    assert sorted_touches.cuts == ()
