"""Countries of addresses from a MaxMind country file the operator brings.

An absent, broken or swapped file means "unknown", never an error: tracking must not stop for it.
"""

from functools import lru_cache
from pathlib import Path

import geoip2.database
import geoip2.errors
import structlog
from maxminddb import InvalidDatabaseError

LOOKUPS_CACHED = 4096

log = structlog.get_logger()


class CountryFile:
    """One opened country file, or none."""

    def __init__(self, path: Path | None) -> None:
        """Open the file; a broken one is reported once and then treated as absent."""
        self._reader: geoip2.database.Reader | None = None
        if path is not None:
            try:
                self._reader = geoip2.database.Reader(path)
            except (OSError, InvalidDatabaseError, ValueError) as error:
                log.warning("country_file_unusable", path=str(path), error=str(error))
        self.country_of = lru_cache(maxsize=LOOKUPS_CACHED)(self._country_of)

    def _country_of(self, address: str) -> str | None:
        """Return the ISO 3166 code, None when unknown."""
        if self._reader is None:
            return None
        try:
            return self._reader.country(address).country.iso_code
        except (geoip2.errors.GeoIP2Error, InvalidDatabaseError, ValueError, TypeError, OSError):
            return None
