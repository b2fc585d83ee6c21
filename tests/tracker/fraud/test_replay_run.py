"""Replaying whole small files: who is judged on what, who is held, what verdicts and nights change."""

import json

import msgspec
import pytest

from fraud_rules.registry import RULES
from fraud_rules.rule import Rule, RuleConfig
from fraud_rules.types import PPM
from tracker.fraud.replay.run import replay

BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:120.0) Gecko/20100101 Firefox/120.0"


class Config(RuleConfig, frozen=True, kw_only=True):
    weight_ppm: int = 600_000


def rule(name, *, family="identity", evaluate=None, evaluate_partner=None, **card):
    made = Rule(
        id=name,
        version=1,
        title=name,
        family=family,
        severity="low",
        timing=frozenset({"lead", "sale", "nightly"}),
        config=Config(),
        **card,
    )
    return msgspec.structs.replace(
        made,
        evaluate=evaluate and (lambda facts, config: evaluate(made, facts, config)),
        evaluate_partner=evaluate_partner and (lambda facts, config: evaluate_partner(made, facts, config)),
    )


def found(made, config, **changes):
    return [made.find(message="Said.", clears_when="Never.", weight_ppm=config.weight_ppm, **changes)]


def lines(*events):
    """Number the hours: every event is one hour after the one before it, unless it says its own time."""
    texts = []
    for hour, event in enumerate(events):
        at = f"2026-03-{1 + hour // 24:02d}T{hour % 24:02d}:00:00Z"
        texts.append(json.dumps({"program_id": "p", "at": at} | event).encode())
    return texts


def lead(name, **changes):
    return {"type": "lead", "external_id": name, "partner_id": "a", "user_agent": BROWSER} | changes


def sale(name, **changes):
    return {"type": "sale", "external_id": name, "partner_id": "a", "amount": 100, "currency": "EUR"} | changes


def marked(made, facts, config):
    return found(made, config) if (facts.subject.email or "").startswith("bad") else []


MARKED = rule("marked", evaluate=marked)


def test_a_conversion_is_judged_on_what_came_before_it():
    def second(made, facts, config):
        return found(made, config) if facts.device_leads else []

    result = replay(
        lines(lead("L1", device_id="d"), lead("L2", device_id="d")),
        rules=[rule("second", evaluate=second, needs=frozenset({"device_leads"}))],
    )

    assert [row.subject for row in result.findings] == ["L2"]
    assert result.scores == {"L1": 2, "L2": 60}


def test_a_sale_is_held_with_its_lead_whichever_comes_to_be_held():
    result = replay(
        lines(
            lead("L1", customer={"email": "bad@x.org"}),
            sale("S1", lead_id="L1"),
            lead("L2", customer={"email": "fine@x.org"}),
            sale("S2", lead_id="L2"),
        ),
        rules=[MARKED],
    )

    assert [case.subjects for case in result.cases] == [["L1", "S1"]]


def test_a_crowd_holds_its_first_members_too():
    def crowd(made, facts, config):
        others = [each.conversion_id for each in facts.device_leads]
        return found(made, config, compared=others, holds_compared=True) if len(others) == 2 else []

    result = replay(
        lines(*(lead(name, device_id="d") for name in ("L1", "L2", "L3"))),
        rules=[rule("crowd", evaluate=crowd, needs=frozenset({"device_leads"}))],
    )

    assert sorted(result.cases[0].subjects) == ["L1", "L2", "L3"]
    assert result.scores == {"L1": 60, "L2": 60, "L3": 60}


def test_partners_are_judged_every_night_and_at_the_end():
    nights = []

    def count(_made, facts, _config):
        nights.append((facts.partner_id, len(facts.leads)))
        return []

    events = [lead("L1"), lead("L2", at="2026-03-02T10:00:00Z"), lead("L3", partner_id="b", at="2026-03-02T11:00:00Z")]
    replay(lines(*events), rules=[rule("count", evaluate_partner=count)])

    assert nights == [("a", 1), ("a", 2), ("b", 1)]


def test_a_partner_finding_counts_for_the_conversions_it_names():
    def named(made, facts, config):
        return found(made, config, compared=["L1"], holds_compared=True)

    result = replay(lines(lead("L1"), lead("L2")), rules=[rule("named", evaluate_partner=named)])

    assert result.scores["L1"] == result.scores["a"] == 60
    assert result.scores["L2"] == 2
    assert [case.subjects for case in result.cases] == [["L1"]]


def test_two_weak_words_of_two_families_hold_what_one_does_not():
    def weak(made, facts, config):
        return found(made, msgspec.structs.replace(config, weight_ppm=400_000))

    one = rule("one", evaluate=weak)
    nightly = rule(
        "two",
        family="network",
        evaluate_partner=lambda made, facts, config: found(
            made, msgspec.structs.replace(config, weight_ppm=400_000), compared=["L1"], holds_compared=True
        ),
    )

    alone = replay(lines(lead("L1")), rules=[one])
    both = replay(lines(lead("L1")), rules=[one, nightly])

    assert (alone.cases, alone.scores) == ([], {"L1": 41})
    assert both.scores["L1"] == 64
    assert both.cases[0].rules == ["one", "two"]


