"""Worlds that several tests look at; each is made once."""

import pytest

from tracker.fraud.simulation.types import Parameters, World
from tracker.fraud.simulation.world import simulate

SEEDS = range(1, 6)


@pytest.fixture(scope="session")
def worlds() -> dict[int, World]:
    """The first five worlds with the known schemes."""
    return {seed: simulate(Parameters(seed=seed)) for seed in SEEDS}


@pytest.fixture(scope="session")
def unseen_worlds() -> dict[int, World]:
    """The first two worlds with schemes no rule was tuned on."""
    return {seed: simulate(Parameters(seed=seed, unseen=True)) for seed in (1, 2)}


@pytest.fixture(params=["known-1", "known-2", "unseen-1"])
def world(request, worlds, unseen_worlds) -> World:
    kind, _, seed = request.param.partition("-")
    return (worlds if kind == "known" else unseen_worlds)[int(seed)]
