"""Whether a mailbox's domain has one owner: an employer, a family, a club. Rules about shared domains ask here."""

from fraud_rules.disposable import listed_domain
from fraud_rules.domains import is_academic, is_forwarder, is_free, registrable_domain
from fraud_rules.identity import email_domain


def private_domain(email: str | None) -> str | None:
    """Return the registrable domain of an address that one owner gives out, or None.

    None for mass providers, forwarders, schools and throw-away services: strangers meet there.
    """
    domain = email_domain(email)
    if domain is None or is_free(domain) or is_forwarder(domain) or is_academic(domain) or listed_domain(domain):
        return None
    return registrable_domain(domain)
