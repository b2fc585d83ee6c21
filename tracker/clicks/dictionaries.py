"""Dictionaries of the clicks: a number for each program, enrollment and text, stored once.

The projector asks for numbers of what it stores, `store.py` for what the numbers of its rows stand for. No other
feature reads these tables, but erasing a person's data forgets texts nobody else needs.
"""

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Column, Connection, Dialect, Select, bindparam, delete, insert, or_, select
from sqlalchemy.sql.dml import ReturningInsert

from tracker.clicks.packing import TEXT_COLUMNS
from tracker.clicks.tables import click_enrollments, click_programs, click_texts, clicks
from tracker.db.row_statements import read_rows
from tracker.db.sequences import next_seq
from tracker.db.tables import sequences

DIGEST_BYTES = 16  # two texts of a stranger's making must not meet: 2^64 tries, where 8 bytes would take 2^32
ASKED_AT_ONCE = 500  # values in one IN list
FORGOTTEN = "forgotten_click_texts"


class Remembered:
    """The latest numbers of one dictionary. Two halves: when the younger is full, the older is thrown away."""

    def __init__(self, size_max: int) -> None:
        """Remember at most so many numbers."""
        self._half_max = size_max // 2
        self._young: dict[str, int] = {}
        self._old: dict[str, int] = {}

    def __len__(self) -> int:
        """Return how many numbers are remembered."""
        return len(self._young) + len(self._old)

    def get(self, key: str) -> int | None:
        """Return the number of a key, None when it is not remembered."""
        number = self._young.get(key)
        if number is None:
            number = self._old.get(key)
            if number is not None:
                self.put(key, number)
        return number

    def put(self, key: str, number: int) -> None:
        """Remember a number, which must be committed: what is remembered is not looked up again."""
        if len(self._young) >= self._half_max and key not in self._young:
            self._old, self._young = self._young, {}
        self._young[key] = number

    def update(self, numbers: Mapping[str, int]) -> None:
        """Remember several."""
        for key, number in numbers.items():
            self.put(key, number)

    def clear(self) -> None:
        """Forget all."""
        self._young, self._old = {}, {}


def known_numbers(conn: Connection, number: Column[int], key: Column[Any], wanted: Collection[Any]) -> dict[Any, int]:
    """Return the numbers of keys that have one."""
    found: dict[Any, int] = {}
    for part in _parts(list(wanted)):
        found |= {row[0]: row[1] for row in conn.execute(select(key, number).where(key.in_(part)))}
    return found


def numbers_of(
    conn: Connection, number: Column[int], key: Column[Any], wanted: Mapping[Any, Mapping[str, Any]]
) -> dict[Any, int]:
    """Return the number of each key, storing rows that are new in the order given. Wanted: the row of each key."""
    found = known_numbers(conn, number, key, wanted)
    missing = {value: row for value, row in wanted.items() if value not in found}
    if missing:
        conn.execute(insert(number.table), list(missing.values()))
        found |= known_numbers(conn, number, key, missing)
    return found


def program_numbers(conn: Connection, wanted: Iterable[str]) -> dict[str, int]:
    """Return the number of each program."""
    rows = {one: {"program_id": one} for one in wanted}
    return numbers_of(conn, click_programs.c.program_number, click_programs.c.program_id, rows)


def enrollment_numbers(conn: Connection, wanted: Iterable[str]) -> dict[str, int]:
    """Return the number of each enrollment."""
    rows = {one: {"enrollment_id": one} for one in wanted}
    return numbers_of(conn, click_enrollments.c.enrollment_number, click_enrollments.c.enrollment_id, rows)


def text_numbers(conn: Connection, wanted: Iterable[str]) -> dict[str, int]:
    """Return the number of each text, storing those not seen before in the order given."""
    digests = {_digest(one): one for one in wanted}
    found: dict[bytes, int] = {
        row[0]: row[1] for row in read_rows(conn, _known_texts, [(digest,) for digest in digests])
    }
    new = [(digest, one) for digest, one in digests.items() if digest not in found]
    found |= {row[0]: row[1] for row in read_rows(conn, _new_texts, new)}
    return {digests[digest]: number for digest, number in found.items()}


