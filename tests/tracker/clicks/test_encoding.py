"""Packed values come back as they were."""

import base64
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracker.clicks.encoding import (
    PACKED_ID_BYTES,
    pack_browser_id,
    pack_masked,
    split_page,
    unpack_browser_id,
    unpack_masked,
)

IDS = st.text(alphabet=string.ascii_letters + string.digits + "_-", max_size=64)


@given(IDS)
def test_every_browser_id_comes_back(browser_id):
    assert unpack_browser_id(pack_browser_id(browser_id)) == browser_id


@given(st.binary(min_size=16, max_size=16))
def test_an_id_of_sixteen_bytes_takes_sixteen_bytes(made):
    browser_id = base64.urlsafe_b64encode(made).decode().rstrip("=")

    assert pack_browser_id(browser_id) == made


@given(IDS, IDS)
def test_different_ids_have_different_keys(one, other):
    assert (pack_browser_id(one) == pack_browser_id(other)) == (one == other)


@pytest.mark.parametrize(
    "browser_id",
    [
        pytest.param("", id="none at all"),
        pytest.param("a", id="one character"),
        pytest.param("a" * 15, id="one below a packed one"),
        pytest.param("a" * 16, id="as long as a packed one"),
        pytest.param("a" * 17, id="one above a packed one"),
        pytest.param("A" * 21 + "B", id="a spelling that decodes to the bytes of another"),
        pytest.param("A" * 21 + "-", id="bits behind the end"),
        pytest.param("_" * 22, id="the last letters of the alphabet"),
    ],
)
def test_ids_that_look_packed_come_back(browser_id):
    assert unpack_browser_id(pack_browser_id(browser_id)) == browser_id


def test_the_snippets_ids_are_packed():
    """The snippet writes '-' for both characters base64url has beyond letters and digits."""
    assert len(pack_browser_id("Ab-Cd-0123456789wxyz-Q")) == PACKED_ID_BYTES


@given(st.text(max_size=80))
def test_asking_for_any_text_is_no_error(text):
    pack_browser_id(text)


@pytest.mark.parametrize(
    ("masked", "size"),
    [
        ("203.0.113.x", 3),
        ("0.0.0.x", 3),
        ("2001:db8:7::/48", 6),
        ("::/48", 6),
        ("2001:db8::1:0:0:0:0/48", None),
        ("203.0.113.9", None),
        ("203.0.0113.x", None),
        ("256.0.0.x", None),
        ("x", None),
        ("", None),
    ],
)
def test_masked_addresses_come_back(masked, size):
    packed = pack_masked(masked)

    assert unpack_masked(packed) == masked
    assert size is None or len(packed) == size


@given(st.text(alphabet=string.printable, max_size=60))
def test_every_text_in_the_place_of_a_masked_address_comes_back(masked):
    assert unpack_masked(pack_masked(masked)) == masked


@given(st.text(max_size=200))
def test_a_split_page_is_whole_again(page_url):
    shared, rest = split_page(page_url)

    assert shared + (rest or "") == page_url


@pytest.mark.parametrize(
    ("page_url", "shared"),
    [
        ("https://shop.example/?via=ANNA", "https://shop.example/?via=ANNA"),
        ("https://shop.example/?via=ANNA&fbclid=IwAR0abcdefghijklmnopqrstuv", "https://shop.example/?via=ANNA"),
        ("https://shop.example/?gclid=EAIaIQobChMIabcdefghijklmn&via=ANNA", "https://shop.example/"),
        (
            "https://shop.example/?utm_campaign=a-campaign-of-spring",
            "https://shop.example/?utm_campaign=a-campaign-of-spring",
        ),
        ("https://shop.example/a-very-long-path-of-many-words/=abcdefghijklmnopqrstuvwxyz", None),
        ("", ""),
    ],
)
def test_what_one_click_alone_has_is_split_off(page_url, shared):
    assert split_page(page_url)[0] == (page_url if shared is None else shared)
