"""The peers under measurement: their packages installed for one run, their project filled with one link and served.

Used by `run.py` here. Everything lies in the folder it gives; nothing of it touches Molva's own environment.
"""

import os
import re
import secrets
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from servers import Server, free_port
from subjects import CODE

HERE = Path(__file__).parent
INSTALL_MAX_S = 300.0
PREPARE_MAX_S = 60.0


class Peer(NamedTuple):
    """One package that records visits to referral links: its project's folder and the table a visit is a row of."""

    package: str
    folder: str
    table: str


class Setting(NamedTuple):
    """How gunicorn runs a peer."""

    kind: str
    workers: int
    threads: int = 1

    def __str__(self) -> str:
        threads = f" with {self.threads} threads" if self.threads > 1 else ""
        return f"{self.workers} × {self.kind}{threads}"


PEERS = (
    Peer("pinax-referrals", "pinax", "referrals_referralresponse"),
    Peer("django-hype", "hype", "hype_referralhit"),
)
SETTINGS = (
    *(Setting("sync", workers) for workers in (1, 2)),
    *(Setting("gthread", workers, threads) for threads in (1, 4) for workers in (1, 2)),
)


def install(folder: Path) -> Path:
    """Make an environment with the pinned packages and return the folder of its commands."""
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True, timeout=INSTALL_MAX_S)
    command = [str(folder / "bin/python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    command += ["--require-hashes", "-r", str(HERE / "requirements.txt")]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=INSTALL_MAX_S)
    if done.returncode != 0:
        raise SystemExit(
            f"The peers could not be installed: {done.stderr.strip()[-500:]}\n"
            "pip needs an index with the packages of benchmarks/peers/requirements.txt."
        )
    return folder / "bin"


def versions() -> dict[str, str]:
    """Return the pinned version of each package."""
    return dict(re.findall(r"^([\w-]+)==([\w.]+)", (HERE / "requirements.txt").read_text(), re.MULTILINE))


class Project:
    """A peer's database with one link and what serves it."""

    def __init__(self, peer: Peer, commands: Path, folder: Path) -> None:
        """Make the tables and the link."""
        self.peer = peer
        self._commands = commands
        self._database = folder / f"{peer.folder}.db"
        self._environment = {
            "PEER_DATABASE": str(self._database),
            "PEER_SECRET": secrets.token_hex(32),
            "DJANGO_SETTINGS_MODULE": "settings",
            # The folder `pinax` or `hype` must not stand in for the package of that name, so its parent is not on it.
            "PYTHONPATH": os.pathsep.join(str(HERE / name) for name in (peer.folder, "shared")),
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        self._prepare("-m", "django", "migrate", "--verbosity", "0")
        self._prepare(str(HERE / peer.folder / "seed.py"), CODE.lower())

    def serve(self, setting: Setting) -> Server:
        """Start gunicorn and wait until it answers."""
        port = free_port()
        command = [str(self._commands / "gunicorn"), "--bind", f"127.0.0.1:{port}", "--log-level", "warning"]
        command += ["--worker-class", setting.kind, "--workers", str(setting.workers)]
        command += ["--threads", str(setting.threads), "django.core.wsgi:get_wsgi_application()"]
        return Server(command, port=port, environment=self._environment)

    def count(self) -> int:
        """Return how many visits are stored."""
        conn = sqlite3.connect(f"file:{self._database}?mode=ro", uri=True)
        try:
            return int(conn.execute(f"SELECT count(*) FROM {self.peer.table}").fetchone()[0])
        finally:
            conn.close()

    def journal(self) -> tuple[str, int]:
        """Return the journal mode and `synchronous` that a connection of the project has."""
        asked = (
            "import django; django.setup(); from django.db import connection as c; k = c.cursor();"
            "print(*(k.execute(f'PRAGMA {name}').fetchone()[0] for name in ('journal_mode', 'synchronous')))"
        )
        mode, level = self._prepare("-c", asked).split()
        return mode, int(level)

    def _prepare(self, *arguments: str) -> str:
        command = [str(self._commands / "python"), *arguments]
        environment = {**os.environ, **self._environment}
        done = subprocess.run(
            command, check=False, capture_output=True, text=True, env=environment, timeout=PREPARE_MAX_S
        )
        if done.returncode != 0:
            raise RuntimeError(f"{self.peer.package}: {' '.join(arguments)} failed: {done.stderr[-2000:]}")
        return done.stdout
