"""The list of conversions, and the page that says whose merit one is and why."""

import re
from typing import get_args

import pytest

from attribution.types import Level, Outcome, Reason, Via
from tracker.admin import review_labels
from tracker.admin.explanations import SENTENCE, considered, reason_sentence
from tracker.i18n.translator import translator_of

DAY_MS = 86_400_000
DETAIL = {
    "age_ms": 90_000,
    "late_by_ms": 5000,
    "window_seconds": 3600,
    "minimum_seconds": 5,
    "status": "paused",
    "touch_mode": "test",
    "level": "clicks",
    "valid_to_ms": 1_790_000_000_000,
    "touches": 3000,
    "kept": 2000,
}


@pytest.mark.parametrize("language", ["en", "ru"])
@pytest.mark.parametrize("reason", get_args(Reason))
def test_every_reason_of_the_engine_has_a_sentence(reason, language):
    sentence = reason_sentence(reason, DETAIL, translator_of(language), time_zone="Europe/Berlin")

    assert sentence != reason
    assert "%(" not in sentence


def test_touch_that_own_weights_gave_nothing_says_so():
    speech = translator_of("en")

    zero = reason_sentence("not_selected", {"level": "clicks", "weight": "0"}, speech, time_zone="UTC")

    assert zero == "It could have earned; the program's own weights give it nothing."
    assert zero != reason_sentence("not_selected", {"level": "clicks"}, speech, time_zone="UTC")


def test_touches_left_out_of_a_long_journey_are_one_line():
    cut = {
        "touch": "capped:clicks",
        "partner": None,
        "verdict": "rejected",
        "reason": "capped",
        "detail": {"touches": 3000, "kept": 2000, "from_ms": 5, "to_ms": 9},
        "at_ms": 5,
    }

    (row,) = considered({"considered": [cut]}, translator_of("en"), time_zone="UTC")

    assert (row.title, row.click_id, row.partner_id) == ("Touches left out", None, None)
    assert row.sentence == "Of 3,000 touches only the first and the last ones, 2,000 in all, are looked at."


def test_words_cover_every_level_and_outcome_and_no_reason_is_left_over():
    assert set(SENTENCE) == set(get_args(Reason))
    assert set(review_labels.VIA) == set(review_labels.VIA_TEXT) == set(get_args(Via))
    assert set(review_labels.LEVEL) == set(get_args(Level))
    assert set(review_labels.OUTCOME) == set(get_args(Outcome))


def test_considered_things_come_in_time_order_and_the_timeless_last():
    explanation = {
        "winner": [{"touch": "clk_b", "partner": "prt_1", "weight": "2/5"}],
        "considered": [
            {"touch": "clk_b", "partner": "prt_1", "verdict": "credited", "reason": None, "detail": {}, "at_ms": 20},
            {"touch": "code:X", "partner": None, "verdict": "rejected", "reason": "code_unknown", "at_ms": None},
            {"touch": "clk_a", "partner": "prt_2", "verdict": "rejected", "reason": "bot", "detail": {}, "at_ms": 10},
        ],
    }

    rows = considered(explanation, translator_of("en"), time_zone="UTC")

    assert [row.title for row in rows] == ["Click", "Click", "Code X"]
    assert [row.is_credited for row in rows] == [False, True, False]
    assert "2/5" in rows[1].sentence


def test_page_says_why_this_partner_and_how_the_sum_adds_up(owner, shop, world):
    shop.click("old", ago_ms=40 * DAY_MS)
    shop.click("bot", user_agent="GPTBot/1.0", ago_ms=3 * DAY_MS)
    shop.click("good", ago_ms=2 * DAY_MS)
    sale = shop.sale(amount=12_000, tax=2000, visitor_id="visitor-1", promo_code="NOSUCH")

    page = owner.get(f"/admin/conversions/{sale}")

    assert page.status_code == 200
    assert "40 days before the conversion; clicks count for 30 days." in page.text
    assert "A program made this click" in page.text
    assert "It took the whole credit." in page.text
    assert "The visitor&#39;s own clicks earned it. Model: Last click." in page.text
    assert "No partner of any program has this code." in page.text
    assert page.text.index("40 days before") < page.text.index("It took the whole credit.")
    assert f'href="/admin/clicks/{shop.program_id}/good"' in page.text
    assert "€100.00 × 20% = €20.00" in page.text
    assert "Took the credit" in page.text
    assert "payable on" in page.text
    assert f'href="/admin/programs/{shop.program_id}#history-title"' in page.text


