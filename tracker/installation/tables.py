"""Table of started checks of an installation; rows live a day."""

from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, UniqueConstraint

from tracker.db.columns import Id, Int64, Json, Str
from tracker.db.metadata import table

install_checks = table(
    "install_checks",
    "Checks of an installation: what the server read of the page and the click that came back.",
    Column("check_id", Id("chk"), primary_key=True),
    Column("code", Str, nullable=False),
    Column("program_id", Id("prg"), ForeignKey("programs.program_id"), nullable=False),
    Column("site", Str, nullable=False),
    Column("page_url", Str, nullable=False),
    Column("started_at_ms", Int64, nullable=False),
    Column("reading", Json, nullable=False),
    Column("sighting", Json),
    Column("seen_at_ms", Int64),
    CheckConstraint("(sighting IS NULL) = (seen_at_ms IS NULL)", name="seen_whole"),
    UniqueConstraint("code"),
    # Query: checks that are over.
    Index("ix_install_checks_started_at_ms", "started_at_ms"),
)
