"""The command `molva` as a person types it: shapes, exit codes, refusals, and beside a running server."""

import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tracker.cli import main
from tracker.db.migrating import newest_revision
from tracker.settings import load_settings
from tracker.snippet_tag import install_tag

EXAMPLES = Path(__file__).parents[1] / "attribution" / "scenario_examples.json"
PROGRAM = ["--program", "Friends", "--site", "https://shop.example", "--currency", "EUR"]
READY_S = 30  # a busy machine


class Said(NamedTuple):
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        assert self.code in (0, 1), self
        assert self.out.count("\n") == 1, "one JSON object, one line"
        return json.loads(self.out)


Molva = Callable[..., Said]


@pytest.fixture
def molva(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Molva:
    """Run a command in this process."""
    for name in [name for name in os.environ if name.startswith("MOLVA_")]:
        monkeypatch.delenv(name)

    def call(*argv: str) -> Said:
        with pytest.raises(SystemExit) as ended:
            main(list(argv))
        printed = capsys.readouterr()
        return Said(int(ended.value.code or 0), printed.out, printed.err)

    return call


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """A fresh installation and what `init` said of it; tests work on copies."""
    folder = tmp_path_factory.mktemp("install") / "data"
    command = [sys.executable, "-c", "from tracker.cli import main; main()", "init", "--json"]
    command += ["--data-dir", str(folder), "--admin-email", "owner@example.com", *PROGRAM]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2])
    return folder, json.loads(done.stdout)


@pytest.fixture
def folder(installed: tuple[Path, dict[str, Any]], tmp_path: Path) -> Path:
    copy = tmp_path / "data"
    shutil.copytree(installed[0], copy)
    return copy


@pytest.fixture
def facts(installed: tuple[Path, dict[str, Any]]) -> dict[str, Any]:
    return installed[1]


# init


def test_init_says_what_a_person_needs_next(installed) -> None:
    folder, answer = installed

    assert {"data_dir", "program_id", "publishable_key", "secret_key", "signing_secret", "admin_email"} <= answer.keys()
    assert {"admin_password", "test_secret_key", "test_publishable_key"} <= answer.keys()
    assert answer["data_dir"] == str(folder)
    assert answer["publishable_key"].startswith("pk_live_")
    assert answer["secret_key"].startswith("sk_live_")
    assert answer["test_secret_key"].startswith("sk_test_")
    assert answer["signing_secret"].startswith("whsec_")
    assert folder.stat().st_mode & 0o077 == 0
    assert (folder / "secret.key").stat().st_mode & 0o077 == 0


def test_no_secret_value_is_stored(installed) -> None:
    folder, answer = installed
    stored = b"".join(path.read_bytes() for path in folder.iterdir() if path.is_file())

    for name in ("secret_key", "signing_secret", "test_secret_key", "admin_password"):
        assert answer[name].encode() not in stored


def test_init_touches_no_existing_folder(molva: Molva, tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "file").write_text("mine")
    (tmp_path / "a file").write_text("mine")

    for name in ("kept", "a file"):
        said = molva("init", "--data-dir", str(tmp_path / name), "--admin-email", "a@example.com")
        assert (said.code, said.out) == (1, "")
        assert "exists already and is not touched" in said.err
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["a file", "file", "kept"]


@pytest.mark.parametrize(
    ("more", "named"),
    [
        (["--admin-email", "nonsense"], "email"),
        (["--admin-email", "a@example.com", "--program", "P", "--currency", "XXX"], "currency"),
        (["--admin-email", "a@example.com", "--program", "P", "--site", "http://shop.example"], "sites"),
        (["--admin-email", "a@example.com", "--program", "", "--site", "https://shop.example"], "name"),
        (["--admin-email", "a@example.com", "--base-url", "ftp://x"], "base_url"),
        (["--admin-email", "a@example.com", "--admin-password-file", "/nowhere"], "/nowhere"),
    ],
)
def test_a_refused_init_leaves_nothing(molva: Molva, tmp_path: Path, more: list[str], named: str) -> None:
    said = molva("init", "--data-dir", str(tmp_path / "new"), *more)

    assert (said.code, said.out) == (1, "")
    assert named in said.err
    assert list(tmp_path.iterdir()) == []


