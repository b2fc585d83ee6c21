"""Stories replayed: what was decided online, what is decided in the end, and what a lock keeps."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from attribution.scenario import replay

EXAMPLES = json.loads((Path(__file__).parent / "scenario_examples.json").read_bytes())
START = datetime(2026, 3, 1, tzinfo=UTC)
PARTNERS = [{"id": "anna"}, {"id": "boris"}, {"id": "vera", "own_customers": ["own"]}]


def day(days):
    """Return an instant so many days after the start."""
    return (START + timedelta(days=days)).isoformat()


def click(name, days, partner="anna", *, late=None, **changes):
    received = {} if late is None else {"received_at": day(late)}
    return {"type": "click", "id": name, "at": day(days), "partner": partner, "visitor": "v"} | received | changes


def sale(name, days, *, late=None, **changes):
    record = {"type": "conversion", "id": name, "kind": "sale", "at": day(days), "amount_minor": 100, "currency": "EUR"}
    received = {} if late is None else {"received_at": day(late)}
    return record | {"visitor": "v"} | received | changes


def lock(name, days):
    return {"type": "lock", "conversion": name, "at": day(days)}


def status(partner, days, value):
    return {"type": "partner_status", "partner": partner, "status": value, "at": day(days)}


def change(days, **settings):
    return {"type": "program_change", "at": day(days), "set": settings}


def identify(visitor, customer, days):
    return {"type": "identify", "at": day(days), "visitor": visitor, "customer": customer}


def refund(name, days, amount):
    return {"type": "refund", "of": name, "at": day(days), "amount_minor": amount}


def tell(*events, view="final", codes=(), **program):
    story = {"id": "S", "partners": PARTNERS, "codes": list(codes), "program": program, "events": list(events)}
    (result,) = replay(json.dumps({"scenarios": [story]}).encode())["results"]
    return result[view]


def short(decision):
    """Return a decision as "via: touch partner ..." for tables."""
    if decision["status"] != "attributed":
        return decision["status"]
    credited = [f"{credit['touch']} {credit['partner']}" for credit in decision["credits"]]
    return f"{decision['via']}: {', '.join(credited)}"


def both(*events, **rest):
    return [[short(decision) for decision in tell(*events, view=view, **rest)] for view in ("online", "final")]


@pytest.mark.parametrize("scenario", EXAMPLES["scenarios"], ids=lambda scenario: scenario["id"])
def test_published_examples_come_out_to_the_letter(scenario):
    document = {"program_defaults": EXAMPLES["program_defaults"], "scenarios": [scenario]}

    (result,) = replay(json.dumps(document).encode())["results"]

    assert set(result) == {"id", "online", "final"}
    for view in ("online", "final"):
        if f"expect_{view}" in scenario:
            assert result[view] == scenario[f"expect_{view}"]


def test_answer_goes_through_json_unchanged():
    answer = replay(json.dumps(EXAMPLES).encode())

    assert json.loads(json.dumps(answer)) == answer


def test_unattributed_decision_has_no_via_and_no_commission():
    assert tell(sale("s1", 1)) == [
        {
            "conversion": "s1",
            "status": "unattributed",
            "credits": [],
            "rejected": {},
            "commissionable": False,
            "refund_credits": [],
        }
    ]


# Rule 1: duplicates.


@pytest.mark.parametrize(
    ("second", "expected"),
    [
        ({"order_id": "A"}, "duplicate"),
        ({"order_id": "B"}, "visitor: k1 anna"),
        ({}, "visitor: k1 anna"),
        ({"order_id": "A", "kind": "lead"}, "visitor: k1 anna"),
        ({"order_id": "A", "test": True}, "unattributed"),
    ],
    ids=["same", "other_number", "no_number", "other_kind", "other_mode"],
)
def test_order_number_counts_once_per_kind_and_mode(second, expected):
    _, decision = tell(click("k1", 1), sale("s1", 2, order_id="A"), sale("s2", 3, **second))

    assert short(decision) == expected


def test_conversion_received_first_counts_though_it_happened_later():
    events = (click("k1", 1), sale("s1", 3, order_id="A"), sale("s2", 2, late=4, order_id="A"))

    assert both(*events) == [["visitor: k1 anna", "duplicate"]] * 2
    assert tell(*events)[1]["of"] == "s1"


def test_every_later_report_names_the_first():
    decisions = tell(*(sale(f"s{i}", i, order_id="A") for i in (1, 2, 3)))

    assert [decision.get("of") for decision in decisions] == [None, "s1", "s1"]


def test_refund_of_a_duplicate_moves_no_credit():
    decisions = tell(click("k1", 1), sale("s1", 2, order_id="A"), sale("s2", 3, order_id="A"), refund("s2", 4, 100))

    assert [decision["refund_credits"] for decision in decisions] == [[], [[]]]


def test_duplicate_binds_nobody():
    events = [
        click("k1", 1),
        sale("s1", 2, order_id="A"),
        sale("s2", 3, order_id="A", customer="c"),
        sale("s3", 4, visitor="x", customer="c"),
    ]

    assert both(*events)[1] == ["visitor: k1 anna", "duplicate", "unattributed"]


# Rule 2: binding.


def test_first_attributed_conversion_binds_the_customer_and_the_window_is_forgotten():
    lead = sale("s1", 2, kind="lead", customer="c")

    decisions = tell(click("k1", 1), lead, click("k2", 3, "boris"), sale("s2", 400, customer="c"))

    assert [short(decision) for decision in decisions] == ["visitor: k1 anna", "binding: None anna"]
    assert decisions[1]["credits"] == [{"touch": None, "partner": "anna", "weight": "1", "amount_minor": 100}]
    assert decisions[1]["rejected"] == {"k1": "outside_window", "k2": "outside_window"}


def test_unattributed_conversion_binds_nobody():
    events = (sale("s1", 1, customer="c"), click("k1", 2, "boris"), sale("s2", 3, customer="c"))

    assert both(*events)[1] == ["unattributed", "visitor: k1 boris"]


@pytest.mark.parametrize(
    "strange",
    [{"customer": "d"}, {}, {"customer": "c", "test": True}],
    ids=["other_customer", "no_customer", "test_mode"],
)
def test_binding_holds_for_its_customer_and_mode_alone(strange):
    first = sale("s1", 2, customer="c")

    decisions = tell(click("k1", 1), first, sale("s2", 3, **({"visitor": "x"} | strange)))

    assert short(decisions[1]) == "unattributed"


def test_program_that_does_not_bind_attributes_each_sale_anew():
    events = (click("k1", 1), sale("s1", 2, customer="c"), click("k2", 3, "boris"), sale("s2", 4, customer="c"))

    assert both(*events, binding="none")[1] == ["visitor: k1 anna", "visitor: k2 boris"]


def test_sale_made_while_the_program_did_not_bind_never_binds_later():
    events = (
        click("k1", 1),
        sale("s1", 2, customer="c"),
        change(3, binding="first_conversion"),
        click("k2", 4, "boris"),
        sale("s2", 5, customer="c"),
        sale("s3", 6, customer="c"),
    )

    assert both(*events, binding="none")[1] == ["visitor: k1 anna", "visitor: k2 boris", "binding: None boris"]


def test_sale_bound_to_an_inactive_partner_is_unattributed_and_the_customer_stays_bound():
    decisions = tell(
        click("k1", 1),
        sale("s1", 2, customer="c"),
        status("anna", 3, "deactivated"),
        click("k2", 4, "boris"),
        sale("s2", 5, customer="c"),
        status("anna", 6, "active"),
        sale("s3", 7, customer="c"),
    )

    assert [short(decision) for decision in decisions] == ["visitor: k1 anna", "unattributed", "binding: None anna"]
    assert decisions[1]["rejected"] == {
        "binding": "partner_inactive",
        "k1": "partner_inactive",
        "k2": "lower_precedence",
    }


def test_earlier_sale_received_late_takes_the_binding_over():
    """The chain follows what happened; online could not know."""
    events = (
        click("k1", 1),
        click("k2", 3, "boris"),
        sale("s2", 4, customer="c"),
        sale("s1", 2, customer="c", late=5),
    )

    assert both(*events) == [["visitor: k2 boris", "visitor: k1 anna"], ["binding: None anna", "visitor: k1 anna"]]


def test_sales_of_one_instant_bind_in_sequence():
    events = (click("k1", 1), sale("s1", 2, customer="c", seq=9), sale("s2", 2, customer="c", seq=8))

    assert both(*events)[1] == ["binding: None anna", "visitor: k1 anna"]


def test_customer_of_a_split_sale_is_bound_to_the_largest_share():
    events = (click("k1", 1), click("k2", 8, "boris"), sale("s1", 8, customer="c"), sale("s2", 9, customer="c"))

    assert both(*events, model="time_decay")[1][1] == "binding: None boris"
    assert both(*events, model="linear")[1][1] == "binding: None anna"


@pytest.mark.parametrize(("days", "earns"), [(32, True), (32.00001, False)])
def test_commission_ends_after_months_of_thirty_days(days, earns):
    decisions = tell(click("k1", 1), sale("s1", 2, customer="c"), sale("s2", days, customer="c"), commission_months=1)

    assert [decision["commissionable"] for decision in decisions] == [True, earns]
    assert decisions[1]["status"] == "attributed"


# Rule 3: whose touches.


def test_visitor_identified_after_the_sale_counts_in_the_end():
    events = (click("k1", 1, visitor="phone"), sale("s1", 2, customer="c"), identify("phone", "c", 3))

    assert both(*events) == [["unattributed"], ["visitor: k1 anna"]]


def test_visitor_identified_as_somebody_else_does_not_count():
    events = (click("k1", 1, visitor="phone"), identify("phone", "d", 1), sale("s1", 2, customer="c"))

    assert both(*events)[1] == ["unattributed"]


def test_sale_without_visitor_or_customer_matches_no_empty_name():
    events = (
        click("k1", 1, visitor=""),
        identify("v", "", 1),
        click("k2", 1),
        sale("s1", 2, visitor=None, customer=None),
    )

    assert both(*events)[1] == ["unattributed"]


def test_click_named_by_its_id_counts_from_any_visitor():
    decisions = tell(click("k1", 1, visitor="x"), click("k2", 1.5, "boris"), sale("s1", 2, click_id="k1"))

    assert short(decisions[0]) == "click_id: k1 anna"
    assert decisions[0]["rejected"] == {"k2": "lower_precedence"}


# Rule 4: eligibility, as of the conversion's instant.


@pytest.mark.parametrize(
    ("days", "value", "expected"),
    [
        (2, "deactivated", "unattributed"),
        (2, "deleted", "unattributed"),
        (2, "active", "visitor: k1 anna"),
        (2.00001, "deleted", "visitor: k1 anna"),
    ],
)
def test_status_counts_as_of_the_conversion_not_of_the_click_or_today(days, value, expected):
    events = sorted([click("k1", 1), sale("s1", 2), status("anna", days, value)], key=lambda event: event["at"])

    assert both(*events)[1] == [expected]


def test_of_two_statuses_of_one_instant_the_later_received_stands():
    events = (status("anna", 1, "deleted"), status("anna", 1, "active"), click("k1", 1), sale("s1", 2))

    assert both(*events)[1] == ["visitor: k1 anna"]


@pytest.mark.parametrize(("days", "expected"), [(2, "unattributed"), (2.00001, "visitor: k1 anna")])
def test_settings_count_from_their_own_instant_on(days, expected):
    events = (click("k1", 1), change(days, window_seconds=60), sale("s1", 2), sale("s2", 3))

    assert both(*sorted(events, key=lambda event: event["at"]))[1] == [expected, "unattributed"]


def test_later_change_overwrites_an_earlier_one_field_by_field():
    events = (
        click("k1", 1),
        click("k2", 2, "boris"),
        change(3, model="first_click", window_seconds=60),
        change(4, window_seconds=2_592_000),
        sale("s1", 5),
    )

    assert both(*events)[1] == ["visitor: k1 anna"]


@pytest.mark.parametrize(
    ("touch", "program", "reason"),
    [
        (click("k1", 1, test=True), {}, "test_mismatch"),
        (click("k1", 1, program="Q"), {}, "other_program"),
        (click("k1", 1, bot=True), {}, "bot"),
        (click("k1", 1, type="impression"), {}, "view_through_disabled"),
        (click("k1", 2.5, late=1), {}, "after_conversion"),
        (click("k1", 1), {"window_seconds": 86_399}, "outside_window"),
        (click("k1", 1), {"min_click_to_conversion_seconds": 86_401}, "too_fast"),
        (click("k1", 1, "vera"), {}, "self_referral"),
        ({"type": "direct", "id": "k1", "at": day(1), "visitor": "v"}, {}, "direct"),
    ],
)
def test_each_reason_is_told(touch, program, reason):
    (decision,) = tell(touch, sale("s1", 2, customer="own"), **program)

    assert (decision["status"], decision["rejected"]) == ("unattributed", {"k1": reason})


def test_test_sale_is_earned_by_a_test_click():
    assert both(click("k1", 1, test=True), sale("s1", 2, test=True))[1] == ["visitor: k1 anna"]


def test_browser_clock_is_never_used():
    events = (click("k1", 1, client_at=day(9)), click("k2", 1.5, "boris", client_at="1970"), sale("s1", 2))

    assert both(*events)[1] == ["visitor: k2 boris"]


def test_impressions_earn_through_their_own_window():
    events = (click("i1", 1.5, type="impression"), sale("s1", 2))

    assert both(*events, view_through=True)[1] == ["visitor: i1 anna"]
    assert both(*events, view_through=True, view_window_seconds=43_199)[1] == ["unattributed"]


# Rule 5 and 6: codes and the ladder.

CODES = [
    {"code": "SPRING", "partner": "boris"},
    {"code": "OLD", "partner": "boris", "valid_to": day(1.5)},
    {"code": "FOREIGN", "partner": "boris", "program": "Q"},
    {"code": "MINE", "partner": "vera"},
]


@pytest.mark.parametrize(
    ("coupon", "reason"),
    [
        ("nope", "code_unknown"),
        ("foreign", "code_other_program"),
        ("Old", "code_expired"),
        ("mine", "self_referral"),
    ],
)
def test_invalid_code_is_told_as_it_was_sent(coupon, reason):
    (decision,) = tell(sale("s1", 2, coupon=coupon, customer="own"), codes=CODES)

    assert (decision["status"], decision["rejected"]) == ("unattributed", {f"code:{coupon}": reason})


def test_code_counts_up_to_and_including_its_last_instant():
    assert both(sale("s1", 1.5, coupon="old"), codes=CODES)[1] == ["coupon: code:old boris"]


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        ("click_first", "visitor: k1 anna"),
        ("coupon_first", "coupon: code:spring boris"),
        ("if_involved", "visitor: k1 anna"),
    ],
)
def test_policy_decides_between_code_and_click(policy, expected):
    events = (click("k1", 1), sale("s1", 2, coupon="spring"))

    assert both(*events, codes=CODES, coupon_policy=policy)[1] == [expected]


def test_code_binds_its_customer_too():
    events = (sale("s1", 1, coupon="spring", customer="c"), click("k1", 2), sale("s2", 3, customer="c"))

    assert both(*events, codes=CODES)[1] == ["coupon: code:spring boris", "binding: None boris"]


@pytest.mark.parametrize(
    ("allowed", "agent", "expected"),
    [
        (True, "UA", "fingerprint: k1 anna"),
        (True, "other", "unattributed"),
        (True, None, "unattributed"),
        (False, "UA", "unattributed"),
    ],
)
def test_same_address_and_agent_count_only_where_allowed(allowed, agent, expected):
    events = (click("k1", 1, visitor="x", ip="203.0.113.7", ua="UA"), sale("s1", 2, ip="203.0.113.7", ua=agent))

    assert both(*events, fingerprint_fallback=allowed)[1] == [expected]
    assert tell(*events, fingerprint_fallback=allowed)[0]["rejected"] == {}


# Rule 7: order of touches.


def test_touches_of_one_instant_follow_their_sequence_then_the_file():
    assert both(click("k1", 1), click("k2", 1, "boris"), sale("s1", 2))[1] == ["visitor: k2 boris"]
    assert both(click("k1", 1, seq=7), click("k2", 1, "boris", seq=3), sale("s1", 2))[1] == ["visitor: k1 anna"]
    assert both(click("k1", 1, seq=7), click("k2", 1, "boris", seq=7), sale("s1", 2))[1] == ["visitor: k2 boris"]


def test_late_click_takes_its_place_in_time_not_in_receipt():
    events = (click("k2", 2, "boris"), click("k1", 1, late=3), sale("s1", 4))

    assert both(*events, model="first_click")[1] == ["visitor: k1 anna"]


# Rule 8: refunds.


@pytest.mark.parametrize(
    ("amounts", "posted"),
    [
        ([100], [[-34, -33, -33]]),
        ([50, 50], [[-17, -16, -17], [-17, -17, -16]]),
        ([1], [[-1, 0, 0]]),
        ([0], [[0, 0, 0]]),
    ],
)
def test_refund_posts_the_difference_of_the_splits(amounts, posted):
    clicks = [click("k1", 1), click("k2", 2, "boris"), click("k3", 3, "vera")]

    (decision,) = tell(*clicks, sale("s1", 4), *(refund("s1", 5 + i, a) for i, a in enumerate(amounts)), model="linear")

    assert decision["refund_credits"] == posted
    assert [credit["amount_minor"] for credit in decision["credits"]] == [34, 33, 33]


def test_refund_is_not_known_when_the_sale_comes_in():
    events = (click("k1", 1), sale("s1", 2), refund("s1", 3, 40))

    assert tell(*events, view="online")[0]["refund_credits"] == []
    assert tell(*events)[0]["refund_credits"] == [[-40]]


def test_refund_before_its_sale_waits_for_it():
    events = (click("k1", 1), refund("s1", 1.5, 100), sale("s1", 2))

    assert tell(*events, view="online")[0]["refund_credits"] == [[-100]]


def test_refund_of_an_unattributed_sale_has_nobody_to_take_from():
    assert tell(sale("s1", 2), refund("s1", 3, 100))[0]["refund_credits"] == [[]]


# Rule 9: online, final, locked.


def test_lock_keeps_what_was_known_at_the_lock():
    """The click that came before the lock counts, though online had not seen it; the one after does not."""
    events = (
        click("k1", 1),
        sale("s1", 5),
        click("k2", 2, "boris", late=6),
        lock("s1", 7),
        click("k3", 3, "vera", late=8),
    )

    assert both(*events) == [["visitor: k1 anna"], ["visitor: k2 boris"]]
    assert "k3" not in tell(*events)[0]["rejected"]


@pytest.mark.parametrize(
    "late",
    [
        click("k9", 1.5, "boris", late=9),
        identify("x", "c", 9),
        status("anna", 1, "deleted") | {"received_at": day(9)},
        change(1, window_seconds=1) | {"received_at": day(9)},
        sale("s0", 1, visitor="w", customer="c", late=9),
        lock("s1", 9),
    ],
    ids=["click", "identity", "status", "settings", "earlier_sale", "second_lock"],
)
def test_nothing_moves_a_locked_decision(late):
    events = (
        click("kw", 0.5, "boris", visitor="w"),
        click("kx", 1.9, "boris", visitor="x"),
        click("k1", 1),
        sale("s1", 2, customer="c"),
        lock("s1", 3),
    )

    assert tell(*events, late)[-1 if late.get("id") != "s0" else 0]["credits"] == tell(*events)[0]["credits"]


def test_the_same_late_facts_move_an_open_decision():
    open_sale = (click("k1", 1), sale("s1", 2))

    assert both(*open_sale, click("k9", 1.5, "boris", late=9))[1] == ["visitor: k9 boris"]
    assert both(*open_sale, status("anna", 1, "deleted") | {"received_at": day(9)})[1] == ["unattributed"]
    assert both(*open_sale, change(1, window_seconds=1) | {"received_at": day(9)})[1] == ["unattributed"]


def test_refund_after_the_lock_is_posted():
    assert tell(click("k1", 1), sale("s1", 2), lock("s1", 3), refund("s1", 4, 100))[0]["refund_credits"] == [[-100]]


def test_first_lock_stands():
    events = (click("k1", 1), sale("s1", 5), lock("s1", 6), click("k2", 2, "boris", late=7), lock("s1", 8))

    assert both(*events)[1] == ["visitor: k1 anna"]


def test_lock_before_its_sale_keeps_the_first_decision():
    events = (click("k1", 1), lock("s1", 1.5), sale("s1", 5), click("k2", 2, "boris", late=7))

    assert both(*events)[1] == ["visitor: k1 anna"]


def test_locked_sale_keeps_binding_its_customer_as_locked():
    """The late click moves the open sale, but the binding comes from the locked one."""
    events = (
        click("k1", 1),
        sale("s1", 5, customer="c"),
        lock("s1", 6),
        click("k2", 2, "boris", late=7),
        sale("s2", 8, customer="c"),
    )

    assert both(*events)[1] == ["visitor: k1 anna", "binding: None anna"]


def test_settings_heard_of_after_the_lock_do_not_undo_its_binding():
    events = (
        click("k1", 1),
        sale("s1", 2, customer="c"),
        lock("s1", 3),
        click("k2", 4, "boris"),
        change(1, binding="none") | {"received_at": day(5)},
        change(6, binding="first_conversion"),
        sale("s2", 7, customer="c"),
    )

    assert both(*events)[1] == ["visitor: k1 anna", "binding: None anna"]


def test_chain_of_locked_sales_is_followed():
    """A late earlier sale rebinds the open sale alone: the locked ones keep what they had."""
    events = (
        click("k1", 1),
        click("k2", 3, "boris"),
        sale("s1", 4, customer="c"),
        lock("s1", 5),
        sale("s2", 6, customer="c"),
        lock("s2", 7),
        sale("s0", 2, customer="c", late=8),
        sale("s3", 9, customer="c"),
    )

    assert both(*events)[1] == ["visitor: k2 boris", "binding: None boris", "visitor: k1 anna", "binding: None anna"]


# Laws.


def test_refund_delivered_again_is_posted_once_and_an_equal_one_at_another_instant_again():
    events = (click("k1", 1), sale("s1", 2), refund("s1", 3, 40))

    assert tell(*events, refund("s1", 3, 40))[0]["refund_credits"] == [[-40]]
    assert tell(*events, refund("s1", 3, 40) | {"seq": 7})[0]["refund_credits"] == [[-40], [-40]]
    assert tell(*events, refund("s1", 4, 40))[0]["refund_credits"] == [[-40], [-40]]


def test_event_delivered_again_changes_nothing():
    events = [
        click("k1", 1),
        click("k2", 2, "boris"),
        identify("x", "c", 2),
        sale("s1", 3, customer="c", order_id="A"),
        status("boris", 4, "deactivated"),
        change(4, model="first_click"),
        sale("s2", 5, customer="c"),
        lock("s1", 6),
    ]

    assert tell(*events, *events, model="linear") == tell(*events, model="linear")
    assert tell(*events, *events[:3], model="linear", view="online") == tell(*events, model="linear", view="online")


def test_click_delivered_again_later_keeps_its_first_receipt():
    assert both(click("k1", 1), sale("s1", 2), click("k1", 1, late=3))[0] == ["visitor: k1 anna"]


def test_hundreds_of_sales_of_one_customer_follow_one_binding():
    events = [click("k1", 1), *(sale(f"s{i}", 2 + i / 100, customer="c") for i in range(300))]

    assert set(both(*events)[1][1:]) == {"binding: None anna"}


def test_long_chain_that_never_binds_is_read_in_reasonable_time():
    """Each sale asks for all before it; without memory of the reading this would be cubic."""
    events = [sale(f"s{i}", 2 + i / 100, customer="c") for i in range(120)]

    assert both(*events) == [["unattributed"] * 120] * 2
