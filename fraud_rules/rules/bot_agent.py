"""Rule 16: the form was sent by a program, not by a browser. Run by the engine, for leads.

Whether an agent is a bot was decided at the edge, in-app browsers first; here only the consequence.
"""

from fraud_rules.msgids import N_
from fraud_rules.rule import Ppm, Rule, RuleConfig
from fraud_rules.types import Facts, Finding, Subject, is_operator_sent

AGENT_SHOWN_MAX = 120  # enough to recognise a program; the rest is often an attack on the reader

_IS_BOT = N_('The form was sent by "%(agent)s", which is a program and not a person\'s browser.')
_IS_EMPTY = N_("The form was sent without naming a browser; every browser names itself.")
_IS_BARE = N_('The browser names itself only "%(agent)s"; real browsers say more.')
_CLEARS = N_("The shop confirms that it sends these leads itself, or marks their source as import.")


class Config(RuleConfig, frozen=True, kw_only=True):
    """Weight of the rule."""

    weight_ppm: Ppm = 700_000


def evaluate(facts: Facts, config: Config) -> list[Finding]:
    """Return one finding when a browser was expected and something else came."""
    subject = facts.subject
    if not subject.is_browser or is_operator_sent(subject.source):
        return []
    agent = _shown(subject.agent)
    message, reason = _judge_agent(subject, agent)
    if message is None:
        return []
    return [
        RULE.find(
            message=message,
            params={"agent": agent},
            weight_ppm=config.weight_ppm,
            evidence={"agent": agent, "reason": reason},
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
    version=1,
    title=N_("Sent by a program"),
    family="device",
    severity="high",
    needs=frozenset(),
    timing=frozenset({"lead"}),
    config=Config(),
    evaluate=evaluate,
)
