"""The allow list's pages: an entry from a case, by hand, revoked, and what judging makes of it."""

import re

import pytest

from tracker.cases import store as cases_store
from tracker.fraud.allow import store


def entries(shop):
    return shop.read(store.list_entries)


def findings(shop, conversion_id):
    return shop.read(lambda conn: cases_store.findings_of(conn, [conversion_id]))


def test_an_entry_made_from_a_case_silences_the_next_of_its_kind_and_stays_visible(owner, shop, world):
    shop.self_referral("SELF-1")
    (case,) = shop.cases()
    page = owner.get(f"/admin/cases/{case.case.case_id}").text
    assert f"/admin/fraud/allow/new?case={case.case.case_id}" in page
    form = owner.get(f"/admin/fraud/allow/new?case={case.case.case_id}").text
    assert 'value="self_email" checked' in form
    assert "198.51.100.x" in form
    assert "198.51.100.0/24" in form
    assert f'value="{world.partner.code}"' in form
    assert "198.51.100.77" not in form

    answer = owner.send(
        "/admin/fraud/allow",
        case_id=case.case.case_id,
        program_id=shop.program_id,
        case_network="host",
        rules=["self_email", "self_network"],
        reason="The agency buys for its customers",
        expires="2026-12-31",
    )

    assert "The rules leave it alone from now on." in answer.text
    (entry,) = entries(shop)
    assert (entry.case_id, entry.network_text, entry.rules) == (
        case.case.case_id,
        "198.51.100.x",
        ["self_email", "self_network"],
    )
    second = shop.self_referral("SELF-2")
    (silenced,) = [row for row in findings(shop, second) if row.finding.rule == "self_email"]
    assert silenced.allowed_by == entry.allow_id
    assert len(shop.cases()) == 1
    assert "forgiven" in owner.get(f"/admin/conversions/{second}").text
    listed = owner.get("/admin/fraud/allow").text
    assert "The agency buys for its customers" in listed
    assert "198.51.100.x" in listed


def test_a_crowds_case_offers_the_address_they_share(owner, shop):
    shop.crowd()
    (case,) = shop.cases()

    form = owner.get(f"/admin/fraud/allow/new?case={case.case.case_id}").text

    assert 'name="case_network" value="host" checked' in form
    assert 'value="same_ip_leads" checked' in form


def test_a_revoked_entry_silences_nothing_more(owner, shop):
    owner.send(
        "/admin/fraud/allow",
        program_id=shop.program_id,
        rules="self_email",
        partner="",
        email_domain="example.com",
        reason="x",
    )
    (entry,) = entries(shop)
    page = owner.send(f"/admin/fraud/allow/{entry.allow_id}/revoke")

    assert "Revoked: the rules judge it again" in page.text
    shop.self_referral()
    assert len(shop.cases()) == 1
    assert entries(shop)[0].revoked_at_ms is not None


def test_a_partner_is_named_by_the_code_and_days_are_the_programs(owner, shop, world):
    owner.send(
        "/admin/fraud/allow",
        program_id=shop.program_id,
        rules="same_ip_leads",
        partner=world.partner.code.lower(),
        starts="2026-09-20",
        ends="2026-09-20",
        reason="Course",
    )

    (entry,) = entries(shop)
    assert entry.enrollment_id == shop.enrollment_id
    # Berlin is two hours ahead of UTC in September.
    assert (entry.starts_at_ms, entry.ends_at_ms) == (1_789_855_200_000, 1_789_941_599_999)
    assert "Event: " in owner.get("/admin/fraud/allow").text


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"network": "home", "rules": "self_email", "reason": "x"}, "is no address"),
        ({"partner": "NOBODY", "rules": "self_email", "reason": "x"}, "No partner of this program has this code"),
        ({"email_domain": "not a domain", "rules": "self_email", "reason": "x"}, "This is no domain"),
        ({"email_domain": "a.example", "reason": "x"}, "at least one of the list"),
        ({"email_domain": "a.example", "rules": "self_email"}, "Is empty; fill it in."),
        ({"rules": "self_email", "reason": "x"}, "Say whom it covers"),
        ({"email_domain": "a.example", "rules": "self_email", "reason": "x", "expires": "2020-01-01"}, "later day"),
        ({"email_domain": "a.example", "rules": "self_email", "reason": "x", "starts": "soon"}, "such as 2026-03-31"),
    ],
)
def test_what_cannot_be_kept_comes_back_with_the_reason_and_what_was_typed(owner, shop, fields, said):
    answer = owner.send("/admin/fraud/allow", program_id=shop.program_id, **fields)

    assert answer.status_code == 422
    assert said in answer.text
    typed = [value for name, value in fields.items() if name != "rules"]
    assert all(value in answer.text for value in typed)
    assert entries(shop) == []


def test_a_typed_address_is_shown_masked_and_matches_by_its_hash(owner, shop):
    owner.send(
        "/admin/fraud/allow",
        program_id=shop.program_id,
        rules=["self_email", "self_network"],
        network="198.51.100.77",
        reason="Office",
    )

    assert "198.51.100.77" not in owner.get("/admin/fraud/allow").text
    shop.self_referral()
    assert shop.cases() == []


def test_a_viewer_reads_the_list_and_adds_nothing(open_browser):
    viewer = open_browser()
    viewer.sign_in("viewer")

    page = viewer.get("/admin/fraud/allow")
    assert page.status_code == 200
    assert "/admin/fraud/allow/new" not in page.text
    assert viewer.get("/admin/fraud/allow/new").status_code == 403


def test_hostile_reasons_are_printed_as_text(owner, shop):
    owner.send(
        "/admin/fraud/allow",
        program_id=shop.program_id,
        rules="self_email",
        email_domain="a.example",
        reason="<script>alert(1)</script>",
    )
    page = owner.get("/admin/fraud/allow").text
    assert "<script>alert" not in page
    assert re.search(r"&lt;script&gt;alert", page)


def test_an_unknown_case_or_entry_is_a_page_that_is_not_there(owner):
    assert owner.get("/admin/fraud/allow/new?case=cas_" + "0" * 32).status_code == 404
    assert owner.send("/admin/fraud/allow/alw_" + "0" * 32 + "/revoke").status_code == 404