def test_init_takes_the_password_and_does_not_repeat_it(molva: Molva, tmp_path: Path) -> None:
    (tmp_path / "password").write_text("correct horse battery\n")

    said = molva(
        "init", "--json", "--data-dir", str(tmp_path / "new"), "--admin-email", "a@example.com",
        "--admin-password-file", str(tmp_path / "password"), "--base-url", "https://go.example/",
    )  # fmt: skip

    assert said.json == {"data_dir": str(tmp_path / "new"), "admin_email": "a@example.com"}
    assert (tmp_path / "new" / "molva.toml").read_text() == 'base_url = "https://go.example"\n'


def test_init_draws_neutral_names_and_the_tag_says_them(molva: Molva, tmp_path: Path) -> None:
    at = ["--data-dir", str(tmp_path / "new"), "--admin-email", "a@example.com", "--base-url", "https://go.example"]

    said = molva("init", "--json", *at, *PROGRAM, "--neutral-names").json

    names = said["names"]
    settings = load_settings(tmp_path / "new", {})
    assert {name: getattr(settings, name) for name in names} == names | {"url_parameters": (*names["url_parameters"],)}
    assert said["tag"] == install_tag(settings, key=said["publishable_key"])
    assert names["script_name"] in said["tag"]
    assert names["cookie_name"] in said["tag"]


def test_neutral_names_are_shown_to_a_person(molva: Molva, tmp_path: Path) -> None:
    at = ["--data-dir", str(tmp_path / "new"), "--admin-email", "a@example.com"]

    with_program = molva("init", *at, *PROGRAM, "--neutral-names").out
    shutil.rmtree(tmp_path / "new")
    without = molva("init", *at, "--neutral-names").out

    assert "<script async src=" in with_program
    assert "<script" not in without
    assert "Names of your own" in without


# Exit codes


@pytest.mark.parametrize(
    "argv",
    [
        [],
        ["nonsense"],
        ["init"],
        ["key"],
        ["key", "create"],
        ["key", "create", "--program", "p", "--kind", "master"],
        ["user", "add", "--email", "a@example.com", "--role", "king"],
        ["serve", "--port", "x"],
        ["attribution", "replay"],
    ],
    ids=" ".join,
)
def test_wrong_usage_is_2(molva: Molva, argv: list[str]) -> None:
    said = molva(*argv)

    assert (said.code, said.out) == (2, "")
    assert "usage: molva" in said.err


def test_no_folder_is_1_with_the_remedy(molva: Molva, tmp_path: Path) -> None:
    for command in (["serve"], ["user", "list"], ["migrate"], ["ledger", "verify"]):
        said = molva(*command, "--data-dir", str(tmp_path / "nowhere"))
        assert (said.code, said.out) == (1, "")
        assert "molva init" in said.err


def test_an_unknown_setting_is_1_with_the_nearest_name(molva: Molva, folder: Path) -> None:
    (folder / "molva.toml").write_text('base_ulr = "http://127.0.0.1"\n')

    said = molva("user", "list", "--data-dir", str(folder))

    assert said.code == 1
    assert 'Did you mean "base_url"?' in said.err


def test_a_lost_secret_is_1_with_the_remedy(molva: Molva, folder: Path) -> None:
    (folder / "secret.key").unlink()

    said = molva("user", "list", "--data-dir", str(folder))

    assert said.code == 1
    assert "Restore it from your backup" in said.err


# Partners, users, keys


def test_partner_add_prints_the_link(molva: Molva, folder: Path, facts: dict[str, Any]) -> None:
    argv = ["partner", "add", "--json", "--data-dir", str(folder), "--program", facts["program_id"]]
    said = molva(*argv, "--name", "Anna", "--email", "anna@example.com", "--code", "ANNA").json

    assert said.keys() == {"partner_id", "enrollment_id", "code", "link"}
    assert said["code"] == "ANNA"
    assert said["link"].startswith("http://127.0.0.1:8000/r/to/")
    again = molva(*argv, "--name", "Anna", "--email", "anna@example.com")
    assert (again.code, again.out) == (1, "")
    assert "email: anna@example.com" in again.err
    wrong = molva(*argv[:-1], "prg_" + "0" * 32, "--name", "B", "--email", "b@example.com")
    assert wrong.code == 1
    assert "no such program" in wrong.err


