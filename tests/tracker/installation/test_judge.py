import pytest

from ingest.install_check import Sighting
from tracker.installation.judge import judge_click, judge_reading
from tracker.installation.types import HostReading, InstallCheck, PageReading, ScriptReading, SiteReading, Tag

BASE = "https://go.shop.example"
SRC = f"{BASE}/r/x.js"
TAG = Tag(src=SRC, key="pk_live_1")
GOOD_PAGE = PageReading(status=200, tag=TAG, tags=1, key_standing="live")
GOOD_SCRIPT = ScriptReading(url=SRC, status=200, is_script=True)


def make_check(page=GOOD_PAGE, script=GOOD_SCRIPT, sighting=None, page_url="https://shop.example/"):
    one = HostReading(host="shop.example", addresses=("203.0.113.1",))
    reading = SiteReading(page=page, script=script, site_host=one, script_host=one)
    return InstallCheck(
        check_id="chk_" + "0" * 32,
        code="mvcheck-" + "a" * 22,
        program_id="prg_" + "0" * 32,
        site="https://shop.example",
        page_url=page_url,
        started_at_ms=1,
        reading=reading,
        sighting=sighting,
    )


def make_sighting(**changes):
    values = {"key": "pk_live_1", "drop": "unknown_code", "host": "shop.example", "origin": "https://shop.example"}
    values |= {"fetch_site": "same-origin", "page_url": "https://shop.example/", "state": 3, "is_cookie_sent": True}
    return Sighting(**(values | changes))


def said(lines):
    return [(line.title, line.tone) for line in lines]


def page_with(**changes):
    return PageReading(**({"status": 200, "tag": TAG, "tags": 1, "key_standing": "live"} | changes))


def tag_with(**changes):
    return Tag(**({"src": SRC, "key": "pk_live_1"} | changes))


def test_sound_page_is_good_line_by_line():
    lines = judge_reading(make_check(), base_url=BASE)

    assert said(lines) == [(name, "good") for name in ("Page", "Tag", "Key", "Script", "Content policy")]
    assert not any(line.remedy for line in lines)


@pytest.mark.parametrize(
    ("page", "title", "tone", "words"),
    [
        pytest.param(
            PageReading(status=None, trouble="not_public"), "Page", "quiet", "no public address", id="private"
        ),
        pytest.param(PageReading(status=None, trouble="unresolved"), "Page", "quiet", "found no address", id="dns"),
        pytest.param(
            PageReading(status=301, location="https://b.example/"), "Page", "wait", "b.example", id="redirect"
        ),
        pytest.param(PageReading(status=404), "Page", "wait", "404", id="not found"),
        pytest.param(PageReading(status=200, is_html=False), "Page", "bad", "no HTML", id="no page"),
        pytest.param(PageReading(status=200), "Tag", "bad", "does not stand", id="no tag"),
        pytest.param(page_with(tag=tag_with(is_held=True)), "Tag", "wait", "holds the tag back", id="held"),
        pytest.param(page_with(tags=2), "Tag", "wait", "2 tags", id="two tags"),
        pytest.param(page_with(key_standing="test"), "Key", "wait", "nothing counts", id="test key"),
        pytest.param(page_with(key_standing="other_program"), "Key", "bad", "another program", id="other program"),
        pytest.param(page_with(key_standing="unknown"), "Key", "bad", "does not exist", id="unknown key"),
        pytest.param(page_with(key_standing="missing"), "Key", "bad", "no publishable key", id="no key"),
        pytest.param(
            page_with(script_forbidden_by="script-src 'self'"),
            "Content policy",
            "bad",
            "script-src 'self'",
            id="script",
        ),
        pytest.param(
            page_with(connect_forbidden_by="connect-src 'self'"), "Content policy", "bad", "not report", id="connection"
        ),
        pytest.param(page_with(tag=tag_with(consent="pending")), "Consent", "wait", "pending", id="consent"),
        pytest.param(page_with(tag=tag_with(skip="/")), "Skipped paths", "wait", "data-skip", id="skipped"),
    ],
)
def test_each_fault_of_the_page_says_what_to_do(page, title, tone, words):
    (line,) = (line for line in judge_reading(make_check(page), base_url=BASE) if line.title == title)

    assert line.tone == tone
    assert words in str(line.text)
    assert line.remedy is not None


