"""From the bot to a person and back, over Telegram and over the web: one owner, nobody left without an answer."""

import asyncio
import io
import re
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from PIL import Image

from bot.handoff import AGAIN_MINUTES, OFFER_MINUTES
from bot.phrases import Phrases
from tests.service import (
    BAY,
    CASE,
    CHAT,
    HAN,
    INBOX,
    LAN,
    MEMBER,
    NIGHT,
    OFFER,
    SAU,
    TAM,
    Service,
    only,
    started,
)

TU, NAM = 2001, 2002
WAITS = OFFER_MINUTES["hamlet"] + 0.1


def phrases(service: Service) -> Phrases:
    return service.house.shelf.library.phrases


async def member(service: Service, member_id: int) -> Any:
    return (await service.rows(sa.select(MEMBER).where(MEMBER.c.id == member_id)))[0]


# --- the way there ---------------------------------------------------------------------------------------------


async def test_without_consent_nobody_reads_anything(service: Service) -> None:
    await service.says(TU, "gặp người")
    await service.press(TU, "Không đồng ý")
    assert "không chuyển lời Bác cho ai" in service.last(TU)
    assert await service.rows(sa.select(CASE)) == []
    assert service.shown(CHAT[LAN]) == []


async def test_a_place_by_name_finds_the_nearest_member(service: Service) -> None:
    await service.hands_off(TU, "máy báo lỗi NFC")
    lines = service.last(CHAT[LAN]).splitlines()
    assert lines == [
        "Hồ sơ #1 · Person 2001 · 10:00 21/11",
        "Ở: khu phố 3, Phường Phú Lợi, Thành phố Hồ Chí Minh",
        "Đang làm: VNeID, căn cước",
        "Đã trả lời: chưa có",
        "Đã thử: chưa có",
        "Bác nói: máy báo lỗi NFC",
    ]
    assert all(service.shown(CHAT[one]) == [] for one in (TAM, BAY, HAN))
    desk = await service.desk_of(LAN)
    assert "Lời mời" in (await desk.get("/team")).text


async def test_a_place_by_pin_finds_the_same_commune(service: Service) -> None:
    at = service.house.shelf.library.gazetteer.commune("25750")
    await service.says(TU, "gặp người")
    await service.press(TU, "Đồng ý")
    await service.says(TU, location={"latitude": at.lat, "longitude": at.lon})
    await service.press(TU, "Phường Phú Lợi")
    await service.says(TU, "khu phố 3")
    await service.says(TU, "không mở được app")
    case = await service.case()
    assert (case["commune"], case["hamlet"]) == ("25750", "khu phố 3")
    everything = str([row["body"] for row in await service.rows(sa.select(INBOX.c.body))])
    assert str(at.lat) not in await _state(service, TU)
    assert everything.count("'point'") <= 1


async def _state(service: Service, chat: int) -> str:
    return str((await service.conversation(f"telegram:{chat}"))["state"])


async def test_the_summary_says_where_the_resident_was_stuck(service: Service) -> None:
    await service.says(TU, "/start vneid-tao-tai-khoan")
    await service.press(TU, "Làm tài khoản mới")
    await service.press(TU, "Mức 1 ở nhà")
    await service.press(TU, "Chưa có, hoặc đã hết hạn")
    await service.press(TU, "Bị vướng")
    await service.press(TU, "Thông tin bị sai")
    await service.hands_off(TU, "sai ngày sinh")
    summary = service.last(CHAT[LAN])
    assert "Đang làm: Tạo tài khoản VNeID, bước 5 trong" in summary
    assert "Đã thử: Thông tin bị sai" in summary
    case = await service.case()
    assert (case["flow"], case["step"]) == ("vneid-tao-tai-khoan", "lam-the")


# --- taken, talked, closed -------------------------------------------------------------------------------------


