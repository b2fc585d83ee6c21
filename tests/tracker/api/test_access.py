import pytest

from tracker.commands import revoke_key
from tracker.keys.store import create_key

SECRET = b"root secret of the tests, 32 bytes"
ROUTES = [
    ("POST", "/v1/track/lead", "track"),
    ("POST", "/v1/track/sale", "track"),
    ("POST", "/v1/track/refund", "track"),
    ("GET", "/v1/conversions", "read"),
    ("GET", "/v1/conversions/cnv_1", "read"),
    ("GET", "/v1/commissions", "read"),
    ("GET", "/v1/commissions/com_1", "read"),
    ("GET", "/v1/clicks", "read"),
    ("GET", "/v1/clicks/clk_1", "read"),
    ("GET", "/v1/cases", "read"),
    ("GET", "/v1/cases/cas_1", "read"),
    ("POST", "/v1/cases/cas_1/verdict", "cases"),
    ("POST", "/v1/test/clock", "track"),
]


def test_p31_the_table_names_every_route() -> None:
    from tracker.api.routes import _ROUTES  # noqa: PLC0415

    known = {(method, route.path) for route in _ROUTES for method in route.methods if method != "HEAD"}
    listed = {
        (method, path.replace("_1", "").replace("/cnv", "/{id}").replace("/com", "/{id}")) for method, path, _ in ROUTES
    }
    listed = {
        (
            method,
            path.replace("/clk", "/{id}")
            .replace("/cas", "/{id}")
            .replace("/{id}es", "/cases")
            .replace("/{id}missions", "/commissions"),
        )
        for method, path in listed
    }

    assert known == listed


@pytest.mark.parametrize(("method", "path", "scope"), ROUTES)
def test_p31_no_route_answers_without_the_right_key(shared_world, method: str, path: str, scope: str) -> None:
    world = shared_world
    others = [one for one in ("track", "read", "manage", "payouts", "cases") if one != scope]
    limited = world.write(
        lambda conn: create_key(
            conn,
            program_id=world.program_id,
            kind="secret",
            livemode=True,
            scopes=others,
            secret=SECRET,
            actor="test",
            now_ms=world.services.now_ms(),
        )
    )
    world.run(world.services.refresh())
    key = world.keys["secret", True]
    cases = [
        (None, 401),
        ("", 401),
        ("Basic abc", 401),
        (key, 401),
        ("Bearer", 401),
        ("Bearer ", 401),
        ("Bearer sk_live_wrong", 401),
        (f"Bearer {key[:-1]}", 401),
        (f"Bearer {key}x", 401),
        (f"Bearer {world.keys['signing', True]}", 401),
        (f"Bearer {world.keys['publishable', True]}", 403),
        (f"Bearer {limited.value}", 403),
    ]

    for header, status in cases:
        answer = world.request(method, path, headers={} if header is None else {"Authorization": header}, json={})
        assert answer.status_code == status, (header, answer.text)
        assert answer.headers["content-type"] == "application/problem+json"
        assert ("www-authenticate" in answer.headers) is (status == 401)
    world.run(revoke_key(world.services, {"key": limited.key_id}))


def test_p48_a_revoked_key_ends_at_once(world) -> None:
    assert world.api("GET", "/v1/conversions").status_code == 200

    world.run(revoke_key(world.services, {"key": world.key_ids["secret", True]}))
    world.run(revoke_key(world.services, {"key": world.key_ids["publishable", True]}))

    assert world.api("GET", "/v1/conversions").status_code == 401
    assert world.browser({"t": "click", "c": "a", "r": "ANNA"}).headers["x-molva-drop"] == "unknown_key"


def test_the_scheme_is_read_without_case(shared_world) -> None:
    headers = {"Authorization": f"bearer {shared_world.keys['secret', True]}"}

    assert shared_world.request("GET", "/v1/conversions", headers=headers).status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1/", 404),
        ("GET", "/v1/nothing", 404),
        ("POST", "/v1/track/click2", 404),
        ("GET", "/v1/track/sale", 405),
        ("DELETE", "/v1/conversions", 405),
        ("OPTIONS", "/v1/track/sale", 405),
        ("BREW", "/v1/track/sale", 405),
        ("HEAD", "/v1/nothing", 404),
        ("OPTIONS", "/v1/cases/%0D%0AX", 405),
        ("GET", "/v1/a%0Ab/c", 404),
        ("PATCH", "/v1/conversions/cnv_1", 405),
    ],
)
def test_addresses_without_a_route_answer_problems(shared_world, method: str, path: str, status: int) -> None:
    answer = shared_world.api(method, path)

    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert ("allow" in answer.headers) is (status == 405)
