"""Rule 16: a form was sent, or a link followed, by a program and not by a browser. Run by the engine.

Whether an agent is a bot was decided at the edge, in-app browsers first; here only the consequence: a click is left
out of counts, a lead is suspect, and so is one that was earned by a program's click.
"""

from fraud_rules.msgids import N_
from fraud_rules.rule import Ppm, Rule, RuleConfig
from fraud_rules.types import ClickFacts, Facts, Finding, Subject, is_operator_sent

AGENT_SHOWN_MAX = 120  # enough to recognise a program; the rest is often an attack on the reader

_BARE = ("", "mozilla/5.0")  # what programs send that take no trouble

_IS_BOT = N_('The form was sent by "%(agent)s", which is a program and not a person\'s browser.')
_IS_EMPTY = N_("The form was sent without naming a browser; every browser names itself.")
_IS_BARE = N_('The browser names itself only "%(agent)s"; real browsers say more.')
_CLICK_IS_BOT = N_('The click was made by "%(agent)s", which is a program; it is excluded from counts.')
_CLICK_IS_BARE = N_("The click was made by a program that hides what it is; it is excluded from counts.")
_CREDITED = N_('The click this conversion is credited to was made by "%(agent)s", which is a program.')
_CREDITED_BARE = N_("The click this conversion is credited to was made by a program that hides what it is.")
_CLEARS = N_("The shop confirms that it sends these leads itself, or marks their source as import.")


class Config(RuleConfig, frozen=True, kw_only=True):
    """Weights of a program's form or click, and of a browser's form after a program's click."""

    weight_ppm: Ppm = 700_000
    # A case, barely: a program earned the credit, but a person may stand behind the form.
    click_weight_ppm: Ppm = 500_000


def evaluate(facts: Facts, config: Config) -> list[Finding]:
    """Return one finding when a program sent the form, or else when a program's click is credited."""
    subject = facts.subject
    if is_operator_sent(subject.source):
        return []
    agent = _shown(subject.agent)
    message, reason = _judge_agent(subject, agent) if subject.is_browser else (None, None)
    if message is None:
        return _judge_click(subject.click, config)
    return [
        RULE.find(
            message=message,
            params={"agent": agent},
            weight_ppm=config.weight_ppm,
            evidence={"what": "form", "agent": agent, "reason": reason},
            clears_when=_CLEARS,
        )
    ]


def evaluate_click(click: ClickFacts, config: Config) -> list[Finding]:
    """Return one finding when a program made the click, as the edge decided that keeps it out of counts."""
    if not click.is_bot:
        return []
    agent = _shown(click.agent)
    return [
        RULE.find(
            message=_CLICK_IS_BARE if agent.lower() in _BARE else _CLICK_IS_BOT,
            params={"agent": agent},
            weight_ppm=config.weight_ppm,
            evidence={"what": "click", "agent": agent},
            clears_when=_CLEARS,
        )
    ]


def _judge_click(click: ClickFacts | None, config: Config) -> list[Finding]:
    """Return a finding when the credited click is a program's; the form itself came from a browser or a server."""
    if click is None or not click.is_bot:
        return []
    agent = _shown(click.agent)
    return [
        RULE.find(
            message=_CREDITED_BARE if agent.lower() in _BARE else _CREDITED,
            params={"agent": agent},
            weight_ppm=config.click_weight_ppm,
            evidence={"what": "credited click", "agent": agent},
            clears_when=_CLEARS,
        )
    ]


def _judge_agent(subject: Subject, agent: str) -> tuple[str | None, str | None]:
    """Return the sentence for this agent and the reason word, or two Nones for a browser."""
    if not agent:
        return _IS_EMPTY, "empty"
    if agent.lower() == "mozilla/5.0":
        return _IS_BARE, "bare"
    if subject.is_bot:
        return _IS_BOT, subject.bot_reason
    return None, None


def _shown(agent: str | None) -> str:
    """Return the agent on one short line without control characters."""
    cut = (agent or "")[: AGENT_SHOWN_MAX * 2]
    return "".join(char if char.isprintable() else " " for char in cut).strip()[:AGENT_SHOWN_MAX]


RULE: Rule[Config] = Rule(
    id="bot_agent",
    version=2,
    title=N_("Sent by a program"),
    family="device",
    severity="high",
    needs=frozenset(),
    timing=frozenset({"click", "lead"}),
    config=Config(),
    evaluate=evaluate,
    evaluate_click=evaluate_click,
)
