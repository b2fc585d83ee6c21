import json
from typing import Any

import pytest

from ingest.events import WIRE_MAX
from ingest.problems import ProblemError
from ingest.wire import _decode_plain, decode_event

# Wire key, a value at its limit, values just beyond it.
LIMITS: dict[str, tuple[Any, list[Any]]] = {
    "k": ("k" * 128, ["k" * 129, "", 1, None]),
    "t": ("t" * 32, ["t" * 33, "", "Signup", "1st", "-x", "a b", "é", "signup\n", "refund", 1, None]),
    "v": (1, [2, 0, "1", 1.0, True]),
    "i": ("i" * 64, ["i" * 65, "", "a b", "é", 1]),
    "c": ("c" * 64, ["c" * 65, "a.b", "a/b", "ä", "abc\n", {"a": 1}]),
    "w": ("w" * 64, ["w" * 65, "a~b", "abc\n"]),
    "g": ("g" * 253, ["g" * 254, 1]),
    "r": ("r" * 64, ["r" * 65, ""]),
    "p": ("p" * 64, ["p" * 65]),
    "u": ("https://shop.example/" + "u" * 4027, [[]]),
    "f": ("f" * 4000, [1]),
    "a": (2**53, [2**53 + 1, -(2**53) - 1, "1", 1.5]),
    "z": (2**53, [2**53 + 1, -1]),
    "s": (0xFFFF, [0x10000, -1, "0"]),
    "o": ("o" * 128, ["o" * 129, "", -7, 2**53 + 1, 7.5]),
    "m": (
        10**13,
        [10**13 + 1, -1, 2**63, 2**64, "-1", "1e3", "1,5", "1.", ".5", " 1", "１００", "1" * 15, 0.001, 1.0, True, {}],
    ),
    "y": ("EUR", ["EURO", "EU", "", "EUR\n", 978]),
    "x": ("x" * 128, ["x" * 129, ""]),
    "h": ("a" * 64, ["a" * 63, "a" * 65, "A" * 64, "a" * 64 + "\n", "a" * 42 + "=", "a" * 43 + "=="]),
    "e": ("e" * 254, ["e" * 255]),
    "q": ("q" * 64, ["q" * 65, ""]),
    "n": ("n" * 32, ["n" * 33]),
    "d": ({f"k{number}": 1 for number in range(20)}, [{f"k{number}": 1 for number in range(21)}, [], "x"]),
    "webhook-id": ("m" * 128, ["m" * 129]),
    "webhook-timestamp": (1_790_000_000, ["1" * 21, -1, {}]),
    "webhook-signature": ("v1," + "s" * 509, ["s" * 513]),
}


def body_of(**changes: Any) -> bytes:
    return json.dumps({"k": "pk_1", "t": "click", **changes}).encode()


@pytest.mark.parametrize("key", LIMITS)
def test_each_key_is_taken_at_its_limit(key: str) -> None:
    assert decode_event(body_of(**{key: LIMITS[key][0]}))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        pytest.param(key, value, id=f"{key}-{number}")
        for key, (_, bad) in LIMITS.items()
        for number, value in enumerate(bad)
    ],
)
def test_each_key_beyond_its_limit_is_refused_by_its_name(key: str, value: Any) -> None:
    with pytest.raises(ProblemError) as refusal:
        decode_event(body_of(**{key: value}))

    assert 400 <= refusal.value.status < 500
    assert [error.field for error in refusal.value.errors] == [key]


@pytest.mark.parametrize("key", ["k", "t"])
def test_a_missing_key_is_named(key: str) -> None:
    event = {"k": "pk_1", "t": "click"}
    del event[key]

    with pytest.raises(ProblemError) as refusal:
        decode_event(json.dumps(event).encode())

    assert [error.field for error in refusal.value.errors] == [key]


def test_line_break_at_the_end_is_no_id() -> None:
    """`$` in a pattern also matches before a final line break, which then broke the cookie header."""
    with pytest.raises(ProblemError):
        decode_event(b'{"k":"pk_1","t":"click","c":"abc\\n"}')


def test_unknown_keys_are_ignored() -> None:
    assert decode_event(body_of(future={"a": [1]}, zz=1)).kind == "click"


@pytest.mark.parametrize("size", [1024, 1025])
def test_metadata_ends_at_one_kilobyte(size: int) -> None:
    body = body_of(d={"a": "x" * (size - len('{"a":""}'))})

    if size <= 1024:
        assert decode_event(body).metadata
        return
    with pytest.raises(ProblemError) as refusal:
        decode_event(body)
    assert [error.field for error in refusal.value.errors] == ["d"]


def test_an_event_beyond_8_kilobytes_is_too_large() -> None:
    body = body_of()
    padded = body + b" " * (WIRE_MAX - len(body))
    assert decode_event(padded)

    with pytest.raises(ProblemError) as refusal:
        decode_event(padded + b" ")
    assert refusal.value.status == 413


@pytest.mark.parametrize(
    "value", ["NaN", "1e400", "9" * 5000, '"\\ud800"', '"\\u0000"', "[" * 60 + "]" * 60, '{"b":1,"b":2}']
)
def test_p43_metadata_is_read_strictly(value: str) -> None:
    with pytest.raises(ProblemError) as refusal:
        decode_event(b'{"k":"pk_1","t":"click","d":{"a":' + value.encode() + b"}}")
    assert 400 <= refusal.value.status < 500


@pytest.mark.parametrize("escaped", [False, True])
def test_p43_texts_are_kept_in_nfc(escaped: bool) -> None:
    body = json.dumps({"k": "pk_1", "t": "lead", "o": "e\u0301", "q": "A\u030a"}, ensure_ascii=escaped).encode()

    event = decode_event(body)

    assert (event.order_id, event.coupon) == ("é", "Å")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"null",
        b'"x"',
        b"1",
        b"{",
        b"\xff",
        b'{"k":"pk_1","t":"click"}x',
        "{}".encode("utf-16"),
        b"[" * 8000,
    ],
)
def test_p42_what_is_no_event_is_a_4xx(body: bytes) -> None:
    with pytest.raises(ProblemError) as refusal:
        decode_event(body)
    assert 400 <= refusal.value.status < 500


# Two spellings of one event, by wire key: what may be sent, and what everybody behind the decoder sees.
SPELLINGS: dict[str, tuple[Any, Any]] = {
    "o": (1001, "1001"),
    "x": (7, "7"),
    "y": ("eur", "EUR"),
    "c": ("", None),
    "w": ("", None),
    "h": ("qrvM" * 10 + "qrs=", "aabbcc" * 10 + "aabb"),
}


@pytest.mark.parametrize("key", SPELLINGS)
def test_every_spelling_comes_out_as_the_normal_one(key: str) -> None:
    sent, normal = SPELLINGS[key]
    fields = {name: value for name, value in {key: normal}.items() if value is not None}

    assert decode_event(body_of(**{key: sent})) == decode_event(body_of(**fields))


def test_an_event_in_normal_spelling_is_taken_as_it_is() -> None:
    """Plain clicks, which are most of what comes, never meet the slow reader."""
    assert _decode_plain(body_of(c="abc", w="abc", o="1", y="EUR")) is not None
    assert _decode_plain(body_of(o=1)) is None
