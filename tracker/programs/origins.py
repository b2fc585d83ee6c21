"""Origins of sites, and which destinations a link may have; pure.

Programs keep origins (scheme, host, port) in the form returned here; links and the public edge compare
against it. A URL that browsers and we could read differently is refused, never repaired.
"""

import ipaddress
import re
from collections.abc import Iterable
from urllib.parse import SplitResult, urlsplit

import idna

from tracker.i18n.messages import InputError, msg

URL_MAX = 2000  # characters; longer ones break in mail programs and messengers
_DEFAULT_PORTS = {"https": 443, "http": 80}
_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
# Printable ASCII without blank, quotes, angle brackets, backslash, caret, backtick, braces and bar (RFC
# 3986).
_URL = re.compile(r"""[!#-;=?-\[\]_a-z~]+""")


def normal_origin(text: str, *, field: str = "site") -> str:
    """Return `scheme://host[:port]` in lower case, international names in their ASCII form, default ports left out.

    Refuses anything beyond an origin (paths, users, queries), other schemes, and http away from this machine.
    """
    typed = text.strip().removesuffix("/")
    with_scheme = typed if "://" in typed else f"https://{typed}"
    parts = _split(_ascii_host(with_scheme, field), field)
    if parts.path or parts.query or parts.fragment or "#" in typed or "?" in typed:
        raise InputError(
            field,
            msg(
                '"%(url)s" is more than an origin; give only scheme and host, such as https://shop.example.',
                url=typed[:120],
            ),
        )
    return _origin_of(parts, field)


def check_destination(text: str, *, origins: Iterable[str], field: str = "destination") -> str:
    """Return the destination of a link, unchanged; refuses every URL that is not plainly on one of the origins' hosts.

    A host of a site counts with every https port and path; http is taken on loopback alone.
    """
    url = text.strip()
    if not 0 < len(url) <= URL_MAX or not _URL.fullmatch(url):
        raise InputError(
            field,
            msg(
                "Give a full address of up to %(longest)s characters without blanks, quotes or backslashes.",
                longest=URL_MAX,
            ),
        )
    parts = _split(url, field)
    _origin_of(parts, field)
    hosts = sorted({host_of(origin) for origin in origins})
    if "//" in parts.path or parts.hostname not in hosts:
        raise InputError(
            field,
            msg(
                '"%(host)s" is not a site of this program; use an address on %(hosts)s or add the site first.',
                host=(parts.hostname or "")[:120] if "//" not in parts.path else url[:120],
                hosts=", ".join(hosts) or "-",
            ),
        )
    return url


def host_of(origin: str) -> str:
    """Return the host of a normal origin."""
    return urlsplit(origin).hostname or ""


def is_loopback(host: str) -> bool:
    """Tell whether a host is this machine: localhost, *.localhost, 127.0.0.0/8, ::1."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _ascii_host(url: str, field: str) -> str:
    """Return the URL with an international host name in its ASCII form (UTS 46)."""
    if url.isascii():
        return url
    scheme, _, rest = url.partition("://")
    host, mark, tail = rest.partition("/")
    name, colon, port = host.partition(":")
    try:
        return f"{scheme}://{idna.encode(name, uts46=True).decode()}{colon}{port}{mark}{tail}"
    except idna.IDNAError as error:
        raise InputError(field, msg('"%(host)s" is not a host name; check its spelling.', host=name[:120])) from error


def _split(url: str, field: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as error:
        raise InputError(field, msg('"%(url)s" is not an address; check its spelling.', url=url[:120])) from error
    return parts


def _origin_of(parts: SplitResult, field: str) -> str:
    host = parts.hostname or ""
    if "@" in parts.netloc or not _is_host(host) or parts.netloc.endswith(":"):
        raise InputError(field, msg('"%(host)s" is not a host name; check its spelling.', host=parts.netloc[:120]))
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(host)):
        raise InputError(
            field,
            msg(
                '"%(scheme)s" is not safe for visitors; use https:// (http only on this machine).',
                scheme=parts.scheme[:20],
            ),
        )
    shown = f"[{host}]" if ":" in host else host
    is_default = parts.port is None or parts.port == _DEFAULT_PORTS[parts.scheme]
    return f"{parts.scheme}://{shown}" if is_default else f"{parts.scheme}://{shown}:{parts.port}"


def _is_host(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        labels = host.split(".")
        is_named = len(host) <= 253 and all(_LABEL.fullmatch(label) for label in labels)
        # A last label of digits is read as an IPv4 number by browsers (WHATWG URL 3.5).
        return is_named and not labels[-1].isdigit() and not labels[-1].startswith("0x")
    return True
