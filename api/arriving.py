"""What the doors have heard and the disk has not: all that waits is written by one unit of work, and then answered.

Each who puts something here hears when it is on disk, or why it cannot be.
"""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import sqlalchemy as sa

from api import files, inbox
from api.inbox import Arrival
from api.store import Store, StoreBusy

#: arrivals that wait for the disk; beyond it the caller is told to come back later
MOST_IN_A_LOAD = 2000


@dataclass(frozen=True, slots=True)
class _Written:
    """What became of a load. `refused`: by place, why the database does not take that part."""

    wanted: bool
    refused: dict[int, Exception]


@dataclass(slots=True)
class _Load:
    """What one unit of work writes: each request's part, in the order of coming."""

    parts: list[Sequence[Arrival]] = field(default_factory=list)
    arrivals: int = 0
    #: it is being written: who comes now is too late for it
    closed: bool = False
    done: "asyncio.Future[_Written] | None" = None

    @property
    def open(self) -> bool:
        """Done without having been closed: the database was away."""
        return not self.closed and not (self.done and self.done.done())


class Arriving:
    """One per process. Used from its event loop."""

    def __init__(self, store: Store, now: Callable[[], datetime]) -> None:
        self._store, self._now = store, now
        self._load = _Load()
        #: between the loop, which adds to a load, and the writing thread, which closes it
        self._lock = threading.Lock()

    def put(self, arrivals: Sequence[Arrival]) -> Awaitable[bool]:
        """On its way from here on; to be awaited until all is on disk: whether there are files to be fetched.

        Raises StoreBusy, here or when awaited, and what the database has against these very arrivals.
        """
        with self._lock:
            load = self._load if self._load.open else _Load()
            if load.arrivals >= MOST_IN_A_LOAD:
                raise StoreBusy
            place = len(load.parts)
            load.parts.append(arrivals)
            load.arrivals += len(arrivals)
        if load.done is None:
            load.done = self._store.queue(lambda c: self._write(c, load))
            self._load = load
        return _stored(load.done, place)

    def _write(self, connection: sa.Connection, load: _Load) -> _Written:
        with self._lock:
            load.closed = True
        now = self._now()
        together = _tried(connection, [one for part in load.parts for one in part], now)
        if isinstance(together, bool):
            return _Written(together, {})
        if len(load.parts) == 1:
            return _Written(wanted=False, refused={0: together})
        # some part cannot be written: without it the others are, in the order in which they came
        each = [_tried(connection, part, now) for part in load.parts]
        refused = {place: one for place, one in enumerate(each) if not isinstance(one, bool)}
        return _Written(any(one is True for one in each), refused)


async def _stored(done: "asyncio.Future[_Written]", place: int) -> bool:
    written = await asyncio.shield(done)  # who goes away takes nothing from the others
    if place in written.refused:
        raise written.refused[place]
    return written.wanted


def _tried(connection: sa.Connection, arrivals: Sequence[Arrival], now: datetime) -> bool | Exception:
    """Written, and whether there are files to fetch; or what the database has against these arrivals.

    Raises OperationalError: the database's own trouble is nobody's fault, and the whole transaction is lost.
    """
    here = connection.begin_nested()
    try:
        wanted = _put(connection, arrivals, now)
    except sa.exc.OperationalError:
        raise
    except Exception as error:
        here.rollback()
        return error
    here.commit()
    return wanted


def _put(connection: sa.Connection, arrivals: Sequence[Arrival], now: datetime) -> bool:
    inbox.put(connection, arrivals, now)
    return files.want(connection, arrivals, now)
