"""HTTP connections: uvicorn's `httptools` protocol with the limits it lacks, and a short way for the hot doors.

`httptools` was chosen over `h11` by measurement (docs/performance.md); by itself it takes megabytes of headers, any
number of them, no Host or two, and waits for ever (docs/performance.md, "Limits in the code"). What is guarded here
holds for every path. A door that the application names as direct gets the whole request and returns the whole answer,
without the messages of ASGI, which cost more than taking the click.
"""

import socket
import struct
from collections.abc import Callable, Coroutine, Iterable
from typing import Any

import httptools
import structlog
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from ingest.http import Answer, Door, Headers, Request

HEAD_MAX = 16 * 1024  # bytes of a request's head, as h11 takes by default
HEADERS_MAX = 100  # fields of a head; browsers send about twenty
URL_MAX = 8 * 1024  # bytes; longer addresses are cut by proxies anyway
REQUEST_S = 10.0  # from a request's first byte to its last; a phone sends 64 KiB in one
KEEP_ALIVE_S = 5.0
UNREAD_S = 9.5  # how long a client may leave an answer unread, once a look has found it so
LINGER_S = 2.0  # after an answer to a body that is still coming, so that the client reads it before the end
UNWANTED_MAX = 1024 * 1024  # bytes thrown away meanwhile
NEVER = float("inf")
RESET_AT_ONCE = struct.pack("ii", 1, 0)  # struct linger: on, no time (socket(7))
LENGTH_DIGITS = 9  # of a Content-Length that is looked at
DIRECT_BODY_MAX = 8 * 1024  # bytes; larger bodies take the common way, which answers 413

FAILED = Answer(500, [], b"")

DoorOf = Callable[[bytes, bytes], Door | None]

log = structlog.get_logger()


class _RefusedError(Exception):
    """The head breaks a limit; raised through the parser."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.text = text


class _NoEvent:
    """Stands where uvicorn wakes a waiting application; nobody waits at a direct door."""

    def set(self) -> None:
        """Wake nobody."""


class _Exchange:
    """One request at a direct door and its answer; has what uvicorn's own cycle shows to the connection."""

    __slots__ = (
        "_connection",
        "body",
        "disconnected",
        "door",
        "headers",
        "is_waiting",
        "keep_alive",
        "method",
        "more_body",
        "response_complete",
        "target",
    )

    message_event = _NoEvent()

    def __init__(
        self, connection: "GuardedConnection", door: Door, method: str, target: bytes, headers: Headers
    ) -> None:
        self._connection = connection
        self.method = method
        self.door = door
        self.target = target
        self.headers = headers
        self.body = b""
        self.disconnected = False
        self.keep_alive = True
        self.more_body = True
        self.is_waiting = False
        self.response_complete = False

    def start(self) -> None:
        """Hand the request over, all of which is here."""
        connection = self._connection
        request = Request(self.method, self.target, self.headers, connection.client, self.body)
        try:
            answering = self.door(request, self.reply)
        except Exception as error:  # The connection must live; what got here is a defect, which the log tells.
            log.exception("request_failed", error=type(error).__name__)
            self.reply(FAILED)
            return
        if answering is not None:
            # uvicorn waits for these tasks when it stops, as it does for its own.
            task = connection.loop.create_task(self._answer(answering))
            connection.tasks.add(task)
            task.add_done_callback(connection.tasks.discard)

    def reply(self, answer: Answer) -> None:
        """Send the answer, unless the client left."""
        self.response_complete = True
        if not self.disconnected:
            self._connection.send_direct(answer, keep_alive=self.keep_alive)

    async def _answer(self, answering: Coroutine[Any, Any, Answer]) -> None:
        try:
            answer = await answering
        except Exception as error:  # As above.
            log.exception("request_failed", error=type(error).__name__)
            answer = FAILED
        self.reply(answer)


