"""The sign-in page and signing out: `/login`, `/logout`.

The only staff views without a session, so they check the form's origin and token themselves.
"""

import secrets

from sqlalchemy import Connection
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from tracker.admin.context import services_of
from tracker.admin.cookies import LOGIN_FORM, SESSION, drop_cookie, is_secure, put_cookie, read_cookie
from tracker.admin.csrf import FIELD, is_from_here, is_token_right, login_token
from tracker.admin.errors import public_error_page
from tracker.admin.forms import Form, read_form
from tracker.admin.guard import load_session, open_visit
from tracker.admin.headers import secured
from tracker.admin.render import render_public
from tracker.db.database import DatabaseBusyError
from tracker.i18n.languages import choose_language
from tracker.i18n.messages import msg
from tracker.i18n.translator import Translator, translator_of
from tracker.users import store
from tracker.users.sign_in import Attempt, sign_in

HOME = "/admin/"
LOGIN_COOKIE_SECONDS = 86_400  # a sign-in page left open over night still works


async def login_page(request: Request) -> Response:
    """Show the sign-in form; somebody signed in goes straight on."""
    try:
        if await open_visit(request) is not None:
            return secured(
                RedirectResponse(_safe_next(request.query_params.get("next", "")), 303), is_https=is_secure(request)
            )
    except DatabaseBusyError:
        return public_error_page(request, 503)
    return _form_page(request, Form([("next", request.query_params.get("next", ""))]))


async def login_action(request: Request) -> Response:
    """Sign a person in, or show the form again with what to do."""
    services = services_of(request)
    try:
        form = await _read_own_form(request)
        attempt = Attempt(
            email=form.get("email"),
            password=form.raw("password"),
            address=services.client_address(request),
            user_agent=request.headers.get("user-agent", ""),
        )
        result = await sign_in(
            services.db,
            attempt,
            secret=services.secret,
            is_limited=services.settings.limits.enabled,
            now_ms=services.now_ms(),
        )
    except HTTPException as error:
        return public_error_page(request, error.status_code)
    except DatabaseBusyError:
        return public_error_page(request, 503)
    if result == "too_many":
        form.errors["email"] = msg("Too many attempts; wait 15 minutes, then try again.")
        page = _form_page(request, form, status=429)
        page.headers["Retry-After"] = "900"
        return page
    if result == "wrong":
        form.errors["email"] = msg("E-mail or password is wrong; check both and try again.")
        return _form_page(request, form, status=422)
    response = RedirectResponse(_safe_next(form.get("next")), status_code=303)
    put_cookie(response, request, SESSION, result.token)
    drop_cookie(response, request, LOGIN_FORM)
    return secured(response, is_https=is_secure(request))


async def logout_action(request: Request) -> Response:
    """End the session and go to the sign-in page; without a living session just go there."""
    services = services_of(request)
    now_ms = services.now_ms()
    response = RedirectResponse("/login", status_code=303)
    try:
        found = await load_session(services, read_cookie(request, SESSION), now_ms)
        if found is not None:
            session, user = found
            form = await _own_form(request)
            _refuse_wrong_token(form, session.csrf_token)

            def end(conn: Connection) -> None:
                store.end_session(
                    conn,
                    digest=session.digest,
                    user_id=user.user_id,
                    now_ms=now_ms,
                    actor=f"user:{user.user_id}",
                )

            await services.db.write(end)
    except HTTPException as error:
        return public_error_page(request, error.status_code)
    except DatabaseBusyError:
        return public_error_page(request, 503)
    drop_cookie(response, request, SESSION)
    return secured(response, is_https=is_secure(request))


def _refuse_wrong_token(form: Form, expected: str) -> None:
    if not is_token_right(form.raw(FIELD), expected):
        raise HTTPException(419)


async def _own_form(request: Request) -> Form:
    if not is_from_here(request, services_of(request).settings.base_url):
        raise HTTPException(419)
    return await read_form(request)


async def _read_own_form(request: Request) -> Form:
    """Return the sign-in form; refuses one that this browser was not given."""
    form = await _own_form(request)
    expected = login_token(secret=services_of(request).secret, nonce=read_cookie(request, LOGIN_FORM))
    _refuse_wrong_token(form, expected)
    return form


def _form_page(request: Request, form: Form, *, status: int = 200) -> Response:
    nonce = read_cookie(request, LOGIN_FORM) or secrets.token_urlsafe(32)
    token = login_token(secret=services_of(request).secret, nonce=nonce)
    page = render_public(request, "sign_in.html", speech=_speech(request), status=status, form=form, csrf_token=token)
    put_cookie(page, request, LOGIN_FORM, nonce, max_age=LOGIN_COOKIE_SECONDS)
    return secured(page, is_https=is_secure(request))


def _speech(request: Request) -> Translator:
    header = request.headers.get("accept-language", "")
    return translator_of(choose_language(setting=None, accept_language=header))


def _safe_next(wanted: str) -> str:
    """Return where to go after signing in: a page of ours, never another host."""
    is_ours = wanted.startswith("/admin/") and "//" not in wanted and "\\" not in wanted and wanted.isprintable()
    return wanted if is_ours and wanted.isascii() else HOME
