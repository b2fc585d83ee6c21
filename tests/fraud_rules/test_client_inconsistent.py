"""Rule 17: a browser that does not fit together."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fraud_rules.rules.client_inconsistent import CHROME_AT_MS, CHROME_EVERY_MS, RULE, Config, newest_chrome
from fraud_rules.scoring import score
from fraud_rules.types import ClientSigns

NEWEST = 160  # at the subject's instant, by the estimate
HONEST = {
    "platform": "Windows",
    "system": "Windows",
    "browser": "Chrome",
    "browser_major": NEWEST,
    "has_language": True,
    "http_version": "1.1",
    "has_beacon": True,
}
ODD = {
    "platform": {"platform": "Linux"},
    "old": {"browser_major": NEWEST - 25},
    "language": {"has_language": False},
    "http": {"http_version": "HTTP/1.0"},
    "beacon": {"has_beacon": False},
}


@pytest.fixture(scope="session")
def judge_signs(make_subject, make_facts):
    def judge(signs, *, config=None, **changes):
        values = None if signs is None else ClientSigns(**HONEST | signs)
        return RULE.evaluate(make_facts(make_subject(signs=values, **changes)), config or Config())

    return judge


def test_newest_chrome_is_counted_from_a_known_release(now_ms):
    assert newest_chrome(CHROME_AT_MS) == 120
    assert newest_chrome(CHROME_AT_MS + CHROME_EVERY_MS - 1) == 120
    assert newest_chrome(CHROME_AT_MS + CHROME_EVERY_MS) == 121
    assert newest_chrome(now_ms) == NEWEST


@pytest.mark.parametrize("pair", tuple(itertools.combinations(ODD, 2)), ids="_".join)
def test_any_two_signs_are_a_note(judge_signs, pair):
    (finding,) = judge_signs(ODD[pair[0]] | ODD[pair[1]])

    assert finding.factor_ppm == 400_000
    assert score([finding]).band == "note"
    assert finding.evidence["signs"] == ", ".join(pair)
    assert set(finding.translated) == {"first", "second"}


@pytest.mark.parametrize("sign", ODD)
def test_one_sign_never_fires(judge_signs, sign):
    assert judge_signs(ODD[sign]) == []


def test_more_signs_weigh_the_same(judge_signs):
    (finding,) = judge_signs({name: value for sign in ODD.values() for name, value in sign.items()})

    assert finding.factor_ppm == 400_000
    assert set(finding.params) == {"first", "second", "third"}


def test_what_is_not_known_is_no_sign(judge_signs):
    assert judge_signs(dict.fromkeys(HONEST)) == []
    assert judge_signs(dict.fromkeys(HONEST) | {"has_language": False}) == []
    assert judge_signs(None) == []


@pytest.mark.parametrize(
    ("hint", "system", "differs"),
    [
        ("Windows", "Windows", False),
        ('"macOS"', "Mac OS X", False),
        ("Android", "Linux", False),
        ("Linux", "Android", False),
        ("macOS", "iOS", False),
        ("Chrome OS", "Linux", False),
        ("Chromium OS", "Android", False),
        ("Linux", "Ubuntu", False),
        ("Linux", "Windows", True),
        ("Windows", "Mac OS X", True),
        ("Android", "iOS", True),
        ("Android", "Windows", True),
        ("iOS", "Linux", True),
        ("Fuchsia", "Windows", False),
        ("", "Windows", False),
    ],
)
def test_desktop_mode_and_other_spellings_are_honest(judge_signs, hint, system, differs):
    assert bool(judge_signs({"platform": hint, "system": system, "has_language": False})) is differs


@pytest.mark.parametrize(
    ("browser", "major", "is_old"),
    [
        ("Chrome", NEWEST - 24, False),
        ("Chrome", NEWEST - 25, True),
        ("Chrome Mobile WebView", NEWEST - 25, True),
        ("Edge", NEWEST - 25, True),
        ("HeadlessChrome", 90, True),
        ("Firefox", 60, False),
        ("Safari", 17, False),
        ("Yandex Browser", 24, False),
        (None, 60, False),
        ("Chrome", None, False),
        ("Chrome", NEWEST + 9, False),
    ],
)
def test_only_chromes_own_number_can_be_old(judge_signs, browser, major, is_old):
    assert bool(judge_signs({"browser": browser, "browser_major": major, "has_language": False})) is is_old


@pytest.mark.parametrize("version", ["2", "3", "1.1", "HTTP/1.1", "", None])
def test_other_versions_of_http_are_no_sign(judge_signs, version):
    assert judge_signs({"http_version": version, "has_language": False}) == []


@pytest.mark.parametrize("changes", [{"is_browser": False}, {"source": "import"}, {"source": "call-centre"}])
def test_lead_no_browser_sent_stays_silent(judge_signs, changes):
    assert judge_signs(ODD["http"] | ODD["language"], **changes) == []


def test_organic_lead_is_judged_all_the_same(judge_signs):
    assert judge_signs(ODD["http"] | ODD["language"], partner_id=None)


def test_lines_come_from_the_settings(judge_signs):
    assert judge_signs(ODD["http"] | ODD["language"], config=Config(signs_min=3)) == []
    assert judge_signs({"browser_major": NEWEST - 5} | ODD["language"], config=Config(majors_behind=4))


@given(st.text(max_size=200), st.integers(-(2**60), 2**60))
def test_hostile_signs_never_raise_and_are_not_shown(judge_signs, text, major):
    signs = {"platform": text, "system": text, "browser": text, "browser_major": major, "http_version": text}

    for finding in judge_signs(signs | {"has_language": False, "has_beacon": False}):
        assert finding.evidence["platform"] in {None, "windows", "macos", "linux", "android", "ios", "chromeos"}
