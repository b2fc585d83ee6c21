"""Rule 24: far more leads than usual at once."""

import msgspec
import pytest

from fraud_rules.rules.partner_velocity import RULE, Config
from fraud_rules.scoring import score
from fraud_rules.types import PartnerPace

HOUR_MS = 3_600_000
QUIET = (1, 0, 2, 1, 0, 1, 1) * 4


@pytest.fixture(scope="session")
def make_burst(make_record, now_ms):
    """So many leads beside the subject, spread over the hours before it, each from an address of its own."""

    def make(others, *, hours=10, **changes):
        step = hours * HOUR_MS // (others + 1)
        return tuple(
            make_record(n, **{"at_ms": now_ms - n * step, "host_key": f"x{n}", "agent_key": "ff"} | changes)
            for n in range(1, others + 1)
        )

    return make


@pytest.fixture(scope="session")
def judge_pace(make_subject, make_facts):
    def judge(recent, *, daily=QUIET, busiest_hour=1, diversity_ppm=900_000, config=None, **changes):
        pace = PartnerPace(
            recent=tuple(recent), daily_counts=daily, busiest_hour=busiest_hour, program_diversity_ppm=diversity_ppm
        )
        subject = make_subject(**{"agent_key": "ff"} | changes)
        return RULE.evaluate(make_facts(subject, partner_pace=pace), config or Config())

    return judge


def test_burst_of_one_browser_is_a_note(judge_pace, make_burst):
    (finding,) = judge_pace(make_burst(40))

    assert finding.factor_ppm == 350_000
    assert score([finding]).band == "note"
    assert finding.params["count"] == 41
    assert len(finding.compared) == 40
    assert not finding.holds_compared


@pytest.mark.parametrize(
    ("promo_code", "clicked", "factor_ppm"),
    [("ANNA10", False, 140_000), ("ANNA10", True, 350_000), (None, False, 350_000), (None, True, 350_000)],
    ids=["code_alone", "code_and_click", "neither", "click_alone"],
)
def test_burst_of_a_code_without_a_click_is_the_leaked_codes(
    judge_pace, make_burst, now_ms, promo_code, clicked, factor_ppm
):
    """One fact counts once: traffic_policy weighs a code that travels by itself."""
    click_at_ms = now_ms - 60_000 if clicked else None

    (finding,) = judge_pace(make_burst(40), promo_code=promo_code, click_at_ms=click_at_ms)

    assert finding.factor_ppm == factor_ppm
    assert finding.evidence["diverse"] is (factor_ppm == 140_000)


def test_hour_is_told_from_the_day(judge_pace, make_burst):
    (finding,) = judge_pace(make_burst(46, hours=1))

    assert finding.params == {"count": 47, "usual": "1"}
    assert "within an hour" in finding.message


@pytest.mark.parametrize(("others", "fires"), [(9, True), (8, False)], ids=["ten", "nine"])
def test_ten_people_at_least(judge_pace, make_burst, others, fires):
    assert bool(judge_pace(make_burst(others), daily=(0,) * 28)) is fires


@pytest.mark.parametrize(("others", "fires"), [(19, True), (18, False)], ids=["twenty", "nineteen"])
def test_new_partner_has_twenty_in_its_first_day(judge_pace, make_burst, others, fires):
    assert bool(judge_pace(make_burst(others), daily=(), busiest_hour=0)) is fires


def test_growth_within_chance_is_silent(judge_pace, make_burst):
    assert judge_pace(make_burst(14), daily=(5,) * 28, busiest_hour=5) == []


def test_partner_of_bursts_may_burst(judge_pace, make_burst):
    assert judge_pace(make_burst(40), daily=(60, 0, 0, 0, 2, 0, 55) * 4, busiest_hour=60) == []


def test_hour_no_busier_than_twice_the_record_is_silent(judge_pace, make_burst):
    leads = make_burst(29, hours=1)

    assert judge_pace(leads, daily=(30,) * 28, busiest_hour=15) == []
    assert judge_pace(leads, daily=(8,) * 28, busiest_hour=14)


@pytest.mark.parametrize(
    "recent",
    [
        {"person_key": "email:ann@example.org"},
        {"person_key": None},
        {"host_key": "h1"},
        {"source": "import"},
        {"source": "call-centre"},
    ],
    ids=["double_submit", "no_identity", "workshop", "import", "call_centre"],
)
def test_people_and_addresses_are_counted_not_rows(judge_pace, make_burst, recent):
    """A workshop behind one address is judged by the rule of that address, once."""
    assert judge_pace(make_burst(60, **recent)) == []


def test_people_without_an_address_count_each(judge_pace, make_burst):
    assert judge_pace(make_burst(60, host_key=None))


@pytest.mark.parametrize("changes", [{"partner_id": None}, {"source": "import"}], ids=["organic", "import"])
def test_organic_and_typed_leads_are_silent(judge_pace, make_burst, changes):
    assert judge_pace(make_burst(60), **changes) == []


def test_pace_not_loaded_is_silent(make_facts):
    assert RULE.evaluate(make_facts(), Config()) == []


@pytest.fixture(scope="session")
def make_audience(make_record, now_ms):
    """An influencer's burst: an address and device each, thirty kinds of browser of which a few lead."""

    def make(others, **changes):
        return tuple(
            make_record(
                n,
                **{
                    "at_ms": now_ms - n * 60_000,
                    "host_key": f"x{n}",
                    "device_key": f"d{n}",
                    "agent_key": f"agent-{n * n % 17}",
                }
                | changes,
            )
            for n in range(1, others + 1)
        )

    return make


@pytest.mark.parametrize("daily", [QUIET, ()], ids=["known", "new"])
def test_post_that_reaches_people_is_less_than_a_note(judge_pace, make_audience, daily):
    (finding,) = judge_pace(make_audience(80), daily=daily)

    assert finding.factor_ppm == 140_000
    assert score([finding]).band == "none"
    assert finding.evidence["diverse"] is True


@pytest.mark.parametrize(
    ("changes", "diverse"),
    [
        ({"device_key": None}, True),
        ({"device_key": "d1"}, False),
        ({"agent_key": "ff"}, False),
        ({"agent_key": None}, False),
        ({"host_key": None}, False),
    ],
    ids=["no_cookies", "one_device", "one_browser", "no_browser", "no_address"],
)
def test_farm_behind_many_addresses_is_not_diverse(judge_pace, make_audience, changes, diverse):
    subject = {name: None for name, value in changes.items() if value is None}

    (finding,) = judge_pace(make_audience(80, **changes), **subject)

    assert finding.evidence["diverse"] is diverse


@pytest.mark.parametrize(
    ("usual", "diverse"),
    [(600_000, True), (700_000, False), (None, False)],
    ids=["as_the_program", "less_than_the_program", "program_unknown"],
)
def test_as_different_as_four_fifths_of_the_program(judge_pace, make_audience, usual, diverse):
    """Two people from each address: half of the addresses are different, .48 and .56 are asked for."""
    pairs = [msgspec.structs.replace(lead, host_key=f"x{number // 2}") for number, lead in enumerate(make_audience(80))]

    (finding,) = judge_pace(pairs, diversity_ppm=usual)

    assert finding.evidence["diverse"] is diverse


def test_hostile_lists_and_numbers_are_no_error(judge_pace, make_burst):
    assert judge_pace(make_burst(3000), daily=(-5, 10**12) * 1000, busiest_hour=-1) == []
