"""The one MetaData all features hang their tables on.

Feature folders import it in their `tables.py`; Alembic and the tests read the whole schema from it. It holds no table
of its own and never opens a connection.
"""

from sqlalchemy import MetaData, Table
from sqlalchemy.sql.schema import SchemaItem

# Names of constraints must be the same in every installation, or a later migration cannot find them.
NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}

METADATA = MetaData(naming_convention=NAMING)

# Tables whose rows are never changed or deleted; the migrations put triggers on them that refuse both.
APPEND_ONLY: list[str] = []


def table(name: str, comment: str, *items: SchemaItem) -> Table:
    """Return a new table: STRICT on SQLite, with its one-line comment."""
    return Table(name, METADATA, *items, comment=comment, sqlite_strict=True)


def append_only(name: str, comment: str, *items: SchemaItem) -> Table:
    """Return a new table whose rows the database refuses to update or delete."""
    APPEND_ONLY.append(name)
    return table(name, comment, *items)
