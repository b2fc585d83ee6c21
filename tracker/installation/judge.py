"""From facts to the lines a person reads: what was looked at, how it stands, and the remedy; pure.

Nothing is claimed beyond the facts: where something could not be looked at, the line says so.
"""

from urllib.parse import urlsplit

from ingest.install_check import Sighting
from tracker.i18n.messages import Message, mark, msg
from tracker.installation.hosting import Hosting, rank_hosting
from tracker.installation.markup import event_url, is_skipped
from tracker.installation.types import InstallCheck, KeyStanding, Line, PageReading, ScriptReading, Tag, Tone
from tracker.outgoing import Trouble

COOKIE_OK = 1 << 0  # state bits of the click, docs/snippet.md "Wire keys"
STORAGE_OK = 1 << 1

PAGE, TAG, KEY, SCRIPT = mark("Page"), mark("Tag"), mark("Key"), mark("Script")
POLICY, CONSENT, SKIP = mark("Content policy"), mark("Consent"), mark("Skipped paths")
CLICK, COOKIE, HOSTING = mark("Click"), mark("Cookie"), mark("Hosting")

_ADD_SITE = msg("Add this address under the program's sites, then check again.")
_PASTE = msg("Paste the tag before </head> of every page, publish it, clear the page's cache, then check again.")
_LIVE_KEY = msg("Put the program's live publishable key into data-key; the tag below has it.")

_TROUBLE: dict[Trouble, Message] = {
    "unresolved": msg("This server found no address for the page's host."),
    "not_public": msg("The page's host has no public address; this server asks public ones alone."),
    "no_answer": msg("The page gave this server no answer."),
    "too_slow": msg("The page took too long to answer this server."),
    "encoded": msg("The page came compressed although this server asked for plain text, so it was not read."),
}
_KEYS: dict[KeyStanding, tuple[Tone, Message, Message | None]] = {
    "live": ("good", msg("The tag carries this program's live key."), None),
    "test": (
        "wait",
        msg("The tag carries this program's test key: everything works, but nothing counts."),
        _LIVE_KEY,
    ),
    "other_program": ("bad", msg("The tag carries the key of another program."), _LIVE_KEY),
    "unknown": ("bad", msg("The tag carries a key that does not exist here or was revoked."), _LIVE_KEY),
    "missing": ("bad", msg("The tag carries no publishable key (data-key)."), _LIVE_KEY),
}
_DROPS: dict[str, tuple[Message, Message]] = {
    "unknown_key": (msg("The click came, but with a key that does not exist here."), _LIVE_KEY),
    "origin_not_allowed": (
        msg("The click came from a page that is none of the program's sites, so it was refused."),
        _ADD_SITE,
    ),
    "gpc": (
        msg("The click came with Global Privacy Control: this browser asks not to be tracked, and Molva honours it."),
        msg("Check with a browser that does not send it. Visitors who send it are never tracked; that is no fault."),
    ),
    "framed": (
        msg("The page stood in a frame of another site, where nothing is tracked."),
        msg("Open the page in a window of its own."),
    ),
    "prefetch": (
        msg("The browser only fetched the page ahead of time; nobody saw it."),
        msg("Open the page again."),
    ),
    "rate_limited": (
        msg("The click came, but this address sends too many; it was refused."),
        msg("Wait a minute, then open the page again."),
    ),
}
_HOSTING: dict[Hosting, tuple[Tone, Message, Message | None]] = {
    "own_host": (
        "good",
        msg("The click went to the page's own host, the best place there is: browsers keep its cookie longest."),
        None,
    ),
    "same_address": (
        "good",
        msg(
            "The click went to another host or port of the same site at the same address. Browsers take its cookie "
            "as the site's own."
        ),
        None,
    ),
    "cname": (
        "wait",
        msg("The script's host is a CNAME of another name. Safari keeps cookies set that way 7 days at most."),
        msg("Serve Molva under a path of the site itself, or give its host the site's address."),
    ),
    "other_address": (
        "wait",
        msg(
            "The script's host belongs to the site, but has another address. Safari may shorten the cookie's life to "
            "7 days."
        ),
        msg("Serve Molva under a path of the site itself, or give its host the site's address."),
    ),
    "other_site": (
        "wait",
        msg(
            "The click went to another site. It works, but the cookie is the script's alone, which Safari keeps for a "
            "short time, and blockers stop more of it."
        ),
        msg("Serve Molva under a path or a subdomain of the site."),
    ),
    "unknown": (
        "quiet",
        msg("Where Molva stands beside the site could not be told: this server cannot compare the two addresses."),
        None,
    ),
}


