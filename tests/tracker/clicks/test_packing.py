"""A packed and numbered click is the click again."""

from types import SimpleNamespace

import pytest
from sqlalchemy.dialects import sqlite
from sqlalchemy.dialects.postgresql import asyncpg

from tracker.clicks import dictionaries, store
from tracker.clicks.packing import TEXT_COLUMNS, PackedClick, numbered, pack, text_numbers, unpack
from tracker.clicks.tables import click_days, clicks
from tracker.clicks.types import ClickRow


def make_click(**changes):
    fields = {
        "seq": 7,
        "program_id": "prg_1",
        "click_id": "first",
        "enrollment_id": "enr_1",
        "visitor_id": "first",
        "livemode": True,
        "source": "snippet",
        "occurred_at_ms": 1_790_000_000_000,
        "received_at_ms": 1_790_000_000_500,
        "agent_id": 3,
        "is_bot": False,
        "host_key": b"hosthost",
        "net_key": b"net.net.",
        "next_host_key": None,
        "next_net_key": None,
        "masked_ip": "203.0.113.x",
        "country": "DE",
        "asn": 3320,
        "network_class": "fixed",
        "page_url": "https://shop.example/?via=ANNA",
        "http_referer": "https://blog.example/",
        "details": {"code": "ANNA", "headers": {"sec-fetch-site": "same-site"}, "parameter": "via"},
    }
    return ClickRow(**fields | changes)


def stored(packed):
    """The row a database would give back, and the dictionary of texts by number."""
    texts = {text: number for number, text in enumerate(dict.fromkeys(packed.texts()), start=1) if text is not None}
    values = numbered(
        packed,
        programs={packed.program_id: 1},
        enrollments={packed.enrollment_id: 2},
        agents={packed.agent: 3},
        texts={None: None, **texts},
    )
    row = SimpleNamespace(**dict(zip(clicks.columns.keys(), values, strict=True)))
    row.livemode, row.is_bot = bool(row.livemode), bool(row.is_bot)
    return row, {number: text for text, number in texts.items()}


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({}, id="a first touch"),
        pytest.param({"visitor_id": "somebody-known"}, id="a later touch"),
        pytest.param({"visitor_id": ""}, id="nobody"),
        pytest.param({"details": {}}, id="no details"),
        pytest.param({"details": {"sub1": "a", "headers": {"a": "b"}, "code": "X", "warnings": ["queued"]}}, id="all"),
        pytest.param({"page_url": None, "http_referer": None, "country": None, "asn": None}, id="nothing known"),
        pytest.param({"page_url": "https://shop.example/?fbclid=" + "x" * 60}, id="a page of its own"),
        pytest.param({"host_key": None, "net_key": None, "masked_ip": None, "network_class": None}, id="no address"),
        pytest.param({"next_host_key": b"nexthost", "next_net_key": b"next.net"}, id="near the end of an epoch"),
        pytest.param({"livemode": False, "is_bot": True, "source": "redirect"}, id="a bot's test click"),
    ],
)
def test_a_click_comes_back_as_it_was(changes):
    click = make_click(**changes)

    row, texts = stored(pack(click, "an agent"))

    assert unpack(row, programs={1: "prg_1"}, enrollments={2: "enr_1"}, texts=texts) == click
    assert text_numbers([row]) == set(texts)


def test_a_forgotten_text_reads_as_absent():
    row, _ = stored(pack(make_click(), "an agent"))

    read = unpack(row, programs={1: "prg_1"}, enrollments={2: "enr_1"}, texts={})

    assert (read.page_url, read.http_referer, read.network_class, read.details) == (None, None, None, {})
    assert read.click_id == "first"


def test_the_values_are_in_the_order_of_the_columns():
    spelled = {"program_id": "program_number", "enrollment_id": "enrollment_number", "agent": "agent_id"}
    texts = {name.removesuffix("_id"): name for name in TEXT_COLUMNS}

    assert [spelled.get(name, texts.get(name, name)) for name in PackedClick._fields] == clicks.columns.keys()


@pytest.mark.parametrize("dialect", [sqlite.dialect(), asyncpg.dialect()], ids=["sqlite", "postgresql"])
@pytest.mark.parametrize(
    ("build", "columns"),
    [
        (store._new_clicks, clicks.columns.keys()),
        (store._added_days, click_days.columns.keys()),
        (dictionaries._new_texts, ["digest", "text"]),
    ],
    ids=["clicks", "days", "texts"],
)
def test_a_statement_of_many_rows_takes_them_row_by_row(dialect, build, columns):
    compiled = build(dialect, 2).compile(dialect=dialect)

    assert compiled.positiontup == [f"{name}_m{row}" for row in range(2) for name in columns]
