"""The middle of the way: events out of the inbox, through the engine, into state, outbox, timers and log.

One batch is one transaction: conversations are locked, then their open events read and taken in order, then all that
came of them is written and the events marked done. No network here. What raises three times goes to a person.
"""

import asyncio
import contextlib
import time
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, get_args

import orjson
import sqlalchemy as sa
import structlog
from sqlalchemy.dialects import postgresql, sqlite

from api import (
    albums,
    cases,
    casework,
    courses,
    desk,
    inbox,
    joins,
    later,
    linked,
    media,
    members,
    morning,
    notices,
    outbox,
    surveys,
)
from api.ahead import Ahead
from api.among import Among
from api.cases import Desk
from api.house import House
from api.outbox import Pen
from api.prepared import Prepared, at_once
from api.store import StoreBusy, Work, savepoint
from api.tables import ConversationRow, Inbox, Miss, Outbox
from bot import record
from bot.engine import advance
from bot.handoff import Hours
from bot.model import (
    CaseClosed,
    CaseEvent,
    CaseMoved,
    CaseTaken,
    CodeTyped,
    Conversation,
    Crashed,
    DayStarts,
    Event,
    Forget,
    HandedBack,
    HeldWords,
    Inbound,
    JoinAnswered,
    JoinAsked,
    LeaveCase,
    Missed,
    Note,
    NoticeDue,
    NoticeMet,
    OpenCase,
    QueueAsked,
    Quizzed,
    Reached,
    Relay,
    Remember,
    Reply,
    Surveyed,
    Undelivered,
    Unjoined,
    WaitExpired,
)

log = structlog.get_logger()

#: events taken in one transaction
MOST_EVENTS = 64
#: other processes' conversations are looked at so often; those that another process is at just now, sooner
LOOK_AGAIN_S = 0.25
LOOK_SOON_S = 0.01
#: an event may raise so often before the conversation goes to a person
TRIES = 3
#: a member's answer to a message whose sending is not yet written down is looked at again after this, for so long
RETRY = timedelta(milliseconds=60)
MOST_WAIT = timedelta(minutes=5)

_inbox = Inbox.__table__  # type: ignore[attr-defined]
_conversation = ConversationRow.__table__  # type: ignore[attr-defined]
_outbox = Outbox.__table__  # type: ignore[attr-defined]
_miss = Miss.__table__  # type: ignore[attr-defined]

_CASE_KINDS = {cls.__name__ for cls in get_args(CaseEvent)}

