"""A conversation as people read it: what the resident sent and what was sent to them, in one order.

The order is that of cause: a reply stands after the event that caused it. Reads only; who may read is the caller's
question, and a person's reading is written down by the caller.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa

from api import files
from api.outbox import SPOKEN
from api.tables import Inbox, Outbox
from bot.model import Attachment, MediaKind

Who = Literal["resident", "bot", "member"]
#: how far a line got: "stored" for the resident's own, "waiting", "sent", "failed" (never delivered), "unknown"
Fate = Literal["stored", "waiting", "sent", "failed", "unknown"]
_FATES: dict[int, Fate] = {0: "waiting", 1: "waiting", 2: "sent", 3: "unknown", 4: "failed", 5: "failed"}

_inbox = Inbox.__table__
_outbox = Outbox.__table__


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A picture, voice or file in a line; `ref` is "media:<id>" when we hold its bytes. `lost`: it cannot be had."""

    kind: MediaKind
    ref: str
    name: str
    lost: bool = False

    @property
    def attachment(self) -> Attachment:
        return Attachment(kind=self.kind, ref=self.ref, name=self.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """`id` is unique in the conversation. `out_id` is the outbox row's id, 0 for a resident's own line.

    `choices` are (native payload, label); a page sends the payload back when one is picked. A resident's own line has
    `provider_id`, the id under which it came, and `picked`, the payload of the choice that it is ("" for words).
    """

    id: str
    out_id: int
    who: Who
    text: str
    at: datetime
    fate: Fate
    choices: tuple[tuple[str, str], ...] = ()
    attachments: tuple[Shown, ...] = ()
    ask: str = ""
    #: a picture of a step, by name, and what it shows
    picture: str = ""
    picture_says: str = ""
    #: the resident wishes to hear it
    aloud: bool = False
    provider_id: str = ""
    picked: str = ""
    #: the conversation's key, where lines of several stand in one list
    chat: str = ""


_THEIRS = (
    sa.select(_inbox.c.id, _inbox.c.provider_id, _inbox.c.body, _inbox.c.received_at)
    # channel and chat are said again because they have the index
    .where(
        _inbox.c.channel == sa.bindparam("channel"),
        _inbox.c.chat == sa.bindparam("chat"),
        _inbox.c.conversation == sa.bindparam("key"),
    )
    .order_by(_inbox.c.id.desc())
    .limit(sa.bindparam("most"))
)
_OURS = (
    sa.select(_outbox)
    .where(_outbox.c.channel == sa.bindparam("channel"), _outbox.c.chat == sa.bindparam("chat"),
           _outbox.c.id > sa.bindparam("after"))
    .order_by(_outbox.c.id.desc())
    .limit(sa.bindparam("most"))
)  # fmt: skip


def thread(connection: sa.Connection, key: str, most: int = 200) -> tuple[Line, ...]:
    """The newest lines of a conversation, oldest first; empty when there are none."""
    channel, _, chat = key.partition(":")
    where = {"channel": channel, "chat": chat, "key": key, "most": most}
    theirs = [_their_line(row) for row in connection.execute(_THEIRS, where).mappings()]
    lines = [line for line in theirs if line is not None]
    lines += fresh(connection, key, 0, most)
    lines = sorted(lines, key=lambda line: tuple(map(int, line.id.split("."))))[-most:]
    lost = files.lost(connection, key) if any(line.attachments for line in lines) else frozenset()
    return tuple(_without(line, lost) for line in lines) if lost else tuple(lines)


def fresh(connection: sa.Connection, key: str, after: int, most: int = 200) -> tuple[Line, ...]:
    """What was said to the resident since the outbox row `after`, oldest first; nothing refused or erased."""
    channel, _, chat = key.partition(":")
    rows = connection.execute(_OURS, {"channel": channel, "chat": chat, "after": after, "most": most}).mappings()
    return tuple(_our_line(row) for row in reversed(list(rows)) if row["status"] != 5 and _is_shown(row["body"]))


def _is_shown(body: Any) -> bool:
    """Not of what was erased, nor of words that are read aloud: they stand in the line before."""
    return bool(body) and SPOKEN not in body


def _without(line: Line, lost: frozenset[str]) -> Line:
    return replace(line, attachments=tuple(replace(one, lost=one.ref in lost) for one in line.attachments))


def _their_line(row: Any) -> Line | None:
    body = row["body"]
    if body.get("kind") != "Inbound":
        return None
    text = body.get("text", "") or body.get("label", "")
    if not text and not body.get("attachments") and "point" not in body:
        return None
    return Line(
        id=f"{row['id']}.0",
        out_id=0,
        who="resident",
        text=text or ("(vị trí)" if "point" in body else ""),
        at=row["received_at"],
        fate="stored",
        attachments=_shown(body),
        provider_id=row["provider_id"],
        picked=body.get("choice") or "",
    )


def _our_line(row: Any) -> Line:
    body = row["body"]
    choices = tuple(
        (f"{body.get('menu', 0)}.{place}", choice["label"]) for place, choice in enumerate(body.get("choices", ()), 1)
    )
    return Line(
        id=f"{row['inbox_id']}.{row['place'] + 1}",
        out_id=row["id"],
        who="member" if body.get("author") == "member" else "bot",
        text=body.get("text", ""),
        at=row["created_at"],
        fate=_FATES[row["status"]],
        choices=choices,
        attachments=_shown(body),
        ask=body.get("ask", ""),
        picture=body.get("picture", ""),
        picture_says=body.get("picture_says", ""),
        aloud=bool(body.get("aloud")),
    )


def _shown(body: Any) -> tuple[Shown, ...]:
    return tuple(
        Shown(kind=one["kind"], ref=one["ref"], name=one.get("name", "")) for one in body.get("attachments", ())
    )
