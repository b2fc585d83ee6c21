"""The partner's side of a case on the private page: what is held, asked and decided, an answer and one appeal."""

import pytest

from tracker.cases import store as cases
from tracker.cases.review import give_verdict
from tracker.cases.types import VERDICTS_OF
from tracker.cases.undo import undo_verdict
from tracker.portal.links import private_link

DAY_MS = 86_400_000
HIDDEN = ("self_email", "mailbox", "score", "/admin/cases", "between us")


def address_of(world, partner_id=None):
    services = world.services
    link = private_link(
        services.settings.base_url,
        secret=services.secret,
        partner_id=partner_id or world.anna.partner_id,
        now_ms=services.now_ms(),
    )
    return "/p/" + link.rpartition("/")[2]


def opened(world, **headers):
    return world.request("POST", address_of(world), headers=headers)


def send(world, case_id, kind, text, *, partner_id=None, **headers):
    path = f"{address_of(world, partner_id)}/cases/{case_id}"
    return world.request("POST", path, data={"kind": kind, "text": text}, headers=headers)


def held(world, number="SELF"):
    body = world.sale(external_id=number, partner_code="ANNA", customer={"email": "anna@partners.example"})
    world.track("sale", body)
    return world.read(lambda conn: cases.queue(conn, livemode=True, statuses=("open",)))[0].case.case_id


def judge(world, case_id, action, text="", **changes):
    values = {
        "case_id": case_id,
        "verdict": VERDICTS_OF[action][0],
        "action": action,
        "reason_code": "other",
        "public_text": text,
        "note": "between us",
        "deciding_finding": None,
        "actor": "user:usr_1",
        "now_ms": world.services.now_ms(),
    }
    return world.run(give_verdict(world.services.db, **(values | changes)))


def status_of(world, case_id):
    return world.read(lambda conn: cases.case_row(conn, case_id)).status


def test_a_matter_under_review_tells_since_when_and_what_is_held_and_nothing_of_rules(world):
    held(world)

    page = opened(world)

    assert "Under review since" in page.text
    assert "held until it is decided" in page.text
    assert "€20.00" in page.text
    for text in HIDDEN:
        assert text not in page.text


def test_a_question_is_shown_and_its_answer_brings_the_case_back(world):
    case_id = held(world)
    judge(world, case_id, "ask", "Who <b>are</b> they?")
    assert "Who &lt;b&gt;are&lt;/b&gt; they?" in opened(world).text
    assert "Please answer by" in opened(world).text

    answer = send(world, case_id, "reply", "My <i>readers</i>.")

    assert answer.status_code == 200
    assert "Your answer is with the reviewers." in answer.text
    assert "My &lt;i&gt;readers&lt;/i&gt;." in answer.text
    assert status_of(world, case_id) == "claimed"
    again = send(world, case_id, "reply", "Once more")
    assert again.status_code == 422
    assert "Nothing is asked here any more" in again.text


def test_a_decision_shows_its_text_and_an_appeal_opens_the_case_again(world):
    case_id = held(world)
    judge(world, case_id, "reject", "The order came from your own office.")
    page = opened(world)
    assert "The order came from your own office." in page.text
    assert "Appeal by" in page.text
    assert "-€20.00" in page.text.replace("−", "-")

    answer = send(world, case_id, "appeal", "It is a customer's office.")

    assert "Your appeal is with the reviewers." in answer.text
    assert status_of(world, case_id) == "appealed"
    again = send(world, case_id, "appeal", "And another thing")
    assert again.status_code == 422
    assert "there is one appeal" in again.text
    judge(world, case_id, "reject", "We looked again.")
    final = opened(world)
    assert "We looked again." in final.text
    assert "this decision is final" in final.text
    assert "Appeal by" not in final.text
    for text in HIDDEN:
        assert text not in final.text


def test_an_upheld_appeal_shows_the_money_again(world):
    case_id = held(world)
    judge(world, case_id, "void")
    send(world, case_id, "appeal", "No.")

    judge(world, case_id, "clear", "You were right.")

    page = opened(world)
    assert "You were right." in page.text
    assert "Confirmed" in page.text
    assert status_of(world, case_id) == "decided"


@pytest.mark.parametrize(
    ("action", "words"), [("pause", "Paused since"), ("ban", "What was cleared before stays yours.")]
)
def test_a_paused_or_banned_partner_reads_why(world, action, words):
    judge(world, held(world), action, "Own orders are not rewarded.")

    page = opened(world)

    assert words in page.text
    assert page.text.count("Own orders are not rewarded.") >= 2


def test_another_partners_case_cannot_be_written_to(world):
    case_id = held(world)
    judge(world, case_id, "void")
    boris = world.add_partner("Boris", "BORIS")

    answer = send(world, case_id, "appeal", "Mine!", partner_id=boris.partner_id)

    assert answer.status_code == 422
    assert status_of(world, case_id) == "decided"


@pytest.mark.parametrize("text", ["", "   ", "x" * 2001])
def test_a_refused_text_comes_back_with_its_reason(world, text):
    case_id = held(world)
    judge(world, case_id, "ask")

    answer = send(world, case_id, "reply", text)

    assert answer.status_code == 422
    assert "field-error" in answer.text
    assert text.strip() in answer.text
    assert status_of(world, case_id) == "waiting_partner"


def test_a_form_of_another_site_and_a_wrong_address_change_nothing(world):
    case_id = held(world)
    judge(world, case_id, "ask")

    assert send(world, case_id, "reply", "x", Origin="https://evil.example").status_code == 403
    assert world.request("POST", f"/p/{'x' * 40}/cases/{case_id}", data={"text": "x"}).status_code == 404
    assert send(world, "cas_x", "reply", "x").status_code == 404
    assert world.request("POST", f"{address_of(world)}/cases/{case_id}", content=b"{}").status_code == 415
    assert status_of(world, case_id) == "waiting_partner"


def test_a_verdict_taken_back_is_no_decision_and_the_statement_shows_both_lines(world):
    case_id = held(world)
    judge(world, case_id, "reject", "Wrong button.")
    world.run(undo_verdict(world.services.db, case_id=case_id, actor="user:usr_1", now_ms=world.services.now_ms() + 1))

    page = opened(world)

    assert "Under review since" in page.text
    assert "Not confirmed" not in page.text
    assert "Appeal by" not in page.text
    assert page.text.count("Wrong button.") == 1
    assert "Given again" in page.text or page.text.count("€100.00 × 20% = €20.00") == 2
