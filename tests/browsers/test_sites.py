"""Where the endpoint lives and where the cookie reaches, in every browser."""

import pytest

from .state import cookie_texts, state_of

pytestmark = pytest.mark.browser


def set_cookies(sites):
    return [value for name, value in sites.received[0].answer_headers if name.lower() == "set-cookie"]


def test_click_on_one_host_is_known_on_its_siblings(session, sites, molva, order):
    session.goto("https://blog.shop.test/?via=ANNA")
    [event] = sites.wait_events("click", 1)

    session.goto("https://app.shop.test/")

    assert session.evaluate("molva.ready()")["id"] == event["c"]
    assert session.evaluate(f"molva.lead({{ id: '{order}' }})")["ok"] is True
    [lead] = sites.wait_events("lead", 1)
    assert (lead["c"], lead["g"]) == (event["c"], "shop.test")
    assert len(molva.clicks()) == 1


def test_endpoint_on_a_sub_domain_sets_the_cookie(session, sites, molva):
    sites.script = "https://go.shop.test/r/x.js"

    session.goto("https://www.shop.test/?via=ANNA")

    session.evaluate("molva.ready()")
    [event] = sites.wait_events("click", 1)
    assert sites.received[0].host == "go.shop.test"
    assert "Domain=shop.test" in set_cookies(sites)[0]
    assert state_of(session).last_id == event["c"]
    assert len(molva.clicks()) == 1


def test_endpoint_on_another_site_counts_without_credentials(session, sites, molva):
    sites.script = "https://molva.test/r/x.js"

    session.goto("https://shop.test/?via=ANNA")

    assert session.evaluate("molva.ready()")["partner"]["name"] == "Anna"
    [event] = sites.wait_events("click", 1)
    assert "Cookie" not in sites.received[0].headers
    assert set_cookies(sites) == []
    assert state_of(session).last_id == event["c"]
    assert [click["id"] for click in molva.clicks()] == [f"clk_{event['c']}"]


def test_host_only_cookie_stays_on_its_host(session, sites):
    sites.attributes = 'data-domain=""'
    session.goto("https://blog.shop.test/?via=ANNA")
    sites.wait_events("click", 1)

    session.goto("https://app.shop.test/")

    assert session.evaluate("molva.ready()") is None
    assert cookie_texts(session) == []


def test_page_framed_by_another_site_counts_nothing(session, sites):
    frame = "<iframe src='https://other.test/?via=ANNA'></iframe>"
    sites.body = f'<script>top === window && document.write("{frame}")</script>'

    session.goto("https://shop.test/")

    session.evaluate("molva.ready()")
    assert [page.url for page in sites.pages] == ["https://shop.test/", "https://other.test/?via=ANNA"]
    sites.body = ""
    session.goto("https://other.test/")
    assert session.evaluate("molva.ready()") is None
    assert sites.received == []
    assert session.cookies() == []
