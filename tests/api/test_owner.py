"""Two processes on one PostgreSQL, step by step: who may send what, and what becomes of it when one of them is gone."""

import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from msgspec.structs import replace

from api import inbox, outbox, timers, turns
from api.ahead import Round
from api.batch import Batch
from api.marks import LANDS, Result
from api.outbox import UNKNOWN_FATE, Pen, Status
from api.sender import _Write
from api.store import is_dead, owner
from bot.model import Inbound, Reply
from tests.desk_room import Room, opened
from tests.service import CONVERSATION, INBOX, OUTBOX

TU, NAM = 2001, 2002


@pytest.fixture
def pair(tmp_path: Path, postgres_url: str) -> Iterator[tuple[Room, Room]]:
    with opened(tmp_path, postgres_url) as one, opened(tmp_path, postgres_url) as other:
        yield one, other


def write(room: Room, chat: int, *texts: str) -> None:
    """Words on their way out, as a turn writes them."""
    with room.house.store.engine.begin() as connection:
        arrival = inbox.from_channel(said(room, chat, texts[0]), f"m{texts[0]}")
        pen = Pen(inbox.put_done(connection, arrival, room.now), f"telegram:{chat}", room.now)
        for text in texts:
            pen.reply(Reply(text=text, notice=True), 0)
        outbox.insert(connection, pen.rows)


def said(room: Room, chat: int, text: str) -> Inbound:
    return Inbound(channel="telegram", chat=str(chat), message_id=text, sent_at=room.now, text=text, sender=str(chat))


def mark(room: Room, connection: sa.Connection) -> list[Any]:
    """One round of a process: what it begins to send."""
    results, room.sender.results = room.sender.results, []
    room.sender._swept_at = float("-inf")
    return room.sender._round(connection, results, room.now, 10)[0]


def texts(rows: list[Any]) -> list[str]:
    return [row["body"]["text"] for row in rows]


def begin(room: Room) -> list[Any]:
    with room.house.store.engine.begin() as connection:
        return mark(room, connection)


def row(room: Room, text: str) -> Any:
    return next(one for one in room.rows(sa.select(OUTBOX)) if one["body"]["text"] == text)


def arrived(room: Room, row: Any, status: Status = Status.SENT) -> None:
    room.sender.results.append(Result(row=row["id"], owner=row["owner"], status=status, next_at=room.now))


def die(room: Room) -> None:
    """Its connections end with it, and the server has noticed."""
    engine = room.house.store.engine
    with engine.connect() as connection:
        mine = connection.execute(sa.text("SELECT pg_backend_pid()")).scalar_one()
    engine.dispose()
    there = sa.text("SELECT count(*) FROM pg_stat_activity WHERE pid = :pid")
    with sa.create_engine(engine.url, isolation_level="AUTOCOMMIT").connect() as connection:
        while connection.execute(there, {"pid": mine}).scalar_one():
            time.sleep(0.01)
        connection.invalidate()


def test_no_two_processes_send_to_one_chat_at_once(pair: tuple[Room, Room]) -> None:
    one, other = pair
    write(one, TU, "một", "hai")
    write(one, NAM, "ba")
    with one.house.store.engine.begin() as first:
        assert texts(mark(one, first)) == ["một", "ba"]
        assert begin(other) == []  # and does not wait for the first to commit
    assert begin(other) == []
    arrived(one, row(one, "một"))
    assert texts(begin(one)) == ["hai"]
    assert begin(other) == []


def test_what_a_dead_process_was_sending_goes_first_and_what_is_newer_follows(pair: tuple[Room, Room]) -> None:
    one, other = pair
    write(one, TU, "một", "hai")
    assert texts(begin(one)) == ["một"]
    assert begin(other) == []  # it lives
    die(one)
    assert begin(other) == []  # taken over; what was on the wire may yet land
    assert row(other, "một")["error"] == UNKNOWN_FATE
    other.now += LANDS
    assert texts(begin(other)) == ["một"]
    arrived(other, row(other, "một"))
    assert texts(begin(other)) == ["hai"]


