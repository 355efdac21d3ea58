"""What the doors have heard and the disk has not: all that waits is written by one unit of work, and then answered.

Each who puts something here hears when it is on disk, or why it cannot be.
"""

import asyncio
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import sqlalchemy as sa

from api import files, inbox
from api.inbox import Arrival
from api.news import News
from api.store import Store, StoreBusy, savepoint

#: arrivals that wait for the disk; beyond it the caller is told to come back later
MOST_IN_A_LOAD = 2000
#: a provider waits no longer for its answer
STORED_S = 5.0


@dataclass(frozen=True, slots=True)
class _Written:
    """What became of a load. `refused`: by place, why the database does not take that part."""

    wanted: bool
    refused: dict[int, Exception]


@dataclass(slots=True)
class _Load:
    """What one unit of work writes: each request's part, in the order of coming, and who waits for it."""

    parts: list[Sequence[Arrival]] = field(default_factory=list)
    waiting: list["asyncio.Future[bool]"] = field(default_factory=list)
    arrivals: int = 0
    #: it is being written: who comes now is too late for it
    closed: bool = False
    done: "asyncio.Future[_Written] | None" = None
    #: it has waited for the database for STORED_S
    late: bool = False

    @property
    def open(self) -> bool:
        """Whether who comes now goes with it. (Done without having been closed: the database was away.)"""
        return not self.closed and not (self.done and self.done.done())

    def tell(self, done: "asyncio.Future[_Written]") -> None:
        """Each who still waits hears what became of their part."""
        lost = StoreBusy() if done.cancelled() else done.exception()
        for place, waiter in enumerate(self.waiting):
            if waiter.done():
                continue  # went away, or was told to come again
            if error := lost or done.result().refused.get(place):
                waiter.set_exception(error)
            else:
                waiter.set_result(done.result().wanted)

    def give_up(self) -> None:
        """The database hangs: the providers come again, and find it stored or not. Nobody joins them meanwhile."""
        self.late = True
        for waiter in self.waiting:
            if not waiter.done():
                waiter.set_exception(StoreBusy())


class Arriving:
    """One per process. Used from its event loop."""

    def __init__(self, store: Store, news: News, now: Callable[[], datetime]) -> None:
        self._store, self._news, self._now = store, news, now
        self._load = _Load()
        #: between the loop, which adds to a load, and the writing thread, which closes it
        self._lock = threading.Lock()

    def put(self, arrivals: Sequence[Arrival]) -> "asyncio.Future[bool]":
        """On its way from here on; to be awaited until all is on disk: whether there are files to be fetched.

        Raises StoreBusy, here or when awaited (STORED_S later at the latest), and what the database has against these
        very arrivals. Who goes away meanwhile takes nothing from the others.
        """
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[bool] = loop.create_future()
        with self._lock:
            load = self._load if self._load.open else _Load()
            if load.late or load.arrivals >= MOST_IN_A_LOAD:
                raise StoreBusy
            load.parts.append(arrivals)
            load.waiting.append(waiter)
            load.arrivals += len(arrivals)
        if load.done is None:
            self._load = _Load()  # in case it is refused: nothing of it may be written then
            load.done = self._store.queue(lambda c: self._write(c, load))
            load.done.add_done_callback(load.tell)
            late = loop.call_later(STORED_S, load.give_up)
            load.done.add_done_callback(lambda _: late.cancel())
            self._load = load
            self._news.tell(["turns"])  # already: the turn, queued behind the load, shares its commit
        return waiter

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


def _tried(connection: sa.Connection, arrivals: Sequence[Arrival], now: datetime) -> bool | Exception:
    """Written, and whether there are files to fetch; or what the database has against these arrivals.

    Raises OperationalError: the database's own trouble is nobody's fault, and the whole transaction is lost.
    """
    try:
        asks = any("attachments" in one.body for one in arrivals)  # files.want does, of these alone
        with savepoint(connection, asks=asks):
            return _put(connection, arrivals, now)
    except sa.exc.OperationalError:
        raise
    except Exception as error:
        return error


def _put(connection: sa.Connection, arrivals: Sequence[Arrival], now: datetime) -> bool:
    inbox.put(connection, arrivals, now)
    return files.want(connection, arrivals, now)
