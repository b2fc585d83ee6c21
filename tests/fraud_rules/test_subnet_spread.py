"""Rule 12: neighbouring addresses fill up within a day."""

import pytest

from fraud_rules.network import DAMPING_PPM, NETWORK_CLASSES
from fraud_rules.rules.subnet_spread import RULE, Config
from fraud_rules.scoring import score

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS


@pytest.fixture(scope="session")
def make_neighbours(make_record, now_ms):
    """So many addresses of one neighbourhood, a quarter of an hour apart."""

    def make(hosts, *, before_ms=0, **changes):
        values = {"net_key": "n1", "network_class": "fixed"}
        return [
            make_record(
                number, **{"at_ms": now_ms - before_ms - number * 900_000, "host_key": f"h{number}"} | values | changes
            )
            for number in range(1, hosts + 1)
        ]

    return make


@pytest.fixture(scope="session")
def judge_spread(make_partner):
    def judge(leads, *, config=None):
        return RULE.evaluate_partner(make_partner(leads), config or Config())

    return judge


def test_eight_neighbours_within_a_day_are_a_note(judge_spread, make_neighbours):
    (finding,) = judge_spread(make_neighbours(8))

    assert finding.fired
    assert finding.factor_ppm == 450_000
    assert score([finding]).band == "note"
    assert finding.params["count"] == 8
    assert finding.params["hours"] == 2
    assert len(finding.compared) == 8
    assert finding.holds_compared
    assert finding.cluster_key == "net:n1"


def test_seven_neighbours_are_silent(judge_spread, make_neighbours):
    assert judge_spread(make_neighbours(7)) == []


def test_one_address_with_many_leads_is_no_spread(judge_spread, make_neighbours):
    assert judge_spread(make_neighbours(30, host_key="h1")) == []


def test_only_what_came_within_a_day_counts(judge_spread, make_neighbours, now_ms):
    first = make_neighbours(4)
    other = make_neighbours(4, before_ms=2 * DAY_MS)
    others = [lead for n, old in enumerate(other) for lead in make_neighbours(1, host_key=f"x{n}", at_ms=old.at_ms)]

    assert judge_spread([*first, *others]) == []


@pytest.mark.parametrize("network_class", [each for each in NETWORK_CLASSES if each != "relay"])
def test_class_of_the_network_damps(judge_spread, make_neighbours, network_class):
    (finding,) = judge_spread(make_neighbours(12, network_class=network_class))

    assert finding.factor_ppm == 45 * DAMPING_PPM[network_class] // 100


def test_relay_is_forgiven(judge_spread, make_neighbours):
    (finding,) = judge_spread(make_neighbours(12, network_class="relay"))

    assert (finding.fired, finding.factor_ppm) == (False, 0)


def test_small_towns_provider_and_campus_are_forgiven_by_their_habit(judge_spread, make_neighbours):
    daily = [lead for day in range(1, 29) for lead in make_neighbours(3, before_ms=day * DAY_MS)]

    (finding,) = judge_spread([*make_neighbours(8), *daily])

    assert (finding.fired, finding.factor_ppm) == (False, 0)
    assert "on other days too" in finding.message
    assert finding.evidence["tail_ppm"] >= 100


@pytest.mark.parametrize(
    "changes",
    [{"net_key": None}, {"host_key": None}, {"source": "import"}],
    ids=["no_net", "no_address", "import"],
)
def test_missing_facts_are_silent(judge_spread, make_neighbours, changes):
    assert judge_spread(make_neighbours(20, **changes)) == []


def test_partner_without_leads_is_silent(judge_spread):
    assert judge_spread(()) == []
