import pytest

from tracker.ledger.status import commission_status

# 2026-03-01 00:30 in Berlin, still 28 February in UTC.
AVAILABLE = 1_772_321_400_000


def status(**changes):
    values = {
        "remaining_minor": 1,
        "available_at_ms": AVAILABLE,
        "frozen_by": (),
        "now_ms": AVAILABLE - 1,
        "time_zone": "Europe/Berlin",
    }
    view = commission_status(**(values | changes))
    return view.status, view.reasons, view.payable_on


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param({}, ("pending", ("hold_period",), "2026-03-01"), id="held-until-its-instant"),
        pytest.param({"now_ms": AVAILABLE}, ("payable", (), "2026-03-01"), id="payable-at-its-instant"),
        pytest.param({"time_zone": "UTC"}, ("pending", ("hold_period",), "2026-02-28"), id="the-programs-day"),
        pytest.param(
            {"frozen_by": ("cas_1", "cas_2")}, ("frozen", ("case:cas_1", "case:cas_2"), None), id="frozen-in-hold"
        ),
        pytest.param(
            {"frozen_by": ("cas_1",), "now_ms": AVAILABLE}, ("frozen", ("case:cas_1",), None), id="frozen-after-hold"
        ),
        pytest.param({"remaining_minor": 0}, ("void", ("reversed",), None), id="void"),
        pytest.param(
            {"remaining_minor": 0, "frozen_by": ("cas_1",)}, ("void", ("reversed",), None), id="void-beats-frozen"
        ),
    ],
)
def test_the_status_of_a_commission(changes, expected):
    assert status(**changes) == expected
