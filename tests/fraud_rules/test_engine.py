"""Judging a subject with all rules."""

from random import Random

import msgspec
import pytest

from fraud_rules.allow import AllowEntry
from fraud_rules.engine import RuleFailure, judge
from fraud_rules.registry import RULES
from fraud_rules.rule import Rule, RuleConfig, read_configs
from fraud_rules.scoring import score
from fraud_rules.types import PartnerIdentity, ProgramTiming

# Rules that all have something to say about one lead below.
SIX_IDS = ("self_email", "self_network", "dup_person_email", "same_ip_leads", "bot_agent", "too_fast")
SIX = tuple(rule for rule in RULES if rule.id in SIX_IDS)
OWN_MAILBOX = PartnerIdentity(login_emails=("ann@example.org",))


@pytest.fixture
def guilty_facts(make_subject, make_facts, make_login, make_crowd, make_person_lead, now_ms):
    """A lead about which all six rules have something to say."""
    subject = make_subject(is_bot=True, agent="curl/8", click_at_ms=now_ms - 1_000)
    return make_facts(
        subject,
        partner_identity=OWN_MAILBOX,
        partner_logins=(make_login(),),
        same_person_leads=(
            make_person_lead(90, "Ann2@example.org", canonical_key="ann@example.org"),
            make_person_lead(91, "Ann3@example.org", canonical_key="ann@example.org"),
        ),
        host_leads=make_crowd(5),
    )


def make_rule(evaluate, *, rule_id="mine", needs=(), timing=("lead",)):
    return Rule(
        id=rule_id,
        version=1,
        title="Mine",
        family="device",
        severity="low",
        needs=frozenset(needs),
        timing=frozenset(timing),
        config=RuleConfig(),
        evaluate=evaluate,
    )


def test_innocent_lead_has_no_finding(make_facts):
    judgement = judge(make_facts(), RULES, configs={}, allow=())

    assert (judgement.findings, judgement.suppressed, judgement.errors) == ((), (), ())
    assert judgement.score.points == 2


def test_every_rule_speaks_and_the_largest_factor_comes_first(guilty_facts):
    judgement = judge(guilty_facts, SIX, configs={}, allow=())

    assert judgement.errors == ()
    factors = [finding.factor_ppm for finding in judgement.findings]
    assert {finding.rule for finding in judgement.findings} == set(SIX_IDS)
    assert factors == sorted(factors, reverse=True)
    assert factors[0] > factors[-1] > 0
    assert judgement.score == score(judgement.findings)
    assert judgement.score.band == "priority"


def test_order_of_rules_is_no_matter(guilty_facts):
    draw = Random(1)
    orders = [SIX, SIX[::-1], *(draw.sample(SIX, len(SIX)) for _ in range(50))]
    results = [judge(guilty_facts, order, configs={}, allow=()) for order in orders]

    assert all(result == results[0] for result in results)


def test_finding_stores_the_settings_it_was_made_with(guilty_facts):
    configs = read_configs(SIX, {"bot_agent": {"weight_ppm": 600_000}})

    judgement = judge(guilty_facts, SIX, configs=configs, allow=())

    (finding,) = [f for f in judgement.findings if f.rule == "bot_agent"]
    assert finding.config == {"enabled": True, "weight_ppm": 600_000, "click_weight_ppm": 500_000}
    assert finding.factor_ppm == 600_000


def test_rule_that_is_switched_off_does_not_run(guilty_facts):
    configs = read_configs(SIX, {rule.id: {"enabled": False} for rule in SIX})

    assert judge(guilty_facts, SIX, configs=configs, allow=()).findings == ()


@pytest.mark.parametrize(
    ("changes", "rules"),
    [
        ({"kind": "sale", "lead_id": "cnv_lead"}, {"self_email", "self_network", "too_fast"}),
        ({"kind": "sale"}, {rule.id for rule in SIX}),
    ],
    ids=["sale_of_a_lead", "sale_alone"],
)
def test_moment_of_judgement_chooses_the_rules(guilty_facts, changes, rules):
    subject = msgspec.structs.replace(guilty_facts.subject, **changes)
    facts = msgspec.structs.replace(guilty_facts, subject=subject)

    assert {f.rule for f in judge(facts, SIX, configs={}, allow=()).findings} == rules


