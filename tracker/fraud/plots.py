"""Geometry of the report's pictures: where points, bars and whiskers stand. The template draws them.

Everything is in the units of a picture's own view box; colours and text sizes are the style sheet's.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

BAR_WIDTH = 240.0
PLOT_WIDTH, PLOT_HEIGHT = 640.0, 400.0
LEFT, BOTTOM, TOP, RIGHT = 48.0, 44.0, 16.0, 24.0
NICE = (1.0, 2.0, 5.0, 10.0)
TICKS = 5
LABEL_GAP = 15.0  # between the baselines of two names
LETTER_WIDTH = 7.5  # of a name, on the safe side


class Bar(msgspec.Struct, frozen=True, kw_only=True):
    """A value as a bar, and its interval as a line over it."""

    width: float
    low: float | None
    high: float | None


class Point(msgspec.Struct, frozen=True, kw_only=True):
    """A method's place, where its name stands and to which side of it."""

    x: float
    y: float
    title: str
    label_x: float
    label_y: float
    anchor: str
    is_ours: bool


class Tick(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the grid and its number."""

    at: float
    text: str


class Scatter(msgspec.Struct, frozen=True, kw_only=True):
    """Recall over the honest leads held: up and to the left is better. The goal is the shaded corner."""

    points: tuple[Point, ...]
    columns: tuple[Tick, ...]
    rows: tuple[Tick, ...]
    goal_width: float
    goal_height: float
    width: float = PLOT_WIDTH
    height: float = PLOT_HEIGHT
    left: float = LEFT
    top: float = TOP
    right: float = PLOT_WIDTH - RIGHT
    bottom: float = PLOT_HEIGHT - BOTTOM


def bar_of(estimate: Mapping[str, Any], *, full: float) -> Bar:
    """Return the bar of a value; `full` is the value that fills it."""

    def place(value: float | None) -> float | None:
        return None if value is None else round(min(max(value / full, 0.0), 1.0) * BAR_WIDTH, 1)

    return Bar(width=place(estimate["value"]) or 0.0, low=place(estimate["low"]), high=place(estimate["high"]))


def scatter_of(methods: Iterable[Mapping[str, Any]], *, ours: str, goals: Mapping[str, Any]) -> Scatter:
    """Return the picture of all methods that have both values; names that would touch are moved apart."""
    found = [
        (method, method["metrics"]["honest_held_per_1000"]["value"], method["metrics"]["recall"]["value"])
        for method in methods
        if "recall" in method["metrics"] and method["metrics"]["honest_held_per_1000"]["value"] is not None
    ]
    goal_x, goal_y = goals["honest_held_per_1000"]["line"], goals["recall"]["line"]
    step = _nice_step(max([goal_x, *(x for _, x, _ in found)]))
    span = step * TICKS
    right, bottom = PLOT_WIDTH - RIGHT, PLOT_HEIGHT - BOTTOM

    def x_of(value: float) -> float:
        return round(LEFT + value / span * (right - LEFT), 1)

    def y_of(value: float) -> float:
        return round(bottom - value * (bottom - TOP), 1)

    points: list[Point] = []
    for method, x_value, y_value in sorted(found, key=lambda each: (-each[2], each[1])):
        x, y = x_of(x_value), y_of(y_value)
        is_right = x > (LEFT + right) / 2
        # Names near the axis give way upwards, where there is room.
        step_y = -LABEL_GAP if y > PLOT_HEIGHT / 2 else LABEL_GAP
        point = Point(
            x=x,
            y=y,
            title=method["title"],
            label_x=x - 10.0 if is_right else x + 10.0,
            label_y=y + 4.0,
            anchor="end" if is_right else "start",
            is_ours=method["name"] == ours,
        )
        while any(_touch(point, each) for each in points):
            point = msgspec.structs.replace(point, label_y=point.label_y + step_y)
        points.append(point)
    return Scatter(
        points=tuple(points),
        columns=tuple(Tick(at=x_of(step * n), text=f"{step * n:g}") for n in range(TICKS + 1)),
        rows=tuple(Tick(at=y_of(n / 4), text=f"{25 * n} %") for n in range(5)),
        goal_width=round(x_of(goal_x) - LEFT, 1),
        goal_height=round(y_of(goal_y) - TOP, 1),
    )


def _touch(one: Point, other: Point) -> bool:
    """Say whether two names would stand over each other."""
    return abs(one.label_y - other.label_y) < LABEL_GAP and all(
        a < b for a, b in ((_ends(one)[0], _ends(other)[1]), (_ends(other)[0], _ends(one)[1]))
    )


def _ends(point: Point) -> tuple[float, float]:
    """Return where a name begins and ends, about."""
    width = LETTER_WIDTH * len(point.title)
    first = point.label_x - width if point.anchor == "end" else point.label_x
    return first, first + width


def _nice_step(largest: float) -> float:
    """Return a round step of which five reach the largest value."""
    power = 0.1
    while True:
        for nice in NICE:
            if nice * power * TICKS >= largest:
                return round(nice * power, 6)
        power *= 10
