"""Tables of what a person judges: findings of the fraud rules, cases, verdicts, what partners say to them."""

from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, PrimaryKeyConstraint, UniqueConstraint, text

from tracker.db.columns import Flag, Id, Int64, Json, Str
from tracker.db.metadata import append_only, table

findings = append_only(
    "findings",
    "A fraud rule spoke of a conversion or of a partner as a whole; text is stored as message id and parameters.",
    Column("finding_id", Id("fnd"), primary_key=True),
    # One of the two; the mode stands here for a partner, whose conversions may be of either.
    Column("conversion_id", Id("cnv"), ForeignKey("conversions.conversion_id")),
    Column("enrollment_id", Id("enr"), ForeignKey("enrollments.enrollment_id")),
    Column("livemode", Flag),
    Column("rule", Str, nullable=False),
    Column("rule_version", Int64, nullable=False),
    Column("family", Str, nullable=False),
    Column("fired", Flag, nullable=False),
    # Parts per million; factor is weight x strength x damping.
    Column("strength_ppm", Int64, nullable=False),
    Column("weight_ppm", Int64, nullable=False),
    Column("damping_ppm", Int64, nullable=False),
    Column("factor_ppm", Int64, nullable=False),
    Column("message", Str, nullable=False),
    # The plural msgid; params["count"] chooses. `translated` names the params that are msgids themselves.
    Column("message_plural", Str),
    Column("params", Json, nullable=False),
    Column("translated", Json, nullable=False),
    Column("evidence", Json, nullable=False),
    # The rule's settings in force, and the conversions it compared with.
    Column("config", Json, nullable=False),
    Column("compared", Json, nullable=False),
    # It speaks of those it compares with, too (findings_compared); a case over it holds all of the partner.
    Column("holds_compared", Flag, nullable=False),
    Column("holds_partner", Flag, nullable=False),
    # The allow-list entry that silenced it.
    Column("allowed_by", Str),
    Column("clears_when", Str, nullable=False),
    Column("cluster_key", Str),
    # Equal evidence on the same conversion or partner is one finding.
    Column("evidence_digest", Str, nullable=False),
    Column("created_at_ms", Int64, nullable=False),
    CheckConstraint("(conversion_id IS NULL) <> (enrollment_id IS NULL)", name="one_subject"),
    CheckConstraint("(enrollment_id IS NULL) = (livemode IS NULL)", name="partner_has_mode"),
    UniqueConstraint("conversion_id", "rule", "evidence_digest"),
    UniqueConstraint("enrollment_id", "livemode", "rule", "evidence_digest"),
)

findings_compared = table(
    "findings_compared",
    "Other conversions a finding speaks of, as long as it is found: it counts into their scores, too.",
    Column("conversion_id", Id("cnv"), ForeignKey("conversions.conversion_id"), nullable=False),
    Column("finding_id", Id("fnd"), ForeignKey("findings.finding_id"), nullable=False),
    PrimaryKeyConstraint("conversion_id", "finding_id"),
    # Query: what a finding spoke of that is not found any more.
    Index("ix_findings_compared_finding", "finding_id"),
)

