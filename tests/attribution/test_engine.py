"""One conversion, one journey, one explained decision: precedence, policies, bindings and leads."""

import msgspec
import pytest

from attribution.engine import attribute
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

AT = 1_000 * DAY_MS
PARTNERS = (
    *tuple(PartnerStanding(partner_id=name) for name in ("anna", "boris", "vera")),
    PartnerStanding(partner_id="gone", statuses=((AT, "deactivated"),)),
    PartnerStanding(partner_id="self", own_customers=frozenset({"c"})),
)
CODES = tuple(
    CodeEntry(code=f"{name}10", partner_id=name, program_id="P") for name in ("anna", "boris", "vera", "gone")
)


def make_click(touch_id, partner_id="anna", days=1, **changes):
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


def make_view(touch_id, partner_id="anna", **changes):
    return make_click(touch_id, partner_id, kind="impression", **changes)


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
        customer_id="c",
    )
    return msgspec.structs.replace(sale, **changes)


def decide(*touches, sale=None, binding=None, visitors=(), **settings):
    settings = {"view_window_seconds": 2_592_000, **settings}
    journey = Journey(touches=touches, visitors=frozenset(visitors), codes=CODES, partners=PARTNERS, binding=binding)
    return attribute(sale or make_sale(), journey, Settings(program_id="P", **settings))


def credits_of(decision):
    return [(credit.touch_id, credit.partner_id, credit.weight, credit.amount_minor) for credit in decision.credits]


def rejected(decision):
    return {entry.touch: entry.reason for entry in decision.rejections}


THREE = (make_click("k1", "anna", 3), make_click("k2", "boris", 2), make_click("k3", "vera", 1))


@pytest.mark.parametrize(
    ("model", "credited", "passed_over"),
    [
        ("first_click", [("k1", "anna", "1", 999)], {"k2", "k3"}),
        ("last_click", [("k3", "vera", "1", 999)], {"k1", "k2"}),
        ("last_non_direct", [("k3", "vera", "1", 999)], {"k1", "k2"}),
        (
            "linear",
            [("k1", "anna", "1/3", 333), ("k2", "boris", "1/3", 333), ("k3", "vera", "1/3", 333)],
            set(),
        ),
        (
            "position_based",
            [("k1", "anna", "2/5", 400), ("k2", "boris", "1/5", 200), ("k3", "vera", "2/5", 399)],
            set(),
        ),
        (
            # 2^(-2/7), 2^(-1/7), 1 over their sum: .300923549309, .332246535210, .366829915480
            "time_decay",
            [
                ("k1", "anna", "300923549/1000000000", 301),
                ("k2", "boris", "66449307/200000000", 332),
                ("k3", "vera", "91707479/250000000", 366),
            ],
            set(),
        ),
    ],
)
def test_model_shares_the_sale_over_the_timeline(model, credited, passed_over):
    decision = decide(*THREE, sale=make_sale(amount_minor=999), model=model)

    assert (decision.status, decision.via, decision.model) == ("attributed", "visitor", model)
    assert credits_of(decision) == credited
    assert rejected(decision) == dict.fromkeys(passed_over, "not_selected")


def test_middle_weight_of_zero_is_no_credit():
    decision = decide(*THREE, model="position_based", position_weights=("1/2", "0", "1/2"))

    assert credits_of(decision) == [("k1", "anna", "1/2", 500), ("k3", "vera", "1/2", 500)]
    assert rejected(decision) == {"k2": "not_selected"}


def test_equal_instants_are_ordered_by_sequence():
    touches = (make_click("k1", "anna", seq=2), make_click("k2", "boris", seq=1))

    assert credits_of(decide(*touches)) == [("k1", "anna", "1", 1000)]


def test_click_at_the_instant_of_the_sale_counts():
    assert credits_of(decide(make_click("k1", days=0, seq=10))) == [("k1", "anna", "1", 1000)]


def test_nothing_known_is_unattributed():
    decision = decide()

    assert (decision.status, decision.via, decision.credits, decision.rejections) == ("unattributed", None, (), ())
    assert decision.commissionable is False
    assert {outcome for _, outcome in decision.precedence} == {"absent", "disabled"}


def test_window_is_told_with_the_decision():
    decision = decide(window_seconds=60)

    assert (decision.window_from_ms, decision.window_to_ms) == (AT - 60_000, AT)


