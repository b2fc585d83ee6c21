"""`molva doctor`: everything that must be right, looked at in the order in which things must work.

Reads alone, but for the last lines: a click and a sale of test keys, which no report shows. A check that could not be
made says so.
"""

import time
from pathlib import Path
from typing import Any

import msgspec

from tracker.operations import checks
from tracker.operations.database_checks import check_database
from tracker.operations.names import check_names
from tracker.operations.passage import check_passage
from tracker.operations.rule_checks import check_rules
from tracker.operations.types import Finding
from tracker.settings import Settings, SettingsError, load_settings

MOUNTS = Path("/proc/self/mountinfo")


async def examine(data_dir: Path, *, url: str | None = None) -> dict[str, Any]:
    """Return `{ok, findings}`; ok unless a check failed. `url`: where the server is reached instead of base_url."""
    try:
        settings = load_settings(data_dir)
    except SettingsError as error:
        return _answer([Finding(check="settings", state="failed", cause=str(error))])
    findings = [Finding(check="settings", state="ok", cause="Every setting is known and usable.")]
    findings += [checks.check_secret(settings, data_dir), checks.check_folder(data_dir), checks.check_disk(data_dir)]
    if not settings.database_url.startswith("postgres"):
        findings += [checks.check_file_system(data_dir, mounts=_mounts()), checks.check_sqlite()]
    found, facts = await check_database(settings, data_dir)
    findings += [*found, checks.check_clock(data_dir, newest_ms=facts.newest_ms)]
    findings += check_rules(facts.failing_rules)
    now_s = time.time()
    findings += checks.check_geo_files(settings, data_dir, now_ms=int(now_s * 1000))
    findings += [*check_names(settings), checks.check_backup(data_dir, now_s=now_s)]
    return _answer([*findings, *await _passage(data_dir, settings, findings, url=url, is_newest=facts.is_newest)])


def _mounts() -> str:
    """Return what Linux tells of mounted file systems; other systems tell nothing."""
    return MOUNTS.read_text() if MOUNTS.exists() else ""


async def _passage(
    data_dir: Path, settings: Settings, findings: list[Finding], *, url: str | None, is_newest: bool
) -> list[Finding]:
    if is_newest and all(finding.state != "failed" for finding in findings if finding.check in {"secret", "database"}):
        return await check_passage(data_dir, settings, url=url)
    cause = "Snippet, click and sale were not tried; first mend what is said above."
    return [Finding(check="passage", state="warning", cause=cause)]


def _answer(findings: list[Finding]) -> dict[str, Any]:
    return {
        "ok": all(finding.state != "failed" for finding in findings),
        "findings": [msgspec.to_builtins(finding) for finding in findings],
    }
