"""The middle of the way: events out of the inbox, through the engine, into state, outbox, timers and log.

One batch is one transaction: conversations are locked, then their open events read and taken in order, then all that
came of them is written and the events marked done. No network here. What raises three times goes to a person.
"""

import asyncio
import contextlib
import time
from collections import defaultdict
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import sqlalchemy as sa
import structlog
from sqlalchemy.dialects import postgresql, sqlite

from api import cases, inbox, later, linked
from api.ahead import Ahead
from api.among import Among
from api.batch import DONE, PUT_OFF, TRIES, Batch, Gathered
from api.cases import Office
from api.house import House
from api.prepared import Prepared
from api.store import StoreBusy, Work
from api.tables import ConversationRow, Inbox
from bot.handoff import Hours
from bot.model import Crashed

log = structlog.get_logger()

#: events whose talks are taken up together, and events of these talks that are read; a transaction does so twice
MOST_EVENTS, MOST_READ = 64, 128
#: other processes' conversations are looked at so often; those that another process is at just now, sooner
LOOK_AGAIN_S = 0.25
LOOK_SOON_S = 0.01

_inbox = Inbox.__table__
_conversation = ConversationRow.__table__

_first = _inbox.alias("first")
_OPEN = Prepared(
    sa.select(_inbox.c.id, _inbox.c.conversation, _inbox.c.channel, _inbox.c.chat)
    .where(
        *inbox.OPEN_IN_ORDER,
        _inbox.c.next_at <= sa.bindparam("now"),
        _inbox.c.id > sa.bindparam("after"),
        # what stands behind an event that waits would else take everybody's room
        sa.select(_first.c.next_at)
        .where(_first.c.conversation == _inbox.c.conversation, _first.c.done_at.is_(None))
        .order_by(_first.c.id)
        .limit(sa.literal_column("1", sa.Integer))
        .scalar_subquery()
        <= sa.bindparam("now"),
    )
    .order_by(_inbox.c.id)
    .limit(MOST_EVENTS)
)
_NEW = {
    name: Prepared(insert.on_conflict_do_nothing(index_elements=["key"]))
    for name, insert in (("sqlite", sqlite.insert(_conversation)), ("postgresql", postgresql.insert(_conversation)))
}
_KNOWN = Prepared(sa.select(_conversation.c.key).where(Among(_conversation.c.key, "keys")))
_LOCK = Prepared(
    sa.select(
        _conversation.c.key,
        sa.cast(_conversation.c.state, sa.Text).label("state"),
        _conversation.c.name,
        _conversation.c.heard_at,
    )
    .where(Among(_conversation.c.key, "keys"))
    .with_for_update(skip_locked=True, key_share=True)
)
_EVENTS = Prepared(
    sa.select(_inbox.c.id, _inbox.c.conversation, _inbox.c.channel, _inbox.c.chat, _inbox.c.body, _inbox.c.attempts,
              _inbox.c.received_at, _inbox.c.next_at)
    .where(Among(_inbox.c.conversation, "keys"), inbox.OPEN,
           _inbox.c.id + sa.text("0") > sa.bindparam("after"))  # found by their talks, and by no index of the order
    .order_by(_inbox.c.id)
    .limit(MOST_READ)
)  # fmt: skip


