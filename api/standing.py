"""How the way of a message stands just now: what is open and how long it has waited. For health, metrics and the log.

Every question is answered from an index of open rows, so it costs what is open and not what was ever stored. Changes
nothing.
"""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from api import inbox, outbox
from api.among import none
from api.outbox import UNKNOWN_FATE
from api.tables import Case, Inbox, Outbox, Timer

#: nobody needs to know how much more than this waits, and counting it would add to the trouble
MOST_COUNTED = 100_000

_inbox = Inbox.__table__
_outbox = Outbox.__table__
_timer = Timer.__table__
_case = Case.__table__
_before = _inbox.alias("before")
_earlier = _outbox.alias("earlier")


def _counted(condition: sa.ColumnElement[bool], id_column: sa.ColumnElement[int]) -> sa.ScalarSelect[int]:
    return sa.select(sa.func.count()).select_from(
        sa.select(id_column).where(condition).limit(MOST_COUNTED).subquery()
    ).scalar_subquery()  # fmt: skip


#: since when the first row waits that could go on at once: what is held back by one before it waits for good reason
_FIRST_EVENT = (
    sa.select(_inbox.c.next_at)
    .where(
        *inbox.OPEN_IN_ORDER,
        _inbox.c.next_at <= sa.bindparam("now"),
        none(
            _before,
            _before.c.conversation == _inbox.c.conversation,
            _before.c.id < _inbox.c.id,
            _before.c.done_at.is_(None),
        ),
    )
    .order_by(_inbox.c.id)
    .limit(1)
)
_FIRST_MESSAGE = (
    sa.select(_outbox.c.next_at)
    .where(
        *outbox.QUEUED_BY_TIME,
        _outbox.c.next_at <= sa.bindparam("now"),
        none(
            _earlier, _earlier.c.lane == _outbox.c.lane, _earlier.c.id < _outbox.c.id, _earlier.c.status < sa.text("2")
        ),
    )
    .order_by(_outbox.c.next_at)
    .limit(1)
)
_WAY = sa.select(
    _counted(inbox.OPEN, _inbox.c.id).label("events_open"),
    _counted(outbox.QUEUED, _outbox.c.id).label("messages_queued"),
    _counted(_outbox.c.status == sa.text("1"), _outbox.c.id).label("messages_sending"),
    _counted(
        sa.and_(outbox.OPEN, _outbox.c.error == sa.text(f"'{UNKNOWN_FATE}'")), _outbox.c.id
    ).label("messages_unsure"),
    _FIRST_EVENT.scalar_subquery().label("event_since"),
    _FIRST_MESSAGE.scalar_subquery().label("message_since"),
    sa.select(sa.func.min(_timer.c.due_at)).scalar_subquery().label("timer_since"),
)  # fmt: skip
_CASES = sa.select(
    sa.func.count().label("cases_open"),
    sa.func.count(sa.case((_case.c.taken_at.is_(None), 1))).label("cases_waiting"),
    sa.func.count(sa.case((_case.c.promised_at <= sa.bindparam("now"), 1))).label("cases_overdue"),
).where(_case.c.closed_at.is_(None))


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Counts of the way stop at MOST_COUNTED. A lag is 0 when nothing is late."""

    events_open: int
    messages_queued: int
    messages_sending: int
    #: of unknown fate: to be asked about before they are sent again
    messages_unsure: int
    event_lag_s: float
    message_lag_s: float
    timer_lag_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Cases:
    """Of the open ones: with nobody yet, and past the time at which an answer was owed."""

    open: int
    waiting: int
    overdue: int


def way(connection: sa.Connection, now: datetime) -> Standing:
    row = connection.execute(_WAY, {"now": now}).one()
    return Standing(
        events_open=row.events_open,
        messages_queued=row.messages_queued,
        messages_sending=row.messages_sending,
        messages_unsure=row.messages_unsure,
        event_lag_s=_lag_s(row.event_since, now),
        message_lag_s=_lag_s(row.message_since, now),
        timer_lag_s=_lag_s(row.timer_since, now),
    )


def cases(connection: sa.Connection, now: datetime) -> Cases:
    row = connection.execute(_CASES, {"now": now}).one()
    return Cases(open=row.cases_open, waiting=row.cases_waiting, overdue=row.cases_overdue)


def _lag_s(since: datetime | None, now: datetime) -> float:
    return 0.0 if since is None else max(0.0, (now - since).total_seconds())
