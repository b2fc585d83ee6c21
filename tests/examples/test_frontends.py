"""The React, Vue and Svelte examples: pinned, complete, and written against names the package has.

Their frameworks are not installed here; how the examples were tried stands in their READMEs.
"""

import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "snippet/package"
EXAMPLES = ["react", "vue", "svelte"]


def manifest(folder: Path) -> dict:
    return json.loads((folder / "package.json").read_text())


def sources(name: str) -> list[Path]:
    return sorted((ROOT / "examples" / name / "src").iterdir())


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_dependency_is_pinned_and_the_package_is_ours(name):
    folder = ROOT / "examples" / name
    package = manifest(folder)
    named = {**package["dependencies"], **package["devDependencies"]}
    ours = named.pop("molva-snippet").removeprefix("file:")

    assert (folder / ours).resolve() == PACKAGE
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in named.values()), named
    # As a copy it finds the framework beside it; as a link it would look for one beside the package.
    assert "install-links=true" in (folder / ".npmrc").read_text()


@pytest.mark.parametrize("name", EXAMPLES)
def test_imports_name_what_the_package_exports(name):
    exports = manifest(PACKAGE)["exports"]
    found = 0
    for source in sources(name):
        for names, module in re.findall(r"import \{ ([\w, ]+) \} from 'molva-snippet(/\w+)?'", source.read_text()):
            file = PACKAGE / exports[f".{module}"]["default"]
            assert set(names.split(", ")) <= set(re.findall(r"^export const (\w+)", file.read_text(), re.MULTILINE))
            found += 1
    assert found == 2  # load, and the framework's hook


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_local_file_that_is_named_exists(name):
    folder = ROOT / "examples" / name
    (entry,) = re.findall(r'<script type="module" src="/(\S+)"', (folder / "index.html").read_text())
    assert (folder / entry).is_file()
    for source in sources(name):
        for local in re.findall(r"from '(\./[^']+)'", source.read_text()):
            assert (source.parent / local).is_file(), f"{source.name} imports {local}"


@pytest.mark.parametrize("name", EXAMPLES)
def test_nothing_secret_and_nothing_from_outside_stands_in_a_page(name):
    folder = ROOT / "examples" / name
    for file in [folder / "index.html", folder / "vite.config.js", *sources(name)]:
        text = file.read_text()
        assert "sk_" not in text
        assert "https://" not in text
