"""The arguments of the command `molva`, and which of them are parameters of a command."""

import os
from argparse import ArgumentParser, Namespace, _SubParsersAction
from typing import Any

from attribution.models import MODELS
from tracker.keys.types import KINDS
from tracker.quarantine.types import VERDICTS
from tracker.recompute.engines import ENGINES
from tracker.users.types import ROLES

_NOT_PARAMS = frozenset({"command", "data_dir", "json"})


def params_of(arguments: Namespace) -> dict[str, Any]:
    """Return what the command itself takes."""
    return {name: value for name, value in vars(arguments).items() if name not in _NOT_PARAMS and value is not None}


def parser() -> ArgumentParser:
    """Return the parser of the whole command line."""
    common = ArgumentParser(add_help=False)
    common.add_argument(
        "--data-dir",
        default=os.environ.get("MOLVA_DATA_DIR", "./molva-data"),
        help="the data folder (MOLVA_DATA_DIR; default ./molva-data)",
    )
    common.add_argument("--json", action="store_true", help="print one JSON object")
    top = ArgumentParser(prog="molva", description="Self-hosted referral tracking and partner programmes.")
    commands = top.add_subparsers(required=True, metavar="COMMAND")
    _running(commands, common)
    _people(commands, common)
    _checks(commands, common)
    _operations(commands, common)
    _privacy(commands, common)
    _fraud(commands, common)
    return top


def _add(
    commands: "_SubParsersAction[ArgumentParser]", name: str, common: ArgumentParser, **texts: Any
) -> ArgumentParser:
    command = commands.add_parser(name.rsplit(" ", 1)[-1], parents=[common], **texts)
    command.set_defaults(command=name)
    return command


def _group(commands: "_SubParsersAction[ArgumentParser]", name: str, text: str) -> "_SubParsersAction[ArgumentParser]":
    return commands.add_parser(name, help=text).add_subparsers(required=True, metavar="ACTION")


def _running(commands: "_SubParsersAction[ArgumentParser]", common: ArgumentParser) -> None:
    init = _add(commands, "init", common, help="make a new installation")
    init.add_argument("--admin-email", required=True, help="the owner who signs in first")
    init.add_argument("--admin-password-file", help="a file with the owner's password; without it one is made")
    init.add_argument("--base-url", default="http://127.0.0.1:8000", help="the outside address")
    init.add_argument("--program", help="name of a first program: 20 %% of sales, 30 days hold")
    init.add_argument("--site", action="append", nargs="+", metavar="ORIGIN", help="a site of that program")
    init.add_argument("--currency", default="EUR", help="ISO 4217 (EUR)")
    init.add_argument(
        "--neutral-names", action="store_true", help="draw the names a browser sees at random: filter lists learn names"
    )
    serve = _add(commands, "serve", common, help="migrate, then serve everything")
    serve.add_argument("--host", default="127.0.0.1")
    serve.add_argument("--port", type=int, default=8000)
    serve.add_argument("--workers", type=int, default=1, help="server processes (PostgreSQL only)")
    _add(commands, "worker", common, help="run the background tasks alone (PostgreSQL)")
    demo = _add(commands, "demo", common, help="start with demo data and a demo shop")
    demo.add_argument("--port", type=int, default=8000, help="the shop takes the next one")
    migrate = _add(commands, "migrate", common, help="bring the schema to the newest revision")
    migrate.add_argument("--check", action="store_true", help="only tell whether it is the newest")


def _operations(commands: "_SubParsersAction[ArgumentParser]", common: ArgumentParser) -> None:
    doctor = _add(commands, "doctor", common, help="look at everything that must be right, and say what is not")
    doctor.add_argument("--url", help="where the running server is reached (default: base_url)")
    backup = _add(commands, "backup", common, help="write everything into one file, beside a running server")
    backup.add_argument("file", help="a new file")
    backup.add_argument("--with-secrets", action="store_true", help="put the root secret and the address keys in too")
    restore = _add(commands, "restore", common, help="make an installation of a backup, in a new data folder")
    restore.add_argument("file", help="a file that molva backup wrote")
    restore.add_argument("--verify", action="store_true", help="only tell whether it could be restored")


def _privacy(commands: "_SubParsersAction[ArgumentParser]", common: ArgumentParser) -> None:
    privacy = _group(commands, "privacy", "the data of one person")
    for name, text in (
        ("privacy export", "write everything that is stored about a person"),
        ("privacy erase", "take everything that tells of a person, for good"),
    ):
        command = _add(privacy, name, common, help=text)
        whose = command.add_mutually_exclusive_group(required=True)
        whose.add_argument("--email", help="everybody with this mailbox: customers and a partner")
        whose.add_argument("--customer", help="one customer, cus_…")
        whose.add_argument("--visitor", help="one browser, vis_…")
        whose.add_argument("--partner", help="one partner, prt_…")
        if name == "privacy export":
            command.add_argument("--out", help="a new file for the JSON instead of the terminal")
        else:
            command.add_argument("--reason", required=True, help="why, for the trail")


