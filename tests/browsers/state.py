"""The cookie's text taken apart, for tests that compare touches."""

import re
from typing import NamedTuple

from .driver import Session

TOUCH = r"([\w-]{22})\.([^.~]+)\.([0-9a-z]+)"
TEXT = re.compile(rf"1\.{TOUCH}~{TOUCH}")


class State(NamedTuple):
    """Last and first touch of a visitor."""

    last_id: str
    last_code: str
    first_id: str
    first_code: str


def parse_state(text: str) -> State:
    match = TEXT.fullmatch(text)
    assert match is not None, text
    last_id, last_code, _, first_id, first_code, _ = match.groups()
    return State(last_id, last_code, first_id, first_code)


def cookie_texts(session: Session) -> list[str]:
    """Return the values of our cookies; two of one name would hide each other."""
    return [cookie.value for cookie in session.cookies() if cookie.name == "_mv"]


def state_of(session: Session) -> State:
    """Return what the one cookie of the current page says."""
    [text] = cookie_texts(session)
    return parse_state(text)
