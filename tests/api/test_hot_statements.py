"""What the loops ask many times a second must not cost more as the tables grow: no statement reads a whole table."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import sqlite

from api import sender, timers, turns
from tests.desk_room import Room, opened

STATEMENTS = {
    "void": sender._VOID,
    "mark": sender._MARK.statement,
    "next due": sender._NEXT_DUE.statement,
    "open events": turns._OPEN.statement,
    "due timers": timers._FIRE,
}


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    folder: Path = tmp_path_factory.mktemp("hot")
    with opened(folder, f"sqlite:///{folder}/gocua.db") as one:
        yield one


@pytest.mark.parametrize("name", STATEMENTS)
def test_it_reads_through_an_index(room: Room, name: str) -> None:
    statement: Any = STATEMENTS[name]
    text = str(statement.compile(dialect=sqlite.dialect()))
    with room.house.store.engine.connect() as connection:
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}", (1,) * text.count("?")).all()
    assert plan
    tables = [row[3] for row in plan if "json_each" not in row[3]]  # a list that was given, no table
    whole = [line for line in tables if line.startswith("SCAN") and "USING" not in line]
    assert whole == []


def test_the_plan_of_a_whole_table_would_be_seen(room: Room) -> None:
    with room.house.store.engine.connect() as connection:
        [row] = connection.execute(sa.text("EXPLAIN QUERY PLAN SELECT * FROM outbox")).all()
    assert row[3].startswith("SCAN")
    assert "USING" not in row[3]
