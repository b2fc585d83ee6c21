"""The pages of fraud rules: figures and records, settings looked at before they count, the review line."""

import html
import re
from types import SimpleNamespace

import msgspec
import pytest

from fraud_rules.registry import RULES
from fraud_rules.rule import Rule, RuleConfig, read_config
from tracker.admin import rule_forms
from tracker.admin.forms import Form
from tracker.cases import review
from tracker.cases import store as cases_store
from tracker.fraud import rules as rules_module
from tracker.fraud.checks.store import find_checks, open_checks
from tracker.fraud.lessons import store as lessons
from tracker.fraud.lessons.tables import learned_weights
from tracker.i18n.translator import translator_of
from tracker.programs import store as programs
from tracker.programs.tables import program_versions


@pytest.fixture
def base(world):
    return f"/admin/programs/{world.program.program_id}/fraud"


def program_of(shop):
    return shop.read(lambda conn: programs.get_program(conn, shop.program_id))


def findings(shop, conversion_id):
    return shop.read(lambda conn: cases_store.findings_of(conn, [conversion_id]))


def fields_on(page):
    """The rule's form as a browser would send it."""
    fields = {
        name: html.unescape(value)
        for name, value in re.findall(r'<input class="input" id="(\w+)" name="\w+" type="text" value="([^"]*)"', page)
    }
    return fields | dict.fromkeys(re.findall(r'type="checkbox" name="(\w+)" value="on" checked', page), "on")


def hidden_on(page):
    fields = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', page.rpartition("<form")[2])
    return {name: html.unescape(value) for name, value in fields if name != "csrf_token"}


def text_of(page):
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", page)))


def test_the_menu_leads_to_the_rules_of_the_only_program(owner, base):
    page = owner.get("/admin/fraud")
    assert str(page.url).endswith(base)
    for rule in RULES:
        assert f"{base}/rules/{rule.id}" in page.text
    assert f"{len(RULES)} of {len(RULES)}" in page.text
    assert "/admin/fraud" in owner.get("/admin/").text
    assert base in owner.get(base.removesuffix("/fraud")).text


def test_a_rules_record_and_figures_are_those_of_the_last_days(owner, shop, base):
    shop.self_referral()
    (case,) = shop.cases()
    for each in (case.case.case_id,):
        shop.client.portal.call(
            lambda case_id=each: review.give_verdict(
                shop.services.db,
                case_id=case_id,
                verdict="fraud",
                action="reject",
                reason_code="fraud",
                public_text="",
                note="",
                deciding_finding=None,
                actor="user:usr_1",
                now_ms=shop.services.now_ms(),
            )
        )

    page = text_of(owner.get(base).text)

    assert "1 of 1 confirmed" in page
    assert "1 finding in 1 case" in page
    assert "No random check was judged yet" in page


def test_settings_are_looked_at_published_and_used(owner, shop, base):
    held = shop.self_referral("SELF-1")
    path = f"{base}/rules/self_email"
    typed = fields_on(owner.get(path).text)
    assert typed["weight_ppm"] == "90"

    preview = owner.send(path, **{**typed, "weight_ppm": "40", "step": "preview"})

    said = text_of(preview.text)
    assert program_of(shop).version == 1, "nothing is published yet"
    assert "1 conversion would not be held that is." in said
    assert f"/admin/conversions/{held}" in preview.text
    assert "In force 0.1 1 1 €20.00 These settings 0 0 0 –" in said
    assert "Weight 90% → 40%" in said

    owner.send(path, **{**hidden_on(preview.text), "step": "publish", "note": "Families buy here"})

    program = program_of(shop)
    assert program.version == 2
    assert program.settings.fraud_rules == {"self_email": {"weight_ppm": 400_000}}
    shop.services.clock.advance(1000)
    second = shop.self_referral("SELF-2")
    (finding,) = [row.finding for row in findings(shop, second) if row.finding.rule == "self_email"]
    assert (finding.factor_ppm, finding.config["weight_ppm"]) == (400_000, 400_000)
    assert "Families buy here" in owner.get(base.removesuffix("/fraud")).text


