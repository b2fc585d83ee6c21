"""Reading a partner's leads: which of them speak of customers, from when, and how many people they are.

The rules about partners ask here; nothing is judged.
"""

from collections.abc import Iterable

from fraud_rules.types import LeadRecord, is_operator_sent

HOUR_MS = 3_600_000
DAY_MS = 86_400_000
LEADS_MAX = 5_000  # newest leads one rule looks at; the rest changes no share


def own_leads(leads: tuple[LeadRecord, ...], *, at_ms: int, days: int) -> list[LeadRecord]:
    """Return the leads customers sent themselves within the days before `at_ms`, oldest first."""
    from_ms = at_ms - days * DAY_MS
    return [lead for lead in leads[-LEADS_MAX:] if from_ms <= lead.at_ms <= at_ms and not is_operator_sent(lead.source)]


def count_people(leads: Iterable[LeadRecord]) -> int:
    """Return how many people the leads are; all without identity count as one: nothing says they are several."""
    return len({lead.person_key for lead in leads})


def are_mostly_verified(leads: list[LeadRecord], *, share_ppm: int) -> bool:
    """Say whether at least this share of the leads confirmed an e-mail or a phone."""
    return bool(leads) and sum(lead.is_verified for lead in leads) * 1_000_000 >= share_ppm * len(leads)
