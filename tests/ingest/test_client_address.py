from ipaddress import ip_address, ip_network

import pytest

from ingest.client_address import UNKNOWN, client_address, normal_address
from ingest.http import headers_of

TRUSTED = (ip_network("10.0.0.0/8"), ip_network("2001:db8:f::/48"))


@pytest.mark.parametrize(
    ("peer", "forwarded", "expected"),
    [
        pytest.param("203.0.113.5", None, "203.0.113.5", id="no header"),
        pytest.param("203.0.113.5", b"1.2.3.4", "203.0.113.5", id="untrusted peer is not believed"),
        pytest.param("10.0.0.1", b"1.2.3.4", "1.2.3.4", id="trusted peer is"),
        pytest.param("10.0.0.1", b"9.9.9.9, 1.2.3.4", "1.2.3.4", id="right-most untrusted hop"),
        pytest.param("10.0.0.1", b"1.2.3.4, 10.2.2.2, 10.3.3.3", "1.2.3.4", id="chain of proxies"),
        pytest.param("10.0.0.1", b"10.9.9.9", "10.9.9.9", id="proxies alone: the outermost"),
        pytest.param("10.0.0.1", b"1.2.3.4, garbage", "10.0.0.1", id="garbage nearest: the peer"),
        pytest.param("10.0.0.1", b"garbage, 10.2.2.2", "10.2.2.2", id="garbage behind a proxy: that proxy"),
        pytest.param("10.0.0.1", b"1.2.3.4:8080", "10.0.0.1", id="ports are garbage"),
        pytest.param("10.0.0.1", b"fe80::1%eth0", "10.0.0.1", id="zones are garbage"),
        pytest.param("10.0.0.1", b"::ffff:1.2.3.4", "1.2.3.4", id="mapped address is unwrapped"),
        pytest.param("::ffff:10.0.0.1", b"1.2.3.4", "1.2.3.4", id="mapped peer is trusted as what it is"),
        pytest.param("2001:db8:f::1", b"2001:DB8:0:0::7", "2001:db8::7", id="IPv6 in normal form"),
        pytest.param("fe80::1%eth0", None, "fe80::1", id="zone of the socket's own address goes"),
        pytest.param("10.0.0.1", b"", "10.0.0.1", id="empty header"),
        pytest.param("10.0.0.1", b",,,", "10.0.0.1", id="commas"),
        pytest.param("10.0.0.1", b"\xff\xfe", "10.0.0.1", id="not ASCII"),
        pytest.param("10.0.0.1", b"1" * 10_000, "10.0.0.1", id="one endless hop"),
        pytest.param("10.0.0.1", b"1.2.3.4," + b"10.0.0.2," * 50 + b"10.0.0.2", "10.0.0.2", id="too many hops"),
        pytest.param(None, b"1.2.3.4", UNKNOWN, id="no socket address"),
        pytest.param("/run/socket", None, UNKNOWN, id="not an address"),
    ],
)
def test_p35_forwarded_address(peer: str | None, forwarded: bytes | None, expected: str) -> None:
    found = client_address(peer, forwarded, TRUSTED)

    assert found == expected
    assert ip_address(found)


def test_p35_second_forwarded_line_counts() -> None:
    """A proxy may add its own line below the client's forged one (HAProxy does): the list is all lines in order."""
    scope = {"headers": [(b"x-forwarded-for", b"6.6.6.6"), (b"host", b"a"), (b"x-forwarded-for", b"1.2.3.4")]}

    headers = headers_of(scope)

    assert client_address("10.0.0.1", headers[b"x-forwarded-for"], TRUSTED) == "1.2.3.4"
    assert headers_of({"headers": [(b"host", b"first"), (b"host", b"second")]})[b"host"] == b"first"


@pytest.mark.parametrize("text", ["", "1.2.3", "1.2.3.4.5", "256.1.1.1", "01.2.3.4", "::g", "1.2.3.4/8", "localhost"])
def test_what_is_no_address_is_none(text: str) -> None:
    assert normal_address(text) is None
