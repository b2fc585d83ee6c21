"""Finding our tag and the content policies in a page's HTML; pure."""

from collections.abc import Sequence
from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit

import msgspec

from tracker.installation.types import Tag

SCRIPTS_MAX = 500  # script elements looked at; a page with more is no page
POLICIES_MAX = 20

# What browsers run at once; a consent manager writes something else, such as text/plain, until it is allowed.
_RUNNING_TYPES = frozenset({"", "module", "text/javascript", "application/javascript", "application/x-javascript"})
# Where consent managers put the address meanwhile.
_HELD_SOURCES = ("data-src", "data-cookieconsent-src", "data-cmp-src", "data-cookieblock-src")


class Markup(msgspec.Struct, frozen=True, kw_only=True):
    """Our tags in their order, and the policies of `<meta http-equiv>`."""

    tags: tuple[Tag, ...]
    policies: tuple[str, ...]


def read_markup(html: str, *, page_url: str, script_base: str) -> Markup:
    """Return what the HTML says. Script base: where our scripts lie, with a slash at the end.

    A script is ours when it carries a publishable key or comes from there. Comments, templates and `<noscript>` do not
    count: browsers run nothing in them.
    """
    reader = _Reader(page_url)
    reader.feed(html)
    tags = [tag for tag in map(reader.tag_of, reader.scripts) if tag.key or tag.src.startswith(script_base)]
    return Markup(tags=tuple(tags), policies=tuple(reader.policies))


class _Reader(HTMLParser):
    def __init__(self, page_url: str) -> None:
        super().__init__()
        self.base = page_url
        self.scripts: list[dict[str, str]] = []
        self.policies: list[str] = []
        self._inert = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in {"noscript", "template"}:
            self._inert += 1
        if self._inert:
            return
        # Of repeated attributes browsers keep the first.
        values = {name: value or "" for name, value in reversed(attrs)}
        if tag == "script" and len(self.scripts) < SCRIPTS_MAX:
            self.scripts.append(values)
        elif tag == "base" and "href" in values:
            self.base = _joined(self.base, values["href"])
        elif tag == "meta" and values.get("http-equiv", "").lower() == "content-security-policy":
            self.policies = [*self.policies, values.get("content", "")][:POLICIES_MAX]

    def handle_endtag(self, tag: str) -> None:
        if tag in {"noscript", "template"} and self._inert:
            self._inert -= 1

    def tag_of(self, values: dict[str, str]) -> Tag:
        held_source = next((values[name] for name in _HELD_SOURCES if name in values), "")
        kind = values.get("type", "").strip().lower()
        source = values.get("src", held_source).strip()
        key = values.get("data-key", "").strip()[:128]
        return Tag(
            src=_joined(self.base, source) if source else "",
            key=key if key.startswith("pk_") else "",
            is_held=kind not in _RUNNING_TYPES or "src" not in values,
            nonce=values.get("nonce", "").strip(),
            integrity=values.get("integrity", "").strip(),
            api=values.get("data-api", "").strip(),
            consent=values.get("data-consent", "granted").strip().lower() or "granted",
            params=values.get("data-params", "").strip()[:200],
            skip=values.get("data-skip", "").strip()[:500],
        )


def event_url(tag: Tag, page_url: str) -> str:
    """Return where the script sends events: the option `api`, else the script's own folder."""
    if tag.api:
        return _joined(page_url, tag.api.rstrip("/") + "/e")
    return _joined(tag.src or page_url, "e")


def parameter_of(tag: Tag | None, *, own: Sequence[str]) -> str:
    """Return a URL parameter under which the script looks for a code.

    Own: the installation's names, for a page whose tag was not read.
    """
    if tag is None:
        return own[0] if own else "via"
    # A list that starts with + adds to the script's own.
    names = [] if tag.params.startswith("+") else tag.params.replace(",", " ").split()
    return names[0] if names else "via"


def is_skipped(tag: Tag, page_url: str) -> bool:
    """Tell whether the option `skip` makes the script ignore codes on this page."""
    path = urlsplit(page_url).path or "/"
    return any(path.startswith(prefix) for prefix in tag.skip.replace(",", " ").split())


def _joined(base: str, address: str) -> str:
    """Return the absolute address, "" when it is none that a browser would ask."""
    try:
        joined = urljoin(base, address)
        _ = urlsplit(joined).port
    except ValueError:
        return ""
    return joined
