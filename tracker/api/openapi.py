"""`GET /v1/openapi.json` and `GET /v1/docs`: the description of the server API, for programs and for people.

Both are made from the operations that the routes are made of, so they cannot say anything else. They need no key.
"""

from functools import cache
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from tracker.admin.cookies import is_secure
from tracker.admin.headers import secured
from tracker.api.access import services_of
from tracker.api.answers import json_answer
from tracker.api.describe import describe
from tracker.api.docs_page import render_docs
from tracker.api.operation import Operation
from tracker.i18n.languages import choose_language


def described(operations: tuple[Operation, ...]) -> tuple[Operation, ...]:
    """Return the operations and, behind them, the two that describe them all."""

    @cache
    def document(base_url: str) -> dict[str, Any]:
        return describe(everything, base_url=base_url)

    async def get_description(request: Request) -> Response:
        return json_answer(document(services_of(request).settings.base_url))

    async def get_page(request: Request) -> Response:
        language = choose_language(setting=None, accept_language=request.headers.get("accept-language", ""))
        html = render_docs(document(services_of(request).settings.base_url), language)
        return secured(HTMLResponse(html), is_https=is_secure(request))

    everything = (
        *operations,
        Operation(
            method="GET",
            path="/v1/openapi.json",
            endpoint=get_description,
            name="openapi",
            summary="Read this description, OpenAPI 3.1.",
            scope=None,
            answers={200: dict[str, Any]},
        ),
        Operation(
            method="GET",
            path="/v1/docs",
            endpoint=get_page,
            name="docs",
            summary="Read this description as a page.",
            scope=None,
            answers={200: None},
        ),
    )
    return everything
