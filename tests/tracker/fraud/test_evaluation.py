"""Evaluating worlds: from the command line to the page a person reads."""

import json
from html.parser import HTMLParser

import msgspec
import pytest

from tracker.cli import main
from tracker.fraud import commands
from tracker.fraud.evaluation import evaluate
from tracker.fraud.plots import bar_of, scatter_of
from tracker.fraud.report import write_page
from tracker.fraud.simulation.files import WorldError, read_world, world_folders, write_world
from tracker.fraud.simulation.types import Parameters
from tracker.fraud.simulation.world import simulate


def replay(lines):
    """A rule of one line: the partner's own mailbox, word for word."""
    owners, scores, findings, cases = {}, {}, [], {}
    for raw in lines:
        line = msgspec.json.decode(raw)
        if line["type"] == "partner":
            owners[line["partner_id"]] = line["email"]
        elif line["type"] in {"lead", "sale"} and "lead_id" not in line:
            subject, partner = line["external_id"], line.get("partner_id")
            scores[subject] = 2
            if owners.get(partner) == line["customer"]["email"]:
                scores[subject] = 90
                facts = {"rule": "self_email", "family": "identity", "strength": 1.0, "weight": 0.9}
                findings.append({"subject": subject, **facts, "evidence": {}, "sentence": "One mailbox."})
                cases.setdefault((line["program_id"], partner), []).append(subject)
    return {
        "findings": findings,
        "cases": [
            {
                "id": partner,
                "program": program,
                "partner": partner,
                "score": 90,
                "subjects": held,
                "rules": ["self_email"],
            }
            for (program, partner), held in cases.items()
        ],
        "scores": scores,
        "errors": [],
    }


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two small worlds of known schemes and one of unseen ones."""
    made = tmp_path_factory.mktemp("worlds")
    small = {"leads": (250, 300), "partners": (40, 45), "fraud_partners_ppm": 300_000, "base_rate_ppm": 200_000}
    write_world(simulate(Parameters(seed=1, **small)), made)
    write_world(simulate(Parameters(seed=2, **small)), made)
    write_world(simulate(Parameters(seed=1, unseen=True, **small)), made)
    return made


@pytest.fixture(scope="module")
def report(folder):
    return evaluate(map(read_world, world_folders(folder)), replay, with_days=True)


@pytest.fixture
def molva(capsys, monkeypatch):
    monkeypatch.setattr(commands, "replay", replay)

    def call(*argv):
        with pytest.raises(SystemExit) as ended:
            main(["fraud", *map(str, argv)])
        printed = capsys.readouterr()
        return int(ended.value.code or 0), printed.out, printed.err

    return call


def test_a_world_read_back_is_the_world_written(folder):
    places = world_folders(folder)
    stored = read_world(places[0])
    again = simulate(stored.parameters)

    assert [place.name for place in places] == ["seed-1", "seed-2", "seed-1-unseen"]
    assert stored.labels == again.labels
    assert [msgspec.json.decode(line) for line in stored.lines] == list(again.lines)


def test_the_report_holds_every_method_against_the_truth(report):
    ours = report["methods"][0]

    assert ours["name"] == "molva"
    assert len(report["methods"]) == 6
    assert ours["schemes"]["S1_own_email"]["value"] == 1.0
    assert ours["metrics"]["recall"]["low"] <= ours["metrics"]["recall"]["value"] <= ours["metrics"]["recall"]["high"]
    assert ours["metrics"]["honest_held_per_1000"]["value"] == 0.0
    assert ours["metrics"]["recall_unseen"]["low"] is None, "one world of unseen schemes has no interval"
    assert report["rules"]["self_email"]["precision"]["value"] == 1.0
    assert report["rules"]["self_email"]["alone"]["value"] > 0


def test_days_to_detection_are_counted_from_the_first_lead_to_a_cut(report):
    ours, *peers = (method["metrics"]["median_days_to_detection"]["value"] for method in report["methods"])

    assert 0 < ours <= 60
    assert any(days is not None for days in peers)


def test_a_quick_evaluation_leaves_the_days_out(folder):
    quick = evaluate([read_world(world_folders(folder)[0])], replay, with_days=False)

    assert quick["methods"][0]["metrics"]["median_days_to_detection"]["value"] is None


class Page(HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags, self.loads, self.text = [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.loads += [value for name, value in attrs if name in {"src", "href"}]

    def handle_data(self, data):
        self.text.append(data.strip())


def test_the_page_is_whole_in_itself(report):
    page = Page()
    page.feed(write_page(report))

    assert page.loads == []
    assert "script" not in page.tags
    assert page.tags.count("svg") >= 10
    assert page.tags.count("h1") == 1
    assert "Own purchases, own mailbox (S1)" in page.text
    assert "A workshop behind one address" in page.text
    assert {"Molva", "Dub", "ReferralCandy"} <= set(page.text)


def test_a_bar_is_full_at_its_full_value_and_never_longer():
    assert bar_of({"value": 1.0, "low": 0.5, "high": 2.0}, full=1.0).width == 240.0
    assert bar_of({"value": 1.0, "low": 0.5, "high": 2.0}, full=1.0).high == 240.0
    assert bar_of({"value": None, "low": None, "high": None}, full=1.0).width == 0.0


def test_better_methods_stand_higher_and_further_left(report):
    scatter = scatter_of(report["methods"], ours="molva", goals=report["goals"])
    ours = next(point for point in scatter.points if point.is_ours)

    assert ours.x == scatter.left, "nobody honest is held"
    assert all(scatter.left <= point.x <= scatter.right for point in scatter.points)
    assert [point.y for point in scatter.points] == sorted(point.y for point in scatter.points)


def test_simulate_writes_a_world_for_each_seed(molva, tmp_path, monkeypatch):
    monkeypatch.setattr(commands, "Parameters", lambda **given: Parameters(leads=(80, 90), partners=(20, 22), **given))
    code, out, _ = molva("simulate", "--seed", "4-5", "--out", tmp_path, "--base-rate", "50000", "--json")
    answer = json.loads(out)

    assert code == 0
    assert [world["seed"] for world in answer["worlds"]] == [4, 5]
    for name in ("events.jsonl", "labels.jsonl", "world.json"):
        assert (tmp_path / "seed-5" / name).stat().st_size > 0
    about = json.loads((tmp_path / "seed-4" / "world.json").read_bytes())
    assert about["parameters"]["base_rate_ppm"] == 50_000
    assert about["leads"] == answer["worlds"][0]["leads"]


def test_evaluate_prints_a_table_and_writes_both_reports(molva, folder, tmp_path):
    code, out, _ = molva("evaluate", folder, "--quick", "--out", tmp_path / "reports")

    assert code == 0
    assert "Molva" in out
    assert "Least found:" in out
    assert "<h1>" in (tmp_path / "reports" / "report.html").read_text()
    written = json.loads((tmp_path / "reports" / "report.json").read_bytes())
    assert [world["name"] for world in written["worlds"]] == ["seed-1", "seed-2", "seed-1-unseen"]


def test_evaluate_with_json_prints_the_report(molva, folder, tmp_path):
    code, out, _ = molva("evaluate", folder, "--quick", "--out", tmp_path, "--json")

    assert code == 0
    assert json.loads(out)["page"] == str(tmp_path / "report.html")


@pytest.mark.parametrize(
    ("argv", "cause"),
    [
        (("simulate", "--seed", "x"), '--seed "x" is neither'),
        (("simulate", "--seed", "9-3"), '--seed "9-3" is neither'),
        (("simulate", "--seed", "-1"), '--seed "-1" is neither'),
        (("simulate", "--seed", "1-9999"), "9999 worlds"),
        (("simulate", "--base-rate", "900000"), "--base-rate 900000"),
        (("evaluate", "no-such-folder"), "There is no folder"),
    ],
    ids=["no number", "backwards", "negative", "too many", "too much fraud", "no folder"],
)
def test_bad_input_is_refused_with_cause_and_remedy(molva, argv, cause, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, out, err = molva(*argv)

    assert code in {1, 2}
    assert cause in err
    assert out == ""
    assert list(tmp_path.iterdir()) == []


def test_a_folder_without_worlds_is_refused(molva, tmp_path):
    code, _, err = molva("evaluate", tmp_path)

    assert code == 1
    assert "holds no worlds" in err
    assert "molva fraud simulate --out" in err


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("world.json", b"{}"),
        ("world.json", b"[]"),
        ("world.json", b'{"version": 0}'),
        ("world.json", b"not json"),
        ("labels.jsonl", b'{"subject": 1}\n'),
        ("labels.jsonl", None),
        ("events.jsonl", None),
    ],
    ids=["no version", "a list", "old version", "not json", "wrong label", "no labels", "no events"],
)
def test_a_broken_world_is_named(folder, tmp_path, file, content):
    whole = folder / "seed-1"
    for name in ("world.json", "labels.jsonl", "events.jsonl"):
        if name != file:
            (tmp_path / name).write_bytes((whole / name).read_bytes())
        elif content is not None:
            (tmp_path / name).write_bytes(content)

    with pytest.raises(WorldError, match=str(tmp_path)):
        read_world(tmp_path)


def test_where_nothing_can_be_written_the_folder_is_named(molva, tmp_path, monkeypatch):
    monkeypatch.setattr(commands, "Parameters", lambda **given: Parameters(leads=(20, 25), partners=(10, 12), **given))
    occupied = tmp_path / "file"
    occupied.write_text("")
    code, _, err = molva("simulate", "--out", occupied)

    assert code == 1
    assert "cannot be written" in err
