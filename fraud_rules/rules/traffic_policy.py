"""Rule 29: traffic the program does not pay for: bought ads, banned places, a code that leaked. Run by the engine.

A breach of the rules is no fraud: the family is `policy`, and a note unless the place itself is banned. The merchant's
own campaigns are named in `allowed_campaigns`. fbclid is put on unpaid links too, so alone it is forgiven. Text of
links is cut first: it comes from strangers.
"""

from fnmatch import fnmatchcase
from typing import Annotated
from urllib.parse import unquote_plus

import msgspec

from fraud_rules.msgids import N_, NN_
from fraud_rules.rule import Ppm, Rule, RuleConfig
from fraud_rules.types import PPM, ClickFacts, CodeUse, Evidence, Facts, Finding

URL_MAX = 2048  # of a link that is looked at
PARAMS_MAX = 100
SHOWN_MAX = 60
CODE_MAX = 64

# Google (and its two for telephones), Microsoft, Yandex, TikTok, X, LinkedIn put these on paid clicks only.
AD_PARAMS = ("gclid", "gbraid", "wbraid", "msclkid", "yclid", "ttclid", "twclid", "li_fat_id")
SOCIAL_PARAM = "fbclid"
CAMPAIGN_PARAMS = ("gad_campaignid", "utm_campaign", "utm_id", "campaignid", "campaign_id", "campaign")

Glob = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
Globs = Annotated[list[Glob], msgspec.Meta(max_length=200)]

_AD = N_("The click was bought: its link carries %(param)s, and its campaign is not named.")
_AD_CAMPAIGN = N_(
    "The click was bought: its link carries %(param)s of campaign %(campaign)s, which the program has not allowed."
)
_OWN_AD = N_("The click was bought by campaign %(campaign)s, which the program allows.")
_SOCIAL = N_("The link carries fbclid, which Facebook puts on unpaid posts too.")
_REFERRER = N_("The visitor came from %(place)s, which this program bans.")
_LANDING = N_("The visitor landed on %(place)s, which this program bans for partners.")
_LEAK = NN_(
    "Code %(code)s was used %(count)d time in 24 hours, normally %(usual)s a day; %(share)d %% came without a click.",
    "Code %(code)s was used %(count)d times in 24 hours, normally %(usual)s a day; %(share)d %% came without a click.",
)
_CLEARS = N_("The campaign, the place or the publication of the code is agreed with the program.")


class Config(RuleConfig, frozen=True, kw_only=True):
    """Globs, weights and the lines of a leaked code.

    Ads and leaks are .30, a note: the ad is often the merchant's own, a code is often read aloud in a film. A place
    the operator banned by name is no accident.
    """

    allowed_campaigns: Globs = msgspec.field(default_factory=list)
    banned_referrers: Globs = msgspec.field(default_factory=list)
    banned_landings: Globs = msgspec.field(default_factory=list)
    weight_ppm: Ppm = 300_000
    banned_weight_ppm: Ppm = 700_000
    leak_weight_ppm: Ppm = 300_000
    leak_uses_min: Annotated[int, msgspec.Meta(ge=3, le=100_000)] = 10
    leak_times_usual: Annotated[int, msgspec.Meta(ge=2, le=1000)] = 5
    leak_unclicked_ppm: Ppm = 800_000


def evaluate(facts: Facts, config: Config) -> list[Finding]:
    """Return a finding for each breach by the credited click, and one for a leaked code."""
    subject = facts.subject
    if subject.partner_id is None:
        return []
    found = [] if subject.click is None else evaluate_click(subject.click, config)
    if subject.promo_code and facts.code_use is not None:
        found += _leak(subject.promo_code, facts.code_use, config)
    return found


def evaluate_click(facts: ClickFacts, config: Config) -> list[Finding]:
    """Return a finding for each breach of this click: bought, from a banned place, or to one."""
    landing = (facts.landing_url or "")[:URL_MAX]
    found = _ads(_read_params(landing), config)
    for url, globs, message, kind in (
        ((facts.referrer or "")[:URL_MAX], config.banned_referrers, _REFERRER, "referrer"),
        (landing, config.banned_landings, _LANDING, "landing"),
    ):
        place = _place(url)
        pattern = next((glob for glob in globs if _matches(place, glob)), None)
        if place and pattern is not None:
            host = _shown(place.partition("/")[0])
            evidence: dict[str, Evidence] = {"kind": kind, "host": host, "pattern": pattern}
            found.append(
                RULE.find(
                    message=message,
                    params={"place": host},
                    weight_ppm=config.banned_weight_ppm,
                    evidence=evidence,
                    clears_when=_CLEARS,
                )
            )
    return found


