"""Which mail domains give boxes to throw away. `disposable_email` and `self_domain` ask here.

The list is the package `disposable_email_domains`, whose maintainers verify each entry; it is loaded once, at import.
"""

from collections.abc import Iterable
from typing import Final

from disposable_email_domains import blocklist

from fraud_rules.domains import is_forwarder, is_free, parents

_LISTED: Final[frozenset[str]] = frozenset(blocklist)


def listed_domain(domain: str) -> str | None:
    """Return the listed domain this one is or lies under, or None.

    Forwarders deliver and mass providers have real people, whatever a list says: lists have named google.com.
    """
    if is_free(domain) or is_forwarder(domain):
        return None
    return next((each for each in parents(domain) if each in _LISTED), None)


def is_allowed(domain: str, allowed: Iterable[str]) -> bool:
    """Say whether the domain is, or lies under, one that the program allows."""
    return not {each.strip().lower().lstrip("@").removesuffix(".") for each in allowed}.isdisjoint(parents(domain))