async def test_while_a_member_answers_the_bot_is_mute(service: Service) -> None:
    await service.hands_off(TU)
    await service.press(CHAT[LAN], "Nhận")
    assert "chị Lan, Tổ công nghệ số khu phố 3" in service.last(TU)
    before = len(service.shown(TU))
    await service.says(TU, "làm vneid sao con", "1", "menu là gì", "cảm ơn")
    assert len(service.shown(TU)) == before
    assert [one.split(": ")[1] for one in service.shown(CHAT[LAN])[-4:]] == [
        "làm vneid sao con", "1", "menu là gì", "cảm ơn"
    ]  # fmt: skip
    await service.says(CHAT[LAN], "Dạ bác bấm nút xanh")
    assert service.last(TU) == "Chị Lan: Dạ bác bấm nút xanh"


async def test_pictures_go_both_ways_on_telegram(service: Service) -> None:
    await service.hands_off(TU)
    await service.press(CHAT[LAN], "Nhận")
    for sender, hearer in ((TU, CHAT[LAN]), (CHAT[LAN], TU)):
        file_id = service.telegram.keep_file(b"picture")
        photo = {"file_id": file_id, "file_unique_id": file_id, "width": 9, "height": 9}
        await service.says(sender, photo=[photo], caption="hình đây")
        shown = service.telegram.sent(hearer)[-1]
        assert shown["photo"][0]["file_id"] == file_id
        assert "hình đây" in shown["caption"]


def picture() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (60, 40), "teal").save(out, "JPEG")
    return out.getvalue()


async def test_pictures_go_both_ways_between_web_and_console(service: Service) -> None:
    bac = await service.visitor()
    case_id = await bac.hands_off()
    desk = await service.desk_of(LAN)
    assert (await desk.post(f"/team/case/{case_id}/take")).headers["location"].endswith("notice=taken")
    sent = await bac.browser.post("/chat/photo", data={"id": "00000000-0000-4000-8000-000000000001"},
                                  files={"file": ("a.jpg", picture(), "image/jpeg")})  # fmt: skip
    assert sent.status_code == 202
    await service.quiet()
    page = (await desk.get(f"/team/case/{case_id}")).text
    shown = re.search(r'src="(/team/media/[^"]+)"', page)
    assert shown, "the picture is on the case's page"
    assert (await desk.get(shown[1])).headers["content-type"] == "image/jpeg"
    assert service.telegram.called("sendPhoto")[-1].files["photo"][1].startswith(b"\xff\xd8")  # and in her own chat
    answer = await desk.post(f"/team/case/{case_id}/photo", files={"photo": ("b.jpg", picture(), "image/jpeg")})
    assert answer.status_code == 303
    await service.quiet()
    [brought] = (await bac.lines())[-1]["attachments"]
    got = await bac.browser.get("/chat/media/" + brought["ref"].removeprefix("media:"))
    assert got.headers["content-type"] == "image/jpeg"
    other = await service.visitor()
    assert (await other.browser.get("/chat/media/" + brought["ref"].removeprefix("media:"))).status_code == 404


async def test_from_the_console_to_a_resident_on_telegram(service: Service) -> None:
    case_id = await service.hands_off(TU)
    desk = await service.desk_of(LAN)
    await desk.post(f"/team/case/{case_id}/take")
    await service.quiet()
    answer = await desk.post(f"/team/case/{case_id}/photo", files={"photo": ("b.jpg", picture(), "image/jpeg")})
    assert answer.status_code == 303
    await service.quiet()
    assert "photo" in service.telegram.sent(TU)[-1]
    assert (await desk.post(f"/team/case/{case_id}/say", data={"text": "Dạ bác"})).status_code == 303
    closed = await desk.post(f"/team/case/{case_id}/close", data={"outcome": "visit", "visit_on": "2026-11-23"})
    assert closed.headers["location"].endswith("notice=closed")
    await service.quiet()
    assert "thứ Hai, 23/11" in service.last(TU)
    assert (await service.case(case_id))["visit_on"] == "2026-11-23"


async def test_after_the_end_the_bot_goes_on_where_they_were(service: Service) -> None:
    await service.says(TU, "/start vneid-tao-tai-khoan")
    await service.press(TU, "Làm tài khoản mới")
    await service.press(TU, "Mức 1 ở nhà")
    await service.hands_off(TU)
    await service.press(CHAT[LAN], "Nhận")
    await service.press(CHAT[LAN], "Xong rồi")
    assert "xong rồi Bác" in service.last(TU)
    await service.press(TU, "Được rồi, cảm ơn")
    await service.press(TU, "Làm tiếp")
    assert "thẻ căn cước gắn chip" in service.last(TU)
    assert (await member(service, LAN))["open_cases"] == 0


