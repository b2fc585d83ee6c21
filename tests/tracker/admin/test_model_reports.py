"""The page that compares models partner by partner, and its file."""

import csv
import io
import re

import pytest

from attribution.models import MODELS
from attribution.reports.registry import REPORT_MODELS
from tracker.admin import review_labels
from tracker.partners.store import add_partner
from tracker.reports import models

HOUR_MS = 3_600_000
PATH = "/admin/reports/models"


def partner(shop, name, number):
    return shop.write(
        lambda conn: add_partner(
            conn,
            program_id=shop.program_id,
            name=name,
            email=f"partner{number}@example.com",
            code=None,
            actor="cli",
            now_ms=shop.services.now_ms(),
        )
    )


@pytest.fixture
def rivals(shop):
    """A sale with a click of Maria and a later one of somebody whose name a spreadsheet would run."""
    other = partner(shop, "=HYPERLINK(1)<b>", 1)
    shop.click("first", ago_ms=2 * HOUR_MS)
    shop.click("last", ago_ms=HOUR_MS, enrollment_id=other.enrollment_id)
    shop.sale(visitor_id="visitor-1")
    return other


def rows_of(page, table):
    """The rows of a table of the page as texts by partner."""
    body = re.findall(r'<table class="table table-money table-models">.*?</table>', page.text, re.DOTALL)[table]
    return {
        re.sub(r"<[^>]+>", "", head).strip(): [re.sub(r"<[^>]+>", " ", cell).split() for cell in cells.split("<td")[1:]]
        for head, cells in re.findall(r'<tr><th scope="row">(.*?)</th>(.*?)</tr>', body, re.DOTALL)
    }


def test_every_model_stands_beside_what_is_in_force(owner, shop, rivals):
    page = owner.get(PATH)

    assert page.status_code == 200
    maria = rows_of(page, 0)["Мария Иванова"]
    assert maria[0][-3:] == ["€0.00", "0", "conversions"]
    assert maria[1][-4:] == ["€100.00", "1", "conversion", "+€100.00"], "first click"
    assert maria[4][-4:] == ["€50.00", "0.5", "conversions", "+€50.00"], "linear"
    other = rows_of(page, 1)["=HYPERLINK(1)&lt;b&gt;"]
    assert other[1][-3:] == ["€100.00", "1", "conversion"], "took part"
    assert "reports only, never pays" in page.text
    assert "<b>" not in page.text
    assert re.search(r"The model in force today: Last click\.", page.text)


def test_chart_draws_the_chosen_model_from_its_table(owner, shop, rivals):
    page = owner.get(f"{PATH}?beside=first_click")

    assert "In force beside: First click" in page.text
    drawn = re.findall(r'data-value="([^"]*)"', page.text)
    assert drawn == ["100.00", "0.00", "0.00", "100.00"]
    assert 'data-chart-axis="one"' in page.text


def test_file_has_every_partner_and_model_and_no_formula(owner, shop, rivals):
    page = owner.get(PATH)
    address = re.search(rf'href="({PATH}\.csv[^"]*)"', page.text)[1].replace("&amp;", "&")

    answer = owner.get(address)

    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert "attachment" in answer.headers["content-disposition"]
    lines = list(csv.DictReader(io.StringIO(answer.text)))
    assert {line["model"] for line in lines} == {"in_force", *MODELS, *(each.name for each in REPORT_MODELS)} - {
        "custom"
    }
    assert {line["partner"] for line in lines} == {"Мария Иванова", "'=HYPERLINK(1)<b>"}
    (half,) = [each for each in lines if each["model"] == "linear" and each["partner"] == "Мария Иванова"]
    assert (half["conversions"], half["amount"], half["amount_change"], half["pays"]) == (
        "0.5",
        "50.00",
        "50.00",
        "yes",
    )


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("from=yesterday", "Give a day, such as 2026-03-31."),
        ("from=0001-01-01", "Give a day, such as 2026-03-31."),
        ("to=9999-12-31", "Give a day, such as 2026-03-31."),
        ("from=2026-03-02&to=2026-03-01", "at most 366 days in all"),
        ("from=2025-01-01&to=2026-01-02", "at most 366 days in all"),
    ],
)
def test_wrong_days_are_refused_and_no_file_is_made_of_them(owner, shop, query, words):
    page = owner.get(f"{PATH}?{query}")

    assert page.status_code == 422
    assert words in page.text
    assert owner.get(f"{PATH}.csv?{query}").status_code == 404


def test_a_year_of_days_is_allowed(owner, shop):
    assert owner.get(f"{PATH}?from=2025-01-01&to=2026-01-01").status_code == 200


def test_days_are_the_programs_own(owner, shop, rivals):
    """Its instant is 15:33 in Berlin on 21 September 2026."""
    assert "€100.00" in owner.get(f"{PATH}?from=2026-09-21&to=2026-09-21").text
    for days in ("from=2026-09-20&to=2026-09-20", "from=2026-09-22&to=2026-09-22"):
        assert "Nothing to compare" in owner.get(f"{PATH}?{days}").text


@pytest.mark.parametrize("query", ["program=prg_1", "currency=XXX", "beside=nonsense", "program=%00", "currency=<b>"])
def test_unknown_choices_fall_back(owner, shop, rivals, query):
    page = owner.get(f"{PATH}?{query}")

    assert page.status_code == 200
    assert "€100.00" in page.text


def test_test_mode_has_its_own_report(owner, shop):
    shop.click("test-click", livemode=False)
    shop.sale("T-1", livemode=False, visitor_id="visitor-1", amount=7_000)

    assert "Nothing to compare" in owner.get(PATH).text
    assert "€70.00" in owner.get(f"{PATH}?mode=test").text


def test_report_that_was_cut_says_so(owner, shop, rivals, monkeypatch):
    monkeypatch.setattr(models, "CONVERSIONS_MAX", 1)
    monkeypatch.setattr(models, "CLICKS_MAX", 0)
    shop.sale("A-2")

    page = owner.get(PATH)

    assert "the newest 1 are compared" in page.text
    assert "There are more clicks than fit" in page.text


def test_every_report_model_has_a_name_and_a_text():
    names = {each.name for each in REPORT_MODELS}

    assert set(review_labels.REPORT_MODEL) == set(review_labels.REPORT_MODEL_TEXT) == names


def test_page_speaks_russian(owner, shop, rivals):
    owner.send("/admin/account/language", language="ru")

    page = owner.get(PATH)

    assert "только для отчётов, не платит" in page.text
    assert "0,5" in page.text
