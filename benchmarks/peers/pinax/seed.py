"""Make the one referral link; the argument is its code. Run once, after the tables are there."""

import sys

import django

django.setup()

from pinax.referrals.models import Referral  # noqa: E402  # Models load after the set-up.

Referral.objects.create(code=sys.argv[1], redirect_to="https://shop.example/")
