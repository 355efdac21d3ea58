"""Putting words on their way: a message is a row that an event of the inbox caused, at its place among the effects."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum
from typing import Any, Literal

import sqlalchemy as sa
from msgspec.structs import replace

from api.prepared import Prepared
from api.tables import Outbox
from bot import record
from bot.model import Attachment, Choice, Reply

#: how a row stands to the topic of its case in the team's group: not at all, in it, or what is done to the topic itself
Topic = Literal["", "in", "open", "again", "done"]

_outbox = Outbox.__table__


class Status(IntEnum):
    """How far a message got. Below SENT it is open: what follows it in its lane waits."""

    QUEUED = 0
    SENDING = 1
    SENT = 2
    #: nobody knows whether it arrived, and it cannot be asked or repeated: a member is shown so
    UNKNOWN = 3
    #: the provider will never take it
    DEAD = 4
    #: its conversation changed hands before it went out
    VOID = 5


#: under this key stand the words of a row that is nothing but them read aloud; it follows the row that shows them
SPOKEN = "spoken"
#: and under this one the calls that a provider took of a row that goes on later: see Carrier.carry
TAKEN = "taken"
#: what stands in `error` of a QUEUED row that must be asked about before it is sent again (Status.UNKNOWN is an end)
UNKNOWN_FATE = "unknown fate"
#: and of one that was sent again without being asked about: whoever reads it may have it twice
SENT_AGAIN = "sent again, its first fate is unknown"

#: word for word the conditions of the indexes of open rows: SQLite takes one for no other
OPEN, QUEUED = _outbox.c.status < sa.text("2"), _outbox.c.status == sa.text("0")
#: as QUEUED, by when they fall due; a narrower bound of that stands before it, for SQLite takes the first
QUEUED_BY_TIME = (QUEUED, _outbox.c.next_at > sa.text("0"))
#: for rows that are found by their key or lane: "+ 0" lets no index answer it. PostgreSQL, which mostly believes that
#: nothing is queued, would go through an index of all that is to find the one
IS_QUEUED = _outbox.c.status + sa.text("0") == sa.text("0")

_ON_THE_WIRE = Prepared(
    sa.select(_outbox.c.id)
    .where(
        # so written that SQLite takes the index of the few open rows, and not the chat's with all that it ever had
        OPEN,
        _outbox.c.channel.concat(":").concat(_outbox.c.chat) == sa.bindparam("place"),
        sa.or_(_outbox.c.status == sa.text("1"), _outbox.c.error == sa.text(f"'{UNKNOWN_FATE}'")),
    )
    .limit(1)
)
_INSERT = Prepared(_outbox.insert())
_VOID = Prepared(
    _outbox.update()
    .where(_outbox.c.lane == sa.bindparam("talk"), OPEN, IS_QUEUED, _outbox.c.conversation == sa.bindparam("talk"),
           _outbox.c.epoch < sa.bindparam("epoch_now"))
    .values(status=int(Status.VOID))
)  # fmt: skip


def on_the_wire(connection: sa.Connection, channel: str, chat: str) -> bool:
    """Whether a message to this chat may have arrived whose id is not written down yet."""
    return _ON_THE_WIRE.first(connection, {"place": f"{channel}:{chat}"}) is not None


@dataclass(slots=True)
class Pen:
    """Collects the rows that one event causes. A web chat is read, not sent, so its rows are done at once."""

    inbox_id: int
    conversation: str
    now: datetime
    rows: list[dict[str, Any]] = field(default_factory=list)

    def reply(self, reply: Reply, epoch: int) -> None:
        """Words to the resident of this conversation."""
        channel, _, chat = self.conversation.partition(":")
        bound = None if reply.notice or reply.author == "member" else epoch
        heard = reply.aloud and channel != "web"  # the web chat plays it from the line itself
        shown = replace(reply, aloud="") if heard else reply
        self._row(channel, chat, self.conversation, record.to_json(shown), epoch=bound)
        if heard:
            spoken = {**record.to_json(Reply(text="", notice=reply.notice)), SPOKEN: reply.aloud}
            self._row(channel, chat, self.conversation, spoken, epoch=bound)

    def member(
        self,
        chat: str,
        text: str,
        choices: tuple[tuple[str, str], ...] = (),
        attachments: tuple[Attachment, ...] = (),
        *,
        case_id: int | None = None,
        lane: str = "",
        channel: str = "telegram",
        topic: Topic = "",
        edits: int | None = None,
    ) -> None:
        """Words to a member in their own chat, or to the team's group. `choices` are (native payload, label).

        `edits` is the event whose first message, in the same lane, is changed instead of sending a new one.
        """
        note = Reply(
            text=text,
            choices=tuple(Choice(id=native, label=label) for native, label in choices),
            attachments=attachments,
            notice=True,
        )
        body = {**record.to_json(note), "native": True}
        if topic:
            body["topic"] = topic
        if edits is not None:
            body["edits"] = edits
        self._row(channel, chat, lane or f"{channel}:{chat}", body, case_id=case_id)

    def _row(
        self,
        channel: str,
        chat: str,
        lane: str,
        body: dict[str, Any],
        *,
        epoch: int | None = None,
        case_id: int | None = None,
    ) -> None:
        read = channel == "web"
        self.rows.append(
            {
                "channel": channel, "chat": chat, "lane": lane, "inbox_id": self.inbox_id, "place": len(self.rows),
                "conversation": self.conversation, "epoch": epoch, "case_id": case_id, "body": body,
                "status": Status.SENT if read else Status.QUEUED, "attempts": 0, "next_at": self.now, "owner": "",
                "marked_at": None, "remote_id": "", "quota": "", "error": "", "created_at": self.now,
                "sent_at": self.now if read else None,
            }
        )  # fmt: skip


def merged(rows: list[dict[str, Any]], text_limit: int) -> list[dict[str, Any]]:
    """What one event made the bot say to its resident, in as few messages as the texts allow.

    Only words join: of a message with choices, files or a question for a number nothing is taken away from its end.
    """
    out: list[dict[str, Any]] = []
    for row in rows:
        last = out[-1] if out else None
        if last and _plain(last) and _joins(row) and all(last[key] == row[key] for key in ("chat", "lane", "epoch")):
            text = f"{last['body']['text']}\n\n{row['body']['text']}"
            if len(text) <= text_limit:
                out[-1] = {**last, "body": {**row["body"], "text": text}}
                continue
        out.append(row)
    return out


def _plain(row: dict[str, Any]) -> bool:
    """Nothing but words of the bot's own."""
    return _joins(row) and not row["body"].keys() & {"choices", "ask", "picture"}


def _joins(row: dict[str, Any]) -> bool:
    return bool(row["body"].get("text")) and not row["body"].keys() & {"author", "attachments", "native"}


def void(connection: sa.Connection, epochs: list[tuple[str, int]]) -> None:
    """These talks have changed hands: what was written before and has not begun to be sent never will be."""
    _VOID.run(connection, [{"talk": key, "epoch_now": epoch} for key, epoch in epochs])


def insert(connection: sa.Connection, rows: list[dict[str, Any]]) -> None:
    _INSERT.run(connection, rows)
