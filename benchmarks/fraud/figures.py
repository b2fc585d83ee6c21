"""Write the figures of an evaluation into docs/fraud.md, and keep them as a result beside it.

molva fraud simulate --seed 101-140 --out DIR && molva fraud evaluate DIR
python benchmarks/fraud/figures.py DIR [DIR of unseen schemes]
"""

import json
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
RESULT = ROOT / "benchmarks" / "results" / "fraud-evaluation.json"
PAGE = ROOT / "docs" / "fraud.md"
BEGIN, END = "<!-- evaluation: begin -->", "<!-- evaluation: end -->"

SHARES = {"case_precision", "recall", "money_recall", "brier", "recall_unseen"}
COLUMNS = {
    "case_precision": "cases right",
    "recall": "fraud found",
    "honest_held_per_1000": "honest held of 1,000",
    "cases_per_1000": "cases of 1,000",
}


def summary(report: dict[str, Any]) -> dict[str, Any]:
    """Return what is kept of a report: the worlds' size and each method's main figures with their bounds."""
    return {
        "seeds": sorted(world["seed"] for world in report["worlds"]),
        "leads": sum(world["leads"] for world in report["worlds"]),
        "fraud_leads": sum(world["fraud_leads"] for world in report["worlds"]),
        "methods": [
            {
                "title": method["title"],
                "metrics": {
                    name: {key: value[key] for key in ("value", "low", "high")}
                    for name, value in method["metrics"].items()
                    if name in {*COLUMNS, "money_recall", "brier", "recall_unseen"}
                },
            }
            for method in report["methods"]
        ],
        "schemes": {name: each["value"] for name, each in report["methods"][0]["schemes"].items()},
        "confounders": {
            name: [each["value"], each["of"]] for name, each in report["methods"][0]["confounders"].items()
        },
    }


def block(results: dict[str, Any]) -> str:
    """Return the text between the marks of the page."""
    known = results["known"]
    lines = [
        (
            f"{len(known['seeds'])} [made-up worlds](fraud-evaluation.md) that no threshold was set on "
            f"(seeds {known['seeds'][0]} to {known['seeds'][-1]}), {known['leads']:,} leads, "
            f"{known['fraud_leads']:,} of them fraud by the twelve known schemes, judged once with the rules as they "
            "are shipped. In brackets the 90 % interval over worlds."
        ),
        "",
        *_table(known, COLUMNS),
        "",
        (
            f"By money {_value('money_recall', known['methods'][0])} was found; the Brier score of the points is "
            f"{known['methods'][0]['metrics']['brier']['value']:.3f}."
        ),
        "",
        "| scheme | found |",
        "|---|---|",
        *(f"| `{name}` | {share:.0%} |" for name, share in sorted(known["schemes"].items())),
        "",
        (
            "Who registers at home under other names, or lets his household order, is mostly not found: an address "
            "shared with the partner alone never opens a case, or every family would wait for its money."
        ),
    ]
    if "unseen" in results:
        unseen = results["unseen"]
        lines += [
            "",
            (
                f"By schemes that no rule was made for (seeds {unseen['seeds'][0]} to {unseen['seeds'][-1]}, "
                f"{unseen['leads']:,} leads):"
            ),
            "",
            *_table(unseen, {**COLUMNS, "recall_unseen": "fraud found"}, without=("recall",)),
        ]
    worst = sorted(((share, name) for name, (share, _) in known["confounders"].items() if share), reverse=True)[:5]
    lines += [
        "",
        "Held by mistake most: " + ", ".join(f"`{name}` {share:.0%}" for share, name in worst) + ".",
        "Rules and worlds have one author; what your own customers do is told by [random checks](#random-checks).",
    ]
    return "\n".join(lines)


def _table(results: dict[str, Any], columns: dict[str, str], *, without: tuple[str, ...] = ()) -> list[str]:
    shown = {name: title for name, title in columns.items() if name not in without}
    return [
        "| rules | " + " | ".join(shown.values()) + " |",
        "|---" * (len(shown) + 1) + "|",
        *(
            f"| {method['title']} | " + " | ".join(_value(name, method, full=True) for name in shown) + " |"
            for method in results["methods"]
        ),
    ]


def _value(name: str, method: dict[str, Any], *, full: bool = False) -> str:
    each = method["metrics"].get(name)
    if each is None or each["value"] is None:
        return "–"

    def written(value: float) -> str:
        return f"{value:.0%}" if name in SHARES else f"{value:.1f}"

    text = written(each["value"])
    if not full or each["low"] is None:
        return text
    return f"{text} ({written(each['low'])}–{written(each['high'])})"


def page_with(text: str, results: dict[str, Any]) -> str:
    """Return the page with its figures."""
    before, _, rest = text.partition(BEGIN)
    return f"{before}{BEGIN}\n\n{block(results)}\n\n{END}{rest.partition(END)[2]}"


def main() -> None:
    """Read the reports named on the command line, keep and write their figures."""
    results = {
        name: summary(json.loads((Path(folder) / "report.json").read_text(encoding="utf-8")))
        for name, folder in zip(("known", "unseen"), sys.argv[1:], strict=False)
    }
    RESULT.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    PAGE.write_text(page_with(PAGE.read_text(encoding="utf-8"), results), encoding="utf-8")


if __name__ == "__main__":
    main()
