"""Commissions drawn by chance: few, the same every time, holding nothing, and what their verdicts tell."""

import pytest

from tracker.cases import store as cases_store
from tracker.db.ids import new_id
from tracker.fraud.checks.draw import SHARE_PPM, WEEK_MIN, in_drawing_order, rank, span_of, week_of
from tracker.fraud.checks.store import find_checks, open_checks, tally
from tracker.i18n.translator import translator_of
from tracker.ledger.verify import verify_ledger
from tracker.partners import store as partners
from tracker.portal.matters import matters_of

T0 = 1_760_000_000_000
HOLD = 30 * 86_400_000
DAY = 86_400_000
KEY = b"k" * 32


def draw(world, now_ms, key=KEY):
    due = world.read(lambda conn: find_checks(conn, world.program_id, key=key, now_ms=now_ms))
    return world.write(lambda conn: open_checks(conn, world.program_id, due, now_ms=now_ms))


def after_the_week():
    """The Monday after the week in which the holds of the world's sales end."""
    return span_of(week_of(T0 + HOLD))[1]


def test_one_of_a_hundred_is_taken_and_the_draw_needs_the_key():
    ids = [new_id("com", T0) for _ in range(20_000)]

    taken = [each for each, is_taken in in_drawing_order(ids, KEY) if is_taken]

    assert 130 < len(taken) < 270
    assert taken == [each for each, is_taken in in_drawing_order(reversed(ids), KEY) if is_taken]
    others = [each for each, is_taken in in_drawing_order(ids, b"x" * 32) if is_taken]
    assert len(set(taken) & set(others)) < 20
    assert rank(ids[0], KEY) < 1 << 64
    assert SHARE_PPM == 10_000


