"""Wakes those who wait for something to change: loops, open pages. Holds no words, only that there are some."""

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator


class News:
    """A topic is a conversation's key, or the name of a loop. Telling costs nothing when nobody waits."""

    def __init__(self) -> None:
        self._listeners: defaultdict[str, set[Listener]] = defaultdict(set)
        self._onward: set[str] | None = None

    def tell(self, topics: Iterable[str], *, onward: bool = True) -> None:
        """`onward`: to the other processes too, where there are any."""
        for topic in topics:
            for listener in tuple(self._listeners.get(topic, ())):
                listener.hear()
            if onward and self._onward is not None and (":" in topic or topic == "desk"):
                self._onward.add(topic)  # a loop's name is not: each has its own loops

    @contextlib.contextmanager
    def onward(self) -> Iterator[set[str]]:
        """While it is open, the topics that other processes should hear of gather here."""
        self._onward = set()
        try:
            yield self._onward
        finally:
            self._onward = None

    def listen(self, topic: str, at_once: Callable[[], None] | None = None) -> "Listener":
        """`at_once` is called while the news is being told, if the listener waits for it just then: what it begins,
        such as a unit of work, stands directly behind what the teller has begun. It must not raise."""
        return Listener(self._listeners, topic, at_once)


class Listener:
    """Used as `with news.listen(topic) as heard: ... await heard.wait(15)`; news between two waits is not missed."""

    def __init__(
        self, listeners: defaultdict[str, set["Listener"]], topic: str, at_once: Callable[[], None] | None
    ) -> None:
        self._listeners, self._topic, self._at_once = listeners, topic, at_once
        self._news = asyncio.Event()
        self._waits = False
        #: there was more news than that on which it began something at once
        self._more = False

    def __enter__(self) -> "Listener":
        self._listeners[self._topic].add(self)
        return self

    def __exit__(self, *_: object) -> None:
        listeners = self._listeners[self._topic]
        listeners.discard(self)
        if not listeners:
            del self._listeners[self._topic]

    def hear(self) -> None:
        first = not self._news.is_set()
        self._news.set()
        if self._waits and self._at_once:
            if first:
                self._at_once()
            else:
                self._more = True  # what was begun may have been too early for it

    async def wait(self, timeout_s: float) -> bool:
        """True when there was news, False when the time ran out."""
        self._waits = True
        try:
            # not wait_for: that one of Python 3.11 drops a cancellation that comes together with the news
            async with asyncio.timeout(timeout_s):
                await self._news.wait()
        except TimeoutError:
            return False
        finally:
            self._waits = False
        if not self._more:
            self._news.clear()
        self._more = False
        return True
