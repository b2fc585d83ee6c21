"""What is dear to count and changes slowly, kept with a connection: bounded in number and in age.

Two servers, or two connections of one, may differ by what the other has not looked at yet.
"""

import time
from collections.abc import Hashable
from typing import Generic, TypeVar

from sqlalchemy import Connection

Value = TypeVar("Value")


class Remembered(Generic[Value]):
    """Values by key, each forgotten `fresh_s` seconds after it was put; of more than `most` the oldest go."""

    def __init__(self, name: str, *, fresh_s: float, most: int) -> None:
        """Take the name under which the connection keeps them."""
        self._place = f"molva_{name}"
        self._fresh_s = fresh_s
        self._most = most

    def get(self, conn: Connection, key: Hashable) -> Value | None:
        """Return a value that is still fresh."""
        kept = self._of(conn).get(key)
        return None if kept is None or time.monotonic() - kept[0] > self._fresh_s else kept[1]

    def put(self, conn: Connection, key: Hashable, value: Value) -> Value:
        """Keep a value and return it."""
        kept = self._of(conn)
        kept.pop(key, None)
        if len(kept) >= self._most:
            del kept[next(iter(kept))]
        kept[key] = (time.monotonic(), value)
        return value

    def _of(self, conn: Connection) -> dict[Hashable, tuple[float, Value]]:
        kept: dict[Hashable, tuple[float, Value]] = conn.info.setdefault(self._place, {})
        return kept
