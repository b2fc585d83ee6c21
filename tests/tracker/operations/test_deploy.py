"""The files of deploy/: what must stand in each; tests/slow runs them."""

import configparser
import re
import shlex
from pathlib import Path

import pytest

from tracker.cli_arguments import parser
from tracker.serving import GRACE_S

ROOT = Path(__file__).parents[3]
DEPLOY = ROOT / "deploy"
UNITS = sorted(path.name for path in DEPLOY.iterdir() if path.suffix in {".service", ".timer"})


class Unit(configparser.RawConfigParser):
    """A unit file; names are case-sensitive, the last of repeated ones counts."""

    def __init__(self, name):
        super().__init__(strict=False, interpolation=None, delimiters=("=",))
        self.optionxform = str
        self.read_string((DEPLOY / name).read_text())


@pytest.mark.parametrize("name", [name for name in UNITS if name.endswith(".service")])
def test_a_unit_may_write_its_own_folders_alone(name):
    service = Unit(name)["Service"]

    assert service["User"] == "molva"
    assert service["ProtectSystem"] == "strict"
    assert set(service["ReadWritePaths"].split()) <= {"/var/lib/molva", "/var/lib/molva-backups"}
    assert service["NoNewPrivileges"] == "true"
    assert service["CapabilityBoundingSet"] == ""


def test_the_server_gets_the_time_it_needs_to_stop():
    service = Unit("molva.service")["Service"]

    assert int(service["TimeoutStopSec"]) > GRACE_S
    assert "MemoryMax" in service


@pytest.mark.parametrize("name", [name for name in UNITS if name.endswith(".service")])
def test_the_commands_of_a_unit_exist(name):
    commands = re.findall(r"/opt/molva/bin/molva ([^;'\n]+)", (DEPLOY / name).read_text())

    assert commands
    for command in commands:
        assert parser().parse_args(shlex.split(command.replace("$file", "FILE")))


def instructions():
    text = re.sub(r"\\\n", " ", (DEPLOY / "Containerfile").read_text())
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return [tuple(line.split(None, 1)) for line in lines]


def test_the_containerfile_is_made_of_known_instructions():
    known = {
        "FROM", "RUN", "WORKDIR", "COPY", "ENV", "USER", "VOLUME", "EXPOSE", "STOPSIGNAL", "HEALTHCHECK", "ENTRYPOINT",
        "CMD",
    }  # fmt: skip
    assert {name for name, _ in instructions()} == known


def test_the_run_stage_downloads_nothing_and_is_not_root():
    found = instructions()
    last = max(index for index, (name, _) in enumerate(found) if name == "FROM")
    stage = found[last + 1 :]

    runs = [text for name, text in stage if name == "RUN"]
    assert not any(re.search(r"apt|pip|curl|wget|npm|http", text) for text in runs)
    assert [text for name, text in stage if name == "USER"] == ["10001"]
    assert any(name == "HEALTHCHECK" and "/readyz" in text for name, text in stage)
    assert any(name == "COPY" and "--from=build" in text for name, text in stage)


def test_what_the_container_starts_is_a_command_of_ours():
    found = dict(instructions())
    words = [*re.findall(r'"([^"]+)"', found["ENTRYPOINT"]), *re.findall(r'"([^"]+)"', found["CMD"])]

    assert words[0] == "molva"
    assert parser().parse_args(words[1:]).command == "serve"


def test_what_the_containerfile_copies_and_installs_is_in_the_repository():
    text = (DEPLOY / "Containerfile").read_text()

    for path in re.findall(r"-r (\S+)", text):
        assert (ROOT / path).is_file()
    for target in re.findall(r"RUN make (\w+)", text):
        assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.MULTILINE)
