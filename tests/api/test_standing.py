"""How the way stands is read from what is open, whatever else is stored."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import sqlite

from api import standing
from api.outbox import UNKNOWN_FATE
from api.standing import Cases, Standing
from tests.desk_room import Room, opened
from tests.service import CASE, INBOX, OUTBOX

BA, TU = 2001, 2002
QUIET = Standing(
    events_open=0, messages_queued=0, messages_sending=0, messages_unsure=0,
    event_lag_s=0, message_lag_s=0, timer_lag_s=0,
)  # fmt: skip


@pytest.fixture
def room(tmp_path: Path, database_url: str) -> Iterator[Room]:
    with opened(tmp_path, database_url) as one:
        one.says(BA, "chào con")
        one.says(TU, "chào con")
        yield one


def _way(room: Room, **later: float) -> Standing:
    with room.house.store.engine.connect() as connection:
        return standing.way(connection, room.now + timedelta(**later))


def _change(room: Room, table: Any, conversation: int, **values: Any) -> None:
    with room.house.store.engine.begin() as connection:
        connection.execute(table.update().where(table.c.conversation == f"telegram:{conversation}").values(values))


def test_when_all_is_done(room: Room) -> None:
    assert _way(room) == QUIET


def test_what_is_open_is_counted_and_timed(room: Room) -> None:
    _change(room, INBOX, BA, done_at=None)
    _change(room, OUTBOX, TU, status=0)
    messages = len(room.rows(sa.select(OUTBOX.c.id).where(OUTBOX.c.conversation == f"telegram:{TU}")))
    found = _way(room, seconds=7)
    assert (found.events_open, found.event_lag_s) == (1, 7)
    assert (found.messages_queued, found.message_lag_s) == (messages, 7)


def test_what_waits_for_good_reason_is_not_late(room: Room) -> None:
    """A back-off, and everything behind it in the same lane or conversation."""
    room.says(BA, "menu")
    for table, open_ in ((INBOX, {"done_at": None}), (OUTBOX, {"status": 0})):
        _change(room, table, BA, **open_)
        rows = room.rows(sa.select(table.c.id).where(table.c.conversation == f"telegram:{BA}").order_by(table.c.id))
        assert len(rows) > 1
        with room.house.store.engine.begin() as connection:
            later = room.now + timedelta(hours=1)
            connection.execute(table.update().where(table.c.id == rows[0]["id"]).values(next_at=later))
    found = _way(room, minutes=5)
    assert (found.event_lag_s, found.message_lag_s) == (0, 0)
    assert found.events_open > 1
    assert found.messages_queued > 1


def test_messages_of_unknown_fate_are_told(room: Room) -> None:
    _change(room, OUTBOX, BA, status=1)
    _change(room, OUTBOX, TU, status=0, error=UNKNOWN_FATE)
    found = _way(room)
    assert found.messages_sending >= 1
    assert found.messages_unsure >= 1


def test_a_timer_that_nobody_fired(room: Room) -> None:
    with room.house.store.engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM timer")
    assert _way(room, days=9).timer_lag_s == 0
    with room.house.store.engine.begin() as connection:
        micros = int(room.now.timestamp()) * 1_000_000
        connection.exec_driver_sql(f"INSERT INTO timer VALUES ('k', 'telegram:1', {micros}, '{{}}')")
    assert _way(room, minutes=1).timer_lag_s == 60


def test_cases_that_wait_and_that_are_overdue(room: Room) -> None:
    for chat in (BA, TU):
        room.hands_off(chat)
    with room.house.store.engine.begin() as connection:
        connection.execute(CASE.update().values(promised_at=None, taken_at=None))
        taken = {"taken_at": room.now, "promised_at": room.now - timedelta(minutes=1)}
        connection.execute(CASE.update().where(CASE.c.conversation == f"telegram:{TU}").values(taken))
    with room.house.store.engine.connect() as connection:
        assert standing.cases(connection, room.now) == Cases(open=2, waiting=1, overdue=1)


@pytest.mark.parametrize("statement", [standing._WAY, standing._CASES], ids=["way", "cases"])
def test_no_table_is_read_whole(tmp_path: Path, statement: sa.Select[Any]) -> None:
    text = str(statement.compile(dialect=sqlite.dialect()))
    with opened(tmp_path, f"sqlite:///{tmp_path}/gocua.db") as one, one.house.store.engine.connect() as connection:
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}", (1,) * text.count("?")).all()
    read = [row[3] for row in plan if row[3].split()[1] in ("inbox", "outbox", "timer", "case", "before", "earlier")]
    assert read
    assert [step for step in read if "INDEX" not in step] == []
