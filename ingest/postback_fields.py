"""Reading the fields of a postback, in a query, a form or JSON, into plain texts; pure.

Trackers name the same thing in two ways and have words of their own for statuses; both end here. What nobody reads is
left out, as every tracker sends fields of its own.
"""

import re
import unicodedata
from typing import Any, Literal
from urllib.parse import parse_qsl

from ingest.problems import FieldError, ProblemError, invalid
from ingest.strict_json import loads

FIELDS_MAX = 100  # fields of one postback
VALUE_MAX = 255  # characters
CLICK_NAMES = ("click_id", "subid")
TXID_NAMES = ("txid", "tid")
AMOUNT_NAMES = ("amount", "payout")
SUBS = ("sub1", "sub2", "sub3", "sub4", "sub5")

PostbackStatus = Literal["lead", "sale", "rejected", "refund"]
STATUSES: tuple[PostbackStatus, ...] = ("lead", "sale", "rejected", "refund")
# Where a tracker's own words are mapped: `lead_status=hold,new`.
MAPPINGS: dict[str, PostbackStatus] = {f"{status}_status": status for status in STATUSES}
READ = frozenset({*CLICK_NAMES, *TXID_NAMES, *AMOUNT_NAMES, *SUBS, *MAPPINGS, "status", "currency"})

_DECIMAL = re.compile(r"[0-9]{1,14}(?:\.[0-9]{1,20})?\Z")


def read_query(raw: bytes) -> dict[str, str]:
    """Return the fields of a query or form; raises ProblemError 400 or 422 naming the field."""
    try:
        pairs = parse_qsl(raw.decode("utf-8"), keep_blank_values=True, max_num_fields=FIELDS_MAX, errors="strict")
    except UnicodeDecodeError as error:
        raise ProblemError(400, "invalid_encoding", "The fields are not UTF-8; send UTF-8, percent-encoded.") from error
    except ValueError as error:
        raise ProblemError(422, "invalid_request", f"A postback has at most {FIELDS_MAX} fields.") from error
    return _checked(pairs)


def read_json(raw: bytes) -> dict[str, str]:
    """Return the fields of a JSON object as texts; raises ProblemError 400 or 422 naming the field."""
    decoded = loads(raw)
    if not isinstance(decoded, dict):
        raise invalid(FieldError(field="body", message="The body must be one JSON object."))
    if len(decoded) > FIELDS_MAX:
        raise ProblemError(422, "invalid_request", f"A postback has at most {FIELDS_MAX} fields.")
    return _checked([(name, _as_text(name, value)) for name, value in decoded.items() if name in READ])


def read_payload(raw: bytes) -> dict[str, str]:
    """Return the fields of a postback as it was kept: JSON, or a query or form."""
    return read_json(raw) if raw.lstrip()[:1] == b"{" else read_query(raw)


def one_of(fields: dict[str, str], names: tuple[str, ...]) -> tuple[str, str | None]:
    """Return the name and value of the first field that is there, or the first name and None."""
    return next(((name, fields[name]) for name in names if name in fields), (names[0], None))


def status_of(fields: dict[str, str]) -> PostbackStatus:
    """Return what a postback's status word means; raises ProblemError 422 naming `status`.

    The mappings that came with it decide first; without case.
    """
    word = fields.get("status", "").lower()
    if not word:
        raise invalid(FieldError(field="status", message=f"Required: one of {', '.join(STATUSES)}."))
    for name, status in MAPPINGS.items():
        if word in (mapped.strip().lower() for mapped in fields.get(name, "").split(",")):
            return status
    known = next((status for status in STATUSES if status == word), None)
    if known is None:
        message = f'"{word[:40]}" is none of {", ".join(STATUSES)}; map it: sale_status={word[:40]}.'
        raise invalid(FieldError(field="status", message=message))
    return known


def decimal_of(name: str, text: str) -> str:
    """Return an amount's text when it is a plain decimal; raises ProblemError 422 naming its field."""
    if not _DECIMAL.match(text):
        message = f'"{text[:40]}" is no amount; send it in whole units with a decimal point, like 19.99.'
        raise invalid(FieldError(field=name, message=message))
    # Trackers pad with noughts: 19.9900 is 19.99.
    whole, _, fraction = text.partition(".")
    kept = fraction.rstrip("0")
    return f"{whole}.{kept}" if kept else whole


def _as_text(name: str, value: Any) -> str:
    """Return a JSON value as the text it was sent as; absent is empty.

    The shortest text of a number is what was sent, up to 15 digits; longer fractions have too many decimals anyway.
    """
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise invalid(FieldError(field=name, message="Send a text or a number."))
    return value if isinstance(value, str) else repr(value)


def _checked(pairs: list[tuple[str, str]]) -> dict[str, str]:
    """Return the fields we read that are not empty; refuses NUL, too long values and a field given twice."""
    found: dict[str, str] = {}
    for name, value in pairs:
        if name not in READ or not value.strip():
            continue
        if name in found:
            raise invalid(FieldError(field=name, message="The field is given twice; send it once."))
        if "\0" in value or len(value) > VALUE_MAX:
            raise invalid(FieldError(field=name, message=f"Send up to {VALUE_MAX} characters without NUL."))
        found[name] = unicodedata.normalize("NFC", value.strip())
    return found
