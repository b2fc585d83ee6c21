"""What each fraud rule catches, in a sentence a person who runs a program understands; and the catalogue of the docs.

The pages of rules show it. `python -m tracker.fraud.catalogue` brings the table of docs/fraud.md up to date. A rule of
a plug-in has no sentence here: the first one of its module stands for it.
"""

import inspect
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from fraud_rules.msgids import N_
from fraud_rules.registry import RULES
from fraud_rules.rule import Rule
from fraud_rules.types import Family, Moment

FAMILIES: Mapping[Family, str] = {
    "identity": N_("Same person"),
    "network": N_("Same network"),
    "device": N_("Device and browser"),
    "timing": N_("Time and pace"),
    "traffic": N_("Clicks and traffic"),
    "money": N_("Money"),
    "graph": N_("Partners among themselves"),
    "policy": N_("Program terms"),
}
MOMENTS: Mapping[Moment, str] = {
    "click": N_("click"),
    "lead": N_("lead"),
    "sale": N_("sale"),
    "payout": N_("payout"),
    "nightly": N_("at night"),
}
CATCHES: Mapping[str, str] = {
    "self_email": N_("The customer's mailbox is the partner's, dots, tags and twin domains folded."),
    "self_account": N_("The customer's phone, payment details, tax number or device are the partner's."),
    "self_network": N_("The partner signed in from the conversion's address within a week."),
    "self_similar": N_("Customer and partner have almost the same name or mailbox, and the name is a rare one."),
    "self_domain": N_("Customer and partner write from one private domain that few people use."),
    "dup_person_email": N_("The mailbox registered before, under another spelling."),
    "dup_person_phone": N_("The phone number is on other leads under other mailboxes."),
    "dup_device": N_("Several people registered from one browser."),
    "dup_payment": N_("Several customers or partners share one card or payout account."),
    "same_ip_leads": N_("More people from one address through one partner within a day than the address explains."),
    "same_ip_repeat": N_("People of one address and browser keep registering over a month."),
    "subnet_spread": N_("Many neighbouring addresses within a day, all through one partner."),
    "ip_hosting": N_("The conversion came from a server, not from a network people live on."),
    "ip_anonymous": N_("The address is a Tor exit, a public proxy or a VPN."),
    "partner_anon_share": N_("Far more of a partner's leads than of others' come from servers or hidden addresses."),
    "bot_agent": N_("A program filled in the form where a browser was expected."),
    "client_inconsistent": N_("The browser contradicts itself: system, version or language do not fit together."),
    "too_fast": N_("Less time passed between click and conversion than people need."),
    "checkout_hijack": N_("The customer was in the shop already; the click came right before paying."),
    "delay_curve": N_("Unusually many of a partner's conversions come long after the click."),
    "stuffed_click": N_("The click was loaded by a page as an image or frame; nobody followed a link."),
    "click_flood": N_("Far more clicks from one address, device or partner than people make."),
    "cr_high": N_("Nearly everybody who clicks buys, unlike with other partners."),
    "partner_velocity": N_("A partner brings many more leads within hours than ever before."),
    "robot_cadence": N_("Leads arrive like clockwork, or another day's schedule is copied."),
    "geo_mismatch": N_("The address is in another country than the phone or the address given."),
    "disposable_email": N_("The mailbox is a throw-away one."),
    "templated_identities": N_("Names or mailboxes of a partner's leads follow one pattern."),
    "traffic_policy": N_("The visitor came by a paid ad, a banned page or a leaked code, against the terms."),
    "refund_abuse": N_("Far more of a partner's sales are refunded than of others', or right after release."),
    "existing_customer": N_("The customer bought before the first click through the partner."),
    "forged_report": N_("The report has a wrong signature, a used order number or another program's click."),
    "payout_change": N_("The payout details changed shortly before the payout."),
    "partner_ring": N_("Several partners share payout details, phones or devices, or refer one another."),
}

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "fraud.md"
BEGIN, END = "<!-- rules: begin -->", "<!-- rules: end -->"
_FIRST_SENTENCE = re.compile(r"^(?:Rule \w+: )?(.*?\.)(?:\s|$)", re.DOTALL)


def catches(rule: Rule[Any]) -> str:
    """Return what a rule catches: a message id, or the first sentence of a plug-in's module."""
    if rule.id in CATCHES:
        return CATCHES[rule.id]
    judge = rule.evaluate or rule.evaluate_partner or rule.evaluate_click
    module = sys.modules.get(getattr(judge, "__module__", ""))
    found = _FIRST_SENTENCE.match(inspect.getdoc(module) or "") if module else None
    return " ".join(found[1].split()) if found else rule.title


def moments(rule: Rule[Any]) -> list[Moment]:
    """Return when a rule judges, in the order of a conversion's life."""
    when: set[Moment] = set(rule.timing)
    if rule.evaluate_click is not None:
        when.add("click")
    if rule.evaluate_partner is not None:
        when.add("nightly")
    return [moment for moment in MOMENTS if moment in when]


def table(rules: Sequence[Rule[Any]] = RULES) -> str:
    """Return the catalogue as a Markdown table, one row a rule."""
    lines = ["| rule | family | catches | weight | settings | when |", "|---|---|---|---|---|---|"]
    for rule in rules:
        values = msgspec.to_builtins(rule.config)
        weight = values.pop("weight_ppm", None)
        values.pop("enabled", None)
        cells = (
            f"`{rule.id}`",
            rule.family,
            catches(rule),
            "–" if weight is None else _share(weight),
            "; ".join(f"{name.removesuffix('_ppm')} {_value(name, value)}" for name, value in values.items()) or "–",
            ", ".join(moments(rule)),
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    """Rewrite the table of the docs."""
    text = PAGE.read_text()
    head, _, rest = text.partition(BEGIN)
    _, _, tail = rest.partition(END)
    PAGE.write_text(f"{head}{BEGIN}\n\n{table()}\n\n{END}{tail}")


def _share(ppm: int) -> str:
    return f"{ppm / 1e6:.2f}"


def _value(name: str, value: Any) -> str:
    if name.endswith("_ppm") and isinstance(value, int):
        return f"{value / 1e6:g}"
    if isinstance(value, list | tuple):
        return f"{len(value)} entries" if value else "none"
    return str(value).lower() if isinstance(value, bool) else str(value)


if __name__ == "__main__":
    main()
