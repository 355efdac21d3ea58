"""Telegram without a public address: we ask it for updates, and nothing else differs."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
import sqlalchemy as sa

from api import inbox
from api.store import StoreBusy
from api.tables import ChannelLogRow
from api.telegram import TRIES
from bot.channel import SendError
from tests.service import INBOX, Service, started

TU = 2001


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[Service]:
    async with started(tmp_path, polling=True) as one:
        yield one


async def heard(service: Service, texts: int) -> bool:
    return len(service.shown(TU)) == texts


async def test_updates_are_fetched_and_presses_answered(service: Service) -> None:
    assert await service.telegram.says(TU, "gặp người") == 0  # nobody to push to: it waits at Telegram
    await service.until(lambda: heard(service, 1))
    await service.telegram.press(TU, "Đồng ý")
    await service.until(lambda: heard(service, 2))
    [answer] = service.telegram.called("answerCallbackQuery")
    assert not answer.in_answer
    assert len(await service.rows(sa.select(INBOX))) == 2
    assert (await service.web.get("/health/ready")).json()["warnings"] == {}


async def test_what_was_fetched_stands_in_the_log_of_the_channels(service: Service) -> None:
    await service.telegram.says(TU, "gặp người")
    await service.until(lambda: heard(service, 1))
    await service.house.channel_log.write()
    log = ChannelLogRow.__table__
    came = await service.rows(sa.select(log.c.kind, log.c.verified).where(log.c.way == "came"))
    assert came == [{"kind": "update", "verified": "polling"}]


@pytest.mark.parametrize("body", [b"<html>Portal</html>", b"[]", b'"ok"', b""])
async def test_an_answer_that_is_not_telegrams_is_a_failure_like_any_other(service: Service, body: bytes) -> None:
    line = service.house.line
    assert line is not None
    with patch.object(line.carrier, "post", return_value=(200, body)):
        for call in (line.channel.set_webhook("https://go.vn"), line.channel.get_updates(0, 1)):
            with pytest.raises(SendError):
                await line.call(call)


async def test_a_webhook_is_never_believed_meanwhile(service: Service) -> None:
    for headers in ({}, {"X-Telegram-Bot-Api-Secret-Token": ""}):
        answer = await service.web.post("/webhooks/telegram", json={"update_id": 1}, headers=headers)
        assert answer.status_code == 403


@pytest.mark.parametrize("status", [500, 502, 429, 0, 409])
async def test_a_failing_line_is_tried_again(service: Service, status: int) -> None:
    more: Any = {"retry_after": 1} if status == 429 else {}
    service.telegram.fail("getUpdates", status, **more)
    await service.telegram.says(TU, "một")  # ends the poll that is under way
    await service.until(lambda: heard(service, 1))
    await service.telegram.says(TU, "hai")
    await service.until(lambda: heard(service, 2))


async def test_an_update_that_can_never_be_stored_does_not_stop_those_behind_it(service: Service) -> None:
    put, tried = inbox.put, []

    def refuses(connection: Any, arrivals: Any, now: Any) -> None:
        if any(one.body.get("text") == "chữ độc" for one in arrivals):
            tried.append(1)
            raise ValueError("no such letter")
        put(connection, arrivals, now)

    with patch("api.arriving.inbox.put", refuses), patch("api.telegram.AGAIN_S", 0.05):
        await service.telegram.says(TU, "chữ độc")
        await service.telegram.says(TU, "menu")
        await service.until(lambda: heard(service, 1))
    assert len(tried) == TRIES
    assert [row["body"]["text"] for row in await service.rows(sa.select(INBOX))] == ["menu"]


async def test_what_could_not_be_stored_comes_again(service: Service) -> None:
    with patch("api.webhooks.inbox.put", side_effect=StoreBusy):
        await service.telegram.says(TU, "/start")
        await service.until(lambda: _fetched(service))
    await service.until(lambda: heard(service, 1))


async def _fetched(service: Service) -> bool:
    return len(service.telegram.called("getUpdates")) >= 2 or service.house.loops["telegram"].done()


async def test_what_came_while_nobody_was_there(tmp_path: Path) -> None:
    """The webhook of an earlier life is taken away, and what waited is fetched."""
    async with started(tmp_path, polling=True) as service:
        telegram = service.telegram
        for text in ("/start", "menu", "menu"):
            await telegram.says(TU, text)
        await service.until(lambda: heard(service, 3))
        assert telegram.webhook == {}
        # the newest are acknowledged: nothing comes twice
        await service.quiet()
        await service.until(lambda: _acknowledged(service))
        assert len(service.shown(TU)) == 3


async def _acknowledged(service: Service) -> bool:
    return int(service.telegram.called("getUpdates")[-1].fields["offset"]) == 500_004
