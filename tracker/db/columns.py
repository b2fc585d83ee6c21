"""Column types that mean the same on SQLite (STRICT) and PostgreSQL.

Every `tables.py` builds its columns from these, so that a table is written once. Values are checked when they are
bound: a wrong id or an integer beyond 64 bits is refused before it reaches the database.
"""

from collections.abc import Callable
from typing import Any

import msgspec
from sqlalchemy import BigInteger, Dialect, Integer, LargeBinary, SmallInteger, Text, TypeDecorator

from tracker.db.ids import id_from_bytes, id_to_bytes

# STRICT tables know INTEGER, TEXT and BLOB only.
Int64 = BigInteger().with_variant(Integer(), "sqlite")
Str = Text()
Blob = LargeBinary()
_SMALL = SmallInteger().with_variant(Integer(), "sqlite")


class Id(TypeDecorator[str]):
    """A UUIDv7 in 16 bytes in the database, text with its prefix (`prg_…`) outside."""

    impl = LargeBinary(16)
    cache_ok = True

    def __init__(self, prefix: str) -> None:
        super().__init__()
        self.prefix = prefix

    # Both drivers take and give bytes as they are. SQLAlchemy's own way of translating a value by three calls took a
    # third of the time of reading many rows.
    def bind_processor(self, dialect: Dialect) -> Callable[[str | None], bytes | None]:  # noqa: ARG002
        """Return what makes an id the driver's."""
        prefix = self.prefix

        def bind(value: str | None) -> bytes | None:
            return None if value is None else id_to_bytes(prefix, value)

        return bind

    def result_processor(self, dialect: Dialect, _coltype: object) -> Callable[[bytes | None], str | None]:  # noqa: ARG002
        """Return what makes the driver's value an id."""
        prefix = self.prefix

        def read(value: bytes | None) -> str | None:
            return None if value is None else id_from_bytes(prefix, value)

        return read

    def coerce_compared_value(self, op: Any, value: Any) -> "Id":  # noqa: ARG002
        return self


class Flag(TypeDecorator[bool]):
    """True or false as 1 or 0 (STRICT has no boolean)."""

    impl = _SMALL
    cache_ok = True

    def process_bind_param(self, value: bool | None, dialect: Dialect) -> int | None:  # noqa: ARG002
        return None if value is None else int(value)

    def process_result_value(self, value: int | None, dialect: Dialect) -> bool | None:  # noqa: ARG002
        return None if value is None else bool(value)


class Json(TypeDecorator[Any]):
    """A JSON value as text with sorted keys, so that equal values are equal bytes."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:  # noqa: ARG002
        return None if value is None else msgspec.json.encode(value, order="sorted").decode()

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:  # noqa: ARG002
        return None if value is None else msgspec.json.decode(value)
