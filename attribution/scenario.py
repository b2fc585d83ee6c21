"""Scenario replay: a file of small stories in, the engine's decisions out.

Each decision is shown as it was when the conversion came in (online) and as it is with everything known
(final). Called by the command line and by tests; touches no database and prints nothing.
"""

from fractions import Fraction
from typing import Any

from attribution.binding import partner_to_bind
from attribution.engine import attribute
from attribution.money import refund_delta
from attribution.scenario_file import ScenarioError, ScenarioFile, locate, read_file, read_scenario, scenario_place
from attribution.scenario_world import KnownConversion, World, build_world, journey_at, settings_at
from attribution.types import Binding, Decision

__all__ = ["ScenarioError", "replay"]

# Customers are bound within live and test mode apart: a test never binds a real customer.
_Customer = tuple[str, bool]
_Moment = tuple[int, int]  # instant and sequence, the order in which conversions happened


def replay(document: bytes) -> dict[str, Any]:
    """Return {"results": [{"id", "online": [...], "final": [...]}]} for a scenario file.

    There is one decision per conversion, in the order of events. Refuses a file it cannot read with
    ScenarioError, which names the line.
    """
    try:
        return {"results": _tell_file(read_file(document))}
    except ScenarioError as error:
        raise locate(error, document) from error


def _tell_file(file: ScenarioFile) -> list[dict[str, Any]]:
    results: dict[str, dict[str, Any]] = {}
    for index, raw in enumerate(file.scenarios):
        scenario = read_scenario(raw, index)
        place = scenario_place(scenario.id, index)
        if scenario.id in results:
            raise place.error("another scenario has this id; give each its own.", "id")
        story = _Story(build_world(scenario, file.program_defaults, place))
        results[scenario.id] = {"id": scenario.id, "online": story.tell_online(), "final": story.tell_final()}
    return list(results.values())


