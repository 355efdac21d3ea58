"""Members answer from their own Telegram and from their group: to the right resident, once, or not at all."""

import asyncio
import io
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from PIL import Image

from api import auth
from api.settings import SettingsError, load
from api.tables import Timer
from tests.service import CASE, CHAT, GROUP, LAN, MEMBER, TAM, TOWN, Person, Service, started

TU, NAM = 2001, 2002
FIRST, SECOND = "#1 Bác Person 2001, khu phố 3", "#2 Bác Person 2002, khu phố 3"
TIMER = Timer.__table__
ONLY_LAN = tuple(person for person in TOWN if person.id == LAN)


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[Service]:
    """Words go at once, so that nothing has to be waited for."""
    async with started(tmp_path, people=ONLY_LAN) as one:
        yield one


@pytest.fixture
async def patient(tmp_path: Path) -> AsyncIterator[Service]:
    """Words wait as they do in life."""
    async with started(tmp_path, people=ONLY_LAN, member_undo_seconds=10) as one:
        yield one


@pytest.fixture
async def topics(tmp_path: Path) -> AsyncIterator[Service]:
    async with started(tmp_path, group=True, telegram_team_topics=True) as one:
        yield one


async def helped(service: Service, *residents: int) -> None:
    for resident in residents:
        await service.hands_off(resident)
        await service.press(CHAT[LAN], "Nhận")


async def member(service: Service, member_id: int) -> Any:
    return (await service.rows(sa.select(MEMBER).where(MEMBER.c.id == member_id)))[0]


def in_topic(service: Service, thread: int) -> list[str]:
    """The bot's words in a topic of the group, oldest first."""
    sent = [message for message in service.telegram.sent(GROUP) if message.get("message_thread_id") == thread]
    return [message.get("text") or message.get("caption", "") for message in sent]


def jpeg() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (8, 8), "red").save(out, "JPEG")
    return out.getvalue()


# --- one chat, several cases -------------------------------------------------------------------------------------


async def test_every_line_says_who_it_is_from(service: Service) -> None:
    await helped(service, TU)
    await service.says(TU, "máy tui đời cũ")
    assert service.last(CHAT[LAN]) == f"{FIRST}, phường Phú Lợi: máy tui đời cũ"


async def test_they_see_whom_they_answer_when_that_changes(service: Service) -> None:
    await helped(service, TU, NAM)
    await service.says(TU, "con ơi")
    asked = service.telegram.sent(CHAT[LAN])[-1]["message_id"]
    await service.says(NAM, "alo con")
    other = service.telegram.sent(CHAT[LAN])[-1]["message_id"]
    await service.says(CHAT[LAN], "Dạ bác Tư", reply_to=asked)
    assert service.last(CHAT[LAN]) == f"Đang trả lời: {FIRST}"
    said = len(service.shown(CHAT[LAN]))
    await service.says(CHAT[LAN], "bác bấm nút đỏ", reply_to=asked)
    assert len(service.shown(CHAT[LAN])) == said
    await service.says(CHAT[LAN], "Dạ bác Năm", reply_to=other)
    assert service.last(CHAT[LAN]) == f"Đang trả lời: {SECOND}"
    assert service.shown(TU)[-2:] == ["Chị Lan: Dạ bác Tư", "Chị Lan: bác bấm nút đỏ"]
    assert service.last(NAM) == "Chị Lan: Dạ bác Năm"


async def test_an_answer_to_their_own_words_goes_where_those_went(service: Service) -> None:
    await helped(service, TU, NAM)
    await service.says(NAM, "alo con")
    await service.says(CHAT[LAN], "Dạ bác Năm", reply_to=service.telegram.sent(CHAT[LAN])[-1]["message_id"])
    await service.says(CHAT[LAN], "bác khoẻ không", reply_to=service.telegram.newest_of(CHAT[LAN]))
    assert service.last(NAM) == "Chị Lan: bác khoẻ không"
    assert not any("Chị Lan:" in text for text in service.shown(TU))


