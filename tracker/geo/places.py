"""Where country and network files are: the places a process reads, newest first, and their age for an operator.

`tracker.services` opens what `open_networks` names, `molva geo update` writes into `folder_of`, `molva doctor` and the
installation page show `geo_files_state`.
"""

from importlib import resources
from pathlib import Path

import msgspec

from ingest.geo_files import GeoFileState
from ingest.networks import Networks
from tracker.instants import DAY_MS
from tracker.settings import Settings

FOLDER = "geo"  # in the data folder: what `molva geo update` fetched
COUNTRY = "country.mmdb"
NETWORKS = "networks.bin"
OLD_DAYS = 180  # networks change hands all the time; half a year later it is worth fetching again


class GeoFileAge(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of file (country, asn, list) as an operator sees it; `age_days` is None when no file is read."""

    kind: str
    path: str | None
    made_at_ms: int | None
    age_days: int | None
    is_old: bool
    trouble: str | None


def folder_of(data_dir: Path) -> Path:
    """Return where fetched files lie."""
    return data_dir / FOLDER


def open_networks(settings: Settings, data_dir: Path) -> Networks:
    """Return the files the settings name; without a setting the newer of the fetched and the built one."""
    return Networks(
        country_files=_candidates(settings.country_file, data_dir, COUNTRY),
        asn_files=_candidates(settings.asn_file, data_dir, NETWORKS),
        list_file=Path(settings.network_file) if settings.network_file else None,
    )


def geo_files_state(networks: Networks, *, now_ms: int) -> tuple[GeoFileAge, ...]:
    """Return what each kind of file is at the moment; only kinds that are read, or should be."""
    return tuple(
        _age(kind, state, now_ms)
        for kind, state in networks.state().items()
        if kind != "list" or state.path or state.trouble
    )


def _age(kind: str, state: GeoFileState, now_ms: int) -> GeoFileAge:
    made_at_ms = None if state.made_at_s is None else state.made_at_s * 1000
    age_days = None if made_at_ms is None else max(0, (now_ms - made_at_ms) // DAY_MS)
    return GeoFileAge(
        kind=kind,
        path=state.path,
        made_at_ms=made_at_ms,
        age_days=age_days,
        is_old=age_days is not None and age_days > OLD_DAYS,
        trouble=state.trouble,
    )


def _candidates(setting: str, data_dir: Path, name: str) -> tuple[Path, ...]:
    if setting:
        return (Path(setting),)
    built = resources.files("ingest").joinpath("data", "built", name)
    return folder_of(data_dir) / name, Path(str(built))
