"""The public edge alone: a directory of one program and a sink that remembers, driven over ASGI by hand."""

import asyncio
import json
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import suppress
from ipaddress import ip_network
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest

import snippet
from ingest.buffer import ClickBuffer
from ingest.conversions import ConversionReport, RecordOutcome
from ingest.directory import LinkTarget, PostbackOutcome, PostbackTarget, Referral, SinkBusyError, Site
from ingest.edge import PublicEdge
from ingest.events import CustomEvent, InboxClick, KeptEvent, decode_click
from ingest.setup import EdgeSetup

NOW_MS = 1_790_000_000_000
SITE_ORIGIN = "https://shop.example"
KEY = "pk_live_1"
POSTBACK_KEY = "pb_live_1"
SECRET = b"signing secret of the shop"
CHROME = (
    b"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36"
)

Headers = list[tuple[str, str]]


class OneProgram:
    """A directory that tests change by hand."""

    def __init__(self) -> None:
        self.the_site = Site(
            program_id="prg_1",
            livemode=True,
            origins=frozenset({SITE_ORIGIN}),
            cookie_days=60,
            gpc="honor",
            signing_secrets=(SECRET,),
        )
        self.the_link = LinkTarget(
            program_id="prg_1",
            enrollment_id="enr_anna",
            code="ANNA",
            destination="https://shop.example/start?a=1#top",
            hosts=frozenset({SITE_ORIGIN, "https://www.shop.example:8443"}),
            cookie_days=60,
            gpc="honor",
            is_active=True,
        )

    def change(self, **fields: Any) -> None:
        self.the_site = msgspec.structs.replace(self.the_site, **fields)

    def change_link(self, **fields: Any) -> None:
        self.the_link = msgspec.structs.replace(self.the_link, **fields)

    def site(self, key: str) -> Site | None:
        return self.the_site if key == KEY else None

    def referral(self, _program_id: str, code: str) -> Referral | None:
        if code.strip().upper() != "ANNA":
            return None
        return Referral(enrollment_id="enr_anna", code="ANNA", partner_name="Anna")

    def is_known_origin(self, origin: str) -> bool:
        return origin in self.the_site.origins

    def postback(self, key: str) -> PostbackTarget | None:
        if key != POSTBACK_KEY:
            return None
        return PostbackTarget(key_id="key_1", program_id="prg_1", livemode=True, currency="EUR")

    def link(self, slug: str) -> LinkTarget | None:
        return self.the_link if slug == "anna" else None


class Memory:
    """A sink that keeps everything in lists, or refuses."""

    def __init__(self) -> None:
        self.clicks: list[InboxClick] = []
        self.batches: list[int] = []
        self.reports: list[ConversionReport] = []
        self.custom: list[CustomEvent] = []
        self.refused: list[dict[str, Any]] = []
        self.drops: list[str] = []
        self.is_busy = False
        self.outcome = "created"
        self.postback_outcome = PostbackOutcome(conversion_id="cnv_1")

    async def append_clicks(self, rows: Sequence[tuple[int, str]]) -> None:
        await asyncio.sleep(0)
        if self.is_busy:
            raise SinkBusyError("full")
        self.batches.append(len(rows))
        self.clicks += [decode_click(body) for _, body in rows]

    async def record_conversion(self, report: ConversionReport) -> RecordOutcome:
        if self.is_busy:
            raise SinkBusyError("full")
        self.reports.append(report)
        return RecordOutcome(conversion_id="cnv_1", status=self.outcome)  # type: ignore[arg-type]

    async def record_postback(self, report: ConversionReport) -> PostbackOutcome:
        if self.is_busy:
            raise SinkBusyError("full")
        self.reports.append(report)
        return self.postback_outcome

    async def keep_event(self, event: CustomEvent) -> KeptEvent:
        if self.is_busy:
            raise SinkBusyError("full")
        known = [each.browser_event_id for each in self.custom if each.browser_event_id is not None]
        if event.browser_event_id in known:
            return KeptEvent(event_id=f"evt_{known.index(event.browser_event_id) + 1}", is_new=False)
        self.custom.append(event)
        return KeptEvent(event_id=f"evt_{len(self.custom)}", is_new=True)

    def count_drop(self, reason: str) -> None:
        self.drops.append(reason)

    async def quarantine(self, **event: Any) -> None:
        self.refused.append(event)


