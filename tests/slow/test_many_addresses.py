"""Promise 44: a crowd of addresses, agents and pages fills no memory."""

import asyncio
from collections import Counter
from ipaddress import IPv6Address

import pytest

CLIENTS = 50
RSS_GROWTH_MIB = 64
FIRST = int(IPv6Address("2400::"))  # addresses of the open internet; private ones are not counted


def crowd(number):
    """Return the headers of somebody nobody has seen: an IPv6 /64, a /48, a browser and a page of their own."""
    address = IPv6Address(FIRST + (number << 80))
    return (
        f"x-forwarded-for: {address}",
        f"user-agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/{number % 999}.{number}.0",
        f"referer: https://site-{number}.example/",
    )


async def visit(installation, wire_to, first, count):
    statuses = Counter()

    async def some(start):
        wire = await wire_to(installation.port)
        for number in range(start, first + count, CLIENTS):
            reply = await wire.ask(installation.click(f"crowd-{number}", *crowd(number)))
            statuses[reply.status] += 1
        wire.transport.abort()

    await asyncio.gather(*(some(first + number) for number in range(CLIENTS)))
    return statuses


def project(installation, client_of):
    """Ask for a list, which projects what waits."""
    with client_of(installation, within_s=300) as client:
        assert client.api("GET", "/v1/clicks?limit=1")[0] == 200


@pytest.mark.timeout(600)
@pytest.mark.parametrize("people", [2000, pytest.param(50_000, marks=pytest.mark.slow)], ids="{}-people".format)
def test_p44_a_crowd_of_new_addresses_stays_within_64_mebibytes(
    installation_of, client_of, wire_to, fast, figures, people
):
    """Projected as well: what the enrichment remembers of addresses and agents has bounds, too."""
    installation = installation_of(limits__enabled="true", trusted_proxies="127.0.0.0/8")
    installation.start()
    assert fast(visit(installation, wire_to, 0, 500)) == {200: 500}
    project(installation, client_of)
    idle_mib = installation.memory()

    assert fast(visit(installation, wire_to, 500, people)) == {200: people}

    project(installation, client_of)
    peak_mib = installation.memory()
    figures(people=people, rss=f"{idle_mib:.0f} MiB + {peak_mib - idle_mib:.1f}")
    assert peak_mib - idle_mib <= RSS_GROWTH_MIB
