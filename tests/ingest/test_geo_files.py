"""Country and network files: read in every shape, noticed when replaced, harmless when damaged."""

import random
import shutil
from pathlib import Path
from typing import Any

import pytest
import structlog

from ingest.geo_files import CHECK_S, open_countries, open_systems
from ingest.network_classes import NetworkClass
from ingest.network_list import NetworkList
from ingest.network_table import compile_table
from ingest.networks import NOTHING, NetworkFacts, Networks

BUILT = Path(__file__).parents[2] / "ingest/data/built"
HETZNER = {"asn": 24940, "organisation": "Hetzner Online GmbH", "network_class": "hosting"}
TELEKOM = {"asn": 3320, "organisation": "Deutsche Telekom AG", "network_class": "fixed"}
BERLIN, NOWHERE, OVER_SIX = "198.51.100.7", "192.0.2.1", "2001:db8::7"
MADE_AT_S = 1_700_000_000


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def countries(make_mmdb) -> bytes:
    return make_mmdb(
        "free country", {"198.51.100.0/24": {"country_code": "DE"}, "2001:db8::/32": {"country_code": "FR"}}
    )


@pytest.fixture
def systems() -> bytes:
    first = int.from_bytes(bytes([198, 51, 100, 0]), "big")
    return compile_table(
        v4=[f"{first},{first + 255},24940,Hetzner Online GmbH"],
        v6=[f"{0x20010DB8 << 96},{(0x20010DB9 << 96) - 1},3320,Deutsche Telekom AG"],
        made_at_s=MADE_AT_S,
    )


@pytest.fixture
def files(tmp_path, countries, systems) -> tuple[Path, Path]:
    (tmp_path / "country.mmdb").write_bytes(countries)
    (tmp_path / "networks.bin").write_bytes(systems)
    return tmp_path / "country.mmdb", tmp_path / "networks.bin"


# What a file says


@pytest.mark.parametrize(
    ("kind", "record"),
    [
        ("free country", {"country_code": "DE"}),
        ("ipinfo country.mmdb", {"country": "DE", "country_name": "Germany"}),
        ("DBIP-Country-Lite", {"country": {"iso_code": "DE"}}),
        ("GeoLite2-Country", {"country": {"iso_code": "DE", "names": {"en": "Germany"}}}),
        ("GeoIP2-City", {"city": {"names": {"en": "Berlin"}}, "country": {"iso_code": "DE"}}),
        ("GeoIP2-Enterprise", {"country": {"iso_code": "DE"}}),
    ],
)
def test_country_is_read_from_every_makers_file(make_mmdb, tmp_path, kind, record):
    path = tmp_path / "any.mmdb"
    path.write_bytes(make_mmdb(kind, {"198.51.100.0/24": record}))
    networks = Networks(country_files=[path])

    assert networks.of(BERLIN).country == "DE"
    assert networks.of(NOWHERE) == NOTHING


@pytest.mark.parametrize(
    ("kind", "record"),
    [
        ("GeoLite2-ASN", {"autonomous_system_number": 24940, "autonomous_system_organization": "Hetzner Online GmbH"}),
        ("DBIP-ASN-Lite", {"autonomous_system_number": 24940, "autonomous_system_organization": "Hetzner Online GmbH"}),
        ("ipinfo asn.mmdb", {"asn": "AS24940", "name": "Hetzner Online GmbH", "domain": "hetzner.com"}),
    ],
)
def test_system_is_read_from_every_makers_file(make_mmdb, tmp_path, kind, record):
    path = tmp_path / "any.mmdb"
    path.write_bytes(make_mmdb(kind, {"198.51.100.0/24": record}))
    facts = Networks(asn_files=[path]).of(BERLIN)

    assert (facts.asn, facts.organisation, facts.network_class) == (24940, "Hetzner Online GmbH", "hosting")


