"""A disk that can lose power, under the product's own database code.

`Disk` is a file system for SQLite that keeps, for each file, what was synced and what was written since. At a cut the
rest is dropped, torn, zeroed and reordered at random. `Drive` stands where the product opens `sqlite3` connections and
starts threads, so that its schema, pragmas, statements and transactions run on that disk as they are.

One pragma is added: without shared memory SQLite keeps the index of its write-ahead log on the heap, which takes
`locking_mode=EXCLUSIVE`. It changes who may open a file, not what is written or synced.
"""

import random
import sqlite3
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TypeVar

import apsw
import pytest
from sqlalchemy import Connection

from tracker.db import sqlite, sqlite_inbox

T = TypeVar("T")
SECTOR = 4096
_NUMBERS = count(1)


class _File:
    """What a file holds for who reads it now, what of it would survive a cut, and what was written in between."""

    def __init__(self, content: bytes = b"", *, is_durable: bool = False) -> None:
        self.now = bytearray(content)
        self.synced = bytearray(content)
        self.unsynced: list[tuple[int, bytes | None]] = []  # None: the file was cut to this length
        self.is_durable = is_durable  # its name is known to the folder on the disk

    def write(self, offset: int, data: bytes) -> None:
        _put(self.now, offset, data)
        self.unsynced.append((offset, data))

    def truncate(self, size: int) -> None:
        del self.now[size:]
        self.unsynced.append((size, None))

    def sync(self) -> None:
        _replay(self.synced, self.unsynced)
        self.unsynced.clear()

    def survive(self, chance: random.Random) -> bytes:
        """Return what a cut may leave: synced content, and of the rest anything in any order."""
        left = bytearray(self.synced)
        rest = list(self.unsynced)
        fate = chance.choice(("dropped", "first", "some", "shuffled", "all"))
        if fate == "dropped":
            rest = []
        elif fate == "first":
            rest = rest[: chance.randint(0, len(rest))]
        elif fate != "all":
            rest = [one for one in rest if chance.random() < 0.5]
        if fate == "shuffled":
            chance.shuffle(rest)
        _replay(left, [_torn(*one, chance) for one in rest])
        return bytes(left)


def _put(content: bytearray, offset: int, data: bytes) -> None:
    if len(content) < offset:
        content.extend(bytes(offset - len(content)))
    content[offset : offset + len(data)] = data


def _replay(content: bytearray, writes: list[tuple[int, bytes | None]]) -> None:
    for offset, data in writes:
        if data is None:
            del content[offset:]
        else:
            _put(content, offset, data)


def _torn(offset: int, data: bytes | None, chance: random.Random) -> tuple[int, bytes | None]:
    """Return a write as the disk was left in the middle of it: whole, its first or last part, or zeros at its end."""
    if not data:
        return offset, data
    middle = chance.randint(0, len(data))
    fate = chance.choice(("whole", "whole", "first", "last", "zeros"))
    if fate == "first":
        return offset, data[:middle]
    if fate == "last":
        return offset + middle, data[middle:]
    return offset, data if fate == "whole" else data[:middle] + bytes(len(data) - middle)


