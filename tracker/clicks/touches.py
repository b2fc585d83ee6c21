"""Clicks as attribution looks at them, for many visitors at once: a few columns, and no texts.

Computing many decisions again reads them here; deciding one conversion reads whole clicks in `store.py`, which stand in
its explanation.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import (
    ColumnElement,
    Connection,
    Dialect,
    LargeBinary,
    Select,
    bindparam,
    cast,
    func,
    literal_column,
    select,
)

from attribution.types import Touch
from tracker.clicks.encoding import PACKED_ID_BYTES, pack_browser_id, unpack_browser_id
from tracker.clicks.tables import click_enrollments, click_programs, clicks
from tracker.db.prepared import KEYS
from tracker.db.row_statements import read_tuples, read_tuples_keyed

TOUCHES_MAX = 4000  # clicks of one person that are loaded: the first half and the last half

# What a touch is made of; engines hand these values on as they are stored.
COLUMNS = (
    "seq",
    "program_number",
    "enrollment_number",
    "click_key",
    "visitor_key",
    "livemode",
    "received_at_ms",
    "age_ms",
    "is_bot",
)
# Rows of one list of visitors from which on somebody among them is looked at for more clicks than count; others have a
# few each.
BUSY_ROWS = 20_000
Key = tuple[str, str]  # program, and the browser's id of a visitor or click
PackedTouch = Sequence[Any]  # values in the order of COLUMNS

_COLUMNS = tuple(clicks.c[name] for name in COLUMNS)


class Numbering(msgspec.Struct, frozen=True, kw_only=True):
    """What the numbers in clicks stand for."""

    programs: Mapping[int, str]
    enrollments: Mapping[int, str]


class Touches(msgspec.Struct, frozen=True, kw_only=True):
    """Touches by the key they were asked for."""

    by_visitor: dict[Key, list[Touch]]
    by_click: dict[Key, Touch]


def numbering(conn: Connection) -> Numbering:
    """Return the numbers of every program and enrollment that has clicks."""
    programs = select(click_programs.c.program_number, click_programs.c.program_id)
    enrollments = select(click_enrollments.c.enrollment_number, click_enrollments.c.enrollment_id)
    return Numbering(
        programs={row[0]: row[1] for row in conn.execute(programs)},
        enrollments={row[0]: row[1] for row in conn.execute(enrollments)},
    )


def newest_seq(conn: Connection) -> int:
    """Return the number of the newest click, 0 without any."""
    return conn.execute(select(func.max(clicks.c.seq))).scalar_one() or 0


def find_touches(
    conn: Connection, visitors: Iterable[Key], named: Iterable[Key], *, numbers: Numbering, up_to: int
) -> Touches:
    """Return the clicks of visitors and the clicks named, as far as they are numbered up to `up_to`; by the indexes."""
    wanted, clicked = set(visitors), set(named)
    rows: list[PackedTouch] = []
    for program_id, of_visitors, of_clicks in _packed_by_program(wanted, clicked):
        for number in (number for number, each in numbers.programs.items() if each == program_id):
            # In the order of the index, so that its pages are read one after another.
            rows += read_tuples_keyed(conn, _of_clicks, sorted(of_clicks | of_visitors), before=(number,))
            ordered = sorted(of_visitors)
            for start in range(0, len(ordered), KEYS[-1]):
                rows += _clicks_of(conn, ordered[start : start + KEYS[-1]], number=number, up_to=up_to)
    return sort_touches([row for row in rows if row[0] <= up_to], wanted, clicked, numbers=numbers)


def _clicks_of(conn: Connection, visitors: list[bytes], *, number: int, up_to: int) -> list[PackedTouch]:
    """Return later clicks of visitors, at most KEYS[-1]; of one with more than TOUCHES_MAX the first and last half.

    What is left out of the middle counts for no conversion, whoever else its customer was seen as.
    """
    rows = read_tuples_keyed(conn, _of_visitors, visitors, before=(number,))
    if len(rows) < BUSY_ROWS:
        return rows
    busy = {row[0] for row in read_tuples_keyed(conn, _busy, visitors, before=(number,))}
    rows = []
    for visitor in visitors:
        if visitor not in busy:
            rows += read_tuples_keyed(conn, _of_visitors, [visitor], before=(number,))
            continue
        for ends in (_first_of_visitor, _last_of_visitor):
            rows += read_tuples_keyed(conn, ends, [visitor], before=(number, up_to))
    return rows


def _packed_by_program(wanted: set[Key], clicked: set[Key]) -> Iterator[tuple[str, set[bytes], set[bytes]]]:
    """Give each program with what is asked of it, as stored."""
    visitors: dict[str, set[bytes]] = {}
    named: dict[str, set[bytes]] = {}
    for packed, keys in ((visitors, wanted), (named, clicked)):
        for program_id, key in keys:
            packed.setdefault(program_id, set()).add(pack_browser_id(key))
    for program_id in sorted(visitors.keys() | named.keys()):
        yield program_id, visitors.get(program_id, set()), named.get(program_id, set())


def sort_touches(rows: Iterable[PackedTouch], visitors: set[Key], named: set[Key], *, numbers: Numbering) -> Touches:
    """Return stored values as touches by the keys they were asked for; what nobody asked for is left out."""
    by_visitor: dict[Key, list[Touch]] = {}
    by_click: dict[Key, Touch] = {}
    texts = _Texts()
    # A click may be found by both of its keys.
    for row in {row[0]: row for row in rows}.values():
        program_id, click_key, visitor_key = numbers.programs[row[1]], row[3], row[4]
        visitor = (program_id, texts[click_key if visitor_key is None else visitor_key])
        is_wanted = visitor in visitors
        if not (is_wanted or named):
            continue
        touch = _touch(row, numbers, texts)
        if is_wanted:
            by_visitor.setdefault(visitor, []).append(touch)
        if named and (click := (program_id, touch.touch_id)) in named:
            by_click[click] = touch
    return Touches(by_visitor=by_visitor, by_click=by_click)


class _Texts(dict[bytes, str]):
    """Ids of browsers as text by their stored form; each is unpacked once, and a visitor's clicks name it often."""

    def __missing__(self, packed: bytes) -> str:
        text = self[packed] = unpack_browser_id(packed)
        return text


