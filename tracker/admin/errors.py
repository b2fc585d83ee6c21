"""Error pages: what happened and what to do, in the reader's language.

The guard answers with them, and the application registers `answer_error` for what happens outside a route (unknown
paths, wrong methods, failures). They never show internals.
"""

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from tracker.admin.cookies import is_secure
from tracker.admin.headers import secured
from tracker.admin.render import render, render_public
from tracker.admin.visit import Visit
from tracker.i18n.languages import choose_language
from tracker.i18n.messages import Message, msg
from tracker.i18n.translator import translator_of

_TEXTS: dict[int, tuple[Message, Message]] = {
    400: (msg("The form could not be read"), msg("Go back, reload the page and send it again.")),
    403: (
        msg("This is not yours to open"),
        msg("Your role does not include it. Ask an owner or admin if you need it."),
    ),
    404: (
        msg("There is nothing here"),
        msg("The address may be mistyped, or the thing it named never existed. The menu leads to everything there is."),
    ),
    405: (msg("This address takes no such request"), msg("Go back and use the buttons of the page.")),
    413: (
        msg("That is too much at once"),
        msg("A form may hold up to 64 KiB. Shorten the longest text and send it again."),
    ),
    415: (msg("The form came in an unknown format"), msg("Go back, reload the page and send it again.")),
    419: (
        msg("The form is out of date"),
        msg(
            "It was opened in another session or sent from another site. Nothing was changed: "
            "go back, reload the page and send it again."
        ),
    ),
    429: (msg("Too many attempts"), msg("Wait 15 minutes, then try again.")),
    500: (
        msg("Something broke on our side"),
        msg("Nothing was changed. Try again; if it stays, look into the log under the time of this page."),
    ),
    503: (msg("The database is busy"), msg("Nothing was changed. Try again in a moment.")),
}
# Shown where browsers expect a standard status: 419 is no number of RFC 9110.
_STATUS = {419: 403}


def error_page(visit: Visit, code: int) -> Response:
    """Return the error page for a signed-in person, menu and all."""
    title, remedy = _TEXTS.get(code, _TEXTS[500])
    return render(
        visit, "error.html", status=_STATUS.get(code, code), code=_STATUS.get(code, code), title=title, remedy=remedy
    )


def public_error_page(request: Request, code: int) -> Response:
    """Return the error page for somebody not signed in, security headers included."""
    speech = translator_of(choose_language(setting=None, accept_language=request.headers.get("accept-language", "")))
    title, remedy = _TEXTS.get(code, _TEXTS[500])
    shown = _STATUS.get(code, code)
    page = render_public(request, "error.html", speech=speech, status=shown, code=shown, title=title, remedy=remedy)
    if shown == 503:
        page.headers["Retry-After"] = "5"
    return secured(page, is_https=is_secure(request))


async def answer_error(request: Request, error: Exception) -> Response:
    """Return the error page for an exception that left a route; for `exception_handlers` of the application."""
    code = error.status_code if isinstance(error, HTTPException) else 500
    response = public_error_page(request, code)
    if isinstance(error, HTTPException) and error.headers:
        response.headers.update(error.headers)
    return response
