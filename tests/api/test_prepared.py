"""A prepared statement gives and takes what SQLAlchemy's execute() would, on both databases."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from api.among import Among
from api.prepared import Prepared, at_once
from api.store import savepoint
from api.tables import Moment

NOW = datetime(2026, 11, 22, 4, 15, 0, 123456, tzinfo=UTC)
THINGS = sa.Table(
    "thing",
    sa.MetaData(),
    sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
    sa.Column("name", sa.String, nullable=False, unique=True),
    sa.Column("size", sa.Integer, nullable=False, default=7),
    sa.Column("weight", sa.Float),
    sa.Column("is_good", sa.Boolean),
    sa.Column("day", sa.Date),
    sa.Column("at", Moment),
    sa.Column("body", sa.JSON),
)
FULL = {
    "name": "bác Tư", "size": 3, "weight": 1.5, "is_good": True, "day": NOW.date(), "at": NOW,
    "body": {"text": "chào", "parts": [1, None, "hai"]},
}  # fmt: skip
EMPTY = {"name": "", "size": 0, "weight": None, "is_good": None, "day": None, "at": None, "body": {}}
INSERT, ALL = Prepared(THINGS.insert()), Prepared(sa.select(THINGS).order_by(THINGS.c.id))


@pytest.fixture
def connection(database_url: str) -> Iterator[sa.Connection]:
    engine = sa.create_engine(database_url)
    with engine.connect() as one, one.begin():
        THINGS.create(one)
        yield one
    engine.dispose()


def by_sqlalchemy(connection: sa.Connection) -> list[dict[str, Any]]:
    return [dict(row) for row in connection.execute(sa.select(THINGS).order_by(THINGS.c.id)).mappings()]


def test_every_type_is_written_and_read_as_sqlalchemy_does(connection: sa.Connection) -> None:
    INSERT.run(connection, FULL)
    INSERT.run(connection, [EMPTY, {**EMPTY, "name": "ba"}])
    stored = by_sqlalchemy(connection)
    assert stored == [{"id": 1, **FULL}, {"id": 2, **EMPTY}, {"id": 3, **EMPTY, "name": "ba"}]
    assert ALL.mappings(connection, {}) == stored
    assert [row._asdict() for row in ALL.rows(connection, {})] == stored


def test_the_first_and_none(connection: sa.Connection) -> None:
    size = Prepared(sa.select(THINGS.c.size, THINGS.c.at).where(THINGS.c.name == sa.bindparam("called")))
    assert size.first(connection, {"called": "ai"}) is None
    assert size.mapping(connection, {"called": "ai"}) is None
    assert size.scalar(connection, {"called": "ai"}) is None
    INSERT.run(connection, [FULL, EMPTY])
    row = size.first(connection, {"called": "bác Tư"})
    assert row is not None
    assert (row.size, row.at) == (3, NOW)
    assert size.mapping(connection, {"called": "bác Tư"}) == {"size": 3, "at": NOW}
    assert size.scalar(connection, {"called": ""}) == 0


def test_nothing_is_run_for_an_empty_list(connection: sa.Connection) -> None:
    INSERT.run(connection, [])
    assert by_sqlalchemy(connection) == []


def test_a_column_that_is_not_given_gets_its_default(connection: sa.Connection) -> None:
    INSERT.run(connection, {"name": "a"})
    INSERT.run(connection, [{"name": "b"}, {"name": "c"}])
    assert [row["size"] for row in by_sqlalchemy(connection)] == [7, 7, 7]


def test_one_statement_sets_what_each_call_gives_it(connection: sa.Connection) -> None:
    INSERT.run(connection, FULL)
    change = Prepared(THINGS.update().where(THINGS.c.name == sa.bindparam("called")))
    change.run(connection, {"called": "bác Tư", "size": 9})
    change.run(connection, {"called": "bác Tư", "at": NOW + timedelta(hours=1), "body": {}})
    assert by_sqlalchemy(connection) == [
        {"id": 1, **FULL, "size": 9, "at": NOW + timedelta(hours=1), "body": {}},
    ]


def test_a_value_named_twice_is_written_twice(connection: sa.Connection) -> None:
    """A moment is a number to the database: each place where it stands has to be translated."""
    INSERT.run(connection, FULL)
    moment: sa.BindParameter[datetime] = sa.bindparam("now")
    asked = Prepared(sa.select(THINGS.c.name).where(THINGS.c.at <= moment, THINGS.c.at >= moment, THINGS.c.size == 3))
    assert asked.scalar(connection, {"now": NOW}) == "bác Tư"
    assert asked.scalar(connection, {"now": NOW + timedelta(microseconds=1)}) is None


def test_what_a_statement_returns_is_read(connection: sa.Connection) -> None:
    put = Prepared(THINGS.insert().returning(THINGS.c.id, THINGS.c.body, THINGS.c.at))
    row = put.first(connection, FULL)
    assert row is not None
    assert (row.id, row.body, row.at) == (1, FULL["body"], NOW)


def test_a_repeat_is_left_alone(connection: sa.Connection) -> None:
    insert = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    once = Prepared(insert(THINGS).on_conflict_do_nothing(index_elements=["name"]))
    once.run(connection, FULL)
    once.run(connection, [{**FULL, "size": 99}, EMPTY])
    assert [row["size"] for row in by_sqlalchemy(connection)] == [3, 0]


@pytest.mark.parametrize("again", [FULL, [EMPTY, FULL]], ids=["one", "many"])
def test_a_refusal_is_the_same_error(connection: sa.Connection, again: Any) -> None:
    INSERT.run(connection, FULL)
    with pytest.raises(sa.exc.IntegrityError) as raised, connection.begin_nested():
        INSERT.run(connection, again)
    assert not raised.value.connection_invalidated
    assert "bác Tư" not in str(raised.value.params)


def test_what_goes_at_once_is_all_written_in_its_order(connection: sa.Connection) -> None:
    rename = Prepared(
        THINGS.update().where(THINGS.c.name == sa.bindparam("called")).values(name=sa.bindparam("better"))
    )
    with at_once(connection):
        INSERT.run(connection, [FULL, EMPTY])
        rename.run(connection, {"called": "bác Tư", "better": "bác Năm"})
        INSERT.run(connection, FULL)
        INSERT.run(connection, [])
    assert [row["name"] for row in by_sqlalchemy(connection)] == ["bác Năm", "", "bác Tư"]


def _at_once(connection: sa.Connection, *rows: Any) -> None:
    with savepoint(connection, asks=False):
        for row in rows:
            INSERT.run(connection, row)


def test_a_refusal_among_what_goes_at_once_undoes_that_and_nothing_else(connection: sa.Connection) -> None:
    INSERT.run(connection, FULL)
    with pytest.raises(sa.exc.IntegrityError) as raised:
        _at_once(connection, EMPTY, FULL, {**EMPTY, "name": "ba"})
    assert not raised.value.connection_invalidated
    _at_once(connection, {**EMPTY, "name": "bốn"})
    assert [row["name"] for row in by_sqlalchemy(connection)] == ["bác Tư", "bốn"]


def test_a_fault_of_ours_among_what_goes_at_once_is_not_hidden(connection: sa.Connection) -> None:
    with pytest.raises(KeyError):
        _at_once(connection, FULL, [EMPTY, {}])
    assert by_sqlalchemy(connection) == []


def test_a_line_that_breaks_under_what_goes_at_once_is_given_up(postgres_url: str) -> None:
    engine = sa.create_engine(postgres_url)
    with engine.connect() as other, engine.connect() as connection:
        THINGS.create(connection)
        pid = connection.execute(sa.text("SELECT pg_backend_pid()")).scalar()
        other.execute(sa.text("SELECT pg_terminate_backend(:pid)"), {"pid": pid})
        with pytest.raises(sa.exc.OperationalError) as raised:
            _at_once(connection, [FULL, EMPTY])
        assert raised.value.connection_invalidated
        assert connection.invalidated
    engine.dispose()


def test_a_line_that_is_gone_is_given_up(postgres_url: str) -> None:
    engine = sa.create_engine(postgres_url)
    with engine.connect() as other, engine.connect() as connection:
        pid = connection.execute(sa.text("SELECT pg_backend_pid()")).scalar()
        other.execute(sa.text("SELECT pg_terminate_backend(:pid)"), {"pid": pid})
        with pytest.raises(sa.exc.OperationalError) as raised:
            Prepared(sa.select(sa.literal(1))).rows(connection, {})
        assert raised.value.connection_invalidated
        assert connection.invalidated
    engine.dispose()


def test_a_connection_that_only_reads_begins_its_transaction(database_url: str) -> None:
    engine = sa.create_engine(database_url)
    with engine.connect() as connection:
        Prepared(sa.select(sa.literal(1))).rows(connection, {})
        assert connection.in_transaction()
    engine.dispose()


@pytest.mark.parametrize("names", [[], ["ai"], ["", "bác Tư", "ai", "o'clock"]])
def test_among(connection: sa.Connection, names: list[str]) -> None:
    INSERT.run(connection, [FULL, EMPTY, {**EMPTY, "name": "o'clock"}])
    known = [row["name"] for row in by_sqlalchemy(connection)]
    here = Prepared(sa.select(THINGS.c.name).where(Among(THINGS.c.name, "names")).order_by(THINGS.c.id))
    there = Prepared(sa.select(THINGS.c.name).where(~Among(THINGS.c.name, "names")).order_by(THINGS.c.id))
    assert [row.name for row in here.rows(connection, {"names": names})] == [one for one in known if one in names]
    assert [row.name for row in there.rows(connection, {"names": names})] == [one for one in known if one not in names]


def test_numbers_among(connection: sa.Connection) -> None:
    INSERT.run(connection, [FULL, EMPTY])
    grown = Prepared(THINGS.update().where(Among(THINGS.c.id, "ids")).values(size=sa.bindparam("to")))
    grown.run(connection, {"ids": [2, 5], "to": 8})
    assert [row["size"] for row in by_sqlalchemy(connection)] == [3, 8]