@pytest.mark.parametrize("model", ["last_click", "last_non_direct", "linear"])
def test_direct_visit_never_takes_credit_from_a_partner(model):
    direct = make_click("d1", None, at_ms=AT - 1, kind="direct")

    decision = decide(make_click("k1"), direct, model=model)

    assert credits_of(decision) == [("k1", "anna", "1", 1000)]
    assert rejected(decision) == {"d1": "direct"}


def test_only_direct_visits_are_unattributed():
    decision = decide(make_click("d1", None, kind="direct"))

    assert (decision.status, rejected(decision)) == ("unattributed", {"d1": "direct"})


EVERYTHING = (
    make_click("named", "anna", 5, visitor_id="elsewhere"),
    make_click("k1", "boris", 4),
    make_view("i1", "vera", days=3),
    make_click("f1", "anna", 2, visitor_id="stranger", fingerprint="fp"),
)
BOUND = Binding(partner_id="vera", since_ms=AT - DAY_MS)
FULL = {"click_id": "named", "coupon": "boris10", "fingerprint": "fp"}
LADDER_CASES = [
    ("click_first", {}, "click_id", "anna", {"k1", "i1", "f1", "code:boris10"}),
    ("click_first", {"click_id": None}, "visitor", "boris", {"i1", "f1", "code:boris10"}),
    ("click_first", {"click_id": None, "drop": ("k1",)}, "visitor", "vera", {"f1", "code:boris10"}),
    ("click_first", {"click_id": None, "drop": ("k1", "i1")}, "coupon", "boris", {"f1"}),
    ("click_first", {"click_id": None, "drop": ("k1", "i1"), "coupon": None}, "fingerprint", "anna", set()),
    ("coupon_first", {}, "coupon", "boris", {"named", "k1", "i1", "f1"}),
    ("coupon_first", {"coupon": None}, "click_id", "anna", {"k1", "i1", "f1"}),
    ("if_involved", {}, "coupon", "boris", {"named", "k1", "i1", "f1"}),
    ("if_involved", {"coupon": "vera10", "drop": ("k1",)}, "coupon", "vera", {"named", "i1", "f1"}),
]


@pytest.mark.parametrize(("policy", "changes", "via", "partner", "outranked"), LADDER_CASES)
def test_highest_usable_level_wins_and_the_others_are_outranked(policy, changes, via, partner, outranked):
    sale = make_sale(**FULL | {name: value for name, value in changes.items() if name != "drop"})
    touches = [touch for touch in EVERYTHING if touch.touch_id not in changes.get("drop", ())]
    if sale.click_id is None:
        touches = [touch for touch in touches if touch.touch_id != "named"]

    decision = decide(*touches, sale=sale, coupon_policy=policy, view_through=True, fingerprint_fallback=True)

    assert decision.via == via
    assert [credit.partner_id for credit in decision.credits] == [partner]
    assert rejected(decision) == dict.fromkeys(outranked, "lower_precedence")
    assert [outcome for _, outcome in decision.precedence].count("won") == 1


def test_precedence_tells_every_level_in_the_programs_order():
    decision = decide(*EVERYTHING, sale=make_sale(**FULL), view_through=True)

    assert decision.precedence == (
        ("binding", "absent"),
        ("lead_id", "absent"),
        ("click_id", "won"),
        ("clicks", "outranked"),
        ("impressions", "outranked"),
        ("code", "outranked"),
        ("fingerprint", "disabled"),
    )


def test_precedence_tells_refused_and_disabled_levels():
    touches = (make_click("k1", is_bot=True), make_view("i1"))
    sale = make_sale(click_id="nope", coupon="nope")

    decision = decide(*touches, sale=sale, binding=BOUND, coupon_policy="coupon_first")

    assert decision.via == "binding"
    assert decision.precedence == (
        ("binding", "won"),
        ("lead_id", "absent"),
        ("code", "refused"),
        ("click_id", "refused"),
        ("clicks", "refused"),
        ("impressions", "disabled"),
        ("fingerprint", "disabled"),
    )


def test_click_beats_a_later_view():
    decision = decide(make_click("k1", "anna", 20), make_view("i1", "boris", days=1), view_through=True)

    assert credits_of(decision) == [("k1", "anna", "1", 1000)]
    assert rejected(decision) == {"i1": "lower_precedence"}


