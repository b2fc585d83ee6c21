"""Markov's removal effects: against published numbers, a direct solution and walks counted one by one."""

from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attribution.reports import markov
from attribution.reports.markov import removal_effects, share_by_removal
from attribution.reports.paths import CountedPath

F = Fraction
ORDERS = pytest.mark.parametrize("order", [1, 2])
# Each example may take its time: a busy machine, or one that measures coverage, is many times slower.
PATIENT = settings(deadline=None)
CLOSE = {"rel": 1e-9, "abs": 1e-12}


def make_path(names, conversions=0, losses=0, amount_minor=0):
    return CountedPath(partners=tuple(names), conversions=conversions, losses=losses, amount_minor=amount_minor)


counted = st.builds(
    make_path,
    st.lists(st.sampled_from("abcdef"), min_size=1, max_size=7),
    st.integers(0, 4),
    st.integers(0, 4),
).filter(lambda path: path.conversions or path.losses)
worlds = st.lists(counted, min_size=1, max_size=9).filter(lambda paths: any(path.conversions for path in paths))


def chain_of(paths, order):
    """Return the chain as probabilities: state -> {state or "conversion" or "null": exact probability}."""
    counts = {}
    for path in paths:
        walk = [name for index, name in enumerate(path.partners) if index == 0 or path.partners[index - 1] != name]
        if len(walk) < order:
            states = [tuple(walk)]
        else:
            states = [tuple(walk[index : index + order]) for index in range(len(walk) - order + 1)]
        for here, there in pairwise(["start", *states]):
            counts.setdefault(here, {}).setdefault(there, 0)
            counts[here][there] += path.conversions + path.losses
        ends = counts.setdefault(states[-1], {})
        ends["conversion"] = ends.get("conversion", 0) + path.conversions
        ends["null"] = ends.get("null", 0) + path.losses
    return {
        state: {target: F(count, sum(targets.values())) for target, count in targets.items() if count}
        for state, targets in counts.items()
        if any(targets.values())
    }


def convert(chain, without=None):
    """Return P(conversion from start) by Gauss-Jordan over the whole chain, states with a partner turned into null.

    Unknowns are x(s) = P(conversion from s); each equation says x(s) = P(s to conversion) + sum of P(s to t) x(t).
    """
    states = [state for state in chain if state == "start" or without not in state]
    rows = []
    for state in states:
        row = [-chain[state].get(other, F(0)) for other in states] + [chain[state].get("conversion", F(0))]
        row[states.index(state)] += 1
        rows.append(row)
    for pivot in range(len(states)):
        swap = next(index for index in range(pivot, len(states)) if rows[index][pivot])
        rows[pivot], rows[swap] = rows[swap], rows[pivot]
        rows[pivot] = [value / rows[pivot][pivot] for value in rows[pivot]]
        for index in range(len(states)):
            if index != pivot and rows[index][pivot]:
                factor = rows[index][pivot]
                rows[index] = [value - factor * lead for value, lead in zip(rows[index], rows[pivot], strict=True)]
    return rows[states.index("start")][-1]


def exact_effects(paths, order):
    chain = chain_of(paths, order)
    names = {name for path in paths for name in path.partners}
    return {name: 1 - convert(chain, name) / convert(chain) for name in names}


def shares_of(paths, order=1):
    return {share.partner_id: share.conversions for share in share_by_removal(paths, order=order).partners}


def approx(values):
    return {name: pytest.approx(float(value), **CLOSE) for name, value in values.items()}


def test_known_value_three_channels_with_loops_removed():
    """AnalyzeCore 2016, "Attribution model with R (part 1: Markov chains concept)".

    Journeys C1 > C2 > C3 > purchase, C1 > nothing, C2 > C3 > nothing. By hand: a third converts; without C1 a sixth
    does; without C2 or C3 nobody. Effects 1/2, 1, 1; of one purchase C1 gets 0.2, C2 and C3 0.4 each.
    """
    paths = [make_path(["C1", "C2", "C3"], 1), make_path(["C1"], 0, 1), make_path(["C2", "C3"], 0, 1)]

    assert convert(chain_of(paths, 1)) == F(1, 3)
    assert convert(chain_of(paths, 1), "C1") == F(1, 6)
    assert removal_effects(paths, order=1) == approx({"C1": F(1, 2), "C2": 1, "C3": 1})
    assert shares_of(paths) == approx({"C1": F(1, 5), "C2": F(2, 5), "C3": F(2, 5)})


