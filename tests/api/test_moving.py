"""From SQLite to PostgreSQL: every row, proved; or nothing at all."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from filelock import FileLock

from api import moving, schema
from api.moving import MoveRefused
from api.settings import Settings
from api.tables import metadata
from tests.rows import fill_every_table


@pytest.fixture
def old(tmp_path: Path) -> Settings:
    settings = Settings(_env_file=None, database_url=f"sqlite:///{tmp_path}/gocua.db")
    fill_every_table(settings)
    return settings


@pytest.fixture
def target(postgres_url: str) -> Iterator[sa.Engine]:
    engine = sa.create_engine(postgres_url, poolclass=sa.NullPool)
    yield engine
    engine.dispose()


def _url(engine: sa.Engine) -> str:
    return engine.url.render_as_string(hide_password=False)


def _all(engine: sa.Engine, table: sa.Table) -> list[Any]:
    """As the service reads them: what a JSON or a moment holds, not how it is written."""
    with engine.connect() as connection:
        return sorted((tuple(row) for row in connection.execute(sa.select(table))), key=repr)


def test_every_row_arrives_as_the_service_reads_it(old: Settings, target: sa.Engine) -> None:
    proofs = moving.move(old, _url(target))
    source = sa.create_engine(old.database_url)
    for table in metadata.sorted_tables:
        assert proofs[table.name].rows >= 2
        assert _all(source, table) == _all(target, table), table.name
    source.dispose()


def test_new_rows_get_numbers_of_their_own(old: Settings, target: sa.Engine) -> None:
    moving.move(old, _url(target))
    log = metadata.tables["log"]
    row = {"at": sa.text("1"), "kind": "x", "conversation": "", "flow": "", "step": "", "detail": ""}
    with target.begin() as connection:
        last = connection.execute(sa.select(sa.func.max(log.c.id))).scalar_one()
        assert connection.execute(log.insert().values(row).returning(log.c.id)).scalar_one() == last + 1


def test_not_while_a_service_runs(old: Settings, target: sa.Engine) -> None:
    with FileLock(f"{old.database_file}.lock"), pytest.raises(MoveRefused, match="dừng"):
        moving.move(old, _url(target))
    with target.connect() as other:
        other.exec_driver_sql("SELECT 1")
        with pytest.raises(MoveRefused, match="dừng"):
            moving.move(old, _url(target))
    assert sa.inspect(target).get_table_names() == []


def test_not_into_a_database_that_has_rows(old: Settings, target: sa.Engine) -> None:
    schema.migrate(target)
    with target.begin() as connection:
        connection.exec_driver_sql("INSERT INTO zalo_key VALUES ('1', '', '', '', '', NULL, NULL, NULL, '', '')")
    with pytest.raises(MoveRefused, match="trống"):
        moving.move(old, _url(target))
    with target.connect() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM inbox").scalar() == 0


def test_what_does_not_agree_is_taken_back(old: Settings, target: sa.Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    put = moving.write

    def lose_one(connection: sa.Connection, table: sa.Table, columns: list[str], rows: Iterator[moving.Row]) -> None:
        if table.name == "miss":
            rows = iter(list(rows)[1:])
        put(connection, table, columns, rows)

    monkeypatch.setattr(moving, "write", lose_one)
    with pytest.raises(MoveRefused, match="không khớp"):
        moving.move(old, _url(target))
    assert sa.inspect(target).get_table_names() == []


def test_only_from_sqlite_to_postgresql(old: Settings, postgres_url: str, tmp_path: Path) -> None:
    with pytest.raises(MoveRefused, match="postgresql"):
        moving.move(old, f"sqlite:///{tmp_path}/other.db")
    with pytest.raises(MoveRefused, match="SQLite"):
        moving.move(Settings(_env_file=None, database_url=postgres_url), postgres_url)


def test_a_slow_disk_ends_no_move(old: Settings, target: sa.Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server ends every transaction that says nothing for 300 ms; the old file takes longer than that."""
    with target.connect() as connection:
        idle = f"ALTER DATABASE {target.url.database} SET idle_in_transaction_session_timeout = 300"
        connection.exec_driver_sql(idle)
        connection.commit()
    look = moving.tables

    def slow(connection: sa.Connection) -> list[sa.Table]:
        if connection.dialect.name == "sqlite":
            time.sleep(0.8)
        return look(connection)

    monkeypatch.setattr(moving, "tables", slow)
    assert all(proof.rows for proof in moving.move(old, _url(target)).values())


@pytest.mark.parametrize("row", [(1, "ế", None, 1.5, b"\0\xff"), (), (2**62, "", "\\N\t\n")])
def test_a_row_is_one_line_and_comes_back(row: moving.Row) -> None:
    assert b"\n" not in moving.line(row)
    assert moving.unline(moving.line(row)) == row