async def test_two_taps_on_the_same_question_are_one_answer(service: Service) -> None:
    await helped(service, TU, NAM)
    await service.says(CHAT[LAN], "Dạ con nghe")
    question = service.telegram.sent(CHAT[LAN])[-1]
    rows = question["reply_markup"]["inline_keyboard"]
    assert [button["text"] for row in rows for button in row] == [FIRST, SECOND]
    await asyncio.gather(
        service.telegram.press(CHAT[LAN], SECOND, message_id=question["message_id"]),
        service.telegram.press(CHAT[LAN], FIRST, message_id=question["message_id"]),
    )
    await service.quiet()
    told = [chat for chat in (TU, NAM) if "Chị Lan: Dạ con nghe" in service.shown(chat)]
    assert len(told) == 1
    assert service.last(CHAT[LAN]).startswith("Tin này đã gửi cho #")
    assert "reply_markup" not in service.telegram.messages[CHAT[LAN], question["message_id"]]


@pytest.mark.parametrize(("content", "why"), [
    ({"location": {"latitude": 10.98, "longitude": 106.67}}, "Vị trí chưa gửi qua được"),
    ({"dice": {"emoji": "🎲", "value": 3}}, "Loại tin này chưa gửi qua được"),
])  # fmt: skip
async def test_what_cannot_go_is_told_to_its_writer(service: Service, content: Any, why: str) -> None:
    await helped(service, TU)
    before = len(service.shown(TU))
    await service.says(CHAT[LAN], **content)
    assert why in service.last(CHAT[LAN])
    assert len(service.shown(TU)) == before


async def test_a_secret_is_masked_and_they_are_told(service: Service) -> None:
    await helped(service, TU)
    await service.says(CHAT[LAN], "mã OTP của bác là 482913")
    assert "482913" not in service.last(TU)
    assert "đã được che" in service.last(CHAT[LAN])


# --- taking words back -------------------------------------------------------------------------------------------


async def test_words_wait_and_then_go(patient: Service) -> None:
    service = patient
    await helped(service, TU)
    before = len(service.shown(TU))
    await service.says(CHAT[LAN], "Dạ bác mở máy lên")
    waiting = "Đang gửi… (10 giây, bấm Gỡ lại để bỏ)"
    assert service.last(CHAT[LAN]) == f"Đang trả lời: {FIRST}\n{waiting}"
    assert len(service.shown(TU)) == before
    await service.later(seconds=11)
    assert service.shown(TU)[before:] == ["Chị Lan: Dạ bác mở máy lên"]
    assert service.last(CHAT[LAN]) == f"Đã gửi: {FIRST}"
    assert "reply_markup" not in service.telegram.sent(CHAT[LAN])[-1]
    await service.says(CHAT[LAN], "rồi bấm nút xanh")
    assert service.last(CHAT[LAN]) == f"Đang gửi cho {FIRST}… (10 giây, bấm Gỡ lại để bỏ)"


async def test_words_wait_and_topics_open_on_both_databases(tmp_path: Path, database_url: str) -> None:
    more: dict[str, Any] = {"group": True, "telegram_team_topics": True, "database_url": database_url}
    async with started(tmp_path, people=ONLY_LAN, member_undo_seconds=10, **more) as service:
        await helped(service, TU)
        thread = int((await service.case())["topic_thread"])
        await service.says(CHAT[LAN], "một")
        await service.says(CHAT[LAN], "hai")
        await service.press(CHAT[LAN], "Gỡ lại")
        await service.later(seconds=11)
        assert service.shown(TU)[-1] == "Chị Lan: một"
        await service.says(GROUP, "/xong", sender=CHAT[LAN], thread=thread)
        assert (GROUP, thread) in service.telegram.closed_topics


async def test_words_taken_back_never_arrive(patient: Service) -> None:
    service = patient
    await helped(service, TU)
    before = len(service.shown(TU))
    await service.says(CHAT[LAN], "nhầm người rồi")
    await service.press(CHAT[LAN], "Gỡ lại")
    assert service.last(CHAT[LAN]) == f"Đã gỡ, {FIRST} không nhận được tin này."
    await service.later(seconds=30)
    assert len(service.shown(TU)) == before
    assert "member_said" not in await service.kinds()


async def test_too_late_to_take_back(patient: Service) -> None:
    service = patient
    await helped(service, TU)
    await service.says(CHAT[LAN], "Dạ bác")
    shown = dict(service.telegram.sent(CHAT[LAN])[-1])
    await service.later(seconds=11)
    service.telegram.messages[CHAT[LAN], shown["message_id"]] = shown  # an app that still shows the button
    await service.press(CHAT[LAN], "Gỡ lại")
    assert service.last(CHAT[LAN]).endswith("tin đã gửi rồi, không gỡ lại được.")
    assert service.shown(TU).count("Chị Lan: Dạ bác") == 1


