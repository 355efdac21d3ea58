"""What is asked at every message must not cost more as the tables grow: no statement reads a whole table.

Nor, on PostgreSQL, all that is open to find one of it. Its statistics are mostly of a time when next to nothing was
open; then any index of open rows seems as good to it as any other, and in a storm a round of the sender took a hundred
times as long.
"""

import importlib
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

import api
from api import inbox, outbox, timers
from api.prepared import Prepared
from api.tables import metadata
from bot.model import Inbound, Reply
from tests.desk_room import Room, opened
from tests.service import INBOX, OUTBOX

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


STATEMENTS: dict[str, Any] = {**dict(_prepared()), "api.timers._DUE": timers._DUE}


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


# --- PostgreSQL ------------------------------------------------------------------------------------------------------

#: few, or asked of at rare times
_MEANT = {
    "api.marks._MARK": {"ix_outbox_sending"},
    "api.outbox._ON_THE_WIRE": {"ix_outbox_open"},
}


@pytest.fixture
def quiet(tmp_path: Path, postgres_url: str) -> Iterator[sa.Connection]:
    """PostgreSQL knows of many rows, none of them open."""
    with opened(tmp_path, postgres_url) as one, one.house.store.engine.connect() as connection:
        said = [
            Inbound(channel="telegram", chat=f"{number % 500}", message_id=f"{number}", sent_at=one.now, sender="1")
            for number in range(2000)
        ]
        inbox.put(connection, [inbox.from_channel(each, each.message_id) for each in said], one.now)
        for number, each in enumerate(said):
            pen = outbox.Pen(number, f"telegram:{each.chat}", one.now)
            pen.reply(Reply(text="Dạ con nghe ạ"), 0)
            outbox.insert(connection, pen.rows)
        connection.execute(INBOX.update().values(done_at=one.now))
        connection.execute(OUTBOX.update().values(status=outbox.Status.SENT))
        for statement in ("REINDEX TABLE inbox", "REINDEX TABLE outbox", "ANALYZE"):  # as vacuum leaves them
            connection.exec_driver_sql(statement)
        connection.exec_driver_sql("SET enable_seqscan = off")  # the tables are small here
        connection.exec_driver_sql("SET plan_cache_mode = force_generic_plan")
        yield connection


def _read_whole(connection: sa.Connection, statement: Any) -> set[str]:
    """The indexes of inbox and outbox, or the tables, that PostgreSQL would read from end to end."""
    text = str(statement.compile(dialect=postgresql.psycopg.dialect()))  # type: ignore[no-untyped-call]
    values = list(dict.fromkeys(re.findall(r"%\((\w+)\)s", text)))
    for number, name in enumerate(values, 1):
        text = text.replace(f"%({name})s", f"${number}")
    connection.exec_driver_sql(f"PREPARE one AS {text}")
    given = f"({', '.join(['NULL'] * len(values))})" if values else ""
    [[[told]]] = connection.exec_driver_sql(f"EXPLAIN (FORMAT JSON) EXECUTE one{given}").all()
    connection.exec_driver_sql("DEALLOCATE one")
    scans = [node for node in _nodes(told["Plan"]) if "Scan" in node["Node Type"] and "Index Cond" not in node]
    names = {
        node.get("Index Name") or node.get("Relation Name", "")
        for node in scans
        if "Bitmap Heap" not in node["Node Type"]
    }
    return {name for name in names if re.match(r"(?:ix|pk|uq)_(?:in|out)box|(?:in|out)box$", name)}


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for inner in plan.get("Plans", ()):
        yield from _nodes(inner)


def test_postgresql_goes_through_nothing_to_find_one(quiet: sa.Connection) -> None:
    whole = {name: read for name, one in STATEMENTS.items() if (read := _read_whole(quiet, one))}
    assert {name: read for name, read in whole.items() if not read <= _MEANT.get(name, set())} == {}


def test_what_postgresql_would_read_whole_is_seen(quiet: sa.Connection) -> None:
    by_lane = sa.select(OUTBOX.c.id).where(outbox.QUEUED, OUTBOX.c.lane == sa.bindparam("lane"))
    assert _read_whole(quiet, by_lane) == {"ix_outbox_next"}
    assert _read_whole(quiet, sa.select(OUTBOX.c.id).where(OUTBOX.c.error == sa.bindparam("why"))) == {"outbox"}