def read_clicks(conn: Connection, *, after: int, up_to: int) -> list[PackedTouch]:
    """Return stored values of clicks with numbers above one and up to another: a piece of a walk through all."""
    return read_tuples(conn, _between, [(after, up_to)])


class PackedKeys(msgspec.Struct, frozen=True, kw_only=True):
    """The keys of many clicks: their numbers, those of their programs, 16 bytes for each visitor and each click."""

    seqs: list[int]
    programs: list[int]
    visitor_keys: bytes
    click_keys: bytes


def read_packed_keys(conn: Connection, *, after: int, up_to: int) -> PackedKeys | None:
    """Return the keys of clicks with numbers above one and up to another, or None where they must be read one by one.

    SQLite strings them together, ten times as fast as rows come. Other databases do not, and keys of another length
    than PACKED_ID_BYTES would run into each other.
    """
    if conn.dialect.name != "sqlite":
        return None
    rows = read_tuples(conn, _strung_keys, [(after, up_to)])
    seqs, programs, visitor_keys, click_keys, shortest, longest = rows[0]
    if seqs is None or not shortest == longest == PACKED_ID_BYTES:
        return None
    keys = PackedKeys(
        seqs=msgspec.json.decode(f"[{seqs}]", type=list[int]),
        programs=msgspec.json.decode(f"[{programs}]", type=list[int]),
        visitor_keys=visitor_keys,
        click_keys=click_keys,
    )
    assert len(visitor_keys) == len(click_keys) == PACKED_ID_BYTES * len(keys.seqs)
    return keys


def read_keys(conn: Connection, *, after: int, up_to: int) -> list[Sequence[Any]]:
    """Return number, program's number, visitor's key and own key of clicks with numbers above one and up to another."""
    return read_tuples(conn, _keys_between, [(after, up_to)])


def read_numbered(conn: Connection, seqs: Sequence[int]) -> list[PackedTouch]:
    """Return stored values of the clicks with these numbers."""
    return read_tuples_keyed(conn, _numbered, seqs)


def first_seq_since(conn: Connection, at_ms: int) -> int:
    """Return the number of the first click received at an instant or later; without one, the number behind the newest.

    Numbers grow as clicks are received, so it is searched by halves. Beside each other received clicks may have
    changed places; callers look at the instants of what they read.
    """
    low, high = 0, newest_seq(conn) + 1
    while low < high:
        middle = (low + high) // 2
        query = select(clicks.c.seq, clicks.c.received_at_ms).where(clicks.c.seq >= middle)
        row = conn.execute(query.order_by(clicks.c.seq).limit(1)).first()
        if row is None or row.received_at_ms >= at_ms:
            high = middle
        else:
            low = row.seq + 1
    return low


def people_of_program(
    rows: Iterable[PackedTouch], program_id: str, *, livemode: bool, numbers: Numbering
) -> list[Touch]:
    """Return the clicks of people, not robots, in one program and mode out of stored values."""
    wanted = {number for number, each in numbers.programs.items() if each == program_id}
    texts = _Texts()
    return [_touch(row, numbers, texts) for row in rows if row[1] in wanted and bool(row[5]) == livemode and not row[8]]


