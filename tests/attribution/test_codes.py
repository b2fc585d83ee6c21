"""Which entry a code means and whether it may earn."""

import msgspec
import pytest

from attribution.codes import fold_code, judge_codes
from attribution.types import CodeEntry, Conversion, PartnerStanding, Settings

AT = 1_000_000
SALE = Conversion(
    conversion_id="s1",
    kind="sale",
    program_id="P",
    at_ms=AT,
    seq=1,
    amount_minor=100,
    currency="EUR",
    customer_id="c-7",
)
STANDINGS = {
    "anna": PartnerStanding(partner_id="anna"),
    "boris": PartnerStanding(partner_id="boris", own_customers=frozenset({"c-7"})),
    "gone": PartnerStanding(partner_id="gone", statuses=((0, "deactivated"),)),
}


def make_entry(code="SPRING", partner_id="anna", **changes):
    return msgspec.structs.replace(CodeEntry(code=code, partner_id=partner_id, program_id="P"), **changes)


def judge(entries, *, coupon="SPRING", partner_code=None, involved=(), policy="click_first"):
    sale = msgspec.structs.replace(SALE, coupon=coupon, partner_code=partner_code)
    return judge_codes(
        sale,
        entries,
        standings=STANDINGS,
        settings=Settings(program_id="P", coupon_policy=policy),
        involved=frozenset(involved),
    )


def reason_of(claim):
    return claim.refusal.reason if claim.refusal else None


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        (make_entry(), None),
        (make_entry(code="AUTUMN"), "code_unknown"),
        (make_entry(program_id="Q"), "code_other_program"),
        (make_entry(valid_to_ms=AT), None),
        (make_entry(valid_to_ms=AT - 1), "code_expired"),
        (make_entry(partner_id="boris"), "self_referral"),
        (make_entry(partner_id="gone"), "partner_inactive"),
        (make_entry(partner_id="stranger"), "partner_inactive"),
        (make_entry(partner_id="boris", program_id="Q", valid_to_ms=0), "code_other_program"),
        (make_entry(partner_id="boris", valid_to_ms=0), "code_expired"),
    ],
)
def test_code_is_refused_for_the_first_test_it_fails(entry, reason):
    (claim,) = judge([entry])

    assert reason_of(claim) == reason


@pytest.mark.parametrize("sent", ["SPRING", "spring", "  Spring\t", "sPrInG "])
def test_codes_are_matched_without_case_and_outer_blanks_and_named_as_sent(sent):
    (claim,) = judge([make_entry(code=" Spring")], coupon=sent)

    assert (claim.touch, claim.partner_id, claim.refusal) == (f"code:{sent}", "anna", None)


def test_inner_blanks_are_part_of_a_code():
    assert fold_code("SPR ING") != fold_code("SPRING")


@pytest.mark.parametrize(
    ("involved", "reason"),
    [((), "code_partner_not_involved"), (("boris",), "code_partner_not_involved"), (("anna",), None)],
)
def test_if_involved_needs_an_eligible_touch_of_the_owner(involved, reason):
    (claim,) = judge([make_entry()], involved=involved, policy="if_involved")

    assert reason_of(claim) == reason


def test_invalid_code_keeps_its_own_reason_under_if_involved():
    (claim,) = judge([make_entry(valid_to_ms=0)], policy="if_involved")

    assert reason_of(claim) == "code_expired"


def test_no_code_and_an_empty_code_make_no_claim():
    assert judge([make_entry()], coupon=None) == ()
    assert judge([make_entry()], coupon="") == ()


def test_code_of_blanks_is_an_unknown_code():
    (claim,) = judge([make_entry()], coupon="  ")

    assert (claim.touch, reason_of(claim)) == ("code:  ", "code_unknown")


def test_partner_code_ranks_after_the_promo_code():
    claims = judge([make_entry(), make_entry(code="anna-1")], partner_code="ANNA-1")

    assert [claim.touch for claim in claims] == ["code:SPRING", "code:ANNA-1"]


def test_same_code_in_both_fields_counts_once():
    claims = judge([make_entry()], partner_code=" spring")

    assert [claim.touch for claim in claims] == ["code:SPRING"]


@pytest.mark.parametrize(
    "entries",
    [
        [make_entry(partner_id="gone", program_id="Q"), make_entry()],
        [make_entry(valid_to_ms=AT - 1, partner_id="gone"), make_entry(valid_to_ms=AT + 1)],
        [make_entry(valid_to_ms=AT + 1, partner_id="gone"), make_entry(valid_to_ms=None)],
        [make_entry(partner_id="gone"), make_entry(partner_id="anna")],
    ],
    ids=["own_program_first", "longest_first", "endless_first", "then_by_partner"],
)
def test_one_entry_is_meant_whatever_the_order(entries):
    for order in (entries, entries[::-1]):
        (claim,) = judge(order)

        assert (claim.partner_id, claim.refusal) == ("anna", None)
