"""Which statements of the way read more than they need on a full database. Part of `python -m bench.cost`.

A hand-over, a notice, a file, the loops' own rounds and a lead's pages are played on it, each statement is caught and
explained: the plan must go through a key or an index of open rows. PostgreSQL is asked twice, for these values and for
any.
"""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from unittest import mock

import sqlalchemy as sa
from sqlalchemy import event

from api import cases, fate, files, inbox, notices, outbox, push, standing, threads, timers
from api.console import channels, content_views
from api.outbox import Status
from api.prepared import Prepared
from api.tables import metadata
from bot.capabilities import CHANNELS
from bot.model import Attachment, Inbound
from tests.desk_room import HOURS, Room
from tests.service import CHAT, LAN, TAM

#: reading a whole table of no more rows is no trouble
FEW = 20_000
#: a statement that takes so long makes residents wait; a page from a cold disk takes a hundredth
LONG_S = 0.3
#: a page is read beside all else, and only who asked for it waits: its statements are judged by their time alone
PAGE_S = 2.0
#: the team's group, which has every twentieth message that was sent
GROUP = "-100777"
RESIDENT, ERASED, NEWCOMER = 5_000_000_007, 5_000_000_008, 4_000_000_001
_inbox, _outbox, _notice, _to, _reader, _push = (
    metadata.tables[name] for name in ("inbox", "outbox", "notice", "notice_to", "reader", "push_subscription")
)


@dataclass(slots=True, kw_only=True)
class Asked:
    """A statement: the values of the first time, the longest that it took, and the longest that it may take."""

    values: Any
    most_s: float
    took_s: float = 0.0


def explained(room: Room) -> list[str]:
    """A line for every plan that reads a whole large table or index, one for every statement that took long, and one
    with how many were looked at."""
    notice_id = _notify(room)
    with caught(room) as seen:
        play(room, notice_id)
    with room.house.store.engine.connect() as connection:
        large = {name for name in metadata.tables if _rows(connection, name) > FEW}
        lines = [
            f"{why}: {_short(statement)}"
            for statement, asked in seen.items()
            if asked.most_s < PAGE_S
            for why in _whole(connection, large, statement, asked.values)
        ]
    slow = {statement: asked for statement, asked in seen.items() if asked.took_s > asked.most_s}
    lines += [f"{asked.took_s:.1f} s: {_short(statement)}" for statement, asked in slow.items()]
    return [*lines, f"{len(seen)} statements looked at, {len(lines)} remarks"]


