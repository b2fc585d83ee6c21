"""Session cookies and their lifetimes; pure but for `new_session`, whose token comes from the system's randomness.

Sign-in makes sessions, the admin guard reads them. A cookie is 256 random bits; the table keeps its SHA-256
only.
"""

import hashlib
import ipaddress
import secrets

from tracker.users.types import Session

IDLE_MS = 8 * 3_600_000
ABSOLUTE_MS = 24 * 3_600_000
TOUCH_EVERY_MS = 60_000  # a request a minute is written down; every one would cost a write each
TOKEN_CHARS_MAX = 100
AGENT_MAX = 200  # characters of the user agent kept for the list of sessions


def new_session(*, user_id: str, address: str, user_agent: str, now_ms: int) -> tuple[str, Session]:
    """Return the cookie's value and the session to store."""
    token = secrets.token_urlsafe(32)
    session = Session(
        digest=digest_of(token),
        user_id=user_id,
        csrf_token=secrets.token_urlsafe(32),
        created_at_ms=now_ms,
        seen_at_ms=now_ms,
        masked_ip=masked(address),
        user_agent="".join(character for character in user_agent if character.isprintable())[:AGENT_MAX],
    )
    return token, session


def digest_of(token: str) -> bytes:
    """Return what the table keeps of a cookie."""
    return hashlib.sha256(token[:TOKEN_CHARS_MAX].encode(errors="replace")).digest()


def is_alive(session: Session, now_ms: int) -> bool:
    """Tell whether a session still counts: seen within 8 hours and begun within 24."""
    return now_ms - session.seen_at_ms <= IDLE_MS and now_ms - session.created_at_ms <= ABSOLUTE_MS


def masked(address: str) -> str:
    """Return the address without its host part (/24 or /48), "" when it is none."""
    return _network(address, ipv4=24, ipv6=48)


def network_of(address: str) -> str:
    """Return the network sign-ins are counted by: one IPv4 address or an IPv6 /64 (one household each)."""
    return _network(address, ipv4=32, ipv6=64)


def _network(address: str, *, ipv4: int, ipv6: int) -> str:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return ""
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped is not None:
        parsed = parsed.ipv4_mapped
    prefix = ipv4 if parsed.version == 4 else ipv6
    return str(ipaddress.ip_network((parsed, prefix), strict=False))
