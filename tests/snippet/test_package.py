"""The npm package on a server and for a compiler: importable, complete, typed."""

import importlib.util
import json
import re
import subprocess
import tomllib
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "snippet/package"
NODE_SECONDS = 60


@pytest.fixture(scope="module")
def build() -> ModuleType:
    """The build hook, which knows where Node is."""
    spec = importlib.util.spec_from_file_location("molva_build", ROOT / "hatch_build.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def node(build: ModuleType) -> str:
    return build.find_node().node


def run_module(node: str, text: str) -> Any:
    """Run an ES module beside the package and return the JSON it prints."""
    command = [node, "--input-type=module", "--eval", text]
    done = subprocess.run(command, cwd=PACKAGE, capture_output=True, text=True, check=False, timeout=NODE_SECONDS)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


# On a server


def test_import_touches_no_global(node):
    text = """
      const before = Object.getOwnPropertyNames(globalThis).length;
      const { load, watch } = await import('./index.js');
      console.log(JSON.stringify([typeof load, typeof watch, Object.getOwnPropertyNames(globalThis).length - before]));
    """
    assert run_module(node, text) == ["function", "function", 0]


def test_on_a_server_every_call_answers_and_loads_nothing(node):
    text = """
      import { load, watch } from './index.js';
      const molva = load({ key: 'pk_test', api: 'https://shop.example/r' });
      const heard = [];
      molva.fill({}); molva.consent('granted'); molva.optout(true); molva.reset();
      watch(molva, referral => heard.push(referral))();
      console.log(JSON.stringify({
        ready: [await molva.ready(referral => heard.push(referral)), await molva('ready')],
        get: molva.get(), set: await molva.set('ANNA'), link: molva.link('https://a.example/'), heard,
        lead: await molva.lead({ id: '1' }), sale: await molva('sale', { order: '1' }), track: await molva.track('x'),
      }));
    """
    refused = {"ok": False, "reason": "server", "queued": False, "id": None}
    assert run_module(node, text) == {
        "ready": [None, None],
        "get": None,
        "set": None,
        "link": "https://a.example/",
        "heard": [None],
        "lead": refused,
        "sale": refused,
        "track": refused,
    }


# What is published


def manifest() -> dict[str, Any]:
    return json.loads((PACKAGE / "package.json").read_text())


def test_version_is_that_of_the_installation():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert manifest()["version"] == project["version"]


def test_package_needs_nothing_and_hooks_name_their_frameworks():
    package = manifest()
    assert "dependencies" not in package
    assert package["private"] is False
    assert set(package["peerDependencies"]) == {"react", "vue", "svelte"}
    assert all(package["peerDependenciesMeta"][name]["optional"] for name in package["peerDependencies"])


def test_every_exported_file_exists_and_is_packed(build):
    npm = build.find_node().npm
    command = [*npm, "pack", "--dry-run", "--json", "--ignore-scripts"]
    done = subprocess.run(command, cwd=PACKAGE, capture_output=True, text=True, check=True, timeout=NODE_SECONDS)
    packed = {file["path"] for file in json.loads(done.stdout)[0]["files"]}
    exported = {
        path.removeprefix("./")
        for entry in manifest()["exports"].values()
        for path in (entry.values() if isinstance(entry, dict) else [entry])
    }
    assert exported <= packed
    assert {path for path in packed if path.endswith(".js")} == {"index.js", "react.js", "vue.js", "svelte.js"}


@pytest.mark.parametrize("name", ["react", "vue", "svelte"])
def test_hook_bundles_and_exports_its_name(node, name, tmp_path):
    """Syntax and names alone; what the hooks do was tried in the examples, see their READMEs."""
    text = f"""
      import {{ build }} from 'esbuild';
      const {{ metafile }} = await build({{ entryPoints: ['{PACKAGE / name}.js'], bundle: true, format: 'esm',
        outfile: '{tmp_path / "out.mjs"}', external: ['react', 'vue', 'svelte/*'], metafile: true }});
      console.log(JSON.stringify(Object.values(metafile.outputs)[0].exports));
    """
    assert run_module(node, text) == ["useReferral"]


USE_OF_THE_TYPES = """
import { load, watch, type Molva, type Referral, type Report } from 'molva-snippet';

const molva: Molva = load({
  key: 'pk_test', api: '/r', params: ['via', 'ref'], touch: 'first', days: 30, domain: false, domains: ['a.example'],
  token: '_x', clean: true, consent: 'auto', gpc: 'ignore', field: 'partner', stripe: false, spa: 'off',
  skip: '/checkout', bots: 'drop', name: 'molva', cookie: '_mv', currency: 'EUR', debug: true,
  nonce: 'n', waitMs: 10,
});
const found: Referral | null = await molva.ready(referral => { referral?.first.code; });
const report: Report = await molva.sale({ order: 'A-1', amount: '19.99', currency: 'EUR', meta: { plan: 'pro' } });
await molva.sale({ order: 'A-1', amount: 1999, currency: 'EUR' });
await molva.lead();
molva('sale', { order: 'A-1', amount: 1999, currency: 'EUR' });
molva('ready', referral => { referral?.partner?.name.length; });
const reason: string | undefined = report.ok ? undefined : report.reason;
const percent = found?.discount?.kind === 'percent' ? found.discount.value : 0;
document.addEventListener('molva:change', event => { event.detail?.code.length; });
window.molva?.consent('denied');
watch(molva, referral => { referral?.id.length; })();
molva.link(new URL('https://a.example/')).length;
molva.set('ANNA').then(referral => referral?.code);
// @ts-expect-error a key is required
load({ api: '/r' });
// @ts-expect-error a decimal text is digits
molva.sale({ order: 'A-1', amount: 'a lot', currency: 'EUR' });
// @ts-expect-error a sale has a currency
molva.sale({ order: 'A-1', amount: 1 });
// @ts-expect-error there are three states
molva.consent('maybe');
export { reason, percent };
"""


def test_types_fit_their_use(node, tmp_path):
    compiler = ROOT / "node_modules/typescript/bin/tsc"
    if not compiler.is_file():
        pytest.fail(f"{compiler} is missing; run: npm ci", pytrace=False)
    (tmp_path / "use.ts").write_text(USE_OF_THE_TYPES)
    options = {
        "strict": True,
        "noEmit": True,
        "target": "es2022",
        "module": "esnext",
        "moduleResolution": "bundler",
        "lib": ["es2022", "dom"],
        "types": [],
        "paths": {"molva-snippet": [str(PACKAGE / "index.d.ts")]},
    }
    (tmp_path / "tsconfig.json").write_text(json.dumps({"compilerOptions": options, "files": ["use.ts"]}))

    command = [node, str(compiler), "--project", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=NODE_SECONDS * 2)

    assert done.returncode == 0, done.stdout


def test_every_documented_option_of_the_tag_has_a_type():
    page = (ROOT / "docs/snippet.md").read_text().split("## Options of the tag")[1].split("\n## ")[0]
    documented = set(re.findall(r"^\| `data-([a-z]+)`", page, re.MULTILINE))
    types = (PACKAGE / "index.d.ts").read_text().split("interface TagOptions {")[1].split("\n}")[0]
    assert len(documented) >= 10
    assert documented <= set(re.findall(r"^  (\w+)\??: ", types, re.MULTILINE))
