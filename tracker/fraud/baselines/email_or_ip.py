"""FirstPromoter and Tapfiliate: a self-referral is the partner's e-mail or the partner's address."""

from collections.abc import Iterable

from tracker.fraud.baselines.types import REFERRED, Baseline, Holds, Line, Result, email_of


def judge(lines: Iterable[Line]) -> Result:
    """Return the conversions that share the e-mail with the partner, or an address seen of the partner until then."""
    holds = Holds()
    emails: dict[str, str] = {}
    addresses: dict[str, set[str]] = {}
    for line in lines:
        partner_id = line.get("partner_id", "")
        if line["type"] == "partner":
            emails[partner_id] = line["email"].lower()
        elif line["type"] == "partner_login":
            addresses.setdefault(partner_id, set()).add(line["ip"])
        elif line["type"] in REFERRED and "lead_id" not in line and partner_id:
            if email_of(line) == emails.get(partner_id):
                holds.hold(line, "same e-mail")
            if line.get("ip") in addresses.get(partner_id, ()):
                holds.hold(line, "same address")
    return holds.result()


BASELINE = Baseline(
    name="email_or_ip",
    title="FirstPromoter, Tapfiliate",
    source="documentation",
    left_out="advertising sources (a policy of the program), attributes of click and conversion compared",
    judge=judge,
)