@pytest.mark.parametrize(
    "record",
    [
        {"country_code": 7},
        {"country_code": "Germany"},
        {"country_code": "de"},
        {"country_code": {"iso_code": "DE"}},
        {"country": {"iso_code": 4}},
        {"name": "DE"},
    ],
)
def test_what_is_no_country_is_unknown(make_mmdb, tmp_path, record):
    path = tmp_path / "odd.mmdb"
    path.write_bytes(make_mmdb("odd", {"198.51.100.0/24": record}))

    assert Networks(country_files=[path]).of(BERLIN) == NOTHING


@pytest.mark.parametrize(
    ("address", "facts"),
    [
        (BERLIN, NetworkFacts(country="DE", **HETZNER)),
        (f"::ffff:{BERLIN}", NetworkFacts(country="DE", **HETZNER)),
        (OVER_SIX, NetworkFacts(country="FR", **TELEKOM)),
        (f"{OVER_SIX}%eth0", NetworkFacts(country="FR", **TELEKOM)),
        (NOWHERE, NOTHING),
        ("10.0.0.1", NOTHING),
        ("::1", NOTHING),
        ("", NOTHING),
        ("unknown", NOTHING),
        ("198.51.100.7, 10.0.0.1", NOTHING),
    ],
)
def test_address_has_its_facts(files, address, facts):
    networks = Networks(country_files=[files[0]], asn_files=[files[1]])

    assert networks.of(address) == facts
    assert networks.of(address) == facts  # remembered


def test_without_files_everything_is_unknown_and_nobody_is_told():
    networks = Networks()

    assert networks.of(BERLIN) == NOTHING
    assert [state.trouble for state in networks.state().values()] == [None, None, None]


def test_state_says_which_file_is_read_and_since_when_its_data_is(files):
    state = Networks(country_files=[files[0]], asn_files=[files[1]]).state()

    assert (state["country"].path, state["country"].made_at_s) == (str(files[0]), MADE_AT_S)
    assert (state["asn"].path, state["asn"].made_at_s) == (str(files[1]), MADE_AT_S)
    assert state["list"].path is None


def test_newest_of_several_places_is_read(make_mmdb, tmp_path):
    places = [tmp_path / "fetched.mmdb", tmp_path / "built.mmdb", tmp_path / "absent.mmdb"]
    places[0].write_bytes(make_mmdb("old", {"198.51.100.0/24": {"country_code": "PL"}}, made_at_s=MADE_AT_S))
    places[1].write_bytes(make_mmdb("new", {"198.51.100.0/24": {"country_code": "DE"}}, made_at_s=MADE_AT_S + 1))
    networks = Networks(country_files=places)

    assert networks.of(BERLIN).country == "DE"
    assert networks.state()["country"].path == str(places[1])
    assert networks.state()["country"].trouble is None


# The operator's own list


@pytest.mark.parametrize(
    ("address", "network_class"),
    [
        ("198.51.100.7", "corporate"),
        ("198.51.100.8", "edu"),
        ("198.51.101.1", "unknown"),
        ("2001:db8:1::1", "tor"),
        ("2001:db8:2::1", "fixed"),
        ("203.0.113.77", "tor"),
    ],
)
def test_own_list_is_stronger_and_its_longest_prefix_wins(files, tmp_path, address, network_class):
    own = tmp_path / "own.csv"
    own.write_text(
        "# ours\n198.51.100.0/24,edu\n198.51.100.7,corporate # the office\n\n"
        "2001:db8:1::/48 , tor\n203.0.113.77/32,tor\n"
    )
    networks = Networks(country_files=[files[0]], asn_files=[files[1]], list_file=own)

    assert networks.of(address).network_class == network_class


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("198.51.100.0/24,edu\n198.51.100.300,tor", "198.51.100.300"),
        ("198.51.100.0/24,evil", 'line 1 has the class "evil"; use one of fixed'),
        ("198.51.100.0/24", 'line 1 has the class ""'),
    ],
)
def test_wrong_line_makes_the_list_unusable_and_is_named(tmp_path, text, named):
    own = tmp_path / "own.csv"
    own.write_text(text)
    networks = Networks(list_file=own)

    assert named in (networks.state()["list"].trouble or "")
    assert networks.of(BERLIN) == NOTHING


