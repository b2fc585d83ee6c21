"""What public filter lists do to an installation on a site's own domain: they must leave every default name alone.

The engine is uBlock Origin's, asked with two sets of lists: the ones it switches on by default (EasyList, EasyPrivacy
and its own), and AdGuard's Base, Tracking Protection and URL Tracking. `tests/snippet/filters/install.py` fetches
them; afterwards nothing here reaches the network.
"""

import itertools
import json
import re
import subprocess
from collections.abc import Iterable
from pathlib import Path
from random import Random
from typing import Any, get_args

import pytest

import hatch_build
import snippet
from tracker.neutral_names import draw_names

FILTERS = Path(__file__).parent / "filters"
INSTALLED = FILTERS / "installed"
ASK_S = 120  # building the larger set takes about four seconds on a small machine
SETS = ("ublock", "adguard")

SITE = "https://www.example.com"
HOSTS = {"same-origin": SITE, "subdomain": "https://molva.example.com"}
STRANGER = "https://molva-host.example.org"  # where a site takes the script from another site
BLOG = "https://blog.example.net"  # where partners put their links

SCRIPTS = tuple(name.removeprefix("x") for name in get_args(snippet.Build))
PIXEL = (
    "px?k=pk_live_abc&t=click&r=ANNA&u=https%3A%2F%2Fwww.example.com%2F%3Fvia%3DANNA&f=https%3A%2F%2Fblog.example.net"
)
# Chromium and Firefox call `sendBeacon` a ping, some engines a beacon; `fetch` counts as xmlhttprequest.
SENDS = (("e", "xmlhttprequest"), ("e", "ping"), ("e", "beacon"), (PIXEL, "image"))
LINKS = ("to/anna", "to/anna?url=https%3A%2F%2Fwww.example.com%2Fpricing%3Fplan%3Dpro")

PARAMETERS = ("via", "ref", "fpr", "fp_ref", "aff", "deal", "_from", "rfsn", "a_aid")
NEUTRAL_DRAWS = 500
TOKEN = "1.bcdefghijkmnopqrstuvwx.ANNA.t5b8qk~1.bcdefghijkmnopqrstuvwx.ANNA.t5b8qk~t5b8r0"

# Requests that each set blocks: without them a silent engine would pass every test below.
BLOCKED = {
    "ublock": (("umami.js", "script"), ("api/collect", "ping"), ("x.gif?a=1", "image"), ("api/events", "ping")),
    "adguard": (("umami.js", "script"), ("plausible.js", "script"), ("?pid=1&subid=2&clickid=3", "popup")),
}

Request = dict[str, str]
Answer = dict[str, Any]


def request(url: str, kind: str, *, origin: str = SITE) -> Request:
    return {"origin": origin, "url": url, "type": kind}


