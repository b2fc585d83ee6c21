"""The review queue and the page of a case: facts, verdicts, claims, conflicts."""

import re

import pytest

from tracker.cases import store
from tracker.cases.claims import claim_case
from tracker.cases.preview import preview
from tracker.conversions import store as conversions

DAY_MS = 86_400_000


def open_case(shop):
    """A self-referral's case: its id and its sale."""
    sale = shop.self_referral()
    return shop.cases()[0].case.case_id, sale


def status_of(shop, conversion_id):
    return shop.read(lambda conn: conversions.get_conversion(conn, conversion_id)).status


def verdict_form(page):
    """The fields of the verdict form as a browser without script would send them."""
    form = re.search(r"<form[^>]*data-verdict>.*?</form>", page.text, re.DOTALL)[0]
    fields = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', form))
    fields.pop("csrf_token")
    for name, body in re.findall(r'<select[^>]*name="(\w+)"[^>]*>(.*?)</select>', form, re.DOTALL):
        options = re.findall(r'<option value="([^"]*)"[^>]*?( selected)?>', body)
        fields[name] = next((value for value, chosen in options if chosen), options[0][0])
    return fields | dict(re.findall(r'<textarea[^>]*name="(\w+)"[^>]*>(.*?)</textarea>', form, re.DOTALL))


def judge(owner, case_id, opened, **changes):
    """Open an action's form and send it as it stands, but for the changes."""
    fields = verdict_form(owner.get(f"/admin/cases/{case_id}?action={opened}"))
    return owner.send(f"/admin/cases/{case_id}/verdict", **(fields | changes))


def test_empty_queue_says_what_comes_here(owner):
    assert "Nothing waits for you" in owner.get("/admin/cases").text


def test_queue_shows_score_sentences_money_and_due(owner, shop):
    open_case(shop)
    shop.crowd()

    page = owner.get("/admin/cases")

    assert "has the very e-mail address of the partner" in page.text
    assert "7 people registered through this partner from one address" in page.text
    assert "€20.00" in page.text
    assert "7 conversions" in page.text
    assert page.text.index("very e-mail address") < page.text.index("7 people registered")


def test_late_case_says_how_late(owner, shop):
    open_case(shop)
    shop.services.clock.advance(3 * DAY_MS)
    owner.sign_in()

    assert re.search(r"\d+ days? late", owner.get("/admin/cases").text)


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("", 1),
        ("?status=open", 1),
        ("?status=claimed", 0),
        ("?status=decided", 0),
        ("?status=nonsense", 1),
        ("?mode=test", 0),
        ("?after=cas_" + "0" * 32, 1),
    ],
)
def test_queue_is_filtered(owner, shop, query, count):
    open_case(shop)

    assert owner.get(f"/admin/cases{query}").text.count("data-case=") == count


def test_case_page_shows_facts_matches_timeline_and_effect(owner, shop):
    case_id, sale = open_case(shop)

    page = owner.get(f"/admin/cases/{case_id}")

    assert page.status_code == 200
    assert "the very address of the partner" in page.text
    assert "a mailbox of somebody else" in page.text
    assert "maria@example.com" in page.text
    assert page.text.count("as the partner") >= 2  # e-mail and name
    assert "+ 10 minutes" in page.text
    assert f"/admin/conversions/{sale}" in page.text
    assert "€100.00 × 20% = €20.00" in page.text
    assert "If rejected, voided, paused or banned" in page.text


def test_crowd_is_one_row_of_facts_with_all_sources(owner, shop):
    shop.crowd()
    case_id = shop.cases()[0].case.case_id

    page = owner.get(f"/admin/cases/{case_id}")

    assert page.text.count("Many people from one address through one partner</") == 0
    assert page.text.count("7 people within 6 minutes") == 1
    assert "as another customer" in page.text
    assert page.text.count("Person ") >= 7
    assert "no money moves" in page.text


@pytest.mark.parametrize(
    ("action", "verdict", "status", "balance"),
    [
        ("clear", "legitimate", "accepted", (2000, 0, 0)),
        ("reject", "fraud", "rejected", (0, 0, 0)),
        ("void", "policy", "rejected", (0, 0, 0)),
        ("hold", "unsure", "in_review", (0, 0, 2000)),
    ],
)
def test_verdict_does_what_the_preview_said(owner, shop, action, verdict, status, balance):
    case_id, sale = open_case(shop)
    foretold = shop.read(lambda conn: preview(conn, case_id, action=action, now_ms=shop.services.now_ms()))

    answer = judge(owner, case_id, action, verdict=verdict)

    assert answer.status_code == 200
    assert status_of(shop, sale) == status == foretold.statuses.get(sale, "in_review")
    assert shop.balance() == balance
    assert sum(change.after_minor for change in foretold.changes) == (2000 if action == "clear" else 0)


