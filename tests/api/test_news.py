"""No news is lost, however it falls between two waits."""

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


async def test_who_is_called_has_heard_when_telling_ends() -> None:
    news, heard = News(), list[str]()
    with news.calling("turns", lambda: heard.append("news")):
        news.tell(["turns", "outbox"])
        assert heard == ["news"]
    news.tell(["turns"])
    assert heard == ["news"]
