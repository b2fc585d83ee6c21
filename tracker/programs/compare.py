"""What changed between two versions of a program's terms; pure.

The history on the program's page is made of it.
"""

from typing import Any, NamedTuple

import msgspec

from tracker.programs.types import ProgramSettings


class Change(NamedTuple):
    """One field that differs: its dotted path and both values, None where it was absent."""

    field: str
    before: Any
    after: Any


def changes_between(old: ProgramSettings, new: ProgramSettings) -> list[Change]:
    """Return the differing fields by path, in alphabetical order."""
    before, after = flatten(msgspec.to_builtins(old)), flatten(msgspec.to_builtins(new))
    paths = sorted(before.keys() | after.keys())
    return [Change(path, before.get(path), after.get(path)) for path in paths if before.get(path) != after.get(path)]


def flatten(value: Any, path: str = "") -> dict[str, Any]:
    """Return the leaves of plain data by dotted path; rewards are named by their id, other lists are leaves."""
    if isinstance(value, dict):
        items = [(str(key), inner) for key, inner in value.items() if key != "reward_id"]
    elif isinstance(value, list | tuple) and value and all(isinstance(item, dict) for item in value):
        items = [(str(item.get("reward_id", index)), item) for index, item in enumerate(value)]
    else:
        return {path: value}
    leaves: dict[str, Any] = {}
    for key, inner in items:
        leaves |= flatten(inner, f"{path}.{key}" if path else key)
    return leaves
