"""Around a verdict: every action, claims between two people, undo, the second person, many at once."""

import re
from types import SimpleNamespace

import msgspec
import pytest

from tracker.cases import store
from tracker.cases.appeals import answer, appeal
from tracker.cases.undo import GRACE_MS, UNDO_MS
from tracker.conversions import store as conversions
from tracker.ledger.verify import verify
from tracker.partners import store as partners
from tracker.programs.store import publish_version

DAY_MS = 86_400_000
MINUTE_MS = 60_000


@pytest.fixture
def held(shop):
    """A self-referral's case with 20.00 frozen."""
    sale = shop.self_referral()
    return SimpleNamespace(case_id=shop.cases()[0].case.case_id, sale=sale)


@pytest.fixture
def colleague(open_browser):
    browser = open_browser()
    browser.sign_in("manager")
    return browser


def verdict_form(page):
    form = re.search(r"<form[^>]*data-verdict>.*?</form>", page.text, re.DOTALL)[0]
    fields = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', form))
    fields |= dict(re.findall(r'<input class="input" id="\w+" name="(\w+)"[^>]* value="([^"]*)"', form))
    fields.pop("csrf_token")
    for name, body in re.findall(r'<select[^>]*name="(\w+)"[^>]*>(.*?)</select>', form, re.DOTALL):
        options = re.findall(r'<option value="([^"]*)"[^>]*?( selected)?>', body)
        fields[name] = next((value for value, chosen in options if chosen), options[0][0])
    return fields | dict(re.findall(r'<textarea[^>]*name="(\w+)"[^>]*>(.*?)</textarea>', form, re.DOTALL))


def judge(browser, case_id, action, **changes):
    fields = verdict_form(browser.get(f"/admin/cases/{case_id}?action={action}"))
    return browser.send(f"/admin/cases/{case_id}/verdict", **(fields | changes))


def case_of(shop, case_id):
    return shop.read(lambda conn: store.case_row(conn, case_id))


def status_of(shop, held):
    return shop.read(lambda conn: conversions.get_conversion(conn, held.sale)).status


def enrollment(shop):
    return shop.read(lambda conn: partners.get_enrollment(conn, shop.enrollment_id)).status


def limit(shop, world, minor):
    settings = msgspec.structs.replace(world.program.settings, four_eyes_minor=minor)
    shop.write(
        lambda conn: publish_version(
            conn,
            program_id=shop.program_id,
            settings=settings,
            note="",
            actor="user:x",
            now_ms=shop.services.now_ms(),
        )
    )


def test_every_button_says_what_it_would_move(owner, held):
    page = owner.get(f"/admin/cases/{held.case_id}").text

    for text in (
        "releases €20.00",
        "takes back €20.00</small>",
        "€20.00 stays frozen",
        "takes back €20.00; earns nothing new until resumed",
        "takes back €20.00; earns nothing new, what is cleared stays",
    ):
        assert text in page


@pytest.mark.parametrize(
    ("action", "case", "sale", "balance", "partner"),
    [
        ("clear", "decided", "accepted", (2000, 0, 0), "active"),
        ("reject", "decided", "rejected", (0, 0, 0), "active"),
        ("void", "decided", "rejected", (0, 0, 0), "active"),
        ("ask", "waiting_partner", "in_review", (0, 0, 2000), "active"),
        ("hold", "claimed", "in_review", (0, 0, 2000), "active"),
        ("pause", "decided", "rejected", (0, 0, 0), "paused"),
        ("ban", "decided", "rejected", (0, 0, 0), "banned"),
    ],
)
def test_seven_actions_and_back_by_undo(owner, shop, held, services, action, case, sale, balance, partner):
    answered = judge(owner, held.case_id, action)

    assert answered.status_code == 200
    assert (case_of(shop, held.case_id).status, status_of(shop, held)) == (case, sale)
    assert (shop.balance(), enrollment(shop)) == (balance, partner)
    assert services.refreshed == (1 if partner != "active" else 0)
    assert "data-undo" in answered.text
    undone = owner.send(f"/admin/cases/{held.case_id}/undo")
    assert "everything is as it was" in undone.text
    assert (status_of(shop, held), shop.balance(), enrollment(shop)) == ("in_review", (0, 0, 2000), "active")
    assert shop.read(verify).ok
    assert "taken back at once" in undone.text


def test_undo_too_late_is_refused_with_the_reason_and_no_longer_offered(owner, shop, held, services):
    answered = judge(owner, held.case_id, "reject")
    services.clock.advance(UNDO_MS)
    assert "data-undo" not in owner.get(str(answered.url)).text
    services.clock.advance(GRACE_MS + 1)

    refused = owner.send(f"/admin/cases/{held.case_id}/undo")

    assert refused.status_code == 409
    assert "possible for 15 seconds" in refused.text
    assert status_of(shop, held) == "rejected"


