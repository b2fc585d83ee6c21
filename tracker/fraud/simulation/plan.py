"""What a part of the world is told to do, and the shapes schemes and confounders have in their lists."""

from collections.abc import Callable
from random import Random

import msgspec

from tracker.fraud.simulation.scene import Scene
from tracker.fraud.simulation.types import Partner


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """One partner's run of one scheme: how many fraudulent leads, between which instants."""

    partner: Partner
    count: int
    begins_ms: int
    ends_ms: int
    accomplices: tuple[Partner, ...] = ()

    def times(self, rng: Random, count: int | None = None) -> list[int]:
        """Return instants inside the window, in order."""
        many = self.count if count is None else count
        return sorted(rng.randrange(self.begins_ms, self.ends_ms) for _ in range(many))


def _anybody(_: Partner) -> bool:
    return True


class Scheme(msgspec.Struct, frozen=True, kw_only=True):
    """A way to cheat. `sizes`: usual number of fraudulent leads of one run. `fits`: whose scheme it can be."""

    name: str
    title: str
    sizes: tuple[int, int]
    run: Callable[[Scene, Random, Plan], None]
    fits: Callable[[Partner], bool] = _anybody


class Confounder(msgspec.Struct, frozen=True, kw_only=True):
    """Honest people who look like a scheme. `run` writes one occurrence."""

    name: str
    title: str
    run: Callable[[Scene, Random], None]