class Turns:
    """The loop. One per process."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.ahead = Ahead(house.store, self._turn)
        self._made: Office | None = None

    async def run(self) -> None:
        """Until cancelled: take what is there, then wait for news."""
        wait_s = 0.0
        with self.house.news.calling("turns", self._hear):
            while True:
                batch = await self._round(wait_s)
                wait_s = 0.0 if batch.more else LOOK_SOON_S if batch.elsewhere else LOOK_AGAIN_S

    def _hear(self) -> None:
        """The turn of an event shares the commit that stores it, and the mark of the answer to it does too."""
        self.ahead.for_news()
        self.house.news.tell(["outbox"])

    async def _round(self, wait_s: float) -> Batch:
        """Never raises: a database that is away for a moment must not end the loop."""
        try:
            return await self._next(wait_s)
        except StoreBusy:
            return Batch()  # the database is away: no event is to blame
        except Exception:
            log.exception("turns_failed")
        try:
            return await self._one_by_one()
        except StoreBusy:
            return Batch()
        except Exception:
            log.exception("turns_failed")
            return Batch()

    async def _next(self, wait_s: float) -> Batch:
        turn = await self.ahead.next(wait_s)
        try:
            batch: Batch | None = await turn.done
        finally:
            self.ahead.dealt_with()
        if batch is None:
            return Batch()
        self.house.counts.turned(batch.events, time.monotonic() - turn.at_s)
        await self._told(batch, sent=turn.news)
        return batch

    def _turn(self, only: str = "") -> Work[Batch]:
        """One transaction of turns. `only`: the first event of this conversation."""
        house, office = self.house, self._office()
        return lambda connection: take(connection, office, house.now(), only)

    def _office(self) -> Office:
        """Made once for each library."""
        house = self.house
        if self._made is not None and self._made.library is house.shelf.library:
            return self._made
        self._made = Office(
            library=house.shelf.library,
            hours=Hours(start=house.settings.day_starts_hour, end=house.settings.day_ends_hour),
            team_chat=house.settings.telegram_team_chat,
            topics=house.settings.telegram_team_topics,
            undo_seconds=house.settings.member_undo_seconds,
            public_url=house.settings.public_url.rstrip("/"),
            key=house.key,
            windowed=frozenset(name for name, one in house.channels.items() if one.capabilities.window_hours),
            merging={n: one.capabilities.text_limit for n, one in house.channels.items() if one.capabilities.merges},
        )
        return self._made

    async def _told(self, batch: Batch, *, sent: bool) -> None:
        """Who waits on it hears of it. `sent`: the sender's round is behind it already."""
        house = self.house
        house.news.tell(batch.told)
        if batch.to_send and not sent:
            house.news.tell(["outbox"])
        if batch.at_desk:
            house.news.tell(["desk"])
        for what, worry in batch.worries.items():
            house.worries.pop(what, None)
            if worry:
                house.worries[what] = worry
        for path in batch.erased:
            await asyncio.to_thread(path.unlink, missing_ok=True)

    async def _one_by_one(self) -> Batch:
        """A whole batch failed: find the conversation that did it, and leave its event for later."""
        now = self.house.now()
        rows = await self.house.store.read(lambda c: _open(c, now))
        first = {row.conversation: row.id for row in reversed(rows)}
        whole = Batch(more=bool(rows))
        for key in dict.fromkeys(row.conversation for row in rows):
            try:
                batch = await self.house.store.write(self._turn(key))
                await self._told(batch, sent=False)
                whole.events += batch.events
            except StoreBusy:
                raise
            except Exception as error:
                log.exception("turn_failed", conversation=key)
                failed = partial(_postpone, key=key, first=first[key], why=type(error).__name__, now=now)
                await self.house.store.write(failed)
        return whole


def take(connection: sa.Connection, office: Office, now: datetime, only: str = "") -> Batch:
    """One transaction of turns: each conversation's events in order. `only`: this conversation's first event alone."""
    batch = Batch()
    inbox.put_since(connection)  # whatever came before
    _take(connection, office, now, only, batch)
    if batch.events and not only and (batch.more or inbox.put_since(connection)):
        first = batch.events
        _take(connection, office, now, only, batch)  # what a turn has to tell in other talks need not wait for a commit
        batch.more |= batch.events > first
    return batch


def _take(connection: sa.Connection, office: Office, now: datetime, only: str, batch: Batch) -> None:
    batch.more, batch.elsewhere, after = True, False, 0
    while batch.more:
        rows = _open(connection, now, after)
        batch.more = len(rows) == MOST_EVENTS
        if _some(connection, office, now, only, batch, rows):
            return
        if rows:
            after = rows[-1].id  # another process is at all of these: what comes after them is for us


