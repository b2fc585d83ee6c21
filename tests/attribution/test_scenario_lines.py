"""The line of a value in a JSON text."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attribution.scenario_lines import find_break, find_line, steps_of

TEXT = """
{"a": [1, {"b": "}\\"]",
  "c":
   []}],
 "a2": {}, "a": [
  "x",

  {"b": 2}]}
"""


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ((), 2),
        (("a",), 5),  # of a field given twice the last is the one that is read
        (("a", 0), 6),
        (("a", 1), 8),
        (("a", 1, "b"), 8),
        (("a2",), 5),
        # what is not there leaves the last place that is
        (("nothing",), 2),
        (("a", 2), 5),
        (("a", 7), 5),
        (("a", "b"), 5),
        (("a", 0, "b"), 6),
        (("a2", 0), 5),
        (("a", 1, "b", 0), 8),
        (("a2", "b"), 5),
    ],
)
def test_line_is_that_of_the_name_or_the_item(path, line):
    assert find_line(TEXT, path) == line


@pytest.mark.parametrize("inside", ["[" * 100_000, "oops"])
def test_what_cannot_be_read_has_no_inner_places(inside):
    assert find_line('{\n"a": ' + inside + ',\n"b": 1}', ("b",)) == 1


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
        max_leaves=8,
    ),
    st.data(),
)
def test_every_value_of_any_json_is_found(value, data):
    """The chosen value is put on a line of its own by a mark that stands nowhere else."""
    path, here = [], value
    while isinstance(here, list | dict) and here and data.draw(st.booleans()):
        step = data.draw(st.sampled_from(sorted(here) if isinstance(here, dict) else range(len(here))))
        path.append(step)
        here = here[step]
    lines = json.dumps(value, indent=1).split("\n")

    line = find_line("\n".join(lines), path)

    shown = lines[line - 1].strip()
    wanted = json.dumps(path[-1]) + ": " if path and isinstance(path[-1], str) else ""
    assert shown.startswith(wanted)
    rest = shown[len(wanted) :]
    assert rest.startswith(json.dumps(here, indent=1).split("\n")[0])


@pytest.mark.parametrize(
    ("message", "steps"),
    [
        ("Expected `int`, got `str` - at `$.a[3].b`", ("a", 3, "b")),
        ("Object contains unknown field `x`", ("x",)),
        ("Object contains unknown field `x` - at `$.a`", ("a", "x")),
        ("Object missing required field `x`", ()),
        ("Expected `str`, got `int` - at `$.groups[...]`", ("groups",)),
    ],
)
def test_path_is_read_from_what_the_decoder_says(message, steps):
    assert steps_of(message) == steps


@pytest.mark.parametrize(("message", "line"), [("JSON is malformed (byte 3)", 2), ("Input data was truncated", 3)])
def test_break_is_at_the_byte_named_or_the_end(message, line):
    assert find_break(b"{\n1\n", message) == line
