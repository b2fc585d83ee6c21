"""Every partner is judged once a night, whatever happens to the process or to a rule."""

import asyncio

import msgspec
import pytest
from sqlalchemy import select, update

from fraud_rules.rule import Rule, RuleConfig
from tracker.cases.tables import cases, findings
from tracker.conversions.tables import conversions
from tracker.fraud import nightly, rules
from tracker.fraud.failures import failing_rules
from tracker.fraud.night_store import NightRow, night_of
from tracker.fraud.rules import LoadedRules, loaded_rules
from tracker.programs.store import list_programs

HOUR_MS = 3_600_000
THREE = 20_000 * 24 * HOUR_MS + 3 * HOUR_MS  # three in the morning, UTC


def all_leads(facts, _config):
    leads = [lead.conversion_id for lead in facts.leads]
    if not leads:
        return []
    found = SPEAKER.find(
        message="Every lead.", clears_when="Never.", weight_ppm=600_000, compared=leads, holds_compared=True
    )
    return [found]


def breaks(_facts, _config):
    raise ValueError("anna@partners.example")


def make_rule(rule_id, evaluate):
    return Rule(
        id=rule_id,
        version=1,
        title="Test",
        family="money",
        severity="low",
        timing=frozenset({"nightly"}),
        config=RuleConfig(),
        evaluate_partner=evaluate,
    )


SPEAKER = make_rule("speaker", all_leads)
BROKEN = make_rule("broken", breaks)


@pytest.fixture(autouse=True)
def in_force(monkeypatch):
    """Let two rules judge partners, one of which is broken."""
    monkeypatch.setattr(rules, "loaded_rules", lambda: LoadedRules(rules=(SPEAKER, BROKEN), troubles=()))
    yield
    loaded_rules.cache_clear()


@pytest.fixture
def busy(world):
    """A world whose two partners have a lead each, in live mode, and one in test mode."""
    world.add_partner("Boris", "BORIS")
    for code in ("ANNA", "BORIS"):
        world.track("lead", {"external_id": world.number("lead"), "promo_code": code})
    world.track("lead", {"external_id": world.number("lead"), "promo_code": "ANNA"}, test=True)
    now_ms = day_ms(world) + 30 * HOUR_MS
    world.services.now_ms = lambda: now_ms
    yield world
    del world.services.now_ms


def day_ms(world):
    newest = world.read(lambda conn: conn.execute(select(conversions.c.received_at_ms)).scalars().first())
    return newest // (24 * HOUR_MS) * 24 * HOUR_MS


def judge(world):
    world.run(nightly.judge_partners(world.services))


def night(world, *, livemode=True):
    return world.read(lambda conn: night_of(conn, world.program_id, livemode=livemode))


def held(world):
    query = select(conversions.c.livemode).where(conversions.c.status == "in_review")
    return sorted(world.read(lambda conn: conn.execute(query).scalars().all()))


def test_a_night_judges_every_partner_in_both_modes_once(busy):
    judge(busy)

    done = night(busy)
    assert (done.partners, done.findings) == (2, 2)
    assert done.finished_at_ms is not None
    assert held(busy) == [False, True, True]
    before = busy.read(lambda conn: len(conn.execute(select(findings)).all()))
    judge(busy)
    assert night(busy) == done
    assert busy.read(lambda conn: len(conn.execute(select(findings)).all())) == before


def test_a_broken_rule_is_counted_without_values_and_stops_nobody(busy):
    judge(busy)

    (failing,) = busy.read(lambda conn: failing_rules(conn, since_ms=0))
    assert (failing.rule, failing.failures) == ("broken", 3)
    assert "anna" not in failing.error
    assert night(busy).failures == 2


def test_a_killed_night_goes_on_behind_the_last_partner(busy, monkeypatch):
    monkeypatch.setattr(nightly, "JUDGED_AT_ONCE", 1)
    stored = []
    whole = nightly.Run._store

    async def cut_off(self, enrollment_id, judgement):
        if stored:
            raise asyncio.CancelledError
        stored.append(enrollment_id)
        return await whole(self, enrollment_id, judgement)

    monkeypatch.setattr(nightly.Run, "_store", cut_off)
    with pytest.raises(asyncio.CancelledError):
        judge(busy)
    half = night(busy)
    assert (half.partners, half.finished_at_ms, half.position) == (1, None, stored[0])

    seen = []

    async def watched(self, enrollment_id, judgement):
        seen.append(enrollment_id)
        return await whole(self, enrollment_id, judgement)

    monkeypatch.setattr(nightly.Run, "_store", watched)
    judge(busy)

    done = night(busy)
    assert (done.partners, done.findings, done.failures) == (2, 2, 2)
    assert seen[0] > stored[0]
    assert held(busy) == [False, True, True]


def test_what_was_found_before_a_kill_is_found_once(busy, monkeypatch):
    saved = nightly.Run._save

    async def lost(_self, _night):
        raise asyncio.CancelledError

    monkeypatch.setattr(nightly.Run, "_save", lost)
    with pytest.raises(asyncio.CancelledError):
        judge(busy)
    monkeypatch.setattr(nightly.Run, "_save", saved)
    judge(busy)

    by_mode = busy.read(lambda conn: conn.execute(select(findings.c.livemode)).scalars().all())
    assert sorted(by_mode) == [False, True, True]
    assert len(busy.read(lambda conn: conn.execute(select(cases.c.case_id)).all())) == 3


def test_browser_claims_are_not_part_of_the_night(busy):
    claims = update(conversions).values(trust="unverified")
    busy.write(lambda conn: conn.execute(claims))

    judge(busy)

    assert (night(busy).partners, night(busy).findings) == (0, 0)
    assert held(busy) == []


@pytest.mark.parametrize(
    ("zone", "now_ms", "last", "day"),
    [
        ("UTC", THREE - 1, None, None),
        ("UTC", THREE, None, 20_000),
        ("UTC", THREE, (19_999, True), 20_000),
        ("UTC", THREE + 20 * HOUR_MS, (20_000, True), None),
        ("UTC", THREE - 1, (19_999, False), 19_999),
        ("UTC", THREE, (19_999, False), 20_000),
        ("UTC", THREE + HOUR_MS, (20_000, False), 20_000),
        ("Europe/Moscow", THREE - 3 * HOUR_MS, None, 20_000),
        ("America/New_York", THREE, None, 19_999),
    ],
    ids=["before", "at", "day after", "done", "cut off", "cut off too long", "cut off today", "Moscow", "New York"],
)
def test_a_night_is_due_from_three_in_the_programs_time_zone(world, zone, now_ms, last, day):
    (program,) = world.read(list_programs)
    known = last and NightRow(
        program_id=program.program_id,
        livemode=True,
        day=last[0],
        started_at_ms=1,
        finished_at_ms=2 if last[1] else None,
    )

    assert nightly.due_day(msgspec.structs.replace(program, time_zone=zone), now_ms, known) == day
