import re

import pytest
from starlette.routing import Route

from tracker.admin.headers import CONTENT_SECURITY_POLICY
from tracker.admin.navigation import MENU
from tracker.admin.routes import POLICIES, routes
from tracker.users.permissions import PERMISSIONS, is_allowed
from tracker.users.types import ROLES

BASE = "http://127.0.0.1:8000"
ZERO = "0" * 32
IDS = {"program_id": f"prg_{ZERO}", "partner_id": f"prt_{ZERO}", "enrollment_id": f"enr_{ZERO}"}
IDS |= {"key_id": f"key_{ZERO}", "user_id": f"usr_{ZERO}"}
ACTIONS = [policy for policy in POLICIES if policy.method == "POST"]


def address_of(policy):
    return re.sub(r"\{(\w+)(?::\w+)?\}", lambda found: IDS.get(found[1], "x"), policy.path)


def named(policies):
    return [pytest.param(policy, id=f"{policy.method} {policy.path}") for policy in policies]


@pytest.mark.parametrize("role", ROLES)
def test_every_route_answers_each_role_as_declared(browser, role):
    browser.sign_in(role)
    token = browser.token()
    for policy in POLICIES:
        path = address_of(policy)
        if policy.method == "GET":
            answer = browser.client.get(path, follow_redirects=False)
        else:
            answer = browser.client.post(path, data={"csrf_token": token}, follow_redirects=False)
        is_open = is_allowed(role, policy.permission)
        assert (answer.status_code == 403) is not is_open, (role, policy.method, policy.path, answer.status_code)
        assert answer.status_code < 500


@pytest.mark.parametrize("policy", named(POLICIES))
def test_nothing_opens_without_a_session(browser, policy):
    request = browser.client.get if policy.method == "GET" else browser.client.post

    answer = request(address_of(policy), follow_redirects=False)

    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/login")


def test_every_staff_route_is_declared_or_stands_before_the_session():
    declared = {(policy.path, policy.method) for policy in POLICIES}
    open_to_all = {"/login", "/logout", "/admin", "/admin/static/{digest}/{name:path}", "/admin/{rest:path}"}

    for route in routes():
        assert isinstance(route, Route)
        method = "POST" if route.methods == {"POST"} else "GET"
        assert route.path in open_to_all or (route.path, method) in declared


def test_menu_leads_to_declared_pages_with_their_permission():
    pages = {policy.path: policy.permission for policy in POLICIES if policy.method == "GET"}

    for item in MENU:
        assert pages[item.path] == item.permission


def test_menu_shows_only_what_the_role_may_open(browser):
    browser.sign_in("viewer")

    page = browser.get("/admin/programs").text

    assert 'href="/admin/partners"' in page
    assert 'href="/admin/users"' not in page
    assert 'href="/admin/programs/new"' not in page


def test_owner_holds_every_permission():
    assert all("owner" in roles for roles in PERMISSIONS.values())


@pytest.mark.parametrize("policy", named(ACTIONS))
@pytest.mark.parametrize(
    ("token", "headers", "status"),
    [
        pytest.param(False, {"Origin": BASE}, 403, id="no token"),
        pytest.param(True, {"Origin": "https://evil.example"}, 403, id="other origin"),
        pytest.param(True, {"Origin": "null"}, 403, id="null origin"),
        pytest.param(True, {"Origin": "http://127.0.0.1:9999"}, 403, id="other port"),
        pytest.param(True, {"Origin": "https://127.0.0.1:8000"}, 403, id="other scheme"),
        pytest.param(True, {"Origin": "http://["}, 403, id="broken origin"),
        pytest.param(True, {"Origin": BASE, "Sec-Fetch-Site": "cross-site"}, 403, id="cross-site"),
        pytest.param(True, {"Origin": BASE, "Sec-Fetch-Site": "same-site"}, 403, id="same-site"),
        pytest.param(True, {"Content-Type": "text/plain"}, 415, id="text"),
    ],
)
def test_form_from_elsewhere_changes_nothing(owner, services, policy, token, headers, status):
    form = f"csrf_token={owner.token() if token else 'wrong'}"
    kind = {"Content-Type": "application/x-www-form-urlencoded"}

    answer = owner.client.post(address_of(policy), content=form, headers={**kind, **headers})

    assert answer.status_code == status
    assert services.refreshed == 0


@pytest.mark.parametrize("origin", ["http://127.0.0.1:8000", "http://localhost:8000", "http://[::1]:8000"])
def test_any_loopback_name_with_the_port_passes(owner, origin):
    form = {"csrf_token": owner.token(), "language": "ru"}

    answer = owner.client.post("/admin/account/language", data=form, headers={"Origin": origin})

    assert "Язык изменён." in answer.text


@pytest.mark.parametrize("path", ["/login", "/logout"])
@pytest.mark.parametrize("origin", ["https://evil.example", "null"])
def test_sign_in_and_out_refuse_forms_from_elsewhere(owner, path, origin):
    form = {"csrf_token": owner.token(), "email": "owner@example.com", "password": "correct horse battery"}

    answer = owner.client.post(path, data=form, headers={"Origin": origin})

    assert answer.status_code == 403
    assert owner.client.get("/admin/account", follow_redirects=False).status_code == 200


