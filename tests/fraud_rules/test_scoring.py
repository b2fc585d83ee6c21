"""From findings to points."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fraud_rules.scoring import (
    CAPPED_FAMILIES,
    STRONG_FROM_PPM,
    UNCONFIRMED_POINTS_MAX,
    WITNESS_FROM_PPM,
    band_of,
    score,
)
from fraud_rules.types import Finding

FAMILIES = ("identity", "network", "device", "timing", "traffic", "money", "graph", "policy")


@st.composite
def findings(draw, families=FAMILIES):
    family = draw(st.sampled_from(families))
    factor_ppm = draw(st.integers(0, 1_000_000))
    fired = draw(st.booleans())
    rules = ["a", "b", "self_network"] if family == "network" else ["a", "b"]
    rule = draw(st.sampled_from(rules))
    return Finding(
        rule=rule if rule == "self_network" else f"{family}_{rule}",
        rule_version=1,
        family=family,
        fired=fired,
        strength_ppm=1_000_000,
        weight_ppm=factor_ppm,
        damping_ppm=1_000_000,
        factor_ppm=factor_ppm if fired else 0,
        message="Something.",
        clears_when="Never.",
    )


@pytest.mark.parametrize(
    ("factors", "points", "band"),
    [
        ([], 2, "none"),
        ([("identity", 900_000)], 90, "priority"),
        ([("identity", 800_000)], 80, "review"),
        ([("identity", 500_000)], 51, "review"),
        ([("identity", 300_000)], 31, "note"),
        ([("device", 700_000)], 70, "review"),
        ([("timing", 450_000)], 46, "note"),
        ([("timing", 200_000)], 21, "none"),
        ([("timing", 450_000), ("network", 300_000)], 62, "review"),
        ([("timing", 450_000), ("timing", 300_000)], 46, "note"),
        ([("network", 800_000)], 60, "review"),
        ([("network", 800_000), ("policy", 700_000)], 60, "review"),
        ([("network", 520_050)], 52, "review"),
        ([("network", 800_000), ("traffic", 1)], 80, "review"),
        ([("network", 800_000), ("timing", 200_000)], 84, "review"),
        ([("identity", 1_000_000)], 100, "priority"),
    ],
    ids=[
        "nothing",
        "self_email",
        "dup_email",
        "weak_email",
        "forgotten",
        "bot",
        "fast",
        "fast_known_device",
        "two_families",
        "one_family",
        "network_capped",
        "network_and_policy_capped",
        "crowd_at_home",
        "cap_lifted",
        "cap_lifted_by_timing",
        "certain",
    ],
)
def test_points_follow_noisy_or(make_finding, factors, points, band):
    result = score([make_finding(rule=f"r{n}", family=f, factor_ppm=ppm) for n, (f, ppm) in enumerate(factors)])

    assert (result.points, result.band) == (points, band)


@pytest.mark.parametrize(
    ("factors", "points"),
    [
        ([("timing", 400_000), ("device", 250_000)], 55),
        ([("timing", 400_000), ("device", 249_999)], 49),
        ([("timing", 249_999), ("device", 249_999), ("money", 249_999), ("graph", 249_999)], 49),
        ([("timing", 400_000), ("timing", 400_000), ("device", 200_000)], 49),
        ([("timing", 485_000), ("device", 200_000)], 59),
        ([("timing", 484_999), ("device", 200_000)], 49),
        ([("timing", 300_000), ("device", 200_000)], 45),
        ([("network", 400_000), ("policy", 250_000)], 55),
        ([("network", 400_000), ("policy", 249_999)], 49),
    ],
    ids=[
        "second_family_confirms",
        "hint_confirms_nothing",
        "many_hints_confirm_nothing",
        "own_family_confirms_nothing",
        "strong_alone",
        "one_below_strong",
        "below_the_line_nothing_is_cut",
        "capped_families_confirm",
        "capped_families_hint",
    ],
)
def test_note_becomes_a_case_only_by_a_second_witness_or_a_strong_finding(make_finding, factors, points):
    """A witness is a family of .25, strong is .485; unconfirmed, notes and hints end at 49."""
    result = score([make_finding(rule=f"r{n}", family=f, factor_ppm=ppm) for n, (f, ppm) in enumerate(factors)])

    assert result.points == points
    assert (WITNESS_FROM_PPM, STRONG_FROM_PPM, UNCONFIRMED_POINTS_MAX) == (250_000, 485_000, 49)


@pytest.mark.parametrize(
    ("points", "band"),
    [
        (0, "none"),
        (24, "none"),
        (25, "note"),
        (49, "note"),
        (50, "review"),
        (84, "review"),
        (85, "priority"),
        (100, "priority"),
    ],
)
def test_bands_begin_at_their_lines(points, band):
    assert band_of(points) == band


def test_points_never_round_up_to_a_line(make_finding):
    """100 (1 - .98 (1 - f)) = 50 at f = 24/49: the last ppm below it shows 49."""
    line_ppm = 489_796

    assert score([make_finding(factor_ppm=line_ppm)]).points == 50
    assert score([make_finding(factor_ppm=line_ppm - 1)]).points == 49


def test_self_network_alone_stays_a_note(make_finding):
    result = score([make_finding(rule="self_network", family="network", factor_ppm=550_000)])

    assert (result.points, result.band) == (46, "note")
    assert result.factors[0].factor_ppm == 450_000


def test_another_network_rule_does_not_confirm_self_network(make_finding):
    own = make_finding(rule="self_network", family="network", factor_ppm=550_000)
    crowd = make_finding(rule="same_ip_leads", family="network", factor_ppm=480_000)

    assert score([own, crowd]).points == score([crowd]).points == 49


@pytest.mark.parametrize(
    ("changes", "points"),
    [({}, 55), ({"factor_ppm": 1}, 55), ({"factor_ppm": 0, "fired": False}, 46), ({"rule": "same_ip_leads"}, 49)],
    ids=["habit", "weak_habit", "forgiven_habit", "crowd"],
)
def test_habit_of_the_address_confirms_self_network(make_finding, changes, points):
    """New people day after day from the partner's own address are no visitors."""
    own = make_finding(rule="self_network", family="network", factor_ppm=550_000)
    values = {"rule": "same_ip_repeat", "family": "network", "factor_ppm": 480_000} | changes

    assert score([own, make_finding(**values)]).points == points


