"""A loop's rounds of work, queued for the database when there is news and not when the loop has woken up.

So what follows from an event shares the commit that stores it, and no round waits for the flush of the one before.
"""

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import sqlalchemy as sa

from api.store import Store, StoreBusy, Work

W = TypeVar("W", bound=Work[Any])

#: news waits no longer for a round that sees more of it: arrivals without a pause would else put it off for ever
LONGEST_S = 0.05


@dataclass(slots=True)
class Round(Generic[W]):
    work: W
    #: queued because of news
    news: bool
    #: time.monotonic() when it was queued
    at_s: float
    #: what the work returned, on disk; None: it was left out
    done: "asyncio.Future[Any]" = field(init=False)
    started: bool = False
    #: one that follows it sees all that it would have seen
    left_out: bool = False


class Ahead(Generic[W]):
    """Of one loop. `make` gives the work of a round when it is queued. Used from the event loop."""

    def __init__(self, store: Store, make: Callable[[], W]) -> None:
        self._store, self._make = store, make
        #: those whose outcome the loop has not dealt with, in their order
        self.rounds: deque[Round[W]] = deque()
        self._news = asyncio.Event()
        #: time.monotonic() of the oldest news that rounds left out have passed on; the writing thread's own
        self._passed_on_s: float | None = None

    def for_news(self) -> None:
        """There is news, perhaps queued this moment and not yet written: a round behind all that is queued."""
        self._news.set()
        with contextlib.suppress(StoreBusy):  # then the loop's next look does it
            self._queue(news=True)

    def for_results(self) -> None:
        """There is something to write down, and a round that has not started will do it."""
        if not (self.rounds and not self.rounds[-1].started):
            self.for_news()

    async def next(self, wait_s: float) -> Round[W]:
        """The first round that is not `dealt_with`; without news one is queued after `wait_s`. Raises StoreBusy."""
        if not self.rounds:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await self._news.wait()
        self._news.clear()
        if not self.rounds:
            self._queue(news=False)
        return self.rounds[0]

    def dealt_with(self) -> None:
        """The loop has dealt with the first one."""
        self.rounds.popleft()

    def _queue(self, *, news: bool) -> None:
        one = Round(self._make(), news, time.monotonic())

        def run(connection: sa.Connection) -> Any:
            since_s = self._passed_on_s or one.at_s
            if one.left_out and not one.started and time.monotonic() - since_s < LONGEST_S:
                self._passed_on_s = since_s
                return None
            self._passed_on_s = None
            one.started = True  # done again when a neighbour in the commit raised: it may have taken something up
            return one.work(connection)

        one.done = self._store.queue(run)
        if self.rounds and not self.rounds[-1].started:
            self.rounds[-1].left_out = True
        self.rounds.append(one)
