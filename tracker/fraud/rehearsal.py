"""What other settings of the fraud rules would have done to the last days, without changing anything.

The pages that publish settings call `rehearse` in a thread of their own. It replays what happened through the pure
rules twice, once by the terms in force and once by the new ones; a rule whose settings stay is asked once.
"""

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, func, select

from fraud_rules.allow import AllowEntry
from fraud_rules.engine import Judgement, judge, judge_partner
from fraud_rules.history.facts import facts_of
from fraud_rules.history.partners import Night
from fraud_rules.history.program import ProgramHistory
from fraud_rules.rule import Rule, RuleConfig
from fraud_rules.scoring import REVIEW_FROM_MAX, REVIEW_FROM_MIN, score
from fraud_rules.types import Finding, Subject, weightiest_first
from tracker.conversions.tables import conversions
from tracker.fraud.light_rows import LightRows, load_rows, take
from tracker.fraud.replay.book import Book
from tracker.instants import DAY_MS
from tracker.ledger.store import chunks
from tracker.ledger.tables import entries, transfers

DAYS = 90
WARM_UP_DAYS = 28  # what rules call usual was learned before the first day looked at
CONVERSIONS_MAX = 20_000  # the newest are looked at; more keep a person waiting and change no answer
BUDGET_S = 8.0  # a page waits for it
SAMPLE = 100  # conversions by which the time for all is guessed
EXAMPLES_MAX = 20
PARTNERS_EVERY_DAYS = 7  # partners are judged weekly here, nightly in earnest: the cases are the same, days later
LINES = tuple(range(REVIEW_FROM_MIN, REVIEW_FROM_MAX + 1, 5))
_WEEK_MS = 7 * DAY_MS

Money = tuple[tuple[str, int], ...]  # minor units by currency


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """Settings to rehearse: those of every rule by id, and the score from which people look."""

    configs: Mapping[str, RuleConfig]
    review_from: int


class Material(msgspec.Struct, frozen=True, kw_only=True):
    """What a rehearsal looks at: what happened, commissions by conversion, numbers of the shop, the allow list.

    `since_ms` is the first instant looked at; what came before only warms up.
    """

    rows: LightRows
    since_ms: int
    until_ms: int
    commissions: Mapping[str, Money]
    names: Mapping[str, str]
    allow: tuple[AllowEntry, ...]
    scales: Mapping[str, int]


class Load(msgspec.Struct, frozen=True, kw_only=True):
    """What terms would have asked of people and held; `weekly_tenths` is cases a week in tenths."""

    cases: int
    weekly_tenths: int
    conversions: int
    held: Money


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """What the new settings would have come to with the review line at a score."""

    review_from: int
    load: Load


class Example(msgspec.Struct, frozen=True, kw_only=True):
    """A conversion whose commission would have been held, or would not; with its scores before and after."""

    conversion_id: str
    external_id: str
    at_ms: int
    points_before: int
    points_after: int


class Rehearsal(msgspec.Struct, frozen=True, kw_only=True):
    """What the new settings would have changed, over the newest `looked_at` of `conversions` conversions.

    `days` is how far back that reaches. The newest examples come first; counts are over all that was looked at.
    """

    days: int
    conversions: int
    looked_at: int
    is_cut: bool
    before: Load
    after: Load
    newly_held: int
    newly_free: int
    examples_held: tuple[Example, ...]
    examples_free: tuple[Example, ...]
    lines: tuple[Line, ...]
    failures: tuple[str, ...]


def load_material(
    conn: Connection,
    program_id: str,
    *,
    allow: tuple[AllowEntry, ...],
    scales: Mapping[str, int],
    now_ms: int,
    limit: int = CONVERSIONS_MAX,
) -> Material:
    """Return what a rehearsal of a program needs; live conversions alone."""
    since_ms = now_ms - DAYS * DAY_MS
    rows = load_rows(
        conn, program_id, livemode=True, from_ms=since_ms - WARM_UP_DAYS * DAY_MS, to_ms=now_ms, limit=limit
    )
    ids = [each.conversion_id for each in rows.happenings if isinstance(each, Subject)]
    return Material(
        rows=rows,
        since_ms=since_ms,
        until_ms=now_ms,
        commissions=_commissions(conn, ids),
        names=_names(conn, ids),
        allow=allow,
        scales=scales,
    )