def test_a_process_whose_line_was_cut_has_another_name_and_cannot_undo_what_others_did(pair: tuple[Room, Room]) -> None:
    one, other = pair
    write(one, TU, "một", "hai")
    [before] = begin(one)
    die(one)
    begin(other)  # takes it over
    arrived(one, before, Status.DEAD)  # what it had heard meanwhile counts for nothing
    assert begin(one) == []
    assert row(one, "một")["status"] == Status.QUEUED
    arrived(one, before)  # but that it arrived is so
    assert texts(begin(one)) == ["hai"]
    assert row(one, "hai")["owner"] != before["owner"]
    assert row(one, "một")["status"] == Status.SENT


def test_nobody_is_told_that_words_did_not_arrive_which_another_process_still_sends(pair: tuple[Room, Room]) -> None:
    one, other = pair
    write(one, TU, "một")
    [before] = begin(one)
    die(one)
    begin(other)  # takes it over
    refused = Result(row=before["id"], owner=before["owner"], status=Status.DEAD, next_at=one.now, undelivered="x")
    one.sender.results.append(refused)
    begin(one)
    told = sa.select(INBOX.c.id).where(INBOX.c.conversation == "x")
    assert one.rows(told) == []
    other.now += LANDS
    [again] = begin(other)
    other.sender.results.append(replace(refused, owner=again["owner"]))
    begin(other)
    assert len(other.rows(told)) == 1


def test_what_its_own_loop_has_yet_to_hear_of_is_no_dead_processs(pair: tuple[Room, Room]) -> None:
    """Rounds are queued ahead: one may find the line cut before the loop knows what the one before it marked."""
    one, _ = pair
    write(one, TU, "một")
    write(one, NAM, "ba")
    marked, came_back = begin(one)
    work = _Write(one.sender)
    work.rows = [marked]
    work.results = [Result(row=came_back["id"], owner=came_back["owner"], status=Status.SENT, next_at=one.now)]
    one.sender.ahead.rounds.append(Round(work, news=True, at_s=0.0))
    die(one)
    assert begin(one) == []
    assert [row(one, text)["status"] for text in ("một", "ba")] == [Status.SENDING, Status.SENDING]
    one.sender.ahead.dealt_with()
    begin(one)
    assert [row(one, text)["error"] for text in ("một", "ba")] == [UNKNOWN_FATE, UNKNOWN_FATE]


def test_a_name_lives_as_long_as_its_connection(pair: tuple[Room, Room]) -> None:
    one, other = pair
    with one.house.store.engine.begin() as connection:
        name = owner(connection)
        assert owner(connection) == name
    with other.house.store.engine.begin() as connection:
        assert not is_dead(connection, name)
    die(one)
    with other.house.store.engine.begin() as connection:
        assert is_dead(connection, name)


def test_a_pause_holds_for_every_process_and_after_a_restart(pair: tuple[Room, Room]) -> None:
    one, other = pair
    write(one, TU, "một", "hai")
    [tried] = begin(one)
    until = one.now + timedelta(seconds=30)
    paused = Result(row=tried["id"], owner=tried["owner"], status=Status.QUEUED, next_at=until, paused="telegram")
    one.sender.results.append(paused)
    begin(one)
    write(other, NAM, "ba")
    assert begin(other) == begin(one) == []
    one.killed()
    assert begin(one) == []
    other.now += timedelta(seconds=31)
    assert texts(begin(other)) == ["một", "ba"]