async def test_a_burst_of_held_words_keeps_its_order(patient: Service) -> None:
    service = patient
    await helped(service, TU)
    before = len(service.shown(TU))
    for number in range(12):
        assert await service.telegram.says(CHAT[LAN], f"bước {number}") == 200
    await service.quiet()
    await service.later(seconds=11)
    assert service.shown(TU)[before:] == [f"Chị Lan: bước {number}" for number in range(12)]


async def test_held_words_can_be_mended_in_place(patient: Service) -> None:
    service = patient
    await helped(service, TU)
    await service.says(CHAT[LAN], "bấm nút đỏ")
    mine = service.telegram.newest_of(CHAT[LAN])
    assert await service.telegram.edits(CHAT[LAN], mine, "bấm nút xanh") == 200
    await service.quiet()
    await service.later(seconds=11)
    assert service.last(TU) == "Chị Lan: bấm nút xanh"
    for words in ("bấm nút tím", "bấm nút vàng"):
        assert await service.telegram.edits(CHAT[LAN], mine, words) == 200
        await service.quiet()
    await service.later(seconds=11)
    assert service.last(TU) == "Chị Lan: (sửa lại) bấm nút vàng"
    assert not any("nút đỏ" in text for text in service.shown(TU))


async def test_words_that_wait_go_before_the_end(patient: Service) -> None:
    service = patient
    await helped(service, TU)
    await service.says(CHAT[LAN], "Vậy là xong rồi nghen bác")
    await service.press(CHAT[LAN], "Xong rồi")
    assert service.shown(TU)[-2] == "Chị Lan: Vậy là xong rồi nghen bác"
    assert "xong rồi Bác" in service.last(TU)
    assert await service.rows(sa.select(TIMER).where(TIMER.c.key.like("said:%"))) == []


async def test_words_that_wait_do_not_go_to_a_case_that_ended(patient: Service) -> None:
    service = patient
    await helped(service, TU)
    await service.says(CHAT[LAN], "Dạ bác chờ con")
    await service.says(TU, "gặp bot")
    before = len(service.shown(TU))
    await service.later(seconds=11)
    assert service.last(CHAT[LAN]) == f"{FIRST}: hồ sơ đã khép, tin chưa gửi cho bà con."
    assert len(service.shown(TU)) == before


async def test_a_resident_on_the_web_waits_as_long(patient: Service) -> None:
    visitor = await patient.visitor()
    await visitor.hands_off()
    await patient.press(CHAT[LAN], "Nhận")
    await patient.says(CHAT[LAN], "Dạ con Lan đây")
    assert "con Lan" not in await visitor.last()
    await patient.later(seconds=11)
    assert await visitor.last() == "Chị Lan: Dạ con Lan đây"


# --- commands ----------------------------------------------------------------------------------------------------


async def test_on_duty_and_off(service: Service) -> None:
    await service.says(CHAT[LAN], "/nghi")
    assert "nghỉ trực" in service.last(CHAT[LAN])
    assert not (await member(service, LAN))["on_duty"]
    await service.says(CHAT[LAN], "/truc@gocua_fake_bot")
    assert "đang trực" in service.last(CHAT[LAN])
    assert (await member(service, LAN))["on_duty"]


async def test_what_they_hold_and_ending_it(service: Service) -> None:
    await service.says(CHAT[LAN], "/hoso")
    assert service.last(CHAT[LAN]) == "Bạn không giữ hồ sơ nào."
    await helped(service, TU, NAM)
    await service.says(CHAT[LAN], "/hoso")
    await service.press(CHAT[LAN], SECOND)
    assert service.last(CHAT[LAN]).startswith("Hồ sơ #2 · Person 2002")
    await service.says(CHAT[LAN], "/xong")
    await service.press(CHAT[LAN], SECOND)
    assert (await service.case(2))["outcome"] == "solved"
    await service.says(CHAT[LAN], "/xong")
    assert (await service.case(1))["outcome"] == "solved"
    assert service.last(CHAT[LAN]) == f"{FIRST}: đã khép hồ sơ, cảm ơn bạn."


