"""What a peer's rules are here: a pure function from lines to what would be held, in the replay's own shape.

Each file beside this one is one product's rules as its documentation or source has them; `registry.py` lists them.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import msgspec

Line = dict[str, Any]
Result = dict[str, Any]

REFERRED = frozenset({"lead", "sale"})


class Baseline(msgspec.Struct, frozen=True, kw_only=True):
    """One peer. `source` says where its thresholds come from, `left_out` what lines cannot tell."""

    name: str
    title: str
    source: str
    left_out: str
    judge: Callable[[Iterable[Line]], Result]


class Holds:
    """What a peer holds, gathered in cases: one for each program, partner, rule and shared fact."""

    def __init__(self) -> None:
        self._cases: dict[tuple[str, str, str, str], list[str]] = {}

    def hold(self, line: Line, rule: str, fact: str = "") -> None:
        """Hold a conversion for a rule; the same twice is once, and of nobody's conversion nothing is held."""
        if "partner_id" not in line:
            return
        subjects = self._cases.setdefault((line["program_id"], line["partner_id"], rule, fact), [])
        if line["external_id"] not in subjects:
            subjects.append(line["external_id"])

    def result(self) -> Result:
        """Return the cases as the replay would give them; peers have no score, so what is held counts 100."""
        cases = [
            {"id": f"case-{n}", "program": key[0], "partner": key[1], "score": 100, "subjects": held, "rules": [key[2]]}
            for n, (key, held) in enumerate(self._cases.items(), start=1)
        ]
        held_at_all = dict.fromkeys((subject for held in self._cases.values() for subject in held), 100)
        return {"findings": [], "cases": cases, "scores": held_at_all}


def conversions(lines: Iterable[Line]) -> Iterator[Line]:
    """Yield the leads, and the sales that stand for one."""
    return (line for line in lines if line["type"] in REFERRED and "lead_id" not in line)


def email_of(line: Line) -> str:
    """Return the customer's address, lower case, "" when none was given."""
    return str(line.get("customer", {}).get("email", "")).strip().lower()


def partners_of(lines: Iterable[Line]) -> dict[str, Line]:
    """Return the partners by id."""
    return {line["partner_id"]: line for line in lines if line["type"] == "partner"}
