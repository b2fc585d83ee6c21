"""`GET /v1/reports/models`: the comparison of models as the staff page has it, for the key's program and mode."""

from typing import Any
from urllib.parse import quote

import pytest

from tracker.instants import DAY_MS, show_instant

HOUR_MS = 3_600_000


def ask(world: Any, query: str = "", **options: Any) -> Any:
    return world.api("GET", f"/v1/reports/models{query}", **options)


def bought(world: Any, **fields: Any) -> None:
    """Anna's click, then Boris's, then a sale of 100."""
    first = world.click("ANNA", a=2 * HOUR_MS)
    last = world.click("BORIS", a=HOUR_MS, w=first)
    answer = world.track("sale", world.sale(click_id=None, visitor_id=first, amount=10_000, **fields))
    assert answer.json()["attribution"]["winner"][0]["touch"] == f"clk_{last}"


def amounts(model: Any) -> dict[str, int]:
    return {share["partner_id"]: share["amount"] for share in model["partners"]}


@pytest.fixture
def told(world: Any) -> Any:
    world.boris = world.add_partner("Boris", "BORIS")
    bought(world)
    return world


def test_each_model_stands_beside_what_is_in_force(told) -> None:
    shown = ask(told).json()

    anna, boris = told.anna.partner_id, told.boris.partner_id
    models = {model["model"]: model for model in shown["models"]}
    assert (shown["conversions"], shown["amount"], shown["currency"], shown["truncated"]) == (1, 10_000, "EUR", False)
    assert amounts(shown["in_force"]) == {boris: 10_000, anna: 0}
    assert amounts(models["first_click"])[anna] == 10_000
    assert {anna: 5_000, boris: 5_000}.items() <= amounts(models["linear"]).items()
    (mine,) = [share for share in models["linear"]["partners"] if share["partner_id"] == boris]
    assert (mine["conversions_ppb"], mine["amount_change"], mine["conversions_change_ppb"]) == (
        500_000_000,
        -5_000,
        -500_000_000,
    )
    assert {model["pays"] for model in shown["models"]} == {True, False}


def test_only_conversions_of_the_period_the_currency_and_the_mode_count(told) -> None:
    now_ms = told.services.now_ms()
    before = quote(show_instant(now_ms - DAY_MS))
    earlier = quote(show_instant(now_ms - 2 * DAY_MS))

    assert ask(told, f"?occurred_at[lte]={before}").json()["conversions"] == 0
    assert ask(told, f"?occurred_at[gte]={earlier}&occurred_at[lte]={before}").json()["conversions"] == 0
    assert ask(told, f"?occurred_at[gte]={before}&filter[currency]=EUR").json()["conversions"] == 1
    assert ask(told, test=True).json()["conversions"] == 0


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("?filter[currency]=XYZ", "filter[currency]"),
        ("?occurred_at[gte]=yesterday", "occurred_at[gte]"),
        ("?occurred_at[gte]=2020-01-01T00:00:00Z&occurred_at[lte]=2021-06-01T00:00:00Z", "occurred_at[lte]"),
        ("?occurred_at[gte]=2021-01-02T00:00:00Z&occurred_at[lte]=2021-01-01T00:00:00Z", "occurred_at[lte]"),
        ("?days=7", "days"),
    ],
    ids=["currency nobody paid in", "no instant", "more than a year", "end before its beginning", "unknown parameter"],
)
def test_what_cannot_be_asked_is_refused_by_its_name(world, query: str, field: str) -> None:
    answer = ask(world, query)

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == field
