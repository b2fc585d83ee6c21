"""The names and attributes of the cookies staff pages set.

With https every cookie carries the `__Host-` prefix and Secure, so no other host or plain connection can plant one;
without it (a first try on loopback) the names are plain, because browsers refuse the prefix there.
"""

from starlette.requests import Request
from starlette.responses import Response

from tracker.admin.context import services_of

SESSION = "molva_session"
LOGIN_FORM = "molva_login"
NOTICE = "molva_notice"


def cookie_name(request: Request, name: str) -> str:
    """Return the cookie's name in this installation."""
    return f"__Host-{name}" if is_secure(request) else name


def is_secure(request: Request) -> bool:
    """Tell whether the installation's outside address is https."""
    return services_of(request).settings.base_url.startswith("https://")


def read_cookie(request: Request, name: str) -> str:
    """Return a cookie's value, "" without one."""
    return request.cookies.get(cookie_name(request, name), "")


def put_cookie(response: Response, request: Request, name: str, value: str, *, max_age: int | None = None) -> None:
    """Set a cookie for this host alone, out of reach of scripts; without `max_age` it goes with the browser."""
    response.set_cookie(
        cookie_name(request, name),
        value,
        max_age=max_age,
        path="/",
        secure=is_secure(request),
        httponly=True,
        samesite="lax",
    )


def drop_cookie(response: Response, request: Request, name: str) -> None:
    """Remove a cookie."""
    response.delete_cookie(
        cookie_name(request, name), path="/", secure=is_secure(request), httponly=True, samesite="lax"
    )
