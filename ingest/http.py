"""The little HTTP the hot routes need, straight on ASGI.

Starlette's routing, Request and Response cost more than the server itself; the few public routes go without them. Any
other path is the roof's.
"""

from collections.abc import Callable, Coroutine
from typing import Any, NamedTuple

from ingest.problems import MEDIA_TYPE, ProblemError, problem_body

Headers = list[tuple[bytes, bytes]]

FORWARDED_FOR = b"x-forwarded-for"
BODY_MAX = 64 * 1024  # bytes of any public body

NO_STORE = (b"cache-control", b"no-store")
# Every header costs the parser time on the hottest route, so answers to POST, which nobody caches, carry only this.
_ALWAYS: Headers = [(b"x-content-type-options", b"nosniff")]


class Answer(NamedTuple):
    """What goes back; `headers` come on top of those every answer has."""

    status: int
    headers: Headers
    body: bytes


class Request:
    """A whole request that did not come over ASGI: target and header names as bytes, names in lower case."""

    __slots__ = ("body", "client", "headers", "method", "target")

    def __init__(
        self, method: str, target: bytes, headers: Headers, client: tuple[str, int] | None, body: bytes
    ) -> None:
        """Take the request; client: the socket's peer."""
        self.method = method
        self.target = target
        self.headers = headers
        self.client = client
        self.body = body

    async def receive(self) -> dict[str, Any]:
        """Return the body as ASGI does."""
        return {"type": "http.request", "body": self.body, "more_body": False}


Reply = Callable[[Answer], None]
# Replies at once or later, or returns what must be awaited for the answer.
Door = Callable[[Request, Reply], Coroutine[Any, Any, Answer] | None]


def headers_of(scope: dict[str, Any]) -> dict[bytes, bytes]:
    """Return the request's headers; of repeated ones the first counts.

    `X-Forwarded-For` lines are one list, as a proxy may add a line of its own below the client's; see
    test_p35_second_forwarded_line_counts.
    """
    headers: dict[bytes, bytes] = dict(reversed(scope["headers"]))
    if FORWARDED_FOR in headers:
        headers[FORWARDED_FOR] = b",".join(value for name, value in scope["headers"] if name == FORWARDED_FOR)
    return headers


async def read_body(receive: Any, declared: bytes | None) -> bytes:
    """Return the whole body; raises ProblemError 413 beyond 64 KiB, 400 when the client left before its end."""
    if declared is not None and (not declared.isdigit() or int(declared[:20]) > BODY_MAX):
        raise _too_large()
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ProblemError(400, "incomplete_body", "The connection ended before the body; send it again.")
        body += message.get("body", b"")
        if len(body) > BODY_MAX:
            raise _too_large()
        if not message.get("more_body"):
            return bytes(body)


def require_identity(headers: dict[bytes, bytes]) -> None:
    """Refuse compressed bodies: they inflate before any size limit sees them."""
    encoding = headers.get(b"content-encoding", b"identity")
    if encoding.lower() != b"identity":
        raise ProblemError(
            415, "unsupported_encoding", "Compressed bodies are not accepted; send the body without Content-Encoding."
        )


async def send_answer(send: Any, answer: Answer) -> None:
    """Send an answer whole."""
    headers = [*answer.headers, *_ALWAYS, (b"content-length", str(len(answer.body)).encode())]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})


async def send_file(send: Any, *, status: int, headers: Headers, body: bytes) -> None:
    """Send a cacheable file."""
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def problem_answer(problem: ProblemError, request_id: str, shared: Headers) -> Answer:
    """Return a problem as an answer; `shared` are the CORS headers that say which pages may read it."""
    headers: Headers = [
        (b"content-type", MEDIA_TYPE.encode()),
        NO_STORE,
        (b"access-control-expose-headers", b"Retry-After, X-Molva-Drop"),
        *shared,
        *((name.lower().encode(), value.encode()) for name, value in problem.headers.items()),
    ]
    return Answer(problem.status, headers, problem_body(problem, request_id))


def _too_large() -> ProblemError:
    return ProblemError(413, "body_too_large", f"The body is larger than {BODY_MAX} bytes; send less.")
