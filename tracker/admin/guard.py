"""What stands before every staff view: session, permission, origin and token of a form; and the headers behind it.

`routes.py` wraps each declared route with `guarded`. A view runs only when all checks passed.
"""

from collections.abc import Awaitable, Callable
from urllib.parse import quote

from sqlalchemy import Connection
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from tracker.admin.context import Services, services_of
from tracker.admin.cookies import SESSION, is_secure, read_cookie
from tracker.admin.csrf import FIELD, is_from_here, is_token_right
from tracker.admin.errors import error_page, public_error_page
from tracker.admin.forms import Form, read_form
from tracker.admin.headers import secured
from tracker.admin.policy import RoutePolicy
from tracker.admin.visit import Visit
from tracker.db.database import DatabaseBusyError
from tracker.i18n.languages import choose_language
from tracker.i18n.translator import translator_of
from tracker.users import store
from tracker.users.sessions import TOUCH_EVERY_MS, digest_of, is_alive
from tracker.users.types import Session, User

Endpoint = Callable[[Request], Awaitable[Response]]


def guarded(policy: RoutePolicy) -> Endpoint:
    """Return the endpoint that checks everything and then runs the view."""

    async def endpoint(request: Request) -> Response:
        try:
            response = await _answer(request, policy)
        except DatabaseBusyError:
            response = public_error_page(request, 503)
        return secured(response, is_https=is_secure(request))

    return endpoint


async def _answer(request: Request, policy: RoutePolicy) -> Response:
    visit = await open_visit(request)
    if visit is None:
        return _to_sign_in(request)
    try:
        if not visit.may(policy.permission):
            return error_page(visit, 403)
        if policy.method == "POST":
            visit = await _with_form(visit)
        return await policy.view(visit)
    except HTTPException as error:
        return error_page(visit, error.status_code)


async def open_visit(request: Request) -> Visit | None:
    """Return the signed-in person's visit, or None when the cookie opens nothing (any more)."""
    services = services_of(request)
    token = read_cookie(request, SESSION)
    if not token:
        return None
    now_ms = services.now_ms()
    found = await load_session(services, token, now_ms)
    if found is None:
        return None
    session, user = found
    language = choose_language(setting=user.language, accept_language=request.headers.get("accept-language", ""))
    return Visit(
        request=request,
        services=services,
        user=user,
        session=session,
        speech=translator_of(language),
        now_ms=now_ms,
        form=Form(),
    )


async def load_session(services: Services, token: str, now_ms: int) -> tuple[Session, User] | None:
    """Return the living session of a cookie with its person, and note that it was used."""
    digest = digest_of(token)
    found = await services.db.read(lambda conn: store.session_with_user(conn, digest))
    if found is None or not is_alive(found[0], now_ms):
        return None
    if now_ms - found[0].seen_at_ms >= TOUCH_EVERY_MS:

        def touch(conn: Connection) -> None:
            store.touch_session(conn, digest, now_ms)

        await services.db.write(touch)
    return found


async def _with_form(visit: Visit) -> Visit:
    """Return the visit with its form read; refuses one that none of our pages sent (419, shown as 403)."""
    if not is_from_here(visit.request, visit.services.settings.base_url):
        raise HTTPException(419)
    form = await read_form(visit.request)
    if not is_token_right(form.raw(FIELD), visit.session.csrf_token):
        raise HTTPException(419)
    return Visit(
        request=visit.request,
        services=visit.services,
        user=visit.user,
        session=visit.session,
        speech=visit.speech,
        now_ms=visit.now_ms,
        form=form,
    )


def _to_sign_in(request: Request) -> Response:
    """Return the way to the sign-in page, and back here afterwards when this is a page."""
    if request.method not in {"GET", "HEAD"}:
        return RedirectResponse("/login", status_code=303)
    wanted = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return RedirectResponse(f"/login?next={quote(wanted, safe='/')}", status_code=303)
