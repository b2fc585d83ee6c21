"""Marks for sentences that are translated later.

Rules and tables write their English msgids through these, so that the extractor finds them (keywords
`N_` and `NN_:1,2`). Called at import time only; nothing is translated here.
"""


def N_(text: str) -> str:  # noqa: N802  # the name gettext tools look for
    """Return the msgid unchanged."""
    return text


def NN_(one: str, many: str) -> tuple[str, str]:  # noqa: N802  # as above, for a pair with a plural
    """Return the singular and plural msgids unchanged."""
    return one, many
