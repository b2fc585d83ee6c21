"""What must not matter to the fraud rules: honest people elsewhere, names of things, the week, one relay for all.

Each law replays a world twice, once changed, and compares the cases.
"""

import datetime as dt
import json

import pytest

from fraud_rules.registry import RULES
from fraud_rules.scoring import REVIEW_FROM
from tracker.fraud.replay.run import replay

REPLAYED = (2,)  # the one with the most cases; each law costs a replay
NEW_DIGITS = str.maketrans("0123456789", "5839274016")
KEYS = frozenset(
    {
        "program_id", "partner_id", "click_id", "visitor_id", "device_id", "external_id", "refund_of", "lead_id",
        "payment_fingerprint", "promo_code", "partner_code",
    }
)  # fmt: skip
STRANGE = 4  # the world other honest people come from
PARTNERS = 12

# These measure a partner against the rest of the program, so that what happens elsewhere is their business.
AGAINST_THE_PROGRAM = frozenset(
    {
        "checkout_hijack", "click_flood", "cr_high", "delay_curve", "geo_mismatch", "ip_hosting", "partner_anon_share",
        "partner_velocity", "refund_abuse", "self_domain", "self_similar", "too_fast",
    }
)  # fmt: skip
BY_THEMSELVES = tuple(rule for rule in RULES if rule.id not in AGAINST_THE_PROGRAM)


def tell(lines, rules=RULES):
    result = replay((json.dumps(line).encode() for line in lines), rules=rules)
    assert result.errors == []
    return result


def members(result, rename=lambda each: each):
    """Return every case as its program, its partner and whom it holds, as often as it is there."""
    return sorted(
        (rename(case.program), rename(case.partner), tuple(sorted(map(rename, case.subjects)))) for case in result.cases
    )


@pytest.fixture(scope="module", params=REPLAYED)
def told(request, worlds):
    """A world's lines, and what a replay of them finds."""
    lines = worlds[request.param].lines
    result = tell(lines)
    assert result.cases  # or every law below would hold of nothing
    return lines, result


def moved(text, **by):
    return (dt.datetime.fromisoformat(text) + dt.timedelta(**by)).isoformat()


def prefixed(key):
    return f"x-{key}"


def renamed(line):
    """Return the line with every key prefixed, and other digits in the names of mailboxes.

    Letters stay: which words are names, jobs or walks over the keyboard is what the rules read them for.
    """
    changed = {name: prefixed(value) if name in KEYS else value for name, value in line.items()}
    if "email" in line:
        changed["email"] = other_mailbox(line["email"])
    customer = line.get("customer")
    if customer:
        changed["customer"] = {name: prefixed(value) if name in KEYS else value for name, value in customer.items()}
        if "email" in customer:
            changed["customer"]["email"] = other_mailbox(customer["email"])
    return changed


def other_mailbox(email):
    local, at, domain = email.rpartition("@")
    return f"{local.translate(NEW_DIGITS)}{at}{domain}"


def strangers(lines, other):
    """Return the life of another world's honest partners, without whoever shares an address, device or mailbox here."""
    guilty = {label.unit for label in other.labels if label.is_fraud or label.confounder}
    guilty |= {label.subject for label in other.labels if label.is_fraud or label.confounder}
    honest = {label.subject for label in other.labels if label.kind == "partner"} - guilty
    chosen = set(sorted(honest)[:PARTNERS])
    taken = set().union(*map(traces, lines))
    programs = {line["program_id"] for line in lines if line["type"] == "program"}
    # The programs are those of this world, everything else is new to it.
    life = [
        renamed(line) | {"program_id": line["program_id"]}
        for line in other.lines
        if line.get("partner_id") in chosen and line.get("external_id") not in guilty
    ]
    assert {line["program_id"] for line in life} <= programs
    return [line for line in life if not traces(line) & taken]


def traces(line):
    """Return by what a line could be near another: addresses' neighbourhood, device, mailbox."""
    ip = line.get("ip") or ""
    place = ip.rpartition(".")[0] or ":".join(ip.split(":")[:3])
    return {place, line.get("device_id"), (line.get("customer") or line).get("email")} - {"", None}


def by_time(lines):
    return sorted(lines, key=lambda line: (line["type"] != "network", dt.datetime.fromisoformat(line["at"])))


def test_honest_leads_elsewhere_never_raise_a_case(told, worlds):
    lines, _ = told
    before = tell(lines, BY_THEMSELVES)
    assert before.cases
    added = strangers(lines, worlds[STRANGE])
    assert sum(line["type"] == "lead" for line in added) > 50

    after = tell(by_time([*lines, *added]), BY_THEMSELVES)

    here = {line["partner_id"] for line in lines if line["type"] == "partner"}
    for case in after.cases:
        if case.partner not in here:
            continue
        known = [each for each in before.cases if each.partner == case.partner and {*each.subjects} & {*case.subjects}]
        assert case.score <= max((each.score for each in known), default=0), case


def test_names_of_things_are_no_matter(told):
    lines, before = told

    after = tell([renamed(line) for line in lines])

    assert members(after) == members(before, prefixed)


@pytest.mark.parametrize("clicks", [0, 170])
def test_honest_clicks_elsewhere_hold_no_family(town, clicks):
    """Six buyers and a family of four, all of whom clicked; meanwhile 170 people only look, through somebody else."""
    for number, at_h in enumerate(town.arrivals(6, 20)):
        town.lead(f"L{number}", at_h=at_h % 190)
    for seat, agent in enumerate(("iphone", "pixel", "samsung", "iphone17")):
        town.lead(f"family{seat}", at_h=200 + seat / 2, ip="198.18.200.7", agent=agent)
    town.login("ivan", at_h=230, ip="198.18.77.7")  # a night after they have gone
    town.partner("elsewhere")
    for number in range(clicks):
        visitor = {"ip": f"198.18.100.{number + 1}", "device_id": f"idle{number}"}
        town.tell("click", number, click_id=f"clk-idle{number}", partner_id="elsewhere", **visitor)

    assert town.held() == set()


@pytest.mark.parametrize("weeks", [27])
def test_the_week_is_no_matter(told, weeks):
    lines, before = told

    after = tell([line | {"at": moved(line["at"], weeks=weeks)} for line in lines])

    assert members(after) == members(before)
    assert [case.score for case in after.cases] == [case.score for case in before.cases]


@pytest.mark.parametrize("exit_ip", [None, "198.18.0.1"], ids=["own_addresses", "one_exit"])
def test_world_behind_one_relay_is_held_for_nothing_a_network_says(told, exit_ip):
    lines, _ = told
    opening = [
        {"type": "network", "at": lines[0]["at"], "prefix": prefix, "country": "US", "class": "relay"}
        for prefix in ("0.0.0.0/0", "::/0")
    ]
    rest = [line for line in lines if line["type"] != "network"]
    if exit_ip:
        rest = [line | {"ip": exit_ip} if "ip" in line else line for line in rest]

    result = replay(
        [json.dumps(line).encode() for line in [*opening, *rest]],
        rules=[rule for rule in RULES if rule.family == "network"],
    )

    assert result.errors == []
    assert result.cases == []
    assert max(result.scores.values()) < REVIEW_FROM
