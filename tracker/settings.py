"""Settings: `molva.toml` in the data folder, overridden by `MOLVA_…`; read once at start.

Unknown keys are refused with the nearest name. Names that a person sees (prefix, cookie, script) are settings because
filter lists learn names.
"""

import difflib
import os
import re
import secrets
import tomllib
from collections.abc import Mapping
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from ingest.client_address import Network

PREFIX = "MOLVA_"
SECRET_FILE = "secret.key"  # noqa: S105  # The file's name, not the secret.
SECRET_MIN = 32  # bytes

# Ways to say where the data is; not settings themselves.
_NOT_SETTINGS = frozenset({"data_dir"})
_LISTS = ("trusted_proxies", "url_parameters")
# Settings whose value no copy of molva.toml may carry unasked.
SECRET_SETTINGS = frozenset({"secret_key", "metrics_token"})
# Words of JavaScript and names every page has already: no script can be called by them (ECMA-262 12.7.2, HTML 7.2).
_TAKEN_GLOBALS = frozenset(
    re.findall(
        r"\w+",
        "await break case catch class const continue debugger default delete do else enum export extends false finally "
        "for function if implements import in instanceof interface let new null package private protected public "
        "return static super switch this throw true try typeof var void while with yield "
        "document location name self status top undefined window",
    )
)

# The snippet reads names of letters, digits and underscores.
ParameterName = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_]{1,32}\Z")]


class LimitSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Rate limits; size and time limits always stay."""

    enabled: bool = True
    clicks_per_minute: Annotated[int, msgspec.Meta(ge=1, le=10**6)] = 1200
    reports_per_minute: Annotated[int, msgspec.Meta(ge=1, le=10**6)] = 600
    calls_per_minute: Annotated[int, msgspec.Meta(ge=1, le=10**6)] = 6000


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything an operator can set; see docs/settings.md."""

    base_url: Annotated[str, msgspec.Meta(pattern=r"^https?://[^/?#\s]+\Z")] = "http://127.0.0.1:8000"
    database_url: str = ""
    public_prefix: Annotated[str, msgspec.Meta(pattern=r"^/[a-z0-9-]{1,20}\Z")] = "/r"
    script_name: Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9]{0,15}\Z")] = "x"
    cookie_name: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_-]{1,32}\Z")] = "_mv"
    global_name: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z_$][A-Za-z0-9_$]{0,31}\Z")] = "molva"
    token_name: ParameterName = "_mv"  # noqa: S105  # The name of a URL parameter.
    # Names of the code's URL parameters, best first; empty means the snippet's own list.
    url_parameters: Annotated[tuple[ParameterName, ...], msgspec.Meta(max_length=20)] = ()
    trusted_proxies: tuple[str, ...] = ()
    country_file: str = ""
    asn_file: str = ""
    network_file: str = ""
    geo_url: Annotated[str, msgspec.Meta(pattern=r"^(https?://[^?#\s]+)?\Z")] = ""
    raw_ip_days: Annotated[int, msgspec.Meta(ge=0, le=365)] = 14
    # Not below the longest span the rules compare addresses in (COMPARED_DAYS in ingest/address_keys.py).
    address_key_days: Annotated[int, msgspec.Meta(ge=30, le=365)] = 90
    click_days: Annotated[int, msgspec.Meta(ge=0, le=3650)] = 180
    refused_event_days: Annotated[int, msgspec.Meta(ge=1, le=3650)] = 90
    custom_event_days: Annotated[int, msgspec.Meta(ge=1, le=3650)] = 400
    limits: LimitSettings = LimitSettings()
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    # Of the characters a bearer token may have (RFC 6750 2.1).
    metrics_token: Annotated[str, msgspec.Meta(pattern=r"^([A-Za-z0-9._~+/=-]{16,})?\Z")] = ""
    metrics_token_file: str = ""
    secret_key: str = ""
    secret_key_file: str = ""


class SettingsError(Exception):
    """A setting cannot be used; the message says which, why and what to do."""


