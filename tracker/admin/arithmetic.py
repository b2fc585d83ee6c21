"""A ledger line's amount as sums a person can check with a pencil; pure.

The calculation stored with the line is written out, step by step; nothing is computed again.
"""

from typing import Any, NamedTuple

from tracker.i18n.translator import Translator
from tracker.ledger.types import PostedLine


class Step(NamedTuple):
    """One step: what is done, and the sum."""

    label: str
    formula: str


def sum_steps(line: PostedLine, speech: Translator) -> list[Step]:
    """Return the steps that lead to the line's amount, first to last."""
    if line.kind == "reversal":
        return _reversal(line, speech)
    if "given_again" in line.calculation and not line.calculation.get("rule"):
        return [Step(speech.gettext("Given again"), speech.money(line.amount_minor, line.currency))]
    return [*_due(line, speech), *_difference(line, speech)]


def _due(line: PostedLine, speech: Translator) -> list[Step]:
    """Return how the amount due came about."""
    facts = line.calculation
    if facts.get("rule") == "fixed":
        return _fixed(line, facts, speech)
    if facts.get("rule") == "percent":
        return _percent(facts, speech, currency=line.currency)
    return []


def _percent(facts: dict[str, Any], speech: Translator, *, currency: str) -> list[Step]:
    base, net, part = facts["base_minor"], facts["net_base_minor"], facts["part_minor"]
    steps = [_base(base, net, speech, currency)]
    if facts["weights"] != ["1"]:
        steps.append(_share(net, part, facts["weights"], speech, currency))
    label = speech.gettext("Personal rate") if facts["rate_from"] == "enrollment" else speech.gettext("Program's rate")
    rate = speech.percent(facts["rate_bps"])
    total = speech.money(facts["amount_minor"], currency)
    return [*steps, Step(label, f"{speech.money(part, currency)} × {rate} = {total}")]


def _fixed(line: PostedLine, facts: dict[str, Any], speech: Translator) -> list[Step]:
    currency = line.currency
    steps = [Step(speech.gettext("Fixed reward"), speech.money(facts["reward_minor"], currency))]
    if facts["weights"] != ["1"]:
        steps.append(_share(facts["reward_minor"], facts["part_minor"], facts["weights"], speech, currency))
    if facts["amount_minor"] != facts["part_minor"]:
        base_currency = facts.get("base_currency") or currency
        left = speech.money(facts["net_base_minor"], base_currency)
        whole = speech.money(facts["base_minor"], base_currency)
        formula = f"{speech.money(facts['part_minor'], currency)} × {left} / {whole}"
        total = speech.money(facts["amount_minor"], currency)
        steps.append(Step(speech.gettext("After refunds"), f"{formula} = {total}"))
    return steps


def _base(base: int, net: int, speech: Translator, currency: str) -> Step:
    if base == net:
        return Step(speech.gettext("Commission base"), speech.money(base, currency))
    refunded = f"{speech.money(base, currency)} − {speech.money(base - net, currency)}"
    return Step(speech.gettext("Commission base after refunds"), f"{refunded} = {speech.money(net, currency)}")


def _share(whole: int, part: int, weights: list[str], speech: Translator, currency: str) -> Step:
    share = weights[0] if len(weights) == 1 else f"({' + '.join(weights)})"
    formula = f"{speech.money(whole, currency)} × {share} = {speech.money(part, currency)}"
    return Step(speech.gettext("Share of the credit"), formula)


def _difference(line: PostedLine, speech: Translator) -> list[Step]:
    """Return the step from what is due to what this line books, where something was booked before."""
    before = line.calculation.get("booked_before_minor", 0)
    if not before:
        return []
    due, booked = speech.money(before + line.amount_minor, line.currency), speech.money(before, line.currency)
    formula = f"{due} − {booked} = {speech.money(line.amount_minor, line.currency)}"
    return [Step(speech.gettext("Less what was booked"), formula)]


def _reversal(line: PostedLine, speech: Translator) -> list[Step]:
    facts = line.calculation
    if not facts.get("rule"):
        return [Step(speech.gettext("Nothing is due any more"), speech.money(line.amount_minor, line.currency))]
    steps = _due(line, speech)
    taken = speech.money(line.amount_minor, line.currency)
    if "accrued_minor" in facts:
        accrued = speech.money(facts["accrued_minor"], line.currency)
        steps.append(Step(speech.gettext("Taken back of %(amount)s", amount=accrued), taken))
    return steps
