"""What verdicts teach of rules: which lessons they give, and which weights follow."""

import msgspec
import pytest
from sqlalchemy import insert, update

from fraud_rules.learning import SUGGESTS_FROM
from tracker.cases.partner_opening import open_partner_case
from tracker.conversions.tables import conversions
from tracker.db.ids import new_id
from tracker.fraud.figures import rule_figures
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


def test_an_undone_verdict_teaches_nothing(world, judged, make):
    for _ in range(5):
        judged(make.finding(), action="clear")
    before = scales(world)
    undone = judged(make.finding(), at_ms=T0 + 6)
    judged(make.finding("too_fast", family="timing"), at_ms=T0 + 7)
    assert scales(world)["self_email"] > before["self_email"]

    world.undo(undone, now_ms=T0 + 8)

    # The newest verdict is the same as before the undo, and yet the weights are learned anew.
    assert scales(world) == before
    assert learned(world).records["self_email"].verdicts == 5


def test_an_undone_ruling_on_an_appeal_leaves_the_one_after_it_to_teach(world, judged, make):
    case_id = judged(make.finding())
    world.appeal(case_id, now_ms=T0 + 10)
    world.verdict(case_id, "void", now_ms=T0 + 20)
    world.undo(case_id, now_ms=T0 + 21)
    world.verdict(case_id, "clear", now_ms=T0 + 22)

    (case,) = world.read(lambda conn: store.judged_cases(conn, world.program_id, now_ms=T0 + 30))

    assert case.verdicts == ("fraud", "legitimate")
    assert learned(world, T0 + 30).appeals["self_email"] == store.Appealed(against=1, overturned=1)


@pytest.fixture
def partner_case(world, make):
    """A case over the partner as a whole, and the sales its findings speak of."""

    def opened(*rules, at_ms=T0 + 1):
        ids = [world.sale() for _ in range(2)]
        mine = conversions.c.conversion_id.in_(ids)
        found = [
            make.finding(
                rule, 700_000, family="money", compared=tuple(sorted(ids)), holds_compared=True, cluster_key=None
            )
            for rule in rules
        ]

        def run(conn):
            conn.execute(update(conversions).where(mine).values(enrollment_id=world.enrollment_id))
            return open_partner_case(
                conn,
                program_id=world.program_id,
                enrollment_id=world.enrollment_id,
                livemode=True,
                judgement=make.judgement(*found),
                now_ms=at_ms,
                actor="system:nightly",
            )

        return world.write(run).case_id

    return opened


def test_a_rule_about_partners_learns_from_the_case_it_opened(world, partner_case):
    case_id = partner_case("refund_abuse")
    (row,) = world.view(case_id).findings
    world.verdict(case_id, "void", deciding_finding=row.finding_id)

    record = learned(world).records["refund_abuse"]

    assert (record.verdicts, record.decisive, record.confirmed_ppm) == (1, 1, 1_000_000)
    figures = world.read(lambda conn: rule_figures(conn, world.program_id, since_ms=T0))
    assert figures["refund_abuse"] == (1, 1)


def test_what_was_found_about_a_partner_later_or_of_other_sales_is_another_cases_lesson(world, partner_case):
    first = partner_case("refund_abuse")
    world.verdict(first, "clear", now_ms=T0 + 5)
    second = partner_case("cr_high", at_ms=T0 + 6)
    world.verdict(second, "void", now_ms=T0 + 7)

    judged = world.read(lambda conn: store.judged_cases(conn, world.program_id, now_ms=T0 + 10))

    assert {case.case_id: set(case.factors) for case in judged} == {first: {"refund_abuse"}, second: {"cr_high"}}
