"""How far the projection lags behind while clicks are acknowledged at a fixed rate, and how fast a backlog goes.

`python benchmarks/storage/lag.py --rate 3000 --seconds 30`. Starts a `molva serve` of its own; see README.md beside
this file.
"""

import argparse
import asyncio
import json
import sqlite3
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from servers import MOLVA, Server, free_port, molva  # noqa: E402  # The folder above is no package.

CONNECTIONS = 32
LOOK_S = 0.1
DRAIN_MAX_S = 600.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rate", type=int, default=3000, help="clicks a second; 0: as many as the connections carry")
    parser.add_argument("--seconds", type=int, default=30)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="molva-lag-") as folder:
        print(json.dumps(measure(Path(folder) / "data", options.rate, options.seconds), indent=1))


def measure(data_dir: Path, rate: int, seconds: int) -> dict[str, Any]:
    port = free_port()
    keys = molva(
        "init", "--data-dir", str(data_dir), "--admin-email", "owner@shop.example",
        "--base-url", f"http://127.0.0.1:{port}", "--program", "Bench", "--site", "https://shop.example",
    )  # fmt: skip
    molva(
        "partner", "add", "--data-dir", str(data_dir), "--program", keys["program_id"], "--name", "Bench",
        "--email", "bench@partners.example", "--code", "BENCH",
    )  # fmt: skip
    command = [*MOLVA, "serve", "--data-dir", str(data_dir), "--port", str(port)]
    server = Server(command, port=port, environment={"MOLVA_LIMITS__ENABLED": "false"})
    try:
        cpu = server.cpu_s()
        acknowledged, waits, lags = asyncio.run(
            load(data_dir, port, keys["publishable_key"], rate=rate, seconds=seconds)
        )
        drain_s = drain(data_dir)
        used = server.cpu_s() - cpu
    finally:
        server.stop()
    waits.sort()
    lags.sort()
    return {
        "acknowledged_a_second": round(acknowledged / seconds),
        "acknowledgement_p50_ms": round(waits[len(waits) // 2] * 1000, 2),
        "acknowledgement_p99_ms": round(waits[len(waits) * 99 // 100] * 1000, 2),
        "lag_p50_s": lags[len(lags) // 2],
        "lag_max_s": lags[-1],
        "drained_after_s": round(drain_s, 1),
        "cpu_us_a_click": round(used / acknowledged * 1e6),
    }


async def load(data_dir: Path, port: int, key: str, *, rate: int, seconds: int) -> tuple[int, list[float], list[float]]:
    """Send clicks over keep-alive connections; return how many were acknowledged, their waits and the lags seen."""
    waits: list[float] = []
    lags: list[float] = []
    ends = time.monotonic() + seconds
    async with asyncio.TaskGroup() as group:
        for number in range(CONNECTIONS):
            pause_s = CONNECTIONS / rate if rate else 0.0
            group.create_task(send(port, key, number=number, pause_s=pause_s, ends=ends, waits=waits))
        group.create_task(watch(data_dir, ends, lags))
    return len(waits), waits, lags


async def send(port: int, key: str, *, number: int, pause_s: float, ends: float, waits: list[float]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    due, made = time.monotonic() + pause_s * number / CONNECTIONS, 0
    while due < ends:
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        made += 1
        writer.write(request(key, f"c{number}-{made}-{id(writer):x}"))
        began = time.monotonic()
        head = await reader.readuntil(b"\r\n\r\n")
        if b" 200 " not in head.split(b"\r\n", 1)[0]:
            raise RuntimeError(f"A click was answered {head[:60]!r}.")
        length = next(int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        await reader.readexactly(length)
        now = time.monotonic()
        waits.append(now - began)
        due = max(due + pause_s, now if not pause_s else 0.0)
    writer.close()


def request(key: str, click_id: str) -> bytes:
    event = {"v": 1, "k": key, "t": "click", "c": click_id, "w": click_id, "r": "BENCH", "p": "via", "a": 40}
    body = json.dumps({**event, "u": "https://shop.example/?via=BENCH", "f": "https://blog.example/"}).encode()
    return (
        b"POST /r/e HTTP/1.1\r\nHost: 127.0.0.1\r\nOrigin: https://shop.example\r\nContent-Type: text/plain\r\n"
        b"User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0\r\n"
        b"Content-Length: %d\r\n\r\n%s" % (len(body), body)
    )


async def watch(data_dir: Path, ends: float, lags: list[float]) -> None:
    """Note, again and again, how old the oldest click is that is not projected."""
    while time.monotonic() < ends:
        await asyncio.sleep(LOOK_S)
        lags.append(round(await asyncio.to_thread(lag_s, data_dir), 2))


def lag_s(data_dir: Path) -> float:
    """Return the age in seconds of the oldest acknowledged click that is not projected; 0 when none waits."""
    main, inbox = data_dir / "molva.db", data_dir / "inbox.db"
    cursor = ask(main, "SELECT coalesce(max(seq), 0) FROM cursors WHERE name = 'clicks'")
    received_at_ms = ask(inbox, f"SELECT coalesce(min(received_at_ms), 0) FROM (SELECT received_at_ms FROM inbox "
                                f"WHERE seq > {cursor} ORDER BY seq LIMIT 1)")  # fmt: skip
    return max(0.0, time.time() - received_at_ms / 1000) if received_at_ms else 0.0


def ask(path: Path, query: str) -> int:
    conn = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        return int(conn.execute(query).fetchone()[0])
    finally:
        conn.close()


def drain(data_dir: Path) -> float:
    """Wait until nothing waits to be projected and return how long that took."""
    began = time.monotonic()
    while lag_s(data_dir) > 0:
        if time.monotonic() - began > DRAIN_MAX_S:
            raise RuntimeError(f"The backlog was not worked off within {DRAIN_MAX_S:.0f} s.")
        time.sleep(LOOK_S)
    return time.monotonic() - began


if __name__ == "__main__":
    main()
