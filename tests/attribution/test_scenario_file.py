"""A scenario file that cannot be replayed says where, why and what is allowed."""

import json

import pytest

from attribution.scenario import ScenarioError, replay

CLICK = {"type": "click", "id": "k1", "at": "2026-03-02T08:00:00Z", "partner": "anna", "visitor": "v"}
SALE = {
    "type": "conversion",
    "id": "s1",
    "kind": "sale",
    "at": "2026-03-05T08:00:00Z",
    "amount_minor": 100,
    "currency": "EUR",
    "visitor": "v",
}


def read(*events, defaults=None, **scenario):
    story = {"id": "S", "partners": [{"id": "anna"}], "events": list(events), **scenario}
    return replay(json.dumps({"program_defaults": defaults or {}, "scenarios": [story]}).encode())


def drop(record, name):
    return {key: value for key, value in record.items() if key != name}


@pytest.mark.parametrize(
    ("event", "parts"),
    [
        ({**CLICK, "colour": 1}, ["unknown field `colour`", "partner", "visitor", "received_at"]),
        ({**CLICK, "type": "clik"}, ["unknown event type", "click, direct, impression, identify, conversion"]),
        (drop(CLICK, "type"), ["unknown event type", "lock"]),
        ({**CLICK, "type": 7}, ["unknown event type"]),
        (drop(CLICK, "visitor"), ["missing required field `visitor`"]),
        ({**CLICK, "partner": "nobody"}, ['partner "nobody" is not listed', "partners are anna"]),
        ({**CLICK, "type": "impression", "partner": "nobody"}, ['partner "nobody" is not listed']),
        ({**drop(CLICK, "partner"), "type": "direct", "partner": "anna"}, ["unknown field `partner`"]),
        ({**CLICK, "bot": "yes"}, ["Expected `bool`, got `str`"]),
        ({**CLICK, "at": "yesterday"}, ['at "yesterday" is no ISO 8601 time', "2026-03-02T08:00:00Z"]),
        ({**CLICK, "at": "2026-02-30T08:00:00Z"}, ["is no ISO 8601 time"]),
        ({**CLICK, "at": "2026-03-02T08:00:00"}, ["has no time zone", "Z or an offset"]),
        ({**CLICK, "at": 5}, ["Expected `str`, got `int`", "$.at"]),
        ({**CLICK, "received_at": "later"}, ['received_at "later" is no ISO 8601 time']),
        ({**SALE, "kind": "gift"}, ["Invalid enum value 'gift'", "kind (lead|sale)"]),
        ({**SALE, "amount_minor": 9.5}, ["Expected `int`, got `float`"]),
        ({"type": "refund", "of": "s9", "at": CLICK["at"], "amount_minor": 1}, ['no conversion "s9"', "are none"]),
        ({"type": "lock", "conversion": "s9", "at": CLICK["at"]}, ['no conversion "s9"']),
        (
            {"type": "partner_status", "partner": "nobody", "status": "active", "at": CLICK["at"]},
            ['partner "nobody" is not listed'],
        ),
        (
            {"type": "partner_status", "partner": "anna", "status": "asleep", "at": CLICK["at"]},
            ["Invalid enum value 'asleep'", "status (active|deactivated|deleted)"],
        ),
        (
            {"type": "program_change", "set": {"windows": 1}, "at": CLICK["at"]},
            ["unknown field `windows`", "window_seconds"],
        ),
        ({"type": "program_change", "set": {"model": "best"}, "at": CLICK["at"]}, ["'best'", "first_click|last_click"]),
        ({"type": "program_change", "set": {"window_seconds": -1}, "at": CLICK["at"]}, ["window_seconds is -1"]),
        ({"type": "program_change", "set": {"id": "Q"}, "at": CLICK["at"]}, ["a program keeps its id"]),
    ],
)
def test_bad_event_is_named_with_what_is_allowed(event, parts):
    direct = {"type": "direct", "id": "d", "at": CLICK["at"], "visitor": "v"}

    with pytest.raises(ScenarioError) as caught:
        read(direct, event)

    message = str(caught.value)
    kind = event.get("type", "?")
    assert message.startswith(f'Scenario "S", event 2 ({kind if isinstance(kind, str) else "?"}): ')
    assert all(part in message for part in parts), message


