"""Whether a message of unknown fate arrived: asked of the providers that let us, by harmless calls.

Never sends a message. What follows where nobody can say is the rule of api.attempt.
"""

import contextlib
from dataclasses import dataclass
from datetime import timedelta
from itertools import chain, islice
from typing import Any

import sqlalchemy as sa

from api import newest
from api.carrier import Carrier, UnknownFate
from api.outbox import SENT_AGAIN, UNKNOWN_FATE
from api.prepared import Row
from api.tables import Inbox, Outbox
from bot import record
from bot.channel import Call, Channel, Outgoing, SendError, Touched
from bot.model import Reply

#: at most so many ids are asked for: an outage ends with many questions at once, and providers count them
MOST_ASKED = 160
#: so far apart may the clocks of two machines be: what one says came before the other's try may have come after it
CLOCKS_APART = timedelta(seconds=10)

_outbox = Outbox.__table__
_inbox = Inbox.__table__
_ASKED = (
    _outbox.update()
    .where(
        _outbox.c.id.in_(sa.bindparam("alike", expanding=True)),
        _outbox.c.status == sa.text("0"),
        _outbox.c.error == UNKNOWN_FATE,
    )
    .values(error=sa.bindparam("known"))
)


def can_ask(channel: Channel, outgoing: Outgoing) -> bool:
    """Whether the provider can say if it has this message: the question is an edit that changes nothing."""
    if not channel.capabilities.edits or outgoing.topic:
        return False
    return bool(outgoing.edits) or len(channel.render(outgoing)) == 1


async def asked(carrier: Carrier, row: Row, outgoing: Outgoing) -> str | None:
    """The id of a message of unknown fate that did arrive; "" when it did not, None when nobody can say.

    Raises SendError when the provider gave no clear answer.
    """
    name = row["channel"]
    channel = carrier.house.channels[name]
    if not can_ask(channel, outgoing):
        return None
    seen = await carrier.house.store.read(lambda c: _seen_ids(c, row))
    there: list[str] = []
    calls = channel.ask(outgoing, seen.before, seen.known, seen.newest)
    if seen.surely_before < seen.before:
        calls = chain(calls, channel.ask(outgoing, seen.surely_before, seen.known, seen.before))
    for call in islice(calls, MOST_ASKED):
        status, body = await _answered(carrier, name, call)
        if strange := channel.touched(outgoing, status, body):
            await _put_right(carrier, row, strange)
        elif found := channel.arrived(outgoing, call, status, body):
            there.append(found)
        if len(there) >= len(seen.alike):
            return there[0]
    # fewer are there than are asked about: each is sent, and if any is there, nobody can say which is sent again; nor
    # when there are more ids than one asks for
    unsure = bool(there) or next(calls, None) is not None
    if others := [one for one in seen.alike if one != row["id"]]:
        known = {"alike": others, "known": SENT_AGAIN if unsure else ""}
        await carrier.house.store.write(lambda c: c.execute(_ASKED, known) and None)
    return None if unsure else ""


async def _answered(carrier: Carrier, name: str, call: Call) -> tuple[int, bytes]:
    """Asked once more where the line broke: the question is harmless, and else all of them would be asked again later.

    Raises SendError when that was in vain too.
    """
    with contextlib.suppress(UnknownFate):
        return await carrier.post(name, call)
    try:
        return await carrier.post(name, call)
    except UnknownFate as error:
        raise SendError(f"asking about it failed: {error}") from error


