"""Templates to responses: one Jinja environment per language, with the formatters as filters.

Views call `render`; error and sign-in pages, which may have no signed-in person, call `render_public`. Templates escape
by default and an unknown name in one is an error, not an empty string.
"""

from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from tracker.admin import labels, review_labels
from tracker.admin.assets import asset_url, has_asset
from tracker.admin.context import services_of
from tracker.admin.navigation import MENU
from tracker.admin.notices import drop_notice, read_notice
from tracker.admin.visit import Visit
from tracker.i18n.translator import Translator, iso_utc, translator_of

TEMPLATE_DIR = Path(__file__).parent / "templates"


@cache
def environment(language: str) -> Environment:
    """Return the environment that speaks a language."""
    speech = translator_of(language)
    env = Environment(
        loader=FileSystemLoader(TEMPLATE_DIR),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    env.globals.update(
        _=speech.gettext,
        ngettext=speech.ngettext,
        asset=asset_url,
        has_asset=has_asset,
        iso_utc=iso_utc,
        labels=labels,
        review_labels=review_labels,
        speech=speech,
    )
    env.filters.update(
        money=speech.money,
        number=speech.number,
        percent=speech.percent,
        when=speech.when,
        day=speech.date,
        isoday=lambda text: speech.date(_midnight(text)),
        duration=speech.duration,
        say=speech.text,
        translated=lambda items: [(value, speech.gettext(text)) for value, text in items],
        labelled=lambda value, words: (value, labels.named(words, value, speech)),
        zipped=zip,
        pretty=_pretty,
    )
    return env


def _midnight(day: str) -> int:
    """Return the instant an ISO date begins in UTC, for showing the date."""
    return int(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp()) * 1000


def _pretty(value: Any) -> str:
    """Return JSON over several lines, for reading."""
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()


def render(visit: Visit, template: str, *, status: int = 200, **context: Any) -> Response:
    """Return a page for a signed-in person, the notice left for it included."""
    menu = [item for item in MENU if visit.may(item.permission)]
    page = environment(visit.speech.language).get_template(template)
    html = page.render(
        visit=visit,
        menu=menu,
        path=visit.request.url.path,
        notice=read_notice(visit.request),
        csrf_token=visit.session.csrf_token,
        **context,
    )
    response = HTMLResponse(html, status_code=status)
    drop_notice(response, visit.request)
    return response


def render_public(
    request: Request, template: str, *, speech: Translator, status: int = 200, **context: Any
) -> Response:
    """Return a page for somebody who is not signed in."""
    page = environment(speech.language).get_template(template)
    base_url = services_of(request).settings.base_url
    return HTMLResponse(page.render(visit=None, base_url=base_url, **context), status_code=status)
