import asyncio

import pytest

from tracker.i18n.messages import InputError
from tracker.users import store
from tracker.users.limits import is_exhausted, scopes_of
from tracker.users.passwords import LONGEST, SHORTEST, check_password, hash_now, new_password, verify_password
from tracker.users.permissions import may_manage
from tracker.users.sessions import digest_of, is_alive, masked, network_of, new_session

NOW_MS = 1_790_000_000_000


@pytest.fixture
def add(database, run):
    def added(email, role="viewer"):
        return run(
            database.write(
                lambda conn: store.add_user(
                    conn, email=email, role=role, password_hash="-", language="en", now_ms=NOW_MS, actor="cli"
                )
            )
        )

    return added


def test_user_is_found_whatever_the_case_of_the_address(database, run, add):
    made = add("Ann@Example.com", "owner")

    assert made.email == "ann@example.com"
    assert run(database.read(lambda conn: store.user_by_email(conn, " ANN@example.com "))) == made
    assert run(database.read(lambda conn: store.get_user(conn, made.user_id))) == made


def test_disabled_people_stand_last(database, run, add):
    first, _ = add("a@example.com"), add("b@example.com")
    run(database.write(lambda conn: store.disable_user(conn, user_id=first.user_id, now_ms=NOW_MS, actor="cli")))

    assert [user.email for user in run(database.read(store.list_users))] == ["b@example.com", "a@example.com"]


def test_last_owner_cannot_be_disabled_but_one_of_two_can(database, run, add):
    first = add("a@example.com", "owner")
    disable = {"user_id": first.user_id, "now_ms": NOW_MS, "actor": "cli"}
    with pytest.raises(InputError, match="last owner"):
        run(database.write(lambda conn: store.disable_user(conn, **disable)))

    add("b@example.com", "owner")
    run(database.write(lambda conn: store.disable_user(conn, **disable)))

    assert run(database.read(lambda conn: store.get_user(conn, first.user_id))).disabled_at_ms == NOW_MS


def test_new_password_ends_every_session(database, run, add):
    user = add("a@example.com")
    _, session = new_session(user_id=user.user_id, address="192.0.2.1", user_agent="x", now_ms=NOW_MS)
    run(database.write(lambda conn: store.add_session(conn, session, known_network="n")))
    change = {"user_id": user.user_id, "password_hash": "+", "now_ms": NOW_MS, "actor": "cli"}

    run(database.write(lambda conn: store.set_password(conn, **change)))

    assert run(database.read(lambda conn: store.session_with_user(conn, session.digest))) is None


def test_session_row_never_holds_the_cookie(database, run, add):
    user = add("a@example.com")
    token, session = new_session(user_id=user.user_id, address="192.0.2.77", user_agent="x\x00\n" * 900, now_ms=NOW_MS)

    run(database.write(lambda conn: store.add_session(conn, session, known_network="n")))
    found, owner = run(database.read(lambda conn: store.session_with_user(conn, digest_of(token))))

    assert owner.user_id == user.user_id
    assert token not in repr(found)
    assert found.masked_ip == "192.0.2.0/24"
    assert found.user_agent == "x" * 200
    assert len(token) == 43


def test_clock_moved_back_neither_ends_nor_extends_a_session():
    _, session = new_session(user_id="usr_" + "0" * 32, address="", user_agent="", now_ms=NOW_MS)

    assert is_alive(session, NOW_MS - 86_400_000)
    assert not is_alive(session, NOW_MS + 8 * 3_600_000 + 1)


@pytest.mark.parametrize(
    ("address", "shown", "network"),
    [
        ("192.0.2.77", "192.0.2.0/24", "192.0.2.77/32"),
        ("::ffff:192.0.2.77", "192.0.2.0/24", "192.0.2.77/32"),
        ("2001:db8:1:2:3::4", "2001:db8:1::/48", "2001:db8:1:2::/64"),
        ("nonsense", "", ""),
        ("", "", ""),
    ],
)
def test_addresses_are_masked_and_counted_by_network(address, shown, network):
    assert (masked(address), network_of(address)) == (shown, network)


@pytest.mark.parametrize("password", ["", "x" * (SHORTEST - 1), "x" * (LONGEST + 1), "x" * 12 + "\x00", "пароль"])
def test_password_outside_its_limits_is_refused(password):
    with pytest.raises(InputError):
        check_password(password)


@pytest.mark.parametrize("password", ["x" * SHORTEST, "x" * LONGEST, "пароль из слов", "  blanks count  "])
def test_password_within_its_limits_fits_its_hash_alone(password):
    digest = hash_now(password)

    assert digest.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert asyncio.run(verify_password(password, digest))
    assert not asyncio.run(verify_password(password + "x", digest))


@pytest.mark.parametrize("stored", [None, "", "nonsense", "$argon2id$v=19$broken"])
def test_missing_or_broken_hash_fits_nothing(stored):
    assert not asyncio.run(verify_password("any password at all", stored))


def test_composed_and_decomposed_password_are_one():
    assert asyncio.run(verify_password("Gru\u0308ße an alle!", hash_now("Gr\u00fcße an alle!")))


def test_first_password_is_long_enough_and_random():
    made = {new_password() for _ in range(20)}

    assert len(made) == 20
    assert all(check_password(password) for password in made)


def test_known_network_counts_apart_from_strangers():
    common = {"secret": b"s", "email": "A@example.com", "network": "192.0.2.1/32"}
    stranger = scopes_of(**common, known_networks=frozenset())
    known = scopes_of(**common, known_networks=frozenset({stranger.known_network}))

    assert stranger.account != known.account
    assert stranger.network == known.network
    assert "example" not in repr(stranger)
    assert "192.0.2" not in repr(stranger)


@pytest.mark.parametrize(("account", "network", "answer"), [(9, 49, False), (10, 0, True), (0, 50, True)])
def test_limits_are_ten_an_account_and_fifty_a_network(account, network, answer):
    assert is_exhausted(account_attempts=account, network_attempts=network) is answer


@pytest.mark.parametrize(
    ("actor", "target", "answer"),
    [
        ("owner", "owner", True),
        ("admin", "owner", False),
        ("admin", "admin", False),
        ("admin", "viewer", True),
        ("manager", "viewer", False),
    ],
)
def test_admins_manage_those_below_them(actor, target, answer):
    assert may_manage(actor, target) is answer
