"""Several pictures sent as one album come as one message each: here they are one event again.

Telegram gives no count, so an album is whole when no piece has come for a moment (inbox.put sees to that). Reads rows,
writes none.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from msgspec import Struct

#: the pieces of an album come within about a second of each other
GATHER = timedelta(seconds=1.2)
#: what is left of a piece in its own row: its words and pictures stand in the first one's
PIECE = {"kind": "AlbumPiece"}


class Event(Struct, frozen=True, kw_only=True):
    """A row of the inbox, or the rows of one album as the first of them; `pieces` are the ids of the others."""

    id: int
    conversation: str
    channel: str
    chat: str
    body: dict[str, Any]
    attempts: int
    received_at: datetime
    #: of an album the last: it waits for its pieces
    next_at: datetime
    pieces: tuple[int, ...] = ()


def whole(rows: Iterable[Any]) -> list[Event]:
    """The events in the order of their first rows."""
    albums: dict[str, list[Any]] = {}
    order: list[list[Any]] = []
    for row in rows:
        album = row.body.get("album", "")
        if album and album in albums:
            albums[album].append(row)
            continue
        order.append([row])
        if album:
            albums[album] = order[-1]
    return [_one(together) for together in order]


def _one(rows: Sequence[Any]) -> Event:
    first = rows[0]
    body = first.body if len(rows) == 1 else _joined([row.body for row in rows])
    return Event(
        id=first.id, conversation=first.conversation, channel=first.channel, chat=first.chat, body=body,
        attempts=first.attempts, received_at=rows[-1].received_at, next_at=max(row.next_at for row in rows),
        pieces=tuple(row.id for row in rows[1:]),
    )  # fmt: skip


def _joined(bodies: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The first message with the files of all, the words of any, and all that was masked in them."""
    words = [text for body in bodies if (text := body.get("text", ""))]
    masked = dict.fromkeys(kind for body in bodies for kind in body.get("secrets", ()))
    joined = {**bodies[0], "attachments": [file for body in bodies for file in body.get("attachments", ())]}
    joined |= {"text": "\n".join(words)} if words else {}
    return joined | ({"secrets": list(masked)} if masked else {})
