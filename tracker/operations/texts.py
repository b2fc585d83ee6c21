"""What the operations print for people; with `--json` none of this is used."""

from typing import Any

Answer = dict[str, Any]

_MARKS = {"ok": "ok      ", "warning": "warning ", "failed": "FAILED  "}
_SECRETS = {
    "included": "The root secret is in the backup.",
    "present": "The root secret is here, and the right one.",
    "missing": "The root secret is not in the backup and not here; without it nothing can be restored.",
    "other": "The root secret here is another one than the backup belongs to.",
}


def backup_text(answer: Answer) -> str:
    """Return what was written and what must be kept beside it."""
    ledger = answer["ledger"]
    lines = [f"Wrote {answer['file']} ({_mib(answer['size_bytes'])}), as of {answer['made_at']}."]
    lines += [f"  {part['name']:<18} {_mib(part['size_bytes']):>10}" for part in answer["parts"]]
    if ledger is None:
        lines.append(f"The schema is {answer['revision']}, older than this version's: the ledger was not verified.")
    elif not ledger["problems"]:
        lines.append(f"Everything holds: {ledger['transactions']} transactions, {ledger['entries']} entries.")
    else:
        lines += ["These do not hold:", *(f"  {problem}" for problem in ledger["problems"])]
    return "\n".join([*lines, "Not in it:", *(f"  {each}" for each in answer["not_included"])])


def restore_text(answer: Answer) -> str:
    """Return what was restored, or that it could be."""
    ledger = answer["ledger"]
    lines = [f"{answer['file']}: made {answer['made_at']} by {answer['version']}, schema {answer['revision']}."]
    lines.append("Every file is as it was written, and SQLite finds no damage.")
    if answer["ok"]:
        lines.append(f"Everything holds: {ledger['transactions']} transactions, {ledger['entries']} entries.")
    else:
        lines += ["These do not hold:", *(f"  {problem}" for problem in answer["problems"])]
    lines.append(_SECRETS[answer["secret"]])
    lines += ["Not in the backup:", *(f"  {each}" for each in answer["not_included"])]
    if "data_dir" in answer:
        lines += [f"Restored into {answer['data_dir']}.", f"Now start it:  molva serve --data-dir {answer['data_dir']}"]
    return "\n".join(lines)


def doctor_text(answer: Answer) -> str:
    """Return a line a check, with the remedy below where one is needed."""
    lines = []
    for finding in answer["findings"]:
        lines.append(f"{_MARKS[finding['state']]} {finding['check']:<14} {finding['cause']}")
        if finding["remedy"]:
            lines.append(f"{'':<24}{finding['remedy']}")
    return "\n".join(lines)


def _mib(size: int) -> str:
    return f"{size / (1 << 20):.1f} MiB"
