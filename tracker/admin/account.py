"""The page of one's own account: language, password, signed-in browsers."""

from sqlalchemy import Connection
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from tracker.admin.cookies import SESSION, put_cookie
from tracker.admin.forms import Form
from tracker.admin.policy import action, page
from tracker.admin.render import render
from tracker.admin.visit import Visit
from tracker.i18n.languages import LANGUAGES
from tracker.i18n.messages import InputError, msg
from tracker.users import store
from tracker.users.limits import WINDOW_MS, is_exhausted
from tracker.users.passwords import SHORTEST, hash_password, verify_password
from tracker.users.sessions import is_alive, new_session

PATH = "/admin/account"


async def account_page(visit: Visit) -> Response:
    """Show the account."""
    return await _account_page(visit, Form([("language", visit.user.language)]))


async def language_change(visit: Visit) -> Response:
    """Change the language of pages."""
    language = visit.form.get("language")

    def change(conn: Connection) -> None:
        store.set_language(conn, user_id=visit.user.user_id, language=language, now_ms=visit.now_ms, actor=visit.actor)

    try:
        await visit.db.write(change)
    except InputError as error:
        return await _account_page(visit, visit.form.refuse(error), status=422)
    return visit.redirect(PATH, msg("The language is changed."))


async def password_change(visit: Visit) -> Response:
    """Change the password; every other session ends and this one gets a new cookie."""
    form = visit.form
    try:
        await _check_current(visit, form.raw("current"))
        _check_repeated(form)
        password_hash = await hash_password(form.raw("password"))
    except InputError as error:
        return await _account_page(visit, form.refuse(error), status=422)
    token, session = new_session(
        user_id=visit.user.user_id,
        address=visit.services.client_address(visit.request),
        user_agent=visit.request.headers.get("user-agent", ""),
        now_ms=visit.now_ms,
    )

    def change(conn: Connection) -> None:
        store.set_password(
            conn,
            user_id=visit.user.user_id,
            password_hash=password_hash,
            now_ms=visit.now_ms,
            actor=visit.actor,
        )
        store.continue_session(conn, session)

    await visit.db.write(change)
    response = visit.redirect(PATH, msg("The password is changed and every other session has ended."))
    put_cookie(response, visit.request, SESSION, token)
    return response


async def session_end(visit: Visit) -> Response:
    """End one session; ending the own one leads to the sign-in page."""
    try:
        digest = bytes.fromhex(visit.form.get("session"))
    except ValueError as error:
        raise HTTPException(400) from error

    def end(conn: Connection) -> None:
        store.end_session(conn, digest=digest, user_id=visit.user.user_id, now_ms=visit.now_ms, actor=visit.actor)

    await visit.db.write(end)
    if digest == visit.session.digest:
        return RedirectResponse("/login", status_code=303)
    return visit.redirect(PATH, msg("That session has ended."))


async def _check_current(visit: Visit, password: str) -> None:
    """Refuse a wrong current password; a stolen session may try as often as a stranger, ten times in 15 minutes."""
    scope = f"account:{visit.user.user_id}"

    def count(conn: Connection) -> int | None:
        used = store.count_attempts(conn, scope, since_ms=visit.now_ms - WINDOW_MS)
        if is_exhausted(account_attempts=used, network_attempts=0):
            return None
        return store.add_attempt(conn, scope, visit.now_ms)

    ticket = await visit.db.write(count)
    if ticket is None:
        raise InputError("current", msg("Too many attempts; wait 15 minutes, then try again."))
    if not await verify_password(password, visit.user.password_hash):
        raise InputError("current", msg("Is not your current password; type it again."))
    await visit.db.write(lambda conn: store.take_back_attempts(conn, (ticket,)))


def _check_repeated(form: Form) -> None:
    if form.raw("password") != form.raw("repeated"):
        raise InputError("repeated", msg("Differs from the new password; type both again."))


async def _account_page(visit: Visit, form: Form, *, status: int = 200) -> Response:
    sessions = await visit.db.read(lambda conn: store.list_sessions(conn, visit.user.user_id))
    return render(
        visit,
        "account.html",
        status=status,
        form=form,
        sessions=[session for session in sessions if is_alive(session, visit.now_ms)],
        languages=LANGUAGES,
        shortest=SHORTEST,
        account=visit.user,
    )


ROUTES = (
    page(PATH, account_page, permission="account.edit"),
    action(f"{PATH}/language", language_change, permission="account.edit"),
    action(f"{PATH}/password", password_change, permission="account.edit"),
    action(f"{PATH}/sessions/end", session_end, permission="account.edit"),
)
