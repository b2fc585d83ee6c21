"""The control socket: the command line asks a running server, whatever the folder is called."""

import asyncio
import json
import os
import socket
from pathlib import Path
from typing import Any

import pytest

from tracker.control import SOCKET, Refusal, ask, listen
from tracker.db.opening import open_database
from tracker.services import Services
from tracker.settings import Settings

SECRET = b"root secret of the tests, 32 bytes"


@pytest.fixture(params=["short", "long"])
def listening(request, run, sqlite_template: Path, tmp_path_factory) -> Any:
    """Services that answer on their socket; a long folder has a path no socket address takes."""
    folder = tmp_path_factory.mktemp("c")
    if request.param == "long":
        folder = folder / ("x" * 90) / "y"
        folder.mkdir(parents=True)
    (folder / "molva.db").write_bytes(sqlite_template.read_bytes())

    async def opened() -> tuple[Services, asyncio.Server | None]:
        made = Services(
            data_dir=folder, settings=Settings(), secret=SECRET, db=open_database(f"sqlite:///{folder / 'molva.db'}")
        )
        return made, await listen(made)

    services, server = run(opened())
    assert server is not None
    yield services
    server.close()
    run(services.close())


def asked(run: Any, services: Services, command: str, **params: Any) -> Any:
    return run(asyncio.to_thread(ask, services.data_dir, command, params))


def test_a_command_is_done_by_the_server(run, listening) -> None:
    made = asked(run, listening, "user add", email="a@example.com", role="viewer")

    assert made["email"] == "a@example.com"
    assert asked(run, listening, "user list")["data"][0]["role"] == "viewer"


def test_only_the_owner_may_ask(listening) -> None:
    assert (listening.data_dir / SOCKET).stat().st_mode & 0o777 == 0o600


def test_a_refusal_says_field_and_remedy(run, listening) -> None:
    with pytest.raises(Refusal, match="email: "):
        asked(run, listening, "user disable", email="nobody@example.com")
    with pytest.raises(Refusal, match="program"):
        asked(run, listening, "key create", program="prg_" + "0" * 32, kind="secret")
    with pytest.raises(Refusal, match="program"):
        asked(run, listening, "key list", program="nonsense")


@pytest.mark.parametrize(
    "line",
    [
        b"\n",
        b"[]\n",
        b"{}\n",
        b'{"command":"rm","params":{}}\n',
        b'{"command":1,"params":2}\n',
        b"\xff\n",
        b"x" * 70_000 + b"\n",
    ],
)
def test_nonsense_is_answered_and_the_server_lives(run, listening, line: bytes) -> None:
    def send() -> bytes:
        address = f"/proc/self/cwd/{SOCKET}"
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(5)
            before = Path.cwd()
            os.chdir(listening.data_dir)
            try:
                connection.connect(address)
            finally:
                os.chdir(before)
            connection.sendall(line)
            return connection.recv(65_536)

    answer = run(asyncio.to_thread(send))
    assert "error" in json.loads(answer)
    assert asked(run, listening, "user list") == {"data": []}


def test_without_a_server_nobody_answers(tmp_path) -> None:
    assert ask(tmp_path, "user list", {}) is None
    assert ask(tmp_path / ("x" * 200), "user list", {}) is None


def test_a_socket_left_by_a_killed_server_is_no_server(tmp_path) -> None:
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(tmp_path / SOCKET))

    assert ask(tmp_path, "user list", {}) is None


def test_a_server_that_hangs_up_is_named(tmp_path, run) -> None:
    async def hang_up(_reader: Any, writer: Any) -> None:
        writer.close()

    async def law() -> None:
        server = await asyncio.start_unix_server(hang_up, tmp_path / SOCKET)
        with pytest.raises(Refusal, match="look into its log"):
            await asyncio.to_thread(ask, tmp_path, "user list", {})
        server.close()

    run(law())