def test_known_value_two_channels_with_a_loss():
    """The table of four paths in "Markov chain attribution: simple explanation of removal effect" (2019).

    google ads 2 conversions and one loss, mailing 1, google ads > mailing 1. By hand: 4/5 convert; without google ads
    1/5, without mailing 4/5 x 2/4 = 2/5. Effects 3/4 and 1/2; of 4 conversions 2.4 and 1.6.
    """
    paths = [
        make_path(["google ads"], 2, 1),
        make_path(["mailing"], 1),
        make_path(["google ads", "mailing"], 1),
    ]

    assert removal_effects(paths, order=1) == approx({"google ads": F(3, 4), "mailing": F(1, 2)})
    assert shares_of(paths) == approx({"google ads": F(12, 5), "mailing": F(8, 5)})


def test_known_value_of_a_package_that_walks_at_random():
    """The first example of pychattr's README (after R's ChannelAttribution): it prints A 1.991106, B 1.008894.

    Those are 10,000 random walks. By hand, repeats collapsed: A B A B A, A B A, A. From A half of the steps convert, so
    without B half of the conversions stay: effects 1 and 1/2, which is exactly 2 and 1 of 3 conversions.
    """
    paths = [make_path("ABABBA", 1), make_path("ABBAA", 1), make_path("AA", 1)]

    assert shares_of(paths) == approx({"A": 2, "B": 1})
    assert shares_of(paths)["A"] == pytest.approx(1.991106, abs=0.01)


def test_order_one_credits_a_partner_no_buyer_met_and_order_two_does_not():
    """Why Markov never pays. x leads to m, whose other visitors buy; no buyer ever met x."""
    paths = [make_path("xm", 0, 1), make_path("ym", 1)]

    assert shares_of(paths, order=1)["x"] > F(1, 5)
    assert shares_of(paths, order=2) == approx({"x": 0, "y": F(1, 2), "m": F(1, 2)})


@ORDERS
@PATIENT
@given(paths=worlds)
def test_invariant_12_markov_agrees_with_a_direct_solution_in_fractions(order, paths):
    assert removal_effects(paths, order=order) == approx(exact_effects(paths, order))


@settings(PATIENT, max_examples=25)
@given(worlds)
def test_invariant_12_markov_is_the_part_of_converting_walks_that_meet_the_partner(paths):
    """Walk enumeration: spread the start over all walks of up to 400 steps, with and without the partner met."""
    chain = chain_of(paths, 1)
    total = float(convert(chain))
    for name in sorted({name for path in paths for name in path.partners}):
        here, met = {("start", False): 1.0}, 0.0
        for _ in range(400):
            there = {}
            for (state, has_met), chance in here.items():
                for target, part in chain[state].items():
                    if target == "conversion":
                        met += chance * float(part) * has_met
                    elif target != "null":
                        key = (target, has_met or name in target)
                        there[key] = there.get(key, 0.0) + chance * float(part)
            here = there
        left_walking = sum(here.values())
        assert removal_effects(paths, order=1)[name] == pytest.approx(met / total, abs=1e-9 + 2 * left_walking / total)


@ORDERS
@PATIENT
@given(paths=worlds)
def test_invariant_12_markov_effects_lie_between_nothing_and_everything(order, paths):
    assert all(0 <= effect <= 1 for effect in removal_effects(paths, order=order).values())


@ORDERS
@PATIENT
@given(paths=worlds, shuffler=st.randoms(use_true_random=False))
def test_invariant_12_markov_grouping_and_order_of_paths_change_nothing(order, paths, shuffler):
    single = [make_path(path.partners, 1) for path in paths for _ in range(path.conversions)]
    single += [make_path(path.partners, 0, 1) for path in paths for _ in range(path.losses)]
    shuffler.shuffle(single)

    wanted = {name: part for name, part in shares_of(paths, order).items() if part}
    assert {name: part for name, part in shares_of(single, order).items() if part} == wanted


@ORDERS
@PATIENT
@given(paths=worlds)
def test_invariant_12_markov_last_of_every_buyer_is_needed_by_all(order, paths):
    ended = [make_path([*path.partners, "z"], path.conversions) for path in paths if path.conversions]
    lost = [make_path(path.partners, 0, path.losses) for path in paths]

    assert removal_effects([*ended, *lost], order=order)["z"] == 1


