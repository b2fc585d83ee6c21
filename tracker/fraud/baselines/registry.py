"""The list of peers that worlds are shown to. A new one is a file here and a line there."""

from tracker.fraud.baselines import dub, email_or_ip, post_affiliate_pro, referralcandy, three_per_address
from tracker.fraud.baselines.types import Baseline

BASELINES: tuple[Baseline, ...] = (
    dub.BASELINE,
    referralcandy.BASELINE,
    email_or_ip.BASELINE,
    post_affiliate_pro.BASELINE,
    three_per_address.BASELINE,
)