def judge_reading(check: InstallCheck, *, base_url: str) -> list[Line]:
    """Return the lines of what the server read of the page, in the order in which things must work."""
    page = check.reading.page
    lines = [_page_line(page)]
    if page.status != 200 or not page.is_html:
        return lines
    lines.append(_tag_line(page))
    tag = page.tag
    if tag is None:
        return lines
    tone, text, remedy = _KEYS[page.key_standing]
    lines.append(Line(tone=tone, title=KEY, text=text, remedy=remedy))
    lines.append(_script_line(check.reading.script))
    lines.append(_policy_line(page, tag, check.page_url, base_url))
    if tag.consent != "granted":
        text = msg('The tag waits for consent (data-consent="%(state)s").', state=tag.consent[:20])
        remedy = msg("Agree in the site's own banner after opening the page; the click is sent then.")
        lines.append(Line(tone="wait", title=CONSENT, text=text, remedy=remedy))
    if is_skipped(tag, check.page_url):
        text = msg("The tag skips codes on this path (data-skip).")
        lines.append(Line(tone="wait", title=SKIP, text=text, remedy=msg("Check a page outside of those paths.")))
    return lines


def judge_click(
    check: InstallCheck, *, standing: KeyStanding | None, has_looked: bool, browser_objects: bool
) -> list[Line]:
    """Return the lines of what came from the browser.

    Standing: of the key in the click. Has looked: the person opened the page and came back; until then, nothing that
    is missing counts. Browser objects: the person's browser sends Global Privacy Control.
    """
    sighting = check.sighting
    if sighting is None:
        return [_missing_line(check, browser_objects=browser_objects)] if has_looked else []
    if sighting.drop in _DROPS:
        text, remedy = _DROPS[sighting.drop]
        return [Line(tone="bad", title=CLICK, text=text, remedy=remedy)]
    if standing is not None and standing not in {"live", "test"}:
        _, text, remedy_or_none = _KEYS[standing]
        return [Line(tone="bad", title=CLICK, text=text, remedy=remedy_or_none)]
    text = msg("The script ran and its click arrived, from %(page)s.", page=sighting.page_url or sighting.origin)
    tone, why, remedy_or_none = _HOSTING[rank_hosting(sighting, check.reading)]
    return [
        Line(tone="good", title=CLICK, text=text),
        _cookie_line(sighting),
        Line(tone=tone, title=HOSTING, text=why, remedy=remedy_or_none),
    ]


def _page_line(page: PageReading) -> Line:
    if page.trouble is not None:
        remedy = msg("The check in your browser below works all the same.")
        return Line(tone="quiet", title=PAGE, text=_TROUBLE[page.trouble], remedy=remedy)
    status = page.status or 0
    if 300 <= status < 400:
        text = msg("The page leads on to %(address)s (status %(status)s).", address=page.location, status=status)
        return Line(tone="wait", title=PAGE, text=text, remedy=msg("Check the address it leads to."))
    if status != 200:
        text = msg("The page answers this server with status %(status)s.", status=status)
        remedy = msg("Check the path; a page behind a password can only be checked in your browser below.")
        return Line(tone="wait", title=PAGE, text=text, remedy=remedy)
    if not page.is_html:
        text = msg("What stands at this address is no HTML page.")
        return Line(tone="bad", title=PAGE, text=text, remedy=msg("Check the path."))
    return Line(tone="good", title=PAGE, text=msg("The page answers this server."))


def _tag_line(page: PageReading) -> Line:
    if page.tag is None:
        text = msg(
            "The tag does not stand in the page's HTML. A tag manager may still add it; the click below will tell."
        )
        return Line(tone="bad", title=TAG, text=text, remedy=_PASTE)
    if page.tag.is_held:
        text = msg("A consent manager holds the tag back until the visitor agrees.")
        remedy = msg("Agree in the site's own banner after opening the page, or let the tag run and set data-consent.")
        return Line(tone="wait", title=TAG, text=text, remedy=remedy)
    if page.tags > 1:
        text = msg("The page carries %(count)s tags; each key gets its own click.", count=page.tags)
        return Line(tone="wait", title=TAG, text=text, remedy=msg("Keep one tag for each program."))
    return Line(tone="good", title=TAG, text=msg("The tag stands in the page's HTML."))


