"""The docs say what the code does: names, defaults, options, routes and fields are compared, links resolve."""

import argparse
import importlib.util
import json
import re
import subprocess
from pathlib import Path
from typing import Any

import msgspec
import pytest
from httpx2 import ASGITransport, AsyncClient

import snippet
from attribution.models import MODELS
from attribution.reports.registry import REPORT_MODELS
from attribution.scenario import replay
from attribution.scenario_file import EVENT_TYPES, CodeLine, PartnerLine
from attribution.types import CustomWeights, Reason
from fraud_rules.registry import RULES
from fraud_rules.rule import Rule
from ingest import postback_fields
from ingest.drops import DropReason
from ingest.events import BrowserEvent
from ingest.rate_limits import HOSTS_PER_NETWORK
from tracker.api import cases, test_clock, track, track_click
from tracker.api.routes import routes
from tracker.app import create_app
from tracker.cases.reasons import REASONS
from tracker.cli_arguments import parser
from tracker.fraud import catalogue
from tracker.fraud.baselines.registry import BASELINES
from tracker.fraud.rules import GROUP
from tracker.fraud.simulation.confounders.registry import CONFOUNDERS
from tracker.fraud.simulation.schemes.registry import SCHEMES
from tracker.fraud.simulation.unseen.registry import UNSEEN
from tracker.installing import Wanted, install
from tracker.services import open_services
from tracker.settings import PREFIX, LimitSettings, Settings

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted([*DOCS.glob("*.md"), *ROOT.glob("*.md"), *ROOT.glob("benchmarks/*.md")])

# Found in no text of the repository: where packages come from, and places on one machine. Spelt in parts, so that this
# file does not find itself.
FORBIDDEN = tuple(
    "".join(parts)
    for parts in (
        ("pypi", ".org"),
        ("pythonhosted", ".org"),
        ("registry.npm", "js.org"),
        ("npm", "mirror.com"),
        ("/ro", "ot/"),
        ("/ho", "me/"),
        ("/wo", "rk/"),
        ("/Us", "ers/"),
    )
)


def rows(text: str) -> list[list[str]]:
    """Return the cells of every table row."""
    lines = [line for line in text.splitlines() if line.startswith("|") and not re.match(r"^\|[-| ]+\|$", line)]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


def section(page: str, heading: str) -> str:
    """Return what stands under a heading, up to the next of its level or above."""
    text = (DOCS / page).read_text()
    level = re.match("#+", heading)[0]
    match = re.search(rf"^{re.escape(heading)}\n(.*?)(?=^#{{1,{len(level)}}} |\Z)", text, re.DOTALL | re.MULTILINE)
    assert match, f"docs/{page} has no heading {heading!r}."
    return match[1]


def first_names(text: str) -> set[str]:
    """Return the `name` in the first cell of each row."""
    return {match[1] for row in rows(text) if (match := re.match(r"`([^`]+)`", row[0]))}


def test_every_setting_is_documented_with_its_variable_and_default():
    documented = {
        row[0].strip("`"): (row[1].strip("`"), row[2].strip("`")) for row in rows(section("settings.md", "# Settings"))
    }
    del documented["setting"]
    assert documented == settings_of(Settings, "", PREFIX)


def settings_of(kind, group, variable):
    """Return (variable, default) of each setting by its name, those of groups with dots."""
    found = {}
    for field in msgspec.structs.fields(kind):
        name, shown = f"{group}{field.name}", f"{variable}{field.name.upper()}"
        if isinstance(field.default, msgspec.Struct):
            found |= settings_of(type(field.default), f"{name}.", f"{shown}__")
        else:
            found[name] = (shown, json.dumps(field.default))
    return found


