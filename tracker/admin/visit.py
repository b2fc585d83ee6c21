"""One request of a signed-in person, as views see it.

The guard makes it after session, permission and CSRF checks; views read it and answer through `render` and `redirect`.
"""

from dataclasses import dataclass
from urllib.parse import urlencode

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from tracker.admin.context import Services
from tracker.admin.forms import Form
from tracker.admin.notices import put_notice
from tracker.db.database import Database
from tracker.db.ids import IdError, canonical_id
from tracker.i18n.messages import Message
from tracker.i18n.text import fits_storage
from tracker.i18n.translator import Translator
from tracker.users.permissions import is_allowed
from tracker.users.types import Session, User

QUERY_MAX = 200  # characters of one query parameter looked at


@dataclass(frozen=True, kw_only=True, slots=True)
class Visit:
    """Who asks for what, in which language, at what instant."""

    request: Request
    services: Services
    user: User
    session: Session
    speech: Translator
    now_ms: int
    form: Form

    @property
    def db(self) -> Database:
        """The opened database."""
        return self.services.db

    @property
    def actor(self) -> str:
        """The person as the audit trail names them."""
        return f"user:{self.user.user_id}"

    def may(self, permission: str) -> bool:
        """Tell whether the person holds a permission."""
        return is_allowed(self.user.role, permission)

    def query(self, name: str) -> str:
        """Return a query parameter without outer blanks; "" when it is missing or no database could compare it."""
        value = self.request.query_params.get(name, "").strip()[:QUERY_MAX]
        return value if fits_storage(value) else ""

    def path_id(self, name: str, prefix: str) -> str:
        """Return the id in the path; one that is no id is a page that does not exist."""
        try:
            return canonical_id(prefix, self.request.path_params[name])
        except IdError as error:
            raise HTTPException(404) from error

    def query_id(self, name: str, prefix: str) -> str | None:
        """Return the id in a query parameter, None when it is missing or no id."""
        try:
            return canonical_id(prefix, self.query(name)) if self.query(name) else None
        except IdError:
            return None

    def address_with(self, **changes: str) -> str:
        """Return this page's address with some query parameters changed and empty ones left out."""
        wanted = {**self.request.query_params, **changes}
        kept = {name: value for name, value in wanted.items() if value}
        path = self.request.url.path
        return f"{path}?{urlencode(kept)}" if kept else path

    def redirect(self, path: str, notice: Message | None = None) -> Response:
        """Return the way to a page of ours after an action, with a notice shown there once."""
        response = RedirectResponse(path, status_code=303)
        if notice is not None:
            put_notice(response, self.request, notice)
        return response