def test_a_rule_about_the_whole_partner_holds_the_partner():
    def whole(made, facts, config):
        return found(made, config, holds_partner=True)

    result = replay(lines(lead("L1")), rules=[rule("whole", evaluate_partner=whole)])

    assert result.cases[0].subjects == ["a"]


def test_an_organic_conversion_holds_nothing():
    result = replay(lines(lead("L1", partner_id=None, customer={"email": "bad@x.org"})), rules=[MARKED])

    assert result.cases == []
    assert result.scores == {"L1": 60}


def test_bad_lines_are_named_and_the_rest_goes_on():
    events = lines(lead("L1", customer={"email": "bad@x.org"}))
    result = replay([b"{", *events, b"", b'{"type":"lead"}', *lines(lead("L2", ip="nowhere"))], rules=[MARKED])

    assert [(error.line, error.field) for error in result.errors] == [(1, ""), (4, "at"), (5, "ip")]
    assert result.scores == {"L1": 60, "L2": 2}


def test_the_same_line_again_changes_nothing_and_another_under_its_id_is_refused():
    first = lead("L1", customer={"email": "bad@x.org"})
    result = replay(lines(first, first, lead("L1", customer={"email": "else@x.org"})), rules=[MARKED])

    assert [(error.line, error.field) for error in result.errors] == [(3, "external_id")]
    assert [case.subjects for case in result.cases] == [["L1"]]


def test_a_failing_rule_is_reported_and_the_others_go_on():
    def broken(_made, _facts, _config):
        raise ZeroDivisionError

    result = replay(lines(lead("L1", customer={"email": "bad@x.org"})), rules=[rule("broken", evaluate=broken), MARKED])

    assert "broken" in result.errors[0].message
    assert result.scores == {"L1": 60}


def verdicts(*words):
    events = []
    for number, word in enumerate(words):
        events += [
            lead(f"L{number}", customer={"email": f"bad{number}@x.org"}),
            {"type": "verdict", "subject": f"L{number}", "verdict": word, "rule": "marked"},
        ]
    return [*events, lead("last", customer={"email": "bad@x.org"})]


@pytest.mark.parametrize(
    ("words", "points"),
    [
        (["legitimate"] * 4, 60),
        (["legitimate"] * 5, 38),
        (["fraud"] * 5, 75),
        (["policy"] * 5, 75),
        (["unsure"] * 9, 60),
    ],
    ids=["too_few", "dismissed", "confirmed", "policy", "unsure"],
)
def test_five_verdicts_teach_a_rule_its_weight(words, points):
    result = replay(lines(*verdicts(*words)), rules=[MARKED])

    # Beta(4.8 + fraud, 3.2 + honest) after five verdicts: .37 or .75; a case of 2 percent before anything.
    assert result.scores["last"] == points


def test_a_verdict_closes_its_case_and_the_same_word_opens_no_other():
    events = [
        lead("L1", customer={"email": "bad@x.org"}),
        {"type": "verdict", "subject": "L1", "verdict": "legitimate"},
        sale("S1", lead_id="L1", customer={"email": "fine@x.org"}),
    ]
    result = replay(lines(*events), rules=[MARKED])

    assert [case.subjects for case in result.cases] == [["L1"]]


@pytest.mark.parametrize(
    ("changes", "field"), [({"subject": "nobody"}, "subject"), ({"rule": "no_rule"}, "rule")], ids=["subject", "rule"]
)
def test_a_verdict_on_nothing_is_refused(changes, field):
    verdict = {"type": "verdict", "subject": "L1", "verdict": "fraud"} | changes
    result = replay(lines(lead("L1", customer={"email": "bad@x.org"}), verdict), rules=[MARKED])

    assert [error.field for error in result.errors] == [field]


def test_a_click_of_another_program_is_seen():
    seen = []

    def foreign(_made, facts, _config):
        seen.append(facts.forgeries.foreign_click)
        return []

    click = {"type": "click", "click_id": "c1", "partner_id": "a", "program_id": "other"}
    replay(
        lines(click, lead("L1", click_id="c1"), lead("L2", click_id="c2")),
        rules=[rule("foreign", evaluate=foreign, needs=frozenset({"forgeries"}))],
    )

    assert seen == [True, False]


def test_shares_of_a_finding_multiply_to_what_counts():
    def damped(made, facts, config):
        return found(made, config, strength_ppm=PPM // 2, damping_ppm=400_000)

    row = replay(lines(lead("L1")), rules=[rule("damped", evaluate=damped)]).findings[0]

    assert (row.weight, row.strength) == (0.6, 0.2)


@pytest.mark.parametrize(("share", "flagged"), [(1, 0), (0.1, 1)], ids=["shops_own_script", "rare"])
def test_a_fetch_is_a_sign_only_where_it_is_rare(share, flagged):
    every = round(1 / share)
    clicks = [
        {
            "type": "click",
            "click_id": f"c{number}",
            "partner_id": "a",
            "headers": {"sec-fetch-dest": "empty" if number % every == 0 else "document"},
        }
        for number in range(200)
    ]
    last = lead("L1", click_id="c190")

    result = replay(lines(*clicks, last), rules=[each for each in RULES if each.id == "stuffed_click"])

    assert len([row for row in result.findings if row.subject == "L1"]) == flagged