_first = _inbox.alias("first")
_OPEN = Prepared(
    sa.select(_inbox.c.id, _inbox.c.conversation, _inbox.c.channel, _inbox.c.chat)
    .where(
        _inbox.c.done_at.is_(None),
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
    .where(Among(_inbox.c.conversation, "keys"), _inbox.c.done_at.is_(None))
    .order_by(_inbox.c.id)
    .limit(2 * MOST_EVENTS)
)  # fmt: skip
_DONE = Prepared(_inbox.update().where(Among(_inbox.c.id, "ids")).values(done_at=sa.bindparam("now")))
_LATER = Prepared(
    _inbox.update()
    .where(_inbox.c.id == sa.bindparam("row"))
    .values(attempts=sa.bindparam("tried"), next_at=sa.bindparam("again_at"), error=sa.bindparam("why"))
)
_REWRITE = Prepared(_inbox.update().where(_inbox.c.id == sa.bindparam("row")).values(body=sa.bindparam("to")))
#: what stands in other chats: a resident's words before members. Word for word the index's own
_COPIES = sa.text("conversation <> channel || ':' || chat")
_ERASE = Prepared(
    _inbox.update()
    .where(_inbox.c.channel == sa.bindparam("channel_of"), _inbox.c.chat == sa.bindparam("chat_of"),  # the index
           _inbox.c.conversation == sa.bindparam("of"), _inbox.c.id <= sa.bindparam("until"),
           _inbox.c.done_at.is_not(None))
    .values(body=sa.bindparam("to"))
)  # fmt: skip
_SAVE = Prepared(
    _conversation.update()
    .where(_conversation.c.key == sa.bindparam("row"))
    .values(state=sa.bindparam("state"), epoch=sa.bindparam("epoch"), name=sa.bindparam("name"),
            heard_at=sa.bindparam("heard"), updated_at=sa.bindparam("updated_at"))
)  # fmt: skip


@dataclass(slots=True)
class Batch:
    """What came of one transaction, for those who wait on it."""

    events: int = 0
    #: there may be more of them
    more: bool = False
    #: there are events whose conversations another process has
    elsewhere: bool = False
    told: set[str] = field(default_factory=set)
    to_send: bool = False
    at_desk: bool = False
    #: files of erased residents, to be removed once the transaction is on disk
    erased: list[Path] = field(default_factory=list)
    #: what the operator should know; "": no longer
    worries: dict[str, str] = field(default_factory=dict)


class Turns:
    """The loop. One per process."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.ahead = Ahead(house.store, self._turn)
        self._near: Desk | None = None

    async def run(self) -> None:
        """Until cancelled: take what is there, then wait for news."""
        wait_s = 0.0
        with self.house.news.calling("turns", self._hear):
            while True:
                batch = await self._round(wait_s)
                wait_s = 0.0 if batch.more else LOOK_SOON_S if batch.elsewhere else LOOK_AGAIN_S

    def _hear(self) -> None:
        """The turn of an event shares the commit that stores it, and the mark of the answer to it does too."""
        self.ahead.behind()
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
            self.ahead.past()
        if batch is None:
            return Batch()
        self.house.counts.turned(batch.events, time.monotonic() - turn.at_s)
        await self._told(batch, sent=turn.news)
        return batch

    def _turn(self, only: str = "") -> Work[Batch]:
        """One transaction of turns. `only`: the first event of this conversation."""
        house, near = self.house, self._desk()
        return lambda connection: take(connection, near, house.now(), only)

    def _desk(self) -> Desk:
        """Made once for each library."""
        house = self.house
        if self._near is not None and self._near.library is house.shelf.library:
            return self._near
        self._near = Desk(
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
        return self._near

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
        keys = await self.house.store.read(lambda c: [row.conversation for row in _open(c, now)])
        whole = Batch(more=bool(keys))
        for key in dict.fromkeys(keys):
            try:
                batch = await self.house.store.write(self._turn(key))
                await self._told(batch, sent=False)
                whole.events += batch.events
            except StoreBusy:
                raise
            except Exception as error:
                log.exception("turn_failed", conversation=key)
                why = type(error).__name__
                await self.house.store.write(lambda c, key=key, why=why: _postpone(c, key, why, now))  # type: ignore[misc]
        return whole


def take(connection: sa.Connection, near: Desk, now: datetime, only: str = "") -> Batch:
    """One transaction of turns: each conversation's events in order. `only`: this conversation's first event alone."""
    batch = Batch()
    inbox.put_since(connection)  # whatever came before
    _take(connection, near, now, only, batch)
    if batch.events and not only and (batch.more or inbox.put_since(connection)):
        first = batch.events
        _take(connection, near, now, only, batch)  # what a turn has to tell in other talks need not wait for a commit
        batch.more |= batch.events > first
    return batch


def _take(connection: sa.Connection, near: Desk, now: datetime, only: str, batch: Batch) -> None:
    batch.more, batch.elsewhere, after = True, False, 0
    while batch.more:
        rows = _open(connection, now, after)
        batch.more = len(rows) == MOST_EVENTS
        if _some(connection, near, now, only, batch, rows):
            return
        if rows:
            after = rows[-1].id  # another process is at all of these: what comes after them is for us


def _open(connection: sa.Connection, now: datetime, after: int = 0) -> list[Any]:
    """The oldest MOST_EVENTS events, by conversation, that can have their turn now, `after` that id."""
    return _OPEN.rows(connection, {"now": now, "after": after})


def _some(connection: sa.Connection, near: Desk, now: datetime, only: str, batch: Batch, rows: list[Any]) -> bool:
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
    for row in _EVENTS.rows(connection, {"keys": list(locked)}):
        events[row.conversation].append(row)
    chats = {row.chat for rows in events.values() for row in rows if row.channel == "telegram"}
    staff = linked.of_chats(connection, chats)
    gathered = _Gathered(connection, near, now, batch, staff, alone=bool(only))
    with contextlib.nullcontext() if only else later.gathered(connection):
        for key, rows in events.items():
            gathered.conversation(locked[key], rows)
        gathered.write()
    return True


def _locked(connection: sa.Connection, keys: list[str]) -> dict[str, Any]:
    """These conversations, ours until the transaction ends; without those that another process has."""
    return {row.key: row for row in _LOCK.rows(connection, {"keys": keys})}


class _Gathered:
    """Everything one batch will write, collected so that each table is written once."""

    def __init__(
        self, connection: sa.Connection, near: Desk, now: datetime, batch: Batch, staff: dict[str, int], *, alone: bool
    ) -> None:
        self.connection, self.near, self.now, self.batch, self.staff = connection, near, now, batch, staff
        #: one event and no more: which one the database refuses is being found out
        self.alone = alone
        self.done: list[int] = []
        self.put_off: list[dict[str, Any]] = []
        self.saved: list[dict[str, Any]] = []
        self.moved: list[tuple[str, int]] = []
        self.outbox: list[dict[str, Any]] = []
        #: bodies that change once taken: of a pin only that there was one stays, an album's pieces become one message
        self.rewritten: list[dict[str, Any]] = []
        #: conversations whose words are to go, those of this batch too: up to which event
        self.erased: list[dict[str, Any]] = []

    def conversation(self, stored: Any, rows: Iterable[Any]) -> None:
        """The open events of one conversation, in order, up to the first that has to wait."""
        channel, _, chat = stored.key.partition(":")
        blank = stored.state == "{}"
        before = state = (
            Conversation(channel=channel, chat=chat) if blank else record.read_text(Conversation, stored.state)
        )
        name, heard_at = stored.name, stored.heard_at
        for row in albums.whole(rows):
            if row.next_at > self.now or (self.alone and self.done):
                break
            pen = Pen(row.id, stored.key, self.now)
            try:
                with savepoint(self.connection) if self.alone else contextlib.nullcontext():
                    result = self.event(row, state, pen)
            except Exception as error:
                if isinstance(error, sa.exc.SQLAlchemyError) or not self.alone:
                    raise  # what it wrote before it raised goes with the batch; then each talk is taken by itself
                self.erased.clear()
                self.batch.erased.clear()
                log.exception("event_raised", conversation=stored.key, event_id=row.id, attempt=row.attempts + 1)
                if row.attempts + 1 < TRIES:
                    self._again(row, timedelta(seconds=row.attempts + 1), type(error).__name__, row.attempts + 1)
                    break
                pen = Pen(row.id, stored.key, self.now)  # nothing of a half-done answer goes out
                state = self.advance(state, Crashed(message=str(row.body.get("text", ""))), pen)
            else:
                if result is None:
                    self._again(row, RETRY, "waits for a message to be sent", row.attempts)
                    break
                state = result
            if "point" in row.body:
                self.rewritten.append({"row": row.id, "to": {**row.body, "point": {}}})
            name = row.body.get("sender_name") or name if row.body.get("kind") == "Inbound" else name
            if row.body["kind"] == "Inbound" or (row.body["kind"] == "Reached" and row.body["reachable"]):
                heard_at = row.received_at  # from here a channel's window counts
            if row.pieces:
                self.rewritten.append({"row": row.id, "to": row.body})
                self.rewritten += [{"row": piece, "to": albums.PIECE} for piece in row.pieces]
            self.done += (row.id, *row.pieces)
            self.batch.events += 1
            longest = self.near.merging.get(channel)
            self.outbox += outbox.merged(pen.rows, longest) if longest else pen.rows
        heard_anew = heard_at != stored.heard_at and channel in self.near.windowed
        if state != before or name != stored.name or heard_anew:
            self._save(stored.key, before, state, name, heard_at)

    def event(self, row: Any, state: Conversation, pen: Pen) -> Conversation | None:
        """One event: the next state, or None when it has to be looked at again a moment later."""
        kind = row.body["kind"]
        if kind == "Reached":
            self._reached(row.conversation, record.read(Reached, row.body), pen)
            return state
        if kind == "HeldWords":
            members.let_go(self.connection, pen, record.read(HeldWords, row.body))
            self.batch.at_desk = True
            return state
        if kind == "Undelivered":
            members.undelivered(self.connection, self.near, pen, record.read(Undelivered, row.body))
            return state
        if kind in _CASE_KINDS:
            happened: CaseEvent = record.case_event(row.body)
            if isinstance(happened, DayStarts):
                morning.begin(self.connection, self.near, pen)
            else:
                desk.happened(self.connection, self.near, pen, happened)
            self.batch.at_desk = True
            return state
        event: Event = record.event(row.body)
        if isinstance(event, Inbound) and linked.link_alerts(self.connection, pen, event):
            return state
        if isinstance(event, Inbound) and event.channel == "telegram":
            if row.conversation.startswith("desk:"):
                self.batch.at_desk = True
                if members.hear_in_group(self.connection, self.near, pen, event):
                    return state
                if self.now - row.received_at < MOST_WAIT and outbox.on_the_wire(
                    self.connection, "telegram", event.chat
                ):
                    return None
                # once more: on PostgreSQL what was on the wire may have been written down between the two
                members.hear_in_group(self.connection, self.near, pen, event)
                return state
            if linked.link(self.connection, pen, event):
                return state
            member_id = self.staff.get(event.chat)
            if member_id is not None and members.hear(self.connection, self.near, pen, event, member_id):
                self.batch.at_desk = True
                return state
        if joins.is_stale(self.connection, event, row.conversation):
            return state
        if isinstance(event, NoticeDue) and not notices.may_be_said(self.connection, pen, event.notice):
            return state
        if isinstance(event, Inbound) and (moved := self._follow(state, event, pen)):
            state = self.advance(state, moved, pen)
        after = self.advance(state, event, pen)
        if isinstance(event, Inbound):
            joins.share(self.connection, state, after, pen)
        if isinstance(event, CaseTaken | CaseClosed | HandedBack):
            members.case_moved(self.connection, self.near, pen, event)
        return after

    def advance(self, state: Conversation, event: Event, pen: Pen) -> Conversation:
        turn = advance(self.near.library, state, event, self.now)
        after = turn.conversation
        for effect in turn.effects:
            match effect:
                case Reply():
                    pen.reply(effect, after.epoch)
                    self.batch.told.add(pen.conversation)
                case OpenCase():
                    desk.open_case(self.connection, self.near, pen, effect)
                    self.batch.at_desk = True
                case Relay():
                    desk.relay(self.connection, self.near, pen, effect)
                    self.batch.at_desk = True
                case LeaveCase():
                    desk.leave(self.connection, self.near, pen)
                    self.batch.at_desk = True
                case QueueAsked():
                    desk.queue_asked(self.connection, pen)
                case Remember(what="feedback", value=how):
                    desk.feedback(self.connection, pen, how)
                case Remember():
                    what = f"remembered_{effect.what}"
                    cases.write_log(self.connection, self.now, what, conversation=pen.conversation, detail=effect.value)
                case Note():
                    cases.write_log(self.connection, self.now, effect.what, conversation=pen.conversation,
                                    flow=effect.flow, step=effect.step, detail=effect.detail)  # fmt: skip
                case Missed():
                    self._miss(pen, effect, after.place.commune if after.place else "")
                case Surveyed():
                    surveys.keep(self.connection, self.near.library, self.near.key, pen, effect, after.place)
                case Quizzed():
                    if (member_id := self.staff.get(pen.conversation.removeprefix("telegram:"))) is not None:
                        courses.answered(self.connection, self.near.library, member_id, effect, self.now)
                case NoticeMet():
                    notices.met(self.connection, pen, effect)
                case JoinAsked():
                    joins.give_code(self.connection, pen)
                case CodeTyped(code=code):
                    joins.read_code(self.connection, pen, code)
                case JoinAnswered(agreed=agreed):
                    joins.answer(self.connection, pen, after, agreed)
                case Unjoined():
                    joins.leave(self.connection, pen)
                case Forget():
                    self._erase(pen)
        return after

    def _follow(self, state: Conversation, said: Inbound, pen: Pen) -> CaseMoved | None:
        """A case that is open in another chat of this resident comes to where they write to the team."""
        moved = joins.follow(self.connection, self.near.library, state, said, pen.conversation, self.now)
        self.batch.at_desk = self.batch.at_desk or moved is not None
        return moved

    def _again(self, row: Any, pause: timedelta, why: str, attempts: int) -> None:
        self.put_off.append({"row": row.id, "tried": attempts, "again_at": self.now + pause, "why": why})

    def _save(self, key: str, before: Conversation, state: Conversation, name: str, heard_at: datetime | None) -> None:
        self.saved.append(
            {"row": key, "state": orjson.Fragment(record.text(state)), "epoch": state.epoch, "name": name,
             "heard": heard_at, "updated_at": self.now}
        )  # fmt: skip
        if state.epoch != before.epoch:
            self.moved.append((key, state.epoch))
        if (state.place, state.notices) != (before.place, before.notices):
            notices.know(self.connection, self.near.library, key, state, self.now)
        if state.wake_at is None and before.wake_at is not None:
            cases.unset_timer(self.connection, f"wake:{key}")
        elif state.wake_at is not None and state.wake_at != before.wake_at:
            body = record.to_json(WaitExpired(due_at=state.wake_at))
            cases.set_timer(self.connection, f"wake:{key}", key, state.wake_at, body)

    def _miss(self, pen: Pen, effect: Missed, commune: str) -> None:
        row = {
            "at": self.now, "why": effect.why, "text": effect.text, "topic": effect.topic, "given_topic": "",
            "handled_at": None, "conversation": pen.conversation, "commune": commune,
            "province": cases.province_of(self.near.library, commune),
        }  # fmt: skip
        self.connection.execute(_miss.insert(), row)

    def _reached(self, key: str, event: Reached, pen: Pen) -> None:
        query = _conversation.update().where(_conversation.c.key == key).values(reachable=event.reachable)
        self.connection.execute(query)
        cases.write_log(self.connection, self.now, "unblocked" if event.reachable else "blocked", conversation=key)
        if event.channel == "telegram" and (member_id := self.staff.get(event.chat)) is not None:
            self.batch.worries[f"member {member_id}"] = linked.reached(self.connection, pen, event, member_id)
            self.batch.at_desk = True

    def _erase(self, pen: Pen) -> None:
        """A resident's words, ours to them, and their files. That something was erased stays in the log."""
        key = pen.conversation
        channel, _, chat = key.partition(":")
        self.erased.append(
            {"of": key, "channel_of": channel, "chat_of": chat, "until": pen.inbox_id, "to": {"kind": "Erased"}}
        )
        # what is on the wire just now stays until it has aged: it may have to be asked about
        ended = (_outbox.c.conversation == key, _outbox.c.status >= outbox.Status.SENT)
        queued = (_outbox.c.conversation == key, _outbox.c.status == outbox.Status.QUEUED)
        for there in ((_outbox.c.channel == channel, _outbox.c.chat == chat), (_COPIES,)):
            self.connection.execute(_outbox.update().where(*there, *queued).values(status=outbox.Status.VOID, body={}))
            self.connection.execute(_outbox.update().where(*there, *ended).values(body={}))
        self.outbox = [row for row in self.outbox if row["conversation"] != key]  # of this batch
        desk.forget(self.connection, key)
        casework.forget(self.connection, key)
        joins.erase(self.connection, pen)
        surveys.forget(self.connection, self.near.key, key)
        notices.erase(self.connection, key)
        self.connection.execute(_miss.delete().where(_miss.c.conversation == key))
        self.batch.erased += media.forget(self.connection, key)
        cases.write_log(self.connection, self.now, "forgotten", conversation=key)

    def write(self) -> None:
        """Outbox before state, state before "done": the order means nothing inside one transaction but to a reader."""
        with at_once(self.connection):
            self._write(self.connection)

    def _write(self, c: sa.Connection) -> None:
        outbox.insert(c, self.outbox)
        outbox.void(c, self.moved)
        self.batch.to_send |= any(row["status"] == outbox.Status.QUEUED for row in self.outbox)
        _SAVE.run(c, self.saved)
        _LATER.run(c, self.put_off)
        _REWRITE.run(c, self.rewritten)
        if self.done:
            _DONE.run(c, {"ids": self.done, "now": self.now})
        _ERASE.run(c, self.erased)
        later.flush(c)  # with the rest, in one packet


def _postpone(connection: sa.Connection, key: str, why: str, now: datetime) -> None:
    """The first open event of a conversation failed in the database. After TRIES it is laid aside, for the operator,
    and the conversation goes to a person."""
    row = _EVENTS.first(connection, {"keys": [key]})
    if row is None:
        return
    tried = row.attempts + 1
    again_at = now + timedelta(seconds=tried)
    _LATER.run(connection, [{"row": row.id, "tried": tried, "again_at": again_at, "why": why}])
    if tried >= TRIES:
        _DONE.run(connection, {"ids": [row.id], "now": now})
        cases.write_log(connection, now, "laid_aside", conversation=key, detail=f"event {row.id}: {why}")
        if row.body.get("kind") != Crashed.__name__ and not key.startswith("desk:"):
            inbox.put(connection, [inbox.from_inside(key, Crashed(message=""), f"crashed:{row.id}")], now)
