"""The public edge as one raw ASGI application: `/r/e`, `/r/to/…`, `/r/px`, `/r/pb/…` and the builds of the snippet.

The roof puts it in front of Starlette; see docs/architecture.md, "The way of a click".
"""

import re
import secrets
from collections.abc import Coroutine
from typing import Any, get_args
from urllib.parse import unquote

import structlog

import snippet
from ingest.answers import answer_preflight, shared_with
from ingest.browser_events import begin_click, take_event
from ingest.buffer import Pending
from ingest.directory import SinkBusyError
from ingest.http import Answer, Door, Reply, Request, headers_of, problem_answer, send_answer, send_file
from ingest.pixels import answer_pixel
from ingest.postbacks import take_postback
from ingest.problems import TOO_MANY, ProblemError
from ingest.redirects import follow_link
from ingest.setup import EdgeSetup

SCRIPT_CACHE = b"public, max-age=3600, stale-while-revalidate=86400"
FROZEN_CACHE = b"public, max-age=31536000, immutable"  # a year, the longest caches are asked to keep (RFC 9111 1.2.2)
RETRY_AFTER_S = 2  # a full queue drains within about two seconds

log = structlog.get_logger()

_REFUSED_QUALITY = re.compile(rb"q=0(?:\.0{0,3})?")


class PublicEdge:
    """Serves every path below the public prefix."""

    def __init__(self, setup: EdgeSetup) -> None:
        """Build the edge from its collaborators."""
        self._setup = setup
        self._event_path = f"{setup.prefix}/e"
        self._link_path = f"{setup.prefix}/to/"
        self._direct_event = self._event_path.encode()
        self._direct_links = self._link_path.encode()
        self._pixel_path = f"{setup.prefix}/px"
        self._postback_path = f"{setup.prefix}/pb/"
        # "x" in the names of the builds stands for the name the operator chose.
        self._scripts: dict[str, snippet.Build] = {
            f"{setup.prefix}/{setup.script_name}{name.removeprefix('x')}": name for name in get_args(snippet.Build)
        }

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """Answer one HTTP request."""
        path, method = scope["path"], scope["method"]
        if path in self._scripts and method in ("GET", "HEAD"):
            try:
                await self._send_script(self._scripts[path], scope, send)
            except snippet.NotBuiltError as error:
                log.warning("snippet_not_built", error=str(error))
                await send_answer(send, self._refuse(scope, _not_built()))
            return
        await send_answer(send, await self._answer(scope, receive))

    def direct_door(self, method: bytes, target: bytes) -> Door | None:
        """Return what answers the two hot requests, events and links, without ASGI's messages; None for all others."""
        if method == b"POST":
            return self._take_directly if target == self._direct_event else None
        return self._follow_directly if method == b"GET" and target.startswith(self._direct_links) else None

    def _take_directly(self, request: Request, reply: Reply) -> Coroutine[Any, Any, Answer] | None:
        scope = _scope_of(request, self._event_path, b"")
        try:
            outcome = begin_click(self._setup, request.body, scope)
        except ProblemError as problem:
            if problem.status == TOO_MANY:
                reply(self._refuse(scope, problem))
                return None
            outcome = None
        if outcome is None:
            # Also what is refused comes this way once more: keeping it takes time.
            return self._answer(scope, request.receive)
        self._finish(outcome, scope, reply)
        return None

    def _follow_directly(self, request: Request, reply: Reply) -> None:
        target, _, query = request.target.partition(b"?")
        path = unquote(target.decode("ascii", "replace"))
        scope = _scope_of(request, path, query)
        try:
            outcome = follow_link(self._setup, scope, path.removeprefix(self._link_path))
        except ProblemError as problem:
            reply(self._refuse(scope, problem))
        else:
            self._finish(outcome, scope, reply)

    def _finish(self, outcome: Answer | Pending, scope: dict[str, Any], reply: Reply) -> None:
        """Reply at once, or as soon as the click is stored."""
        if isinstance(outcome, Answer):
            reply(outcome)
            return

        def done(error: SinkBusyError | None) -> None:
            reply(outcome.answer if error is None else self._refuse(scope, _busy(error)))

        try:
            self._setup.buffer.add(outcome.received_at_ms, outcome.body, done)
        except SinkBusyError as error:
            done(error)

    async def _answer(self, scope: dict[str, Any], receive: Any) -> Answer:
        path, method = scope["path"], scope["method"]
        try:
            if path == self._event_path and method == "POST":
                return await take_event(self._setup, scope, receive)
            return await self._answer_other(scope, receive, path, method)
        except ProblemError as problem:
            return self._refuse(scope, problem)
        except SinkBusyError as error:
            return self._refuse(scope, _busy(error))

    def _refuse(self, scope: dict[str, Any], problem: ProblemError) -> Answer:
        """Return a problem that the sending page can read, or its script would take it for a lost connection."""
        return problem_answer(problem, _request_id(), shared_with(self._setup, headers_of(scope).get(b"origin")))

    async def _answer_other(self, scope: dict[str, Any], receive: Any, path: str, method: str) -> Answer:
        if path.startswith(self._link_path):
            if method in ("GET", "HEAD"):
                return await self._setup.buffer.answer(
                    follow_link(self._setup, scope, path.removeprefix(self._link_path))
                )
            raise _wrong_method("GET, HEAD")
        if path == self._pixel_path:
            if method in ("GET", "HEAD"):
                return await answer_pixel(self._setup, scope)
            raise _wrong_method("GET, HEAD")
        if path.startswith(self._postback_path):
            if method in ("GET", "POST"):
                return await take_postback(self._setup, scope, receive, path.removeprefix(self._postback_path))
            raise _wrong_method("GET, POST")
        if path == self._event_path:
            if method == "OPTIONS":
                return answer_preflight(self._setup, scope)
            raise _wrong_method("POST, OPTIONS")
        if path in self._scripts:
            raise _wrong_method("GET, HEAD")
        raise ProblemError(404, "not_found", "There is nothing at this address; see the installation guide.")

    async def _send_script(self, name: snippet.Build, scope: dict[str, Any], send: Any) -> None:
        headers = headers_of(scope)
        encoding = _encoding(headers.get(b"accept-encoding", b""))
        file = snippet.script(encoding, name)
        out = [
            (b"content-type", file.content_type.encode()),
            (b"cache-control", FROZEN_CACHE if name in snippet.FROZEN else SCRIPT_CACHE),
            (b"etag", file.etag.encode()),
            (b"vary", b"Accept-Encoding"),
            (b"access-control-allow-origin", b"*"),
            (b"cross-origin-resource-policy", b"cross-origin"),
            (b"x-content-type-options", b"nosniff"),
        ]
        if encoding is not None:
            out.append((b"content-encoding", encoding.encode()))
        if _is_known(headers.get(b"if-none-match", b""), file.etag):
            await send_file(send, status=304, headers=out, body=b"")
            return
        out.append((b"content-length", str(len(file.body)).encode()))
        await send_file(send, status=200, headers=out, body=b"" if scope["method"] == "HEAD" else file.body)


