"""Fetches the filter engine and the public filter lists that test_filter_lists.py asks; `make test` runs it.

Everything lands in `installed/`, which version control ignores: nothing of it is part of Molva. The engine and
AdGuard's lists come from two pinned npm archives, without their dependencies and install scripts. EasyList,
EasyPrivacy and uBlock Origin's own lists come from Debian's package, in the version the system offers; without apt
they are left out and the test says so. A second run does nothing and needs no network.
"""

import base64
import hashlib
import json
import shutil
import sys
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

from hatch_build import BuildError, find_node, run

INSTALLED = Path(__file__).parent / "installed"
SETS = "sets.json"  # written last: the mark of a complete installation
FETCH_S = 600  # the larger archive is 25 MB; a slow mirror may take minutes, longer is a hang
DEBIAN = "webext-ublock-origin-firefox"  # the variant for Firefox: the other one would load itself into Chromium


@dataclass(frozen=True, kw_only=True)
class Archive:
    """One npm archive, pinned by version and by the SHA-512 of its bytes as npm writes it."""

    name: str
    version: str
    sha512: str


ENGINE = Archive(
    name="@gorhill/ubo-core",
    version="0.1.30",
    sha512="0QtDqjP7r7bQbiLO67ojEYkoaOyWeYy6heCOfkpygUfpYf/+iRfgM+ceCXSOsPXpNLgZg3aKqlD4LTxBw6WjNw==",
)
ADGUARD = Archive(
    name="@adguard/dnr-rulesets",
    version="3.3.20260320140136",
    sha512="n0DqlWWlDYs4P6UdG1H5HQR/nVCMMxq6B6JMj6gvcP4uMvjmLKQw6rPg07vy5+Mn0ty9Q/3OYQldiHsqNSPzuQ==",
)
# AdGuard numbers its lists; each rule set carries the text it was made from.
ADGUARD_LISTS = {2: "adguard-base.txt", 3: "adguard-tracking.txt", 17: "adguard-url-tracking.txt"}
# Those uBlock Origin switches on for everyone that hold network rules.
UBLOCK_LISTS = (
    "thirdparties/easylist/easylist.txt",
    "thirdparties/easylist/easyprivacy.txt",
    "ublock/filters.min.txt",
    "ublock/privacy.min.txt",
    "ublock/quick-fixes.min.txt",
    "ublock/badware.min.txt",
    "ublock/unbreak.min.txt",
)


def main() -> None:
    digest = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()
    sets = installed_sets(digest)
    if "ublock" in sets:
        return
    try:
        if not sets:
            shutil.rmtree(INSTALLED, ignore_errors=True)
            INSTALLED.mkdir()
            unpack_engine()
            sets = {"adguard": unpack_adguard()}
        # Where apt failed it is tried again: the next run may have what it lacked.
        sets |= unpack_ublock()
    except BuildError as error:
        sys.exit(f"filter lists: {error}")
    (INSTALLED / SETS).write_text(json.dumps({"inputs": digest, "sets": sets}, indent=1) + "\n", encoding="utf-8")


def installed_sets(digest: str) -> dict[str, list[str]]:
    """Return what this very program installed, file names by set; nothing when that is missing or incomplete."""
    try:
        state = json.loads((INSTALLED / SETS).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return state["sets"] if state["inputs"] == digest else {}


def unpack_engine() -> None:
    with tempfile.TemporaryDirectory() as folder, tarfile.open(fetch(ENGINE, Path(folder))) as archive:
        archive.extractall(INSTALLED / "engine", filter="data")


def unpack_adguard() -> list[str]:
    """Write AdGuard's lists as text; return their names."""
    with tempfile.TemporaryDirectory() as folder, tarfile.open(fetch(ADGUARD, Path(folder))) as archive:
        for number, name in ADGUARD_LISTS.items():
            member = archive.extractfile(f"package/dist/filters/declarative/ruleset_{number}/ruleset_{number}.json")
            assert member is not None
            text = json.load(member)[0]["metadata"]["rawFilterList"]
            (INSTALLED / name).write_text(text, encoding="utf-8")
    return list(ADGUARD_LISTS.values())


def unpack_ublock() -> dict[str, list[str]]:
    """Copy uBlock Origin's default lists; return their names as a set, or no set where apt does not have them."""
    apt, dpkg = shutil.which("apt-get"), shutil.which("dpkg-deb")
    if apt is None or dpkg is None:
        return {}
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        place.chmod(0o755)  # apt's own user reads and writes there
        try:
            run([apt, "download", "-qq", DEBIAN], cwd=place, seconds=FETCH_S)
            run([dpkg, "-x", str(next(place.glob("*.deb"))), "."], cwd=place, seconds=FETCH_S)
        except BuildError as error:
            print(f"filter lists: uBlock Origin's are left out: {error}", file=sys.stderr)  # noqa: T201
            return {}
        assets = next(place.glob("usr/**/assets/assets.json")).parent
        for path in UBLOCK_LISTS:
            shutil.copyfile(assets / path, INSTALLED / Path(path).name)
    return {"ublock": [Path(path).name for path in UBLOCK_LISTS]}


def fetch(archive: Archive, folder: Path) -> Path:
    """Download one npm archive into `folder`; raise BuildError when its bytes are not the pinned ones."""
    node = find_node()
    wanted = f"{archive.name}@{archive.version}"
    run([*node.npm, "pack", wanted, "--ignore-scripts", "--silent"], cwd=folder, seconds=FETCH_S)
    path = next(folder.glob("*.tgz"))
    found = base64.b64encode(hashlib.sha512(path.read_bytes()).digest()).decode()
    if found != archive.sha512:
        raise BuildError(f'"{wanted}" has the SHA-512 {found}, not {archive.sha512}; pin what you mean to test with.')
    return path


if __name__ == "__main__":
    main()
