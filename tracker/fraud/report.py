"""The report as a page: one file with its style inside, no script, readable on a telephone, light and dark.

`commands.py` writes it beside `report.json`. Numbers come from the report alone.
"""

from collections.abc import Callable, Mapping
from importlib import resources
from typing import Any

import msgspec
from jinja2 import Environment, PackageLoader, StrictUndefined

from tracker.fraud.evaluation import OURS
from tracker.fraud.plots import BAR_WIDTH, Bar, bar_of, scatter_of
from tracker.fraud.simulation.confounders.registry import CONFOUNDERS
from tracker.fraud.simulation.schemes.registry import SCHEMES
from tracker.fraud.simulation.unseen.registry import UNSEEN

Report = Mapping[str, Any]

NONE = "–"


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """A metric's name on the page, how its values are written, and what it means."""

    name: str
    title: str
    write: Callable[[float], str]
    meaning: str


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A line with a bar: name, value, interval, number of cases behind it."""

    title: str
    value: str
    interval: str
    of: str
    bar: Bar


def percent(value: float) -> str:
    """Write a share."""
    return f"{100 * value:.1f} %"


def number(value: float) -> str:
    """Write a number with two places, or fewer of a large one."""
    return f"{value:.3f}" if value < 1 else f"{value:.2f}" if value < 100 else f"{value:,.0f}"


FIGURES = (
    Figure(
        name="case_precision", title="Case precision", write=percent, meaning="cases at least half of which is fraud"
    ),
    Figure(name="case_precision_strict", title="Strict", write=percent, meaning="cases that hold nothing but fraud"),
    Figure(name="recall", title="Recall, known", write=percent, meaning="fraudulent leads held, of known schemes"),
    Figure(
        name="recall_unseen", title="Recall, unseen", write=percent, meaning="fraudulent leads held, of unseen schemes"
    ),
    Figure(name="money_recall", title="Money", write=percent, meaning="of the rewards that fraud would have earned"),
    Figure(name="honest_held_per_1000", title="Honest held", write=number, meaning="honest leads held, of 1,000"),
    Figure(name="cases_per_1000", title="Cases", write=number, meaning="cases for 1,000 leads"),
    Figure(name="cases_per_week", title="A week", write=number, meaning="cases in a week of one world"),
    Figure(name="median_days_to_detection", title="Days", write=number, meaning="median from first lead to first hold"),
    Figure(name="brier", title="Brier", write=number, meaning="squared error of score / 100; 0 is best"),
    Figure(name="seconds_per_10k", title="Seconds", write=number, meaning="for 10,000 lines"),
)
_TITLES = {
    "everyday": "Everybody else",
    **{each.name: each.title for each in (*SCHEMES, *UNSEEN)},
    **{each.name: each.title for each in CONFOUNDERS},
}


def write_page(report: Report) -> str:
    """Return the page."""
    environment = Environment(
        loader=PackageLoader("tracker.fraud"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    ours = next(method for method in report["methods"] if method["name"] == OURS)
    schemes = [
        (f"{_title(name)} ({name.partition('_')[0]})", estimate) for name, estimate in _by_number(ours["schemes"])
    ]
    page: str = environment.get_template("report.html").render(
        report=report,
        tokens=resources.files("tracker.admin").joinpath("static/tokens.css").read_text(encoding="utf-8"),
        figures=FIGURES,
        figure_rows=[
            (method, [_cell(method["metrics"].get(each.name), each) for each in FIGURES])
            for method in report["methods"]
        ],
        goals=[_goal(report, ours, each) for each in FIGURES if each.name in report["goals"]],
        scatter=scatter_of(report["methods"], ours=OURS, goals=report["goals"]),
        schemes=[_row(title, estimate, write=percent, full=1.0) for title, estimate in schemes],
        hurts=[
            _row(_title(name), estimate, write=percent, full=1.0)
            for name, estimate in sorted(ours["confounders"].items(), key=lambda each: -(each[1]["value"] or 0.0))
        ],
        hurt_peers=_peers(report, "confounders"),
        rules=[_rule_cells(name, each) for name, each in report["rules"].items()],
        lines=sum(world["lines"] for world in report["worlds"]),
        leads=sum(world["leads"] for world in report["worlds"]),
        fraud_leads=sum(world["fraud_leads"] for world in report["worlds"]),
        bar_width=BAR_WIDTH,
    )
    return page


def value_text(estimate: Mapping[str, Any] | None, write: Callable[[float], str]) -> str:
    """Return a value as written, or a dash."""
    return NONE if estimate is None or estimate["value"] is None else write(estimate["value"])


def _title(name: str) -> str:
    return _TITLES.get(name, name)


def _by_number(schemes: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Return schemes in the order of their numbers: S2 before S10, S before U."""
    return sorted(schemes.items(), key=lambda each: (each[0][0], len(each[0].partition("_")[0]), each[0]))


def _interval(estimate: Mapping[str, Any] | None, write: Callable[[float], str]) -> str:
    if estimate is None or estimate["low"] is None:
        return ""
    low, high = write(estimate["low"]), write(estimate["high"])
    return f"{low.removesuffix(' %')}–{high}"


def _cell(estimate: Mapping[str, Any] | None, figure: Figure) -> tuple[str, str]:
    return value_text(estimate, figure.write), _interval(estimate, figure.write)


def _row(title: str, estimate: Mapping[str, Any], *, write: Callable[[float], str], full: float) -> Row:
    return Row(
        title=title,
        value=value_text(estimate, write),
        interval=_interval(estimate, write),
        of=f"{estimate['of']:,.0f}",
        bar=bar_of(estimate, full=full),
    )


def _goal(report: Report, ours: Mapping[str, Any], figure: Figure) -> dict[str, str]:
    goal = report["goals"][figure.name]
    value = (ours["metrics"].get(figure.name) or {"value": None})["value"]
    if value is None:
        state = "not measured"
    else:
        is_met = value >= goal["line"] if goal["is"] == ">=" else value <= goal["line"]
        state = "met" if is_met else "missed"
    sign = "≥" if goal["is"] == ">=" else "≤"
    measured = NONE if value is None else figure.write(value)
    return {"title": figure.meaning, "goal": f"{sign} {figure.write(goal['line'])}", "value": measured, "state": state}


def _peers(report: Report, group: str) -> list[tuple[str, list[str]]]:
    names = sorted({name for method in report["methods"] for name in method[group]}, key=_title)
    return [
        (_title(name), [value_text(method[group].get(name), percent) for method in report["methods"]]) for name in names
    ]


def _rule_cells(name: str, each: Mapping[str, Any]) -> list[str]:
    return [
        name,
        f"{each['precision']['of']:,.0f}",
        value_text(each["precision"], percent),
        value_text(each["reach"], percent),
        value_text(each["alone"], percent),
        value_text(each["cost"], number),
    ]
