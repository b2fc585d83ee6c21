"""Draws that come out alike on every machine: only what `random.Random` gives by seed, sums, and one `exp`.

Callers hand in their own generator. Nothing here keeps state.
"""

import math
from collections.abc import Sequence
from random import Random
from typing import TypeVar

from tracker.fraud.simulation.types import DAY_MS, HOUR_MS, Parameters, Program

T = TypeVar("T")

# Share of visits by hour of the day, in percent; our estimate of a shop's day.
HOURS = (1, 1, 1, 1, 1, 1, 2, 4, 5, 6, 6, 6, 6, 5, 5, 5, 5, 5, 6, 7, 8, 7, 4, 2)
WEEKDAYS = (16, 15, 15, 15, 14, 12, 13)
DELAY_MAX_MS = 45 * DAY_MS
DELAY_MIN_MS = 6000


def stream(seed: int, name: str) -> Random:
    """Return a generator of its own for a part of the world, so that one part never moves another."""
    return Random(f"molva:{seed}:{name}")  # noqa: S311  # a world to be drawn again, nothing secret


def chance(rng: Random, ppm: int) -> bool:
    """Return True in so many of a million cases."""
    return rng.randrange(1_000_000) < ppm


def normal(rng: Random) -> float:
    """Return a standard normal deviate: a sum of twelve, which no machine rounds differently."""
    return sum(rng.random() for _ in range(12)) - 6.0


def log_normal_ms(rng: Random, median_ms: int, sigma_cent: int) -> int:
    """Return a log-normal duration."""
    return round(median_ms * math.exp(normal(rng) * sigma_cent / 100))


def delay_ms(rng: Random, program: Program) -> int:
    """Return how long a person of this program takes from click to conversion."""
    shares = [share for share, _, _ in program.delays]
    _, median_ms, sigma_cent = program.delays[pick(rng, range(len(shares)), shares)]
    return min(max(log_normal_ms(rng, median_ms, sigma_cent), DELAY_MIN_MS), DELAY_MAX_MS)


def pick(rng: Random, items: Sequence[T], weights: Sequence[int]) -> T:
    """Return one of the items by whole-number weights."""
    at = rng.randrange(sum(weights))
    for item, weight in zip(items, weights, strict=True):
        if at < weight:
            return item
        at -= weight
    raise AssertionError("weights cover their sum")


def zipf(count: int) -> list[int]:
    """Return weights by rank, Zipf with exponent 1."""
    return [1_000_000 // rank for rank in range(1, count + 1)]


def moment_of_day(rng: Random) -> int:
    """Return ms since midnight, by the day's curve."""
    return pick(rng, range(24), HOURS) * HOUR_MS + rng.randrange(HOUR_MS)


def moment(rng: Random, parameters: Parameters, *, since_ms: int | None = None) -> int:
    """Return an instant of the world, by weekday and hour, not before `since_ms`."""
    first = 0 if since_ms is None else max((since_ms - parameters.start_ms) // DAY_MS, 0)
    days = range(min(first, parameters.days - 1), parameters.days)
    day = pick(rng, days, [WEEKDAYS[each % 7] for each in days])
    at_ms = parameters.start_ms + day * DAY_MS + moment_of_day(rng)
    return at_ms if since_ms is None else max(at_ms, since_ms)


def token(rng: Random, length: int) -> str:
    """Return hexadecimal characters."""
    return f"{rng.getrandbits(4 * length):0{length}x}"