def test_sign_in_form_of_another_browser_is_refused(open_browser):
    mine, theirs = open_browser(), open_browser()
    form = {"csrf_token": theirs.token("/login"), "email": "owner@example.com", "password": "correct horse battery"}
    mine.get("/login")

    assert mine.client.post("/login", data=form).status_code == 403
    mine.client.cookies.clear()
    assert mine.client.post("/login", data=form).status_code == 403


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH"])
def test_actions_take_no_other_method(owner, method):
    answer = owner.client.request(method, "/admin/account/language?language=ru")

    assert answer.status_code in {404, 405}
    assert "Your account" in owner.get("/admin/account").text


@pytest.mark.parametrize("path", ["/admin/programs", "/admin/none", "/login", "/admin/account"])
def test_pages_carry_the_security_headers(owner, path):
    if path == "/login":
        owner.client.cookies.clear()
    headers = owner.get(path).headers

    assert headers["content-security-policy"] == CONTENT_SECURITY_POLICY
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == "no-store"
    assert headers["cross-origin-opener-policy"] == "same-origin"
    assert headers["referrer-policy"] == "same-origin"
    assert "strict-transport-security" not in headers


@pytest.mark.parametrize(
    ("body", "status"),
    [
        pytest.param(b"a=" + b"x" * 70_000, 413, id="too long"),
        pytest.param(b"a=%00", 400, id="NUL"),
        pytest.param(b"a=%ff%fe", 400, id="no UTF-8"),
        pytest.param(b"a=\xff", 400, id="raw bytes"),
        pytest.param(b"&".join(b"a=1" for _ in range(300)), 400, id="too many fields"),
        pytest.param(b"a=%ED%A0%80", 400, id="surrogate"),
        pytest.param(b"", 403, id="empty"),
    ],
)
def test_unreadable_form_is_refused(owner, body, status):
    headers = {"Content-Type": "application/x-www-form-urlencoded"}

    answer = owner.client.post("/admin/account/language", content=body, headers=headers)

    assert answer.status_code == status


def test_no_page_carries_inline_script_or_style(owner, world):
    # A file is no page.
    paths = [address_of(policy) for policy in POLICIES if policy.method == "GET" and not policy.path.endswith(".csv")]
    paths += [f"/admin/programs/{world.program.program_id}", f"/admin/partners/{world.partner.partner_id}"]
    for path in paths:
        text = owner.get(path).text
        assert not re.search(r"<style|\sstyle=|<script(?![^>]* src=)|\son\w+=", text), path
        assert text.count("<h1>") == 1, path
        ids = re.findall(r'\sid="([^"]+)"', text)
        assert len(ids) == len(set(ids)), path


def test_every_form_that_posts_has_the_token(owner, world):
    for path in (f"/admin/programs/{world.program.program_id}", f"/admin/partners/{world.partner.partner_id}"):
        for form in re.findall(r'<form[^>]*method="post".*?</form>', owner.get(path).text, re.DOTALL):
            assert 'name="csrf_token"' in form


def test_assets_are_kept_for_ever_under_their_digest(browser):
    address = re.search(r'href="(/admin/static/[0-9a-f]+/app\.css)"', browser.get("/login").text)
    assert address

    current = browser.get(address[1])
    stale = browser.get("/admin/static/0000/app.css")

    assert current.status_code == 200
    assert current.headers["content-type"].startswith("text/css")
    assert "immutable" in current.headers["cache-control"]
    assert stale.headers["cache-control"] == "no-cache"
    assert browser.get("/admin/static/0000/%2e%2e%2fcontext.py").status_code == 404
    assert browser.get("/admin/static/0000/nothing.css").status_code == 404


def test_address_without_slash_leads_to_the_pages(owner):
    assert owner.get("/admin").status_code == 200


@pytest.mark.parametrize(
    ("language", "words"),
    [("ru", "Войти"), ("ru-RU,ru;q=0.9,en;q=0.8", "Войти"), ("en", "Sign in"), ("de", "Sign in"), ("", "Sign in")],
)
def test_sign_in_page_speaks_the_browsers_language(browser, language, words):
    page = browser.client.get("/login", headers={"Accept-Language": language})

    assert f"<h1>{words}</h1>" in page.text


def test_every_page_is_russian_for_a_russian_reader(owner, world):
    owner.send("/admin/account/language", language="ru")
    pages = {
        "/admin/programs": "20\u00a0% с каждой продажи",
        "/admin/programs/new": "Новая программа",
        f"/admin/programs/{world.program.program_id}": "Действующие условия",
        f"/admin/programs/{world.program.program_id}/terms": "Кому достаётся заслуга",
        "/admin/partners": "Активен",
        f"/admin/partners/{world.partner.partner_id}": "Изменить статус",
        "/admin/links": "ведёт на",
        "/admin/users": "Владелец",
        "/admin/audit": "Журнал изменений",
        "/admin/account": "Где выполнен вход",
        "/admin/patterns": "Образцы",
        "/admin/none": "Здесь ничего нет",
    }
    for path, words in pages.items():
        page = owner.get(path)
        assert '<html lang="ru">' in page.text
        assert words in page.text, path
