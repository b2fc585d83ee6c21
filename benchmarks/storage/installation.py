"""A fresh, migrated installation with programs and partners, for the programs beside this file."""

from pathlib import Path

from sqlalchemy import Connection

from tracker.db.database import Database
from tracker.db.migrating import migrate
from tracker.db.opening import open_database
from tracker.partners.store import add_partner
from tracker.programs.defaults import default_settings
from tracker.programs.store import create_program

PROGRAMS = 3
NOW_MS = 1_790_000_000_000


async def make_installation(folder: Path, partners: int) -> tuple[Database, list[tuple[str, str]]]:
    """Return the opened database and (program, enrollment) of each partner."""
    database = open_database(f"sqlite:///{folder / 'molva.db'}")
    await migrate(database)
    return database, await database.write(lambda conn: _seed(conn, partners))


def _seed(conn: Connection, partners: int) -> list[tuple[str, str]]:
    programs = [
        create_program(
            conn,
            name=f"Program {number}",
            currency="EUR",
            time_zone="UTC",
            settings=default_settings(),
            sites=["https://shop.example"],
            actor="benchmark",
            now_ms=NOW_MS,
        ).program_id
        for number in range(PROGRAMS)
    ]
    made = []
    for number in range(partners):
        # The first program has four partners of five.
        program_id = programs[0 if number % 5 else 1 + number // 5 % (PROGRAMS - 1)]
        added = add_partner(
            conn,
            program_id=program_id,
            name=f"Partner {number}",
            email=f"partner-{number}@partners.example",
            code=f"PARTNER{number}",
            actor="benchmark",
            now_ms=NOW_MS,
        )
        made.append((program_id, added.enrollment_id))
    return made