async def test_a_slash_never_goes_to_a_resident(service: Service) -> None:
    await helped(service, TU)
    before = len(service.shown(TU))
    await service.says(CHAT[LAN], "/lamsao")
    assert "/truc: vào trực" in service.last(CHAT[LAN])
    await service.says(CHAT[LAN], "/menu")  # the bot's own
    assert "/truc" not in service.last(CHAT[LAN])
    assert len(service.shown(TU)) == before


async def test_a_chat_is_let_go(service: Service) -> None:
    await helped(service, TU)
    await service.says(CHAT[LAN], "/ngatket")
    assert "còn giữ 1 hồ sơ" in service.last(CHAT[LAN])
    assert (await member(service, LAN))["telegram_chat"] == ""
    before = len(service.shown(CHAT[LAN]))
    await service.says(TU, "con còn đó không")
    assert len(service.shown(CHAT[LAN])) == before
    link = await service.house.store.write(lambda c: auth.make_link(c, LAN, service.clock(), ""))
    await service.says(CHAT[LAN], f"/start link-{link.rsplit('/', 1)[1]}")
    await service.says(TU, "alo")
    assert service.last(CHAT[LAN]).endswith(": alo")


# --- both ways ---------------------------------------------------------------------------------------------------


async def test_a_residents_edit_is_told_as_one(service: Service) -> None:
    await helped(service, TU)
    await service.says(TU, "máy tui Nokia")
    assert await service.telegram.edits(TU, service.telegram.newest_of(TU), "máy tui Oppo") == 200
    await service.quiet()
    assert service.last(CHAT[LAN]).endswith(": (sửa lại) máy tui Oppo")


async def test_what_a_resident_answers_is_told(service: Service) -> None:
    await helped(service, TU)
    await service.says(CHAT[LAN], "Bác dùng máy hiệu gì?")
    asked = service.telegram.sent(TU)[-1]["message_id"]
    await service.says(CHAT[LAN], "Máy có lâu chưa bác?")
    await service.says(TU, "Oppo", reply_to=asked)
    assert service.last(CHAT[LAN]).endswith(": (trả lời “Chị Lan: Bác dùng máy hiệu gì?”) Oppo")


async def test_a_residents_place_is_told_without_the_spot(service: Service) -> None:
    """A member reads the commune; where in it the resident stood is kept nowhere and sent to nobody."""
    await helped(service, TU)
    await service.says(TU, location={"latitude": 10.9861, "longitude": 106.676})
    assert service.last(CHAT[LAN]).endswith(": (vị trí gần Phường Phú Lợi)")
    assert "10.98" not in str(service.telegram.sent(CHAT[LAN])[-1])


@pytest.mark.parametrize(("path", "kind", "more"), [
    ("photos/1.jpg", "photo", {}), ("voice/1.oga", "voice", {"duration": 2}), ("documents/1.pdf", "document", {}),
    ("videos/1.mp4", "video", {"width": 9, "height": 9, "duration": 1}), ("music/1.mp3", "audio", {"duration": 1}),
    ("video_notes/1.mp4", "video_note", {"length": 9, "duration": 1}),
    ("stickers/1.webp", "sticker",
     {"width": 9, "height": 9, "is_animated": False, "is_video": False, "type": "regular"}),
    ("animations/1.mp4", "animation", {"width": 9, "height": 9, "duration": 1}),
])  # fmt: skip
async def test_every_kind_of_file_goes_both_ways(service: Service, path: str, kind: str, more: Any) -> None:
    await helped(service, TU)
    file_id = service.telegram.keep_file(jpeg(), path)
    shown = {"file_id": file_id, "file_unique_id": file_id, "file_size": 99} | more
    content = {kind: [shown | {"width": 9, "height": 9}] if kind == "photo" else shown}
    for writer, reader in ((TU, CHAT[LAN]), (CHAT[LAN], TU)):
        await service.says(writer, **content)
        last = next(message for message in reversed(service.telegram.sent(reader)) if kind in message)
        got = last[kind][0] if kind == "photo" else last[kind]
        assert got["file_id"] == file_id


