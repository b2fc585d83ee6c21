"""Make the one referral link; the argument is its code. Run once, after the tables are there."""

import sys

import django

django.setup()

from hype.models import ReferralLink  # noqa: E402  # Models load after the set-up.

ReferralLink.objects.create(identifier=sys.argv[1])
