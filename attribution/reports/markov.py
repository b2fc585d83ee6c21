"""Markov: a partner's share goes by the conversions that would be lost without the partner.

A report model, in orders 1 and 2. Journeys are read as walks of a chain whose states are the last one or two
partners (equal neighbours count once, a shorter journey is one state); the removal effect of a partner is the part of
conversions whose walk meets the partner. Definitions follow Anderl, Becker, von Wangenheim, Schumann 2014 (Mapping
the customer journey). It never pays: order 1 mixes journeys, so it can give credit to a partner no buyer ever met.

Inside, and only here, numbers are floating point. States are eliminated by additions, multiplications and divisions
of positive numbers alone (Grassmann, Taksar, Heyman 1985), so nothing cancels and every figure is good to about twelve
digits; the order of work is fixed by the counts, so it is the same figure on every machine.
"""

from collections.abc import Iterable, Sequence
from fractions import Fraction
from functools import partial
from itertools import pairwise
from math import fsum
from operator import itemgetter
from typing import Final

import msgspec

from attribution.identity import fold_identity
from attribution.reports.paths import CountedPath, PartnerShare, ReportModel, Shares, merge_paths

# Elimination costs the cube of the states; this many, all connected, take about two seconds. Partners who share no
# journey, directly or through others, are measured apart, so the cap is for one such circle alone. The rarest partners
# of a larger circle are folded into one.
STATES_MAX: Final = 300

_State = tuple[int, ...]  # ranks of the partners in it
_Rows = list[list[float]]  # how often each state was left: first for a conversion, second for nothing, then to states
_CONVERSION: Final = 0
_NOTHING: Final = 1
_EXITS: Final = 2


class _Circle(msgspec.Struct, frozen=True, kw_only=True):
    """Partners who meet in journeys, directly or through others: conversions lost without each, rare ones as one."""

    lost: dict[str, float]
    folded: tuple[str, ...] = ()
    lost_folded: float = 0.0


def share_by_removal(paths: Iterable[CountedPath], *, order: int) -> Shares:
    """Return the conversions and the money shared by removal effect, rare partners of large circles folded.

    All of it is shared out. Without a conversion everyone has nothing.
    """
    merged = merge_paths(paths)
    circles = [_measure_circle(circle, order=order) for circle in _part_circles(merged)]
    lost = {partner_id: Fraction(part) for circle in circles for partner_id, part in circle.lost.items()}
    shared: list[tuple[str | None, Fraction]] = [*sorted(lost.items())]
    folded = tuple(sorted(partner_id for circle in circles for partner_id in circle.folded))
    if folded:
        shared.append((None, sum((Fraction(circle.lost_folded) for circle in circles), start=Fraction(0))))
    whole = sum((part for _, part in shared), start=Fraction(0)) or Fraction(1)
    conversions, amount = (sum(path.conversions for path in merged), sum(path.amount_minor for path in merged))
    return Shares(
        partners=tuple(
            PartnerShare(partner_id=partner_id, conversions=conversions * part / whole, amount=amount * part / whole)
            for partner_id, part in shared
        ),
        folded=folded,
    )


def removal_effects(paths: Iterable[CountedPath], *, order: int) -> dict[str, float]:
    """Return for each partner with a state the part of all conversions, 0 to 1, that would be lost without the partner.

    In an empirical chain the walks that convert are exactly the conversions counted, so what is lost is measured
    against those. Folded partners are left out.
    """
    merged = merge_paths(paths)
    conversions = sum(path.conversions for path in merged) or 1
    circles = [_measure_circle(circle, order=order) for circle in _part_circles(merged)]
    return {partner_id: part / conversions for circle in circles for partner_id, part in circle.lost.items()}


def _measure_circle(paths: Sequence[CountedPath], *, order: int) -> _Circle:
    ranked = _rank_partners(paths)
    conversions = sum(path.conversions for path in paths)
    if not conversions:
        return _Circle(lost=dict.fromkeys(ranked, 0.0))
    kept = _count_kept(paths, ranked, order=order)
    walks = _walk(paths, ranked, kept=kept)
    states, rows = _lay_chain(walks, order=order)
    left: dict[int, float] = {}
    _measure(sorted({rank for walk, _, _ in walks for rank in walk}), states, rows, left)
    lost = {rank: max(0.0, conversions - stays) for rank, stays in left.items()}
    return _Circle(
        lost={ranked[rank]: part for rank, part in lost.items() if rank < kept},
        folded=tuple(ranked[kept:]),
        lost_folded=lost.get(kept, 0.0),
    )


def _part_circles(paths: Sequence[CountedPath]) -> list[list[CountedPath]]:
    """Return the paths by circle: no partner stands in the paths of two."""
    # The first partner of a path ties all partners of it together, as a customer does visitors.
    keys = fold_identity((partner_id, path.partners[0]) for path in paths for partner_id in path.partners)
    circles: dict[str, list[CountedPath]] = {}
    for path in paths:
        circles.setdefault(keys[path.partners[0]], []).append(path)
    return list(circles.values())


