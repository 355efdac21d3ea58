"""Members where they are: their own Telegram chat, the team's group; and one owner of every talk."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from api import auth
from api.outbox import Status
from bot.phrases import Phrases
from tests.service import (
    CHAT,
    GROUP,
    LAN,
    MEMBER,
    OUTBOX,
    SAU,
    Service,
    only,
    started,
)

TU, NAM = 2001, 2002


@pytest.fixture
async def alone(tmp_path: Path) -> AsyncIterator[Service]:
    """With one member: every case is hers."""
    async with started(tmp_path, people=only(LAN)) as one:
        yield one


def phrases(service: Service) -> Phrases:
    return service.house.shelf.library.phrases


async def member(service: Service, member_id: int) -> Any:
    return (await service.rows(sa.select(MEMBER).where(MEMBER.c.id == member_id)))[0]


# --- members in their own chat ---------------------------------------------------------------------------------


async def test_words_to_a_case_that_is_closed_are_not_swallowed(service: Service) -> None:
    await service.hands_off(TU)
    await service.press(CHAT[LAN], "Nhận")
    await service.says(TU, "con ơi")
    question = service.telegram.sent(CHAT[LAN])[-1]["message_id"]
    await service.press(CHAT[LAN], "Xong rồi")
    before = len(service.shown(TU))
    await service.says(CHAT[LAN], "Dạ con đây", reply_to=question)
    assert "đã khép, tin chưa gửi" in service.last(CHAT[LAN])
    assert len(service.shown(TU)) == before


async def test_with_two_cases_words_without_a_reply_are_asked_about(alone: Service) -> None:
    service = alone
    for resident in (TU, NAM):
        await service.hands_off(resident)
        await service.press(CHAT[LAN], "Nhận")
    await service.says(NAM, "con ơi")
    await service.says(CHAT[LAN], "Dạ bác chụp màn hình giúp con")
    assert service.last(CHAT[LAN]) == "Tin này gửi cho ai ạ?"
    assert "chụp màn hình" not in service.last(TU) + service.last(NAM)
    await service.press(CHAT[LAN], "#2 Bác Person 2002, khu phố 3")
    assert service.last(NAM) == "Chị Lan: Dạ bác chụp màn hình giúp con"
    assert service.shown(NAM).count("Chị Lan: Dạ bác chụp màn hình giúp con") == 1
    asked = next(m for m in service.telegram.sent(CHAT[LAN]) if m.get("text", "").endswith(": con ơi"))
    await service.says(CHAT[LAN], "riêng bác Năm", reply_to=asked["message_id"])
    assert service.last(NAM) == "Chị Lan: riêng bác Năm"
    assert "riêng bác Năm" not in service.last(TU)


async def test_a_voice_message_of_a_member_arrives(service: Service) -> None:
    await service.hands_off(TU)
    await service.press(CHAT[LAN], "Nhận")
    file_id = service.telegram.keep_file(b"ogg", "voice/file_1.oga")
    await service.says(CHAT[LAN], voice={"file_id": file_id, "file_unique_id": file_id, "duration": 3})
    assert service.telegram.sent(TU)[-1]["voice"]["file_id"] == file_id


async def test_a_members_edit_is_told_as_one(service: Service) -> None:
    await service.hands_off(TU)
    await service.press(CHAT[LAN], "Nhận")
    await service.says(CHAT[LAN], "Bác ra phường nghen")
    newest = max(number for chat, number in service.telegram.messages if chat == CHAT[LAN] and
                 not service.telegram.messages[chat, number]["from"]["is_bot"])  # fmt: skip
    message = service.telegram.messages[CHAT[LAN], newest] | {"text": "Bác ra công an phường nghen", "edit_date": 1}
    assert await service.telegram.deliver({"edited_message": message}) == 200
    await service.quiet()
    assert service.last(TU) == "Chị Lan: (sửa lại) Bác ra công an phường nghen"


async def test_a_chat_is_linked_once_by_its_token(service: Service) -> None:
    link = await service.house.store.write(lambda c: auth.make_link(c, SAU, service.clock(), ""))
    token = link.rsplit("/", 1)[1]
    await service.says(5005, "/start link-sai")
    assert "đã dùng hoặc hết hạn" in service.last(5005)
    await service.says(5006, f"/start link-{token}")
    assert "Chào Nguyễn cô Sáu" in service.last(5006)
    await service.says(5007, f"/start link-{token}")
    assert "đã dùng hoặc hết hạn" in service.last(5007)
    assert (await member(service, SAU))["telegram_chat"] == "5006"
    old = await service.house.store.write(lambda c: auth.make_link(c, SAU, service.clock(), ""))
    await service.later(hours=auth.LINK_HOURS + 1)
    await service.says(5008, f"/start link-{old.rsplit('/', 1)[1]}")
    assert "đã dùng hoặc hết hạn" in service.last(5008)


async def test_a_member_is_a_resident_too(service: Service) -> None:
    """With no case in hand a member talks to the bot like anyone."""
    await service.says(CHAT[LAN], "/start")
    assert service.last(CHAT[LAN]).startswith("Dạ chào Bác")


# --- the team's group ------------------------------------------------------------------------------------------


async def test_a_reply_in_the_group_takes_and_answers(tmp_path: Path) -> None:
    async with started(tmp_path, people=only(LAN), group=True) as service:
        case_id = await service.hands_off(TU)
        shown = service.telegram.sent(GROUP)[-1]
        assert shown["text"].startswith(f"Hồ sơ #{case_id}")
        await service.says(GROUP, "sáng nay mưa quá", sender=7001)
        assert len(service.telegram.sent(GROUP)) == 1
        await service.says(GROUP, "Dạ bác chờ con", sender=CHAT[LAN], reply_to=shown["message_id"])
        assert service.last(TU) == "Chị Lan: Dạ bác chờ con"
        assert (await service.case(case_id))["holder_id"] == LAN
        await service.says(GROUP, "để em", sender=7001, reply_to=shown["message_id"])
        assert "đang do chị Lan giữ" in service.last(GROUP)
        assert "để em" not in "".join(service.shown(TU))


async def test_someone_of_the_group_who_is_not_in_the_directory(tmp_path: Path) -> None:
    async with started(tmp_path, people=(), group=True) as service:
        await service.hands_off(TU)
        await service.press(GROUP, "Nhận", sender=7001)
        assert "Person 7001" in service.last(TU)
        assert (await service.rows(sa.select(MEMBER.c.telegram_chat)))[0]["telegram_chat"] == "7001"


# --- one owner -------------------------------------------------------------------------------------------------


async def test_what_was_written_before_the_owner_changed_is_not_sent(service: Service) -> None:
    """The bot's answer waits behind a slow one; meanwhile a member takes the talk: the bot says no more."""
    await service.hands_off(TU)
    await service.says(TU, "gặp bot")
    service.telegram.fail("sendMessage", 429, retry_after=60)
    assert await service.telegram.says(TU, "menu") == 200
    await service.until(lambda: _waits(service))
    desk = await service.desk_of(LAN)
    await desk.post("/team/case/1/take")
    await service.later(seconds=60)
    assert "nhận giúp Bác" in service.last(TU)
    menu = phrases(service).menu.strip()
    assert menu not in service.last(TU)
    void = await service.rows(sa.select(OUTBOX).where(OUTBOX.c.status == int(Status.VOID)))
    assert [menu in row["body"]["text"] for row in void] == [True]


async def _waits(service: Service) -> bool:
    return bool(await service.rows(sa.select(OUTBOX).where(OUTBOX.c.status == 0, OUTBOX.c.error != "")))
