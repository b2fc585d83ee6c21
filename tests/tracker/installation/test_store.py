"""Checks in the database, and the click of one through the whole public edge; on SQLite and PostgreSQL."""

import pytest
from sqlalchemy import func, select

from ingest.install_check import is_check_code, make_check_code
from tracker.clicks.tables import clicks
from tracker.db.ids import new_id
from tracker.installation import store
from tracker.installation.tables import install_checks
from tracker.installation.types import HostReading, InstallCheck, PageReading, SiteReading, Tag


def make_check(program_id, at_ms, **changes):
    one = HostReading(host="shop.example", addresses=("203.0.113.1",))
    page = PageReading(status=200, tag=Tag(src="https://shop.example/r/x.js", key="pk_1"), tags=1, key_standing="live")
    values = {
        "check_id": new_id("chk", at_ms),
        "code": make_check_code(),
        "program_id": program_id,
        "site": "https://shop.example",
        "page_url": "https://shop.example/",
        "started_at_ms": at_ms,
        "reading": SiteReading(page=page, script=None, site_host=one, script_host=one),
    }
    return InstallCheck(**(values | changes))


def started(world, at_ms=None, **changes):
    check = make_check(world.program_id, at_ms or world.services.now_ms(), **changes)
    world.write(lambda conn: store.start_check(conn, check))
    return check


def seen(world, check):
    return world.read(lambda conn: store.get_check(conn, check.check_id))


def opened(world, check, headers=None, **fields):
    """The person's browser opens the page with the check's code."""
    event = {"t": "click", "c": "click-of-check", "w": "click-of-check", "r": check.code, "s": 3, "p": "via"}
    event |= {"u": f"https://shop.example/pricing?via={check.code}"} | fields
    return world.browser(event, headers=headers)


def test_codes_of_checks_are_told_from_partners_codes():
    assert is_check_code(make_check_code())
    for code in ("ANNA", "mvcheck-", "mvcheck-short", "mvcheck-" + "a" * 23, "MVCHECK-" + "a" * 22):
        assert not is_check_code(code)


def test_stored_check_comes_back_as_it_was(world):
    check = started(world)

    assert seen(world, check) == check


def test_click_of_a_check_is_noted_void_and_counts_for_nobody(world):
    check = started(world)

    answer = opened(
        world,
        check,
        headers={"Sec-Fetch-Site": "same-site", "Cookie": f"a=b; _mv=1.click-of-check.{check.code}.abc~x.y.z"},
    )

    assert answer.status_code == 200
    assert answer.json() == {"void": True}
    assert answer.headers["x-molva-drop"] == "unknown_code"
    noted = seen(world, check)
    assert noted.seen_at_ms is not None
    sighting = noted.sighting
    assert (sighting.drop, sighting.fetch_site, sighting.host) == ("unknown_code", "same-site", "go.shop.example")
    assert (sighting.page_url, sighting.state) == ("https://shop.example/pricing", 3)
    assert sighting.key == world.keys["publishable", True]
    assert sighting.is_cookie_sent
    assert world.run(world.services.db.inbox.end()) == 0
    assert world.read(lambda conn: conn.execute(select(func.count()).select_from(clicks)).scalar_one()) == 0


@pytest.mark.parametrize(
    ("headers", "fields", "drop"),
    [
        pytest.param({"Origin": "https://staging.example"}, {}, "origin_not_allowed", id="no site of the program"),
        pytest.param({"Sec-GPC": "1"}, {}, "gpc", id="browser objects"),
        pytest.param({}, {"s": 11}, "framed", id="in a frame"),
        pytest.param({}, {"k": "pk_live_nobody"}, "unknown_key", id="wrong key"),
    ],
)
def test_refused_click_of_a_check_keeps_the_reason(world, headers, fields, drop):
    check = started(world)

    answer = opened(world, check, headers=headers, **fields)

    assert answer.headers["x-molva-drop"] == drop
    assert seen(world, check).sighting.drop == drop
    assert not seen(world, check).sighting.is_cookie_sent


def test_click_with_a_code_of_no_check_changes_nothing(world):
    check = started(world)

    answer = opened(world, check, r=make_check_code())

    assert answer.headers["x-molva-drop"] == "unknown_code"
    assert seen(world, check) == check


def test_click_after_the_checks_time_is_not_noted(world):
    check = started(world, at_ms=world.services.now_ms() - store.OPEN_MS - 1)

    opened(world, check)

    assert seen(world, check).sighting is None


def test_lead_with_a_checks_code_is_no_click_of_it(world):
    check = started(world)

    world.browser({"t": "lead", "i": "lead-of-check", "c": "click-of-check", "r": check.code})

    assert seen(world, check).sighting is None


def test_later_click_takes_the_place_of_an_earlier_one(world):
    check = started(world)
    opened(world, check, headers={"Sec-GPC": "1"})

    opened(world, check, c="second")

    assert seen(world, check).sighting.drop == "unknown_code"


def test_old_checks_go_when_a_new_one_starts_and_their_number_is_bounded(world, monkeypatch):
    monkeypatch.setattr(store, "CHECKS_MAX", 3)
    now_ms = world.services.now_ms()
    old = started(world, at_ms=now_ms - store.KEPT_MS - 1)
    newer = [started(world, at_ms=now_ms + number) for number in range(4)]

    kept = world.read(lambda conn: conn.execute(select(install_checks.c.code)).scalars().all())

    assert old.code not in kept
    assert sorted(kept) == sorted(check.code for check in newer[1:])
