"""The end of the way: rows of the outbox to the providers. In order within a lane, many lanes at once.

Every row is marked "sending" and committed before its first byte leaves, and marked again with what came of it. So a
row found "sending" after a crash is of unknown fate: it is asked about where the provider allows that, repeated where
that is harmless, else held for a person to see. A slow chat holds up its own lane alone; a 429 pauses what it names.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Literal

import sqlalchemy as sa
import structlog
from msgspec import Struct
from msgspec.structs import replace
from sqlalchemy.dialects import postgresql, sqlite

from api import fate, inbox
from api.ahead import Ahead
from api.among import Among
from api.carried import as_sent
from api.carrier import ANSWER_S, MOST_AT_ONCE, Carrier, UnknownFate
from api.house import House
from api.outbox import SENT_AGAIN, SPOKEN, UNKNOWN_FATE, Status
from api.prepared import Prepared, Row
from api.store import StoreBusy, is_dead, owner
from api.tables import Case, ConversationRow, Outbox, Pause
from api.voice import NotSpoken
from bot import record
from bot.channel import PICTURE, SPEECH, Outgoing, Receipt, SendError, open_until
from bot.model import Attachment, Reached, Reply, Undelivered

log = structlog.get_logger()

#: a message that is refused, or of which nobody can say whether it arrived, is given up after so many tries (about
#: three hours of back-off); one at which we ourselves fail sooner, for all that follows it in its lane waits
MOST_TRIES, MOST_RAISED = 14, 6
#: a message of unknown fate that cannot be asked about is sent again for so long: each time it may come once more
BLINDLY = timedelta(minutes=2)
#: how often is looked for messages whose process has died, or whose talk changed hands behind our back
SWEEP_EVERY_S = 0.5
#: what a process that died had on the wire may be so far from landing, or from being written down
LANDS = timedelta(seconds=0.5)
#: a message marked longer ago is not begun: our machine stood still, and others may take us for dead
FRESH_S = 10.0

_outbox = Outbox.__table__  # type: ignore[attr-defined]
_conversation = ConversationRow.__table__  # type: ignore[attr-defined]
_case = Case.__table__  # type: ignore[attr-defined]
_pause = Pause.__table__  # type: ignore[attr-defined]
_earlier = _outbox.alias("earlier")
_other = _outbox.alias("other")

#: "< 2" is said too because SQLite takes the index of open rows only for a condition that is word for word its own
_QUEUED = (_outbox.c.status == sa.text("0"), _outbox.c.status < sa.text("2"))
#: of the row's talk
_EPOCH_NOW = sa.select(_conversation.c.epoch).where(_conversation.c.key == _outbox.c.conversation).scalar_subquery()
_VOID = (
    _outbox.update()
    .where(
        *_QUEUED,
        _outbox.c.epoch.is_not(None),
        _outbox.c.epoch < _EPOCH_NOW,
    )
    .values(status=int(Status.VOID))
)  # fmt: skip
_DUE = (
    sa.select(_outbox.c.id)
    .where(
        *_QUEUED,
        _outbox.c.next_at <= sa.bindparam("now"),
        ~Among(_outbox.c.channel, "full"),  # channels that have enough on the wire
        ~sa.exists().where(
            _pause.c.until > sa.bindparam("now"),
            sa.or_(_pause.c.place == _outbox.c.channel, _pause.c.place == _outbox.c.channel + ":" + _outbox.c.chat),
        ),
        # asked once more: on PostgreSQL the talk may have changed hands since the statement before this one
        sa.or_(_outbox.c.epoch.is_(None), _outbox.c.epoch >= _EPOCH_NOW),
        ~sa.exists().where(
            _earlier.c.lane == _outbox.c.lane, _earlier.c.id < _outbox.c.id, _earlier.c.status < sa.text("2")
        ),
        # In a group several lanes share one chat. While a message there is of unknown fate the others hold back, and
        # it is asked about only once none of them is on the wire: a strange id can then be no other than its own.
        ~sa.exists().where(
            _other.c.channel == _outbox.c.channel,
            _other.c.chat == _outbox.c.chat,
            _other.c.id != _outbox.c.id,
            _other.c.status < sa.text("2"),
            _other.c.error == sa.text(f"'{UNKNOWN_FATE}'"),
            sa.or_(_outbox.c.error != UNKNOWN_FATE, _other.c.id < _outbox.c.id),
        ),
        sa.or_(
            _outbox.c.error != UNKNOWN_FATE,
            ~sa.exists().where(
                _other.c.channel == _outbox.c.channel,
                _other.c.chat == _outbox.c.chat,
                _other.c.id != _outbox.c.id,
                _other.c.status == sa.text("1"),
            ),
        ),
    )
    .order_by(_outbox.c.id)
    .limit(sa.bindparam("most"))
    .with_for_update(skip_locked=True, of=_outbox)  # two processes share the work instead of waiting for each other
)
_MARK = Prepared(
    _outbox.update()
    # asked again here: on PostgreSQL another process may have marked the row since the subquery saw it
    .where(_outbox.c.id.in_(_DUE.scalar_subquery()), _outbox.c.status == sa.text("0"))
    .values(status=int(Status.SENDING), owner=sa.bindparam("owner"), attempts=_outbox.c.attempts + 1,
            # of a message of unknown fate the first try counts: that one may have arrived
            marked_at=sa.case((_outbox.c.error == UNKNOWN_FATE, _outbox.c.marked_at), else_=sa.bindparam("now")))
    .returning(*_outbox.c)
)  # fmt: skip
#: of what we began ourselves, under the name of then
_SETTLE = Prepared(
    _outbox.update()
    .where(_outbox.c.id == sa.bindparam("row"), sa.or_(
        sa.and_(_outbox.c.status == sa.text("1"), _outbox.c.owner == sa.bindparam("by")),
        # it arrived: that is so even if another process has taken it over meanwhile
        sa.and_(_outbox.c.status < sa.text("2"), sa.bindparam("status", type_=sa.Integer) == sa.text("2")),
    ))
    .values(status=sa.bindparam("status"), next_at=sa.bindparam("next_at"), remote_id=sa.bindparam("remote_id"),
            quota=sa.bindparam("quota"), error=sa.bindparam("error"), sent_at=sa.bindparam("sent_at"),
            attempts=_outbox.c.attempts - sa.bindparam("untried", type_=sa.Integer))
)  # fmt: skip
#: of these, those that nobody sends any more and that are not known to have arrived
_GIVEN_UP = Prepared(sa.select(_outbox.c.id).where(Among(_outbox.c.id, "rows"), _outbox.c.status > int(Status.SENT)))
_HEARD = Prepared(sa.select(_conversation.c.heard_at).where(_conversation.c.key == sa.bindparam("key")))
_PAUSE = {
    name: insert.on_conflict_do_update(index_elements=["place"], set_={"until": insert.excluded.until})
    for name, insert in (("sqlite", sqlite.insert(_pause)), ("postgresql", postgresql.insert(_pause)))
}
_LATER = sa.select(sa.func.min(_outbox.c.next_at)).where(*_QUEUED, _outbox.c.next_at > sa.bindparam("now"))
_PAUSED = sa.select(sa.func.min(_pause.c.until)).where(_pause.c.until > sa.bindparam("now"))
#: when something falls due by itself: what is due already waits for something else, and hears of that
_SOON = Prepared(sa.select(_LATER.scalar_subquery(), _PAUSED.scalar_subquery()))
_OWNERS = sa.select(_outbox.c.owner).where(_outbox.c.status == sa.text("1")).distinct()


class Result(Struct, frozen=True, kw_only=True):
    """What came of one try."""

    row: int
    #: under which the row was marked
    owner: str
    status: Status
    next_at: datetime
    remote_id: str = ""
    error: str = ""
    sent_at: datetime | None = None
    quota: str = ""
    #: put back before its first byte left: that was no try
    untried: bool = False
    #: the chat, as channel and chat, that cannot be written to
    blocked: tuple[str, str] | None = None
    #: conversation of a resident whom a member's words will not reach
    undelivered: str = ""
    why: Literal["blocked", "refused", "window", "unknown"] = "refused"
    #: the case whose topic in the team's group is `remote_id` from now on
    topic_of: int | None = None
    #: where nothing is to be sent before `next_at`: a channel, or "channel:chat"
    paused: str = ""


class _Write:
    """A round's work. Writes down whatever has come back when it starts, and marks what is due."""

    def __init__(self, sender: "Sender") -> None:
        self._sender = sender
        #: known once it has started
        self.results: list[Result] | None = None
        self.rows: list[Row] = []

    def __call__(self, connection: sa.Connection) -> tuple[list[Row], datetime | None]:
        sender = self._sender
        if self.results is None:  # the event loop goes on adding, at the end alone
            many = len(sender.results)
            self.results = sender.results[:many]
            del sender.results[:many]
        room, full = sender.room()
        self.rows, due = sender._round(connection, self.results, sender.house.now(), room, full)
        return self.rows, due


