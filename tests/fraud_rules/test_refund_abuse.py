"""Rule 30a: sales are given back after they paid."""

import pytest

from fraud_rules.partner_facts import Baseline, SaleRecord
from fraud_rules.rules.refund_abuse import RULE, Config
from fraud_rules.scoring import score

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
PROGRAM = Baseline(sales=1_000, refunded_sales=50)


@pytest.fixture(scope="session")
def make_sale(now_ms):
    """A sale of 40 days ago, released 10 days ago."""

    def make(number, **changes):
        values = {
            "conversion_id": f"sal_{number:04d}",
            "at_ms": now_ms - 40 * DAY_MS,
            "amount_minor": 10_000,
            "released_at_ms": now_ms - 10 * DAY_MS,
            "person_key": f"p{number}",
        }
        return SaleRecord(**values | changes)

    return make


@pytest.fixture(scope="session")
def make_refunded(make_sale, now_ms):
    """A sale given back in full five days after it was made, long before it was released."""

    def make(number, **changes):
        values = {"refunded_minor": 10_000, "refunded_at_ms": now_ms - 35 * DAY_MS}
        return make_sale(number, **values | changes)

    return make


@pytest.fixture(scope="session")
def judge_sales(make_partner):
    def judge(sales, *, baseline=PROGRAM, config=None):
        return RULE.evaluate_partner(make_partner(sales=tuple(sales), baseline=baseline), config or Config())

    return judge


def test_surely_more_refunds_than_the_program_opens_a_case(judge_sales, make_sale, make_refunded, now_ms):
    sales = [
        *[make_refunded(n, payment_key=f"card{n}") for n in range(1, 7)],
        make_sale(7),
        make_sale(8, payment_key="card_of_a_stranger"),
        make_sale(9, person_key=None),
        make_sale(10, released_at_ms=None),
        make_sale(11, released_at_ms=now_ms + DAY_MS),
    ]

    (finding,) = judge_sales(sales)

    assert finding.factor_ppm == 600_000
    assert score([finding]).band == "review"
    assert finding.params == {"count": 11, "refunds": 6, "usual": 5}
    assert finding.compared == tuple(f"sal_{n:04d}" for n in range(1, 7))
    assert (finding.holds_compared, finding.holds_partner) == (True, False)


@pytest.mark.parametrize(
    ("kept", "held"),
    [
        ({"person_key": "p3"}, True),
        ({"payment_key": "card3"}, True),
        ({"person_key": None, "payment_key": "card3"}, True),
        ({"payment_key": "card9"}, False),
        ({"person_key": None}, False),
        ({"released_at_ms": None}, False),
    ],
    ids=["same_person", "same_card", "card_alone", "other_card", "nobody", "unreleased_of_a_stranger"],
)
def test_kept_sales_are_held_with_refunds_of_the_same_customer_or_card(
    judge_sales, make_sale, make_refunded, kept, held
):
    """Nobody's refund says something of a stranger's sale, even where that one is not paid yet."""
    refunded = [make_refunded(n, payment_key=f"card{n}") for n in range(1, 6)]
    refunded.append(make_refunded(6, person_key=None, payment_key=None))

    (finding,) = judge_sales([*refunded, make_sale(7, **kept), make_sale(8)])

    assert ("sal_0007" in finding.compared) is held
    assert "sal_0008" not in finding.compared


@pytest.mark.parametrize(
    ("refunds", "kept", "fires"),
    [(5, 3, True), (5, 2, False), (5, 7, True), (4, 4, False), (3, 5, False), (2, 20, False)],
    ids=["most", "seven_sales", "at_bound", "below_bound", "few", "usual"],
)
def test_lines_of_the_rate(judge_sales, make_sale, make_refunded, refunds, kept, fires):
    """With 5 % believed as if seen in 8 sales, 5 of 12 leave a lower bound of 15.02 %, 4 of 8 one of 14.1 %."""
    sales = [*[make_refunded(n) for n in range(refunds)], *[make_sale(100 + n) for n in range(kept)]]

    assert bool(judge_sales(sales)) is fires


def test_season_of_returns_is_silent(judge_sales, make_sale, make_refunded):
    sales = [*[make_refunded(n) for n in range(6)], *[make_sale(100 + n) for n in range(6)]]

    assert judge_sales(sales, baseline=Baseline(sales=1_000, refunded_sales=180)) == []