def test_invariant_12_markov_being_met_by_every_buyer_is_not_enough():
    """In the chain m can be passed by: b leads to a purchase also for those who come to it straight away."""
    paths = [make_path("mb", 1), make_path("bm", 1)]

    assert removal_effects(paths, order=1)["m"] < 1


@PATIENT
@given(worlds, st.integers(0, 3))
def test_invariant_12_markov_repeats_change_nothing(paths, times):
    repeated = [
        make_path([name for name in path.partners for _ in range(1 + times)], path.conversions, path.losses)
        for path in paths
    ]

    assert shares_of(repeated) == shares_of(paths)


@ORDERS
@PATIENT
@given(paths=worlds, amount=st.integers(-(10**6), 10**9))
def test_shares_sum_to_exactly_what_there_was(order, paths, amount):
    buyers = [index for index, path in enumerate(paths) if path.conversions]
    paths[buyers[0]] = make_path(paths[buyers[0]].partners, paths[buyers[0]].conversions, 0, amount)

    shares = share_by_removal(paths, order=order).partners

    assert sum(share.conversions for share in shares) == sum(path.conversions for path in paths)
    assert sum(share.amount for share in shares) == amount
    assert [share.partner_id for share in shares] == sorted(share.partner_id for share in shares)


@ORDERS
def test_nobody_gets_anything_where_nobody_bought(order):
    shares = share_by_removal([make_path("ab", 0, 3), make_path("c", 0, 1)], order=order)

    assert [(share.partner_id, share.conversions) for share in shares.partners] == [("a", 0), ("b", 0), ("c", 0)]
    assert removal_effects([make_path("ab", 0, 3)], order=order) == {"a": 0.0, "b": 0.0}


@ORDERS
@settings(PATIENT, max_examples=30)
@given(paths=st.lists(counted, min_size=1, max_size=3).filter(lambda paths: any(path.conversions for path in paths)))
def test_partners_who_never_meet_do_not_change_each_other(order, paths):
    """Circles are measured apart; the whole chain solved at once says the same."""
    others = [make_path([name.upper() for name in path.partners], path.losses, path.conversions) for path in paths]

    assert removal_effects([*paths, *others], order=order) == approx(exact_effects([*paths, *others], order))


def fold(paths, folded):
    """Return the paths with the folded partners as one partner "*"."""
    return [
        make_path(["*" if name in folded else name for name in path.partners], path.conversions, path.losses)
        for path in paths
    ]


@pytest.mark.parametrize(("order", "cap", "kept"), [(1, 4, {"a", "b", "c", "z"}), (2, 3, {"b", "z"})])
def test_rare_partners_of_a_large_circle_are_folded_and_named(order, cap, kept, monkeypatch):
    monkeypatch.setattr(markov, "STATES_MAX", cap)
    paths = [
        make_path("ab", 9, 1, amount_minor=900),
        make_path("cbd", 2, 3, amount_minor=200),
        make_path("ea", 1, 1, amount_minor=100),
        make_path("z", 5, 0, amount_minor=500),
    ]

    shares = share_by_removal(paths, order=order)

    named = [share.partner_id for share in shares.partners]
    assert named[-1] is None
    assert sorted([*named[:-1], *shares.folded]) == ["a", "b", "c", "d", "e", "z"]
    assert set(named[:-1]) == kept
    assert sum(share.conversions for share in shares.partners) == 17
    assert sum(share.amount for share in shares.partners) == 1700
    folded = fold(paths, shares.folded)
    assert removal_effects(paths, order=order) == approx(
        {name: effect for name, effect in exact_effects(folded, order).items() if name != "*"}
    )


@ORDERS
@PATIENT
@given(paths=worlds, cap=st.integers(1, 8))
def test_states_never_exceed_the_cap(order, paths, cap):
    circle = [make_path(["a", *path.partners], path.conversions, path.losses) for path in paths]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(markov, "STATES_MAX", cap)
        shares = share_by_removal(circle, order=order)

    states = [state for state in chain_of(fold(circle, shares.folded), order) if state != "start"]
    assert len(states) <= cap


def test_hundreds_of_connected_partners_are_measured_in_bounded_time():
    """More partners than states: every journey meets another, so all are one circle, and the cap holds."""
    paths = [make_path([f"p{i}", f"p{(i * 7 + 1) % 400}", f"p{(i * 3) % 50}"], 1 + i % 3, i % 5) for i in range(400)]

    shares = share_by_removal(paths, order=1)

    assert len(shares.partners) == markov.STATES_MAX
    assert len(shares.folded) == 400 - (markov.STATES_MAX - 1)
