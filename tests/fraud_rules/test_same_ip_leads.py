"""Rule 10: many people from one address through one partner."""

import random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fraud_rules.network import NETWORK_CLASSES
from fraud_rules.rules.same_ip_leads import HOUR_MS, RULE, Config
from fraud_rules.scoring import score
from fraud_rules.types import HostHistory

DAY_MS = 24 * HOUR_MS
AGENT = "firefox-120-linux"  # the subject's

# Class: people that fire with agents of their own, and with one agent; by solving s >= .6 by hand.
FIRING_LINES = {
    "fixed": (4, 3),
    "mobile": (8, 6),
    "edu": (8, 6),
    "corporate": (7, 5),
    "hosting": (4, 3),
    "vpn": (7, 5),
    "tor": (4, 3),
    "relay": (15, 13),
    "unknown": (5, 3),
}


@pytest.fixture(scope="session")
def judge_crowd(make_subject, make_facts):
    def judge(leads, *, history=None, config=None, **changes):
        history = history or HostHistory(earlier_leads=0, days_observed=28)
        facts = make_facts(make_subject(**changes), host_leads=tuple(leads), host_history=history)
        return RULE.evaluate(facts, config or Config())

    return judge


@pytest.fixture(scope="session")
def fires(judge_crowd):
    def fires(leads, **changes):
        return any(finding.fired for finding in judge_crowd(leads, **changes))

    return fires


@pytest.mark.parametrize("network_class", NETWORK_CLASSES)
def test_crowd_fires_at_the_line_of_its_network_and_not_one_below(fires, make_crowd, network_class):
    plain, one_agent = FIRING_LINES[network_class]

    assert fires(make_crowd(plain - 1), network_class=network_class)
    assert not fires(make_crowd(plain - 2), network_class=network_class)
    assert fires(make_crowd(one_agent - 1, agent=AGENT), network_class=network_class)
    assert not fires(make_crowd(one_agent - 2, agent=AGENT), network_class=network_class)


@pytest.mark.parametrize("network_class", NETWORK_CLASSES)
def test_first_day_of_an_installation_has_the_same_lines(fires, make_crowd, network_class):
    plain, _ = FIRING_LINES[network_class]
    history = HostHistory(earlier_leads=0, days_observed=1)

    assert fires(make_crowd(plain - 1), network_class=network_class, history=history)
    assert not fires(make_crowd(plain - 2), network_class=network_class, history=history)


def test_four_people_at_home_are_held_with_all_their_leads(judge_crowd, make_crowd):
    (finding,) = judge_crowd(make_crowd(3))

    assert finding.fired
    assert finding.strength_ppm == 650_062
    assert finding.factor_ppm == 520_050
    assert finding.cluster_key == "host:h1"
    assert finding.compared == ("cnv_0001", "cnv_0002", "cnv_0003")
    assert finding.holds_compared
    assert finding.params["count"] == 4
    assert finding.params["minutes"] == 3
    assert finding.params["usual"] == "0.02"


def test_double_click_on_send_is_one_person(fires, make_crowd):
    rows = [
        msgspec.structs.replace(lead, conversion_id=f"{lead.conversion_id}_{copy}")
        for lead in make_crowd(2)
        for copy in range(20)
    ]

    assert not fires(rows)


def test_ones_own_repeated_agent_is_no_sign(fires, make_crowd):
    """Three people with browsers of their own, one of whom sent his form five times."""
    twice = [
        lead
        for copy in range(5)
        for lead in make_crowd(2, conversion_id=f"cnv_{copy}")
        if lead.agent_key == "agent-1" or copy == 0
    ]

    assert not fires(twice)


def test_subjects_own_row_is_not_counted_twice(judge_crowd, make_crowd):
    rows = [
        *make_crowd(2),
        *make_crowd(1, conversion_id="cnv_me", person_key="email:ann@example.org", agent_key=AGENT),
    ]

    assert judge_crowd(rows) == []


