"""Nobody waits for another: one who floods, a chat or a provider that is slow, words to ten thousand."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from aiohttp import web

from api import inbox, notices, outbox
from api.auth import Member
from api.house import House
from api.notices import Draft
from api.outbox import Pen
from api.tables import Reader
from bot import record
from bot.model import Conversation, Reply, WaitExpired
from tests.fakes.zalo_bot import FakeZaloBot
from tests.service import BAY, CONVERSATION, DAY, HAN, INBOX, MEMBER, PHU_LOI, SECRET, Service, started

TU, NAM = 2001, 2002
#: more than may be on the wire at once
MANY = 300
READERS = range(100_000, 110_000)
READER = Reader.__table__
_updates = count(10_000)


class SlowZaloBot(FakeZaloBot):
    wait_s = 0.0

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        if request.match_info["method"] == "sendMessage":
            await asyncio.sleep(self.wait_s)
        return await super()._serve(request)


@asynccontextmanager
async def two_channels(folder: Path, **given: Any) -> AsyncIterator[tuple[Service, SlowZaloBot]]:
    async with SlowZaloBot() as fake:
        given |= {"zalo_bot_token": fake.token, "zalo_bot_secret": "tam-ky-tu", "zalo_bot_api": fake.base_url}
        async with started(folder, **given) as service:
            yield service, fake


async def reply_s(service: Service, chat: int) -> float:
    """How long a resident waits for the answer to their first word."""
    begun = time.monotonic()
    assert await service.telegram.says(chat, "/start") == 200

    async def answered() -> bool:
        return bool(service.shown(chat))

    await service.until(answered)
    return time.monotonic() - begun


async def usual_s(service: Service) -> float:
    """As `reply_s`, while nothing else happens: this machine may be busy."""
    return max([await reply_s(service, 8000 + number) for number in range(5)])


def put(connection: sa.Connection, house: House, channel: str, chats: range) -> None:
    """Words on their way out, one to each chat."""
    now, rows = house.now(), []
    for chat in chats:
        key = f"{channel}:{chat}"
        cause = inbox.put_done(connection, inbox.from_inside(key, WaitExpired(due_at=now), f"cause:{chat}"), now)
        pen = Pen(cause, key, now)
        pen.reply(Reply(text="chậm", notice=True), 0)
        rows += pen.rows
    outbox.insert(connection, rows)


async def test_a_slow_provider_delays_nobody_on_another(tmp_path: Path) -> None:
    async with two_channels(tmp_path) as (service, zalo):
        usual = await usual_s(service)
        zalo.wait_s = 3 * usual + 10
        await service.house.store.write(lambda c: put(c, service.house, "zalo_bot", range(MANY)))
        service.house.news.tell(["outbox"])
        await asyncio.sleep(0.3)
        assert await reply_s(service, TU) < zalo.wait_s
        assert not zalo.messages, "the reply came before the slow provider had answered anything"
        await service.quiet()
        assert sum(map(len, zalo.messages.values())) == MANY


async def test_who_floods_is_asked_to_come_later_and_nobody_waits_for_them(tmp_path: Path) -> None:
    async with started(tmp_path, most_a_minute=20) as service:
        usual = await usual_s(service)
        secret = {"X-Telegram-Bot-Api-Secret-Token": SECRET}

        async def post(chat: int, text: str) -> tuple[int, str]:
            number = next(_updates)
            person = {"id": chat, "is_bot": False, "first_name": "Tu"}
            message = {"message_id": number, "date": 1_795_000_000, "text": text, "from": person,
                       "chat": {"id": chat, "type": "private", "first_name": "Tu"}}  # fmt: skip
            body = {"update_id": number, "message": message}
            answer = await service.web.post("/webhooks/telegram", headers=secret, json=body)
            return answer.status_code, answer.headers.get("retry-after", "")

        answers = await asyncio.gather(*(post(TU, f"lời {number}") for number in range(60)))
        taken = answers.count((200, ""))
        assert 20 <= taken < 40  # a few more where the machine is slow
        assert answers.count((429, "1")) == 60 - taken
        assert await reply_s(service, NAM) < usual + 10
        service.clock.move(seconds=3)
        assert await post(TU, "chào") == (200, "")
        await service.quiet()
        assert len(await service.rows(sa.select(INBOX.c.id).where(INBOX.c.chat == str(TU)))) == taken + 1


def readers(house: House) -> None:
    """Residents of one ward who want its notices."""
    talk = {"channel": "telegram", "state_version": 1, "epoch": 0, "reachable": True, "name": "", "heard_at": DAY,
            "updated_at": DAY}  # fmt: skip
    wish = {"province": "79", "commune": PHU_LOI, "hamlet": "", "hamlet_key": "", "wish": "yes", "wished_at": DAY}
    talks, wishes = [], []
    for chat in map(str, READERS):
        state = record.to_json(Conversation(channel="telegram", chat=chat, notices="yes"))
        talks.append({"key": f"telegram:{chat}", "chat": chat, "state": state, **talk})
        wishes.append({"conversation": f"telegram:{chat}", **wish})
    with house.store.engine.begin() as connection:
        connection.execute(CONVERSATION.insert(), talks)
        connection.execute(READER.insert(), wishes)
        connection.execute(MEMBER.update().values(role="lead"))


def lead(member_id: int, commune: str) -> Member:
    return Member(
        id=member_id, name="", called="", is_lead=True, team_id=1, hamlet_key="", commune=commune, province="79",
        on_duty=True, open_cases=0, capacity=3,
    )  # fmt: skip


async def test_words_to_ten_thousand_delay_nobody(tmp_path: Path) -> None:
    draft = Draft(
        title="Lớp VNeID", text="Chiều mai có lớp VNeID.", province="79", commune=PHU_LOI, hamlet="", topic="",
        channels=("telegram",), send_from=DAY, send_until=DAY + timedelta(days=3),
    )  # fmt: skip
    async with started(tmp_path, prepare=readers) as service:
        house, store, usual = service.house, service.house.store, await usual_s(service)
        bay, han = lead(BAY, PHU_LOI), lead(HAN, "")
        notice = await store.write(lambda c: notices.write(c, bay, draft, house.now()))
        assert await store.write(lambda c: notices.ask(c, bay, notice, house.now()))
        library, on = house.shelf.library, {"telegram"}
        agreed = asyncio.create_task(store.write(lambda c: notices.approve(c, library, on, han, notice, house.now())))
        await asyncio.sleep(0)
        waited = [await reply_s(service, 3000)]
        assert await agreed
        begun = time.monotonic()
        while time.monotonic() - begun < 3:
            waited.append(await reply_s(service, 3000 + len(waited)))
        told = sum(bool(service.shown(number)) for number in READERS)
        assert 0 < told < len(READERS), "replies came while most of the notices were still to go"
        assert max(waited) < usual + 10  # a figure of time is the bench's; here it must only not be all of them
