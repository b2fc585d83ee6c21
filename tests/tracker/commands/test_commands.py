"""Commands as functions, on both databases: what the command line and the control socket share."""

from typing import Any

import pytest
from sqlalchemy import select

from tracker import commands
from tracker.audit import verify
from tracker.audit.tables import audit_entries
from tracker.i18n.messages import InputError


def do(world: Any, command: str, /, **params: Any) -> Any:
    return world.run(commands.COMMANDS[command](world.services, params))


def test_a_partner_added_counts_at_the_public_edge_at_once(world) -> None:
    made = do(world, "partner add", program=world.program_id, name="Борис", email="boris@example.com")

    assert made["link"].startswith("https://go.shop.example/r/to/")
    assert world.click(made["code"].lower())
    answer = world.request("GET", made["link"].removeprefix("https://go.shop.example"))
    assert answer.status_code == 302


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({"program": "prg_x"}, "program"),
        ({"program": "prg_" + "0" * 32}, "program_id"),
        ({"code": "ANNA"}, "code"),
        ({"code": "a b"}, "code"),
        ({"email": "nonsense"}, "email"),
        ({"name": " "}, "name"),
        ({"name": "a\x00b"}, "name"),
        ({"name": "x" * 121}, "name"),
    ],
)
def test_a_partner_that_cannot_be_added_is_refused_by_field(shared_world, params: dict, field: str) -> None:
    given = {"program": shared_world.program_id, "name": "Zoë", "email": f"{shared_world.number('z')}@example.com"}

    with pytest.raises(InputError) as refusal:
        do(shared_world, "partner add", **given | params)

    assert refusal.value.field == field


def test_keys_take_the_program_with_or_without_prefix(shared_world) -> None:
    bare = shared_world.program_id.removeprefix("prg_")
    made = do(shared_world, "key create", program=bare, kind="publishable")

    assert any(key["value"] == made["value"] for key in do(shared_world, "key list", program=bare)["data"])
    assert do(shared_world, "key revoke", key=made["key_id"].removeprefix("key_")) == {
        "key_id": made["key_id"],
        "revoked": True,
    }
    assert do(shared_world, "key revoke", key=made["key_id"])["revoked"] is True


@pytest.mark.parametrize("command", ["key create", "key list"])
@pytest.mark.parametrize("program", ["prg_" + "0" * 32, "prg_x", ""])
def test_keys_of_no_program_are_refused(shared_world, command: str, program: str) -> None:
    with pytest.raises(InputError):
        do(shared_world, command, program=program, kind="secret")


def test_a_password_given_is_checked_and_not_returned(shared_world) -> None:
    email = f"{shared_world.number('user')}@example.com"
    with pytest.raises(InputError) as refusal:
        do(shared_world, "user add", email=email, role="admin", password="short")
    assert refusal.value.field == "password"

    made = do(shared_world, "user add", email=email, role="admin", password="correct horse battery")
    assert made.keys() == {"user_id", "email", "role", "disabled"}
    with pytest.raises(InputError):
        do(shared_world, "user add", email=email.upper(), role="admin", password="correct horse battery")


def test_what_a_command_does_is_in_the_audit_trail(world) -> None:
    do(world, "user add", email="a@example.com", role="viewer")
    do(world, "user reset-password", email="a@example.com")
    do(world, "user disable", email="a@example.com")
    do(world, "key create", program=world.program_id, kind="secret")

    query = select(audit_entries.c.action).where(audit_entries.c.actor == "cli").order_by(audit_entries.c.seq)
    actions = world.read(lambda conn: list(conn.execute(query).scalars()))
    assert [action.split(".")[0] for action in actions] == ["user", "user", "user", "key"]
    assert do(world, "audit verify") == {"ok": True, "problems": []}


def test_the_audit_chain_is_walked_in_chunks(world, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verify, "CHUNK", 2)
    for number in range(5):
        do(world, "user add", email=f"u{number}@example.com", role="viewer", password="correct horse battery")

    assert do(world, "audit verify")["ok"] is True


def test_refused_events_are_listed_newest_first_with_their_bytes(world) -> None:
    world.track("sale", b'{"external_id":"1"')
    world.browser(b'{"k":"' + world.keys["publishable", False].encode() + b'","t":"sale","o":"\xff"}')

    newest, oldest = do(world, "events list", verdict="quarantined")["data"]

    assert (oldest["source"], oldest["code"], oldest["livemode"]) == ("track_sale", "invalid_json", True)
    assert (newest["source"], newest["code"], newest["livemode"]) == ("browser_event", "invalid_encoding", False)
    assert newest["payload"].endswith('"o":"\\xff"}')
    assert do(world, "events list", verdict="accepted") == {"data": []}
    assert len(do(world, "events list")["data"]) == 2


def test_the_ledger_of_a_busy_day_holds(world) -> None:
    for number in range(3):
        sale = world.sale(promo_code="ANNA", amount=1_000 + number)
        world.track("sale", sale)
        world.track(
            "refund", {"external_id": f"r{number}", "refund_of": sale["external_id"], "amount": 500, "currency": "EUR"}
        )

    answer = do(world, "ledger verify")
    assert (answer["ok"], list(answer["problems"])) == (True, [])
    assert (answer["transactions"], answer["entries"]) == (6, 12)
