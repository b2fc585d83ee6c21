import base64
import hashlib
import hmac
import re

import pytest
from sqlalchemy import select

from tracker.i18n.messages import InputError
from tracker.keys import store
from tracker.keys.make import is_well_formed, new_value, signing_bytes, signing_value
from tracker.keys.tables import api_keys
from tracker.programs.defaults import default_settings
from tracker.programs.store import create_program

NOW_MS = 1_790_000_000_000
SECRET = b"root secret of thirty-two bytes!"


@pytest.fixture
def program_id(database, run):
    def create(conn):
        return create_program(
            conn,
            name="Friends",
            currency="EUR",
            time_zone="UTC",
            settings=default_settings(),
            sites=[],
            actor="cli",
            now_ms=NOW_MS,
        ).program_id

    return run(database.write(create))


@pytest.fixture
def make(database, run, program_id):
    def made(kind="secret", livemode=True, scopes=()):
        return run(
            database.write(
                lambda conn: store.create_key(
                    conn,
                    program_id=program_id,
                    kind=kind,
                    livemode=livemode,
                    scopes=scopes,
                    secret=SECRET,
                    actor="cli",
                    now_ms=NOW_MS,
                )
            )
        )

    return made


@pytest.mark.parametrize("kind", ["publishable", "secret", "postback"])
@pytest.mark.parametrize("livemode", [True, False])
def test_made_key_is_found_by_its_value(database, run, make, program_id, kind, livemode):
    made = make(kind, livemode)

    key = run(database.read(lambda conn: store.find_by_value(conn, made.value)))

    assert (key.key_id, key.program_id, key.kind, key.livemode) == (made.key_id, program_id, kind, livemode)
    assert key.last4 == made.value[-4:]
    assert key.public_value == (made.value if kind == "publishable" else None)


@pytest.mark.parametrize(
    "change", [lambda v: v[:-1], lambda v: v + "A", lambda v: v.swapcase(), lambda v: "", str.upper]
)
def test_altered_value_opens_nothing(database, run, make, change):
    value = change(make().value)

    assert run(database.read(lambda conn: store.find_by_value(conn, value))) is None


@pytest.mark.parametrize(
    "value", ["", "sk_live_", "sk_live_é" * 9, "x" * 10_000, "pk_live_\x00", "whsec_AAAA", "a_b_c"]
)
def test_nonsense_is_not_well_formed(value):
    assert not is_well_formed(value)


def test_revoked_key_opens_nothing(database, run, make):
    made = make()
    revoke = {"key_id": made.key_id, "actor": "cli", "now_ms": NOW_MS}
    run(database.write(lambda conn: store.revoke_key(conn, **revoke)))
    run(database.write(lambda conn: store.revoke_key(conn, **revoke)))

    assert run(database.read(lambda conn: store.find_by_value(conn, made.value))) is None
    assert run(database.read(store.keys_in_force)) == []


def test_table_never_holds_a_secret_value(database, run, make):
    values = [make(kind).value for kind in ("secret", "postback", "signing")]

    rows = run(database.read(lambda conn: [tuple(row) for row in conn.execute(select(api_keys))]))

    assert not any(value in repr(rows) for value in values)


def test_signing_value_is_computed_again_from_the_root_secret(make):
    made = make("signing")

    assert signing_value(secret=SECRET, key_id=made.key_id) == made.value
    assert signing_value(secret=b"other", key_id=made.key_id) != made.value
    assert re.fullmatch(r"whsec_[A-Za-z0-9+/]{43}=", made.value)
    assert signing_bytes(made.value) == base64.b64decode(made.value[6:])
    assert len(hmac.digest(signing_bytes(made.value), b"", hashlib.sha256)) == 32


def test_values_are_random_with_a_checksum():
    values = {new_value("secret", livemode=True) for _ in range(50)}

    assert len(values) == 50
    assert all(is_well_formed(value) and len(value) == 57 for value in values)


def test_secret_key_has_the_scopes_asked_for_or_all(database, run, make):
    asked, everything, public = make(scopes=["read", "track"]), make(), make("publishable", scopes=["read"])

    def scopes(made):
        return run(database.read(lambda conn: store.get_key(conn, made.key_id))).scopes

    assert scopes(asked) == ("track", "read")
    assert scopes(everything) == ("track", "read", "manage", "payouts", "cases")
    assert scopes(public) == ()


@pytest.mark.parametrize(("kind", "scopes"), [("master", ()), ("secret", ("everything",))])
def test_unknown_kind_or_scope_is_refused(make, kind, scopes):
    with pytest.raises(InputError):
        make(kind, scopes=scopes)


def test_use_is_noted(database, run, make):
    made = make()

    run(database.write(lambda conn: store.note_use(conn, key_id=made.key_id, now_ms=NOW_MS + 5)))

    assert run(database.read(lambda conn: store.get_key(conn, made.key_id))).last_used_at_ms == NOW_MS + 5