def _ads(params: dict[str, str], config: Config) -> list[Finding]:
    param = next((name for name in AD_PARAMS if params.get(name)), None)
    campaigns = [_shown(params[name]) for name in CAMPAIGN_PARAMS if params.get(name)]
    if param is None and not params.get(SOCIAL_PARAM):
        return []
    allowed = next((each for each in campaigns if any(_agrees(each, glob) for glob in config.allowed_campaigns)), None)
    campaign = allowed or (campaigns[0] if campaigns else "")
    message = _AD_CAMPAIGN if campaign else _AD
    if param is None:
        message = _SOCIAL
    elif allowed is not None:
        message = _OWN_AD
    evidence: dict[str, Evidence] = {
        "kind": "ad",
        "param": param or SOCIAL_PARAM,
        "campaign": campaign or None,
        "allowed": allowed is not None,
    }
    return [
        RULE.find(
            message=message,
            params={"param": param or SOCIAL_PARAM, "campaign": campaign},
            weight_ppm=config.weight_ppm,
            fired=param is not None and allowed is None,
            evidence=evidence,
            clears_when=_CLEARS,
        )
    ]


def _leak(code: str, use: CodeUse, config: Config) -> list[Finding]:
    # A code without history has just been published: that everybody uses it is its purpose.
    if use.usual_daily_ppm is None or use.uses < config.leak_uses_min:
        return []
    is_burst = use.uses * PPM >= config.leak_times_usual * use.usual_daily_ppm
    if not is_burst or use.unclicked * PPM < config.leak_unclicked_ppm * use.uses:
        return []
    one, many = _LEAK
    evidence: dict[str, Evidence] = {
        "kind": "leak",
        "uses": use.uses,
        "unclicked": use.unclicked,
        "usual_daily_ppm": use.usual_daily_ppm,
    }
    tenths = -(-use.usual_daily_ppm // 100_000)
    return [
        RULE.find(
            message=one,
            message_plural=many,
            params={
                "code": _shown(code),
                "count": use.uses,
                "usual": f"{tenths // 10}.{tenths % 10}",
                "share": 100 * use.unclicked // use.uses,
            },
            weight_ppm=config.leak_weight_ppm,
            evidence=evidence,
            cluster_key=f"code:{code[:CODE_MAX]}",
            compared=use.conversion_ids,
            clears_when=_CLEARS,
        )
    ]


def _read_params(url: str) -> dict[str, str]:
    """Return the first value of each query parameter by its name in lower case."""
    found: dict[str, str] = {}
    query = url.partition("#")[0].partition("?")[2]
    for pair in query.split("&", PARAMS_MAX)[:PARAMS_MAX]:
        name, _, value = pair.partition("=")
        found.setdefault(unquote_plus(name).lower(), unquote_plus(value))
    return found


def _place(url: str) -> str:
    """Return host and path of a link in lower case, without scheme, account, port and query."""
    bare = url.strip().partition("#")[0].partition("?")[0].lower()
    bare = bare.partition("://")[2] or bare
    authority, slash, path = bare.partition("/")
    host = authority.rpartition("@")[2].partition(":")[0].removeprefix("www.")
    return f"{host}{slash}{path}" if host else ""


def _matches(place: str, glob: str) -> bool:
    """Say whether a place lies under a plain host, or host or host and path agree with the pattern."""
    pattern = glob.strip().lower().partition("://")[2] or glob.strip().lower()
    host = place.partition("/")[0]
    if host == pattern or host.endswith(f".{pattern}"):
        return True
    return _agrees(host, pattern) or _agrees(place, pattern)


def _agrees(text: str, glob: str) -> bool:
    return fnmatchcase(text.lower(), glob.strip().lower())


def _shown(text: str) -> str:
    return "".join(char if char.isprintable() else " " for char in text[:SHOWN_MAX]).strip()


RULE: Rule[Config] = Rule(
    id="traffic_policy",
    version=2,
    title=N_("Traffic this program does not pay for"),
    family="policy",
    severity="low",
    needs=frozenset({"code_use"}),
    timing=frozenset({"click", "lead", "sale"}),
    config=Config(),
    evaluate=evaluate,
    evaluate_click=evaluate_click,
)
