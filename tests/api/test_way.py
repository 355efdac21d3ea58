"""The way of a message through the whole service: stored before it is answered, once, in order, all or nothing."""

import asyncio
import threading
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

import httpx
import sqlalchemy as sa

from api import batch, desk, inbox, outbox, turns
from api.store import StoreBusy
from bot import engine
from bot.model import Crashed, Inbound, WaitExpired
from tests.service import CASE, CHAT, CONVERSATION, INBOX, LAN, OUTBOX, SECRET, Service, started

TU, NAM = 2001, 2002
HELLO = {"message_id": 1, "date": 1_795_000_000, "text": "/start"}


def update(number: int = 1, chat: int = TU, **message: Any) -> dict[str, Any]:
    person = {"id": chat, "is_bot": False, "first_name": f"Person {chat}"}
    where = {"id": chat, "type": "private", "first_name": f"Person {chat}"}
    return {"update_id": number, "message": HELLO | {"from": person, "chat": where} | message}


async def post(service: Service, body: Any) -> httpx.Response:
    sent = {"content": body} if isinstance(body, bytes) else {"json": body}
    return await service.web.post(
        "/webhooks/telegram", headers={"X-Telegram-Bot-Api-Secret-Token": SECRET}, **sent
    )  # fmt: skip


async def outbox_of(service: Service, chat: int) -> list[Any]:
    return await service.rows(sa.select(OUTBOX).where(OUTBOX.c.chat == str(chat)).order_by(OUTBOX.c.id))


async def test_from_the_first_word_to_the_end_of_a_case(tmp_path: Path, database_url: str) -> None:
    """The same on both databases."""
    async with started(tmp_path, database_url=database_url) as service:
        await service.says(TU, "/start")
        assert service.last(TU).startswith("Dạ chào Bác!")
        case_id = await service.hands_off(TU)
        await service.press(CHAT[LAN], "Nhận")
        assert "chị Lan" in service.last(TU)
        await service.says(CHAT[LAN], "Dạ con Lan đây bác")
        assert service.last(TU) == "Chị Lan: Dạ con Lan đây bác"
        await service.says(TU, "máy tui đời cũ")
        assert service.last(CHAT[LAN]).endswith("máy tui đời cũ")
        await service.press(CHAT[LAN], "Xong rồi")
        case = await service.case(case_id)
        assert (case["holder_id"], case["outcome"], case["closed_at"] is not None) == (LAN, "solved", True)
        assert case["opened_at"] < case["taken_at"] < case["answered_at"] < case["closed_at"]
        kinds = await service.kinds(case_id=case_id)
        assert kinds == ["case_opened", "offered", "taken", "member_said", "closed"]
        assert (await service.web.get("/health/ready")).json() == {
        "status": "ok", "wrong": {}, "warnings": {}, "lag_s": {"inbox": 0.0, "outbox": 0.0, "timers": 0.0},
    }  # fmt: skip


async def test_nothing_is_answered_before_it_is_on_disk(service: Service) -> None:
    on_disk = threading.Event()
    disk = asyncio.create_task(service.house.store.write(lambda c: on_disk.wait(5)))
    request = asyncio.create_task(post(service, update()))
    await asyncio.sleep(0.15)
    assert not request.done()
    assert await service.rows(sa.select(INBOX)) == []
    on_disk.set()
    assert (await request).status_code == 200
    assert await disk
    assert len(await service.rows(sa.select(INBOX))) == 1


async def test_what_arrives_is_stored_answered_and_marked_in_one_commit(service: Service) -> None:
    """Between a resident's word and the answer to it lies one flush of the disk, no more."""
    await service.says(TU, "/start")
    commits: list[list[str]] = []
    together = service.house.store._together

    def counted(units: list[Any]) -> list[Any]:
        commits.append([unit.work.__qualname__.split(".")[0] for unit in units])
        return together(units)

    with patch.object(service.house.store, "_together", counted):
        for number in range(7, 17):
            assert (await post(service, update(number, message_id=number, text="dạ"))).status_code == 200
            await service.quiet()
    shared = [units for units in commits if units == ["Arriving", "Ahead", "Ahead"]]  # the turn, the sender's round
    assert len(shared) >= 8  # now and then a loop looks for work by itself just then


async def test_a_store_that_cannot_keep_up_says_come_again(service: Service) -> None:
    with patch.object(service.house.store, "queue", side_effect=StoreBusy):
        answer = await post(service, update())
        browser = service.browser()
        await browser.get("/")
        said = await browser.post("/chat/say", json={"id": "00000000-0000-4000-8000-000000000001", "text": "chào"})
        await asyncio.sleep(0.3)  # the loops meet it too
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
    assert said.status_code == 503
    assert (await post(service, update())).status_code == 200
    await service.quiet()
    assert len(service.shown(TU)) == 1


