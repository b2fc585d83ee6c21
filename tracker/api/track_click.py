"""`POST /v1/track/click`: a click that the shop's server saw, without script or cookie on the page.

It goes through the steps and the inbox of every other click; the key makes it trusted, so it may say when it happened.
The same click id again changes nothing.
"""

from typing import Annotated, Any

import msgspec
from msgspec import Meta
from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response

from ingest.browser_events import AGENT_MAX
from ingest.click_pipeline import CLICK_STEPS, Arrival, first_refusal
from ingest.client_address import UNKNOWN
from ingest.directory import Referral
from ingest.drops import DropReason
from ingest.events import PAGE_URL_MAX, BrowserId, InboxClick, ReferralCode, encode_click
from ingest.problems import FieldError, ProblemError, invalid
from ingest.redirects import make_click_id
from tracker.api.access import Sender, check_caller, services_of
from tracker.api.answers import json_answer
from tracker.api.bodies import convert, decode_object, read_body
from tracker.api.idempotent import idempotent
from tracker.api.operation import Operation
from tracker.api.refusals import RefusalsKept
from tracker.api.shapes import Links, Received
from tracker.api.times import parse_occurred
from tracker.api.track import SUBS, Sub, bounded_metadata, checked_address
from tracker.clicks import store as clicks
from tracker.conversions.show import ShownClick, show_click
from tracker.services import Services

Address = Annotated[str, Meta(max_length=PAGE_URL_MAX)]


class ClickBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body of a click; see docs/api.md."""

    click_id: BrowserId | None = None
    visitor_id: BrowserId | None = None
    partner_code: ReferralCode | None = None
    link: Annotated[str, Meta(min_length=1, max_length=64)] | None = None
    landing_url: Address | None = None
    referrer: Address | None = None
    occurred_at: Annotated[str, Meta(max_length=40)] | None = None
    ip: Annotated[str, Meta(max_length=45)] | None = None
    user_agent: Annotated[str, Meta(max_length=4096)] | None = None
    sub1: Sub | None = None
    sub2: Sub | None = None
    sub3: Sub | None = None
    sub4: Sub | None = None
    sub5: Sub | None = None
    metadata: Annotated[dict[str, Any], Meta(max_length=50)] = {}


async def track_click(request: Request) -> Response:
    """Record one click; see the module."""
    caller = await check_caller(request)
    services = services_of(request)
    async with RefusalsKept(request, caller, source="track_click"):
        body = await read_body(request)
        inbox_at_ms = services.now_ms()
        click = read_click(services, body, caller, inbox_at_ms=inbox_at_ms)
        return await idempotent(request, caller, body, lambda: _record(request, click, inbox_at_ms))


def read_click(services: Services, body: bytes, sender: Sender, *, inbox_at_ms: int) -> InboxClick:
    """Return the click in a body, its age as of the instant the inbox notes; raises ProblemError."""
    fields = convert(decode_object(body), ClickBody)
    named, referral = _referral(services, fields, sender.program_id)
    reason = first_refusal(CLICK_STEPS["server"], Arrival(headers={}, referral=referral))
    if reason is not None or referral is None:
        raise _dropped(services, reason or DropReason.UNKNOWN_CODE, named)
    click_id = fields.click_id or make_click_id()
    subs = {name: value for name in SUBS if (value := getattr(fields, name)) is not None}
    return InboxClick(
        program_id=sender.program_id,
        livemode=sender.livemode,
        enrollment_id=referral.enrollment_id,
        click_id=click_id,
        visitor_id=fields.visitor_id or click_id,
        source="server",
        code=referral.code,
        # Test objects live by a clock that is ahead: their clicks are younger than the inbox thinks.
        age_ms=inbox_at_ms - parse_occurred(fields.occurred_at, sender.now_ms),
        address=checked_address(fields.ip) or UNKNOWN,
        user_agent=(fields.user_agent or "")[:AGENT_MAX],
        page_url=fields.landing_url,
        http_referer=fields.referrer,
        parameter=None,
        state=0,
        event_id=None,
        headers={},
        details={**bounded_metadata(fields.metadata), **subs} or None,
    )


async def _record(request: Request, click: InboxClick, inbox_at_ms: int) -> Response:
    services = services_of(request)
    # The instant its age was counted from: another one would move the click in time.
    await services.buffer.put(inbox_at_ms, encode_click(click))
    if request.query_params.get("wait") == "true":
        await services.project()

        def load(conn: Connection) -> ShownClick | None:
            row = clicks.find_click(conn, program_id=click.program_id, click_id=click.click_id)
            return None if row is None else show_click(row)

        return json_answer(await services.db.read(load))
    shown = f"clk_{click.click_id}"
    links = Links(self_=f"{services.settings.base_url}/v1/clicks/{shown}")
    return json_answer(Received(id=shown, livemode=click.livemode, links=links), 202)


def _referral(services: Services, fields: ClickBody, program_id: str) -> tuple[str, Referral | None]:
    """Return the field that names the partner and whose click it is; raises ProblemError 422 unless one names it."""
    if (fields.partner_code is None) == (fields.link is None):
        message = "Send partner_code, or link (the slug of a referral link), and not both."
        raise invalid(FieldError(field="partner_code", message=message))
    if fields.partner_code is not None:
        return "partner_code", services.directory.referral(program_id, fields.partner_code)
    link = services.directory.link(fields.link or "")
    if link is None or link.program_id != program_id or not link.is_active:
        return "link", None
    return "link", Referral(enrollment_id=link.enrollment_id, code=link.code, partner_name="")


def _dropped(services: Services, reason: DropReason, field: str) -> ProblemError:
    """Return the refusal of a click that no step let pass, and count it."""
    services.sink.count_drop(reason.value)
    message = "No active partner of the program has this; look the code or link up on the partner's page."
    return ProblemError(
        422,
        reason.value,
        f"{field}: {message}",
        errors=(FieldError(field=field, message=message),),
        headers={"X-Molva-Drop": reason.value},
    )


OPERATIONS = (
    Operation(
        method="POST",
        path="/v1/track/click",
        endpoint=track_click,
        name="track_click",
        summary="Report a click that your server saw.",
        scope="track",
        body=ClickBody,
        example={"partner_code": "ANNA", "click_id": "Xb3vQ0", "landing_url": "https://shop.example/"},
        answers={200: ShownClick, 202: Received},
        can_wait=True,
    ),
)
