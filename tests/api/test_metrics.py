"""What Prometheus is told, and who may ask."""

import asyncio
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from starlette.requests import Request

from api import health, logs, metrics, schema
from api.counts import Counts
from tests.service import SECRET, Service, started

TOKEN = {"authorization": "Bearer mot-hai-ba"}


async def _read(service: Service, **headers: str) -> dict[tuple[str, ...], float]:
    """Samples by name and the values of their labels."""
    answer = await service.web.get("/metrics", headers=headers)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain")
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


async def test_a_talk_is_counted_from_webhook_to_send(service: Service) -> None:
    await service.says(2001, "/start", "làm vneid")
    found = await _read(service)
    assert found["gocua_webhooks_total", "telegram", "stored"] == 2
    assert found["gocua_events_total", "telegram"] == 2
    assert found["gocua_turn_events_total",] == 2
    sent = len(service.telegram.sent(2001))
    assert found["gocua_sends_total", "telegram", "sent"] == sent
    assert found["gocua_reply_seconds_count", "telegram"] == sent
    assert found["gocua_send_seconds_sum", "telegram"] < 30
    assert found["gocua_turn_seconds_count",] >= 1


async def test_refusals_and_retries_are_counted(service: Service) -> None:
    assert (await service.web.post("/webhooks/telegram", content=b"{}")).status_code == 403
    secret = {"X-Telegram-Bot-Api-Secret-Token": SECRET}
    big = await service.web.post("/webhooks/telegram", content=b"x" * 1_100_000, headers=secret)
    assert big.status_code == 413
    service.telegram.fail("sendMessage", 500, "Internal Server Error")
    await service.says(2001, "/start")
    found = await _read(service)
    assert found["gocua_webhooks_total", "telegram", "refused"] == 1
    assert found["gocua_webhooks_total", "telegram", "too_big"] == 1
    assert found["gocua_sends_total", "telegram", "unsure"] == 1, "after a 500 nobody knows whether it arrived"
    assert found["gocua_sends_total", "telegram", "sent"] == len(service.telegram.sent(2001))


async def test_the_house_and_the_database_are_told(service: Service) -> None:
    service.house.loops["push"].cancel()
    await service.says(2001, "/start")
    found = await _read(service)
    assert found["gocua_database_up",] == 1
    assert {name: found["gocua_loop_up", name] for name in ("turns", "push")} == {"turns": 1, "push": 0}
    for queue in ("event", "message", "timer"):
        assert found["gocua_lag_seconds", queue] == 0
    assert found["gocua_inbox_open",] == 0
    assert found["gocua_outbox_open", "queued"] == 0
    assert found["gocua_cases", "waiting"] == 0
    assert found["gocua_database_bytes",] > 100_000
    assert found["gocua_disk_free_bytes",] > 0
    assert any(key[0] == "gocua_build_info" and schema.head() in key for key in found)
    assert found["process_resident_memory_bytes",] > 10_000_000


async def test_a_database_that_hangs_is_told_and_does_not_hang_us(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def never(work: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(health, "ANSWER_S", 0.05)
    monkeypatch.setattr(service.house.store, "read", never)
    async with asyncio.timeout(5):
        found = await _read(service)
    assert found["gocua_database_up",] == 0
    assert found["gocua_disk_free_bytes",] > 0


async def test_nobody_is_named(service: Service) -> None:
    await service.says(987654, "tui tên Nguyễn Văn Ba, số 0901234567")
    text = (await service.web.get("/metrics")).text
    assert "telegram" in text
    for word in ("987654", "Ba", "0901234567"):
        assert word not in text.replace("Base", "")


async def test_a_token_is_asked_for_when_one_is_set(tmp_path: Path) -> None:
    async with started(tmp_path, metrics_token="mot-hai-ba") as service:
        for wrong in ({}, {"authorization": "Bearer mot-hai"}, {"authorization": "mot-hai-ba"}):
            assert (await service.web.get("/metrics", headers=wrong)).status_code == 403
        assert (await _read(service, **TOKEN))["gocua_database_up",] == 1


@pytest.mark.parametrize(
    ("client", "headers", "may"),
    [
        ("127.0.0.1", {}, True),
        ("::1", {}, True),
        ("203.0.113.9", {}, False),
        ("127.0.0.1", {"x-forwarded-for": "203.0.113.9"}, False),
        ("127.0.0.1", {"forwarded": "for=203.0.113.9"}, False),
        (None, {}, False),
        ("127.0.0.1", TOKEN, True),
    ],
)
def test_without_a_token_this_machine_alone(client: str | None, headers: dict[str, str], may: bool) -> None:
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    request = Request({"type": "http", "client": (client, 1) if client else None, "headers": raw})
    assert metrics.may_read(request, "") is may


def test_lines_logged_are_counted_by_level_and_message() -> None:
    before = logs.counts().get(("warning", "test_metrics_line"), 0)
    line = {"level": "warning", "event": "test_metrics_line", "chat": "never told"}
    assert logs._count(None, "warning", line) is line
    assert logs.counts()["warning", "test_metrics_line"] == before + 1


def test_processes_of_one_test_share_nothing() -> None:
    first, second = Counts(), Counts()
    first.came("telegram", 5)
    assert second.registry.get_sample_value("gocua_events_total", {"channel": "telegram"}) is None
