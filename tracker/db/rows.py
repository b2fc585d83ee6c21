"""What stores share: rows into records where columns and fields have the same names, and searching in texts."""

from collections.abc import Iterable
from typing import Any, TypeVar

import msgspec
from sqlalchemy import ColumnElement, or_

SEARCH_MAX = 100  # characters of a search looked at

S = TypeVar("S", bound=msgspec.Struct)


def as_struct(kind: type[S], row: Any) -> S:
    """Return the record made of the columns named like its fields; the row may be of any shape."""
    return kind(**{name: getattr(row, name) for name in kind.__struct_fields__})


def in_order(kind: type[S], values: Iterable[Any]) -> S:
    """Return the record of values in the order of its fields: where very many rows are read."""
    return kind(**dict(zip(kind.__struct_fields__, values, strict=True)))


def fields_of(record: msgspec.Struct) -> dict[str, Any]:
    """Return the values of a record by column, for an insert or update."""
    return {name: getattr(record, name) for name in record.__struct_fields__}


def text_found(search: str, *columns: ColumnElement[str]) -> ColumnElement[bool]:
    """Return the condition that one of the columns holds the text.

    SQLite folds the case of ASCII alone, so the text is tried as typed, lower, upper and capitalised.
    """
    typed = search.strip()[:SEARCH_MAX]
    spellings = {typed, typed.lower(), typed.upper(), typed.title()}
    return or_(*(column.contains(spelling, autoescape=True) for column in columns for spelling in sorted(spellings)))
