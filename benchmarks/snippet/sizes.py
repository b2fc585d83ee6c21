"""The size table of docs/snippet.md: Molva's builds beside other trackers, each measured the same way.

Installs the pinned packages of this folder (never running their install scripts), measures the files they publish,
prints the table in Markdown and writes one file to `results/`. What no package publishes stands in it as measured by
hand once, with the month of the source. It never reaches the network once the packages are there.
"""

import json
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hatch_build import BuildError, find_node, install_packages

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
BUILT = ROOT / "snippet/built"
RESULTS = HERE.parent / "results"
MEASURE_S = 120  # the largest file, 380 kB, minifies within ten seconds on a small machine
HEAD = ("script", "kind", "raw", "gzip", "brotli", "minified again: raw", "gzip", "brotli")


@dataclass(frozen=True, kw_only=True)
class Peer:
    """One published file: a package of package.json, the file in it and what that file is."""

    name: str
    package: str
    file: str
    kind: str
    module: bool = False


@dataclass(frozen=True, kw_only=True)
class Noted:
    """A tracker without a package that publishes it: bytes as measured by hand, source of that month."""

    name: str
    kind: str
    shipped: tuple[int, int, int]
    minified: tuple[int, int, int]


PEERS = (
    Peer(name="Plausible", package="@plausible-analytics/tracker", file="plausible.js", kind="analytics", module=True),
    Peer(name="OpenPanel", package="@openpanel/web", file="dist/src/tracker.global.js", kind="analytics"),
    Peer(name="Swetrix", package="swetrix", file="dist/swetrix.js", kind="analytics"),
    Peer(name="Snowplow", package="@snowplow/browser-tracker", file="dist/index.umd.min.js", kind="analytics"),
    Peer(name="PostHog slim", package="posthog-js", file="dist/module.slim.js", kind="analytics", module=True),
    Peer(name="PostHog", package="posthog-js", file="dist/array.js", kind="analytics"),
    Peer(name="Fathom", package="fathom-client", file="dist/fathom-client.esm.js", kind="loader only", module=True),
)

# Source files, unminified where "raw" is far above "minified"; no package carries them.
NOTED = (
    Noted(name="Dub base, 2025-10", kind="referral", shipped=(8744, 2771, 2320), minified=(3287, 1411, 1221)),
    Noted(
        name="Dub base and conversion, 2025-10",
        kind="referral",
        shipped=(11396, 3276, 2763),
        minified=(4523, 1728, 1509),
    ),
    Noted(name="Dub all, 2025-10", kind="referral", shipped=(17318, 4713, 4005), minified=(6605, 2393, 2114)),
    Noted(name="FirstPromoter, 2026-08", kind="referral", shipped=(4845, 2185, 1937), minified=(4823, 2154, 1914)),
    Noted(name="GoatCounter, 2026-08", kind="analytics", shipped=(9213, 3327, 2795), minified=(5642, 2186, 1845)),
    Noted(name="Umami 3.1.0, 2026-05", kind="analytics", shipped=(11496, 3544, 3088), minified=(4553, 2205, 1933)),
    Noted(
        name="Simple Analytics light, 2025-05",
        kind="analytics",
        shipped=(3565, 2014, 1747),
        minified=(3406, 1901, 1656),
    ),
    Noted(name="Simple Analytics, 2025-05", kind="analytics", shipped=(7515, 3830, 3407), minified=(7332, 3716, 3313)),
    Noted(name="Matomo, 2024-10", kind="analytics", shipped=(67474, 21998, 19064), minified=(57403, 19035, 16847)),
)


def main() -> int:
    try:
        node = find_node()
        install_packages(HERE, node)
    except BuildError as error:
        print(f"sizes: {error}", file=sys.stderr)
        return 1
    results = {"date": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"), "scripts": measure_all(node.node)}
    print("\n".join(table(results["scripts"])))
    path = RESULTS / f"snippet-sizes-{results['date'][:10]}.json"
    path.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    print(f"\nWritten to {path.relative_to(ROOT)}.", file=sys.stderr)
    return 0


def measure_all(node: str) -> list[dict[str, Any]]:
    """Return one entry a script, Molva's first, the others by the size people would download at best."""
    versions = json.loads((HERE / "package.json").read_text(encoding="utf-8"))["devDependencies"]
    names = [name for name in ("x.core.js", "x.js", "x.compat.js") if (BUILT / name).is_file()]
    if not names:
        sys.exit(f'"{BUILT}" holds no build; run: make build')
    files = [(BUILT / name, False) for name in names]
    files += [(HERE / "node_modules" / peer.package / peer.file, peer.module) for peer in PEERS]
    sizes = measure(node, files)
    ours = [{"name": f"Molva `{name}`", "kind": "referral"} for name in names]
    theirs = [{"name": f"{peer.name} {versions[peer.package]}", "kind": peer.kind} for peer in PEERS]
    measured = [entry | size | {"noted": False} for entry, size in zip(ours + theirs, sizes, strict=True)]
    noted = [
        {
            "name": each.name,
            "kind": each.kind,
            "shipped": dict(zip(("raw", "gz", "br"), each.shipped, strict=True)),
            "minified": dict(zip(("raw", "gz", "br"), each.minified, strict=True)),
            "noted": True,
        }
        for each in NOTED
    ]
    others = sorted(measured[len(names) :] + noted, key=lambda entry: entry["minified"]["br"])
    return measured[: len(names)] + others


def measure(node: str, files: list[tuple[Path, bool]]) -> list[dict[str, Any]]:
    wanted = [{"path": str(path), "module": module} for path, module in files]
    done = subprocess.run(
        [node, str(HERE / "sizes.mjs")],
        input=json.dumps(wanted),
        capture_output=True,
        text=True,
        check=True,
        timeout=MEASURE_S,
    )
    return json.loads(done.stdout)


def table(scripts: list[dict[str, Any]]) -> list[str]:
    """Return the lines of the Markdown table; † marks what was measured by hand."""
    lines = [f"| {' | '.join(HEAD)} |", "|---|---|--:|--:|--:|--:|--:|--:|"]
    for entry in scripts:
        figures = [f"{entry[stage][size]:,}" for stage in ("shipped", "minified") for size in ("raw", "gz", "br")]
        name = f"{entry['name']}{' †' if entry['noted'] else ''}"
        lines.append(f"| {' | '.join([name, entry['kind'], *figures])} |")
    return lines


if __name__ == "__main__":
    sys.exit(main())
