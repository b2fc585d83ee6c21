"""What age takes, and that with `raw_ip_days = 0` no raw address is ever stored."""

from contextlib import ExitStack

import pytest
from sqlalchemy import Connection, select

from tracker.audit.store import list_entries
from tracker.clicks import store as clicks
from tracker.clicks.tables import click_texts
from tracker.clicks.types import ClickFilter
from tracker.db.schema import APPEND_ONLY
from tracker.db.triggers import guarded_tables
from tracker.instants import DAY_MS
from tracker.ledger.verify import verify_ledger
from tracker.privacy.addresses import without_addresses, without_ip
from tracker.privacy.lifting import lifted
from tracker.privacy.retention import mask_refused_events, purge_clicks
from tracker.quarantine.store import list_events
from tracker.worker import purge_inbox

ADDRESS = "198.51.100.77"


@pytest.fixture
def later(world, monkeypatch):
    """Let days pass for the purges."""

    def pass_days(days):
        now_ms = world.services.now_ms() + days * DAY_MS
        monkeypatch.setattr(world.services, "now_ms", lambda: now_ms)

    return pass_days


def visit(world, mark):
    http = world.client(peer=ADDRESS)
    click_id = world.number("click")
    event = {
        "k": world.keys["publishable", True],
        "t": "click",
        "c": click_id,
        "r": "ANNA",
        "u": f"https://shop.example/{mark}",
    }
    headers = {"Origin": "https://shop.example", "User-Agent": f"Browser of {mark}", "Content-Type": "text/plain"}
    answer = world.run(http.post("/r/e", json=event, headers=headers))
    world.run(http.aclose())
    assert "x-molva-drop" not in answer.headers, answer.headers
    return click_id


def visit_later(world, mark):
    """A visit on the clock of the purges; the edge has its own."""
    click_id = visit(world, mark)
    (row,) = world.run(world.services.db.inbox.rows(after=0, up_to=2**62, limit=1000))[-1:]
    body = row.body.replace(click_id, f"{click_id}-later").replace(mark, f"{mark}-later")
    world.run(world.services.db.inbox.append([(world.services.now_ms(), body)]))
    world.run(world.services.project())
    return f"{click_id}-later"


def found(world, click_id):
    return world.read(lambda conn: clicks.find_click(conn, program_id=world.program_id, click_id=click_id))


def entries(world):
    return [entry for entry in world.read(list_entries) if entry.action == "clicks.purged"]


def test_old_clicks_go_and_those_that_earned_stay_without_the_person(world, later):
    forgotten, earned = visit(world, "forgotten"), visit(world, "earned")
    told = world.track("sale", world.sale(click_id=earned)).json()
    assert told["attribution"]["winner"]
    later(181)
    young = visit_later(world, "young")
    days = world.read(lambda conn: clicks.clicks_by_day(conn, livemode=True, from_day=0))

    world.run(purge_clicks(world.services))

    assert found(world, forgotten) is None
    kept = found(world, earned)
    assert (kept.page_url, kept.http_referer, kept.host_key, kept.masked_ip) == (None, None, None, None)
    assert kept.enrollment_id == world.anna.enrollment_id
    assert found(world, young).page_url == "https://shop.example/young-later"
    assert world.read(lambda conn: clicks.clicks_by_day(conn, livemode=True, from_day=0)) == days
    (entry,) = entries(world)
    assert (entry.after["deleted"], entry.after["stripped"]) == (2, 1)
    texts = world.read(lambda conn: set(conn.execute(select(click_texts.c.text)).scalars()))
    assert "https://shop.example/young-later" in texts
    assert not {"https://shop.example/forgotten", "https://shop.example/earned"} & texts
    assert world.run(verify_ledger(world.services.db)).ok
    assert world.read(guarded_tables) == set(APPEND_ONLY)


@pytest.mark.parametrize(
    ("days", "left"),
    [pytest.param(179, True, id="a day before"), pytest.param(181, False, id="a day after")],
)
def test_clicks_stay_their_days(world, later, days, left):
    click_id = visit(world, "page")
    world.run(world.services.project())
    later(days)

    world.run(purge_clicks(world.services))

    assert (found(world, click_id) is not None) == left
    assert len(entries(world)) == (0 if left else 1)


def test_a_purge_of_nothing_leaves_no_entry(world, later):
    visit(world, "page")
    world.run(world.services.project())
    later(400)

    for _ in range(2):
        world.run(purge_clicks(world.services))

    assert len(entries(world)) == 1