def test_rows_without_identity_count_as_one_person(fires, make_crowd):
    assert not fires(make_crowd(30, person_key=None))
    assert fires([*make_crowd(2), *make_crowd(30, person_key=None)])


def test_unknown_subject_among_unknown_rows_is_one_person(judge_crowd, make_crowd):
    assert judge_crowd(make_crowd(30, person_key=None), person_key=None, agent_key=None) == []


@pytest.mark.parametrize(
    ("age_ms", "counts"),
    [(0, True), (DAY_MS, True), (DAY_MS + 1, False), (-1, False)],
    ids=["now", "a_day", "more_than_a_day", "later"],
)
def test_only_the_day_before_counts(fires, make_crowd, now_ms, age_ms, counts):
    assert fires(make_crowd(3, at_ms=now_ms - age_ms)) is counts


@pytest.mark.parametrize(
    "changes",
    [{"host_key": None}, {"partner_id": None}, {"source": "import"}, {"source": "call-centre"}],
    ids=["no_address", "organic", "import", "call_centre"],
)
def test_subject_without_address_partner_or_browser_stays_silent(judge_crowd, make_crowd, changes):
    assert judge_crowd(make_crowd(50, agent=AGENT), **changes) == []


@pytest.mark.parametrize("source", ["import", "call-centre"])
def test_leads_an_operator_typed_are_not_counted(judge_crowd, make_crowd, source):
    assert judge_crowd(make_crowd(50, source=source)) == []


def test_history_not_loaded_stays_silent(make_facts, make_subject, make_crowd):
    facts = make_facts(make_subject(), host_leads=make_crowd(9), host_history=None)

    assert RULE.evaluate(facts, Config()) == []


def test_workshop_behind_one_mobile_address_is_forgiven(judge_crowd, make_crowd):
    (finding,) = judge_crowd(make_crowd(6), network_class="mobile")

    assert not finding.fired
    assert finding.factor_ppm == 0
    assert "many people share" in finding.message
    assert finding.evidence["class_damping_ppm"] == 400_000


def test_office_that_always_brings_leads_is_forgiven(judge_crowd, make_crowd):
    history = HostHistory(earlier_leads=20, days_observed=28)

    (finding,) = judge_crowd(make_crowd(3), history=history)

    assert not finding.fired
    assert finding.factor_ppm == 0
    assert "normal day" in finding.message
    assert finding.evidence["tail_ppm"] >= 10_000


@pytest.mark.parametrize(("earlier_leads", "fired"), [(0, True), (16, True), (17, False), (500, False)])
def test_address_with_more_history_surprises_less(judge_crowd, make_crowd, earlier_leads, fired):
    """Four people at home: p is .0098 after 16 earlier leads in 28 days and .0115 after 17."""
    history = HostHistory(earlier_leads=earlier_leads, days_observed=28)

    (finding,) = judge_crowd(make_crowd(3), history=history)

    assert finding.fired is fired


def test_surprise_exactly_at_its_line_forgives(judge_crowd, make_crowd):
    (finding,) = judge_crowd(make_crowd(3))
    tail_ppm = finding.evidence["tail_ppm"]
    history = HostHistory(earlier_leads=14, days_observed=28)
    (busy,) = judge_crowd(make_crowd(3), history=history)

    at_line = Config(surprise_below_ppm=busy.evidence["tail_ppm"])
    above = Config(surprise_below_ppm=busy.evidence["tail_ppm"] + 1)

    assert tail_ppm < busy.evidence["tail_ppm"]
    assert not judge_crowd(make_crowd(3), history=history, config=at_line)[0].fired
    assert judge_crowd(make_crowd(3), history=history, config=above)[0].fired


def test_own_class_mean_replaces_the_table(judge_crowd, make_crowd):
    history = HostHistory(earlier_leads=0, days_observed=1, class_daily_leads_ppm=5_000_000)

    (finding,) = judge_crowd(make_crowd(3), history=history)

    assert finding.evidence["usual_daily_ppm"] == 454_545
    assert not finding.fired


