"""The allow list in a real database: whom an entry covers, when it ends, and what the trail says of it."""

import msgspec
import pytest

from fraud_rules.allow import covers
from fraud_rules.types import Subject
from ingest.address_keys import AddressEpoch, AddressKeyring
from tracker.db.ids import new_id
from tracker.fraud.allow import store
from tracker.fraud.allow.networks import network_of_rows, read_network
from tracker.fraud.allow.types import NewEntry
from tracker.i18n.messages import InputError

DAY = 86_400_000
T0 = 1_760_000_000_000
RULES = ("same_ip_leads", "self_network", "self_email")
KEYRING = AddressKeyring(
    [
        AddressEpoch(starts_at_ms=T0 - DAY, ends_at_ms=T0 + 40 * DAY, key=b"a" * 32),
        AddressEpoch(starts_at_ms=T0 + 40 * DAY, ends_at_ms=T0 + 130 * DAY, key=b"b" * 32),
    ]
)


@pytest.fixture
def add(world):
    def add(**changes):
        values = {"program_id": world.program_id, "rules": ("same_ip_leads",), "reason": "A course at school 4"}
        entry = NewEntry(**(values | changes))
        return world.write(lambda conn: store.add_entry(conn, entry, known_rules=RULES, actor="user:usr_1", now_ms=T0))

    return add


def in_force(world, at_ms=T0, program_id=None):
    return world.read(lambda conn: store.entries_in_force(conn, program_id or world.program_id, at_ms=at_ms))


def subject(**changes):
    values = {"conversion_id": "cnv_1", "kind": "lead", "program_id": "prg_1", "partner_id": "enr_1"}
    return Subject(**(values | {"at_ms": T0, "occurred_at_ms": T0} | changes))


def test_an_entry_covers_by_every_condition_it_names(world, add):
    row = add(enrollment_id=world.enrollment_id, email_domain="school.example", expires_at_ms=T0 + DAY)

    (entry,) = in_force(world)
    assert (entry.id, entry.rules) == (row.allow_id, ("same_ip_leads",))
    assert covers(entry, subject(partner_id=world.enrollment_id, email="a@school.example"))
    assert not covers(entry, subject(partner_id=world.enrollment_id, email="a@other.example"))
    assert not covers(entry, subject(partner_id=world.enrollment_ids[1], email="a@school.example"))


def test_a_network_is_kept_as_hashes_under_every_key_and_never_as_typed(world, add):
    row = add(network=read_network("203.0.113.77", KEYRING))

    assert row.network_text == "203.0.113.x"
    assert "203.0.113.77" not in msgspec.json.encode(row).decode()
    now, later = (KEYRING.keys_of("203.0.113.77", at_ms).host.hex() for at_ms in (T0, T0 + 50 * DAY))
    assert now != later
    for key in (now, later):
        assert any(covers(entry, subject(host_key=key)) for entry in in_force(world))
    other = KEYRING.keys_of("203.0.113.78", T0)
    assert not any(
        covers(each, subject(host_key=other.host.hex(), net_key=other.network.hex())) for each in in_force(world)
    )


def test_a_network_ends_with_the_last_key_it_is_hashed_under(add):
    assert add(network=read_network("203.0.113.77", KEYRING)).expires_at_ms == T0 + 130 * DAY
    assert add(network=read_network("203.0.113.77", KEYRING), expires_at_ms=T0 + DAY).expires_at_ms == T0 + DAY


@pytest.mark.parametrize(
    ("typed", "scope", "shown"),
    [
        ("203.0.113.7", "host", "203.0.113.x"),
        ("203.0.113.7/32", "host", "203.0.113.x"),
        (" 203.0.113.9/24 ", "net", "203.0.113.0/24"),
        ("2001:db8:1:2::3", "host", "2001:db8:1::/48"),
        ("2001:db8:1:2::/64", "host", "2001:db8:1::/48"),
        ("2001:db8:1::/48", "net", "2001:db8:1::/48"),
        ("::ffff:203.0.113.7", "host", "203.0.113.x"),
    ],
)
def test_an_address_or_a_compared_prefix_is_taken(typed, scope, shown):
    found = read_network(typed, KEYRING)
    assert (found.scope, found.text) == (scope, shown)


