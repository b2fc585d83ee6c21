"""The public edge as one raw ASGI application: `/r/e`, `/r/to/…`, `/r/x.js`.

The roof puts it in front of Starlette; see docs/architecture.md, "The way of a click".
"""

import secrets
from typing import Any

import structlog

import snippet
from ingest.browser_events import answer_preflight, take_event
from ingest.directory import SinkBusyError
from ingest.http import Answer, headers_of, problem_answer, send_answer, send_file
from ingest.problems import ProblemError
from ingest.redirects import follow_link
from ingest.setup import EdgeSetup

SCRIPT_CACHE = b"public, max-age=3600, stale-while-revalidate=86400"
RETRY_AFTER_S = 2  # a full queue drains within about two seconds

log = structlog.get_logger()


class PublicEdge:
    """Serves every path below the public prefix."""

    def __init__(self, setup: EdgeSetup) -> None:
        """Build the edge from its collaborators."""
        self._setup = setup
        self._event_path = f"{setup.prefix}/e"
        self._link_path = f"{setup.prefix}/to/"
        self._script_path = f"{setup.prefix}/x.js"

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """Answer one HTTP request."""
        path, method = scope["path"], scope["method"]
        try:
            if path == self._event_path and method == "POST":
                answer = await take_event(self._setup, scope, receive)
            elif path == self._script_path and method in ("GET", "HEAD"):
                await self._send_script(scope, send)
                return
            else:
                answer = await self._answer_other(scope, path, method)
        except ProblemError as problem:
            answer = problem_answer(problem, _request_id())
        except SinkBusyError as error:
            answer = problem_answer(_busy(error), _request_id())
        await send_answer(send, answer)

    async def _answer_other(self, scope: dict[str, Any], path: str, method: str) -> Answer:
        if path.startswith(self._link_path):
            if method in ("GET", "HEAD"):
                return await follow_link(self._setup, scope, path.removeprefix(self._link_path))
            raise _wrong_method("GET, HEAD")
        if path == self._event_path:
            if method == "OPTIONS":
                return answer_preflight(self._setup, scope)
            raise _wrong_method("POST, OPTIONS")
        if path == self._script_path:
            raise _wrong_method("GET, HEAD")
        raise ProblemError(404, "not_found", "There is nothing at this address; see the installation guide.")

    async def _send_script(self, scope: dict[str, Any], send: Any) -> None:
        headers = headers_of(scope)
        encoding = _encoding(headers.get(b"accept-encoding", b""))
        file = snippet.script(encoding)
        out = [
            (b"content-type", file.content_type.encode()),
            (b"cache-control", SCRIPT_CACHE),
            (b"etag", file.etag.encode()),
            (b"vary", b"Accept-Encoding"),
            (b"access-control-allow-origin", b"*"),
            (b"cross-origin-resource-policy", b"cross-origin"),
            (b"x-content-type-options", b"nosniff"),
        ]
        if encoding is not None:
            out.append((b"content-encoding", encoding.encode()))
        if headers.get(b"if-none-match") == file.etag.encode():
            await send_file(send, status=304, headers=out, body=b"")
            return
        out.append((b"content-length", str(len(file.body)).encode()))
        await send_file(send, status=200, headers=out, body=b"" if scope["method"] == "HEAD" else file.body)


def _encoding(accepted: bytes) -> Any:
    names = {
        part.split(b";")[0].strip() for part in accepted.lower().split(b",") if b"q=0" not in part.replace(b" ", b"")
    }
    if b"br" in names:
        return "br"
    return "gzip" if b"gzip" in names else None


def _request_id() -> str:
    return f"req_{secrets.token_hex(8)}"


def _wrong_method(allowed: str) -> ProblemError:
    return ProblemError(405, "method_not_allowed", f"Use {allowed} here.", headers={"Allow": allowed})


def _busy(error: SinkBusyError) -> ProblemError:
    return ProblemError(503, "busy", str(error), headers={"Retry-After": str(RETRY_AFTER_S)})
