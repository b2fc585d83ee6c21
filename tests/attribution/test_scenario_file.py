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
    assert message.startswith(f'Line 1: Scenario "S", event 2 ({kind if isinstance(kind, str) else "?"}): ')
    assert all(part in message for part in parts), message


@pytest.mark.parametrize(
    ("scenario", "parts"),
    [
        ({"colour": 1}, ['Scenario "S"', "unknown field `colour`", "partners {id, group, own_customers}"]),
        ({"program": {"model": "best"}}, ['Scenario "S"', "'best'", "linear|position_based"]),
        ({"program": {"half_life_seconds": 0}}, ['Scenario "S"', "half_life_seconds is 0"]),
        ({"program": {"model": "custom"}}, ['Scenario "S"', "custom_weights are missing"]),
        ({"program": {"custom_weights": {"from_start": ["x"]}}}, ['Factor "x"', "$.program.custom_weights"]),
        (
            {"program": {"custom_weights": {"start": []}}},
            ["unknown field `start`", "from_start, from_end, between, groups"],
        ),
        ({"partners": [{"id": "anna", "group": 7}]}, ["Expected `str | null`, got `int`", "$.partners[0].group"]),
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
def test_invariant_06_zone_of_a_time_decides_nothing(instant):
    """A sale exactly one window after the click; a millisecond more and the click would be too old."""
    (result,) = read(CLICK, {**SALE, "at": instant}, program={"window_seconds": 3 * 86_400})["results"]

    assert result["final"][0]["status"] == "attributed"


PAGE = """{
 "program_defaults": {
  "id": "P",
  "window_seconds": 2592000
 },
 "scenarios": [
  {"id": "first", "partners": [], "events": []},
  {
   "id": "second",
   "program": {
    "half_life_seconds": 604800
   },
   "partners": [
    {"id": "anna"},
    {"id": "boris"}
   ],
   "codes": [
    {"code": "X", "partner": "anna",
     "valid_to": "2026-03-05T08:00:00Z"}
   ],
   "events": [
    {
     "type": "click",
     "id": "k1",
     "at": "2026-03-02T08:00:00Z",
     "bot": false,
     "partner": "anna",
     "visitor": "v"
    },
    {"type": "click", "id": "k2", "at": "2026-03-03T08:00:00Z", "partner": "boris", "visitor": "v"},
    {
     "type": "conversion", "id": "s1", "kind": "sale",
     "at": "2026-03-05T08:00:00Z", "amount_minor": 100,
     "currency": "EUR", "visitor": "v"
    },
    {"type": "refund",
     "of": "s1", "at": "2026-03-06T08:00:00Z", "amount_minor": 1},
    {"type": "program_change", "at": "2026-03-06T08:00:00Z",
     "set": {
      "model": "linear",
      "position_weights": ["2/5", "1/5",
       "2/5"]
     }}
   ]
  }
 ]
}"""


@pytest.mark.parametrize(
    ("old", "new", "line", "parts"),
    [
        ('"window_seconds": 2592000', '"windows": 1', 4, ["unknown field `windows`", "window_seconds"]),
        ('"window_seconds": 2592000', '"window_seconds": "1"', 4, ["Expected `int`, got `str`"]),
        ('"window_seconds": 2592000', '"window_seconds": -1', 4, ["program_defaults: window_seconds is -1"]),
        ('"half_life_seconds": 604800', '"half_life_seconds": 0', 11, ['Scenario "second"', "half_life_seconds is 0"]),
        ('"half_life_seconds": 604800', '"model": "custom"', 11, ["custom_weights are missing"]),
        ('"id": "second",', '"id": "first",', 9, ['Scenario "first"', "another scenario has this id"]),
        ('{"id": "boris"}', '{"id": "anna"}', 15, ['partner "anna" is listed twice']),
        ('{"id": "boris"}', '{"id": 7}', 15, ["Expected `str`, got `int`"]),
        ('{"id": "boris"}', '{"name": "boris"}', 15, ["unknown field `name`"]),
        ('"code": "X", "partner": "anna"', '"code": "X", "partner": "zoe"', 18, ["partners are anna, boris"]),
        ('"valid_to": "2026-03-05T08:00:00Z"', '"valid_to": "May"', 19, ['valid_to "May"']),
        ('"type": "click",\n', '"type": "clik",\n', 23, ["unknown event type", "click, direct"]),
        ('"type": "click",\n', "", 22, ["event 1 (?)", "unknown event type"]),
        ('"bot": false', '"robot": false', 26, ["unknown field `robot`", "bot"]),
        ('"bot": false', '"bot": "no"', 26, ["Expected `bool`, got `str`"]),
        ('"at": "2026-03-02T08:00:00Z"', '"at": "2026-03-02T08:00:00"', 25, ["has no time zone", "Z or an offset"]),
        (
            '"at": "2026-03-02T08:00:00Z"',
            '"at": "2026-03-02 at 8"',
            25,
            ["is no ISO 8601 time", "2026-03-02T08:00:00Z"],
        ),
        ('"partner": "anna",\n     "visitor"', '"partner": "zoe",\n     "visitor"', 27, ['partner "zoe"']),
        ('     "visitor": "v"\n    },', '     "visitor": null\n    },', 28, ["Expected `str`, got `null`"]),
        ('"id": "k2"', '"id": "k1"', 30, ['touch id "k1" is used for two touches']),
        ('"currency": "EUR", ', "", 31, ["event 3 (conversion)", "missing required field `currency`"]),
        ('"amount_minor": 100', '"amount_minor": 1.5', 33, ["Expected `int`, got `float`"]),
        ('"of": "s1"', '"of": "s2"', 37, ['no conversion "s2"', "conversions are s1"]),
        ('"model": "linear"', '"model": "best"', 40, ["Invalid enum value 'best'"]),
        ('"model": "linear"', '"model": "custom"', 40, ["custom_weights are missing"]),
        ('"model": "linear"', '"id": "Q"', 40, ["a program keeps its id"]),
        ('       "2/5"]', "       1]", 42, ["Expected `str`, got `int`"]),
        ('       "2/5"]', '       "3/5"]', 41, ["position_weights 2/5, 1/5, 3/5 do not sum to 1"]),
        ('"kind": "sale",', '"kind": "sale"', 33, ["not readable as JSON"]),
        ("\n  }\n ]\n}", "", 44, ["not readable as JSON", "truncated"]),
        ('"boris", "visitor"', '"b\\q", "visitor"', 30, ["not readable as JSON"]),
    ],
    ids=lambda value: "" if isinstance(value, list) else None,
)
def test_line_of_what_is_wrong_is_named(old, new, line, parts):
    document = PAGE.replace(old, new, 1)
    assert document != PAGE

    with pytest.raises(ScenarioError) as caught:
        replay(document.encode())

    message = str(caught.value)
    assert message.startswith(f"Line {line}: "), message
    assert caught.value.line == line
    assert all(part in message for part in parts), message


def test_page_itself_is_replayed():
    results = replay(PAGE.encode())["results"]

    assert [result["id"] for result in results] == ["first", "second"]
    assert results[1]["final"][0]["credits"][0]["partner"] == "boris"


def test_line_of_what_is_not_utf8_is_named():
    with pytest.raises(ScenarioError, match=r"^Line 9: .*save it as UTF-8"):
        replay(PAGE.encode().replace(b'"second"', b'"sec\xffnd"'))


def test_line_of_a_field_given_twice_is_that_of_the_one_read():
    document = PAGE.replace('"bot": false', '"bot": true,\n "bot": 1')

    with pytest.raises(ScenarioError, match=r"^Line 27: "):
        replay(document.encode())


def test_line_is_found_behind_numbers_too_long_to_read():
    document = PAGE.replace('"id": "second",', '"expect_final": ' + "9" * 5000 + ', "id": "second", "colour": 1,')

    with pytest.raises(ScenarioError, match=r"^Line 9: .*"):
        replay(document.encode())


def test_touch_delivered_again_may_differ_in_its_receipt_alone():
    again = {**CLICK, "received_at": "2026-03-04T08:00:00Z", "seq": 9, "client_at": "1970"}

    (result,) = read(CLICK, SALE, again)["results"]

    assert [credit["touch"] for credit in result["final"][0]["credits"]] == ["k1"]


@pytest.mark.parametrize(
    "changes", [{"partner": "boris"}, {"visitor": "w"}, {"at": "2026-03-03T08:00:00Z"}, {"type": "impression"}]
)
def test_one_touch_id_for_two_touches_is_refused(changes):
    partners = [{"id": "anna"}, {"id": "boris"}]

    with pytest.raises(ScenarioError, match=r'event 2 \(\w+\): touch id "k1" is used for two touches'):
        read(CLICK, {**CLICK, **changes}, partners=partners)


def test_settings_may_become_possible_change_by_change():
    weights = {"type": "program_change", "at": CLICK["at"], "set": {"custom_weights": {"from_start": ["3"]}}}
    model = {"type": "program_change", "at": CLICK["at"], "set": {"model": "custom"}}
    second = {**CLICK, "id": "k2"}

    (result,) = read(CLICK, second, weights, model, SALE)["results"]

    assert [credit["weight"] for credit in result["final"][0]["credits"]] == ["3/4", "1/4"]
    with pytest.raises(ScenarioError, match=r"event 3 \(program_change\): model is custom"):
        read(CLICK, second, model, SALE, weights | {"at": SALE["at"]})


def test_settings_impossible_as_known_at_a_receipt_are_refused():
    """Online, the sale would have to be decided by a model whose weights nobody had heard of yet."""
    late = {"received_at": "2026-03-09T08:00:00Z"}
    weights = {"type": "program_change", "at": CLICK["at"], "set": {"custom_weights": {"from_start": ["3"]}}} | late
    model = {"type": "program_change", "at": CLICK["at"], "set": {"model": "custom"}}

    with pytest.raises(ScenarioError, match='Line 1: Scenario "S": model is custom'):
        read(CLICK, model | {"received_at": "2026-03-02T08:00:01Z"}, SALE, weights | {"at": "2026-03-01T08:00:00Z"})


def test_group_of_a_partner_counts_under_custom_weights():
    partners = [{"id": "anna", "group": "gold"}, {"id": "boris"}]
    program = {"model": "custom", "custom_weights": {"groups": {"gold": "3"}}}

    (result,) = read(CLICK, {**CLICK, "id": "k2", "partner": "boris"}, SALE, partners=partners, program=program)[
        "results"
    ]

    assert [(credit["partner"], credit["weight"]) for credit in result["final"][0]["credits"]] == [
        ("anna", "3/4"),
        ("boris", "1/4"),
    ]