def test_a_switched_off_rule_is_silent_and_shown_off(owner, shop, base):
    path = f"{base}/rules/self_email"
    typed = {name: value for name, value in fields_on(owner.get(path).text).items() if name != "enabled"}

    preview = owner.send(path, **typed, step="preview")
    owner.send(path, **{**hidden_on(preview.text), "step": "publish"})

    assert program_of(shop).settings.fraud_rules == {"self_email": {"enabled": False}}
    shop.services.clock.advance(1000)
    shop.self_referral()
    assert shop.cases() == []
    assert f"{len(RULES) - 1} of {len(RULES)}" in owner.get(base).text


def test_back_to_the_defaults_stores_nothing(owner, shop, base):
    path = f"{base}/rules/too_fast"
    typed = fields_on(owner.get(path).text)
    for value in ("7.5", "5"):
        preview = owner.send(path, **{**typed, "lead_line_ms": value, "step": "preview"})
        owner.send(path, **{**hidden_on(preview.text), "step": "publish"})
        stored = program_of(shop).settings.fraud_rules
        assert stored == ({"too_fast": {"lead_line_ms": 7500}} if value == "7.5" else {})


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"weight_ppm": "101"}, "Give a number from 0 to 100."),
        ({"weight_ppm": "much"}, "Give a number from 0 to 100."),
        ({"weight_ppm": "1e3"}, "Give a number from 0 to 100."),
        ({"weight_ppm": "9" * 100}, "Give a number from 0 to 100."),
        ({}, "Nothing differs from the terms in force"),
    ],
    ids=["above", "word", "exponent", "long", "same"],
)
def test_settings_that_cannot_be_come_back_with_the_reason(owner, shop, base, changes, said):
    path = f"{base}/rules/self_email"

    page = owner.send(path, **{**fields_on(owner.get(path).text), **changes, "step": "preview"})

    assert page.status_code == 422
    assert said in page.text
    assert program_of(shop).version == 1


def test_terms_published_meanwhile_are_looked_at_again(owner, shop, base):
    path = f"{base}/rules/self_email"
    typed = fields_on(owner.get(path).text)
    first = owner.send(path, **{**typed, "weight_ppm": "40", "step": "preview"})
    other = owner.send(f"{base}/line", review_from="60", weekly_cases="", step="preview")
    owner.send(f"{base}/line", **{**hidden_on(other.text), "step": "publish"})

    again = owner.send(path, **{**hidden_on(first.text), "step": "publish"})

    assert "Somebody published other terms meanwhile." in again.text
    assert program_of(shop).version == 2


def test_the_review_line_is_chosen_by_what_people_can_read(owner, shop, base):
    shop.self_referral()

    preview = owner.send(f"{base}/line", review_from="50", weekly_cases="3", step="preview")
    assert "For 3 cases a week the line is 30." in text_of(preview.text)
    assert "€20.00" in preview.text

    higher = owner.send(f"{base}/line", review_from="80", weekly_cases="3", step="preview")
    owner.send(f"{base}/line", **{**hidden_on(higher.text), "step": "publish"})
    settings = program_of(shop).settings
    assert (settings.review_from, settings.weekly_cases) == (80, 3)
    assert "people can read 3 cases a week" in owner.get(base).text


def test_a_higher_line_lets_a_weaker_case_pass(owner, shop, base):
    for path, changes in (
        (f"{base}/rules/self_email", {"weight_ppm": "60"}),
        (f"{base}/line", {"review_from": "70", "weekly_cases": ""}),
    ):
        typed = fields_on(owner.get(path).text)
        preview = owner.send(path, **{**typed, **changes, "step": "preview"})
        owner.send(path, **{**hidden_on(preview.text), "step": "publish"})
    shop.services.clock.advance(1000)
    conversion_id = shop.self_referral()

    assert shop.cases() == []
    assert owner.get(f"/admin/conversions/{conversion_id}").status_code == 200


