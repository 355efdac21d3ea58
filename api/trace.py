"""`gocua trace`: what became of one event, from its coming to what was sent because of it. Never anyone's words."""

from datetime import datetime

import sqlalchemy as sa

from api.outbox import Status
from api.tables import Inbox, Outbox
from bot.said import VIETNAM

_inbox = Inbox.__table__
_outbox = Outbox.__table__


def lines(connection: sa.Connection, event_id: int) -> list[str]:
    """One line for the event, one for each message that it caused; [] when there is no such event any more."""
    event = connection.execute(sa.select(_inbox).where(_inbox.c.id == event_id)).first()
    if event is None:
        return []
    done = f"xong {_moment(event.done_at)}" if event.done_at else f"đang chờ, tới lượt {_moment(event.next_at)}"
    tried = f", đã vấp {event.attempts} lần ({event.error})" if event.attempts else ""
    told = [f"#{event.id} {event.channel} {event.body['kind']}: đến {_moment(event.received_at)}, {done}{tried}"]
    caused = sa.select(_outbox).where(_outbox.c.inbox_id == event_id).order_by(_outbox.c.place)
    for row in connection.execute(caused):
        sent = f", gửi xong {_moment(row.sent_at)}" if row.sent_at else ""
        began = f", thử {row.attempts} lần, mới nhất {_moment(row.marked_at)}" if row.marked_at else ""
        error = f", lỗi: {row.error}" if row.error else ""
        status = Status(row.status).name.lower()
        told.append(f"  tin {row.id} {row.channel}: {status}, viết {_moment(row.created_at)}{began}{sent}{error}")
    return told


def _moment(at: datetime) -> str:
    return f"{at.astimezone(VIETNAM):%d/%m %H:%M:%S.%f}"[:-3]
