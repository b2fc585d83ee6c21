"""How Molva is hosted as browsers see it from the owner's page, best first; pure.

Browsers that shorten the life of cookies look at where the answer that sets them comes from: the page's own host, a
subdomain at the same address, a CNAME, or another address. The ranking is docs/install/check.md's.
"""

from typing import Literal
from urllib.parse import urlsplit

from ingest.install_check import Sighting
from tracker.installation.types import HostReading, SiteReading

Hosting = Literal["own_host", "same_address", "cname", "other_address", "other_site", "unknown"]


def rank_hosting(sighting: Sighting, reading: SiteReading) -> Hosting:
    """Return the rank of the way the click took.

    `Sec-Fetch-Site` is the browser's own word; without it only an equal host says something.
    """
    page_host, click_host = _host(sighting.page_url), _host(f"//{sighting.host}")
    if sighting.fetch_site == "same-origin":
        return "own_host"
    if sighting.fetch_site == "cross-site":
        return "other_site"
    if sighting.fetch_site != "same-site":
        return "own_host" if page_host and page_host == click_host else "unknown"
    at_site, at_script = reading.site_host, reading.script_host
    if page_host == click_host:
        return "same_address"
    if (page_host, click_host) != (at_site.host, at_script.host):
        return "unknown"
    return _compare(at_site, at_script)


def _compare(at_site: HostReading, at_script: HostReading) -> Hosting:
    if not at_site.addresses or not at_script.addresses:
        return "unknown"
    if set(at_site.addresses) & set(at_script.addresses):
        return "same_address"
    return "cname" if at_script.canonical is not None else "other_address"


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""
