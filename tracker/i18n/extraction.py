"""Which texts people may see: every message id of the code and the templates.

The tests hold the catalogue against it; `molva.po` is kept by hand in the order it gives. Nothing at run time calls it.
"""

from collections.abc import Iterator
from pathlib import Path

from babel.messages.extract import extract_from_file

ROOT = Path(__file__).parent.parent.parent
SOURCES = ("tracker", "fraud_rules")
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
    """Return each message id with where it first stands; a pair of strings has a plural."""
    found: dict[MessageId, str] = {}
    for path, method in _files(root):
        for line, msgid, _comments, _context in extract_from_file(method, path, keywords=KEYWORDS):
            if msgid:
                found.setdefault(msgid, f"{path.relative_to(root)}:{line}")
    return found


def _files(root: Path) -> Iterator[tuple[Path, str]]:
    for source in SOURCES:
        for path in sorted((root / source).rglob("*.py")):
            yield path, "python"
        for path in sorted((root / source).rglob("*.html")):
            yield path, "jinja2.ext:babel_extract"
