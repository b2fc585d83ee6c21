"""What enriching a click costs: agent, bot verdict, country and network, over traffic that looks like visitors'.

Run it with `.venv/bin/python benchmarks/enrichment/run.py`; README.md says what it draws and how to read it. It prints
one JSON object and starts nothing.
"""

import argparse
import ipaddress
import json
import platform
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ua_parser

from ingest.bots import bot_verdict
from ingest.enrich import read_agent
from ingest.networks import Networks

ROOT = Path(__file__).parents[2]
AGENTS = ROOT / "node_modules/user-agents/dist/user-agents.json"
BUILT = ROOT / "ingest/data/built"

CLICKS = 100_000
NEW_AGENTS = 0.03  # clicks whose agent was never seen: apps write their build number into it
NEW_ADDRESSES = 0.7  # clicks from an address never seen; the others come from the last thousand
IN_APP = (
    "Mozilla/5.0 (Linux; Android {android}; SM-A{model}B Build/UP1A.{build}; wv) AppleWebKit/537.36 "
    "(KHTML, like Gecko) Version/4.0 Chrome/{chrome}.0.{build}.113 Mobile Safari/537.36 Instagram 334.0.0.{build}.95 "
    "Android ({android}/14; 450dpi; 1080x2340; samsung; SM-A{model}B; a54x; s5e8835; ru_RU; {build})"
)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--clicks", type=int, default=CLICKS)
    arguments.add_argument("--seed", type=int, default=1)
    options = arguments.parse_args()
    drawn = random.Random(options.seed)
    clicks = list(zip(draw_agents(drawn, options.clicks), draw_addresses(drawn, options.clicks), strict=True))
    networks = Networks(country_files=[BUILT / "country.mmdb"], asn_files=[BUILT / "networks.bin"])
    read_agent("warm")
    networks.of("198.51.100.7")

    agents_us = measure(lambda agent, _address: read_agent(agent), clicks)
    # Now all agents are remembered as far as the memory goes; the verdict itself is what is left.
    verdict_us = measure(
        lambda agent, _address: bot_verdict(read_agent(agent).bot_reason, state=0, headers={"accept-language": "de"}),
        clicks[-4000:],
    )
    networks_us = measure(lambda _agent, address: networks.of(address), clicks)
    fresh = sorted({agent for agent, _ in clicks})[:1000]
    print(
        json.dumps(
            {
                "python": platform.python_version(),
                "engine": ua_parser.BestAvailableResolver.__module__,
                "clicks": len(clicks),
                "distinct_agents": len({agent for agent, _ in clicks}),
                "distinct_addresses": len({address for _, address in clicks}),
                "agent_us": round(agents_us, 2),
                "verdict_us": round(verdict_us, 2),
                "network_us": round(networks_us, 2),
                "click_us": round(agents_us + verdict_us + networks_us, 2),
                "new_agent_us": round(
                    measure(lambda agent, _address: read_agent(f"{agent} "), [(a, "") for a in fresh]), 1
                ),
            },
            indent=1,
        )
    )


def measure(work: Callable[[str, str], Any], clicks: list[tuple[str, str]]) -> float:
    """Return microseconds of CPU time a click; other processes of the machine do not count."""
    started = time.process_time()
    for agent, address in clicks:
        work(agent, address)
    return (time.process_time() - started) / len(clicks) * 1e6


def draw_agents(drawn: random.Random, count: int) -> list[str]:
    """Real agents by their share, and the share of new ones as an app writes them."""
    known = json.loads(AGENTS.read_text(encoding="utf-8"))
    agents = drawn.choices([each["userAgent"] for each in known], [each["weight"] for each in known], k=count)
    return [
        IN_APP.format(
            android=drawn.randrange(10, 16),
            model=drawn.randrange(100, 999),
            chrome=drawn.randrange(110, 143),
            build=drawn.randrange(10**5, 10**6),
        )
        if drawn.random() < NEW_AGENTS
        else agent
        for agent in agents
    ]


def draw_addresses(drawn: random.Random, count: int) -> list[str]:
    """Addresses of the whole IPv4 space and, every fourth, of the IPv6 blocks that are given out."""
    addresses: list[str] = []
    for _ in range(count):
        if addresses and drawn.random() > NEW_ADDRESSES:
            addresses.append(addresses[-drawn.randrange(1, min(1000, len(addresses)) + 1)])
        elif drawn.random() < 0.25:
            addresses.append(str(ipaddress.IPv6Address((0x2A00 << 112) + (drawn.getrandbits(44) << 68) + 1)))
        else:
            addresses.append(str(ipaddress.IPv4Address(drawn.randrange(1 << 24, 224 << 24))))
    return addresses


if __name__ == "__main__":
    main()