class Sender:
    """The loop. One per process."""

    def __init__(self, house: House, carrier: Carrier) -> None:
        self.house, self.carrier = house, carrier
        self.results: list[Result] = []
        #: what is on the wire: the name under which each row was marked
        self.under_way: dict[int, str] = {}
        self.tasks: set[asyncio.Task[None]] = set()
        #: how much of it each channel has
        self.busy: Counter[str] = Counter()
        self._swept_at = float("-inf")
        self.ahead = Ahead(house.store, lambda: _Write(self))

    async def __aenter__(self) -> "Sender":
        return self

    async def __aexit__(self, *_: object) -> None:
        """Lets what is on the wire come to its end, and writes it down."""
        if self.tasks:
            await asyncio.wait(self.tasks, timeout=ANSWER_S)
        begun = set(self.under_way)
        try:
            await self.house.store.write(lambda c: self._ended(c, begun))
        except StoreBusy:
            log.warning("end_not_written", messages=len(self.results))  # they are asked about at the next start

    async def run(self) -> None:
        """Until cancelled: write down what came back, mark what is due, send it."""
        wait_s = 0.0
        with self.house.news.calling("outbox", self.ahead.behind):
            while True:
                try:
                    wait_s = await self._pump(wait_s)
                except StoreBusy:
                    wait_s = 0.2
                except Exception:
                    log.exception("sender_failed")
                    wait_s = 1.0

    async def _pump(self, wait_s: float) -> float:
        """One round. Returns how long to wait for news before the next one."""
        begun = await self.ahead.next(wait_s)
        try:
            written: tuple[list[Row], datetime | None] | None = await begun.done
        except StoreBusy:
            self.results += begun.work.results or ()
            self.ahead.past()
            raise
        except Exception:
            self.ahead.past()
            await self._one_by_one(begun.work.results or ())
            raise
        rows, due = written or ([], None)
        self.house.news.tell({row["conversation"] for row in rows})
        for row in rows:
            self.under_way[row["id"]] = row["owner"]
            self.busy[row["channel"]] += 1
            task = asyncio.create_task(self._send(row, begun.at_s))
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)
        self.ahead.past()
        if any(result.blocked or result.undelivered for result in begun.work.results or ()):
            self.house.news.tell(["turns"])
        if due is None:
            return SWEEP_EVERY_S
        return min(SWEEP_EVERY_S, max(0.02, (due - self.house.now()).total_seconds()))

    async def _one_by_one(self, results: Sequence[Result]) -> None:
        """A round failed: should the database refuse what a provider said of one message, the others must not wait."""
        now, write, left = self.house.now(), self.house.store.write, list(results)
        try:
            while left:
                one = left[0]
                bare = Result(row=one.row, owner=one.owner, status=one.status, next_at=one.next_at)
                try:
                    await write(lambda c, one=one: _settle(c, [one], now))  # type: ignore[misc]
                except StoreBusy:
                    raise
                except Exception:
                    log.exception("result_refused", row=one.row)
                    await write(lambda c, bare=bare: _settle(c, [bare], now))  # type: ignore[misc]
                del left[0]
        finally:
            self.results += left

    def room(self) -> tuple[int, list[str]]:
        """How many messages more may go on the wire, and the channels that have enough there."""
        marked = self._marked()  # first: the event loop moves them to `busy`
        busy = Counter(dict(self.busy))
        busy.update(row["channel"] for row in marked)
        # a channel that is slow fills half of its own room and leaves the others theirs
        full = [name for name, many in busy.items() if many > MOST_AT_ONCE // 2]
        return MOST_AT_ONCE - max((many for name, many in busy.items() if name not in full), default=0), full

    def _marked(self) -> list[Row]:
        """What the event loop has yet to hear of."""
        return [row for begun in list(self.ahead.rounds) for row in begun.work.rows]

    def _taken_up(self) -> list[Result]:
        """What rounds write down that the event loop has yet to hear of."""
        return [one for begun in list(self.ahead.rounds) for one in begun.work.results or ()]

    def _round(
        self, connection: sa.Connection, results: list[Result], now: datetime, room: int, full: Sequence[str] = ()
    ) -> tuple[list[Row], datetime | None]:
        if results:
            _settle(connection, results, now)
        if any(one.status == Status.QUEUED for one in results):
            connection.execute(_VOID)  # while it was on the wire its talk may have changed hands
        if time.monotonic() - self._swept_at > SWEEP_EVERY_S:
            self._sweep(connection, now)
        mark = {"now": now, "most": room, "owner": owner(connection), "full": full}
        rows = _MARK.mappings(connection, mark)
        if rows:  # what comes of them brings the next round
            return sorted(rows, key=lambda row: row["id"]), None
        [soon] = _SOON.rows(connection, {"now": now})
        return [], min((at for at in soon if at), default=None)

    def _ended(self, connection: sa.Connection, begun: set[int]) -> None:
        """What came back; and what was marked just now but never begun is nobody's any more."""
        _settle(connection, [*self._taken_up(), *self.results], self.house.now())
        mine = (_outbox.c.status == sa.text("1"), _outbox.c.owner == owner(connection))
        free = _outbox.update().where(*mine, _outbox.c.id.not_in(begun))
        connection.execute(free.values(status=int(Status.QUEUED), attempts=_outbox.c.attempts - 1))

    def _sweep(self, connection: sa.Connection, now: datetime) -> None:
        """What no event tells us: the end of another process, a talk that changed hands in one."""
        self._swept_at = time.monotonic()
        # read in the order in which the event loop moves them on, so that none slips past
        mine = {owner(connection), *(row["owner"] for row in self._marked()), *list(self.under_way.values())}
        mine.update(one.owner for one in (*list(self.results), *self._taken_up()))
        others = [name for name in connection.execute(_OWNERS).scalars() if name not in mine]
        dead = [name for name in others if is_dead(connection, name)]
        if dead:
            log.warning("unknown_fate_found", messages=_take_over(connection, dead, now))
        connection.execute(_VOID)
        connection.execute(_pause.delete().where(_pause.c.until <= now))

    # --- one message ---------------------------------------------------------------------------------------------

    async def _send(self, row: Row, queued_s: float) -> None:
        """`queued_s`: time.monotonic() when the round that marked it was queued."""
        structlog.contextvars.bind_contextvars(event_id=row["inbox_id"])  # of this task alone
        try:
            if time.monotonic() - queued_s > FRESH_S:
                result = _result(row, Status.QUEUED, self.house.now(), error=row["error"], untried=True)
            else:
                result = await self._try(row)
        except Exception as error:
            log.exception("send_raised", row=row["id"])
            result = self._raised(row, error)
        if row["error"] == SENT_AGAIN and result.status <= Status.SENT and result.error != UNKNOWN_FATE:
            result = replace(result, error=SENT_AGAIN)
        age = self.house.now() - row["created_at"]
        self.house.counts.sent(row["channel"], result.status, result.error, time.monotonic() - queued_s, age)
        if result.error:
            happened = "sent_again" if result.status == Status.SENT else "send_failed"
            log.warning(happened, row=row["id"], channel=row["channel"], status=result.status.name,
                        error=result.error, attempts=row["attempts"])  # fmt: skip
        if result.status != Status.QUEUED:
            self.carrier.forget(row["id"])
        self.results.append(result)
        self.under_way.pop(row["id"], None)
        self.busy[row["channel"]] -= 1
        self.ahead.soon()

    async def _try(self, row: Row) -> Result:
        now = self.house.now()
        channel = self.house.channels.get(row["channel"])
        if channel is None:
            return _result(row, Status.DEAD, now, error=f"channel {row['channel']} is off")
        outgoing = self._pictured(row, _outgoing(row))
        if channel.capabilities.window_hours:
            heard_at = await self.house.store.read(lambda c: _HEARD.scalar(c, {"key": row["conversation"]}))
            bots, members = (open_until(channel.capabilities, heard_at, human=human) for human in (False, True))
            closes = members if outgoing.human else bots
            if closes and closes <= now:
                return self._failed(row, SendError("the channel's window is closed", permanent=True, window=True))
            outgoing = replace(outgoing, late=bool(bots and bots <= now))
        if SPOKEN in row["body"]:
            heard = await self._spoken(row, outgoing)
            if heard is None:
                return _result(row, Status.SENT, now)
            outgoing = heard
        if row["body"].keys() & {"topic", "edits"}:
            outgoing = await self.house.store.read(lambda c: _aimed(c, row, outgoing))
            if outgoing.topic == "done" and not outgoing.thread:
                return _result(row, Status.SENT, now)
        again = ""
        try:
            if row["error"] == UNKNOWN_FATE:
                found = await fate.asked(self.carrier, row, outgoing)
                if found:
                    return _result(row, Status.SENT, now, remote_id=found, sent_at=now)
                if found is None and outgoing.human:
                    # a step of a flow may be read twice; what a person wrote is theirs to write again
                    return _never_known(row, now)
                again = SENT_AGAIN if found is None else ""
        except SendError as error:
            result = self._failed(row, error)  # still unsure: sent blindly it might come twice
            return result if result.status == Status.DEAD else replace(result, error=UNKNOWN_FATE)
        try:
            if outgoing.attachments and self.house.files:
                outgoing = await self.house.files.ready(outgoing, row["channel"], row["conversation"])
            receipt = await self._with_or_without_picture(row, outgoing)
        except SendError as error:
            if error.no_thread and row["body"].get("topic") == "in" and outgoing.thread:
                # somebody took the topic away: its words go on in the group itself
                return _result(row, Status.QUEUED, now, error=str(error), topic_of=row["case_id"])
            result = self._failed(row, error)
            return replace(result, error=again) if again and result.status == Status.QUEUED else result
        except UnknownFate:
            return self._unsure(row, blindly=bool(again))
        self.house.worries.pop(row["channel"], None)
        if row["chat"] == self.house.settings.telegram_team_chat:
            self.house.worries.pop("telegram_team_chat", None)
        made = row["case_id"] if outgoing.topic == "open" else None
        return _result(row, Status.SENT, now, remote_id=receipt.remote_id, sent_at=self.house.now(), topic_of=made,
                       quota=receipt.quota, error=again)  # fmt: skip

    async def _spoken(self, row: Row, outgoing: Outgoing) -> Outgoing | None:
        """A message that is read aloud. None: nothing is to be sent, for the words themselves have gone before.

        That an engine fails is said once in a talk, until it speaks again.
        """
        voice, channel, talk = self.house.voice, row["channel"], row["conversation"]
        if voice is None:
            return None
        try:
            sound = await voice.sound(row["body"][SPOKEN], channel)
        except NotSpoken as error:
            self.house.worries["speech"] = f"Chưa đọc thành tiếng được, xem các GOCUA_SPEECH_*: {error}"
            if voice.told.setdefault(talk, row["id"]) != row["id"]:
                return None
            return replace(outgoing, text=self.house.shelf.library.phrases.aloud_failed)
        self.house.worries.pop("speech", None)
        spoken = Attachment(
            kind="voice", ref=SPEECH + sound.path.name, name=f"nghe{sound.path.suffix}", size_bytes=sound.size_bytes
        )
        return replace(outgoing, attachments=(as_sent(channel, spoken, sound.content_type),))

    def _pictured(self, row: Row, outgoing: Outgoing) -> Outgoing:
        """With the picture of its step, where the channel shows any; the text says the same without."""
        shown = self.house.shelf.library.pictures.get(row["body"].get("picture", ""))
        if shown is None or not self.house.channels[row["channel"]].capabilities.photo_out:
            return outgoing
        photo = Attachment(kind="photo", ref=PICTURE + shown.name, name=shown.file.name, size_bytes=shown.size_bytes)
        return replace(outgoing, attachments=(*outgoing.attachments, photo))

    async def _with_or_without_picture(self, row: Row, outgoing: Outgoing) -> Receipt:
        """A picture that the provider refuses takes none of the words with it."""
        try:
            return await self.carrier.carry(row["channel"], row["id"], outgoing)
        except SendError as error:
            files = tuple(one for one in outgoing.attachments if not one.ref.startswith(PICTURE))
            if len(files) == len(outgoing.attachments) or not error.permanent or error.blocked or error.window:
                raise
            log.warning("sent_without_picture", channel=row["channel"], error=str(error))
        return await self.carrier.carry(row["channel"], row["id"], replace(outgoing, attachments=files))

    def _unsure(self, row: Row, *, blindly: bool) -> Result:
        """It may have arrived. `blindly`: as it may have before, and nobody could be asked."""
        now = self.house.now()
        if row["attempts"] >= MOST_TRIES or (blindly and now - row["marked_at"] > BLINDLY):
            return _never_known(row, now)
        return _later(row, now, UNKNOWN_FATE)

    def _raised(self, row: Row, error: Exception) -> Result:
        """A fault of ours, or the database was away."""
        now = self.house.now()
        unsure = row["error"] == UNKNOWN_FATE
        if row["attempts"] < MOST_RAISED or isinstance(error, StoreBusy):
            return _later(row, now, UNKNOWN_FATE if unsure else type(error).__name__)
        return _never_known(row, now) if unsure else self._failed(row, SendError(type(error).__name__, permanent=True))

    def _failed(self, row: Row, error: SendError) -> Result:
        now = self.house.now()
        if error.misconfigured:
            self.house.worries[row["channel"]] = str(error)
        if error.moved_to:
            self.house.worries["telegram_team_chat"] = (
                f"Nhóm Telegram của tổ đã đổi số: đặt GOCUA_TELEGRAM_TEAM_CHAT={error.moved_to} rồi khởi động lại."
            )
        # "later" is no failure: a burst in one group may hear it many times over
        given_up = row["attempts"] >= (error.tries or MOST_TRIES) and (error.retry_after_s is None or error.tries)
        if error.window and row["body"].get("author") != "member":
            return _result(row, Status.VOID, now)  # the bot falls silent with the resident: nobody waits for its words
        if error.permanent or error.blocked or given_up:
            if row["chat"] == self.house.settings.telegram_team_chat:
                self.house.worries["telegram_team_chat"] = f"Nhóm Telegram của tổ không nhận được tin: {error}"
            return _result(
                row, Status.DEAD, now, error=str(error),
                blocked=(row["channel"], row["chat"]) if error.blocked else None,
                undelivered=_from_member(row),
                why="window" if error.window else "blocked" if error.blocked else "refused",
            )  # fmt: skip
        if error.retry_after_s is not None:
            until = now + timedelta(seconds=error.retry_after_s)
            where = row["channel"] if error.whole else f"{row['channel']}:{row['chat']}"
            return _result(row, Status.QUEUED, until, error=str(error), paused=where)
        return _later(row, now, UNKNOWN_FATE if error.uncertain else str(error))


def _take_over(connection: sa.Connection, dead: list[str], now: datetime) -> int:
    """What these had on the wire: nobody knows its fate, so it is asked about first. Returns how many."""
    lost = _outbox.update().where(_outbox.c.status == sa.text("1"), _outbox.c.owner.in_(dead))
    found = connection.execute(
        lost.values(status=int(Status.QUEUED), next_at=now + LANDS, error=UNKNOWN_FATE)
        .returning(_outbox.c.id, _outbox.c.chat, _outbox.c.body)
    ).all()  # fmt: skip
    # In a group many messages may have been under way at once. One is told from another by its buttons alone, which
    # name its case; of those without any the team reads a line twice rather than answering the wrong resident.
    alike = [row.id for row in found if row.chat.startswith("-") and not row.body.get("choices")]
    connection.execute(_outbox.update().where(_outbox.c.id.in_(alike)).values(error=SENT_AGAIN))
    return len(found)


def _outgoing(row: Row) -> Outgoing:
    body = row["body"]
    reply = record.read(Reply, body)
    if body.get("native"):
        ids = tuple(choice.id for choice in reply.choices)
    else:
        ids = tuple(f"{reply.menu}.{place}" for place in range(1, len(reply.choices) + 1))
    return Outgoing(
        chat=row["chat"], text=reply.text, choices=reply.choices, choice_ids=ids, attachments=reply.attachments,
        ask=reply.ask, human=reply.author == "member",
    )  # fmt: skip


def _aimed(connection: sa.Connection, row: Row, outgoing: Outgoing) -> Outgoing:
    """With what only the messages before it in its lane could give: the topic of its case, the message it changes."""
    topic, changes = row["body"].get("topic", ""), row["body"].get("edits")
    if topic and topic != "open":
        found = sa.select(_case.c.topic_thread).where(_case.c.id == row["case_id"])
        outgoing = replace(outgoing, thread=connection.execute(found).scalar() or "")
    if topic and topic != "in":
        outgoing = replace(outgoing, topic="open" if topic == "again" and not outgoing.thread else topic)
    if changes is not None:
        first = sa.select(_outbox.c.remote_id).where(_outbox.c.inbox_id == changes, _outbox.c.place == 0)
        outgoing = replace(outgoing, edits=connection.execute(first).scalar() or "")
    return outgoing


def _later(row: Row, now: datetime, why: str) -> Result:
    """Back-off: 0.5, 1, 2 ... seconds up to half an hour, spread by the row's number so that not all come at once."""
    pause_s = min(1800.0, 0.5 * 2 ** (row["attempts"] - 1)) * (1 + row["id"] % 10 / 20)
    return _result(row, Status.QUEUED, now + timedelta(seconds=pause_s), error=why)


def _never_known(row: Row, now: datetime) -> Result:
    """Whether it arrived will not be known: nobody can be asked, and it is not sent once more."""
    return _result(row, Status.UNKNOWN, now, error=UNKNOWN_FATE, undelivered=_from_member(row), why="unknown")


def _from_member(row: Row) -> str:
    """The conversation, of a member's words; "" of the bot's."""
    return row["conversation"] if row["body"].get("author") == "member" else ""


def _result(row: Row, status: Status, next_at: datetime, **more: Any) -> Result:
    return Result(row=row["id"], owner=row["owner"], status=status, next_at=next_at, **more)


def _settle(connection: sa.Connection, results: list[Result], now: datetime) -> None:
    if not results:
        return
    rows = [
        {"row": r.row, "by": r.owner, "status": int(r.status), "next_at": r.next_at, "remote_id": r.remote_id,
         "error": r.error.replace("\0", ""),  # PostgreSQL's text holds none
         "quota": r.quota, "sent_at": r.sent_at, "untried": int(r.untried)}
        for r in results
    ]  # fmt: skip
    _SETTLE.run(connection, rows)
    lost = [one.row for one in results if one.undelivered]
    # what another process has taken over may yet arrive: then it is not for us to say that it did not
    given_up = {row.id for row in _GIVEN_UP.rows(connection, {"rows": lost})} if lost else set()
    told = []
    for one in results:
        if one.paused:
            pause = {"place": one.paused, "until": one.next_at}
            connection.execute(_PAUSE[connection.dialect.name], pause)
        if one.topic_of is not None:
            thread = one.remote_id if one.status == Status.SENT else ""
            connection.execute(_case.update().where(_case.c.id == one.topic_of).values(topic_thread=thread))
        if one.blocked and not one.blocked[1].startswith("-"):
            channel, chat = one.blocked
            gone = Reached(channel=channel, chat=chat, reachable=False)
            told.append(inbox.from_channel(gone, f"refused:{one.row}"))
        if one.row in given_up:
            why = Undelivered(why=one.why)
            told.append(inbox.from_inside(one.undelivered, why, f"undelivered:{one.row}"))
    if told:
        inbox.put(connection, told, now)
