"""Rule 29: traffic this program does not pay for."""

import time

import msgspec
import pytest

from fraud_rules.rule import ConfigError, read_config
from fraud_rules.rules.traffic_policy import AD_PARAMS, RULE, Config
from fraud_rules.scoring import score
from fraud_rules.types import ClickFacts, CodeUse


@pytest.fixture(scope="session")
def judge_link(now_ms):
    def judge(landing=None, referrer=None, **settings):
        click = ClickFacts(
            click_id="clk_1",
            program_id="prg_1",
            partner_id="prt_1",
            at_ms=now_ms,
            landing_url=landing,
            referrer=referrer,
        )
        return RULE.evaluate_click(click, Config(**settings))

    return judge


@pytest.fixture(scope="session")
def judge_code(make_subject, make_facts):
    def judge(uses, unclicked, usual_ppm, **changes):
        use = CodeUse(uses=uses, unclicked=unclicked, usual_daily_ppm=usual_ppm, conversion_ids=("cnv_1", "cnv_2"))
        subject = make_subject(**{"promo_code": "ANNA10"} | changes)
        return RULE.evaluate(make_facts(subject, code_use=use), Config())

    return judge


@pytest.mark.parametrize("param", AD_PARAMS)
def test_bought_click_is_a_policy_note(judge_link, param):
    (finding,) = judge_link(f"https://shop.example/?via=ANNA&{param}=Cj0KCQ")

    assert finding.family == "policy"
    assert finding.factor_ppm == 300_000
    assert score([finding]).band == "note"
    assert finding.params["param"] == param


def test_campaign_that_is_not_allowed_is_named(judge_link):
    (finding,) = judge_link("https://shop.example/?gclid=x&utm_campaign=1187", allowed_campaigns=["spring*"])

    assert finding.fired
    assert finding.params["campaign"] == "1187"


@pytest.mark.parametrize("allowed", ["1187", "11*", "1187 "], ids=["exact", "glob", "blank"])
def test_merchants_own_campaign_is_forgiven(judge_link, allowed):
    (finding,) = judge_link("https://shop.example/?GCLID=x&utm_campaign=1187", allowed_campaigns=[allowed])

    assert (finding.fired, finding.factor_ppm) == (False, 0)
    assert finding.evidence["allowed"] is True


def test_fbclid_alone_is_forgiven(judge_link):
    (finding,) = judge_link("https://shop.example/?fbclid=IwAR0&utm_campaign=post")

    assert (finding.fired, finding.factor_ppm) == (False, 0)
    assert "unpaid posts" in finding.message


@pytest.mark.parametrize(
    "landing",
    [
        None,
        "",
        "https://shop.example/gclid=x",
        "https://shop.example/?gclid=",
        "https://shop.example/?q=gclid",
        "https://shop.example/#?gclid=x",
        "https://shop.example/?my_gclid=x",
    ],
    ids=["none", "empty", "path", "no_value", "value", "fragment", "other_name"],
)
def test_links_without_an_ad_are_silent(judge_link, landing):
    assert judge_link(landing) == []


@pytest.mark.parametrize(
    ("referrer", "glob", "fires"),
    [
        ("https://coupons.example/deal?id=1", "coupons.example", True),
        ("https://www.coupons.example/", "coupons.example", True),
        ("https://best.coupons.example:8443/a", "coupons.example", True),
        ("https://COUPONS.example/", "Coupons.Example", True),
        ("https://user@coupons.example/", "https://coupons.example", True),
        ("https://any-coupons.example/", "*coupons.*", True),
        ("https://blog.example/coupons/1", "blog.example/coupons/*", True),
        ("https://blog.example/posts/1", "blog.example/coupons/*", False),
        ("https://notcoupons.example/", "coupons.example", False),
        ("https://shop.example/?from=coupons.example", "coupons.example", False),
        (None, "*", False),
        ("", "*", False),
    ],
    ids=[
        "host",
        "www",
        "subdomain_and_port",
        "case",
        "account_and_scheme",
        "glob",
        "path",
        "other_path",
        "other_host",
        "query",
        "none",
        "empty",
    ],
)
def test_banned_referrers_match_hosts_and_paths(judge_link, referrer, glob, fires):
    found = judge_link(None, referrer, banned_referrers=[glob])

    assert bool(found) is fires
    if fires:
        assert found[0].factor_ppm == 700_000
        assert score(found).band == "review"
        assert "?" not in found[0].params["place"]


