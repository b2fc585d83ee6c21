"""Writing a finding out in the reader's language. Pages and the replay command call it.

The catalogue comes in as an argument: nothing is loaded here, and English needs none.
"""

from typing import Protocol

from fraud_rules.types import Finding


class Catalogue(Protocol):
    """What gettext's translations offer."""

    def gettext(self, _message: str, /) -> str:
        """Return the translated message."""
        ...

    def ngettext(self, _one: str, _many: str, _number: int, /) -> str:
        """Return the translated form for this number."""
        ...


def write_sentence(finding: Finding, catalogue: Catalogue) -> str:
    """Return the finding's sentence; plain text, the page escapes it."""
    params = {
        name: catalogue.gettext(str(value)) if name in finding.translated else value
        for name, value in finding.params.items()
    }
    if finding.message_plural is None:
        return catalogue.gettext(finding.message) % params
    count = int(params["count"])
    return catalogue.ngettext(finding.message, finding.message_plural, count) % params