def test_model_runs_over_views_where_no_click_is_eligible():
    views = (make_view("i1", "anna", days=2), make_view("i2", "boris", days=1))

    decision = decide(*views, make_click("k1", "vera", is_bot=True), view_through=True, model="linear")

    assert credits_of(decision) == [("i1", "anna", "1/2", 500), ("i2", "boris", "1/2", 500)]
    assert rejected(decision) == {"k1": "bot"}


def test_unknown_click_id_falls_back_to_the_visitor():
    decision = decide(make_click("k1"), sale=make_sale(click_id="nope"))

    assert (decision.via, rejected(decision)) == ("visitor", {"click_id:nope": "unknown_click_id"})


def test_click_id_of_a_view_is_unknown():
    decision = decide(make_view("i1"), sale=make_sale(click_id="i1"), view_through=True)

    assert rejected(decision) == {"click_id:i1": "unknown_click_id"}
    assert (decision.via, credits_of(decision)) == ("visitor", [("i1", "anna", "1", 1000)])


def test_ineligible_named_click_falls_back_with_its_own_reason():
    named = make_click("named", "boris", 40, visitor_id="elsewhere")

    decision = decide(make_click("k1"), named, sale=make_sale(click_id="named"))

    assert (decision.via, rejected(decision)) == ("visitor", {"named": "outside_window"})


def test_ineligible_last_click_falls_through_to_the_one_before():
    decision = decide(make_click("k1", "anna", 2), make_click("k2", "gone", 1))

    assert credits_of(decision) == [("k1", "anna", "1", 1000)]
    assert rejected(decision) == {"k2": "partner_inactive"}


def test_click_of_another_device_of_the_customer_counts():
    phone = make_click("k1", visitor_id="phone")

    assert decide(phone).status == "unattributed"
    assert credits_of(decide(phone, visitors=["phone"])) == [("k1", "anna", "1", 1000)]


@pytest.mark.parametrize(
    ("policy", "touches", "via", "reasons"),
    [
        ("click_first", (), "coupon", {}),
        ("coupon_first", (), "coupon", {}),
        ("if_involved", (), None, {"code:boris10": "code_partner_not_involved"}),
        ("if_involved", (make_click("k1", "anna"),), "visitor", {"code:boris10": "code_partner_not_involved"}),
        (
            "if_involved",
            (make_click("k1", "boris", is_bot=True),),
            None,
            {"k1": "bot", "code:boris10": "code_partner_not_involved"},
        ),
        ("if_involved", (make_click("k1", "boris"),), "coupon", {"k1": "lower_precedence"}),
    ],
)
def test_coupon_policies(policy, touches, via, reasons):
    decision = decide(*touches, sale=make_sale(coupon="boris10"), coupon_policy=policy)

    assert (decision.via, rejected(decision)) == (via, reasons)


@pytest.mark.parametrize("policy", ["click_first", "coupon_first", "if_involved"])
def test_invalid_code_never_wins(policy):
    decision = decide(sale=make_sale(coupon="gone10"), coupon_policy=policy)

    assert (decision.status, rejected(decision)) == ("unattributed", {"code:gone10": "partner_inactive"})


def test_second_valid_code_is_not_selected():
    decision = decide(sale=make_sale(coupon="boris10", partner_code="vera10"))

    assert credits_of(decision) == [("code:boris10", "boris", "1", 1000)]
    assert rejected(decision) == {"code:vera10": "not_selected"}


def test_partner_code_counts_where_the_promo_code_is_invalid():
    decision = decide(sale=make_sale(coupon="nope", partner_code="vera10"))

    assert (decision.via, credits_of(decision)) == ("coupon", [("code:vera10", "vera", "1", 1000)])
    assert rejected(decision) == {"code:nope": "code_unknown"}


def test_fingerprint_runs_the_model_over_its_clicks():
    touches = [
        make_click(f"f{i}", name, 3 - i, visitor_id="x", fingerprint="fp") for i, name in enumerate(["anna", "boris"])
    ]

    decision = decide(*touches, sale=make_sale(fingerprint="fp"), fingerprint_fallback=True, model="first_click")

    assert (decision.via, credits_of(decision)) == ("fingerprint", [("f0", "anna", "1", 1000)])
    assert rejected(decision) == {"f1": "not_selected"}


