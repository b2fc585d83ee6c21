"""Rule 16: the form was sent by a program."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fraud_rules.rules.bot_agent import AGENT_SHOWN_MAX, RULE, Config
from fraud_rules.scoring import score
from fraud_rules.types import ClickFacts

BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:120.0) Gecko/20100101 Firefox/120.0"


@pytest.fixture(scope="session")
def judge_agent(make_subject, make_facts):
    def judge(agent, *, config=None, **changes):
        return RULE.evaluate(make_facts(make_subject(agent=agent, **changes)), config or Config())

    return judge


@pytest.fixture(scope="session")
def make_click(now_ms):
    def make(**changes):
        return ClickFacts(
            **{"click_id": "clk_1", "program_id": "prg_1", "partner_id": "prt_1", "at_ms": now_ms} | changes
        )

    return make


@pytest.mark.parametrize(
    ("agent", "is_bot", "reason"),
    [
        ("python-requests/2.32", True, "library"),
        ("Mozilla/5.0 (compatible; GPTBot/1.2)", True, "crawler"),
        ("", False, "empty"),
        ("   ", False, "empty"),
        (None, False, "empty"),
        ("\x00\n", False, "empty"),
        ("Mozilla/5.0", False, "bare"),
        ("mozilla/5.0 ", False, "bare"),
    ],
    ids=["library", "crawler", "empty", "blank", "missing", "control", "bare", "bare_lower"],
)
def test_program_fires(judge_agent, agent, is_bot, reason):
    (finding,) = judge_agent(agent, is_bot=is_bot, bot_reason=reason if is_bot else None)

    assert finding.factor_ppm == 700_000
    assert finding.evidence["reason"] == reason
    assert finding.cluster_key is None


@pytest.mark.parametrize(
    "agent",
    [
        "Mozilla/5.0 (X11; Linux x86_64; rv:120.0) Gecko/20100101 Firefox/120.0",
        "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1.15 Instagram 300.0",
        "Mozilla/5.0 (Linux; Android 13; wv) AppleWebKit/537.36 Chrome/120.0 Mobile Viber/21",
    ],
    ids=["firefox", "instagram", "viber"],
)
def test_browser_stays_silent(judge_agent, agent):
    assert judge_agent(agent, is_bot=False) == []


@pytest.mark.parametrize(
    "changes",
    [{"is_browser": False}, {"source": "import"}, {"source": "call-centre"}],
    ids=["reported_by_server", "import", "call_centre"],
)
@pytest.mark.parametrize("agent", ["python-requests/2.32", "", None])
def test_lead_no_browser_sent_stays_silent(judge_agent, agent, changes):
    assert judge_agent(agent, is_bot=True, **changes) == []


def test_other_source_excuses_nothing(judge_agent):
    assert judge_agent("curl/8", is_bot=True, source="newsletter")


def test_sale_with_its_own_lead_is_not_judged_by_agent():
    assert RULE.timing == {"click", "lead"}


@given(st.text(max_size=2_000), st.booleans())
def test_hostile_agent_never_raises_and_is_shown_on_one_short_line(judge_agent, agent, is_bot):
    for finding in judge_agent(agent, is_bot=is_bot):
        shown = finding.params["agent"]
        assert len(shown) <= AGENT_SHOWN_MAX
        assert shown.isprintable()


def test_megabyte_of_agent_is_cut(judge_agent):
    (finding,) = judge_agent("curl/" + "8" * 1_000_000, is_bot=True)

    assert len(finding.params["agent"]) == AGENT_SHOWN_MAX


def test_weight_comes_from_the_settings(judge_agent):
    (finding,) = judge_agent("", config=Config(weight_ppm=1))

    assert finding.factor_ppm == 1


@pytest.mark.parametrize(
    ("agent", "sentence"),
    [("curl/8.5", 'made by "%(agent)s"'), ("", "hides"), (None, "hides"), ("Mozilla/5.0", "hides")],
    ids=["library", "empty", "unknown", "bare"],
)
def test_click_of_a_program_is_excluded(make_click, agent, sentence):
    (finding,) = RULE.evaluate_click(make_click(agent=agent, is_bot=True), Config())

    assert finding.factor_ppm == 700_000
    assert sentence in finding.message
    assert "excluded from counts" in finding.message


@pytest.mark.parametrize("agent", ["Mozilla/5.0 (X11; Linux x86_64; rv:120.0) Firefox/120.0", None, ""])
def test_click_the_edge_took_for_a_person_stays_silent(make_click, agent):
    assert RULE.evaluate_click(make_click(agent=agent), Config()) == []


@pytest.mark.parametrize("is_browser", [True, False], ids=["browser", "reported_by_server"])
def test_conversion_a_program_earned_is_barely_a_case(judge_agent, make_click, is_browser):
    (finding,) = judge_agent(BROWSER, click=make_click(agent="curl/8.5", is_bot=True), is_browser=is_browser)

    assert finding.factor_ppm == 500_000
    assert score([finding]).points == 51
    assert finding.params == {"agent": "curl/8.5"}


def test_programs_form_says_more_than_its_click(judge_agent, make_click):
    (finding,) = judge_agent("curl/8.5", is_bot=True, click=make_click(agent="curl/8.5", is_bot=True))

    assert finding.factor_ppm == 700_000


@pytest.mark.parametrize("source", ["import", "call-centre"])
def test_click_before_an_operators_entry_is_not_judged(judge_agent, make_click, source):
    assert judge_agent(BROWSER, click=make_click(is_bot=True), source=source) == []


def test_click_of_a_person_stays_silent(judge_agent, make_click):
    assert judge_agent(BROWSER, click=make_click(agent=BROWSER)) == []


@given(st.text(max_size=2_000))
def test_hostile_agent_of_a_click_is_shown_on_one_short_line(make_click, agent):
    (finding,) = RULE.evaluate_click(make_click(agent=agent, is_bot=True), Config())

    assert len(finding.params["agent"]) <= AGENT_SHOWN_MAX
    assert finding.params["agent"].isprintable()
