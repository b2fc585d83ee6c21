"""What a partner sees: own links and code, own conversions with their reason, own commissions and balances.

`routes.py` calls it. Only enrollments of the partner asked for are read; other partners, customers' contacts and the
names of rules never leave here.
"""

from typing import NamedTuple

from sqlalchemy import Connection

from tracker.admin.arithmetic import Step, sum_steps
from tracker.admin.explanations import Considered, considered
from tracker.cases import store as cases
from tracker.cases.decide import ruling
from tracker.cases.types import AGAINST
from tracker.clicks import store as clicks
from tracker.conversions import store as conversions
from tracker.conversions.types import ConversionFilter, ConversionRow
from tracker.i18n.translator import Translator
from tracker.instants import DAY_MS
from tracker.ledger import store as ledger
from tracker.ledger.types import Balance, StatementLine
from tracker.links import store as links
from tracker.partners import store as partners
from tracker.partners.types import Enrollment, Link, Partner, PromoCode
from tracker.portal.matters import Matter, Stop, matters_of, stop_of
from tracker.programs import store as programs
from tracker.programs.types import Program

SHOWN_MAX = 50  # newest conversions and newest lines of one program
CLICK_DAYS = 30


class Seen(NamedTuple):
    """One thing that was considered for a conversion: what, whose ("you", "another" or nobody's), when, what became."""

    title: str
    whose: str
    at_ms: int | None
    is_credited: bool
    sentence: str


class Result(NamedTuple):
    """One own conversion: what it is, where it stands, and why in words the partner may read."""

    title: str
    kind: str
    status: str
    at_ms: int
    reason: str
    considered: list[Seen]


class Line(NamedTuple):
    """One line of the statement with the sum that explains it."""

    statement: StatementLine
    title: str
    steps: list[Step]


class Share(NamedTuple):
    """Everything of one partner in one program."""

    enrollment: Enrollment
    program: Program
    links: list[Link]
    promo_codes: list[PromoCode]
    clicks: int
    balances: list[Balance]
    results: list[Result]
    lines: list[Line]
    matters: list[Matter]
    stop: Stop | None


def load_results(conn: Connection, partner: Partner, speech: Translator, *, now_ms: int) -> list[Share]:
    """Return what the partner has in each program, oldest first; live data only."""
    shares = []
    for enrollment in partners.enrollments_of(conn, partner.partner_id):
        program = programs.get_program(conn, enrollment.program_id)
        if program is not None:
            shares.append(_share(conn, enrollment, program, speech, now_ms=now_ms))
    return shares


def _share(conn: Connection, enrollment: Enrollment, program: Program, speech: Translator, *, now_ms: int) -> Share:
    enrollment_id = enrollment.enrollment_id
    wanted = ConversionFilter(livemode=True, enrollment_id=enrollment_id)
    found = conversions.list_conversions(conn, wanted, limit=SHOWN_MAX)
    first_day = now_ms // DAY_MS - CLICK_DAYS + 1
    by_day = clicks.clicks_by_day(conn, livemode=True, from_day=first_day, enrollment_id=enrollment_id)
    lines = ledger.statement(conn, enrollment_id, livemode=True, now_ms=now_ms, limit=SHOWN_MAX)
    return Share(
        enrollment=enrollment,
        program=program,
        links=links.links_of(conn, enrollment_id),
        promo_codes=links.promo_codes_of(conn, enrollment_id),
        clicks=sum(people for people, _ in by_day.values()),
        balances=ledger.balances(conn, enrollment_id, livemode=True, now_ms=now_ms),
        results=[_result(conn, row, program, speech, enrollment=enrollment) for row in found],
        lines=[
            Line(line, public_number(line.conversion_external_id), sum_steps(line.commission.line, speech))
            for line in lines
        ],
        matters=matters_of(conn, enrollment, speech, now_ms=now_ms),
        stop=stop_of(conn, enrollment, speech),
    )


def public_number(external_id: str) -> str:
    """Return the shop's number; one that is an e-mail address is a person's and stays hidden."""
    return "" if "@" in external_id else external_id


def _result(
    conn: Connection, row: ConversionRow, program: Program, speech: Translator, *, enrollment: Enrollment
) -> Result:
    decision = conversions.newest_decision(conn, row.conversion_id)
    explanation = {} if decision is None else decision.explanation
    return Result(
        title=public_number(row.external_id),
        kind=row.kind,
        status=row.status,
        at_ms=row.occurred_at_ms,
        reason=_reason(conn, row, speech, enrollment_id=enrollment.enrollment_id),
        considered=[
            _seen(each, speech, partner_id=enrollment.partner_id)
            for each in considered(explanation, speech, time_zone=program.time_zone)
        ],
    )


def _seen(each: Considered, speech: Translator, *, partner_id: str) -> Seen:
    """Return what a partner may know: of another one neither name, code nor standing, only what it came to."""
    if each.partner_id in (None, partner_id):
        whose = "" if each.partner_id is None else "you"
        return Seen(each.title, whose, each.at_ms, each.is_credited, each.sentence)
    title = speech.gettext("Code") if each.kind == "code" else each.title
    sentence = each.sentence if each.is_credited else speech.gettext("It earned nothing.")
    return Seen(title, "another", each.at_ms, each.is_credited, sentence)


def _reason(conn: Connection, row: ConversionRow, speech: Translator, *, enrollment_id: str) -> str:
    """Return why a conversion stands where it stands, without saying how anything was found."""
    if row.status == "in_review":
        covering = cases.cases_of_conversion(conn, row.conversion_id)
        mine = [case for case in covering if case.enrollment_id == enrollment_id and case.status != "decided"]
        since_ms = min((case.opened_at_ms for case in mine), default=row.received_at_ms)
        return speech.gettext("Under review since %(day)s", day=speech.date(since_ms))
    if row.status == "rejected":
        return _verdict_text(conn, row, speech)
    if row.status == "attributed":
        return speech.gettext("The shop has not confirmed it yet.")
    if row.status in ("part_refunded", "refunded"):
        return speech.gettext("The customer got money back.")
    return ""


def _verdict_text(conn: Connection, row: ConversionRow, speech: Translator) -> str:
    """Return what the person who rejected it wrote for the partner; what was undone says nothing."""
    ruled = [
        ruling(cases.verdicts_of(conn, case.case_id)) for case in cases.cases_of_conversion(conn, row.conversion_id)
    ]
    texts = [verdict for verdict in ruled if verdict is not None and verdict.action in AGAINST]
    newest = max(texts, key=lambda verdict: verdict.at_ms, default=None)
    return speech.gettext(newest.public_text) if newest else ""
