"""The channel log: what is kept of an answer and what never is, batches and bounds, and the page that shows it."""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from fastapi import FastAPI
from structlog.testing import capture_logs

from api import channel_log, inbox
from api.channel_log import ChannelLog, answer_told, clear
from api.house import House
from api.shelf import Shelf
from api.store import Store, StoreBusy
from api.tables import ChannelLogRow, ConversationRow, Outbox
from bot.channels.messenger import Messenger
from bot.library import Folders
from bot.model import CaseTaken, Inbound
from tests import console_app as town
from tests.cast import HOME, NOW
from tests.console_app import LAN, TAM

LOG, OUTBOX, CONVERSATION = (one.__table__ for one in (ChannelLogRow, Outbox, ConversationRow))


@pytest.fixture(scope="module")
def shelf() -> Shelf:
    return Shelf(Folders(), HOME, dict)


@pytest.fixture
async def built(shelf: Shelf, tmp_path: Path, database_url: str) -> AsyncIterator[tuple[FastAPI, House]]:
    app, house = town.build(shelf, tmp_path, NOW, database_url=database_url)
    house.store.start()
    yield app, house
    house.store.stop()


@pytest.fixture
def house(built: tuple[FastAPI, House]) -> House:
    return built[1]


async def rows(house: House) -> list[Any]:
    return await house.store.read(lambda c: list(c.execute(sa.select(LOG).order_by(LOG.c.id)).mappings()))


# --- what is kept of an answer ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ({"ok": True, "result": {"message_id": 7, "chat": {"id": 4021, "first_name": "Tư"}, "text": "Dạ con chào"}},
         {"ok": True, "result": {"message_id": 7, "chat": {"id": "‹4›", "first_name": "‹2›"}, "text": "‹11›"}}),
        ({"ok": False, "error_code": 429, "description": "Too Many Requests", "parameters": {"retry_after": 5}},
         {"ok": False, "error_code": 429, "description": "Too Many Requests", "parameters": {"retry_after": 5}}),
        ({"error": -216, "message": "Access token is invalid"}, {"error": -216, "message": "Access token is invalid"}),
        ({"error": 0, "message": "Success", "data": {"message_id": "a1", "user_id": "9876543210",
          "quota": {"quota_type": "reply", "remain": 3}}},
         {"error": 0, "message": "Success", "data": {"message_id": "a1", "user_id": "‹10›",
          "quota": {"quota_type": "reply", "remain": 3}}}),
        ({"error": {"message": "(#10) sent outside of allowed window", "type": "OAuthException", "code": 10,
          "fbtrace_id": "A"}},
         {"error": {"message": "(#10) sent outside of allowed window", "type": "OAuthException", "code": 10,
          "fbtrace_id": "A"}}),
        ({"access_token": "AbC", "refresh_token": "DeFg", "expires_in": "90000"},
         {"access_token": "‹3›", "refresh_token": "‹4›", "expires_in": "90000"}),
        ({"result": {"description": "nhóm của bác Tư", "message": {"text": "mật khẩu là abc123"}}},
         {"result": {"description": "‹15›", "message": {"text": "‹18›"}}}),
        ([{"recipient_id": "123456789", "message_id": "m_1"}], [{"recipient_id": "‹9›", "message_id": "m_1"}]),
        ({"error": -201, "message": "mã otp là 482913"}, {"error": -201, "message": "mã otp là [đã che mã OTP]"}),
    ],
)  # fmt: skip
def test_how_it_went_is_kept_and_nobody_in_it(answer: object, told: object) -> None:
    assert json.loads(answer_told(json.dumps(answer).encode())) == told


@pytest.mark.parametrize(
    ("answer", "code"),
    [({"error": -216, "message": "x"}, "-216"), ({"error": 0}, ""), ({"ok": False, "error_code": 429}, "429"),
     ({"error": {"code": 10}}, "10"), ({"ok": True, "result": {}}, ""), ([], ""), ("x", "")],
)  # fmt: skip
def test_the_providers_own_code_is_found(answer: object, code: str) -> None:
    assert channel_log.code_told(json.dumps(answer).encode()) == code


def test_what_is_no_json_is_told_by_its_length() -> None:
    assert answer_told("<h1>bác Tư</h1>".encode()) == "‹17 byte, không phải JSON›"
    assert answer_told(b"") == ""


def test_a_long_answer_is_cut() -> None:
    body = json.dumps({"description": "x" * 1000}).encode()
    assert len(answer_told(body)) == channel_log.MOST_NOTE


# --- writing ---------------------------------------------------------------------------------------------------------


