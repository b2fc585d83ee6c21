"""The book of a world in the making: takes lines in any order, gives them out by time under final ids.

The scene writes here. Ids are given at the end, in the order of time, so that none tells who acted.
"""

from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from tracker.fraud.simulation.types import DAY_MS, PPM, Label, Line, Parameters, Partner, Program

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_REFERENCES = ("external_id", "click_id", "lead_id", "refund_of")
_OWN_ID = {"click": "click_id", "lead": "external_id", "sale": "external_id", "refund": "external_id"}
_FORMS = {"click": "clk_{:06d}", "lead": "lead-{:05d}", "sale": "order-{:05d}", "refund": "refund-{:05d}"}

OPENING = 10_000_000  # more than a world has lines


class Acted(Protocol):
    """What the record needs to know of an act to label it."""

    @property
    def program(self) -> Program: ...  # noqa: D102
    @property
    def partner(self) -> Partner | None: ...  # noqa: D102
    @property
    def label(self) -> str | None: ...  # noqa: D102
    @property
    def is_fraud(self) -> bool: ...  # noqa: D102


def iso(at_ms: int) -> str:
    """Return an instant as the lines write it."""
    return (_EPOCH + timedelta(milliseconds=at_ms)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Record:
    """Collects lines and labels."""

    def __init__(self, parameters: Parameters) -> None:
        self._start_ms = parameters.start_ms
        self._end_ms = parameters.start_ms + parameters.days * DAY_MS
        self._lines: list[tuple[int, int, Line]] = []
        self._labels: list[Label] = []
        self._fields: dict[str, dict[str, Any]] = {}

    def covers(self, at_ms: int) -> bool:
        """Say whether the instant lies in the world."""
        return self._start_ms <= at_ms < self._end_ms

    def write(self, kind: str, fields: dict[str, Any], *, at_ms: int) -> None:
        """Write a line of a type that has no id of its own."""
        self._lines.append((at_ms, len(self._lines), {"type": kind, "at": iso(at_ms), **fields}))

    def open(self, kind: str, fields: dict[str, Any], *, at_ms: int) -> None:
        """Write a line that stands before all others of its instant: what later lines speak of."""
        self._lines.append((at_ms, len(self._lines) - OPENING, {"type": kind, "at": iso(at_ms), **fields}))

    def units(self) -> int:
        """Return how many leads were written, a sale without one counted as a lead."""
        return sum(label.unit == label.subject for label in self._labels)

    def click(self, fields: dict[str, Any], *, at_ms: int) -> str:
        """Write a click and return its passing id."""
        return self._named("click", fields, at_ms=at_ms)

    def lead(self, fields: dict[str, Any], *, at_ms: int, act: Acted, reward: int) -> str:
        """Write a lead with its label and return its passing id."""
        lead_id = self._named("lead", fields, at_ms=at_ms)
        self._label(lead_id, "lead", unit=lead_id, act=act, reward=reward)
        return lead_id

    def sale(self, fields: dict[str, Any], *, at_ms: int, act: Acted, reward: int) -> str:
        """Write a sale with its label and return its passing id."""
        sale_id = self._named("sale", fields, at_ms=at_ms)
        self._label(sale_id, "sale", unit=fields.get("lead_id", sale_id), act=act, reward=reward)
        return sale_id

    def refund(self, sale_id: str, *, at_ms: int) -> str:
        """Write the refund of a sale in full."""
        fields = {name: self._fields[sale_id][name] for name in ("program_id", "amount", "currency")}
        return self._named("refund", fields | {"refund_of": sale_id}, at_ms=at_ms)

    def partner(self, partner: Partner, *, scheme: str | None) -> None:
        """Label a partner: the truth about the person behind."""
        self._labels.append(
            Label(
                subject=partner.partner_id,
                kind="partner",
                is_fraud=scheme is not None,
                program=partner.program.program_id,
                unit=partner.partner_id,
                partner=partner.partner_id,
                scheme=scheme,
            )
        )

    def emails_of(self, partner: Partner, *, before_ms: int) -> list[dict[str, str]]:
        """Return what earlier customers of a partner typed, in order of time."""
        return [
            line["customer"]
            for at_ms, _, line in sorted(self._lines, key=lambda each: each[:2])
            if at_ms < before_ms and line.get("partner_id") == partner.partner_id and "customer" in line
        ]

    def finished(self) -> tuple[tuple[Line, ...], tuple[Label, ...]]:
        """Return lines by time, and labels by subject, under their final ids."""
        ordered = sorted(self._lines, key=lambda each: each[:2])
        counts = dict.fromkeys(_OWN_ID, 0)
        final: dict[str, str] = {}
        for _, _, line in ordered:
            if (own := _OWN_ID.get(line["type"])) is not None:
                counts[line["type"]] += 1
                final[line[own]] = _FORMS[line["type"]].format(counts[line["type"]])
        lines = tuple(_renamed(line, final) for _, _, line in ordered)
        labels = [
            Label(
                subject=final.get(label.subject, label.subject),
                kind=label.kind,
                is_fraud=label.is_fraud,
                program=label.program,
                unit=final.get(label.unit, label.unit),
                partner=label.partner,
                scheme=label.scheme,
                confounder=label.confounder,
                reward=label.reward,
            )
            for label in self._labels
        ]
        return lines, tuple(sorted(labels, key=lambda label: label.subject))

    def _named(self, kind: str, fields: dict[str, Any], *, at_ms: int) -> str:
        passing = f"#{len(self._lines)}"
        self._fields[passing] = fields
        self.write(kind, {_OWN_ID[kind]: passing, **fields}, at_ms=at_ms)
        return passing

    def _label(self, subject: str, kind: Any, *, unit: str, act: Acted, reward: int) -> None:
        self._labels.append(
            Label(
                subject=subject,
                kind=kind,
                is_fraud=act.is_fraud,
                program=act.program.program_id,
                unit=unit,
                partner=None if act.partner is None else act.partner.partner_id,
                scheme=act.label if act.is_fraud else None,
                confounder=None if act.is_fraud else act.label,
                reward=reward * act.program.euro_ppm // PPM if act.partner is not None else 0,
            )
        )


def _renamed(line: Line, final: dict[str, str]) -> Line:
    return {name: final[value] if name in _REFERENCES else value for name, value in line.items()}
