"""What the admin pages need from the application around them.

`tracker/app.py` puts an object of this shape into `app.state.services`; the guard reads it and hands it to views
inside a `Visit`. Nothing here knows how the parts are made.
"""

from typing import Protocol

from starlette.requests import Request

from tracker.clicks.project import Enricher
from tracker.db.database import Database
from tracker.settings import Settings


class Services(Protocol):
    """The parts of the running application that pages use."""

    @property
    def db(self) -> Database:
        """The opened database."""
        ...

    @property
    def settings(self) -> Settings:
        """The installation's settings."""
        ...

    @property
    def secret(self) -> bytes:
        """The root secret; pages derive from it and never show it."""
        ...

    @property
    def enricher(self) -> Enricher:
        """What reads addresses; pages show the age of its files."""
        ...

    def now_ms(self) -> int:
        """Return Unix milliseconds now."""
        ...

    async def project(self) -> None:
        """Make clicks of everything acknowledged so far."""
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
