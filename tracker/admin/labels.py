"""Names people read for the words the code uses: statuses, roles, reasons, settings, audit actions.

Templates look them up and translate them where they are shown; an unknown word shows as itself.
"""

from collections.abc import Mapping
from typing import Any

from tracker.admin.rule_forms import label_of
from tracker.fraud.rules import rule_titles
from tracker.i18n.messages import mark
from tracker.i18n.translator import Translator

# Status: (word, tone of its badge). Tones are good, wait, bad and quiet; the word always stands beside the colour.
ENROLLMENT_STATUS: Mapping[str, tuple[str, str]] = {
    "active": (mark("Active"), "good"),
    "invited": (mark("Invited"), "wait"),
    "applied": (mark("Applied"), "wait"),
    "paused": (mark("Paused"), "wait"),
    "banned": (mark("Banned"), "bad"),
    "left": (mark("Left"), "quiet"),
    "declined": (mark("Declined"), "quiet"),
    "rejected": (mark("Rejected"), "bad"),
}
# Current status, wanted status: what the button says.
ENROLLMENT_MOVE: Mapping[tuple[str, str], str] = {
    ("invited", "active"): mark("Activate"),
    ("invited", "declined"): mark("Note as declined"),
    ("applied", "active"): mark("Accept"),
    ("applied", "rejected"): mark("Reject"),
    ("active", "paused"): mark("Pause"),
    ("paused", "active"): mark("Resume"),
    ("active", "banned"): mark("Ban"),
    ("paused", "banned"): mark("Ban"),
    ("active", "left"): mark("Note as left"),
    ("paused", "left"): mark("Note as left"),
    ("banned", "active"): mark("Lift the ban"),
}
# Tone of a line of an installation check: the word beside its colour.
INSTALL_TONE: Mapping[str, str] = {
    "good": mark("Fine"),
    "wait": mark("Look"),
    "bad": mark("Mend"),
    "quiet": mark("Not known"),
}
REASON: Mapping[str, str] = {
    "joined": mark("Joined the program"),
    "requested": mark("At the partner's request"),
    "inactive": mark("No activity"),
    "quality": mark("Quality of leads"),
    "terms": mark("Terms were broken"),
    "fraud": mark("Fraud"),
    "mistake": mark("Correcting a mistake"),
    "other": mark("Another reason"),
}
ROLE: Mapping[str, str] = {
    "owner": mark("Owner"),
    "admin": mark("Admin"),
    "manager": mark("Manager"),
    "reviewer": mark("Reviewer"),
    "finance": mark("Finance"),
    "viewer": mark("Viewer"),
}
ROLE_TEXT: Mapping[str, str] = {
    "owner": mark("Everything, owners and admins included; lifts bans."),
    "admin": mark("Programs, keys, partners and people below admin."),
    "manager": mark("Partners, their links and codes; judges cases."),
    "reviewer": mark("Judges cases; sees everything but changes nothing else."),
    "finance": mark("Balances and payouts; sees everything else."),
    "viewer": mark("Sees, changes nothing."),
}
LANGUAGE: Mapping[str, str] = {"en": "English", "ru": "Русский"}
KEY_KIND: Mapping[str, str] = {
    "publishable": mark("Publishable"),
    "secret": mark("Secret"),
    "signing": mark("Signing"),
    "postback": mark("Postback"),
}
KEY_TEXT: Mapping[str, str] = {
    "publishable": mark("Stands in the script tag; reports clicks and unconfirmed conversions."),
    "secret": mark("For your server: reports sales that count, reads everything."),
    "signing": mark("Signs what the browser carries, so that it counts as confirmed."),
    "postback": mark("For other trackers that call an address."),
}
SCOPE: Mapping[str, str] = {
    "track": mark("Report clicks, leads, sales and refunds"),
    "read": mark("Read lists"),
    "manage": mark("Change programs and partners"),
    "payouts": mark("Request payouts"),
    "cases": mark("Give verdicts on cases"),
}
MODEL: Mapping[str, str] = {
    "last_click": mark("Last click"),
    "first_click": mark("First click"),
    "last_non_direct": mark("Last click that was not direct"),
    "linear": mark("Equal shares"),
    "position_based": mark("First and last weigh most"),
    "time_decay": mark("Recent clicks weigh more"),
    "custom": mark("Own weights"),
}
CUSTOM_BASE: Mapping[str, str] = {name: MODEL[name] for name in ("linear", "position_based", "time_decay")}
COUPON_POLICY: Mapping[str, str] = {
    "click_first": mark("Click first, code when there was no click"),
    "coupon_first": mark("Code first"),
    "if_involved": mark("Code first, if its owner was clicked too"),
}
BINDING: Mapping[str, str] = {
    "first_conversion": mark("First conversion binds the customer"),
    "none": mark("Every conversion is judged anew"),
}
GPC: Mapping[str, str] = {
    "honor": mark("Respected: the visit is counted without a person"),
    "ignore": mark("Ignored"),
}
REWARD_ON: Mapping[str, str] = {"sale": mark("Sale"), "lead": mark("Lead")}
REWARD_KIND: Mapping[str, str] = {"percent": mark("Percentage"), "fixed": mark("Fixed amount")}