def test_weeks_begin_on_monday():
    starts_ms, ends_ms = span_of(week_of(T0))
    assert starts_ms <= T0 < ends_ms
    assert (starts_ms // DAY + 3) % 7 == 0, "1970-01-01 was a Thursday"
    assert week_of(ends_ms) == week_of(ends_ms - 1) + 1


def test_a_finished_week_has_at_least_two_checks_and_none_twice(world):
    for _ in range(5):
        world.sale()
    ids = [each.line.transfer_id for each in world.commissions()]
    # Ids are random, and one of a hundred draws a lot: take a key under which none of these does.
    keys = (bytes([number]) * 32 for number in range(256))
    key = next(key for key in keys if not any(is_taken for _, is_taken in in_drawing_order(ids, key)))

    assert draw(world, after_the_week() - 1, key) == [], "the week is not over, and no lot fell"
    drawn = draw(world, after_the_week(), key)
    assert len(drawn) == WEEK_MIN
    assert draw(world, after_the_week() + DAY, key) == []
    assert draw(world, after_the_week() + 6 * 7 * DAY, key) == []


def test_a_check_is_a_case_of_its_kind_that_holds_nothing(world):
    conversion_id = world.sale()

    (case_id,) = draw(world, after_the_week())

    case = world.read(lambda conn: cases_store.case_row(conn, case_id))
    assert (case.kind, case.status, case.score) == ("audit", "open", 0)
    assert world.statuses(conversion_id) == ["accepted"]
    assert world.money(now_ms=after_the_week()) == [("EUR", 0, 700, 0)]
    assert [entry.action for entry in world.audit(case_id)] == ["case.drawn"]


def test_suspected_taken_back_and_test_commissions_are_not_drawn(world, make):
    world.judge(world.sale(), make.finding())
    world.sale(livemode=False)
    refunded = world.sale()
    world.book(refunded, 0)

    assert draw(world, after_the_week()) == []


def test_a_hold_that_lasts_is_not_drawn(world):
    world.sale()
    assert draw(world, T0 + HOLD - 8 * DAY) == []


def test_a_check_does_not_keep_a_case_from_clearing_and_freezes_no_later_line(world, make):
    conversion_id = world.sale()
    draw(world, after_the_week())

    opened = world.judge(conversion_id, make.finding(), now_ms=after_the_week())
    world.verdict(opened.case_id, "clear")

    assert world.statuses(conversion_id) == ["accepted"]
    world.book(conversion_id, 900)
    assert world.money(now_ms=after_the_week())[0][3] == 0


def test_fraud_that_a_check_found_is_taken_back(world):
    conversion_id = world.sale()
    (case_id,) = draw(world, after_the_week())

    world.verdict(case_id, "void")

    assert world.statuses(conversion_id) == ["rejected"]
    assert world.money(now_ms=after_the_week()) == [("EUR", 0, 0, 0)] or world.money(now_ms=after_the_week()) == []
    assert world.run(verify_ledger(world.database)).ok


def test_verdicts_tell_how_much_is_missed(world):
    for _ in range(4):
        world.sale()
    cases = draw(world, after_the_week())
    assert world.read(lambda conn: tally(conn, world.program_id, since_ms=0)).waiting == 2
    world.verdict(cases[0], "void")
    world.verdict(cases[1], "clear")

    told = world.read(lambda conn: tally(conn, world.program_id, since_ms=0))

    assert (told.judged, told.fraud, told.waiting, told.share_ppm) == (2, 1, 0, 500_000)
    assert 0 < told.lower_ppm < 500_000 < told.upper_ppm < 1_000_000


@pytest.mark.parametrize("action", ["hold"])
def test_an_unsure_verdict_on_a_check_says_nothing(world, action):
    world.sale()
    (case_id,) = draw(world, after_the_week())
    world.verdict(case_id, action)

    told = world.read(lambda conn: tally(conn, world.program_id, since_ms=0))
    assert (told.judged, told.waiting) == (0, 1)


def matters(world, now_ms):
    def read(conn):
        enrollment = partners.get_enrollment(conn, world.enrollment_id)
        return matters_of(conn, enrollment, translator_of("en"), now_ms=now_ms)

    return world.read(read)


def test_a_partner_hears_nothing_of_a_check_that_takes_nothing(world):
    world.sale()
    (case_id,) = draw(world, after_the_week())
    assert matters(world, after_the_week()) == []

    world.verdict(case_id, "clear", now_ms=after_the_week() + 1)
    assert matters(world, after_the_week() + 2) == []


def test_a_partner_hears_of_a_check_when_asked_or_when_money_is_taken_back(world):
    world.sale()
    (case_id,) = draw(world, after_the_week())

    world.verdict(case_id, "ask", public_text="Who is it?", now_ms=after_the_week() + 1)
    (asked,) = matters(world, after_the_week() + 2)
    assert (asked.question, asked.held) == ("Who is it?", [])
    world.answer(case_id, now_ms=after_the_week() + 3)
    (answered,) = matters(world, after_the_week() + 4)
    assert (answered.question, [each.text for each in answered.said]) == ("", ["By my newsletter."])

    world.verdict(case_id, "void", now_ms=after_the_week() + 5)
    (decided,) = matters(world, after_the_week() + 6)
    assert (decided.is_against, [each.amount_minor for each in decided.held]) == (True, [-700])


def test_nobody_is_reminded_of_a_check_before_somebody_waits_for_it(world):
    world.sale()
    (case_id,) = draw(world, after_the_week())

    world.watch(after_the_week() + 40 * DAY)
    assert [entry.action for entry in world.audit(case_id)] == ["case.drawn"]

    world.verdict(case_id, "void", now_ms=after_the_week() + 40 * DAY)
    world.appeal(case_id, now_ms=after_the_week() + 41 * DAY)
    world.watch(after_the_week() + 45 * DAY)
    assert world.audit(case_id)[-1].action == "case.reminded"


def test_a_cleared_check_taken_back_holds_nothing_either(world):
    conversion_id = world.sale()
    (case_id,) = draw(world, after_the_week())
    world.verdict(case_id, "clear", now_ms=after_the_week() + 1)

    world.undo(case_id, now_ms=after_the_week() + 2)

    assert world.statuses(conversion_id) == ["accepted"]
    assert world.money(now_ms=after_the_week() + 3) == [("EUR", 0, 700, 0)]
