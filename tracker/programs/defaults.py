"""The terms a program starts from; pure. `molva init`, the page of a new program and the demo begin here."""

from attribution.types import Settings as AttributionSettings
from tracker.programs.types import ProgramSettings
from tracker.rewards.types import RewardRule

FIRST_RATE_BPS = 2_000  # 20 %, the commonest first offer of referral tools
FIRST_HOLD_DAYS = 30


def default_settings() -> ProgramSettings:
    """Return 20 % of every sale, 30 days hold, last click within 30 days."""
    reward = RewardRule(reward_id="sale-percent", on="sale", kind="percent", rate_bps=FIRST_RATE_BPS)
    return ProgramSettings(rewards=(reward,), hold_days=FIRST_HOLD_DAYS, attribution=AttributionSettings(program_id=""))
