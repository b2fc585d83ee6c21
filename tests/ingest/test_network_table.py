"""The compiled table of autonomous systems: finds what its ranges say, at their edges too."""

from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.network_table import NAME_MAX, NetworkTable, NetworkTableError, compile_table

V4_MAX, V6_MAX = (1 << 32) - 1, (1 << 128) - 1


def table(v4: list[str] | None = None, v6: list[str] | None = None) -> NetworkTable:
    return NetworkTable(compile_table(v4=v4 or [], v6=v6 or [], made_at_s=1_700_000_000))


@pytest.mark.parametrize(
    ("address", "system"),
    [
        ("0.0.0.99", None),
        ("0.0.0.100", (64500, "First, of all")),
        ("0.0.0.199", (64500, "First, of all")),
        ("0.0.0.200", (64501, "Second")),
        ("0.0.1.0", None),
        ("255.255.255.255", (64502, "")),
        ("0.0.0.0", None),
    ],
)
def test_range_ends_where_it_says(address, system):
    lines = ['100,199,64500,"First, of all"', "200,210,64501,Second", f"{V4_MAX},{V4_MAX},64502"]

    assert table(v4=lines).at(ip_address(address)) == system


@pytest.mark.parametrize(
    ("address", "number"),
    [
        ("2001:db8::", 64500),
        ("2001:db8:0:1::9", 64500),
        ("2001:db8:0:2::", 64501),
        ("2001:db8:0:3::", None),
        ("::", None),
    ],
)
def test_six_is_told_apart_down_to_its_64(address, number):
    first = int(IPv6Address("2001:db8::"))
    half = 1 << 64
    found = table(
        v6=[
            f"{first},{first + 2 * half - 1},64500,A",
            f"{first + 2 * half},{first + 2 * half + 5},64501,B",
            f"{first + 2 * half + 6},{first + 2 * half + 9},64502,C",  # inside the same /64: the first counts
        ]
    ).at(ip_address(address))

    assert (found and found[0]) == number


def test_last_addresses_of_both_kinds_may_belong_to_somebody():
    whole = table(v4=[f"0,{V4_MAX},1,All"], v6=[f"0,{V6_MAX},2,All six"])

    assert [whole.at(IPv4Address(value)) for value in (0, V4_MAX)] == [(1, "All")] * 2
    assert [whole.at(IPv6Address(value)) for value in (0, V6_MAX)] == [(2, "All six")] * 2


def test_long_name_is_cut_and_an_empty_table_knows_nobody():
    assert table(v4=[f"0,9,1,{'n' * 500}"]).at(IPv4Address(5)) == (1, "n" * NAME_MAX)
    assert table().at(IPv4Address(5)) is None
    assert table().made_at_s == 1_700_000_000


@pytest.mark.parametrize(
    ("line", "named"),
    [
        ("one,2,3,X", "Line 2"),
        ("5", "Line 2"),
        ("9,8,3,X", "wrong numbers"),
        ("-1,8,3,X", "wrong numbers"),
        ("1,8,0,X", "wrong numbers"),
        (f"1,8,{1 << 32},X", "wrong numbers"),
    ],
)
def test_wrong_line_is_named(line, named):
    with pytest.raises(NetworkTableError, match=named):
        table(v4=["20,30,7,Right", line])


@pytest.mark.parametrize("data", [b"", b"MOLVANT1", b"MOLVANT1" + bytes(32), b"something else", bytes(200)])
def test_other_bytes_are_refused(data):
    with pytest.raises(NetworkTableError, match="no network table"):
        NetworkTable(data)


@given(st.lists(st.tuples(st.integers(1, 30), st.integers(1, 30), st.integers(1, 5)), max_size=30))
def test_every_address_gets_what_its_range_says(gaps_and_lengths):
    """Ascending ranges with and without gaps, against a plain dictionary."""
    lines, expected, position = [], {}, 0
    for gap, length, number in gaps_and_lengths:
        first = position + gap - 1
        lines.append(f"{first},{first + length - 1},{number},Name {number}")
        expected |= dict.fromkeys(range(first, first + length), (number, f"Name {number}"))
        position = first + length
    found = table(v4=lines)

    assert {value: found.at(IPv4Address(value)) for value in range(position + 5)} == {
        value: expected.get(value) for value in range(position + 5)
    }