def test_undo_of_a_colleagues_verdict_is_refused(owner, colleague, shop, held):
    judge(owner, held.case_id, "reject")

    assert colleague.send(f"/admin/cases/{held.case_id}/undo").status_code == 409
    assert "data-undo" not in colleague.get(f"/admin/cases?undo={held.case_id}").text
    assert status_of(shop, held) == "rejected"


def test_a_question_with_its_days_and_answer_stands_on_the_page(owner, shop, held):
    asked = judge(owner, held.case_id, "ask", days="14", public_text="Who <is> it?")
    assert "Asked; the answer is due on" in asked.text
    assert case_of(shop, held.case_id).postponed_until_ms == shop.services.now_ms() + 14 * DAY_MS
    mine = {shop.enrollment_id}
    said = {"enrollment_ids": mine, "text": "My <b>aunt</b>.", "now_ms": shop.services.now_ms() + 1}
    shop.write(lambda conn: answer(conn, held.case_id, **said))

    page = owner.get(f"/admin/cases/{held.case_id}")

    assert "Who &lt;is&gt; it?" in page.text
    assert "My &lt;b&gt;aunt&lt;/b&gt;." in page.text
    assert "Partner answered" in page.text


@pytest.mark.parametrize("days", ["0", "91", "x"])
def test_days_out_of_bounds_come_back_with_the_reason(owner, shop, held, days):
    refused = judge(owner, held.case_id, "hold", days=days)

    assert refused.status_code == 422
    assert "Give a whole number from 1 to 90." in refused.text
    assert case_of(shop, held.case_id).status == "open"


def test_an_appeal_comes_back_to_the_queue_and_its_money_again(owner, shop, held):
    judge(owner, held.case_id, "reject")
    mine = {"enrollment_ids": {shop.enrollment_id}, "text": "No.", "now_ms": shop.services.now_ms() + 1}
    shop.write(lambda conn: appeal(conn, held.case_id, **mine))
    assert "Appealed" in owner.get("/admin/cases?status=appealed").text
    page = owner.get(f"/admin/cases/{held.case_id}")
    assert "gives €20.00 again" in page.text

    upheld = judge(owner, held.case_id, "clear")

    assert "Appeal upheld: 1 conversion counted, €20.00 given again." in upheld.text
    assert shop.balance() == (2000, 0, 0)


def test_two_reviewers_never_judge_one_case(owner, colleague, shop, held):
    """Both stand at the queue; whoever opens a case for judgement has it, the other is led past it."""
    shop.crowd()
    first = owner.send("/admin/cases/next")
    second = colleague.send("/admin/cases/next")

    assert first.url.path != second.url.path
    mine = first.url.path.rpartition("/")[2]
    assert "owner@example.com holds this case" in colleague.get(first.url.path).text
    taken = colleague.send(f"/admin/cases/{mine}/claim", action="reject")
    assert taken.status_code == 409
    fields = verdict_form(owner.get(f"/admin/cases/{mine}?action=reject"))
    assert colleague.send(f"/admin/cases/{mine}/verdict", **fields).status_code == 409
    after = judge(owner, mine, "reject")
    assert after.url.path == "/admin/cases"
    assert "No case is free" in owner.send("/admin/cases/next").text


def test_a_button_takes_the_case_and_opens_its_form(owner, shop, held):
    opened = owner.send(f"/admin/cases/{held.case_id}/claim", action="hold")

    assert str(opened.url).endswith("?action=hold")
    assert "data-verdict" in opened.text
    assert case_of(shop, held.case_id).claimed_by


def test_a_claim_without_activity_frees_the_case(owner, colleague, shop, held, services):
    owner.send(f"/admin/cases/{held.case_id}/claim")
    services.clock.advance(14 * MINUTE_MS)
    assert colleague.send(f"/admin/cases/{held.case_id}/claim").status_code == 409
    owner.send(f"/admin/cases/{held.case_id}/claim", action="reject")
    services.clock.advance(14 * MINUTE_MS)
    assert colleague.send(f"/admin/cases/{held.case_id}/claim").status_code == 409

    services.clock.advance(MINUTE_MS)

    assert colleague.send(f"/admin/cases/{held.case_id}/claim").status_code == 200