@pytest.mark.parametrize("verified", ["email_verified", "phone_verified"])
def test_confirmed_contact_halves_the_factor(judge_crowd, make_crowd, verified):
    (finding,) = judge_crowd(make_crowd(3), **{verified: True})

    assert finding.fired
    assert finding.damping_ppm == 500_000
    assert finding.factor_ppm == 260_025
    assert score([finding]).band == "note"


def test_class_is_inside_the_strength_and_not_damped_twice(judge_crowd, make_crowd):
    (finding,) = judge_crowd(make_crowd(7), network_class="mobile")

    assert finding.damping_ppm == 1_000_000
    assert finding.factor_ppm == 8 * finding.strength_ppm // 10


def test_small_group_leaves_no_trace(judge_crowd, make_crowd):
    assert judge_crowd(make_crowd(2)) == []
    assert judge_crowd(()) == []


@pytest.mark.parametrize("network_class", ["relay", "mobile", "vpn"])
def test_world_behind_one_address_flags_nobody_by_network(judge_crowd, make_crowd, network_class):
    """Everybody's leads of the day come through it, so this partner's are what it normally brings."""
    history = HostHistory(earlier_leads=400, days_observed=1)

    findings = judge_crowd(make_crowd(100, agent=AGENT), history=history, network_class=network_class)

    assert not any(finding.fired for finding in findings)


def test_order_of_leads_is_no_matter(judge_crowd, make_crowd):
    leads = list(make_crowd(7, agent=AGENT))
    expected = judge_crowd(leads)

    for seed in range(20):
        random.Random(seed).shuffle(leads)
        assert judge_crowd(leads) == expected


@given(st.integers(0, 40), st.integers(0, 200), st.sampled_from(NETWORK_CLASSES), st.booleans())
def test_more_people_never_weigh_less(judge_crowd, make_crowd, others, earlier, network_class, one_agent):
    agent = AGENT if one_agent else None
    history = HostHistory(earlier_leads=earlier, days_observed=28)

    factors = [
        sum(
            finding.factor_ppm
            for finding in judge_crowd(make_crowd(n, agent=agent), history=history, network_class=network_class)
        )
        for n in (others, others + 1)
    ]

    assert factors[0] <= factors[1] <= 800_000


def test_finding_names_no_person_and_no_whole_address(judge_crowd, make_crowd):
    (finding,) = judge_crowd(make_crowd(3))

    shown = repr((finding.params, finding.evidence))
    assert "example.org" not in shown
    assert finding.evidence["address"] == "203.0.113.x"


def test_settings_move_window_and_lines(fires, make_crowd, now_ms):
    old = make_crowd(3, at_ms=now_ms - 2 * DAY_MS)

    assert fires(old, config=Config(window_hours=48))
    assert not fires(make_crowd(3), config=Config(fire_at_ppm=650_063))
    assert fires(make_crowd(3), config=Config(fire_at_ppm=650_062))


@pytest.fixture(scope="session")
def make_guests(make_crowd):
    """A crowd each of whom has a device of their own; the subject's is "d0"."""

    def make(others, **changes):
        return tuple(
            msgspec.structs.replace(lead, device_key=f"d{number}")
            for number, lead in enumerate(make_crowd(others, **changes), start=1)
        )

    return make


@pytest.mark.parametrize("guests", [5, 7, 12, 25])
@pytest.mark.parametrize("network_class", ["fixed", "unknown"])
def test_workshop_of_any_size_with_telephones_of_their_own_is_a_note(judge_crowd, make_guests, guests, network_class):
    (finding,) = judge_crowd(make_guests(guests - 1), device_key="d0", network_class=network_class)

    assert finding.fired
    assert finding.factor_ppm <= 450_000
    assert score([finding]).band == "note"
    assert "of their own" in finding.message
    assert finding.evidence["own_devices"] is True


