"""A long queue of which little can go: each round looks at a part, everything has its turn, nobody else waits."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from api import channel_queue, inbox, marks, outbox
from api.channel_queue import ChannelQueue
from api.outbox import Pen, Status
from bot.model import Reply, WaitExpired
from tests.desk_room import Room, opened
from tests.service import CONVERSATION, OUTBOX

PART = 10
LATER = timedelta(hours=1)


@pytest.fixture
def room(tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Room]:
    monkeypatch.setattr(channel_queue, "PART", PART)
    monkeypatch.setattr(channel_queue, "REST_S", 0.0)
    with opened(tmp_path, database_url) as one:
        yield one


def write(room: Room, channel: str, chats: range, **row: Any) -> None:
    """Words on their way out, one to each chat; `row` overrides fields of the outbox."""
    with room.house.store.engine.begin() as connection:
        for chat in chats:
            key = f"{channel}:{chat}"
            cause = inbox.from_inside(key, WaitExpired(due_at=room.now), f"cause:{key}")
            pen = Pen(inbox.put_done(connection, cause, room.now), key, room.now)
            pen.reply(Reply(text="Dạ con nghe", notice=True), 0)
            outbox.insert(connection, [one | row for one in pen.rows])


def looks(room: Room, queue: ChannelQueue, most: int = 100) -> list[str]:
    """The chats whose message goes in the next round."""
    with room.house.store.engine.begin() as connection:
        return [row["chat"] for row in queue.mark(connection, room.now, most)]


def swept(room: Room, queue: ChannelQueue) -> None:
    with room.house.store.engine.begin() as connection:
        queue.sweep(connection)


def test_what_stands_far_back_goes_after_as_many_rounds_as_there_are_parts(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue, parts, mark = ChannelQueue("zalo_bot"), list[int](), marks.mark

    def seen(connection: sa.Connection, *given: Any) -> Any:
        ids = sa.select(OUTBOX.c.id).where(outbox.QUEUED, OUTBOX.c.id > given[-1].after, OUTBOX.c.id <= given[-1].upto)
        parts.append(len(connection.execute(ids).all()))
        return mark(connection, *given)

    write(room, "zalo_bot", range(35), next_at=room.now + LATER)
    write(room, "zalo_bot", range(100, 101))
    swept(room, queue)
    monkeypatch.setattr(marks, "mark", seen)
    rounds = [(looks(room, queue), queue.unfinished) for _ in range(4)]
    assert rounds == [([], True), ([], True), ([], True), (["100"], False)]
    assert parts == [PART, PART, PART, 6]
    room.now += LATER
    assert looks(room, queue) == [str(chat) for chat in range(PART)]


def test_a_part_is_left_when_no_more_of_it_can_go(room: Room) -> None:
    queue = ChannelQueue("zalo_bot")
    write(room, "zalo_bot", range(25))
    swept(room, queue)
    assert [len(looks(room, queue, 4)) for _ in range(3)] == [4, 4, 4]
    assert not queue.unfinished
    went = [chat for _ in range(8) for chat in looks(room, queue, 4)]
    assert went == [str(chat) for chat in range(12, 25)]


def test_between_two_parts_others_have_their_turn(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    queue = ChannelQueue("zalo_bot")
    write(room, "zalo_bot", range(15), next_at=room.now + LATER)
    write(room, "zalo_bot", range(100, 101))
    swept(room, queue)
    monkeypatch.setattr(channel_queue, "REST_S", 3600.0)
    assert [looks(room, queue), looks(room, queue)] == [[], []]
    queue._rests_until_s = 0.0
    assert looks(room, queue) == ["100"]


def test_another_channels_message_goes_in_the_same_round(room: Room) -> None:
    write(room, "zalo_bot", range(35), next_at=room.now + LATER)
    write(room, "telegram", range(1))
    with room.house.store.engine.begin() as connection:
        rows, again = room.sender._round(connection, [], room.now)
    assert [(row["channel"], row["chat"]) for row in rows] == [("telegram", "0")]
    assert again == room.now, "the other parts of the long queue come next"


def test_what_waits_for_a_channel_that_is_off_is_taken_up(room: Room) -> None:
    assert "messenger" not in room.house.channels
    write(room, "messenger", range(1))
    with room.house.store.engine.begin() as connection:
        rows, _ = room.sender._round(connection, [], room.now)
    assert [row["channel"] for row in rows] == ["messenger"]


@pytest.mark.parametrize("many", [5, 35])
def test_a_talk_that_changed_hands_is_void_however_long_the_queue(room: Room, many: int) -> None:
    queue = ChannelQueue("zalo_bot")
    write(room, "zalo_bot", range(many), next_at=room.now + LATER)
    write(room, "zalo_bot", range(100, 101), epoch=0)
    talk = {"key": "zalo_bot:100", "channel": "zalo_bot", "chat": "100", "state": {}, "state_version": 1, "epoch": 1,
            "reachable": True, "name": "", "heard_at": room.now, "updated_at": room.now}  # fmt: skip
    with room.house.store.engine.begin() as connection:
        connection.execute(CONVERSATION.insert(), talk)
    swept(room, queue)
    assert [looks(room, queue) for _ in range(4)] == [[], [], [], []]
    with room.house.store.engine.connect() as connection:
        status = connection.execute(sa.select(OUTBOX.c.status).where(OUTBOX.c.chat == "100")).scalar_one()
    assert status == Status.VOID


def test_once_short_it_is_looked_at_whole(room: Room) -> None:
    queue = ChannelQueue("zalo_bot")
    write(room, "zalo_bot", range(15), next_at=room.now + LATER)
    swept(room, queue)
    looks(room, queue)
    assert queue.unfinished
    with room.house.store.engine.begin() as connection:
        connection.execute(OUTBOX.update().where(OUTBOX.c.chat != "14").values(status=Status.SENT))
    swept(room, queue)
    assert not queue.unfinished
    room.now += LATER
    assert looks(room, queue) == ["14"]
