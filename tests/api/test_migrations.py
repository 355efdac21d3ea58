"""The migrations build exactly what api/tables.py declares, on both databases."""

import threading
from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from api import schema
from api.settings import load
from api.store import Store
from api.tables import metadata


@pytest.fixture
def engine(database_url: str) -> Iterator[sa.Engine]:
    """The store's own engine: migrations must pass through its transactions and pragmas."""
    store = Store(load(database_url=database_url))
    yield store.engine
    store.stop()


def _index_texts(connection: sa.Connection) -> dict[str, str]:
    """Every index by name, as the database itself writes it; Alembic does not compare the WHERE of a partial one."""
    query = (
        "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"
        if connection.dialect.name == "sqlite"
        else "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'"
    )
    texts = {name: " ".join(text.split()) for name, text in connection.exec_driver_sql(query)}
    texts.pop("alembic_version_pkc", None)
    return texts


def test_migrations_build_the_declared_tables(engine: sa.Engine) -> None:
    assert schema.migrate(engine) == ("", schema.head())
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, metadata) == []


def test_migrated_and_declared_indexes_are_the_same(engine: sa.Engine) -> None:
    schema.migrate(engine)
    with engine.begin() as connection:
        migrated = _index_texts(connection)
        metadata.drop_all(connection)
        assert _index_texts(connection) == {}
        metadata.create_all(connection)
        assert migrated == _index_texts(connection)
    assert sum(" WHERE " in text for text in migrated.values()) >= 6


def test_a_second_run_changes_nothing(engine: sa.Engine) -> None:
    assert schema.current(engine) == ""
    schema.migrate(engine)
    assert schema.current(engine) == schema.head()
    assert schema.migrate(engine) == (schema.head(), schema.head())


@pytest.mark.parametrize("plain", [False, True], ids=["store", "plain"])
def test_a_failed_upgrade_leaves_everything_as_it_was(engine: sa.Engine, database_url: str, plain: bool) -> None:
    used = sa.create_engine(database_url) if plain else engine
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE sign_in (in_the_way INTEGER)")
    with pytest.raises(sa.exc.DBAPIError, match="sign_in"):
        schema.migrate(used)
    if plain:
        used.dispose()
    assert sa.inspect(engine).get_table_names() == ["sign_in"]


def test_a_database_of_a_newer_version_is_refused(engine: sa.Engine) -> None:
    schema.migrate(engine)
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(schema.SchemaError, match="9999"):
        schema.migrate(engine)
    assert schema.current(engine) == "9999"


def test_processes_that_start_together_migrate_once(database_url: str) -> None:
    engines = [sa.create_engine(database_url) for _ in range(3)]
    done: list[tuple[str, str]] = []
    threads = [threading.Thread(target=lambda e=engine: done.append(schema.migrate(e))) for engine in engines]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for engine in engines:
        engine.dispose()
    assert sorted(done) == [("", schema.head())] + [(schema.head(), schema.head())] * 2