cases = table(
    "cases",
    "What a person judges: one a program, partner and shared fact.",
    Column("case_id", Id("cas"), primary_key=True),
    Column("program_id", Id("prg"), ForeignKey("programs.program_id"), nullable=False),
    Column("enrollment_id", Id("enr"), ForeignKey("enrollments.enrollment_id"), nullable=False),
    Column("livemode", Flag, nullable=False),
    Column("kind", Str, CheckConstraint("kind IN ('risk', 'audit')", name="kind_known"), nullable=False),
    Column(
        "status",
        Str,
        CheckConstraint("status IN ('open', 'claimed', 'waiting_partner', 'decided', 'appealed')", name="status_known"),
        nullable=False,
    ),
    Column("cluster_key", Str, nullable=False),
    Column("score", Int64, CheckConstraint("score BETWEEN 0 AND 100", name="score_range"), nullable=False),
    Column("claimed_by", Str),
    Column("opened_at_ms", Int64, nullable=False),
    Column("due_at_ms", Int64, nullable=False),
    Column("decided_at_ms", Int64),
    # When a claim without activity ends.
    Column("claim_ends_at_ms", Int64),
    # Until then nobody is offered the case: it is held on, or the partner was asked.
    Column("postponed_until_ms", Int64),
    # The one appeal a case can have.
    Column("appealed_at_ms", Int64),
    # The last age in days that was told (tracker/cases/ageing.py).
    Column("reminded_days", Int64, nullable=False, server_default="0"),
    # The verdict that waits for a second person. No foreign key: SQLite adds none to a table with rows.
    Column("proposal_id", Id("vdp")),
    # One undecided case a cluster: new findings join it. An appealed one was decided before and stands beside.
    Index(
        "uq_cases_open_cluster",
        "enrollment_id",
        "livemode",
        "cluster_key",
        unique=True,
        sqlite_where=text("status <> 'decided' AND appealed_at_ms IS NULL"),
        postgresql_where=text("status <> 'decided' AND appealed_at_ms IS NULL"),
    ),
    # Query: the queue, highest score first.
    Index("ix_cases_queue", "livemode", "status", "score"),
    # Query: the newest verdict, and the verdicts of a program (learning).
    Index("ix_cases_decided", "program_id", "livemode", "decided_at_ms"),
)

case_conversions = table(
    "case_conversions",
    "Which conversions a case covers; their commissions are frozen while it is open.",
    Column("case_id", Id("cas"), ForeignKey("cases.case_id"), nullable=False),
    Column("conversion_id", Id("cnv"), ForeignKey("conversions.conversion_id"), nullable=False, index=True),
    Column("added_at_ms", Int64, nullable=False),
    PrimaryKeyConstraint("case_id", "conversion_id"),
)

verdicts = append_only(
    "verdicts",
    "What a person decided about a case, with the text the partner may read.",
    Column("verdict_id", Id("vdt"), primary_key=True),
    Column("case_id", Id("cas"), ForeignKey("cases.case_id"), nullable=False, index=True),
    Column("verdict", Str, nullable=False),
    Column("action", Str, nullable=False),
    Column("reason_code", Str, nullable=False),
    Column("public_text", Str, nullable=False),
    Column("note", Str, nullable=False),
    Column("deciding_finding", Id("fnd")),
    Column("actor", Str, nullable=False),
    Column("at_ms", Int64, nullable=False),
    # How long ask and hold wait.
    Column("days", Int64),
    # The verdict an undo takes back. No foreign key: SQLite adds none to a guarded table.
    Column("undoes", Id("vdt")),
    # The second person, where one was needed.
    Column("confirmed_by", Str),
    # What it changed, for an undo; null in rows from before there was one.
    Column("effects", Json),
)

verdict_proposals = append_only(
    "verdict_proposals",
    "Verdicts over a program's limit, which a second person confirms or refuses; the case names the one that waits.",
    Column("proposal_id", Id("vdp"), primary_key=True),
    Column("case_id", Id("cas"), ForeignKey("cases.case_id"), nullable=False, index=True),
    Column("verdict", Str, nullable=False),
    Column("action", Str, nullable=False),
    Column("reason_code", Str, nullable=False),
    Column("public_text", Str, nullable=False),
    Column("note", Str, nullable=False),
    Column("deciding_finding", Id("fnd")),
    # Minor units it would move, by currency.
    Column("amounts", Json, nullable=False),
    Column("actor", Str, nullable=False),
    Column("at_ms", Int64, nullable=False),
)

partner_messages = append_only(
    "partner_messages",
    "What partners wrote about their cases: answers to questions, and appeals.",
    Column("message_id", Id("msg"), primary_key=True),
    Column("case_id", Id("cas"), ForeignKey("cases.case_id"), nullable=False, index=True),
    Column("kind", Str, CheckConstraint("kind IN ('reply', 'appeal')", name="kind_known"), nullable=False),
    Column("text", Str, nullable=False),
    # The question answered, or the verdict appealed against.
    Column("verdict_id", Id("vdt"), ForeignKey("verdicts.verdict_id"), nullable=False),
    Column("at_ms", Int64, nullable=False),
)