async def test_a_picture_from_the_web_arrives_as_one(service: Service) -> None:
    visitor = await service.visitor()
    await visitor.hands_off()
    await service.press(CHAT[LAN], "Nhận")
    sent = await visitor.browser.post(
        "/chat/photo", data={"id": "00000000-0000-4000-8000-000000000009"}, files={"file": ("a.jpg", jpeg())}
    )
    assert sent.status_code == 202
    await service.quiet()
    assert service.telegram.sent(CHAT[LAN])[-1]["caption"].endswith(": (hình)")
    assert "photo" in service.telegram.sent(CHAT[LAN])[-1]


async def test_files_of_a_member_reach_the_web(service: Service) -> None:
    visitor = await service.visitor()
    await visitor.hands_off()
    await service.press(CHAT[LAN], "Nhận")
    photo = service.telegram.keep_file(jpeg(), "photos/1.jpg")
    size = {"file_id": photo, "file_unique_id": photo, "width": 8, "height": 8, "file_size": 500}
    await service.says(CHAT[LAN], photo=[size])
    voice = service.telegram.keep_file(b"OggS" + b"\0" * 60, "voice/1.oga")
    await service.says(CHAT[LAN], voice={"file_id": voice, "file_unique_id": voice, "duration": 2})
    page = (await visitor.browser.get("/")).text
    addresses = [part.split('"')[0] for part in page.split('="') if part.startswith("/chat/file/")]
    answers = [await visitor.browser.get(address) for address in dict.fromkeys(addresses)]
    assert [answer.headers["content-type"] for answer in answers] == ["image/jpeg", "audio/ogg"]
    assert answers[1].content.startswith(b"OggS")
    assert "<audio controls" in page


async def test_a_file_too_big_for_the_web_is_told_to_its_sender(service: Service) -> None:
    visitor = await service.visitor()
    await visitor.hands_off()
    await service.press(CHAT[LAN], "Nhận")
    before = len(await visitor.lines())
    big = {"file_id": "BIG", "file_unique_id": "BIG", "file_size": 11_000_000}
    await service.says(CHAT[LAN], document=big)
    assert "nặng quá 10 MB" in service.last(CHAT[LAN])
    assert len(await visitor.lines()) == before


async def test_what_a_resident_sends_and_cannot_be_carried_is_told(service: Service) -> None:
    await helped(service, TU)
    before = len(service.shown(CHAT[LAN]))
    await service.says(TU, dice={"emoji": "🎲", "value": 3})
    assert "chưa chuyển cho tổ được" in service.last(TU)
    assert len(service.shown(CHAT[LAN])) == before


# --- chats that are gone -----------------------------------------------------------------------------------------


async def test_a_resident_who_blocked_us_is_no_secret_to_who_answers(service: Service) -> None:
    await helped(service, TU)
    service.telegram.blocked.add(TU)
    await service.says(CHAT[LAN], "Dạ bác ơi")
    assert "tin của bạn không tới được" in service.last(CHAT[LAN])
    assert not (await service.conversation(f"telegram:{TU}"))["reachable"]


async def test_words_that_telegram_refuses_are_no_secret_either(service: Service) -> None:
    await helped(service, TU)
    await service.says(CHAT[LAN], "Dạ con đây")
    service.telegram.fail("sendMessage", 400, "Bad Request: MESSAGE_STRANGE")
    await service.says(CHAT[LAN], "Dạ bác ơi")
    assert "không gửi tới bà con được" in service.last(CHAT[LAN])


@pytest.mark.parametrize("how", ["blocked", "missing"])
async def test_an_offer_to_a_chat_that_is_gone_goes_on_at_once(tmp_path: Path, how: str) -> None:
    lead = Person(id=9, called="chú Tám", chat=9009, rung="commune", hamlet="", on_duty=False)
    async with started(tmp_path, people=(*TOWN, lead)) as service:
        await service.write(MEMBER.update().where(MEMBER.c.id == 9).values(role="lead"))
        getattr(service.telegram, how).add(CHAT[LAN])
        await service.hands_off(TU)
        assert service.last(CHAT[TAM]).startswith("Hồ sơ #1")
        lan = await member(service, LAN)
        assert (lan["telegram_open"], lan["on_duty"], lan["telegram_chat"]) == (False, False, str(CHAT[LAN]))
        assert service.last(9009).startswith("Nguyễn chị Lan không còn nhận được tin Telegram")
        assert any("chị Lan" in worry for worry in service.house.worries.values())
        getattr(service.telegram, how).discard(CHAT[LAN])
        await service.says(CHAT[LAN], "/truc")
        lan = await member(service, LAN)
        assert (lan["telegram_open"], lan["on_duty"]) == (True, True)


