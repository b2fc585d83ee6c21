"""Promises 4 and 5: a full disk and a locked file are answered with 503, and pass."""

import asyncio
import contextlib
import os
import resource
import sqlite3
import subprocess
import time

import pytest

CLIENTS = 16
RETRY_S = 5.0
FULL_S = 30.0  # until space is used up
ROOM = 64 * 1024  # bytes a file may have when there is no space
LOCKED_S = 10.0
ANSWER_S = 6.0
DISK_MIB = 24


class Small:
    """A disk of which the test takes all space and gives it back."""

    def __init__(self, installation):
        self._installation = installation

    def fill(self):
        """Let no file of the server grow beyond what the write-ahead log of a new installation soon has."""
        _, hard = resource.prlimit(self._installation.process.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(self._installation.process.pid, resource.RLIMIT_FSIZE, (ROOM, hard))

    def free(self):
        _, hard = resource.prlimit(self._installation.process.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(self._installation.process.pid, resource.RLIMIT_FSIZE, (hard, hard))


class Mounted:
    """The same on a real file system of a few MiB."""

    def __init__(self, folder):
        self._ballast = folder / "ballast"

    def fill(self):
        with self._ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
            while True:
                file.write(bytes(4096))

    def free(self):
        self._ballast.unlink()


async def post_until(installation, wire_to, name, is_over, seconds):
    """Post clicks and sales until the condition holds; return ids acknowledged and tried, and other replies."""
    acked, tried, refused = set(), set(), []
    end = time.monotonic() + seconds

    async def post(number):
        wire = await wire_to(installation.port)
        count = 0
        while time.monotonic() < end and not is_over(acked, refused):
            count += 1
            one = f"{name}-{number}-{count}"
            tried.add(one)
            is_sale = number % 4 == 0
            reply = await wire.ask(installation.sale(one, one) if is_sale else installation.click(one))
            if reply.status in (200, 202):
                acked.add(one)
            else:
                refused.append(reply)
                await asyncio.sleep(0.05)
        wire.transport.abort()

    await asyncio.gather(*(post(number) for number in range(CLIENTS)))
    return acked, tried, refused


def both_refused(_acked, refused):
    """Clicks are refused, and so are sales: their answers are the API's."""
    return len(refused) > 40


def some_taken(acked, _refused):
    return len(acked) > 40


def stored_sales(installation):
    conn = sqlite3.connect(f"file:{installation.data_dir / 'molva.db'}?mode=ro", uri=True)
    try:
        return [row[0] for row in conn.execute("SELECT external_id FROM conversions")]
    finally:
        conn.close()


@contextlib.contextmanager
def disk_of(kind, installation_of, tmp_path):
    if kind == "limited":
        made = installation_of()
        made.start()
        yield made, Small(made)
        return
    folder = tmp_path / "installation-0"
    folder.mkdir(exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_MIB}m", "tmpfs", folder], check=True, timeout=30)
    try:
        made = installation_of()
        made.start()
        yield made, Mounted(folder)
        made.kill()
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True, timeout=30)


MOUNTED = pytest.param(
    "mounted",
    marks=[pytest.mark.slow, pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a file system")],
)


@pytest.mark.parametrize("kind", ["limited", MOUNTED])
def test_p04_full_disk_is_answered_with_503_and_passes(installation_of, tmp_path, wire_to, fast, figures, kind):
    with disk_of(kind, installation_of, tmp_path) as (installation, disk):
        acked, tried, refused = fast(post_until(installation, wire_to, "room", some_taken, FULL_S))
        assert refused == []

        disk.fill()
        more, tried_full, refused = fast(post_until(installation, wire_to, "full", both_refused, FULL_S))
        acked |= more
        tried |= tried_full
        statuses = {reply.status for reply in refused}
        assert statuses == {503}
        assert all(b"retry-after" in reply.head for reply in refused)
        assert {b"/v1/" in reply.body or b"detail" in reply.body for reply in refused} == {True}

        disk.free()
        freed = time.monotonic()
        more, tried_after, late = fast(post_until(installation, wire_to, "free", some_taken, 2 * RETRY_S))
        taken_after = time.monotonic() - freed
        acked |= more
        tried |= tried_after
        assert len(more) > 40
        assert {reply.status for reply in late} <= {503}

        clicks, sales = installation.stored_clicks(), stored_sales(installation)
        assert acked - set(clicks) - set(sales) == set()
        assert set(clicks) | set(sales) <= tried
        assert len(clicks) == len(set(clicks))
        assert len(sales) == len(set(sales))
        installation.verify()
        figures(refused=len(refused), acknowledged=len(acked), missing=0, taken_again=f"{taken_after:.2f} s")
        assert taken_after <= RETRY_S


async def post_every_half_second(installation, wire_to, what, seconds):
    """Send one at a time without waiting for the others; return replies by when they were sent."""
    replies = []
    started = time.monotonic()

    async def post(number):
        wire = await wire_to(installation.port)
        sent_s = time.monotonic() - started
        name = f"{what}-{number}"
        reply = await wire.ask(installation.sale(name, name) if what == "sale" else installation.click(name))
        replies.append((name, sent_s, reply))
        wire.transport.abort()

    posting = []
    for number in range(int(seconds * 2)):
        posting += [asyncio.ensure_future(post(3 * number + each)) for each in range(3)]
        await asyncio.sleep(0.5)
    await asyncio.gather(*posting)
    return replies


@pytest.mark.parametrize(
    ("file", "locked", "free"), [("molva.db", "sale", "click"), ("inbox.db", "click", "sale")], ids=["molva", "inbox"]
)
@pytest.mark.parametrize("seconds", [LOCKED_S])
@pytest.mark.slow
def test_p05_locked_file_is_answered_within_six_seconds(
    installation, wire_to, fast, figures, file, locked, free, seconds
):
    """Nothing waits behind what waits for the lock longer than it would have waited by itself."""
    installation.start()
    fast(post_until(installation, wire_to, "warm", some_taken, FULL_S))
    threads = installation.threads()
    lock = sqlite3.connect(installation.data_dir / file, isolation_level=None)
    lock.execute("BEGIN IMMEDIATE")

    async def work():
        asyncio.get_running_loop().call_later(seconds, lock.execute, "ROLLBACK")
        return await asyncio.gather(
            post_every_half_second(installation, wire_to, locked, seconds + 1),
            post_every_half_second(installation, wire_to, free, seconds + 1),
        )

    waited, unhindered = fast(work())
    lock.close()

    longest = max(reply.took_s for _, _, reply in waited)
    figures(
        answers={status: sum(reply.status == status for *_, reply in waited) for status in (200, 202, 503)},
        longest=f"{longest:.1f} s",
        longest_of_the_other=f"{max(reply.took_s for _, _, reply in unhindered):.2f} s",
        threads=f"{threads} before, {installation.threads()} after",
    )
    early = [reply for _, sent_s, reply in waited if sent_s < seconds - ANSWER_S]
    assert {reply.status for reply in early} == {503}
    assert all(b"retry-after" in reply.head for reply in early)
    assert {reply.status for _, _, reply in waited} <= {200, 202, 503}
    assert {reply.status for _, _, reply in unhindered} <= {200, 202}
    assert longest <= ANSWER_S
    acked = {name for name, _, reply in waited + unhindered if reply.status in (200, 202)}
    assert any(reply.status != 503 for _, sent_s, reply in waited if sent_s > seconds)
    assert acked - set(installation.stored_clicks()) - set(stored_sales(installation)) == set()
    assert installation.threads() <= threads
