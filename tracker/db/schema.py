"""The whole schema: importing this module registers every feature's tables on METADATA.

Migrations, tests and the trigger check use it; features import their own `tables.py` directly.
"""

from tracker.audit import tables as audit
from tracker.cases import tables as cases
from tracker.clicks import tables as clicks
from tracker.conversions import tables as conversions
from tracker.custom_events import tables as custom_events
from tracker.db import tables as db
from tracker.db.metadata import APPEND_ONLY, METADATA
from tracker.fraud import tables as fraud
from tracker.fraud.allow import tables as allow
from tracker.fraud.lessons import tables as lessons
from tracker.idempotency import tables as idempotency
from tracker.installation import tables as installation
from tracker.jobs import tables as jobs
from tracker.keys import tables as keys
from tracker.ledger import tables as ledger
from tracker.partners import tables as partners
from tracker.privacy import tables as privacy
from tracker.programs import tables as programs
from tracker.quarantine import tables as quarantine
from tracker.recompute import tables as recompute
from tracker.users import tables as users

FEATURES = (
    db,
    programs,
    keys,
    partners,
    clicks,
    conversions,
    custom_events,
    cases,
    allow,
    lessons,
    ledger,
    users,
    audit,
    quarantine,
    jobs,
    idempotency,
    installation,
    privacy,
    recompute,
    fraud,
)

__all__ = ["APPEND_ONLY", "FEATURES", "METADATA"]
