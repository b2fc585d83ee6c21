"""Recording many reports in one transaction: what shops send at the same time waits for one commit.

A report is plain when its number is new and its customer, if it names one, is either new or known and told nothing
more. Plain ones are stored by a handful of statements for all of them; every other one goes the way of `record`. Both
ways store the same; see test_together_or_one_by_one_is_the_same.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence

import msgspec
from sqlalchemy import Connection

from ingest.conversions import ConversionReport, RecordOutcome
from ingest.enrich import Agent
from tracker.clicks import store as clicks
from tracker.clicks.project import Enricher
from tracker.conversions import record_store
from tracker.conversions.late import AT_ONCE, DECIDE
from tracker.conversions.record import link, make_customer, make_row, news_of, record
from tracker.conversions.types import Customer
from tracker.db.ids import new_id
from tracker.db.sequences import next_seqs
from tracker.jobs import store as jobs

Place = tuple[str, bool]  # program and mode


class Reported(msgspec.Struct, frozen=True, kw_only=True):
    """A report and what was read of the browser it names."""

    report: ConversionReport
    agent: Agent | None


def record_many(conn: Connection, many: Sequence[Reported], *, enricher: Enricher) -> list[RecordOutcome]:
    """Store reports once each and return what became of them, in their order. Call it in one write transaction."""
    plain = _plain(conn, many)
    outcomes: dict[int, RecordOutcome] = {}
    if plain:
        outcomes = _store_plain(conn, many, plain, enricher=enricher)
    for number, one in enumerate(many):
        if number not in outcomes:
            outcomes[number] = record(conn, one.report, agent=one.agent, enricher=enricher)
    return [outcomes[number] for number in range(len(many))]


def _plain(conn: Connection, many: Sequence[Reported]) -> dict[int, Customer | None]:
    """Return the plain reports by their position, with the known customer of each."""
    fresh = _fresh(conn, many)
    known = _known_customers(conn, [many[number].report for number in fresh])
    plain: dict[int, Customer | None] = {}
    named: set[tuple[Place, str]] = set()
    for number in fresh:
        report = many[number].report
        told = report.customer
        if told is None or (told.external_id is None and told.email is None):
            plain[number] = None
        elif told.external_id is not None and (_place(report), told.external_id) not in named:
            # Whoever is named twice in one batch is looked up again after the first is stored.
            named.add((_place(report), told.external_id))
            customer = known.get((_place(report), told.external_id))
            if customer is None or report.trust == "unverified" or not news_of(customer, told):
                plain[number] = customer
    return plain


def _fresh(conn: Connection, many: Sequence[Reported]) -> list[int]:
    """Return the positions of reports whose number is new, the first of several with one number."""
    asked: dict[tuple[Place, str], dict[str, int]] = defaultdict(dict)
    for number, one in enumerate(many):
        asked[_place(one.report), one.report.kind].setdefault(one.report.external_id, number)
    fresh: list[int] = []
    for ((program_id, livemode), kind), numbers in asked.items():
        known = record_store.known_numbers(
            conn, program_id=program_id, livemode=livemode, kind=kind, external_ids=list(numbers)
        )
        fresh += [number for external_id, number in numbers.items() if external_id not in known]
    return sorted(fresh)


def _known_customers(conn: Connection, reports: Iterable[ConversionReport]) -> dict[tuple[Place, str], Customer]:
    asked: dict[Place, list[str]] = defaultdict(list)
    for report in reports:
        if report.customer is not None and report.customer.external_id is not None:
            asked[_place(report)].append(report.customer.external_id)
    return {
        (place, external_id): customer
        for place, external_ids in asked.items()
        for external_id, customer in record_store.customers_by_number(
            conn, program_id=place[0], livemode=place[1], external_ids=external_ids
        ).items()
    }


def _store_plain(
    conn: Connection, many: Sequence[Reported], plain: dict[int, Customer | None], *, enricher: Enricher
) -> dict[int, RecordOutcome]:
    agents = {agent.text: agent for number in plain if (agent := many[number].agent) is not None}
    agent_ids = clicks.agent_ids(conn, agents.values())
    made = [
        make_customer(conn, many[number].report)
        for number, customer in plain.items()
        if customer is None and _names_somebody(many[number].report)
    ]
    if made:
        record_store.insert_customers(conn, made)
    by_number = {((one.program_id, one.livemode), one.external_id): one for one in made}
    rows = []
    for (number, known), seq in zip(plain.items(), next_seqs(conn, "conversions", len(plain)), strict=True):
        report, agent = many[number].report, many[number].agent
        customer = known or (by_number[_place(report), _number_of(report)] if _names_somebody(report) else None)
        rows.append(
            make_row(
                report,
                enricher,
                conversion_id=new_id("cnv", report.received_at_ms),
                seq=seq,
                customer_id=customer.customer_id if customer else None,
                agent_id=agent_ids[agent.text] if agent else None,
            )
        )
    record_store.insert_conversions(conn, rows)
    jobs.enqueue_new(conn, kind=DECIDE, subject_ids=[row.conversion_id for row in rows], run_at_ms=AT_ONCE)
    for row in rows:
        link(conn, row)
    return {
        number: RecordOutcome(conversion_id=row.conversion_id, status="created")
        for number, row in zip(plain, rows, strict=True)
    }


def _names_somebody(report: ConversionReport) -> bool:
    return report.customer is not None and report.customer.external_id is not None


def _number_of(report: ConversionReport) -> str | None:
    return report.customer.external_id if report.customer else None


def _place(report: ConversionReport) -> Place:
    return report.program_id, report.livemode