async def test_the_loops_outlive_a_database_that_is_away(service: Service) -> None:
    away = sa.exc.OperationalError("SELECT 1", {}, Exception("connection refused"))
    store = service.house.store
    with patch.object(store, "queue", side_effect=away), patch.object(store, "read", side_effect=away):
        assert (await post(service, update())).status_code == 500
        await asyncio.sleep(1.1)
        assert (await service.web.get("/health/ready")).status_code == 503
    assert (await post(service, update())).status_code == 200
    await service.quiet()
    assert len(service.shown(TU)) == 1
    assert (await service.web.get("/health/ready")).status_code == 200


async def test_one_update_three_times_is_one_reply(service: Service) -> None:
    answers = await asyncio.gather(*(post(service, update()) for _ in range(3)))
    assert [answer.status_code for answer in answers] == [200] * 3
    await service.quiet()
    assert (await post(service, update())).status_code == 200
    await service.quiet()
    assert len(service.shown(TU)) == 1
    assert len(await service.rows(sa.select(INBOX))) == 1


async def test_a_burst_keeps_its_order(service: Service) -> None:
    await service.hands_off(TU)
    await service.press(CHAT[LAN], "Nhận")
    before = len(service.shown(CHAT[LAN]))
    for number in range(30):
        await post(service, update(1000 + number, message_id=1000 + number, text=f"lời {number}"))
    await service.quiet()
    assert service.shown(CHAT[LAN])[before:] == [
        f"#1 Bác Person 2001, khu phố 3, phường Phú Lợi: lời {number}" for number in range(30)
    ]


async def test_two_residents_do_not_wait_for_each_other(service: Service) -> None:
    may = asyncio.Event()
    service.telegram.fail("sendMessage", 500, may=may)
    assert await service.telegram.says(TU, "/start") == 200
    await service.until(lambda: _called(service))
    assert await service.telegram.says(NAM, "/start") == 200
    await service.until(lambda: _has(service, NAM))
    assert service.shown(TU) == []
    may.set()
    await service.quiet()
    assert len(service.shown(TU)) == len(service.shown(NAM)) == 1


async def _called(service: Service) -> bool:
    return bool(service.telegram.called("sendMessage"))


async def _has(service: Service, chat: int) -> bool:
    return bool(service.shown(chat))


async def test_a_turn_is_all_or_nothing(service: Service) -> None:
    insert = outbox.insert
    failures: list[Any] = []

    def half(connection: sa.Connection, rows: list[dict[str, Any]]) -> None:
        insert(connection, rows)
        if rows and len(failures) < 3:
            failures.append(rows)
            raise RuntimeError("the machine stumbles in the middle of a turn")

    with patch.object(outbox, "insert", half):
        assert await service.telegram.says(TU, "/start") == 200
        await service.until(lambda: _tried(service))
        assert await outbox_of(service, TU) == []
        assert await service.kinds() == []
        assert await service.rows(sa.select(CONVERSATION)) == []
        service.clock.move(seconds=5)
        await service.quiet()
    assert len(failures) == 3
    assert len(service.shown(TU)) == 1
    assert await service.kinds() == ["first_contact"]


async def _tried(service: Service) -> bool:
    return any(row["attempts"] for row in await service.rows(sa.select(INBOX)))


async def test_what_raises_three_times_goes_to_a_person(service: Service) -> None:

    def stumbles(library: Any, talk: Any, event: Any, now: Any) -> Any:
        if isinstance(event, Inbound) and event.text == "chữ độc":
            raise ZeroDivisionError
        return engine.advance(library, talk, event, now)

    with patch.object(batch, "advance", stumbles):
        assert await service.telegram.says(TU, "chữ độc") == 200
        assert await service.telegram.says(TU, "còn đó không con") == 200
        assert await service.telegram.says(NAM, "/start") == 200
        await service.until(lambda: _has(service, NAM))  # nobody else notices
        for _ in range(3):
            service.clock.move(seconds=5)
            await asyncio.sleep(0.3)
        await service.quiet()
    case = await service.case()
    assert (case["conversation"], case["problem"], case["closed_at"]) == (f"telegram:{TU}", "chữ độc", None)
    assert "trục trặc" in service.shown(TU)[0]
    assert "crashed" in await service.kinds()
    # their next words are not lost: they lie with the case
    assert (await service.conversation(f"telegram:{TU}"))["state"]["case"] == "waiting"
    assert len(await service.rows(sa.select(INBOX).where(INBOX.c.done_at.is_(None)))) == 0


