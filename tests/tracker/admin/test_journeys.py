"""One person's way on a page, and what the page of a conversion says about earlier decisions and untaken results."""

import re

import msgspec
import pytest

from attribution.types import Credit
from tracker.admin.decision_history import CAUSE, LOCKED, NEW_SHOWN, history_of
from tracker.conversions import timeline
from tracker.conversions.process import process
from tracker.conversions.types import StoredDecision
from tracker.db.ids import new_id
from tracker.i18n.translator import translator_of
from tracker.partners.store import add_partner
from tracker.recompute import checksum
from tracker.recompute import store as runs
from tracker.recompute.types import Change, Run, Summary, WhatIf

HOUR_MS = 3_600_000
EN = translator_of("en")


@pytest.fixture
def boris(shop):
    return shop.write(
        lambda conn: add_partner(
            conn,
            program_id=shop.program_id,
            name="Boris",
            email="boris@example.com",
            code=None,
            actor="cli",
            now_ms=shop.services.now_ms(),
        )
    )


def text_of(page):
    """The main part of a page as a person reads it."""
    main = page.text[page.text.index('<main class="main"') :]
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", main))


def journey(owner, conversion_id):
    page = owner.get(f"/admin/conversions/{conversion_id}/journey")
    assert page.status_code == 200
    return page


def move_late(shop, boris, **sale):
    """A sale of Maria's, and a later click of Boris's that came in after it was decided."""
    shop.click("early", ago_ms=3 * HOUR_MS)
    sold = shop.sale(visitor_id="visitor-1", **sale)
    shop.services.clock.advance(HOUR_MS)
    shop.click("late", ago_ms=2 * HOUR_MS, enrollment_id=boris.enrollment_id)
    shop.write(lambda conn: process(conn, sold, now_ms=shop.services.now_ms()))
    return sold


def test_journey_tells_clicks_recognitions_reports_decisions_and_binding_in_order(owner, shop, boris):
    customer = {"external_id": "c-1", "name": "Ada"}
    shop.click("phone", visitor_id="visitor-phone", ago_ms=5 * HOUR_MS)
    shop.click("desk", visitor_id="visitor-desk", ago_ms=4 * HOUR_MS, enrollment_id=boris.enrollment_id)
    lead = shop.report("lead", "L-1", visitor_id="visitor-phone", customer=customer)
    shop.services.clock.advance(HOUR_MS)
    sale = shop.sale("A-1", visitor_id="visitor-desk", customer=customer)
    shop.services.clock.advance(HOUR_MS)
    shop.report("refund", "R-1", amount=1_000, currency="EUR", refund_of="A-1")

    page = journey(owner, sale)

    told = text_of(page)
    way = told[told.index("The way") :]
    order = [
        "Click · Мария",
        "Click · Boris",
        "Lead L-1 Accepted",
        "Decided, version 1: Lead L-1",
        "Sale A-1 ·",
        "Refund R-1",
    ]
    places = [way.index(words) for words in order]
    assert places == sorted(places)
    assert "Ada" in told
    assert "Bound to Мария Иванова" in way
    assert told.count("Recognised as the customer") == 2
    assert "Credited Lead L-1 : It took the whole credit." in told
    assert "Sale A-1 : It could have earned; &#34;Bound customer&#34; goes first." in told
    assert "Earlier binding of the customer · Мария Иванова : It took the whole credit." in told
    assert text_of(journey(owner, lead)) == told.replace("Sale A-1", "Lead L-1", 1)


def test_journey_without_a_customer_is_the_browsers(owner, shop):
    shop.click("mine")
    shop.click("other", visitor_id="visitor-2")
    sale = shop.sale(visitor_id="vis_visitor-1")
    shop.sale("A-2", visitor_id="visitor-2")

    told = text_of(journey(owner, sale))

    assert "No report names this customer" in told
    assert told.count("Click ·") == 1
    assert "A-2" not in told


def test_click_that_only_the_report_names_is_on_the_way(owner, shop):
    shop.click("named", visitor_id="")
    sale = shop.sale(click_id="named")

    assert "Click · Мария Иванова" in text_of(journey(owner, sale))


def test_refund_shows_the_journey_of_its_sale(owner, shop):
    shop.click()
    sale = shop.sale("A-1", visitor_id="visitor-1")
    refund = shop.report("refund", "R-1", amount=2_500, currency="EUR", refund_of="A-1")
    orphan = shop.report("refund", "R-2", amount=2_500, currency="EUR", refund_of="A-9")

    assert text_of(journey(owner, refund)) == text_of(journey(owner, sale))
    assert "Refund R-2" in text_of(journey(owner, orphan))


def test_long_journey_says_that_earlier_moments_are_left_out(owner, shop, monkeypatch):
    monkeypatch.setattr(timeline, "MOMENTS_MAX", 4)
    for number in range(5):
        shop.click(f"click-{number}", visitor_id="visitor-1", ago_ms=(9 - number) * HOUR_MS)
    sale = shop.sale(visitor_id="visitor-1")

    page = journey(owner, sale)

    assert "Earlier moments are left out; the newest 4 are shown." in text_of(page)
    assert re.findall(r"/admin/clicks/prg_\w+/(click-\d)", page.text) == ["click-3", "click-4"]
    assert "Decided, version 1:" in text_of(page)


@pytest.mark.parametrize("path", ["cnv_" + "0" * 32, "nonsense", "prt_" + "0" * 32])
def test_journey_of_an_unknown_conversion_is_not_found(owner, path):
    assert owner.get(f"/admin/conversions/{path}/journey").status_code == 404


