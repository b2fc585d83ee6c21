"""The partner's private page behind a signed address: a door that link previews may open, and the results behind it.

`GET /p/{token}` shows a button and notes nothing, because messengers and mail scanners follow links. `POST` notes that
the partner was here and shows the results. The address itself is the secret; a form sent from another site is refused.
Behind it a partner also answers questions about cases and appeals against a decision.
"""

from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import ChoiceLoader, Environment, FileSystemLoader
from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Route

from ingest.address_keys import same_host
from ingest.enrich import read_agent
from tracker.admin.cookies import is_secure
from tracker.admin.csrf import is_from_here
from tracker.admin.errors import public_error_page
from tracker.admin.forms import Form, read_form
from tracker.admin.guard import open_visit
from tracker.admin.headers import secured
from tracker.admin.render import TEMPLATE_DIR, environment
from tracker.cases.appeals import MESSAGE_MAX, answer_question, file_appeal
from tracker.db.ids import IdError, canonical_id
from tracker.i18n.languages import choose_language
from tracker.i18n.messages import InputError, Message, msg
from tracker.i18n.translator import Translator, translator_of
from tracker.partners import store as partners
from tracker.partners.types import Login, Partner
from tracker.portal.links import read_token
from tracker.portal.results import SHOWN_MAX, load_results
from tracker.services import Services

_TEMPLATES = Path(__file__).parent / "templates"
NOTED_EVERY_MS = 600_000  # sign-ins from one address and browser within ten minutes are one
TOKEN_MAX = 300  # characters of an address looked at; ours have 120


def routes() -> list[BaseRoute]:
    """Return the routes of the private page."""
    return [
        Route("/p/{token}", show_door, methods=["GET"]),
        Route("/p/{token}", show_results, methods=["POST"]),
        Route("/p/{token}/cases/{case_id}", write, methods=["POST"]),
    ]


async def show_door(request: Request) -> Response:
    """Show the button; whether the address is valid is all that is looked at."""
    partner = await _partner(request)
    if partner is None:
        return _page(request, "over.html", status=404)
    return _page(request, "door.html", partner=partner)


async def show_results(request: Request) -> Response:
    """Note that the partner was here and show everything that is theirs."""
    services = _services(request)
    if not is_from_here(request, services.settings.base_url):
        return public_error_page(request, 419)
    partner = await _partner(request)
    if partner is None:
        return _page(request, "over.html", status=404)
    if await open_visit(request) is None:
        await _note(request, partner)
    return await _results(request, partner)


async def write(request: Request) -> Response:
    """Take the partner's answer or appeal and show everything again, with what was typed where it is refused."""
    services = _services(request)
    if not is_from_here(request, services.settings.base_url):
        return public_error_page(request, 419)
    partner = await _partner(request)
    if partner is None:
        return _page(request, "over.html", status=404)
    form = await read_form(request)
    send = file_appeal if form.get("kind") == "appeal" else answer_question
    try:
        case_id = canonical_id("cas", request.path_params["case_id"])
    except IdError:
        return _page(request, "over.html", status=404)
    mine = await services.db.read(lambda conn: partners.enrollments_of(conn, partner.partner_id))
    try:
        await send(
            services.db,
            case_id=case_id,
            enrollment_ids={each.enrollment_id for each in mine},
            text=form.raw("text"),
            now_ms=services.now_ms(),
        )
    except InputError as error:
        return await _results(request, partner, refused=(case_id, form.refuse(error)), status=422)
    said = (
        msg("Your appeal is with the reviewers.") if send is file_appeal else msg("Your answer is with the reviewers.")
    )
    return await _results(request, partner, said=said)


async def _results(
    request: Request,
    partner: Partner,
    *,
    refused: tuple[str, Form] | None = None,
    said: Message | None = None,
    status: int = 200,
) -> Response:
    """Show everything that is the partner's; `refused` names the case and the form that was not taken."""
    services = _services(request)
    speech, now_ms = _speech(request), services.now_ms()
    shares = await services.db.read(lambda conn: load_results(conn, partner, speech, now_ms=now_ms))
    return _page(
        request,
        "results.html",
        status=status,
        address=f"/p/{request.path_params['token']}",
        refused=refused,
        said=said,
        message_max=MESSAGE_MAX,
        partner=partner,
        shares=shares,
        shown_max=SHOWN_MAX,
        now_ms=now_ms,
        link_base=f"{services.settings.base_url}{services.settings.public_prefix}/to/",
    )


async def _partner(request: Request) -> Partner | None:
    """Return the partner the address stands for, None when it is not ours or over."""
    services, token = _services(request), request.path_params["token"]
    if len(token) > TOKEN_MAX:
        return None
    partner_id = read_token(token, secret=services.secret, now_ms=services.now_ms())
    if partner_id is None:
        return None
    return await services.db.read(lambda conn: partners.get_partner(conn, partner_id))


async def _note(request: Request, partner: Partner) -> None:
    """Note the visit, for the rule that compares where partners and customers come from."""
    services = _services(request)
    now_ms = services.now_ms()
    keys = services.enricher.keyring.keys_of(services.client_address(request), now_ms)
    agent_key = read_agent(request.headers.get("user-agent", "")).agent_key
    visit = Login(at_ms=now_ms, host_key=keys.host, next_host_key=keys.next_host, agent_key=agent_key)

    def note(conn: Connection) -> None:
        recent = partners.logins_between(
            conn, partner_id=partner.partner_id, from_ms=now_ms - NOTED_EVERY_MS, to_ms=now_ms
        )
        if not any(same_host(login, visit) and login.agent_key == agent_key for login in recent):
            partners.note_login(conn, partner.partner_id, visit)

    await services.db.write(note)


def _services(request: Request) -> Services:
    services: Services = request.app.state.services
    return services


def _speech(request: Request) -> Translator:
    language = choose_language(setting=None, accept_language=request.headers.get("accept-language", ""))
    return translator_of(language)


@cache
def _environment(language: str) -> Environment:
    loader = ChoiceLoader([FileSystemLoader(_TEMPLATES), FileSystemLoader(TEMPLATE_DIR)])
    return environment(language).overlay(loader=loader)


def _page(request: Request, template: str, *, status: int = 200, **context: Any) -> Response:
    speech = _speech(request)
    html = _environment(speech.language).get_template(template).render(visit=None, **context)
    return secured(HTMLResponse(html, status_code=status), is_https=is_secure(request))