def test_a_conversation_is_taken_by_one_process_at_a_time(pair: tuple[Room, Room]) -> None:
    one, other = pair
    for chat in (TU, NAM):
        one.says(chat, "/start")
    with one.house.store.engine.begin() as connection:
        inbox.put(connection, [inbox.from_channel(said(one, chat, "menu"), "1") for chat in (TU, NAM)], one.now)
    with one.house.store.engine.begin() as connection:
        assert turns.take(connection, one.office, one.now, f"telegram:{TU}").events == 1
        with other.house.store.engine.begin() as connection:
            assert turns.take(connection, other.office, other.now).events == 1  # the other resident's
        with other.house.store.engine.begin() as connection:
            none = turns.take(connection, other.office, other.now)
            assert (none.events, none.elsewhere) == (0, True)
    with other.house.store.engine.begin() as connection:
        assert turns.take(connection, other.office, other.now).events == 0
    assert len(one.rows(sa.select(OUTBOX.c.id))) == 4


def test_behind_a_full_load_of_another_process_the_next_is_taken(pair: tuple[Room, Room]) -> None:
    one, other = pair
    many = range(3 * turns.MOST_EVENTS)
    talk = {"channel": "telegram", "state": {}, "state_version": 1, "epoch": 0, "reachable": True, "name": "",
            "updated_at": one.now}  # fmt: skip
    with one.house.store.engine.begin() as connection:
        talks = [{**talk, "key": f"telegram:{3000 + number}", "chat": f"{3000 + number}"} for number in many]
        connection.execute(CONVERSATION.insert(), talks)
        inbox.put(connection, [inbox.from_channel(said(one, 3000 + n, f"{n}"), f"m{n}") for n in many], one.now)
    with one.house.store.engine.connect() as first, first.begin():
        turns._take(first, one.office, one.now, "", mine := Batch())
        with other.house.store.engine.begin() as second:
            turns._take(second, other.office, other.now, "", theirs := Batch())
            third = Batch()
            turns._take(second, other.office, other.now, "", third)
            fourth = Batch()
            turns._take(second, other.office, other.now, "", fourth)
    assert (mine.events, theirs.events, third.events, fourth.events) == (turns.MOST_EVENTS,) * 3 + (0,)
    assert (mine.more, theirs.more, fourth.more) == (True, True, False)


def test_a_timer_fires_once(pair: tuple[Room, Room]) -> None:
    one, other = pair
    one.says(TU, "gặp người")
    later = one.now + timedelta(days=2)
    with one.house.store.engine.begin() as first:
        fired = timers.fire(first, later)
        with other.house.store.engine.begin() as second:
            assert timers.fire(second, later) == 0
    assert fired > 0
    keys = [row["provider_id"] for row in one.rows(sa.select(INBOX.c.provider_id)) if "timer:" in row["provider_id"]]
    assert len(keys) == len(set(keys)) == fired


def test_a_conversation_that_was_cleared_away_begins_anew(tmp_path: Path, database_url: str) -> None:
    with opened(tmp_path, database_url) as room:
        room.says(TU, "/start")
        room.act(lambda c: c.execute(CONVERSATION.delete()) and None)
        room.says(TU, "/start")
        assert len(room.texts(TU)) == 2
        assert room.texts(TU)[0] == room.texts(TU)[1]


def test_what_waits_behind_an_event_that_waits_takes_nobodys_room(tmp_path: Path, database_url: str) -> None:
    with opened(tmp_path, database_url) as room, room.house.store.engine.begin() as connection:
        for number in range(turns.MOST_EVENTS + 2):
            inbox.put(connection, [inbox.from_channel(said(room, TU, f"{number}"), f"m{number}")], room.now)
        first = sa.select(sa.func.min(INBOX.c.id)).scalar_subquery()
        connection.execute(INBOX.update().where(INBOX.c.id == first).values(next_at=room.now + timedelta(seconds=1)))
        inbox.put(connection, [inbox.from_channel(said(room, NAM, "alo"), "other")], room.now)
        assert turns.take(connection, room.office, room.now).events == 1
        room.now += timedelta(seconds=1)
        assert turns.take(connection, room.office, room.now).events == turns.MOST_EVENTS + 2
