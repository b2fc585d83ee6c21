"""The first schema.

Revision: 0001, after: nothing
"""

from alembic import op

from tracker.db.schema import APPEND_ONLY, METADATA
from tracker.db.triggers import guard

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    METADATA.create_all(op.get_bind())
    for table in APPEND_ONLY:
        guard(op.get_bind(), table)
