"""Asking servers outside: the one guard between Molva and addresses that other people typed.

Features that ask an outside address call `fetch`. It resolves the name once, refuses addresses that are not public,
connects to the very address it checked, and follows no redirect; proxies of the environment are not used either.
"""

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable
from typing import Literal
from urllib.parse import urlsplit, urlunsplit

import httpx2
import msgspec

RESOLVE_S = 3.0  # a resolver that takes longer answers nobody in time
FETCH_S = 8.0  # the whole exchange; a person waits for it
STEP_S = 4.0  # connecting, or silence between two parts of the answer
BODY_MAX = 512 * 1024  # bytes read of an answer; the head of a page stands in the first few
AGENT = "Molva (checks its own installation)"

_NAT64 = ipaddress.ip_network("64:ff9b::/96")

Trouble = Literal["unresolved", "not_public", "no_answer", "too_slow", "encoded"]


class Resolved(msgspec.Struct, frozen=True, kw_only=True):
    """What a name stands for: its addresses, sorted, and its canonical name where the resolver told one."""

    addresses: tuple[str, ...]
    canonical: str | None = None


class Answered(msgspec.Struct, frozen=True, kw_only=True):
    """An outside answer: header names in lower case, the body cut at what the caller takes (512 KiB)."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def header(self, name: str) -> str:
        """Return the first header of a name, "" when absent."""
        return next((value for each, value in self.headers if each == name), "")


class OutgoingError(Exception):
    """An address was not asked or did not answer: `trouble` says which, the text with cause and remedy."""

    def __init__(self, trouble: Trouble, text: str) -> None:
        super().__init__(text)
        self.trouble = trouble


Resolver = Callable[[str], Awaitable[Resolved]]


async def resolve(host: str) -> Resolved:
    """Return what this machine's resolver says of a name; raises OutgoingError."""
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(RESOLVE_S):
            found = await loop.getaddrinfo(host, None, type=socket.SOCK_STREAM, flags=socket.AI_CANONNAME)
    except (OSError, ValueError, TimeoutError) as error:
        raise OutgoingError("unresolved", f'"{host}" has no address here ({error!r}); check its DNS entry.') from error
    canonical = next((name for _, _, _, name, _ in found if name), None)
    return Resolved(
        addresses=tuple(sorted({str(address[0]) for *_, address in found})),
        canonical=None if canonical is None or canonical.rstrip(".").lower() == host.lower() else canonical,
    )


def is_public(address: str) -> bool:
    """Tell whether an address belongs to the public internet, addresses wrapped in IPv6 included."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped is not None:
            return is_public(str(ip.ipv4_mapped))
        if ip.sixtofour is not None or ip.teredo is not None or ip in _NAT64:
            return False
    return ip.is_global and not ip.is_multicast


def is_loopback_address(address: str) -> bool:
    """Tell whether an address is this machine itself."""
    return ipaddress.ip_address(address.partition("%")[0]).is_loopback


async def fetch(
    url: str,
    *,
    allow_loopback: bool,
    allow_private: bool = False,
    body_max: int = BODY_MAX,
    within_s: float = FETCH_S,
    resolver: Resolver = resolve,
) -> Answered:
    """Return the answer to GET of an http(s) address; a redirect is an answer like any.

    Loopback is allowed only where the caller says so (an installation on this machine checks a page on this machine),
    private networks where the operator did. At most `body_max` bytes are read, within `within_s` seconds.
    Raises OutgoingError.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    resolved = await resolver(host)
    for address in resolved.addresses:
        if not (allow_private or is_public(address) or (allow_loopback and is_loopback_address(address))):
            raise OutgoingError(
                "not_public", f'"{host}" is {address} here, which is no public address; it is not asked.'
            )
    pinned = resolved.addresses[0]
    shown = f"[{pinned}]" if ":" in pinned else pinned
    there = urlunsplit((parts.scheme, f"{shown}:{parts.port}" if parts.port else shown, parts.path, parts.query, ""))
    headers = {"Host": parts.netloc, "User-Agent": AGENT, "Accept": "*/*", "Accept-Encoding": "identity"}
    try:
        async with asyncio.timeout(within_s):
            return await _get(there, headers, host, body_max)
    except (TimeoutError, httpx2.TimeoutException) as error:
        raise OutgoingError("too_slow", f'"{host}" took longer than {within_s:.0f} s; try again.') from error
    except (httpx2.HTTPError, httpx2.InvalidURL, OSError, ValueError) as error:
        # A tag's address may hold what no client can send; that is an address without answer, too.
        raise OutgoingError("no_answer", f'"{host}" gave no answer ({type(error).__name__}); is it up?') from error


async def _get(url: str, headers: dict[str, str], host: str, body_max: int) -> Answered:
    # The certificate is checked against the name, the connection goes to the address.
    extensions = {"sni_hostname": host}
    async with (
        httpx2.AsyncClient(trust_env=False, follow_redirects=False, timeout=STEP_S) as client,
        client.stream("GET", url, headers=headers, extensions=extensions) as answer,
    ):
        if answer.headers.get("content-encoding", "identity").lower() != "identity":
            raise OutgoingError("encoded", f'"{host}" compresses although it was asked not to; it is not read.')
        body = bytearray()
        async for chunk in answer.aiter_raw():
            body += chunk
            if len(body) >= body_max:
                break
        pairs = tuple((name.lower(), value) for name, value in answer.headers.multi_items())
        return Answered(status=answer.status_code, headers=pairs, body=bytes(body[:body_max]))
