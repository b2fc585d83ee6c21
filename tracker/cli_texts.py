"""What commands print for people; with `--json` none of this is used."""

from collections.abc import Callable
from typing import Any

from tracker.fraud.commands import FRAUD_TEXTS
from tracker.geo.update import update_text
from tracker.operations.texts import backup_text, doctor_text, restore_text
from tracker.privacy.commands import PRIVACY_TEXTS
from tracker.recompute.command_line import recompute_text

Answer = dict[str, Any]
Text = Callable[[Answer], str]


def init_text(answer: Answer) -> str:
    """Return what a new installation needs next."""
    lines = [f"Made {answer['data_dir']}.", "", f"Sign in as   {answer['admin_email']}"]
    if "admin_password" in answer:
        lines.append(f"Password     {answer['admin_password']}   (shown this once)")
    if "publishable_key" in answer:
        lines += [
            "",
            f"Program          {answer['program_id']}",
            f"Publishable key  {answer['publishable_key']}",
            f"Secret key       {answer['secret_key']}   (shown this once)",
            f"Signing secret   {answer['signing_secret']}   (shown this once)",
            f"Test keys        {answer['test_publishable_key']}  {answer['test_secret_key']}",
        ]
    if "names" in answer:
        lines += ["", "Names of your own, in molva.toml: " + ", ".join(_name_texts(answer["names"]))]
    if "tag" in answer:
        lines += ["", "For every page:", answer["tag"]]
    return "\n".join([*lines, "", f"Now start it:  molva serve --data-dir {answer['data_dir']}"])


def _name_texts(names: Answer) -> list[str]:
    return [f"{name} {' '.join(value) if isinstance(value, list) else value}" for name, value in names.items()]


def _migrate_text(answer: Answer) -> str:
    """Return whether the schema is the newest."""
    if answer["ok"]:
        return f"The schema is the newest ({answer['revision']})."
    return f"The schema is {answer['revision']}, the newest is {answer['newest']}; run: molva migrate"


def _partner_text(answer: Answer) -> str:
    return f"Partner     {answer['partner_id']}\nCode        {answer['code']}\nLink        {answer['link']}"


def _user_text(answer: Answer) -> str:
    line = f"{answer['email']} ({answer['role']})" + (", disabled" if answer["disabled"] else "")
    return f"{line}\nPassword  {answer['password']}   (shown this once)" if "password" in answer else line


def _users_text(answer: Answer) -> str:
    return "\n".join(_user_text(user) for user in answer["data"])


def _key_text(answer: Answer) -> str:
    return f"{answer['key_id']}  {answer['kind']}\n{answer['value']}   (keep it; a secret is shown this once)"


def _keys_text(answer: Answer) -> str:
    return "\n".join(
        f"{key['key_id']}  {key['kind']:<11}  {'live' if key['livemode'] else 'test'}  "
        f"{key['value'] or '…' + key['last4']}{'  revoked' if key['revoked'] else ''}"
        for key in answer["data"]
    )


def _revoked_text(answer: Answer) -> str:
    return f"{answer['key_id']} is revoked."


def _ledger_text(answer: Answer) -> str:
    counted = f"{answer['transactions']} transactions, {answer['entries']} entries"
    return _check_text(answer, counted)


def _audit_text(answer: Answer) -> str:
    return _check_text(answer, "the audit chain")


def _check_text(answer: Answer, what: str) -> str:
    if answer["ok"]:
        return f"Everything holds: {what}."
    return "\n".join(["These do not hold:", *(f"  {_problem_text(problem)}" for problem in answer["problems"])])


def _problem_text(problem: Any) -> str:
    """Return a problem as one line; the ledger tells the broken law and its first row, the audit trail a sentence."""
    return f"{problem['law']}: {problem['row']}: {problem['detail']}" if isinstance(problem, dict) else str(problem)


def _events_text(answer: Answer) -> str:
    if not answer["data"]:
        return "There are no such events."
    return "\n".join(
        f"{event['id']}  {event['received_at']}  {event['source']}  {event['cause'] or event['code']}"
        for event in answer["data"]
    )


def _judged_text(answer: Answer) -> str:
    return "\n".join(
        f"{event['id']}  {event['verdict'] or 'unchanged'}  {event['result_id'] or event['cause']}".rstrip()
        for event in answer["data"]
    )


TEXTS: dict[str, Text] = {
    "backup": backup_text,
    "restore": restore_text,
    "doctor": doctor_text,
    "geo update": update_text,
    "migrate": _migrate_text,
    "partner add": _partner_text,
    "user add": _user_text,
    "user list": _users_text,
    "user disable": _user_text,
    "user reset-password": _user_text,
    "key create": _key_text,
    "key list": _keys_text,
    "key revoke": _revoked_text,
    "ledger verify": _ledger_text,
    "audit verify": _audit_text,
    "events list": _events_text,
    "events replay": _judged_text,
    "events discard": _judged_text,
    **PRIVACY_TEXTS,
    **FRAUD_TEXTS,
    "attribution recompute": recompute_text,
}
