"""Statements built and compiled once, for questions that are asked for every single lead.

Making a statement of SQLAlchemy's anew costs several times what SQLite needs to answer it. The statements are
SQLAlchemy's all the same, so they are right on both databases, and values pass through the types of their columns.
"""

from collections import namedtuple
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import msgspec
from sqlalchemy import BindParameter, Connection, Dialect, Select, bindparam
from sqlalchemy.sql.elements import ColumnElement

# Keys in one list, smallest first; a longer list is not faster.
KEYS = (1, 8, 64, 512)

Change = Callable[[Any], Any] | None


class _Compiled(msgspec.Struct, frozen=True):
    """A statement for one dialect: its parameters in order, with what makes a value the driver's, and its columns."""

    text: str
    binds: tuple[tuple[str, Change, Any], ...]
    changes: tuple[tuple[int, Callable[[Any], Any]], ...]
    make: Callable[[Any], Any]


class Prepared:
    """A query with named parameters; see `given`."""

    def __init__(self, statement: Any) -> None:
        """Take a SELECT. It is compiled when it is first asked."""
        self._statement = statement
        self._compiled: dict[str, _Compiled] = {}

    def rows(self, conn: Connection, **values: Any) -> list[Any]:
        """Return the rows with their columns as attributes. Values: of every parameter, by name."""
        made = self._of(conn.dialect)
        found = self._fetch(conn, made, values)
        if not made.changes:
            return [made.make(row) for row in found]
        changed = []
        for row in found:
            fields = list(row)
            for place, change in made.changes:
                fields[place] = change(fields[place])
            changed.append(made.make(fields))
        return changed

    def first(self, conn: Connection, **values: Any) -> Any:
        """Return the first row, None without one."""
        return next(iter(self.rows(conn, **values)), None)

    def scalars(self, conn: Connection, **values: Any) -> list[Any]:
        """Return the first column of each row."""
        made = self._of(conn.dialect)
        change = next((each for place, each in made.changes if place == 0), None)
        found = self._fetch(conn, made, values)
        return [row[0] for row in found] if change is None else [change(row[0]) for row in found]

    @staticmethod
    def _fetch(conn: Connection, made: _Compiled, values: dict[str, Any]) -> Any:
        parameters = tuple(
            [
                default if name not in values else values[name] if change is None else change(values[name])
                for name, change, default in made.binds
            ]
        )
        # Rows of SQLAlchemy's cost as much as reading them from SQLite.
        cursor: Any = conn.exec_driver_sql(made.text, parameters).cursor
        return cursor.fetchall()

    def _of(self, dialect: Dialect) -> _Compiled:
        made = self._compiled.get(dialect.name)
        if made is None:
            made = self._compiled[dialect.name] = _compile(self._statement, dialect)
        return made


class PreparedKeys:
    """A query for the rows with any of some keys, of any number; other parameters as in `Prepared`."""

    def __init__(self, statement: Select[Any], column: ColumnElement[Any]) -> None:
        """Take a SELECT and the column the keys are looked for in. It is compiled once for each size of list."""
        self._sizes = {
            size: Prepared(statement.where(column.in_([given(f"key_{place}", column) for place in range(size)])))
            for size in KEYS
        }

    def rows(self, conn: Connection, keys: Sequence[Any], **values: Any) -> list[Any]:
        """Return the rows, in the query's order for each KEYS[-1] keys. Keys: all different."""
        found: list[Any] = []
        for part in full_lists(keys):
            named = {f"key_{place}": key for place, key in enumerate(part)}
            found += self._sizes[len(part)].rows(conn, **named, **values)
        return found


def full_lists(keys: Sequence[Any]) -> Iterator[tuple[Any, ...]]:
    """Give the keys in lists of the sizes in KEYS, so that few statements are compiled.

    The last of them is repeated where a list is not full.
    """
    for start in range(0, len(keys), KEYS[-1]):
        part = tuple(keys[start : start + KEYS[-1]])
        size = next(size for size in KEYS if size >= len(part))
        yield part + part[-1:] * (size - len(part))


def given(name: str, column: ColumnElement[Any]) -> BindParameter[Any]:
    """Return a parameter whose values are of the column's type."""
    return bindparam(name, type_=column.type)


def _compile(statement: Any, dialect: Dialect) -> _Compiled:
    # compile() is typed on a base that knows nothing of parameters.
    compiled: Any = statement.compile(dialect=dialect)
    binds = []
    for name in compiled.positiontup:
        bind = compiled.binds[name]
        change = bind.type.dialect_impl(dialect).bind_processor(dialect)
        default = bind.value if change is None else change(bind.value)
        binds.append((name, change, default))
    columns = list(statement.selected_columns)
    changes = [
        (place, change)
        for place, column in enumerate(columns)
        if (change := column.type.dialect_impl(dialect).result_processor(dialect, None)) is not None
    ]
    names = [str(column.key) for column in columns]
    row: Any = namedtuple("row", names, rename=True)  # type: ignore[misc]  # noqa: PYI024  # Known at run time only.
    return _Compiled(str(compiled), tuple(binds), tuple(changes), row._make)
