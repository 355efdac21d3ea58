"""What a process had begun to send when it ended: with many lines to the team's group each is told by its buttons."""

import asyncio
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from api import inbox, outbox
from api.house import House
from api.outbox import Pen, Status
from bot.model import Inbound, Reply, WaitExpired
from tests.fakes.telegram import FakeTelegram
from tests.service import GROUP, OUTBOX, Service, started

TU = 2001


def line(connection: sa.Connection, house: House, number: int, text: str, *, buttons: bool, **row: Any) -> None:
    """About a case, to the team's group; `row` overrides fields of the outbox."""
    now, key = house.now(), f"telegram:{2000 + number}"
    cause = inbox.put_done(connection, inbox.from_inside(key, WaitExpired(due_at=now), f"cause:{number}"), now)
    pen = Pen(cause, key, now)
    pen.member(str(GROUP), text, (((f"take.{number}", "Nhận"),) if buttons else ()), lane=f"telegram:{GROUP}#{number}")
    outbox.insert(connection, [one | row for one in pen.rows])


def on_the_wire(house: House, number: int, text: str, *, buttons: bool) -> None:
    """A line that a process had begun to send when it was killed."""
    sending: dict[str, Any] = {"status": int(Status.SENDING), "attempts": 1, "marked_at": house.now(), "owner": "dead"}
    with house.store.engine.begin() as connection:
        line(connection, house, number, text, buttons=buttons, **sending)


def arrived(telegram: FakeTelegram, number: int, text: str, *, buttons: bool) -> None:
    keyboard = {"inline_keyboard": [[{"text": "Nhận", "callback_data": f"take.{number}"}]]} if buttons else None
    telegram._show(telegram._message(GROUP, telegram.me, 0) | {"text": text}, keyboard)


def buttons_of(telegram: FakeTelegram) -> dict[str, str]:
    return {
        one["text"]: one["reply_markup"]["inline_keyboard"][0][0]["callback_data"] if "reply_markup" in one else ""
        for one in telegram.sent(GROUP)
    }


async def _settled(service: Service) -> bool:
    return all(row["status"] >= Status.SENT for row in await service.rows(sa.select(OUTBOX.c.status)))


@pytest.mark.parametrize("there", [(1, 2, 3), (3, 1, 2), (2,), (3, 1), ()])
async def test_lines_with_buttons_come_once_and_keep_their_own(tmp_path: Path, there: tuple[int, ...]) -> None:
    texts = {number: f"Hồ sơ #{number} · Bác Tư" for number in (1, 2, 3)}
    async with FakeTelegram() as telegram:
        await telegram.says(GROUP, "chào cả nhà", sender=9001)
        for number in there:
            arrived(telegram, number, texts[number], buttons=True)

        def kill(house: House) -> None:
            for number, text in texts.items():
                on_the_wire(house, number, text, buttons=True)

        async with started(tmp_path, telegram=telegram, group=True, prepare=kill) as service:
            await service.until(lambda: _settled(service))
        assert sorted(one["text"] for one in telegram.sent(GROUP)) == sorted(texts.values())
        assert buttons_of(telegram) == {text: f"take.{number}" for number, text in texts.items()}


async def test_a_line_that_cannot_be_told_comes_again_and_is_counted(tmp_path: Path) -> None:
    async with FakeTelegram() as telegram:
        arrived(telegram, 1, "Hồ sơ #1", buttons=True)
        arrived(telegram, 2, "#2 Bác Tư: dạ", buttons=False)

        def kill(house: House) -> None:
            on_the_wire(house, 1, "Hồ sơ #1", buttons=True)
            on_the_wire(house, 2, "#2 Bác Tư: dạ", buttons=False)

        async with started(tmp_path, telegram=telegram, group=True, prepare=kill) as service:
            await service.until(lambda: _settled(service))
            told = (await service.web.get("/metrics")).text
        assert sorted(one["text"] for one in telegram.sent(GROUP)) == ["#2 Bác Tư: dạ"] * 2 + ["Hồ sơ #1"]
        assert buttons_of(telegram) == {"Hồ sơ #1": "take.1", "#2 Bác Tư: dạ": ""}
        assert 'gocua_sends_total{channel="telegram",outcome="sent_again"} 1.0' in told


@pytest.mark.parametrize(("there", "again"), [(1, 2), (0, 0)])
async def test_of_lines_that_cannot_be_told_each_counts_as_sent_again_if_any_arrived(
    service: Service, there: int, again: int
) -> None:
    service.telegram.fail("sendMessage", 0, done=bool(there))
    service.telegram.fail("sendMessage", 0)
    for number in (1, 2):
        await service.house.store.write(
            lambda c, number=number: line(c, service.house, number, f"#{number} Bác Tư: dạ", buttons=False)  # type: ignore[misc]
        )
    service.house.news.tell(["outbox"])
    await service.quiet()
    assert len(service.telegram.sent(GROUP)) == 2 + there
    told = (await service.web.get("/metrics")).text
    assert told.count('outcome="sent_again"} 2.0') == bool(again)
    assert ('outcome="sent_again"' in told) == bool(again)


async def test_a_question_whose_line_breaks_is_asked_at_once_again(tmp_path: Path) -> None:
    """All of them later would be late: each may break, and there may be a hundred."""
    async with FakeTelegram() as telegram:
        arrived(telegram, 1, "Hồ sơ #1", buttons=True)
        telegram.fail("editMessageReplyMarkup", 0)

        def kill(house: House) -> None:
            on_the_wire(house, 1, "Hồ sơ #1", buttons=True)

        async with started(tmp_path, telegram=telegram, group=True, prepare=kill) as service:
            await service.until(lambda: _settled(service))
            (row,) = await service.rows(sa.select(OUTBOX.c.attempts))
        assert (len(telegram.sent(GROUP)), row["attempts"]) == (1, 2)  # the one that was killed, and the one that asked