def test_list_knows_the_classes_the_fraud_rules_know():
    from fraud_rules.network import NETWORK_CLASSES  # noqa: PLC0415  # Two packages write the same words down.

    assert set(NETWORK_CLASSES) == set(NetworkClass.__args__)  # type: ignore[attr-defined]
    assert NetworkList("\n".join(f"10.0.0.{place},{name}" for place, name in enumerate(NETWORK_CLASSES)))


# P14: broken, cut, missing, replaced


def warnings_of(logs: list[Any]) -> list[str]:
    return [each["error"] for each in logs if each["event"] == "geo_file_unusable"]


def test_p14_a_byte_flipped_anywhere_is_at_worst_unknown(make_mmdb, tmp_path, clock):
    """200 offsets of small files, so that tree, records and description are all hit, in every makers' shape."""
    drawn = random.Random(14)
    kinds = {
        "free": {"country_code": "DE"},
        "GeoLite2-Country": {"country": {"iso_code": "DE"}},
        "GeoIP2-City": {"city": {"names": {"en": "Berlin"}}, "country": {"iso_code": "DE"}},
    }
    path = tmp_path / "flipped.mmdb"
    for kind, record in kinds.items():
        whole = make_mmdb(kind, {"198.51.100.0/24": record, "2001:db8::/32": record})
        for offset in drawn.sample(range(len(whole)), 200):
            flipped = bytearray(whole)
            flipped[offset] ^= 1 << drawn.randrange(8)
            path.write_bytes(flipped)
            networks = Networks(country_files=[path], asn_files=[path], clock=clock)
            for address in (BERLIN, NOWHERE, OVER_SIX):
                facts = networks.of(address)

                assert facts.country is None or (len(facts.country) == 2 and facts.country.isupper())


def test_p14_the_built_country_file_with_flipped_bytes_never_raises(tmp_path):
    drawn = random.Random(15)
    whole = (BUILT / "country.mmdb").read_bytes()
    path = tmp_path / "flipped.mmdb"
    for _ in range(10):
        flipped = bytearray(whole)
        for offset in drawn.sample(range(len(whole)), 200):
            flipped[offset] ^= 0xFF
        path.write_bytes(flipped)
        networks = Networks(country_files=[path])
        for _ in range(50):
            networks.of(f"{drawn.randrange(1, 224)}.{drawn.randrange(256)}.{drawn.randrange(256)}.1")


