"""What verdicts teach of rules: which lessons they give, and which weights follow."""

import msgspec
import pytest
from sqlalchemy import insert

from fraud_rules.learning import SUGGESTS_FROM
from tracker.db.ids import new_id
from tracker.fraud.lessons import store
from tracker.programs.check import owned_settings
from tracker.programs.defaults import default_settings
from tracker.programs.store import get_program
from tracker.programs.tables import program_versions

T0 = 1_760_000_000_000
DAY = 86_400_000


@pytest.fixture
def terms(world):
    """Publish further terms of the world's program, which has a version already."""

    def publish(version, **changes):
        settings = msgspec.structs.replace(owned_settings(default_settings(), world.program_id), **changes)
        values = {"version": version, "effective_from_ms": T0, "settings": msgspec.to_builtins(settings)}
        world.write(
            lambda conn: conn.execute(
                insert(program_versions).values(program_id=world.program_id, published_by="cli", note="", **values)
            )
        )

    return publish


@pytest.fixture
def judged(world, make):
    """A case over findings, judged."""

    def judged(*findings, action="void", deciding=None, at_ms=T0 + 5, livemode=True):
        key = new_id("key", T0)
        found = [msgspec.structs.replace(each, cluster_key=key) for each in findings]
        opened = world.judge(world.sale(livemode=livemode), *found, livemode=livemode)
        rows = world.view(opened.case_id).findings
        chosen = next((row.finding_id for row in rows if row.finding.rule == deciding), None)
        world.verdict(opened.case_id, action, deciding_finding=chosen, now_ms=at_ms)
        return opened.case_id

    return judged


def learned(world, now_ms=T0 + 10):
    return world.read(lambda conn: store.records_of(conn, get_program(conn, world.program_id), now_ms=now_ms))


def scales(world, now_ms=T0 + 10, livemode=True):
    return world.write(lambda conn: store.scales_for(conn, world.program_id, livemode=livemode, now_ms=now_ms))


def test_the_deciding_finding_gets_full_credit_and_its_companions_half(world, terms, judged, make):
    both = (make.finding("self_email"), make.finding("too_fast", factor=450_000, family="timing"))
    judged(*both, deciding="too_fast")

    records = learned(world).records
    assert (records["too_fast"].confirmed_ppm, records["too_fast"].decisive) == (1_000_000, 1)
    assert (records["self_email"].confirmed_ppm, records["self_email"].decisive) == (500_000, 0)
    assert records["bot_agent"].verdicts == 0


def test_without_a_named_finding_the_weightiest_decided(world, terms, judged, make):
    judged(make.finding("self_email"), make.finding("too_fast", factor=450_000, family="timing"), action="clear")

    records = learned(world).records
    assert (records["self_email"].dismissed_ppm, records["too_fast"].dismissed_ppm) == (1_000_000, 500_000)


def test_an_unsure_verdict_teaches_nothing(world, terms, judged, make):
    judged(make.finding(), action="hold")
    assert learned(world).records["self_email"].verdicts == 0


def test_forgiven_findings_and_test_cases_teach_nothing(world, terms, judged, make):
    judged(make.finding("self_email"), make.finding("too_fast", factor=0, family="timing"))
    judged(make.finding("bot_agent", family="device"), livemode=False)

    records = learned(world).records
    assert (records["too_fast"].verdicts, records["bot_agent"].verdicts) == (0, 0)


def test_weights_follow_after_five_verdicts_and_every_new_one_is_seen(world, terms, judged, make):
    for _ in range(4):
        judged(make.finding(), action="clear")
    assert scales(world) == {}

    judged(make.finding(), action="clear", at_ms=T0 + 7)
    prior, posterior = 900_000, 8 * 900_000 * 1_000_000 // (8 * 1_000_000 + 5 * 1_000_000)
    assert scales(world)["self_email"] == pytest.approx(posterior * 1_000_000 // prior, abs=2)
    stored = scales(world, livemode=False)
    assert stored == scales(world)

    judged(make.finding(), at_ms=T0 + 8)
    assert scales(world)["self_email"] > stored["self_email"]


def test_other_terms_are_learned_against_anew(world, terms, judged, make):
    for _ in range(5):
        judged(make.finding(), action="clear")
    before = scales(world)

    terms(2, fraud_rules={"self_email": {"weight_ppm": 300_000}})

    # Five dismissals take the same share from whatever weight the terms give.
    assert scales(world)["self_email"] == pytest.approx(before["self_email"], abs=2)
    assert learned(world).records["self_email"].prior_ppm == 300_000


def test_a_bad_rule_is_suggested_to_be_switched_off_and_stays_on(world, terms, judged, make):
    terms(2, fraud_rules={"self_email": {"weight_ppm": 250_000}})
    for _ in range(SUGGESTS_FROM + 5):
        judged(make.finding(factor=900_000), action="clear")

    assert learned(world).records["self_email"].suggests_off
    scales(world)
    assert world.read(store.suggested_off) == {world.program_id: ["self_email"]}
    assert world.read(lambda conn: get_program(conn, world.program_id)).settings.fraud_rules["self_email"] == {
        "weight_ppm": 250_000
    }


def test_a_rule_without_a_weight_starts_between_yes_and_no(terms, world):
    assert set(learned(world).records) == set(store.weights_of(world.read(lambda c: get_program(c, world.program_id))))


def test_a_verdict_that_was_overturned_is_counted_and_the_last_word_teaches():
    case = store.Judged(
        case_id="cas_1",
        verdicts=("fraud", "legitimate"),
        decided_at_ms=T0,
        factors={"self_email": 900_000, "too_fast": 450_000},
        decisive="self_email",
    )

    lessons = store.lessons_of([case])
    assert [(each.rule, each.confirmed, each.was_decisive) for each in lessons] == [
        ("self_email", False, True),
        ("too_fast", False, False),
    ]
    assert store._appeals([case])["too_fast"] == store.Appealed(against=1, overturned=1)