def _measure(partners: Sequence[int], states: list[_State], rows: _Rows, left: dict[int, float]) -> None:
    """Note for each partner the conversions whose walk never meets the partner.

    All states that hold one of the partners are still there. Once only those of a single partner are, what goes
    from the start straight to a conversion has met none of them. Halving the partners shares the work: a state is
    eliminated once for all the partners it does not hold.
    """
    if len(partners) == 1:
        left[partners[0]] = rows[0][_CONVERSION]
        return
    middle = len(partners) // 2
    for half in (partners[:middle], partners[middle:]):
        wanted = frozenset(half)
        staying = [index for index, state in enumerate(states) if not wanted.isdisjoint(state)]
        leaving = [index for index, state in enumerate(states) if wanted.isdisjoint(state)]
        _measure(half, [states[index] for index in staying], _eliminate(rows, staying, leaving), left)


def _eliminate(rows: _Rows, staying: list[int], leaving: list[int]) -> _Rows:
    """Return the rows with some states passed over: who went there goes on to where they lead in the end."""
    order = (*staying, *leaving)
    pick = itemgetter(_CONVERSION, _NOTHING, *(index + _EXITS for index in order))
    work = [list(pick(rows[index])) for index in (0, *(index + 1 for index in order))]
    for _ in leaving:
        passed = work.pop()
        # A state that leads to itself leads on in the proportions of its other exits.
        passed.pop()
        exits = fsum(passed)
        for index, row in enumerate(work):
            entering = row.pop()
            if entering:
                part = entering / exits
                work[index] = [straight + part * onward for straight, onward in zip(row, passed, strict=True)]
    return work


def _lay_chain(walks: Sequence[tuple[_State, int, int]], *, order: int) -> tuple[list[_State], _Rows]:
    """Return the states in order and how often each was left for where; row 0 is the start."""
    visits: dict[_State, int] = {}
    for walk, conversions, losses in walks:
        for state in _windows(walk, order):
            visits[state] = visits.get(state, 0) + conversions + losses
    # The least visited states stand last and are eliminated first, while most rows know nothing of them.
    states = sorted(visits, key=lambda state: (-visits[state], state))
    numbers = {state: number for number, state in enumerate(states)}
    rows = [[0.0] * (_EXITS + len(states)) for _ in range(1 + len(states))]
    for walk, conversions, losses in walks:
        visited = [numbers[state] for state in _windows(walk, order)]
        for here, there in pairwise([0, *(number + 1 for number in visited)]):
            rows[here][there - 1 + _EXITS] += conversions + losses
        rows[visited[-1] + 1][_CONVERSION] += conversions
        rows[visited[-1] + 1][_NOTHING] += losses
    return states, rows


def _windows(walk: _State, order: int) -> list[_State]:
    """Return the states a walk visits: its windows of so many partners; a shorter walk is one state."""
    return [walk[index : index + order] for index in range(max(1, len(walk) - order + 1))]


def _rank_partners(paths: Sequence[CountedPath]) -> list[str]:
    """Return the partners, those with the most conversions first, then the most journeys, then by id."""
    conversions: dict[str, int] = {}
    journeys: dict[str, int] = {}
    for path in paths:
        for partner_id in set(path.partners):
            conversions[partner_id] = conversions.get(partner_id, 0) + path.conversions
            journeys[partner_id] = journeys.get(partner_id, 0) + path.conversions + path.losses
    return sorted(journeys, key=lambda partner_id: (-conversions[partner_id], -journeys[partner_id], partner_id))


def _walk(paths: Sequence[CountedPath], ranked: list[str], *, kept: int) -> list[tuple[_State, int, int]]:
    """Return the paths as ranks without equal neighbours; partners ranked at or behind kept are all of rank kept."""
    ranks = {partner_id: min(rank, kept) for rank, partner_id in enumerate(ranked)}
    walks = []
    for path in paths:
        full = [ranks[partner_id] for partner_id in path.partners]
        walk = (*(here for here, there in pairwise(full) if here != there), full[-1])
        walks.append((walk, path.conversions, path.losses))
    return walks


def _count_kept(paths: Sequence[CountedPath], ranked: list[str], *, order: int) -> int:
    """Return how many partners keep a state of their own so that the states stay below the cap.

    Folding one more partner never makes more states but for the one of the folded, so halving finds the number.
    """
    low, high = 0, len(ranked)
    while low < high:
        middle = (low + high + 1) // 2
        walks = _walk(paths, ranked, kept=middle)
        if len({state for walk, _, _ in walks for state in _windows(walk, order)}) <= STATES_MAX:
            low = middle
        else:
            high = middle - 1
    return low


MODELS: Final = (
    ReportModel(name="markov_order_1", is_shared=True, share=partial(share_by_removal, order=1)),
    ReportModel(name="markov_order_2", is_shared=True, share=partial(share_by_removal, order=2)),
)