async def test_not_solved_means_a_person_again(service: Service) -> None:
    await service.hands_off(TU)
    await service.press(CHAT[LAN], "Nhận")
    await service.press(CHAT[LAN], "Xong rồi")
    await service.press(TU, "Vẫn chưa xong")
    await service.press(TU, "Đúng rồi")  # still the same place
    await service.says(TU, "vẫn lỗi đó")
    [case] = await service.rows(sa.select(CASE).where(CASE.c.closed_at.is_(None)))
    offered = await service.rows(sa.select(OFFER.c.member_id).where(OFFER.c.answered_at.is_(None)))
    assert case["holder_id"] == LAN or [row["member_id"] for row in offered] == [LAN]


# --- nobody taps -----------------------------------------------------------------------------------------------


async def test_who_does_not_tap_in_time_is_followed_by_the_next(service: Service) -> None:
    await service.hands_off(TU)
    for asked in (LAN, TAM, BAY):
        assert "Hồ sơ #1" in service.last(CHAT[asked])
        await service.later(minutes=WAITS)
    offers = await service.rows(sa.select(OFFER).order_by(OFFER.c.id))
    assert [row["member_id"] for row in offers if row["answer"] == "expired"] == [LAN, TAM, BAY]
    assert offers[3]["member_id"] == SAU  # next door, by the console only
    desk = await service.desk_of(SAU)
    assert "Lời mời" in (await desk.get("/team")).text


async def test_a_tap_that_comes_late_still_counts_while_the_case_is_free(service: Service) -> None:
    await service.hands_off(TU)
    await service.later(minutes=WAITS)
    await service.press(CHAT[LAN], "Nhận")
    assert (await service.case())["holder_id"] == LAN
    offers = await service.rows(sa.select(OFFER).order_by(OFFER.c.id))
    assert [row["answer"] for row in offers] == ["expired", "withdrawn"]
    await service.press(CHAT[TAM], "Nhận")
    assert "đã có người khác nhận" in service.last(CHAT[TAM])


async def test_everybody_declines_and_the_resident_is_told_when(tmp_path: Path) -> None:
    async with started(tmp_path, people=only(LAN, TAM)) as service:
        case_id = await service.hands_off(TU)
        await service.press(CHAT[LAN], "Không nhận được")
        assert "Hồ sơ #1" in service.last(CHAT[TAM])
        await service.press(CHAT[TAM], "Không nhận được")
        assert "chưa có ai rảnh" in service.last(TU)
        assert "trước 12 giờ 30 hôm nay" in service.last(TU)
        assert (await service.case(case_id))["promised_at"] is not None
        desk = await service.desk_of(TAM)
        assert f"/team/case/{case_id}" in (await desk.get("/team")).text
        asked = len(service.shown(CHAT[LAN]))
        await service.later(minutes=AGAIN_MINUTES + 1)
        assert len(service.shown(CHAT[LAN])) == asked + 1  # the ladder begins anew
        assert sum("chưa có ai rảnh" in one for one in service.shown(TU)) == 1  # told once


async def test_nobody_on_duty(tmp_path: Path) -> None:
    async with started(tmp_path, people=only(LAN, TAM, on_duty=False)) as service:
        await service.hands_off(TU)
        assert "trước 12 giờ 30 hôm nay" in service.last(TU)
        desk = await service.desk_of(LAN)
        assert "/team/case/1" in (await desk.get("/team")).text
        await desk.post("/team/duty", data={"on": "1"})
        await service.later(minutes=AGAIN_MINUTES + 1)
        assert "Hồ sơ #1" in service.last(CHAT[LAN])


async def test_nobody_in_the_directory_at_all(tmp_path: Path) -> None:
    async with started(tmp_path, people=()) as service:
        await service.hands_off(TU)
        assert "chưa có ai rảnh" in service.last(TU)
        await service.later(minutes=AGAIN_MINUTES + 1)
        assert (await service.case())["closed_at"] is None


