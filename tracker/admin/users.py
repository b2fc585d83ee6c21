"""The page of staff: who may sign in, with which role; adding, changing, disabling."""

from sqlalchemy import Connection
from starlette.exceptions import HTTPException
from starlette.responses import Response

from tracker.admin.forms import Form
from tracker.admin.policy import action, page
from tracker.admin.render import render
from tracker.admin.visit import Visit
from tracker.i18n.languages import LANGUAGES
from tracker.i18n.messages import InputError, msg
from tracker.users import store
from tracker.users.passwords import hash_password, new_password
from tracker.users.permissions import may_manage
from tracker.users.types import ROLES, User


async def users_list(visit: Visit) -> Response:
    """List everybody, with the form that adds a person."""
    return await _list_page(visit, Form([("language", visit.user.language)]))


async def users_add(visit: Visit) -> Response:
    """Add a person and show the first password, this once."""
    form = visit.form
    password = new_password()
    password_hash = await hash_password(password)

    def add(conn: Connection) -> User:
        _refuse_reach(visit, store.check_role(form.get("role")), field="role")
        return store.add_user(
            conn,
            email=form.get("email"),
            role=form.get("role"),
            password_hash=password_hash,
            language=form.get("language"),
            now_ms=visit.now_ms,
            actor=visit.actor,
        )

    try:
        user = await visit.db.write(add)
    except InputError as error:
        return await _list_page(visit, form.refuse(error), status=422)
    return await _list_page(visit, Form(), created=(user.email, password), status=201)


async def role_change(visit: Visit) -> Response:
    """Give a person another role."""

    def change(conn: Connection) -> User:
        user = _reachable(visit, conn)
        _refuse_reach(visit, store.check_role(visit.form.get("role")), field="role")
        store.set_role(conn, user_id=user.user_id, role=visit.form.get("role"), now_ms=visit.now_ms, actor=visit.actor)
        return user

    try:
        user = await visit.db.write(change)
    except InputError as error:
        return await _refused(visit, error)
    return visit.redirect("/admin/users", msg("The role of %(email)s is changed, at once.", email=user.email))


async def password_reset(visit: Visit) -> Response:
    """Give a person a new first password, shown this once; every session of theirs ends."""
    password = new_password()
    password_hash = await hash_password(password)

    def reset(conn: Connection) -> User:
        user = _reachable(visit, conn)
        if user.user_id == visit.user.user_id:
            raise InputError("user_id", msg("Change your own password under your account."))
        store.set_password(
            conn, user_id=user.user_id, password_hash=password_hash, now_ms=visit.now_ms, actor=visit.actor
        )
        return user

    try:
        user = await visit.db.write(reset)
    except InputError as error:
        return await _refused(visit, error)
    return await _list_page(visit, Form(), created=(user.email, password), status=201)


async def user_disable(visit: Visit) -> Response:
    """Lock a person out, at once."""

    def disable(conn: Connection) -> User:
        user = _reachable(visit, conn)
        store.disable_user(conn, user_id=user.user_id, now_ms=visit.now_ms, actor=visit.actor)
        return user

    try:
        user = await visit.db.write(disable)
    except InputError as error:
        return await _refused(visit, error)
    return visit.redirect("/admin/users", msg("%(email)s is locked out of every session.", email=user.email))


async def user_enable(visit: Visit) -> Response:
    """Let a disabled person sign in again."""

    def enable(conn: Connection) -> User:
        user = _reachable(visit, conn)
        store.enable_user(conn, user_id=user.user_id, now_ms=visit.now_ms, actor=visit.actor)
        return user

    try:
        user = await visit.db.write(enable)
    except InputError as error:
        return await _refused(visit, error)
    return visit.redirect("/admin/users", msg("%(email)s can sign in again.", email=user.email))


def _reachable(visit: Visit, conn: Connection) -> User:
    """Return the person in the path; refuses people whose role is out of reach."""
    user = store.get_user(conn, visit.path_id("user_id", "usr"))
    if user is None:
        raise HTTPException(404)
    _refuse_reach(visit, user.role, field="user_id")
    return user


def _refuse_reach(visit: Visit, role: str, *, field: str) -> None:
    if not may_manage(visit.user.role, store.check_role(role)):
        raise InputError(field, msg("Only an owner adds or changes owners and admins; ask one."))


async def _refused(visit: Visit, error: InputError) -> Response:
    return await _list_page(visit, Form(), refusal=error, status=422)


async def _list_page(
    visit: Visit,
    form: Form,
    *,
    created: tuple[str, str] | None = None,
    refusal: InputError | None = None,
    status: int = 200,
) -> Response:
    people = await visit.db.read(store.list_users)
    return render(
        visit,
        "users_list.html",
        status=status,
        people=people,
        form=form,
        created=created,
        refusal=refusal.message if refusal else None,
        roles=[role for role in ROLES if may_manage(visit.user.role, role)],
        reachable={user.user_id for user in people if may_manage(visit.user.role, user.role)},
        languages=LANGUAGES,
    )


ROUTES = (
    page("/admin/users", users_list, permission="users.view"),
    action("/admin/users", users_add, permission="users.edit"),
    action("/admin/users/{user_id}/role", role_change, permission="users.edit"),
    action("/admin/users/{user_id}/password", password_reset, permission="users.edit"),
    action("/admin/users/{user_id}/disable", user_disable, permission="users.edit"),
    action("/admin/users/{user_id}/enable", user_enable, permission="users.edit"),
)
