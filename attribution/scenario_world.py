"""The world of one scenario: its events as engine records, and views of what was known when.

Every event carries the rank of its receipt. Called by the replay; never decides whose merit anything is.
"""

from collections.abc import Callable, Iterable
from typing import TypeVar

import msgspec

from attribution.scenario_file import (
    DEFAULTS,
    ConversionEvent,
    Direct,
    Event,
    Identify,
    Impression,
    Lock,
    PartnerStatus,
    Place,
    ProgramChange,
    ProgramPatch,
    Refund,
    Scenario,
    ScenarioError,
    TouchEvent,
    event_place,
    list_names,
    read_events,
    read_instant,
    read_settings,
)
from attribution.types import Binding, CodeEntry, Conversion, Journey, PartnerStanding, Settings, Touch, TouchKind


class Placed(msgspec.Struct, frozen=True, kw_only=True):
    """An event with its instant and its two orders.

    Its rank is its place in the order of receipt, from 0, so that "known at rank r" means every event up to
    r; seq orders events of one instant.
    """

    event: Event
    place: Place
    at_ms: int
    rank: int
    seq: int


class KnownTouch(msgspec.Struct, frozen=True, kw_only=True):
    """A touch and when it was heard of."""

    rank: int
    touch: Touch


class KnownConversion(msgspec.Struct, frozen=True, kw_only=True):
    """A conversion, when it was heard of and the shop's number for it."""

    rank: int
    conversion: Conversion
    order_id: str | None


class World(msgspec.Struct, frozen=True, kw_only=True):
    """One scenario, read and indexed.

    Conversions and refunds stand in file order, changes and statuses in the order in which they take effect;
    lists inside an index are in no order that matters.
    """

    place: Place
    patches: tuple[ProgramPatch, ...]
    settings: Settings
    changes: tuple[Placed, ...]
    statuses: tuple[Placed, ...]
    own_customers: dict[str, frozenset[str]]
    groups: dict[str, str | None]
    codes: tuple[CodeEntry, ...]
    clicks: dict[str, KnownTouch]
    by_visitor: dict[str, list[KnownTouch]]
    by_fingerprint: dict[str, list[KnownTouch]]
    links: dict[str, list[tuple[int, str]]]
    conversions: tuple[KnownConversion, ...]
    refunds: dict[str, list[tuple[int, int]]]
    locks: dict[str, int]
    last_rank: int


def build_world(scenario: Scenario, defaults: ProgramPatch, place: Place) -> World:
    """Return the scenario at a place of the file as a world.

    Refuses unknown partners and conversions, bad times, impossible settings and one id for two conversions or two
    touches.
    """
    patches = (defaults, scenario.program)
    settings = _read_start(patches, place)
    placed = _place_events(scenario, place)
    own_customers = {line.id: frozenset(line.own_customers) for line in scenario.partners}
    conversions = _read_conversions(placed, settings.program_id)
    _check_names(placed, own_customers, {known.conversion.conversion_id for known in conversions})
    changes = tuple(sorted(_only(ProgramChange, placed), key=lambda item: (item.at_ms, item.rank)))
    _check_changes(changes, patches)
    touches = _read_touches(placed, settings.program_id)
    return World(
        place=place,
        patches=patches,
        settings=settings,
        changes=changes,
        statuses=tuple(sorted(_only(PartnerStatus, placed), key=lambda item: (item.at_ms, item.rank))),
        own_customers=own_customers,
        groups={line.id: line.group for line in scenario.partners},
        codes=_read_codes(scenario, place, settings.program_id),
        clicks={known.touch.touch_id: known for known in touches if known.touch.kind == "click"},
        by_visitor=_index(touches, lambda known: known.touch.visitor_id),
        by_fingerprint=_index(touches, lambda known: known.touch.fingerprint),
        links=_read_links(placed),
        conversions=conversions,
        refunds=_read_refunds(placed),
        locks=_read_locks(placed),
        last_rank=len(scenario.events),
    )


def settings_at(world: World, at_ms: int, rank: int) -> Settings:
    """Return the program's settings in force at an instant, as far as they were known at a rank.

    A change counts from its own instant on.
    """
    changes = [item for item in world.changes if item.at_ms <= at_ms and item.rank <= rank]
    if not changes:
        return world.settings
    sets = [item.event.set for item in changes if isinstance(item.event, ProgramChange)]
    return read_settings((*world.patches, *sets), world.place)


