"""Laws of the engine over random journeys: whatever comes in, in whatever order, money and reasons add up."""

from fractions import Fraction

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from attribution.engine import attribute, single_winner
from attribution.levels import order_touches
from attribution.models import MODELS, lay_path, weigh
from attribution.types import Binding, CodeEntry, Conversion, CustomWeights, Journey, PartnerStanding, Settings, Touch

AT = 10_000_000
NAMES = ("anna", "boris", "gone", "self")
PARTNERS = (
    PartnerStanding(partner_id="anna", group="gold"),
    PartnerStanding(partner_id="boris"),
    PartnerStanding(partner_id="gone", statuses=((0, "deleted"),)),
    PartnerStanding(partner_id="self", own_customers=frozenset({"c"})),
)
CODES = (
    CodeEntry(code="ANNA", partner_id="anna", program_id="P"),
    CodeEntry(code="BORIS", partner_id="boris", program_id="P", valid_to_ms=AT - 1),
)

touches = st.builds(
    Touch,
    touch_id=st.integers(0, 30).map(lambda number: f"k{number:02}"),
    kind=st.sampled_from(["click", "click", "impression", "direct"]),
    partner_id=st.sampled_from(NAMES),
    program_id=st.sampled_from("PPPQ"),
    visitor_id=st.sampled_from(["v", "v", "phone", "stranger", None]),
    at_ms=st.integers(AT - 20_000, AT + 1_000),
    seq=st.integers(0, 3),
    is_test=st.sampled_from([False, False, False, True]),
    is_bot=st.sampled_from([False, False, False, True]),
    fingerprint=st.sampled_from([None, "fp"]),
).map(
    lambda touch: msgspec.structs.replace(touch, partner_id=None) if touch.kind == "direct" else touch,
)
unique_touches = st.lists(touches, max_size=12, unique_by=lambda touch: touch.touch_id)
sales = st.builds(
    Conversion,
    conversion_id=st.just("s1"),
    kind=st.sampled_from(["lead", "sale"]),
    program_id=st.just("P"),
    at_ms=st.just(AT),
    seq=st.just(9),
    amount_minor=st.integers(-(10**6), 10**9),
    currency=st.just("EUR"),
    visitor_id=st.sampled_from(["v", "v", None]),
    customer_id=st.sampled_from(["c", "d", None]),
    click_id=st.sampled_from([None, "k01", "k02", "nope"]),
    coupon=st.sampled_from([None, "anna", "boris", "nope"]),
    fingerprint=st.sampled_from([None, "fp"]),
)
settings_ = st.builds(
    Settings,
    program_id=st.just("P"),
    model=st.sampled_from(sorted(MODELS)),
    window_seconds=st.integers(0, 25),
    view_through=st.booleans(),
    view_window_seconds=st.integers(0, 25),
    min_click_to_conversion_seconds=st.sampled_from([0, 0, 2]),
    binding=st.sampled_from(["first_conversion", "none"]),
    coupon_policy=st.sampled_from(["click_first", "coupon_first", "if_involved"]),
    fingerprint_fallback=st.booleans(),
    half_life_seconds=st.integers(1, 60),
    custom_weights=st.builds(
        CustomWeights,
        base=st.sampled_from(["linear", "position_based", "time_decay"]),
        from_start=st.sampled_from([("3",), ("1", "0.5")]),
        from_end=st.sampled_from([(), ("2",)]),
        groups=st.sampled_from([{}, {"gold": "2"}]),
    ),
)
bindings = st.sampled_from(
    [None, None, None, Binding(partner_id="anna", since_ms=5), Binding(partner_id="gone", since_ms=5)]
)
journeys = st.builds(
    Journey,
    touches=unique_touches.map(tuple),
    visitors=st.sampled_from([frozenset(), frozenset({"phone"})]),
    codes=st.just(CODES),
    partners=st.just(PARTNERS),
    binding=bindings,
)


