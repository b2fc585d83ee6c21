"""The scenario file: its records and its reading.

Called by the replay alone. Refuses what the format does not know, naming the scenario, the event and what is
allowed; never decides anything.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, TypeVar, get_args, get_origin

import msgspec

from attribution.types import BindingPolicy, ConversionKind, CouponPolicy, ModelName, Settings

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)
NAMES_SHOWN = 10  # known names listed in a message; more than that nobody reads


class ScenarioError(ValueError):
    """A scenario file that cannot be replayed. The message names the place, the cause and the remedy."""


class ProgramPatch(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Program settings as a file gives them: those that are set, under the names of the file."""

    id: str | msgspec.UnsetType = msgspec.UNSET
    model: ModelName | msgspec.UnsetType = msgspec.UNSET
    window_seconds: int | msgspec.UnsetType = msgspec.UNSET
    view_through: bool | msgspec.UnsetType = msgspec.UNSET
    view_window_seconds: int | msgspec.UnsetType = msgspec.UNSET
    min_click_to_conversion_seconds: int | msgspec.UnsetType = msgspec.UNSET
    binding: BindingPolicy | msgspec.UnsetType = msgspec.UNSET
    commission_months: int | msgspec.UnsetType | None = msgspec.UNSET
    coupon_policy: CouponPolicy | msgspec.UnsetType = msgspec.UNSET
    fingerprint_fallback: bool | msgspec.UnsetType = msgspec.UNSET
    currency: str | msgspec.UnsetType = msgspec.UNSET
    position_weights: tuple[str, str, str] | msgspec.UnsetType = msgspec.UNSET
    half_life_seconds: int | msgspec.UnsetType = msgspec.UNSET


