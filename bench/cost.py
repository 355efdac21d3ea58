"""What a message costs in the database, nearly empty and full: the work of the loops, no HTTP.

    python -m bench.cost [STORED]       default 1,000,000 messages; the figures of docs/scale.md are of 10,000,000

On SQLite and on PostgreSQL (the tests' own, from a Python package) two databases stand side by side: one with 1,000
messages of 1,000 residents, one with STORED messages of a tenth as many. Residents taken at random write six messages
each, in turn here and there; a message is put into the inbox, taken through the engine, marked, settled, in two commits
as in the service. Told: the median of a round's ratio, in wall time and in our process's CPU time, in batches of 1 and
32. A resident's first message is told apart: its pages of the indexes may have to come from the disk.
Then every statement that a hand-over, a notice, a file and the loops' rounds make is explained on the full database.

Filling is one INSERT a table; 10,000,000 take 6 to 20 minutes and 14 to 20 GB under the temporary folder, on each.
"""

import random
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from itertools import count, islice
from pathlib import Path
from typing import Any, NamedTuple

import sqlalchemy as sa

from api import inbox, schema, turns
from api.marks import Result
from api.outbox import Status
from api.tables import metadata
from bench.plans import GROUP, explained
from bot.model import Inbound
from tests.desk_room import Room, opened
from tests.faults import own_server
from tests.service import DAY

ROUNDS = 25
#: residents who write at the same moment
BATCHES = (1, 32)
#: messages of each, one after the other
SESSION = 6
#: of the nearly empty database
SMALL, RESIDENTS_SMALL = 1_000, 1_000
FIRST_CHAT = 5_000_000_000
HEARD = {
    "kind": "Inbound", "channel": "telegram", "chat": "5000000001", "message_id": "1", "sender": "5000000001",
    "text": "con ơi bác mở vneid mà nó báo sai mật khẩu hoài", "sent_at": DAY.isoformat(), "sender_name": "Bác Ba",
}  # fmt: skip
TOLD = {
    "text": "Dạ Bác bấm dòng “Quên mật khẩu” ở dưới ô mật khẩu, rồi nhập số căn cước của mình giúp con.",
    "choices": [{"id": "xong", "label": "Xong"}, {"id": "vuong", "label": "Bị vướng"}],
    "menu": 1,
}
_inbox, _outbox, _log, _talk, _case, _reader, _timer = (
    metadata.tables[name] for name in ("inbox", "outbox", "log", "conversation", "case", "reader", "timer")
)
_numbers = count(10_000_000_000)


# --- filling ---------------------------------------------------------------------------------------------------------


def fill(url: str, stored: int, residents: int, state: dict[str, Any]) -> None:
    """So many messages each way over a year, two lines of the log each, a closed case for every twentieth resident."""
    engine = sa.create_engine(url)
    schema.migrate(engine)
    sqlite = engine.dialect.name == "sqlite"
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        if sqlite:  # no log while it is filled, and room for the indexes, which are met in no order
            for setting in ("journal_mode=OFF", "synchronous=OFF", "cache_size=-2000000"):
                connection.exec_driver_sql(f"PRAGMA {setting}")
        else:
            connection.exec_driver_sql("SET synchronous_commit = off")
            connection.exec_driver_sql("SET maintenance_work_mem = '1GB'")
            _bare(connection, drop=True)
        for table, most, row in _rows(stored, residents, state):
            connection.execute(_filling(engine, table, most, row))
        if not sqlite:
            _bare(connection, drop=False)
            connection.exec_driver_sql("VACUUM ANALYZE")
            connection.exec_driver_sql("CHECKPOINT")
    engine.dispose()


_n: sa.ColumnElement[int] = sa.literal_column("n", sa.BigInteger)


def _filling(engine: sa.Engine, table: sa.Table, most: int, row: dict[str, Any]) -> sa.Insert:
    """One row for each number from 1 to `most`."""
    if engine.dialect.name == "sqlite":
        first = sa.select(sa.literal(1).label("n")).cte("numbers", recursive=True)
        numbers: Any = first.union_all(sa.select(first.c.n + 1).where(first.c.n < most))
    else:
        numbers = sa.func.generate_series(1, most).table_valued("n", name="numbers").render_derived()
    values = [
        one if isinstance(one, sa.ColumnElement) else sa.literal(one, table.c[name].type) for name, one in row.items()
    ]
    return table.insert().from_select(list(row), sa.select(*values).select_from(numbers), include_defaults=False)