def test_program_without_sales_is_believed_to_be_typical(judge_sales, make_sale, make_refunded):
    sales = [*[make_refunded(n) for n in range(6)], *[make_sale(100 + n) for n in range(4)]]

    assert judge_sales(sales, baseline=Baseline())


def test_freight_given_back_is_no_refund(judge_sales, make_refunded):
    assert judge_sales([make_refunded(n, refunded_minor=4_999) for n in range(20)]) == []
    assert judge_sales([make_refunded(n, refunded_minor=5_000) for n in range(20)])


def test_refund_that_has_not_happened_yet_is_none(judge_sales, make_refunded, now_ms):
    assert judge_sales([make_refunded(n, refunded_at_ms=now_ms + 1) for n in range(20)]) == []


@pytest.mark.parametrize(
    ("gap_ms", "fires"),
    [(0, True), (72 * HOUR_MS, True), (72 * HOUR_MS + 1, False), (-1, False)],
    ids=["at_release", "third_day", "fourth_day", "before_release"],
)
def test_two_refunds_right_after_release_open_a_case(judge_sales, make_refunded, make_sale, now_ms, gap_ms, fires):
    released = now_ms - 10 * DAY_MS
    sales = [make_refunded(n, refunded_at_ms=released + gap_ms) for n in (1, 2)]

    others = [make_sale(3), make_sale(4, released_at_ms=None), make_sale(5, person_key="p1")]
    found = judge_sales([*sales, *others])

    assert bool(found) is fires
    if fires:
        assert found[0].factor_ppm == 600_000
        assert found[0].compared == ("sal_0001", "sal_0002", "sal_0005")


@pytest.mark.parametrize(("after", "before", "fires"), [(1, 0, False), (2, 1, False), (3, 2, True), (3, 4, False)])
def test_refunds_that_fall_there_by_chance_are_silent(
    judge_sales, make_refunded, make_sale, now_ms, after, before, fires
):
    """Of a tenth by chance: 2 of 3 has p .028, 3 of 5 has .0086, 3 of 7 has .026."""
    soon = now_ms - 9 * DAY_MS
    sales = [make_refunded(n, refunded_at_ms=soon) for n in range(after)]
    sales += [make_refunded(10 + n) for n in range(before)]
    sales += [make_sale(100 + n) for n in range(60)]

    found = [finding for finding in judge_sales(sales) if finding.evidence["kind"] == "after_release"]

    assert bool(found) is fires


@pytest.mark.parametrize("key", ["person_key", "payment_key"])
def test_one_customer_who_gives_everything_back_is_a_note_over_his_sales(judge_sales, make_sale, make_refunded, key):
    sales = [*[make_refunded(n, **{key: "x"}) for n in (1, 2, 3)], *[make_sale(100 + n) for n in range(60)]]

    (finding,) = judge_sales(sales)

    assert finding.factor_ppm == 450_000
    assert score([finding]).band == "note"
    assert finding.compared == ("sal_0001", "sal_0002", "sal_0003")
    assert finding.cluster_key == f"{key.removesuffix('_key')}:x"


def test_person_with_one_card_is_one_customer(judge_sales, make_sale, make_refunded):
    sales = [*[make_refunded(n, person_key="x", payment_key="y") for n in (1, 2, 3)]]

    found = judge_sales([*sales, *[make_sale(100 + n) for n in range(60)]])

    assert [finding.evidence["kind"] for finding in found] == ["customer"]


@pytest.mark.parametrize(("back", "kept", "fires"), [(2, 0, False), (3, 0, True), (4, 1, True), (3, 1, False)])
def test_customer_who_tries_on_and_keeps_some_is_silent(judge_sales, make_sale, make_refunded, back, kept, fires):
    sales = [make_refunded(n, person_key="x") for n in range(back)]
    sales += [make_sale(10 + n, person_key="x") for n in range(kept)]
    sales += [make_sale(100 + n) for n in range(90)]

    assert bool(judge_sales(sales)) is fires


def test_partner_without_refunds_is_silent(judge_sales, make_sale):
    assert judge_sales([]) == []
    assert judge_sales([make_sale(n) for n in range(50)]) == []


def test_sales_of_nothing_are_no_error(judge_sales, make_refunded):
    assert judge_sales([make_refunded(n, amount_minor=0, refunded_minor=0) for n in range(20)]) == []
