"""Table of the counters behind gapless, ordered sequence numbers."""

from sqlalchemy import Column

from tracker.db.columns import Int64, Str
from tracker.db.metadata import table

sequences = table(
    "sequences",
    "The last number given out per name; the row's lock keeps two transactions from sharing one.",
    Column("name", Str, primary_key=True),
    Column("value", Int64, nullable=False),
)
