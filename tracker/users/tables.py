"""Tables of staff users, their sessions and failed sign-ins."""

from sqlalchemy import CheckConstraint, Column, ForeignKey, Index

from tracker.db.columns import Blob, Id, Int64, Str
from tracker.db.metadata import table

users = table(
    "users",
    "Staff who sign in to the admin pages.",
    Column("user_id", Id("usr"), primary_key=True),
    Column("email", Str, nullable=False, unique=True),
    Column("password_hash", Str, nullable=False),
    Column(
        "role",
        Str,
        CheckConstraint("role IN ('owner', 'admin', 'manager', 'reviewer', 'finance', 'viewer')", name="role_known"),
        nullable=False,
    ),
    Column("language", Str, nullable=False),
    Column("created_at_ms", Int64, nullable=False),
    Column("disabled_at_ms", Int64),
)

sessions = table(
    "sessions",
    "Signed-in browsers of staff; the cookie's SHA-256, so that a copy of the table opens nothing.",
    Column("digest", Blob, primary_key=True),
    Column("user_id", Id("usr"), ForeignKey("users.user_id"), nullable=False, index=True),
    Column("csrf_token", Str, nullable=False),
    Column("created_at_ms", Int64, nullable=False),
    Column("seen_at_ms", Int64, nullable=False),
    Column("masked_ip", Str, nullable=False),
    Column("user_agent", Str, nullable=False),
)

login_failures = table(
    "login_failures",
    "Failed sign-ins, counted per account and per network; rows older than the window are purged.",
    Column("seq", Int64, primary_key=True, autoincrement=True),
    Column("scope", Str, nullable=False),
    Column("at_ms", Int64, nullable=False),
    # Query: failures of an account or network in the last minutes.
    Index("ix_login_failures_scope", "scope", "at_ms"),
)
