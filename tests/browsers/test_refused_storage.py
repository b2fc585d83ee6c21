"""Browsers whose owner refuses cookies and site data, by the browser's own switch.

The Chromium of this module starts with that setting, so no other one may run beside it.
"""

from collections.abc import Iterator

import pytest

from .driver import Browser

pytestmark = pytest.mark.browser

SHOP = "https://shop.test"


@pytest.fixture(scope="module")
def refusing_browser(start_browser, launch) -> Iterator[Browser]:
    started = start_browser(launch(cookies=False))
    yield started
    started.close()


def test_refused_site_data_stops_neither_page_nor_click(refusing_browser, sites, molva, order):
    session = refusing_browser.new_session()
    try:
        session.goto(f"{SHOP}/?via=ANNA")

        [event] = sites.wait_events("click", 1)
        assert session.evaluate("molva.ready()")["id"] == event["c"]
        answer = session.evaluate(f"molva.sale({{ order: '{order}', amount: 100, currency: 'EUR' }})")
        assert answer["ok"] is True
        [sale] = sites.wait_events("sale", 1)
        assert sale["c"] == event["c"]
        assert session.cookies() == []
        assert event["s"] & 1 == 0, "The state bits say that no cookie was kept."
        assert session.evaluate("errors") == []
        assert [click["id"] for click in molva.clicks()] == [f"clk_{event['c']}"]
    finally:
        session.close()
