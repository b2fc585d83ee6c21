"""The parts of a running Molva, made once and handed to every face.

`open_services` opens them, `close` drains and closes them; nothing is global.
"""

import asyncio
import hashlib
import hmac
import time
from collections.abc import Callable
from pathlib import Path

from starlette.requests import Request

from ingest.address_keys import AddressKeyring
from ingest.buffer import ClickBuffer
from ingest.client_address import client_address
from ingest.rate_limits import RateLimits
from ingest.redirects import CODE_PARAMETERS
from ingest.setup import EdgeSetup
from tracker.clicks.project import Enricher
from tracker.clicks.projector import Projector
from tracker.db.database import Database
from tracker.db.migrating import migrate
from tracker.db.opening import open_database
from tracker.directory import Snapshot
from tracker.fraud.payment_keys import PaymentKeys
from tracker.geo.places import open_networks
from tracker.i18n.currencies import EXPONENTS
from tracker.operations.ledger_watch import LedgerWatch
from tracker.operations.readiness import Readiness
from tracker.privacy.epochs import derive_epochs, is_current
from tracker.privacy.rotation import keep_epochs
from tracker.settings import (
    LimitSettings,
    Settings,
    database_url,
    load_metrics_token,
    load_secret,
    load_settings,
    parse_networks,
)
from tracker.sink import DatabaseSink

LARGE_BODIES = 16  # API bodies above 64 KiB that are read at the same time: fifty together would fill 50 MiB


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
        self.large_bodies = asyncio.Semaphore(LARGE_BODIES)
        # Set where another process does the background work: what tells it that there is some.
        self.wake_background: Callable[[], None] | None = None
        self.background_restarts = 0
        # Set in that process: whether reports are pouring in at the server.
        self.is_server_pressed: Callable[[], bool] | None = None
        self.enricher = Enricher(
            keyring=AddressKeyring(),
            networks=open_networks(settings, data_dir),
            payments=PaymentKeys(purpose_key(secret, b"payment keys v1")),
        )
        self.directory = Snapshot(secret)
        self.sink = DatabaseSink(
            db,
            self.enricher,
            now_ms=self.now_ms,
            wake=self._wake,
            keeps_addresses=settings.raw_ip_days > 0,
        )
        self.buffer = ClickBuffer(self.sink)
        self.limits = _rate_limits(settings.limits)
        self._trusted = parse_networks(settings.trusted_proxies)
        self.metrics_token = load_metrics_token(settings)
        self.readiness = Readiness(db, data_dir)
        self.ledger_watch = LedgerWatch()
        self._projector = Projector(db, self.enricher, now_ms=self.now_ms)
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
            url_parameters=self.settings.url_parameters or CODE_PARAMETERS,
            trusted_proxies=self._trusted,
            currencies=EXPONENTS,
            limits=self.limits,
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

    def count_restart(self) -> None:
        """Note that the background process died and is started again."""
        self.background_restarts += 1

    def is_pressed(self) -> bool:
        """Tell whether reports are pouring in: work that can wait should."""
        return self.sink.reports.is_pressed if self.is_server_pressed is None else self.is_server_pressed()

    def _wake(self) -> None:
        self.work.set()
        if self.wake_background is not None:
            self.wake_background()

    async def refresh(self) -> None:
        """Make the public edge see what changed.

        One at a time: a refresh that began before a change must not end after the one that saw it.
        """
        async with self._refreshing:
            await self.keep_address_keys()
            await self.db.read(self.directory.load)

    async def keep_address_keys(self) -> None:
        """Bring the address keys up to now; costs nothing while no epoch comes or goes."""
        now_ms, days, kept_days = self.now_ms(), self.settings.address_key_days, self.settings.raw_ip_days
        if is_current(self.enricher.keyring.epochs, now_ms=now_ms, kept_days=kept_days):
            return
        stored = await keep_epochs(self.db, self.data_dir, now_ms=now_ms, days=days, kept_days=kept_days)
        self.enricher.keyring.replace(derive_epochs(stored, purpose_key(self.secret, b"address epochs v1")))

    async def project(self) -> None:
        """Project every click acknowledged so far, at full speed: somebody waits for it."""
        await self._projector.project()

    async def project_gently(self) -> None:
        """Project every click acknowledged so far, leaving most of the time to requests."""
        await self._projector.project_gently(self.stopping)

    async def close(self) -> None:
        """Store what waits and close the database."""
        await self.sink.save_drops()
        await self.db.close()


def _rate_limits(settings: LimitSettings) -> RateLimits | None:
    """Return the limits of this process, None when they are switched off."""
    if not settings.enabled:
        return None
    return RateLimits(
        clicks_per_minute=settings.clicks_per_minute,
        reports_per_minute=settings.reports_per_minute,
        calls_per_minute=settings.calls_per_minute,
    )


def purpose_key(secret: bytes, purpose: bytes) -> bytes:
    """Return a key for one purpose, derived from the root secret (HKDF-Expand of RFC 5869, one block)."""
    return hmac.digest(secret, purpose + b"\x01", hashlib.sha256)


async def open_services(data_dir: Path, *, is_beside: bool = False) -> Services:
    """Open the installation in a data folder, migrating its schema; raises SettingsError or DatabaseUnusableError.

    `is_beside`: a server has it open already, and its schema is as it must be.
    """
    settings = load_settings(data_dir)
    secret = load_secret(settings, data_dir)
    database = open_database(database_url(settings, data_dir), is_beside=is_beside)
    try:
        if not is_beside:
            await migrate(database)
        services = Services(data_dir=data_dir, settings=settings, secret=secret, db=database)
        await services.refresh()
    except BaseException:
        await database.close()
        raise
    return services
