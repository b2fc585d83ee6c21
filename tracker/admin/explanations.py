"""Why this partner: a stored explanation of a decision, written out as sentences in time order; pure.

The page of a conversion calls it. Every reason of the engine's closed list has its own sentence here; a test holds
the two lists against each other.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from tracker.admin import labels, review_labels
from tracker.i18n.messages import mark
from tracker.i18n.translator import Translator

SENTENCE: Mapping[str, str] = {
    "outside_window": mark("%(age)s before the conversion; clicks count for %(window)s."),
    "after_conversion": mark("%(late)s after the conversion; only what came before it counts."),
    "too_fast": mark("%(age)s before the conversion; the program asks for at least %(minimum)s between the two."),
    "bot": mark("A program made this click, not a person; it is kept and earns nothing."),
    "self_referral": mark("The partner is this customer in person, which the program does not reward."),
    "partner_inactive": mark('The partner\'s status in the program was then "%(status)s"; only active partners earn.'),
    "other_program": mark("It belongs to another program."),
    "test_mismatch": mark("It was made in %(mode)s mode and the conversion in the other; the two never meet."),
    "view_through_disabled": mark("Only a view; this program counts clicks alone."),
    "direct": mark("A direct visit: nobody referred it."),
    "fingerprint_disabled": mark("Only address and browser agree; this program does not take that as proof."),
    "not_selected": mark("It could have earned; the program's model chose another."),
    "lower_precedence": mark('It could have earned; "%(level)s" goes first.'),
    "unknown_click_id": mark("The report names this click, but no click of this program has that id."),
    "code_unknown": mark("No partner of any program has this code."),
    "code_expired": mark("The code was valid until %(day)s."),
    "code_other_program": mark("The code belongs to another program."),
    "code_partner_not_involved": mark("The customer clicked no link of the code's owner; the program asks for both."),
    "capped": mark("Of %(touches)s touches only the first and the last ones, %(kept)s in all, are looked at."),
}
_NO_WEIGHT = mark("It could have earned; the program's own weights give it nothing.")
_ALL_CREDIT = mark("It took the whole credit.")
_PART_CREDIT = mark("It took %(weight)s of the credit.")


class Considered(NamedTuple):
    """One thing that could have earned: what it is, whose, when, what became of it and why, in one sentence."""

    kind: str
    title: str
    click_id: str | None
    partner_id: str | None
    at_ms: int | None
    is_credited: bool
    sentence: str


def considered(explanation: Mapping[str, Any], speech: Translator, *, time_zone: str) -> list[Considered]:
    """Return everything that was considered, oldest first; what has no instant comes last."""
    weights = {_key(credit): credit["weight"] for credit in explanation.get("winner", ())}
    rows = [_considered(entry, weights, speech, time_zone) for entry in explanation.get("considered", ())]
    return sorted(rows, key=lambda row: (row.at_ms is None, row.at_ms or 0))


def reason_sentence(reason: str, detail: Mapping[str, Any], speech: Translator, *, time_zone: str) -> str:
    """Return one refusal as a sentence with its figures; an unknown reason as it is."""
    if reason not in SENTENCE:
        return reason
    if reason == "not_selected" and detail.get("weight") == "0":
        return speech.gettext(_NO_WEIGHT)
    return speech.gettext(SENTENCE[reason], **_figures(detail, speech, time_zone))


def _considered(
    entry: Mapping[str, Any], weights: Mapping[tuple[Any, Any], str], speech: Translator, time_zone: str
) -> Considered:
    touch = str(entry["touch"])
    is_credited = entry["verdict"] == "credited"
    if is_credited:
        sentence = credit_sentence(weights.get(_key(entry), "1"), speech)
    else:
        sentence = reason_sentence(entry["reason"], entry.get("detail") or {}, speech, time_zone=time_zone)
    return Considered(
        kind="click" if touch.startswith("clk_") else touch.partition(":")[0],
        title=touch_title(touch, speech),
        click_id=touch.removeprefix("clk_") if touch.startswith("clk_") else None,
        partner_id=entry["partner"],
        at_ms=entry["at_ms"],
        is_credited=is_credited,
        sentence=sentence,
    )


def _key(entry: Mapping[str, Any]) -> tuple[Any, Any]:
    return entry["touch"] or "binding", entry["partner"]


def credit_sentence(weight: str, speech: Translator) -> str:
    """Return what somebody credited with a weight took."""
    return speech.gettext(_ALL_CREDIT) if weight == "1" else speech.gettext(_PART_CREDIT, weight=weight)


def touch_title(touch: str, speech: Translator) -> str:
    """Return what a touch is, by its name in an explanation."""
    kind, _, text = touch.partition(":")
    if kind == "code":
        return speech.gettext("Code %(code)s", code=text)
    if kind == "click_id":
        return speech.gettext("Click id %(id)s", id=text)
    if kind == "capped":
        return speech.gettext("Touches left out")
    if touch == "binding":
        return speech.gettext("Earlier binding of the customer")
    if touch == "lead_id":
        return speech.gettext("The lead it came from")
    return speech.gettext("Click") if touch.startswith("clk_") else touch


def _figures(detail: Mapping[str, Any], speech: Translator, time_zone: str) -> dict[str, str]:
    """Return the figures of a refusal as text, under the names the sentences use."""
    writers: dict[str, tuple[str, Callable[[Any], str]]] = {
        "age_ms": ("age", speech.duration),
        "late_by_ms": ("late", speech.duration),
        "window_seconds": ("window", lambda seconds: speech.duration(seconds * 1000)),
        "minimum_seconds": ("minimum", lambda seconds: speech.duration(seconds * 1000)),
        "status": ("status", lambda status: _status(status, speech)),
        "touch_mode": ("mode", lambda mode: speech.gettext("test") if mode == "test" else speech.gettext("live")),
        "level": ("level", lambda level: labels.named(review_labels.LEVEL, level, speech)),
        "valid_to_ms": ("day", lambda at_ms: speech.date(at_ms, time_zone)),
        "touches": ("touches", speech.number),
        "kept": ("kept", speech.number),
    }
    return {writers[name][0]: writers[name][1](value) for name, value in detail.items() if name in writers}


def _status(status: str, speech: Translator) -> str:
    known = labels.ENROLLMENT_STATUS.get(status)
    return speech.gettext(known[0]) if known else speech.gettext("unknown")