def test_banned_landing_fires_beside_an_ad(judge_link):
    found = judge_link("https://shop.example/sale/1?gclid=x", banned_landings=["shop.example/sale/*"])

    assert sorted(finding.evidence["kind"] for finding in found) == ["ad", "landing"]


def test_conversion_is_judged_by_its_credited_click(make_facts, make_subject, now_ms):
    click = ClickFacts(
        click_id="c", program_id="p", partner_id="prt_1", at_ms=now_ms, landing_url="https://s.example/?yclid=1"
    )

    (finding,) = RULE.evaluate(make_facts(make_subject(click=click)), Config())

    assert finding.params["param"] == "yclid"
    assert RULE.evaluate(make_facts(make_subject(click=click, partner_id=None)), Config()) == []
    assert RULE.evaluate(make_facts(make_subject()), Config()) == []


@pytest.mark.parametrize(
    ("uses", "unclicked", "usual_ppm", "fires"),
    [
        (10, 8, 2_000_000, True),
        (9, 9, 0, False),
        (10, 7, 0, False),
        (10, 8, 2_000_001, False),
        (10, 8, 0, True),
        (500, 500, None, False),
    ],
    ids=["at_all_lines", "few_uses", "clicked", "usual", "sleeping_code", "new_code"],
)
def test_lines_of_a_leaked_code(judge_code, uses, unclicked, usual_ppm, fires):
    found = judge_code(uses, unclicked, usual_ppm)

    assert bool(found) is fires
    if fires:
        assert found[0].factor_ppm == 300_000
        assert score(found).band == "note"
        assert found[0].cluster_key == "code:ANNA10"
        assert found[0].compared == ("cnv_1", "cnv_2")
        assert not found[0].holds_compared


def test_honest_fans_of_a_code_are_silent(judge_code):
    assert judge_code(40, 40, 12_000_000) == []


@pytest.mark.parametrize("changes", [{"promo_code": None}, {"partner_id": None}], ids=["no_code", "organic"])
def test_no_code_no_leak(judge_code, changes):
    assert judge_code(50, 50, 0, **changes) == []


def test_use_of_the_code_not_loaded_is_silent(make_facts, make_subject):
    assert RULE.evaluate(make_facts(make_subject(promo_code="ANNA10")), Config()) == []


@pytest.mark.parametrize(
    "link",
    [
        "https://[::1/?gclid=x",
        "//" * 10**6,
        "?" + "&" * 10**6,
        "https://shop.example/?" + "gclid=x&" * 10**6,
        "%ff%fe?gclid=%ff\x00",
        "a" * 10**6,
    ],
    ids=["bracket", "slashes", "ampersands", "params", "bytes", "long"],
)
def test_hostile_links_are_read_in_no_time(judge_link, link):
    settings = {
        "banned_referrers": ["*a" * 100],
        "banned_landings": ["*a*b*c*d*e*f*"],
        "allowed_campaigns": ["*a" * 90],
    }
    start = time.perf_counter()

    for finding in judge_link(link, link, **settings):
        assert all(str(value).isprintable() for value in finding.params.values())

    assert time.perf_counter() - start < 0.5


@pytest.mark.parametrize(
    "raw", [{"banned_referrers": ["x" * 201]}, {"banned_landings": [""]}, {"allowed_campaigns": "a"}]
)
def test_settings_that_are_no_list_of_patterns_are_refused(raw):
    with pytest.raises(ConfigError):
        read_config(RULE, raw)


def test_settings_of_two_readings_share_no_list():
    assert read_config(RULE, {}) == Config()
    assert msgspec.to_builtins(Config())["banned_referrers"] == []
    assert Config().banned_referrers is not Config().banned_referrers
