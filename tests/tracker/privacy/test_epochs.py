"""When an epoch of address keys begins and ends, and when its key is destroyed."""

from itertools import count, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracker.instants import DAY_MS
from tracker.privacy.epochs import StoredEpoch, derive_epochs, is_current, plan_epochs

NOW_MS = 20_000 * DAY_MS


def planned(known=(), *, now_ms=NOW_MS, days=90, kept_days=14):
    numbers = count(len(known))
    return plan_epochs(known, now_ms=now_ms, days=days, kept_days=kept_days, make_salt=lambda: b"%032d" % next(numbers))


def test_the_first_plan_has_this_epoch_and_the_next():
    epochs = planned(now_ms=NOW_MS + 5)

    assert [(epoch.starts_at_ms, epoch.ends_at_ms) for epoch in epochs] == [
        (NOW_MS, NOW_MS + 90 * DAY_MS),
        (NOW_MS + 90 * DAY_MS, NOW_MS + 180 * DAY_MS),
    ]
    assert len({epoch.salt for epoch in epochs}) == 2


@pytest.mark.parametrize(
    ("after_days", "kept_days", "left"),
    [
        pytest.param(89, 14, [0, 1], id="inside the first"),
        pytest.param(90, 14, [0, 1, 2], id="the second begins and a third is made"),
        pytest.param(119, 14, [0, 1, 2], id="29 days after its end the key is still there"),
        pytest.param(120, 14, [1, 2], id="30 days after its end the key is destroyed"),
        pytest.param(120, 60, [0, 1, 2], id="raw addresses that stay longer keep it longer"),
        pytest.param(150, 60, [1, 2], id="and no longer than they do"),
    ],
)
def test_a_key_goes_30_days_after_its_epoch(after_days, kept_days, left):
    now_ms = NOW_MS + after_days * DAY_MS

    epochs = planned(planned(), now_ms=now_ms, kept_days=kept_days)

    assert [(epoch.starts_at_ms - NOW_MS) // (90 * DAY_MS) for epoch in epochs] == left
    assert not is_current(derive_epochs(planned(), b"k"), now_ms=now_ms, kept_days=kept_days) or epochs == planned()


def test_another_length_counts_from_the_epoch_after_next():
    epochs = planned(planned(), now_ms=NOW_MS + 90 * DAY_MS, days=30)

    assert [(epoch.ends_at_ms - epoch.starts_at_ms) // DAY_MS for epoch in epochs] == [90, 90, 30]


@given(steps=st.lists(st.integers(0, 400), max_size=12), days=st.integers(30, 365))
def test_epochs_never_leave_a_gap_and_the_next_is_always_there(steps, days):
    now_ms, epochs = NOW_MS, ()
    for step in steps:
        now_ms += step * DAY_MS

        epochs = planned(epochs, now_ms=now_ms, days=days)

        assert all(one.ends_at_ms == other.starts_at_ms for one, other in pairwise(epochs))
        assert epochs[-1].starts_at_ms > now_ms
        assert any(epoch.starts_at_ms <= now_ms < epoch.ends_at_ms for epoch in epochs)
        assert all(epoch.ends_at_ms + 30 * DAY_MS > now_ms for epoch in epochs)
        assert planned(epochs, now_ms=now_ms, days=days) == epochs
        assert is_current(derive_epochs(epochs, b"k"), now_ms=now_ms, kept_days=14)


def test_a_key_needs_the_salt_and_the_secret():
    epoch = StoredEpoch(starts_at_ms=0, ends_at_ms=1, salt=b"s" * 32)
    other = StoredEpoch(starts_at_ms=0, ends_at_ms=1, salt=b"t" * 32)

    keys = {derive_epochs([one], secret)[0].key for one in (epoch, other) for secret in (b"root" * 8, b"another" * 5)}

    assert len(keys) == 4
    assert {len(key) for key in keys} == {32}
