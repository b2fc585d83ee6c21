"""Rule 10: counters, the first few of a crowd, and small crowds judged once they are over."""

import msgspec
import pytest

from fraud_rules.engine import judge_partner
from fraud_rules.rules.same_ip_leads import DAY_MS, HOUR_MS, MINUTE_MS, RULE, Config
from fraud_rules.scoring import score
from fraud_rules.types import HostHistory

AGENT = "firefox-120-linux"  # the subject's


@pytest.fixture(scope="session")
def judge_crowd(make_subject, make_facts):
    def judge(leads, **changes):
        history = HostHistory(earlier_leads=0, days_observed=28)
        facts = make_facts(make_subject(**changes), host_leads=tuple(leads), host_history=history)
        return RULE.evaluate(facts, Config())

    return judge


@pytest.fixture(scope="session")
def make_counter(make_crowd, now_ms):
    """Guests so many minutes apart, the first `sharing` on the subject's device "d0", the others on their own."""

    def make(others, *, sharing, minutes):
        return [
            msgspec.structs.replace(
                lead,
                device_key="d0" if number <= sharing else f"d{number}",
                at_ms=now_ms - number * minutes * MINUTE_MS,
            )
            for number, lead in enumerate(make_crowd(others, agent=AGENT), start=1)
        ]

    return make


@pytest.mark.parametrize(
    ("sharing", "minutes", "forgiven"),
    [(7, 30, True), (7, 29, False), (3, 30, True), (2, 30, False), (0, 30, False), (3, 180, True)],
    ids=["counter", "burst", "half_share", "one_below_half", "own_devices", "all_day"],
)
def test_counter_with_time_between_its_guests_is_forgiven(judge_crowd, make_counter, sharing, minutes, forgiven):
    """Of eight people half or more share a device, and half of them come 30 minutes or more after the one before."""
    (finding,) = judge_crowd(make_counter(7, sharing=sharing, minutes=minutes), device_key="d0")

    assert finding.fired is not forgiven
    assert (finding.factor_ppm == 0) is forgiven
    assert ("one after another on shared devices" in finding.message_plural) is forgiven
    assert finding.evidence["on_shared_devices"] == (sharing + 1 if sharing else 0)
    assert finding.evidence["median_gap_ms"] == minutes * MINUTE_MS


def test_device_one_guest_used_twice_makes_no_counter(judge_crowd, make_counter):
    guests = make_counter(7, sharing=0, minutes=30)
    again = [msgspec.structs.replace(lead, conversion_id=f"{lead.conversion_id}_again") for lead in guests]

    (finding,) = judge_crowd([*guests, *again], device_key="d0")

    assert finding.evidence["on_shared_devices"] == 0
    assert finding.fired


@pytest.fixture(scope="session")
def make_guests(make_crowd):
    def make(others):
        return [
            msgspec.structs.replace(lead, device_key=f"d{number}")
            for number, lead in enumerate(make_crowd(others, agent=AGENT), start=1)
        ]

    return make


@pytest.mark.parametrize(("people", "band"), [(3, "note"), (4, "note"), (5, "review"), (8, "review")])
def test_first_four_with_own_devices_and_one_browser_may_be_a_workshop(judge_crowd, make_guests, people, band):
    (finding,) = judge_crowd(make_guests(people - 1), device_key="d0")

    assert finding.fired
    assert finding.evidence["own_devices"] is (band == "note")
    assert score([finding]).band == band


@pytest.mark.parametrize("people", [3, 4])
def test_first_four_through_one_device_have_no_doubt_to_benefit_from(judge_crowd, make_guests, people):
    leads = [msgspec.structs.replace(lead, device_key="d0") for lead in make_guests(people - 1)]

    (finding,) = judge_crowd(leads, device_key="d0")

    assert score([finding]).band == "review"


@pytest.fixture(scope="session")
def make_evening(make_record, now_ms):
    """People at one address five minutes apart, the last `over_ms` ago, with devices of their own and one browser."""

    def make(people, *, over_ms=6 * HOUR_MS, agents=1, **changes):
        return [
            make_record(
                number,
                **{
                    "at_ms": now_ms - over_ms - (number - 1) * 5 * MINUTE_MS,
                    "host_key": "h1",
                    "network_class": "fixed",
                    "agent_key": f"agent-{number % agents}",
                    "device_key": f"d{number}",
                }
                | changes,
            )
            for number in range(1, people + 1)
        ]

    return make


@pytest.fixture(scope="session")
def judge_night(make_partner):
    def judge(leads):
        return RULE.evaluate_partner(make_partner(leads), Config())

    return judge