def test_zero_days_keep_clicks_for_ever(open_with):
    world = open_with(click_days=0)
    click_id = visit(world, "page")
    world.run(world.services.project())
    now_ms = world.services.now_ms() + 3_000 * DAY_MS
    world.services.now_ms = lambda: now_ms

    world.run(purge_clicks(world.services))

    assert found(world, click_id) is not None


def test_no_raw_address_is_stored_where_none_may_be(open_with, places_in):
    """The very first write has none: nothing relies on a purge that comes later."""
    world = open_with(raw_ip_days=0)
    visit(world, "page")
    sale = world.sale(ip=ADDRESS, customer={"external_id": "1"})
    assert world.track("sale", sale).status_code == 200
    for body in (sale | {"amount": "much"}, sale | {"ip": f"{ADDRESS}:443"}, b'{"ip":"198.51.100.77","amount":'):
        assert world.track("sale", body).status_code in (400, 422)

    assert places_in(world, ADDRESS) == []
    world.run(world.services.project())
    assert places_in(world, ADDRESS) == []
    (click,) = world.read(lambda conn: clicks.list_clicks(conn, ClickFilter()))
    assert click.masked_ip == "198.51.100.x"
    assert click.host_key
    assert len(world.read(list_events)) == 3


def test_raw_addresses_are_gone_after_their_days(world, later, places_of):
    visit(world, "page")
    sale = world.sale(ip=ADDRESS)
    assert world.track("sale", sale).status_code == 200
    assert world.track("sale", sale | {"amount": "much"}).status_code == 422
    assert world.track("sale", sale | {"ip": f"{ADDRESS}:443"}).status_code == 422
    world.run(world.services.project())
    visit(world, "another")  # The newest row of the inbox is the purge's last.
    world.run(world.services.project())
    assert {"inbox.body", "quarantined_events.payload", "quarantined_events.cause"} <= set(places_of(ADDRESS))

    later(13)
    world.run(mask_refused_events(world.services))
    assert "quarantined_events.payload" in places_of(ADDRESS)
    later(2)
    for _ in range(2):
        world.run(mask_refused_events(world.services))
        world.run(purge_inbox(world.services))
    if world.services.db.dialect == "sqlite":
        world.run(world.services.db.checkpoint())

    assert places_of(ADDRESS) == []


@pytest.mark.parametrize(
    ("body", "kept"),
    [
        pytest.param(b'{"ip":"1.2.3.4","amount":19.990}', b'{"ip":null,"amount":19.990}', id="numbers stay as written"),
        pytest.param(b'{"amount":1}', b'{"amount":1}', id="none"),
        pytest.param(b'{"ip": "1.2.3.4"', b'{"ip":null', id="cut behind"),
        pytest.param(b'{"a":1,"ip": "1.2.', b'{"a":1,"ip":null', id="cut inside"),
        pytest.param(b'{"\\u0069p":"1.2.3.4"}', b'{"ip":null}', id="name in escapes"),
        pytest.param(b'{"metadata":{"ip":"1.2.3.4"}}', b'{"metadata":{"ip":null}}', id="inside"),
        pytest.param(b'{"ship":"1.2.3.4"}', b'{"ship":"1.2.3.4"}', id="another name"),
        pytest.param(b"\xff\xfe", b"\xff\xfe", id="no text"),
        pytest.param(b"[1]", b"[1]", id="no object"),
    ],
)
def test_a_refused_body_loses_its_ip_alone(body, kept):
    assert without_ip(body) == kept


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        pytest.param('"203.0.113.5:443" is none.', '"[address]:443" is none.', id="with port"),
        pytest.param("from 2001:db8::7.", "from [address].", id="IPv6 at the end"),
        pytest.param("at 12:30:45 on 1.2.3", "at 12:30:45 on 1.2.3", id="times and versions stay"),
        pytest.param("", "", id="empty"),
    ],
)
def test_a_cause_names_no_address(text, kept):
    assert without_addresses(text) == kept


def test_only_a_guarded_table_can_be_lifted(database, run):
    def lift(conn: Connection) -> None:
        with lifted(conn, "partners"):
            raise AssertionError

    with pytest.raises(ValueError, match="no guard to lift"):
        run(database.write(lift))


def test_an_error_while_lifted_leaves_the_guard(database, run):
    def fail(conn: Connection) -> None:
        with lifted(conn, "clicks"):
            raise RuntimeError

    with pytest.raises(RuntimeError):
        run(database.write(fail))

    assert run(database.read(guarded_tables)) == set(APPEND_ONLY)


@pytest.fixture
def open_with(database_url, tmp_path, world_with):
    """Open a world with settings of the test's own."""
    with ExitStack() as stack:

        def start(**settings):
            world = stack.enter_context(world_with(database_url, tmp_path, **settings))
            world.seed()
            return world

        yield start