def load_settings(data_dir: Path, environ: Mapping[str, str] = os.environ) -> Settings:
    """Return the settings of a data folder; raises SettingsError."""
    values = _from_file(data_dir / "molva.toml") | _from_environment(environ)
    for name in values:
        if name not in Settings.__struct_fields__:
            near = difflib.get_close_matches(name, Settings.__struct_fields__, n=1)
            hint = f' Did you mean "{near[0]}"?' if near else " See docs/settings.md for all names."
            raise SettingsError(f'There is no setting "{name}".{hint}')
    for name in _LISTS:
        if name in values:
            values[name] = _listed(values[name])
    try:
        settings = msgspec.convert(values, Settings, strict=False)
    except msgspec.ValidationError as error:
        hint = (
            ' base_url is an address like "https://partners.example.com", without a path.'
            if "base_url" in str(error)
            else ""
        )
        raise SettingsError(f"A setting is wrong: {error}.{hint} See docs/settings.md.") from error
    parse_networks(settings.trusted_proxies)
    _check_names(settings)
    return settings


def _check_names(settings: Settings) -> None:
    """Refuse names that a page could not work with; raises SettingsError."""
    if settings.global_name in _TAKEN_GLOBALS:
        raise SettingsError(
            f'global_name "{settings.global_name}" is a word of JavaScript or a name every page has; choose another.'
        )
    if settings.token_name in settings.url_parameters:
        raise SettingsError(
            f'token_name "{settings.token_name}" is also in url_parameters; the code and the token need two names.'
        )


def parse_networks(texts: tuple[str, ...]) -> tuple[Network, ...]:
    """Return the networks of a list of CIDRs; raises SettingsError naming the wrong one."""
    networks: list[Network] = []
    for text in texts:
        try:
            networks.append(ip_network(text))
        except ValueError as error:
            raise SettingsError(
                f'"{text}" in trusted_proxies is not a network; write it like 10.0.0.0/8 or 2001:db8::/32 ({error}).'
            ) from error
    return tuple(networks)


def database_url(settings: Settings, data_dir: Path) -> str:
    """Return where the database is: as set, else the SQLite file in the data folder."""
    return settings.database_url or f"sqlite:///{data_dir / 'molva.db'}"


def load_secret(settings: Settings, data_dir: Path) -> bytes:
    """Return the root secret, from settings or the data folder; a missing or short one raises SettingsError."""
    text = settings.secret_key
    if not text:
        path = Path(settings.secret_key_file) if settings.secret_key_file else data_dir / SECRET_FILE
        try:
            text = path.read_text().strip()
        except OSError as error:
            raise SettingsError(
                f'The root secret cannot be read from "{path}" ({error.strerror}). '
                "Restore it from your backup, or make a new installation with: molva init."
            ) from error
        except UnicodeDecodeError as error:
            raise SettingsError(f'The root secret in "{path}" is not text; use 64 hexadecimal digits.') from error
    if len(text.encode()) < SECRET_MIN:
        raise SettingsError(f"The root secret is shorter than {SECRET_MIN} bytes; use 64 random hexadecimal digits.")
    return text.encode()


def load_metrics_token(settings: Settings) -> str:
    """Return the token that opens the metrics, empty when they are off; an unusable file raises SettingsError."""
    if settings.metrics_token or not settings.metrics_token_file:
        return settings.metrics_token
    path = Path(settings.metrics_token_file)
    try:
        return msgspec.convert({"metrics_token": path.read_text().strip()}, Settings).metrics_token
    except (OSError, UnicodeDecodeError, msgspec.ValidationError) as error:
        raise SettingsError(
            f'The metrics token cannot be read from "{path}"; let this user read it, and put 16 or more of '
            "A-Z, a-z, 0-9 and ._~+/=- into it."
        ) from error


def write_secret(data_dir: Path) -> None:
    """Make the root secret, readable by its owner alone."""
    descriptor = os.open(data_dir / SECRET_FILE, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(secrets.token_hex(32) + "\n")


def _from_file(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text())
    except FileNotFoundError:
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f'"{path}" is not TOML: {error}. Correct that line.') from error
    except OSError as error:
        raise SettingsError(f'"{path}" cannot be read ({error.strerror}); let this user read it.') from error


def _from_environment(environ: Mapping[str, str]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, value in environ.items():
        key = name.removeprefix(PREFIX).lower()
        if not name.startswith(PREFIX) or key in _NOT_SETTINGS:
            continue
        group, _, inner = key.partition("__")
        if inner:
            held = values.get(group)
            values[group] = (held if isinstance(held, dict) else {}) | {inner: value}
        else:
            values[key] = value
    return values


def _listed(value: Any) -> Any:
    """Return a list given as one text with commas, as environment variables are, as a list."""
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value
