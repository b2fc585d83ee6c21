"""`molva privacy export` and `molva privacy erase`: what the command line asks of a running server or does itself."""

import os
from pathlib import Path
from typing import Any

import msgspec

from tracker.i18n.messages import InputError, msg
from tracker.privacy.erase import erase_person
from tracker.privacy.export import export_person
from tracker.privacy.types import Asked
from tracker.services import Services

Params = dict[str, Any]
Answer = dict[str, Any]

ACTOR = "cli"


async def export_data(services: Services, params: Params) -> Answer:
    """Return everything stored about one person."""
    answer: Answer = msgspec.to_builtins(await export_person(services, _asked(params)))
    return answer


async def erase_data(services: Services, params: Params) -> Answer:
    """Erase one person and return what was changed and what is left."""
    erased = await erase_person(services, _asked(params), reason=params["reason"], actor=ACTOR)
    return {"changed": erased.counts, "left": msgspec.to_builtins(erased.left)}


def save_answer(path: Path, answer: Answer) -> Answer:
    """Write an export into a new file that its owner alone can read, and return where; refuses a file that is there."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        cause = str(error.strerror)
        raise InputError(
            "out", msg('"%(path)s" cannot be written (%(cause)s); name a new file.', path=str(path), cause=cause)
        ) from error
    with os.fdopen(descriptor, "w") as file:
        file.write(export_text(answer) + "\n")
    return {"file": str(path)}


def saved_text(answer: Answer) -> str:
    """Return where an export lies."""
    return f"Written to {answer['file']}; only you can read it. Delete it when it is handed over."


def export_text(answer: Answer) -> str:
    """Return the data as a person reads it: the JSON itself."""
    return msgspec.json.format(msgspec.json.encode(answer), indent=2).decode()


def erased_text(answer: Answer) -> str:
    """Return what was changed, line by line, and what is left with its reason."""
    lines = [f"{number:>6}  {name.replace('_', ' ')}" for name, number in sorted(answer["changed"].items())]
    lines = lines or ["Nothing was left to erase."]
    return "\n".join([*lines, *(f"Left: {one['what']} {one['id']}. {one['why']}" for one in answer["left"])])


PRIVACY_COMMANDS = {"privacy export": export_data, "privacy erase": erase_data}
PRIVACY_TEXTS = {"privacy export": export_text, "privacy erase": erased_text}


def _asked(params: Params) -> Asked:
    return Asked(**{name: params.get(name) or None for name in Asked.__struct_fields__})
