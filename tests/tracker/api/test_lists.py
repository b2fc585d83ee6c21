"""Lists and objects: pages, filters, whose they are."""

from typing import Any

import pytest

from tracker.commands import create_key
from tracker.programs.defaults import default_settings
from tracker.programs.store import create_program

LISTS = ["/v1/conversions", "/v1/commissions", "/v1/clicks", "/v1/cases"]
FILTERS = {
    "/v1/conversions": ["status", "kind", "trust"],
    "/v1/commissions": ["status"],
    "/v1/cases": ["status"],
    "/v1/clicks": [],
}


def pages(world: Any, path: str, limit: int) -> list[str]:
    ids: list[str] = []
    after = ""
    while True:
        page = world.api("GET", f"{path}?limit={limit}{after}").json()
        assert len(page["data"]) <= limit
        ids += [one["id"] for one in page["data"]]
        if not page["has_more"]:
            return ids
        after = f"&starting_after={ids[-1]}"


def test_pages_give_everything_once_newest_first(world) -> None:
    sold = [world.track("sale", world.sale(click_id=world.click())).json() for _ in range(5)]

    for limit in (1, 2, 5, 100):
        assert pages(world, "/v1/conversions", limit) == [one["id"] for one in reversed(sold)]
        assert len(pages(world, "/v1/commissions", limit)) == len(set(pages(world, "/v1/commissions", limit))) == 5
        assert len(set(pages(world, "/v1/clicks", limit))) == 5


@pytest.mark.parametrize("path", LISTS)
def test_a_page_has_one_to_a_hundred_lines(shared_world, path: str) -> None:
    for limit in ("1", "100", "007"):
        assert shared_world.api("GET", f"{path}?limit={limit}").status_code == 200
    for limit in ("0", "101", "-1", "1.5", "ten", "", "٣", "0000050999", "1" + "0" * 5000, "000001" + "0" * 5000):
        answer = shared_world.api("GET", path, params={"limit": limit})
        assert answer.status_code == 422, limit
        assert answer.json()["errors"][0]["field"] == "limit"


@pytest.mark.parametrize("path", LISTS)
def test_a_parameter_nobody_reads_is_refused(shared_world, path: str) -> None:
    for name in ("filter[nothing]", "status", "page", "order", "filter", "created_at", "filter[livemode]", "\x00"):
        answer = shared_world.api("GET", path, params={name: "x"})
        assert answer.status_code == 422, name
        assert answer.json()["errors"][0]["field"] == name


@pytest.mark.parametrize("path", LISTS)
def test_a_filter_value_of_no_meaning_is_refused(shared_world, path: str) -> None:
    for name in FILTERS[path]:
        for value in ("nonsense", "", "Accepted", "'"):
            answer = shared_world.api("GET", path, params={f"filter[{name}]": value})
            assert answer.status_code == 422
            assert answer.json()["errors"][0]["field"] == f"filter[{name}]"


@pytest.mark.parametrize("path", LISTS)
def test_p28_hostile_values_are_no_error_of_ours(shared_world, path: str) -> None:
    """A NUL in a filter once was an error of PostgreSQL's."""
    names = ["starting_after", "created_at[gte]", "created_at[lte]", "filter[external_id]", "filter[visitor_id]"]
    names += ["filter[conversion_id]"]
    for name in names:
        for value in ("\x00", "a\x00b", "' OR 1=1 --", "%", "\ufffd", "é", "cnv_" + "0" * 32, "clk_", "x" * 3000, ""):
            answer = shared_world.api("GET", path, params={name: value})
            assert answer.status_code in (200, 404, 422), (name, value, answer.text)
    for value in ("%00", "%", "%2e%2e", "clk_%00", "cnv_" + "0" * 32, "' OR 1=1", "%ff", "é", "x" * 3000):
        answer = shared_world.api("GET", f"{path}/{value}")
        assert answer.status_code == 404, value
        assert answer.headers["content-type"] == "application/problem+json"


def test_filters_choose(world) -> None:
    sold = world.track("sale", world.sale(promo_code="ANNA", external_id="mine")).json()
    world.track("lead", {"external_id": "mine"})
    world.browser({"t": "sale", "c": "x", "o": "claimed", "m": 1, "y": "EUR"})

    def ids(query: str) -> list[str]:
        return [one["id"] for one in world.api("GET", f"/v1/conversions?{query}").json()["data"]]

    assert ids("filter[status]=accepted") == [sold["id"]]
    assert len(ids("filter[kind]=lead")) == 1
    assert len(ids("filter[external_id]=mine")) == 2
    assert ids("filter[external_id]=mine&filter[kind]=sale") == [sold["id"]]
    assert len(ids("filter[trust]=unverified")) == 1
    assert len(ids("created_at[gte]=2020-01-01T00:00:00Z")) == 3
    assert ids("created_at[lte]=2020-01-01T00:00:00Z") == []
    assert ids(f"created_at[gte]={sold['received_at']}&created_at[lte]={sold['received_at']}") == [sold["id"]]

    [line] = world.api("GET", f"/v1/commissions?filter[conversion_id]={sold['id']}").json()["data"]
    assert world.api("GET", "/v1/commissions?filter[status]=pending").json()["data"] == [line]
    assert world.api("GET", "/v1/commissions?filter[status]=payable").json()["data"] == []
    assert world.api("GET", f"/v1/commissions/{line['id']}").json() == line