async def test_rows_wait_in_memory_and_go_out_together(house: House) -> None:
    log = house.channel_log
    log.came("zalo_oa", "user_send_text", "m1", 412, "mac")
    log.went("zalo_oa", "message/cs", 200, b'{"error":-216,"message":"Access token is invalid"}', 87)
    log.went("telegram", "sendMessage", 0, "cannot connect: ClientConnectorError, mã otp là 482913", 10_000)
    assert await rows(house) == []
    assert await log.write() == 3
    assert await log.write() == 0
    came, refused, lost = await rows(house)
    assert (came["way"], came["kind"], came["ref"], came["size_bytes"], came["verified"]) == (
        "came", "user_send_text", "m1", 412, "mac"
    )  # fmt: skip
    assert (refused["status"], refused["code"], refused["took_ms"]) == (200, "-216", 87)
    assert "Access token is invalid" in refused["note"]
    assert (lost["status"], lost["note"]) == (0, "cannot connect: ClientConnectorError, mã otp là [đã che mã OTP]")
    assert {row["at"] for row in (came, refused, lost)} == {NOW}


async def test_the_loop_writes_and_at_the_end_writes_the_rest(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channel_log, "WRITE_EVERY_S", 0.02)
    log = house.channel_log
    loop = asyncio.create_task(log.run())
    log.came("telegram", "message", "1", 10, "secret")
    while not await rows(house):  # noqa: ASYNC110 the loop's own pace is what is waited for
        await asyncio.sleep(0.01)
    log.came("telegram", "message", "2", 10, "secret")
    loop.cancel()
    await asyncio.gather(loop, return_exceptions=True)
    assert [row["ref"] for row in await rows(house)] == ["1", "2"]


