"""The schema's version: bringing it up, and refusing to work with another one.

Migrations ship inside the package and run in one transaction, so one that is killed half-way never happened.
"""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect
from sqlmodel import SQLModel

from github_app.errors import SchemaMismatchError
from github_app.store import tables
from github_app.store.session import Database, Guarded

HERE = Path(__file__).parent / "migrations"
METADATA = SQLModel.metadata
TABLES = tuple(row.__table__ for row in vars(tables).values() if hasattr(row, "__table__"))  # type: ignore[attr-defined]


def code_version() -> str:
    """Return the schema version this code was written for."""
    return str(ScriptDirectory(str(HERE)).get_current_head())


def database_version(connection: Connection) -> str | None:
    """Return the schema version the database says it has, None when it was never set up."""
    return MigrationContext.configure(connection).get_current_revision()


def upgrade(db: Database, version: str = "head") -> None:
    """Migrate to `version`. Raises SchemaMismatchError, and does nothing, when the database is newer than this code."""
    with db.connect() as connection:
        db.lock(connection, Guarded.SCHEMA)
        _refuse_unknown(database_version(connection))
        config = Config()
        config.set_main_option("script_location", str(HERE).replace("%", "%%"))
        config.attributes["connection"] = connection
        command.upgrade(config, version)


def check(db: Database) -> None:
    """Raise SchemaMismatchError unless version and columns are those of this code."""
    with db.engine.connect() as connection:
        found = database_version(connection)
        _refuse_unknown(found)
        wanted = code_version()
        if found is None:
            raise SchemaMismatchError(
                f"the database is empty, this code needs schema {wanted}", hint="run `remit db upgrade`"
            )
        if found != wanted:
            raise SchemaMismatchError(
                f"the database has schema {found}, this code needs {wanted}", hint="run `remit db upgrade`"
            )
        real = inspect(connection)
        present = set(real.get_table_names())
        missing = [
            f"{table.name}.{name}"
            for table in TABLES
            for name in sorted(
                {column.name for column in table.columns}
                - ({column["name"] for column in real.get_columns(table.name)} if table.name in present else set())
            )
        ]
        if missing:
            raise SchemaMismatchError(
                f"the database says schema {found}, as this code ({wanted}) wants, but lacks {', '.join(missing[:5])}",
                hint="restore a backup, or look for a migration that was interrupted",
            )


def _refuse_unknown(found: str | None) -> None:
    script = ScriptDirectory(str(HERE))
    known = {revision.revision for revision in script.walk_revisions()}
    if found is not None and found not in known:
        raise SchemaMismatchError(
            f"the database has schema {found}, this code knows up to {code_version()}",
            hint="the database was upgraded by a newer Remit: run that one",
        )