def test_p14_a_flipped_byte_makes_the_network_table_unusable(systems, tmp_path):
    """Its digest tells: a table of networks is right or absent."""
    path = tmp_path / "flipped.bin"
    for offset in range(0, len(systems), max(1, len(systems) // 200)):
        flipped = bytearray(systems)
        flipped[offset] ^= 1
        path.write_bytes(flipped)
        networks = Networks(asn_files=[path])

        assert networks.of(BERLIN) == NOTHING
        assert networks.state()["asn"].trouble


@pytest.mark.parametrize("part", [0, 1, 10, 100, -1, -20, -200])
def test_p14_a_cut_file_is_absent(files, part):
    for path in files:
        path.write_bytes(path.read_bytes()[:part])
    networks = Networks(country_files=[files[0]], asn_files=[files[1]])

    assert networks.of(BERLIN) == NOTHING
    assert all(networks.state()[kind].trouble for kind in ("country", "asn"))


@pytest.mark.parametrize("place", ["missing.mmdb", "."])
def test_p14_a_missing_file_or_a_folder_is_named_with_the_remedy(tmp_path, place):
    networks = Networks(country_files=[tmp_path / place])

    assert networks.of(BERLIN) == NOTHING
    assert "molva geo update" in (networks.state()["country"].trouble or "")


def test_p14_a_warning_a_minute_at_most(files, clock):
    files[0].write_bytes(b"nothing")
    with structlog.testing.capture_logs() as logs:
        networks = Networks(country_files=[files[0]], clock=clock)
        for second in range(600):
            clock.now = 1000.0 + second
            networks.of(f"198.51.{second % 250}.7")

    assert 9 <= len(warnings_of(logs)) <= 10


def test_p14_damage_inside_warns_once_a_minute_and_not_for_every_click(make_mmdb, tmp_path, clock):
    whole = make_mmdb("free", {"198.51.100.0/24": {"country_code": "DE"}})
    path = tmp_path / "inside.mmdb"
    path.write_bytes(whole.replace(b"\xe1\x4ccountry_code", b"\xe1\x20country_code"))
    with structlog.testing.capture_logs() as logs:
        networks = Networks(country_files=[path], clock=clock)
        for host in range(200):
            assert networks.of(f"198.51.100.{host}") == NOTHING

    assert len(warnings_of(logs)) == 1


def test_p14_files_replaced_while_asked_are_read_within_a_minute(files, make_mmdb, clock):
    """Every address keeps getting an answer: the old one, none, or the new one."""
    networks = Networks(country_files=[files[0]], asn_files=[files[1]], clock=clock)
    assert networks.of(BERLIN).country == "DE"

    fresh = make_mmdb("fresh", {"198.51.100.0/24": {"country_code": "PL"}}, made_at_s=MADE_AT_S + 1)
    seen = []
    for step in range(40):
        clock.now += CHECK_S / 2
        if step < 30:
            files[0].write_bytes(fresh[: len(fresh) * step // 30])  # a slow copy in place
        else:
            part = files[0].with_suffix(".part")
            part.write_bytes(fresh)
            part.replace(files[0])
        seen.append(networks.of(BERLIN).country)

    assert set(seen) <= {"DE", None, "PL"}
    assert seen[-1] == "PL"
    assert networks.state()["country"].trouble is None


def test_p14_cutting_the_file_in_place_does_not_reach_an_open_reader(files, clock):
    networks = Networks(country_files=[files[0]], clock=clock)
    with files[0].open("r+b") as file:
        file.truncate(0)

    assert networks.of(BERLIN).country == "DE"


def test_without_a_place_for_temporary_files_the_file_is_read_all_the_same(files, monkeypatch):
    def refuse(*_args, **_kwargs):
        raise OSError("read-only")

    monkeypatch.setattr("tempfile.NamedTemporaryFile", refuse)

    assert Networks(country_files=[files[0]]).of(BERLIN).country == "DE"


def test_file_is_looked_at_once_a_minute(files, clock):
    networks = Networks(country_files=[files[0]], clock=clock)
    networks.of(BERLIN)
    files[0].unlink()

    clock.now += CHECK_S - 1
    assert networks.of(BERLIN).country == "DE"
    clock.now += 1
    assert networks.of(BERLIN) == NOTHING


def test_unchanged_file_is_not_read_again(files, clock, monkeypatch):
    networks = Networks(country_files=[files[0]], asn_files=[files[1]], clock=clock)
    monkeypatch.setattr(Path, "open", lambda *_: pytest.fail("read again"))

    clock.now += CHECK_S
    assert networks.of(BERLIN).country == "DE"


def test_list_that_comes_later_counts_from_then_on(tmp_path, clock):
    own = tmp_path / "own.csv"
    networks = Networks(list_file=own, clock=clock)
    assert networks.of(BERLIN) == NOTHING

    own.write_text("198.51.100.0/24,edu\n")
    clock.now += CHECK_S
    assert networks.of(BERLIN).network_class == "edu"


# What the build made


def test_built_files_name_countries_and_systems():
    networks = Networks(country_files=[BUILT / "country.mmdb"], asn_files=[BUILT / "networks.bin"])

    assert networks.of("193.0.6.139").country == "NL"  # RIPE NCC
    assert networks.of("88.198.0.1").asn == 24940
    assert networks.of("2a01:4f8::1").network_class == "hosting"
    assert networks.of("128.32.0.1").network_class == "edu"  # Berkeley
    assert networks.of("9.9.9.9").country == "US"


def test_built_files_open_from_their_bytes_and_say_when_they_were_made(tmp_path):
    shutil.copy(BUILT / "country.mmdb", tmp_path)

    for made_at_s in (
        open_countries((tmp_path / "country.mmdb").read_bytes()).made_at_s,
        open_systems((BUILT / "networks.bin").read_bytes()).made_at_s,
    ):
        assert 1_700_000_000 < made_at_s < 2_000_000_000
