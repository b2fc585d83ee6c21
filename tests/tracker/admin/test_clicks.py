"""The list of clicks and the page of one."""

import pytest


def test_list_shows_way_device_and_masked_address(owner, shop):
    shop.click()
    shop.click("bot", user_agent="GPTBot/1.0", visitor_id="visitor-2")

    page = owner.get("/admin/clicks")

    assert "198.51.100.x" in page.text
    assert "198.51.100.20" not in page.text
    assert "Referral link" in page.text
    assert "Chrome 142" in page.text
    assert "GPTBot" in page.text


def test_filters_choose_visitor_and_partner(owner, shop):
    shop.click("one", visitor_id="v-1")
    shop.click("two", visitor_id="v-2")

    page = owner.get("/admin/clicks?visitor=vis_v-1")

    assert "/one" in page.text
    assert "/two" not in page.text
    assert "/one" in owner.get(f"/admin/clicks?enrollment={shop.enrollment_id}").text
    assert "Nothing fits" in owner.get("/admin/clicks?enrollment=enr_" + "0" * 32).text


def test_page_of_a_click_leads_to_its_conversions_and_siblings(owner, shop):
    shop.click("first", ago_ms=7_200_000)
    shop.click("second", ago_ms=3_600_000)
    sale = shop.sale(visitor_id="visitor-1")

    page = owner.get(f"/admin/clicks/{shop.program_id}/clk_second")

    assert f"/admin/conversions/{sale}" in page.text
    assert "1 hour after the click" in page.text
    assert f"/admin/clicks/{shop.program_id}/first" in page.text


def test_click_of_a_program_says_why_it_earns_nothing(owner, shop):
    shop.click("bot", user_agent="GPTBot/1.0")

    page = owner.get(f"/admin/clicks/{shop.program_id}/bot")

    assert "counted apart and earns nothing" in page.text
    assert "Sign: GPTBot" in page.text


def test_hostile_agent_stays_text(owner, shop):
    shop.click("x", user_agent="<script>alert(1)</script>", details={"sub1": "</pre><script>"})

    page = owner.get(f"/admin/clicks/{shop.program_id}/x")

    assert "<script>alert" not in page.text
    assert "</pre><script>" not in page.text


@pytest.mark.parametrize("path", ["prg_{zero}/x", "nonsense/x", "prg_{zero}/%F0%9F%92%A9", "prg_{zero}/" + "y" * 300])
def test_unknown_click_is_not_found(owner, path):
    assert owner.get("/admin/clicks/" + path.format(zero="0" * 32)).status_code == 404


def test_empty_list_says_what_to_do(owner):
    assert "Open a partner&#39;s referral link yourself" in owner.get("/admin/clicks").text
