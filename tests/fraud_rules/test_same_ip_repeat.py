"""Rule 11: one address brings new people for weeks."""

import msgspec
import pytest

from fraud_rules.network import DAMPING_PPM, NETWORK_CLASSES
from fraud_rules.rules.same_ip_repeat import RULE, Config
from fraud_rules.scoring import score

DAY_MS = 86_400_000


@pytest.fixture(scope="session")
def make_habit(make_record, now_ms):
    """So many people from one address and browser, each this many days after the last."""

    def make(people, *, apart_days=4, **changes):
        values = {"host_key": "h1", "agent_key": "ff", "network_class": "fixed"}
        return [
            make_record(number, at_ms=now_ms - (number - 1) * apart_days * DAY_MS, **values | changes)
            for number in range(1, people + 1)
        ]

    return make


@pytest.fixture(scope="session")
def judge_habit(make_partner):
    def judge(leads, *, config=None):
        return RULE.evaluate_partner(make_partner(leads), config or Config())

    return judge


def test_four_people_on_four_days_are_a_note_over_their_leads(judge_habit, make_habit):
    (finding,) = judge_habit(make_habit(4))

    assert finding.fired
    assert finding.factor_ppm == 480_000
    assert score([finding]).band == "note"
    assert finding.compared == ("cnv_0001", "cnv_0002", "cnv_0003", "cnv_0004")
    assert (finding.holds_compared, finding.holds_partner) == (True, False)
    assert finding.cluster_key == "host:h1"


@pytest.fixture(scope="session")
def make_house(make_habit):
    """A habit of so many people, the first `sharing` of them on one device, the others on their own."""

    def make(people, *, sharing, **changes):
        return [
            msgspec.structs.replace(lead, device_key="shared" if number < sharing else f"d{number}")
            for number, lead in enumerate(make_habit(people, **changes))
        ]

    return make


@pytest.mark.parametrize("sharing", [2, 3], ids=["two", "one_below_half"])
def test_a_device_several_people_share_opens_a_case(judge_habit, make_house, sharing):
    (finding,) = judge_habit(make_house(7, sharing=sharing))

    assert finding.factor_ppm == 500_000
    assert score([finding]).band == "review"
    assert "one device" in finding.message


@pytest.mark.parametrize(
    ("people", "sharing"), [(6, 3), (4, 2), (4, 4), (7, 7)], ids=["half", "half_of_four", "all_of_four", "all"]
)
def test_counter_with_half_of_its_people_on_shared_devices_is_forgiven(judge_habit, make_house, people, sharing):
    """The devices of a counter are one fact, and dup_device weighs it."""
    (finding,) = judge_habit(make_house(people, sharing=sharing))

    assert (finding.fired, finding.factor_ppm) == (False, 0)
    assert "most on shared devices" in finding.message_plural


def test_device_of_one_person_who_came_twice_is_not_shared(judge_habit, make_house, make_habit):
    again = make_habit(1, conversion_id="cnv_again", person_key="email:p1@example.org", device_key="d0")

    (finding,) = judge_habit([*make_house(4, sharing=0), *again])

    assert finding.fired
    assert finding.evidence["shared_device"] is False


@pytest.mark.parametrize(("people", "apart_days"), [(3, 4), (4, 0)], ids=["three_people", "one_day"])
def test_one_below_the_line_is_silent(judge_habit, make_habit, people, apart_days):
    assert judge_habit(make_habit(people, apart_days=apart_days)) == []


def test_people_older_than_a_month_do_not_count(judge_habit, make_habit):
    assert judge_habit(make_habit(4, apart_days=10))
    assert judge_habit(make_habit(4, apart_days=11)) == []


@pytest.mark.parametrize("network_class", [each for each in NETWORK_CLASSES if each != "relay"])
def test_class_of_the_network_damps(judge_habit, make_habit, network_class):
    (finding,) = judge_habit(make_habit(5, network_class=network_class))

    assert finding.factor_ppm == 48 * DAMPING_PPM[network_class] // 100


def test_relay_is_forgiven(judge_habit, make_habit):
    (finding,) = judge_habit(make_habit(5, network_class="relay"))

    assert (finding.fired, finding.factor_ppm) == (False, 0)
    assert "strangers share" in finding.message


def test_hostel_with_browsers_of_its_guests_is_silent(judge_habit, make_habit):
    guests = [lead for n in range(8) for lead in make_habit(1, conversion_id=f"g{n}", agent_key=f"agent-{n}")]

    assert judge_habit(guests) == []


def test_house_that_confirms_its_people_weighs_half(judge_habit, make_habit):
    (finding,) = judge_habit(make_habit(5, is_verified=True))

    assert finding.factor_ppm == 240_000


def test_one_person_who_registers_again_and_again_is_one(judge_habit, make_habit):
    assert judge_habit(make_habit(7, person_key="email:ann@example.org")) == []
    assert judge_habit(make_habit(7, person_key=None)) == []


@pytest.mark.parametrize(
    "changes",
    [{"host_key": None}, {"agent_key": None}, {"source": "import"}, {"source": "call-centre"}],
    ids=["no_address", "no_agent", "import", "call_centre"],
)
def test_leads_without_address_or_browser_of_the_customer_are_silent(judge_habit, make_habit, changes):
    assert judge_habit(make_habit(9, **changes)) == []


def test_partner_without_leads_is_silent(judge_habit):
    assert judge_habit(()) == []


def test_hostile_number_of_addresses_is_cut(judge_habit, make_habit):
    leads = [lead for host in range(100) for lead in make_habit(4, host_key=f"h{host}", conversion_id=f"c{host}")]

    assert len(judge_habit(leads)) == 20
