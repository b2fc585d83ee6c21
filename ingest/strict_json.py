"""JSON read strictly: UTF-8 only, no NaN, no duplicate keys, no NUL, no lone surrogates, bounded depth.

`json.loads` accepts all of these and each became a wrong row or a server error somewhere in the field.
"""

import json
import math
import unicodedata
from typing import Any

from ingest.problems import FieldError, ProblemError

DEPTH_MAX = 20
DIGITS_MAX = 30  # digits of an integer; 64 bits need 19


def loads(body: bytes) -> Any:
    """Return the decoded value; raises ProblemError 400 (not JSON) or 422 (a refused value)."""
    if body.isascii() and b"\\" not in body and body.count(b"{") + body.count(b"[") <= DEPTH_MAX:
        # Neither texts nor depth can be wrong then; whatever else is goes the slow way, which can name the field.
        try:
            return _PLAIN.decode(body.decode("ascii"))
        except (ValueError, ProblemError):
            pass
    return _loads_carefully(body)


def _loads_carefully(body: bytes) -> Any:
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ProblemError(
            400, "invalid_encoding", f"The body is not UTF-8 (byte {error.start}); send JSON in UTF-8."
        ) from error
    try:
        value = _CAREFUL.decode(text)
    except json.JSONDecodeError as error:
        raise ProblemError(
            400, "invalid_json", f"The body is not JSON: {error.msg} at character {error.pos}."
        ) from error
    except RecursionError as error:
        raise _too_deep() from error
    return _clean(value, depth=0, path="")


def _no_number(_name: str) -> float:
    """Stand in for NaN and its like until `_clean` knows the field's name."""
    return math.nan


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise _refused(printable(twice), "The field is given twice; send it once.")
    return value


def _bounded_int(digits: str) -> int | float:
    return math.inf if len(digits) > DIGITS_MAX else int(digits)


def _clean(value: Any, *, depth: int, path: str) -> Any:
    """Return the value with texts in NFC; refuse what no database stores alike and structures nobody means."""
    if depth > DEPTH_MAX:
        raise _too_deep()
    if isinstance(value, str):
        return _clean_text(value, path)
    if isinstance(value, dict):
        return _no_duplicates(
            [
                (_clean_text(name, path), _clean(item, depth=depth + 1, path=f"{path}.{name}" if path else name))
                for name, item in value.items()
            ]
        )
    if isinstance(value, list):
        return [_clean(item, depth=depth + 1, path=f"{path}[{number}]") for number, item in enumerate(value)]
    if isinstance(value, float) and not math.isfinite(value):
        raise _refused(
            printable(path), "The number is out of range or none at all; send a finite one, amounts in minor units."
        )
    return value


def _clean_text(text: str, path: str) -> str:
    if "\0" in text:
        raise _refused(printable(path), "The text holds a NUL character; remove it.")
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise _refused(printable(path), "The text holds half a surrogate pair; send whole characters.") from error
    return unicodedata.normalize("NFC", text)


def _finite_int(digits: str) -> int:
    if len(digits) > DIGITS_MAX:
        raise ValueError(digits)
    return int(digits)


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(text)
    return value


_CAREFUL = json.JSONDecoder(parse_constant=_no_number, object_pairs_hook=_no_duplicates, parse_int=_bounded_int)
_PLAIN = json.JSONDecoder(
    parse_constant=_finite, object_pairs_hook=_no_duplicates, parse_int=_finite_int, parse_float=_finite
)


def printable(text: str) -> str:
    """Return the text without characters that cannot be sent back."""
    return text.encode("ascii", "backslashreplace").decode().replace("\0", "\\x00")[:200]


def _refused(field: str, message: str) -> ProblemError:
    error = FieldError(field=field, message=message)
    return ProblemError(422, "invalid_request", f"{field or 'body'}: {message}", errors=(error,))


def _too_deep() -> ProblemError:
    return ProblemError(422, "invalid_request", f"The body is nested deeper than {DEPTH_MAX} levels; flatten it.")