def test_form_without_script_is_complete_as_it_stands(owner, shop):
    case_id, _ = open_case(shop)

    fields = verdict_form(owner.get(f"/admin/cases/{case_id}?action=reject"))

    assert fields["reason_code"] == "fraud"
    assert fields["verdict"] == "fraud"
    assert fields["public_text"].startswith("We checked this referral")
    assert fields["deciding_finding"].startswith("fnd_")


def test_after_a_verdict_the_next_case_opens_with_a_notice(owner, shop):
    case_id, _ = open_case(shop)
    shop.crowd()

    answer = judge(owner, case_id, "reject")

    assert "Rejected: 1 conversion, €20.00 taken back." in answer.text
    assert "7 conversions" in answer.text
    assert "/admin/cases/cas_" in answer.url.path
    assert case_id not in answer.url.path


def test_case_without_money_says_so(owner, shop):
    shop.crowd()

    answer = judge(owner, shop.cases()[0].case.case_id, "void")

    assert "Does not count any more: 7 conversions. No money had been booked." in answer.text


def test_last_verdict_leads_to_the_empty_queue(owner, shop):
    case_id, _ = open_case(shop)

    answer = judge(owner, case_id, "clear")

    assert answer.url.path == "/admin/cases"
    assert "Cleared: 1 conversion counted, 1 commission released." in answer.text


def test_decided_case_shows_the_verdict_and_no_form(owner, shop):
    case_id, _ = open_case(shop)
    judge(owner, case_id, "void", note="Seen before", public_text="Please write to us.")

    page = owner.get(f"/admin/cases/{case_id}?action=clear")

    assert "Please write to us." in page.text
    assert "Seen before" in page.text
    assert "This case is decided" in page.text
    assert "data-verdict" not in page.text