def _encoding(accepted: bytes) -> Any:
    """Return the smallest encoding the client takes; `br;q=0` is a refusal, `br;q=0.5` is none (RFC 9110 12.4.2)."""
    names = set()
    for part in accepted.lower().split(b","):
        name, _, parameters = part.replace(b" ", b"").partition(b";")
        if not _REFUSED_QUALITY.fullmatch(parameters):
            names.add(name)
    if b"br" in names:
        return "br"
    return "gzip" if b"gzip" in names else None


def _is_known(asked: bytes, etag: str) -> bool:
    """Tell whether If-None-Match names this version; proxies make tags weak and send several."""
    tags = {tag.strip().removeprefix(b"W/") for tag in asked.split(b",")}
    return etag.encode() in tags or b"*" in tags


def _scope_of(request: Request, path: str, query: bytes) -> dict[str, Any]:
    return {
        "method": request.method,
        "path": path,
        "query_string": query,
        "headers": request.headers,
        "client": request.client,
    }


def _request_id() -> str:
    return f"req_{secrets.token_hex(8)}"


def _wrong_method(allowed: str) -> ProblemError:
    return ProblemError(405, "method_not_allowed", f"Use {allowed} here.", headers={"Allow": allowed})


def _not_built() -> ProblemError:
    return ProblemError(503, "not_built", "This file is not part of the installation; build it there: make build.")


def _busy(error: SinkBusyError) -> ProblemError:
    return ProblemError(503, "busy", str(error), headers={"Retry-After": str(RETRY_AFTER_S)})