async def test_a_busy_database_costs_the_oldest_rows_and_that_is_told(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(channel_log, "MOST_WAITING", 3)
    log = house.channel_log

    async def busy(self: Store, work: object) -> None:
        raise StoreBusy

    with monkeypatch.context() as within:
        within.setattr(Store, "write", busy)
        for number in range(5):
            log.came("telegram", "message", str(number), 10, "secret")
            assert await log.write() == 0
    assert await log.write() == 4
    dropped, *kept = await rows(house)
    assert (dropped["kind"], dropped["note"]) == ("dropped", "2 dòng cũ hơn đã bỏ vì chưa kịp ghi")
    assert [row["ref"] for row in kept] == ["2", "3", "4"]


async def test_what_no_database_takes_is_cleaned(house: House) -> None:
    log = house.channel_log
    log.went(
        "telegram", "sendMessage", 400, b'{"ok":false,"error_code":"4\\ud83d","description":"Bad \\ud83d\\u0000"}', 5
    )
    log.went("telegram", "sendMessage", 0, "cannot connect \ud83d\0", 5)
    assert await log.write() == 2
    refused, lost = await rows(house)
    assert (refused["code"], lost["note"]) == ("4?", "cannot connect ?")
    assert json.loads(refused["note"])["description"].startswith("Bad ?")


async def test_a_row_that_the_database_refuses_stops_no_other(house: House) -> None:
    log = house.channel_log
    for number in range(7):
        log.came("telegram", "half \ud83d" if number in (2, 5) else "message", str(number), 10, "secret")
    with capture_logs() as told:
        assert await log.write() == 5
    assert [row["ref"] for row in await rows(house)] == ["0", "1", "3", "4", "6"]
    line = {"event": "channel_log_row_refused", "log_level": "warning", "channel": "telegram"}
    assert [one for one in told if one["event"] == line["event"]] == [line | {"error": "UnicodeEncodeError"}] * 2
    assert await log.write() == 0


async def test_what_was_written_before_the_database_was_busy_is_not_written_again(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    log, write = house.channel_log, Store.write
    for number in range(4):
        log.came("telegram", "half \ud83d" if number == 3 else "message", str(number), 10, "secret")
    tries = 0

    async def busy_at_last(self: Store, work: Any) -> None:
        nonlocal tries
        tries += 1
        if tries == 3:  # all of them, the first half, the second
            raise StoreBusy
        await write(self, work)

    with monkeypatch.context() as within:
        within.setattr(Store, "write", busy_at_last)
        assert await log.write() == 2
    assert await log.write() == 1
    assert [row["ref"] for row in await rows(house)] == ["0", "1", "2"]


async def test_old_rows_and_too_many_rows_go(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channel_log, "MOST_KEPT", 3)
    row = {"channel": "telegram", "way": "came", "kind": "message", "verified": "secret", "note": ""}
    ages = [8, 6, 5, 4, 3, 0]
    many = [{**row, "ref": str(days), "at": NOW - timedelta(days=days)} for days in ages]
    await house.store.write(lambda c: c.execute(LOG.insert(), many) and None)
    await house.store.write(lambda c: clear(c, NOW + timedelta(days=1, hours=12)))
    assert [one["ref"] for one in await rows(house)] == ["4", "3", "0"]


def test_putting_a_row_costs_next_to_nothing(house: House) -> None:
    """Off the hot path: ten thousand of them, far faster than that many messages could be sent."""
    log = ChannelLog(house.store, lambda: NOW)
    begun = time.perf_counter()
    for number in range(10_000):
        log.came("telegram", "message", str(number), 10, "secret")
    assert time.perf_counter() - begun < 1.0


# --- the page --------------------------------------------------------------------------------------------------------


@contextlib.asynccontextmanager
async def signed_in(app: FastAPI, house: House, member: int) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://desk.test") as client:
        await client.post(await house.store.write(lambda c: town.sign_in(c, member, NOW)))
        yield client


async def test_the_page_tells_how_each_channel_stands(built: tuple[FastAPI, House]) -> None:
    app, house = built
    house.channels["messenger"] = Messenger("token", "secret", "verify", "app")
    house.worries["messenger"] = "Facebook từ chối mã của trang"
    log = house.channel_log
    log.came("messenger", "message", "m1", 300, "sha256")
    log.came("messenger", "refused", "", 12, "")
    log.went("messenger", "messages", 400, b'{"error":{"message":"outside of allowed window","code":10}}', 50)
    log.went("messenger", "messages", 200, b'{"recipient_id":"77","message_id":"m2"}', 40)
    await log.write()

    def put(c: sa.Connection) -> None:
        talk = {"channel": "messenger", "state": {}, "updated_at": NOW, "name": ""}
        for chat, hours in (("a", 1), ("b", 30), ("c", 30)):
            c.execute(CONVERSATION.insert(), {**talk, "key": f"messenger:{chat}", "chat": chat})
            said = Inbound(channel="messenger", chat=chat, message_id="1", sender=chat, sent_at=NOW, text="alo")
            inbox.put(c, [inbox.from_channel(said, "m1")], NOW - timedelta(hours=hours))
        inbox.put(c, [inbox.from_inside("messenger:b", CaseTaken(case=1, member="Lan"), "opened")], NOW)
        row = {"channel": "messenger", "chat": "a", "lane": "a", "conversation": "messenger:a", "body": {},
               "error": "", "next_at": NOW, "created_at": NOW}  # fmt: skip
        for place, (status, quota) in enumerate([(0, ""), (4, ""), (2, "paid")]):
            c.execute(OUTBOX.insert(), {**row, "inbox_id": 1, "place": place, "status": status, "quota": quota})

    await house.store.write(put)
    async with signed_in(app, house, TAM) as tam:
        page = " ".join((await tam.get("/team/channels")).text.split())
        assert "Facebook từ chối mã của trang" in page
        assert "Đang chờ gửi: <strong>1</strong>" in page
        assert "lỗi khi gửi <strong>1</strong> lần, <strong>1</strong> tin không tới, <strong>1</strong> lần" in page
        assert "<strong>1</strong> tin tính tiền" in page
        assert "Nhắn tới được ngay: <strong>1</strong> bác. Phải đợi bác nhắn trước: <strong>2</strong>" in page
        assert "outside of allowed window" in page
        assert page.count('<li class="bad">') == 2
        only = (await tam.get("/team/channels", params={"channel": "messenger", "faults": "1"})).text
        assert (only.count('<li class="bad">'), only.count("m2")) == (2, 0)
        assert "Chưa có gì." in (await tam.get("/team/channels?channel=telegram")).text
        assert "77" not in page.split('id="log"')[1]


async def test_only_leads_see_it(built: tuple[FastAPI, House]) -> None:
    app, house = built
    async with signed_in(app, house, LAN) as lan:
        assert (await lan.get("/team/channels")).status_code == 404


async def test_the_log_is_read_page_by_page(built: tuple[FastAPI, House]) -> None:
    app, house = built
    for number in range(120):
        house.channel_log.came("telegram", "message", f"so-{number}", 10, "secret")
    await house.channel_log.write()
    async with signed_in(app, house, TAM) as tam:
        first = (await tam.get("/team/channels")).text
        assert "so-119" in first
        assert "so-19<" not in first
        older = first.split("before=")[1].split("#")[0]
        assert "so-19<" in (await tam.get(f"/team/channels?before={older}")).text
