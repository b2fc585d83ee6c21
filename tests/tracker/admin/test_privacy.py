"""The page of one person's data: who may see it, what it gives out, what it erases."""

import json

import pytest

from tracker.audit.store import list_entries
from tracker.conversions.store import get_conversion, get_customer
from tracker.partners.store import get_partner

NOBODY = "0" * 32


@pytest.fixture
def customer_id(shop):
    conversion_id = shop.sale(
        "order-1", customer={"external_id": "42", "email": "lena@example.com", "name": "Lena Demo"}
    )
    return shop.read(lambda conn: get_conversion(conn, conversion_id)).customer_id


def test_the_conversions_page_leads_to_the_person(owner, shop):
    conversion_id = shop.sale("order-1", customer={"external_id": "42", "name": "Lena Demo"})
    customer_id = shop.read(lambda conn: get_conversion(conn, conversion_id)).customer_id

    assert f'href="/admin/privacy/{customer_id}"' in owner.get(f"/admin/conversions/{conversion_id}").text


def test_the_partners_page_leads_to_the_person(owner, world):
    partner_id = world.partner.partner_id

    assert f'href="/admin/privacy/{partner_id}"' in owner.get(f"/admin/partners/{partner_id}").text


def test_the_data_comes_as_a_file(owner, customer_id):
    answer = owner.get(f"/admin/privacy/{customer_id}/export")

    assert "attachment" in answer.headers["content-disposition"]
    assert answer.headers["cache-control"] == "no-store"
    assert [one["name"] for one in json.loads(answer.text)["customers"]] == ["Lena Demo"]


def test_erasing_takes_the_data_and_tells_so(owner, shop, customer_id):
    page = owner.send(f"/admin/privacy/{customer_id}/erase", reason="Letter of 3 May", sure="on")

    assert "The personal data is erased." in page.text
    assert "Lena Demo" not in page.text
    assert shop.read(lambda conn: get_customer(conn, customer_id)).name is None
    (entry,) = [each for each in shop.read(list_entries) if each.action == "person.erased"]
    assert (entry.object_id, entry.reason) == (customer_id, "Letter of 3 May")
    assert entry.actor.startswith("user:usr_")
    assert "Erase the personal data" not in owner.get(f"/admin/privacy/{customer_id}").text


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        pytest.param({"reason": "Letter"}, "Tick this box", id="not sure"),
        pytest.param({"sure": "on"}, "Say why", id="without a reason"),
    ],
)
def test_nothing_is_erased_by_half_a_form(owner, shop, customer_id, fields, said):
    page = owner.send(f"/admin/privacy/{customer_id}/erase", **fields)

    assert page.status_code == 422
    assert said in page.text
    assert shop.read(lambda conn: get_customer(conn, customer_id)).name == "Lena Demo"


def test_a_partner_to_whom_money_is_owed_stays(owner, shop, world):
    shop.click("click-9")
    shop.sale("order-9", click_id="click-9")
    partner_id = world.partner.partner_id

    page = owner.send(f"/admin/privacy/{partner_id}/erase", reason="Letter", sure="on")

    assert page.status_code == 422
    assert "open balance in EUR" in page.text
    assert shop.read(lambda conn: get_partner(conn, partner_id)).name == "Мария Иванова"


@pytest.mark.parametrize("subject", [f"cus_{NOBODY}", f"prt_{NOBODY}", f"usr_{NOBODY}", "nonsense"])
def test_nobodys_page_does_not_exist(owner, subject):
    assert owner.get(f"/admin/privacy/{subject}").status_code == 404


@pytest.mark.parametrize("role", ["manager", "reviewer", "finance", "viewer"])
def test_others_get_no_way_there(browser, world, role):
    browser.sign_in(role)
    partner_id = world.partner.partner_id

    assert "/admin/privacy/" not in browser.get(f"/admin/partners/{partner_id}").text
    assert browser.get(f"/admin/privacy/{partner_id}").status_code == 403
