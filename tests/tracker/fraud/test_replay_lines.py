"""Lines of a replay file: what is read, and how a refusal names its field."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracker.fraud.replay.lines import LINE_MAX, LeadLine, LineError, read_line

LEAD = {"type": "lead", "program_id": "p", "external_id": "L1", "at": "2026-01-02T03:04:05Z"}


def text_of(**changes):
    return json.dumps({key: value for key, value in (LEAD | changes).items() if value is not ...}).encode()


def test_a_line_is_read_into_its_type():
    line, surplus = read_line(text_of(customer={"email": "a@b.cc"}, metadata={"source": "import"}))

    assert isinstance(line, LeadLine)
    assert line.customer.email == "a@b.cc"
    assert surplus == []


@pytest.mark.parametrize(
    ("changes", "field", "word"),
    [
        ({"type": ...}, "type", "missing"),
        ({"type": "leed"}, "type", "leed"),
        ({"at": ...}, "at", "missing"),
        ({"at": "yesterday"}, "at", "RFC3339"),
        ({"at": "2026-01-02T03:04:05"}, "at", "timezone"),
        ({"program_id": ...}, "program_id", "missing"),
        ({"external_id": ""}, "external_id", "length"),
        ({"external_id": 7}, "external_id", "int"),
        ({"customer": {"email": 5}}, "customer.email", "int"),
        ({"type": "sale", "amount": -1}, "amount", ">= 0"),
        ({"type": "sale", "amount": 1.5}, "amount", "float"),
        ({"type": "verdict", "subject": "x", "verdict": "maybe", "external_id": ...}, "verdict", "maybe"),
        ({"type": "network", "prefix": "10.0.0.0/8", "class": "dialup", "external_id": ...}, "class", "dialup"),
    ],
    ids=lambda value: str(value)[:40] if isinstance(value, dict) else "",
)
def test_a_refusal_names_the_field_and_the_cause(changes, field, word):
    with pytest.raises(LineError) as caught:
        read_line(text_of(**changes))

    assert caught.value.field == field
    assert word in str(caught.value)


def test_an_unknown_field_is_named_and_left_out():
    line, surplus = read_line(text_of(colour="red", customer={"email": "a@b.cc", "shoe": 43}))

    assert line.customer.email == "a@b.cc"
    assert sorted(error.field for error in surplus) == ["colour", "customer.shoe"]


@pytest.mark.parametrize(
    "text",
    [b"", b"nul", b"[]", b"3", b'"x"', b"\xff\xfe", b"{" * 100_000, b"[" * 100_000, b" " * LINE_MAX + b"{}"],
    ids=["empty", "word", "list", "number", "text", "not_utf8", "deep_objects", "deep_lists", "long"],
)
def test_what_is_no_line_is_refused(text):
    with pytest.raises(LineError):
        read_line(text)


@given(
    st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20), st.lists, max_leaves=5)
)
def test_any_value_in_any_field_is_read_or_refused(value):
    for field in ("at", "customer", "ip", "headers", "metadata", "click_id", "type", "occurred_at"):
        refusal = None
        try:
            line, _ = read_line(json.dumps(LEAD | {field: value}).encode())
        except LineError as error:
            refusal = str(error)
        assert refusal or line
