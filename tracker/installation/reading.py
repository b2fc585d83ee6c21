"""Reading the owner's page from the server: the shell around fetching, DNS and the pure parts."""

import asyncio
from collections.abc import Callable
from urllib.parse import urlsplit

from tracker.installation.markup import Markup, event_url, read_markup
from tracker.installation.policy import forbidden_connection, forbidden_script, split_policies
from tracker.installation.types import HostReading, KeyStanding, PageReading, ScriptReading, SiteReading, Tag
from tracker.outgoing import Answered, OutgoingError, fetch, resolve
from tracker.programs.origins import is_loopback

_DIRECTIVE_MAX = 400  # characters of a directive that are kept and shown
_URL_MAX = 300
_KEY_ORDER: tuple[KeyStanding, ...] = ("live", "test", "other_program", "unknown", "missing")

KeyCheck = Callable[[str], KeyStanding]


async def read_site(
    page_url: str, *, hosts: frozenset[str], base_url: str, script_url: str, standing_of: KeyCheck
) -> SiteReading:
    """Return what the page, its script and DNS say.

    Hosts: those of the program's sites; nothing else is asked but the installation itself. Script URL: where this
    installation's script lies. Loopback is asked only by an installation that itself stands on loopback.
    """
    base_host = urlsplit(base_url).hostname or ""
    allow_loopback = is_loopback(base_host)
    page = await _read_page(
        page_url,
        script_base=script_url.rpartition("/")[0] + "/",
        allow_loopback=allow_loopback,
        standing_of=standing_of,
    )
    src = page.tag.src if page.tag is not None else ""
    script_host = (urlsplit(src).hostname if src else None) or base_host
    site_host = urlsplit(page_url).hostname or ""
    script, at_site, at_script = await asyncio.gather(
        _read_script(src, hosts=hosts | {base_host}, allow_loopback=allow_loopback),
        _read_host(site_host),
        _read_host(script_host),
    )
    return SiteReading(page=page, script=script, site_host=at_site, script_host=at_script)


async def _read_page(page_url: str, *, script_base: str, allow_loopback: bool, standing_of: KeyCheck) -> PageReading:
    try:
        answer = await fetch(page_url, allow_loopback=allow_loopback)
    except OutgoingError as error:
        return PageReading(status=None, trouble=error.trouble)
    is_html = "html" in answer.header("content-type").lower()
    if answer.status != 200 or not is_html:
        return PageReading(status=answer.status, location=answer.header("location")[:_URL_MAX], is_html=is_html)
    # What we look for is ASCII in every encoding that pages have.
    html = answer.body.decode("utf-8", errors="replace")
    # Parsing half a megabyte of somebody's HTML is too long for the loop that serves clicks.
    markup = await asyncio.to_thread(read_markup, html, page_url=page_url, script_base=script_base)
    return judge_page(answer, markup, page_url=page_url, standing_of=standing_of)


def judge_page(answer: Answered, markup: Markup, *, page_url: str, standing_of: KeyCheck) -> PageReading:
    """Return the reading of a page that was understood; of several tags the one with the best key counts."""
    policies = split_policies(
        [value for name, value in answer.headers if name == "content-security-policy"], markup.policies
    )
    ranked = sorted(
        ((_KEY_ORDER.index(standing_of(tag.key) if tag.key else "missing"), tag) for tag in markup.tags),
        key=lambda pair: pair[0],
    )
    if not ranked:
        return PageReading(status=answer.status, has_policy=bool(policies))
    order, tag = ranked[0]
    script, connection = _forbidden(policies, tag, page_url)
    return PageReading(
        status=answer.status,
        tag=tag,
        tags=len(ranked),
        key_standing=_KEY_ORDER[order],
        script_forbidden_by=script[:_DIRECTIVE_MAX],
        connect_forbidden_by=connection[:_DIRECTIVE_MAX],
        has_policy=bool(policies),
    )


def _forbidden(policies: list[str], tag: Tag, page_url: str) -> tuple[str, str]:
    script = forbidden_script(policies, page_url=page_url, src=tag.src, nonce=tag.nonce, integrity=tag.integrity)
    return script, forbidden_connection(policies, page_url=page_url, url=event_url(tag, page_url))


async def _read_script(src: str, *, hosts: frozenset[str], allow_loopback: bool) -> ScriptReading | None:
    parts = urlsplit(src)
    if not src or parts.scheme not in {"http", "https"}:
        return None
    url = src[:_URL_MAX]
    if (parts.hostname or "") not in hosts:
        return ScriptReading(url=url)
    try:
        answer = await fetch(src, allow_loopback=allow_loopback)
    except OutgoingError as error:
        return ScriptReading(url=url, trouble=error.trouble)
    return ScriptReading(url=url, status=answer.status, is_script="javascript" in answer.header("content-type").lower())


async def _read_host(host: str) -> HostReading:
    try:
        found = await resolve(host)
    except OutgoingError:
        return HostReading(host=host)
    return HostReading(host=host, addresses=found.addresses, canonical=found.canonical)
