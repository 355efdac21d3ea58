"""The way out to Telegram when it fails: nothing lost, nothing doubled, in order, and nobody waits for another."""

import asyncio
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from msgspec.structs import replace

from api import fate, inbox, outbox
from api.attempt import MOST_RAISED, MOST_TRIES
from api.house import House
from api.outbox import Pen, Status
from bot.channel import Call, Outgoing, Receipt
from bot.model import Reply, WaitExpired
from tests.fakes.telegram import FakeTelegram
from tests.service import GROUP, OUTBOX, Service, started

TU, NAM = 2001, 2002


def put(connection: sa.Connection, house: House, chat: int, *texts: str, lane: str = "", **row: Any) -> None:
    """Words on their way out, as a turn writes them; `row` overrides fields of the outbox."""
    now, key = house.now(), f"telegram:{chat}"
    mark = f"{time.monotonic_ns()}"
    inbox.put(connection, [inbox.from_inside(key, WaitExpired(due_at=now), mark)], now)
    inbox_id = connection.execute(sa.text("SELECT max(id) FROM inbox")).scalar_one()
    connection.execute(sa.text("UPDATE inbox SET done_at = received_at"))
    pen = Pen(inbox_id, key, now)
    for text in texts:
        pen.reply(Reply(text=text, notice=True), 0)
    outbox.insert(connection, [one | ({"lane": lane} if lane else {}) | row for one in pen.rows])


async def send(service: Service, chat: int, *texts: str, lane: str = "") -> None:
    house = service.house
    await house.store.write(lambda c: put(c, house, chat, *texts, lane=lane))
    house.news.tell(["outbox"])


async def statuses(service: Service) -> list[str]:
    rows = await service.rows(sa.select(OUTBOX.c.status).order_by(OUTBOX.c.id))
    return [Status(row["status"]).name for row in rows]


FAILURES: dict[str, tuple[int, dict[str, Any]]] = {
    "too many": (429, {"retry_after": 1}),
    "outage": (500, {}),
    "gateway": (502, {}),
    "the line drops before": (0, {}),
    "the line drops after": (0, {"done": True}),
    "an error after it was done": (500, {"done": True}),
}


# what was done once is asked about: it is never sent again
TIMES = [(kind, times) for kind in FAILURES for times in (1, 2) if times == 1 or "done" not in FAILURES[kind][1]]


@pytest.mark.parametrize(("kind", "times"), TIMES)
async def test_nothing_is_lost_doubled_or_out_of_order(service: Service, kind: str, times: int) -> None:
    status, more = FAILURES[kind]
    service.telegram.fail("sendMessage", status, times=times, **more)
    texts = [f"tin {number}" for number in range(5)]
    await send(service, TU, *texts)
    await service.quiet()
    assert service.shown(TU) == texts
    assert await statuses(service) == ["SENT"] * 5
    rows = await service.rows(sa.select(OUTBOX.c.remote_id).order_by(OUTBOX.c.id))
    assert [int(row["remote_id"]) for row in rows] == [one["message_id"] for one in service.telegram.sent(TU)]


async def test_a_pause_is_for_that_chat_alone(service: Service) -> None:
    service.telegram.fail("sendMessage", 429, retry_after=60)
    await send(service, TU, "một", "hai")
    await service.until(lambda: _asked(service, 1))
    await send(service, NAM, "ba")
    await service.until(lambda: _shown(service, NAM))
    assert service.shown(TU) == []
    await service.later(seconds=60)
    assert service.shown(TU) == ["một", "hai"]


async def test_a_pause_in_the_group_holds_all_its_cases(tmp_path: Path) -> None:
    """Telegram counts a group's messages together, whatever case or topic they are about."""
    async with started(tmp_path, group=True) as service:
        service.telegram.fail("sendMessage", 429, retry_after=60)
        await send(service, GROUP, "một", lane="a")
        await service.until(lambda: _asked(service, 1))
        await send(service, GROUP, "hai", lane="b")
        await asyncio.sleep(0.3)
        assert len(service.telegram.called("sendMessage")) == 1
        await service.later(seconds=60)
        assert sorted(service.shown(GROUP)) == ["hai", "một"]