class PartnerLine(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A partner of the scenario and the customers that are the partner's own."""

    id: str
    own_customers: tuple[str, ...] = ()


class CodeLine(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A promo code and its owner; without a program it belongs to the scenario's."""

    code: str
    partner: str
    program: str | None = None
    valid_to: str | None = None


class Event(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="type"):
    """What every event has.

    received_at is when it was heard of, by default when it happened; seq orders events of one instant, by
    default their place in the file.
    """

    at: str
    received_at: str | None = None
    seq: int | None = None


class TouchEvent(Event, frozen=True, kw_only=True):
    """What every touch has.

    client_at is what the browser's clock said; it is kept for the reader and orders nothing.
    """

    id: str
    visitor: str
    program: str | None = None
    bot: bool = False
    test: bool = False
    ip: str | None = None
    ua: str | None = None
    client_at: str | None = None


class Click(TouchEvent, frozen=True, kw_only=True, tag="click"):
    """A click on a partner's link."""

    partner: str


class Impression(TouchEvent, frozen=True, kw_only=True, tag="impression"):
    """A partner's banner shown to the visitor."""

    partner: str


class Direct(TouchEvent, frozen=True, kw_only=True, tag="direct"):
    """A visit that nobody sent."""


class Identify(Event, frozen=True, kw_only=True, tag="identify"):
    """A visitor is known to be a customer."""

    visitor: str
    customer: str


class ConversionEvent(Event, frozen=True, kw_only=True, tag="conversion"):
    """A reported lead or sale."""

    id: str
    kind: ConversionKind
    amount_minor: int
    currency: str
    visitor: str | None = None
    customer: str | None = None
    click_id: str | None = None
    coupon: str | None = None
    order_id: str | None = None
    test: bool = False
    ip: str | None = None
    ua: str | None = None


class Refund(Event, frozen=True, kw_only=True, tag="refund"):
    """Money given back for a conversion, whole or in part."""

    of: str
    amount_minor: int


class ProgramChange(Event, frozen=True, kw_only=True, tag="program_change"):
    """New settings from an instant on."""

    set: ProgramPatch


class PartnerStatus(Event, frozen=True, kw_only=True, tag="partner_status"):
    """A partner's status from an instant on."""

    partner: str
    status: Literal["active", "deactivated", "deleted"]


class Lock(Event, frozen=True, kw_only=True, tag="lock"):
    """A conversion approved or paid: its result stays."""

    conversion: str


EVENT_TYPES: dict[str, type[Event]] = {
    "click": Click,
    "direct": Direct,
    "impression": Impression,
    "identify": Identify,
    "conversion": ConversionEvent,
    "refund": Refund,
    "program_change": ProgramChange,
    "partner_status": PartnerStatus,
    "lock": Lock,
}


class Scenario(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One story: who takes part and what was received, in the order of receipt.

    What the author expects and notes travels with it and is not read.
    """

    id: str
    partners: tuple[PartnerLine, ...]
    events: tuple[msgspec.Raw, ...]
    program: ProgramPatch = ProgramPatch()
    codes: tuple[CodeLine, ...] = ()
    note: str = ""
    expect_online: Any = None
    expect_final: Any = None


class ScenarioFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A whole file: settings shared by its scenarios, and the scenarios."""

    scenarios: tuple[msgspec.Raw, ...]
    program_defaults: ProgramPatch = ProgramPatch()


class _Named(msgspec.Struct, frozen=True, kw_only=True):
    """The names by which a message can point at a scenario or an event that would not read."""

    id: str = "?"
    type: str = "?"


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where in the file something stands, as a message names it."""

    text: str

    def error(self, cause: str) -> ScenarioError:
        """Return the error that names this place."""
        return ScenarioError(f"{self.text}: {cause}")


def scenario_place(scenario_id: str) -> Place:
    """Return the place of a scenario, for messages."""
    return Place(text=f'Scenario "{scenario_id}"')


def event_place(scenario_id: str, number: int, kind: str) -> Place:
    """Return the place of an event, for messages; number counts from 1."""
    return Place(text=f'Scenario "{scenario_id}", event {number} ({kind})')


def read_file(document: bytes) -> ScenarioFile:
    """Return the file's outer shape. Refuses what is no JSON, what has other fields and wrong defaults."""
    place = Place(text="Scenario file")
    try:
        document.decode()
    except UnicodeDecodeError as error:
        raise place.error(f"not UTF-8 text ({error}); save it as UTF-8.") from error
    return _decode(document, ScenarioFile, place)


def read_scenario(raw: msgspec.Raw) -> Scenario:
    """Return one scenario with its events still unread. Refuses unknown fields and partners listed twice."""
    scenario = _decode(raw, Scenario, scenario_place(_peek(raw).id))
    listed: set[str] = set()
    for partner in scenario.partners:
        if partner.id in listed:
            cause = f'partner "{partner.id}" is listed twice; list each partner once.'
            raise scenario_place(scenario.id).error(cause)
        listed.add(partner.id)
    return scenario


def read_events(scenario: Scenario) -> tuple[Event, ...]:
    """Return the scenario's events. Refuses unknown types and fields, saying which there are."""
    events: list[Event] = []
    for number, raw in enumerate(scenario.events, start=1):
        kind = _peek(raw).type
        place = event_place(scenario.id, number, kind)
        if kind not in EVENT_TYPES:
            raise place.error(f"unknown event type; the types are {', '.join(EVENT_TYPES)}.")
        events.append(_decode(raw, EVENT_TYPES[kind], place))
    return tuple(events)


def read_settings(patches: Iterable[ProgramPatch], place: Place) -> Settings:
    """Return the settings that result when later patches overwrite earlier ones and the defaults."""
    merged: dict[str, Any] = {"id": "program"}
    for patch in patches:
        merged |= msgspec.to_builtins(patch)
    merged["program_id"] = merged.pop("id")
    merged.pop("currency", None)  # A program's currency has no say in attribution.
    try:
        return msgspec.convert(merged, Settings)
    except msgspec.ValidationError as error:
        raise place.error(f"{error}") from error


def read_instant(text: str, field: str, place: Place) -> int:
    """Return an ISO 8601 instant as UTC milliseconds (finer digits are cut).

    Refuses what is no time, and a time without a zone, because its instant would depend on the reader.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise place.error(f'{field} "{text}" is no ISO 8601 time; write it like "2026-03-02T08:00:00Z".') from None
    if moment.tzinfo is None:
        raise place.error(f'{field} "{text}" has no time zone; end it with Z or an offset like +03:00.')
    return (moment - EPOCH) // MILLISECOND


def list_names(names: Iterable[str]) -> str:
    """Return the known names for a message, the first few of many."""
    known = sorted(names)
    shown = ", ".join(known[:NAMES_SHOWN]) or "none"
    return shown if len(known) <= NAMES_SHOWN else f"{shown} and {len(known) - NAMES_SHOWN} more"


_Shape = TypeVar("_Shape", bound=msgspec.Struct)


def _decode(data: bytes | msgspec.Raw, shape: type[_Shape], place: Place) -> _Shape:
    try:
        return msgspec.json.decode(data, type=shape)
    except msgspec.ValidationError as error:
        raise place.error(f"{error}; the fields are {_describe_fields(shape)}.") from error
    except (msgspec.DecodeError, RecursionError) as error:
        raise place.error(f"not readable as JSON ({error}).") from error


def _describe_fields(shape: type[msgspec.Struct]) -> str:
    """Return the field names of a record with the words a field may hold and the fields of records inside it."""
    return ", ".join(f"{field.name}{_describe_type(field.type)}" for field in msgspec.structs.fields(shape))


def _describe_type(kind: Any) -> str:
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return f" {{{_describe_fields(kind)}}}"
    if get_origin(kind) is Literal:
        return f" ({'|'.join(get_args(kind))})"
    return "".join(_describe_type(part) for part in get_args(kind))


def _peek(raw: msgspec.Raw) -> _Named:
    try:
        return msgspec.json.decode(raw, type=_Named)
    except msgspec.DecodeError:
        return _Named()
