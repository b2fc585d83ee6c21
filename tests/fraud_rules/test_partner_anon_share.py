"""Rule 15: a partner's leads hide their addresses."""

import pytest

from fraud_rules.partner_facts import Baseline
from fraud_rules.rules.partner_anon_share import RULE, Config
from fraud_rules.scoring import score
from fraud_rules.statistics import wilson_lower_ppm

DAY_MS = 86_400_000
PROGRAM = Baseline(leads=1_000, anonymous_leads=20)


@pytest.fixture(scope="session")
def judge_share(make_record, make_partner):
    def judge(hidden, open_, *, network="vpn", baseline=PROGRAM, config=None, **changes):
        leads = [
            make_record(n, **{"network_class": network if n <= hidden else "fixed"} | changes)
            for n in range(1, hidden + open_ + 1)
        ]
        return RULE.evaluate_partner(make_partner(leads, baseline=baseline), config or Config())

    return judge


@pytest.mark.parametrize("network", ["hosting", "vpn", "tor"])
def test_half_of_the_leads_hidden_opens_a_case_over_those_alone(judge_share, network):
    (finding,) = judge_share(15, 15, network=network)

    assert finding.factor_ppm == 550_000
    assert score([finding]).band == "review"
    assert finding.compared == tuple(f"cnv_{n:04d}" for n in range(1, 16))
    assert (finding.holds_compared, finding.holds_partner) == (True, False)
    assert finding.params == {"count": 30, "share": 50, "usual": 2}


@pytest.mark.parametrize(("hidden", "fires"), [(12, True), (11, False)], ids=["at_line", "one_below"])
def test_bound_must_pass_what_is_expected(judge_share, hidden, fires):
    """Of 48 leads: the lower bound of 12 is 17.9 %, that of 11 is 16.2 %; 17 % are expected."""
    assert (wilson_lower_ppm(hits=hidden, trials=48) > 170_000) is fires

    assert bool(judge_share(hidden, 48 - hidden, config=Config(expected_share_ppm=170_000))) is fires


@pytest.mark.parametrize(("leads", "fires"), [(20, True), (19, False)], ids=["at_line", "one_below"])
def test_small_sample_is_silent(judge_share, leads, fires):
    assert bool(judge_share(leads, 0)) is fires


def test_program_whose_readers_all_hide_is_silent(judge_share):
    assert judge_share(15, 15, baseline=Baseline(leads=100, anonymous_leads=20)) == []


def test_program_too_small_to_compare_leaves_the_absolute_line(judge_share):
    assert judge_share(15, 15, baseline=Baseline(leads=3, anonymous_leads=3))
    assert judge_share(15, 15, baseline=Baseline())


def test_privacy_blogger_with_an_expected_share_is_silent(judge_share):
    assert judge_share(15, 15, config=Config(expected_share_ppm=600_000)) == []


def test_hidden_leads_that_confirm_their_contacts_are_a_note(judge_share):
    (finding,) = judge_share(15, 15, is_verified=True)

    assert finding.factor_ppm == 275_000
    assert score([finding]).band == "note"


@pytest.mark.parametrize("network", ["relay", "corporate", "mobile", "edu", "unknown"])
def test_relays_companies_and_unknown_networks_hide_nobody(judge_share, network):
    assert judge_share(40, 0, network=network) == []


def test_unknown_networks_do_not_dilute_the_share(judge_share, make_record, make_partner):
    leads = [make_record(n, network_class="vpn" if n <= 25 else "unknown") for n in range(1, 101)]

    (finding,) = RULE.evaluate_partner(make_partner(leads, baseline=PROGRAM), Config())

    assert finding.params["share"] == 100


@pytest.mark.parametrize("source", ["import", "call-centre"])
def test_leads_an_operator_typed_do_not_count(judge_share, source):
    assert judge_share(40, 0, source=source) == []


def test_leads_older_than_a_month_do_not_count(judge_share, now_ms):
    assert judge_share(40, 0, at_ms=now_ms - 31 * DAY_MS) == []
