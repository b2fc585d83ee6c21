"""What the performance page says of Molva beside others is what the committed result says."""

import importlib.util
import json
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def result():
    return json.loads(max((ROOT / "benchmarks/results").glob("peers-????-??-??.json")).read_text())


def section_of(result):
    spec = importlib.util.spec_from_file_location("section", ROOT / "benchmarks/peers/section.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.section(result)


def test_the_figures_beside_others_are_those_of_the_committed_result(result):
    """After a new result: put what benchmarks/peers/run.py printed into the page."""
    assert "\n".join(section_of(result)) in (ROOT / "docs/performance.md").read_text()


def test_the_compared_servers_synced_and_stored_every_answered_visit(result):
    for each in result["peers"].values():
        assert (each["journal_mode"], each["synchronous"]) == ("wal", 2)
        for run in [*each["peer"]["runs"], *each["molva"]["runs"]]:
            assert run["stored"] >= run["acknowledged"] > 0