def test_over_the_limit_a_second_person_confirms(owner, colleague, shop, world, held):
    limit(shop, world, 1999)
    assert "a second person must confirm it" in owner.get(f"/admin/cases/{held.case_id}?action=reject").text
    proposed = judge(owner, held.case_id, "reject", note="seen twice")
    assert "Nothing has moved yet" in proposed.text
    assert status_of(shop, held) == "in_review"
    mine = owner.get(f"/admin/cases/{held.case_id}")
    assert "Withdraw it" in mine.text
    assert "/confirm" not in mine.text
    assert "verdict waits for a second person" in colleague.get("/admin/cases").text
    theirs = colleague.get(f"/admin/cases/{held.case_id}")
    assert "seen twice" in theirs.text
    proposal_id = re.search(r'name="proposal_id" value="(\w+)"', theirs.text)[1]
    assert owner.send(f"/admin/cases/{held.case_id}/confirm", proposal_id=proposal_id).status_code == 409

    done = colleague.send(f"/admin/cases/{held.case_id}/confirm", proposal_id=proposal_id)

    assert "Rejected: 1 conversion, €20.00 taken back." in done.text
    assert status_of(shop, held) == "rejected"
    assert "confirmed by manager@example.com" in owner.get(f"/admin/cases/{held.case_id}").text
    assert colleague.send(f"/admin/cases/{held.case_id}/confirm", proposal_id=proposal_id).status_code == 409


@pytest.mark.parametrize("who", ["owner", "colleague"])
def test_a_proposal_is_refused_or_withdrawn(owner, colleague, shop, world, held, who):
    limit(shop, world, 0)
    judge(owner, held.case_id, "clear")
    proposal_id = case_of(shop, held.case_id).proposal_id
    browser = {"owner": owner, "colleague": colleague}[who]

    answered = browser.send(f"/admin/cases/{held.case_id}/refuse", proposal_id=proposal_id)

    assert "back in the queue for everybody" in answered.text
    assert case_of(shop, held.case_id).status == "open"
    assert shop.balance() == (0, 0, 2000)
    assert browser.send(f"/admin/cases/{held.case_id}/refuse", proposal_id="x").status_code == 400


def test_a_reviewer_judges_but_pauses_and_bans_nobody(open_browser, shop, held):
    reviewer = open_browser()
    reviewer.sign_in("reviewer")

    page = reviewer.get(f"/admin/cases/{held.case_id}")

    assert "Ban the partner" not in page.text
    fields = {"action": "ban", "verdict": "fraud", "reason_code": "fraud", "public_text": ""}
    assert reviewer.send(f"/admin/cases/{held.case_id}/verdict", **fields).status_code == 403
    assert reviewer.send("/admin/cases/bulk", action="clear", case=held.case_id).status_code == 403
    assert enrollment(shop) == "active"


def seen(page):
    return dict(re.findall(r'name="(seen_\w+)" value="([^"]*)"', page.text))


def test_many_are_looked_at_with_their_sums_and_then_judged(owner, shop, held):
    shop.crowd()
    ids = [row.case.case_id for row in shop.cases()]

    page = owner.send("/admin/cases/bulk", action="reject", case=ids)

    assert "<strong>€20.00</strong>" in page.text
    assert "2 cases of those ticked are ready" in page.text
    assert status_of(shop, held) == "in_review"
    done = owner.send(
        "/admin/cases/bulk/apply",
        action="reject",
        verdict="fraud",
        reason_code="fraud",
        public_text="Together.",
        case=ids,
        **seen(page),
    )
    assert "2 cases were judged." in done.text
    assert {case_of(shop, each).status for each in ids} == {"decided"}
    assert status_of(shop, held) == "rejected"
    assert shop.read(verify).ok


def test_what_a_colleague_holds_or_has_changed_is_left_alone_and_named(owner, colleague, shop, held):
    shop.crowd()
    ids = [row.case.case_id for row in shop.cases()]
    other = next(each for each in ids if each != held.case_id)
    page = owner.send("/admin/cases/bulk", action="clear", case=ids)
    colleague.send(f"/admin/cases/{other}/claim")
    fields = seen(page) | {f"seen_{held.case_id}": "9,EUR1"}

    done = owner.send(
        "/admin/cases/bulk/apply", action="clear", verdict="legitimate", reason_code="legitimate", case=ids, **fields
    )

    assert "0 cases were judged." in done.text
    assert "A colleague holds it." in done.text
    assert "It has changed since you looked" in done.text
    assert {case_of(shop, each).status for each in ids} == {"open", "claimed"}
    looked = owner.send("/admin/cases/bulk", action="clear", case=ids)
    assert "A colleague holds it." in looked.text


def test_nothing_ticked_and_nonsense_are_told(owner, held):
    assert "No case is ticked" in owner.send("/admin/cases/bulk", action="clear").text
    assert "No case is ticked" in owner.send("/admin/cases/bulk", action="burn", case="cas_x").text
    refused = owner.send("/admin/cases/bulk/apply", action="ban", verdict="fraud", case=held.case_id)
    assert refused.status_code == 422


