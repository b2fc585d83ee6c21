"""Locks between processes of one SQLite installation: who may write at all, and whose turn it is.

The process that answers requests holds `writer.lock`, the one that works behind it `background.lock`; a third is
refused. SQLite before 3.51.3 has a WAL-reset race between connections that write or checkpoint at the same moment, so
each transaction of either takes the turn first.
"""

import fcntl
import os
import time
from pathlib import Path

from tracker.db.database import DatabaseBusyError, DatabaseUnusableError

WRITER = "writer.lock"
BACKGROUND = "background.lock"
TURN = "turn.lock"
GIVEN_UP_S = 10.0  # for a process whose server died to notice it; milliseconds are usual
OPEN_S = 5.0  # for the first turn of a connection
LOOK_S = 0.0005  # between two looks whether it is our turn
LOOK_MAX_S = 0.005


class FileLock:
    """A lock file held until released; the operating system releases those of a process that dies."""

    def __init__(self, path: Path) -> None:
        """Open the file and take nothing yet."""
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def take(self, patience_s: float = 0.0) -> bool:
        """Take the lock, waiting that many seconds at most, and tell whether it is ours."""
        until, pause = time.monotonic() + patience_s, LOOK_S
        while True:
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() >= until:
                    return False
                time.sleep(pause)
                pause = min(pause * 2, LOOK_MAX_S)
            else:
                return True

    def give_back(self) -> None:
        """Release the lock; it can be taken again."""
        fcntl.flock(self._file, fcntl.LOCK_UN)

    def close(self) -> None:
        """Release the lock for good."""
        os.close(self._file)


def lock_out_others(folder: Path) -> FileLock:
    """Return the lock of the one process that may open an installation; raises DatabaseUnusableError.

    What a server that died left behind is waited for.
    """
    mine = FileLock(folder / WRITER)
    if not mine.take():
        mine.close()
        raise DatabaseUnusableError(
            f'Another process is writing to this data folder (lock "{folder / WRITER}"). Stop it first; several '
            "processes on one SQLite file are refused because SQLite may lose rows then. For several processes use "
            "PostgreSQL."
        )
    left = FileLock(folder / BACKGROUND)
    is_gone = left.take(GIVEN_UP_S)
    left.close()
    if not is_gone:
        mine.close()
        raise DatabaseUnusableError(
            f'The background process of a server that ended still works (lock "{folder / BACKGROUND}"). Wait a moment '
            "and try again, or end that process."
        )
    return mine


def lock_beside(folder: Path) -> FileLock:
    """Return the lock of the one background process; raises DatabaseUnusableError while another one works."""
    mine = FileLock(folder / BACKGROUND)
    if not mine.take(GIVEN_UP_S):
        mine.close()
        raise DatabaseUnusableError(f'Another background process works (lock "{folder / BACKGROUND}"); end it.')
    return mine


class Turn:
    """The right to write now, which the two processes take from each other transaction by transaction."""

    def __init__(self, folder: Path) -> None:
        """Open the lock file."""
        self._lock = FileLock(folder / TURN)
        self.patience_s = OPEN_S

    def __enter__(self) -> None:
        """Wait for our turn; raises DatabaseBusyError when it does not come within `patience_s`."""
        if not self._lock.take(self.patience_s):
            raise DatabaseBusyError("The database cannot take writes now (another process is writing); try again.")

    def __exit__(self, *_: object) -> None:
        """Let the other one write."""
        self._lock.give_back()

    def close(self) -> None:
        """Close the lock file."""
        self._lock.close()