def test_fingerprint_is_off_by_default():
    decision = decide(make_click("f1", visitor_id="x", fingerprint="fp"), sale=make_sale(fingerprint="fp"))

    assert (decision.status, rejected(decision)) == ("unattributed", {"f1": "fingerprint_disabled"})


def test_binding_beats_everything_without_a_window():
    old = Binding(partner_id="vera", since_ms=0)

    decision = decide(*EVERYTHING, sale=make_sale(**FULL), binding=old, coupon_policy="coupon_first", view_through=True)

    assert (decision.via, credits_of(decision)) == ("binding", [(None, "vera", "1", 1000)])
    assert rejected(decision) == {
        "named": "lower_precedence",
        "k1": "lower_precedence",
        "i1": "lower_precedence",
        "f1": "fingerprint_disabled",
        "code:boris10": "lower_precedence",
    }


@pytest.mark.parametrize(
    ("partner", "reason"), [("gone", "partner_inactive"), ("stranger", "partner_inactive"), ("self", "self_referral")]
)
def test_unusable_binding_leaves_the_sale_unattributed(partner, reason):
    bound = Binding(partner_id=partner, since_ms=0)

    decision = decide(make_click("k1"), make_click("k2", is_bot=True), sale=make_sale(coupon="boris10"), binding=bound)

    assert (decision.status, decision.via, decision.commissionable) == ("unattributed", None, False)
    assert rejected(decision) == {
        "binding": reason,
        "k1": "lower_precedence",
        "k2": "bot",
        "code:boris10": "lower_precedence",
    }
    assert decision.precedence[0] == ("binding", "refused")


def test_bound_partner_still_active_a_moment_before_is_credited():
    bound = Binding(partner_id="gone", since_ms=0)

    decision = decide(sale=make_sale(at_ms=AT - 1), binding=bound)

    assert credits_of(decision) == [(None, "gone", "1", 1000)]


def test_binding_is_ignored_by_a_program_that_does_not_bind():
    decision = attribute(
        make_sale(),
        Journey(touches=(make_click("k1"),), partners=PARTNERS, binding=BOUND),
        Settings(program_id="P", binding="none"),
    )

    assert (decision.via, credits_of(decision)) == ("visitor", [("k1", "anna", "1", 1000)])
    assert decision.precedence[0] == ("binding", "disabled")


@pytest.mark.parametrize(("age_ms", "earns"), [(30 * DAY_MS, True), (30 * DAY_MS + 1, False)])
def test_bound_sale_after_the_commission_months_stays_attributed_without_commission(age_ms, earns):
    bound = Binding(partner_id="vera", since_ms=AT - age_ms)

    decision = decide(binding=bound, commission_months=1)

    assert (decision.status, decision.commissionable) == ("attributed", earns)


INHERITED = (
    Credit(touch_id="k0", partner_id="anna", weight="2/3", amount_minor=0),
    Credit(touch_id="k9", partner_id="boris", weight="1/3", amount_minor=0),
)


def test_sale_inherits_the_credit_of_its_lead():
    touches = (make_click("k0", "anna", 60), make_click("k1", "vera", 1))
    sale = make_sale(inherited=INHERITED, coupon="boris10", amount_minor=100)

    decision = decide(*touches, sale=sale, coupon_policy="coupon_first")

    assert (decision.via, decision.commissionable) == ("lead_id", True)
    assert credits_of(decision) == [("k0", "anna", "2/3", 67), ("k9", "boris", "1/3", 33)]
    assert rejected(decision) == {"k1": "lower_precedence", "code:boris10": "lower_precedence"}


def test_binding_beats_the_lead():
    decision = decide(sale=make_sale(inherited=INHERITED), binding=BOUND)

    assert (decision.via, rejected(decision)) == ("binding", {"lead_id": "lower_precedence"})


@pytest.mark.parametrize(("partner", "reason"), [("gone", "partner_inactive"), ("self", "self_referral")])
def test_lead_with_a_partner_who_may_not_earn_is_unusable_as_a_whole(partner, reason):
    heir = Credit(touch_id="k9", partner_id=partner, weight="1/3", amount_minor=0)

    decision = decide(make_click("k1", "vera"), sale=make_sale(inherited=(INHERITED[0], heir)))

    assert (decision.via, rejected(decision)) == ("visitor", {"lead_id": reason})
    assert ("lead_id", "refused") in decision.precedence


