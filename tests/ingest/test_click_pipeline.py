"""Each step alone, and that every door asks its steps in the order of its list."""

from typing import Any

import pytest

from ingest.click_pipeline import CLICK_STEPS, REPORT_STEPS, Arrival, check_code, first_refusal
from ingest.directory import Referral
from ingest.events import STATE_FRAMED, STATE_GPC

ANNA = Referral(enrollment_id="enr_anna", code="ANNA", partner_name="Anna")
SITES = frozenset({"https://shop.example"})


def make_arrival(headers: dict[bytes, bytes] | None = None, **changes: Any) -> Arrival:
    return Arrival(**{"headers": headers or {}, "origins": SITES, "referral": ANNA, **changes})


# What is wrong, and which doors refuse it with what.
CASES: dict[str, tuple[Arrival, dict[str, str]]] = {
    "nothing": (make_arrival(), {}),
    "strange-origin": (
        make_arrival(page_origin="https://evil.example"),
        {"snippet": "origin_not_allowed", "pixel": "origin_not_allowed"},
    ),
    "no-sites": (make_arrival(page_origin="https://evil.example", origins=frozenset()), {}),
    "own-origin": (make_arrival(page_origin="https://shop.example"), {}),
    "prefetch": (
        make_arrival({b"sec-purpose": b"prefetch;prerender"}),
        {"snippet": "prefetch", "redirect": "prefetch", "pixel": "prefetch"},
    ),
    "old-prefetch": (
        make_arrival({b"purpose": b"prefetch"}),
        {"snippet": "prefetch", "redirect": "prefetch", "pixel": "prefetch"},
    ),
    "framed-page": (
        make_arrival(state=STATE_FRAMED),
        {"snippet": "framed", "redirect": "framed", "pixel": "framed"},
    ),
    "frame": (
        make_arrival({b"sec-fetch-dest": b"iframe"}),
        {"snippet": "framed", "redirect": "framed", "pixel": "framed"},
    ),
    "head": (make_arrival(method="HEAD"), {"redirect": "not_navigation", "pixel": "not_navigation"}),
    "image": (make_arrival({b"sec-fetch-dest": b"image"}), {"redirect": "not_navigation"}),
    "gpc-header": (make_arrival({b"sec-gpc": b"1"}), {"snippet": "gpc", "pixel": "gpc"}),
    "gpc-bit": (make_arrival(state=STATE_GPC), {"snippet": "gpc", "pixel": "gpc"}),
    "gpc-ignored": (make_arrival({b"sec-gpc": b"1"}, gpc="ignore"), {}),
    "nobodys-code": (
        make_arrival(referral=None),
        dict.fromkeys(("snippet", "redirect", "pixel", "server"), "unknown_code"),
    ),
    "flood": (make_arrival(is_over_limit=True), {"redirect": "rate_limited", "pixel": "rate_limited"}),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("door", CLICK_STEPS)
def test_each_door_refuses_what_its_steps_say(door: str, case: str) -> None:
    arrival, refusals = CASES[case]
    reason = first_refusal(CLICK_STEPS[door], arrival)

    assert (None if reason is None else reason.value) == refusals.get(door)


def test_every_step_belongs_to_a_door_and_refuses_something() -> None:
    """A step that nothing reaches would be a rule nobody follows."""
    steps = {step for door in CLICK_STEPS.values() for step in door}

    assert steps >= set(REPORT_STEPS)
    for step in steps:
        assert any(step(arrival) is not None for arrival, _ in CASES.values()), step


def test_the_first_refusal_counts() -> None:
    strange = make_arrival({b"sec-gpc": b"1"}, page_origin="https://evil.example", referral=None)

    assert first_refusal(CLICK_STEPS["snippet"], strange) == "origin_not_allowed"
    assert first_refusal((check_code,), strange) == "unknown_code"
    assert first_refusal((), strange) is None


@pytest.mark.parametrize("case", CASES)
def test_a_report_is_asked_for_its_page_and_its_visitors_wish_alone(case: str) -> None:
    reason = first_refusal(REPORT_STEPS, CASES[case][0])

    wanted = {"strange-origin": "origin_not_allowed", "gpc-header": "gpc", "gpc-bit": "gpc"}
    assert (None if reason is None else reason.value) == wanted.get(case)
