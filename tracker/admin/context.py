"""What the admin pages need from the application around them.

`tracker/app.py` puts an object of this shape into `app.state.services`; the guard reads it and hands it to views
inside a `Visit`. Nothing here knows how the parts are made.
"""

from typing import Protocol

from starlette.requests import Request

from tracker.db.database import Database


class EdgeSettings(Protocol):
    """The settings the pages print or compare."""

    @property
    def base_url(self) -> str:
        """The outside address, without a slash at its end; the only source of links."""
        ...

    @property
    def public_prefix(self) -> str:
        """The prefix of the public edge, such as `/r`."""
        ...

    @property
    def limits(self) -> "Limits":
        """The switch of the rate limits."""
        ...


class Limits(Protocol):
    """Whether sign-ins are limited."""

    @property
    def enabled(self) -> bool:
        """False switches rate limits off."""
        ...


class Services(Protocol):
    """The parts of the running application that pages use."""

    @property
    def db(self) -> Database:
        """The opened database."""
        ...

    @property
    def settings(self) -> EdgeSettings:
        """The installation's settings."""
        ...

    @property
    def secret(self) -> bytes:
        """The root secret; pages derive from it and never show it."""
        ...

    def now_ms(self) -> int:
        """Return Unix milliseconds now."""
        ...

    async def refresh(self) -> None:
        """Make the public edge see changed programs, sites, keys, partners, links and codes."""
        ...

    def client_address(self, request: Request) -> str:
        """Return the address of the person's machine, trusted proxies taken into account."""
        ...


def services_of(request: Request) -> Services:
    """Return the application's parts."""
    services: Services = request.app.state.services
    return services
