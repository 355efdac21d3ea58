"""What a batch of turns writes once, at its end: lines of the log, and the timers as they have come to stand.

Outside of `gathered` each is written at once. Who reads the log or the timers in a turn calls `flush` before.
"""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from api.among import Among
from api.prepared import Prepared
from api.tables import Log, Timer

_HERE = "later"  # in what SQLAlchemy keeps beside a connection
_log = Log.__table__
_timer = Timer.__table__

_WRITE_LOG = Prepared(_log.insert())
_UNSET = Prepared(_timer.delete().where(Among(_timer.c.key, "keys")))
_SET = {
    name: Prepared(
        insert.on_conflict_do_update(
            index_elements=["key"],
            set_={what: insert.excluded[what] for what in ("conversation", "due_at", "body")},
        )
    )
    for name, insert in (("sqlite", sqlite.insert(_timer)), ("postgresql", postgresql.insert(_timer)))
}


@dataclass(slots=True)
class _Later:
    lines: list[dict[str, Any]] = field(default_factory=list)
    #: the last word on each: its row, or None for one that is to go
    timers: dict[str, dict[str, Any] | None] = field(default_factory=dict)


@contextlib.contextmanager
def gathered(connection: sa.Connection) -> Iterator[None]:
    """What is logged and timed inside is written when the block ends; nothing of it when the block raises."""
    info = connection.info  # the dictionary itself: a line to the database that breaks takes the connection's away
    info[_HERE] = _Later()
    try:
        yield
        flush(connection)
    finally:
        info.pop(_HERE, None)


def flush(connection: sa.Connection) -> None:
    """Write what is gathered so far."""
    later: _Later | None = connection.info.get(_HERE)
    if later is None:
        return
    _WRITE_LOG.run(connection, later.lines)
    _write_timers(connection, later.timers)
    later.lines, later.timers = [], {}


def log(connection: sa.Connection, line: dict[str, Any]) -> None:
    """A whole row of the table of lines, but for its id."""
    later: _Later | None = connection.info.get(_HERE)
    if later is None:
        _WRITE_LOG.run(connection, line)
    else:
        later.lines.append(line)


def timer(connection: sa.Connection, key: str, row: dict[str, Any] | None) -> None:
    """A whole row of the table of timers, in place of an older one of this key; None: none any more."""
    later: _Later | None = connection.info.get(_HERE)
    if later is None:
        _write_timers(connection, {key: row})
    else:
        later.timers[key] = row


def _write_timers(connection: sa.Connection, timers: dict[str, dict[str, Any] | None]) -> None:
    if unset := [key for key, row in timers.items() if row is None]:
        _UNSET.run(connection, {"keys": unset})
    _SET[connection.dialect.name].run(connection, [row for row in timers.values() if row is not None])
