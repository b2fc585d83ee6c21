"""The lines of a replay file: one struct a type, read strictly, each refusal naming its field.

`run.py` calls `read_line`. Only shape is checked here; who is known and what follows is `read.py`.
"""

import datetime as dt
import re
from typing import Annotated, Any, Literal

import msgspec

from fraud_rules.network import NetworkClass

Text = Annotated[str, msgspec.Meta(max_length=8192)]
Key = Annotated[str, msgspec.Meta(min_length=1, max_length=256)]
Minor = Annotated[int, msgspec.Meta(ge=0, le=10**13)]
Instant = Annotated[dt.datetime, msgspec.Meta(tz=True)]

LINE_MAX = 1_000_000  # bytes of a line that are looked at


class LineError(ValueError):
    """A line that cannot be used; `field` is what to change ("" for the whole line)."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


class Network(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="network"):
    """A prefix of addresses and what it is."""

    prefix: Key
    country: Annotated[str, msgspec.Meta(pattern="^[A-Za-z]{2}$")] | None = None
    asn: Annotated[int, msgspec.Meta(ge=0, le=2**32 - 1)] | None = None
    network_class: NetworkClass = msgspec.field(name="class", default="unknown")
    at: Instant | None = None
    program_id: Key | None = None


class _Event(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="type"):
    """What every line but a network's has."""

    at: Instant
    program_id: Key


class ProgramLine(_Event, frozen=True, kw_only=True, tag="program"):
    """A program."""

    name: Text | None = None
    currency: Text | None = None


class PartnerLine(_Event, frozen=True, kw_only=True, tag="partner"):
    """A partner of the program."""

    partner_id: Key
    name: Text | None = None
    email: Text | None = None
    phone: Text | None = None
    partner_code: Text | None = None


class PartnerLoginLine(_Event, frozen=True, kw_only=True, tag="partner_login"):
    """A sign-in of a partner."""

    partner_id: Key
    ip: Text | None = None
    user_agent: str | None = None
    device_id: Text | None = None


class _Visit(_Event, frozen=True, kw_only=True):
    """What came from a browser, or was said of it."""

    partner_id: Key | None = None
    visitor_id: Text | None = None
    ip: Text | None = None
    user_agent: str | None = None
    headers: dict[str, str] | None = None
    device_id: Text | None = None
    landing_url: str | None = None
    referrer: str | None = None
    sub1: Text | None = None
    sub2: Text | None = None
    sub3: Text | None = None
    sub4: Text | None = None
    sub5: Text | None = None


class ClickLine(_Visit, frozen=True, kw_only=True, tag="click"):
    """A click."""

    click_id: Key


class CustomerField(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who converted, as typed."""

    external_id: Text | None = None
    email: Text | None = None
    phone: Text | None = None
    name: Text | None = None
    country: Text | None = None
    is_new: bool | None = None


class _Conversion(_Visit, frozen=True, kw_only=True):
    """A lead or a sale, with the fields of the server API."""

    external_id: Key
    customer: CustomerField | None = None
    click_id: Text | None = None
    promo_code: Text | None = None
    partner_code: Text | None = None
    occurred_at: Instant | None = None
    items: list[dict[str, Any]] | None = None
    discount: Minor | None = None
    tax: Minor | None = None
    shipping: Minor | None = None
    metadata: dict[str, Any] | None = None
    payment_fingerprint: Text | None = None


class LeadLine(_Conversion, frozen=True, kw_only=True, tag="lead"):
    """A lead."""

    lead_id: Text | None = None
    amount: Minor | None = None
    currency: Text | None = None


class SaleLine(_Conversion, frozen=True, kw_only=True, tag="sale"):
    """A sale; without `lead_id` it is judged as a lead too."""

    amount: Minor | None = None
    currency: Text | None = None
    lead_id: Text | None = None


class RefundLine(_Event, frozen=True, kw_only=True, tag="refund"):
    """Money of a sale given back."""

    external_id: Key
    refund_of: Key
    amount: Minor | None = None
    currency: Text | None = None
    partner_id: Key | None = None
    customer: CustomerField | None = None
    occurred_at: Instant | None = None
    metadata: dict[str, Any] | None = None


class PayoutMethodLine(_Event, frozen=True, kw_only=True, tag="payout_method"):
    """Where a partner wants its money; one name space with the fingerprints of sales."""

    partner_id: Key
    payment_fingerprint: Key


class VerdictLine(_Event, frozen=True, kw_only=True, tag="verdict"):
    """What a person decided about a subject, and the rule that decided it."""

    subject: Key
    verdict: Literal["fraud", "policy", "legitimate", "unsure"]
    rule: Text | None = None


Line = (
    Network
    | ProgramLine
    | PartnerLine
    | PartnerLoginLine
    | ClickLine
    | LeadLine
    | SaleLine
    | RefundLine
    | PayoutMethodLine
    | VerdictLine
)

_SHAPES: dict[str, Any] = {
    "network": Network,
    "program": ProgramLine,
    "partner": PartnerLine,
    "partner_login": PartnerLoginLine,
    "click": ClickLine,
    "lead": LeadLine,
    "sale": SaleLine,
    "refund": RefundLine,
    "payout_method": PayoutMethodLine,
    "verdict": VerdictLine,
}

_PATH = re.compile(r" - at `\$\.?([^`]*)`$")
_NAMED = re.compile(r"field `([^`]+)`")


class _Kind(msgspec.Struct, frozen=True):
    type: str


_KIND = msgspec.json.Decoder(_Kind)


def read_line(text: bytes) -> tuple[Line, list[LineError]]:
    """Return the record of one line, and what was left out of it: fields it should not have.

    Raises LineError with the field and what is allowed when it cannot be used at all.
    """
    if len(text) > LINE_MAX:
        raise LineError("", f"The line has {len(text)} bytes; at most {LINE_MAX} are read. Split or shorten it.")
    try:
        kind = _KIND.decode(text).type
    except msgspec.ValidationError as error:
        raise LineError("type", f"{_sentence(error)}. Give one of: {', '.join(_SHAPES)}.") from error
    except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
        raise LineError("", f"The line is not JSON: {error}. Give one object a line.") from error
    shape = _SHAPES.get(kind)
    if shape is None:
        raise LineError("type", f'There is no line of type "{kind[:64]}". Give one of: {", ".join(_SHAPES)}.')
    fields: dict[str, Any] = msgspec.json.decode(text)
    surplus: list[LineError] = []
    while True:
        try:
            line: Line = msgspec.convert(fields, type=shape)
        except msgspec.ValidationError as error:
            refusal = LineError(_field(error), f"{_sentence(error)}.")
            if "unknown field" not in str(error) or not _without(fields, refusal.field):
                raise refusal from error
            surplus.append(LineError(refusal.field, f"{_sentence(error)}; it was left out. See the list of fields."))
        else:
            return line, surplus


def _without(fields: dict[str, Any], path: str) -> bool:
    """Remove a field the line should not have; False when it cannot be found."""
    *parents, name = path.split(".")
    inner: Any = fields
    for parent in parents:
        inner = inner.get(parent) if isinstance(inner, dict) else None
    if not isinstance(inner, dict) or name not in inner:
        return False
    del inner[name]
    return True


def _field(error: msgspec.ValidationError) -> str:
    text = str(error)
    path = _PATH.search(text)
    place = path.group(1) if path else ""
    named = _NAMED.search(text)
    if named:
        return f"{place}.{named.group(1)}".lstrip(".")
    return place


def _sentence(error: msgspec.ValidationError) -> str:
    return _PATH.sub("", str(error))