def test_users_come_and_go(molva: Molva, folder: Path) -> None:
    at = ["--json", "--data-dir", str(folder)]
    made = molva("user", "add", *at, "--email", "m@example.com", "--role", "manager").json
    assert made.keys() == {"user_id", "email", "role", "disabled", "password"}

    other = molva("user", "reset-password", *at, "--email", "m@example.com").json
    assert other["password"] != made["password"]
    assert molva("user", "disable", *at, "--email", "m@example.com").json["disabled"] is True
    listed = molva("user", "list", *at).json["data"]
    assert {(user["email"], user["role"], user["disabled"]) for user in listed} == {
        ("owner@example.com", "owner", False),
        ("m@example.com", "manager", True),
    }
    assert not any("password" in user for user in listed)
    assert molva("user", "disable", *at, "--email", "nobody@example.com").code == 1


def test_keys_are_shown_once_and_end(molva: Molva, folder: Path, facts: dict[str, Any]) -> None:
    at = ["--json", "--data-dir", str(folder)]
    program = ["--program", facts["program_id"]]
    made = molva(
        "key", "create", *at, *program, "--kind", "secret", "--scope", "read", "--scope", "track", "--test"
    ).json
    assert made.keys() == {"key_id", "kind", "value"}
    assert made["value"].startswith("sk_test_")

    [listed] = [key for key in molva("key", "list", *at, *program).json["data"] if key["key_id"] == made["key_id"]]
    assert (listed["value"], listed["scopes"], listed["revoked"]) == (None, ["track", "read"], False)
    assert molva("key", "revoke", made["key_id"], *at).json == {"key_id": made["key_id"], "revoked": True}
    assert molva("key", "create", *at, *program, "--kind", "postback").json["value"].startswith("pb_live_")

    for argv in (
        ["create", *program, "--kind", "secret", "--scope", "everything"],
        ["create", "--program", "prg_" + "0" * 32, "--kind", "secret"],
        ["create", "--program", "nonsense", "--kind", "signing"],
        ["list", "--program", "prg_" + "0" * 32],
        ["revoke", "key_" + "0" * 32],
        ["revoke", "nonsense"],
    ):
        said = molva("key", *argv, *at)
        assert (said.code, said.out) == (1, ""), argv
        assert said.err.startswith("molva: ")


def test_a_name_that_is_no_text_is_refused(molva: Molva, folder: Path, facts: dict[str, Any]) -> None:
    """A shell in another encoding hands over bytes that are no characters."""
    said = molva(
        "partner", "add", "--data-dir", str(folder), "--program", facts["program_id"], "--name", "Ann\udcff",
        "--email", "a@example.com",
    )  # fmt: skip

    assert (said.code, said.out) == (1, "")
    assert "Traceback" not in said.err


# Checks


def test_a_healthy_installation_passes_its_checks(molva: Molva, folder: Path) -> None:
    at = ["--json", "--data-dir", str(folder)]

    ledger = molva("ledger", "verify", *at).json
    assert ledger.keys() >= {"ok", "transactions", "entries", "problems"}
    assert (ledger["ok"], ledger["problems"]) == (True, [])
    assert molva("audit", "verify", *at).json == {"ok": True, "problems": []}
    assert molva("events", "list", *at).json == {"data": []}
    assert molva("events", "list", "--data-dir", str(folder)).out == "There are no such events.\n"


def test_p51_an_edited_audit_entry_is_1_and_named(molva: Molva, folder: Path) -> None:
    with sqlite3.connect(folder / "molva.db") as db:
        for (name,) in db.execute(
            "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'audit_entries'"
        ).fetchall():
            db.execute(f"DROP TRIGGER {name}")
        db.execute("UPDATE audit_entries SET actor = 'nobody' WHERE seq = 2")
    db.close()

    said = molva("audit", "verify", "--json", "--data-dir", str(folder))

    assert said.code == 1
    assert said.json["ok"] is False
    assert "Entry 2" in said.json["problems"][0]