async def test_at_night_they_hear_of_the_morning(tmp_path: Path) -> None:
    async with started(tmp_path, at=NIGHT) as service:
        await service.hands_off(TU)
        assert "trước 9 giờ sáng mai" in service.last(TU)
        assert service.shown(CHAT[LAN]) == []
        await service.later(hours=8.1)
        assert "Hồ sơ #1" in service.last(CHAT[LAN])
        await service.press(CHAT[LAN], "Nhận")
        assert "chị Lan" in service.last(TU)


# --- two hands, one case ---------------------------------------------------------------------------------------


async def test_two_members_race_and_one_gets_it(service: Service) -> None:
    case_id = await service.hands_off(TU)
    desks = [await service.desk_of(one) for one in (LAN, TAM, BAY)]
    posts = (desk.post(f"/team/case/{case_id}/take") for desk in desks)
    answers, _ = await asyncio.gather(asyncio.gather(*posts), service.telegram.press(CHAT[LAN], "Nhận"))
    await service.quiet()
    holder = (await service.case(case_id))["holder_id"]
    took = [answer.headers["location"].endswith("notice=taken") for answer in answers]
    assert [one for one, yes in zip((LAN, TAM, BAY), took, strict=True) if yes] in ([holder], [])
    assert (await service.kinds(case_id=case_id)).count("taken") == 1
    assert sum("nhận giúp Bác" in one for one in service.shown(TU)) == 1
    open_cases = {row["id"]: row["open_cases"] for row in await service.rows(sa.select(MEMBER))}
    assert open_cases == {one: int(one == holder) for one in (LAN, TAM, BAY, SAU, HAN)}


async def test_capacity_is_kept(tmp_path: Path) -> None:
    async with started(tmp_path, people=only(LAN, TAM, capacity=1)) as service:
        first = await service.hands_off(TU)
        await service.press(CHAT[LAN], "Nhận")
        second = await service.hands_off(NAM)
        assert f"Hồ sơ #{second}" in service.last(CHAT[TAM])  # her hands are full: he is asked
        desk = await service.desk_of(LAN)
        assert (await desk.post(f"/team/case/{second}/take")).headers["location"] == "/team?notice=lost"
        assert (await service.case(first))["holder_id"] == LAN
        assert (await service.case(second))["holder_id"] is None


async def test_a_repeated_tap_is_one_taking(service: Service) -> None:
    await service.hands_off(TU)
    await service.press(CHAT[LAN], "Nhận")
    await service.press(CHAT[LAN], "Nhận")
    assert (await member(service, LAN))["open_cases"] == 1
    assert sum("nhận giúp Bác" in one for one in service.shown(TU)) == 1


# --- back to the bot -------------------------------------------------------------------------------------------


async def test_back_to_the_bot_while_nobody_has_taken_it(service: Service) -> None:
    await service.hands_off(TU)
    await service.says(TU, "gặp bot")
    assert "vẫn đang chờ" in service.last(TU)
    assert (await service.case())["closed_at"] is None
    await service.says(TU, "menu")
    assert phrases(service).menu.strip() in service.last(TU)
    await service.press(CHAT[LAN], "Nhận")  # and who takes it takes over
    assert "chị Lan" in service.last(TU)
    await service.says(TU, "còn lỗi đó")
    assert service.last(CHAT[LAN]).endswith("còn lỗi đó")


async def test_back_to_the_bot_from_a_member(service: Service) -> None:
    await service.hands_off(TU)
    await service.press(CHAT[LAN], "Nhận")
    await service.says(TU, "gặp bot")
    case = await service.case()
    assert (case["outcome"], case["closed_at"] is None) == ("resident_left", False)
    assert "đã quay lại với trợ lý" in service.last(CHAT[LAN])
    await service.says(CHAT[LAN], "Dạ bác còn đó không", reply_to=service.telegram.sent(CHAT[LAN])[-1]["message_id"])
    assert "đã khép, tin chưa gửi" in service.last(CHAT[LAN])
    assert "Dạ bác còn đó không" not in "".join(service.shown(TU))
