"""Translation catalogues. `translations` loads one language; called by `Translator`, never by views.

The build compiles `.po` into `.mo`. A source checkout may hold the `.po` alone; then it is compiled in memory
here.
"""

import gettext
import io
from functools import cache
from pathlib import Path

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

LOCALE_DIR = Path(__file__).parent.parent / "locale"
DOMAIN = "molva"


@cache
def translations(language: str) -> gettext.NullTranslations:
    """Return the catalogue of a language; English is the text of the message ids itself."""
    folder = LOCALE_DIR / language / "LC_MESSAGES"
    source, compiled = folder / f"{DOMAIN}.po", folder / f"{DOMAIN}.mo"
    if not source.exists() and not compiled.exists():
        return gettext.NullTranslations()
    return gettext.GNUTranslations(io.BytesIO(_compiled_bytes(source, compiled)))


def _compiled_bytes(source: Path, compiled: Path) -> bytes:
    """Return the `.mo` content; a `.po` edited after the last build wins over the older `.mo`."""
    is_fresh = compiled.exists() and (not source.exists() or compiled.stat().st_mtime >= source.stat().st_mtime)
    if is_fresh:
        return compiled.read_bytes()
    with source.open("rb") as file:
        catalog = read_po(file)
    buffer = io.BytesIO()
    write_mo(buffer, catalog)
    return buffer.getvalue()