@pytest.mark.parametrize("typed", ["", "home", "203.0.113.0/23", "203.0.113.0/25", "2001:db8::/32", "1" * 5000])
def test_what_cannot_be_compared_is_refused(typed):
    with pytest.raises(InputError) as refused:
        read_network(typed, KEYRING)
    assert refused.value.field == "network"


def test_neighbourhood_of_an_address_is_covered_by_its_prefix(world, add):
    add(network=read_network("203.0.113.0/24", KEYRING))

    near, far = KEYRING.keys_of("203.0.113.200", T0), KEYRING.keys_of("203.0.114.200", T0)
    (first, *_) = in_force(world)
    assert covers(first, subject(host_key=near.host.hex(), net_key=near.network.hex()))
    assert not covers(first, subject(host_key=far.host.hex(), net_key=far.network.hex()))


def test_an_entry_ends_by_its_day_and_by_being_revoked(world, add):
    add(email_domain="a.example", expires_at_ms=T0 + DAY)
    kept = add(email_domain="b.example")

    assert len(in_force(world, T0)) == 2
    assert [entry.id for entry in in_force(world, T0 + DAY)] == [kept.allow_id]

    revoked = world.write(lambda conn: store.revoke_entry(conn, kept.allow_id, actor="user:usr_2", now_ms=T0 + 5))
    assert (revoked.revoked_by, revoked.revoked_at_ms) == ("user:usr_2", T0 + 5)
    assert in_force(world, T0 + DAY) == ()
    assert len(world.read(lambda conn: store.list_entries(conn, program_id=world.program_id))) == 2, "never deleted"
    assert [entry.action for entry in world.audit(kept.allow_id)] == ["allow_entry.added", "allow_entry.revoked"]


def test_revoking_twice_keeps_the_first_word(world, add):
    row = add(email_domain="a.example")
    for actor in ("user:usr_1", "user:usr_2"):
        world.write(lambda conn, actor=actor: store.revoke_entry(conn, row.allow_id, actor=actor, now_ms=T0 + 5))

    assert world.read(lambda conn: store.get_entry(conn, row.allow_id)).revoked_by == "user:usr_1"
    assert len(world.audit(row.allow_id)) == 2
    assert world.write(lambda conn: store.revoke_entry(conn, new_id("alw", T0), actor="x", now_ms=T0)) is None


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"rules": ()}, "rules"),
        ({"rules": ("no_such_rule",), "email_domain": "a.example"}, "rules"),
        ({}, "network"),
        ({"email_domain": "a.example", "reason": " "}, "reason"),
        ({"email_domain": "a.example", "expires_at_ms": T0}, "expires"),
        ({"starts_at_ms": T0 + 2, "ends_at_ms": T0 + 1}, "ends"),
    ],
    ids=["no rule", "unknown rule", "nobody", "no reason", "over", "backwards"],
)
def test_an_entry_that_says_nothing_sensible_is_refused(add, changes, field):
    with pytest.raises(InputError) as refused:
        add(**changes)
    assert refused.value.field == field


def test_an_entry_of_one_program_says_nothing_in_another(world, add):
    add(email_domain="a.example")
    assert in_force(world, program_id=new_id("prg", T0)) == ()


class Row(msgspec.Struct, kw_only=True):
    host_key: bytes | None = None
    next_host_key: bytes | None = None
    net_key: bytes | None = None
    next_net_key: bytes | None = None
    masked_ip: str | None = "203.0.113.x"


def test_the_network_of_a_case_is_that_of_all_its_conversions():
    rows = [Row(host_key=b"1", net_key=b"n"), Row(host_key=b"1", next_host_key=b"2", net_key=b"n")]

    found = network_of_rows(rows, scope="host", keyring=KEYRING)
    assert (found.keys, found.scope, found.text) == ((b"1".hex(), b"2".hex()), "host", "203.0.113.x")
    assert found.until_ms == T0 + 130 * DAY
    assert network_of_rows(rows, scope="net", keyring=KEYRING).until_ms == T0 + 40 * DAY
    assert network_of_rows([*rows, Row(host_key=b"3")], scope="host", keyring=KEYRING) is None
    assert network_of_rows([Row()], scope="host", keyring=KEYRING) is None
