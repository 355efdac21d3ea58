"""How far each message got, as the outbox has it: marked before its first byte leaves, settled by what came of it.

The rules of who may be sent now stand here, in SQL: what is due, nothing earlier open in its lane, its talk still the
same. Which wire carries it, and what an answer means, is api.attempt's.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Literal, NamedTuple

import sqlalchemy as sa
from msgspec import Struct
from msgspec.structs import replace
from sqlalchemy.dialects import postgresql, sqlite

from api import inbox
from api.among import Among, Found, none
from api.outbox import IS_QUEUED, QUEUED, QUEUED_BY_TIME, SENT_AGAIN, UNKNOWN_FATE, Status
from api.prepared import Prepared, Row
from api.store import is_dead, owner
from api.tables import Case, ConversationRow, Outbox, Pause
from bot.channel import Outgoing
from bot.model import Reached, Undelivered

#: what a process that died had on the wire may be so far from landing, or from being written down
LANDS = timedelta(seconds=0.5)

_outbox = Outbox.__table__
_conversation = ConversationRow.__table__
_case = Case.__table__
_pause = Pause.__table__
_earlier = _outbox.alias("earlier")
_other = _outbox.alias("other")

_IN_PART = (QUEUED, _outbox.c.channel == sa.bindparam("queue"), _outbox.c.id > sa.bindparam("after"),
            _outbox.c.id <= sa.bindparam("upto"))  # fmt: skip
#: of the row's talk
_EPOCH_NOW = sa.select(_conversation.c.epoch).where(_conversation.c.key == _outbox.c.conversation).scalar_subquery()
_HAS_MOVED = (_outbox.c.epoch.is_not(None), _outbox.c.epoch < _EPOCH_NOW)
_VOID = Prepared(_outbox.update().where(*_IN_PART, *_HAS_MOVED).values(status=int(Status.VOID)))
_VOID_OF = Prepared(
    _outbox.update()
    .where(Among(_outbox.c.id, "rows"), IS_QUEUED, *_HAS_MOVED)
    .values(status=int(Status.VOID))
)  # fmt: skip
_PART_ENDS = Prepared(
    sa.select(_outbox.c.id)
    .where(QUEUED, _outbox.c.channel == sa.bindparam("queue"), _outbox.c.id > sa.bindparam("after"))
    .order_by(_outbox.c.id)
    .limit(sa.literal_column("1", sa.Integer))
    .offset(sa.bindparam("before"))
)
_DUE = (
    sa.select(_outbox.c.id)
    .where(
        *_IN_PART,
        _outbox.c.next_at <= sa.bindparam("now"),
        none(_pause, _pause.c.until > sa.bindparam("now"), _pause.c.place == sa.bindparam("queue")),
        none(_pause, _pause.c.until > sa.bindparam("now"), _pause.c.place == _outbox.c.channel + ":" + _outbox.c.chat),
        # asked once more: on PostgreSQL the talk may have changed hands since the statement before this one
        sa.or_(_outbox.c.epoch.is_(None), _outbox.c.epoch >= _EPOCH_NOW),
        none(
            _earlier, _earlier.c.lane == _outbox.c.lane, _earlier.c.id < _outbox.c.id, _earlier.c.status < sa.text("2")
        ),
        # In a group several lanes share one chat. While a message there is of unknown fate the others hold back, and
        # it is asked about only once none of them is on the wire: a strange id can then be no other than its own.
        none(
            _other,
            _other.c.channel == _outbox.c.channel,
            _other.c.chat == _outbox.c.chat,
            _other.c.id != _outbox.c.id,
            _other.c.status + sa.text("0") < sa.text("2"),
            _other.c.error == sa.text(f"'{UNKNOWN_FATE}'"),
            sa.or_(_outbox.c.error != UNKNOWN_FATE, _other.c.id < _outbox.c.id),
        ),
        sa.or_(
            _outbox.c.error != UNKNOWN_FATE,
            none(
                _other,
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
#: all that a try needs to know
_TRIED = ("id", "channel", "chat", "inbox_id", "conversation", "epoch", "case_id", "body", "attempts", "owner",
          "marked_at", "error", "created_at")  # fmt: skip
_MARK = Prepared(
    _outbox.update()
    # asked again here: on PostgreSQL another process may have marked the row since the subquery saw it
    .where(Found(_outbox.c.id, _DUE), IS_QUEUED)
    .values(status=int(Status.SENDING), owner=sa.bindparam("owner"), attempts=_outbox.c.attempts + 1,
            # the first try of unknown fate counts: that one may have arrived
            marked_at=sa.case((sa.or_(_outbox.c.error == UNKNOWN_FATE, _outbox.c.error == SENT_AGAIN),
                               _outbox.c.marked_at), else_=sa.bindparam("now")))
    .returning(*(_outbox.c[name] for name in _TRIED))
)  # fmt: skip
#: of a row found by its key: see outbox.IS_QUEUED
_status = _outbox.c.status + sa.text("0")
#: of what we began ourselves, under the name of then
_SETTLE = Prepared(
    _outbox.update()
    .where(_outbox.c.id == sa.bindparam("row"), sa.or_(
        sa.and_(_status == sa.text("1"), _outbox.c.owner == sa.bindparam("by")),
        # it arrived: that is so even if another process has taken it over meanwhile
        sa.and_(_status < sa.text("2"), sa.bindparam("status", type_=sa.Integer) == sa.text("2")),
    ))
    .values(status=sa.bindparam("status"), next_at=sa.bindparam("next_at"), remote_id=sa.bindparam("remote_id"),
            quota=sa.bindparam("quota"), error=sa.bindparam("error"), sent_at=sa.bindparam("sent_at"),
            attempts=_outbox.c.attempts - sa.bindparam("untried", type_=sa.Integer))
)  # fmt: skip
#: of these, those that nobody sends any more and that are not known to have arrived
_GIVEN_UP = Prepared(sa.select(_outbox.c.id).where(Among(_outbox.c.id, "rows"), _outbox.c.status > int(Status.SENT)))
_PAUSE = {
    name: insert.on_conflict_do_update(
        index_elements=["place"], set_={"until": insert.excluded.until}, where=_pause.c.until < insert.excluded.until
    )
    for name, insert in (("sqlite", sqlite.insert(_pause)), ("postgresql", postgresql.insert(_pause)))
}
_LATER = sa.select(sa.func.min(_outbox.c.next_at)).where(_outbox.c.next_at > sa.bindparam("now"), *QUEUED_BY_TIME)
_PAUSED = sa.select(sa.func.min(_pause.c.until)).where(_pause.c.until > sa.bindparam("now"))
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
    #: put back before its first byte left, or told to come later: that was no try
    untried: bool = False
    #: the chat, as channel and chat, that cannot be written to
    blocked: tuple[str, str] | None = None
    #: conversation of a resident whom a member's words will not reach
    undelivered: str = ""
    why: Literal["blocked", "refused", "window", "unknown"] = "refused"
    #: the case whose topic in the team's group is `remote_id` from now on
    topic_of: int | None = None
    #: as it stands from now on, if it waits again
    body: dict[str, Any] | None = None
    #: where nothing is to be sent before `next_at`: a channel, or "channel:chat"
    paused: str = ""


class Part(NamedTuple):
    """Of a channel's queue: the ids behind `after`, `upto` included."""

    after: int
    upto: int


