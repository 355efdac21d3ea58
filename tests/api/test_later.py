"""Lines and timers of a batch are written once, at its end, on both databases."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from api import later
from api.tables import Log, Timer

NOW = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
LOG, TIMER = Log.__table__, Timer.__table__


@pytest.fixture
def connection(database_url: str) -> Iterator[sa.Connection]:
    engine = sa.create_engine(database_url)
    with engine.connect() as one, one.begin():
        LOG.create(one)
        TIMER.create(one)
        yield one
    engine.dispose()


def line(kind: str) -> dict[str, Any]:
    about = {"conversation": "web:1", "case_id": None, "member_id": None, "flow": "", "step": "", "detail": ""}
    return {"at": NOW, "kind": kind, **about}


def timer(key: str, minutes: int) -> dict[str, Any]:
    return {"key": key, "conversation": "web:1", "due_at": NOW + timedelta(minutes=minutes), "body": {"in": minutes}}


def lines(connection: sa.Connection) -> list[str]:
    return list(connection.execute(sa.select(LOG.c.kind).order_by(LOG.c.id)).scalars())


def timers(connection: sa.Connection) -> dict[str, int]:
    return {row.key: row.body["in"] for row in connection.execute(sa.select(TIMER))}


def test_outside_of_a_batch_each_is_written_at_once(connection: sa.Connection) -> None:
    later.log(connection, line("one"))
    later.timer(connection, "a", timer("a", 1))
    later.timer(connection, "b", timer("b", 2))
    later.timer(connection, "a", timer("a", 3))
    assert (lines(connection), timers(connection)) == (["one"], {"a": 3, "b": 2})
    later.timer(connection, "a", None)
    later.timer(connection, "none", None)
    assert timers(connection) == {"b": 2}


def test_a_batch_writes_all_at_its_end_in_order_and_of_each_timer_the_last_word(connection: sa.Connection) -> None:
    for key in ("moved", "ended"):
        later.timer(connection, key, timer(key, 1))
    with later.gathered(connection):
        for kind in ("one", "two", "three"):
            later.log(connection, line(kind))
        later.timer(connection, "moved", timer("moved", 5))
        later.timer(connection, "ended", None)
        later.timer(connection, "short", timer("short", 6))
        later.timer(connection, "short", None)
        later.timer(connection, "again", None)
        later.timer(connection, "again", timer("again", 7))
        later.timer(connection, "twice", timer("twice", 8))
        later.timer(connection, "twice", timer("twice", 9))
        assert (lines(connection), timers(connection)) == ([], {"moved": 1, "ended": 1})
    assert (lines(connection), timers(connection)) == (["one", "two", "three"], {"moved": 5, "again": 7, "twice": 9})
    later.log(connection, line("after"))
    assert lines(connection)[-1] == "after"


def test_who_asks_in_a_batch_has_what_was_said_before_written_first(connection: sa.Connection) -> None:
    later.flush(connection)  # nothing, outside of one
    with later.gathered(connection):
        later.log(connection, line("one"))
        later.flush(connection)
        assert lines(connection) == ["one"]
        later.log(connection, line("two"))
        later.flush(connection)
        later.flush(connection)
    assert lines(connection) == ["one", "two"]


def breaks(connection: sa.Connection, *, line_too: bool) -> None:
    with later.gathered(connection):
        later.log(connection, line("lost"))
        later.timer(connection, "lost", timer("lost", 1))
        if line_too:
            connection.invalidate()
        raise ZeroDivisionError


def test_of_a_batch_that_raises_nothing_is_written_then_or_later(connection: sa.Connection) -> None:
    with pytest.raises(ZeroDivisionError):
        breaks(connection, line_too=False)
    with later.gathered(connection):
        later.log(connection, line("one"))
    assert (lines(connection), timers(connection)) == (["one"], {})


def test_a_line_to_the_database_that_breaks_in_a_batch_hides_nothing(database_url: str) -> None:
    engine = sa.create_engine(database_url)
    with engine.connect() as connection, pytest.raises(ZeroDivisionError):
        breaks(connection, line_too=True)
    engine.dispose()
