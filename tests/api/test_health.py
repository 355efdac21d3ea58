"""What an operator's machine is told: alive, able to work, and what is not well."""

import asyncio
from pathlib import Path

import pytest
import sqlalchemy as sa

from api import health
from api.store import Store, StoreAway
from api.tables import Pause
from tests.fakes.telegram import FakeTelegram
from tests.service import INBOX, OUTBOX, Service, started

PAUSE = Pause.__table__


async def ready(service: Service) -> tuple[int, dict[str, str]]:
    answer = await service.web.get("/health/ready")
    return answer.status_code, answer.json()["wrong"]


async def test_all_is_well(service: Service) -> None:
    assert (await service.web.get("/health/live")).json() == {"status": "ok"}
    assert await ready(service) == (200, {})


@pytest.mark.parametrize("loop", ["turns", "sender", "timers", "content"])
async def test_a_loop_that_ended_is_named(service: Service, loop: str) -> None:
    task = service.house.loops[loop]
    task.cancel()
    await asyncio.wait([task])
    assert await ready(service) == (503, {loop: "đã dừng"})
    assert (await service.web.get("/health/live")).status_code == 200


async def test_events_that_wait_long_are_told(service: Service) -> None:
    service.house.loops["turns"].cancel()
    await service.telegram.says(2001, "/start")
    service.clock.move(minutes=2)
    status, wrong = await ready(service)
    assert status == 503
    assert wrong["inbox"].startswith("oldest event has waited 12")
    assert len(await service.rows(sa.select(INBOX))) == 1


async def test_messages_that_wait_long_are_told_but_nobody_is_turned_away(service: Service) -> None:
    service.house.loops["sender"].cancel()
    await asyncio.sleep(0.05)
    service.house.loops.pop("sender")
    assert await service.telegram.says(2001, "/start") == 200
    await service.until(lambda: service.rows(sa.select(OUTBOX)))
    service.clock.move(minutes=2)
    status, wrong = await ready(service)
    assert status == 503
    assert wrong["outbox"].startswith("oldest message has waited 12")
    answer = await service.web.get("/health/serving")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok", "wrong": {}})


async def test_a_database_that_is_away_is_told(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    async def away(work: object) -> None:
        raise StoreAway("OperationalError")

    monkeypatch.setattr(Store, "write", staticmethod(away))
    for path in ("/health/ready", "/health/serving"):
        answer = await service.web.get(path)
        assert (answer.status_code, answer.json()["wrong"]) == (503, {"database": "StoreAway"})
    assert (await service.web.get("/health/live")).status_code == 200


async def test_a_database_that_does_not_answer_is_told(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    async def never(work: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(health, "ANSWER_S", 0.05)
    monkeypatch.setattr(Store, "write", staticmethod(never))
    assert await ready(service) == (503, {"database": "no answer within 0 s"})


async def test_a_database_that_can_be_read_and_not_written_is_told(service: Service) -> None:
    """As on a full disk: a transaction that writes nothing would go through."""
    refuses = "CREATE TRIGGER full BEFORE INSERT ON pause BEGIN SELECT RAISE(ABORT, 'no room'); END"
    await service.house.store.write(lambda c: c.exec_driver_sql(refuses) and None)
    status, wrong = await ready(service)
    assert (status, list(wrong)) == (503, ["database"])


async def test_asking_leaves_nothing_behind(service: Service) -> None:
    assert await ready(service) == (200, {})
    assert await service.rows(sa.select(PAUSE)) == []


async def test_a_disk_that_is_nearly_full_is_told(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "LEAST_FREE_BYTES", 2**60)
    status, wrong = await ready(service)
    assert (status, list(wrong)) == (503, ["disk"])


async def test_polling_that_ended_is_told(tmp_path: Path) -> None:
    """With a webhook that loop ends by itself; when we ask, its end means that nothing comes in any more."""
    async with started(tmp_path, polling=True) as service:
        service.house.loops["telegram"].cancel()
        await asyncio.sleep(0.05)
        assert (await ready(service))[0] == 503


async def test_telegram_that_does_not_answer_is_a_warning_and_is_tried_again(tmp_path: Path) -> None:
    async with FakeTelegram() as telegram:
        telegram.fail("setWebhook", 401, "Unauthorized")
        async with started(tmp_path, telegram=telegram, awaited=False) as service:
            answer = await service.until(lambda: _warned(service))
            assert "Telegram chưa nối được" in answer["telegram"]
            await service.until(lambda: _connected(service))
            assert (await service.web.get("/health/ready")).json()["warnings"] == {}


async def _warned(service: Service) -> dict[str, str]:
    return dict((await service.web.get("/health/ready")).json()["warnings"])


async def _connected(service: Service) -> bool:
    return bool(service.telegram.webhook) and not service.house.worries