DISCOUNT_KIND: Mapping[str, str] = {
    "none": mark("None"),
    "percent": mark("Percentage"),
    "amount": mark("Fixed amount"),
}

_TERM: Mapping[str, str] = {
    "hold_days": mark("Hold"),
    "cookie_days": mark("Cookie lives"),
    "gpc": mark("Global Privacy Control"),
    "clean_urls": mark("Code and token leave the address"),
    "cookieless": mark("Nothing is kept in the visitor's browser"),
    "referred_discount": mark("Discount for referred visitors"),
    "referred_discount.kind": mark("Kind of the discount"),
    "referred_discount.value": mark("Discount for referred visitors"),
    "referred_discount.code": mark("Code of the discount"),
    "allow_own_purchases": mark("Partners may buy through their own link"),
    "commission_on_tax": mark("Commission on tax"),
    "commission_on_shipping": mark("Commission on shipping"),
    "four_eyes_minor": mark("Verdicts over this need a second person"),
    "attribution.model": mark("Who gets the credit"),
    "attribution.window_seconds": mark("Clicks count for"),
    "attribution.view_through": mark("Views count"),
    "attribution.view_window_seconds": mark("Views count for"),
    "attribution.min_click_to_conversion_seconds": mark("Shortest time from click to conversion"),
    "attribution.binding": mark("Binding of customers"),
    "attribution.commission_months": mark("Commission ends after"),
    "attribution.coupon_policy": mark("Click and promo code"),
    "attribution.fingerprint_fallback": mark("Match by address and browser"),
    "attribution.position_weights": mark("Weights: first, between, last"),
    "attribution.half_life_seconds": mark("Weight halves every"),
    "attribution.custom_weights": mark("Own weights"),
    "attribution.custom_weights.base": mark("Weights start from"),
    "attribution.custom_weights.from_start": mark("Factors of the first clicks"),
    "attribution.custom_weights.between": mark("Factor of clicks between"),
    "review_from": mark("Review from a score of"),
    "weekly_cases": mark("Cases a week people can read"),
    "attribution.custom_weights.from_end": mark("Factors of the last clicks, the last one first"),
}
_WORDS: Mapping[str, Mapping[str, str]] = {
    "gpc": GPC,
    "referred_discount.kind": DISCOUNT_KIND,
    "attribution.model": MODEL,
    "attribution.custom_weights.base": MODEL,
    "attribution.binding": BINDING,
    "attribution.coupon_policy": COUPON_POLICY,
}
_SHOWN_TERMS = (
    "hold_days",
    "attribution.model",
    "attribution.window_seconds",
    "attribution.coupon_policy",
    "attribution.binding",
    "attribution.commission_months",
    "cookie_days",
    "gpc",
    "clean_urls",
    "cookieless",
    "allow_own_purchases",
    "commission_on_tax",
    "commission_on_shipping",
)
_CUSTOM_TERMS = tuple(path for path in _TERM if path.startswith("attribution.custom_weights."))
ACTION: Mapping[str, str] = {
    "user.added": mark("Person added"),
    "user.password_changed": mark("Password changed"),
    "user.role_changed": mark("Role changed"),
    "user.language_changed": mark("Language changed"),
    "user.disabled": mark("Person disabled"),
    "user.enabled": mark("Person enabled"),
    "user.signed_in": mark("Signed in"),
    "user.signed_out": mark("Signed out"),
    "key.created": mark("Key created"),
    "key.revoked": mark("Key revoked"),
    "program.created": mark("Program created"),
    "program.published": mark("Terms published"),
    "program.site_added": mark("Site added"),
    "program.site_removed": mark("Site removed"),
    "partner.created": mark("Partner added"),
    "enrollment.created": mark("Joined the program"),
    "enrollment.active": mark("Made active"),
    "enrollment.paused": mark("Paused"),
    "enrollment.banned": mark("Banned"),
    "enrollment.left": mark("Left the program"),
    "enrollment.declined": mark("Declined the invitation"),
    "enrollment.rejected": mark("Application rejected"),
    "enrollment.terms_changed": mark("Personal terms changed"),
    "link.created": mark("Link created"),
    "promo_code.created": mark("Promo code created"),
    "conversion.confirmed": mark("Confirmed by a verified report"),
    "conversion.decided": mark("Whose merit it is was decided"),
    "conversion.refunded": mark("Refunded"),
    "conversion.refund_rejected": mark("A refund did not fit"),
    "event.replayed": mark("Refused event taken"),
    "event.replay_refused": mark("Refused again"),
    "event.discarded": mark("Refused event given up"),
    "person.erased": mark("Personal data erased"),
    "clicks.purged": mark("Old clicks deleted"),
    "allow_entry.added": mark("Added to the allow list"),
    "allow_entry.revoked": mark("Allow entry revoked"),
    "case.drawn": mark("Drawn for a random check"),
    "case.opened": mark("Case opened"),
    "case.extended": mark("Case covers more"),
    "case.claimed": mark("Case taken"),
    "case.unclaimed": mark("Case given back"),
    "case.decided": mark("Case decided"),
    "case.postponed": mark("Case held on"),
    "case.asked": mark("Partner asked"),
    "case.answered": mark("Partner answered"),
    "case.appealed": mark("Partner appealed"),
    "case.undone": mark("Verdict taken back"),
    "case.proposed": mark("Verdict proposed to a second person"),
    "case.proposal_refused": mark("Proposed verdict refused"),
    "case.proposal_withdrawn": mark("Proposed verdict withdrawn"),
    "case.claim_over": mark("Claim over without activity"),
    "case.reminded": mark("Reminded: it still waits"),
    "case.escalated": mark("Escalated: it waits for 30 days"),
}