def test_a_broken_ledger_is_1_and_names_law_and_row(molva: Molva, folder: Path) -> None:
    with sqlite3.connect(folder / "molva.db") as db:
        db.execute("INSERT INTO sequences (name, value) VALUES ('transfers', 7)")
    db.close()

    said = molva("ledger", "verify", "--json", "--data-dir", str(folder))
    shown = molva("ledger", "verify", "--data-dir", str(folder))

    assert (said.code, said.json["ok"], shown.code) == (1, False, 1)
    problem = said.json["problems"][0]
    assert f"  {problem['law']}: {problem['row']}: {problem['detail']}" in shown.out


def test_migrate_brings_and_checks_the_newest(molva: Molva, folder: Path) -> None:
    at = ["--json", "--data-dir", str(folder)]
    newest = newest_revision()
    assert molva("migrate", "--check", *at).json == {"revision": newest, "newest": newest, "ok": True}
    assert molva("migrate", *at).json["ok"] is True

    (folder / "molva.db").unlink()
    said = molva("migrate", "--check", *at)
    assert (said.code, said.json["ok"]) == (1, False)
    assert molva("migrate", *at).code == 0
    assert molva("migrate", "--check", *at).code == 0


def test_attribution_replay_needs_no_installation(
    molva: Molva, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    said = molva("attribution", "replay", str(EXAMPLES))

    assert said.code == 0
    results = {result["id"]: result for result in said.json["results"]}
    for scenario in json.loads(EXAMPLES.read_text())["scenarios"]:
        assert results[scenario["id"]]["final"] == scenario["expect_final"], scenario["id"]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", ["", "{", "[]", "null", '{"conversions": 1}', "\x00", '{"a":1e400}'])
def test_a_broken_scenario_is_1_with_its_cause(molva: Molva, tmp_path: Path, content: str) -> None:
    (tmp_path / "s.json").write_text(content)

    said = molva("attribution", "replay", str(tmp_path / "s.json"))

    assert (said.code, said.out) == (1, "")
    assert said.err.startswith("molva: ")


def test_a_missing_scenario_is_1(molva: Molva, tmp_path: Path) -> None:
    said = molva("attribution", "replay", str(tmp_path / "nowhere"))

    assert said.code == 1
    assert "cannot be read" in said.err


# Beside a running server


class Served(NamedTuple):
    """A running `molva serve`."""

    folder: Path
    url: str
    process: "subprocess.Popen[str]"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(params=["short path", "long path"])
def served(request: pytest.FixtureRequest, installed: Any, tmp_path: Path) -> Iterator[Served]:
    folder = tmp_path / ("d" if request.param == "short path" else "x" * 120)
    shutil.copytree(installed[0], folder)
    with serving(folder) as running:
        yield running


class serving:  # noqa: N801  # Used like a function.
    """Run `molva serve` on a free port until the block ends."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __enter__(self) -> Served:
        port = free_port()
        command = [sys.executable, "-c", "from tracker.cli import main; main()", "serve"]
        command += ["--data-dir", str(self.folder), "--port", str(port)]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2])
        url = f"http://127.0.0.1:{port}"
        deadline = time.monotonic() + READY_S
        while time.monotonic() < deadline:
            try:
                with urllib.request.urlopen(f"{url}/readyz", timeout=2):
                    return Served(self.folder, url, self.process)
            except OSError:
                assert self.process.poll() is None, self.process.stderr.read() if self.process.stderr else ""
                time.sleep(0.05)
        pytest.fail("The server did not become ready.")

    def __exit__(self, *_error: object) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        assert self.process.stderr is not None
        log = self.process.stderr.read()
        self.process.stderr.close()
        assert self.process.wait(20) in (0, -signal.SIGKILL), log
        assert "Traceback" not in log, log


def post(url: str, path: str, body: Any, **headers: str) -> tuple[int, Any]:
    request = urllib.request.Request(url + path, json.dumps(body).encode(), headers, method="POST")
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.loads(error.read())


def test_refused_events_are_taken_again_beside_a_server_and_without(
    molva: Molva, served: Served, facts: dict[str, Any]
) -> None:
    at = ["--json", "--data-dir", str(served.folder)]
    sender = {"Authorization": f"Bearer {facts['secret_key']}"}
    for number, amount in enumerate((100, 100, "1e3")):
        sale = {"external_id": f"o{number}", "amount": amount, "currency": "EUR"}
        assert post(served.url, "/v1/track/sale", sale, **sender, **{"Content-Type": "text/plain"})[0] == 415
    wrong, second, first = (
        each["id"] for each in molva("events", "list", *at, "--verdict", "quarantined").json["data"]
    )

    told = molva("events", "replay", *at, first, wrong)
    assert (told.code, [each["verdict"] for each in told.json["data"]]) == (1, ["accepted", "quarantined"])
    assert molva("events", "discard", *at, wrong, "--reason", "Not ours.").code == 0

    served.process.send_signal(signal.SIGTERM)
    served.process.wait(READY_S)
    told = molva("events", "replay", "--data-dir", str(served.folder), second)
    assert told.code == 0
    assert f"{second}  accepted  cnv_" in told.out
    assert [each["verdict"] for each in molva("events", "list", *at).json["data"]] == [
        "discarded",
        "accepted",
        "accepted",
    ]


def test_commands_work_beside_a_running_server_and_count_at_once(
    molva: Molva, served: Served, facts: dict[str, Any]
) -> None:
    at = ["--json", "--data-dir", str(served.folder)]
    program = ["--program", facts["program_id"]]
    json_type = {"Content-Type": "application/json"}

    partner = molva("partner", "add", *at, *program, "--name", "Anna", "--email", "anna@example.com").json
    click = {"k": facts["publishable_key"], "t": "click", "c": "c1", "r": partner["code"]}
    status, answer = post(served.url, "/r/e", click, Origin="https://shop.example")
    assert (status, answer["partner"]) == (200, {"name": "Anna"})

    key = molva("key", "create", *at, *program, "--kind", "secret").json
    wrong = {"external_id": "o1", "amount": "1e3", "currency": "EUR"}
    status, problem = post(served.url, "/v1/track/sale", wrong, Authorization=f"Bearer {key['value']}", **json_type)
    assert (status, problem["errors"][0]["field"]) == (422, "amount")
    [event] = molva("events", "list", *at, "--verdict", "quarantined").json["data"]
    assert json.loads(event["payload"]) == wrong
    assert (event["source"], event["verdict"], event["livemode"]) == ("track_sale", "quarantined", True)
    assert event["cause"].startswith("amount")

    molva("key", "revoke", key["key_id"], *at)
    status, _ = post(served.url, "/v1/track/sale", wrong, Authorization=f"Bearer {key['value']}", **json_type)
    assert status == 401
    refused = molva("user", "disable", *at, "--email", "nobody@example.com")
    assert (refused.code, refused.out) == (1, "")
    assert "molva user list" in refused.err
    assert molva("ledger", "verify", *at).json["ok"] is True


def test_a_second_server_on_one_folder_is_refused(molva: Molva, folder: Path) -> None:
    with serving(folder):
        said = molva("serve", "--data-dir", str(folder), "--port", str(free_port()))

    assert said.code == 1
    assert "Another process is writing" in said.err


def test_p1_what_was_acknowledged_survives_kill_9(folder: Path, facts: dict[str, Any]) -> None:
    authorization = {"Authorization": f"Bearer {facts['secret_key']}", "Content-Type": "application/json"}
    with serving(folder) as running:
        acknowledged = []
        for number in range(20):
            body = {"external_id": f"o{number}", "amount": 100, "currency": "EUR"}
            status, answer = post(running.url, "/v1/track/sale", body, **authorization)
            assert status == 202
            acknowledged.append(answer["id"])
        running.process.kill()

    with serving(folder) as running:
        for conversion_id in acknowledged:
            request = urllib.request.Request(f"{running.url}/v1/conversions/{conversion_id}", headers=authorization)
            with urllib.request.urlopen(request, timeout=30) as found:
                assert found.status == 200


def test_p7_a_server_told_to_stop_leaves_no_socket(folder: Path) -> None:
    with serving(folder):
        assert (folder / "control.sock").exists()

    assert not (folder / "control.sock").exists()


def test_a_taken_port_is_1_with_its_cause(folder: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        command = [sys.executable, "-c", "from tracker.cli import main; main()", "serve", "--data-dir", str(folder)]
        command += ["--port", str(taken.getsockname()[1])]
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=30, cwd=Path(__file__).parents[2]
        )

    assert done.returncode == 1
    assert "already in use" in done.stderr
    assert "--port" in done.stderr
    assert "Traceback" not in done.stderr
