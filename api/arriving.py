"""What the doors have heard and the disk has not: all that waits is written by one statement, and then answered.

Each who puts something here hears when it is on disk. Never acts on a message: that is turns.py.
"""

import asyncio
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import sqlalchemy as sa

from api import files, inbox
from api.inbox import Arrival
from api.store import MOST_WAITING, Store, StoreBusy


@dataclass(slots=True)
class _Load:
    """What one unit of work writes. `closed`: it is being written, who comes now is too late for it."""

    arrivals: list[Arrival] = field(default_factory=list)
    closed: bool = False
    done: "asyncio.Future[bool] | None" = None


class Arriving:
    """One per process. Used from its event loop."""

    def __init__(self, store: Store, now: Callable[[], datetime]) -> None:
        self._store, self._now = store, now
        self._load = _Load(closed=True)
        #: between the loop, which adds to a load, and the writing thread, which closes it
        self._lock = threading.Lock()

    def put(self, arrivals: Sequence[Arrival]) -> "asyncio.Future[bool]":
        """Done once all is on disk: whether there are files to be fetched. Raises StoreBusy, here or in the future."""
        with self._lock:
            load = _Load() if self._load.closed else self._load
            if len(load.arrivals) >= MOST_WAITING:
                raise StoreBusy
            load.arrivals += arrivals
        if load.done is None:
            load.done = self._store.queue(lambda c: self._write(c, load))
            self._load = load
        return load.done

    async def stored(self, arrivals: Sequence[Arrival], on_its_way: "asyncio.Future[bool]") -> bool:
        """Waits for `put`. When it failed another's message may be to blame: then once more, alone."""
        try:
            return await asyncio.shield(on_its_way)
        except StoreBusy:
            raise
        except Exception:
            return await self._store.write(lambda c: _put(c, arrivals, self._now()))

    def _write(self, connection: sa.Connection, load: _Load) -> bool:
        with self._lock:
            load.closed = True
        return _put(connection, load.arrivals, self._now())


def _put(connection: sa.Connection, arrivals: Sequence[Arrival], now: datetime) -> bool:
    inbox.put(connection, arrivals, now)
    return files.want(connection, arrivals, now)
