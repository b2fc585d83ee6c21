"""The partner's private page, behind the whole application."""

import re

import pytest

from tracker.cases import store as cases
from tracker.cases.review import give_verdict
from tracker.partners import store as partners
from tracker.portal.links import LIVES_MS, private_link, read_token

SECRET = b"root secret of the tests, 32 bytes"
NOW_MS = 1_790_000_000_000


def token_of(link):
    return link.rpartition("/")[2]


def address_of(world, partner_id=None, ago_ms=0):
    link = private_link(
        world.services.settings.base_url,
        secret=world.services.secret,
        partner_id=partner_id or world.anna.partner_id,
        now_ms=world.services.now_ms() - ago_ms,
    )
    return "/p/" + token_of(link)


def logins(world, partner_id):
    now_ms = world.services.now_ms()
    return world.read(
        lambda conn: partners.logins_between(conn, partner_id=partner_id, from_ms=now_ms - 60_000, to_ms=now_ms)
    )


def opened(world, **headers):
    return world.request("POST", address_of(world), headers=headers)


def test_link_names_its_partner_until_thirty_days_are_over():
    token = token_of(private_link("https://x.example", secret=SECRET, partner_id="prt_1", now_ms=NOW_MS))

    assert read_token(token, secret=SECRET, now_ms=NOW_MS) == "prt_1"
    assert read_token(token, secret=SECRET, now_ms=NOW_MS + LIVES_MS - 1) == "prt_1"
    assert read_token(token, secret=SECRET, now_ms=NOW_MS + LIVES_MS) is None
    assert read_token(token, secret=b"another secret of thirty-two byt", now_ms=NOW_MS) is None
    assert read_token(token[:-1] + ("A" if token[-1] != "A" else "B"), secret=SECRET, now_ms=NOW_MS) is None


@pytest.mark.parametrize("token", ["", "x", "a.b", "%00", "y" * 5000, "[]", "WzFd.sig"])
def test_hostile_token_is_nothing(token):
    assert read_token(token, secret=SECRET, now_ms=NOW_MS) is None


def test_preview_of_the_link_shows_a_door_and_counts_nothing(shared_world):
    partner = shared_world.add_partner("Door", "DOOR")

    page = shared_world.request("GET", address_of(shared_world, partner.partner_id))

    assert page.status_code == 200
    assert "Open my results" in page.text
    assert "DOOR" not in page.text
    assert page.headers["cache-control"] == "no-store"
    assert logins(shared_world, partner.partner_id) == []


def test_opening_notes_address_and_browser_once(shared_world):
    partner = shared_world.add_partner("Login", "LOGIN")
    path = address_of(shared_world, partner.partner_id)

    for _ in range(3):
        answer = shared_world.request("POST", path, headers={"User-Agent": "Mozilla/5.0 Chrome/142"})

    noted = logins(shared_world, partner.partner_id)
    assert answer.status_code == 200
    assert len(noted) == 1
    assert len(noted[0].host_key) == 8


def test_form_of_another_site_is_refused(shared_world):
    for headers in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        assert opened(shared_world, **headers).status_code == 403


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_address_that_is_over_says_so(shared_world, method):
    path = address_of(shared_world, ago_ms=LIVES_MS + 1)

    answer = shared_world.request(method, path)

    assert answer.status_code == 404
    assert "This address is over" in answer.text
    assert shared_world.request(method, "/p/" + "x" * 400).status_code == 404


def test_page_shows_links_results_and_money(world):
    click = world.click()
    sold = world.track("sale", world.sale(external_id="ORDER-1", click_id=click, customer={"email": "b@mail.example"}))
    assert sold.status_code == 200

    page = opened(world)

    assert "https://go.shop.example/r/to/anna" in page.text
    assert "ANNA" in page.text
    assert "Sale ORDER-1" in page.text
    assert "€100.00 × 20% = €20.00" in page.text
    assert "payable on" in page.text
    assert "b@mail.example" not in page.text


def test_review_is_shown_without_the_rule_and_a_verdict_with_its_words(world):
    body = world.sale(external_id="SELF", partner_code="ANNA", customer={"email": "anna@partners.example"})
    world.track("sale", body)

    under_review = opened(world)

    assert "Under review since" in under_review.text
    assert "waits for our review" in under_review.text
    assert "mailbox" not in under_review.text
    assert "e-mail address of the partner" not in under_review.text
    assert "/admin/" not in re.sub(r'"/admin/static/[^"]*"', "", under_review.text)

    case_id = world.read(lambda conn: cases.queue(conn, livemode=True, statuses=("open",)))[0].case.case_id
    world.run(
        give_verdict(
            world.services.db,
            case_id=case_id,
            verdict="fraud",
            action="reject",
            reason_code="self_referral",
            public_text="",
            note="between us",
            deciding_finding=None,
            actor="user:usr_x",
            now_ms=world.services.now_ms(),
        )
    )

    judged = opened(world, **{"Accept-Language": "ru"})

    assert "Отклонён" in judged.text
    assert "own person or household" not in judged.text
    assert "between us" not in judged.text
    assert re.search("домохозяйств|самого партнёра|собственн", judged.text)


def test_nothing_of_another_partner_is_shown(world):
    world.add_partner("Boris", "BORIS")
    world.track("sale", world.sale(external_id="FOREIGN-1", click_id=world.click("BORIS")))
    world.track("sale", world.sale(external_id="TEST-1", partner_code="ANNA"), test=True)

    page = opened(world)

    for text in ("Boris", "BORIS", "FOREIGN-1", "TEST-1"):
        assert text not in page.text
    assert "Nobody yet. Share your link" in page.text


def test_conversion_says_why_it_is_the_partners_and_names_others_only_as_another(world):
    boris = world.add_partner("Boris", "BORIS")
    visitor = world.click("BORIS", a=200_000)
    world.click("ANNA", a=100_000, c=world.number("second"), w=visitor)
    world.track("sale", world.sale(external_id="SHARED-1", visitor_id=visitor, partner_code="BORIS"))

    page = opened(world)

    why = page.text[page.text.index("Why it is yours") :]
    assert "Click · you</strong><span>It took the whole credit." in why
    assert why.count("· another partner</strong><span>It earned nothing.") == 2
    for hidden in ("Boris", "BORIS", boris.partner_id, boris.enrollment_id):
        assert hidden not in page.text


def test_number_that_is_an_address_stays_hidden(world):
    world.track("lead", {"external_id": "person@mail.example", "partner_code": "ANNA"})

    page = opened(world)

    assert "Lead" in page.text
    assert "person@mail.example" not in page.text


def test_hostile_name_stays_text(world):
    partner = world.add_partner("<script>alert(1)</script>", "HOSTILE")
    path = address_of(world, partner.partner_id)

    for method in ("GET", "POST"):
        assert "<script>alert" not in world.request(method, path).text