class Answer:
    """What came back over ASGI."""

    def __init__(self, messages: list[dict[str, Any]]) -> None:
        self.status: int = messages[0]["status"]
        self.raw: list[tuple[bytes, bytes]] = messages[0]["headers"]
        self.body = b"".join(message.get("body", b"") for message in messages[1:])

    def header(self, name: str) -> str | None:
        found = [value for key, value in self.raw if key == name.encode()]
        assert len(found) <= 1, f"{name} is sent {len(found)} times"
        return found[0].decode() if found else None

    @property
    def drop(self) -> str | None:
        return self.header("x-molva-drop")

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def wrong_fields(self) -> list[str]:
        return [error["field"] for error in self.json["errors"]]


class Edge:
    """The edge with its collaborators and one loop."""

    def __init__(self, run: Callable[[Coroutine[Any, Any, Any]], Any], **settings: Any) -> None:
        self.run = run
        self.directory = OneProgram()
        self.sink = Memory()
        self.buffer = ClickBuffer(self.sink)
        self.app = PublicEdge(
            EdgeSetup(
                directory=self.directory,
                sink=self.sink,
                buffer=self.buffer,
                now_ms=lambda: NOW_MS,
                **{
                    "base_url": "https://go.shop.example",
                    "prefix": "/r",
                    "script_name": "x",
                    "cookie_name": "_mv",
                    "token_name": "_mv",
                    "url_parameters": ("via", "ref"),
                    "trusted_proxies": (ip_network("10.0.0.0/8"),),
                    "currencies": {"EUR": 2, "JPY": 0, "KWD": 3},
                    "limits": None,
                    **settings,
                },
            )
        )

    def request(
        self,
        method: str,
        path: str,
        headers: Headers | None = None,
        chunks: tuple[bytes, ...] = (b"",),
        query: str = "",
        peer: str | None = "198.51.100.7",
    ) -> Answer:
        return self.run(self._request(method, path, headers or [], chunks, query, peer))

    async def _request(
        self, method: str, path: str, headers: Headers, chunks: tuple[bytes, ...], query: str, peer: str | None
    ) -> Answer:
        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "query_string": query.encode(),
            "headers": [(name.lower().encode(), value.encode("latin-1")) for name, value in headers],
            "client": (peer, 1234) if peer else None,
        }
        left = list(chunks)
        sent: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            chunk = left.pop(0)
            return {"type": "http.request", "body": chunk, "more_body": bool(left)}

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        flushing = asyncio.ensure_future(self.buffer.run())
        try:
            await self.app(scope, receive, send)
        finally:
            flushing.cancel()
            with suppress(asyncio.CancelledError):
                await flushing
        return Answer(sent)

    def post(self, event: Any, headers: Headers | None = None, **options: Any) -> Answer:
        """Post an event: a dict gets the site's key and goes as JSON, bytes go as they are."""
        body = event if isinstance(event, bytes) else json.dumps({"k": KEY, **event}).encode()
        sent = [("Origin", SITE_ORIGIN), ("User-Agent", CHROME.decode()), *(headers or [])]
        return self.request("POST", "/r/e", sent, (body,), **options)

    def follow(self, query: str = "", headers: Headers | None = None, method: str = "GET", **options: Any) -> Answer:
        return self.request(method, "/r/to/anna", headers, query=query, **options)


@pytest.fixture
def built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, bytes]]:
    """A built folder of our own with every build in every encoding; returns the content by file name."""
    contents = {
        f"{name}{ending}": f"/* {name}{ending} */".encode()
        for name in get_args(snippet.Build)
        for ending in snippet.ENDINGS.values()
    }
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    manifest = {"version": "9.9.9", "files": {name: {"sri": f"sha384-{name}"} for name in get_args(snippet.Build)}}
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    snippet._read.cache_clear()
    monkeypatch.setattr(snippet, "BUILT", tmp_path)
    yield contents
    snippet._read.cache_clear()


@pytest.fixture
def edge(run: Callable[[Coroutine[Any, Any, Any]], Any]) -> Iterator[Edge]:
    return Edge(run)


@pytest.fixture
def make_edge(run: Callable[[Coroutine[Any, Any, Any]], Any]) -> Callable[..., Edge]:
    return lambda **settings: Edge(run, **settings)