@contextmanager
def caught(room: Room) -> Iterator[dict[str, Asked]]:
    """What is asked of the database meanwhile."""
    seen: dict[str, Asked] = {}
    begun_s = 0.0
    pages = room.house.store._readers

    def begins(connection: Any, _cursor: Any, statement: str, values: Any, _context: Any, many: bool) -> None:
        nonlocal begun_s
        if statement.startswith(("SELECT", "UPDATE", "DELETE", "WITH", "INSERT")):
            given = values[0] if many else values
            most_s = PAGE_S if connection.engine is pages else LONG_S
            seen.setdefault(statement, Asked(values=tuple(given) if isinstance(given, list) else given, most_s=most_s))
        begun_s = time.perf_counter()

    def ends(_c: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if statement in seen:
            seen[statement].took_s = max(seen[statement].took_s, time.perf_counter() - begun_s)

    straight = Prepared._cursor

    def prepared(self: Prepared, connection: Any, made: Any, values: Any, *, many: bool = False) -> Any:
        begins(connection, None, made.sql, values if many else made.bind(values), None, many)
        cursor = straight(self, connection, made, values, many=many)
        ends(connection, None, made.sql)
        return cursor

    heard = (("before_cursor_execute", begins), ("after_cursor_execute", ends))
    engines = (room.house.store.engine, room.house.store._readers)
    for engine in engines:
        for name, hear in heard:
            event.listen(engine, name, hear)
    with mock.patch.object(Prepared, "_cursor", prepared):  # it goes past the engine's events
        yield seen
    for engine in engines:
        for name, hear in heard:
            event.remove(engine, name, hear)


def play(room: Room, notice_id: int) -> None:
    for chat in (RESIDENT, NEWCOMER):
        case_id = room.hands_off(chat)
        first = CHAT[room.offers(case_id)[0][0]]
        room.press(first, "Nhận")
        room.says(chat, "con ơi")
        room.says(first, "Dạ con đây")
        room.says(chat, "cảm ơn con")
    room.says(ERASED, "xoá dữ liệu")
    room.press(ERASED, "Xoá hết")
    room.later(hours=22)
    store = room.house.store
    with store.engine.begin() as connection:
        said = Inbound(channel="zalo_oa", chat="1", message_id="1", sent_at=room.now, sender="1",
                       attachments=(Attachment(kind="photo", ref="https://f1.zdn.vn/1.jpg"),))  # fmt: skip
        arrivals = [inbox.from_channel(said, "picture")]
        inbox.put(connection, arrivals, room.now)
        files.want(connection, arrivals, room.now)
        files._claim(connection, room.now, 4)
        timers.keep(connection, HOURS, room.now)
        newest = connection.execute(sa.select(sa.func.max(_inbox.c.id))).scalar_one()
        phone = {"member_id": LAN, "endpoint": "https://x.vn", "p256dh": "", "auth": "", "failures": 0,
                 "offer_mark": 0, "inbox_mark": newest - 9, "next_at": room.now}  # fmt: skip
        connection.execute(_push.insert(), phone)
        push.due(connection, room.now)
        connection.execute(_outbox.update().where(_outbox.c.id == 1), {"status": int(Status.SENDING), "owner": "dead"})
        notices.is_any_due(connection, room.now)
        notices.give(connection, HOURS, {"telegram"}, room.now)
        outbox.on_the_wire(connection, "telegram", GROUP)
        for where in (GROUP, str(RESIDENT)):
            unsure = {"id": 1, "channel": "telegram", "chat": where, "marked_at": room.now, "body": {}}
            fate._seen_ids(connection, unsure)
            cases.words_of(connection, f"telegram:{where}", "1")
            threads.thread(connection, f"telegram:{where}")
    room.sender._swept_at = float("-inf")
    room.run()
    store.read_now(lambda c: (standing.way(c, room.now), standing.cases(c, room.now)))
    store.read_now(lambda c: _lead_looks(c, room, notice_id))


def _lead_looks(connection: sa.Connection, room: Room, notice_id: int) -> None:
    notices.progress(connection, notice_id)
    content_views.counts(connection, room.house.shelf.library, room.now)
    channels.statuses(connection, room.house, room.now)
    for one in CHANNELS:
        if one.window_hours:
            channels._windows(connection, one, room.now)


def _notify(room: Room) -> int:
    """A notice for everybody, given to nearly all of them."""
    row = {"title": "t", "text": "t", "province": "79", "commune": "", "hamlet": "", "topic": "", "reason": "",
           "channels": "telegram", "send_from": room.now, "send_until": room.now + timedelta(days=1),
           "written_by": LAN, "written_at": room.now, "approved_at": room.now, "judged_by": TAM}  # fmt: skip
    with room.house.store.engine.begin() as connection:
        notice_id = connection.execute(_notice.insert().returning(_notice.c.id), row).scalar_one()
        waits = _reader.c.conversation.like("%7777")
        now, earlier = (sa.literal(at, _to.c.next_at.type) for at in (room.now, room.now - timedelta(hours=1)))
        values = {
            "notice_id": sa.literal(notice_id), "conversation": _reader.c.conversation, "tries": sa.literal(0),
            "channel": sa.literal("telegram"), "fate": sa.case((waits, "waiting"), else_="said"), "next_at": now,
            "given_at": sa.case((waits, None), else_=earlier),
        }  # fmt: skip
        connection.execute(_to.insert().from_select(list(values), sa.select(*values.values()), include_defaults=False))
    with room.house.store.engine.connect() as connection:
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql("ANALYZE notice_to")
    return int(notice_id)


# --- what the databases say ------------------------------------------------------------------------------------------


def _whole(connection: sa.Connection, large: set[str], statement: str, values: Any) -> list[str]:
    if connection.dialect.name == "sqlite":
        return list(dict.fromkeys(_whole_in_sqlite(connection, large, statement, values)))
    given = connection.exec_driver_sql(f"EXPLAIN (FORMAT JSON) {statement}", values).scalar_one()
    found = [f"{why}, for these values" for why in _whole_in_postgres(given[0]["Plan"], large)]
    numbers: dict[str, int] = {}
    general = re.sub(r"%\((\w+)\)s", lambda m: f"${numbers.setdefault(m[1], len(numbers) + 1)}", statement)
    plan = connection.exec_driver_sql(f"EXPLAIN (GENERIC_PLAN, FORMAT JSON) {general}").scalar_one()
    found += [f"{why}, for any" for why in _whole_in_postgres(plan[0]["Plan"], large)]
    return list(dict.fromkeys(found))


def _whole_in_sqlite(connection: sa.Connection, large: set[str], statement: str, values: Any) -> Iterator[str]:
    if re.search(r"\.id DESC\s+LIMIT \?", statement):
        return  # it goes back from the newest row until it has enough: how long that takes is measured
    aliases = {alias: table for table, alias in re.findall(r"(\w+) AS (\w+)", statement)}
    for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values):
        found = re.match(r"SCAN (\w+)(?: USING (?:COVERING )?INDEX (\w+))?", row[3])
        if found and str(aliases.get(found[1], found[1])).strip('"') in large and found[2] not in _OPEN:
            yield row[3]


def _whole_in_postgres(plan: dict[str, Any], large: set[str], above: str = "") -> Iterator[str]:
    table, kind = plan.get("Relation Name", ""), plan["Node Type"]
    whole = kind == "Seq Scan" or (kind in ("Index Scan", "Index Only Scan") and "Index Cond" not in plan)
    # an index of open rows has its condition in itself, and of one that is only begun ("the newest") a limit tells
    if table in large and whole and above != "Limit" and plan.get("Index Name", "") not in _OPEN:
        yield f"{kind} of {table}"
    for below in plan.get("Plans", ()):
        yield from _whole_in_postgres(below, large, kind)


#: partial indexes
_OPEN = {
    index.name
    for table in metadata.tables.values()
    for index in table.indexes
    if index.dialect_options["postgresql"]["where"] is not None
}


def _rows(connection: sa.Connection, table: str) -> int:
    """Up to a few more than are few."""
    some = sa.select(sa.literal(1)).select_from(metadata.tables[table]).limit(FEW + 1).subquery()
    return connection.execute(sa.select(sa.func.count()).select_from(some)).scalar_one()


def _short(statement: str) -> str:
    return re.sub(r"\s+", " ", statement)[:160]
