import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.amounts import minor_units
from ingest.events import AMOUNT_MAX
from ingest.problems import ProblemError

SALE = {"t": "sale", "c": "click_1", "o": "order 1", "y": "EUR"}


@pytest.mark.parametrize(
    ("amount", "decimals", "expected"),
    [
        (1999, 2, 1999),
        (1999, 0, 1999),
        ("19.99", 2, 1999),
        ("19.9", 2, 1990),
        ("19", 2, 1900),
        ("0", 2, 0),
        ("007.10", 2, 710),
        ("5", 0, 5),
        ("1.234", 3, 1234),
        ("1.2", 3, 1200),
        ("100000000000.00", 2, AMOUNT_MAX),
    ],
)
def test_a_decimal_text_becomes_minor_units_by_the_currency(amount, decimals: int, expected: int) -> None:
    assert minor_units(amount, currency="XXX", decimals=decimals) == expected


@pytest.mark.parametrize(
    ("amount", "decimals", "named"),
    [
        ("19.999", 2, "more decimals than XXX, which has 2"),
        ("5.5", 0, "which has 0; round it"),
        ("5.0", 0, "more decimals"),
        ("100000000000.01", 2, "send less"),
        ("99999999999999", 3, "send less"),
    ],
)
def test_too_many_decimals_and_too_much_are_refused(amount: str, decimals: int, named: str) -> None:
    with pytest.raises(ProblemError) as refusal:
        minor_units(amount, currency="XXX", decimals=decimals)

    assert refusal.value.status == 422
    assert [error.field for error in refusal.value.errors] == ["m"]
    assert named in refusal.value.detail


@given(minor=st.integers(0, AMOUNT_MAX), decimals=st.integers(0, 4))
def test_what_is_written_out_reads_back_alike(minor: int, decimals: int) -> None:
    digits = str(minor).rjust(decimals + 1, "0")
    text = f"{digits[:-decimals]}.{digits[-decimals:]}" if decimals else digits

    assert minor_units(text, currency="XXX", decimals=decimals) == minor


# At the door


@pytest.mark.parametrize(
    ("amount", "currency", "minor"),
    [("19.99", "EUR", 1999), (1999, "EUR", 1999), ("500", "JPY", 500), ("1.234", "KWD", 1234)],
)
def test_a_sale_arrives_in_minor_units(edge, amount, currency: str, minor: int) -> None:
    answer = edge.post(SALE | {"m": amount, "y": currency})

    assert answer.status == 200
    assert [(report.amount, report.currency) for report in edge.sink.reports] == [(minor, currency)]


def test_a_lead_may_have_a_decimal_amount_too(edge) -> None:
    edge.post({"t": "lead", "o": "1", "m": "5.50", "y": "EUR"})

    assert edge.sink.reports[0].amount == 550


def test_both_spellings_of_an_amount_are_the_same_report(edge) -> None:
    for amount in (1999, "19.99", "20.00"):
        edge.post(SALE | {"m": amount})

    first, same, other = (report.request_digest for report in edge.sink.reports)
    assert first == same != other


@pytest.mark.parametrize(
    ("amount", "currency", "field", "named"),
    [
        ("19.999", "EUR", "m", "round it"),
        ("1.5", "JPY", "m", "more decimals than JPY"),
        ("19.99", "XXX", "y", "not a currency"),
        (19.99, "EUR", "m", "19.99 is no amount from 0 to 10^13 minor units; send whole minor units (1999) or"),
        (1.0, "EUR", "m", "never a number with a fraction"),
        (-1, "EUR", "m", "-1 is no amount"),
        ("nineteen", "EUR", "m", '"nineteen" is no amount'),
        ("19,99", "EUR", "m", '"19,99" is no amount'),
        ("100000000000.01", "EUR", "m", "send less"),
    ],
)  # fmt: skip
def test_a_wrong_amount_is_422_with_cause_and_remedy(edge, amount, currency: str, field: str, named: str) -> None:
    answer = edge.post(json.dumps({"k": "pk_live_1", **SALE, "m": amount, "y": currency}).encode())

    assert answer.status == 422
    assert answer.wrong_fields == [field]
    assert named in answer.json["detail"]
    assert not edge.sink.reports
