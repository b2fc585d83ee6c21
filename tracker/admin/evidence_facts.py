"""What the evidence of findings is called and how its values are written: one closed table for all rules; pure.

`evidence.py` lays rows out with it. A test holds the table against every key a rule can give. What a rule of another
package gives is written by the endings of its names, as well as they tell.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from typing import NamedTuple

from fraud_rules.network import NETWORK_TITLES
from fraud_rules.rules.client_inconsistent import SIGN_TITLES
from fraud_rules.rules.partner_ring import KIND_TITLES
from fraud_rules.rules.stuffed_click import LOAD_TITLES
from fraud_rules.types import Evidence, Finding
from tracker.admin import labels
from tracker.i18n.messages import mark
from tracker.i18n.translator import Translator
from tracker.instants import DAY_MS

Write = Callable[[Evidence, Translator], str]

_HOUR_MS = 3_600_000
_LEAST_PPM = 100  # below a hundredth of a per cent digits say nothing


class Fact(NamedTuple):
    """The name of a piece of evidence, and what writes its value."""

    label: str
    write: Write


class Measure(NamedTuple):
    """What a finding is mostly about: one key, or a part and its whole, and the key of what is normal."""

    here: tuple[str, ...]
    normal: str | None = None


def _count(value: Evidence, speech: Translator) -> str:
    return speech.number(value) if isinstance(value, int) else str(value)


def _number_of(value: Evidence, _speech: Translator) -> str:
    """Write a number that counts nothing, such as a version: without grouping."""
    return str(value)


def _span(value: Evidence, speech: Translator) -> str:
    return speech.duration(int(value or 0))


def _hours(value: Evidence, speech: Translator) -> str:
    return speech.duration(int(value or 0) * _HOUR_MS)


def _days(value: Evidence, speech: Translator) -> str:
    return speech.duration(int(value or 0) * DAY_MS)


def _share(value: Evidence, speech: Translator) -> str:
    """Write parts per million as a percentage; what is nearly nothing is not written as nothing."""
    ppm = int(value or 0)
    if 0 < ppm < _LEAST_PPM:
        return speech.gettext("under %(share)s", share=speech.percent(1))
    return speech.percent(ppm // 100)


def _chance(value: Evidence, speech: Translator) -> str:
    """Write a chance in parts per million; none is impossible."""
    return _share(value or 1, speech)


def _daily(value: Evidence, speech: Translator) -> str:
    """Write a mean a day, given in millionths, with two decimals."""
    return speech.decimal(Decimal(int(value or 0)).scaleb(-6))


def _rate(value: Evidence, speech: Translator) -> str:
    """Write a mean that a rule gives as text, with a point."""
    try:
        return speech.decimal(Decimal(str(value)))
    except InvalidOperation:
        return str(value)


def _yes(value: Evidence, speech: Translator) -> str:
    return speech.gettext("Yes") if value else speech.gettext("No")


def _text(value: Evidence, _speech: Translator) -> str:
    return str(value)


def _countries(value: Evidence, speech: Translator) -> str:
    codes = str(value).split(", ")
    return ", ".join(str(speech.locale.territories.get(code, code)) for code in codes)


def _word(words: Mapping[str, str]) -> Write:
    """Return what writes one word of a closed list, or several after commas."""

    def write(value: Evidence, speech: Translator) -> str:
        return ", ".join(labels.named(words, word, speech) for word in str(value).split(", "))

    return write


_WHAT = {
    "form": mark("the form"),
    "click": mark("a click"),
    "credited click": mark("the credited click"),
    "mailbox": mark("mailbox name"),
    "name": mark("person's name"),
}
_REASON = {
    "empty": mark("no name at all"),
    "bare": mark("nothing but Mozilla"),
    "bare Mozilla": mark("nothing but Mozilla"),
    "webdriver": mark("steered by a program"),
    "prefetch": mark("loaded ahead by a browser"),
}
_KIND = {
    "host_hour": mark("one address within an hour"),
    "device_day": mark("one device within a day"),
    "barren": mark("clicks that bring nobody"),
    "ring": mark("a ring of partners"),
    "circle": mark("partners who refer one another"),
    "rate": mark("refunds of all sales"),
    "after_release": mark("refunds after the commission was released"),
    "customer": mark("refunds of one customer"),
    "referrer": mark("where the visitor came from"),
    "landing": mark("where the visitor landed"),
    "ad": mark("a bought click"),
    "leak": mark("a code that travels"),
}
_SIGN = {
    "bad_signature": mark("wrong signatures"),
    "reused_order": mark("an order number used before"),
    "foreign_click": mark("a click of another program or mode"),
    "payment": mark("card or account"),
    "phone": mark("phone"),
    "device": mark("device"),
}
_PATTERN = {
    "even": mark("even gaps"),
    "second": mark("one second of the minute"),
    "copied": mark("one day copied from another"),
    "numbered": mark("mailboxes that differ in digits"),
    "chained": mark("mailboxes a letter apart"),
    "walked": mark("walks over the keyboard"),
    "phones": mark("phone numbers in a row"),
}
_ROLE = {"contact": mark("contact"), "login": mark("sign-in"), "payout": mark("payout")}
# Names of products, the same in every language.
_SYSTEM = {
    "windows": "Windows",
    "macos": "macOS",
    "linux": "Linux",
    "android": "Android",
    "ios": "iOS",
    "chromeos": "ChromeOS",
}
MATCH: Mapping[str, str] = {
    "exact": mark("the very address of the partner"),
    "alias": mark("another spelling of the partner's address"),
    "weak": mark("the partner's address with a +tag"),
}
_NETWORK: Mapping[str, str] = {str(name): title for name, title in NETWORK_TITLES.items()}

# What a key means wherever it stands.
FACTS: Mapping[str, Fact] = {
    "address": Fact(mark("Address"), _text),
    "addresses": Fact(mark("Different addresses"), _count),
    "agent": Fact(mark("Browser as named"), _text),
    "agent_repeats": Fact(mark("One browser again and again"), _yes),
    "agents": Fact(mark("Different browsers"), _count),
    "agents_ppm": Fact(mark("How mixed the browsers are"), _share),
    "alike_ppm": Fact(mark("Likeness"), _share),
    "allowed": Fact(mark("Campaign is allowed"), _yes),
    "anonymous_leads": Fact(mark("Leads with a hidden address"), _count),
    "bad_signatures": Fact(mark("Reports with a wrong signature"), _count),
    "before_ms": Fact(mark("In the shop before the click"), _span),
    "browser_major": Fact(mark("Browser's version"), _number_of),
    "campaign": Fact(mark("Campaign"), _text),
    "chance_ppm": Fact(mark("Expected by chance"), _share),
    "class_damping_ppm": Fact(mark("Worth of a shared address in such a network"), _share),
    "clicks": Fact(mark("Clicks"), _count),
    "company_mailbox": Fact(mark("Confirmed mailbox of a company"), _yes),
    "comparable_leads": Fact(mark("Leads with known countries"), _count),
    "comparable_sales": Fact(mark("Sales with a known device"), _count),
    "contact_verified": Fact(mark("Contact is confirmed"), _yes),
    "contacts_verified": Fact(mark("Most contacts are confirmed"), _yes),
    "conversions": Fact(mark("Conversions"), _count),
    "country": Fact(mark("Country of the address"), _countries),
    "days": Fact(mark("Different days"), _count),
    "days_observed": Fact(mark("Days observed"), _count),
    "delay_ms": Fact(mark("Time after the click"), _span),
    "device_known_before": Fact(mark("Device known from before"), _yes),
    "devices": Fact(mark("Different devices"), _count),
    "devices_ppm": Fact(mark("Different devices among the leads"), _share),
    "diverse": Fact(mark("As mixed as real people"), _yes),
    "domain": Fact(mark("Mail domain"), _text),
    "domain_people": Fact(mark("Customers of that domain"), _count),
    "earlier_leads": Fact(mark("Earlier leads of the address"), _count),
    "edges": Fact(mark("Joined by"), _word(KIND_TITLES)),
    "events_before": Fact(mark("Events of the device before the click"), _count),
    "expected_share_ppm": Fact(mark("Expected share"), _share),
    "fetch_dest": Fact(mark("Loaded as"), _word(LOAD_TITLES)),
    "first_conversion_before_click_ms": Fact(mark("Customer for this long before the click"), _span),
    "foreign_click": Fact(mark("Click of another program or mode"), _yes),
    "forgotten": Fact(mark("Long enough ago to be forgotten"), _yes),
    "gap_ms": Fact(mark("Time between"), _span),
    "gap_variation_ppm": Fact(mark("How uneven the gaps are"), _share),
    "hits": Fact(mark("Requests of the links"), _count),
    "home": Fact(mark("Customer's country"), _countries),
    "host": Fact(mark("Place"), _text),
    "hosts": Fact(mark("Different addresses"), _count),
    "hosts_ppm": Fact(mark("Different addresses among the leads"), _share),
    "is_allowed": Fact(mark("Domain is allowed"), _yes),
    "is_burst": Fact(mark("All within a short time"), _yes),
    "is_clock": Fact(mark("At even gaps"), _yes),
    "is_common": Fact(mark("A name many people have"), _yes),
    "is_invented": Fact(mark("Made-up number"), _yes),
    "is_prefetch": Fact(mark("Loaded ahead by a browser"), _yes),
    "is_shared_tablet": Fact(mark("Tablet that many people use"), _yes),
    "kind": Fact(mark("Kind"), _word(_KIND)),
    "late_ppm": Fact(mark("More than a day after the click"), _share),
    "late_sales": Fact(mark("Sales clicked at the till"), _count),
    "later": Fact(mark("After more than 7 days"), _count),
    "leads": Fact(mark("Leads"), _count),
    "leads_on_other_days": Fact(mark("Leads on other days"), _count),
    "line_ms": Fact(mark("Line"), _span),
    "loads": Fact(mark("Loads without a click"), _count),
    "loads_embed": Fact(mark("Loads as an embedded object"), _count),
    "loads_frame": Fact(mark("Loads as a frame"), _count),
    "loads_iframe": Fact(mark("Loads as a frame in the page"), _count),
    "loads_image": Fact(mark("Loads as an image"), _count),
    "loads_object": Fact(mark("Loads as an object"), _count),
    "loads_script": Fact(mark("Loads as a script"), _count),
    "loads_style": Fact(mark("Loads as a style sheet"), _count),
    "logins": Fact(mark("Partner's sign-ins"), _count),
    "lower_bound_ppm": Fact(mark("Share, with certainty at least"), _share),
    "match": Fact(mark("Match"), _word(MATCH)),
    "matches": Fact(mark("Leads at the same time of two days"), _count),
    "matches_by_chance": Fact(mark("By chance"), _count),
    "median_gap_ms": Fact(mark("Usual gap between leads"), _span),
    "mismatched_leads": Fact(mark("Leads from another country"), _count),
    "name_share_ppm": Fact(mark("Customers with such a name"), _share),
    "near": Fact(mark("Neighbouring countries"), _yes),
    "nearest_ms": Fact(mark("Nearest sign-in"), _span),
    "network": Fact(mark("Network"), _text),
    "network_class": Fact(mark("Kind of network"), _word(_NETWORK)),
    "newest_major": Fact(mark("Newest version then"), _number_of),
    "of_people": Fact(mark("Customers of the week"), _count),
    "on_shared_devices": Fact(mark("People on a device with others"), _count),
    "one_family": Fact(mark("One surname"), _yes),
    "one_scheme": Fact(mark("One company's or school's scheme"), _yes),
    "own_devices": Fact(mark("Everybody brought a device"), _yes),
    "own_purchases_allowed": Fact(mark("Own purchases are allowed"), _yes),
    "p_ppm": Fact(mark("Chance of such a curve"), _chance),
    "param": Fact(mark("Mark in the link"), _text),
    "partner_address": Fact(mark("Partner's address for"), _word(_ROLE)),
    "partners": Fact(mark("Partners"), _count),
    "pattern": Fact(mark("Pattern"), _word(_PATTERN)),
    "people": Fact(mark("Different people"), _count),
    "people_from_servers": Fact(mark("People from server networks"), _count),
    "phone_verified": Fact(mark("Phone is confirmed"), _yes),
    "platform": Fact(mark("System by its hint"), _word(_SYSTEM)),
    "program_diversity_ppm": Fact(mark("Different addresses in the program"), _share),
    "program_late_ppm": Fact(mark("In the program"), _share),
    "program_median_ppm": Fact(mark("Middle partner of the program"), _share),
    "program_rate_ppm": Fact(mark("In the program"), _share),
    "program_share_ppm": Fact(mark("In the program"), _share),
    "prompt_sales": Fact(mark("Sales paid at once"), _count),
    "real_people": Fact(mark("People known to be real"), _count),
    "reason": Fact(mark("Known by"), _word(_REASON)),
    "refunds": Fact(mark("Refunded sales"), _count),
    "refunds_after_release": Fact(mark("Refunds soon after the release"), _count),
    "reused_order": Fact(mark("Order number was used before"), _yes),
    "sales": Fact(mark("Sales"), _count),
    "same_agent": Fact(mark("Same browser"), _yes),
    "same_company": Fact(mark("One company"), _yes),
    "same_person": Fact(mark("One person"), _yes),
    "same_surname": Fact(mark("One surname"), _yes),
    "sample_count": Fact(mark("Conversions of the program compared with"), _count),
    "sample_median_ms": Fact(mark("Half of the program's are slower than"), _span),
    "sample_p1_ms": Fact(mark("99 of 100 of the program's are slower than"), _span),
    "second": Fact(mark("Second of the minute"), _number_of),
    "shape": Fact(mark("Shape"), _text),
    "share_at_least_ppm": Fact(mark("Share, with certainty at least"), _share),
    "share_ppm": Fact(mark("Share"), _share),
    "shared_device": Fact(mark("Several people on one device"), _yes),
    "shop_says_known": Fact(mark("The shop calls the customer an old one"), _yes),
    "sign": Fact(mark("Sign"), _word(_SIGN)),
    "signs": Fact(mark("Signs"), _word(SIGN_TITLES)),
    "span_ms": Fact(mark("Within"), _span),
    "spellings": Fact(mark("Spellings of one mailbox"), _count),
    "system": Fact(mark("System by its name"), _word(_SYSTEM)),
    "tail_ppm": Fact(mark("Chance of so many"), _chance),
    "timed_sales": Fact(mark("Sales with a click"), _count),
    "unclicked": Fact(mark("Uses without a click"), _count),
    "upper_bound_ppm": Fact(mark("Share, with certainty at most"), _share),
    "uses": Fact(mark("Uses of the code in 24 hours"), _count),
    "usual": Fact(mark("Usually"), _rate),
    "usual_daily_ppm": Fact(mark("Usually a day"), _daily),
    "what": Fact(mark("About"), _word(_WHAT)),
    "window_days": Fact(mark("Looked back for"), _days),
    "window_hours": Fact(mark("New for"), _hours),
    "within_1h": Fact(mark("Within an hour"), _count),
    "within_24h": Fact(mark("Within a day"), _count),
    "within_7d": Fact(mark("Within 7 days"), _count),
}

# Where a rule means something else by a key.
OWN_FACTS: Mapping[tuple[str, str], Fact] = {
    ("traffic_policy", "pattern"): Fact(mark("Banned by"), _text),
}

# What each rule is mostly about; of several the first that its finding has.
MEASURES: Mapping[str, tuple[Measure, ...]] = {
    "checkout_hijack": (
        Measure(("late_sales", "comparable_sales"), "expected_share_ppm"),
        Measure(("prompt_sales", "timed_sales"), "program_share_ppm"),
        Measure(("delay_ms",)),
    ),
    "click_flood": (Measure(("conversions", "clicks"), "program_median_ppm"), Measure(("clicks",))),
    "client_inconsistent": (Measure(("signs",)),),
    "cr_high": (Measure(("conversions", "clicks"), "program_rate_ppm"),),
    "delay_curve": (Measure(("late_ppm",), "program_late_ppm"),),
    "disposable_email": (Measure(("domain",)),),
    "dup_device": (Measure(("people",)),),
    "dup_payment": (Measure(("people",)), Measure(("partners",))),
    "dup_person_phone": (Measure(("people",)),),
    "existing_customer": (Measure(("first_conversion_before_click_ms",)), Measure(("shop_says_known",))),
    "forged_report": (Measure(("sign",)),),
    "geo_mismatch": (
        Measure(("country",), "home"),
        Measure(("mismatched_leads", "comparable_leads"), "program_share_ppm"),
    ),
    "ip_anonymous": (Measure(("network_class",)),),
    "ip_hosting": (Measure(("people_from_servers", "people"), "chance_ppm"), Measure(("network_class",))),
    "partner_anon_share": (Measure(("anonymous_leads", "leads"), "program_share_ppm"),),
    "partner_ring": (Measure(("partners",)),),
    "partner_velocity": (Measure(("people",), "usual"),),
    "payout_change": (Measure(("gap_ms",), "window_hours"),),
    "refund_abuse": (
        Measure(("refunds_after_release", "refunds")),
        Measure(("refunds", "sales"), "program_rate_ppm"),
    ),
    "robot_cadence": (
        Measure(("matches",), "matches_by_chance"),
        Measure(("second",)),
        Measure(("gap_variation_ppm",)),
    ),
    "same_ip_repeat": (Measure(("people",)),),
    "self_account": (Measure(("sign",)),),
    "self_domain": (Measure(("domain",)),),
    "self_similar": (Measure(("alike_ppm",), "name_share_ppm"),),
    "stuffed_click": (Measure(("loads", "hits")), Measure(("fetch_dest",))),
    "subnet_spread": (Measure(("addresses",), "usual_daily_ppm"),),
    "templated_identities": (Measure(("people", "of_people")),),
    "traffic_policy": (
        Measure(("uses",), "usual_daily_ppm"),
        Measure(("host",)),
        Measure(("param",)),
    ),
}


def named_fact(finding: Finding, key: str, speech: Translator) -> tuple[str, str]:
    """Return the name and the value of one piece of a finding's evidence."""
    fact = OWN_FACTS.get((finding.rule, key)) or FACTS.get(key)
    value = finding.evidence[key]
    if fact is None:
        return _foreign_fact(key, value, speech)
    if value is None or value == "":
        return speech.gettext(fact.label), speech.gettext("unknown")
    # A rule of another package may call something else by a name of ours.
    is_fit = isinstance(value, bool) if fact.write is _yes else isinstance(value, int) or fact.write not in _NUMERIC
    return speech.gettext(fact.label), fact.write(value, speech) if is_fit else str(value)