async def test_who_blocks_the_bot_is_off_duty_before_any_offer(tmp_path: Path) -> None:
    async with started(tmp_path) as service:
        assert await service.telegram.blocks(CHAT[LAN]) == 200
        await service.quiet()
        await service.hands_off(TU)
        assert service.last(CHAT[TAM]).startswith("Hồ sơ #1")
        assert await service.telegram.blocks(CHAT[LAN], again=True) == 200
        await service.quiet()
        assert (await member(service, LAN))["telegram_open"]
        assert service.house.worries == {}


# --- topics of the group -----------------------------------------------------------------------------------------


def test_topics_need_a_group() -> None:
    with pytest.raises(SettingsError, match="thiếu GOCUA_TELEGRAM_TEAM_CHAT mà đã bật GOCUA_TELEGRAM_TEAM_TOPICS"):
        load(_env_file=None, telegram_token="1:x", telegram_team_topics=True)


async def test_a_topic_for_each_case(topics: Service) -> None:
    service = topics
    await service.says(TU, "/start vneid-tao-tai-khoan")
    case_id = await service.hands_off(TU)
    thread = int((await service.case(case_id))["topic_thread"])
    name = service.telegram.topics[GROUP, thread]
    assert name.startswith("#1 Bác Person 2001 · khu phố 3 · ")
    assert "VNeID" in name
    assert in_topic(service, thread)[0].startswith("Hồ sơ #1")
    await service.says(GROUP, "Dạ bác chờ con", sender=7001, thread=thread)
    assert service.last(TU) == "Person 7001: Dạ bác chờ con"
    assert (await service.case(case_id))["holder_id"] is not None
    await service.says(TU, "cảm ơn con")
    assert in_topic(service, thread)[-1] == f"{FIRST}, phường Phú Lợi: cảm ơn con"
    assert service.shown(7001) == []  # their own chat was never opened
    await service.says(GROUP, "// ai rành vụ này không", sender=7001, thread=thread)
    assert not any("rành" in text for text in service.shown(TU))
    await service.says(GROUP, "/xong", sender=7001, thread=thread)
    assert (await service.case(case_id))["outcome"] == "solved"
    assert service.telegram.topics[GROUP, thread] == f"✅ {FIRST}"
    assert (GROUP, thread) in service.telegram.closed_topics
    await service.says(GROUP, "còn một chuyện", sender=7001, thread=thread)
    assert "đã khép, tin chưa gửi" in in_topic(service, thread)[-1]


async def test_topics_do_not_mix(topics: Service) -> None:
    service = topics
    await service.hands_off(TU)
    await service.hands_off(NAM)
    first, second = [int((await service.case(case_id))["topic_thread"]) for case_id in (1, 2)]
    await service.says(GROUP, "riêng bác Năm", sender=7001, thread=second)
    await service.says(GROUP, "riêng bác Tư", sender=7001, thread=first)
    await service.says(GROUP, "chuyện của tổ", sender=7001, thread=999)
    await service.says(GROUP, "chuyện chung", sender=7001)
    assert service.last(TU) == "Person 7001: riêng bác Tư"
    assert service.last(NAM) == "Person 7001: riêng bác Năm"
    assert not any("chuyện" in text for chat in (TU, NAM) for text in service.shown(chat)[-2:])


async def test_the_topic_is_there_before_its_words_even_when_telegram_stumbles(topics: Service) -> None:
    service = topics
    service.telegram.fail("createForumTopic", 429, "Too Many Requests: retry after 1", retry_after=1)
    service.telegram.fail("createForumTopic", 500)
    await service.hands_off(TU)
    thread = int((await service.case())["topic_thread"])
    assert in_topic(service, thread)[0].startswith("Hồ sơ #1")
    assert len(service.telegram.topics) == 1
    assert all(message.get("message_thread_id") == thread for message in service.telegram.sent(GROUP))