@pytest.mark.parametrize(
    ("kinds", "common", "note"),
    [(5, 5, True), (4, 5, False), (5, 15, True), (5, 16, False)],
    ids=["five_kinds", "four_kinds", "commonest_at_line", "one_kind_rules"],
)
def test_large_room_repeats_some_models_of_telephone(judge_crowd, make_guests, kinds, common, note):
    """Of 25 people so many hold the commonest model, the others share the rest of the kinds."""
    leads = [
        msgspec.structs.replace(lead, agent_key="common" if n < common else f"model-{n % (kinds - 1)}")
        for n, lead in enumerate(make_guests(24))
    ]

    (finding,) = judge_crowd(leads, device_key="d0", agent_key="model-0")

    assert finding.evidence["agents"] == kinds
    assert (score([finding]).band == "note") is note


def test_workshop_on_two_models_of_telephone_is_a_note_where_strangers_share(judge_crowd, make_guests):
    halves = [
        msgspec.structs.replace(lead, agent_key=f"model-{number % 2}") for number, lead in enumerate(make_guests(14))
    ]

    (shared,) = judge_crowd(halves, device_key="d0", network_class="mobile")
    (home,) = judge_crowd(halves, device_key="d0", network_class="fixed")

    assert shared.factor_ppm <= 450_000
    assert score([home]).band == "review"


def test_family_of_four_with_devices_of_their_own_is_just_a_note(judge_crowd, make_guests):
    (finding,) = judge_crowd(make_guests(3), device_key="d0")

    assert finding.fired
    assert finding.factor_ppm == pytest.approx(480_000, abs=1)
    assert score([finding]).band == "note"


def test_family_with_two_telephones_of_one_model_is_just_a_note(judge_crowd, make_guests):
    (finding,) = judge_crowd(
        [*make_guests(1, agent=AGENT), *make_guests(2, person_key="email:p2@example.org")[1:]], device_key="d0"
    )

    assert finding.evidence["agent_repeats"] is True
    assert score([finding]).band == "note"


@pytest.mark.parametrize("people", [3, 4, 6, 12])
@pytest.mark.parametrize(
    "devices",
    [{"device_key": "d0"}, {"device_key": None}],
    ids=["one_device", "no_device"],
)
def test_farm_through_one_device_or_none_is_held_in_full(judge_crowd, make_crowd, people, devices):
    leads = make_crowd(people - 1, agent=AGENT, **devices)

    (finding,) = judge_crowd(leads, **devices)

    assert finding.factor_ppm == pytest.approx(0.8 * finding.strength_ppm, abs=1)
    assert score([finding]).band == "review"


def test_farm_that_drops_its_cookies_but_keeps_its_browser_is_held(judge_crowd, make_guests):
    (finding,) = judge_crowd(make_guests(7, agent=AGENT), device_key="d0")

    assert finding.evidence["own_devices"] is False
    assert score([finding]).band == "review"


@pytest.mark.parametrize(("with_device", "note"), [(8, True), (7, False)], ids=["at_line", "one_below"])
def test_four_fifths_of_the_people_must_bring_a_device(judge_crowd, make_guests, make_crowd, with_device, note):
    guests, others = make_guests(9), make_crowd(9)
    leads = [*guests[: with_device - 1], *others[with_device - 1 :]]

    (finding,) = judge_crowd(leads, device_key="d0")

    assert finding.evidence["devices"] == with_device
    assert (score([finding]).band == "note") is note


def test_device_of_two_people_is_nobodys_own(judge_crowd, make_guests):
    leads = [msgspec.structs.replace(lead, device_key=f"d{n // 2}") for n, lead in enumerate(make_guests(9))]

    (finding,) = judge_crowd(leads, device_key="d9")

    assert finding.evidence["own_devices"] is False


def test_workshop_that_confirms_its_contacts_weighs_a_quarter(judge_crowd, make_guests):
    (finding,) = judge_crowd(make_guests(9), device_key="d0", email_verified=True)

    assert finding.damping_ppm == 250_000
