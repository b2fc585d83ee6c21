"""Promises 39 and 40: slow, silent and enormous senders cost little and disturb nobody."""

import asyncio
import contextlib
import resource
import select
import socket
import time

import pytest

KINDS = ("silent", "slow head", "slow body", "unread")
DRIP_S = 1.0  # between two bytes of a slow sender
CLOSED_S = 11.0
OPENING_S = 4.0  # all at once they would wait to be accepted, and that is not what is measured
HEALTHY_CLIENTS = 4
HEALTHY_P99_S = 0.25
UNREAD_REQUESTS = 40  # for a file of 200 KiB: more answers than the buffers of both sockets hold
UNREAD_BUFFER = 4096
MIB = 1024 * 1024
UPLOADS = 50
RSS_GROWTH_MIB = 32


@pytest.fixture(autouse=True)
def many_files():
    """Let this process, and the server it starts, hold thousands of sockets."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 20_000 if hard == resource.RLIM_INFINITY else min(20_000, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


class SlowSockets:
    """Sockets of four kinds and how long the server kept each."""

    def __init__(self, installation, count):
        self._port = installation.port
        self._count = count
        self._head = b"GET /r/x.js HTTP/1.1\r\nhost: 127.0.0.1\r\nx-slow: "
        self._body_head = (
            b"POST /r/e HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: text/plain\r\ncontent-length: 5000\r\n\r\n"
        )
        self._poll = select.epoll()
        self._open = {}
        self.kept_s = {kind: [] for kind in KINDS}

    def work(self, seconds):
        """Open the sockets, then drip bytes until all are closed or the time is over; return what is still open."""
        for number in range(self._count):
            self._connect(KINDS[number % len(KINDS)])
            time.sleep(OPENING_S / self._count)
        end = time.monotonic() + seconds
        dripped = time.monotonic()
        while self._open and time.monotonic() < end:
            for number, event in self._poll.poll(0.1, 1000):
                self._look(number, event)
            if time.monotonic() - dripped >= DRIP_S:
                dripped = time.monotonic()
                for one, kind, _ in list(self._open.values()):
                    if kind in ("slow head", "slow body"):
                        with contextlib.suppress(OSError):
                            one.send(b"x")
        left = len(self._open)
        for one, _, _ in self._open.values():
            one.close()
        self._poll.close()
        return left

    def _connect(self, kind):
        one = socket.socket()
        if kind == "unread":
            one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, UNREAD_BUFFER)
        one.settimeout(10)
        one.connect(("127.0.0.1", self._port))
        since = time.monotonic()
        one.setblocking(False)
        if kind == "slow head":
            one.send(self._head)
        elif kind == "slow body":
            one.send(self._body_head)
        elif kind == "unread":
            with contextlib.suppress(BlockingIOError):
                one.send(b"GET /admin/static/0/vendor/chart.umd.min.js HTTP/1.1\r\nhost: t\r\n\r\n" * UNREAD_REQUESTS)
        self._open[one.fileno()] = (one, kind, since)
        # Who reads nothing learns of the end by the reset alone.
        self._poll.register(one, 0 if kind == "unread" else select.EPOLLIN)

    def _look(self, number, event):
        one, kind, since = self._open[number]
        if not event & (select.EPOLLHUP | select.EPOLLERR):
            try:
                if one.recv(65536):
                    return
            except BlockingIOError:
                return
            except OSError:
                pass
        self.kept_s[kind].append(time.monotonic() - since)
        self._poll.unregister(one)
        del self._open[number]
        one.close()


async def healthy(installation, wire_to, name, work):
    """Post clicks, each on a connection that serves well, while the work goes on; return the replies."""
    replies = []
    working = asyncio.ensure_future(asyncio.to_thread(work))

    async def post(number):
        wire = await wire_to(installation.port)
        count = 0
        while not working.done():
            count += 1
            replies.append(await wire.ask(installation.click(f"{name}-{number}-{count}")))
            await asyncio.sleep(0.02)
        wire.transport.abort()

    await asyncio.gather(*(post(number) for number in range(HEALTHY_CLIENTS)))
    return replies, await working


@pytest.mark.slow
def test_p39_a_thousand_slow_sockets_are_closed_in_time_and_disturb_nobody(installation, wire_to, fast, figures):
    installation.start()
    slow = SlowSockets(installation, 1000)
    replies, left = fast(healthy(installation, wire_to, "healthy", lambda: slow.work(20)))

    took = sorted(reply.took_s for reply in replies)
    p99 = took[int(len(took) * 0.99)]
    longest = {kind: f"{max(kept):.1f} s" for kind, kept in slow.kept_s.items() if kept}
    figures(kept_at_most=longest, healthy=len(took), p99=f"{p99 * 1000:.0f} ms", max=f"{took[-1] * 1000:.0f} ms")
    assert left == 0
    assert {kind: len(kept) for kind, kept in slow.kept_s.items()} == dict.fromkeys(KINDS, 250)
    assert max(max(kept) for kept in slow.kept_s.values()) <= CLOSED_S
    assert {reply.status for reply in replies} == {200}
    assert p99 <= HEALTHY_P99_S


DOORS = {
    "/r/e": "content-type: text/plain",
    "/v1/track/sale": "content-type: application/json",
    "/login": "content-type: application/x-www-form-urlencoded",
}


async def upload(port, path, headers, size):
    """Send a body until it is cut; return the status of the answer, 0 without one, and how much went out."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    head = f"POST {path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: {size}\r\n{headers}\r\n\r\n"
    status, sent = 0, 0
    with contextlib.suppress(OSError):
        writer.write(head.encode())
        while sent < size and not writer.transport.is_closing() and not reader.at_eof():
            writer.write(b"x" * 65536)
            sent += 65536
            await writer.drain()
    with contextlib.suppress(OSError):
        line = await asyncio.wait_for(reader.readline(), 15)
        status = int(line.split()[1]) if line else 0
    writer.transport.abort()
    return status, sent


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("size", [8 * MIB, pytest.param(200 * MIB, marks=pytest.mark.slow)], ids="{}".format)
def test_p40_fifty_huge_uploads_are_cut_and_fill_no_memory(installation, fast, figures, door, size):
    installation.start()
    headers = f"{DOORS[door]}\r\norigin: https://shop.example\r\nauthorization: Bearer {installation.secret_key}"

    async def work():
        # The first ones load what is loaded once.
        await upload(installation.port, door, headers, 2 * MIB)
        idle_mib = peak_mib = installation.memory()
        sending = [asyncio.ensure_future(upload(installation.port, door, headers, size)) for _ in range(UPLOADS)]
        while not all(one.done() for one in sending):
            peak_mib = max(peak_mib, installation.memory())
            await asyncio.sleep(0.02)
        return await asyncio.gather(*sending), idle_mib, peak_mib

    ends, idle_mib, peak_mib = fast(asyncio.wait_for(work(), 120))

    statuses = {status for status, _ in ends}
    figures(
        answers=statuses,
        sent_at_most=f"{max(sent for _, sent in ends) / MIB:.1f} MiB",
        rss=f"{idle_mib:.0f} MiB + {peak_mib - idle_mib:.1f}",
    )
    assert statuses <= {413, 0}
    assert peak_mib - idle_mib <= RSS_GROWTH_MIB
