import pytest

from tracker.api.routes import OPERATIONS
from tracker.commands import revoke_key
from tracker.keys.store import create_key

SECRET = b"root secret of the tests, 32 bytes"
# Said twice on purpose: a new route, or another scope for an old one, must be thought of here as well.
SCOPES = {
    "track": {
        "POST /v1/track/lead",
        "POST /v1/track/sale",
        "POST /v1/track/refund",
        "POST /v1/track/click",
        "POST /v1/test/clock",
    },
    "read": {
        "GET /v1/conversions",
        "GET /v1/conversions/{id}",
        "GET /v1/commissions",
        "GET /v1/commissions/{id}",
        "GET /v1/clicks",
        "GET /v1/clicks/{id}",
        "GET /v1/events",
        "GET /v1/events/{id}",
        "GET /v1/cases",
        "GET /v1/cases/{id}",
        "GET /v1/reports/models",
    },
    "cases": {"POST /v1/cases/{id}/verdict"},
    None: {"GET /v1/openapi.json", "GET /v1/docs"},
}
ROUTES = [
    pytest.param(each.method, each.path.replace("{id}", "x"), each.scope, id=f"{each.method} {each.path}")
    for each in OPERATIONS
    if each.scope is not None
]


def test_p31_every_route_is_declared_with_the_scope_it_asks_for() -> None:
    known: dict[str | None, set[str]] = {}
    for each in OPERATIONS:
        known.setdefault(each.scope, set()).add(f"{each.method} {each.path}")

    assert known == SCOPES


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
