"""Rule 30c: the report is forged or replayed."""

import pytest

from fraud_rules.rules.forged_report import RULE, Config
from fraud_rules.scoring import score
from fraud_rules.types import Forgeries


@pytest.fixture(scope="session")
def judge_signs(make_facts):
    def judge(**signs):
        return RULE.evaluate(make_facts(forgeries=Forgeries(**signs)), Config())

    return judge


@pytest.mark.parametrize(
    ("signs", "sign", "factor_ppm", "band"),
    [
        ({"reused_order": True}, "reused_order", 900_000, "priority"),
        ({"bad_signatures": 2}, "bad_signature", 900_000, "priority"),
        ({"bad_signatures": 1}, "bad_signature", 480_000, "note"),
        ({"foreign_click": True}, "foreign_click", 480_000, "note"),
        ({"foreign_click": True, "bad_signatures": 1}, "foreign_click", 480_000, "note"),
        ({"foreign_click": True, "bad_signatures": 5}, "bad_signature", 900_000, "priority"),
        ({"foreign_click": True, "bad_signatures": 5, "reused_order": True}, "reused_order", 900_000, "priority"),
    ],
    ids=["reused", "refused_again", "wrong_clock", "copied_link", "two_accidents", "refusals_lead", "reuse_leads"],
)
def test_heaviest_sign_counts_and_accidents_are_notes(judge_signs, signs, sign, factor_ppm, band):
    (finding,) = judge_signs(**signs)

    assert finding.evidence["sign"] == sign
    assert finding.factor_ppm == factor_ppm
    assert score([finding]).band == band
    assert finding.cluster_key == "order:cnv_me"


@pytest.mark.parametrize("signs", [{}, {"bad_signatures": 0}, {"bad_signatures": -3}], ids=["none", "zero", "negative"])
def test_clean_report_is_silent(judge_signs, signs):
    assert judge_signs(**signs) == []


def test_signs_not_loaded_are_silent(make_facts):
    assert RULE.evaluate(make_facts(), Config()) == []