@given(sales, journeys, settings_)
def test_invariant_01_weights_sum_to_one_and_amounts_to_the_amount(sale, journey, settings):
    decision = attribute(sale, journey, settings)

    if decision.status == "attributed":
        assert sum(Fraction(credit.weight) for credit in decision.credits) == 1
        assert sum(credit.amount_minor for credit in decision.credits) == sale.amount_minor
        assert all(credit.amount_minor * sale.amount_minor >= 0 for credit in decision.credits)
    else:
        assert (decision.credits, decision.via, decision.commissionable) == ((), None, False)


@given(sales, journeys, settings_)
def test_nothing_is_both_credited_and_rejected_and_nothing_twice(sale, journey, settings):
    decision = attribute(sale, journey, settings)

    credited = [credit.touch_id for credit in decision.credits]
    rejected = [entry.touch for entry in decision.rejections]
    assert not set(credited) & set(rejected)
    assert len(set(credited)) == len(credited)
    assert len(set(rejected)) == len(rejected)


@given(sales, journeys, settings_)
def test_only_active_partners_are_credited_and_never_for_themselves(sale, journey, settings):
    decision = attribute(sale, journey, settings)

    partners = {credit.partner_id for credit in decision.credits}
    assert "gone" not in partners
    assert not (sale.customer_id == "c" and "self" in partners)


@given(sales, journeys, settings_, st.randoms(use_true_random=False))
def test_invariant_02_order_and_repetition_of_everything_handed_in_decide_nothing(sale, journey, settings, shuffler):
    shuffled = {}
    for name in ("touches", "codes", "partners"):
        items = list(getattr(journey, name)) * 2
        shuffler.shuffle(items)
        shuffled[name] = tuple(items)

    assert attribute(sale, msgspec.structs.replace(journey, **shuffled), settings) == attribute(sale, journey, settings)


@given(sales, st.lists(touches, max_size=8), settings_, st.randoms(use_true_random=False))
def test_contradictory_copies_of_a_touch_do_not_make_order_matter(sale, copies, settings, shuffler):
    shuffled = list(copies)
    shuffler.shuffle(shuffled)

    one = attribute(sale, Journey(touches=tuple(copies), partners=PARTNERS), settings)
    other = attribute(sale, Journey(touches=tuple(shuffled), partners=PARTNERS), settings)
    assert one == other


@given(sales, journeys, settings_, st.integers(-(10**12), 10**12))
def test_invariant_06_shift_in_time_moves_the_instants_alone(sale, journey, settings, shift):
    def move(record, *names):
        return msgspec.structs.replace(record, **{name: getattr(record, name) + shift for name in names})

    moved = msgspec.structs.replace(
        journey,
        touches=tuple(move(touch, "at_ms") for touch in journey.touches),
        codes=tuple(move(code, "valid_to_ms") if code.valid_to_ms else code for code in journey.codes),
        partners=tuple(
            msgspec.structs.replace(item, statuses=tuple((at + shift, status) for at, status in item.statuses))
            for item in journey.partners
        ),
        binding=move(journey.binding, "since_ms") if journey.binding else None,
    )

    before, after = attribute(sale, journey, settings), attribute(move(sale, "at_ms"), moved, settings)
    assert (after.status, after.via, after.credits) == (before.status, before.via, before.credits)
    assert [(entry.touch, entry.reason) for entry in after.rejections] == [
        (entry.touch, entry.reason) for entry in before.rejections
    ]


@given(sales, journeys, settings_)
def test_invariant_07_renamed_partners_rename_the_result(sale, journey, settings):
    # Reversed names also reverse how partners sort, so an order by name would show.
    names = dict(zip(NAMES, ("zed", "yuri", "xena", "will"), strict=True))

    def rename(record):
        return msgspec.structs.replace(record, partner_id=names.get(record.partner_id))

    renamed = msgspec.structs.replace(
        journey,
        touches=tuple(map(rename, journey.touches)),
        codes=tuple(map(rename, journey.codes)),
        partners=tuple(map(rename, journey.partners)),
        binding=rename(journey.binding) if journey.binding else None,
    )

    before, after = attribute(sale, journey, settings), attribute(sale, renamed, settings)
    assert after.credits == tuple(map(rename, before.credits))
    assert after.rejections == tuple(map(rename, before.rejections))


