"""Whether the names that browsers see are in somebody's way: our own pages, filter lists, other scripts; pure.

`doctor.py` calls it. Filter lists learn names, so a name that is free today may be blocked tomorrow; the words here are
those that common lists block or strip wherever they appear.
"""

import re

from tracker.operations.types import Finding
from tracker.settings import Settings

CHECK = "names"
# First parts of the addresses of pages, API and checks: the public prefix must be none of them.
TAKEN_PREFIXES = frozenset({"admin", "portal", "v1", "p", "login", "logout", "healthz", "readyz", "metrics", "static"})
LISTED_WORDS = frozenset(
    re.findall(
        r"\w+",
        "ads adv analytics beacon collect counter event events matomo metrics piwik pixel plausible stat stats "
        "telemetry track tracker tracking umami affiliate affiliates",
    )
)
STRIPPED = re.compile(r"^(utm_\w+|gclid|gbraid|wbraid|dclid|fbclid|msclkid|yclid|ttclid|twclid|igshid|mc_eid)\Z")
FOREIGN_GLOBALS = frozenset(
    re.findall(r"[\w$]+", "ga gtag fbq ym dataLayer _paq _gaq jQuery $ rewardful Rewardful growsumo tolt Tapfiliate")
)
FOREIGN_COOKIES = frozenset(
    {"_ga", "_gid", "_fbp", "_fbc", "_ym_uid", "PHPSESSID", "JSESSIONID", "sessionid", "session"}
)
OWN_COOKIES = frozenset({"molva_session", "molva_login", "molva_notice"})


def check_names(settings: Settings) -> list[Finding]:
    """Return a finding for each name that clashes, or a single one that says none does."""
    found = [*_shadows(settings), *_listed(settings), *_foreign(settings)]
    return found or [Finding(check=CHECK, state="ok", cause="No name that browsers see is taken or on a filter list.")]


def _shadows(settings: Settings) -> list[Finding]:
    found = []
    if settings.public_prefix.removeprefix("/") in TAKEN_PREFIXES:
        cause = f'public_prefix "{settings.public_prefix}" hides our own pages or API at the same address.'
        found.append(Finding(check=CHECK, state="failed", cause=cause, remedy="Choose another; /r is the default."))
    if settings.cookie_name in OWN_COOKIES:
        cause = f'cookie_name "{settings.cookie_name}" is the name of a cookie of the staff pages.'
        found.append(Finding(check=CHECK, state="failed", cause=cause, remedy="Choose another; _mv is the default."))
    return found


def _listed(settings: Settings) -> list[Finding]:
    remedy = "Choose another, or let names be drawn: molva init --neutral-names."
    found = [
        Finding(
            check=CHECK, state="warning", cause=f'{name} "{value}" holds a word that filter lists block.', remedy=remedy
        )
        for name, value in (("public_prefix", settings.public_prefix), ("script_name", settings.script_name))
        if LISTED_WORDS & set(re.split(r"[^a-z]+", value))
    ]
    for parameter in (*settings.url_parameters, settings.token_name):
        if STRIPPED.match(parameter.lower()):
            cause = f'The URL parameter "{parameter}" is one that browsers and filter lists strip.'
            found.append(Finding(check=CHECK, state="warning", cause=cause, remedy=remedy))
    return found


def _foreign(settings: Settings) -> list[Finding]:
    found = []
    for name, value, taken in (
        ("global_name", settings.global_name, FOREIGN_GLOBALS),
        ("cookie_name", settings.cookie_name, FOREIGN_COOKIES),
    ):
        if value in taken:
            cause = f'{name} "{value}" belongs to another script or framework.'
            found.append(Finding(check=CHECK, state="warning", cause=cause, remedy="Choose another."))
    return found
