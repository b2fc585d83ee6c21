"""Other settings, tried on what happened: what they would have held, asked and missed."""

import msgspec
import pytest

from fraud_rules.rule import read_configs
from tracker.fraud.allow.store import entries_in_force
from tracker.fraud.light_rows import LightRows
from tracker.fraud.rehearsal import SAMPLE, Material, Terms, line_for, load_material, rehearse
from tracker.fraud.rules import rules_in_force

RULES = rules_in_force()


def terms(raw=None, *, review_from=50):
    return Terms(configs=read_configs(RULES, raw or {}), review_from=review_from)


def material_of(world, allow=()):
    now_ms = world.services.now_ms() + 1000
    return world.read(lambda conn: load_material(conn, world.program_id, allow=allow, scales={}, now_ms=now_ms))


@pytest.fixture
def self_referrals(world):
    """Two sales to the partner's own mailbox and one to somebody else's."""
    for number, email in enumerate(("anna@partners.example", "anna@partners.example", "buyer@mail.example")):
        body = world.sale(external_id=f"A-{number}", partner_code="ANNA", customer={"email": email})
        assert world.track("sale", body).status_code == 200
    return world


def test_the_same_settings_change_nothing(self_referrals):
    told = rehearse(material_of(self_referrals), RULES, before=terms(), after=terms())

    assert told.before == told.after
    assert (told.newly_held, told.newly_free, told.looked_at, told.is_cut) == (0, 0, 3, False)
    assert (told.before.cases, told.before.conversions) == (1, 2), "two sales of one mailbox are one case"
    assert told.before.held == (("EUR", 4_000),)
    assert told.days == 90
    assert told.before.weekly_tenths == 1


def test_a_rule_switched_off_frees_what_it_held(self_referrals):
    off = terms({"self_email": {"enabled": False}})

    told = rehearse(material_of(self_referrals), RULES, before=terms(), after=off)

    assert (told.before.conversions, told.after.conversions) == (2, 0)
    assert told.after.held == ()
    assert (told.newly_free, told.newly_held) == (2, 0)
    assert [(each.external_id, each.points_after) for each in told.examples_free] == [("A-1", 31), ("A-0", 31)]
    assert told.examples_free[0].points_before >= 90


def test_a_higher_line_lets_weaker_findings_pass(self_referrals):
    weak = {"self_email": {"weight_ppm": 600_000}}

    told = rehearse(material_of(self_referrals), RULES, before=terms(weak), after=terms(weak, review_from=70))

    assert (told.before.conversions, told.after.conversions, told.newly_free) == (2, 0, 2)
    by_line = {each.review_from: each.load for each in told.lines}
    assert (by_line[60].cases, by_line[65].cases) == (1, 0)
    assert by_line[60].held == (("EUR", 4_000),)


def test_the_line_for_so_many_cases_a_week_is_the_lowest_that_asks_no_more(self_referrals):
    lines = rehearse(material_of(self_referrals), RULES, before=terms(), after=terms()).lines

    assert line_for(lines, 1) == 30
    crowded = [
        msgspec.structs.replace(each, load=msgspec.structs.replace(each.load, weekly_tenths=45)) for each in lines
    ]
    assert line_for(crowded, 5) == 30
    assert line_for(crowded, 4) is None


def test_the_allow_list_counts_in_a_rehearsal(self_referrals):
    world = self_referrals
    allow = world.read(lambda conn: entries_in_force(conn, world.program_id, at_ms=world.services.now_ms()))
    assert allow == ()
    told = rehearse(material_of(world), RULES, before=terms(), after=terms({"too_fast": {"weight_ppm": 1}}))
    assert told.before == told.after


def test_a_program_without_conversions_answers_with_nothing(world):
    told = rehearse(material_of(world), RULES, before=terms(), after=terms(review_from=30))
    assert (told.conversions, told.looked_at, told.before.cases, told.after.held) == (0, 0, 0, ())


def test_when_time_is_short_the_newest_are_looked_at_and_it_says_so(self_referrals):
    material = material_of(self_referrals)
    subject = next(each for each in material.rows.happenings if hasattr(each, "conversion_id"))
    many = [
        msgspec.structs.replace(subject, conversion_id=f"cnv_{number}", email_key=None, at_ms=subject.at_ms + number)
        for number in range(SAMPLE * 5)
    ]
    rows = LightRows(program_id=material.rows.program_id, happenings=tuple(many), conversions=len(many), is_cut=False)
    ticks = iter(range(1_000_000))

    told = rehearse(
        msgspec.structs.replace(material, rows=rows),
        RULES,
        before=terms(),
        after=terms(),
        budget_s=3.0,
        clock=lambda: next(ticks) * 1.0,
    )

    assert told.is_cut
    assert told.looked_at == SAMPLE
    assert told.conversions == 5 * SAMPLE


def test_a_rule_that_fails_is_named_and_stops_nobody(self_referrals):
    def broken(_facts, _config):
        raise ValueError("secret@mail.example")

    rules = tuple(msgspec.structs.replace(rule, evaluate=broken) if rule.id == "too_fast" else rule for rule in RULES)

    told = rehearse(material_of(self_referrals), rules, before=terms(), after=terms())

    assert told.failures == ("too_fast",)
    assert told.before.conversions == 2


def test_material_holds_no_raw_address(self_referrals):
    world = self_referrals
    body = {"external_id": "lead-ip", "partner_code": "ANNA", "ip": "198.51.100.4"}
    world.track("lead", body)

    material: Material = material_of(world)

    assert "198.51.100.4" not in msgspec.json.encode(material.rows).decode()