@pytest.mark.parametrize("bound", ["created_at[gte]", "created_at[lte]"])
def test_a_bound_is_an_instant(shared_world, bound: str) -> None:
    for value in ("yesterday", "2026-01-01", "", "1790000000"):
        answer = shared_world.api("GET", "/v1/conversions", params={bound: value})
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["field"] == bound
    answer = shared_world.api("GET", "/v1/conversions", params={bound: "2026-01-01T00:00:00+02:00"})
    assert answer.status_code == 200


def test_shapes_are_the_contracts(world) -> None:
    click = world.click()
    sold = world.track("sale", world.sale(click_id=click)).json()

    assert {"id", "kind", "external_id", "status", "trust", "amount", "currency", "livemode"} <= sold.keys()
    shown = sold["attribution"]
    assert shown["winner"] == [
        {"partner": world.anna.partner_id, "touch": f"clk_{click}", "weight": "1", "amount": 10_000}
    ]
    assert shown["via"] == "click_id"
    assert shown["model"] == "last_click"
    assert {"touch", "partner", "verdict", "reason"} <= shown["considered"][0].keys()
    assert shown["precedence"]
    [line] = sold["commissions"]
    assert {
        "id",
        "conversion_id",
        "partner_id",
        "amount",
        "currency",
        "status",
        "payable_on",
        "livemode",
    } <= line.keys()
    assert (line["partner_id"], line["amount"], line["currency"]) == (world.anna.partner_id, 2_000, "EUR")

    [seen] = world.api("GET", "/v1/clicks").json()["data"]
    assert (seen["id"], seen["visitor_id"], seen["ip"]) == (f"clk_{click}", f"vis_{click}", "203.0.113.x")
    assert (seen["is_bot"], seen["livemode"], seen["source"]) == (False, True, "snippet")


@pytest.mark.parametrize("own", ["plain", "clk_own", "clk_clk_own", "clk_"])
def test_a_click_is_found_by_its_shown_id_and_by_the_browsers(world, own: str) -> None:
    world.click(c=own)

    for given in (f"clk_{own}", own):
        assert world.api("GET", f"/v1/clicks/{given}").json()["id"] == f"clk_{own}"
        assert world.api("GET", f"/v1/clicks?starting_after={given}").json()["data"] == []
        sold = world.track("sale", world.sale(click_id=given)).json()
        assert [line["amount"] for line in sold["commissions"]] == [2_000], given


def test_of_two_clicks_the_shown_id_wins_on_the_api(world) -> None:
    world.click(c="a")
    world.click(c="clk_a")

    assert world.api("GET", "/v1/clicks/clk_a").json()["id"] == "clk_a"
    assert world.api("GET", "/v1/clicks/clk_clk_a").json()["id"] == "clk_clk_a"
    assert world.api("GET", "/v1/clicks/a").json()["id"] == "clk_a"


def test_a_visitor_is_taken_in_both_forms(world) -> None:
    world.click(w="browser-7")

    for given in ("browser-7", "vis_browser-7"):
        assert len(world.api("GET", f"/v1/clicks?filter[visitor_id]={given}").json()["data"]) == 1
        sold = world.track("sale", world.sale(visitor_id=given)).json()
        assert (sold["attribution"]["via"], len(sold["commissions"])) == ("visitor", 1)
    assert world.api("GET", "/v1/clicks?filter[visitor_id]=other").json()["data"] == []


def test_p31_another_programs_objects_are_404(world) -> None:
    sold = world.track("sale", world.sale(click_id=world.click())).json()
    paths = [
        f"/v1/conversions/{sold['id']}",
        f"/v1/commissions/{sold['commissions'][0]['id']}",
        f"/v1/clicks/{sold['attribution']['winner'][0]['touch']}",
    ]
    other = world.write(
        lambda conn: create_program(
            conn,
            name="Other",
            currency="EUR",
            time_zone="UTC",
            settings=default_settings(),
            sites=("https://other.example",),
            actor="test",
            now_ms=world.services.now_ms(),
        )
    )
    made = world.run(create_key(world.services, {"program": other.program_id, "kind": "secret"}))

    for path in paths:
        assert world.api("GET", path).status_code == 200
        assert world.api("GET", path, key=made["value"]).status_code == 404
        collection, _, own_id = path.rpartition("/")
        assert world.api("GET", collection, key=made["value"]).json()["data"] == []
        assert world.api("GET", f"{collection}?starting_after={own_id}", key=made["value"]).status_code == 404
    answer = world.track("sale", world.sale(external_id=sold["external_id"]), key=made["value"])
    assert answer.status_code == 200
    assert answer.json()["id"] != sold["id"]
    stolen = {"external_id": "r", "refund_of": sold["id"], "amount": 1, "currency": "EUR"}
    assert world.track("refund", stolen, key=made["value"]).json()["commissions"] == []
    borrowed = world.track("sale", world.sale(click_id=sold["attribution"]["winner"][0]["touch"]), key=made["value"])
    assert borrowed.json()["commissions"] == []


def test_ids_are_taken_without_prefix_and_in_any_case(world) -> None:
    sold = world.track("sale", world.sale()).json()
    bare = sold["id"].removeprefix("cnv_")

    for given in (bare, bare.upper(), sold["id"]):
        assert world.api("GET", f"/v1/conversions/{given}").json()["id"] == sold["id"]
    for given in (f"com_{bare}", f"CNV_{bare}", bare[:-1], bare + "0"):
        assert world.api("GET", f"/v1/conversions/{given}").status_code == 404
