"""Where all that changes a conversation is written down before it is acted on: one order, one rule for repeats."""

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from msgspec import Struct
from sqlalchemy.dialects import postgresql, sqlite

from api.albums import GATHER
from api.prepared import Prepared
from api.tables import Inbox
from bot import record
from bot.model import CaseEvent, Event, Happened, Inbound, MemberEvent

#: characters of a provider's id or chat: no provider's are as long, and an index of PostgreSQL takes 2,700 bytes
MOST_NAME = 200
_PUT = "inbox put"  # in what SQLAlchemy keeps beside a connection
_TABLE = Inbox.__table__
#: word for word the conditions of the indexes of open events: SQLite takes one for no other. By the second they are met
#: in their order, and by nothing else: PostgreSQL would go through all of them to look for those of a talk
OPEN = _TABLE.c.done_at.is_(None)
OPEN_IN_ORDER = (OPEN, _TABLE.c.id > sa.text("0"))

_UNIQUE = ["channel", "chat", "provider_id"]
_ONCE = {
    "sqlite": sqlite.insert(_TABLE).on_conflict_do_nothing(index_elements=_UNIQUE),
    "postgresql": postgresql.insert(_TABLE).on_conflict_do_nothing(index_elements=_UNIQUE),
}
_INSERT = {dialect: Prepared(once) for dialect, once in _ONCE.items()}
#: what a driver says of how many rows an INSERT wrote is not to be relied on
_INSERT_NEW = {dialect: Prepared(once.returning(_TABLE.c.id)) for dialect, once in _ONCE.items()}


class Arrival(Struct, frozen=True, kw_only=True):
    """One row to be. `provider_id` makes a repeat the same row: the provider's own id, or one of ours as sure."""

    channel: str
    chat: str
    provider_id: str
    conversation: str
    body: dict[str, Any]


def put(connection: sa.Connection, arrivals: Sequence[Arrival], now: datetime) -> None:
    """Store events; those already stored are silently left alone."""
    connection.info[_PUT] = True
    _INSERT[connection.dialect.name].run(connection, [_row(one, now) for one in arrivals])


def put_new(connection: sa.Connection, arrival: Arrival, now: datetime) -> bool:
    """Store an event. False when it was already there."""
    connection.info[_PUT] = True
    return _INSERT_NEW[connection.dialect.name].first(connection, _row(arrival, now)) is not None


def put_since(connection: sa.Connection) -> bool:
    """Whether anything was put over this connection since this was last asked."""
    return bool(connection.info.pop(_PUT, False))


def _row(one: Arrival, now: datetime) -> dict[str, Any]:
    return {
        "channel": one.channel, "chat": one.chat, "provider_id": one.provider_id, "conversation": one.conversation,
        "body": one.body, "received_at": now, "attempts": 0, "error": "",
        "next_at": now + GATHER if one.body.get("album") else now,
    }  # fmt: skip


def put_done(connection: sa.Connection, arrival: Arrival, now: datetime) -> int:
    """An event that needs no turn, written down as the cause of a message of ours; its id."""
    row = {**_row(arrival, now), "done_at": now}
    row_id: int = connection.execute(_TABLE.insert().returning(_TABLE.c.id), row).scalar_one()
    return row_id


def from_channel(happened: Happened, provider_id: str) -> Arrival:
    """A message as a channel parsed it. In the team's group each topic, or answered message, is a talk of its own.

    The chat has MOST_NAME characters at the most. Of a longer id its hash is as sure.
    """
    if len(provider_id) > MOST_NAME:
        provider_id = "sha256:" + hashlib.sha256(provider_id.encode("utf-8", "replace")).hexdigest()
    key = f"{happened.channel}:{happened.chat}"
    if isinstance(happened, Inbound) and happened.group:
        about = f"t{happened.thread}" if happened.thread else happened.reply_to or happened.message_id
        key = f"desk:{key}/{about}"
    return Arrival(
        channel=happened.channel,
        chat=happened.chat,
        provider_id=provider_id,
        conversation=key,
        body=record.to_json(happened),
    )


def from_inside(conversation: str, event: Event | CaseEvent | MemberEvent, provider_id: str) -> Arrival:
    """An event that a member, a timer or the ladder caused."""
    channel, _, chat = conversation.partition(":")
    return Arrival(
        channel=channel, chat=chat, provider_id=provider_id, conversation=conversation, body=record.to_json(event)
    )
