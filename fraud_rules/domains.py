"""Provisional."""

from functools import lru_cache

from publicsuffixlist import PublicSuffixList

_SUFFIXES = PublicSuffixList(only_icann=True)


@lru_cache(maxsize=4096)
def registrable_domain(domain: str | None) -> str | None:
    """Return the registrable part of a domain, or None."""
    return None if domain is None else _SUFFIXES.privatesuffix(domain)
