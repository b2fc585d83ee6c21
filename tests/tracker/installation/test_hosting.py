import pytest

from ingest.install_check import Sighting
from tracker.installation.hosting import rank_hosting
from tracker.installation.types import HostReading, PageReading, SiteReading

ONE, TWO = ("203.0.113.1",), ("203.0.113.2",)


def sighting(**changes):
    values = {"key": "pk_1", "drop": "unknown_code", "host": "go.shop.example", "origin": "", "fetch_site": "same-site"}
    values |= {"page_url": "https://shop.example/", "state": 3, "is_cookie_sent": False}
    return Sighting(**(values | changes))


def reading(site=ONE, script=ONE, canonical=None):
    return SiteReading(
        page=PageReading(status=200),
        script=None,
        site_host=HostReading(host="shop.example", addresses=site),
        script_host=HostReading(host="go.shop.example", addresses=script, canonical=canonical),
    )


@pytest.mark.parametrize(
    ("seen", "read", "rank"),
    [
        pytest.param({"fetch_site": "same-origin"}, reading(), "own_host", id="path of the site"),
        pytest.param({}, reading(), "same_address", id="subdomain, same address"),
        pytest.param({}, reading(canonical="cdn.example"), "same_address", id="alias at the same address"),
        pytest.param({}, reading(script=TWO, canonical="cdn.example"), "cname", id="alias elsewhere"),
        pytest.param({}, reading(script=TWO), "other_address", id="subdomain elsewhere"),
        pytest.param({}, reading(script=()), "unknown", id="name not found"),
        pytest.param({}, reading(site=()), "unknown", id="site not found"),
        pytest.param({"host": "third.shop.example"}, reading(), "unknown", id="another host than was resolved"),
        pytest.param({"host": "shop.example:8443"}, reading(script=()), "same_address", id="other port of the host"),
        pytest.param({"fetch_site": "cross-site"}, reading(), "other_site", id="other site"),
        pytest.param({"fetch_site": ""}, reading(), "unknown", id="old browser, other host"),
        pytest.param({"fetch_site": "", "host": "shop.example"}, reading(), "own_host", id="old browser, own host"),
        pytest.param({"fetch_site": "", "host": "[", "page_url": "x"}, reading(), "unknown", id="nonsense"),
    ],
)
def test_hosting_is_ranked_by_the_browsers_word_and_dns(seen, read, rank):
    assert rank_hosting(sighting(**seen), read) == rank
