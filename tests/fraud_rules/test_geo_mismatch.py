"""Rule 26: address, phone and home in different countries."""

import pytest

from fraud_rules.partner_facts import Baseline
from fraud_rules.rules.geo_mismatch import RULE, Config
from fraud_rules.scoring import score


@pytest.fixture(scope="session")
def judge_places(make_subject, make_facts):
    def judge(country, **changes):
        return RULE.evaluate(make_facts(make_subject(country=country, **changes)), Config())

    return judge


@pytest.fixture(scope="session")
def judge_audience(make_record, make_partner):
    def judge(away, home, *, country="VN", baseline=None, **changes):
        values = {"home_country": "RU", "network_class": "fixed"} | changes
        leads = [make_record(n, country=country if n <= away else "RU", **values) for n in range(1, away + home + 1)]
        return RULE.evaluate_partner(make_partner(leads, baseline=baseline or Baseline()), Config())

    return judge


@pytest.mark.parametrize(
    "changes",
    [{"phone": "+7 912 123-45-67"}, {"phone": "89121234567"}, {"home_country": "ru"}],
    ids=["phone", "national_phone", "declared_home"],
)
def test_address_in_another_country_weighs_little(judge_places, changes):
    (finding,) = judge_places("VN", **changes)

    assert finding.factor_ppm == 150_000
    assert score([finding]).band == "none"
    assert finding.params["country"] == "VN"
    assert "RU" in finding.params["home"]
    assert "912" not in repr((finding.params, finding.evidence))


def test_islands_that_share_a_code_are_not_listed(judge_places):
    (finding,) = judge_places("VN", phone="+12025550100")

    assert finding.params["home"] == "CA, US"


@pytest.mark.parametrize(
    ("country", "changes"),
    [
        ("RU", {"phone": "+79121234567"}),
        ("KZ", {"phone": "+79121234567"}),
        ("CA", {"phone": "+12025550100"}),
        ("DO", {"phone": "+18095550100"}),
        ("VN", {"phone": "+79121234567", "home_country": "VN"}),
        ("RU", {"phone": "+79121234567", "home_country": "VN"}),
    ],
    ids=["same", "shared_code_seven", "shared_code_one", "caribbean", "migrant_declares", "traveller_at_home"],
)
def test_one_country_in_common_is_enough(judge_places, country, changes):
    assert judge_places(country, **changes) == []


@pytest.mark.parametrize(
    ("country", "changes"),
    [
        ("FI", {"phone": "+79121234567"}),
        ("UZ", {"phone": "+79121234567"}),
        ("VN", {"phone": "+79121234567", "network_class": "mobile"}),
        ("DE", {"phone": "+33612345678"}),
    ],
    ids=["border", "labour_market", "roaming", "free_movement"],
)
def test_neighbours_and_roaming_weigh_half(judge_places, country, changes):
    (finding,) = judge_places(country, **changes)

    assert finding.factor_ppm == 75_000


@pytest.mark.parametrize("network_class", ["relay", "vpn", "tor", "hosting"])
def test_addresses_that_stand_elsewhere_say_nothing(judge_places, judge_audience, network_class):
    assert judge_places("VN", phone="+79121234567", network_class=network_class) == []
    assert judge_audience(40, 0, network_class=network_class) == []


@pytest.mark.parametrize(
    ("country", "changes"),
    [
        (None, {"phone": "+79121234567"}),
        ("VN", {}),
        ("VN", {"phone": "9121234567"}),
        ("VN", {"phone": "no phone", "home_country": "Russia"}),
        ("VN", {"phone": "+79121234567", "partner_id": None}),
        ("VN", {"phone": "+79121234567", "source": "call-centre"}),
        ("VN" * 10**5, {"phone": "+" + "7" * 10**6}),
    ],
    ids=["no_geo", "no_home", "national_of_nowhere", "nonsense", "organic", "call_centre", "hostile"],
)
def test_what_cannot_be_compared_is_silent(judge_places, country, changes):
    assert judge_places(country, **changes) == []


def test_partner_most_of_whose_leads_are_elsewhere_is_a_note_over_them(judge_audience):
    (finding,) = judge_audience(20, 5)

    assert finding.factor_ppm == 450_000
    assert score([finding]).band == "note"
    assert finding.params == {"count": 25, "share": 80, "usual": 0}
    assert len(finding.compared) == 20
    assert finding.holds_compared


@pytest.mark.parametrize(
    ("away", "home", "fires"),
    [(20, 0, True), (19, 0, False), (14, 6, True), (12, 8, False)],
    ids=["at_sample", "below_sample", "above_half", "half_within_doubt"],
)
def test_lines_of_the_partner(judge_audience, away, home, fires):
    """The 90 % lower bound of 14 in 20 is .559, of 12 in 20 it is .457."""
    assert bool(judge_audience(away, home)) is fires


def test_program_that_sells_abroad_is_silent(judge_audience):
    assert judge_audience(25, 0, baseline=Baseline(comparable_leads=100, mismatched_leads=40)) == []
    assert judge_audience(25, 0, baseline=Baseline(comparable_leads=10, mismatched_leads=10))


def test_audience_across_the_border_weighs_half(judge_audience):
    (finding,) = judge_audience(25, 0, country="KZ")

    assert finding.factor_ppm == 225_000


def test_phone_in_plain_digits_counts_and_a_hashed_one_is_unknown(judge_audience):
    assert judge_audience(25, 0, home_country=None, phone_key="+79121234567")
    assert judge_audience(25, 0, home_country=None, phone_key="9f2c44") == []


@pytest.mark.parametrize("source", ["import", "call-centre"])
def test_leads_an_operator_typed_do_not_count(judge_audience, source):
    assert judge_audience(40, 0, source=source) == []
