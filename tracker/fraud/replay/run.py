"""Replaying a file of events through all fraud rules, without a database.

`molva fraud replay` and `molva fraud evaluate` call `replay`. Lines come in the order they were received; each
conversion is judged on what came before it, partners once a day and at the end. Bad lines are named and left out.
"""

from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from fraud_rules.engine import RuleFailure, judge, judge_click, judge_partner
from fraud_rules.history.facts import facts_of, with_click
from fraud_rules.history.partners import Night
from fraud_rules.history.program import DAY_MS, PartnerCard, ProgramHistory, RefundRecord
from fraud_rules.identity import email_keys, phone_digits
from fraud_rules.learning import Lesson, learn, scales_of
from fraud_rules.registry import RULES
from fraud_rules.rule import Rule, RuleConfig
from fraud_rules.types import FETCHED, ClickFacts, Finding, Forgeries, PartnerLogin, weightiest_first
from ingest.enrich import read_agent
from tracker.fraud.replay.book import Book
from tracker.fraud.replay.lines import (
    ClickLine,
    LeadLine,
    Line,
    LineError,
    Network,
    PartnerLine,
    PartnerLoginLine,
    PayoutMethodLine,
    ProgramLine,
    RefundLine,
    SaleLine,
    VerdictLine,
    read_line,
)
from tracker.fraud.replay.networks import NetworkMap, Place
from tracker.fraud.replay.output import ErrorRow, ReplayResult, summarize
from tracker.fraud.replay.read import device_key, instant_ms, read_click, read_subject

FETCHES_KNOWN_FROM = 50  # clicks of a program from which its usual way of reporting them is known
FETCHES_USUAL_PERCENT = 30

_CONFIRMING = frozenset({"fraud", "policy"})


def replay(
    lines: Iterable[bytes],
    *,
    rules: Iterable[Rule[Any]] = RULES,
    configs: dict[str, RuleConfig] | None = None,
) -> ReplayResult:
    """Return findings, cases, scores and the errors of the lines (JSON texts, one a line, blank ones skipped)."""
    run = _Replay(tuple(rules), configs or {})
    for number, text in enumerate(lines, start=1):
        if text.strip():
            run.take(number, text)
    run.finish()
    return summarize(run.book, run.errors)


