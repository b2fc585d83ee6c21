import json
import unicodedata
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.problems import ProblemError
from ingest.strict_json import DEPTH_MAX, DIGITS_MAX, _loads_carefully, loads


def nested(depth: int) -> bytes:
    return b'{"a":' + b"[" * (depth - 1) + b"1" + b"]" * (depth - 1) + b"}"


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        pytest.param(b'{"amount":NaN}', 422, "amount", id="NaN"),
        pytest.param(b'{"amount":Infinity}', 422, "amount", id="Infinity"),
        pytest.param(b'{"amount":-Infinity}', 422, "amount", id="minus Infinity"),
        pytest.param(b'{"amount":1e400}', 422, "amount", id="1e400"),
        pytest.param(b'{"a":{"b":[1,-1e999]}}', 422, "a.b[1]", id="deep inside"),
        pytest.param(b'{"amount":' + b"9" * 5000 + b"}", 422, "amount", id="5000 digits"),
        pytest.param(b'{"amount":' + b"9" * (DIGITS_MAX + 1) + b"}", 422, "amount", id="digits above the limit"),
        pytest.param(b'{"a":1,"a":2}', 422, "a", id="same key twice"),
        pytest.param('{"é":1,"e\u0301":2}'.encode(), 422, "\\xe9", id="same key twice in another spelling"),
        pytest.param(b'{"b":{"a":1,"a":1}}', 422, "a", id="same key twice below"),
        pytest.param(b'{"name":"\\ud800"}', 422, "name", id="lone high surrogate"),
        pytest.param(b'{"name":"\\udc00x"}', 422, "name", id="lone low surrogate"),
        pytest.param(b'{"\\ud800":1}', 422, "body", id="lone surrogate as a key"),
        pytest.param(b'{"name":"a\\u0000b"}', 422, "name", id="escaped NUL"),
        pytest.param(b'{"a\\u0000b":1}', 422, "body", id="NUL in a key"),
        pytest.param(b'{"name":"a\x00b"}', 400, None, id="raw NUL"),
        pytest.param('{"a":1}'.encode("utf-16"), 400, None, id="UTF-16"),
        pytest.param('{"a":1}'.encode("utf-16-le"), 400, None, id="UTF-16 without mark"),
        pytest.param(b'\xef\xbb\xbf{"a":1}', 400, None, id="byte order mark"),
        pytest.param(b'{"a":"\xff"}', 400, None, id="not UTF-8"),
        pytest.param(b'{"a":"\xed\xa0\x80"}', 400, None, id="surrogate in UTF-8"),
        pytest.param(b"", 400, None, id="empty"),
        pytest.param(b"{", 400, None, id="cut"),
        pytest.param(b"{'a':1}", 400, None, id="other quotes"),
        pytest.param(b'{"a":1}{"b":2}', 400, None, id="two values"),
        pytest.param(b'{"a":01}', 400, None, id="leading zero"),
        pytest.param('{"a":１２}'.encode(), 400, None, id="full-width digits"),
        pytest.param(nested(DEPTH_MAX + 2), 422, None, id="too deep"),
        pytest.param(b"[" * 100_000, 422, None, id="100 000 brackets"),
        pytest.param(b'{"a":' * 50_000, 422, None, id="50 000 braces"),
    ],
)
def test_p43_what_no_database_stores_alike_is_refused(body: bytes, status: int, field: str | None) -> None:
    with pytest.raises(ProblemError) as refusal:
        loads(body)

    assert refusal.value.status == status
    assert refusal.value.detail.isascii() or refusal.value.detail.isprintable()
    if field is not None:
        assert [error.field or "body" for error in refusal.value.errors] == [field]


def test_depth_at_the_limit_is_read() -> None:
    assert loads(nested(DEPTH_MAX))


def test_p43_texts_and_keys_come_in_nfc() -> None:
    assert loads('{"e\u0301":"A\u030a"}'.encode()) == {"é": "Å"}


def test_big_numbers_keep_their_value() -> None:
    assert loads(b'{"a":9223372036854775808,"b":-0,"c":1.5}') == {"a": 2**63, "b": 0, "c": 1.5}


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**28), 10**28)
    | st.text(st.characters(codec="utf-8", exclude_characters="\0")),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(codec="ascii", exclude_characters="\0")), inner, max_size=4)
    ),
    max_leaves=10,
)


@given(VALUES)
def test_honest_json_comes_back_as_it_was(value: object) -> None:
    again = loads(json.dumps(value, ensure_ascii=False).encode())

    assert json.dumps(again) == json.dumps(
        json.loads(unicodedata.normalize("NFC", json.dumps(value, ensure_ascii=False)))
    )


@given(st.binary(max_size=200))
def test_p42_any_bytes_are_read_or_refused(body: bytes) -> None:
    with suppress(ProblemError):
        loads(body)


_MARKS = [bytes([mark]) for mark in b'{}[]:,"\\ \n']
_VALUES = [b"0", b"-", b"e9", b".5", b"1e999", b"9" * 31, b"null", b"NaN", b"Infinity", b"true", b"[" * 21]
_TEXTS = [b'"a"', b'"b"', b'{"a":', b'"a":1', b'"\\u0000"', b'"\\ud800"', "é".encode(), b"\xff", b"\x00"]


@given(st.lists(st.sampled_from((*_MARKS, *_VALUES, *_TEXTS)), max_size=12))
def test_the_quick_way_reads_exactly_what_the_careful_one_does(pieces):
    body = b"".join(pieces)

    assert outcome(loads, body) == outcome(_loads_carefully, body)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4),
        max_leaves=12,
    )
)
def test_the_quick_way_reads_real_values_as_the_careful_one_does(value):
    body = json.dumps(value).encode()

    assert outcome(loads, body) == outcome(_loads_carefully, body)


def outcome(read, body):
    """What reading comes to: a value (as text, so that 1 and 1.0 and true differ), or the refusal."""
    try:
        return repr(read(body))
    except ProblemError as problem:
        return problem.status, problem.code, problem.detail