class GuardedConnection(HttpToolsProtocol):
    """One connection; `sweep` must be called about once a second for its time limits to hold."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Take what uvicorn gives every protocol."""
        super().__init__(*args, **kwargs)
        self._direct_door: DoorOf = getattr(self.app, "direct_door", _no_door)
        self._until = 0.0
        self._is_idle = False
        self._in_head = False
        self._head_bytes = 0
        self._hosts = 0
        self._length = -1
        self._has_body = False
        self._is_unread = False
        self._unwanted = 0
        self._refusal: _RefusedError | None = None

    def connection_made(self, transport: Any) -> None:
        """Start the time limit of the first request."""
        super().connection_made(transport)
        self._until = self.loop.time() + REQUEST_S

    def data_received(self, data: bytes) -> None:
        """Parse what came; a head beyond a limit ends the connection with its reason."""
        if self._is_over(len(data)):
            return
        if self._is_idle:
            self._is_idle = False
            self._until = self.loop.time() + REQUEST_S
        self._head_bytes += len(data)
        try:
            self.parser.feed_data(data)
            if self._in_head and self._head_bytes > HEAD_MAX:
                raise _long_head()
        except httptools.HttpParserUpgrade:
            # No other protocol is spoken here; the request is answered as it is, and is the last.
            if self.cycle is not None:
                self.cycle.keep_alive = False
        except httptools.HttpParserError as error:
            known = error.__context__
            self._refuse(known if isinstance(known, _RefusedError) else _RefusedError(400, "This is no HTTP request."))
        except _RefusedError as error:
            self._refuse(error)

    def on_message_begin(self) -> None:
        """Begin a request."""
        super().on_message_begin()
        self._in_head = True
        self._hosts = 0
        self._length = -1
        self._has_body = False

    def on_header(self, name: bytes, value: bytes) -> None:
        """Note one field of the head."""
        name = name.lower()
        self.headers.append((name, value))
        if name == b"host":
            self._hosts += 1
        elif name == b"content-length":
            self._has_body = True
            self._length = int(value) if value.isdigit() and len(value) <= LENGTH_DIGITS else -1
        elif name == b"transfer-encoding":
            self._has_body = True
        elif name == b"expect":
            self.expect_100_continue = value.lower() == b"100-continue"

    def on_headers_complete(self) -> None:
        """Check the head, then start the request."""
        self._in_head = False
        self._check_head()
        self._head_bytes = 0
        method = self.parser.get_method()
        door = self._direct_door(method, self.url)
        if door is None or not self._may_go_directly(method):
            super().on_headers_complete()
            return
        before = self.cycle
        exchange = _Exchange(self, door, method.decode("ascii"), self.url, self.headers)
        self.cycle = exchange  # type: ignore[assignment]
        if before is not None and not before.response_complete:
            # Pipelined: it has its turn after the one before, as uvicorn's own.
            exchange.is_waiting = True
            self.flow.pause_reading()
            self.pipeline.appendleft((exchange, self.app))  # type: ignore[arg-type]

    def on_body(self, body: bytes) -> None:
        """Take a part of the body."""
        cycle: Any = self.cycle
        if type(cycle) is _Exchange:
            cycle.body += body
        else:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """Hand a whole request over; from here on the time is ours, not the client's."""
        cycle: Any = self.cycle
        if cycle.response_complete:
            # Answered before all of it was here; what was lingering is over.
            self._wait_for_next()
            return
        self._until = NEVER
        if type(cycle) is not _Exchange:
            super().on_message_complete()
            return
        cycle.more_body = False
        if not cycle.is_waiting:
            cycle.start()

    def on_response_complete(self) -> None:
        """Turn to the next request, or wait for one; a body that is still coming is thrown away for a while."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_next()
        elif self.cycle.more_body:
            self._until = self.loop.time() + LINGER_S
        else:
            self._wait_for_next()

    def send_direct(self, answer: Answer, *, keep_alive: bool) -> None:
        """Write a direct door's answer in one piece."""
        if self.transport.is_closing():
            return
        parts = [STATUS_LINE[answer.status]]
        for name, value in self.server_state.default_headers:
            parts += (name, b": ", value, b"\r\n")
        for name, value in answer.headers:
            parts += (name, b": ", value, b"\r\n")
        if not keep_alive:
            parts.append(b"connection: close\r\n")
        parts += (b"content-length: %d\r\n\r\n" % len(answer.body), answer.body)
        self.transport.write(b"".join(parts))
        if not keep_alive:
            self.transport.close()
        self.on_response_complete()

    def sweep(self, now: float) -> None:
        """End the connection when its time is up; `now` is the loop's time in seconds."""
        if self.flow.write_paused and not self._is_unread:
            self._is_unread = True
            self._until = now + UNREAD_S
        elif self._is_unread and not self.flow.write_paused:
            self._is_unread = False
            self._until = now + KEEP_ALIVE_S
        elif now >= self._until:
            self._end()

    def _end(self) -> None:
        cycle: Any = self.cycle
        is_arriving = self._in_head or (cycle is not None and cycle.more_body and not _is_started(cycle))
        if self._is_unread:
            # Without it the system would keep the answers for minutes, megabytes each, for a client that reads nothing.
            self.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_AT_ONCE)
            self.transport.abort()
        elif self._refusal is not None:
            self.transport.abort()
        elif is_arriving:
            self._refuse(
                _RefusedError(408, f"The request took longer than {REQUEST_S:.0f} s to arrive; send it again.")
            )
        else:
            self.transport.close()

    def _is_over(self, size: int) -> bool:
        """Tell whether what comes belongs to a request that is refused, or answered before its end."""
        if self._refusal is None:
            cycle = self.cycle
            if cycle is None or not cycle.response_complete or not cycle.more_body:
                return False
        self._unwanted += size
        if self._unwanted > UNWANTED_MAX:
            self.transport.abort()
            return True
        return self._refusal is not None

    def _check_head(self) -> None:
        if self._head_bytes > HEAD_MAX and sum(len(name) + len(value) + 4 for name, value in self.headers) > HEAD_MAX:
            raise _long_head()
        if len(self.headers) > HEADERS_MAX:
            raise _RefusedError(431, f"A request has at most {HEADERS_MAX} header fields; send fewer.")
        if len(self.url) > URL_MAX:
            raise _RefusedError(414, f"An address has at most {URL_MAX} bytes; send a shorter one.")
        if self._hosts != 1 and (self._hosts or self.parser.get_http_version() != "1.0"):
            raise _RefusedError(400, "A request names one Host; send exactly one Host header.")

    def _may_go_directly(self, method: bytes) -> bool:
        """Tell whether the request is the plain kind: its whole body counted and small, the connection staying open."""
        is_counted = 0 <= self._length <= DIRECT_BODY_MAX if method == b"POST" else not self._has_body
        return is_counted and not self.expect_100_continue and self.parser.should_keep_alive()

    def _start_next(self) -> None:
        cycle: Any
        cycle, app = self.pipeline.pop()
        self._until = self.loop.time() + REQUEST_S if cycle.more_body else NEVER
        if type(cycle) is not _Exchange:
            self._start_asgi_task(cycle, app)
            return
        cycle.is_waiting = False
        if not cycle.more_body:
            cycle.start()

    def _wait_for_next(self) -> None:
        self._is_idle = True
        self._unwanted = 0
        self._until = self.loop.time() + KEEP_ALIVE_S

    def _refuse(self, error: _RefusedError) -> None:
        """Say why and read on for a while: closed at once, the client might never see the reason."""
        self._refusal = error
        if self.transport.is_closing():
            return
        text = error.text.encode()
        if self.cycle is not None and not self.cycle.response_complete:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        head = b"content-type: text/plain; charset=utf-8\r\nconnection: close\r\ncontent-length: %d\r\n\r\n"
        self.transport.write(STATUS_LINE[error.status] + head % len(text) + text)
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self._until = self.loop.time() + LINGER_S


def sweep(connections: Iterable[Any], now: float) -> None:
    """Hold every connection to its time limits; call it about once a second."""
    for connection in list(connections):
        connection.sweep(now)


def _is_started(cycle: Any) -> bool:
    return bool(getattr(cycle, "response_started", False))


def _no_door(_method: bytes, _target: bytes) -> Door | None:
    """Stand in for an application without direct doors."""
    return None


def _long_head() -> _RefusedError:
    return _RefusedError(431, f"The head of a request has at most {HEAD_MAX} bytes; send fewer or shorter headers.")