@pytest.mark.parametrize("typed", ["29", "81", "", "x"])
def test_a_line_out_of_bounds_is_refused(owner, base, typed):
    page = owner.send(f"{base}/line", review_from=typed, weekly_cases="", step="preview")
    assert page.status_code == 422
    assert "Give a whole number from 30 to 80." in page.text


def test_who_may_not_change_terms_reads_and_sends_nothing(open_browser, base):
    reviewer = open_browser()
    reviewer.sign_in("reviewer")

    page = reviewer.get(f"{base}/rules/self_email")
    assert page.status_code == 200
    assert "See what it would do" not in page.text
    assert reviewer.get(f"{base}/line").status_code == 403
    assert reviewer.send(f"{base}/rules/self_email", step="publish").status_code == 403


def test_an_unknown_rule_is_a_page_that_is_not_there(owner, base):
    assert owner.get(f"{base}/rules/nobody").status_code == 404


class OwnConfig(RuleConfig, frozen=True, kw_only=True):
    shops: list[str] = []  # noqa: RUF012  # msgspec copies it for each record.
    loudness: int = 3
    last_day: str | None = None
    share_ppm: int = 125_000
    wait_ms: int = 1500
    table: dict[str, int] = {}  # noqa: RUF012  # msgspec copies it for each record.


OWN = Rule(
    id="own_rule",
    version=1,
    title="Our own rule",
    family="policy",
    severity="low",
    timing=frozenset({"sale"}),
    config=OwnConfig(),
    evaluate=lambda _facts, _config: [],
)


def test_a_plug_ins_rule_has_a_form_too_and_a_broken_one_is_named(owner, base, monkeypatch):
    found = rules_module.load_rules(
        [
            SimpleNamespace(name="own", value="own:RULE", load=lambda: OWN),
            SimpleNamespace(name="broken", value="broken:RULE", load=lambda: 1 / 0),
        ]
    )
    readers = (
        "tracker.admin.rules",
        "tracker.admin.rule_settings",
        "tracker.fraud.lessons.store",
        "tracker.fraud.rules",
    )
    for name, value in (("loaded_rules", lambda: found), ("rules_in_force", lambda: found.rules)):
        for module in readers:
            monkeypatch.setattr(f"{module}.{name}", value, raising=False)

    page = owner.get(base).text
    assert "Our own rule" in page
    assert "The plug-in broken is not in force." in page
    form = owner.get(f"{base}/rules/own_rule").text
    assert "Loudness" in form
    assert 'value="12.5"' in form


def test_every_kind_of_setting_is_typed_and_read_back():
    speech = translator_of("en")
    kinds = {field.name: field.kind for field in rule_forms.fields_of(OWN)}
    assert kinds == {
        "enabled": "tick",
        "shops": "lines",
        "loudness": "whole",
        "last_day": "line",
        "share_ppm": "share",
        "wait_ms": "seconds",
        "table": "json",
    }
    assert rule_forms.label_of("wait_ms", speech) == "Wait, seconds"
    typed = {"enabled": "on", "shops": "a\r\n\r\nb", "loudness": "4", "last_day": "", "share_ppm": "12,5"}
    form = Form((typed | {"wait_ms": "0.25", "table": '{"x": 1}'}).items())
    assert rule_forms.read_rule(form, OWN) == {"shops": ["a", "b"], "loudness": 4, "wait_ms": 250, "table": {"x": 1}}

    bad = Form({"enabled": "on", "loudness": "1.5", "share_ppm": "12.5", "wait_ms": "0.0001", "table": "{"}.items())
    assert rule_forms.read_rule(bad, OWN) is None
    assert set(bad.errors) == {"loudness", "wait_ms", "table"}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_a_form_sent_as_it_is_shown_changes_nothing(rule):
    config = read_config(rule, {})
    values = rule_forms.values_of(rule_forms.fields_of(rule), config)
    assert rule_forms.read_rule(Form(values), rule) == {}
    assert msgspec.to_builtins(config)


