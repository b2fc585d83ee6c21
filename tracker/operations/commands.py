"""The commands of an operator that work beside a running server, never through it: backup, restore, doctor.

The command line calls them with the data folder and the command's own parameters; each returns its answer.
"""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tracker.geo.update import update_command
from tracker.operations.backup import make_backup
from tracker.operations.doctor import examine
from tracker.operations.restore import restore_backup, verify_backup

Params = dict[str, Any]
Answer = dict[str, Any]


def _backup(data_dir: Path, params: Params) -> Answer:
    return make_backup(data_dir, Path(params["file"]), with_secrets=params["with_secrets"])


def _restore(data_dir: Path, params: Params) -> Answer:
    source = Path(params["file"])
    return verify_backup(source, data_dir) if params["verify"] else restore_backup(source, data_dir)


def _doctor(data_dir: Path, params: Params) -> Answer:
    return asyncio.run(examine(data_dir, url=params.get("url")))


OPERATIONS: dict[str, Callable[[Path, Params], Answer]] = {
    "backup": _backup,
    "restore": _restore,
    "doctor": _doctor,
    "geo update": update_command,
}
