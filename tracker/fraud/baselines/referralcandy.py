"""ReferralCandy: blocks existing customers and the partner's own name; flags similar names and busy addresses."""

from collections.abc import Iterable
from difflib import SequenceMatcher

from tracker.fraud.baselines.types import Baseline, Holds, Line, Result, conversions, email_of, partners_of

PURCHASES_PER_IP_MAX = 3  # more than three referred purchases from one address are flagged
SIMILAR = 0.9  # "similar" is not published; near equality is the mild reading


def judge(lines: Iterable[Line]) -> Result:
    """Return what is blocked or flagged."""
    known = list(lines)
    partners = partners_of(known)
    holds = Holds()
    customers: set[tuple[str, str]] = set()
    by_ip: dict[tuple[str, str], list[Line]] = {}
    for line in conversions(known):
        email, program = email_of(line), line["program_id"]
        partner = partners.get(line.get("partner_id", ""))
        if partner is not None:
            _compare(holds, line, partner)
            if (program, email) in customers:
                holds.hold(line, "existing customer")
            if "ip" in line:
                together = by_ip.setdefault((program, line["ip"]), [])
                together.append(line)
                if len(together) > PURCHASES_PER_IP_MAX:
                    for each in together:
                        holds.hold(each, "purchases from one address", line["ip"])
        customers.add((program, email))
    return holds.result()


def _compare(holds: Holds, line: Line, partner: Line) -> None:
    email, own = email_of(line), partner["email"].lower()
    name, own_name = str(line["customer"].get("name", "")).lower(), partner["name"].lower()
    if email == own or (name and name == own_name):
        holds.hold(line, "own name or address")
    elif _alike(email.partition("@")[0], own.partition("@")[0]) or _alike(name, own_name):
        holds.hold(line, "similar name or address")


def _alike(one: str, other: str) -> bool:
    matcher = SequenceMatcher(None, one, other, autojunk=False)
    return matcher.real_quick_ratio() >= SIMILAR and matcher.quick_ratio() >= SIMILAR and matcher.ratio() >= SIMILAR


BASELINE = Baseline(
    name="referralcandy",
    title="ReferralCandy",
    source="documentation",
    left_out="high weekly volume (no figure is published), codes found on coupon sites",
    judge=judge,
)
