"""Table of the address keys' epochs; used on PostgreSQL, where several processes share them."""

from sqlalchemy import CheckConstraint, Column

from tracker.db.columns import Blob, Int64
from tracker.db.metadata import table

address_epochs = table(
    "address_epochs",
    "Salts of the address keys by epoch (PostgreSQL; SQLite has a file); a deleted row is a destroyed key.",
    Column("starts_at_ms", Int64, primary_key=True, autoincrement=False),
    Column("ends_at_ms", Int64, CheckConstraint("ends_at_ms > starts_at_ms", name="span_positive"), nullable=False),
    Column("salt", Blob, nullable=False),
)
