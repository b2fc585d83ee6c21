"""Names people read for the words of conversions, cases, commissions, clicks and attribution.

The review pages and the partner's private page look them up as they do in `labels`; an unknown word shows as itself.
"""

from collections.abc import Mapping

from fraud_rules.network import NETWORK_TITLES
from tracker.i18n.messages import mark

# Status: (word, tone of its badge).
CONVERSION_STATUS: Mapping[str, tuple[str, str]] = {
    "received": (mark("Received"), "wait"),
    "attributed": (mark("Attributed"), "wait"),
    "unattributed": (mark("Unattributed"), "quiet"),
    "in_review": (mark("In review"), "wait"),
    "accepted": (mark("Accepted"), "good"),
    "rejected": (mark("Rejected"), "bad"),
    "part_refunded": (mark("Partly refunded"), "wait"),
    "refunded": (mark("Refunded"), "quiet"),
}
COMMISSION_STATUS: Mapping[str, tuple[str, str]] = {
    "pending": (mark("Pending"), "wait"),
    "payable": (mark("Payable"), "good"),
    "frozen": (mark("Frozen"), "bad"),
    "void": (mark("Void"), "quiet"),
}
CASE_STATUS: Mapping[str, tuple[str, str]] = {
    "open": (mark("Open"), "wait"),
    "claimed": (mark("Claimed"), "wait"),
    "waiting_partner": (mark("Waits for the partner"), "wait"),
    "decided": (mark("Decided"), "quiet"),
    "appealed": (mark("Appealed"), "bad"),
}
NETWORK: Mapping[str, str] = {str(name): title for name, title in NETWORK_TITLES.items()}
GEO_FILE: Mapping[str, str] = {
    "country": mark("Countries"),
    "asn": mark("Networks"),
    "list": mark("Networks you named"),
}
CONVERSION_KIND: Mapping[str, str] = {"lead": mark("Lead"), "sale": mark("Sale"), "refund": mark("Refund")}
TRUST: Mapping[str, str] = {"verified": mark("Verified"), "unverified": mark("Unverified")}
TRUST_TEXT: Mapping[str, str] = {
    "verified": mark("Reported with a secret key or a signature."),
    "unverified": mark("A browser's claim; it pays nothing until a server confirms it."),
}
VIA: Mapping[str, str] = {
    "binding": mark("the customer was bound to the partner before"),
    "lead_id": mark("the lead it came from"),
    "coupon": mark("a code"),
    "click_id": mark("the click the report names"),
    "visitor": mark("the visitor's own clicks"),
    "fingerprint": mark("address and browser"),
}
# How the credit was earned, as whole sentences.
VIA_TEXT: Mapping[str, str] = {
    "binding": mark("The customer was bound to this partner before."),
    "lead_id": mark("The credit of the lead it came from was handed on."),
    "coupon": mark("A code earned it."),
    "click_id": mark("The click that the report names earned it."),
    "visitor": mark("The visitor's own clicks earned it."),
    "fingerprint": mark("Clicks from the same address and browser earned it."),
}
# Those where the program's model chose among touches; at the others it has no say.
MODELLED = ("click_id", "visitor", "fingerprint")
# Models of reports; those a program can choose are in `labels.MODEL`.
REPORT_MODEL: Mapping[str, str] = {
    "participation": mark("Took part"),
    "shared_by_distinct_partner": mark("Shared by distinct partner"),
    "markov_order_1": mark("Markov, order 1"),
    "markov_order_2": mark("Markov, order 2"),
}
REPORT_MODEL_TEXT: Mapping[str, str] = {
    "participation": mark("every conversion the partner took part in, whole; the sums exceed what there was"),
    "shared_by_distinct_partner": mark("an even part of each journey for each partner in it"),
    "markov_order_1": mark("by the conversions lost without the partner, looking at one step of a journey"),
    "markov_order_2": mark("the same, looking at two steps"),
}
LEVEL: Mapping[str, str] = {
    "binding": mark("Bound customer"),
    "lead_id": mark("The lead's credit"),
    "code": mark("Code"),
    "click_id": mark("Named click"),
    "clicks": mark("Visitor's clicks"),
    "impressions": mark("Views"),
    "fingerprint": mark("Address and browser"),
}
OUTCOME: Mapping[str, tuple[str, str]] = {
    "won": (mark("Took the credit"), "good"),
    "outranked": (mark("Came second"), "wait"),
    "refused": (mark("Nothing usable"), "bad"),
    "absent": (mark("Nothing there"), "quiet"),
    "disabled": (mark("Switched off"), "quiet"),
}
ACTION: Mapping[str, str] = {
    "clear": mark("Clear it"),
    "reject": mark("Reject it"),
    "void": mark("Void it"),
    "ask": mark("Ask the partner"),
    "hold": mark("Hold on"),
    "pause": mark("Pause the partner"),
    "ban": mark("Ban the partner"),
    "undo": mark("Taken back"),
}
ACTION_TEXT: Mapping[str, str] = {
    "clear": mark("It is legitimate: the conversion counts and the commission follows its schedule."),
    "reject": mark("It does not count: what it earned is taken back."),
    "void": mark("It never was a referral: what it earned is taken back and noted as void."),
    "ask": mark("The partner reads your question and can answer; everything stays frozen meanwhile."),
    "hold": mark("You cannot tell yet: everything stays frozen for as many days as you say."),
    "pause": mark("What this case covers is rejected, and new clicks and codes earn nothing until somebody resumes."),
    "ban": mark(
        "What this case covers is rejected, and nothing new is earned. What was cleared before stays the partner's."
    ),
}
# What else shares a fact with a case (tracker/cases/linked_store.py).
SHARED: Mapping[str, str] = {
    "host": mark("Same address"),
    "network": mark("Same network"),
    "device": mark("Same browser"),
    "phone": mark("Same phone"),
    "mailbox": mark("Same mailbox"),
    "payout": mark("Same payout address"),
}
VERDICT: Mapping[str, str] = {
    "fraud": mark("Fraud"),
    "policy": mark("Terms were broken"),
    "legitimate": mark("Legitimate"),
    "unsure": mark("Unsure"),
}
CLICK_SOURCE: Mapping[str, str] = {
    "snippet": mark("Tag on the site"),
    "redirect": mark("Referral link"),
    "pixel": mark("Pixel"),
    "server": mark("Your server"),
    "api": mark("API"),
    "browser": mark("Browser"),
    "postback": mark("Postback"),
}
DEVICE: Mapping[str, str] = {
    "computer": mark("Computer"),
    "phone": mark("Phone"),
    "tablet": mark("Tablet"),
    "other": mark("Unknown device"),
}
DROP: Mapping[str, str] = {
    "unknown_key": mark("Unknown key in the tag"),
    "unknown_code": mark("Unknown referral code"),
    "origin_not_allowed": mark("Site is not in the program"),
    "prefetch": mark("Loaded ahead by a browser"),
    "not_navigation": mark("Not opened by a person"),
    "framed": mark("Inside a frame of another site"),
    "gpc": mark("Global Privacy Control"),
    "duplicate": mark("Sent twice"),
    "rate_limited": mark("Too many at once"),
}
# What to do about each.
DROP_REMEDY: Mapping[str, str] = {
    "unknown_key": mark("Put the key from the program's page into the tag; a revoked one counts nothing."),
    "unknown_code": mark("Look at the partner's status and the spelling of the code in shared links."),
    "origin_not_allowed": mark("If the page is yours, add its address to the program's sites."),
    "prefetch": mark("Nothing; when a person opens the page, the click counts."),
    "not_navigation": mark("Nothing; a preview or an image loaded the link, nobody followed it."),
    "framed": mark("Nothing; links opened inside another site's page do not count."),
    "gpc": mark("Nothing; these visitors object to tracking. The program's terms decide what that means."),
    "duplicate": mark("Nothing; the first one counts. Browsers repeat what they are not sure has arrived."),
    "rate_limited": mark("Browsers send it again later. If it stays, raise the limits in the settings."),
}
JOB: Mapping[str, str] = {"decide_conversion": mark("Decide a conversion")}
