"""A case about a partner as a whole on the staff pages: the queue, its page, a verdict, the partner's page."""

import re
from gettext import NullTranslations

import pytest

from fraud_rules.engine import Judgement
from fraud_rules.rules.refund_abuse import RULE as REFUNDS
from fraud_rules.rules.refund_abuse import Config
from fraud_rules.scoring import score
from fraud_rules.sentences import write_sentence
from tracker.cases import store
from tracker.cases.partner_opening import open_partner_case

SALES = 12
# As the rule gives them (fraud_rules/rules/refund_abuse.py).
EVIDENCE = {
    "kind": "rate",
    "refunds": 9,
    "sales": SALES,
    "lower_bound_ppm": 481_234,
    "program_rate_ppm": 31_500,
}


@pytest.fixture
def opened(shop, owner):
    """A case that the nightly rules opened over twelve sales, and what the finding says."""
    ids = []
    for number in range(SALES):
        # Hours and addresses apart: nothing but the finding below speaks against them.
        shop.services.clock.advance(3 * 3_600_000)
        own = {"visitor_id": f"visitor-{number}", "address": f"198.51.{number}.7"}
        shop.click(f"click-{number}", ago_ms=600_000, **own)
        ids.append(shop.sale(f"A-{number}", **own))
    one, many = "%(count)d sale, %(refunds)d back.", "%(count)d sales, %(refunds)d back; usually %(usual)d %%."
    finding = REFUNDS.find(
        message=one,
        message_plural=many,
        params={"count": SALES, "refunds": 9, "usual": 3},
        weight_ppm=Config().weight_ppm,
        evidence=EVIDENCE,
        compared=set(ids),
        holds_compared=True,
        clears_when="The goods were broken.",
    )
    judgement = Judgement(findings=(finding,), suppressed=(), errors=(), score=score([finding]))
    made = shop.write(
        lambda conn: open_partner_case(
            conn,
            program_id=shop.program_id,
            enrollment_id=shop.enrollment_id,
            livemode=True,
            judgement=judgement,
            now_ms=shop.services.now_ms(),
            actor="system:nightly",
        )
    )
    assert made.case_id
    owner.sign_in()
    return made.case_id, write_sentence(finding, NullTranslations())


def test_the_queue_says_what_was_found_about_the_partner(owner, opened):
    _, sentence = opened

    page = owner.get("/admin/cases")

    assert sentence in page.text
    assert "12 conversions" in page.text


def test_the_page_shows_the_sentence_the_numbers_and_the_conversions(owner, opened):
    case_id, sentence = opened

    page = owner.get(f"/admin/cases/{case_id}")

    assert sentence in page.text
    assert "Refunded sales: 9 of 12 (75%)" in page.text
    assert "In the program: 3.15%" in page.text
    assert "refunds of all sales" in page.text
    assert "lower_bound" not in page.text
    facts = page.text.partition('id="facts-title"')[2].partition("</table>")[0]
    assert len(re.findall(r'<a class="number" href="/admin/conversions/cnv_', facts)) == 10
    assert "and 2 more" in facts


def test_the_finding_about_the_partner_may_decide(owner, shop, opened):
    case_id, _ = opened
    page = owner.get(f"/admin/cases/{case_id}?action=reject")
    (chosen,) = re.findall(r'<option value="(fnd_\w+)" selected', page.text)
    fields = {"action": "reject", "verdict": "policy", "reason_code": "other", "public_text": "No.", "note": "Seen."}
    owner.send(f"/admin/cases/{case_id}/claim")

    owner.send(f"/admin/cases/{case_id}/verdict", **fields, deciding_finding=chosen)

    view = shop.read(lambda conn: store.get_case(conn, case_id, now_ms=shop.services.now_ms()))
    assert (view.case.status, view.verdicts[-1].deciding_finding) == ("decided", chosen)


def test_the_partners_page_tells_since_when_and_why(owner, shop, opened):
    case_id, sentence = opened
    address = f"/admin/partners/{shop.world.partner.partner_id}"

    page = owner.get(address)

    assert "Under review" in page.text
    assert f"/admin/cases/{case_id}" in page.text
    assert "the partner as a whole" in page.text
    assert sentence in page.text


def test_a_partner_nobody_suspects_is_not_under_review(owner, shop):
    assert "Under review" not in owner.get(f"/admin/partners/{shop.world.partner.partner_id}").text