async def test_without_topics_in_the_group_words_go_into_it_all_the_same(topics: Service) -> None:
    service = topics
    service.telegram.fail("createForumTopic", 400, "Bad Request: the chat is not a forum")
    await service.hands_off(TU)
    shown = service.telegram.sent(GROUP)[-1]
    assert shown["text"].startswith("Hồ sơ #1")
    await service.says(GROUP, "Dạ bác", sender=7001, reply_to=shown["message_id"])
    assert service.last(TU) == "Person 7001: Dạ bác"


async def test_a_topic_that_somebody_deleted_loses_nobodys_words(topics: Service) -> None:
    service = topics
    await service.hands_off(TU)
    thread = int((await service.case())["topic_thread"])
    del service.telegram.topics[GROUP, thread]
    await service.says(TU, "còn ai không con")
    last = service.telegram.sent(GROUP)[-1]
    assert last["text"].endswith(": còn ai không con")
    assert "message_thread_id" not in last
    assert (await service.case())["topic_thread"] == ""


async def test_a_case_taken_in_a_private_chat_is_told_in_its_topic(topics: Service) -> None:
    service = topics
    await service.hands_off(TU)
    thread = int((await service.case())["topic_thread"])
    await service.press(CHAT[LAN], "Nhận")
    assert "chị Lan" in in_topic(service, thread)[-1]
    await service.says(TU, "con ơi")
    assert service.last(CHAT[LAN]).endswith(": con ơi")
    assert in_topic(service, thread)[-1].endswith(": con ơi")
    await service.says(GROUP, "để em", sender=7001, thread=thread)
    assert "đang do chị Lan giữ, tin chưa gửi" in in_topic(service, thread)[-1]
    assert not any("để em" in text for text in service.shown(TU))


async def test_a_resident_who_leaves_closes_the_topic(topics: Service) -> None:
    service = topics
    await service.hands_off(TU)
    thread = int((await service.case())["topic_thread"])
    await service.says(GROUP, "Dạ bác", sender=7001, thread=thread)
    await service.says(TU, "gặp bot")
    assert "quay lại với trợ lý" in in_topic(service, thread)[-1]
    assert (GROUP, thread) in service.telegram.closed_topics


async def test_a_case_that_goes_on_has_its_topic_again(topics: Service) -> None:
    service = topics
    await service.hands_off(TU)
    thread = int((await service.case())["topic_thread"])
    await service.says(GROUP, "Dạ bác", sender=7001, thread=thread)
    await service.says(GROUP, "/xong", sender=7001, thread=thread)
    await service.press(TU, "Vẫn chưa xong")
    while (await service.case())["closed_at"] is not None:
        await service.says(TU, "vẫn lỗi đó")
    assert len(await service.rows(sa.select(CASE))) == 1
    assert (GROUP, thread) not in service.telegram.closed_topics
    assert not service.telegram.topics[GROUP, thread].startswith("✅")


# --- the group without topics ------------------------------------------------------------------------------------


async def test_who_answers_in_the_group_is_answered_there(tmp_path: Path) -> None:
    """Somebody of the group whom the bot may not write to in private."""
    async with started(tmp_path, people=(), group=True) as service:
        service.telegram.blocked.add(7001)
        await service.hands_off(TU)
        await service.press(GROUP, "Nhận", sender=7001)
        await service.says(TU, "con nghe không")
        assert service.last(GROUP).endswith(": con nghe không")
        await service.says(GROUP, "Dạ nghe", sender=7001, reply_to=service.telegram.sent(GROUP)[-1]["message_id"])
        assert service.last(TU) == "Person 7001: Dạ nghe"


async def test_a_group_that_refuses_us_is_told_to_the_operator(tmp_path: Path) -> None:
    async with started(tmp_path, people=ONLY_LAN, group=True) as service:
        worries = service.house.worries
        service.telegram.missing.add(GROUP)
        await service.hands_off(TU)
        assert "không nhận được tin" in worries["telegram_team_chat"]
        service.telegram.missing.clear()
        await service.says(TU, "con ơi")
        assert worries == {}
        service.telegram.moved[GROUP] = -100888
        assert await service.telegram.says(TU, "còn đó không") == 200

        async def told() -> bool:
            return "GOCUA_TELEGRAM_TEAM_CHAT=-100888" in worries.get("telegram_team_chat", "")

        await service.until(told)
        service.telegram.moved.clear()
        await service.quiet()
        assert service.last(GROUP).endswith(": còn đó không")
