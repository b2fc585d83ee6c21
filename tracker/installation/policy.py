"""Whether a Content-Security-Policy lets our script run and send; pure.

The part of CSP Level 3 that decides over one script address and one connection: directives and their fallbacks, and how
a source matches an address (sections 6.7.2.5 to 6.7.2.8).
"""

import re
from collections.abc import Iterable, Sequence
from urllib.parse import SplitResult, urlsplit

SCRIPT = ("script-src-elem", "script-src", "default-src")
CONNECT = ("connect-src", "default-src")

_SOURCE = re.compile(
    r"(?:(?P<scheme>[a-z][a-z0-9+.-]*)://)?(?P<host>\*|(?:\*\.)?[a-z0-9._-]+|\[[0-9a-f:.]+\])"
    r"(?::(?P<port>\d{1,5}|\*))?(?P<path>/[^?#]*)?",
    re.IGNORECASE,
)
_PORTS = {"http": 80, "https": 443}


def split_policies(headers: Iterable[str], metas: Iterable[str]) -> list[str]:
    """Return every policy of headers (several may stand in one, parted by commas) and meta elements."""
    return [policy for text in headers for policy in text.split(",") if policy.strip()] + list(metas)


def forbidden_script(policies: Iterable[str], *, page_url: str, src: str, nonce: str, integrity: str) -> str:
    """Return the directive that keeps the script from running, "" when every policy allows it."""
    for policy in policies:
        directive = _directive(policy, SCRIPT)
        if directive is None:
            continue
        sources = directive.split()[1:]
        if (nonce and f"'nonce-{nonce}'" in sources) or (integrity and f"'{integrity}'" in sources):
            continue
        # With strict-dynamic, addresses do not count: only a nonce or a hash opens.
        if "'strict-dynamic'" in sources or not _matches_any(sources, page_url, src):
            return directive
    return ""


def forbidden_connection(policies: Iterable[str], *, page_url: str, url: str) -> str:
    """Return the directive that keeps the page from sending there, "" when every policy allows it."""
    for policy in policies:
        directive = _directive(policy, CONNECT)
        if directive is not None and not _matches_any(directive.split()[1:], page_url, url):
            return directive
    return ""


def _directive(policy: str, names: Sequence[str]) -> str | None:
    """Return the text of the first of the named directives that the policy has; of repeated ones the first counts."""
    found: dict[str, str] = {}
    for part in policy.split(";"):
        words = part.split()
        if words:
            found.setdefault(words[0].lower(), " ".join(words))
    return next((found[name] for name in names if name in found), None)


def _matches_any(sources: Sequence[str], page_url: str, url: str) -> bool:
    try:
        page, target = urlsplit(page_url), urlsplit(url)
        return any(_matches(source, page, target) for source in sources)
    except ValueError:
        return False


def _matches(source: str, page: SplitResult, target: SplitResult) -> bool:
    if source == "*":
        return target.scheme in _PORTS
    if source.lower() == "'self'":
        is_same_host = page.hostname == target.hostname
        return is_same_host and _is_scheme(page.scheme, target.scheme) and _is_port(str(_port(page)), target)
    if re.fullmatch(r"[A-Za-z][A-Za-z0-9+.-]*:", source):
        return _is_scheme(source[:-1].lower(), target.scheme)
    match = _SOURCE.fullmatch(source)
    if match is None:
        return False
    return (
        _is_scheme((match["scheme"] or page.scheme).lower(), target.scheme)
        and _is_host(match["host"].lower(), target.hostname or "")
        and _is_port(match["port"] or "", target)
        and _is_path(match["path"] or "", target.path or "/")
    )


def _is_scheme(wanted: str, given: str) -> bool:
    return wanted == given or (wanted == "http" and given == "https")


def _is_host(wanted: str, given: str) -> bool:
    if wanted == "*":
        return True
    if wanted.startswith("*."):
        return given.endswith(wanted[1:])
    return wanted.strip("[]") == given


def _is_port(wanted: str, target: SplitResult) -> bool:
    if wanted == "*":
        return True
    # Port 80 of a source also stands for the same host on 443.
    return _port(target) == _PORTS.get(target.scheme) if wanted in {"", "80"} else int(wanted) == _port(target)


def _is_path(wanted: str, given: str) -> bool:
    if wanted in {"", "/"}:
        return True
    return given.startswith(wanted) if wanted.endswith("/") else given == wanted


def _port(parts: SplitResult) -> int | None:
    return parts.port or _PORTS.get(parts.scheme)
