from random import Random

import msgspec
import pytest

from tracker.admin import cookies
from tracker.app import create_app
from tracker.neutral_names import draw_names
from tracker.operations.names import OWN_COOKIES, TAKEN_PREFIXES, check_names
from tracker.settings import Settings


def states(**changes):
    return [(finding.state, finding.check) for finding in check_names(Settings(**changes))]


def test_the_default_names_clash_with_nothing():
    assert states() == [("ok", "names")]


def test_drawn_names_clash_with_nothing():
    for seed in range(200):
        drawn = msgspec.convert(draw_names(Random(seed)), Settings)
        assert [finding.state for finding in check_names(drawn)] == ["ok"]


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ({"public_prefix": "/v1"}, "failed"),
        ({"public_prefix": "/admin"}, "failed"),
        ({"cookie_name": "molva_session"}, "failed"),
        ({"public_prefix": "/track"}, "warning"),
        ({"public_prefix": "/my-analytics"}, "warning"),
        ({"script_name": "pixel"}, "warning"),
        ({"url_parameters": ("ref", "gclid")}, "warning"),
        ({"token_name": "utm_token"}, "warning"),
        ({"global_name": "gtag"}, "warning"),
        ({"cookie_name": "_ga"}, "warning"),
    ],
    ids=str,
)
def test_a_name_in_somebodys_way_is_told(changes, state):
    assert states(**changes) == [(state, "names")]


def test_every_first_part_of_our_own_addresses_is_taken(world):
    routes = create_app(world.services)._pages.routes
    firsts = {route.path.split("/")[1] for route in routes} - {""}

    assert firsts <= TAKEN_PREFIXES


def test_the_cookies_of_the_staff_pages_are_taken():
    assert {cookies.SESSION, cookies.LOGIN_FORM, cookies.NOTICE} == OWN_COOKIES
