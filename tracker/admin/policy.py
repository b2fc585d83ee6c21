"""How a route is declared: its path, its method, its view and the permission it needs.

Each area file lists its routes with `page` and `action`; `routes.py` joins the lists. No route can be declared without
a permission, and the tests build the matrix of routes and roles from these declarations.
"""

from collections.abc import Awaitable, Callable
from typing import Literal, NamedTuple

from starlette.responses import Response

from tracker.admin.visit import Visit
from tracker.users.permissions import PERMISSIONS

View = Callable[[Visit], Awaitable[Response]]


class RoutePolicy(NamedTuple):
    """One staff route and who may use it."""

    method: Literal["GET", "POST"]
    path: str
    view: View
    permission: str


def page(path: str, view: View, *, permission: str) -> RoutePolicy:
    """Declare a page: read only, by GET."""
    return RoutePolicy("GET", path, view, _declared(permission))


def action(path: str, view: View, *, permission: str) -> RoutePolicy:
    """Declare an action: a form sent by POST, with its token checked before the view runs."""
    return RoutePolicy("POST", path, view, _declared(permission))


def _declared(permission: str) -> str:
    if permission not in PERMISSIONS:
        raise ValueError(f'Permission "{permission}" is not declared; add it to tracker/users/permissions.py.')
    return permission
