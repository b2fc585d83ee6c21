"""How many sign-ins may be tried: the scopes an attempt counts in and the verdict; pure.

The rule. From networks a person never signed in from, all together, at most ten passwords are tried per
account in any 15 minutes, however many addresses the guesser has. A network the person did sign in from has
ten of its own, so a guesser elsewhere cannot lock anybody out of the place they work from. And no network
tries more than fifty passwords, whatever the accounts. An attempt is counted before its password is looked at
and taken back when the password was right.
"""

import hashlib
import hmac
from typing import NamedTuple

WINDOW_MS = 15 * 60_000
ACCOUNT_MAX = 10
NETWORK_MAX = 50  # an office behind one address signs in together on a Monday


class Scopes(NamedTuple):
    """Under which names an attempt is counted."""

    account: str
    network: str
    # The keyed digest of the network, as noted at each sign-in.
    known_network: str


def scopes_of(*, secret: bytes, email: str, network: str, known_networks: frozenset[str]) -> Scopes:
    """Return the scopes of an attempt.

    Names are keyed digests: the table shows neither addresses nor networks.
    """
    network_digest = network_digest_of(secret, network)
    account = _digest(secret, "account", email.strip().lower())
    if network_digest in known_networks:
        account = f"{account}@{network_digest}"
    return Scopes(f"account:{account}", f"network:{network_digest}", network_digest)


def network_digest_of(secret: bytes, network: str) -> str:
    """Return the keyed digest by which a network is recognised."""
    return _digest(secret, "network", network)


def is_exhausted(*, account_attempts: int, network_attempts: int) -> bool:
    """Tell whether one more attempt would be too many."""
    return account_attempts >= ACCOUNT_MAX or network_attempts >= NETWORK_MAX


def _digest(secret: bytes, purpose: str, value: str) -> str:
    content = f"molva login {purpose}\0{value}".encode(errors="replace")
    return hmac.digest(secret, content, hashlib.sha256).hex()[:24]
