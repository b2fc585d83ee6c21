"""Lines of a scenario file: where in the text a value stands, so that a refusal can point at it.

Called once, when a file is refused; the reading itself keeps no positions. Never judges anything.
"""

import re
from collections.abc import Sequence
from json import JSONDecoder

Step = str | int  # a field's name or an item's place in its list, from 0

_BLANK = re.compile(r"[ \t\n\r]*")
_WHERE = re.compile(r" - at `\$([^`]*)`$")
_STEP = re.compile(r"\.(\w+)|\[(\d+)\]")
_UNKNOWN = re.compile(r"unknown field `([^`]*)`")
_BYTE = re.compile(r"\(byte (\d+)\)")
# Numbers stay text: Python refuses to read very long ones, and none of them is looked at here.
_DECODER = JSONDecoder(parse_int=str, parse_float=str, strict=False)


def find_line(text: str, path: Sequence[Step]) -> int:
    """Return the line, from 1, on which a value stands; a field stands where its name does.

    The text is JSON. Of a path that leads nowhere the last step that exists counts.
    """
    value = shown = _skip_blank(text, 0)
    for step in path:
        try:
            found = _find_item(text, value, step) if isinstance(step, int) else _find_field(text, value, step)
        except (ValueError, RecursionError):
            # What is nested too deep for this reader has no inner places.
            found = None
        if found is None:
            break
        shown, value = found
    return text.count("\n", 0, shown) + 1


def steps_of(message: str) -> tuple[Step, ...]:
    """Return the path that a message of the decoder names, with the unknown field where there is one."""
    where = _WHERE.search(message)
    steps: list[Step] = [name or int(number) for name, number in (_STEP.findall(where[1]) if where else ())]
    unknown = _UNKNOWN.search(message)
    return (*steps, unknown[1]) if unknown else tuple(steps)


def find_break(document: bytes, message: str) -> int:
    """Return the line, from 1, at which a file stops being JSON, by the byte that the decoder names or the end."""
    byte = _BYTE.search(message)
    return document.count(b"\n", 0, int(byte[1]) if byte else None) + 1


def _find_field(text: str, at: int, name: str) -> tuple[int, int] | None:
    """Return where a field's name and its value begin; of a field that stands twice the last one, as it is read."""
    if text[at] != "{":
        return None
    found = None
    at = _skip_blank(text, at + 1)
    while text[at] != "}":
        key, end = _DECODER.raw_decode(text, at)
        value = _skip_blank(text, _skip_blank(text, end) + 1)
        if key == name:
            found = (at, value)
        at = _skip_value(text, value)
    return found


def _find_item(text: str, at: int, number: int) -> tuple[int, int] | None:
    if text[at] != "[":
        return None
    at = _skip_blank(text, at + 1)
    for _ in range(number):
        if text[at] == "]":
            return None
        at = _skip_value(text, at)
    return None if text[at] == "]" else (at, at)


def _skip_value(text: str, at: int) -> int:
    """Return where the next field or item begins, or the bracket that closes."""
    at = _skip_blank(text, _DECODER.raw_decode(text, at)[1])
    return _skip_blank(text, at + 1) if text[at] == "," else at


def _skip_blank(text: str, at: int) -> int:
    blank = _BLANK.match(text, at)
    return blank.end() if blank else at
