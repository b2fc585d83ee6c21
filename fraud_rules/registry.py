"""The list of fraud rules. A new rule is a file in `rules/` and a line here; nothing else finds it."""

from collections.abc import Iterable
from typing import Any

from fraud_rules.rule import Rule
from fraud_rules.rules import (
    bot_agent,
    dup_person_email,
    same_ip_leads,
    self_email,
    self_network,
    too_fast,
)

# In the order of docs and settings pages; the result of a judgement does not depend on it.
RULES: tuple[Rule[Any], ...] = (
    self_email.RULE,
    self_network.RULE,
    dup_person_email.RULE,
    same_ip_leads.RULE,
    bot_agent.RULE,
    too_fast.RULE,
)


def required_facts(rules: Iterable[Rule[Any]]) -> frozenset[str]:
    """Return the names of the `Facts` sections these rules need, for the shell to load."""
    return frozenset().union(*(rule.needs for rule in rules))
