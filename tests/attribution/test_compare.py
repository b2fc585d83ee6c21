"""Models compared: what each would give every partner, to the unit, beside what is in force."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attribution.compare import DecidedJourney, PathTouch, compare, trace_journey
from attribution.engine import attribute
from attribution.models import BILLION, MODELS
from attribution.reports import markov
from attribution.reports.paths import CountedPath
from attribution.reports.registry import REPORT_MODELS
from attribution.types import (
    DAY_MS,
    Binding,
    CodeEntry,
    Conversion,
    Credit,
    CustomWeights,
    Journey,
    PartnerStanding,
    Settings,
    Touch,
)

# Each example may take its time: a busy machine, or one that measures coverage, is many times slower.
PATIENT = settings(deadline=None)

AT = 100 * DAY_MS
OWN = CustomWeights(from_start=("3",), groups={"basic": "0"})
PARTNERS = (
    PartnerStanding(partner_id="anna"),
    PartnerStanding(partner_id="boris"),
    PartnerStanding(partner_id="vera", group="basic"),
)


def make_touch(partner_id, days, group=None):
    return PathTouch(partner_id=partner_id, at_ms=AT - days * DAY_MS, group=group)


def make_journey(name, *touches, credited=None, amount=100, currency="EUR"):
    credited = credited if credited is not None else (touches[-1].partner_id if touches else "")
    credits_ = (Credit(touch_id="t", partner_id=credited, weight="1", amount_minor=amount),) if credited else ()
    return DecidedJourney(
        conversion_id=name, at_ms=AT, amount_minor=amount, currency=currency, credits=credits_, touches=touches
    )


def run(journeys, lost=(), **rules):
    return compare(journeys, lost, Settings(program_id="P", **rules))


def table(comparison, model):
    (figures,) = [entry for entry in comparison.models if entry.model == model]
    return {entry.partner_id: (entry.conversions_ppb, entry.amount_minor) for entry in figures.partners}


TWO = (make_touch("anna", 7), make_touch("boris", 0))


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("first_click", {"anna": (2 * BILLION, 151), "boris": (0, 0)}),
        ("last_click", {"anna": (BILLION, 50), "boris": (BILLION, 101)}),
        ("last_non_direct", {"anna": (BILLION, 50), "boris": (BILLION, 101)}),
        ("linear", {"anna": (BILLION * 3 // 2, 101), "boris": (BILLION // 2, 50)}),
        ("position_based", {"anna": (BILLION * 3 // 2, 101), "boris": (BILLION // 2, 50)}),
        ("time_decay", {"anna": (1_333_333_333, 84), "boris": (666_666_667, 67)}),
        ("custom", {"anna": (1_750_000_000, 126), "boris": (250_000_000, 25)}),
        ("participation", {"anna": (2 * BILLION, 151), "boris": (BILLION, 101)}),
        # halves of 101: the odd unit goes to the partner who sorts first
        ("shared_by_distinct_partner", {"anna": (BILLION * 3 // 2, 101), "boris": (BILLION // 2, 50)}),
        # anna is met by both, boris by half: effects 1 and 1/2 share two conversions and 151
        ("markov_order_1", {"anna": (1_333_333_333, 101), "boris": (666_666_667, 50)}),
        ("markov_order_2", {"anna": (1_333_333_333, 101), "boris": (666_666_667, 50)}),
    ],
)
def test_each_model_gives_what_its_definition_says(model, expected):
    journeys = [make_journey("s1", *TWO, amount=101), make_journey("s2", make_touch("anna", 1), amount=50)]

    assert table(run(journeys, custom_weights=OWN), model) == expected


def test_every_model_is_there_and_only_rule_models_pay():
    comparison = run([make_journey("s1", *TWO)], custom_weights=OWN)

    assert [entry.model for entry in comparison.models] == [*MODELS, *(model.name for model in REPORT_MODELS)]
    assert {entry.model for entry in comparison.models if entry.pays} == set(MODELS)
    assert [entry.model for entry in comparison.models if not entry.is_shared] == ["participation"]


def test_custom_is_left_out_where_the_program_has_no_own_weights():
    assert "custom" not in [entry.model for entry in run([make_journey("s1", *TWO)]).models]


def test_difference_is_to_the_credits_in_force_whatever_today_settings_say():
    comparison = run([make_journey("s1", *TWO, credited="boris", amount=100)], model="first_click")

    assert comparison.in_force.model == "first_click"
    assert [(entry.partner_id, entry.amount_minor) for entry in comparison.in_force.partners] == [
        ("anna", 0),
        ("boris", 100),
    ]
    first = comparison.models[0]
    assert [(entry.conversions_change_ppb, entry.amount_change_minor) for entry in first.partners] == [
        (BILLION, 100),
        (-BILLION, -100),
    ]


def test_journey_without_touches_keeps_its_credits_under_every_model():
    """A binding, a code or an inherited lead: no model has a say in it."""
    bound = make_journey("s1", credited="anna", amount=70)

    comparison = run([bound], custom_weights=OWN)

    assert all(table(comparison, entry.model) == {"anna": (BILLION, 70)} for entry in comparison.models)


def test_unattributed_journey_is_counted_apart_under_every_model():
    comparison = run([make_journey("s1", amount=70), make_journey("s2", *TWO, amount=30)])

    for figures in (comparison.in_force, *comparison.models):
        assert (figures.unattributed_conversions, figures.unattributed_amount_minor) == (1, 70)


def test_journey_that_own_weights_give_nobody_is_unattributed_under_custom_alone():
    comparison = run([make_journey("s1", make_touch("vera", 1, "basic"))], custom_weights=OWN)

    left = {entry.model: entry.unattributed_conversions for entry in comparison.models}
    assert left.pop("custom") == 1
    assert set(left.values()) == {0}
    assert table(comparison, "custom") == {"vera": (0, 0)}


def test_lost_journeys_move_markov_alone():
    """Order 1 believes that whoever leads to boris leads to a purchase; order 2 knows by whom boris was found."""
    lost = [CountedPath(partners=("zoe", "boris"), losses=3)]
    journeys = [make_journey("s1", *TWO)]

    before, after = run(journeys), run(journeys, lost)

    for one, other in zip(before.models, after.models, strict=True):
        is_moved = other.model == "markov_order_1"
        assert (table(after, other.model) == table(before, one.model) | {"zoe": (0, 0)}) != is_moved
    assert table(after, "markov_order_1")["zoe"][0] > 0


def test_folded_partners_are_one_row_compared_with_all_of_them(monkeypatch):
    monkeypatch.setattr(markov, "STATES_MAX", 2)
    journeys = [
        make_journey("s1", make_touch("anna", 2), make_touch("boris", 1)),
        make_journey("s2", make_touch("anna", 2), make_touch("vera", 1)),
        make_journey("s3", make_touch("anna", 2)),
    ]

    comparison = run(journeys)

    (figures,) = [entry for entry in comparison.models if entry.model == "markov_order_1"]
    assert figures.folded == ("boris", "vera")
    assert [entry.partner_id for entry in figures.partners] == ["anna", None]
    assert sum(entry.amount_change_minor for entry in figures.partners) == 0
    assert figures.partners[1].amount_change_minor == figures.partners[1].amount_minor - 200


def test_nothing_to_compare_is_an_empty_table():
    comparison = run([])

    assert (comparison.currency, comparison.conversions, comparison.amount_minor) == (None, 0, 0)
    assert all(entry.partners == () for entry in comparison.models)


def test_two_currencies_are_refused():
    with pytest.raises(ValueError, match="in EUR, USD; compare one currency"):
        run([make_journey("s1", *TWO), make_journey("s2", *TWO, currency="USD")])


def test_lost_path_that_converted_is_refused():
    with pytest.raises(ValueError, match="lost path has conversions"):
        run([], [CountedPath(partners=("a",), conversions=1)])


touches_ = st.lists(st.tuples(st.sampled_from(["anna", "boris", "vera", "zoe"]), st.integers(0, 40)), max_size=6).map(
    lambda items: tuple(
        make_touch(name, days, "basic" if name == "vera" else None)
        for name, days in sorted(items, key=lambda item: -item[1])
    )
)
worlds = st.lists(st.tuples(touches_, st.integers(-(10**6), 10**9)), max_size=8).map(
    lambda items: [make_journey(f"s{i}", *touches, amount=amount) for i, (touches, amount) in enumerate(items)]
)
losses = st.lists(
    st.builds(
        CountedPath,
        partners=st.lists(st.sampled_from(["anna", "boris", "lost"]), min_size=1, max_size=3).map(tuple),
        losses=st.integers(1, 5),
    ),
    max_size=3,
)


@PATIENT
@given(worlds, losses)
def test_every_shared_table_sums_to_exactly_what_there_was(journeys, lost):
    comparison = run(journeys, lost, custom_weights=OWN)

    for figures in (comparison.in_force, *comparison.models):
        if figures.is_shared:
            conversions = sum(entry.conversions_ppb for entry in figures.partners)
            amount = sum(entry.amount_minor for entry in figures.partners)
            assert conversions + figures.unattributed_conversions * BILLION == comparison.conversions * BILLION
            assert amount + figures.unattributed_amount_minor == comparison.amount_minor
        assert [entry.partner_id for entry in figures.partners] == [
            entry.partner_id for entry in comparison.in_force.partners
        ]


@PATIENT
@given(worlds, losses, st.randoms(use_true_random=False))
def test_order_of_what_is_handed_in_decides_nothing(journeys, lost, shuffler):
    wanted = run(journeys, lost, custom_weights=OWN)
    shuffler.shuffle(journeys)
    shuffler.shuffle(lost)

    assert run(journeys, lost, custom_weights=OWN) == wanted


@PATIENT
@given(worlds)
def test_model_in_force_differs_by_nothing_where_the_settings_never_changed(journeys):
    comparison = run(journeys, model="last_click")

    (figures,) = [entry for entry in comparison.models if entry.model == "last_click"]
    assert figures == comparison.in_force
    assert all(not entry.conversions_change_ppb and not entry.amount_change_minor for entry in figures.partners)


# From the engine's decision to the comparison.


def make_click(touch_id, partner_id, days, **changes):
    click = Touch(
        touch_id=touch_id,
        kind="click",
        partner_id=partner_id,
        program_id="P",
        visitor_id="v",
        at_ms=AT - days * DAY_MS,
        seq=0,
    )
    return msgspec.structs.replace(click, **changes)


SALE = Conversion(
    conversion_id="s1",
    kind="sale",
    program_id="P",
    at_ms=AT,
    seq=9,
    amount_minor=1000,
    currency="EUR",
    visitor_id="v",
    customer_id="c",
)
CLICKS = (
    make_click("k3", "vera", 1),
    make_click("k1", "anna", 3),
    make_click("k0", "anna", 50),
    make_click("k2", "boris", 2, is_bot=True),
)


def trace(sale=SALE, clicks=CLICKS, binding=None, codes=(), **rules):
    journey = Journey(touches=clicks, partners=PARTNERS, binding=binding, codes=codes)
    decision = attribute(sale, journey, Settings(program_id="P", **rules))
    return trace_journey(sale, journey, decision)


def test_traced_journey_has_the_eligible_touches_of_the_level_that_won_in_time_order():
    traced = trace()

    assert traced.touches == (
        PathTouch(partner_id="anna", at_ms=AT - 3 * DAY_MS),
        PathTouch(partner_id="vera", at_ms=AT - DAY_MS, group="basic"),
    )
    assert [credit.partner_id for credit in traced.credits] == ["vera"]


def test_traced_journey_by_click_id_has_that_click_alone():
    traced = trace(msgspec.structs.replace(SALE, click_id="k1"))

    assert [touch.partner_id for touch in traced.touches] == ["anna"]


@pytest.mark.parametrize(
    "case",
    [
        {"binding": Binding(partner_id="anna", since_ms=5)},
        {
            "sale": msgspec.structs.replace(SALE, coupon="x"),
            "codes": (CodeEntry(code="X", partner_id="anna", program_id="P"),),
            "coupon_policy": "coupon_first",
        },
        {
            "sale": msgspec.structs.replace(
                SALE, inherited=(Credit(touch_id="k1", partner_id="anna", weight="1", amount_minor=0),)
            )
        },
    ],
    ids=["binding", "code", "lead"],
)
def test_traced_journey_in_which_no_model_has_a_say_has_no_touches(case):
    traced = trace(**case)

    assert traced.touches == ()
    assert [credit.partner_id for credit in traced.credits] == ["anna"]


def test_traced_journey_that_own_weights_gave_nobody_keeps_its_touches():
    clicks = (make_click("k1", "vera", 3),)

    traced = trace(clicks=clicks, model="custom", custom_weights=OWN)

    assert traced.credits == ()
    assert [touch.partner_id for touch in traced.touches] == ["vera"]


@PATIENT
@given(st.sampled_from(sorted(MODELS)), st.lists(st.sampled_from(["anna", "boris", "vera"]), max_size=5))
def test_reweighing_a_traced_journey_gives_what_the_engine_decides(model, partners):
    """The table of a model is what the engine would have credited under it."""
    clicks = tuple(make_click(f"k{i}", name, 9 - i) for i, name in enumerate(partners))
    rules = Settings(program_id="P", model=model, custom_weights=OWN)
    journey = Journey(touches=clicks, partners=PARTNERS)

    traced = trace(clicks=clicks)
    decided = attribute(SALE, journey, rules)

    wanted = dict.fromkeys(partners, 0)
    for credit in decided.credits:
        wanted[credit.partner_id] += credit.amount_minor
    got = table(compare([traced], (), rules), model)
    assert {name: amount for name, (_, amount) in got.items()} == wanted
