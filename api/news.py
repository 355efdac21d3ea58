"""Wakes those who wait for something to change: loops, open pages. Holds no words, only that there are some."""

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator

_Hear = Callable[[], None]


class News:
    """A topic is a conversation's key, or the name of a loop. Telling costs nothing when nobody waits."""

    def __init__(self) -> None:
        self._heard_by: defaultdict[str, set[_Hear]] = defaultdict(set)
        self._onward: set[str] | None = None

    def tell(self, topics: Iterable[str], *, onward: bool = True) -> None:
        """`onward`: to the other processes too, where there are any."""
        for topic in topics:
            for hear in tuple(self._heard_by.get(topic, ())):
                hear()
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

    @contextlib.contextmanager
    def calling(self, topic: str, hear: _Hear) -> Iterator[None]:
        """While it is open, `hear` is called at each news, before tell() ends. It must not raise."""
        self._heard_by[topic].add(hear)
        try:
            yield
        finally:
            self._heard_by[topic].discard(hear)
            if not self._heard_by[topic]:
                del self._heard_by[topic]

    @contextlib.contextmanager
    def listen(self, topic: str) -> Iterator["Listener"]:
        listener = Listener()
        with self.calling(topic, listener.hear):
            yield listener


class Listener:
    """Used as `with news.listen(topic) as heard: ... await heard.wait(15)`; news between two waits is not missed."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def hear(self) -> None:
        self._event.set()

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
