"""What a program may promise: the limits its terms must keep before they are published; pure."""

from zoneinfo import available_timezones

import msgspec

from fraud_rules.rule import ConfigError, read_configs
from tracker.fraud.rules import rules_in_force
from tracker.i18n.messages import InputError, msg
from tracker.programs.types import Program, ProgramSettings

REWARDS_MAX = 10  # rewards of one program; a statement stays readable
PERCENT_MAX = 100
_DAY_SECONDS = 86_400
WINDOW_DAYS_MAX = 400  # browsers forget cookies after 400 days, so a longer window promises what cannot be kept


def check_settings(settings: ProgramSettings) -> ProgramSettings:
    """Return the terms when they can be kept; raises InputError naming the field."""
    ids = [reward.reward_id for reward in settings.rewards]
    if not 1 <= len(ids) <= REWARDS_MAX:
        raise InputError("rewards", msg("A program has 1 to %(most)s rewards; add or remove some.", most=REWARDS_MAX))
    if len(set(ids)) != len(ids):
        raise InputError("rewards", msg("Two rewards have the same name; give each its own."))
    for reward in settings.rewards:
        value = reward.rate_bps if reward.kind == "percent" else reward.amount_minor
        if value <= 0:
            raise InputError("rewards", msg("A reward of nothing rewards nobody; give more than 0."))
        if reward.on == "lead" and reward.kind == "percent":
            raise InputError("rewards", msg("A lead has no amount to take a percentage of; give a fixed amount."))
    if settings.attribution.window_seconds > WINDOW_DAYS_MAX * _DAY_SECONDS:
        raise InputError(
            "window_days", msg("Browsers forget visits after %(days)s days; give no more.", days=WINDOW_DAYS_MAX)
        )
    discount = settings.referred_discount
    if discount is not None and discount.kind == "percent" and discount.value > PERCENT_MAX:
        raise InputError("referred_discount", msg("A discount is at most 100 percent; give less."))
    try:
        read_configs(rules_in_force(), settings.fraud_rules)
    except ConfigError as error:
        raise InputError("fraud_rules", msg("%(problem)s", problem=str(error))) from error
    return settings


def check_change(current: Program, settings: ProgramSettings) -> ProgramSettings:
    """Return a program's new terms when they can be kept and differ; raises InputError naming the field."""
    terms = check_settings(_without_gone_rules(owned_settings(settings, current.program_id), current.settings))
    if terms == current.settings:
        raise InputError("note", msg("Nothing differs from the terms in force; change something first."))
    return terms


def _without_gone_rules(settings: ProgramSettings, current: ProgramSettings) -> ProgramSettings:
    """Return terms without settings of rules that were installed once and are not now; new unknown names stay."""
    known = {rule.id for rule in rules_in_force()}
    kept = {
        rule_id: raw
        for rule_id, raw in settings.fraud_rules.items()
        if rule_id in known or current.fraud_rules.get(rule_id) != raw
    }
    return msgspec.structs.replace(settings, fraud_rules=kept)


def owned_settings(settings: ProgramSettings, program_id: str) -> ProgramSettings:
    """Return terms whose attribution settings name the program they are of."""
    rules = msgspec.structs.replace(settings.attribution, program_id=program_id)
    return msgspec.structs.replace(settings, attribution=rules)


def check_time_zone(name: str, *, field: str = "time_zone") -> str:
    """Return the name when it is a zone of the IANA database; raises InputError."""
    if name == "UTC" or name in available_timezones():
        return name
    raise InputError(field, msg('"%(zone)s" is not a time zone; give a name such as Europe/Berlin.', zone=name[:60]))
