"""Whether the snippet, a click and a test sale pass through: over HTTP where a server runs, else inside this process.

`doctor.py` calls it. A running server is asked at the address that browsers use, so a proxy in between is tried too.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2

from tracker.app import create_app
from tracker.control import Refusal, ask
from tracker.db.database import DatabaseBusyError, DatabaseUnusableError
from tracker.operations.trial import BEGIN, END, begin_trial, end_trial
from tracker.operations.types import Finding
from tracker.services import open_services
from tracker.settings import Settings

TIMEOUT_S = 10.0
BODY_SHOWN = 120  # characters of an answer that are told
AGENT = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"  # a person's browser, no robot
SNIPPET, CLICK, SALE = "snippet", "test click", "test sale"

Tell = Callable[[str, dict[str, Any]], Awaitable[dict[str, Any]]]


class _StopError(Exception):
    """The passage ends here; the finding says why."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding.cause)
        self.finding = finding


async def check_passage(data_dir: Path, settings: Settings, *, url: str | None) -> list[Finding]:
    """Return a finding a step, up to the first that failed. Without a running server the schema must be the newest."""
    try:
        begun = await asyncio.to_thread(ask, data_dir, BEGIN, {})
    except Refusal as error:
        return [Finding(check=SNIPPET, state="failed", cause=str(error), remedy="Look into the server's log.")]
    if begun is not None:

        async def tell(command: str, params: dict[str, Any]) -> dict[str, Any]:
            return await asyncio.to_thread(ask, data_dir, command, params) or {}

        base = url or settings.base_url
        async with httpx2.AsyncClient(base_url=base, timeout=TIMEOUT_S, trust_env=False) as client:
            return await _try(client, begun, tell, settings)
    return await _try_here(data_dir, settings, url=url)


async def _try_here(data_dir: Path, settings: Settings, *, url: str | None) -> list[Finding]:
    """Open the installation in this process and try it there, or at the address given (a server on another machine)."""
    try:
        services = await open_services(data_dir)
    except (DatabaseBusyError, DatabaseUnusableError) as error:
        return [
            Finding(check=SNIPPET, state="failed", cause=str(error), remedy="Stop the other process, or ask again.")
        ]

    async def tell(_command: str, params: dict[str, Any]) -> dict[str, Any]:
        return await end_trial(services, params)

    app = create_app(services)
    async with app.running():
        begun = await begin_trial(services, {})
        async with _client_of(app, url or None) as client:
            return await _try(client, begun, tell, settings)


@asynccontextmanager
async def _client_of(app: Any, url: str | None) -> AsyncIterator[httpx2.AsyncClient]:
    transport = None if url else httpx2.ASGITransport(app=app, client=("127.0.0.1", 50_000))
    base = url or "http://127.0.0.1"
    async with httpx2.AsyncClient(transport=transport, base_url=base, timeout=TIMEOUT_S, trust_env=False) as client:
        yield client


async def _try(client: httpx2.AsyncClient, begun: dict[str, Any], tell: Tell, settings: Settings) -> list[Finding]:
    findings: list[Finding] = []
    try:
        findings.append(await _fetch_snippet(client, settings))
        if begun["program_id"] is None:
            findings.append(
                Finding(
                    check=CLICK,
                    state="warning",
                    cause="No program has an active partner, so no click could be tried.",
                    remedy="Add one: molva partner add --program ID --name NAME --email EMAIL.",
                )
            )
            return findings
        click_id = f"doctor-{secrets.token_hex(8)}"
        findings.append(await _send_click(client, begun, settings, click_id))
        findings.append(await _send_sale(client, begun, click_id))
    except _StopError as stop:
        findings.append(stop.finding)
    finally:
        if begun["program_id"] is not None:
            await tell(END, {"key_ids": begun["key_ids"]})
    return findings


async def _fetch_snippet(client: httpx2.AsyncClient, settings: Settings) -> Finding:
    path = f"{settings.public_prefix}/{settings.script_name}.js"
    answer = await _ask(client, SNIPPET, "GET", path)
    if answer.status_code != 200 or "javascript" not in answer.headers.get("content-type", ""):
        remedy = "Pass the whole path on in the proxy; where the script is not built, build it: make build."
        raise _stopped(SNIPPET, answer, remedy)
    return Finding(
        check=SNIPPET, state="ok", cause=f"{client.base_url.join(path)} answers {len(answer.content)} bytes."
    )


async def _send_click(client: httpx2.AsyncClient, begun: dict[str, Any], settings: Settings, click_id: str) -> Finding:
    event = {"v": 1, "t": "click", "k": begun["publishable_key"], "i": click_id, "c": click_id, "r": begun["code"]}
    headers = {"Content-Type": "text/plain", "User-Agent": AGENT}
    if begun["origin"]:
        headers["Origin"] = begun["origin"]
    answer = await _ask(client, CLICK, "POST", f"{settings.public_prefix}/e", json=event, headers=headers)
    drop = answer.headers.get("x-molva-drop")
    if answer.status_code != 200 or drop is not None:
        remedy = (
            f'The click was dropped: {drop}; see "Public edge" in docs/api.md.' if drop else "See the server's log."
        )
        raise _stopped(CLICK, answer, remedy)
    return Finding(check=CLICK, state="ok", cause=f"A test click of the code {begun['code']} was stored.")


async def _send_sale(client: httpx2.AsyncClient, begun: dict[str, Any], click_id: str) -> Finding:
    sale = {"external_id": click_id, "amount": 100, "currency": begun["currency"], "click_id": click_id}
    headers = {"Authorization": f"Bearer {begun['secret_key']}"}
    answer = await _ask(client, SALE, "POST", "/v1/track/sale?wait=true", json=sale, headers=headers)
    if answer.status_code == 202:
        return Finding(
            check=SALE,
            state="warning",
            cause="The test sale was stored, but not decided within 5 s.",
            remedy="See whether the background work runs (metrics: molva_jobs_waiting), and how busy the machine is.",
        )
    if answer.status_code != 200:
        raise _stopped(SALE, answer, "The detail above says why.")
    winners = [each["partner"] for each in answer.json()["attribution"]["winner"]]
    if begun["partner_id"] not in winners:
        raise _stopped(SALE, answer, "The program's attribution settings gave it to nobody; look at its terms.")
    return Finding(check=SALE, state="ok", cause="A test sale was stored and credited to the partner of the click.")


async def _ask(client: httpx2.AsyncClient, check: str, method: str, path: str, **options: Any) -> httpx2.Response:
    try:
        return await client.request(method, path, **options)
    except httpx2.TransportError as error:
        finding = Finding(
            check=check,
            state="failed",
            cause=f"{client.base_url.join(path)} cannot be reached ({error or type(error).__name__}).",
            remedy="Make base_url lead to the running server, or name an inside address: --url http://127.0.0.1:8000.",
        )
        raise _StopError(finding) from error


def _stopped(check: str, answer: httpx2.Response, remedy: str) -> _StopError:
    cause = (
        f"{answer.request.method} {answer.request.url.path} answered {answer.status_code}: {answer.text[:BODY_SHOWN]}"
    )
    return _StopError(Finding(check=check, state="failed", cause=" ".join(cause.split()), remedy=remedy))