class Disk(apsw.VFS):
    """The file system; `cut_after` says how many writes it still takes."""

    def __init__(self, chance: random.Random) -> None:
        self.name = f"power-{next(_NUMBERS)}"
        super().__init__(self.name, "")
        self.chance = chance
        self.files: dict[str, _File] = {}
        self.removed: dict[str, _File] = {}  # deletions the folder on the disk may not know of
        self.is_off = False
        self._left: int | None = None

    def cut_after(self, writes: int) -> None:
        self._left = writes

    def step(self) -> None:
        """Count one write; raises when the power is off."""
        if self._left is not None:
            self._left -= 1
            self.is_off = self.is_off or self._left < 0
        if self.is_off:
            raise apsw.IOError("The power is off.")

    def come_back(self) -> None:
        """Hold what survived, with the power on."""
        survivors: dict[str, _File] = {}
        for name, file in (self.removed | self.files).items():
            is_there = file.is_durable if name in self.files else self.chance.random() < 0.5
            if is_there or self.chance.random() < 0.5:
                survivors[name] = _File(file.survive(self.chance), is_durable=True)
        self.files, self.removed = survivors, {}
        self.is_off, self._left = False, None

    def contents(self) -> dict[str, bytes]:
        return {name: bytes(file.now) for name, file in self.files.items()}

    def load(self, contents: dict[str, bytes]) -> None:
        self.files = {name: _File(content, is_durable=True) for name, content in contents.items()}
        self.removed = {}

    def xOpen(self, name: Any, flags: list[int]) -> "_Handle":  # noqa: N802
        path = name.filename() if isinstance(name, apsw.URIFilename) else name
        if path is None:
            return _Handle(self, _File())  # a file SQLite keeps for itself
        if self.is_off or (path not in self.files and not flags[0] & apsw.SQLITE_OPEN_CREATE):
            raise apsw.CantOpenError(f"{path} cannot be opened.")
        flags[1] = flags[0]
        # SQLite on Unix syncs the folder with the first sync of a journal or a log it made, and of nothing else.
        is_journal = flags[0] & (apsw.SQLITE_OPEN_MAIN_JOURNAL | apsw.SQLITE_OPEN_WAL)
        syncs_folder = bool(is_journal) and path not in self.files
        return _Handle(self, self.files.setdefault(path, _File()), syncs_folder=syncs_folder)

    def xDelete(self, name: str, is_synced: bool) -> None:  # noqa: N802
        self.step()
        gone = self.files.pop(name, None)
        if gone is not None and gone.is_durable:
            self.removed[name] = gone
        if is_synced:
            self.sync_folder()

    def sync_folder(self) -> None:
        """Make every name made or removed so far known to the folder on the disk."""
        self.removed.clear()
        for file in self.files.values():
            file.is_durable = True

    def xAccess(self, name: str, flags: int) -> bool:  # noqa: N802
        return name in self.files


class _Handle:
    """An open file, as SQLite asks for it."""

    def __init__(self, disk: Disk, file: _File, *, syncs_folder: bool = False) -> None:
        self._disk, self._file = disk, file
        self._syncs_folder = syncs_folder

    def xRead(self, amount: int, offset: int) -> bytes:  # noqa: N802
        if self._disk.is_off:
            raise apsw.IOError("The power is off.")
        return bytes(self._file.now[offset : offset + amount])

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802
        self._disk.step()
        self._file.write(offset, bytes(data))

    def xTruncate(self, size: int) -> None:  # noqa: N802
        self._disk.step()
        self._file.truncate(size)

    def xSync(self, flags: int) -> None:  # noqa: N802
        self._disk.step()
        self._file.sync()
        if self._syncs_folder:
            self._syncs_folder = False
            self._disk.sync_folder()

    def xFileSize(self) -> int:  # noqa: N802
        return len(self._file.now)

    def xLock(self, level: int) -> None:  # noqa: N802
        """One process, one connection a file: nobody competes."""

    def xUnlock(self, level: int) -> None:  # noqa: N802
        """Undo xLock."""

    def xCheckReservedLock(self) -> bool:  # noqa: N802
        return False

    def xFileControl(self, operation: int, pointer: int) -> bool:  # noqa: N802
        return False

    def xSectorSize(self) -> int:  # noqa: N802
        return SECTOR

    def xDeviceCharacteristics(self) -> int:  # noqa: N802
        """Say what SQLite assumes of every Unix disk: a torn write harms nothing beside it."""
        return apsw.SQLITE_IOCAP_POWERSAFE_OVERWRITE

    def xClose(self) -> None:  # noqa: N802
        """Closing writes nothing."""