def journey_at(
    world: World, conversion: Conversion, rank: int, *, settings: Settings, binding: Binding | None
) -> Journey:
    """Return what the engine needs for a conversion, as known at a rank.

    Touches are those of its visitor and of everyone identified as its customer, the click it names and, where
    the program allows, clicks of the same address and agent.
    """
    links = [] if conversion.customer_id is None else world.links.get(conversion.customer_id, [])
    visitors = frozenset(visitor for heard, visitor in links if heard <= rank)
    known = [
        touch for visitor in visitors | {conversion.visitor_id or ""} for touch in world.by_visitor.get(visitor, [])
    ]
    if conversion.click_id in world.clicks:
        known.append(world.clicks[conversion.click_id])
    if settings.fingerprint_fallback:
        known += world.by_fingerprint.get(conversion.fingerprint or "", [])
    return Journey(
        touches=tuple(item.touch for item in known if item.rank <= rank),
        visitors=visitors,
        codes=world.codes,
        partners=_standings_at(world, rank),
        binding=binding,
    )


def _standings_at(world: World, rank: int) -> tuple[PartnerStanding, ...]:
    statuses: dict[str, dict[int, str]] = {partner_id: {} for partner_id in world.own_customers}
    for item in world.statuses:
        if item.rank <= rank and isinstance(item.event, PartnerStatus):
            # Of two changes of one instant the one received later stands.
            statuses[item.event.partner][item.at_ms] = item.event.status
    return tuple(
        PartnerStanding(
            partner_id=partner_id,
            statuses=tuple(statuses[partner_id].items()),
            own_customers=own,
            group=world.groups[partner_id],
        )
        for partner_id, own in world.own_customers.items()
    )


def _read_start(patches: tuple[ProgramPatch, ProgramPatch], place: Place) -> Settings:
    """Return the settings a scenario starts with; where the defaults alone are impossible, the error is theirs."""
    try:
        return read_settings(patches, place.at("program"))
    except ScenarioError:
        read_settings(patches[:1], DEFAULTS)
        raise


def _place_events(scenario: Scenario, place: Place) -> tuple[Placed, ...]:
    events = read_events(scenario, place)
    places = [event_place(place, index, str(event.__struct_config__.tag)) for index, event in enumerate(events)]
    instants = [read_instant(event.at, "at", place) for event, place in zip(events, places, strict=True)]
    received = [
        instant if event.received_at is None else read_instant(event.received_at, "received_at", place)
        for event, place, instant in zip(events, places, instants, strict=True)
    ]
    count = range(len(events))
    ranks = _rank(sorted(count, key=lambda i: (received[i], i)))
    # Dense numbers, so that equal sequence numbers fall back on the place in the file.
    seqs = _rank(sorted(count, key=lambda i: (i if events[i].seq is None else events[i].seq, i)))
    # An event that says word for word what an earlier one said was delivered again and counts once.
    first: dict[bytes, int] = {}
    for i in count:
        first.setdefault(msgspec.json.encode(events[i]), i)
    return tuple(
        Placed(event=events[i], place=places[i], at_ms=instants[i], rank=ranks[i], seq=seqs[i]) for i in first.values()
    )


def _rank(order: list[int]) -> dict[int, int]:
    return {index: rank for rank, index in enumerate(order)}


def _check_names(placed: Iterable[Placed], partners: Iterable[str], conversions: set[str]) -> None:
    known = set(partners)
    for item in placed:
        partner = getattr(item.event, "partner", None)
        if partner is not None and partner not in known:
            cause = f'partner "{partner}" is not listed; the scenario\'s partners are {list_names(known)}.'
            raise item.place.error(cause, "partner")
        target = _target_of(item.event)
        if target is not None and target not in conversions:
            cause = f'no conversion "{target}"; the scenario\'s conversions are {list_names(conversions)}.'
            raise item.place.error(cause, "of" if isinstance(item.event, Refund) else "conversion")


def _target_of(event: Event) -> str | None:
    if isinstance(event, Refund):
        return event.of
    return event.conversion if isinstance(event, Lock) else None


def _check_changes(changes: Iterable[Placed], patches: tuple[ProgramPatch, ...]) -> None:
    """Refuse a change of the program's id and settings that are impossible after all changes so far."""
    sets: list[ProgramPatch] = []
    for item in changes:
        assert isinstance(item.event, ProgramChange)
        if item.event.set.id is not msgspec.UNSET:
            raise item.place.error("a program keeps its id; leave id out of set.", "set", "id")
        sets.append(item.event.set)
        read_settings((*patches, *sets), item.place.at("set"))


def _read_codes(scenario: Scenario, place: Place, program_id: str) -> tuple[CodeEntry, ...]:
    codes = []
    partners = {line.id for line in scenario.partners}
    for index, line in enumerate(scenario.codes):
        here = Place(text=f'{place.text}, code "{line.code}"', path=(*place.path, "codes", index))
        if line.partner not in partners:
            cause = f'partner "{line.partner}" is not listed; the scenario\'s partners are {list_names(partners)}.'
            raise here.error(cause, "partner")
        ends = None if line.valid_to is None else read_instant(line.valid_to, "valid_to", here)
        program = program_id if line.program is None else line.program
        codes.append(CodeEntry(code=line.code, partner_id=line.partner, program_id=program, valid_to_ms=ends))
    return tuple(codes)