def _rows(stored: int, residents: int, state: dict[str, Any]) -> Iterator[tuple[sa.Table, int, dict[str, Any]]]:
    """Each table with how many rows it gets and what stands in the row of the number n."""
    year_us = int(timedelta(days=365) / timedelta(microseconds=1))
    begins_us = int(DAY.timestamp() * 1_000_000) - year_us

    def text(number: sa.ColumnElement[Any], before: str = "") -> sa.ColumnElement[str]:
        return sa.literal(before, sa.String).concat(sa.cast(number, sa.String))

    def at(number: sa.ColumnElement[Any], most: int) -> sa.ColumnElement[Any]:
        return begins_us + number * (year_us // most)

    who = FIRST_CHAT + _n % residents
    chat, key = text(who), text(who, "telegram:")
    when = at(_n, stored)
    yield _talk, residents, {
        "key": key, "channel": "telegram", "chat": chat, "state": state, "state_version": 1, "epoch": 0,
        "reachable": True, "name": "Nguyễn Thị Ba", "heard_at": when, "updated_at": when,
    }  # fmt: skip
    yield _reader, residents, {
        "conversation": key, "province": "79", "commune": text(_n % 168 + 25_000), "hamlet": "", "hamlet_key": "",
        "wish": "yes", "wished_at": when,
    }  # fmt: skip
    yield _timer, residents // 20, {
        "key": text(who, "wake:telegram:"), "conversation": key, "due_at": begins_us + 2 * year_us + _n, "body": {},
    }  # fmt: skip
    yield _case, residents // 20, {
        "conversation": key, "opened_at": when, "topic": "vneid", "flow": "", "step": "", "problem": "", "answers": {},
        "tried": {}, "commune": text(_n % 168 + 25_000), "hamlet": "", "province": "79", "ladder": {},
        "holder_id": None, "warned": False, "misses": 0, "reminders": 0, "closed_at": when, "outcome": "solved",
        "visit_on": "", "served_in": "", "topic_thread": "",
    }  # fmt: skip
    yield _inbox, stored, {
        "channel": "telegram", "chat": chat, "provider_id": text(_n, "update:"), "conversation": key, "body": HEARD,
        "received_at": when, "done_at": when, "attempts": 0, "next_at": when, "error": "",
    }  # fmt: skip
    yield _outbox, stored, {
        "channel": "telegram", "chat": sa.case((_n % 20 == 0, GROUP), else_=chat), "lane": key, "inbox_id": _n,
        "place": 0, "conversation": key, "epoch": 0, "body": TOLD, "status": int(Status.SENT),
        "attempts": 1, "next_at": when, "owner": "0123456789abcdef", "marked_at": when,
        "remote_id": text(_n), "quota": "", "error": "", "created_at": when, "sent_at": when,
    }  # fmt: skip
    yield _log, 2 * stored, {
        "at": at(_n, 2 * stored), "kind": "step_done", "conversation": key, "flow": "vneid", "step": "cai-app",
        "detail": "",
    }  # fmt: skip


def _bare(connection: sa.Connection, *, drop: bool) -> None:
    """PostgreSQL fills a table several times as fast when its indexes are made afterwards."""
    for table in (_inbox, _outbox, _log):
        unique = [one for one in table.constraints if isinstance(one, sa.UniqueConstraint)]
        for one in unique:
            connection.execute(sa.schema.DropConstraint(one) if drop else sa.schema.AddConstraint(one))
        for index in table.indexes:
            index.drop(connection) if drop else index.create(connection)


# --- measuring -------------------------------------------------------------------------------------------------------


class Took(NamedTuple):
    """Milliseconds a message."""

    wall: float
    cpu: float


@dataclass(slots=True, kw_only=True)
class Side:
    """One of the two databases. Its connection is held, as the writing thread of the service holds it."""

    room: Room
    connection: sa.Connection
    #: who has not written yet: each does once
    quiet: Iterator[int]

    def written(self) -> int:
        """Bytes put into the database's log so far; on SQLite what this process has written at all (Linux tells)."""
        if self.connection.dialect.name == "postgresql":
            told = self.connection.exec_driver_sql("SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn").scalar_one()
            self.connection.rollback()
            return int(told)
        own = Path("/proc/self/io")
        return int(own.read_text().split("wchar: ")[1].split()[0]) if own.exists() else 0

    def bytes_stored(self) -> int:
        if self.connection.dialect.name == "postgresql":
            told = self.connection.exec_driver_sql("SELECT pg_database_size(current_database())").scalar_one()
            self.connection.rollback()
            return int(told)
        return Path(self.connection.engine.url.database or "").stat().st_size

    def session(self, how_many: int) -> list[Took]:
        """So many residents write SESSION messages each: what the first, second ... took."""
        chats = [str(FIRST_CHAT + who) for who in islice(self.quiet, how_many)]
        return [self.message(chats) for _ in range(SESSION)]

    def message(self, chats: list[str]) -> Took:
        """One message in each of these chats, from the inbox to "sent"."""
        room, connection = self.room, self.connection
        said = [
            Inbound(channel="telegram", chat=chat, message_id=str(next(_numbers)), sent_at=room.now, text="menu",
                    sender="1", sender_name="Bác Tư")
            for chat in chats
        ]  # fmt: skip
        arrivals = [inbox.from_channel(one, f"new{one.message_id}") for one in said]
        begun, begun_cpu = time.perf_counter(), time.process_time()
        with connection.begin():
            for arrival in arrivals:
                inbox.put(connection, [arrival], room.now)
            turns.take(connection, room.office, room.now)
            rows, _ = room.sender._round(connection, [], room.now, 256)
        sent = [
            Result(row=row["id"], owner=row["owner"], status=Status.SENT, next_at=room.now, sent_at=room.now,
                   remote_id=str(next(_numbers)))
            for row in rows
        ]  # fmt: skip
        with connection.begin():
            room.sender._round(connection, sent, room.now, 256)
        ms = 1000 / len(chats)
        took = Took((time.perf_counter() - begun) * ms, (time.process_time() - begun_cpu) * ms)
        assert len(rows) >= len(chats), f"{len(rows)} of {chats} were answered"
        return took