@pytest.mark.parametrize("status", [429, 500])
async def test_a_message_of_unknown_fate_that_cannot_be_asked_about_yet_is_not_sent(
    service: Service, status: int
) -> None:
    service.telegram.fail("sendMessage", 0, done=True)
    service.telegram.fail("editMessageReplyMarkup", status, retry_after=1)
    await send(service, TU, "một lần")
    await service.quiet()
    assert service.shown(TU) == ["một lần"]


async def _asked(service: Service, times: int) -> bool:
    return len(service.telegram.called("sendMessage")) >= times


async def _shown(service: Service, chat: int) -> bool:
    return bool(service.shown(chat))


async def test_what_was_marked_while_the_machine_stood_still_is_put_back_and_that_was_no_try(
    tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with started(tmp_path, database_url=database_url) as service:
        monkeypatch.setattr("api.sender.FRESH_S", -1.0)
        await send(service, TU, "một")
        await asyncio.sleep(0.3)
        assert service.telegram.sent(TU) == []
        monkeypatch.undo()
        await service.quiet()
        assert service.shown(TU) == ["một"]
        assert [row["attempts"] for row in await service.rows(sa.select(OUTBOX.c.attempts))] == [1]


async def test_a_slow_chat_delays_nobody_else(service: Service) -> None:
    may = asyncio.Event()
    service.telegram.fail("sendMessage", 500, may=may)
    await send(service, TU, "chậm")
    await service.until(lambda: _asked(service, 1))
    for number in range(20):
        await send(service, 3000 + number, "nhanh")
    for number in range(20):
        await service.until(lambda number=number: _shown(service, 3000 + number))  # type: ignore[misc]
    assert service.shown(TU) == []
    may.set()
    await service.quiet()
    assert service.shown(TU) == ["chậm"]


async def test_in_the_group_every_case_has_its_own_order(tmp_path: Path) -> None:
    async with started(tmp_path, group=True) as service:
        service.telegram.fail("sendMessage", 0, done=True)
        for text, lane in (("a1", "a"), ("a2", "a"), ("b1", "b"), ("b2", "b")):
            await send(service, GROUP, text, lane=f"telegram:{GROUP}#{lane}")
        await service.quiet()
        shown = service.shown(GROUP)
        assert sorted(shown) == ["a1", "a2", "b1", "b2"]
        assert shown.index("a1") < shown.index("a2")
        assert shown.index("b1") < shown.index("b2")


async def test_what_telegram_will_never_take_does_not_stop_the_rest(service: Service) -> None:
    service.telegram.fail("sendMessage", 400, "Bad Request: chat not found")
    await send(service, TU, "một", "hai")
    await service.quiet()
    assert await statuses(service) == ["DEAD", "SENT"]
    assert service.shown(TU) == ["hai"]


async def test_an_outage_of_hours_is_survived(service: Service) -> None:
    service.telegram.fail("sendMessage", 500, times=MOST_TRIES - 1)
    service.telegram.fail("editMessageReplyMarkup", 400, "Bad Request: message to edit not found", times=10_000)
    await send(service, TU, "một")
    for times in range(1, MOST_TRIES):
        await service.until(lambda times=times: _tried(service, times))  # type: ignore[misc]
        service.clock.move(hours=1)
        service.house.news.tell(["outbox"])
    await service.quiet()
    assert await statuses(service) == ["SENT"]
    assert service.shown(TU) == ["một"]


async def test_what_nobody_can_be_asked_about_is_sent_again_for_a_while_only(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fate, "can_ask", lambda *_: False)
    service.telegram.fail("sendMessage", 0, done=True, times=4)
    await send(service, TU, "một", "hai")
    for times in range(1, 5):
        await service.until(lambda times=times: _tried(service, times))  # type: ignore[misc]
        service.clock.move(seconds=45)
        service.house.news.tell(["outbox"])
    await service.quiet()
    assert await statuses(service) == ["UNKNOWN", "SENT"]
    assert service.shown(TU) == ["một"] * 4 + ["hai"]


async def test_a_fault_of_ours_holds_up_its_lane_for_seconds_only(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    channel = service.house.channels["telegram"]
    render = channel.render

    def faulty(outgoing: Outgoing) -> tuple[Call, ...]:
        if outgoing.text == "một":
            raise ZeroDivisionError
        return tuple(render(outgoing))

    monkeypatch.setattr(channel, "render", faulty)
    await send(service, TU, "một", "hai")
    begun = service.house.now()
    for times in range(1, MOST_RAISED + 1):
        await service.until(lambda times=times: _tried(service, times))  # type: ignore[misc]
        service.clock.move(seconds=0.8 * 2 ** (times - 1))
        service.house.news.tell(["outbox"])
    await service.quiet()
    assert await statuses(service) == ["DEAD", "SENT"]
    assert service.shown(TU) == ["hai"]
    assert service.house.now() - begun < timedelta(minutes=1.5)


async def test_what_the_database_cannot_hold_of_an_error_stops_nobody(tmp_path: Path, database_url: str) -> None:
    async with started(tmp_path, database_url=database_url) as service:
        service.telegram.fail("sendMessage", 400, "Bad Request: \0")
        await send(service, TU, "một", "hai")
        await service.quiet()
        assert await statuses(service) == ["DEAD", "SENT"]


async def test_what_the_database_refuses_of_one_message_stops_nobody(
    tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with started(tmp_path, database_url=database_url) as service:
        channel = service.house.channels["telegram"]
        receipt = channel.receipt

        def odd(call: Call, status: int, body: bytes) -> Receipt:
            told = receipt(call, status, body)
            return replace(told, remote_id="\0") if "một".encode() in call.body else told

        monkeypatch.setattr(channel, "receipt", odd)
        await send(service, TU, "một", "hai")
        await send(service, NAM, "ba")
        await service.quiet()
        assert await statuses(service) == ["SENT"] * 3
        assert (service.shown(TU), service.shown(NAM)) == (["một", "hai"], ["ba"])


async def _tried(service: Service, times: int) -> bool:
    """So many tries have come to their end."""
    row = (await service.rows(sa.select(OUTBOX.c.attempts, OUTBOX.c.status)))[0]
    return bool(row["attempts"] >= times and row["status"] != Status.SENDING)


async def test_a_wrong_token_is_told_to_the_operator(service: Service) -> None:
    service.telegram.token = "another:token"
    await send(service, TU, "một")
    await service.until(lambda: _worried(service))
    warnings = (await service.web.get("/health/ready")).json()["warnings"]
    assert "check the bot token" in warnings["telegram"]
    assert "123456:fake" not in str(warnings)
    service.telegram.token = "123456:fake"
    for _ in range(20):
        service.clock.move(hours=1)
        await asyncio.sleep(0.02)
    await service.quiet()
    assert service.shown(TU) == ["một"]
    assert (await service.web.get("/health/ready")).json()["warnings"] == {}


async def _worried(service: Service) -> bool:
    return bool(service.house.worries)


@pytest.mark.parametrize("arrived", [True, False])
async def test_a_kill_between_sending_and_writing_down(tmp_path: Path, arrived: bool) -> None:
    """A row found on the wire at the start: asked about, and sent only when it never came."""
    async with FakeTelegram() as telegram:
        await telegram.says(TU, "/start")  # waits for the webhook; its id is known to us by then
        if arrived:
            telegram._show(telegram._message(TU, telegram.me, 0) | {"text": "một"}, None)

        def kill(house: House) -> None:
            with house.store.engine.begin() as connection:
                now = house.now()
                on_wire: dict[str, Any] = {
                    "status": int(Status.SENDING),
                    "attempts": 1,
                    "marked_at": now,
                    "owner": "dead",
                }
                put(connection, house, NAM, "trước đó", status=int(Status.SENT), remote_id="1", sent_at=now)
                put(connection, house, TU, "một", **on_wire)
                put(connection, house, TU, "hai")

        async with started(tmp_path, telegram=telegram, prepare=kill) as service:
            await service.until(lambda: _settled(service))
            assert [one for one in service.shown(TU) if one in ("một", "hai")] == ["một", "hai"]


async def _settled(service: Service) -> bool:
    return all(row["status"] >= 2 for row in await service.rows(sa.select(OUTBOX.c.status)))


async def test_at_the_end_what_is_on_the_wire_is_waited_for(tmp_path: Path) -> None:
    async with FakeTelegram() as telegram:
        async with started(tmp_path, telegram=telegram) as service:
            may = asyncio.Event()
            telegram.fail("sendMessage", 500, done=True, may=may)
            await send(service, TU, "một")
            await service.until(lambda: _asked(service, 1))
            asyncio.get_running_loop().call_later(0.4, may.set)
        async with started(tmp_path, telegram=telegram) as service:
            await service.quiet()
            assert service.shown(TU) == ["một"]