async def _put_right(carrier: Carrier, row: Row, strange: Touched) -> None:
    """The question met another message of ours, whose fate is unknown too, and gave it the wrong keyboard.

    Should this fail, that message gets its own back when it is asked about itself.
    """
    name = row["channel"]
    channel, bodies = carrier.house.channels[name], await carrier.house.store.read(lambda c: _unsure(c, row))
    for reply in (record.read(Reply, body) for body in bodies.values()):
        if reply.text.strip() == strange.text.strip():
            ids = tuple(choice.id for choice in reply.choices)  # only in a group are there several: those are members'
            its = Outgoing(chat=row["chat"], text=reply.text, choices=reply.choices, choice_ids=ids)
            with contextlib.suppress(UnknownFate, SendError):
                question = next(channel.ask(its, strange.message_id - 1, frozenset(), strange.message_id))
                await carrier.post(name, question)
            return


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """Message ids of the series that a chat's messages are counted in: Telegram counts all private chats together."""

    #: the highest that was known before the try, if all clocks agree; and if they do not
    before: int
    surely_before: int
    #: the highest that can have been given out since
    newest: int
    #: those that are known to be something else
    known: frozenset[int]
    #: rows of this chat that are of unknown fate and have one keyboard, so that none is told from another; this one too
    alike: tuple[int, ...]


def _unsure(connection: sa.Connection, row: Row) -> dict[int, dict[str, Any]]:
    """The bodies of all messages to this chat that are of unknown fate, by row."""
    query = sa.select(_outbox.c.id, _outbox.c.body).where(
        # so written that SQLite takes the index of the few open rows
        _outbox.c.status < sa.text("2"),
        _outbox.c.channel.concat(":").concat(_outbox.c.chat) == f"{row['channel']}:{row['chat']}",
        _outbox.c.error.in_((UNKNOWN_FATE, SENT_AGAIN)),
    )
    return {found.id: found.body for found in connection.execute(query)}


def _seen_ids(connection: sa.Connection, row: Row) -> Seen:
    channel, chat, marked_at = row["channel"], row["chat"], row["marked_at"]
    group = chat.startswith("-")
    ours = sa.select(_outbox.c.chat, _outbox.c.remote_id, _outbox.c.sent_at.label("at")).where(
        _outbox.c.remote_id != ""
    )
    theirs = sa.select(_inbox.c.chat, _inbox.c.body["message_id"].as_string(), _inbox.c.received_at.label("at"))
    if group:
        ours = ours.where(_outbox.c.channel == channel, _outbox.c.chat == chat)
        theirs = theirs.where(_inbox.c.channel == channel, _inbox.c.chat == chat)
    else:
        ours = ours.where(newest.in_place(connection, _outbox.c.channel) == channel)
        theirs = theirs.where(newest.in_place(connection, _inbox.c.channel) == channel)
    lately = [
        *connection.execute(ours.order_by(_outbox.c.id.desc()).limit(2000)),
        *connection.execute(theirs.order_by(_inbox.c.id.desc()).limit(2000)),
    ]
    ids = [
        (int(number), where, at)
        for where, number, at in lately
        if number and number.isdecimal() and (where == chat or not (group or where.startswith("-")))
    ]
    # Ids that were given out but never written down: one for each message on the wire, as many again for answers
    # to them that have not reached us yet.
    on_wire = sa.select(sa.func.count()).where(
        newest.in_place(connection, _outbox.c.channel) == channel,  # the few open rows are meant
        sa.or_(_outbox.c.status == sa.text("1"), _outbox.c.error == UNKNOWN_FATE),
        _outbox.c.status < sa.text("2"),
    )
    unwritten = 2 * int(connection.execute(on_wire).scalar_one())
    keyboard, unsure = row["body"].get("choices"), _unsure(connection, row)
    known = [(at, number) for number, _, at in ids if at is not None]
    before = max((number for at, number in known if at < marked_at), default=0)
    others = (number for at, number in known if at < marked_at - CLOCKS_APART)
    of_one_machine = connection.dialect.name == "sqlite"
    return Seen(
        before=before,
        # further back than we look nothing is known
        surely_before=before if of_one_machine else max(others, default=min((one for _, one in known), default=1) - 1),
        newest=max((number for number, _, _ in ids), default=0) + unwritten,
        known=frozenset(number for number, _, _ in ids),
        alike=tuple({row["id"], *(one for one, body in unsure.items() if body.get("choices") == keyboard)}),
    )
