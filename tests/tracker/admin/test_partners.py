import re

import pytest

from tracker.admin.paging import PAGE_SIZE
from tracker.partners.store import add_partner

HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "{{7*7}}",
    "javascript:alert(1)//",
    "' onmouseover='alert(1)",
]


def new_partner(world, **changes):
    form = {"program_id": world.program.program_id, "name": "Ann Lee", "email": "ann@example.com"}
    return {**form, **changes}


def page_of(browser, world):
    return f"/admin/partners/{world.partner.partner_id}"


def test_list_shows_partner_code_and_status(owner):
    page = owner.get("/admin/partners")

    for text in ("Мария Иванова", "maria@example.com", "MARIIA-IVANOVA", "Active", "Friends of the shop"):
        assert text in page.text


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("q=мария", True),
        ("q=MARIA%40EXAMPLE", True),
        ("q=mariia-iv", True),
        ("q=nobody", False),
        ("q=%25", False),
        ("status=active", True),
        ("status=banned", False),
        ("status=nonsense", True),
        ("program=prg_00000000000000000000000000000000", False),
        ("q=%00%FF", True),
        ("before=enr_00000000000000000000000000000000", False),
        ("before=nonsense", True),
    ],
)
def test_list_is_filtered(owner, query, found):
    page = owner.get(f"/admin/partners?{query}")

    assert page.status_code == 200
    assert ("maria@example.com" in page.text) is found
    assert ("Nobody fits" in page.text) is not found


def test_long_list_continues_on_the_next_page(owner, world, services):
    def add(conn):
        for number in range(PAGE_SIZE + 5):
            add_partner(
                conn,
                program_id=world.program.program_id,
                name=f"Partner {number}",
                email=f"p{number}@example.com",
                code=None,
                actor="cli",
                now_ms=services.clock.now_ms + 1 + number,
            )

    owner.client.portal.call(services.db.write, add)
    first = owner.get("/admin/partners")
    following = re.search(r'href="([^"]+)" rel="next"', first.text)
    assert following
    second = owner.get(following[1].replace("&amp;", "&"))

    assert "p54@example.com" in first.text
    assert "p3@example.com" not in first.text
    assert "p3@example.com" in second.text
    assert 'rel="next"' not in second.text


def test_new_partner_gets_code_and_link(owner, world, services):
    page = owner.send("/admin/partners", **new_partner(world))

    assert page.status_code == 200
    assert services.refreshed == 1
    for text in ("Added with the code ANN-LEE", "http://127.0.0.1:8000/r/to/ann-lee", "leads to https://shop.example/"):
        assert text in page.text


@pytest.mark.parametrize(
    ("changes", "field", "words"),
    [
        pytest.param({"email": "ann"}, "email", "is not an e-mail address", id="e-mail"),
        pytest.param({"email": "maria@example.com"}, "email", "is in this program already", id="twice"),
        pytest.param({"name": ""}, "name", "Is empty", id="name"),
        pytest.param({"code": "ab"}, "code", "is not a code", id="short code"),
        pytest.param({"code": "КОД-15"}, "code", "is not a code", id="Cyrillic code"),
        pytest.param({"code": "mariia-ivanova"}, "code", "is taken in this program", id="taken code"),
        pytest.param({"destination": "https://evil.example/"}, "destination", "is not a site", id="site"),
        pytest.param({"program_id": ""}, "program_id", "Choose a program", id="no program"),
        pytest.param({"program_id": "prg_" + "z" * 32}, "program_id", "Choose a program", id="no id"),
        pytest.param({"program_id": "prg_" + "0" * 32}, "program_id", "no such program", id="unknown"),
    ],
)
def test_refused_partner_says_why_and_keeps_what_was_typed(owner, world, changes, field, words):
    page = owner.send("/admin/partners", **new_partner(world, **changes))

    assert page.status_code == 422
    error = re.search(rf'id="{field}-error">([^<]+)', page.text)
    assert error
    assert words in error[1].replace("&#34;", '"')


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_name_is_shown_as_text(owner, world, name):
    made = owner.send("/admin/partners", **new_partner(world, name=name))

    for path in (str(made.url.path), "/admin/partners", "/admin/links", "/admin/audit"):
        text = owner.get(path).text
        assert name not in re.sub(r"\{\{7\*7\}\}|javascript:alert\(1\)//", "", text)
        assert "49" not in re.findall(r"<h1>[^<]*</h1>", text)
    assert made.status_code == 200


