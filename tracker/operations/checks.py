"""What can be told of an installation from its folder, its settings and the machine, without its database.

Each function looks at one thing and returns a finding with cause and remedy; `doctor.py` runs them. Nothing is changed.
"""

import shutil
import sqlite3
import time
from pathlib import Path

from tracker.db.sqlite import SQLITE_MIN
from tracker.geo.places import geo_files_state, open_networks
from tracker.operations.archive import SECRETS
from tracker.operations.backup import STAMP
from tracker.operations.readiness import disk_trouble
from tracker.operations.types import Finding, State
from tracker.settings import SECRET_FILE, Settings, SettingsError, load_secret

DISK_LOW = 0.15  # of the disk; below a twentieth the server calls itself not ready
CLOCK_AHEAD_S = 300.0  # a file from further in the future means the clock was set back
STEP_S = 0.05  # how far clock and stopwatch may part while looked at
WATCHED_S = 0.2
BACKUP_DAYS = 7
SECRET_VARIETY = 8  # different characters a random secret surely has
PLACEHOLDERS = ("changeme", "change-me", "change_me", "secret", "password", "example", "0123456789abcdef")

# SQLite locks and syncs through the file system; these promise neither.
NETWORK_SYSTEMS = frozenset({"nfs", "nfs4", "cifs", "smb3", "smbfs", "fuse.sshfs", "afs", "fuse.glusterfs"})
SHARED_SYSTEMS = frozenset({"9p", "virtiofs", "ceph", "fuse.ceph", "lustre", "vboxsf", "fuse"})
MEMORY_SYSTEMS = frozenset({"tmpfs", "ramfs"})


def check_secret(settings: Settings, data_dir: Path) -> Finding:
    """Tell whether the root secret is there, long, random and readable by its owner alone."""
    check = "secret"
    try:
        text = load_secret(settings, data_dir).decode()
    except SettingsError as error:
        return Finding(check=check, state="failed", cause=str(error))
    if len(set(text)) < SECRET_VARIETY or any(word in text.lower() for word in PLACEHOLDERS):
        remedy = "Use 64 random hexadecimal digits: openssl rand -hex 32. Signing secrets change with it."
        return Finding(check=check, state="failed", cause="The root secret is a placeholder.", remedy=remedy)
    for name in SECRETS:
        path = data_dir / name
        if path.exists() and path.stat().st_mode & 0o077:
            remedy = f"chmod 600 {path}"
            return Finding(check=check, state="failed", cause=f'Others can read "{path}".', remedy=remedy)
    place = settings.secret_key_file or data_dir / SECRET_FILE
    where = "in the settings" if settings.secret_key else f'in "{place}"'
    return Finding(check=check, state="ok", cause=f"The root secret is {where}, {len(text)} characters.")


def check_folder(data_dir: Path) -> Finding:
    """Tell whether others can look into the data folder."""
    if data_dir.stat().st_mode & 0o007:
        remedy = f"chmod 700 {data_dir}"
        cause = f'Everybody on this machine can look into "{data_dir}".'
        return Finding(check="data folder", state="warning", cause=cause, remedy=remedy)
    return Finding(check="data folder", state="ok", cause=f'"{data_dir}" is its owner\'s alone.')


def check_clock(data_dir: Path, *, newest_ms: int | None) -> Finding:
    """Hold the clock against a stopwatch, the files of the data folder and the newest row (Unix ms) of the database."""
    check, remedy = "clock", "Let the clock follow a time server: timedatectl set-ntp true."
    started, watch = time.time(), time.monotonic()
    time.sleep(WATCHED_S)
    step_s = (time.time() - started) - (time.monotonic() - watch)
    if abs(step_s) > STEP_S:
        cause = f"The clock moved {step_s:+.2f} s against the stopwatch while it was looked at."
        return Finding(check=check, state="warning", cause=cause, remedy=remedy)
    now_s = time.time()
    files = {f'file "{path}"': path.stat().st_mtime for path in data_dir.iterdir() if path.is_file()}
    known = files | ({} if newest_ms is None else {"newest row of the database": newest_ms / 1000})
    newest = max(known, key=lambda name: known[name], default=None)
    if newest is not None and known[newest] - now_s > CLOCK_AHEAD_S:
        cause = f"The {newest} is from {known[newest] - now_s:.0f} s in the future: the clock was set back."
        return Finding(check=check, state="failed", cause=cause, remedy=remedy)
    return Finding(check=check, state="ok", cause="The clock runs evenly and is not behind the data.")


