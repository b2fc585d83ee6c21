"""Rule 21: links loaded without a click."""

from gettext import NullTranslations

import pytest

from fraud_rules.partner_facts import ClickTotals
from fraud_rules.rules.stuffed_click import LOADS, RULE, Config
from fraud_rules.scoring import score
from fraud_rules.sentences import write_sentence
from fraud_rules.types import ClickFacts

DAY_MS = 86_400_000


@pytest.fixture(scope="session")
def make_click(now_ms):
    def make(**changes):
        values = {"click_id": "clk_1", "program_id": "prg_1", "partner_id": "prt_1", "at_ms": now_ms}
        return ClickFacts(**values | changes)

    return make


@pytest.fixture(scope="session")
def judge_both(make_click, make_subject, make_facts):
    """What is found about the click, and about a conversion credited to it."""

    def judge(**changes):
        click = make_click(**changes)
        return (
            RULE.evaluate_click(click, Config()),
            RULE.evaluate(make_facts(make_subject(click=click)), Config()),
        )

    return judge


@pytest.fixture(scope="session")
def judge_totals(make_record, make_partner, now_ms):
    def judge(stuffed, *, hits=100, leads=(), config=None):
        totals = ClickTotals(hits=hits, clicks=hits, stuffed=stuffed)
        return RULE.evaluate_partner(make_partner(leads, clicks=totals), config or Config())

    return judge


@pytest.mark.parametrize("dest", sorted(LOADS))
def test_load_of_a_page_is_no_click_and_opens_a_case(judge_both, dest):
    for (finding,) in judge_both(fetch_dest=dest):
        assert finding.factor_ppm == 600_000
        assert score([finding]).band == "review"
        assert "page loaded the link as a" in write_sentence(finding, NullTranslations())


def test_fetch_of_a_script_alone_is_a_note(judge_both):
    for (finding,) in judge_both(fetch_dest="empty"):
        assert finding.factor_ppm == 300_000
        assert score([finding]).band == "note"


@pytest.mark.parametrize(
    "changes",
    [
        {"fetch_dest": "document"},
        {"fetch_dest": None},
        {"fetch_dest": ""},
        {"fetch_dest": "document", "is_prefetch": True},
        {"fetch_dest": None, "is_prefetch": True},
        {"fetch_dest": "empty", "is_prefetch": True},
        {"fetch_dest": "image\x00" * 10**6},
    ],
    ids=["document", "old_browser", "blank", "prefetch", "bare_prefetch", "prefetch_fetch", "hostile"],
)
def test_navigations_prefetches_and_silent_browsers_are_clicks(judge_both, changes):
    assert judge_both(**changes) == ([], [])


def test_case_and_blanks_of_the_header_are_no_matter(judge_both):
    assert all(found for found in judge_both(fetch_dest=" IFrame "))


def test_conversion_without_click_or_partner_is_silent(make_facts, make_subject, make_click):
    assert RULE.evaluate(make_facts(make_subject()), Config()) == []
    click = make_click(fetch_dest="image")
    assert RULE.evaluate(make_facts(make_subject(click=click, partner_id=None)), Config()) == []


def test_habit_of_loads_is_a_case_that_says_how_many(judge_totals):
    (finding,) = judge_totals({"image": 412}, hits=500)

    assert finding.factor_ppm == 850_000
    assert score([finding]).band == "priority"
    assert finding.params == {"count": 412, "hits": 500}
    assert finding.evidence["loads_image"] == 412


@pytest.mark.parametrize(
    ("stuffed", "hits", "fires"),
    [
        ({"image": 10}, 100, True),
        ({"image": 9}, 100, False),
        ({"image": 5, "iframe": 5}, 100, True),
        ({"image": 10}, 200, True),
        ({"image": 10}, 201, False),
        ({"empty": 90}, 100, False),
        ({"document": 90, "prefetch": 90}, 100, False),
        ({"image": 10, "iframe": -5}, 100, True),
        ({"image": 10}, 0, True),
        ({}, 0, False),
    ],
    ids=[
        "at_line",
        "one_below",
        "together",
        "five_percent",
        "below_five_percent",
        "fetches",
        "other_words",
        "negative",
        "hits_unknown",
        "nothing",
    ],
)
def test_lines_of_the_habit(judge_totals, stuffed, hits, fires):
    assert bool(judge_totals(stuffed, hits=hits)) is fires


def test_habit_speaks_of_conversions_with_a_click_of_the_month(judge_totals, make_record, now_ms):
    leads = [
        make_record(1, click_at_ms=now_ms - DAY_MS),
        make_record(2, click_at_ms=None),
        make_record(3, click_at_ms=now_ms - 31 * DAY_MS),
        make_record(4, click_at_ms=now_ms - DAY_MS, source="import"),
    ]

    (finding,) = judge_totals({"iframe": 50}, leads=leads)

    assert finding.compared == ("cnv_0001",)
    assert finding.holds_compared


@pytest.mark.parametrize(
    ("dests", "compared", "partner"),
    [
        ((None, None), ("cnv_0001", "cnv_0002"), True),
        ((None, "document"), ("cnv_0001",), False),
        ((None, "image"), ("cnv_0001", "cnv_0002"), False),
        (("image", "empty"), ("cnv_0001", "cnv_0002"), False),
        (("document", "document"), (), False),
        ((), (), False),
    ],
    ids=["nobody_tells", "one_followed", "one_loaded", "all_tell", "all_followed", "no_conversions"],
)
def test_partner_is_held_only_where_no_click_tells_its_destination(
    judge_totals, make_record, now_ms, dests, compared, partner
):
    """Whoever followed a link by hand is left alone; a click that tells lets us hold its conversion instead."""
    leads = [make_record(n, click_at_ms=now_ms - DAY_MS, click_dest=dest) for n, dest in enumerate(dests, start=1)]

    (finding,) = judge_totals({"image": 50}, leads=leads)

    assert finding.compared == compared
    assert finding.holds_compared
    assert finding.holds_partner is partner