def test_many_over_the_limit_wait_for_a_second_person(owner, shop, world, held):
    limit(shop, world, 0)
    page = owner.send("/admin/cases/bulk", action="void", case=held.case_id)

    done = owner.send(
        "/admin/cases/bulk/apply",
        action="void",
        verdict="fraud",
        reason_code="fraud",
        case=held.case_id,
        **seen(page),
    )

    assert "waits for a second person" in done.text
    assert case_of(shop, held.case_id).proposal_id


def test_what_shares_a_fact_with_the_case_is_linked_and_masked(owner, shop, held):
    other = shop.sale("OTHER-1", visitor_id="visitor-SELF-1", customer={"email": "kim@mail.example"})
    person = {"email": "ann@mail.example", "phone": "+79000001122", "name": "Ann"}
    shop.sale("OTHER-2", visitor_id="v2", customer=person | {"phone": "+7 900 000-11-22"})

    page = owner.get(f"/admin/cases/{held.case_id}").text

    shared = page[page.index("What else shares these facts") :]
    for text in ("Same address", "Same browser", "Same phone", "198.51.100.x", "visito…", "…22"):
        assert text in shared
    assert f"/admin/conversions/{other}" in shared
    assert "visitor-SELF-1" not in shared.replace("/admin/clicks?visitor=visitor-SELF-1", "")


def test_the_empty_queue_shows_the_first_minute_and_the_help_leads_to_it(owner, shop):
    assert "The first minute" in owner.get("/admin/cases").text
    shop.self_referral()
    page = owner.get("/admin/cases").text
    assert 'id="tour"' not in page
    assert "/admin/cases?tour=on#tour" in page
    assert 'id="tour"' in owner.get("/admin/cases?tour=on").text


def test_the_queue_is_searched_by_partner(owner, shop, held):
    assert held.case_id in owner.get("/admin/cases?q=Мария").text
    assert held.case_id not in owner.get("/admin/cases?q=Nobody").text


def test_the_limit_is_a_term_of_the_program(owner, shop, world):
    address = f"/admin/programs/{shop.program_id}/terms"
    page = owner.get(address).text
    form = re.search(r'<form class="form card".*?</form>', page, re.DOTALL)[0]
    fields = dict(re.findall(r'<input[^>]* name="(\w+)"[^>]* value="([^"]*)"', form))
    fields.pop("csrf_token")
    for name, body in re.findall(r'<select[^>]*name="(\w+)"[^>]*>(.*?)</select>', form, re.DOTALL):
        options = re.findall(r'<option value="([^"]*)"[^>]*?( selected)?>', body)
        fields[name] = next((value for value, chosen in options if chosen), options[0][0])
    fields = {name: value for name, value in fields.items() if value != "on"}

    assert owner.send(address, **(fields | {"four_eyes": "many"})).status_code == 422
    saved = owner.send(address, **(fields | {"four_eyes": "150.50"}))

    assert saved.status_code == 200
    assert "Verdicts over this need a second person" in owner.get(f"/admin/programs/{shop.program_id}").text
    assert 'value="150.50"' in owner.get(address).text


def test_twenty_mixed_cases_are_judged_without_opening_a_second_page(owner, shop, world):
    """Each page has all it takes, and each verdict brings the next case; what waits comes back to nobody today."""
    for number in range(20):
        mailbox = f"partner{number}@partners.example"
        added = shop.write(
            lambda conn, number=number, mailbox=mailbox: partners.add_partner(
                conn,
                program_id=shop.program_id,
                name=f"Partner {number}",
                email=mailbox,
                code=f"PARTNER{number}",
                actor="cli",
                now_ms=shop.services.now_ms() - 60 * DAY_MS,
            )
        )
        shop.sale(f"M-{number}", partner_code=added.code, customer={"email": mailbox, "name": f"Buyer {number}"})
    actions = ("clear", "reject", "void", "ask", "hold", "pause", "ban")
    seen_cases = []

    page = owner.send("/admin/cases/next")
    for number in range(20):
        case_id = page.url.path.rpartition("/")[2]
        seen_cases.append(case_id)
        for part in ("What speaks against it", "side by side", "What happened when", "Money, and what each verdict"):
            assert part in page.text
        action = actions[number % len(actions)]
        form = owner.send(f"/admin/cases/{case_id}/claim", action=action)
        page = owner.send(f"/admin/cases/{case_id}/verdict", **verdict_form(form))
        assert page.status_code == 200

    assert page.url.path == "/admin/cases"
    assert len(set(seen_cases)) == 20
    statuses = [case_of(shop, each).status for each in seen_cases]
    waiting = len([each for each in range(20) if actions[each % 7] in {"ask", "hold"}])
    assert statuses.count("decided") == 20 - waiting
    assert shop.read(verify).ok
