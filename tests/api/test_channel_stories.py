"""One story on every channel: from the first word through a flow to a person, their answer, the end and a thank-you.

Over real HTTP, the provider a fake that refuses what the real one would; then again while it fails.
"""

import contextlib
from pathlib import Path

import pytest

from api import auth
from tests.residents import CHANNELS, Resident, last, on
from tests.service import CHAT, LAN, Service, only

#: whatever the flow asks first, its first answer leads on
ASKS, FIRST, PROBLEM = "/start vneid-tao-tai-khoan", "1", "may con bao loi hoai"


async def goes_on(resident: Resident) -> None:
    """One step further in the flow."""
    before = await resident.reads()
    await resident.says(FIRST)
    after = await resident.reads()
    assert len(after) > len(before)
    assert after[-1] != before[-1]


async def hands_off(resident: Resident) -> None:
    """Through the first steps of a flow, stuck, to a person."""
    await resident.arrives()
    await resident.says(ASKS)
    await goes_on(resident)
    await resident.says("gặp người")
    await resident.chooses("Đồng ý")
    await resident.says("khu pho 3 phuong phu loi")
    await resident.chooses("Đúng rồi")
    await resident.says(PROBLEM)


async def is_answered(resident: Resident, words: str = "Bác tắt máy mở lại giúp con nghe") -> None:
    service = resident.service
    await service.press(CHAT[LAN], "Nhận")
    await service.says(CHAT[LAN], words)
    assert words in await last(resident)


async def ends(resident: Resident) -> None:
    await resident.service.says(CHAT[LAN], "/xong")
    await resident.chooses("Được rồi, cảm ơn")


@pytest.mark.parametrize("channel", CHANNELS)
async def test_the_whole_story(channel: str, tmp_path: Path) -> None:
    async with on(channel, tmp_path) as resident:
        await hands_off(resident)
        service: Service = resident.service
        case = await service.case()
        assert (case["conversation"], case["problem"]) == (resident.key, PROBLEM)
        if channel == "zalo_oa":
            assert (await service.conversation(resident.key))["name"] == "Person 2001"
        assert "khu phố 3" in service.last(CHAT[LAN])
        await is_answered(resident)
        await resident.says("da con cam on")
        assert "da con cam on" in service.last(CHAT[LAN])
        await ends(resident)
        assert (await service.case())["closed_at"] is not None
        texts = await resident.reads()
        assert all(text.strip() for text in texts)
        assert len(set(texts)) == len(texts), "the same words twice"


# --- the same while things go wrong ---

#: how each provider's fake is made to fail, and the call that carries a message
SENDS = {"zalo_oa": "cs", "zalo_bot": "sendMessage", "messenger": "messages"}
REFUSALS = {
    "zalo_oa": {"429": (200, {"error": -32, "message": "Rate limit"}), "500": (500, "oops")},
    "zalo_bot": {"429": (429, {"ok": False, "error_code": 429, "description": "Too Many"}), "500": (500, "oops")},
    "messenger": {"429": (400, {"error": {"code": 613, "message": "(#613) slow"}}), "500": (500, "oops")},
}  # fmt: skip


async def passes(service: Service) -> None:
    """Time goes by until nothing waits any more."""
    for _ in range(40):
        service.clock.move(seconds=30)
        service.house.news.tell(["outbox", "turns"])
        with contextlib.suppress(AssertionError):
            await service.quiet(within_s=0.3)
            return
    raise AssertionError("something waits for ever")


@pytest.mark.parametrize("channel", SENDS)
@pytest.mark.parametrize("how", ["429", "500", "dropped before", "dropped after"])
async def test_a_send_that_fails_is_made_good(channel: str, how: str, tmp_path: Path) -> None:
    async with on(channel, tmp_path) as resident:
        await resident.arrives()
        status, body = REFUSALS[channel].get(how, (0, None))
        resident.fake.fail(SENDS[channel], status, body, done=how == "dropped after")
        assert await resident.fake.says("2001", ASKS) == 200
        await passes(resident.service)
        texts = await resident.reads()
        # what nobody knows the fate of, and nobody can ask about, is repeated when it is a step of a flow
        twice = how == "dropped after"
        assert texts.count(texts[-1]) == 1 + twice
        await goes_on(resident)