def _read_touches(placed: Iterable[Placed], program_id: str) -> tuple[KnownTouch, ...]:
    """Return each touch once, as first received: the same id again is a repeated delivery."""
    touches: dict[str, KnownTouch] = {}
    for item in _first_of_each(TouchEvent, placed):
        assert isinstance(item.event, TouchEvent)
        touches[item.event.id] = KnownTouch(rank=item.rank, touch=_read_touch(item, item.event, program_id))
    return tuple(touches.values())


def _read_touch(item: Placed, event: TouchEvent, program_id: str) -> Touch:
    kind: TouchKind = "click"
    if isinstance(event, Impression | Direct):
        kind = "impression" if isinstance(event, Impression) else "direct"
    return Touch(
        touch_id=event.id,
        kind=kind,
        partner_id=getattr(event, "partner", None),
        program_id=program_id if event.program is None else event.program,
        visitor_id=event.visitor,
        at_ms=item.at_ms,
        seq=item.seq,
        is_test=event.test,
        is_bot=event.bot,
        fingerprint=_join_fingerprint(event.ip, event.ua),
    )


def _read_conversions(placed: Iterable[Placed], program_id: str) -> tuple[KnownConversion, ...]:
    """Return each conversion once, as first received, in file order."""
    first = sorted(_first_of_each(ConversionEvent, placed), key=lambda item: item.place.path[-1])
    return tuple(_read_conversion(item, program_id) for item in first)


def _first_of_each(kind: type[TouchEvent | ConversionEvent], placed: Iterable[Placed]) -> list[Placed]:
    """Return the events of a kind once per id, as first received. Refuses one id for two different ones."""
    first: dict[str, Placed] = {}
    for item in sorted(_only(kind, placed), key=lambda item: item.rank):
        assert isinstance(item.event, TouchEvent | ConversionEvent)
        known = first.setdefault(item.event.id, item)
        if _strip_receipt(known.event) != _strip_receipt(item.event):
            name = "conversion" if isinstance(item.event, ConversionEvent) else "touch"
            cause = f'{name} id "{item.event.id}" is used for two {name}{"es" if name == "touch" else "s"}'
            raise item.place.error(f"{cause}; give each its own id.", "id")
    return list(first.values())


def _strip_receipt(event: Event) -> Event:
    """Return an event without what may differ when it is delivered again."""
    again: dict[str, None] = {"received_at": None, "seq": None}
    if isinstance(event, TouchEvent):
        again["client_at"] = None
    return msgspec.structs.replace(event, **again)


def _read_conversion(item: Placed, program_id: str) -> KnownConversion:
    event = item.event
    assert isinstance(event, ConversionEvent)
    conversion = Conversion(
        conversion_id=event.id,
        kind=event.kind,
        program_id=program_id,
        at_ms=item.at_ms,
        seq=item.seq,
        amount_minor=event.amount_minor,
        currency=event.currency,
        visitor_id=event.visitor,
        customer_id=event.customer,
        click_id=event.click_id,
        coupon=event.coupon,
        is_test=event.test,
        fingerprint=_join_fingerprint(event.ip, event.ua),
    )
    return KnownConversion(rank=item.rank, conversion=conversion, order_id=event.order_id)


def _join_fingerprint(ip: str | None, agent: str | None) -> str | None:
    """Return address and agent as one text; with one of them missing there is nothing to compare."""
    return f"{ip}\n{agent}" if ip and agent else None


def _read_links(placed: Iterable[Placed]) -> dict[str, list[tuple[int, str]]]:
    links: dict[str, list[tuple[int, str]]] = {}
    for item in placed:
        if isinstance(item.event, Identify):
            links.setdefault(item.event.customer, []).append((item.rank, item.event.visitor))
    return links


def _read_refunds(placed: Iterable[Placed]) -> dict[str, list[tuple[int, int]]]:
    refunds: dict[str, list[tuple[int, int]]] = {}
    for item in placed:
        if isinstance(item.event, Refund):
            refunds.setdefault(item.event.of, []).append((item.rank, item.event.amount_minor))
    return refunds


def _read_locks(placed: Iterable[Placed]) -> dict[str, int]:
    """Return when each conversion was first locked; locking again changes nothing."""
    locks: dict[str, int] = {}
    for item in placed:
        if isinstance(item.event, Lock):
            locks[item.event.conversion] = min(item.rank, locks.get(item.event.conversion, item.rank))
    return locks


_T = TypeVar("_T")


def _index(items: Iterable[_T], key: Callable[[_T], str | None]) -> dict[str, list[_T]]:
    index: dict[str, list[_T]] = {}
    for item in items:
        name = key(item)
        if name is not None:
            index.setdefault(name, []).append(item)
    return index


def _only(kind: type[Event], placed: Iterable[Placed]) -> list[Placed]:
    return [item for item in placed if isinstance(item.event, kind)]