def _fraud(commands: "_SubParsersAction[ArgumentParser]", common: ArgumentParser) -> None:
    fraud = _group(commands, "fraud", "the fraud rules, over files of events and made-up worlds")
    replayed = _add(fraud, "fraud replay", common, help="show the rules a file of events; needs no database")
    replayed.add_argument("file", metavar="FILE", help="JSON Lines as docs/fraud-replay.md says; - for standard input")
    made = _add(fraud, "fraud simulate", common, help="make labelled worlds; needs no database")
    made.add_argument("--seed", default="1", metavar="N|A-B", help="one world, or a range of them (1)")
    made.add_argument("--out", default="./fraud-worlds", metavar="DIR", help="where they go (./fraud-worlds)")
    made.add_argument(
        "--base-rate", type=int, default=30_000, metavar="PPM", help="fraud among leads, of a million (30000)"
    )
    made.add_argument("--unseen", action="store_true", help="fraud by the schemes no rule was tuned on")
    judged = _add(fraud, "fraud evaluate", common, help="hold rules and peers against the truth of worlds")
    judged.add_argument("dir", metavar="DIR", help="what fraud simulate wrote")
    judged.add_argument("--out", metavar="DIR", help="where the reports go (the same folder)")
    judged.add_argument("--quick", action="store_true", help="leave out the days to detection")


def _people(commands: "_SubParsersAction[ArgumentParser]", common: ArgumentParser) -> None:
    user = _group(commands, "user", "staff who sign in")
    for name, text in (("user add", "add a user"), ("user reset-password", "give a user another password")):
        command = _add(user, name, common, help=text)
        command.add_argument("--email", required=True)
        command.add_argument("--password-file", help="a file with the password; without it one is made")
        if name == "user add":
            command.add_argument("--role", required=True, choices=ROLES)
    _add(user, "user list", common, help="list users")
    _add(user, "user disable", common, help="close an account").add_argument("--email", required=True)
    key = _group(commands, "key", "API keys of a program")
    create = _add(key, "key create", common, help="make a key, shown once")
    create.add_argument("--program", required=True)
    create.add_argument("--kind", required=True, choices=KINDS)
    create.add_argument("--scope", action="append", help="what a secret key may do (default: everything)")
    create.add_argument("--test", action="store_true", help="a key for test objects")
    _add(key, "key list", common, help="list keys").add_argument("--program", required=True)
    _add(key, "key revoke", common, help="end a key").add_argument("key", help="its id, key_…")
    partner = _group(commands, "partner", "partners of a program")
    add = _add(partner, "partner add", common, help="add a partner and print code and link")
    add.add_argument("--program", required=True)
    add.add_argument("--name", required=True)
    add.add_argument("--email", required=True)
    add.add_argument("--code", help="A-Z, 0-9 and hyphens; without it one is made from the name")


def _recompute(command: ArgumentParser) -> None:
    command.add_argument("--program", help="only this program")
    command.add_argument("--since", metavar="T", help="only what happened since a day or instant")
    command.add_argument("--dry-run", action="store_true", help="only tell who would gain and who would lose")
    command.add_argument("--engine", choices=tuple(ENGINES), default="lookup", help="what finds the clicks (lookup)")
    command.add_argument("--processes", type=int, metavar="N", help="how many compute (one a core, for large runs)")
    command.add_argument("--resume", metavar="RUN", help="go on with a run that was interrupted")
    command.add_argument("--model", choices=tuple(MODELS), help="what if this model had been in force; changes nothing")
    command.add_argument("--window-days", type=int, metavar="N", help="what if this window had been in force")


def _checks(commands: "_SubParsersAction[ArgumentParser]", common: ArgumentParser) -> None:
    attribution = _group(commands, "attribution", "the attribution engine")
    replay = _add(attribution, "attribution replay", common, help="decide a scenario file; needs no database")
    replay.add_argument("file")
    _recompute(
        _add(attribution, "attribution recompute", common, help="decide conversions again with all that is known")
    )
    _add(_group(commands, "ledger", "the ledger"), "ledger verify", common, help="hold every row against every law")
    _add(_group(commands, "audit", "the audit trail"), "audit verify", common, help="walk the chain of entries")
    update = _add(_group(commands, "geo", "country and network files"), "geo update", common, help="fetch newer ones")
    update.add_argument("--allow-private", action="store_true", help="take them from a private address, too")
    events = _group(commands, "events", "events as received")
    listed = _add(events, "events list", common, help="list received events")
    listed.add_argument("--verdict", choices=VERDICTS)
    again = _add(events, "events replay", common, help="take refused events again")
    again.add_argument("event", nargs="+", help="their ids, evt_…")
    discard = _add(events, "events discard", common, help="give refused events up")
    discard.add_argument("event", nargs="+", help="their ids, evt_…")
    discard.add_argument("--reason", required=True, help="why, for the audit trail")