def test_failing_rule_is_reported_and_stops_nobody(guilty_facts):
    def fail(facts, config):
        raise KeyError(facts.subject.email)

    judgement = judge(guilty_facts, (make_rule(fail), *SIX), configs={}, allow=())

    (failure,) = judgement.errors
    assert failure.rule == "mine"
    assert failure.error.startswith("KeyError at test_engine.py:")
    assert "ann@" not in failure.error
    assert len(judgement.findings) == 6


@pytest.mark.parametrize("nonsense", [None, 7, ["finding"]], ids=["none", "number", "text"])
def test_rule_that_answers_nonsense_is_a_failing_rule(make_facts, nonsense):
    judgement = judge(make_facts(), [make_rule(lambda _facts, _config: nonsense)], configs={}, allow=())

    assert [failure.rule for failure in judgement.errors] == ["mine"]
    assert judgement.findings == ()


def test_failures_are_listed_by_rule(make_facts):
    def fail(facts, config):
        raise ValueError

    rules = [make_rule(fail, rule_id=name) for name in ("c", "a", "b")]

    judgement = judge(make_facts(), rules, configs={}, allow=())

    assert [failure.rule for failure in judgement.errors] == ["a", "b", "c"]


def test_facts_that_were_not_loaded_are_an_error_and_not_innocence(make_facts):
    facts = make_facts(host_history=None, host_leads=None)

    judgement = judge(facts, RULES, configs={}, allow=())

    assert judgement.errors == (RuleFailure(rule="same_ip_leads", error="facts not loaded: host_history, host_leads"),)


def test_stopping_the_program_is_no_rule_error(make_facts):
    def stop(facts, config):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        judge(make_facts(), [make_rule(stop)], configs={}, allow=())


def test_suppressed_finding_stays_visible_and_costs_nothing(guilty_facts):
    entry = AllowEntry(id="alw_1", rules=("self_email", "bot_agent"), partner_id="prt_1")

    judgement = judge(guilty_facts, SIX, configs={}, allow=[entry])

    assert [(s.finding.rule, s.allow_id) for s in judgement.suppressed] == [
        ("self_email", "alw_1"),
        ("bot_agent", "alw_1"),
    ]
    assert {f.rule for f in judgement.findings} == {
        "dup_person_email",
        "same_ip_leads",
        "too_fast",
        "self_network",
    }
    assert judgement.score == score(judgement.findings)


def test_suppressed_finding_confirms_no_other(make_facts, make_login):
    """self_network stays a note when its only companion is on the allow list."""
    facts = make_facts(partner_identity=OWN_MAILBOX, partner_logins=(make_login(agent_key="firefox-120-linux"),))
    entry = AllowEntry(id="alw_1", rules=("self_email",), partner_id="prt_1")

    assert judge(facts, SIX, configs={}, allow=()).score.band == "priority"
    assert judge(facts, SIX, configs={}, allow=[entry]).score.band == "note"


def test_allow_entries_may_come_from_a_generator(guilty_facts):
    entries = (AllowEntry(id=f"alw_{n}", rules=(rule.id,), partner_id="prt_1") for n, rule in enumerate(RULES))

    assert judge(guilty_facts, RULES, configs={}, allow=entries).findings == ()


def test_organic_lead_is_judged_without_a_partner(make_facts, make_subject, now_ms):
    subject = make_subject(partner_id=None, is_bot=True, agent="curl/8", click_at_ms=now_ms)

    judgement = judge(make_facts(subject), RULES, configs={}, allow=())

    assert judgement.errors == ()
    assert [f.rule for f in judgement.findings] == ["bot_agent", "too_fast"]


def test_empty_sections_are_loaded_sections(make_facts):
    facts = make_facts(program_timing=ProgramTiming(), partner_logins=(), host_leads=())

    assert judge(facts, RULES, configs={}, allow=()).errors == ()


def test_judgement_survives_storage(guilty_facts):
    judgement = judge(guilty_facts, RULES, configs={}, allow=())

    assert msgspec.json.decode(msgspec.json.encode(judgement), type=type(judgement)) == judgement
