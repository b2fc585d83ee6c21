"""Rule 21: nobody clicked; a page loaded the link as a picture, frame or script. Run by the engine.

Browsers say what they load a link for (Sec-Fetch-Dest: Chrome from 80, Firefox from 90, Safari from 16.4). A missing
header says nothing, a prefetch alone is the browser's own idea. The shell leaves `fetch_dest` empty for clicks our
own script or pixel reported: those are loads by design.
"""

from typing import Annotated

import msgspec

from fraud_rules.crowds import DAY_MS, own_leads
from fraud_rules.msgids import N_, NN_
from fraud_rules.partner_facts import PartnerFacts
from fraud_rules.rule import Ppm, Rule, RuleConfig
from fraud_rules.types import FETCHED, LOADS, NAVIGATED, PPM, ClickFacts, Evidence, Facts, Finding

WINDOW_DAYS = 30  # of `ClickTotals`
DEST_MAX = 32  # longer than any destination browsers know

LOAD_TITLES: dict[str, str] = {
    "image": N_("an image"),
    "iframe": N_("a frame"),
    "frame": N_("a frame"),
    "script": N_("a script"),
    "style": N_("a style sheet"),
    "object": N_("an embedded object"),
    "embed": N_("an embedded object"),
    FETCHED: N_("data for a script"),
}
_CLICK = N_("Nobody clicked: a page loaded the link as %(load)s.")
_BEHIND = N_("The click behind this conversion was none: a page loaded the link as %(load)s.")
_PARTNER = NN_(
    "%(count)d of %(hits)d requests of this partner's links was the load of an image, frame or script; "
    "nobody clicked there.",
    "%(count)d of %(hits)d requests of this partner's links were loads of images, frames or scripts; "
    "nobody clicked there.",
)
_CLEARS = N_("The page loads the link by a mistake the partner explains and corrects.")


class Config(RuleConfig, frozen=True, kw_only=True):
    """Weights by load, and how many loads and which share of requests make a habit of the partner.

    One planted click opens a case for its conversion: no household, office or shop loads links as pictures. A
    script's fetch alone is a note.
    """

    weight_ppm: Ppm = 600_000
    fetched_weight_ppm: Ppm = 300_000
    partner_weight_ppm: Ppm = 850_000
    loads_min: Annotated[int, msgspec.Meta(ge=2, le=100_000)] = 10
    share_min_ppm: Ppm = 50_000


def evaluate(facts: Facts, config: Config) -> list[Finding]:
    """Return one finding when the credited click was a load."""
    subject = facts.subject
    if subject.partner_id is None or subject.click is None:
        return []
    return _judge(subject.click, config, message=_BEHIND)


def evaluate_click(facts: ClickFacts, config: Config) -> list[Finding]:
    """Return one finding when the click was a load."""
    return _judge(facts, config, message=_CLICK)


def evaluate_partner(facts: PartnerFacts, config: Config) -> list[Finding]:
    """Return one finding when the partner's links are loaded as a habit.

    It speaks of the conversions that a load may have earned. Whoever followed a link by hand is left alone; where no
    browser says how a click came about, the partner is held.
    """
    clicks = facts.clicks
    loads = sum(count for dest, count in clicks.stuffed.items() if dest in LOADS and count > 0)
    hits = max(clicks.hits, loads)
    if loads < config.loads_min or loads * PPM < hits * config.share_min_ppm:
        return []
    one, many = _PARTNER
    evidence: dict[str, Evidence] = {"loads": loads, "hits": hits, "share_ppm": loads * PPM // hits}
    from_ms = facts.at_ms - WINDOW_DAYS * DAY_MS
    leads = own_leads(facts.leads, at_ms=facts.at_ms, days=WINDOW_DAYS)
    clicked = [lead for lead in leads if lead.click_at_ms is not None and lead.click_at_ms >= from_ms]
    return [
        RULE.find(
            message=one,
            message_plural=many,
            params={"count": loads, "hits": hits},
            weight_ppm=config.partner_weight_ppm,
            evidence=evidence | _by_load(clicks.stuffed),
            compared={lead.conversion_id for lead in clicked if lead.click_dest != NAVIGATED},
            holds_compared=True,
            holds_partner=bool(clicked) and all(lead.click_dest is None for lead in clicked),
            clears_when=_CLEARS,
        )
    ]


def _judge(click: ClickFacts, config: Config, *, message: str) -> list[Finding]:
    dest = (click.fetch_dest or "")[:DEST_MAX].strip().lower()
    if dest not in LOAD_TITLES or (dest == FETCHED and click.is_prefetch):
        return []
    evidence: dict[str, Evidence] = {"fetch_dest": dest, "is_prefetch": click.is_prefetch}
    return [
        RULE.find(
            message=message,
            params={"load": LOAD_TITLES[dest]},
            translated=("load",),
            weight_ppm=config.fetched_weight_ppm if dest == FETCHED else config.weight_ppm,
            evidence=evidence,
            clears_when=_CLEARS,
        )
    ]


def _by_load(stuffed: dict[str, int]) -> dict[str, Evidence]:
    return {f"loads_{dest}": stuffed[dest] for dest in sorted(LOADS.intersection(stuffed))}


RULE: Rule[Config] = Rule(
    id="stuffed_click",
    version=2,
    title=N_("Links loaded without a click"),
    family="traffic",
    severity="high",
    timing=frozenset({"click", "lead", "sale", "nightly"}),
    config=Config(),
    evaluate=evaluate,
    evaluate_click=evaluate_click,
    evaluate_partner=evaluate_partner,
)
