from html.parser import HTMLParser
from typing import get_args

import msgspec
import pytest

import snippet
from tracker.settings import Settings
from tracker.snippet_tag import install_tag, script_url

PLAIN = Settings(base_url="https://go.shop.example")


class OneTag(HTMLParser):
    """Reads the attributes of the only tag."""

    found: dict[str, str | None]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag == "script"
        self.found = dict(attrs)


def attributes(text: str) -> dict[str, str | None]:
    reader = OneTag()
    reader.feed(text)
    reader.close()
    return reader.found


def test_the_tag_of_a_plain_installation_says_nothing_but_its_key() -> None:
    tag = install_tag(PLAIN, key="pk_live_1")

    assert tag == '<script async src="https://go.shop.example/r/x.js" data-key="pk_live_1"></script>'


@pytest.mark.parametrize(
    ("setting", "attribute", "value"),
    [
        ({"cookie_name": "q_x8"}, "data-cookie", "q_x8"),
        ({"global_name": "$w3"}, "data-name", "$w3"),
        ({"token_name": "k7d"}, "data-token", "k7d"),
        ({"url_parameters": ("h2n", "via")}, "data-params", "h2n via"),
    ],
)
def test_each_name_of_ones_own_stands_in_the_tag(setting: dict, attribute: str, value: str) -> None:
    tag = attributes(install_tag(msgspec.structs.replace(PLAIN, **setting), key="pk_1"))

    assert tag == {"async": None, "src": "https://go.shop.example/r/x.js", "data-key": "pk_1", attribute: value}


@pytest.mark.parametrize("build", get_args(snippet.Build))
def test_the_address_has_prefix_script_name_and_build(build: str) -> None:
    moved = msgspec.structs.replace(PLAIN, public_prefix="/k7d", script_name="m4t")

    assert script_url(moved, build) == f"https://go.shop.example/k7d/m4t{build[1:]}"


def test_a_pinned_file_has_its_hash_and_asks_without_credentials() -> None:
    tag = attributes(install_tag(PLAIN, key="pk_1", build="x.v1.js", integrity="sha384-a+b/c="))

    assert tag["integrity"] == "sha384-a+b/c="
    assert tag["crossorigin"] == "anonymous"


def test_no_value_ends_the_attribute() -> None:
    assert attributes(install_tag(PLAIN, key='pk_"><b>'))["data-key"] == 'pk_"><b>'
