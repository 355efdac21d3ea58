"""What is asked at every message must not cost more as the tables grow: no statement reads a whole table."""

import importlib
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import sqlite

import api
from api import marks, timers
from api.prepared import Prepared
from api.tables import metadata
from tests.desk_room import Room, opened

#: indexes that hold the few open rows alone: to read one from end to end is to read those
_OPEN = {
    index.name
    for table in metadata.tables.values()
    for index in table.indexes
    if index.dialect_options["sqlite"]["where"] is not None
}


def _prepared() -> Iterator[tuple[str, Any]]:
    """Every prepared statement that looks for rows, whichever module has it."""
    for module in (importlib.import_module(f"api.{found.name}") for found in pkgutil.iter_modules(api.__path__)):
        for name, value in vars(module).items():
            each = value.values() if isinstance(value, dict) else (value,)
            for one in each:
                if isinstance(one, Prepared) and not isinstance(one.statement, sa.Insert):
                    yield f"{module.__name__}.{name}", one.statement


STATEMENTS: dict[str, Any] = {**dict(_prepared()), "api.marks._VOID": marks._VOID, "api.timers._DUE": timers._DUE}


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    folder: Path = tmp_path_factory.mktemp("hot")
    with opened(folder, f"sqlite:///{folder}/gocua.db") as one:
        yield one


def _whole(connection: sa.Connection, text: str) -> list[str]:
    """The lines of the plan that read a table, or an index of all its rows, from end to end."""
    plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}", (1,) * text.count("?")).all()
    assert plan
    names = {alias: table for table, alias in re.findall(r"(\w+) AS (\w+)", text)}
    found = (re.match(r"SCAN (\w+)(?: USING (?:COVERING )?INDEX (\w+))?", row[3]) for row in plan)
    return [
        line[0] for line in found if line and names.get(line[1], line[1]) in metadata.tables and line[2] not in _OPEN
    ]


@pytest.mark.parametrize("name", STATEMENTS)
def test_it_reads_through_an_index(room: Room, name: str) -> None:
    with room.house.store.engine.connect() as connection:
        assert _whole(connection, str(STATEMENTS[name].compile(dialect=sqlite.dialect()))) == []


def test_the_ways_are_among_them() -> None:
    assert {"api.batch.DONE", "api.turns._LOCK", "api.marks._MARK", "api.outbox._VOID"} <= STATEMENTS.keys()


@pytest.mark.parametrize(
    "text",
    [
        "SELECT * FROM outbox",
        "SELECT name FROM member",
        "SELECT o.id FROM outbox AS o WHERE o.error = ?",
        "SELECT key FROM conversation WHERE (key IN (SELECT value FROM json_each(?))) = 1",
    ],
)
def test_the_plan_of_a_whole_table_would_be_seen(room: Room, text: str) -> None:
    with room.house.store.engine.connect() as connection:
        assert _whole(connection, text)
