import msgspec
import pytest

from tracker.audit.store import list_entries
from tracker.i18n.messages import InputError
from tracker.programs import store
from tracker.programs.compare import changes_between
from tracker.programs.defaults import default_settings
from tracker.rewards.types import RewardRule

NOW_MS = 1_790_000_000_000


def create(conn, **changes):
    values = {
        "name": "Friends",
        "currency": "EUR",
        "time_zone": "Europe/Berlin",
        "settings": default_settings(),
        "sites": ["https://shop.example"],
        "actor": "cli",
        "now_ms": NOW_MS,
    }
    return store.create_program(conn, **{**values, **changes})


def publish(conn, program, *, at_ms, **changes):
    settings = msgspec.structs.replace(program.settings, **changes)
    return store.publish_version(
        conn, program_id=program.program_id, settings=settings, note="", actor="cli", now_ms=at_ms
    )


def test_created_program_is_read_back_whole(database, run):
    made = run(database.write(create))

    read = run(database.read(lambda conn: store.get_program(conn, made.program_id)))

    assert read == made
    assert read.settings.attribution.program_id == made.program_id
    assert run(database.read(lambda conn: store.sites_of(conn, made.program_id))) == ["https://shop.example"]
    assert run(database.read(store.list_programs)) == [made]


def test_each_instant_has_the_terms_of_its_time(database, run):
    program = run(database.write(create))
    run(database.write(lambda conn: publish(conn, program, at_ms=NOW_MS + 100, hold_days=10)))
    run(database.write(lambda conn: publish(conn, program, at_ms=NOW_MS + 200, hold_days=20)))

    def days_at(at_ms):
        found = run(database.read(lambda conn: store.program_as_of(conn, program.program_id, at_ms)))
        return found.version, found.settings.hold_days

    assert days_at(NOW_MS - 1) == (1, 30)
    assert days_at(NOW_MS) == (1, 30)
    assert days_at(NOW_MS + 99) == (1, 30)
    assert days_at(NOW_MS + 100) == (2, 10)
    assert days_at(NOW_MS + 10**9) == (3, 20)


def test_unknown_program_is_none_or_refused(database, run):
    unknown = "prg_" + "0" * 32

    assert run(database.read(lambda conn: store.get_program(conn, unknown))) is None
    assert run(database.read(lambda conn: store.program_as_of(conn, unknown, NOW_MS))) is None
    with pytest.raises(InputError, match="no such program"):
        run(database.write(lambda conn: store.lock_program(conn, unknown)))


def test_every_change_is_in_the_audit_trail(database, run):
    program = run(database.write(create))
    run(database.write(lambda conn: publish(conn, program, at_ms=NOW_MS, hold_days=10)))
    site = {"program_id": program.program_id, "site": "https://two.example", "actor": "cli", "now_ms": NOW_MS}
    run(database.write(lambda conn: store.add_site(conn, **site)))
    run(database.write(lambda conn: store.add_site(conn, **site)))
    run(database.write(lambda conn: store.remove_site(conn, **site)))
    run(database.write(lambda conn: store.remove_site(conn, **site)))

    trail = run(database.read(lambda conn: list_entries(conn, object_id=program.program_id)))

    actions = ["program.site_removed", "program.site_added", "program.published", "program.created"]
    assert [entry.action for entry in trail] == actions


def test_refused_program_leaves_nothing(database, run):
    with pytest.raises(InputError):
        run(database.write(lambda conn: create(conn, sites=["https://ok.example", "ftp://no.example"])))

    assert run(database.read(store.list_programs)) == []


@pytest.mark.parametrize(
    "rewards",
    [
        pytest.param((), id="none"),
        pytest.param((RewardRule(reward_id="a", on="sale", kind="percent"),), id="nothing"),
        pytest.param((RewardRule(reward_id="a", on="lead", kind="percent", rate_bps=1),), id="percent of a lead"),
        pytest.param((RewardRule(reward_id="a", on="sale", kind="percent", rate_bps=1),) * 2, id="same name"),
    ],
)
def test_terms_that_cannot_be_kept_are_refused(database, run, rewards):
    settings = msgspec.structs.replace(default_settings(), rewards=rewards)

    with pytest.raises(InputError):
        run(database.write(lambda conn: create(conn, settings=settings)))


def test_difference_names_changed_fields_only():
    old = default_settings()
    reward = msgspec.structs.replace(old.rewards[0], rate_bps=2500)
    new = msgspec.structs.replace(old, rewards=(reward,), hold_days=10)

    changes = [(change.field, change.before, change.after) for change in changes_between(old, new)]

    assert changes == [("hold_days", 30, 10), ("rewards.sale-percent.rate_bps", 2000, 2500)]
    assert changes_between(old, old) == []


@pytest.mark.parametrize("rules", [{"no_such_rule": {}}, {"too_fast": {"no_such_field": 1}}])
def test_unknown_fraud_rules_and_fields_are_refused(database, run, rules):
    settings = msgspec.structs.replace(default_settings(), fraud_rules=rules)

    with pytest.raises(InputError) as refused:
        run(database.write(lambda conn: create(conn, settings=settings)))

    assert refused.value.field == "fraud_rules"