def _open(connection: sa.Connection, now: datetime, after: int = 0) -> list[Any]:
    """The oldest MOST_EVENTS events, by conversation, that can have their turn now, `after` that id."""
    return _OPEN.rows(connection, {"now": now, "after": after})


def _some(connection: sa.Connection, office: Office, now: datetime, only: str, batch: Batch, rows: list[Any]) -> bool:
    """The turns of these conversations. False: another process is at all of them."""
    opened = {row.conversation: row for row in rows if not only or row.conversation == only}
    if not opened:
        return False
    # The lock comes first and the events are read after it, in a new statement: on PostgreSQL a row that another
    # process finished meanwhile must be seen as done.
    locked = _locked(connection, list(opened))
    if missing := opened.keys() - locked.keys():  # new, or another process has them
        # Not put in blindly: an INSERT would wait until the other process has done with the conversation.
        known = {row.key for row in _KNOWN.rows(connection, {"keys": list(missing)})}
        new = sorted(missing - known)
        blank = [
            {"key": key, "channel": opened[key].channel, "chat": opened[key].chat, "state": {}, "state_version": 1,
             "epoch": 0, "reachable": True, "name": "", "heard_at": None, "updated_at": now}
            for key in new
        ]  # fmt: skip
        if new:
            _NEW[connection.dialect.name].run(connection, blank)
            locked |= _locked(connection, new)
    batch.elsewhere |= len(locked) < len(opened)
    if not locked:
        return False
    events: defaultdict[str, list[Any]] = defaultdict(list)
    for row in _events(connection, list(locked)):
        events[row.conversation].append(row)
    chats = {row.chat for rows in events.values() for row in rows if row.channel == "telegram"}
    staff = linked.of_chats(connection, chats)
    gathered = Gathered(connection, office, now, batch, staff, alone=bool(only))
    with contextlib.nullcontext() if only else later.gathered(connection):
        for key, rows in events.items():
            gathered.conversation(locked[key], rows)
        gathered.write()
    return True


def _events(connection: sa.Connection, keys: list[str]) -> list[Any]:
    """The oldest MOST_READ open events of these conversations, and what belongs to the albums among them."""
    rows = _EVENTS.rows(connection, {"keys": keys, "after": 0})
    albums = {(row.conversation, album) for row in rows if (album := row.body.get("album"))}
    if len(rows) < MOST_READ or not albums:
        return rows
    more = _EVENTS.rows(connection, {"keys": list({key for key, _ in albums}), "after": rows[-1].id})
    return [*rows, *(row for row in more if (row.conversation, row.body.get("album")) in albums)]


def _locked(connection: sa.Connection, keys: list[str]) -> dict[str, Any]:
    """These conversations, ours until the transaction ends; without those that another process has."""
    return {row.key: row for row in _LOCK.rows(connection, {"keys": keys})}


def _postpone(connection: sa.Connection, key: str, first: int, why: str, now: datetime) -> None:
    """The first open event of a conversation failed in the database. After TRIES it is laid aside, for the operator,
    and the conversation goes to a person."""
    if not _locked(connection, [key]) and _KNOWN.rows(connection, {"keys": [key]}):
        return  # another process is at it
    row = _EVENTS.first(connection, {"keys": [key], "after": 0})
    if row is None or row.id != first:
        return  # another process was
    tried = row.attempts + 1
    again_at = now + timedelta(seconds=tried)
    PUT_OFF.run(connection, [{"row": row.id, "tried": tried, "again_at": again_at, "why": why}])
    if tried >= TRIES:
        DONE.run(connection, {"ids": [row.id], "now": now})
        cases.write_log(connection, now, "laid_aside", conversation=key, detail=f"event {row.id}: {why}")
        if row.body.get("kind") != Crashed.__name__ and not key.startswith("desk:"):
            inbox.put(connection, [inbox.from_inside(key, Crashed(message=""), f"crashed:{row.id}")], now)