def test_unchanged_text_is_kept_for_every_reader_s_language(owner, shop):
    case_id, _ = open_case(shop)
    owner.send("/admin/account/language", language="ru")
    shown = verdict_form(owner.get(f"/admin/cases/{case_id}?action=reject"))["public_text"]

    judge(owner, case_id, "reject", reason_code="duplicate")

    stored = shop.read(lambda conn: store.verdicts_of(conn, case_id))[0]
    assert re.search("[а-я]", shown)
    assert stored.public_text.startswith("The person was already registered")


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"reason_code": "nonsense"}, "Choose one of the list."),
        ({"reason_code": "legitimate"}, "Choose one of the list."),
        ({"verdict": "legitimate"}, "Choose one of the list."),
        ({"action": "burn"}, "Choose one of the list."),
        ({"note": "n" * 1001}, "Has 1001 characters; give at most 1000."),
        ({"public_text": "p" * 1001}, "Has 1001 characters; give at most 1000."),
        ({"deciding_finding": "fnd_" + "0" * 32}, "is none of case"),
        ({"deciding_finding": "nonsense"}, "is not an id of the form"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_refused_verdict_comes_back_with_what_was_typed(owner, shop, changes, text):
    case_id, sale = open_case(shop)

    answer = judge(owner, case_id, "reject", **({"note": "my <b>note</b>"} | changes))

    assert answer.status_code == 422
    assert text in answer.text
    if "note" not in changes:
        assert "my &lt;b&gt;note&lt;/b&gt;" in answer.text
    assert status_of(shop, sale) == "in_review"


def test_case_decided_meanwhile_is_a_conflict_with_the_form_kept(owner, shop):
    case_id, _ = open_case(shop)
    fields = verdict_form(owner.get(f"/admin/cases/{case_id}?action=reject"))
    judge(owner, case_id, "clear")

    answer = owner.send(f"/admin/cases/{case_id}/verdict", **fields)

    assert answer.status_code == 409
    assert "Somebody decided this case while you were reading it." in answer.text


def test_case_of_a_colleague_cannot_be_judged_but_given_back(open_browser, owner, shop):
    case_id, sale = open_case(shop)
    fields = verdict_form(owner.get(f"/admin/cases/{case_id}?action=reject"))
    colleague = open_browser()
    colleague.sign_in("reviewer")
    colleague.send(f"/admin/cases/{case_id}/claim")

    page = owner.get(f"/admin/cases/{case_id}")
    refused = owner.send(f"/admin/cases/{case_id}/verdict", **fields)

    assert "reviewer@example.com holds this case" in page.text
    assert refused.status_code == 409
    assert "reviewer@example.com works on this case" in refused.text
    assert status_of(shop, sale) == "in_review"
    assert owner.send(f"/admin/cases/{case_id}/claim").status_code == 409
    owner.send(f"/admin/cases/{case_id}/unclaim")
    assert judge(owner, case_id, "clear").status_code == 200


def test_claim_and_give_back_change_the_holder(owner, shop):
    case_id, _ = open_case(shop)

    claimed = owner.send(f"/admin/cases/{case_id}/claim", back="queue")
    given_back = owner.send(f"/admin/cases/{case_id}/unclaim")
    again = owner.send(f"/admin/cases/{case_id}/unclaim")

    assert "Claimed" in claimed.text
    assert str(claimed.url).endswith("/admin/cases")
    assert "back in the queue for everybody" in given_back.text
    assert again.status_code == 409
    assert "there is nothing to give back" in again.text


def test_next_case_is_never_a_colleague_s(owner, shop):
    case_id, _ = open_case(shop)
    shop.crowd()
    other = next(row.case.case_id for row in shop.cases() if row.case.case_id != case_id)
    somebody = "user:usr_" + "0" * 32
    shop.client.portal.call(
        lambda: claim_case(shop.services.db, case_id=other, actor=somebody, now_ms=shop.services.now_ms())
    )

    assert judge(owner, case_id, "clear").url.path == "/admin/cases"


def test_case_held_by_an_api_key_names_the_key(owner, shop):
    case_id, _ = open_case(shop)
    key = "key:key_" + "0" * 32
    fields = verdict_form(owner.get(f"/admin/cases/{case_id}?action=clear"))
    shop.client.portal.call(
        lambda: claim_case(shop.services.db, case_id=case_id, actor=key, now_ms=shop.services.now_ms())
    )

    assert key in owner.get("/admin/cases").text
    assert key in owner.get(f"/admin/cases/{case_id}").text
    assert f"{key} works on this case" in owner.send(f"/admin/cases/{case_id}/verdict", **fields).text


@pytest.mark.parametrize("role", ["viewer", "finance"])
def test_who_may_not_judge_sees_no_form_and_no_full_contact(open_browser, shop, role):
    case_id, _ = open_case(shop)
    reader = open_browser()
    reader.sign_in(role)

    page = reader.get(f"/admin/cases/{case_id}?action=clear")
    refused = reader.send(f"/admin/cases/{case_id}/verdict", action="clear")

    assert page.status_code == 200
    assert "data-verdict" not in page.text
    assert "maria@example.com" not in page.text
    assert "+7 900 000-11-22" not in page.text
    assert refused.status_code == 403


def test_verdict_without_the_token_is_refused(owner, shop):
    case_id, sale = open_case(shop)
    fields = verdict_form(owner.get(f"/admin/cases/{case_id}?action=clear"))

    answer = owner.client.post(f"/admin/cases/{case_id}/verdict", data=fields)

    assert answer.status_code == 403
    assert status_of(shop, sale) == "in_review"


def test_test_case_is_judged_in_test_mode(owner, shop, world):
    shop.sale(
        "T-1", livemode=False, partner_code=world.partner.code, customer={"email": "maria@example.com", "name": "M"}
    )
    case_id = shop.cases(livemode=False)[0].case.case_id

    page = owner.get(f"/admin/cases/{case_id}")
    answer = judge(owner, case_id, "clear")

    assert "None of it is real money" in page.text
    assert "/admin/cases?mode=test&undo=" in str(answer.url)


def test_hostile_text_stays_text(owner, shop):
    shop.click("h", visitor_id="h")
    hostile = "<script>alert(1)</script>"
    shop.sale("<i>9</i>", visitor_id="h", customer={"email": "maria@example.com", "name": hostile})
    case_id = shop.cases()[0].case.case_id
    judge(owner, case_id, "reject", public_text=hostile, note=hostile)

    page = owner.get(f"/admin/cases/{case_id}")

    assert "<script>alert" not in page.text
    assert "<i>9</i>" not in page.text
    assert page.text.count("&lt;script&gt;alert(1)&lt;/script&gt;") >= 3


@pytest.mark.parametrize("path", ["", "/verdict", "/claim", "/unclaim"])
def test_unknown_case_is_not_found(owner, path):
    case_id = "cas_" + "0" * 32
    fields = {"action": "clear", "verdict": "legitimate", "reason_code": "legitimate"}

    answer = owner.send(f"/admin/cases/{case_id}{path}", **fields) if path else owner.get(f"/admin/cases/{case_id}")

    assert answer.status_code == 404


def test_case_page_speaks_russian(owner, shop):
    case_id, _ = open_case(shop)
    owner.send("/admin/account/language", language="ru")

    page = owner.get(f"/admin/cases/{case_id}?action=void")

    for text in ("Что говорит против", "Партнёр и клиенты рядом", "Ваше решение", "Аннулировать", "как у партнёра"):
        assert text in page.text
