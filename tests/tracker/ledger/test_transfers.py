import pytest

from tracker.ledger.transfers import difference, remaining, reverse_all


def book(make, posted, due, **changes):
    new = difference(
        posted,
        due,
        subject=changes.get("subject", make.subject()),
        occasion=changes.get("occasion", make.occasion()),
        make_id=make.ids(),
    )
    return new, [*posted, *make.posted(new, posted)]


def shapes(transfers):
    return [(each.kind, each.enrollment_id, each.currency, each.amount_minor) for each in transfers]


def test_a_first_due_is_an_accrual(make):
    new, _ = book(make, [], [make.due(700)])

    assert shapes(new) == [("accrual", "enr_a", "EUR", 700)]


def test_nothing_due_books_nothing(make):
    assert book(make, [], [make.due(0)])[0] == []
    assert book(make, [], [])[0] == []


def test_booking_the_same_due_again_books_nothing(make):
    _, posted = book(make, [], [make.due(700)])

    assert book(make, posted, [make.due(700)])[0] == []


def test_an_accrual_has_two_legs_that_sum_to_zero(make):
    ((accrual,), _) = book(make, [], [make.due(700)])

    assert [(leg.account, leg.amount_minor) for leg in accrual.legs] == [
        ("program_expense", -700),
        ("partner_payable", 700),
    ]


def test_an_accrual_carries_its_subject_occasion_and_arithmetic(make):
    occasion = make.occasion(cause="decision:dec_9", actor="user:usr_1", at_ms=5)
    ((accrual,), _) = book(make, [], [make.due(700)], occasion=occasion, subject=make.subject(livemode=False))

    assert (accrual.livemode, accrual.program_id, accrual.conversion_id, accrual.decision_id) == (
        False,
        "prg_1",
        "cnv_1",
        "dec_1",
    )
    assert (accrual.cause, accrual.actor, accrual.created_at_ms) == ("decision:dec_9", "user:usr_1", 5)
    assert accrual.public_text == occasion.public_text
    assert accrual.reverses_id is None
    assert accrual.calculation == {"base_minor": 3500, "booked_before_minor": 0, "booked_minor": 700}


def test_a_smaller_due_is_a_reversal_of_the_accrual(make):
    _, posted = book(make, [], [make.due(700)])
    refund = make.occasion(cause="refund:cnv_2", reason_code="refunded", at_ms=make.T0 + 9)

    ((reversal,), after) = book(make, posted, [make.due(300, available_at_ms=1)], occasion=refund)

    assert shapes([reversal]) == [("reversal", "enr_a", "EUR", -400)]
    assert reversal.reverses_id == posted[0].transfer_id
    assert reversal.cause == "refund:cnv_2"
    assert reversal.legs[1].available_at_ms == posted[0].available_at_ms
    assert reversal.calculation == {"base_minor": 1500, "accrued_minor": 700, "booked_minor": -400}
    assert remaining(after) == {posted[0].transfer_id: 300}


def test_a_larger_due_is_a_further_accrual(make):
    _, posted = book(make, [], [make.due(700)])

    new, _ = book(make, posted, [make.due(1000)])

    assert shapes(new) == [("accrual", "enr_a", "EUR", 300)]
    assert new[0].calculation["booked_before_minor"] == 700


def test_the_newest_accrual_is_taken_back_first(make):
    _, posted = book(make, [], [make.due(700)])
    _, posted = book(make, posted, [make.due(1000)])

    new, after = book(make, posted, [make.due(500)])

    assert [(each.reverses_id, each.amount_minor) for each in new] == [
        (posted[1].transfer_id, -300),
        (posted[0].transfer_id, -200),
    ]
    assert list(remaining(after).values()) == [500, 0]


def test_a_moved_credit_is_taken_from_one_partner_and_given_to_the_other(make):
    _, posted = book(make, [], [make.due(700)])
    decision = make.occasion(cause="decision:dec_2")

    new, _ = book(
        make,
        posted,
        [make.due(700, enrollment_id="enr_b")],
        occasion=decision,
        subject=make.subject(decision_id="dec_2"),
    )

    assert shapes(new) == [("reversal", "enr_a", "EUR", -700), ("accrual", "enr_b", "EUR", 700)]
    assert [each.decision_id for each in new] == ["dec_1", "dec_2"]
    assert new[0].calculation == {"due_minor": 0, "accrued_minor": 700, "booked_minor": -700}


def test_currencies_and_rewards_are_booked_apart(make):
    due = [make.due(700), make.due(200, currency="USD"), make.due(50, reward_id="bonus")]
    _, posted = book(make, [], due)

    new, _ = book(make, posted, [make.due(700), make.due(150, currency="USD"), make.due(50, reward_id="bonus")])

    assert shapes(new) == [("reversal", "enr_a", "USD", -50)]


def test_money_taken_back_whole_is_accrued_anew(make):
    _, posted = book(make, [], [make.due(700)])
    _, posted = book(make, posted, [])

    new, _ = book(make, posted, [make.due(700)])

    assert shapes(new) == [("accrual", "enr_a", "EUR", 700)]


def test_a_due_given_twice_is_refused(make):
    with pytest.raises(ValueError, match="is due twice"):
        book(make, [], [make.due(1), make.due(2)])


def test_a_line_of_another_conversion_is_refused(make):
    _, posted = book(make, [], [make.due(700)])

    with pytest.raises(ValueError, match="belongs to cnv_1, not to cnv_2"):
        book(make, posted, [], subject=make.subject(conversion_id="cnv_2"))


def test_reverse_all_leaves_nothing_of_any_conversion(make):
    _, first = book(make, [], [make.due(700), make.due(300, enrollment_id="enr_b")])
    _, first = book(make, first, [make.due(500), make.due(300, enrollment_id="enr_b")])
    second_new, _ = book(make, [], [make.due(40)], subject=make.subject(conversion_id="cnv_2"))
    posted = [*first, *make.posted(second_new, first)]
    verdict = make.occasion(cause="verdict:vdt_1", reason_code="fraud")

    new = reverse_all(posted, occasion=verdict, make_id=make.ids())

    assert sorted((each.conversion_id, each.amount_minor) for each in new) == [
        ("cnv_1", -500),
        ("cnv_1", -300),
        ("cnv_2", -40),
    ]
    assert set(remaining([*posted, *make.posted(new, posted)]).values()) == {0}
    assert reverse_all([*posted, *make.posted(new, posted)], occasion=verdict, make_id=make.ids()) == []