def test_another_family_confirms_self_network(make_finding):
    own = make_finding(rule="self_network", family="network", factor_ppm=550_000)
    fast = make_finding(rule="too_fast", family="timing", factor_ppm=450_000)

    assert score([own, fast]).points == 75


def test_forgiven_finding_neither_counts_nor_confirms(make_finding):
    own = make_finding(rule="self_network", family="network", factor_ppm=550_000)
    forgiven = make_finding(rule="self_email", factor_ppm=0, fired=False)

    assert score([own, forgiven]) == score([own])
    assert score([forgiven]) == score([])


def test_factors_come_largest_first_and_say_which_count(make_finding):
    result = score(
        [
            make_finding(rule="low", family="identity", factor_ppm=300_000),
            make_finding(rule="fast", family="timing", factor_ppm=450_000),
            make_finding(rule="high", family="identity", factor_ppm=800_000),
        ]
    )

    assert [(f.rule, f.counts) for f in result.factors] == [("high", True), ("fast", True), ("low", False)]


def test_score_without_each_rule_is_the_score_of_the_others(make_finding):
    fast = make_finding(rule="too_fast", family="timing", factor_ppm=450_000)
    own = make_finding(rule="self_network", family="network", factor_ppm=550_000)

    result = score([fast, own])

    assert result.without_each == {"too_fast": 46, "self_network": 46}


def test_rule_that_found_twice_counts_with_its_larger_finding(make_finding):
    result = score([make_finding(factor_ppm=300_000), make_finding(factor_ppm=800_000)])

    assert [f.factor_ppm for f in result.factors] == [800_000]
    assert result.without_each == {"self_email": 2}


@given(st.lists(findings(), max_size=12))
def test_points_stay_between_nothing_and_certainty(found):
    result = score(found)

    assert 2 <= result.points <= 100
    assert result.band == band_of(result.points)
    assert sum(factor.counts for factor in result.factors) == len({f.family for f in result.factors})


@given(st.lists(findings(), max_size=8), findings())
def test_one_finding_more_never_lowers_the_score(found, more):
    assert score([*found, more]).points >= score(found).points


@given(st.lists(findings(), max_size=8))
def test_score_without_a_rule_is_never_higher(found):
    result = score(found)

    assert all(without <= result.points for without in result.without_each.values())


@given(st.lists(findings(), max_size=8), st.randoms(use_true_random=False))
def test_order_of_findings_is_no_matter(found, rnd):
    shuffled = list(found)
    rnd.shuffle(shuffled)

    assert score(shuffled) == score(found)


@given(st.lists(findings(families=("identity",)), min_size=1, max_size=8))
def test_family_counts_with_its_largest_factor_only(found):
    largest = max(found, key=lambda finding: finding.factor_ppm)

    assert score(found).points == score([largest]).points


@given(st.lists(findings(families=tuple(CAPPED_FAMILIES)), max_size=8))
def test_network_and_policy_never_hold_everything(found):
    assert score(found).points <= 60


@given(st.lists(st.integers(0, 999_999), min_size=2, max_size=8))
def test_families_join_like_independent_signs(make_finding, factors_ppm):
    found = [
        make_finding(rule=f"r{n}", family=family, factor_ppm=ppm)
        for n, (family, ppm) in enumerate(zip(FAMILIES, factors_ppm, strict=False))
    ]
    honest = 0.98
    for ppm in factors_ppm:
        honest *= 1 - ppm / 1_000_000

    points = score(found).points

    expected = 100 * (1 - honest)
    if sum(ppm >= 250_000 for ppm in factors_ppm) < 2 and max(factors_ppm) < 485_000:
        expected = min(expected, 49)
    if not any(f.factor_ppm and f.family not in CAPPED_FAMILIES for f in found):
        expected = min(expected, 60)
    assert points == pytest.approx(expected, abs=1.0001)


@given(st.lists(findings(), max_size=12))
def test_no_case_without_a_second_witness_or_a_strong_finding(found):
    worst = {}
    for finding in found:
        worst[finding.family] = max(worst.get(finding.family, 0), finding.factor_ppm)

    if sum(ppm >= WITNESS_FROM_PPM for ppm in worst.values()) < 2 and max(worst.values(), default=0) < STRONG_FROM_PPM:
        assert score(found).points <= UNCONFIRMED_POINTS_MAX


def test_every_order_of_the_same_findings_gives_one_explanation(make_finding):
    found = [make_finding(rule=f"r{n}", family=family, factor_ppm=300_000) for n, family in enumerate(FAMILIES[:4])]

    results = [score(order) for order in itertools.permutations(found)]

    assert all(result == results[0] for result in results)


@pytest.mark.parametrize(("line", "band"), [(50, "review"), (60, "review"), (61, "note"), (30, "review")])
def test_a_program_may_draw_its_own_review_line(line, band):
    assert band_of(60, review_from=line) == band
    assert (band_of(85, review_from=line), band_of(24, review_from=line)) == ("priority", "none")
