"""Wakes those who wait for something to change: loops, open pages. Holds no words, only that there are some."""

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Iterable, Iterator


class News:
    """A topic is a conversation's key, or the name of a loop. Telling costs nothing when nobody waits."""

    def __init__(self) -> None:
        self._waiting: defaultdict[str, set[asyncio.Event]] = defaultdict(set)
        self._onward: set[str] | None = None

    def tell(self, topics: Iterable[str], *, onward: bool = True) -> None:
        """`onward`: to the other processes too, where there are any."""
        for topic in topics:
            for event in self._waiting.get(topic, ()):
                event.set()
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

    def listen(self, topic: str) -> "Listener":
        return Listener(self._waiting, topic)


class Listener:
    """Used as `with news.listen(topic) as heard: ... await heard.wait(15)`; news between two waits is not missed."""

    def __init__(self, waiting: defaultdict[str, set[asyncio.Event]], topic: str) -> None:
        self._waiting, self._topic, self._event = waiting, topic, asyncio.Event()

    def __enter__(self) -> "Listener":
        self._waiting[self._topic].add(self._event)
        return self

    def __exit__(self, *_: object) -> None:
        events = self._waiting[self._topic]
        events.discard(self._event)
        if not events:
            del self._waiting[self._topic]

    async def wait(self, timeout_s: float) -> bool:
        """True when there was news, False when the time ran out."""
        try:
            # not wait_for: that one of Python 3.11 drops a cancellation that comes together with the news
            async with asyncio.timeout(timeout_s):
                await self._event.wait()
        except TimeoutError:
            return False
        self._event.clear()
        return True