@given(sales, journeys, settings_, touches)
def test_invariant_04_ineligible_touch_changes_the_rejections_alone(sale, journey, settings, touch):
    known = {item.touch_id for item in journey.touches} | {sale.click_id}
    bot = msgspec.structs.replace(touch, touch_id="new", is_bot=True)
    assert "new" not in known

    before = attribute(sale, journey, settings)
    after = attribute(sale, msgspec.structs.replace(journey, touches=(*journey.touches, bot)), settings)

    assert (after.credits, after.via, after.status) == (before.credits, before.via, before.status)
    assert [entry for entry in after.rejections if entry.touch != "new"] == list(before.rejections)


@given(sales, journeys, settings_, st.integers(1, 20))
def test_invariant_05_longer_window_never_removes_an_eligible_touch(sale, journey, settings, more):
    longer = msgspec.structs.replace(
        settings,
        window_seconds=settings.window_seconds + more,
        view_window_seconds=settings.view_window_seconds + more,
    )
    excluded = {"not_selected", "lower_precedence"}

    def ineligible(rules):
        decision = attribute(sale, journey, rules)
        return {
            entry.touch for entry in decision.rejections if entry.reason not in excluded and entry.at_ms is not None
        }

    assert ineligible(longer) <= ineligible(settings)


@given(unique_touches, settings_, st.integers(1, 20))
def test_invariant_05_longer_window_keeps_the_last_click_and_moves_the_first_only_earlier(items, settings, more):
    clicks = tuple(touch for touch in items if touch.kind == "click" and touch.visitor_id == "v")
    instants = {touch.touch_id: touch.at_ms for touch in clicks}
    sale = Conversion(
        conversion_id="s1", kind="sale", program_id="P", at_ms=AT, seq=9, amount_minor=5, currency="EUR", visitor_id="v"
    )

    def winner(model, seconds):
        rules = msgspec.structs.replace(settings, model=model, window_seconds=settings.window_seconds + seconds)
        decision = attribute(sale, Journey(touches=clicks, partners=PARTNERS), rules)
        return decision.credits[0].touch_id if decision.credits else None

    if (last := winner("last_click", 0)) is not None:
        assert winner("last_click", more) == last
    if (first := winner("first_click", 0)) is not None:
        assert instants[winner("first_click", more)] <= instants[first]


@given(sales, journeys, settings_, st.data())
def test_invariant_03_removing_a_touch_that_got_nothing_keeps_the_winner_of_one_touch_models(
    sale, journey, settings, data
):
    model = data.draw(st.sampled_from(["first_click", "last_click"]))
    rules = msgspec.structs.replace(settings, model=model, coupon_policy="click_first")
    before = attribute(sale, journey, rules)
    losers = sorted(entry.touch for entry in before.rejections if entry.at_ms is not None)
    if losers:
        loser = data.draw(st.sampled_from(losers))
        fewer = tuple(touch for touch in journey.touches if touch.touch_id != loser)

        after = attribute(sale, msgspec.structs.replace(journey, touches=fewer), rules)

        assert (after.credits, after.via) == (before.credits, before.via)


