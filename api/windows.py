"""How long a resident can still be written to, as a member should know before they write: see bot/capabilities.py."""

from datetime import datetime, timedelta

import sqlalchemy as sa

from api.tables import ConversationRow
from bot.capabilities import CHANNELS
from bot.channel import open_until
from bot.said import VIETNAM

_conversation = ConversationRow.__table__
_BY_NAME = {one.name: one for one in CHANNELS}


def left(connection: sa.Connection, conversation: str, now: datetime) -> str:
    """Such as "còn nhắn được đến 10:00 28/11, miễn phí đến 10:00 23/11"; "" where it never ends."""
    query = sa.select(_conversation.c.channel, _conversation.c.heard_at).where(_conversation.c.key == conversation)
    row = connection.execute(query).first()
    can = _BY_NAME.get(row.channel) if row else None
    until = open_until(can, row.heard_at, human=True) if can and row else None
    if can is None or row is None or until is None:
        return ""
    if until <= now:
        return "chưa nhắn được: bà con im lâu quá, phải chờ bà con nhắn lại. Gọi điện hay ghé nhà nếu cần"
    text = f"còn nhắn được đến {until.astimezone(VIETNAM):%H:%M %d/%m}"
    if can.free_hours and (free := row.heard_at + timedelta(hours=can.free_hours)) < until:
        text += f", miễn phí đến {free.astimezone(VIETNAM):%H:%M %d/%m}" if free > now else ", mỗi tin có tính tiền"
    return text