def commands_of(top: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    found: dict[str, argparse.ArgumentParser] = {}
    for action in top._actions:
        if isinstance(action, argparse._SubParsersAction):
            for each in action.choices.values():
                found |= commands_of(each)
    return found or {top.prog: top}


COMMANDS = commands_of(parser())


def test_every_command_has_its_heading_and_no_other():
    documented = re.findall(r"^### `(molva [a-z -]+)`$", (DOCS / "cli.md").read_text(), re.MULTILINE)
    assert sorted(documented) == sorted(COMMANDS)


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_option_of_a_command_is_documented(name):
    common = {"--data-dir", "--json", "--help"}
    options = {
        option
        for action in COMMANDS[name]._actions
        for option in action.option_strings
        if option.startswith("--") and option not in common
    }
    assert first_names(section("cli.md", f"### `{name}`")) == options


def test_every_scheme_confounder_and_peer_of_the_worlds_is_documented():
    told = {
        heading: first_names(section("fraud-evaluation.md", heading))
        for heading in (
            "## The schemes",
            "## The schemes no rule was tuned on",
            "## Honest people who look odd",
            "## The peers",
        )
    }
    assert [sorted(names) for names in told.values()] == [
        sorted(each.name for each in registry) for registry in (SCHEMES, UNSEEN, CONFOUNDERS, BASELINES)
    ]


def api_routes() -> set[str]:
    return {
        f"{method} {route.path}"
        for route in routes()
        if not route.path.endswith("{rest:path}")
        for method in route.methods - {"HEAD"}
    }


def test_every_api_route_has_its_heading_and_no_other():
    documented = re.findall(r"^### `([A-Z]+ /v1/\S+)`$", (DOCS / "api.md").read_text(), re.MULTILINE)
    assert sorted(documented) == sorted(api_routes())


@pytest.mark.parametrize(
    ("heading", "body"),
    [
        ("### `POST /v1/track/refund`", track.RefundBody),
        ("### `POST /v1/cases/{id}/verdict`", cases.VerdictBody),
    ],
    ids=["refund", "verdict"],
)
def test_the_fields_of_a_body_are_documented(heading, body):
    assert first_names(section("api.md", heading)) == set(body.__struct_fields__)


def test_the_fields_of_a_sale_are_documented():
    text = section("api.md", "### `POST /v1/track/sale`")
    named = first_names(text) | {name for name in re.findall(r"`([a-z0-9_]+)`", text) if name in track.SUBS}
    assert named == set(track.TrackBody.__struct_fields__)
    (customer,) = (row for row in rows(text) if row[0] == "`customer`")
    assert set(re.findall(r"`(\w+)`", customer[1])) == {"external_id", "email", "phone", "name", "country", "is_new"}


def test_the_fields_of_a_click_are_documented():
    text = section("api.md", "### `POST /v1/track/click`")
    named = first_names(text) | {name for name in re.findall(r"`([a-z0-9_]+)`", text) if name in track.SUBS}
    assert named == set(track_click.ClickBody.__struct_fields__)


def test_the_fields_of_a_postback_are_documented():
    documented = re.findall(r"`(\w+)`", " ".join(row[0] for row in rows(section("api.md", "### Postbacks"))))
    assert "sub1" in documented
    assert set(documented) | set(postback_fields.SUBS) == postback_fields.READ


def test_the_default_limits_are_those_of_the_docs():
    text, limits = section("api.md", "### Limits"), LimitSettings()
    assert f"{limits.clicks_per_minute} clicks and {limits.reports_per_minute} unsigned leads" in text
    assert f"{limits.calls_per_minute} calls a minute" in text
    assert HOSTS_PER_NETWORK == 10
    assert "ten times that" in text


def test_the_field_of_the_test_clock_is_documented():
    (field,) = test_clock.ClockBody.__struct_fields__
    assert f'"{field}"' in section("api.md", "### `POST /v1/test/clock`")


def test_every_public_route_in_the_docs_exists(tmp_path, run):
    """The edge has no table of routes; so each documented one is asked for."""

    async def ask() -> dict[str, tuple[int, str]]:
        wanted = Wanted(
            data_dir=tmp_path / "data",
            base_url="http://127.0.0.1:8000",
            admin_email="owner@shop.example",
            admin_password=None,
            program=None,
            sites=(),
            currency="EUR",
        )
        await install(wanted)
        services = await open_services(wanted.data_dir)
        transport = ASGITransport(app=create_app(services))
        answers: dict[str, tuple[int, str]] = {}
        try:
            async with AsyncClient(transport=transport, base_url="http://127.0.0.1:8000") as client:
                for route in documented:
                    method, path = route.split(" ")
                    answer = await client.request(method, path.replace("{slug}", "nobody"), content=b"{}")
                    answers[route] = (answer.status_code, answer.text)
        finally:
            await services.close()
        return answers

    documented = first_names(section("api.md", "## Public edge")) | first_names(section("api.md", "## Health"))
    documented = {name for name in documented if " /" in name}
    assert len(documented) >= 6
    for route, (status, text) in run(ask()).items():
        assert status != 405, route
        assert "nothing at this address" not in text, route


def test_every_drop_reason_is_documented():
    documented = first_names(section("api.md", "### What is not taken"))
    assert documented == {reason.value for reason in DropReason}


def test_every_wire_key_is_documented():
    fields = {field.encode_name for field in msgspec.structs.fields(BrowserEvent)}
    assert first_names(section("snippet.md", "## Wire keys")) == fields


def test_every_required_wire_key_is_called_required():
    required = {field.encode_name for field in msgspec.structs.fields(BrowserEvent) if field.required}
    text = section("snippet.md", "## Wire keys")
    assert {row[0].strip("`") for row in rows(text) if row[1].endswith("; required")} == required


def test_every_option_of_the_tag_is_documented():
    source = (ROOT / "snippet/src/x.js").read_text()
    taken = re.sub(r"'[^']*'", "", ", ".join(re.findall(r"(?:const|let) \{([^}]*)\} = option", source)))
    names = {part.split(":")[0].split("=")[0].strip() for part in taken.split(",") if part.strip()}
    names |= set(re.findall(r"option\.(\w+)", source)) | set(re.findall(r"'(\w+)' in option", source))
    documented = first_names(section("snippet.md", "## Options of the tag"))
    assert documented == {f"data-{name}" for name in names}


def test_the_default_parameters_of_the_snippet_are_documented():
    (names,) = re.findall(r"replace\('\+', '([a-z_ ]+) '\)", (ROOT / "snippet/src/x.js").read_text())
    assert f"`{names}`" in (DOCS / "snippet.md").read_text()


def size_table_of(scripts):
    spec = importlib.util.spec_from_file_location("sizes", ROOT / "benchmarks/snippet/sizes.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.table(scripts)


def test_the_size_table_is_that_of_the_committed_result_and_of_the_built_files():
    """After a change of the snippet: run benchmarks/snippet/sizes.py and put its table into the page."""
    scripts = json.loads(max((ROOT / "benchmarks/results").glob("snippet-sizes-*.json")).read_text())["scripts"]
    ours = {entry["name"]: (entry["shipped"]["raw"], entry["shipped"]["br"]) for entry in scripts}
    built = json.loads((ROOT / "snippet/built/manifest.json").read_text())["files"]

    assert "\n".join(size_table_of(scripts)) in (DOCS / "snippet.md").read_text()
    for name in built.keys() - snippet.FROZEN:
        # gzip may differ by a few bytes with the version of Node.
        assert ours[f"Molva `{name}`"] == (built[name]["sizes"]["plain"], built[name]["sizes"]["br"])


def test_every_attribution_reason_and_model_is_documented():
    assert first_names(section("attribution.md", "## Which touches may earn")) == set(Reason.__args__)
    assert first_names(section("attribution.md", "## How the credit is shared")) == set(MODELS)
    reports = first_names(section("attribution.md", "## Reports that compare models"))
    assert reports | {"markov_order_2"} == {model.name for model in REPORT_MODELS}


def test_the_scenario_of_the_attribution_page_comes_out_as_it_says():
    page = (DOCS / "attribution.md").read_text()
    (document,) = re.findall(r"```json\n(.*?)```", page, re.DOTALL)

    (result,) = replay(document.encode())["results"]

    (decision,) = result["final"]
    assert "Here Anna gets 4990 and `k2` is rejected as `bot`." in page
    assert [(credit["partner"], credit["amount_minor"]) for credit in decision["credits"]] == [("anna", 4990)]
    assert decision["rejected"] == {"k2": "bot"}


def test_every_setting_and_event_of_a_scenario_file_is_documented():
    page = (DOCS / "attribution.md").read_text()
    documented = first_names(section("attribution.md", "## Scenario files"))
    names = {field.name for shape in EVENT_TYPES.values() for field in msgspec.structs.fields(shape)}
    names |= {field.name for shape in (PartnerLine, CodeLine, CustomWeights) for field in msgspec.structs.fields(shape)}

    assert set(EVENT_TYPES) <= documented | {"impression"}
    assert {name for name in names if f"`{name}`" not in page} == set()


def test_the_catalogue_of_fraud_rules_is_that_of_the_registry():
    """After a change of a rule: python -m tracker.fraud.catalogue."""
    assert catalogue.table() in section("fraud.md", "## The rules")
    assert [row[0].strip("`") for row in rows(catalogue.table())][1:] == [rule.id for rule in RULES]
    assert {rule.id for rule in RULES} <= catalogue.CATCHES.keys()


def test_the_page_on_writing_a_rule_names_what_a_rule_has():
    assert first_names(section("writing-a-rule.md", "## The rule")) == set(Rule.__struct_fields__)
    assert GROUP in section("writing-a-rule.md", "## The package")


def test_every_reason_code_of_a_verdict_is_documented():
    text = re.search(r"^Reason codes: (.*?)\. Each", section("fraud.md", "## Verdicts"), re.DOTALL | re.MULTILINE)[1]
    assert re.findall(r"`(\w+)`", text) == list(REASONS)


def test_every_make_target_is_documented():
    targets = re.findall(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)[0].split()
    documented = {name.removeprefix("make ") for name in first_names(section("development.md", "## Make targets"))}
    # What other targets need is not for people.
    assert documented == set(targets) - {"dev", "tested-with"}


DOORS = {
    "clicks": ("clicks", 64),
    "clicks_few": ("clicks, 8 connections", 8),
    "redirects": ("referral links", 64),
    "sales": ("sales, server", 64),
    "clicks_postgresql": ("clicks, PostgreSQL", 64),
}


def test_the_figures_of_the_performance_page_are_those_of_the_committed_result():
    result = json.loads(max((ROOT / "benchmarks/results").glob("????-??-??.json")).read_text())
    doors, start = result["doors"], result["start"]
    wanted = []
    for name, (title, connections) in DOORS.items():
        yardstick, mine = doors["yardstick"][str(connections)]["median"], doors[name]["median"]
        for what, field, shown, ratio in (
            ("a second", "rps", ".0f", "ratio"),
            ("p99, ms", "p99_ms", ".2f", "p99_ratio"),
            ("CPU a request, µs", "cpu_us", ".0f", "cpu_ratio"),
        ):
            figures = [format(yardstick[field], shown), format(mine[field], shown), f"{doors[name][ratio]:.2f}"]
            wanted.append([f"{title}, {what}", *figures])
    wanted += [
        ["idle memory, MB", "", f"{result['idle_mb']:.0f}", ""],
        ["`serve`: exec to ready, s", "", f"{max(start['serve_s']):.2f}", ""],
        ["`demo`: exec to ready, s", "", f"{max(start['demo_s']):.2f}", ""],
    ]
    table = [line for line in (DOCS / "performance.md").read_text().split("## ")[0].splitlines() if line[:1] == "|"]
    assert [[cell.strip() for cell in line.strip("|").split("|")][:4] for line in table[2:]] == wanted


def anchors_of(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_of_a_page_lead_somewhere(page):
    text = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"https?:", target):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        assert file.exists(), f"{target} leads nowhere"
        if anchor:
            assert anchor in anchors_of(file), f"{target} names no heading"


def test_every_page_is_reachable_from_the_readme():
    linked = set(re.findall(r"\]\((docs/[a-z-]+\.md)\)", (ROOT / "README.md").read_text()))
    assert linked == {f"docs/{page.name}" for page in DOCS.glob("*.md")}


def text_files() -> list[Path]:
    """Return what is under version control and text; what a build or a test leaves behind is not ours."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True, text=True).stdout
    paths = [ROOT / name for name in listed.split("\0") if name]
    return [path for path in paths if path.is_file() and path.suffix != ".png"]


def test_no_text_names_a_package_registry_or_a_place_on_one_machine():
    found: list[Any] = []
    for path in text_files():
        name = str(path.relative_to(ROOT))
        text = path.read_text(errors="replace")
        found += [(name, word) for word in FORBIDDEN if word in text]
    assert found == []


def test_the_figures_of_the_fraud_rules_are_those_of_the_last_evaluation():
    """After an evaluation: python benchmarks/fraud/figures.py DIR."""
    spec = importlib.util.spec_from_file_location("figures", ROOT / "benchmarks/fraud/figures.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    results = json.loads(module.RESULT.read_text())

    text = (ROOT / "docs/fraud.md").read_text()
    assert text == module.page_with(text, results)