class _Replay:
    """The state of one replay."""

    def __init__(self, rules: tuple[Rule[Any], ...], configs: dict[str, RuleConfig]) -> None:
        self.rules = rules
        self.configs = configs
        self.book = Book()
        self.errors: list[ErrorRow] = []
        self.networks = NetworkMap()
        self.programs: dict[str, ProgramHistory] = {}
        self.click_programs: dict[str, str] = {}
        self.seen: dict[tuple[str, str, str], bytes] = {}
        self.fetches: dict[str, list[int]] = {}
        self.lessons: list[Lesson] = []
        self.scales: dict[str, int] = {}
        self.partner_scales: dict[str, int] = {}
        self.restless: set[tuple[str, str]] = set()
        self.day: int | None = None
        self.last_ms = 0
        self.line_number = 0
        self.kinds: dict[type, Callable[[Any], None]] = {
            Network: self.networks.add,
            ProgramLine: self._take_program,
            PartnerLine: self._take_partner,
            PartnerLoginLine: self._take_login,
            ClickLine: self._take_click,
            LeadLine: self._take_conversion,
            SaleLine: self._take_conversion,
            RefundLine: self._take_refund,
            PayoutMethodLine: self._take_payout_method,
            VerdictLine: self._take_verdict,
        }

    def take(self, number: int, text: bytes) -> None:
        """Take one line; a bad one is named and left out."""
        self.line_number = number
        try:
            line, surplus = read_line(text)
            for each in surplus:
                self._refuse(each)
            if not isinstance(line, Network):
                self._advance(line)
            self.kinds[type(line)](line)
        except LineError as error:
            self._refuse(error)

    def finish(self) -> None:
        """Judge partners a last time."""
        self._judge_partners(self.last_ms)

    def _refuse(self, error: LineError) -> None:
        self.errors.append(ErrorRow(line=self.line_number, field=error.field, message=str(error)))

    def _program(self, program_id: str) -> ProgramHistory:
        return self.programs.setdefault(program_id, ProgramHistory(program_id))

    def _take_program(self, line: ProgramLine) -> None:
        self._program(line.program_id)

    def _advance(self, line: Any) -> None:
        """Let the nights between two lines pass; lines out of order are judged where they stand."""
        at_ms = instant_ms(line.at)
        day = at_ms // DAY_MS
        if self.day is not None and day > self.day:
            self._judge_partners(day * DAY_MS)
        self.day = day if self.day is None else max(day, self.day)
        self.last_ms = max(self.last_ms, at_ms)

    def _place(self, ip: str | None) -> Place | None:
        try:
            return self.networks.place_of(ip)
        except LineError as error:
            # The rest of the line is worth reading: a lead must not vanish for its broken address.
            self._refuse(error)
            return None

    def _take_partner(self, line: PartnerLine) -> None:
        past = self._program(line.program_id)
        known = past.partners.get(line.partner_id, PartnerCard(partner_id=line.partner_id))
        digits = phone_digits(line.phone)
        card = msgspec.structs.replace(
            known,
            name=line.name or known.name,
            emails=(line.email,) if email_keys(line.email) and line.email else known.emails,
            phones=(digits,) if digits else known.phones,
        )
        past.put_partner(card)

    def _take_login(self, line: PartnerLoginLine) -> None:
        place = self._place(line.ip)
        agent = read_agent(line.user_agent) if line.user_agent else None
        login = PartnerLogin(
            at_ms=instant_ms(line.at),
            host_key=place.host_key if place else None,
            network_class=place.network_class if place else "unknown",
            agent_key=agent.agent_key if agent else None,
            device_key=device_key(line.device_id, None),
        )
        self._program(line.program_id).add_login(line.partner_id, login)
        self.restless.add((line.program_id, line.partner_id))

    def _take_click(self, line: ClickLine) -> None:
        click = read_click(line, self._place(line.ip))
        if self._is_repeated("click", line.program_id, line.click_id, line):
            return
        click = self._without_own_fetch(click)
        self.click_programs.setdefault(line.click_id, line.program_id)
        self._program(line.program_id).add_click(click)
        judgement = judge_click(click, self.rules, configs=self.configs)
        self._report(judgement.errors)
        if judgement.findings:
            self.book.note(line.click_id, judgement)
            self.book.scores[line.click_id] = judgement.score.points
        if line.partner_id is not None:
            self.restless.add((line.program_id, line.partner_id))

    def _without_own_fetch(self, click: ClickFacts) -> ClickFacts:
        """Take a fetch for no sign where they are usual: a shop's own script reports clicks so."""
        if click.fetch_dest is None:
            return click
        told = self.fetches.setdefault(click.program_id, [0, 0])
        told[0] += 1
        told[1] += click.fetch_dest == FETCHED
        is_usual = told[0] < FETCHES_KNOWN_FROM or told[1] * 100 >= told[0] * FETCHES_USUAL_PERCENT
        if click.fetch_dest != FETCHED or not is_usual:
            return click
        return msgspec.structs.replace(click, fetch_dest=None)

    def _take_conversion(self, line: LeadLine | SaleLine) -> None:
        kind = "sale" if isinstance(line, SaleLine) else "lead"
        if self._is_repeated(kind, line.program_id, line.external_id, line):
            return
        past = self._program(line.program_id)
        subject = with_click(read_subject(line, self._place(line.ip), region=None), past, line.click_id)
        seen_before = past.by_device.get(subject.device_key or "", ())
        is_known = any(lead.person_key == subject.person_key for lead in seen_before[-50:])
        subject = msgspec.structs.replace(subject, device_known_before=is_known)
        owner = self.click_programs.get(line.click_id or "")
        forgeries = Forgeries(foreign_click=owner is not None and owner != line.program_id)
        judgement = judge(
            facts_of(subject, past, forgeries=forgeries), self.rules, configs=self.configs, allow=(), scales=self.scales
        )
        self._report(judgement.errors)
        past.add_conversion(subject)
        book, own_id = self.book, subject.conversion_id
        book.note(own_id, judgement)
        touched = book.spread(own_id, judgement.findings)
        self._settle([own_id, *touched], past)
        if subject.lead_id is not None:
            book.join(own_id, subject.lead_id)
        if subject.partner_id is not None:
            self.restless.add((line.program_id, subject.partner_id))

    def _settle(self, subject_ids: Iterable[str], past: ProgramHistory) -> None:
        """Score conversions anew and place them; their sales are held with them."""
        for each in subject_ids:
            subject = past.conversions.get(each)
            if subject is None:
                continue
            self.book.place(subject, self.book.rescore(each), at_ms=self.last_ms)
            for sale_id in past.sales_of_lead.get(each, ()):
                self.book.join(sale_id, each)

    def _take_refund(self, line: RefundLine) -> None:
        past = self._program(line.program_id)
        past.add_refund(RefundRecord(sale_id=line.refund_of, at_ms=instant_ms(line.at), amount_minor=line.amount or 0))
        sale = past.conversions.get(line.refund_of)
        if sale is not None and sale.partner_id is not None:
            self.restless.add((line.program_id, sale.partner_id))

    def _take_payout_method(self, line: PayoutMethodLine) -> None:
        past = self._program(line.program_id)
        known = past.partners.get(line.partner_id, PartnerCard(partner_id=line.partner_id))
        keys = tuple(dict.fromkeys((*known.payment_keys, line.payment_fingerprint)))
        past.put_partner(
            msgspec.structs.replace(
                known,
                payment_keys=keys,
                payout_changed_at_ms=instant_ms(line.at) if known.payment_keys else known.payout_changed_at_ms,
            )
        )
        for partner_id in past.payout_partners[line.payment_fingerprint]:
            self.restless.add((line.program_id, partner_id))

    def _take_verdict(self, line: VerdictLine) -> None:
        at_ms = instant_ms(line.at)
        if line.subject not in self.book.own and line.subject not in self.book.cases_of:
            message = f'"{line.subject[:80]}" is no lead, sale, click or partner of the lines before.'
            raise LineError("subject", message)
        fired = [finding for finding in self.book.about(line.subject) if finding.fired]
        known = {rule.id for rule in self.rules}
        if line.rule is not None and line.rule not in known:
            raise LineError("rule", f'There is no rule "{line.rule[:64]}". Give one of: {", ".join(sorted(known))}.')
        decisive = line.rule or next((finding.rule for finding in sorted(fired, key=weightiest_first)), None)
        if line.verdict != "unsure":
            for rule in sorted({finding.rule for finding in fired} | ({line.rule} if line.rule else set())):
                self.lessons.append(
                    Lesson(
                        rule=rule,
                        at_ms=at_ms,
                        confirmed=line.verdict in _CONFIRMING,
                        was_decisive=rule == decisive,
                    )
                )
            self.scales = scales_of(learn(self.lessons, prior_ppm=prior_weights(self.rules), now_ms=at_ms))
            self.book.decide(line.subject)

    def _judge_partners(self, at_ms: int) -> None:
        """Judge every partner something happened to since the last night."""
        for program_id, past in self.programs.items():
            due = sorted(partner_id for each, partner_id in self.restless if each == program_id)
            if not due:
                continue
            night = Night(past, at_ms=at_ms)
            for partner_id in due:
                judgement = judge_partner(
                    night.facts_of(partner_id), self.rules, configs=self.configs, allow=(), scales=self.scales
                )
                self._report(judgement.errors)
                self._note_partner(partner_id, judgement.findings)
                self.book.note(partner_id, judgement)
                if judgement.findings:
                    self.book.scores[partner_id] = judgement.score.points
                touched = self.book.spread(partner_id, judgement.findings)
                self.book.place_partner(program_id, partner_id, judgement, at_ms=at_ms)
                self._settle(touched, past)
        self.restless.clear()

    def _note_partner(self, partner_id: str, findings: Iterable[Finding]) -> None:
        """Forget what was said of a partner and is no longer found."""
        kept = {finding.rule for finding in findings}
        stale = [key for key in self.book.findings if key[0] == partner_id and key[1] not in kept]
        for key in stale:
            del self.book.findings[key]

    def _is_repeated(self, kind: str, program_id: str, external_id: str, line: Line) -> bool:
        """Tell whether the very same line came before; raises LineError when another one took its id."""
        body = msgspec.json.encode(msgspec.structs.replace(line, at=None))
        known = self.seen.setdefault((kind, program_id, external_id), body)
        if known is body:
            return False
        if known == body:
            return True
        field = "click_id" if kind == "click" else "external_id"
        raise LineError(field, f'Another {kind} has the id "{external_id[:80]}"; ids are unique in the file.')

    def _report(self, failures: Iterable[RuleFailure]) -> None:
        for failure in failures:
            message = f'Rule "{failure.rule}" failed: {failure.error}. The other rules went on.'
            self.errors.append(ErrorRow(line=self.line_number, field="", message=message))


def prior_weights(rules: Iterable[Rule[Any]]) -> dict[str, int]:
    """Return each rule's catalogue weight, from its default settings; a rule without one starts at a half."""
    return {rule.id: int(getattr(rule.config, "weight_ppm", 500_000)) for rule in rules}