@pytest.mark.parametrize(
    ("script", "tone"),
    [
        pytest.param(None, "bad", id="no address"),
        pytest.param(ScriptReading(url=SRC), "quiet", id="not asked"),
        pytest.param(ScriptReading(url=SRC, trouble="too_slow"), "quiet", id="no answer here"),
        pytest.param(ScriptReading(url=SRC, status=404), "bad", id="not found"),
        pytest.param(ScriptReading(url=SRC, status=200), "bad", id="HTML instead"),
    ],
)
def test_script_that_does_not_answer_is_told_from_one_not_asked(script, tone):
    (line,) = (line for line in judge_reading(make_check(script=script), base_url=BASE) if line.title == "Script")

    assert line.tone == tone


def judged(check, *, standing="live", has_looked=True, browser_objects=False):
    return judge_click(check, standing=standing, has_looked=has_looked, browser_objects=browser_objects)


def test_click_that_arrived_says_cookie_and_hosting():
    lines = judged(make_check(sighting=make_sighting()))

    assert said(lines) == [("Click", "good"), ("Cookie", "good"), ("Hosting", "good")]


@pytest.mark.parametrize(
    ("state", "is_sent", "tone", "words"),
    [
        pytest.param(1, False, "good", "write its cookie and read it back", id="script says so"),
        pytest.param(0, True, "good", "sent the script's cookie", id="browser sent it"),
        pytest.param(2, False, "wait", "localStorage stands in", id="storage alone"),
        pytest.param(0, False, "bad", "neither", id="neither"),
    ],
)
def test_cookie_is_judged_by_what_was_seen(state, is_sent, tone, words):
    lines = judged(make_check(sighting=make_sighting(state=state, is_cookie_sent=is_sent)))

    assert lines[1].tone == tone
    assert words in str(lines[1].text)


@pytest.mark.parametrize("drop", ["unknown_key", "origin_not_allowed", "gpc", "framed", "prefetch", "rate_limited"])
def test_click_dropped_for_another_reason_says_which_and_the_remedy(drop):
    (line,) = judged(make_check(sighting=make_sighting(drop=drop)))

    assert (line.title, line.tone) == ("Click", "bad")
    assert line.remedy is not None


@pytest.mark.parametrize("standing", ["other_program", "unknown"])
def test_click_with_a_foreign_key_is_bad(standing):
    assert said(judged(make_check(sighting=make_sighting()), standing=standing)) == [("Click", "bad")]


def test_nothing_is_missing_before_the_page_was_opened():
    assert judged(make_check(), has_looked=False) == []


@pytest.mark.parametrize(
    ("page", "browser_objects", "words"),
    [
        pytest.param(GOOD_PAGE, True, "Global Privacy Control", id="browser objects"),
        pytest.param(page_with(script_forbidden_by="script-src 'self'"), False, "content policy", id="policy"),
        pytest.param(page_with(tag=tag_with(consent="auto")), False, "Consent is the likeliest", id="consent"),
        pytest.param(page_with(tag=tag_with(is_held=True)), False, "Consent is the likeliest", id="held"),
        pytest.param(page_with(tag=tag_with(skip="/")), False, "skips codes", id="skipped"),
        pytest.param(PageReading(status=200), False, "carries no tag", id="no tag"),
        pytest.param(GOOD_PAGE, False, "a blocker in this browser is the likeliest", id="blocker"),
        pytest.param(
            PageReading(status=None, trouble="no_answer"), False, "opened with its whole address", id="unread"
        ),
    ],
)
def test_missing_click_names_the_likeliest_reason(page, browser_objects, words):
    (line,) = judged(make_check(page), browser_objects=browser_objects)

    assert line.tone == "bad"
    assert words in str(line.remedy)