@pytest.mark.parametrize(
    ("scenario", "parts"),
    [
        ({"colour": 1}, ['Scenario "S"', "unknown field `colour`", "partners {id, own_customers}"]),
        ({"program": {"model": "best"}}, ['Scenario "S"', "'best'", "linear|position_based"]),
        ({"program": {"half_life_seconds": 0}}, ['Scenario "S"', "half_life_seconds is 0"]),
        ({"program": {"position_weights": ["1/2", "1/2"]}}, ['Scenario "S"', "length 3"]),
        ({"program": {"position_weights": ["1/2", "1/2", "1/2"]}}, ["do not sum to 1"]),
        ({"partners": [{"id": "anna"}, {"id": "anna"}]}, ['partner "anna" is listed twice']),
        ({"codes": [{"code": "X", "partner": "nobody"}]}, ['Scenario "S", code "X"', "partners are anna"]),
        ({"codes": [{"code": "X", "partner": "anna", "valid_to": "soon"}]}, ['code "X"', 'valid_to "soon"']),
        ({"events": None}, ["Expected `array`, got `null`"]),
    ],
)
def test_bad_scenario_is_named_with_what_is_allowed(scenario, parts):
    with pytest.raises(ScenarioError) as caught:
        read(**scenario)

    assert all(part in str(caught.value) for part in parts), caught.value


@pytest.mark.parametrize(
    ("document", "part"),
    [
        (b"", "not readable as JSON"),
        (b"{", "not readable as JSON"),
        (b"[]", "Expected `object`, got `array`"),
        (b"{}", "missing required field `scenarios`"),
        (b'{"scenarios":[],"x":1}', "unknown field `x`"),
        (b'{"scenarios":[{"id":"\xff"}]}', "save it as UTF-8"),
        (b'{"scenarios":' + b"[" * 100_000, "not readable as JSON"),
        (b'{"scenarios":[],"program_defaults":{"model":"best"}}', "'best'"),
        (b'{"scenarios":[{"id":7}]}', 'Scenario "?"'),
        (b'{"scenarios":[5]}', 'Scenario "?"'),
    ],
)
def test_bad_file_is_refused_as_a_whole(document, part):
    with pytest.raises(ScenarioError) as caught:
        replay(document)

    assert part in str(caught.value)


def test_long_lists_of_names_are_cut():
    partners = [{"id": f"p{i:02}"} for i in range(12)]

    with pytest.raises(ScenarioError, match=r"p00, .*p09 and 2 more"):
        read({**CLICK, "partner": "nobody"}, partners=partners)


def test_one_conversion_id_for_two_conversions_is_refused():
    with pytest.raises(ScenarioError, match=r'event 2 \(conversion\): conversion id "s1" is used for two'):
        read(SALE, {**SALE, "amount_minor": 5})


def test_empty_file_has_no_results():
    assert replay(b'{"scenarios":[]}') == {"results": []}


def test_note_and_expectations_are_not_read():
    results = read(note="why", expect_final=[1], expect_online="anything")["results"]

    assert results == [{"id": "S", "online": [], "final": []}]


@pytest.mark.parametrize(
    "instant",
    [
        "2026-03-05T08:00:00Z",
        "2026-03-05T11:00:00+03:00",
        "2026-03-04T22:00:00.000-10:00",
        "2026-03-05T08:00:00.000999Z",
        "20260305T080000Z",
    ],
)
def test_zone_of_a_time_decides_nothing(instant):
    """A sale exactly one window after the click; a millisecond more and the click would be too old."""
    (result,) = read(CLICK, {**SALE, "at": instant}, program={"window_seconds": 3 * 86_400})["results"]

    assert result["final"][0]["status"] == "attributed"
