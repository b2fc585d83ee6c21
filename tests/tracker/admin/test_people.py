import re

import pytest


def user_id_of(browser, email):
    page = browser.get("/admin/users").text
    form = r'/admin/users/(usr_[0-9a-f]+)/\w+"><input[^>]*><button[^>]*aria-label="(?:Disable|Enable) '
    found = re.search(form + re.escape(email), page)
    assert found
    return found[1]


def test_added_person_signs_in_with_the_password_shown_once(owner, open_browser):
    page = owner.send("/admin/users", email="New@Example.com", role="viewer", language="ru")
    password = re.search(r"<code>([a-z0-9]{5}(?:-[a-z0-9]{5}){3})</code>", page.text)
    assert page.status_code == 201
    assert password

    assert password[1] not in owner.get("/admin/users").text
    other = open_browser()
    form = {"csrf_token": other.token("/login"), "email": "new@example.com", "password": password[1]}
    assert other.client.post("/login", data=form).status_code == 200
    assert "Программы" in other.get("/admin/programs").text


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"email": "x", "role": "viewer", "language": "en"}, "is not an e-mail address"),
        ({"email": "viewer@example.com", "role": "viewer", "language": "en"}, "has an account already"),
        ({"email": "a@example.com", "role": "king", "language": "en"}, "is not a role"),
        ({"email": "a@example.com", "role": "viewer", "language": "xx"}, "is not a language"),
    ],
)
def test_refused_person_says_why(owner, fields, words):
    page = owner.send("/admin/users", **fields)

    assert page.status_code == 422
    assert words in page.text


def test_admin_cannot_reach_owners_or_make_them(open_browser):
    owner, admin = open_browser(), open_browser()
    owner.sign_in("owner")
    admin.sign_in("admin")
    owner_id = user_id_of(owner, "owner@example.com")
    viewer_id = user_id_of(owner, "viewer@example.com")

    answers = [
        admin.send(f"/admin/users/{owner_id}/disable"),
        admin.send(f"/admin/users/{owner_id}/role", role="viewer"),
        admin.send(f"/admin/users/{viewer_id}/role", role="owner"),
        admin.send("/admin/users", email="evil@example.com", role="owner", language="en"),
    ]

    assert [answer.status_code for answer in answers] == [422] * 4
    assert all("Only an owner adds or changes owners and admins" in answer.text for answer in answers)


def test_last_owner_stays(owner):
    owner_id = user_id_of(owner, "owner@example.com")

    disabled = owner.send(f"/admin/users/{owner_id}/disable")
    demoted = owner.send(f"/admin/users/{owner_id}/role", role="viewer")

    assert disabled.status_code == demoted.status_code == 422
    assert "is the last owner" in disabled.text
    assert "is the last owner" in demoted.text


def test_disabled_person_is_out_at_once_and_can_come_back(open_browser):
    owner, viewer = open_browser(), open_browser()
    owner.sign_in("owner")
    viewer.sign_in("viewer")
    viewer_id = user_id_of(owner, "viewer@example.com")

    owner.send(f"/admin/users/{viewer_id}/disable")

    assert viewer.client.get("/admin/programs", follow_redirects=False).status_code == 303
    assert viewer.sign_in("viewer").status_code == 422
    owner.send(f"/admin/users/{viewer_id}/enable")
    assert viewer.sign_in("viewer").status_code == 303


def test_changed_role_counts_at_once(open_browser):
    owner, viewer = open_browser(), open_browser()
    owner.sign_in("owner")
    viewer.sign_in("viewer")
    assert viewer.get("/admin/users").status_code == 403

    owner.send(f"/admin/users/{user_id_of(owner, 'viewer@example.com')}/role", role="admin")

    assert viewer.get("/admin/users").status_code == 200


def test_unknown_person_is_not_found(owner):
    assert owner.send("/admin/users/usr_00000000000000000000000000000000/disable").status_code == 404


def test_audit_trail_shows_who_did_what_and_filters_by_object(owner, world):
    owner.send(f"/admin/enrollments/{world.partner.enrollment_id}/status", status="paused", reason_code="requested")

    everything = owner.get("/admin/audit")
    one = owner.get(f"/admin/audit?object={world.partner.enrollment_id}")

    assert "Signed in" in everything.text
    assert "Paused" in one.text
    assert "owner@example.com" in one.text
    assert "Signed in" not in one.text
    assert "No entry names that object" in owner.get("/admin/audit?object=nothing").text
    assert owner.get("/admin/audit?before=99999999999999999999").status_code == 200


def test_audit_trail_never_shows_hashes(owner):
    assert "argon2" not in owner.get("/admin/audit").text


def test_new_password_is_shown_once_and_ends_every_session(open_browser):
    owner, viewer = open_browser(), open_browser()
    owner.sign_in("owner")
    viewer.sign_in("viewer")

    page = owner.send(f"/admin/users/{user_id_of(owner, 'viewer@example.com')}/password")

    password = re.search(r"<code>([a-z0-9]{5}(?:-[a-z0-9]{5}){3})</code>", page.text)
    assert page.status_code == 201
    assert password
    assert viewer.client.get("/admin/account", follow_redirects=False).status_code == 303
    assert viewer.sign_in("viewer").status_code == 422
    assert viewer.sign_in("viewer", password[1]).status_code == 303


def test_own_password_is_changed_under_the_account_only(owner):
    page = owner.send(f"/admin/users/{user_id_of(owner, 'owner@example.com')}/password")

    assert page.status_code == 422
    assert "Change your own password under your account." in page.text
