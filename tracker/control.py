"""The control socket: how the command line asks a running `serve` to do something.

A Unix socket in the data folder, readable by its owner alone; one JSON request and one JSON answer a connection. With
it nobody ever has to stop the server to add a partner.
"""

import asyncio
import socket
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
    if len(str(path).encode()) > PATH_MAX:
        return None
    path.unlink(missing_ok=True)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            request = await reader.readline()
            writer.write(msgspec.json.encode(await _answer(services, request)) + b"\n")
            await writer.drain()
        finally:
            writer.close()

    server = await asyncio.start_unix_server(answer, path, limit=MESSAGE_MAX)
    path.chmod(0o600)
    return server


def ask(data_dir: Path, command: str, params: dict[str, Any]) -> dict[str, Any] | None:
    """Return the answer of a running `serve`, None when none runs; raises Refusal."""
    path = data_dir.resolve() / SOCKET
    if len(str(path).encode()) > PATH_MAX:
        return None
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(ANSWER_S)
        try:
            connection.connect(str(path))
        except (FileNotFoundError, ConnectionRefusedError):
            return None
        connection.sendall(msgspec.json.encode({"command": command, "params": params}) + b"\n")
        answer = _receive(connection)
    if "error" in answer:
        raise Refusal(answer["error"])
    result: dict[str, Any] = answer["result"]
    return result


def _receive(connection: socket.socket) -> dict[str, Any]:
    received = b""
    while chunk := connection.recv(65536):
        received += chunk
        if len(received) > ANSWER_MAX:
            raise Refusal("The answer of the running server is too long; ask for less.")
    if not received:
        raise Refusal("The running server closed the connection without an answer; look into its log.")
    answer: dict[str, Any] = msgspec.json.decode(received)
    return answer


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
