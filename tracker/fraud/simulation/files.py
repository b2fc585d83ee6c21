"""Worlds as folders: `events.jsonl` in the replay's format, `labels.jsonl`, and `world.json` with the parameters.

The commands write and read here; the lines never carry a label.
"""

from collections import Counter
from pathlib import Path
from typing import Any

import msgspec

from tracker.fraud.simulation.types import WORLD_VERSION, Label, Parameters, World

EVENTS, LABELS, WORLD = "events.jsonl", "labels.jsonl", "world.json"
WORLDS_MAX = 1000  # seeds of one command; a world takes seconds


class WorldError(ValueError):
    """Worlds that cannot be made or read: cause, value and remedy."""


class Stored(msgspec.Struct, frozen=True, kw_only=True):
    """A world read back: its folder's name, parameters, raw lines and labels."""

    name: str
    parameters: Parameters
    lines: tuple[bytes, ...]
    labels: tuple[Label, ...]


def encode(line: Any) -> bytes:
    """Return a line as it is written: keys in the order they were given."""
    return msgspec.json.encode(line) + b"\n"


def write_world(world: World, folder: Path) -> dict[str, Any]:
    """Write a world into its folder inside `folder` and return what is in it; an older world there is replaced."""
    place = folder / folder_name(world.parameters)
    summary = describe(world)
    try:
        place.mkdir(parents=True, exist_ok=True)
        (place / EVENTS).write_bytes(b"".join(map(encode, world.lines)))
        (place / LABELS).write_bytes(b"".join(map(encode, world.labels)))
        about = {"version": WORLD_VERSION, "parameters": msgspec.to_builtins(world.parameters), **summary}
        (place / WORLD).write_bytes(msgspec.json.format(msgspec.json.encode(about)) + b"\n")
    except OSError as error:
        raise WorldError(f'"{place}" cannot be written: {error.strerror}. Name another folder with --out.') from error
    return {"folder": str(place), "seed": world.parameters.seed, **summary}


def folder_name(parameters: Parameters) -> str:
    """Return the folder of a world; worlds of unseen schemes stand beside the others."""
    return f"seed-{parameters.seed}{'-unseen' if parameters.unseen else ''}"


def describe(world: World) -> dict[str, Any]:
    """Return how many lines of each type there are, and who they are."""
    units = [label for label in world.labels if label.kind != "partner" and label.unit == label.subject]
    partners = [label for label in world.labels if label.kind == "partner"]
    return {
        "lines": dict(sorted(Counter(line["type"] for line in world.lines).items())),
        "leads": len(units),
        "fraud_leads": sum(label.is_fraud for label in units),
        "partners": len(partners),
        "fraud_partners": sum(label.is_fraud for label in partners),
        "schemes": dict(sorted(Counter(label.scheme for label in units if label.scheme).items())),
        "confounders": dict(sorted(Counter(label.confounder for label in units if label.confounder).items())),
    }


def world_folders(folder: Path) -> list[Path]:
    """Return the folders of worlds inside `folder`, by seed."""
    if not folder.is_dir():
        raise WorldError(f'There is no folder "{folder}". Make worlds with: molva fraud simulate --out {folder}')
    found = [each for each in folder.iterdir() if (each / WORLD).is_file()]
    if not found:
        raise WorldError(f'"{folder}" holds no worlds. Make some with: molva fraud simulate --out {folder}')
    return sorted(found, key=lambda each: (len(each.name), each.name))


def read_world(place: Path) -> Stored:
    """Return a world that `write_world` wrote."""
    try:
        about = msgspec.json.decode((place / WORLD).read_bytes())
        if about["version"] != WORLD_VERSION:
            raise WorldError(
                f'"{place}" is a world of version {about["version"]}; this Molva reads version {WORLD_VERSION}. '
                "Make it again with: molva fraud simulate"
            )
        return Stored(
            name=place.name,
            parameters=msgspec.convert(about["parameters"], Parameters),
            lines=tuple((place / EVENTS).read_bytes().splitlines()),
            labels=tuple(msgspec.json.decode(line, type=Label) for line in (place / LABELS).read_bytes().splitlines()),
        )
    except (OSError, KeyError, TypeError, msgspec.DecodeError) as error:
        raise WorldError(f'"{place}" is no whole world: {error}. Make it again with: molva fraud simulate') from error
