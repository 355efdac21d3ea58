"""A member's words that wait a moment before they go, so that they can be taken back; and which case each was for.

What waits is a timer, so it survives a restart and holds up nobody else's words. Sends nothing: that is members.py.
"""

from datetime import datetime

import sqlalchemy as sa

from api.tables import Addressed, Timer
from bot import record
from bot.model import Attachment, HeldWords

#: before words that replace some which have gone
AGAIN = "(sửa lại) "
#: nobody writes more than this within the time that words are held
MOST_HELD = 50

_timer = Timer.__table__
_addressed = Addressed.__table__


def case_of(connection: sa.Connection, chat: str, message_id: str) -> int | None:
    """The case that a member's own message was for."""
    query = sa.select(_addressed.c.case_id).where(_addressed.c.chat == chat, _addressed.c.message_id == message_id)
    found: int | None = connection.execute(query).scalar()
    return found


def newest_case(connection: sa.Connection, chat: str) -> int | None:
    """The case that the newest words in this chat were for."""
    query = sa.select(_addressed.c.case_id).where(_addressed.c.chat == chat).order_by(_addressed.c.inbox_id.desc())
    found: int | None = connection.execute(query.limit(1)).scalar()
    return found


def remember(connection: sa.Connection, chat: str, message_id: str, case_id: int, inbox_id: int) -> None:
    one = (_addressed.c.chat == chat, _addressed.c.message_id == message_id)
    if not connection.execute(_addressed.update().where(*one).values(case_id=case_id, inbox_id=inbox_id)).rowcount:
        row = {"chat": chat, "message_id": message_id, "case_id": case_id, "inbox_id": inbox_id}
        connection.execute(_addressed.insert(), row)


def hold(connection: sa.Connection, chat: str, words: HeldWords, until: datetime) -> None:
    row = {"key": _key(chat, words.message_id), "conversation": f"telegram:{chat}", "due_at": until}
    connection.execute(_timer.delete().where(_timer.c.key == row["key"]))
    connection.execute(_timer.insert(), {**row, "body": record.to_json(words)})


def change(
    connection: sa.Connection, chat: str, message_id: str, text: str, attachments: tuple[Attachment, ...]
) -> bool:
    """Put other words in the place of some that still wait. False when they have gone."""
    one = _timer.c.key == _key(chat, message_id)
    body = connection.execute(sa.select(_timer.c.body).where(one)).scalar()
    if body is None:
        return False
    again = AGAIN if body["text"].startswith(AGAIN) else ""
    new = {"text": again + text, "attachments": [record.to_json(one) for one in attachments]}
    return bool(connection.execute(_timer.update().where(one).values(body={**body, **new})).rowcount)


def take_back(connection: sa.Connection, chat: str, message_id: str) -> HeldWords | None:
    """They go nowhere. None when they have gone already."""
    query = _timer.delete().where(_timer.c.key == _key(chat, message_id)).returning(_timer.c.body)
    body = connection.execute(query).scalar()
    return None if body is None else record.read(HeldWords, body)


def take_all(connection: sa.Connection, chat: str, case_id: int) -> list[HeldWords]:
    """All that waits for one case in this chat, in the order in which it was written; none of it waits any longer."""
    newest = (
        sa.select(_addressed.c.message_id)
        .where(_addressed.c.chat == chat, _addressed.c.case_id == case_id)
        .order_by(_addressed.c.inbox_id.desc())
        .limit(MOST_HELD)
    )
    found = [take_back(connection, chat, message_id) for message_id in connection.execute(newest).scalars().all()]
    return [words for words in reversed(found) if words is not None]


def _key(chat: str, message_id: str) -> str:
    """Keys sort as the messages were written."""
    return f"said:{chat}:{message_id.zfill(12)}"
