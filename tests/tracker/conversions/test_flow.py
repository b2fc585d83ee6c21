"""A customer's way through the whole application: lead, sale, second sale."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tracker.conversions.process import process

CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36"
)


def lines(world: Any, *sold: dict[str, Any]) -> list[tuple[str, int]]:
    found = []
    for one in sold:
        shown = world.api("GET", f"/v1/conversions/{one['id']}").json()
        found += [(line["partner_id"], line["amount"]) for line in shown["commissions"]]
    return found


def test_a_sale_inherits_its_leads_credit_by_any_id(shared_world) -> None:
    world = shared_world
    lead = world.track("lead", {"external_id": world.number("lead"), "click_id": world.click()}).json()
    assert lead["status"] == "accepted"

    for named in (lead["external_id"], lead["id"], lead["id"].removeprefix("cnv_")):
        sold = world.track("sale", world.sale(lead_id=named)).json()
        assert sold["attribution"]["via"] == "lead_id"
        assert lines(world, sold) == [(world.anna.partner_id, 2_000)]


def test_an_unknown_lead_gives_nothing_and_breaks_nothing(shared_world) -> None:
    for named in ("nobody", "cnv_" + "0" * 32, "cnv_x"):
        assert lines(shared_world, shared_world.track("sale", shared_world.sale(lead_id=named)).json()) == []


def test_the_last_click_before_the_sale_earns(shared_world) -> None:
    world = shared_world
    code = "LATE" + world.number("")[-6:].upper()
    late = world.add_partner("Late", code)
    visitor = world.number("visitor")
    world.click("ANNA", w=visitor)
    world.click(code, w=visitor)

    sold = world.track("sale", world.sale(visitor_id=visitor)).json()

    assert lines(world, sold) == [(late.partner_id, 2_000)]
    verdicts = {each["partner"]: each["verdict"] for each in sold["attribution"]["considered"]}
    assert verdicts == {late.partner_id: "credited", world.anna.partner_id: "rejected"}


def test_a_click_outside_the_window_earns_nothing(shared_world) -> None:
    click = shared_world.click(a=6 * 86_400_000)
    later = datetime.now(UTC) - timedelta(days=7)

    before = shared_world.track("sale", shared_world.sale(click_id=click, occurred_at=later.isoformat())).json()

    assert lines(shared_world, before) == []
    assert [each["verdict"] for each in before["attribution"]["considered"]] == ["rejected"]


def test_a_bots_click_earns_nothing(shared_world) -> None:
    click = shared_world.number("bot")
    shared_world.browser({"t": "click", "c": click, "r": "ANNA"}, headers={"User-Agent": "Googlebot/2.1"})

    assert lines(shared_world, shared_world.track("sale", shared_world.sale(click_id=click)).json()) == []
    assert shared_world.api("GET", f"/v1/clicks/{click}").json()["is_bot"] is True


def test_a_click_sent_just_before_the_sale_counts_unprojected(shared_world) -> None:
    """Deciding first projects what was acknowledged, so a shop reads its own writes."""
    click = shared_world.click()

    assert lines(shared_world, shared_world.track("sale", shared_world.sale(click_id=click)).json())


def test_a_followed_link_earns_by_the_code_it_hands_on(shared_world) -> None:
    world = shared_world
    answer = world.request("GET", f"/r/to/{world.anna.slug}", headers={"User-Agent": CHROME})
    assert answer.status_code == 302
    click = answer.headers["set-cookie"].split(".")[1]
    assert answer.headers["location"].startswith(f"https://shop.example/?via=ANNA&_mv={click}.ANNA.")

    sold = world.track("sale", world.sale(click_id=click)).json()

    assert lines(world, sold) == [(world.anna.partner_id, 2_000)]


def test_commissions_are_net_of_tax_and_shipping(shared_world) -> None:
    sold = shared_world.track("sale", shared_world.sale(promo_code="ANNA", tax=1_600, shipping=400)).json()

    assert [amount for _, amount in lines(shared_world, sold)] == [1_600]


@pytest.mark.parametrize(("currency", "amount", "earned"), [("JPY", 999, 200), ("KWD", 12_345, 2_469), ("EUR", 2, 0)])
def test_a_percentage_is_in_the_sales_currency_half_even(shared_world, currency: str, amount: int, earned: int) -> None:
    sold = shared_world.track("sale", shared_world.sale(promo_code="ANNA", currency=currency, amount=amount)).json()

    assert [line["amount"] for line in sold["commissions"]] == ([earned] if earned else [])
    assert {line["currency"] for line in sold["commissions"]} <= {currency}


def test_the_largest_amount_earns_exactly(shared_world) -> None:
    sold = shared_world.track("sale", shared_world.sale(promo_code="ANNA", amount=10**13)).json()

    assert [amount for _, amount in lines(shared_world, sold)] == [2 * 10**12]


def test_deciding_again_changes_nothing(shared_world) -> None:
    world = shared_world
    sold = world.track("sale", world.sale(promo_code="ANNA")).json()

    for _ in range(3):
        world.write(lambda conn: process(conn, sold["id"], now_ms=world.services.now_ms()))

    assert world.api("GET", f"/v1/conversions/{sold['id']}").json() == sold
