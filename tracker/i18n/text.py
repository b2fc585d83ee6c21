"""Text typed by people, made safe to keep and to show; pure.

Stores and forms call `clean_line` before anything is written. It never shortens and never guesses: what
cannot be kept is refused with the reason.
"""

import unicodedata

from tracker.i18n.messages import InputError, msg

# Controls, invisible formatting (bidirectional overrides among them), surrogates, line and paragraph
# separators.
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


def clean_line(text: str, *, field: str, longest: int, shortest: int = 1) -> str:
    """Return one line of text in NFC without outer blanks.

    Refuses invisible characters (they can disguise one name as another) and lengths outside shortest …
    longest.
    """
    line = unicodedata.normalize("NFC", text.strip())
    hidden = next((character for character in line if unicodedata.category(character) in _HIDDEN), None)
    if hidden is not None:
        raise InputError(
            field,
            msg(
                "Contains the invisible character %(code)s; type the text again by hand.",
                code=f"U+{ord(hidden):04X}",
            ),
        )
    if not line and shortest:
        raise InputError(field, msg("Is empty; fill it in."))
    if not shortest <= len(line) <= longest:
        raise InputError(
            field,
            msg(
                "Has %(length)s characters; give %(shortest)s to %(longest)s.",
                length=len(line),
                shortest=shortest,
                longest=longest,
            ),
        )
    return line


def fits_storage(text: str) -> bool:
    """Tell whether the databases can compare the text at all (no NUL, no lone surrogates)."""
    return "\0" not in text and not any(unicodedata.category(character) == "Cs" for character in text)