def program_number(conn: Connection, program_id: str) -> int | None:
    """Return the number of a program, None when it has no clicks."""
    found = known_numbers(conn, click_programs.c.program_number, click_programs.c.program_id, [program_id])
    return found.get(program_id)


def enrollment_number(conn: Connection, enrollment_id: str) -> int | None:
    """Return the number of an enrollment, None when it has no clicks."""
    column = click_enrollments.c.enrollment_id
    return known_numbers(conn, click_enrollments.c.enrollment_number, column, [enrollment_id]).get(enrollment_id)


def programs_by_number(conn: Connection, wanted: Collection[int]) -> dict[int, str]:
    """Return program ids by number."""
    return _values(conn, click_programs.c.program_number, click_programs.c.program_id, wanted)


def enrollments_by_number(conn: Connection, wanted: Collection[int]) -> dict[int, str]:
    """Return enrollment ids by number."""
    return _values(conn, click_enrollments.c.enrollment_number, click_enrollments.c.enrollment_id, wanted)


def texts_by_number(conn: Connection, wanted: Collection[int]) -> dict[int | None, str]:
    """Return texts by number; forgotten ones are missing."""
    return dict(_values(conn, click_texts.c.text_id, click_texts.c.text, wanted))


def times_forgotten(conn: Connection) -> int:
    """Return how often texts were forgotten: whoever remembers numbers has to forget them then, too."""
    return next((row[0] for row in read_rows(conn, _forgotten, [(FORGOTTEN,)])), 0)


def forget_texts(conn: Connection, unused: Collection[int], *, looked_up_to_seq: int) -> int:
    """Delete texts that no click up to an inbox number names, and return how many.

    The caller looked through the clicks on a reader, which takes long; those that came since are looked at here.
    """
    forgotten = sorted(set(unused) - _named_since(conn, unused, looked_up_to_seq))
    for part in _parts(forgotten):
        conn.execute(delete(click_texts).where(click_texts.c.text_id.in_(part)))
    if forgotten:
        next_seq(conn, FORGOTTEN)
    return len(forgotten)


def _named_since(conn: Connection, text_ids: Collection[int], after_seq: int) -> set[int]:
    named: set[int] = set()
    columns = [clicks.c[name] for name in TEXT_COLUMNS]
    for part in _parts(sorted(text_ids)):
        query = select(*columns).where(clicks.c.seq > after_seq, or_(*(column.in_(part) for column in columns)))
        for row in conn.execute(query):
            named.update(row)
    return named


def _digest(text: str) -> bytes:
    return hashlib.blake2b(text.encode(), digest_size=DIGEST_BYTES).digest()


def _values(conn: Connection, number: Column[int], value: Column[Any], wanted: Collection[int]) -> dict[Any, Any]:
    found: dict[Any, Any] = {}
    for part in _parts(sorted(wanted)):
        found |= {row[0]: row[1] for row in conn.execute(select(number, value).where(number.in_(part)))}
    return found


def _parts(values: Sequence[Any]) -> Iterator[Sequence[Any]]:
    for start in range(0, len(values), ASKED_AT_ONCE):
        yield values[start : start + ASKED_AT_ONCE]


def _known_texts(_dialect: Dialect, rows: int) -> Select[Any]:
    keys = [bindparam(f"digest_{number}", type_=click_texts.c.digest.type) for number in range(rows)]
    return select(click_texts.c.digest, click_texts.c.text_id).where(click_texts.c.digest.in_(keys))


def _new_texts(_dialect: Dialect, rows: int) -> ReturningInsert[Any]:
    blank: list[dict[str, Any]] = [{"digest": None, "text": None}] * rows
    return insert(click_texts).values(blank).returning(click_texts.c.digest, click_texts.c.text_id)


def _forgotten(_dialect: Dialect, _rows: int) -> Select[Any]:
    return select(sequences.c.value).where(sequences.c.name == bindparam("name"))
