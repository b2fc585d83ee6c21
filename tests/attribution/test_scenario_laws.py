"""Laws of replayed stories: whatever is received, in whatever order and how often, the end is the same."""

import json
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from attribution.identity import fold_identity
from attribution.scenario import replay

START = datetime(2026, 3, 1, tzinfo=UTC)
PARTNERS = [{"id": "anna"}, {"id": "boris", "group": "gold"}, {"id": "vera", "own_customers": ["own"]}]
OWN = {"custom_weights": {"base": "time_decay", "from_start": ["3"], "groups": {"gold": "2"}}}
MODELS = ["linear", "first_click", "time_decay", "position_based", "custom"]


def day(days):
    """Return an instant so many days after the start."""
    return (START + timedelta(days=days)).isoformat()


def tell(*events, view="final"):
    story = {"id": "S", "partners": PARTNERS, "program": OWN, "events": list(events)}
    (result,) = replay(json.dumps({"scenarios": [story]}).encode())["results"]
    return result[view]


def by_conversion(decisions):
    return {decision["conversion"]: decision for decision in decisions}


@st.composite
def stories(draw):
    """Return events of three visitors and two customers, each received when it happened or later."""
    events = []
    sold = []
    for number in range(draw(st.integers(1, 12))):
        at = draw(st.integers(0, 40))
        base = {"at": day(at), "seq": number}
        late = base | {"received_at": day(at + draw(st.integers(0, 5)))}
        visitor = draw(st.sampled_from("vxy"))
        partner = draw(st.sampled_from(["anna", "boris", "vera"]))
        sale = {"type": "conversion", "id": f"s{number}", "kind": "sale", "amount_minor": 100, "currency": "EUR"}
        customer = draw(st.sampled_from(["c", "d", None]))
        kinds = [
            {"type": "click", "id": f"k{number}", "partner": partner, "visitor": visitor} | late,
            sale | {"visitor": visitor, "customer": customer, "order_id": draw(st.sampled_from([None, "A"]))} | late,
            {"type": "identify", "visitor": visitor, "customer": customer or "c"} | base,
            {"type": "partner_status", "partner": partner, "status": draw(st.sampled_from(["active", "deleted"]))}
            | base,
            {"type": "program_change", "set": {"model": draw(st.sampled_from(MODELS))}} | base,
        ]
        if sold:
            kinds.append({"type": "refund", "of": draw(st.sampled_from(sold)), "amount_minor": 7} | base)
        event = draw(st.sampled_from(kinds))
        events.append(event)
        sold += [event["id"]] if event["type"] == "conversion" else []
    return sorted(events, key=lambda event: event.get("received_at", event["at"]))


@given(stories())
def test_invariant_08_online_and_late_repair_is_a_full_recompute(events):
    """Put every receipt before the sales and both views agree; which report of an order counts goes by its receipt."""
    events = [event | {"order_id": None} if event["type"] == "conversion" else event for event in events]
    sales = [event for event in events if event["type"] == "conversion"]
    facts = [event | {"received_at": day(-1)} for event in events if event["type"] != "conversion"]
    known_first = facts + [
        event | {"received_at": day(50)} for event in sorted(sales, key=lambda e: (e["at"], e["seq"]))
    ]

    final = {decision["conversion"]: decision for decision in tell(*events)}
    online = {decision["conversion"]: decision for decision in tell(*known_first, view="online")}
    assert online == final


@given(stories(), st.integers(0, 9))
def test_invariant_13_what_is_received_after_a_lock_never_moves_it(events, cut):
    """Refunds move money after a lock, so they are left out here."""
    events = [event for event in events if event["type"] != "refund"]
    before, after = events[:cut], events[cut:]
    locks = [
        {"type": "lock", "conversion": event["id"], "at": day(100)} for event in before if event["type"] == "conversion"
    ]
    late = [event | {"received_at": day(200)} for event in after]

    then = tell(*before, *locks)
    now = {decision["conversion"]: decision for decision in tell(*before, *locks, *late)}
    assert all(now[decision["conversion"]] == decision for decision in then)


@given(stories(), st.integers(0, 12))
def test_invariant_08_events_delivered_again_change_nothing(events, count):
    """The whole stream twice, and any beginning of it again: refunds are posted once, changes keep their order."""
    for view in ("online", "final"):
        once = tell(*events, view=view)

        assert tell(*events, *events, view=view) == once
        assert tell(*events, *events[:count], view=view) == once


@given(stories())
def test_invariant_02_people_apart_are_decided_apart(events):
    """Any number of buckets: split by journey key, each part says of its conversions what the whole says."""
    events = [{**event, "order_id": None} if event["type"] == "conversion" else event for event in events]
    named = [(event["visitor"], event["customer"]) for event in events if event.get("customer")]
    alone = [(event["visitor"], f"only {event['visitor']}") for event in events if "visitor" in event]
    keys = fold_identity([*named, *alone])
    sold = {event["id"]: keys[event["visitor"]] for event in events if event["type"] == "conversion"}

    def key_of(event):
        return sold.get(event["of"]) if event["type"] == "refund" else keys.get(event.get("visitor"))

    parts = {}
    for key in set(keys.values()):
        parts |= by_conversion(tell(*(event for event in events if key_of(event) in (key, None))))
    assert parts == by_conversion(tell(*events))


@given(stories(), st.integers(0, 40), st.sampled_from(MODELS))
def test_invariant_13_settings_touch_no_conversion_before_their_instant(events, at, model):
    """A change counts from its own instant on, so what happened earlier stays, bindings of later sales aside."""
    change = {"type": "program_change", "at": day(at), "received_at": day(-1), "seq": 99, "set": {"model": model}}
    earlier = {event["id"] for event in events if event["type"] == "conversion" and event["at"] < day(at)}

    before, after = by_conversion(tell(*events)), by_conversion(tell(*events, change))

    assert {name: after[name] for name in earlier} == {name: before[name] for name in earlier}