def measured(finding: Finding, speech: Translator) -> tuple[str, str, frozenset[str]]:
    """Return what a finding is mostly about, what is normal there, and the keys this says."""
    for measure in MEASURES.get(finding.rule, ()):
        if all(finding.evidence.get(key) is not None for key in measure.here):
            break
    else:
        if not finding.evidence:
            return "–", "–", frozenset()
        measure = Measure((next(iter(finding.evidence)),))
    here = _written(finding, measure.here, speech)
    if measure.normal is None or finding.evidence.get(measure.normal) is None:
        return here, "–", frozenset(measure.here)
    return here, _written(finding, (measure.normal,), speech), frozenset((*measure.here, measure.normal))


def _written(finding: Finding, keys: tuple[str, ...], speech: Translator) -> str:
    """Write a value with its name, or a part with its whole."""
    label, value = named_fact(finding, keys[0], speech)
    if len(keys) > 1:
        part, whole = (int(finding.evidence[key] or 0) for key in keys)
        _, all_of_them = named_fact(finding, keys[1], speech)
        share = _share(part * 1_000_000 // max(whole, 1), speech)
        value = speech.gettext("%(part)s of %(all)s (%(share)s)", part=value, all=all_of_them, share=share)
    return speech.gettext("%(name)s: %(value)s", name=label, value=value)


def _foreign_fact(key: str, value: Evidence, speech: Translator) -> tuple[str, str]:
    """Return name and value of what a rule of another package found; the ending of its name tells the unit."""
    name, _, unit = key.rpartition("_")
    write = _FOREIGN.get(unit)
    if isinstance(value, bool):
        return _spaced(key), _yes(value, speech)
    if not isinstance(value, int):
        return _spaced(key), speech.gettext("unknown") if value is None else str(value)
    return (_spaced(key), _count(value, speech)) if write is None else (_spaced(name), write(value, speech))


def _spaced(key: str) -> str:
    return key.replace("_", " ").strip().capitalize()


_NUMERIC = frozenset({_count, _span, _hours, _days, _share, _chance, _daily})
_FOREIGN: Mapping[str, Write] = {"ppm": _share, "ms": _span, "hours": _hours, "days": _days}