WHOLE = Part(0, 2**63 - 1)


def mark(connection: sa.Connection, now: datetime, channel: str, most: int, part: Part = WHOLE) -> list[Row]:
    """The oldest messages that may go now, ours from here on, in order."""
    wanted = {"now": now, "queue": channel, **part._asdict(), "most": most, "owner": owner(connection)}
    return sorted(_MARK.mappings(connection, wanted), key=lambda row: row["id"])


def next_part(connection: sa.Connection, channel: str, after: int, size: int) -> Part:
    """The next `size` messages of the queue, or all that are left."""
    last = _PART_ENDS.scalar(connection, {"queue": channel, "after": after, "before": size - 1})
    return Part(after, last or WHOLE.upto)


def due_next(connection: sa.Connection, now: datetime) -> datetime | None:
    """When a message falls due by itself: what is due already waits for something else, and hears of that."""
    [soon] = _SOON.rows(connection, {"now": now})
    return min((at for at in soon if at), default=None)


def void_moved(connection: sa.Connection, channel: str, part: Part = WHOLE) -> None:
    """What waits although its talk has changed hands."""
    _VOID.run(connection, {"queue": channel, **part._asdict()})


def void_these(connection: sa.Connection, rows: Sequence[int]) -> None:
    """Of these, what waits again: while it was on the wire its talk may have changed hands."""
    if rows:
        _VOID_OF.run(connection, {"rows": rows})


def put_back(connection: sa.Connection, begun: set[int]) -> None:
    """What we marked just now but never began is nobody's any more."""
    mine = (_outbox.c.status == sa.text("1"), _outbox.c.owner == owner(connection))
    free = _outbox.update().where(*mine, _outbox.c.id.not_in(begun))
    connection.execute(free.values(status=int(Status.QUEUED), attempts=_outbox.c.attempts - 1))


def sweep(connection: sa.Connection, now: datetime, mine: set[str]) -> int:
    """What no event tells us: the end of another process, a pause that is over.

    `mine`: the names under which we have messages on the wire. Returns how many messages of the dead were taken over.
    """
    others = [name for name in connection.execute(_OWNERS).scalars() if name not in mine]
    dead = [name for name in others if is_dead(connection, name)]
    found = _take_over(connection, dead, now) if dead else 0
    connection.execute(_pause.delete().where(_pause.c.until <= now))
    return found


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
    connection.execute(_outbox.update().where(_outbox.c.id.in_(alike)).values(error=SENT_AGAIN, marked_at=now))
    return len(found)


def settle(connection: sa.Connection, results: list[Result], now: datetime) -> None:
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
        if one.body is not None:
            its = _outbox.update().where(_outbox.c.id == one.row, IS_QUEUED, _outbox.c.owner == one.owner)
            connection.execute(its.values(body=one.body))
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


def aimed(connection: sa.Connection, row: Row, outgoing: Outgoing) -> Outgoing:
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
