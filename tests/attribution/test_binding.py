"""Whom a conversion binds its customer to, and for how long the binding earns."""

import pytest

from attribution.binding import MONTH_MS, is_commissionable, partner_to_bind
from attribution.types import Binding, Credit, Settings


def make_credit(partner_id, weight="1"):
    return Credit(touch_id="k", partner_id=partner_id, weight=weight, amount_minor=0)


@pytest.mark.parametrize(
    ("shares", "partner"),
    [
        ([], None),
        ([("anna", "1")], "anna"),
        ([("anna", "2/5"), ("boris", "1/5"), ("vera", "2/5")], "anna"),
        ([("anna", "1/7"), ("boris", "2/7"), ("vera", "4/7")], "vera"),
        ([("anna", "2/5"), ("boris", "1/5"), ("boris", "2/5")], "boris"),
        ([("vera", "1/4"), ("anna", "1/2"), ("vera", "1/4")], "vera"),
    ],
    ids=["nobody", "one", "tie_to_the_earlier", "largest", "shares_add_up", "added_tie_to_the_earlier"],
)
def test_customer_is_bound_to_the_largest_share(shares, partner):
    assert partner_to_bind([make_credit(*share) for share in shares]) == partner


@pytest.mark.parametrize(
    ("months", "age_ms", "earns"),
    [
        (None, 100 * MONTH_MS, True),
        (12, 12 * MONTH_MS, True),
        (12, 12 * MONTH_MS + 1, False),
        (0, 0, True),
        (0, 1, False),
    ],
)
def test_bound_conversion_earns_up_to_and_including_the_last_month(months, age_ms, earns):
    binding = Binding(partner_id="anna", since_ms=1000)
    settings = Settings(program_id="P", commission_months=months)

    assert is_commissionable(binding, 1000 + age_ms, settings) is earns
