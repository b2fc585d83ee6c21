"""What can be read from a user agent: device, system, browser, and whether it is a bot.

The projector and the recording of conversions call `read_agent`; the bot verdict itself is in `ingest.bots`. Devices
and systems are named by `user-agents` over ua-parser's expressions, run by the fastest engine that is installed: the
compiled one needs 20 µs and stays linear on hostile texts, the one of Python alone half a millisecond. Each distinct
agent is parsed once and remembered.
"""

from functools import cache, lru_cache

import msgspec
import ua_parser
from user_agents import parsers

from ingest.bots import bot_reason

AGENT_MAX = 512  # characters; a 100 kB agent costs the parser a third of a second
AGENTS_CACHED = 4096


class Agent(msgspec.Struct, frozen=True, kw_only=True):
    """What a user agent tells; `agent_key` is family, major version and system (same browser, probably)."""

    text: str
    agent_key: str
    device: str
    os: str
    browser: str
    is_bot: bool
    bot_reason: str | None


def read_agent(text: str) -> Agent:
    """Return what the agent (cut at 512 characters) tells; never raises."""
    # Cut before it is remembered: the memory must not hold what a hostile sender makes up.
    return _read(text[:AGENT_MAX])


@lru_cache(maxsize=AGENTS_CACHED)
def _read(text: str) -> Agent:
    parsed = _parsed(text)
    major = parsed.browser.version_string.split(".", 1)[0]
    reason = bot_reason(text)
    return Agent(
        text=text,
        agent_key=f"{parsed.browser.family} {major} {parsed.os.family}"[:100],
        device=_device(parsed),
        os=f"{parsed.os.family} {parsed.os.version_string}".strip()[:60],
        browser=f"{parsed.browser.family} {major}".strip()[:60],
        is_bot=reason is not None,
        bot_reason=reason,
    )


def _parsed(text: str) -> parsers.UserAgent:
    """Return what `user-agents` makes of an agent; its own constructor would ask ua-parser's slow, older interface."""
    result = _parser().parse(text).with_defaults()
    browser, system, device = result.user_agent, result.os, result.device
    parsed = parsers.UserAgent.__new__(parsers.UserAgent)
    parsed.ua_string = text
    parsed.browser = parsers.parse_browser(browser.family, browser.major, browser.minor, browser.patch)
    parsed.os = parsers.parse_operating_system(
        system.family, system.major, system.minor, system.patch, system.patch_minor
    )
    parsed.device = parsers.parse_device(device.family, device.brand, device.model)
    return parsed


@cache
def _parser() -> ua_parser.Parser:
    """Return ua-parser without its own memory: ours holds the whole answer."""
    return ua_parser.Parser(ua_parser.BestAvailableResolver(ua_parser.load_lazy_builtins()))


def _device(parsed: parsers.UserAgent) -> str:
    if parsed.is_tablet:
        return "tablet"
    if parsed.is_mobile:
        return "phone"
    return "computer" if parsed.is_pc else "other"
