"""What happens when nothing does: due timers become events of the inbox, once, whatever number of processes looks."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
import structlog

from api import crew, directory, inbox, morning, moves, surveys
from api.house import House
from api.inbox import Arrival
from api.store import in_turn
from api.tables import Timer
from bot.handoff import Hours

log = structlog.get_logger()

MOST_AT_ONCE = 200
#: how long the loop sleeps at most; timers are set for minutes and hours
LOOK_AGAIN_S = 1.0
#: and how often it sees to it that no case was left without a timer
KEEP_EVERY = timedelta(minutes=10)

_timer = Timer.__table__
_DUE = (
    sa.select(_timer.c.key)
    .where(_timer.c.due_at <= sa.bindparam("now"))
    .order_by(_timer.c.due_at)
    # as a literal: for a bound value PostgreSQL's generic plan reads the whole table
    .limit(sa.literal_column(str(MOST_AT_ONCE), sa.Integer))
    .with_for_update(skip_locked=True)
)


def fire(connection: sa.Connection, now: datetime) -> int:
    """Turn due timers into events, in one transaction. Returns how many."""
    keys = connection.execute(_DUE, {"now": now}).scalars().all()
    if not keys:
        return 0
    # apart from the choice of the keys: in one statement PostgreSQL reads the table for it
    taken = _timer.delete().where(_timer.c.key.in_(keys)).returning(*_timer.c)
    rows: Sequence[Any] = connection.execute(taken).all()
    arrivals = [_arrival(row) for row in sorted(rows, key=lambda row: (row.due_at, row.key))]
    inbox.put(connection, arrivals, now)
    return len(rows)


def _arrival(row: Any) -> Arrival:
    channel, _, chat = row.conversation.partition(":")
    return Arrival(
        channel=channel,
        chat=chat,
        # the same timer set anew for another moment is another event
        provider_id=f"timer:{row.key}:{row.due_at.timestamp()}",
        conversation=row.conversation,
        body=row.body,
    )


def keep(connection: sa.Connection, hours: Hours, now: datetime) -> None:
    """What must always be set: the next day's start, and a next moment for every open case."""
    in_turn(connection, "timers kept")
    morning.set_clock(connection, hours, now)
    if hours.open_at(now):  # no resident is told in the night that somebody else comes
        crew.hand_on_leavers(connection, now)
    directory.expire_duty(connection, now)
    surveys.expire(connection, now)
    if mended := moves.mend(connection, now):
        log.warning("cases_without_timer", cases=mended)


async def run(house: House) -> None:
    """Until cancelled: look once a second."""
    hours = Hours(start=house.settings.day_starts_hour, end=house.settings.day_ends_hour)
    kept_at: datetime | None = None
    with house.news.listen("timers") as heard:
        while True:
            try:
                if kept_at is None or house.now() - kept_at > KEEP_EVERY:
                    await house.store.write(lambda c: keep(c, hours, house.now()))
                    kept_at = house.now()
                fired = await house.store.write(lambda c: fire(c, house.now()))
            except Exception:
                log.exception("timers_failed")
                fired = 0
            if fired:
                house.news.tell(["turns"])
            if fired < MOST_AT_ONCE:
                await heard.wait(LOOK_AGAIN_S)
