"""The list of staff routes: every area's declarations joined, each behind the guard.

`tracker/app.py` adds `routes()` to the application. A new area is a file with `ROUTES`, one line in `POLICIES` and, if
it has a page of its own, one line in `navigation.MENU`.
"""

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from tracker.admin import (
    account,
    allow_list,
    audit,
    case_actions,
    case_bulk,
    cases,
    clicks,
    conversions,
    installation,
    journeys,
    ledger,
    links,
    model_reports,
    overview,
    partners,
    patterns,
    privacy,
    programs,
    publishing,
    refused_events,
    rule_settings,
    rules,
    users,
)
from tracker.admin.assets import ASSET_ROUTE
from tracker.admin.errors import error_page
from tracker.admin.guard import guarded
from tracker.admin.policy import RoutePolicy, page
from tracker.admin.sign_in import login_action, login_page, logout_action
from tracker.admin.visit import Visit


async def nowhere(visit: Visit) -> Response:
    """Say that there is no such page, with the menu beside it."""
    return error_page(visit, 404)


POLICIES: tuple[RoutePolicy, ...] = (
    *overview.ROUTES,
    *case_bulk.ROUTES,
    *case_actions.ROUTES,
    *cases.ROUTES,
    *allow_list.ROUTES,
    *rules.ROUTES,
    *rule_settings.ROUTES,
    *conversions.ROUTES,
    *journeys.ROUTES,
    *clicks.ROUTES,
    *refused_events.ROUTES,
    *ledger.ROUTES,
    *model_reports.ROUTES,
    *programs.ROUTES,
    *publishing.ROUTES,
    *installation.ROUTES,
    *partners.ROUTES,
    *links.ROUTES,
    *privacy.ROUTES,
    *users.ROUTES,
    *audit.ROUTES,
    *account.ROUTES,
    *patterns.ROUTES,
)


def routes() -> list[BaseRoute]:
    """Return every staff route with its full path, most specific first."""
    guarded_routes = [Route(each.path, guarded(each), methods=[each.method]) for each in POLICIES]
    return [
        Route("/login", login_page, methods=["GET"]),
        Route("/login", login_action, methods=["POST"]),
        Route("/logout", logout_action, methods=["POST"]),
        ASSET_ROUTE,
        Route("/admin", _to_home, methods=["GET"]),
        *guarded_routes,
        Route("/admin/{rest:path}", guarded(page("/admin/{rest:path}", nowhere, permission="account.edit"))),
    ]


async def _to_home(_: Request) -> Response:
    return RedirectResponse("/admin/", status_code=308)
