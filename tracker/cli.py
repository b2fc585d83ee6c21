"""The command `molva`: reads arguments, does one thing, prints the answer.

Exit codes: 0 done, 1 a check failed or the thing asked for is not possible (cause and remedy on standard error),
2 wrong usage. With `--json` the answer is one JSON object.
"""

import asyncio
import json
import os
import sys
from argparse import Namespace
from pathlib import Path
from random import SystemRandom
from typing import Any

from attribution.scenario import ScenarioError, replay
from tracker import cli_arguments, cli_texts
from tracker.background import Background
from tracker.commands import COMMANDS
from tracker.control import Refusal, ask, describe
from tracker.db.database import DatabaseBusyError, DatabaseUnusableError
from tracker.db.migrating import current_revision, newest_revision
from tracker.db.opening import open_database
from tracker.demo.running import run_demo
from tracker.fraud.commands import FRAUD_COMMANDS
from tracker.fraud.simulation.files import WorldError
from tracker.i18n.messages import InputError
from tracker.installing import InstallError, Wanted, install
from tracker.logs import configure_logs
from tracker.loops import run_loop
from tracker.neutral_names import draw_names
from tracker.operations.commands import OPERATIONS
from tracker.operations.types import OperationError
from tracker.privacy.commands import save_answer, saved_text
from tracker.processes import serve_with_workers
from tracker.recompute.command_line import recompute
from tracker.services import open_services
from tracker.serving import PortError, serve, work
from tracker.settings import SettingsError, database_url, load_settings

EXPECTED = (
    DatabaseBusyError,
    DatabaseUnusableError,
    InputError,
    InstallError,
    Refusal,
    ScenarioError,
    OperationError,
    PortError,
    SettingsError,
    WorldError,
)


def main(argv: list[str] | None = None) -> None:
    """Run one command and leave with its exit code."""
    arguments = cli_arguments.parser().parse_args(argv)
    try:
        code = run(arguments)
    except EXPECTED as error:
        print(f"molva: {describe(error)}", file=sys.stderr)
        code = 1
    except BrokenPipeError:
        # The reader of a pipe left; nothing to say to nobody.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 1
    except KeyboardInterrupt:
        code = 130
    sys.exit(code)


def run(arguments: Namespace) -> int:
    """Do what the arguments say and return the exit code."""
    command = arguments.command
    if command == "init":
        return _init(arguments)
    if command == "attribution replay":
        return _replay(arguments)
    if command == "demo":
        configure_logs("error")
        run_loop(run_demo(port=arguments.port, as_json=arguments.json))
        return 0
    if command in FRAUD_COMMANDS:
        _say(arguments, FRAUD_COMMANDS[command](cli_arguments.params_of(arguments)), cli_texts.TEXTS[command])
        return 0
    if command in OPERATIONS:
        return _operate(arguments)
    data_dir = _data_dir(arguments)
    if command in ("serve", "worker"):
        configure_logs(load_settings(data_dir).log_level)
        if command == "worker":
            run_loop(work(data_dir))
        elif arguments.workers == 1:
            run_loop(serve(data_dir, Background(data_dir), host=arguments.host, port=arguments.port))
        else:
            serve_with_workers(data_dir, host=arguments.host, port=arguments.port, workers=arguments.workers)
        return 0
    configure_logs("error")
    if command == "attribution recompute":
        answer = recompute(data_dir, cli_arguments.params_of(arguments), shows_progress=not arguments.json)
        _say(arguments, answer, cli_texts.TEXTS[command])
        return 0
    if command == "migrate" and arguments.check:
        return _check_schema(data_dir, arguments)
    return _ask(data_dir, command, arguments)


def _ask(data_dir: Path, command: str, arguments: Namespace) -> int:
    """Let the running server do it, or open the installation and do it here."""
    params = cli_arguments.params_of(arguments)
    out = params.pop("out", None)
    if (path := params.pop("password_file", None)) is not None:
        params["password"] = _first_line(Path(path))
    answer = ask(data_dir, command, params)
    if answer is None:
        answer = asyncio.run(_do(data_dir, command, params))
    if out is not None:
        _say(arguments, save_answer(Path(out), answer), saved_text)
        return 0
    _say(arguments, answer, cli_texts.TEXTS[command])
    return 0 if answer.get("ok", True) else 1


async def _do(data_dir: Path, command: str, params: dict[str, Any]) -> dict[str, Any]:
    services = await open_services(data_dir)
    try:
        return await COMMANDS[command](services, params)
    finally:
        await services.close()


def _operate(arguments: Namespace) -> int:
    """Back up, restore or examine: beside a running server, never through it."""
    configure_logs("error")
    data_dir = Path(arguments.data_dir) if arguments.command == "restore" else _data_dir(arguments)
    answer = OPERATIONS[arguments.command](data_dir, cli_arguments.params_of(arguments))
    _say(arguments, answer, cli_texts.TEXTS[arguments.command])
    return 0 if answer["ok"] else 1


def _init(arguments: Namespace) -> int:
    password_file = arguments.admin_password_file
    wanted = Wanted(
        data_dir=Path(arguments.data_dir),
        base_url=arguments.base_url.rstrip("/"),
        admin_email=arguments.admin_email,
        admin_password=_first_line(Path(password_file)) if password_file else None,
        program=arguments.program,
        sites=tuple(site for group in arguments.site or () for site in group),
        currency=arguments.currency,
        names=draw_names(SystemRandom()) if arguments.neutral_names else {},
    )
    _say(arguments, asyncio.run(install(wanted)), cli_texts.init_text)
    return 0


def _replay(arguments: Namespace) -> int:
    try:
        document = Path(arguments.file).read_bytes()
    except OSError as error:
        raise SettingsError(f'The scenario file "{arguments.file}" cannot be read: {error.strerror}.') from error
    print(json.dumps(replay(document), ensure_ascii=False))
    return 0


def _check_schema(data_dir: Path, arguments: Namespace) -> int:
    """Tell whether the schema is the newest, changing nothing."""
    answer = ask(data_dir, "migrate", {})
    if answer is None:
        answer = asyncio.run(_read_schema(data_dir))
    _say(arguments, answer, cli_texts.TEXTS["migrate"])
    return 0 if answer["ok"] else 1


async def _read_schema(data_dir: Path) -> dict[str, Any]:
    database = open_database(database_url(load_settings(data_dir), data_dir))
    try:
        revision = await database.read(current_revision)
    finally:
        await database.close()
    return {"revision": revision, "newest": newest_revision(), "ok": revision == newest_revision()}


def _data_dir(arguments: Namespace) -> Path:
    data_dir = Path(arguments.data_dir)
    if not data_dir.is_dir():
        raise SettingsError(
            f'There is no data folder "{data_dir}". Make one with: molva init --admin-email you@example.com, '
            "or name yours with --data-dir."
        )
    return data_dir


def _first_line(path: Path) -> str:
    try:
        return path.read_text().splitlines()[0]
    except (OSError, IndexError, UnicodeDecodeError) as error:
        raise SettingsError(
            f'The password file "{path}" cannot be read or is empty; put the password alone in it.'
        ) from error


def _say(arguments: Namespace, answer: dict[str, Any], text: cli_texts.Text) -> None:
    print(json.dumps(answer, ensure_ascii=False) if arguments.json else text(answer))
