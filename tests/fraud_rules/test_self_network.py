"""Rule 3: the partner signs in from the customer's address."""

import itertools

import pytest

from fraud_rules.network import DAMPING_PPM, NETWORK_CLASSES
from fraud_rules.rules.self_network import DAY_MS, RULE, Config
from fraud_rules.scoring import score
from fraud_rules.types import PartnerIdentity

WEEK_MS = 7 * DAY_MS


@pytest.fixture(scope="session")
def judge_logins(make_subject, make_facts):
    def judge(*logins, config=None, **changes):
        facts = make_facts(make_subject(**changes), partner_logins=logins)
        return RULE.evaluate(facts, config or Config())

    return judge


def test_login_from_the_address_fires(judge_logins, make_login):
    (finding,) = judge_logins(make_login())

    assert finding.factor_ppm == 300_000
    assert finding.cluster_key == "host:h1"
    assert finding.evidence["address"] == "203.0.113.x"


def test_same_browser_lifts_the_weight(judge_logins, make_login):
    (finding,) = judge_logins(make_login(agent_key="firefox-120-linux"))

    assert finding.factor_ppm == 550_000
    assert "same browser" in finding.message


def test_two_unknown_browsers_are_not_the_same(judge_logins, make_login):
    (finding,) = judge_logins(make_login(agent_key=None), agent_key=None)

    assert finding.factor_ppm == 300_000


@pytest.mark.parametrize(
    ("offset_ms", "fires"),
    [(-WEEK_MS, True), (WEEK_MS, True), (-WEEK_MS - 1, False), (WEEK_MS + 1, False), (0, True)],
    ids=["week_before", "week_after", "longer_before", "longer_after", "same_instant"],
)
def test_login_counts_within_seven_days_both_ends_included(judge_logins, make_login, now_ms, offset_ms, fires):
    assert bool(judge_logins(make_login(at_ms=now_ms + offset_ms))) is fires


def test_time_is_measured_from_when_it_happened_not_from_receipt(judge_logins, make_login, now_ms):
    login = make_login(at_ms=now_ms - WEEK_MS)

    assert judge_logins(login, at_ms=now_ms + 30 * DAY_MS)
    assert not judge_logins(login, occurred_at_ms=now_ms + 1)


@pytest.mark.parametrize(
    "changes",
    [
        {"host_key": None},
        {"host_key": "h2"},
        {"host_key": "h2", "net_key": "h1"},
        {"source": "import"},
        {"source": "Call-Centre "},
        {"partner_id": None},
    ],
    ids=["no_address", "other_address", "neighbour", "import", "call_centre", "organic"],
)
def test_no_shared_address_stays_silent(judge_logins, make_login, changes):
    assert judge_logins(make_login(), **changes) == []


def test_partner_who_never_signed_in_stays_silent(judge_logins):
    assert judge_logins() == []


@pytest.mark.parametrize("network_class", NETWORK_CLASSES)
def test_class_of_the_network_damps(judge_logins, make_login, network_class):
    (plain,) = judge_logins(make_login(), network_class=network_class)
    (lifted,) = judge_logins(make_login(agent_key="firefox-120-linux"), network_class=network_class)

    assert plain.factor_ppm == 3 * DAMPING_PPM[network_class] // 10
    assert lifted.factor_ppm == 55 * DAMPING_PPM[network_class] // 100


@pytest.mark.parametrize("network_class", ["mobile", "edu", "relay"])
def test_mobile_campus_and_relay_are_almost_mute(judge_logins, make_login, network_class):
    findings = judge_logins(make_login(agent_key="firefox-120-linux"), network_class=network_class)

    assert score(findings).band == "none"


@pytest.mark.parametrize("network_class", NETWORK_CLASSES)
def test_household_office_or_cafe_alone_never_reaches_review(judge_logins, make_login, network_class):
    logins = [make_login(agent_key="firefox-120-linux")] * 50

    assert score(judge_logins(*logins, network_class=network_class)).points < 50


def test_order_of_logins_is_no_matter(judge_logins, make_login, now_ms):
    logins = [make_login(at_ms=now_ms - n * DAY_MS, agent_key=f"a{n}") for n in range(4)]

    results = [judge_logins(*order) for order in itertools.permutations(logins)]

    assert all(result == results[0] for result in results)
    assert results[0][0].evidence["logins"] == 4
    assert results[0][0].evidence["nearest_ms"] == 0


def test_window_comes_from_the_settings(judge_logins, make_login, now_ms):
    login = make_login(at_ms=now_ms - DAY_MS - 1)

    assert not judge_logins(login, config=Config(window_days=1))
    assert judge_logins(login, config=Config(window_days=2))


def test_partner_who_may_buy_for_himself_is_forgiven(make_facts, make_subject, make_login):
    identity = PartnerIdentity(allow_own_purchases=True)
    facts = make_facts(make_subject(), partner_logins=(make_login(),), partner_identity=identity)

    (finding,) = RULE.evaluate(facts, Config())

    assert (finding.fired, finding.factor_ppm) == (False, 0)
    assert "buy for themselves" in finding.message


def test_identity_not_loaded_allows_nothing(make_facts, make_subject, make_login):
    facts = make_facts(make_subject(), partner_logins=(make_login(),), partner_identity=None)

    assert RULE.evaluate(facts, Config())[0].fired
