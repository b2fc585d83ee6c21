"""The one-time notice after an action: a short-lived signed cookie that the next page shows and removes."""

import msgspec
from itsdangerous import BadSignature, URLSafeTimedSerializer
from starlette.requests import Request
from starlette.responses import Response

from tracker.admin.context import services_of
from tracker.admin.cookies import NOTICE, drop_cookie, put_cookie, read_cookie
from tracker.i18n.messages import Message

LIVES_SECONDS = 120


def put_notice(response: Response, request: Request, message: Message) -> None:
    """Leave a notice for the next page."""
    put_cookie(response, request, NOTICE, _signer(request).dumps(msgspec.to_builtins(message)), max_age=LIVES_SECONDS)


def read_notice(request: Request) -> Message | None:
    """Return the notice left for this page; one that is old or not ours is none."""
    value = read_cookie(request, NOTICE)
    if not value:
        return None
    try:
        return msgspec.convert(_signer(request).loads(value, max_age=LIVES_SECONDS), Message)
    except (BadSignature, msgspec.ValidationError):
        return None


def drop_notice(response: Response, request: Request) -> None:
    """Remove the notice once it is shown."""
    if read_cookie(request, NOTICE):
        drop_cookie(response, request, NOTICE)


def _signer(request: Request) -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(services_of(request).secret, salt="molva notice")
