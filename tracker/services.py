"""The parts of a running Molva, made once and handed to every face.

`open_services` opens them, `close` drains and closes them; nothing is global.
"""

import asyncio
import hashlib
import hmac
import time
from pathlib import Path

from starlette.requests import Request

from ingest.buffer import ClickBuffer
from ingest.client_address import client_address
from ingest.countries import CountryFile
from ingest.redirects import CODE_PARAMETER
from ingest.setup import EdgeSetup
from tracker.clicks import store as clicks
from tracker.clicks.project import Enricher, project_batch, project_inbox
from tracker.db.database import Database
from tracker.db.migrating import migrate
from tracker.db.opening import open_database
from tracker.directory import Snapshot
from tracker.i18n.currencies import EXPONENTS
from tracker.settings import Settings, database_url, load_secret, load_settings, parse_networks
from tracker.sink import DatabaseSink

# Pause after a batch of the projector, in times of what the batch took. While clicks pour in, acknowledging them comes
# first and the projection falls behind; a conversion that needs a click projects at full speed.
REST = 4


class Services:
    """Database, settings, secret, snapshot, sink and buffer of one process."""

    def __init__(self, *, data_dir: Path, settings: Settings, secret: bytes, db: Database) -> None:
        """Build the parts around an opened, migrated database."""
        self.data_dir = data_dir
        self.settings = settings
        self.secret = secret
        self.db = db
        self.work = asyncio.Event()
        self.stopping = asyncio.Event()
        self.enricher = Enricher(
            address_key=purpose_key(secret, b"address keys v1")[:32],
            countries=CountryFile(Path(settings.country_file) if settings.country_file else None),
        )
        self.directory = Snapshot(secret)
        self.sink = DatabaseSink(db, self.enricher, now_ms=self.now_ms, wake=self.work.set)
        self.buffer = ClickBuffer(self.sink)
        self._trusted = parse_networks(settings.trusted_proxies)
        self._projecting = asyncio.Lock()
        self._refreshing = asyncio.Lock()

    def edge_setup(self) -> EdgeSetup:
        """Return what the public edge is built from."""
        return EdgeSetup(
            directory=self.directory,
            sink=self.sink,
            buffer=self.buffer,
            now_ms=self.now_ms,
            base_url=self.settings.base_url,
            prefix=self.settings.public_prefix,
            script_name=self.settings.script_name,
            cookie_name=self.settings.cookie_name,
            token_name=self.settings.token_name,
            code_parameter=(self.settings.url_parameters or (CODE_PARAMETER,))[0],
            trusted_proxies=self._trusted,
            currencies=EXPONENTS,
        )

    def now_ms(self) -> int:
        """Return Unix milliseconds now."""
        return time.time_ns() // 1_000_000

    def client_address(self, request: Request) -> str:
        """Return the address of the person's machine."""
        peer = request.client.host if request.client else None
        # A proxy may add a line of its own below the client's: all lines are one list.
        forwarded = ",".join(request.headers.getlist("x-forwarded-for"))
        return client_address(peer, forwarded.encode("latin-1") or None, self._trusted)

    async def refresh(self) -> None:
        """Make the public edge see what changed.

        One at a time: a refresh that began before a change must not end after the one that saw it.
        """
        async with self._refreshing:
            await self.db.read(self.directory.load)

    async def project(self) -> None:
        """Project every click acknowledged so far, at full speed: somebody waits for it."""
        async with self._projecting:
            await project_inbox(self.db, self.enricher)

    async def project_gently(self) -> None:
        """Project every click acknowledged so far, leaving most of the time to requests."""
        horizon = await self.db.write(clicks.inbox_horizon)
        read = 1
        while read:
            started = time.monotonic()
            async with self._projecting:
                read = await project_batch(self.db, self.enricher, horizon=horizon)
            await asyncio.sleep(REST * (time.monotonic() - started))

    async def close(self) -> None:
        """Store what waits and close the database."""
        await self.sink.save_drops()
        await self.db.close()


def purpose_key(secret: bytes, purpose: bytes) -> bytes:
    """Return a key for one purpose, derived from the root secret (HKDF-Expand of RFC 5869, one block)."""
    return hmac.digest(secret, purpose + b"\x01", hashlib.sha256)


async def open_services(data_dir: Path) -> Services:
    """Open the installation in a data folder, migrating its schema; raises SettingsError or DatabaseUnusableError."""
    settings = load_settings(data_dir)
    secret = load_secret(settings, data_dir)
    database = open_database(database_url(settings, data_dir))
    try:
        await migrate(database)
        services = Services(data_dir=data_dir, settings=settings, secret=secret, db=database)
        await services.refresh()
    except BaseException:
        await database.close()
        raise
    return services