@pytest.mark.parametrize(
    ("form", "fields", "words"),
    [
        ("links", {"destination": "https://shop.example/sale"}, "is ready to be shared"),
        ("links", {"destination": "https://shop.example/sale", "slug": "Spring"}, "/r/to/spring"),
        ("promo-codes", {"code": "autumn-15"}, "AUTUMN-15"),
        ("promo-codes", {"code": "WINTER", "valid_to": "2026-12-31"}, "until 31 Dec 2026"),
        ("terms", {"rate": "33.5"}, "33.5% of every sale"),
        ("status", {"status": "paused", "reason_code": "requested"}, "Paused"),
    ],
)
def test_partner_page_action_works_and_refreshes_the_edge(owner, world, services, form, fields, words):
    page = owner.send(f"/admin/enrollments/{world.partner.enrollment_id}/{form}", **fields)

    assert page.status_code == 200
    assert page.url.path == page_of(owner, world)
    assert words in page.text
    assert services.refreshed == 1


@pytest.mark.parametrize(
    ("form", "fields", "words"),
    [
        ("links", {"destination": "https://shop.example.evil.example/"}, "is not a site of this program"),
        ("links", {"destination": "javascript:alert(1)"}, "is not a host name"),
        ("links", {"destination": "https://shop.example/", "slug": "mariia-ivanova"}, "is taken"),
        ("promo-codes", {"code": "MARIIA-IVANOVA"}, "is taken in this program"),
        ("promo-codes", {"code": "OLD", "valid_to": "2020-01-01"}, "would be over already"),
        ("promo-codes", {"code": "ODD", "valid_to": "tomorrow"}, "YYYY-MM-DD"),
        ("terms", {"rate": "101"}, "from 0 to 100"),
        ("status", {"status": "banned", "reason_code": "fraud", "reason": ""}, "Is empty"),
        ("status", {"status": "invited", "reason_code": "other", "reason": "x"}, "cannot go from"),
        ("status", {"status": "nonsense", "reason_code": "other", "reason": "x"}, "is not a status"),
        ("status", {"status": "paused", "reason_code": "nonsense"}, "Choose a reason"),
    ],
)
def test_refused_action_says_why_with_its_form_open(owner, world, services, form, fields, words):
    page = owner.send(f"/admin/enrollments/{world.partner.enrollment_id}/{form}", **fields)

    assert page.status_code == 422
    assert words in page.text
    assert '<details class="fold" open>' in page.text
    assert services.refreshed == 0


def test_ban_is_lifted_by_an_owner_only(open_browser, world):
    owner, admin = open_browser(), open_browser()
    owner.sign_in("owner")
    admin.sign_in("admin")
    path = f"/admin/enrollments/{world.partner.enrollment_id}/status"
    owner.send(path, status="banned", reason_code="fraud", reason="Own orders")

    refused = admin.send(path, status="active", reason_code="mistake", reason="Not so")
    lifted = owner.send(path, status="active", reason_code="mistake", reason="Shown to be wrong")

    assert refused.status_code == 422
    assert "Only an owner can lift a ban" in refused.text
    assert "Active again" in lifted.text
    assert "Own orders" in lifted.text


def test_links_page_lists_and_finds_links(owner):
    page = owner.get("/admin/links?q=mariia")

    assert "http://127.0.0.1:8000/r/to/mariia-ivanova" in page.text
    assert "No link fits" in owner.get("/admin/links?q=nothing").text
