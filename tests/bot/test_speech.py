"""How texts are read aloud, and when a resident hears them."""

from dataclasses import replace
from pathlib import Path

import pytest
from msgspec import structs

from bot import speech
from bot.engine import advance
from bot.model import CaseTaken, Conversation, Inbound, MemberSaid, Note, Reply
from tests.cast import CHANNEL, CHAT, MEMBER, NOW, shipped

SPOKEN = shipped().speech.spoken


@pytest.mark.parametrize(
    ("written", "heard"),
    [
        ("Bác mở “Cài đặt”, gõ VNeID", "Bác mở Cài đặt, gõ vê nờ ai đi."),
        ("Đừng đọc mã OTP!", "Đừng đọc mã ô tê pê!"),
        ("- Android: giữa lưng\n- iPhone: đầu trên", "an đờ roi: giữa lưng. ai phôn: đầu trên."),
        ("Gọi 156 hoặc 5656", "Gọi một năm sáu hoặc năm sáu năm sáu."),
        ("1900.0368", "một chín không không không ba sáu tám."),
        ("Gọi 1800 1096, miễn cước", "Gọi một tám không không một không chín sáu, miễn cước."),
        ("Số 0912 345 678.", "Số không chín một hai ba bốn năm sáu bảy tám."),
        ("Giữ yên 10 đến 30 giây", "Giữ yên 10 đến 30 giây."),
        ("Gửi 500 đồng", "Gửi 500 đồng."),
        ("Lệ phí 1.250.000đ", "Lệ phí 1250000 đồng."),
        ("Từ 01/7/2025, ngày 14/02/2026", "Từ ngày 1 tháng 7 năm 2025, ngày 14 tháng 2 năm 2026."),
        ("Báo 11/2022", "Báo tháng 11 năm 2022."),
        ("Gõ dichvucong.gov.vn", "Gõ dichvucong chấm gốp chấm vi en."),
        ("https://vneid.gov.vn/tai-ve.", "vneid chấm gốp chấm vi en xẹt tai gạch ve."),
        ("acb[.]vn-ibank[.]info", "acb chấm vi en gạch ibank chấm info."),
        ("Dạ 😀 ⏳ xong", "Dạ xong."),
        ("", ""),
    ],
)  # fmt: skip
def test_what_is_written_and_what_is_heard(written: str, heard: str) -> None:
    assert SPOKEN(written) == heard


def test_choices_are_heard_with_their_numbers() -> None:
    assert SPOKEN("Được chưa?", ("Xong rồi", "Bị vướng")) == "Được chưa? Bác chọn: số 1, Xong rồi. số 2, Bị vướng."


def test_a_table_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "speech.yaml").write_text("OTP: [ô, tê]", encoding="utf-8")
    with pytest.raises(ValueError, match="write each line as"):
        speech.load(tmp_path / "speech.yaml")
    assert speech.load(tmp_path / "khong-co.yaml").spoken("OTP") == "OTP."


class Talk:
    def __init__(self, channel: str = CHANNEL, *, speaks: bool = True) -> None:
        self.library = replace(shipped(), speaks=speaks)
        self.state = Conversation(channel=channel, chat=CHAT, greeted=True)

    def hears(self, *texts: str) -> Reply:
        """The newest reply to the last of these."""
        for text in texts:
            said = Inbound(channel=self.state.channel, chat=CHAT, message_id="1", sent_at=NOW, text=text)
            turn = advance(self.library, self.state, said, NOW)
            self.state, effects = turn.conversation, turn.effects
        assert not [one for one in effects if isinstance(one, Note) and one.what == "missed"]
        return [one for one in effects if isinstance(one, Reply)][-1]


def test_who_wishes_to_hear_hears_every_step_until_they_say_no() -> None:
    talk = Talk()
    step = talk.hears("/start vneid-quet-nfc")
    assert step.aloud == ""
    again = talk.hears("doc cho toi nghe")
    assert again.text.endswith(step.text.split("\n\n")[-1]), "the step stands under the answer"
    assert again.choices == step.choices
    assert again.aloud == SPOKEN(again.text, [choice.label for choice in again.choices])
    assert talk.hears("samsung").aloud.startswith("Bác mở Cài đặt, vô Kết nối, tìm chữ en ép xê")
    assert talk.hears("thôi đọc").aloud == ""
    assert talk.hears("xong rồi").aloud == ""


@pytest.mark.parametrize(
    ("channel", "speaks", "says"),
    [("web", False, "chưa đọc thành tiếng được"), ("zalo_oa", True, "Dạ ở Zalo OA con chưa gửi tiếng nói được")],
)
def test_where_nothing_can_be_heard_that_is_told(channel: str, speaks: bool, says: str) -> None:
    talk = Talk(channel, speaks=speaks)
    answer = talk.hears("đọc cho tôi nghe")
    assert says in answer.text
    assert (answer.aloud, talk.state.aloud) == ("", False)


def test_a_members_words_are_heard_too() -> None:
    talk = Talk()
    talk.state = structs.replace(talk.state, case="waiting", aloud=True)
    for event in (CaseTaken(case=1, member=MEMBER), MemberSaid(case=1, member=MEMBER, text="Bác mở VNeID nhé")):
        turn = advance(talk.library, talk.state, event, NOW)
        talk.state = turn.conversation
    (said,) = turn.effects
    assert isinstance(said, Reply)
    assert said.aloud.endswith("Bác mở vê nờ ai đi nhé.")
    assert "thôi đọc" not in talk.hears("thôi đọc").aloud
    assert talk.state.held_by == "team", "the team keeps the talk"
    assert not talk.state.aloud