def check_disk(data_dir: Path) -> Finding:
    """Tell how much of the data folder's disk is free."""
    usage = shutil.disk_usage(data_dir)
    remedy = "Make room, or move the data folder to a larger disk; docs/operations.md says how."
    if (trouble := disk_trouble(data_dir)) is not None:
        return Finding(check="disk", state="failed", cause=trouble, remedy=remedy)
    cause = f"{usage.free / usage.total:.0%} of the disk is free ({usage.free >> 30} GiB)."
    state: State = "warning" if usage.free < usage.total * DISK_LOW else "ok"
    return Finding(check="disk", state=state, cause=cause, remedy=remedy if state == "warning" else "")


def check_file_system(folder: Path, *, mounts: str) -> Finding:
    """Tell whether SQLite may live in this folder; mounts: the text of /proc/self/mountinfo."""
    check, kind = "file system", kind_of_file_system(folder, mounts)
    if kind in NETWORK_SYSTEMS:
        cause = f'"{folder}" is on {kind}: over a network SQLite can lose what was acknowledged, or the whole file.'
        return Finding(check=check, state="failed", cause=cause, remedy="Use a local disk, or PostgreSQL.")
    if kind in SHARED_SYSTEMS:
        cause = f'"{folder}" is on {kind}, whose locks and syncs may be weaker than a local disk\'s.'
        return Finding(check=check, state="warning", cause=cause, remedy="Better use a local disk, or PostgreSQL.")
    if kind in MEMORY_SYSTEMS:
        cause = f'"{folder}" is in memory ({kind}): everything is gone at the next start of the machine.'
        return Finding(check=check, state="warning", cause=cause, remedy="Use a disk.")
    if kind == "overlay":
        cause = f'"{folder}" is in a container\'s own layer and goes with the container.'
        return Finding(check=check, state="warning", cause=cause, remedy="Mount a volume there.")
    if kind is None:
        return Finding(check=check, state="ok", cause="This system does not tell what the data folder lies on.")
    return Finding(check=check, state="ok", cause=f"The data folder is on {kind}.")


def kind_of_file_system(folder: Path, mounts: str) -> str | None:
    """Return the type of the file system a folder is on, None where the text does not tell (proc(5), mountinfo)."""
    best, kind = "", None
    wanted = f"{folder.resolve()}/"
    for line in mounts.splitlines():
        fields = line.split()
        if "-" not in fields[6:]:
            continue
        point = fields[4].replace("\\040", " ")
        # A later mount on the same point hides the earlier one.
        if wanted.startswith(point.rstrip("/") + "/") and len(point) >= len(best):
            best, kind = point, fields[fields.index("-", 6) + 1]
    return kind


def check_sqlite() -> Finding:
    """Tell whether this Python's SQLite is new enough."""
    if sqlite3.sqlite_version_info < SQLITE_MIN:
        needed = ".".join(str(part) for part in SQLITE_MIN)
        cause = f"SQLite {sqlite3.sqlite_version} is older than {needed}."
        return Finding(check="SQLite", state="failed", cause=cause, remedy="Use a newer build of Python.")
    return Finding(check="SQLite", state="ok", cause=f"SQLite {sqlite3.sqlite_version}.")


def check_geo_files(settings: Settings, data_dir: Path, *, now_ms: int) -> list[Finding]:
    """Tell how old the country and network files are, one finding a kind."""
    remedy = "Fetch new ones: molva geo update, or bring your own (country_file, asn_file)."
    findings = []
    for file in geo_files_state(open_networks(settings, data_dir), now_ms=now_ms):
        check = f"geo: {file.kind}"
        if file.trouble:
            findings.append(Finding(check=check, state="warning", cause=file.trouble, remedy=remedy))
        elif file.path is None:
            cause = "There is no such file, so this is unknown of every visitor."
            findings.append(Finding(check=check, state="warning", cause=cause, remedy=remedy))
        else:
            age = "of unknown age" if file.age_days is None else f"{file.age_days} days old"
            state: State = "warning" if file.is_old else "ok"
            findings.append(
                Finding(check=check, state=state, cause=f'"{file.path}", {age}.', remedy=remedy if file.is_old else "")
            )
    return findings


def check_backup(data_dir: Path, *, now_s: float) -> Finding:
    """Tell when the newest backup was made, as far as this folder knows."""
    stamp, remedy = data_dir / STAMP, "Make one each night: molva backup FILE; docs/operations.md has a timer."
    if not stamp.exists():
        cause = "No backup was ever made with: molva backup."
        return Finding(check="backup", state="warning", cause=cause, remedy=remedy)
    days = (now_s - stamp.stat().st_mtime) / 86_400
    state: State = "warning" if days > BACKUP_DAYS else "ok"
    cause = f"The newest backup was made {days:.1f} days ago."
    return Finding(check="backup", state=state, cause=cause, remedy=remedy if state == "warning" else "")
