"""What a message costs in the database, empty and with a million stored messages: the work of the loops, no HTTP.

`python -m bench.cost [STORED]`: CPU time of our process for each message, the best of several rounds, in batches of 1
and 32: put into the inbox, taken through the engine, marked, settled.
"""

import sys
import tempfile
import time
from datetime import timedelta
from itertools import count
from pathlib import Path

from api import inbox, turns
from api.outbox import Status
from api.sender import Result
from bot.model import Inbound
from tests.desk_room import Room, opened

ROUNDS = 15
MOST = 32
_numbers = count(1)
#: ten messages each way for each of a tenth as many residents, keys and words as real ones have them
_FILL = """
INSERT INTO conversation (key, channel, chat, state, state_version, epoch, reachable, name, updated_at)
SELECT 'telegram:' || n, 'telegram', n, '{}', 1, 0, 1, '', 0 FROM number WHERE n <= :residents;
INSERT INTO inbox (channel, chat, provider_id, conversation, body, received_at, done_at, attempts, next_at, error)
SELECT 'telegram', n % :residents, 'old' || n, 'telegram:' || (n % :residents), :heard, n, n, 0, n, '' FROM number;
INSERT INTO outbox (channel, chat, lane, inbox_id, place, conversation, body, status, attempts, next_at, owner,
                    remote_id, quota, error, created_at, sent_at)
SELECT 'telegram', n % :residents, 'telegram:' || (n % :residents), n, 1000, 'telegram:' || (n % :residents), :told,
       2, 1, n, 'old', 'm' || n, '', '', n, n FROM number;
INSERT INTO log (at, kind, conversation, flow, step, detail)
SELECT n, 'step_done', 'telegram:' || (n % :residents), 'vneid', 'cai-app', '' FROM number
"""
_NUMBERS = "WITH RECURSIVE number(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < :stored) "
_WORDS = {
    "heard": '{"kind": "Inbound", "text": "chào con, cho bác hỏi chuyện này một chút"}',
    "told": '{"text": "Dạ con đây, bác cần gì con giúp"}',
}


def fill(room: Room, stored: int) -> None:
    values = {**_WORDS, "stored": stored, "residents": stored // 10}
    with room.house.store.engine.begin() as connection:
        for statement in _FILL.split(";"):
            connection.exec_driver_sql(_NUMBERS + statement, values)


def messages(room: Room, how_many: int) -> float:
    """CPU seconds of so many residents' messages, one each, from the inbox to "sent"."""
    said = [
        Inbound(channel="telegram", chat=str(9_000_000 + place), message_id=str(next(_numbers)), sent_at=room.now,
                text="menu", sender="1", sender_name="Bác Tư")
        for place in range(how_many)
    ]  # fmt: skip
    arrivals = [inbox.from_channel(one, f"new{one.message_id}") for one in said]
    begun = time.process_time()
    with room.house.store.engine.begin() as connection:
        for arrival in arrivals:
            inbox.put(connection, [arrival], room.now)
        turns.take(connection, room.desk, room.now)
        rows, _ = room.sender._round(connection, [], room.now, 256)
    sent = [
        Result(row=row["id"], owner=row["owner"], status=Status.SENT, next_at=room.now, sent_at=room.now, remote_id="7")
        for row in rows
    ]
    with room.house.store.engine.begin() as connection:
        room.sender._round(connection, sent, room.now, 256)
    took = time.process_time() - begun
    assert len(rows) >= how_many, "not every message was answered"
    return took


def measure(stored: int) -> dict[int, float]:
    """Milliseconds a message, by batch."""
    with tempfile.TemporaryDirectory() as folder, opened(Path(folder), f"sqlite:///{folder}/gocua.db") as room:
        room.now += timedelta(seconds=1)
        messages(room, MOST)
        if stored:
            fill(room, stored)
        return {batch: 1000 * min(messages(room, batch) / batch for _ in range(ROUNDS)) for batch in (1, MOST)}


def main(stored: int) -> None:
    empty, full = measure(0), measure(stored)
    for batch in empty:
        ratio = full[batch] / empty[batch]
        print(f"batch of {batch}: {empty[batch]:.2f} ms a message empty, "
              f"{full[batch]:.2f} ms with {stored:,} stored: {ratio:.2f} times")  # fmt: skip


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