async def test_of_an_event_that_raises_nothing_stays(service: Service) -> None:
    open_case, inside = desk.open_case, []

    def opens_and_stumbles(connection: Any, *rest: Any) -> None:
        open_case(connection, *rest)
        inside.append(connection.execute(sa.select(sa.func.count()).select_from(CASE)).scalar())
        raise ZeroDivisionError

    await service.says(TU, "gặp người")
    await service.press(TU, "Đồng ý")
    await service.says(TU, "khu phố 3 phường Phú Lợi")
    await service.press(TU, "Đúng rồi")
    with patch.object(desk, "open_case", opens_and_stumbles):
        assert await service.telegram.says(TU, "máy báo lỗi") == 200
        await service.until(lambda: _tried(service))
    assert set(inside) == {1}  # it was there, and went with the rest
    service.clock.move(seconds=5)
    await service.quiet()
    assert len(await service.rows(sa.select(CASE))) == 1
    assert (await service.kinds()).count("case_opened") == 1


async def test_a_row_that_the_database_refuses_is_handed_to_a_person_too(service: Service) -> None:

    def refuses(library: Any, talk: Any, event: Any, now: Any) -> Any:
        if isinstance(event, Inbound) and event.text == "chữ lạ":
            raise sa.exc.DataError("INSERT", {}, Exception("invalid byte sequence"))
        return engine.advance(library, talk, event, now)

    with patch.object(batch, "advance", refuses):
        assert await service.telegram.says(TU, "chữ lạ") == 200
        assert await service.telegram.says(NAM, "/start") == 200
        await service.until(lambda: _has(service, NAM))
        for _ in range(3):
            service.clock.move(seconds=5)
            await asyncio.sleep(0.3)
        await service.quiet()
    assert "laid_aside" in await service.kinds()
    assert "trục trặc" in service.last(TU)
    assert (await service.case())["conversation"] == f"telegram:{TU}"


async def test_an_event_is_not_blamed_for_the_one_before_it(tmp_path: Path, postgres_url: str) -> None:
    """Another process may have done that one, or be at it, by the time we write down that it failed."""
    async with started(tmp_path, database_url=postgres_url) as service:
        house, key, later = service.house, f"telegram:{TU}", service.clock() + timedelta(hours=1)
        await service.says(TU, "/start")
        done = (await service.rows(sa.select(INBOX.c.id)))[0]["id"]
        event = inbox.from_inside(key, WaitExpired(due_at=later), "w")
        await house.store.write(lambda c: inbox.put(c, [event], later))
        [waits] = await service.rows(sa.select(INBOX.c.id).where(INBOX.c.done_at.is_(None)))

        async def blame(first: int) -> int:
            await house.store.write(lambda c: turns._postpone(c, key, first, "DataError", house.now()))
            [row] = await service.rows(sa.select(INBOX.c.attempts).where(INBOX.c.id == waits["id"]))
            return int(row["attempts"])

        assert await blame(done) == 0
        engine = sa.create_engine(postgres_url)
        with engine.begin() as other:
            other.execute(sa.text("SELECT 1 FROM conversation FOR UPDATE"))
            assert await blame(waits["id"]) == 0
        engine.dispose()
        assert await blame(waits["id"]) == 1


async def test_poisoned_rows_stop_nobody_else(service: Service) -> None:
    now = service.clock()
    row = {"channel": "telegram", "chat": "1", "provider_id": "x", "body": {"kind": "Nonsense"}, "received_at": now,
           "next_at": now, "attempts": 0, "error": "", "conversation": "telegram:1"}  # fmt: skip
    await service.write(INBOX.insert().values(row))
    broken = row | {"chat": "2", "conversation": "telegram:2"}
    await service.write(CONVERSATION.insert().values(
        key="telegram:2", channel="telegram", chat="2", state={"position": 7}, state_version=1, epoch=0, reachable=True,
        name="", updated_at=now,
    ))  # fmt: skip
    await service.write(INBOX.insert().values(broken | {"body": {"kind": "Nonsense"}}))
    assert await service.telegram.says(TU, "/start") == 200
    await service.until(lambda: _has(service, TU))
    for _ in range(4):
        service.clock.move(seconds=10)
        await asyncio.sleep(0.3)
    await service.quiet()
    assert (await service.web.get("/health/ready")).status_code == 200


async def test_nobody_is_left_alone_by_a_crash_in_a_case(service: Service) -> None:
    """A crash while a member holds the talk: they read what was written, and no second case is opened."""
    await service.hands_off(TU)
    await service.press(CHAT[LAN], "Nhận")

    def stumbles(library: Any, talk: Any, event: Any, now: Any) -> Any:
        if isinstance(event, Crashed):
            return engine.advance(library, talk, event, now)
        raise ZeroDivisionError

    with patch.object(batch, "advance", stumbles):
        assert await service.telegram.says(TU, "chữ độc") == 200
        for _ in range(3):
            service.clock.move(seconds=5)
            await asyncio.sleep(0.3)
        await service.quiet()
    assert service.last(CHAT[LAN]).endswith("chữ độc")
    assert len(await service.rows(sa.select(CASE))) == 1
