"""The operations as a person types them: what is printed, and the exit codes."""

import json

import pytest

from tracker.cli import main


@pytest.fixture
def molva(capsys):
    def call(*argv):
        with pytest.raises(SystemExit) as ended:
            main(list(argv))
        printed = capsys.readouterr()
        return int(ended.value.code or 0), printed.out, printed.err

    return call


def test_a_person_reads_what_a_backup_holds_and_lacks(used, molva, tmp_path):
    code, out, _ = molva("backup", str(tmp_path / "one.molva"), "--data-dir", str(used.data_dir))

    assert code == 0
    assert "Everything holds: 1 transactions, 2 entries." in out
    assert "secret.key (the root secret)" in out
    code, out, err = molva("backup", str(tmp_path / "one.molva"), "--data-dir", str(used.data_dir))
    assert (code, out) == (1, "")
    assert "exists already and is not overwritten; name a new file." in err


def test_a_person_reads_whether_a_backup_could_be_restored(used, molva, tmp_path):
    molva("backup", str(tmp_path / "one.molva"), "--data-dir", str(used.data_dir))

    code, out, _ = molva("restore", str(tmp_path / "one.molva"), "--verify", "--data-dir", str(tmp_path / "new"))

    assert code == 0
    assert "The root secret is not in the backup and not here" in out
    assert "Now start it" not in out


def test_a_restored_folder_says_how_to_start(used, molva, tmp_path):
    source, place = str(tmp_path / "one.molva"), str(tmp_path / "new")
    molva("backup", source, "--with-secrets", "--data-dir", str(used.data_dir))

    code, out, _ = molva("restore", source, "--data-dir", place)

    assert code == 0
    assert f"molva serve --data-dir {place}" in out
    code, out, _ = molva("ledger", "verify", "--json", "--data-dir", place)
    assert (code, json.loads(out)["transactions"]) == (0, 1)


def test_doctor_marks_what_failed_and_exits_with_1(used, molva):
    (used.data_dir / "secret.key").chmod(0o644)

    code, out, _ = molva("doctor", "--data-dir", str(used.data_dir))

    assert code == 1
    (line,) = [line for line in out.splitlines() if line.startswith("FAILED")]
    assert "Others can read" in line
    assert f"chmod 600 {used.data_dir / 'secret.key'}" in out


def test_doctor_of_no_folder_says_how_to_make_one(molva, tmp_path):
    code, _, err = molva("doctor", "--data-dir", str(tmp_path / "none"))

    assert code == 1
    assert "molva init" in err
