"""Whether a message of unknown fate arrived: asked of the providers that let us, by harmless calls.

Never sends a message. Of a provider that cannot be asked it says "no", and what follows is the sender's rule.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from api.carrier import Carrier, UnknownFate
from api.outbox import SENT_AGAIN, UNKNOWN_FATE
from api.tables import Inbox, Outbox
from bot.channel import Outgoing, SendError

_outbox = Outbox.__table__  # type: ignore[attr-defined]
_inbox = Inbox.__table__  # type: ignore[attr-defined]
_SEND_AGAIN = (
    _outbox.update()
    .where(
        _outbox.c.channel == sa.bindparam("channel_of"),
        _outbox.c.chat == sa.bindparam("chat_of"),
        _outbox.c.error == sa.text(f"'{UNKNOWN_FATE}'"),
        _outbox.c.status == sa.text("0"),
        _outbox.c.status < sa.text("2"),
        _outbox.c.id != sa.bindparam("row"),
    )
    .values(error=SENT_AGAIN)
)


async def asked(carrier: Carrier, row: Mapping[str, Any], outgoing: Outgoing) -> str | None:
    """The id of a message of unknown fate that did arrive; "" when it did not, None when that cannot be asked.

    Raises SendError when the provider gave no clear answer.
    """
    name = row["channel"]
    channel = carrier.house.channels[name]
    if not channel.capabilities.edits:  # the question is an edit that changes nothing
        return None
    if outgoing.topic or (not outgoing.edits and len(channel.render(outgoing)) != 1):
        return None
    seen = await carrier.house.store.read(lambda c: _seen_ids(c, name, outgoing.chat, row["marked_at"]))
    there: list[str] = []
    for call in channel.ask(outgoing, seen.before, seen.known, seen.newest):
        try:
            status, body = await carrier.post(name, call)
        except UnknownFate as error:
            raise SendError(f"asking about it failed: {error}") from error
        if found := channel.arrived(outgoing, call, status, body):
            there.append(found)
        if len(there) >= seen.unknown:
            return there[0]
    if seen.unknown > 1:  # fewer are there than are asked about: which of them cannot be told, so each is sent again
        others = {"row": row["id"], "channel_of": name, "chat_of": outgoing.chat}
        await carrier.house.store.write(lambda c: c.execute(_SEND_AGAIN, others) and None)
    return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """Message ids of the series that a chat's messages are counted in: Telegram counts all private chats together."""

    #: the highest that was known before the try
    before: int
    #: the highest that can have been given out since
    newest: int
    #: those in this very chat that are known to be something else
    known: frozenset[int]
    #: messages to this chat that are of unknown fate, this one among them
    unknown: int


def _seen_ids(connection: sa.Connection, channel: str, chat: str, marked_at: datetime) -> Seen:
    group = chat.startswith("-")
    ours = sa.select(_outbox.c.chat, _outbox.c.remote_id, _outbox.c.sent_at.label("at")).where(
        _outbox.c.remote_id != ""
    )
    theirs = sa.select(_inbox.c.chat, _inbox.c.body["message_id"].as_string(), _inbox.c.received_at.label("at"))
    if group:
        ours = ours.where(_outbox.c.channel == channel, _outbox.c.chat == chat)
        theirs = theirs.where(_inbox.c.channel == channel, _inbox.c.chat == chat)
    else:  # so written that SQLite goes back from the newest row, instead of sorting all that the channel ever had
        ours = ours.where(_outbox.c.channel.concat("") == channel)
        theirs = theirs.where(_inbox.c.channel.concat("") == channel)
    newest = [
        *connection.execute(ours.order_by(_outbox.c.id.desc()).limit(2000)),
        *connection.execute(theirs.order_by(_inbox.c.id.desc()).limit(2000)),
    ]
    ids = [
        (int(number), where, at)
        for where, number, at in newest
        if number and number.isdigit() and (where == chat or not (group or where.startswith("-")))
    ]
    # Ids that were given out but never written down: one for each message on the wire, as many again for answers
    # to them that have not reached us yet.
    on_wire = sa.select(sa.func.count()).where(
        _outbox.c.channel.concat("") == channel,  # as above: the few open rows are meant
        sa.or_(_outbox.c.status == sa.text("1"), _outbox.c.error == UNKNOWN_FATE),
        _outbox.c.status < sa.text("2"),
    )
    unwritten = 2 * int(connection.execute(on_wire).scalar_one())
    unknown = on_wire.where(_outbox.c.chat == chat)
    return Seen(
        before=max((number for number, _, at in ids if at is not None and at < marked_at), default=0),
        newest=max((number for number, _, _ in ids), default=0) + unwritten,
        known=frozenset(number for number, where, _ in ids if where == chat),
        unknown=max(1, int(connection.execute(unknown).scalar_one())),
    )