def _script_line(script: ScriptReading | None) -> Line:
    if script is None:
        text = msg("The tag has no address to load the script from (src).")
        return Line(tone="bad", title=SCRIPT, text=text, remedy=_PASTE)
    if script.status is None:
        text = msg("The script at %(url)s was not asked from here; the click below will tell.", url=script.url)
        return Line(tone="quiet", title=SCRIPT, text=text)
    if script.status == 200 and script.is_script:
        return Line(tone="good", title=SCRIPT, text=msg("%(url)s answers with a script.", url=script.url))
    text = msg("%(url)s answers with status %(status)s and no script.", url=script.url, status=script.status)
    remedy = msg("Take the address of the tag below; behind a proxy, pass the whole path on to Molva.")
    return Line(tone="bad", title=SCRIPT, text=text, remedy=remedy)


def _policy_line(page: PageReading, tag: Tag, page_url: str, base_url: str) -> Line:
    if page.script_forbidden_by:
        origin = _origin(tag.src) or base_url
        text = msg(
            "The page's Content-Security-Policy forbids the script: %(directive)s", directive=page.script_forbidden_by
        )
        return Line(tone="bad", title=POLICY, text=text, remedy=msg("Add %(origin)s to script-src.", origin=origin))
    if page.connect_forbidden_by:
        origin = _origin(event_url(tag, page_url)) or base_url
        text = msg(
            "The page's Content-Security-Policy lets the script run but not report: %(directive)s",
            directive=page.connect_forbidden_by,
        )
        return Line(tone="bad", title=POLICY, text=text, remedy=msg("Add %(origin)s to connect-src.", origin=origin))
    if page.has_policy:
        return Line(
            tone="good", title=POLICY, text=msg("The page's Content-Security-Policy allows the script and its calls.")
        )
    return Line(tone="good", title=POLICY, text=msg("The page has no Content-Security-Policy; nothing to allow."))


def _missing_line(check: InstallCheck, *, browser_objects: bool) -> Line:
    page = check.reading.page
    tag = page.tag
    text = msg("No click of this check has come.")
    if browser_objects:
        remedy = msg(
            "This browser sends Global Privacy Control, so the script stays silent. Check with another browser."
        )
    elif page.script_forbidden_by or page.connect_forbidden_by:
        remedy = msg("The content policy is the reason; mend it as said above.")
    elif tag is not None and (tag.is_held or tag.consent != "granted"):
        remedy = msg("Consent is the likeliest reason: agree in the site's banner, in the window with the page.")
    elif tag is not None and is_skipped(tag, check.page_url):
        remedy = msg("The tag skips codes on this path; check another page.")
    elif tag is None and page.status == 200:
        remedy = msg("The page carries no tag; paste it as said above.")
    elif tag is not None:
        remedy = msg(
            "Nothing in the page explains it, so a blocker in this browser is the likeliest reason. Try a private "
            "window without extensions, and look for the script in the browser's list of requests."
        )
    else:
        remedy = msg("See that the page opened with its whole address, and that it carries the tag.")
    return Line(tone="bad", title=CLICK, text=text, remedy=remedy)


def _cookie_line(sighting: Sighting) -> Line:
    if sighting.state & COOKIE_OK:
        return Line(tone="good", title=COOKIE, text=msg("The script could write its cookie and read it back."))
    if sighting.is_cookie_sent:
        return Line(tone="good", title=COOKIE, text=msg("The browser sent the script's cookie along with the click."))
    remedy = msg(
        "See that data-domain, where the tag has it, is the site's own domain, and that the browser keeps cookies."
    )
    if sighting.state & STORAGE_OK:
        text = msg("The browser refused the cookie; localStorage stands in for it, on this one host.")
        return Line(tone="wait", title=COOKIE, text=text, remedy=remedy)
    text = msg("The browser kept neither the cookie nor localStorage: a visitor is forgotten on the next page.")
    return Line(tone="bad", title=COOKIE, text=text, remedy=remedy)


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}" if parts.netloc else ""
