"""Which texts people may see: every message id of the code and the templates.

The tests hold the catalogue against it, and `python -m tracker.i18n.extraction` brings `molva.po` up to date: new texts
stand there empty, to be translated by hand, and texts nobody shows any more are gone. Nothing at run time calls it.
"""

import re
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_file
from babel.messages.pofile import read_po, write_po

from tracker.i18n.catalog import DOMAIN, LOCALE_DIR

ROOT = Path(__file__).parent.parent.parent
SOURCES = ("tracker", "fraud_rules")
WIDTH = 110
# `msg` and `mark` are ours (messages.py); the pure fraud rules mark theirs with N_ and NN_ (fraud_rules/msgids.py).
KEYWORDS: dict[str, tuple[int, ...] | None] = {
    "_": None,
    "gettext": None,
    "ngettext": (1, 2),
    "msg": None,
    "mark": None,
    "N_": None,
    "NN_": (1, 2),
}

MessageId = str | tuple[str, ...]


def message_ids(root: Path = ROOT) -> dict[MessageId, str]:
    """Return each message id with the file where it first stands; a pair of strings has a plural."""
    found: dict[MessageId, str] = {}
    for path, method in _files(root):
        for _line, msgid, _comments, _context in extract_from_file(method, path, keywords=KEYWORDS):
            if msgid:
                found.setdefault(msgid, path.relative_to(root).as_posix())
    return found


def update_catalogue(path: Path) -> list[MessageId]:
    """Rewrite a catalogue in the order of the files and return the texts that still need a translation."""
    with path.open("rb") as file:
        old = read_po(file)
    new = Catalog(
        locale=old.locale,
        project="Molva",
        version="1",
        language_team="Molva",
        header_comment="# Russian translation of Molva.",
        fuzzy=False,
    )
    new.creation_date = new.revision_date = datetime(2026, 11, 22, tzinfo=UTC)  # a moving date makes empty changes
    translated = {message.id: message.string for message in old if message.id}
    missing = []
    for msgid, where in sorted(message_ids().items(), key=lambda item: item[1]):
        text = translated.get(msgid)
        new.add(msgid, text or ("" if isinstance(msgid, str) else ("", "", "")), locations=[(where, 0)])
        if not text or not all(text):
            missing.append(msgid)
    with path.open("wb") as file:
        write_po(file, new, width=WIDTH, include_lineno=False)
    text = path.read_text(encoding="utf-8")
    path.write_text(re.sub(r'"[^"\n]*(EMAIL|FULL NAME)[^\n]*\n', "", text), encoding="utf-8")
    return missing


def _files(root: Path) -> Iterator[tuple[Path, str]]:
    for source in SOURCES:
        for path in sorted((root / source).rglob("*.py")):
            yield path, "python"
        for path in sorted((root / source).rglob("*.html")):
            yield path, "jinja2.ext:babel_extract"


def main() -> int:
    """Update every catalogue and name what is missing; 1 when something is."""
    missing = [
        msgid for path in sorted(LOCALE_DIR.glob(f"*/LC_MESSAGES/{DOMAIN}.po")) for msgid in update_catalogue(path)
    ]
    for msgid in missing:
        sys.stdout.write(f"{msgid}\n")
    return int(bool(missing))


if __name__ == "__main__":
    sys.exit(main())