@pytest.mark.parametrize("inherited", [None, ()])
def test_lead_without_credit_is_no_lead(inherited):
    decision = decide(make_click("k1"), sale=make_sale(inherited=inherited))

    assert (decision.via, rejected(decision)) == ("visitor", {})


def test_rejections_name_partner_instant_and_figures():
    decision = decide(make_click("k1", "boris", 40))

    (rejection,) = decision.rejections
    assert (rejection.partner_id, rejection.at_ms) == ("boris", AT - 40 * DAY_MS)
    assert rejection.detail == {"age_ms": 40 * DAY_MS, "window_seconds": 2_592_000}


def test_outranked_touch_is_told_by_what():
    decision = decide(make_click("k1"), sale=make_sale(coupon="boris10"), coupon_policy="coupon_first")

    assert decision.rejections[0].detail == {"level": "code"}


@pytest.mark.parametrize(("amount", "parts"), [(0, [0, 0]), (1, [1, 0]), (-3, [-2, -1])])
def test_lead_without_amount_and_negative_amounts_are_split_too(amount, parts):
    decision = decide(*THREE[:2], sale=make_sale(kind="lead", amount_minor=amount), model="linear")

    assert [credit.amount_minor for credit in decision.credits] == parts


def test_capped_journey_reports_what_was_cut():
    clicks = [make_click(f"{i:04}", "anna", 1, at_ms=AT - 3000 + i) for i in range(2001)]

    decision = decide(*clicks, model="linear")

    assert len(decision.credits) == 2000
    (cut,) = decision.rejections
    assert (cut.touch, cut.partner_id, cut.at_ms, cut.reason) == ("capped:clicks", None, AT - 2000, "capped")
    assert cut.detail == {"touches": 2001, "kept": 2000, "from_ms": AT - 2000, "to_ms": AT - 2000}


def test_endless_journey_is_told_in_bounded_space_and_time():
    """A hot key: tens of thousands of touches, most of them refused; the answer stays a page."""
    good = [make_click(f"g{i}", "anna", at_ms=AT - 60_000 + i) for i in range(20_000)]
    bots = [make_click(f"b{i}", "boris", at_ms=AT - 60_000 + i, is_bot=True) for i in range(20_000)]

    decision = decide(*good, *bots, model="last_click")

    assert credits_of(decision) == [("g19999", "anna", "1", 1000)]
    cuts = {entry.touch: entry.detail["touches"] for entry in decision.rejections if entry.reason == "capped"}
    assert cuts == {"capped:clicks": 20_000, "capped:refused": 20_000}
    assert len(decision.rejections) == 2 + 1999 + 2000


OWN = CustomWeights(from_start=("3",), between="0", from_end=("2",))


def test_custom_weights_share_the_sale_and_pass_over_what_weighs_nothing():
    decision = decide(*THREE, model="custom", custom_weights=OWN)

    assert credits_of(decision) == [("k1", "anna", "3/5", 600), ("k3", "vera", "2/5", 400)]
    assert rejected(decision) == {"k2": "not_selected"}
    assert decision.rejections[0].detail == {"level": "clicks", "weight": "0"}


def test_custom_weights_that_sum_to_nothing_leave_the_sale_unattributed():
    """Never linear instead, never the next level: by the program's own weights nobody earned."""
    weights = CustomWeights(groups={"basic": "0"})
    journey = Journey(
        touches=(make_click("k1", "anna", 2), make_click("k2", "anna", 1)),
        partners=(PartnerStanding(partner_id="anna", group="basic"), PartnerStanding(partner_id="boris")),
        codes=CODES,
    )
    settings = Settings(program_id="P", model="custom", custom_weights=weights)

    decision = attribute(make_sale(coupon="boris10"), journey, settings)

    assert (decision.status, decision.via, decision.credits, decision.commissionable) == (
        "unattributed",
        None,
        (),
        False,
    )
    assert rejected(decision) == {"k1": "not_selected", "k2": "not_selected", "code:boris10": "lower_precedence"}
    assert [entry.detail for entry in decision.rejections] == [
        {"level": "clicks", "weight": "0"},
        {"level": "clicks", "weight": "0"},
        {"level": "clicks"},
    ]
    assert dict(decision.precedence)["clicks"] == "refused"
    assert dict(decision.precedence)["code"] == "outranked"
