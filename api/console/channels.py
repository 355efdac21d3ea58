"""The channels as whoever runs the service must see them: what is on, what comes and goes, what fails, and the log.

For leads. Nobody's words, names or numbers stand here (api/channel_log.py); nothing is changed.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any

import sqlalchemy as sa
from fastapi import APIRouter, Query
from fastapi.responses import Response

from api import newest
from api.console.console import Console
from api.console.lead import Lead
from api.house import House
from api.outbox import SENT_AGAIN, UNKNOWN_FATE
from api.prepared import Row
from api.tables import ChannelLogRow, ConversationRow, Inbox, Outbox
from bot.capabilities import CHANNELS, Capabilities

MOST_LINES = 100
#: what counts as of today
_DAY = timedelta(hours=24)
#: so many of the newest messages are looked at for what failed and what was paid
_NEWEST = 50_000
#: so many that came, for who wrote of late: as many as a province hears in a week
_NEWEST_HEARD = 200_000

_log = ChannelLogRow.__table__
_inbox = Inbox.__table__
_outbox = Outbox.__table__
_conversation = ConversationRow.__table__

_FAILED = sa.and_(
    _log.c.way == "went", sa.or_(_log.c.status == 0, _log.c.status >= 400, _log.c.code.not_in(("", "0")))
)  # fmt: skip
_REFUSED = sa.and_(_log.c.way == "came", _log.c.verified == "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """One channel. Counts are of the last 24 hours, but for what waits and the windows, which are of now."""

    capabilities: Capabilities
    is_on: bool
    came_at: datetime | None
    went_at: datetime | None
    refused: int
    errors: int
    waiting: int
    waiting_since: datetime | None
    unknown: int
    #: whoever got these may have them twice: nobody could say whether they had arrived
    again: int
    failed: int
    paid: int
    #: residents whom the bot can write to now, and whom only they themselves can open the way to again
    reached: int
    silent: int
    worry: str


def router(console: Console) -> APIRouter:
    routes = APIRouter()
    house = console.house

    @routes.get("/channels")
    async def page(
        me: Lead,  # noqa: ARG001 whoever is none gets no further
        channel: str = "",
        faults: bool = False,
        before: Annotated[int, Query(ge=0, lt=2**53)] = 0,
    ) -> Response:
        now = house.now()
        states = await house.store.read(lambda c: statuses(c, house, now))
        lines = await house.store.read(lambda c: log_lines(c, channel, faults, before))
        titles = {one.name: one.title for one in CHANNELS}
        return console.pages.answer(
            "channels.html", states=states, lines=lines, titles=titles, channel=channel, faults=faults, now=now,
            older=lines[-1]["id"] if len(lines) == MOST_LINES else 0,
        )  # fmt: skip

    return routes


def log_lines(connection: sa.Connection, channel: str, faults: bool, before: int) -> list[Row]:
    """The newest first. `faults`: only what was refused or failed; `before`: a row's id, 0 from the newest on."""
    query = sa.select(_log).order_by(_log.c.id.desc()).limit(MOST_LINES)
    if channel:
        query = query.where(_log.c.channel == channel)
    if faults:
        query = query.where(sa.or_(_FAILED, _REFUSED))
    if before:
        query = query.where(_log.c.id < before)
    return list(connection.execute(query).mappings())


def statuses(connection: sa.Connection, house: House, now: datetime) -> tuple[Status, ...]:
    """Those that are on first, else in the order of the table of channels."""
    wire, queue, sent = _wire(connection, now), _queue(connection), _sent(connection, now)
    found = []
    for one in CHANNELS:
        is_on = one.name == "web" or one.name in house.channels
        reached, silent = _windows(connection, one, now) if is_on and one.window_hours else (0, 0)
        came, went, waits, out = (table.get(one.name, {}) for table in (*wire, queue, sent))
        found.append(
            Status(
                capabilities=one,
                is_on=is_on,
                came_at=came.get("at"),
                went_at=went.get("at"),
                refused=came.get("faults", 0),
                errors=went.get("faults", 0),
                waiting=waits.get("waiting", 0),
                waiting_since=waits.get("since"),
                unknown=waits.get("unknown", 0),
                again=out.get("again", 0),
                failed=out.get("failed", 0),
                paid=out.get("paid", 0),
                reached=reached,
                silent=silent,
                worry=house.worries.get(one.name, ""),
            )
        )
    return tuple(sorted(found, key=lambda one: not one.is_on))


_Facts = dict[str, dict[str, Any]]


def _wire(connection: sa.Connection, now: datetime) -> tuple[_Facts, _Facts]:
    """Of what came and of what went: when last (within what is kept), and how often it was wrong in 24 hours."""
    wrong = sa.func.sum(sa.case((sa.and_(sa.or_(_FAILED, _REFUSED), _log.c.at > now - _DAY), 1), else_=0))
    query = sa.select(_log.c.channel, _log.c.way, sa.func.max(_log.c.at).label("at"), wrong.label("faults"))
    facts: dict[str, _Facts] = {"came": {}, "went": {}}
    for row in connection.execute(query.group_by(_log.c.channel, _log.c.way)).mappings():
        facts[row["way"]][row["channel"]] = dict(row)
    return facts["came"], facts["went"]


def _queue(connection: sa.Connection) -> _Facts:
    unsure = sa.func.sum(sa.case((_outbox.c.error == UNKNOWN_FATE, 1), else_=0))
    query = (
        sa.select(
            _outbox.c.channel, sa.func.count().label("waiting"), sa.func.min(_outbox.c.created_at).label("since"),
            unsure.label("unknown"),
        )
        .where(_outbox.c.status < sa.text("2"))
        .group_by(newest.in_place(connection, _outbox.c.channel))
    )  # fmt: skip
    return {row["channel"]: dict(row) for row in connection.execute(query).mappings()}


def _sent(connection: sa.Connection, now: datetime) -> _Facts:
    failed = sa.func.sum(sa.case((_outbox.c.status.in_((3, 4)), 1), else_=0))
    again = sa.func.sum(sa.case((_outbox.c.error == SENT_AGAIN, 1), else_=0))
    paid = sa.func.sum(sa.case((_outbox.c.quota == "paid", 1), else_=0))
    query = (
        sa.select(_outbox.c.channel, failed.label("failed"), again.label("again"), paid.label("paid"))
        .where(_outbox.c.id > newest.after(connection, _outbox.c.id, _NEWEST), _outbox.c.created_at > now - _DAY)
        .group_by(newest.in_place(connection, _outbox.c.channel))
    )
    return {row["channel"]: dict(row) for row in connection.execute(query).mappings()}


def _windows(connection: sa.Connection, one: Capabilities, now: datetime) -> tuple[int, int]:
    """Who wrote within the channel's window, by the newest messages, and everybody else."""
    of_channel = _conversation.c.key.startswith(f"{one.name}:", autoescape=True)  # the key's index holds all of it
    everybody = connection.execute(sa.select(sa.func.count()).where(of_channel)).scalar_one()
    kind, back = _inbox.c.body["kind"].as_string(), _inbox.c.body["reachable"].as_boolean()
    heard = sa.select(sa.func.count(_inbox.c.conversation.distinct())).where(
        _inbox.c.id > newest.after(connection, _inbox.c.id, _NEWEST_HEARD),
        newest.in_place(connection, _inbox.c.channel) == one.name,
        _inbox.c.received_at > now - timedelta(hours=one.window_hours),
        sa.or_(kind == "Inbound", sa.and_(kind == "Reached", back)),
    )
    reached = connection.execute(heard).scalar_one()
    return reached, everybody - reached
