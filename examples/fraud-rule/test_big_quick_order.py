"""The rule fires at its lines and not beside them; the honest case stands next to the dishonest one."""

import big_quick_order
import pytest

from fraud_rules.types import Facts, Subject

CLICKED_MS = 1_760_000_000_000


def sale(**changes: object) -> Facts:
    values: dict[str, object] = {
        "conversion_id": "cnv_1",
        "kind": "sale",
        "program_id": "prg_1",
        "partner_id": "enr_1",
        "at_ms": CLICKED_MS + 60_000,
        "occurred_at_ms": CLICKED_MS + 60_000,
        "click_at_ms": CLICKED_MS,
        "amount_minor": 50_000,
        "currency": "EUR",
        "paid": True,
    }
    return Facts(subject=Subject(**(values | changes)))  # type: ignore[arg-type]


def test_a_large_order_a_minute_after_the_click_is_found() -> None:
    (finding,) = big_quick_order.evaluate(sale(), big_quick_order.Config())

    assert finding.fired
    assert finding.message % finding.params == (
        "An order of 50000 EUR came 1 min after the click; large orders take longer to decide."
    )
    assert finding.factor_ppm == 300_000, "a note: no money is held by it alone"


@pytest.mark.parametrize(
    "changes",
    [
        {"amount_minor": 49_999},
        {"occurred_at_ms": CLICKED_MS + 5 * 60_000 + 1},
        {"occurred_at_ms": CLICKED_MS - 1},
        {"click_at_ms": None},
        {"amount_minor": None},
        {"source": "call-centre"},
    ],
    ids=["small", "later", "wrong clock", "no click", "no amount", "typed by an operator"],
)
def test_anything_else_is_silent(changes: dict[str, object]) -> None:
    assert big_quick_order.evaluate(sale(**changes), big_quick_order.Config()) == []


def test_a_known_device_is_forgiven_and_shown() -> None:
    (finding,) = big_quick_order.evaluate(sale(device_known_before=True), big_quick_order.Config())

    assert not finding.fired
    assert finding.factor_ppm == 0
