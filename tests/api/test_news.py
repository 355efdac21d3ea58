"""No news is lost, however it falls between two waits; what begins at once is not begun for nothing."""

import asyncio

from api.news import Listener, News

LONG_S = 30.0


async def waiting(heard: Listener) -> "asyncio.Task[bool]":
    task = asyncio.create_task(heard.wait(LONG_S))
    await asyncio.sleep(0)  # it has begun to wait
    return task


async def test_news_between_two_waits_is_heard_once() -> None:
    news = News()
    with news.listen("turns") as heard:
        news.tell(["outbox", "turns", "turns"])
        assert await heard.wait(LONG_S)
        assert not await heard.wait(0.01)


async def test_each_who_listens_hears() -> None:
    news = News()
    with news.listen("desk") as one, news.listen("desk") as other:
        both = [await waiting(one), await waiting(other)]
        news.tell(["desk"])
        assert await asyncio.gather(*both) == [True, True]
    news.tell(["desk"])  # nobody is there any more


async def test_what_begins_at_once_has_begun_when_telling_ends() -> None:
    news, begun = News(), list[str]()
    with news.listen("turns", lambda: begun.append("turn")) as heard:
        task = await waiting(heard)
        news.tell(["turns"])
        assert begun == ["turn"]
        assert await task
        assert not await heard.wait(0.01)


async def test_nothing_begins_while_the_listener_is_at_work() -> None:
    news, begun = News(), list[str]()
    with news.listen("turns", lambda: begun.append("turn")) as heard:
        news.tell(["turns"])
        assert begun == []
        assert await heard.wait(LONG_S)


async def test_news_after_what_was_begun_is_heard_too() -> None:
    """What was begun may have been done already when the second news came, and its listener not yet awake."""
    news, begun = News(), list[str]()
    with news.listen("turns", lambda: begun.append("turn")) as heard:
        task = await waiting(heard)
        news.tell(["turns"])
        news.tell(["turns"])
        assert begun == ["turn"]
        assert await task
        assert await heard.wait(LONG_S)
        assert not await heard.wait(0.01)


async def test_without_a_beginning_two_news_are_one() -> None:
    news = News()
    with news.listen("desk") as heard:
        task = await waiting(heard)
        news.tell(["desk"])
        news.tell(["desk"])
        assert await task
        assert not await heard.wait(0.01)