class _Story:
    """One scenario being decided.

    Decisions are remembered by (conversion, rank), because every later conversion of a customer asks for the
    earlier ones again.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._decisions: dict[tuple[str, int], Decision] = {}
        self._scans: dict[tuple[_Customer | None, int], tuple[int, tuple[_Moment, Binding] | None]] = {}
        self._originals = _find_originals(world)
        self._chains = _chain_customers(world, self._originals)

    def tell_online(self) -> list[dict[str, Any]]:
        """Return each decision as it was when its conversion was received."""
        return [self._tell(known, known.rank) for known in self._world.conversions]

    def tell_final(self) -> list[dict[str, Any]]:
        """Return each decision with everything known, locked ones as they were when locked."""
        return [self._tell(known, self._world.last_rank) for known in self._world.conversions]

    def _tell(self, known: KnownConversion, rank: int) -> dict[str, Any]:
        conversion_id = known.conversion.conversion_id
        original = self._originals[conversion_id]
        if original != conversion_id:
            duplicate = {"conversion": conversion_id, "status": "duplicate", "of": original}
            return duplicate | _tell_outcome(None, self._post_refunds(known, None, rank))
        decision = self._decide(known, rank)
        told: dict[str, Any] = {"conversion": conversion_id, "status": decision.status}
        if decision.via:
            told["via"] = decision.via
        return told | _tell_outcome(decision, self._post_refunds(known, decision, rank))

    def _decide(self, known: KnownConversion, rank: int) -> Decision:
        """Return the decision as known at a rank, or at the lock when that was received before."""
        rank = self._stop_at_lock(known, rank)
        key = (known.conversion.conversion_id, rank)
        if key not in self._decisions:
            settings = settings_at(self._world, known.conversion.at_ms, rank)
            binding = self._find_binding(known, rank)
            journey = journey_at(self._world, known.conversion, rank, settings=settings, binding=binding)
            self._decisions[key] = attribute(known.conversion, journey, settings)
        return self._decisions[key]

    def _stop_at_lock(self, known: KnownConversion, rank: int) -> int:
        """Return the rank up to which facts count for a conversion.

        A lock received before its conversion can only mean the first decision.
        """
        lock = self._world.locks.get(known.conversion.conversion_id)
        return rank if lock is None or lock > rank else max(lock, known.rank)

    def _find_binding(self, known: KnownConversion, rank: int) -> Binding | None:
        """Return the customer's binding before a conversion, or None.

        It comes from the first conversion of the chain that binds. What happened earlier binds, also when it was
        received later. How far a chain was read is kept, so that a long one is read once per rank.
        """
        customer = _customer_of(known)
        chain = self._chains.get(customer, [])
        index, found = self._scans.get((customer, rank), (0, None))
        while found is None and index < len(chain) and _moment_of(chain[index]) < _moment_of(known):
            if chain[index].rank <= rank:
                found = self._bind(chain[index], rank)
            index += 1
            self._scans[customer, rank] = (index, found)
        if found is None or found[0] >= _moment_of(known):
            return None
        return found[1]

    def _bind(self, known: KnownConversion, rank: int) -> tuple[_Moment, Binding] | None:
        """Return the binding that a conversion makes, with its moment, or None.

        Only a conversion that is attributed and happened while the program bound customers makes one.
        """
        partner_id = partner_to_bind(self._decide(known, rank).credits)
        settings = settings_at(self._world, known.conversion.at_ms, self._stop_at_lock(known, rank))
        if partner_id is None or settings.binding == "none":
            return None
        return _moment_of(known), Binding(partner_id=partner_id, since_ms=known.conversion.at_ms)

    def _post_refunds(self, known: KnownConversion, decision: Decision | None, rank: int) -> list[list[int]]:
        """Return what each refund known at a rank takes from each credit.

        Refunds move money alone, also after a lock.
        """
        weights = [Fraction(credit.weight) for credit in decision.credits] if decision else []
        net = known.conversion.amount_minor
        posted = []
        for heard, amount in self._world.refunds.get(known.conversion.conversion_id, []):
            if heard <= rank:
                posted.append(refund_delta(net, net - amount, weights))
                net -= amount
        return posted


def _tell_outcome(decision: Decision | None, refunds: list[list[int]]) -> dict[str, Any]:
    """Return the part of the answer that every status has; a duplicate has no decision."""
    return {
        "credits": [
            {
                "touch": credit.touch_id,
                "partner": credit.partner_id,
                "weight": credit.weight,
                "amount_minor": credit.amount_minor,
            }
            for credit in (decision.credits if decision else ())
        ],
        "rejected": {entry.touch: entry.reason for entry in (decision.rejections if decision else ())},
        "commissionable": decision.commissionable if decision else False,
        "refund_credits": refunds,
    }


def _find_originals(world: World) -> dict[str, str]:
    """Return conversion id -> id of the conversion that counts.

    That is the first received of equal order number, kind and mode. Without an order number a conversion is
    its own.
    """
    first: dict[tuple[str, bool, str], str] = {}
    originals = {}
    for known in sorted(world.conversions, key=lambda known: known.rank):
        conversion = known.conversion
        originals[conversion.conversion_id] = conversion.conversion_id
        if known.order_id is not None:
            key = (conversion.kind, conversion.is_test, known.order_id)
            originals[conversion.conversion_id] = first.setdefault(key, conversion.conversion_id)
    return originals


def _chain_customers(world: World, originals: dict[str, str]) -> dict[_Customer | None, list[KnownConversion]]:
    """Return each customer's conversions in the order in which they happened, without duplicates."""
    chains: dict[_Customer | None, list[KnownConversion]] = {}
    for known in sorted(world.conversions, key=_moment_of):
        customer, conversion_id = _customer_of(known), known.conversion.conversion_id
        if customer is not None and originals[conversion_id] == conversion_id:
            chains.setdefault(customer, []).append(known)
    return chains


def _customer_of(known: KnownConversion) -> _Customer | None:
    conversion = known.conversion
    return None if conversion.customer_id is None else (conversion.customer_id, conversion.is_test)


def _moment_of(known: KnownConversion) -> _Moment:
    return (known.conversion.at_ms, known.conversion.seq)