def ask(name: str, requests: Iterable[Request]) -> dict[tuple[str, str], Answer]:
    """Return what the set does, by address and type; skip where apt does not offer the set."""
    wanted = list(requests)
    try:
        sets = json.loads((INSTALLED / "sets.json").read_text(encoding="utf-8"))["sets"]
    except FileNotFoundError:
        pytest.fail("No filter lists here; run: python tests/snippet/filters/install.py (make test does).")
    if name not in sets:
        pytest.skip(f'the set "{name}" is not installed: it comes through apt')
    question = {
        "engine": str(INSTALLED / "engine" / "package"),
        "lists": [str(INSTALLED / file) for file in sets[name]],
        "requests": wanted,
    }
    done = subprocess.run(
        [hatch_build.find_node().node, str(FILTERS / "ask.mjs")],
        input=json.dumps(question),
        capture_output=True,
        text=True,
        check=False,
        timeout=ASK_S,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    answers = json.loads(done.stdout)
    return {(each["url"], each["type"]): answer for each, answer in zip(wanted, answers, strict=True)}


def requests_of(host: str, *, prefix: str = "/r", script: str = "x") -> list[Request]:
    """Return all that browsers ask of an installation: builds, events, pixel, links in the same and in a new tab."""
    scripts = [request(f"{host}{prefix}/{script}{ending}", "script") for ending in SCRIPTS]
    sends = [request(f"{host}{prefix}/{path}", kind) for path, kind in SENDS]
    follows = [
        request(f"{host}{prefix}/{link}", kind, origin=BLOG) for link in LINKS for kind in ("main_frame", "popup")
    ]
    return [*scripts, *sends, *follows]


def landings(parameters: Iterable[str] = PARAMETERS, token: str = "_mv") -> list[Request]:
    """Return the pages that people reach with a code, and one that another site of the program handed its token."""
    tagged = [f"{SITE}/pricing?{name}=ANNA&plan=pro" for name in parameters]
    handed = f"{SITE}/pricing?{token}={TOKEN}&plan=pro"
    return [request(url, "main_frame", origin=BLOG) for url in (*tagged, handed)]


def neutral_requests() -> list[Request]:
    """Return everything of the installations that `molva init --neutral-names` would make, each on both hosts."""
    requests: list[Request] = []
    for seed in range(NEUTRAL_DRAWS):
        names = draw_names(Random(seed))
        for host in HOSTS.values():
            requests += requests_of(host, prefix=names["public_prefix"], script=names["script_name"])
        requests += landings(names["url_parameters"], names["token_name"])
    return requests


def controls(name: str) -> list[Request]:
    blocked = [request(f"{host}/{path}", kind) for host in HOSTS.values() for path, kind in BLOCKED[name]]
    return [*blocked, request(f"{SITE}/?fbclid=ANNA&plan=pro", "main_frame", origin=BLOG)]


@pytest.fixture(scope="module", params=SETS)
def answered(request: pytest.FixtureRequest) -> tuple[str, dict[tuple[str, str], Answer]]:
    """The name of the set and its answers to everything below; building an engine takes seconds, so once is enough."""
    name = request.param
    hosts = (*HOSTS.values(), STRANGER)
    asked = itertools.chain.from_iterable(requests_of(host) for host in hosts)
    return name, ask(name, [*asked, *landings(), *neutral_requests(), *controls(name)])


def touched(answers: dict[tuple[str, str], Answer], requests: Iterable[Request]) -> dict[tuple[str, str], str]:
    """Return the rules that match these requests, those that an exception overrules included."""
    keys = [(each["url"], each["type"]) for each in requests]
    return {key: answers[key]["rule"] for key in keys if answers[key]["verdict"] != 0}


def stripped(answers: dict[tuple[str, str], Answer], requests: Iterable[Request]) -> dict[str, str]:
    """Return what is left of the addresses that lose a parameter."""
    left = {each["url"]: answers[each["url"], each["type"]]["left"] for each in requests}
    return {url: rest for url, rest in left.items() if rest is not None}


def test_known_trackers_are_blocked_on_the_own_domain_too(answered):
    name, answers = answered
    expected = {(each["url"], each["type"]) for each in controls(name) if each["type"] != "main_frame"}

    assert {key for key in expected if answers[key]["verdict"] == 1} == expected


def test_parameters_of_ad_networks_are_stripped(answered):
    """The control of the test after the next."""
    _, answers = answered

    assert answers[f"{SITE}/?fbclid=ANNA&plan=pro", "main_frame"]["left"] == f"{SITE}/?plan=pro"


@pytest.mark.parametrize("host", HOSTS.values(), ids=HOSTS)
def test_no_rule_matches_a_default_name_on_the_own_domain(answered, host):
    _, answers = answered

    assert touched(answers, requests_of(host)) == {}


def test_default_parameters_and_the_token_are_not_stripped(answered):
    _, answers = answered

    assert stripped(answers, landings()) == {}


def test_neutral_names_are_neither_matched_nor_stripped(answered):
    _, answers = answered
    requests = neutral_requests()

    assert len({each["url"] for each in requests}) > NEUTRAL_DRAWS
    assert touched(answers, requests) == {}
    assert stripped(answers, requests) == {}


def test_landings_with_a_code_are_not_blocked(answered):
    _, answers = answered

    assert touched(answers, landings()) == {}


def test_on_another_site_nothing_but_pings_is_blocked(answered):
    """Why events go out by fetch first: some lists block every ping to another site, whatever its name."""
    _, answers = answered
    blocked = touched(answers, requests_of(STRANGER))

    assert {kind for _, kind in blocked} <= {"ping", "beacon"}


def test_the_parameters_asked_for_are_those_of_the_script():
    assert re.search(r"\W+".join(PARAMETERS), snippet.script(None).body.decode())