async def at_the_end(service: Service, busy: threading.Event) -> None:
    while not service.house.loops["sender"].cancelling():  # noqa: ASYNC110 nothing tells
        await asyncio.sleep(0.01)
    busy.set()


async def test_what_was_being_marked_at_the_end_is_not_left_so(tmp_path: Path) -> None:
    """Nobody ever began to send it: it must not be taken for a message of unknown fate."""
    found: list[int] = []

    def look(house: House) -> None:
        with house.store.engine.begin() as connection:
            found.extend(connection.execute(sa.select(OUTBOX.c.status)).scalars())

    async with FakeTelegram() as telegram:
        async with started(tmp_path, telegram=telegram, group=True) as service:
            store, busy = service.house.store, threading.Event()
            store.queue(lambda c: busy.wait(10))
            due = {"next_at": service.house.now()}
            put = store.queue(lambda c: line(c, service.house, 1, "Hồ sơ #1", buttons=True, **due))
            service.house.news.tell(["outbox"])
            await asyncio.sleep(0.1)
            freed = asyncio.create_task(at_the_end(service, busy))
        await asyncio.gather(put, freed)
        async with started(tmp_path, telegram=telegram, group=True, prepare=look) as service:
            await service.until(lambda: _settled(service))
        assert found == [Status.QUEUED]
        assert [one["text"] for one in telegram.sent(GROUP)] == ["Hồ sơ #1"]


def killed(telegram: FakeTelegram, between: int, ahead_s: float) -> Callable[[House], None]:
    """A message had arrived when its process was killed. `between`: ids that others got while it was on its way, below
    0 nobody has told us whose they are; `ahead_s`: of the clock of that process."""

    def kill(house: House) -> None:
        now = house.now()
        marked_at = now - timedelta(seconds=30)

        def heard(connection: sa.Connection, chat: int, at: datetime) -> None:
            number = telegram._next_id(chat)
            said = Inbound(channel="telegram", chat=str(chat), message_id=str(number), sent_at=at, text="dạ")
            inbox.put_done(connection, inbox.from_channel(said, f"heard:{number}"), at)

        with house.store.engine.begin() as connection:
            heard(connection, 5000, now - timedelta(seconds=60))
            for number in range(between):
                heard(connection, 6000 + number, marked_at + timedelta(seconds=1))
            for _ in range(-between):
                telegram._next_id(6000)
            telegram._show(telegram._message(TU, telegram.me, 0) | {"text": "một"}, None)
            heard(connection, 7000, marked_at + timedelta(seconds=2))
            key = f"telegram:{TU}"
            cause = inbox.put_done(connection, inbox.from_inside(key, WaitExpired(due_at=now), "cause"), now)
            pen = Pen(cause, key, now)
            pen.reply(Reply(text="một", notice=True), 0)
            sending = {"status": int(Status.SENDING), "attempts": 1, "owner": "dead",
                       "marked_at": marked_at + timedelta(seconds=ahead_s)}  # fmt: skip
            outbox.insert(connection, [row | sending for row in pen.rows])

    return kill


@pytest.mark.parametrize("between", [0, 200])
async def test_a_message_that_arrived_is_found(tmp_path: Path, database_url: str, between: int) -> None:
    async with FakeTelegram() as telegram:
        kill = killed(telegram, between, 0)
        async with started(tmp_path, telegram=telegram, prepare=kill, database_url=database_url) as service:
            await service.until(lambda: _settled(service))
        assert [one["text"] for one in telegram.sent(TU)] == ["một"]


async def test_whoever_takes_over_does_not_trust_the_others_clock(tmp_path: Path, postgres_url: str) -> None:
    async with FakeTelegram() as telegram:
        kill = killed(telegram, 3, ahead_s=5)
        async with started(tmp_path, telegram=telegram, prepare=kill, database_url=postgres_url) as service:
            await service.until(lambda: _settled(service))
        assert [one["text"] for one in telegram.sent(TU)] == ["một"]


async def test_where_more_ids_are_unknown_than_are_asked_for_it_counts_as_sent_again(tmp_path: Path) -> None:
    async with FakeTelegram() as telegram:
        async with started(tmp_path, telegram=telegram, prepare=killed(telegram, -400, 0)) as service:
            await service.until(lambda: _settled(service))
            told = (await service.web.get("/metrics")).text
        assert [one["text"] for one in telegram.sent(TU)] == ["một"] * 2
        assert 'outcome="sent_again"} 1.0' in told


async def test_in_a_crowd_few_ids_are_asked_for(tmp_path: Path, database_url: str) -> None:
    """Thousands a second: ten seconds back there is more than we look through."""
    async with FakeTelegram() as telegram:

        def kill(house: House) -> None:
            now = house.now()
            with house.store.engine.begin() as connection:
                for number in range(3000):
                    at = now - timedelta(seconds=31) + timedelta(milliseconds=number / 3)
                    said = Inbound(channel="telegram", chat="6000", message_id=str(telegram._next_id(6000)), sent_at=at)
                    inbox.put_done(connection, inbox.from_channel(said, f"crowd:{number}"), at)
            killed(telegram, 20, 0)(house)

        async with started(tmp_path, telegram=telegram, prepare=kill, database_url=database_url) as service:
            await service.until(lambda: _settled(service))
        assert [one["text"] for one in telegram.sent(TU)] == ["một"]
        assert len(telegram.called("editMessageReplyMarkup")) < 9