def _touch(row: PackedTouch, numbers: Numbering, texts: _Texts) -> Touch:
    seq, program, enrollment, click_key, visitor_key, livemode, received_at_ms, age_ms, is_bot = row
    click_id = texts[click_key]
    return Touch(
        touch_id=click_id,
        kind="click",
        partner_id=numbers.enrollments[enrollment],
        program_id=numbers.programs[program],
        visitor_id=click_id if visitor_key is None else texts[visitor_key] or None,
        at_ms=received_at_ms - age_ms,
        seq=seq,
        is_test=not livemode,
        is_bot=bool(is_bot),
    )


def _keyed(name: str) -> Callable[[Dialect, int], Select[Any]]:
    """Return what makes the statement for clicks of one program with any of some keys."""

    def build(_dialect: Dialect, keys: int) -> Select[Any]:
        column = clicks.c[name]
        return _of_keys(select(*_COLUMNS), column, keys)

    return build


def _of_keys(query: Select[Any], column: Any, keys: int) -> Select[Any]:
    number = clicks.c.program_number
    return query.where(
        number == bindparam("program_number", type_=number.type),
        column.in_([bindparam(f"key_{key}", type_=column.type) for key in range(keys)]),
    )


_of_clicks = _keyed("click_key")


def _of_visitors(_dialect: Dialect, keys: int) -> Select[Any]:
    query = _of_keys(select(*_COLUMNS), clicks.c.visitor_key, keys)
    return query.limit(literal_column(str(BUSY_ROWS))).offset(_NONE)


def _busy(_dialect: Dialect, keys: int) -> Select[Any]:
    visitor = clicks.c.visitor_key
    query = _of_keys(select(visitor), visitor, keys)
    return query.group_by(visitor).having(func.count() > literal_column(str(TOUCHES_MAX)))


def _first_of_visitor(_dialect: Dialect, keys: int) -> Select[Any]:
    return _end_of_visitor(keys, *_MOMENT)


def _last_of_visitor(_dialect: Dialect, keys: int) -> Select[Any]:
    return _end_of_visitor(keys, *(part.desc() for part in _MOMENT))


def _end_of_visitor(keys: int, *order: Any) -> Select[Any]:
    seq, number, visitor = clicks.c.seq, clicks.c.program_number, clicks.c.visitor_key
    # Values come in the order in which their places stand in the text.
    query = select(*_COLUMNS).where(
        number == bindparam("program_number", type_=number.type),
        seq <= bindparam("up_to", type_=seq.type),
        visitor.in_([bindparam(f"key_{key}", type_=visitor.type) for key in range(keys)]),
    )
    return query.order_by(*order).limit(literal_column(str(TOUCHES_MAX // 2))).offset(_NONE)


# Without an offset of its own SQLAlchemy asks for one as a value.
_NONE: ColumnElement[int] = literal_column("0")
_MOMENT = (clicks.c.received_at_ms - clicks.c.age_ms, clicks.c.seq)


def _between(_dialect: Dialect, _rows: int) -> Select[Any]:
    return _of_piece(select(*_COLUMNS))


def _of_piece(query: Select[Any]) -> Select[Any]:
    seq = clicks.c.seq
    return query.where(seq > bindparam("after", type_=seq.type), seq <= bindparam("up_to", type_=seq.type))


_VISITOR_KEY = func.coalesce(clicks.c.visitor_key, clicks.c.click_key)


def _strung_keys(_dialect: Dialect, _rows: int) -> Select[Any]:
    keys = (_VISITOR_KEY, clicks.c.click_key)
    numbers = [func.group_concat(number) for number in (clicks.c.seq, clicks.c.program_number)]
    strung = [cast(func.group_concat(key, literal_column("''")), LargeBinary) for key in keys]
    lengths = [func.length(key) for key in keys]
    # Both keys at once: the shorter of the two must be as long as the longer one.
    shortest, longest = func.min(func.min(*lengths)), func.max(func.max(*lengths))
    return _of_piece(select(*numbers, *strung, shortest, longest))


def _keys_between(_dialect: Dialect, _rows: int) -> Select[Any]:
    return _of_piece(select(clicks.c.seq, clicks.c.program_number, _VISITOR_KEY, clicks.c.click_key))


def _numbered(_dialect: Dialect, keys: int) -> Select[Any]:
    seq = clicks.c.seq
    return select(*_COLUMNS).where(seq.in_([bindparam(f"key_{key}", type_=seq.type) for key in range(keys)]))
