"""What an examination says of the fraud rules: plug-ins that cannot be used, and rules that failed lately."""

from collections.abc import Sequence

from tracker.fraud.failures import FailingRule
from tracker.fraud.rules import loaded_rules
from tracker.operations.types import Finding

RECENT_DAYS = 7  # failures older than that are no news


def check_rules(failing: Sequence[FailingRule]) -> list[Finding]:
    """Return one line a broken plug-in or failing rule, one line when all is well. Failing: within RECENT_DAYS."""
    loaded = loaded_rules()
    found = [
        Finding(
            check="fraud_rules",
            state="warning",
            cause=f'The plug-in "{trouble.name}" is not in force. {trouble.cause}',
            remedy="Mend or uninstall its package, then start the server again.",
        )
        for trouble in loaded.troubles
    ]
    found += [
        Finding(
            check="fraud_rules",
            state="warning",
            cause=f'The rule "{rule.rule}" failed {rule.failures} times in {RECENT_DAYS} days: {rule.error}.',
            remedy="The other rules judged. Report it with the log lines fraud_rule_failed, or switch the rule off.",
        )
        for rule in failing
    ]
    return found or [
        Finding(
            check="fraud_rules", state="ok", cause=f"{len(loaded.rules)} rules are in force and none failed lately."
        )
    ]
