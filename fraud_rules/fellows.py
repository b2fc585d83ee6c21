"""The people behind a list of leads: who they are, how they follow one another, how many are surely real.

Rules about shared devices and cards ask here. People are counted, never rows.
"""

import itertools
import math
from collections import Counter
from collections.abc import Iterable, Sequence

from fraud_rules.identity import name_tokens
from fraud_rules.types import PPM, LeadRecord, Subject, is_operator_sent

DAY_MS = 86_400_000

# A tablet on a counter, a reading room: so many people, on so many days.
TABLET_PEOPLE_MIN = 8
TABLET_DAYS_MIN = 5


def as_record(subject: Subject) -> LeadRecord:
    """Return the subject in the form its fellows come in."""
    return LeadRecord(
        conversion_id=subject.conversion_id,
        partner_id=subject.partner_id,
        at_ms=subject.occurred_at_ms,
        person_key=subject.person_key,
        email=subject.email,
        name=subject.name,
        phone_key=subject.phone_key,
        device_key=subject.device_key,
        payment_key=subject.payment_key,
        agent_key=subject.agent_key,
        source=subject.source,
        is_verified=subject.email_verified or subject.phone_verified,
        paid=subject.paid,
    )


def first_of_each(subject: Subject, leads: Iterable[LeadRecord], *, window_ms: int) -> list[LeadRecord]:
    """Return one record a known person, the earliest in the window before the subject, oldest first; the subject's too.

    Rows an operator sent and rows without a person are left out: nothing says whose they are.
    """
    end_ms = subject.occurred_at_ms
    firsts: dict[str, LeadRecord] = {}
    # A sale's own lead stays: the person came when it registered, not when it paid.
    rows = [lead for lead in leads if lead.conversion_id != subject.conversion_id]
    for lead in sorted([*rows, as_record(subject)], key=lambda lead: (lead.at_ms, lead.conversion_id)):
        if lead.person_key is None or is_operator_sent(lead.source) or not 0 <= end_ms - lead.at_ms <= window_ms:
            continue
        firsts.setdefault(lead.person_key, lead)
    return list(firsts.values())


def are_one(one: LeadRecord, other: LeadRecord) -> bool:
    """Say whether two mailboxes are evidently one person's: the same phone, or the same name of two words or more.

    People change their address and register again; one forgotten account is no fraud.
    """
    if one.phone_key is not None and one.phone_key == other.phone_key:
        return True
    words = name_tokens(one.name)
    return len(words) >= 2 and words == name_tokens(other.name)


def gaps_of(leads: Sequence[LeadRecord]) -> list[int]:
    """Return the milliseconds between neighbours of a list in time order."""
    return [later.at_ms - earlier.at_ms for earlier, later in itertools.pairwise(leads)]


def variation_ppm(gaps: Sequence[int]) -> int:
    """Return the coefficient of variation of gaps: 0 for a clock, about a million where chance sends people."""
    total = sum(gaps)
    if total <= 0:
        return PPM
    # Exact: (n sum g^2 - (sum g)^2) / (sum g)^2 is its square.
    spread = len(gaps) * sum(gap * gap for gap in gaps) - total * total
    return math.isqrt(PPM * PPM * spread) // total


def real_people(people: Sequence[LeadRecord]) -> int:
    """Return how many of the people confirmed a contact, or paid with an account that is no other's here."""
    payers = Counter(lead.payment_key for lead in people)
    return sum(
        lead.is_verified or (lead.paid and lead.payment_key is not None and payers[lead.payment_key] == 1)
        for lead in people
    )


def is_shared_tablet(people: Sequence[LeadRecord]) -> bool:
    """Say whether many people, most of them surely real, used the device on several days."""
    days = {lead.at_ms // DAY_MS for lead in people}
    return len(people) >= TABLET_PEOPLE_MIN and len(days) >= TABLET_DAYS_MIN and 2 * real_people(people) > len(people)
