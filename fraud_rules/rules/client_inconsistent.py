"""Rule 17: what the sending browser says of itself does not fit together. Run by the engine, for leads.

One oddity is an old device or a privacy tool; from two on somebody made the request up. What is not known counts
nothing: a page without a beacon or a server that hides headers makes no one suspicious.
"""

from typing import Annotated, Final

import msgspec

from fraud_rules.msgids import N_
from fraud_rules.rule import Ppm, Rule, RuleConfig
from fraud_rules.types import ClientSigns, Evidence, Facts, Finding, is_operator_sent

NAME_MAX = 64

# Chrome 120 became stable on 2023-12-05; a major every four weeks since. Where Chrome is faster, the estimate is too
# low and the rule milder.
CHROME_MAJOR = 120
CHROME_AT_MS = 1_701_734_400_000
CHROME_EVERY_MS = 28 * 86_400_000

# Browsers that carry Chrome's own version number.
_CHROMES: Final = ("chrome", "chromium", "headlesschrome", "edge")

_FOLDED: Final[dict[str, str]] = {
    "windows": "windows",
    "macos": "macos",
    "mac os x": "macos",
    "mac os": "macos",
    "linux": "linux",
    "ubuntu": "linux",
    "debian": "linux",
    "fedora": "linux",
    "android": "android",
    "ios": "ios",
    "iphone os": "ios",
    "ipados": "ios",
    "chrome os": "chromeos",
    "chromium os": "chromeos",
    "cros": "chromeos",
}
# A phone asked for the desktop page claims Linux, an iPad claims a Mac, a Chromebook runs Android's and Linux's apps.
_HONEST_PAIRS: Final = (
    frozenset({"android", "linux"}),
    frozenset({"ios", "macos"}),
    frozenset({"chromeos", "linux"}),
    frozenset({"chromeos", "android"}),
)

SIGN_TITLES: Final[dict[str, str]] = {
    "platform": N_("its hint names another system than its agent"),
    "old": N_("its version is two years old"),
    "language": N_("it names no language"),
    "http": N_("it speaks HTTP/1.0"),
    "beacon": N_("its page never ran the script"),
}
_TWO = N_("What the browser says of itself does not fit together: %(first)s; %(second)s.")
_MORE = N_("What the browser says of itself does not fit together: %(first)s; %(second)s; %(third)s.")
_CLEARS = N_("The customer uses an old device or a privacy tool, or the shop's server hides what browsers send.")


class Config(RuleConfig, frozen=True, kw_only=True):
    """Weight, how many signs it takes, and how many majors of Chrome a browser may lag behind."""

    # A note alone: privacy tools bend several headers at once.
    weight_ppm: Ppm = 400_000
    signs_min: Annotated[int, msgspec.Meta(ge=2, le=5)] = 2
    majors_behind: Annotated[int, msgspec.Meta(ge=1, le=200)] = 24


def evaluate(facts: Facts, config: Config) -> list[Finding]:
    """Return one finding when enough signs contradict one another."""
    subject = facts.subject
    if subject.signs is None or not subject.is_browser or is_operator_sent(subject.source):
        return []
    newest = newest_chrome(subject.occurred_at_ms)
    found = _read(subject.signs, newest=newest, config=config)
    if len(found) < config.signs_min:
        return []
    shown = dict(zip(("first", "second", "third"), (SIGN_TITLES[sign] for sign in found), strict=False))
    evidence: dict[str, Evidence] = {
        "signs": ", ".join(found),
        "platform": _fold(subject.signs.platform),
        "system": _fold(subject.signs.system),
        "browser_major": subject.signs.browser_major,
        "newest_major": newest,
    }
    return [
        RULE.find(
            message=_MORE if len(found) > 2 else _TWO,
            params=dict(shown),
            translated=tuple(shown),
            weight_ppm=config.weight_ppm,
            evidence=evidence,
            clears_when=_CLEARS,
        )
    ]


def newest_chrome(at_ms: int) -> int:
    """Return the estimated major of the newest stable Chrome at that instant."""
    return CHROME_MAJOR + (at_ms - CHROME_AT_MS) // CHROME_EVERY_MS


def _read(signs: ClientSigns, *, newest: int, config: Config) -> list[str]:
    found: list[str] = []
    hint, system = _fold(signs.platform), _fold(signs.system)
    if hint is not None and system is not None and hint != system and frozenset({hint, system}) not in _HONEST_PAIRS:
        found.append("platform")
    is_chrome = (signs.browser or "")[:NAME_MAX].strip().lower().startswith(_CHROMES)
    if is_chrome and signs.browser_major is not None and newest - signs.browser_major > config.majors_behind:
        found.append("old")
    if signs.has_language is False:
        found.append("language")
    if (signs.http_version or "")[:NAME_MAX].strip().upper().removeprefix("HTTP/") == "1.0":
        found.append("http")
    if signs.has_beacon is False:
        found.append("beacon")
    return found


def _fold(name: str | None) -> str | None:
    """Return the system's name as others write it too, or None for one that is not known."""
    return _FOLDED.get((name or "")[:NAME_MAX].strip().strip('"').lower())


RULE: Rule[Config] = Rule(
    id="client_inconsistent",
    version=1,
    title=N_("Browser that does not fit together"),
    family="device",
    severity="low",
    needs=frozenset(),
    timing=frozenset({"lead"}),
    config=Config(),
    evaluate=evaluate,
)
