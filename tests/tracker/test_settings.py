from ipaddress import ip_network
from pathlib import Path

import pytest

from tracker.settings import (
    SECRET_FILE,
    Settings,
    SettingsError,
    database_url,
    load_secret,
    load_settings,
    parse_networks,
    write_secret,
)


def settings_of(folder: Path, toml: str = "", **environ: str) -> Settings:
    if toml:
        (folder / "molva.toml").write_text(toml)
    return load_settings(folder, environ)


def test_an_empty_folder_has_the_defaults(tmp_path) -> None:
    settings = settings_of(tmp_path)

    assert settings == Settings()
    assert database_url(settings, tmp_path) == f"sqlite:///{tmp_path}/molva.db"


def test_the_environment_is_above_the_file(tmp_path) -> None:
    settings = settings_of(
        tmp_path,
        'base_url = "https://file.example"\ncookie_name = "_f"\ntrusted_proxies = ["10.0.0.0/8"]\n',
        MOLVA_BASE_URL="https://env.example",
        MOLVA_TRUSTED_PROXIES="192.0.2.0/24, 2001:db8::/32,",
        MOLVA_DATA_DIR="/elsewhere",
        PATH="/bin",
    )

    assert (settings.base_url, settings.cookie_name) == ("https://env.example", "_f")
    assert settings.trusted_proxies == ("192.0.2.0/24", "2001:db8::/32")


@pytest.mark.parametrize(
    ("toml", "environ", "named"),
    [
        ('base_urll = "x"', {}, 'There is no setting "base_urll". Did you mean "base_url"?'),
        ("", {"MOLVA_LOGLEVEL": "info"}, 'There is no setting "loglevel". Did you mean "log_level"?'),
        ("zzz = 1", {}, "See docs/settings.md"),
        ('base_url = "ftp://x"', {}, "base_url"),
        ("", {"MOLVA_BASE_URL": "https://x.example/path"}, "base_url"),
        ("", {"MOLVA_BASE_URL": "https://x.example\n"}, "base_url"),
        ("", {"MOLVA_PUBLIC_PREFIX": "r"}, "public_prefix"),
        ("", {"MOLVA_PUBLIC_PREFIX": "/r\n"}, "public_prefix"),
        ("", {"MOLVA_COOKIE_NAME": "a b"}, "cookie_name"),
        ("", {"MOLVA_COOKIE_NAME": "_mv\n"}, "cookie_name"),
        ("", {"MOLVA_SCRIPT_NAME": "1x"}, "script_name"),
        ("", {"MOLVA_SCRIPT_NAME": "x" * 17}, "script_name"),
        ("", {"MOLVA_SCRIPT_NAME": "x.y"}, "script_name"),
        ("", {"MOLVA_GLOBAL_NAME": "a-b"}, "global_name"),
        ("", {"MOLVA_GLOBAL_NAME": "1a"}, "global_name"),
        ("", {"MOLVA_GLOBAL_NAME": "class"}, 'global_name "class" is a word of JavaScript'),
        ("", {"MOLVA_GLOBAL_NAME": "location"}, 'global_name "location"'),
        ("", {"MOLVA_TOKEN_NAME": "a-b"}, "token_name"),
        ("", {"MOLVA_TOKEN_NAME": ""}, "token_name"),
        ("", {"MOLVA_URL_PARAMETERS": "via,a b"}, "url_parameters"),
        ("", {"MOLVA_URL_PARAMETERS": ",".join(f"p{number}" for number in range(21))}, "url_parameters"),
        ('token_name = "via"\nurl_parameters = ["ref", "via"]', {}, 'token_name "via" is also in url_parameters'),
        ("", {"MOLVA_LOG_LEVEL": "loud"}, "log_level"),
        ("", {"MOLVA_TRUSTED_PROXIES": "10.0.0.1/8"}, '"10.0.0.1/8" in trusted_proxies'),
        ("", {"MOLVA_TRUSTED_PROXIES": "proxy.example"}, '"proxy.example" in trusted_proxies'),
        ("trusted_proxies = 7", {}, "trusted_proxies"),
        ("", {"MOLVA_LIMITS__ENABLED": "perhaps"}, "limits.enabled"),
        ("", {"MOLVA_LIMITS__ENABLE": "true"}, "enable"),
        ("", {"MOLVA_LIMITS": "1", "MOLVA_LIMITS__X": "1"}, "limits"),
        ("", {"MOLVA_BASE_URL": "https://a.example", "MOLVA_BASE_URL__X": "1"}, "base_url"),
        ("", {"MOLVA_NOTHING__X": "1"}, 'There is no setting "nothing"'),
        ("base_url = ", {}, "is not TOML"),
    ],
)
def test_a_wrong_setting_is_named_with_the_remedy(tmp_path, toml: str, environ: dict, named: str) -> None:
    with pytest.raises(SettingsError) as refusal:
        settings_of(tmp_path, toml, **environ)

    assert named in str(refusal.value)


def test_names_may_be_chosen(tmp_path) -> None:
    settings = settings_of(
        tmp_path,
        'script_name = "m4t"\nurl_parameters = ["h2n", "via"]\n',
        MOLVA_GLOBAL_NAME="$w_3",
        MOLVA_TOKEN_NAME="k7d",
    )

    assert (settings.script_name, settings.global_name, settings.token_name) == ("m4t", "$w_3", "k7d")
    assert settings.url_parameters == ("h2n", "via")
    assert settings_of(tmp_path, MOLVA_URL_PARAMETERS="a, b,").url_parameters == ("a", "b")


@pytest.mark.parametrize(("text", "expected"), [("false", False), ("0", False), ("true", True)])
def test_nested_settings_are_named_with_two_underscores(tmp_path, text: str, expected: bool) -> None:
    assert settings_of(tmp_path, MOLVA_LIMITS__ENABLED=text).limits.enabled is expected
    assert settings_of(tmp_path, "[limits]\nenabled = false\n").limits.enabled is False


def test_a_file_that_is_no_file_is_named(tmp_path) -> None:
    (tmp_path / "molva.toml").mkdir()

    with pytest.raises(SettingsError, match="cannot be read"):
        load_settings(tmp_path, {})


def test_networks_are_read() -> None:
    assert parse_networks(("10.0.0.0/8", "::1")) == (ip_network("10.0.0.0/8"), ip_network("::1/128"))


def test_the_secret_is_made_once_for_its_owner_alone(tmp_path) -> None:
    write_secret(tmp_path)

    path = tmp_path / SECRET_FILE
    assert path.stat().st_mode & 0o777 == 0o600
    assert load_secret(Settings(), tmp_path) == path.read_text().strip().encode()
    assert len(load_secret(Settings(), tmp_path)) == 64
    with pytest.raises(FileExistsError):
        write_secret(tmp_path)


def test_a_secret_comes_from_the_setting_or_a_file_of_its_own(tmp_path) -> None:
    (tmp_path / "other").write_text("f" * 40 + "\n")

    assert load_secret(Settings(secret_key="s" * 32), tmp_path) == b"s" * 32
    assert load_secret(Settings(secret_key_file=str(tmp_path / "other")), tmp_path) == b"f" * 40


@pytest.mark.parametrize("content", [None, b"", b"short", b"s" * 31, b"\xff" * 64])
def test_a_missing_short_or_binary_secret_refuses_to_start(tmp_path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / SECRET_FILE).write_bytes(content)

    with pytest.raises(SettingsError, match="root secret"):
        load_secret(Settings(), tmp_path)
