"""What one batch of turns makes of its events: each through the engine, and all that follows gathered and written once.

In the middle of api.turns' one transaction. What stands in other tables is changed by the modules of the desk as it
comes; inbox, outbox, state, timers and log at the end. Commits nothing and sends nothing.
"""

import contextlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, get_args

import orjson
import sqlalchemy as sa
import structlog

from api import (
    albums,
    cases,
    casework,
    courses,
    desk,
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
from api.among import Among
from api.cases import Office
from api.outbox import Pen
from api.prepared import Prepared, at_once
from api.store import savepoint
from api.tables import ConversationRow, Inbox, Miss, Outbox
from bot import record
from bot.engine import advance
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

#: an event may raise so often before the conversation goes to a person
TRIES = 3
#: a member's answer to a message whose sending is not yet written down is looked at again after this, for so long
RETRY = timedelta(milliseconds=60)
MOST_WAIT = timedelta(minutes=5)

_inbox = Inbox.__table__
_conversation = ConversationRow.__table__
_outbox = Outbox.__table__
_miss = Miss.__table__

#: kinds of events that are no part of a talk
_BESIDE = {"Reached", "Undelivered", "HeldWords", *(cls.__name__ for cls in get_args(CaseEvent))}

DONE = Prepared(_inbox.update().where(Among(_inbox.c.id, "ids")).values(done_at=sa.bindparam("now")))
PUT_OFF = Prepared(
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


class Gathered:
    """Everything one batch will write, collected so that each table is written once."""

    def __init__(
        self,
        connection: sa.Connection,
        office: Office,
        now: datetime,
        batch: Batch,
        staff: dict[str, int],
        *,
        alone: bool,
    ) -> None:
        self.connection, self.office, self.now, self.batch, self.staff = connection, office, now, batch, staff
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
            after = self._tried(row, state, pen)
            if after is None:
                break
            state = after
            name = row.body.get("sender_name") or name if row.body["kind"] == "Inbound" else name
            if row.body["kind"] == "Inbound" or (row.body["kind"] == "Reached" and row.body["reachable"]):
                heard_at = row.received_at  # from here a channel's window counts
            longest = self.office.merging.get(channel)
            self.outbox += outbox.merged(pen.rows, longest) if longest else pen.rows
            self._done(row)
        heard_anew = heard_at != stored.heard_at and channel in self.office.windowed
        if state != before or name != stored.name or heard_anew:
            self._save(stored.key, before, state, name, heard_at)

    def _tried(self, row: Any, state: Conversation, pen: Pen) -> Conversation | None:
        """The state after this event; None when it is left for later, and with it all that follows."""
        try:
            with savepoint(self.connection) if self.alone else contextlib.nullcontext():
                after = self.event(row, state, pen)
        except Exception as error:
            if isinstance(error, sa.exc.SQLAlchemyError) or not self.alone:
                raise  # what it wrote before it raised goes with the batch; then each talk is taken by itself
            self.erased.clear()
            self.batch.erased.clear()
            log.exception("event_raised", conversation=pen.conversation, event_id=row.id, attempt=row.attempts + 1)
            if row.attempts + 1 < TRIES:
                self._again(row, timedelta(seconds=row.attempts + 1), type(error).__name__, row.attempts + 1)
                return None
            pen.rows.clear()  # nothing of a half-done answer goes out
            return self.advance(state, Crashed(message=str(row.body.get("text", ""))), pen)
        if after is None:
            self._again(row, RETRY, "waits for a message to be sent", row.attempts)
        return after

    def _done(self, row: Any) -> None:
        if "point" in row.body:
            self.rewritten.append({"row": row.id, "to": {**row.body, "point": {}}})
        if row.pieces:
            self.rewritten.append({"row": row.id, "to": row.body})
            self.rewritten += [{"row": piece, "to": albums.PIECE} for piece in row.pieces]
        self.done += (row.id, *row.pieces)
        self.batch.events += 1

    def event(self, row: Any, state: Conversation, pen: Pen) -> Conversation | None:
        """One event: the next state, or None when it has to be looked at again a moment later."""
        if row.body["kind"] in _BESIDE:
            self._beside(row, pen)
            return state
        event: Event = record.event(row.body)
        if isinstance(event, Inbound):
            by_staff = self._by_staff(row, event, pen)
            if by_staff is None:
                return None
            if by_staff:
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
            members.case_moved(self.connection, self.office, pen, event)
        return after

    def _beside(self, row: Any, pen: Pen) -> None:
        """What changes a case, a member or a chat's reach, and leaves the talk as it is."""
        kind, connection, office = row.body["kind"], self.connection, self.office
        if kind == "Reached":
            self._reached(row.conversation, record.read(Reached, row.body), pen)
        elif kind == "Undelivered":
            members.undelivered(connection, office, pen, record.read(Undelivered, row.body))
        elif kind == "HeldWords":
            members.let_go(connection, pen, record.read(HeldWords, row.body))
            self.batch.at_desk = True
        else:
            happened: CaseEvent = record.case_event(row.body)
            if isinstance(happened, DayStarts):
                morning.begin(connection, office, pen)
            else:
                desk.happened(connection, office, pen, happened)
            self.batch.at_desk = True

    def _by_staff(self, row: Any, said: Inbound, pen: Pen) -> bool | None:
        """Whether these were a member's words, and have been heard; None: to be looked at again a moment later."""
        connection = self.connection
        if linked.link_alerts(connection, pen, said):
            return True
        if said.channel != "telegram":
            return False
        if row.conversation.startswith("desk:"):
            self.batch.at_desk = True
            if members.hear_in_group(connection, self.office, pen, said):
                return True
            if self.now - row.received_at < MOST_WAIT and outbox.on_the_wire(connection, "telegram", said.chat):
                return None
            # once more: on PostgreSQL what was on the wire may have been written down between the two
            members.hear_in_group(connection, self.office, pen, said)
            return True
        if linked.link(connection, pen, said):
            return True
        member_id = self.staff.get(said.chat)
        if member_id is not None and members.hear(connection, self.office, pen, said, member_id):
            self.batch.at_desk = True
            return True
        return False

    def advance(self, state: Conversation, event: Event, pen: Pen) -> Conversation:
        turn = advance(self.office.library, state, event, self.now)
        after = turn.conversation
        for effect in turn.effects:
            match effect:
                case Reply():
                    pen.reply(effect, after.epoch)
                    self.batch.told.add(pen.conversation)
                case OpenCase():
                    desk.open_case(self.connection, self.office, pen, effect)
                    self.batch.at_desk = True
                case Relay():
                    desk.relay(self.connection, self.office, pen, effect)
                    self.batch.at_desk = True
                case LeaveCase():
                    desk.leave(self.connection, self.office, pen)
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
                    surveys.keep(self.connection, self.office.library, self.office.key, pen, effect, after.place)
                case Quizzed():
                    if (member_id := self.staff.get(pen.conversation.removeprefix("telegram:"))) is not None:
                        courses.answered(self.connection, self.office.library, member_id, effect, self.now)
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
        moved = joins.follow(self.connection, self.office.library, state, said, pen.conversation, self.now)
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
            notices.know(self.connection, self.office.library, key, state, self.now)
        if state.wake_at is None and before.wake_at is not None:
            cases.unset_timer(self.connection, f"wake:{key}")
        elif state.wake_at is not None and state.wake_at != before.wake_at:
            body = record.to_json(WaitExpired(due_at=state.wake_at))
            cases.set_timer(self.connection, f"wake:{key}", key, state.wake_at, body)

    def _miss(self, pen: Pen, effect: Missed, commune: str) -> None:
        row = {
            "at": self.now, "why": effect.why, "text": effect.text, "topic": effect.topic, "given_topic": "",
            "handled_at": None, "conversation": pen.conversation, "commune": commune,
            "province": cases.province_of(self.office.library, commune),
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
        surveys.forget(self.connection, self.office.key, key)
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
        PUT_OFF.run(c, self.put_off)
        _REWRITE.run(c, self.rewritten)
        if self.done:
            DONE.run(c, {"ids": self.done, "now": self.now})
        _ERASE.run(c, self.erased)
        later.flush(c)  # with the rest, in one packet