@contextmanager
def side(url: str, folder: Path, residents: int) -> Iterator[Side]:
    with opened(folder, url) as room, room.house.store.engine.connect() as connection:
        room.now += timedelta(seconds=1)
        quiet = iter(random.Random(1).sample(range(residents), RESIDENTS_SMALL))
        yield Side(room=room, connection=connection, quiet=quiet)


def compare(small: Side, full: Side) -> None:
    for batch in BATCHES:
        rounds: list[tuple[list[Took], list[Took]]] = []
        written = {id(one): 0 for one in (small, full)}
        for number in range(ROUNDS + 1):
            sides = (small, full) if number % 2 else (full, small)
            took = {}
            for one in sides:
                begun = one.written()
                took[id(one)] = one.session(batch)
                written[id(one)] += one.written() - begun
            if number:  # the first one compiles the statements
                rounds.append((took[id(small)], took[id(full)]))
        for name, part in (("first message", slice(0, 1)), ("those after it", slice(1, None))):
            for at, what in enumerate(("wall", "CPU")):
                pairs = [
                    tuple(statistics.median(one[at] for one in session[part]) for session in sessions)
                    for sessions in rounds
                ]
                here, there = (statistics.median(pair[side_] for pair in pairs) for side_ in (0, 1))
                ratio = statistics.median(pair[1] / pair[0] for pair in pairs)
                print(f"  batch of {batch:2}, {name:14}, {what:4}: {here:.2f} ms a message, {there:.2f} ms when full: "
                      f"{ratio:.2f} times", flush=True)  # fmt: skip
        here, there = (written[id(one)] / (ROUNDS + 1) / SESSION / batch / 1000 for one in (small, full))
        print(f"  batch of {batch:2}, to the log: {here:.1f} KB a message, {there:.1f} KB when full", flush=True)


def talked(folder: Path) -> dict[str, Any]:
    """What is kept of a resident who has written before."""
    with opened(folder, f"sqlite:///{folder}/talk.db") as room:
        room.says(FIRST_CHAT, "menu")
        state: dict[str, Any] = room.talk(FIRST_CHAT)["state"]
        return state


def measure(name: str, urls: tuple[str, str], folder: Path, stored: int) -> None:
    state = talked(folder)
    print(f"{name}: {SMALL:,} messages of {RESIDENTS_SMALL:,} residents beside {stored:,} of {stored // 10:,}")
    begun = time.monotonic()
    fill(urls[0], SMALL, RESIDENTS_SMALL, state)
    fill(urls[1], stored, stored // 10, state)
    print(f"  filled in {time.monotonic() - begun:.0f} s", flush=True)
    with side(urls[0], folder, RESIDENTS_SMALL) as small, side(urls[1], folder, stored // 10) as full:
        print(f"  {full.bytes_stored() / stored:,.0f} bytes a message", flush=True)
        compare(small, full)
        for line in explained(full.room):
            print(f"  {line}", flush=True)


@contextmanager
def postgres() -> Iterator[tuple[str, str]]:
    """Two empty databases on a server of our own, gone at the end."""
    with own_server() as server:
        given = sa.make_url(server.url)
        admin = sa.create_engine(given, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
        with admin.connect() as connection:
            connection.exec_driver_sql("CREATE DATABASE bench_small")
            connection.exec_driver_sql("CREATE DATABASE bench_full")
        small, full = given.set(database="bench_small"), given.set(database="bench_full")
        yield small.render_as_string(hide_password=False), full.render_as_string(hide_password=False)


def main(stored: int) -> None:
    with tempfile.TemporaryDirectory(prefix="gocua-bench-") as name:
        folder = Path(name)
        measure("SQLite", (f"sqlite:///{folder}/small.db", f"sqlite:///{folder}/full.db"), folder, stored)
    with tempfile.TemporaryDirectory(prefix="gocua-bench-") as name, postgres() as urls:
        measure("PostgreSQL", urls, Path(name), stored)


if __name__ == "__main__":
    main(int(sys.argv[1].replace(",", "").replace("_", "")) if len(sys.argv) > 1 else 1_000_000)