@pytest.mark.parametrize("channel", SENDS)
async def test_a_members_words_of_unknown_fate_are_not_repeated_but_told(channel: str, tmp_path: Path) -> None:
    async with on(channel, tmp_path) as resident:
        await hands_off(resident)
        service = resident.service
        await service.press(CHAT[LAN], "Nhận")
        resident.fake.fail(SENDS[channel], 0, done=True)
        await service.says(CHAT[LAN], "Chiều con ghé nhà bác nghe")
        assert sum("Chiều con ghé" in text for text in await resident.reads()) == 1
        assert "không rõ tin vừa rồi của bạn đã tới bà con chưa" in service.last(CHAT[LAN])


@pytest.mark.parametrize("channel", SENDS)
async def test_one_event_three_times_and_late_is_one_event(channel: str, tmp_path: Path) -> None:
    async with on(channel, tmp_path) as resident:
        await resident.arrives()
        await resident.says(ASKS)
        before = await resident.reads()
        for _ in range(3):
            resident.fake.later(0.5)
            assert await resident.fake.repeat() == 200
        await resident.service.quiet()
        assert await resident.reads() == before


async def test_a_zalo_token_that_wears_out_in_mid_talk(tmp_path: Path) -> None:
    async with on("zalo_oa", tmp_path) as resident:
        await resident.arrives()
        await resident.says(ASKS)
        resident.fake.later(26)
        await goes_on(resident)
        assert len(resident.fake.called("oauth")) == 2
        assert resident.service.house.worries == {}


@pytest.mark.parametrize(("channel", "hours"), [("zalo_oa", 7 * 24), ("messenger", 7 * 24)])
async def test_the_window_closes_and_the_member_is_told(channel: str, hours: int, tmp_path: Path) -> None:
    async with on(channel, tmp_path) as resident:
        await hands_off(resident)
        service = resident.service
        await is_answered(resident)
        assert any("còn nhắn được đến" in text and "28/11" in text for text in service.shown(CHAT[LAN]))
        resident.fake.later(hours + 1)
        await service.later(hours=hours + 1)
        sent = await resident.reads()
        await service.says(CHAT[LAN], "Bác làm được chưa ạ")
        assert await resident.reads() == sent
        assert "kênh này đã khoá chiều nhắn tới" in service.last(CHAT[LAN])
        assert "bàn" not in service.house.worries
        await resident.says("con oi bac lam duoc roi")
        await service.says(CHAT[LAN], "Dạ hay quá")
        assert "Dạ hay quá" in await last(resident)


async def test_only_a_persons_words_go_to_messenger_after_a_day(tmp_path: Path) -> None:
    async with on("messenger", tmp_path) as resident:
        resident.fake.human_agent = True
        await hands_off(resident)
        await is_answered(resident)
        resident.fake.later(30)
        await resident.service.later(hours=30)
        sent = len(await resident.reads())
        await resident.service.says(CHAT[LAN], "Bác làm được chưa ạ")
        assert (await resident.reads())[sent:] == ["Chị Lan: Bác làm được chưa ạ"]
        tags = [call.fields.get("tag") for call in resident.fake.called("messages")]
        assert tags[-1] == "HUMAN_AGENT"
        assert set(tags[:-1]) == {None}


async def test_the_bot_falls_silent_when_the_window_closes(tmp_path: Path) -> None:
    """A case that is closed after a week of silence: the thank-you is dropped, not an alarm."""
    async with on("zalo_oa", tmp_path) as resident:
        await hands_off(resident)
        service = resident.service
        await is_answered(resident)
        resident.fake.later(8 * 24)
        await service.later(days=8)
        sent, refused = await resident.reads(), len(resident.fake.called("cs"))
        await service.says(CHAT[LAN], "/xong")
        assert (await service.case())["closed_at"] is not None
        assert await resident.reads() == sent
        assert len(resident.fake.called("cs")) == refused, "nothing is tried that cannot be sent"
        assert "bàn" not in str(service.house.worries)


async def test_a_member_without_telegram_is_told_of_work_by_the_zalo_bot(tmp_path: Path) -> None:
    """Nobody's words go there, only that there is something and where."""
    lan = only(LAN, chat=0)
    async with on("zalo_bot", tmp_path, people=lan) as resident:
        service, fake = resident.service, resident.fake
        link = await service.house.store.write(lambda c: auth.make_link(c, LAN, service.house.now(), ""))
        token = link.rsplit("/", 1)[1]
        assert await fake.says("777", f"link-{token}") == 200
        await service.quiet()
        assert "báo ở đây" in fake.messages["777"][-1]["text"]
        await hands_off(resident)
        told = fake.messages["777"][-1]["text"]
        assert told.endswith("/team/case/1")
        assert PROBLEM not in told
        assert await fake.says("778", f"link-{token}") == 200
        await service.quiet()
        assert "đã dùng hoặc hết hạn" in fake.messages["778"][-1]["text"]