@given(unique_touches, settings_, st.sampled_from(["first_click", "last_click"]), st.integers(1, 5_000), st.data())
def test_invariant_03_touch_on_the_far_side_of_the_winner_changes_nothing(items, settings, model, distance, data):
    """Earlier than the last click, later than the first: it joins those passed over, whoever it belongs to."""
    clicks = tuple(touch for touch in items if touch.kind == "click" and touch.visitor_id == "v")
    sale = Conversion(
        conversion_id="s1", kind="sale", program_id="P", at_ms=AT, seq=9, amount_minor=5, currency="EUR", visitor_id="v"
    )
    rules = msgspec.structs.replace(settings, model=model)
    before = attribute(sale, Journey(touches=clicks, partners=PARTNERS), rules)
    if before.credits:
        (winner,) = [touch for touch in clicks if touch.touch_id == before.credits[0].touch_id]
        at_ms = winner.at_ms + (-distance if model == "last_click" else distance)
        added = msgspec.structs.replace(
            winner, touch_id="new", partner_id=data.draw(st.sampled_from(NAMES)), at_ms=at_ms
        )

        after = attribute(sale, Journey(touches=(*clicks, added), partners=PARTNERS), rules)

        assert after.credits == before.credits
        assert "new" in [entry.touch for entry in after.rejections]


@given(sales, journeys, settings_, st.integers(2, 1000))
def test_invariant_09_credits_grow_with_the_amount_to_one_unit_each(sale, journey, settings, times):
    larger = msgspec.structs.replace(sale, amount_minor=sale.amount_minor * times)

    one, many = attribute(sale, journey, settings), attribute(larger, journey, settings)

    assert [credit.weight for credit in one.credits] == [credit.weight for credit in many.credits]
    for decision, amount in ((one, sale.amount_minor), (many, larger.amount_minor)):
        assert all(abs(credit.amount_minor - Fraction(credit.weight) * amount) < 1 for credit in decision.credits)


@given(sales, journeys, settings_)
def test_invariant_11_journeys_merged_are_decided_as_their_union(sale, journey, settings):
    """It decides nothing whether touches stand under visitors linked to the customer or under the buyer's own."""
    linked = msgspec.structs.replace(journey, visitors=frozenset({"phone"}))
    union = msgspec.structs.replace(
        linked,
        touches=tuple(
            msgspec.structs.replace(touch, visitor_id="v") if touch.visitor_id == "phone" else touch
            for touch in journey.touches
        ),
    )
    buyer = msgspec.structs.replace(sale, visitor_id="v")

    assert attribute(buyer, linked, settings) == attribute(buyer, union, settings)


@given(sales, journeys, settings_, st.integers(1, 10**9), st.sampled_from(["deleted", "active", "deactivated"]))
def test_invariant_13_status_changes_touch_no_conversion_before_their_instant(sale, journey, settings, later, status):
    changed = msgspec.structs.replace(
        journey,
        partners=tuple(
            msgspec.structs.replace(item, statuses=(*item.statuses, (AT + later, status))) for item in journey.partners
        ),
    )

    assert attribute(sale, changed, settings) == attribute(sale, journey, settings)


@given(sales, journeys, settings_)
def test_invariant_10_all_models_agree_where_one_touch_is_eligible(sale, journey, settings):
    decisions = [attribute(sale, journey, msgspec.structs.replace(settings, model=model)) for model in MODELS]

    linear = attribute(sale, journey, msgspec.structs.replace(settings, model="linear"))
    if len(linear.credits) == 1:
        assert all(decision.credits == linear.credits for decision in decisions)
    assert len({decision.via for decision in decisions}) == 1


@given(unique_touches.filter(bool), settings_)
def test_touch_that_takes_all_without_weighing_is_the_one_that_weighing_gives_all(items, settings):
    eligible = [touch for touch in order_touches(items) if touch.kind != "direct"]
    if not eligible:
        return
    path = lay_path(tuple(AT - touch.at_ms for touch in eligible), (), settings)

    winner = single_winner(eligible, settings.model)

    if winner is None:
        assert settings.model in ("linear", "position_based", "time_decay", "custom")
        assert settings.model == "custom" or len(eligible) > 1
    else:
        weights = weigh(settings.model, path)
        assert [(touch, weight) for touch, weight in zip(eligible, weights, strict=True) if weight] == [(winner, 1)]