def test_refund_shows_on_sale_and_sale_on_refund(owner, shop):
    shop.click()
    sale = shop.sale("A-1", amount=10_000, visitor_id="visitor-1")
    refund = shop.report("refund", "R-1", amount=2500, currency="EUR", refund_of="A-1")

    sale_page, refund_page = owner.get(f"/admin/conversions/{sale}"), owner.get(f"/admin/conversions/{refund}")

    assert "Partly refunded" in sale_page.text
    assert f"/admin/conversions/{refund}" in sale_page.text
    assert "€100.00 − €25.00 = €75.00" in sale_page.text
    assert f"/admin/conversions/{sale}" in refund_page.text


def test_refund_before_its_sale_says_that_it_waits(owner, shop):
    refund = shop.report("refund", "R-1", amount=2500, currency="EUR", refund_of="A-9")

    assert "the refund waits for it" in owner.get(f"/admin/conversions/{refund}").text


def test_unverified_sale_says_why_it_pays_nothing(owner, shop):
    shop.click()
    sale = shop.sale(trust="unverified", visitor_id="visitor-1")

    page = owner.get(f"/admin/conversions/{sale}")

    assert "an unverified report pays nobody" in page.text
    assert "Attributed" in page.text


def test_sale_of_nobody_says_that_nothing_was_known(owner, shop):
    sale = shop.sale()

    page = owner.get(f"/admin/conversions/{sale}")

    assert "Nobody: nothing that could be considered was usable." in page.text
    assert "Nothing: no click, code, lead or earlier conversion of this customer is known." in page.text


def test_findings_and_case_stand_on_the_page(owner, shop):
    sale = shop.self_referral()

    page = owner.get(f"/admin/conversions/{sale}")

    assert "A case holds this conversion until a person judges." in page.text
    assert "has the very e-mail address of the partner" in page.text
    assert "held by a case" in page.text


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("", {"A-1", "A-2", "L-1"}),
        ("?kind=lead", {"L-1"}),
        ("?status=unattributed", {"A-2"}),
        ("?trust=verified", {"A-1", "A-2", "L-1"}),
        ("?trust=unverified", set()),
        ("?q=A-2", {"A-2"}),
        ("?partner=Мария", {"A-1", "L-1"}),
        ("?partner=maria@example.com", {"A-1", "L-1"}),
        ("?partner=nobody", set()),
        ("?kind=nonsense", {"A-1", "A-2", "L-1"}),
        ("?mode=test", {"T-1"}),
        ("?before=99999999999999999999", {"A-1", "A-2", "L-1"}),
    ],
)
def test_list_shows_what_was_asked_for(owner, shop, query, shown):
    shop.click()
    shop.sale("A-1", visitor_id="visitor-1")
    shop.sale("A-2")
    shop.report("lead", "L-1", visitor_id="visitor-1")
    shop.sale("T-1", livemode=False)

    page = owner.get(f"/admin/conversions{query}")

    assert page.status_code == 200
    assert {name for name in ("A-1", "A-2", "L-1", "T-1") if f" {name}</a>" in page.text} == shown
    assert shown or "Nothing fits" in page.text


def test_list_continues_without_a_gap(owner, shop):
    for number in range(53):
        shop.sale(f"N-{number}")

    first = owner.get("/admin/conversions")
    following = re.search(r'href="(/admin/conversions\?before=\d+)"', first.text)[1]
    second = owner.get(following)

    rows = re.findall(r">Sale (N-\d+)</a>", first.text + second.text)
    assert sorted(rows) == sorted(f"N-{number}" for number in range(53))


def test_empty_list_says_what_to_do(owner):
    assert "Report the first lead or sale" in owner.get("/admin/conversions").text


@pytest.mark.parametrize("path", ["cnv_" + "0" * 32, "nonsense", "%00", "prt_" + "0" * 32])
def test_unknown_conversion_is_not_found(owner, path):
    assert owner.get(f"/admin/conversions/{path}").status_code == 404


def test_hostile_names_stay_text(owner, shop):
    hostile = '<script>alert(1)</script>"><img src=x>'
    shop.click(page_url="https://shop.example/?<script>")
    sale = shop.sale("<b>1</b>", visitor_id="visitor-1", customer={"name": hostile, "email": "x@mail.example"})

    for page in (owner.get("/admin/conversions"), owner.get(f"/admin/conversions/{sale}"), owner.get("/admin/")):
        assert "<script>alert" not in page.text
        assert "<img src=x>" not in page.text
        assert "<b>1</b>" not in page.text
    assert "&lt;script&gt;alert(1)" in owner.get(f"/admin/conversions/{sale}").text


def test_page_speaks_russian(owner, shop):
    shop.click()
    sale = shop.sale(visitor_id="visitor-1")
    owner.send("/admin/account/language", language="ru")

    page = owner.get(f"/admin/conversions/{sale}")

    assert "Почему этот партнёр" in page.text
    assert "Вся заслуга здесь." in page.text