def test_a_rule_that_is_mostly_wrong_is_named_with_the_way_to_its_form(owner, shop, base, monkeypatch):
    def mostly_wrong(conn, program, *, now_ms):
        told = lessons.records_of(conn, program, now_ms=now_ms)
        bad = msgspec.structs.replace(
            told.records["too_fast"], verdicts=25, recent=14, recent_confirmed=1, posterior_ppm=80_000
        )
        appeals = {"too_fast": lessons.Appealed(against=4, overturned=1)}
        return msgspec.structs.replace(told, records=told.records | {"too_fast": bad}, appeals=appeals)

    monkeypatch.setattr("tracker.admin.rules.records_of", mostly_wrong)

    page = owner.get(base).text

    said = text_of(page)
    assert "was right in few of its 25 verdicts. Molva switches nothing off by itself." in said
    assert f'href="{base}/rules/too_fast">Look at its settings' in page
    assert "1 of 14 confirmed" in said
    assert "1 of 4 overturned on appeal" in said
    assert "8% learned; 45% by its settings" in said
    assert f"{len(RULES)} of {len(RULES)}" in said, "and it still judges"


def test_the_overview_names_rules_that_are_mostly_wrong(owner, shop):
    assert "Fraud rules that are mostly wrong" not in owner.get("/admin/").text
    values = {"version": 1, "day": 1, "decided_at_ms": 1, "scales": {}, "suggested_off": ["too_fast"]}
    shop.write(lambda conn: conn.execute(learned_weights.insert().values(program_id=shop.program_id, **values)))

    page = owner.get("/admin/").text

    assert '<a href="/admin/fraud">Fraud rules that are mostly wrong</a>' in page


def test_settings_of_a_rule_that_was_uninstalled_stop_nothing_and_go_with_the_next_version(owner, shop, base):
    settings = msgspec.structs.replace(program_of(shop).settings, fraud_rules={"gone_rule": {"loudness": 4}})
    values = {"version": 2, "effective_from_ms": shop.services.now_ms(), "settings": msgspec.to_builtins(settings)}
    shop.write(
        lambda conn: conn.execute(
            program_versions.insert().values(program_id=shop.program_id, published_by="cli", note="", **values)
        )
    )
    shop.services.clock.advance(1000)
    shop.self_referral()
    assert len(shop.cases()) == 1
    assert owner.get(base).status_code == 200

    preview = owner.send(f"{base}/line", review_from="60", weekly_cases="", step="preview")
    owner.send(f"{base}/line", **{**hidden_on(preview.text), "step": "publish"})

    assert (program_of(shop).version, program_of(shop).settings.fraud_rules) == (3, {})


def test_a_random_check_is_a_case_like_any_other_that_says_what_it_is(owner, shop, base):
    shop.click()
    shop.sale(visitor_id="visitor-1")
    shop.services.clock.advance(40 * 86_400_000)
    owner.sign_in("owner")
    now_ms = shop.services.now_ms()
    due = shop.read(lambda conn: find_checks(conn, shop.program_id, key=b"k" * 32, now_ms=now_ms - 3 * 86_400_000))
    (case_id,) = shop.write(lambda conn: open_checks(conn, shop.program_id, due, now_ms=now_ms))

    assert "Random check" in owner.get("/admin/cases").text
    page = owner.get(f"/admin/cases/{case_id}").text
    assert "No rule asked for this case and nothing is held." in page
    assert "1 of them waits." in owner.get(base).text

    owner.send(f"/admin/cases/{case_id}/verdict", action="clear", verdict="legitimate", reason_code="legitimate")
    assert "Of 1 random check 0 was fraud or against the terms: about 0%" in text_of(owner.get(base).text)