def rehearse(
    material: Material,
    rules: Sequence[Rule[Any]],
    *,
    before: Terms,
    after: Terms,
    budget_s: float = BUDGET_S,
    clock: Callable[[], float] = time.monotonic,
) -> Rehearsal:
    """Return what would differ. Runs as long as it may; then the newest conversions alone are in it."""
    subjects = [each for each in material.rows.happenings if isinstance(each, Subject)]
    counted = [each for each in subjects if each.at_ms >= material.since_ms]
    ends_at = clock() + budget_s
    skipped = 0
    if len(counted) > SAMPLE:
        # The middle ones tell how long one takes: two fifths of the budget are kept for what else goes on.
        middle = counted[(len(counted) - SAMPLE) // 2]
        spent_s = _Run(material, rules, before=before, after=after).go(until=SAMPLE, since=middle, clock=clock)
        affordable = int(max(ends_at - clock(), 0.0) * 0.6 / max(spent_s / SAMPLE, 1e-9))
        skipped = max(len(counted) - max(affordable, SAMPLE), 0)
    run = _Run(material, rules, before=before, after=after)
    if counted:
        run.go(until=None, since=counted[skipped], clock=clock)
    looked_at = counted[skipped:]
    is_cut = skipped > 0 or material.rows.is_cut
    since_ms = looked_at[0].at_ms if looked_at and is_cut else material.since_ms
    return run.tell(looked_at, all_of=len(counted), since_ms=since_ms, is_cut=is_cut)


class _Run:
    """One walk through what happened, judging by both terms."""

    def __init__(self, material: Material, rules: Sequence[Rule[Any]], *, before: Terms, after: Terms) -> None:
        self.material = material
        self.before, self.after = before, after
        changed = {rule.id for rule in rules if before.configs.get(rule.id) != after.configs.get(rule.id)}
        self.same = tuple(rule for rule in rules if rule.id not in changed)
        self.changed = tuple(rule for rule in rules if rule.id in changed)
        self.judges_partners = any(rule.evaluate_partner is not None for rule in rules)
        self.past = ProgramHistory(material.rows.program_id)
        self.books = (Book(review_from=before.review_from), Book(review_from=after.review_from))
        self.restless: set[str] = set()
        self.partners_due_ms = material.since_ms + PARTNERS_EVERY_DAYS * DAY_MS
        self.failures: dict[str, None] = {}

    def go(self, *, until: int | None, since: Subject, clock: Callable[[], float]) -> float:
        """Walk to the end, or until so many conversions are judged; judge from a conversion on.

        Return the seconds from the first that was judged.
        """
        judged, begun, started_s = 0, False, 0.0
        for each in self.material.rows.happenings:
            if isinstance(each, Subject):
                if each is since:
                    begun, started_s = True, clock()
                if begun:
                    self._pass_weeks(each.at_ms)
                    self._judge(each)
                    judged += 1
                    if judged == until:
                        return clock() - started_s
            take(self.past, each)
            if isinstance(each, Subject) and begun:
                self._settle_lead(each)
        self._judge_partners(self.material.until_ms)
        return clock() - started_s

    def _judge(self, subject: Subject) -> None:
        facts = facts_of(subject, self.past)

        def ask(rules: Sequence[Rule[Any]], terms: Terms) -> Judgement:
            return judge(facts, rules, configs=terms.configs, allow=self.material.allow, scales=self.material.scales)

        for book, judgement in self._both(ask):
            book.note(subject.conversion_id, judgement)
            book.spread(subject.conversion_id, judgement.findings)
        if subject.partner_id is not None:
            self.restless.add(subject.partner_id)

    def _settle_lead(self, subject: Subject) -> None:
        """Place a conversion, and all others its findings speak of, in both books."""
        for book in self.books:
            spoken_of = [
                other
                for finding in book.own.get(subject.conversion_id, ())
                if finding.fired and finding.holds_compared
                for other in finding.compared
            ]
            self._settle(book, [subject.conversion_id, *spoken_of], at_ms=subject.at_ms)
            if subject.lead_id is not None:
                book.join(subject.conversion_id, subject.lead_id)

    def _settle(self, book: Book, subject_ids: Iterable[str], *, at_ms: int) -> None:
        for each in dict.fromkeys(subject_ids):
            subject = self.past.conversions.get(each)
            if subject is None:
                continue
            book.place(subject, book.rescore(each), at_ms=at_ms)
            for sale_id in self.past.sales_of_lead.get(each, ()):
                book.join(sale_id, each)

    def _pass_weeks(self, at_ms: int) -> None:
        if at_ms >= self.partners_due_ms:
            self._judge_partners(at_ms)
            self.partners_due_ms = at_ms + PARTNERS_EVERY_DAYS * DAY_MS

    def _judge_partners(self, at_ms: int) -> None:
        due, self.restless = sorted(self.restless), set()
        if not due or not self.judges_partners:
            return
        night = Night(self.past, at_ms=at_ms)
        for partner_id in due:
            facts = night.facts_of(partner_id)

            def ask(rules: Sequence[Rule[Any]], terms: Terms, facts: Any = facts) -> Judgement:
                return judge_partner(
                    facts, rules, configs=terms.configs, allow=self.material.allow, scales=self.material.scales
                )

            for book, judgement in self._both(ask):
                book.note(partner_id, judgement)
                touched = book.spread(partner_id, judgement.findings)
                book.place_partner(self.past.program_id, partner_id, judgement, at_ms=at_ms)
                self._settle(book, touched, at_ms=at_ms)

    def _both(self, ask: Callable[[Sequence[Rule[Any]], Terms], Judgement]) -> list[tuple[Book, Judgement]]:
        """Return what the rules say by either terms; those whose settings stay are asked once."""
        same = ask(self.same, self.before)
        told = []
        for book, terms in zip(self.books, (self.before, self.after), strict=True):
            other = ask(self.changed, terms) if self.changed else None
            self.failures.update(dict.fromkeys(each.rule for each in (*same.errors, *(other.errors if other else ()))))
            told.append((book, _joined(same, other, review_from=terms.review_from)))
        return told

    def tell(self, looked_at: Sequence[Subject], *, all_of: int, since_ms: int, is_cut: bool) -> Rehearsal:
        """Return what both books came to."""
        span_ms = max(self.material.until_ms - since_ms, DAY_MS)
        old, new = (self._held(book, looked_at) for book in self.books)
        newly, freed = new - old, old - new
        newest = list(reversed(looked_at))
        return Rehearsal(
            days=-(-span_ms // DAY_MS),
            conversions=all_of,
            looked_at=len(looked_at),
            is_cut=is_cut,
            before=self._load(len(self.books[0].cases), old, span_ms=span_ms),
            after=self._load(len(self.books[1].cases), new, span_ms=span_ms),
            newly_held=len(newly),
            newly_free=len(freed),
            examples_held=self._examples(each for each in newest if each.conversion_id in newly),
            examples_free=self._examples(each for each in newest if each.conversion_id in freed),
            lines=self._lines(looked_at, span_ms=span_ms),
            failures=tuple(sorted(self.failures)),
        )

    def _held(self, book: Book, looked_at: Sequence[Subject]) -> set[str]:
        """Return the conversions that cases hold; a case over a whole partner holds all of the partner's."""
        covered = {each for case in book.cases for each in case.subjects}
        return {
            each.conversion_id
            for each in looked_at
            if each.partner_id is not None and (each.conversion_id in covered or each.partner_id in covered)
        }

    def _load(self, cases: int, held: Iterable[str], *, span_ms: int) -> Load:
        ids = set(held)
        sums: dict[str, int] = defaultdict(int)
        for each in ids:
            for currency, amount in self.material.commissions.get(each, ()):
                sums[currency] += amount
        return Load(
            cases=cases,
            weekly_tenths=(10 * cases * _WEEK_MS + span_ms // 2) // span_ms,
            conversions=len(ids),
            held=tuple(sorted((currency, amount) for currency, amount in sums.items() if amount)),
        )

    def _examples(self, subjects: Iterable[Subject]) -> tuple[Example, ...]:
        before, after = (book.scores for book in self.books)
        found: list[Example] = []
        for each in subjects:
            if len(found) == EXAMPLES_MAX:
                break
            one = each.conversion_id
            found.append(
                Example(
                    conversion_id=one,
                    external_id=self.material.names.get(one, ""),
                    at_ms=each.occurred_at_ms,
                    points_before=before.get(one, 0),
                    points_after=after.get(one, 0),
                )
            )
        return tuple(found)

    def _lines(self, looked_at: Sequence[Subject], *, span_ms: int) -> tuple[Line, ...]:
        """Return what each line would ask: a case for each fact of a partner that reaches it."""
        book = self.books[1]
        highest: dict[tuple[str, str], int] = defaultdict(int)
        points: dict[str, int] = {}
        for each in looked_at:
            about = [finding for finding in book.about(each.conversion_id) if finding.fired and finding.factor_ppm]
            if each.partner_id is None or not about:
                continue
            points[each.conversion_id] = book.scores.get(each.conversion_id, 0)
            fact = (each.partner_id, _fact_of(about) or each.partner_id)
            highest[fact] = max(highest[fact], points[each.conversion_id])
        return tuple(
            Line(
                review_from=line,
                load=self._load(
                    sum(reached >= line for reached in highest.values()),
                    (each for each, reached in points.items() if reached >= line),
                    span_ms=span_ms,
                ),
            )
            for line in LINES
        )


def line_for(lines: Sequence[Line], weekly_cases: int) -> int | None:
    """Return the lowest review line that asks for no more cases a week than people can read, None when all ask more."""
    fitting = (line.review_from for line in lines if line.load.weekly_tenths <= 10 * weekly_cases)
    return min(fitting, default=None)


def _joined(same: Judgement, other: Judgement | None, *, review_from: int) -> Judgement:
    found: list[Finding] = sorted([*same.findings, *(other.findings if other else ())], key=weightiest_first)
    return msgspec.structs.replace(same, findings=tuple(found), score=score(found, review_from=review_from))


def _fact_of(findings: Iterable[Finding]) -> str | None:
    """Return the shared fact a case over these findings is placed by."""
    ordered = sorted(findings, key=weightiest_first)
    return next((finding.cluster_key for finding in ordered if finding.cluster_key is not None), None)


def _commissions(conn: Connection, conversion_ids: Sequence[str]) -> dict[str, Money]:
    """Return what conversions earned at first, by currency; what was taken back later was held all the same."""
    found: dict[str, list[tuple[str, int]]] = defaultdict(list)
    for ids in chunks(conversion_ids):
        query = (
            select(transfers.c.conversion_id, entries.c.currency, func.sum(entries.c.amount_minor).label("total"))
            .join(entries, entries.c.transfer_id == transfers.c.transfer_id)
            .where(
                transfers.c.conversion_id.in_(ids),
                transfers.c.kind == "accrual",
                entries.c.account == "partner_payable",
            )
            .group_by(transfers.c.conversion_id, entries.c.currency)
        )
        for row in conn.execute(query):
            found[row.conversion_id].append((row.currency, int(row.total)))
    return {each: tuple(sorted(sums)) for each, sums in found.items()}


def _names(conn: Connection, conversion_ids: Sequence[str]) -> dict[str, str]:
    """Return the shop's numbers of conversions."""
    found: dict[str, str] = {}
    for ids in chunks(conversion_ids):
        query = select(conversions.c.conversion_id, conversions.c.external_id)
        found |= {row[0]: row[1] for row in conn.execute(query.where(conversions.c.conversion_id.in_(ids)))}
    return found