class _Cursor:
    """What SQLAlchemy asks of a `sqlite3` cursor."""

    def __init__(self, conn: apsw.Connection) -> None:
        self._conn = conn
        self._rows: deque[Any] = deque()
        self.description: Any = None
        self.rowcount = -1
        self.lastrowid = 0
        self.arraysize = 1

    def execute(self, statement: str, values: Any = ()) -> "_Cursor":
        return self._run(statement, [values])

    def executemany(self, statement: str, many: Any) -> "_Cursor":
        return self._run(statement, list(many))

    def _run(self, statement: str, many: list[Any]) -> "_Cursor":
        self.description = None
        before = self._conn.total_changes()
        cursor = self._conn.cursor()
        cursor.exec_trace = self._note_columns
        try:
            self._rows = deque(row for values in many for row in cursor.execute(statement, values).fetchall())
        except apsw.ConstraintError as error:
            raise sqlite3.IntegrityError(str(error)) from error
        except apsw.Error as error:
            raise sqlite3.OperationalError(f"disk I/O error: {error}") from error
        self.rowcount = self._conn.total_changes() - before
        self.lastrowid = self._conn.last_insert_rowid()
        return self

    def _note_columns(self, cursor: apsw.Cursor, _statement: str, _values: Any) -> bool:
        columns = cursor.get_description()
        self.description = [(name, None, None, None, None, None, None) for name, _ in columns] or None
        return True

    def fetchone(self) -> Any:
        return self._rows.popleft() if self._rows else None

    def fetchmany(self, size: int = 1) -> list[Any]:
        return [self._rows.popleft() for _ in range(min(size, len(self._rows)))]

    def fetchall(self) -> list[Any]:
        rows, self._rows = list(self._rows), deque()
        return rows

    def __iter__(self) -> Any:
        return iter(self.fetchall())

    def close(self) -> None:
        self._rows.clear()


class _Conn:
    """What the product and SQLAlchemy ask of a `sqlite3` connection."""

    def __init__(self, path: Path, disk: Disk) -> None:
        self._conn = apsw.Connection(str(path), vfs=disk.name)
        self._is_closed = False
        self.execute("PRAGMA locking_mode=EXCLUSIVE")

    @property
    def in_transaction(self) -> bool:
        """Tell whether a transaction is open; SQLAlchemy asks also when the connection is long gone."""
        return not self._is_closed and bool(self._conn.in_transaction)

    def cursor(self) -> _Cursor:
        return _Cursor(self._conn)

    def execute(self, statement: str, values: Any = ()) -> _Cursor:
        return self.cursor().execute(statement, values)

    def executemany(self, statement: str, many: Any) -> _Cursor:
        return self.cursor().executemany(statement, many)

    def commit(self) -> None:
        if self.in_transaction:
            self.execute("COMMIT")

    def rollback(self) -> None:
        if self.in_transaction:
            self.execute("ROLLBACK")

    def create_function(self, name: str, arguments: int, function: Any, *, deterministic: bool = False) -> None:
        self._conn.create_scalar_function(name, function, arguments, deterministic=deterministic)

    def close(self) -> None:
        self._is_closed = True
        self._conn.close(True)


class Drive:
    """Opens the product's database on a disk; `close` lets go of it, as the end of a process does."""

    def __init__(self, disk: Disk) -> None:
        self.disk = disk
        self._raw: list[_Conn] = []
        self._threads: dict[Path, Any] = {}

    def connect(self, path: Path, **_options: Any) -> _Conn:
        self._raw.append(_Conn(path, self.disk))
        return self._raw[-1]

    def thread(self, path: Path, *, connect: Callable[[], Any], **_options: Any) -> "_NoThread":
        """Stand for a thread; all threads of a file share one connection, because it is opened exclusively."""
        if path not in self._threads:
            self._threads[path] = connect()
        return _NoThread(self._threads[path])

    def close(self) -> None:
        self._threads.clear()
        while self._raw:
            with suppress(apsw.IOError):  # Without power SQLite cannot empty its log.
                self._raw.pop().close()


class _NoThread:
    """Runs at once what is submitted."""

    patience_ms = 0

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    async def submit(self, run: Callable[[Any], T]) -> T:
        return run(self._connection)

    async def close(self) -> None:
        """There is no thread; the drive closes the connection."""


class DriveDatabase(sqlite.SqliteDatabase):
    """The product's database; what it reads it reads through its writing connection."""

    async def read(self, transaction: Callable[[Connection], T]) -> T:
        return await self.write(transaction)


@pytest.fixture
def drive(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Put a drive under the product's code: it opens its files on a disk that can lose power."""
    made = Drive(Disk(random.Random()))
    stand_in = SimpleNamespace(**(vars(sqlite3) | {"connect": made.connect}))
    for module in (sqlite, sqlite_inbox):
        monkeypatch.setattr(module, "sqlite3", stand_in)
        monkeypatch.setattr(module, "ConnectionThread", made.thread)
    yield made
    made.disk.is_off = True
    made.close()
    made.disk.unregister()


@pytest.fixture
def database_on() -> type[DriveDatabase]:
    return DriveDatabase
