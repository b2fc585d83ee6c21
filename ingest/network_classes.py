"""What kind of network an autonomous system is: homes, phones, campuses, companies, servers, VPN, relays.

`ingest.networks` asks for every new address. A short list of our own (`data/networks.csv`, with its reason in each
line) comes first, the words of the organisation's name after it. What neither tells is "unknown", which accuses nobody.
"""

import csv
import re
from functools import cache, lru_cache
from importlib import resources
from typing import Literal

NetworkClass = Literal["fixed", "mobile", "edu", "corporate", "hosting", "vpn", "tor", "relay", "unknown"]

SYSTEMS_CACHED = 8192

# Words of names, in the languages the registries write. Order matters: a university's data centre is a campus network,
# a telecom's data centre hosting. VPN is no word here: providers of company networks carry it in their names, too.
_WORDS: tuple[tuple[NetworkClass, re.Pattern[str]], ...] = (
    (
        "edu",
        re.compile(
            r"universi|\buniv\b|\bcollege\b|\bschools?\b|institute of technology|hochschule|politec|polytec|politech"
            r"|research and education|academic network",
            re.IGNORECASE,
        ),
    ),
    (
        "hosting",
        re.compile(
            r"hosting\b|\bwebhost|\bhost(?:er)?\b|data ?cent(?:er|re)|\bcloud\b|\bvps\b|\bvds\b|\bservers?\b|\bcolo",
            re.IGNORECASE,
        ),
    ),
    ("mobile", re.compile(r"\bmobile\b|\bcellular\b|\bgsm\b", re.IGNORECASE)),
    (
        "fixed",
        re.compile(
            r"telecom|telekom|telefon|teleco\b|broadband|\bcable\b|cablevision|\bkabel|\bfib(?:er|re|ra)\b"
            r"|\bisp\b|\bdsl\b|internet service|provedor|banda larga",
            re.IGNORECASE,
        ),
    ),
)


@lru_cache(maxsize=SYSTEMS_CACHED)
def class_of_system(number: int, name: str) -> NetworkClass:
    """Return the class of an autonomous system by its number and its organisation's name (any text, may be empty)."""
    listed = _listed().get(number)
    if listed is not None:
        return listed
    return next((network_class for network_class, words in _WORDS if words.search(name)), "unknown")


@cache
def _listed() -> dict[int, NetworkClass]:
    text = resources.files("ingest").joinpath("data/networks.csv").read_text(encoding="utf-8")
    classes: dict[str, NetworkClass] = {
        "fixed": "fixed", "mobile": "mobile", "edu": "edu", "corporate": "corporate", "hosting": "hosting",
        "vpn": "vpn", "relay": "relay",
    }  # fmt: skip
    return {int(row["asn"]): classes[row["class"]] for row in csv.DictReader(text.splitlines())}