def named(words: Mapping[str, str], word: str, speech: Translator) -> str:
    """Return the name of a word in a language; an unknown one as it is."""
    return speech.gettext(words[word]) if word in words else word


def term_rows(terms: Mapping[str, Any], speech: Translator) -> list[tuple[str, str]]:
    """Return the settings worth reading at a glance, named and written out."""
    own = _CUSTOM_TERMS if terms.get("attribution.model") == "custom" else ()
    return [(term_name(path, speech), term_value(path, terms.get(path), speech)) for path in (*_SHOWN_TERMS, *own)]


def term_name(path: str, speech: Translator) -> str:
    """Return the name of a setting by its dotted path."""
    if path.startswith("rewards"):
        return speech.gettext("Reward")
    if path.startswith("attribution.custom_weights.groups."):
        return speech.gettext("Factor of the group %(group)s", group=path.rpartition(".groups.")[2])
    if path.startswith("fraud_rules."):
        rule, _, field = path.removeprefix("fraud_rules.").partition(".")
        return f"{named(rule_titles(), rule, speech)}: {label_of(field, speech)}"
    return named(_TERM, path, speech)


def term_value(path: str, value: Any, speech: Translator) -> str:
    """Return a setting's value as a person reads it."""
    if path in _WORDS:
        return named(_WORDS[path], str(value), speech)
    if isinstance(value, bool):
        return speech.gettext("Yes") if value else speech.gettext("No")
    if path == "attribution.commission_months":
        return _months(value, speech)
    if isinstance(value, int) and path.endswith("_ppm"):
        return speech.percent(value // 100)
    if isinstance(value, int) and path.endswith("_days"):
        return speech.ngettext("%(count)s day", "%(count)s days", value)
    if isinstance(value, int) and path.endswith("_seconds"):
        return speech.duration(value * 1000)
    if isinstance(value, list | tuple):
        return " ".join(map(str, value)) or "–"
    return "–" if value is None else str(value)


def reward_text(reward: Any, currency: str, speech: Translator) -> str:
    """Return one reward in a sentence."""
    if reward.kind == "percent":
        return speech.gettext("%(share)s of every sale", share=speech.percent(reward.rate_bps))
    amount = speech.money(reward.amount_minor, currency)
    if reward.on == "lead":
        return speech.gettext("%(amount)s for every lead", amount=amount)
    return speech.gettext("%(amount)s for every sale", amount=amount)


def discount_text(discount: Any, currency: str, speech: Translator) -> str:
    """Return what referred visitors get, in a sentence."""
    value = speech.money(discount.value, currency)
    if discount.kind == "percent":
        value = speech.percent(discount.value * 100)
    if discount.code is None:
        return speech.gettext("%(value)s off for referred visitors", value=value)
    return speech.gettext("%(value)s off for referred visitors with the code %(code)s", value=value, code=discount.code)


def _months(value: Any, speech: Translator) -> str:
    if value is None:
        return speech.gettext("Never")
    return speech.ngettext("%(count)s month", "%(count)s months", int(value))
