"""Rounds queued ahead of their loop: in order, none missing behind what was queued, none for nothing."""

import asyncio
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from api import ahead as module
from api.ahead import Ahead
from api.settings import Settings
from api.store import Store, StoreBusy, Work

LONG_S = 30.0


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(Settings(database_url=f"sqlite:///{tmp_path}/gocua.db"))
    store.start()
    yield store
    store.stop()


class Numbered:
    """Each round's work gives its number, once it was done."""

    def __init__(self) -> None:
        self.made = 0
        self.done: list[int] = []

    def __call__(self) -> Work[int]:
        self.made += 1
        number = self.made

        def work(_: sa.Connection) -> int:
            self.done.append(number)
            return number

        return work


def held(store: Store) -> threading.Event:
    """The writing thread stands still until it is set."""
    go_on = threading.Event()
    store.queue(lambda _: go_on.wait(LONG_S))
    return go_on


async def outcomes(ahead: Ahead[Work[int]]) -> list[int | None]:
    """Of all rounds that are there."""
    found = []
    while ahead.rounds:
        found.append(await (await ahead.next(LONG_S)).done)
        ahead.dealt_with()
    return found


async def test_without_news_one_is_begun_after_a_while(store: Store) -> None:
    ahead = Ahead(store, Numbered())
    one = await ahead.next(0.01)
    assert (await one.done, one.news) == (1, False)


async def test_news_begins_one_before_the_loop_wakes_up(store: Store) -> None:
    numbered = Numbered()
    ahead = Ahead(store, numbered)
    loop = asyncio.create_task(ahead.next(LONG_S))
    await asyncio.sleep(0)
    ahead.for_news()
    assert numbered.made == 1
    one = await loop
    assert (await one.done, one.news) == (1, True)


async def test_one_stands_behind_what_was_just_queued(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """The one in between sees nothing that the last does not see, and is left out."""
    monkeypatch.setattr(module, "LONGEST_S", LONG_S)
    numbered = Numbered()
    ahead = Ahead(store, numbered)
    order = list[str]()
    go_on = held(store)
    ahead.for_news()
    store.queue(lambda _: order.append(f"stored after {len(numbered.done)}"))
    ahead.for_news()
    go_on.set()
    assert await outcomes(ahead) == [None, 2]
    assert (order, numbered.done) == (["stored after 0"], [2])


async def test_arrivals_without_a_pause_do_not_put_it_off_for_ever(store: Store) -> None:
    """At each round's turn there is a newer one: something arrived while the arrivals before it were written."""
    numbered = Numbered()
    ahead = Ahead(store, numbered)
    end = time.monotonic() + 200 * module.LONGEST_S
    while len(numbered.done) < 3:
        assert time.monotonic() < end
        store.queue(lambda _: time.sleep(0.005))
        ahead.for_news()
        await asyncio.sleep(0.002)
    await outcomes(ahead)


async def test_soon_is_content_with_one_that_has_not_started(store: Store) -> None:
    ahead = Ahead(store, Numbered())
    go_on = held(store)
    for _ in range(3):
        ahead.for_results()
    go_on.set()
    assert await outcomes(ahead) == [1]
    ahead.for_results()
    assert await outcomes(ahead) == [2]


async def test_what_was_begun_while_the_loop_was_at_work_is_next(store: Store) -> None:
    ahead = Ahead(store, Numbered())
    one = await ahead.next(0)
    assert await one.done == 1
    ahead.for_results()  # the first has started, so it may have come too early for this
    ahead.dealt_with()
    assert await (await ahead.next(LONG_S)).done == 2


async def test_one_that_has_started_is_done_again_with_its_commit(store: Store) -> None:
    """A neighbour in the commit raises, so each is done again by itself: what it took up must not be forgotten."""
    numbered = Numbered()
    ahead = Ahead(store, numbered)

    def raises(_: sa.Connection) -> None:
        one.left_out = True  # as if one had been queued behind it at the moment when it started
        raise ValueError("refused")

    go_on = held(store)
    ahead.for_news()
    [one] = ahead.rounds
    neighbour = store.queue(raises)
    go_on.set()
    assert await outcomes(ahead) == [1]
    assert numbered.done == [1, 1]
    with pytest.raises(ValueError, match="refused"):
        await neighbour


async def test_a_store_that_is_full_is_asked_again_by_the_loop(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: object) -> None:
        raise StoreBusy

    ahead = Ahead(store, Numbered())
    with monkeypatch.context() as busy:
        busy.setattr(store, "queue", full)
        ahead.for_news()
        with pytest.raises(StoreBusy):
            await ahead.next(LONG_S)
    assert await (await ahead.next(0)).done == 3  # two could not be queued
