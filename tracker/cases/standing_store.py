"""Queries of what findings say beside the conversion or partner they are about, and of what a partner case may hold."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import msgspec
from sqlalchemy import Connection, delete, insert, select

from tracker.cases.finding_rows import as_finding
from tracker.cases.partner_store import partner_cluster
from tracker.cases.tables import case_conversions, cases, findings, findings_compared
from tracker.cases.types import FindingRow
from tracker.conversions.tables import conversions
from tracker.db.rows import as_struct
from tracker.ledger.store import chunks

# What still has a reward to hold: decided, not rejected, not given back whole.
HOLDABLE = ("attributed", "in_review", "accepted", "part_refunded")


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """A conversion as far as its case is concerned."""

    conversion_id: str
    program_id: str
    livemode: bool
    kind: str
    enrollment_id: str | None
    occurred_at_ms: int
    received_at_ms: int


def speak_of(conn: Connection, said: Sequence[FindingRow], *, before: Iterable[str]) -> list[str]:
    """Note which conversions stored findings speak of beside their own; return those they did not speak of before.

    `before`: ids of findings about the same conversion or partner from earlier judgements; those not said again fall
    silent. Conversions that do not exist are left out.
    """
    wanted = {row.finding_id: set(row.finding.compared) - {row.conversion_id} for row in said}
    everything = _existing(conn, {each for ids in wanted.values() for each in ids})
    known: dict[str, set[str]] = {}
    for ids in chunks([*before, *wanted]):
        query = select(findings_compared).where(findings_compared.c.finding_id.in_(ids))
        for row in conn.execute(query):
            known.setdefault(row.finding_id, set()).add(row.conversion_id)
    for ids in chunks(each for each in known if each not in wanted):
        conn.execute(delete(findings_compared).where(findings_compared.c.finding_id.in_(ids)))
    new = [
        {"finding_id": finding_id, "conversion_id": each}
        for finding_id, ids in wanted.items()
        for each in sorted(ids & everything - known.get(finding_id, set()))
    ]
    if new:
        conn.execute(insert(findings_compared), new)
    return sorted({row["conversion_id"] for row in new})


def standing_on(conn: Connection, conversion_ids: Iterable[str]) -> dict[str, list[FindingRow]]:
    """Return the findings about others and about partners that speak of the conversions, by conversion."""
    found: dict[str, list[FindingRow]] = {}
    for ids in chunks(conversion_ids):
        query = (
            select(findings, findings_compared.c.conversion_id.label("spoken_of"))
            .join(findings_compared, findings_compared.c.finding_id == findings.c.finding_id)
            .where(findings_compared.c.conversion_id.in_(ids))
            .order_by(findings.c.finding_id)
        )
        for row in conn.execute(query):
            found.setdefault(row.spoken_of, []).append(as_finding(row))
    return found


class Judged(NamedTuple):
    """A decided case over a conversion: of which partner, over which fact, and when."""

    enrollment_id: str
    cluster_key: str
    decided_at_ms: int


def judged_facts(conn: Connection, conversion_ids: Iterable[str]) -> dict[str, list[Judged]]:
    """Return the decided cases that cover the conversions, by conversion."""
    found: dict[str, list[Judged]] = {}
    for ids in chunks(conversion_ids):
        query = (
            select(
                case_conversions.c.conversion_id,
                cases.c.enrollment_id,
                cases.c.cluster_key,
                cases.c.decided_at_ms,
            )
            .join(cases, cases.c.case_id == case_conversions.c.case_id)
            .where(case_conversions.c.conversion_id.in_(ids), cases.c.status == "decided")
        )
        for row in conn.execute(query):
            found.setdefault(row.conversion_id, []).append(
                Judged(row.enrollment_id, row.cluster_key, row.decided_at_ms or 0)
            )
    return found


def places_of(conn: Connection, conversion_ids: Iterable[str]) -> dict[str, Place]:
    """Return the conversions by id; refunds are left out."""
    columns = [conversions.c[name] for name in Place.__struct_fields__]
    found: dict[str, Place] = {}
    for ids in chunks(conversion_ids):
        query = select(*columns).where(conversions.c.conversion_id.in_(ids), conversions.c.kind != "refund")
        found |= {row.conversion_id: as_struct(Place, row) for row in conn.execute(query)}
    return found


def conversions_of_partner(
    conn: Connection, enrollment_id: str, *, livemode: bool, case_id: str | None, limit: int
) -> list[str]:
    """Return conversions credited to the partner that the case does not cover and no decided case of its kind did."""
    judged_alike = (
        select(case_conversions.c.conversion_id)
        .join(cases, cases.c.case_id == case_conversions.c.case_id)
        .where(
            case_conversions.c.conversion_id == conversions.c.conversion_id,
            cases.c.enrollment_id == enrollment_id,
            cases.c.cluster_key == partner_cluster(enrollment_id),
            (cases.c.status == "decided") | (cases.c.case_id == case_id),
        )
    )
    query = (
        select(conversions.c.conversion_id)
        .where(
            conversions.c.enrollment_id == enrollment_id,
            conversions.c.livemode == livemode,
            conversions.c.status.in_(HOLDABLE),
            conversions.c.kind != "refund",
            ~judged_alike.exists(),
        )
        .order_by(conversions.c.seq)
        .limit(limit)
    )
    return list(conn.execute(query).scalars())


def _existing(conn: Connection, conversion_ids: Iterable[str]) -> set[str]:
    found: set[str] = set()
    for ids in chunks(conversion_ids):
        query = select(conversions.c.conversion_id).where(conversions.c.conversion_id.in_(ids))
        found |= set(conn.execute(query).scalars())
    return found
