"""`molva privacy export` and `molva privacy erase` as a person types them."""

import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from tracker.cli import main


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An installation with a program."""
    folder = tmp_path_factory.mktemp("privacy") / "data"
    program = ("--program", "Friends", "--site", "https://shop.example")
    assert leave("init", "--data-dir", str(folder), "--admin-email", "o@example.com", *program) == 0
    return folder


def leave(*argv: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(list(argv))
    return int(ended.value.code or 0)


@pytest.fixture
def molva(installation: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Any:
    for name in [name for name in os.environ if name.startswith("MOLVA_")]:
        monkeypatch.delenv(name)

    def call(*argv: str) -> tuple[int, str, str]:
        code = leave(*argv, "--data-dir", str(installation))
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return call


def test_an_export_goes_into_a_file_of_its_own(molva: Any, tmp_path: Path) -> None:
    out = tmp_path / "person.json"

    code, said, _ = molva("privacy", "export", "--email", "nobody@nowhere.example", "--out", str(out))

    assert code == 0
    assert str(out) in said
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    assert json.loads(out.read_text())["customers"] == []
    code, _, error = molva("privacy", "export", "--email", "nobody@nowhere.example", "--out", str(out))
    assert (code, "name a new file" in error) == (1, True)


def test_an_export_is_json_on_the_terminal_too(molva: Any) -> None:
    code, said, _ = molva("privacy", "export", "--email", "nobody@nowhere.example")

    assert code == 0
    assert json.loads(said)["asked"] == {"email": "nobody@nowhere.example"}


def test_an_erasure_says_what_it_changed(molva: Any) -> None:
    code, said, _ = molva("privacy", "erase", "--email", "nobody@nowhere.example", "--reason", "Letter of 3 May")
    assert (code, said.strip()) == (0, "Nothing was left to erase.")

    code, said, _ = molva("privacy", "erase", "--email", "nobody@nowhere.example", "--reason", "Letter", "--json")
    assert (code, json.loads(said)) == (0, {"changed": {}, "left": []})


@pytest.mark.parametrize(
    ("argv", "code"),
    [
        pytest.param(("export",), 2, id="nobody is named"),
        pytest.param(("export", "--email", "a@b.example", "--customer", "cus_1"), 2, id="two are named"),
        pytest.param(("erase", "--email", "a@b.example"), 2, id="no reason"),
        pytest.param(("erase", "--customer", "cus_1", "--reason", "x"), 1, id="no id"),
        pytest.param(("erase", "--email", "a@b.example", "--reason", " "), 1, id="an empty reason"),
    ],
)
def test_a_command_that_cannot_be_done_says_so(molva: Any, argv: tuple[str, ...], code: int) -> None:
    assert molva("privacy", *argv)[0] == code
