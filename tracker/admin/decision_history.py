"""What became of a decision over time, and why: causes and differences written out; pure.

The pages of a conversion and of a journey call it. Every cause a decision can have has its sentence here.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from tracker.admin import labels, review_labels
from tracker.admin.explanations import touch_title
from tracker.conversions.types import StoredDecision
from tracker.i18n.messages import mark
from tracker.i18n.translator import Translator

NEW_SHOWN = 5  # newly known touches named one by one
# By what a cause begins with; see `Why` in tracker/conversions/process.py and tracker/conversions/late.py.
CAUSE: Mapping[str, str] = {
    "reported": mark("The report came in."),
    "confirmed": mark("A verified report confirmed it."),
    "late_click": mark("A click that happened before it came in later."),
    "customer": mark("Another conversion told more about this customer."),
    "lead": mark("The lead it came from was decided."),
    "terms": mark("New terms were in force already when it happened."),
    "status": mark("A partner's status had changed already when it happened."),
    "code": mark("The code in the report was given to a partner."),
    "run": mark("Decisions were computed again with everything known."),
}
LOCKED: Mapping[str, str] = {
    "payable": mark("The result stays: its commission is free to be paid."),
    "judged": mark("The result stays: a person rejected the conversion."),
    "erased": mark("The result stays: the customer's personal data was erased."),
}


class Move(NamedTuple):
    """A decision beside the one before it.

    Subject: the id its cause names, "" without one. Credits are (partner, weight) pairs; `notes` say what else differs.
    """

    decision: StoredDecision
    cause: str
    subject: str
    before: list[tuple[str, str]] | None
    after: list[tuple[str, str]]
    notes: list[str]

    @property
    def is_moved(self) -> bool:
        """Whether the credit went elsewhere."""
        return self.before is not None and self.before != self.after


def history_of(decisions: Sequence[StoredDecision], speech: Translator) -> list[Move]:
    """Return decisions about one conversion, newest first, each beside the one before it."""
    numbered = {each.version: each for each in decisions}
    return [move_of(numbered[version], numbered.get(version - 1), speech) for version in sorted(numbered, reverse=True)]


def move_of(decision: StoredDecision, previous: StoredDecision | None, speech: Translator) -> Move:
    """Return what a decision made of the one before it."""
    kind, _, subject = decision.cause.partition(":")
    return Move(
        decision=decision,
        cause=labels.named(CAUSE, kind, speech),
        subject=subject,
        before=None if previous is None else credits_in(previous.explanation),
        after=credits_in(decision.explanation),
        notes=[] if previous is None else list(_notes(decision, previous, speech)),
    )


def credits_in(explanation: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return who is credited in an explanation, with which weight; one partner's touches stand one by one."""
    return [(credit["partner"], credit["weight"]) for credit in explanation.get("winner", ())]


def _notes(decision: StoredDecision, previous: StoredDecision, speech: Translator) -> Iterable[str]:
    if decision.settings_version != previous.settings_version:
        yield speech.gettext(
            "Terms: version %(before)s, then version %(after)s.",
            before=previous.settings_version,
            after=decision.settings_version,
        )
    if decision.via != previous.via:
        yield speech.gettext(
            "Credited by: %(before)s, then %(after)s.",
            before=_via(previous.via, speech),
            after=_via(decision.via, speech),
        )
    known = {entry["touch"] for entry in previous.explanation.get("considered", ())}
    new = [entry for entry in decision.explanation.get("considered", ()) if entry["touch"] not in known]
    for entry in new[:NEW_SHOWN]:
        at_ms = entry["at_ms"]
        title = touch_title(str(entry["touch"]), speech)
        yield (
            speech.gettext("Newly known: %(what)s.", what=title)
            if at_ms is None
            else speech.gettext("Newly known: %(what)s of %(time)s.", what=title, time=speech.when(at_ms))
        )
    if len(new) > NEW_SHOWN:
        yield speech.gettext("Newly known: %(count)s more.", count=speech.number(len(new) - NEW_SHOWN))


def _via(via: str | None, speech: Translator) -> str:
    return speech.gettext("nothing") if via is None else labels.named(review_labels.VIA, via, speech)
