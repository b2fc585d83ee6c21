"""Table of API keys; secrets are stored as SHA-256 only, shown once when made."""

from sqlalchemy import CheckConstraint, Column, ForeignKey

from tracker.db.columns import Blob, Flag, Id, Int64, Json, Str
from tracker.db.metadata import table

api_keys = table(
    "api_keys",
    "Keys of a program: publishable (browser), secret (server), signing (signed bodies).",
    Column("key_id", Id("key"), primary_key=True),
    Column("program_id", Id("prg"), ForeignKey("programs.program_id"), nullable=False, index=True),
    Column(
        "kind",
        Str,
        CheckConstraint("kind IN ('publishable', 'secret', 'signing', 'postback')", name="kind_known"),
        nullable=False,
    ),
    Column("livemode", Flag, nullable=False),
    # Publishable keys stand in every page's source, so they are kept in clear; of the others only the digest.
    Column("public_value", Str, unique=True),
    Column("digest", Blob, unique=True),
    Column("last4", Str, nullable=False),
    Column("scopes", Json, nullable=False),
    Column("created_at_ms", Int64, nullable=False),
    Column("revoked_at_ms", Int64),
    Column("last_used_at_ms", Int64),
)
