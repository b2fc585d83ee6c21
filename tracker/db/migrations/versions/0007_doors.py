"""Conversions are found by click, visitor and lead, for facts that arrive late.

Revision: 0007, after: 0006
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the indexes."""
    for name, column in (("click", "click_id"), ("visitor", "visitor_id"), ("lead", "lead_id")):
        is_known = sa.text(f"{column} IS NOT NULL")
        op.create_index(
            f"ix_conversions_{name}", "conversions", [column], sqlite_where=is_known, postgresql_where=is_known
        )
