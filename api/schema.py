"""Brings a database to the tables of this version, and says where it stands. Knows no table by name.

Only upwards: the way back is the copy made before the upgrade (docs/operating.md).
"""

from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

#: any number that nothing else in the database locks: processes that start together migrate one after another
_LOCK = 4_706_2026


class SchemaError(Exception):
    """The database is of a newer gocua: start that version, or restore the copy made before the upgrade."""


def head() -> str:
    """The newest revision that this version knows."""
    newest = ScriptDirectory.from_config(_config()).get_current_head()
    assert newest is not None
    return newest


def current(engine: sa.Engine) -> str:
    """The revision at which the database stands; "" for an empty one."""
    with engine.connect() as connection:
        return revision(connection)


def migrate(engine: sa.Engine) -> tuple[str, str]:
    """Bring the database to `head()` in one transaction: all of it or nothing. Returns the revision before and after.

    Raises SchemaError, having changed nothing.
    """
    with engine.begin() as connection:
        return bring(connection)


def bring(connection: sa.Connection, to: str = "head") -> tuple[str, str]:
    """As `migrate`, in the caller's transaction, and up to any revision. Others who migrate wait until its end."""
    config = _config()
    _claim(connection)
    before = revision(connection)
    for one in (before, to):
        if one not in ("", "head") and one not in _known(config):
            raise SchemaError(f"The database stands at revision {one}, unknown here. {SchemaError.__doc__}")
    config.attributes["connection"] = connection
    command.upgrade(config, to)
    return before, revision(connection)


def _claim(connection: sa.Connection) -> None:
    """Nobody else writes until the commit, and what changes a table belongs to the transaction on SQLite too."""
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
    elif not connection.connection.dbapi_connection.in_transaction:  # type: ignore[union-attr] # sqlite3's own attribute
        # Python's driver opens a transaction by itself only before INSERT, UPDATE and DELETE
        connection.exec_driver_sql("BEGIN IMMEDIATE")


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


def _known(config: Config) -> set[str]:
    return {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}


def revision(connection: sa.Connection) -> str:
    """As `current`."""
    return MigrationContext.configure(connection).get_current_revision() or ""
