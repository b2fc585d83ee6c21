"""The allow list: which rules stay silent for whom. The engine asks here after the rules have run.

An entry greys findings out instead of switching the engine off; author and reason of an entry are kept
by the shell.
"""

from collections.abc import Iterable

import msgspec

from fraud_rules.identity import email_domain
from fraud_rules.partner_facts import PartnerFacts
from fraud_rules.types import Finding, Subject


class AllowEntry(msgspec.Struct, frozen=True, kw_only=True):
    """Suppresses the named rules where every condition that is set holds.

    A partner, a network (host or neighbourhood key), an e-mail domain (canonical, ASCII), a browser used
    by an operator, an event window (when the conversion happened, both ends included), or several at once.
    `expires_at_ms` is the first receipt instant the entry no longer covers. An entry without any
    condition covers nobody.
    """

    id: str
    rules: tuple[str, ...]
    partner_id: str | None = None
    network_key: str | None = None
    email_domain: str | None = None
    visitor_id: str | None = None
    starts_at_ms: int | None = None
    ends_at_ms: int | None = None
    expires_at_ms: int | None = None


def covers(entry: AllowEntry, subject: Subject) -> bool:
    """Say whether the entry speaks of this subject."""
    if entry.expires_at_ms is not None and subject.at_ms >= entry.expires_at_ms:
        return False
    holds: list[bool] = []
    if entry.partner_id is not None:
        holds.append(entry.partner_id == subject.partner_id)
    if entry.network_key is not None:
        holds.append(entry.network_key in {subject.host_key, subject.net_key})
    if entry.email_domain is not None:
        holds.append(entry.email_domain == email_domain(subject.email))
    if entry.visitor_id is not None:
        holds.append(entry.visitor_id == subject.visitor_id)
    if entry.starts_at_ms is not None:
        holds.append(entry.starts_at_ms <= subject.occurred_at_ms)
    if entry.ends_at_ms is not None:
        holds.append(subject.occurred_at_ms <= entry.ends_at_ms)
    return bool(holds) and all(holds)


def find_entry(finding: Finding, subject: Subject, *, entries: Iterable[AllowEntry]) -> AllowEntry | None:
    """Return the entry that suppresses the finding (the one with the smallest id), or None."""
    matching = [entry for entry in entries if finding.rule in entry.rules and covers(entry, subject)]
    return min(matching, key=lambda entry: entry.id, default=None)


def find_partner_entry(finding: Finding, facts: PartnerFacts, *, entries: Iterable[AllowEntry]) -> AllowEntry | None:
    """Return the entry that suppresses a finding about a partner (the one with the smallest id), or None.

    Only an entry of that partner alone, or of a window announced for it, speaks of the partner as a whole.
    """
    matching = [entry for entry in entries if finding.rule in entry.rules and _covers_partner(entry, facts)]
    return min(matching, key=lambda entry: entry.id, default=None)


def _covers_partner(entry: AllowEntry, facts: PartnerFacts) -> bool:
    if entry.partner_id != facts.partner_id:
        return False
    if any(each is not None for each in (entry.network_key, entry.email_domain, entry.visitor_id)):
        return False
    if entry.expires_at_ms is not None and facts.at_ms >= entry.expires_at_ms:
        return False
    starts, ends = entry.starts_at_ms, entry.ends_at_ms
    return (starts is None or starts <= facts.at_ms) and (ends is None or facts.at_ms <= ends)
