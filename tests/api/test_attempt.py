"""How often a message is tried, and what is said of one that is given up."""

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from api import fate, marks
from api.attempt import MOST_TRIES
from api.outbox import Status
from bot import record
from bot.model import Reply
from tests.api.test_sender import put, send, statuses
from tests.fakes.telegram import FakeTelegram
from tests.service import INBOX, OUTBOX, Service, started

TU = 2001
NOT_FOUND = "Bad Request: message to edit not found"


async def _tried(service: Service, times: int, method: str = "sendMessage") -> bool:
    queued = await service.rows(sa.select(OUTBOX.c.id).where(OUTBOX.c.status == 1))
    return len(service.telegram.called(method)) >= times and not queued


async def tried(service: Service, times: int, **then: float) -> None:
    """Until so many tries have come to their end; then the clock is moved on."""
    await service.until(lambda: _tried(service, times))
    service.clock.move(**then)
    service.house.news.tell(["outbox"])


async def test_to_be_told_to_come_later_is_no_try(service: Service) -> None:
    service.telegram.fail("sendMessage", 429, retry_after=20, times=MOST_TRIES + 2)
    service.telegram.fail("sendMessage", 401)
    await send(service, TU, "một")
    for times in range(1, MOST_TRIES + 3):
        await tried(service, times, seconds=20)
    await service.quiet()  # half a second after the failure, and not half an hour
    assert await service.rows(sa.select(OUTBOX.c.status, OUTBOX.c.attempts)) == [{"status": 2, "attempts": 2}]
    told = (await service.web.get("/metrics")).text
    assert f'gocua_sends_total{{channel="telegram",outcome="retried"}} {MOST_TRIES + 3}.0' in told


async def test_an_error_between_two_silences_does_not_begin_the_two_minutes_anew(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fate, "can_ask", lambda *_: False)
    for status in (0, 0, 500, 0):
        service.telegram.fail("sendMessage", status, done=True)
    await send(service, TU, "một", "hai")
    for times in range(1, 5):
        await tried(service, times, seconds=45)
    await service.quiet()
    assert await statuses(service) == ["UNKNOWN", "SENT"]
    assert service.shown(TU) == ["một"] * 4 + ["hai"]


async def test_what_may_have_arrived_is_never_said_to_be_refused(service: Service) -> None:
    service.telegram.fail("sendMessage", 500, times=MOST_TRIES)
    service.telegram.fail("editMessageReplyMarkup", 400, NOT_FOUND, times=10_000)
    await send(service, TU, "một")
    for times in range(1, MOST_TRIES + 1):
        await tried(service, times, hours=1)
    await service.quiet()
    assert await statuses(service) == ["UNKNOWN"]


@pytest.mark.parametrize(
    ("wrong", "status", "why"), [({}, "DEAD", "refused"), ({"error": "unknown fate"}, "UNKNOWN", "unknown")]
)
async def test_a_member_hears_that_words_had_no_channel_to_go_by(
    service: Service, wrong: dict[str, Any], status: str, why: str
) -> None:
    house = service.house
    body = record.to_json(Reply(text="Dạ cháu đây", author="member"))
    del house.channels["telegram"]
    await house.store.write(lambda c: put(c, house, TU, "một", body=body, **wrong))
    house.news.tell(["outbox"])
    await service.until(lambda: _ended(service))
    assert await statuses(service) == [status]
    [told] = await service.rows(sa.select(INBOX.c.body).where(INBOX.c.provider_id.like("undelivered:%")))
    assert told["body"]["why"] == why


@pytest.mark.parametrize("status", [429, 500, 0])
async def test_what_was_taken_of_a_message_is_not_sent_again_by_whoever_goes_on(tmp_path: Path, status: int) -> None:
    """A long text goes in two parts; the second is not taken, and then the process is another."""
    async with FakeTelegram() as telegram:
        telegram.fail("sendMessage", status, behind=1)
        async with started(tmp_path, telegram=telegram) as service:
            await send(service, TU, "một " * 1000 + "\n\nhai " + "ba " * 500)
            await service.until(lambda: _tried(service, 2))
        async with started(tmp_path, telegram=telegram) as service:
            await service.later(minutes=1)
            assert await statuses(service) == ["SENT"]
            assert [text[:3] for text in service.shown(TU)] == ["một", "hai"]


async def _ended(service: Service) -> bool:
    [row] = await service.rows(sa.select(OUTBOX.c.status))
    return bool(row["status"] > Status.SENT)


async def test_what_is_put_back_is_counted_as_nothing(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.sender.FRESH_S", -1.0)
    await service.house.store.write(lambda c: put(c, service.house, TU, "một", error="Too Many Requests"))
    service.house.news.tell(["outbox"])
    await asyncio.sleep(0.3)
    assert service.telegram.sent(TU) == []
    monkeypatch.undo()
    await service.quiet()
    told = (await service.web.get("/metrics")).text
    assert 'outcome="sent"} 1.0' in told
    assert 'outcome="retried"' not in told


async def test_a_shorter_pause_ends_no_longer_one(service: Service) -> None:
    now, house = service.house.now(), service.house
    results = [
        marks.Result(row=0, owner="", status=Status.QUEUED, next_at=now + timedelta(seconds=s), paused=f"telegram:{TU}")
        for s in (30, 5)
    ]
    await house.store.write(lambda c: marks.settle(c, results, now))
    assert await house.store.read(lambda c: marks.due_next(c, now)) == now + timedelta(seconds=30)
