"""What each action on a case would do, in a few words beside its button; pure.

The page of a case and the preview of many call it with what the review foretells.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from tracker.cases.four_eyes import by_currency
from tracker.cases.types import AGAINST, Action, Preview
from tracker.i18n.translator import Translator


def effect_text(action: Action, previews: Mapping[Any, Preview], speech: Translator) -> str:
    """Return what an action moves, in which currency; "" where nothing is foretold (a decided case)."""
    clear = previews.get("clear")
    if clear is None:
        return ""
    if action == "clear":
        return _cleared(clear, speech)
    if action in AGAINST:
        preview = previews.get(action) or previews.get("reject")
        return _against(action, preview, speech) if preview else ""
    held = sums(frozen_sums(clear), speech)
    if not held:
        return speech.gettext("nothing is frozen, nothing moves")
    return speech.gettext("%(sums)s stays frozen", sums=held)


def frozen_sums(clear: Preview) -> tuple[tuple[str, int], ...]:
    """Return what the case freezes, alone or with others, by currency. Clear: what clearing it would do."""
    return tuple(by_currency((*clear.released, *clear.still_frozen)).items())


def sums(amounts: Iterable[tuple[str, int]], speech: Translator) -> str:
    """Return amounts of several currencies as one text, "" for none."""
    return ", ".join(speech.money(amount, currency) for currency, amount in amounts)


def _cleared(clear: Preview, speech: Translator) -> str:
    again = sums(clear.given_again, speech)
    if again:
        return speech.gettext("gives %(sums)s again", sums=again)
    released, held = sums(clear.released, speech), sums(clear.still_frozen, speech)
    if released and held:
        return speech.gettext("releases %(sums)s; %(held)s stays frozen by another case", sums=released, held=held)
    if held:
        return speech.gettext("%(held)s stays frozen by another case", held=held)
    return speech.gettext("releases %(sums)s", sums=released) if released else speech.gettext("no money moves")


def _against(action: Action, preview: Preview, speech: Translator) -> str:
    taken = sums(preview.taken_back, speech)
    text = speech.gettext("takes back %(sums)s", sums=taken) if taken else speech.gettext("no money moves")
    if action == "pause":
        return speech.gettext("%(text)s; earns nothing new until resumed", text=text)
    if action == "ban":
        return speech.gettext("%(text)s; earns nothing new, what is cleared stays", text=text)
    return text