@pytest.mark.parametrize(("people", "found"), [(2, False), (3, True), (4, True), (5, False), (12, False)], ids=str)
def test_small_crowd_that_stayed_small_is_judged_in_full(judge_night, make_evening, people, found):
    """Larger crowds were judged in full as they came; two people are a couple."""
    findings = judge_night(make_evening(people))

    assert bool(findings) is found
    for finding in findings:
        assert finding.evidence["people"] == people
        assert finding.evidence["own_devices"] is False
        assert score([finding]).band == "review"


def test_night_speaks_of_the_whole_crowd(judge_night, make_evening):
    (finding,) = judge_night(make_evening(4))

    assert finding.factor_ppm == 720_050
    assert finding.cluster_key == "host:h1"
    assert {"cnv_0002", "cnv_0003", "cnv_0004"} <= set(finding.compared)
    assert (finding.holds_compared, finding.holds_partner) == (True, False)


def test_last_of_the_crowd_is_held_with_the_others(judge_night, make_evening):
    (finding,) = judge_night(make_evening(4))

    assert "cnv_0001" in finding.compared


@pytest.mark.parametrize(
    ("over_ms", "found"),
    [
        (6 * HOUR_MS, True),
        (6 * HOUR_MS - 1, False),
        (0, False),
        (2 * DAY_MS - 10 * MINUTE_MS, True),
        (2 * DAY_MS, False),
    ],
    ids=["six_hours", "not_over_yet", "going_on", "two_days", "told_before"],
)
def test_crowd_is_over_when_nobody_came_for_six_hours(judge_night, make_evening, over_ms, found):
    assert bool(judge_night(make_evening(3, over_ms=over_ms))) is found


def test_latecomer_keeps_the_crowd_open(judge_night, make_evening, make_record, now_ms):
    late = make_record(9, at_ms=now_ms - HOUR_MS, host_key="h1", network_class="fixed", agent_key="agent-0")

    assert judge_night([*make_evening(3), late]) == []


@pytest.mark.parametrize(("agents", "band"), [(1, "review"), (2, "note"), (4, "note")])
def test_family_with_browsers_of_its_own_stays_a_note_when_it_is_over(judge_night, make_evening, agents, band):
    (finding,) = judge_night(make_evening(4, agents=agents))

    assert score([finding]).band == band


@pytest.mark.parametrize("network_class", ["mobile", "relay", "edu", "corporate", "vpn"])
def test_small_crowd_where_strangers_share_is_never_held(judge_night, make_evening, network_class):
    assert not any(finding.fired for finding in judge_night(make_evening(4, network_class=network_class)))


@pytest.mark.parametrize(("copies", "found"), [(9, True), (10, False)], ids=["twelve_rows", "thirteen_rows"])
def test_more_than_twelve_rows_are_no_small_group(judge_night, make_evening, copies, found):
    """One of three people sent the form again and again; what is longer was judged as it came."""
    people = make_evening(3)
    again = [msgspec.structs.replace(people[0], conversion_id=f"again_{copy}") for copy in range(copies)]

    assert bool(judge_night([*people, *again])) is found


@pytest.mark.parametrize(
    "changes",
    [{"host_key": None}, {"person_key": None}, {"source": "import"}, {"source": "call-centre"}],
    ids=["no_address", "nobody", "import", "call_centre"],
)
def test_leads_without_address_person_or_browser_of_the_customer_are_silent(judge_night, make_evening, changes):
    assert judge_night(make_evening(4, **changes)) == []


def test_each_address_is_judged_by_itself(judge_night, make_evening):
    others = [
        msgspec.structs.replace(lead, conversion_id=f"{lead.conversion_id}_h2")
        for lead in make_evening(4, host_key="h2")
    ]
    both = [*make_evening(3), *others]
    split = [msgspec.structs.replace(lead, host_key=f"h{number % 2}") for number, lead in enumerate(make_evening(4))]

    assert [finding.cluster_key for finding in judge_night(both)] == ["host:h1", "host:h2"]
    assert judge_night(split) == []


@pytest.mark.parametrize(("earlier", "fired"), [(0, True), (16, True), (17, False), (400, False)])
def test_address_that_always_brings_leads_is_forgiven_at_night(
    judge_night, make_evening, make_record, now_ms, earlier, fired
):
    """As by day: p is .0098 after 16 earlier leads in 28 days and .0115 after 17."""
    known_since = make_record(99, at_ms=now_ms - 40 * DAY_MS, host_key="h9")
    past = [known_since] + [
        make_record(100 + n, at_ms=now_ms - (3 + n % 25) * DAY_MS, host_key="h1", agent_key=f"a{n}")
        for n in range(earlier)
    ]

    (finding,) = judge_night([*past, *make_evening(4)])

    assert finding.evidence["earlier_leads"] == earlier
    assert finding.fired is fired


def test_engine_runs_the_night(make_partner, make_evening):
    judgement = judge_partner(make_partner(make_evening(3)), [RULE], configs={}, allow=())

    assert judgement.errors == ()
    assert judgement.score.band == "review"