def test_journey_speaks_russian_and_keeps_hostile_names_text(owner, shop):
    shop.click()
    sale = shop.sale(visitor_id="visitor-1", customer={"name": "<script>alert(1)</script>"})
    owner.send("/admin/account/language", language="ru")

    page = journey(owner, sale)

    assert "<script>alert" not in page.text
    assert "Клик" in page.text


def test_conversion_decided_again_says_what_changed_and_why(owner, shop, boris):
    sale = move_late(shop, boris)

    page = owner.get(f"/admin/conversions/{sale}")

    told = text_of(page)
    assert "What was decided before, and why it changed" in told
    assert "A click that happened before it came in later." in told
    assert re.search(r"<del><a [^>]*>Мария Иванова</a></del> → <ins><a [^>]*>Boris</a></ins>", page.text)
    assert "Newly known: Click of" in told
    assert told.index("Version 2") < told.index("Version 1")
    assert f'href="/admin/conversions/{sale}/journey"' in page.text
    way = text_of(journey(owner, sale))
    assert "Decided, version 1:" in way
    assert "Decided, version 2:" in way


def test_conversion_decided_once_has_no_history_and_says_what_was_known(owner, shop):
    shop.click()
    sale = shop.sale(visitor_id="visitor-1")

    told = text_of(owner.get(f"/admin/conversions/{sale}"))

    assert "What was decided before" not in told
    assert "With everything known at" in told


def add_change(shop, sale, *, after, kind="backfill", locked_by=None, before=None):
    """What a run would have changed about a sale."""
    now_ms = shop.services.now_ms()
    run = Run(
        run_id=new_id("run", now_ms),
        kind=kind,
        state="done",
        is_dry_run=locked_by is None,
        engine="lookup",
        engine_version=1,
        program_id=None,
        since_ms=None,
        settings=WhatIf(),
        click_watermark=9,
        conversion_watermark=9,
        position=9,
        conversions=1,
        decided=1,
        digest_sum=checksum.NOTHING,
        actor="cli",
        started_at_ms=now_ms,
        moved_at_ms=now_ms,
        finished_at_ms=now_ms,
    )
    stands = Summary(
        status="attributed",
        via="visitor",
        credits=(Credit(touch_id="click-1", partner_id=before or shop.enrollment_id, weight="1", amount_minor=10_000),),
        is_commissionable=True,
    )
    parts = tuple(Credit(touch_id="late", partner_id=one, weight="1/2", amount_minor=5_000) for one in after)
    change = Change(
        run_id=run.run_id,
        conversion_id=sale,
        before=stands,
        after=msgspec.structs.replace(stands, credits=parts),
        locked_by=locked_by,
    )

    def write(conn):
        runs.insert_run(conn, run)
        runs.insert_changes(conn, [change])

    shop.write(write)


@pytest.mark.parametrize(
    ("kind", "locked_by", "words"),
    [
        *(("backfill", name, text) for name, text in LOCKED.items()),
        ("backfill", None, "A dry run: it tells what would change and decides nothing."),
        ("what_if", None, "Only asked what would be, with other settings; nothing pays by it."),
    ],
)
def test_result_that_stays_says_what_would_change_and_why_it_stays(owner, shop, boris, kind, locked_by, words):
    shop.click()
    sale = shop.sale(visitor_id="visitor-1")
    add_change(shop, sale, kind=kind, locked_by=locked_by, after=[boris.enrollment_id])

    page = owner.get(f"/admin/conversions/{sale}")

    assert "What would change" in page.text
    assert words.replace("'", "&#39;") in page.text
    assert re.search(r">Boris</a> 1/2", page.text)


def test_result_compared_with_an_older_decision_is_not_shown(owner, shop, boris):
    shop.click()
    sale = shop.sale(visitor_id="visitor-1")
    add_change(shop, sale, before=boris.enrollment_id, after=[])

    assert "What would change" not in owner.get(f"/admin/conversions/{sale}").text


def make_decision(version, cause, **changes):
    explanation = {"winner": [], "considered": changes.pop("considered", [])}
    values = {
        "decision_id": f"dec_{version}",
        "conversion_id": "cnv_1",
        "version": version,
        "decided_at_ms": version,
        "cause": cause,
        "status": "unattributed",
        "via": None,
        "settings_version": 1,
        "input_digest": b"",
        "explanation": explanation,
    }
    return StoredDecision(**(values | changes))


@pytest.mark.parametrize("language", ["en", "ru"])
@pytest.mark.parametrize("cause", [*CAUSE, "lead:cnv_1", "run:run_1", "terms:3", "unheard_of"])
def test_every_cause_is_a_sentence(cause, language):
    (move,) = history_of([make_decision(1, cause)], translator_of(language))

    assert move.cause == "unheard_of" if cause == "unheard_of" else move.cause.endswith(".")
    assert move.subject == cause.partition(":")[2]


def test_differences_other_than_credit_are_told_and_counted():
    entries = [{"touch": f"clk_{n}", "partner": "prt_1", "at_ms": None} for n in range(NEW_SHOWN + 2)]
    first = make_decision(1, "reported")
    second = make_decision(2, "terms:2", settings_version=2, via="visitor", considered=entries)

    move = history_of([first, second], EN)[0]

    assert not move.is_moved
    assert move.notes[:2] == [
        "Terms: version 1, then version 2.",
        "Credited by: nothing, then the visitor's own clicks.",
    ]
    assert move.notes[2:] == ["Newly known: Click."] * NEW_SHOWN + ["Newly known: 2 more."]
