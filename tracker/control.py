"""The control socket: how the command line asks a running `serve` to do something.

A Unix socket in the data folder, readable by its owner alone; one JSON request and one JSON answer a connection. With
it nobody ever has to stop the server to add a partner.
"""

import asyncio
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from tracker.commands import COMMANDS
from tracker.db.database import DatabaseBusyError
from tracker.i18n.messages import InputError
from tracker.services import Services

SOCKET = "control.sock"
MESSAGE_MAX = 64 * 1024  # bytes of a request
ANSWER_MAX = 16 * 1024 * 1024  # bytes of an answer: 100 refused events with their payloads
PATH_MAX = 100  # bytes; the operating system takes 107
ANSWER_S = 60.0


class Refusal(Exception):  # noqa: N818  # It is an answer, not a failure of the control socket.
    """The command was refused; the text says why and what to do."""


async def listen(services: Services) -> asyncio.Server | None:
    """Start answering; returns None where the path is too long for a socket (commands then need `serve` stopped)."""
    path = services.data_dir.resolve() / SOCKET
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX)
    with _address_of(path) as address:
        if address is None:
            listener.close()
            return None
        listener.bind(address)
    path.chmod(0o600)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            writer.write(msgspec.json.encode(await _answer(services, await _request(reader))) + b"\n")
            await writer.drain()
        finally:
            writer.close()

    return await asyncio.start_unix_server(answer, sock=listener, limit=MESSAGE_MAX)


@contextmanager
def _address_of(path: Path) -> Iterator[str | None]:
    """Give the address of a socket: its path, or a short way to a long one where the system has /proc (Linux)."""
    if len(str(path).encode()) <= PATH_MAX:
        yield str(path)
        return
    if not Path("/proc/self/fd").is_dir() or not path.parent.is_dir():
        yield None
        return
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)


def ask(data_dir: Path, command: str, params: dict[str, Any]) -> dict[str, Any] | None:
    """Return the answer of a running `serve`, None when none runs; raises Refusal."""
    path = data_dir.resolve() / SOCKET
    with socket.socket(socket.AF_UNIX) as connection, _address_of(path) as address:
        if address is None:
            return None
        connection.settimeout(ANSWER_S)
        try:
            connection.connect(address)
        except (FileNotFoundError, ConnectionRefusedError):
            return None
        except OSError as error:
            raise Refusal(f'The running server cannot be asked over "{path}" ({error}); ask as its user.') from error
        answer = _exchange(connection, msgspec.json.encode({"command": command, "params": params}))
    if "error" in answer:
        raise Refusal(answer["error"])
    result: dict[str, Any] = answer["result"]
    return result


def _exchange(connection: socket.socket, request: bytes) -> dict[str, Any]:
    received = b""
    try:
        connection.sendall(request + b"\n")
        while chunk := connection.recv(65536):
            received += chunk
            if len(received) > ANSWER_MAX:
                raise Refusal("The answer of the running server is too long; ask for less.")
    except OSError as error:
        raise Refusal(f"The running server did not answer ({error}); look into its log.") from error
    if not received.endswith(b"\n"):
        raise Refusal("The running server closed the connection without an answer; look into its log.")
    answer: dict[str, Any] = msgspec.json.decode(received)
    return answer


async def _request(reader: asyncio.StreamReader) -> bytes:
    """Return the request, an empty one when it is too long (which no command is)."""
    try:
        return await reader.readline()
    except ValueError:
        return b""


async def _answer(services: Services, request: bytes) -> dict[str, Any]:
    try:
        asked = msgspec.json.decode(request)
        return {"result": await COMMANDS[asked["command"]](services, asked["params"])}
    except (InputError, DatabaseBusyError) as error:
        return {"error": describe(error)}
    except (msgspec.DecodeError, KeyError, TypeError) as error:
        return {"error": f"The running server does not understand this command ({error!r}); is it an older version?"}


def describe(error: Exception) -> str:
    """Return an expected refusal as one line: field, cause, remedy."""
    return f"{error.field}: {error.message}" if isinstance(error, InputError) else str(error)
