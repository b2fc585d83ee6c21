"""The list of fraud rules. A new rule is a file in `rules/` and a line here; nothing else finds it."""

from collections.abc import Iterable
from typing import Any

from fraud_rules.rule import Rule
from fraud_rules.rules import (
    bot_agent,
    checkout_hijack,
    click_flood,
    client_inconsistent,
    cr_high,
    delay_curve,
    disposable_email,
    dup_device,
    dup_payment,
    dup_person_email,
    dup_person_phone,
    existing_customer,
    forged_report,
    geo_mismatch,
    ip_anonymous,
    ip_hosting,
    partner_anon_share,
    partner_ring,
    partner_velocity,
    payout_change,
    refund_abuse,
    robot_cadence,
    same_ip_leads,
    same_ip_repeat,
    self_account,
    self_domain,
    self_email,
    self_network,
    self_similar,
    stuffed_click,
    subnet_spread,
    templated_identities,
    too_fast,
    traffic_policy,
)

# In the order of docs and settings pages; the result of a judgement does not depend on it.
RULES: tuple[Rule[Any], ...] = (
    self_email.RULE,
    self_account.RULE,
    self_network.RULE,
    self_similar.RULE,
    self_domain.RULE,
    dup_person_email.RULE,
    dup_person_phone.RULE,
    dup_device.RULE,
    dup_payment.RULE,
    same_ip_leads.RULE,
    same_ip_repeat.RULE,
    subnet_spread.RULE,
    ip_hosting.RULE,
    ip_anonymous.RULE,
    partner_anon_share.RULE,
    bot_agent.RULE,
    client_inconsistent.RULE,
    too_fast.RULE,
    checkout_hijack.RULE,
    delay_curve.RULE,
    stuffed_click.RULE,
    click_flood.RULE,
    cr_high.RULE,
    partner_velocity.RULE,
    robot_cadence.RULE,
    geo_mismatch.RULE,
    disposable_email.RULE,
    templated_identities.RULE,
    traffic_policy.RULE,
    refund_abuse.RULE,
    existing_customer.RULE,
    forged_report.RULE,
    payout_change.RULE,
    partner_ring.RULE,
)


def required_facts(rules: Iterable[Rule[Any]]) -> frozenset[str]:
    """Return the names of the `Facts` sections these rules need, for the shell to load."""
    return frozenset().union(*(rule.needs for rule in rules))
