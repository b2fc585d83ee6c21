"""Findings between their record and their row; the stores of this folder call it."""

from typing import Any

from sqlalchemy import Row

from fraud_rules.types import Finding
from tracker.cases.types import FindingRow

_FINDING_FIELDS = Finding.__struct_fields__


def as_finding(row: Row[Any]) -> FindingRow:
    """Return a row of the table of findings."""
    values = {name: getattr(row, name) for name in _FINDING_FIELDS}
    values["translated"] = tuple(values["translated"])
    values["compared"] = tuple(values["compared"])
    return FindingRow(
        finding_id=row.finding_id,
        conversion_id=row.conversion_id,
        enrollment_id=row.enrollment_id,
        livemode=row.livemode,
        finding=Finding(**values),
        allowed_by=row.allowed_by,
        evidence_digest=row.evidence_digest,
        created_at_ms=row.created_at_ms,
    )


def finding_values(row: FindingRow) -> dict[str, Any]:
    """Return the values of a finding's columns."""
    values = {name: getattr(row.finding, name) for name in _FINDING_FIELDS}
    own = {name: getattr(row, name) for name in FindingRow.__struct_fields__ if name != "finding"}
    return values | own
