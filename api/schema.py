"""Brings a database to the tables of this version, and says where it stands. Knows no table by name.

Only upwards: the way back is the copy made before the upgrade (docs/operating.md). Alembic is 8 MB of memory: it comes
only when there is something to bring up to date, and to `gocua serve` not even then (`migrate_apart`).
"""

import subprocess
import sys
from pathlib import Path

import sqlalchemy as sa

#: any number that nothing else in the database locks: processes that start together migrate one after another
_LOCK = 4_706_2026
#: each revision is a file here, "r<revision>_<what>.py", in their order
_REVISIONS = Path(__file__).parent / "migrations" / "versions"
#: where Alembic keeps the revision of a database
_version = sa.table("alembic_version", sa.column("version_num"))


class SchemaError(Exception):
    """The database is of a newer gocua. The message says what to do."""


def head() -> str:
    """The newest revision that this version knows."""
    return _known()[-1]


def is_known(found: str) -> bool:
    """Whether this version can work on a database of this revision, once it is brought up to date."""
    return found in ("", *_known())


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


def migrate_apart(engine: sa.Engine) -> None:
    """As `gocua migrate`, by a process that is gone when it has done it. Where that fails, `migrate` will say why."""
    if current(engine) != head():
        command = [sys.executable, "-c", "from api.cli import app; app()", "migrate"]
        subprocess.run(command, check=False, capture_output=True)  # noqa: S603 our own command


def bring(connection: sa.Connection, to: str = "head") -> tuple[str, str]:
    """As `migrate`, in the caller's transaction, and up to any revision. Others who migrate wait until its end."""
    _claim(connection)
    before = revision(connection)
    for one in (before, to):
        if one != "head" and not is_known(one):
            raise SchemaError(
                f"cơ sở dữ liệu đang ở bản {one}, gocua này chưa biết bản đó: chạy gocua mới hơn, hoặc khôi phục "
                "bản sao lưu trước lúc nâng cấp"
            )
    if before != (head() if to == "head" else to):
        _upgrade(connection, to)
    return before, revision(connection)


def _upgrade(connection: sa.Connection, to: str) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(_REVISIONS.parent).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    command.upgrade(config, to)


def _claim(connection: sa.Connection) -> None:
    """Nobody else writes until the commit, and what changes a table belongs to the transaction on SQLite too."""
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
    elif not connection.connection.dbapi_connection.in_transaction:  # type: ignore[union-attr] # sqlite3's own attribute
        # Python's driver opens a transaction by itself only before INSERT, UPDATE and DELETE
        connection.exec_driver_sql("BEGIN IMMEDIATE")


def _known() -> list[str]:
    """Every revision of this version, oldest first."""
    return sorted(path.stem[1:].partition("_")[0] for path in _REVISIONS.glob("r*.py"))


def revision(connection: sa.Connection) -> str:
    """As `current`."""
    if not sa.inspect(connection).has_table(_version.name):
        return ""
    return connection.execute(sa.select(_version.c.version_num)).scalar() or ""
