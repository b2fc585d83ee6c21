"""What only Firefox has: its own switch for Global Privacy Control, which sends a header and tells scripts."""

from collections.abc import Iterator

import pytest

from .firefox import Firefox

pytestmark = pytest.mark.browser


@pytest.fixture
def objecting_firefox(launch) -> Iterator[Firefox]:
    started = Firefox(launch(gpc=True))
    yield started
    started.close()


def test_the_browsers_own_objection_is_honoured_by_snippet_and_server(objecting_firefox, sites, molva):
    session = objecting_firefox.new_session()
    session.goto("https://shop.test/?via=ANNA")

    assert session.evaluate("navigator.globalPrivacyControl") is True
    assert session.evaluate("molva.ready()") is None
    assert sites.received == []
    assert session.cookies() == []
    session.goto(molva.link)
    assert session.evaluate("location.search") == "?via=ANNA", "The link still leads where it should."
    [click] = molva.clicks()
    assert (click["source"], click["visitor_id"], click["ip"]) == ("redirect", None, None)
    assert session.cookies() == []
    session.close()
