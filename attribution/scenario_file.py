"""The scenario file: its records and its reading.

Called by the replay alone. Refuses what the format does not know, naming the scenario, the event and what is
allowed; never decides anything.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, TypeVar, get_args, get_origin

import msgspec

from attribution.scenario_lines import Step, find_break, find_line, steps_of
from attribution.types import BindingPolicy, ConversionKind, CouponPolicy, CustomWeights, ModelName, Settings

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)
NAMES_SHOWN = 10  # known names listed in a message; more than that nobody reads


class ScenarioError(ValueError):
    """A scenario file that cannot be replayed. The message names the line, the place, the cause and the remedy."""

    def __init__(self, text: str, *, path: tuple[Step, ...] = (), line: int | None = None) -> None:
        super().__init__(text)
        self.path = path
        self.line = line


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
    custom_weights: CustomWeights | msgspec.UnsetType | None = msgspec.UNSET


class PartnerLine(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A partner of the scenario, the customers that are the partner's own and the group that custom weights go by."""

    id: str
    group: str | None = None
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
    """Where in the file something stands, as a message names it and as the file nests it."""

    text: str
    path: tuple[Step, ...] = ()

    def error(self, cause: str, *within: Step) -> ScenarioError:
        """Return the error that names this place and stands at a path within it."""
        return ScenarioError(f"{self.text}: {cause}", path=(*self.path, *within))

    def at(self, *within: Step) -> "Place":
        """Return a place inside this one that messages call the same."""
        return Place(text=self.text, path=(*self.path, *within))


FILE = Place(text="Scenario file")
DEFAULTS = Place(text="Scenario file, program_defaults", path=("program_defaults",))


def scenario_place(scenario_id: str, index: int) -> Place:
    """Return the place of a scenario, for messages; index counts from 0."""
    return Place(text=f'Scenario "{scenario_id}"', path=("scenarios", index))


def event_place(scenario: Place, index: int, kind: str) -> Place:
    """Return the place of an event, for messages; index counts from 0, in the message from 1."""
    return Place(text=f"{scenario.text}, event {index + 1} ({kind})", path=(*scenario.path, "events", index))


def locate(error: ScenarioError, document: bytes) -> ScenarioError:
    """Return the error with its line."""
    line = find_line(document.decode(), error.path) if error.line is None else error.line
    return ScenarioError(f"Line {line}: {error}", path=error.path, line=line)


def read_file(document: bytes) -> ScenarioFile:
    """Return the file's outer shape. Refuses what is no JSON, what has other fields and wrong defaults."""
    try:
        document.decode()
    except UnicodeDecodeError as error:
        line = document.count(b"\n", 0, error.start) + 1
        raise ScenarioError(f"{FILE.text}: not UTF-8 text ({error}); save it as UTF-8.", line=line) from error
    try:
        return _decode(document, ScenarioFile, FILE)
    except (msgspec.DecodeError, RecursionError) as error:
        line = find_break(document, str(error))
        raise ScenarioError(f"{FILE.text}: not readable as JSON ({error}).", line=line) from error


def read_scenario(raw: msgspec.Raw, index: int) -> Scenario:
    """Return one scenario with its events still unread. Refuses unknown fields and partners listed twice."""
    place = scenario_place(_peek(raw).id, index)
    scenario = _decode(raw, Scenario, place)
    listed: set[str] = set()
    for number, partner in enumerate(scenario.partners):
        if partner.id in listed:
            raise place.error(f'partner "{partner.id}" is listed twice; list each partner once.', "partners", number)
        listed.add(partner.id)
    return scenario


def read_events(scenario: Scenario, place: Place) -> tuple[Event, ...]:
    """Return the scenario's events. Refuses unknown types and fields, saying which there are."""
    events: list[Event] = []
    for index, raw in enumerate(scenario.events):
        kind = _peek(raw).type
        here = event_place(place, index, kind)
        if kind not in EVENT_TYPES:
            raise here.error(f"unknown event type; the types are {', '.join(EVENT_TYPES)}.", "type")
        events.append(_decode(raw, EVENT_TYPES[kind], here))
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
        # The settings' own refusals begin with the name of the setting.
        raise place.error(f"{error}", str(error).split(" ")[0]) from error


def read_instant(text: str, field: str, place: Place) -> int:
    """Return an ISO 8601 instant as UTC milliseconds (finer digits are cut).

    Refuses what is no time, and a time without a zone, because its instant would depend on the reader.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        cause = f'{field} "{text}" is no ISO 8601 time; write it like "2026-03-02T08:00:00Z".'
        raise place.error(cause, field) from None
    if moment.tzinfo is None:
        raise place.error(f'{field} "{text}" has no time zone; end it with Z or an offset like +03:00.', field)
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
        cause = f"{error}; the fields are {_describe_fields(shape)}."
        raise place.error(cause, *steps_of(str(error))) from error


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
