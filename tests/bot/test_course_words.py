"""Who takes a course is a member: called "bạn", never "Bác", whatever they do there."""

import re
from pathlib import Path

import pytest

from bot.flow import Choose
from bot.library import Folders
from bot.model import CourseOpened, Turn, WaitExpired
from bot.phrases import Phrases
from bot.pieces import pieces
from tests.cast import shipped
from tests.talk import Talk, words

COURSE = "hoc-huong-dan-vien"
#: how residents are spoken to
TO_RESIDENTS = re.compile(r"\bBác\b|(?<!bà )\b[Cc]on\b")


def course() -> Talk:
    one = Talk(shipped())
    one.send(CourseOpened(flow=COURSE))
    return one


def added(turn: Turn) -> str:
    """What was said, without the course's own words: those tell of residents."""
    said = words(turn)
    for step in shipped().flows[COURSE].steps.values():
        labels = [one.label for one in step.options] if isinstance(step, Choose) else []
        text = getattr(step, "text", "")
        for own in (text, getattr(step, "because", ""), *labels, *pieces(text)):
            said = said.replace(own.strip(), "") if own else said
    return said


@pytest.mark.parametrize(
    "said",
    [
        ("ạ ừm hổm rày",), ("ạ ừm hổm rày", "xyz abc"), ("a b c d", "e f g h", "i k l m"), ("không hiểu",),
        ("là sao", "là sao"), ("dừng",), ("dừng", "làm tiếp"), ("quay lại",), ("cảm ơn",), ("nhắc lại",),
        ("mã otp của tôi là 482913",), ("Cầm máy bấm giùm cho lẹ",), ("đọc cho tôi nghe",),
    ],
)  # fmt: skip
def test_no_answer_speaks_to_a_resident(said: tuple[str, ...]) -> None:
    one = course()
    for text in said:
        assert TO_RESIDENTS.findall(added(one.say(text))) == []


def test_nor_do_pictures_old_buttons_edits_and_reminders() -> None:
    one = course()
    told = [added(one.photo("hinh.jpg")), added(one.say("Để bác bấm, chỉ từng bước", edited=True))]
    one.press("Để bác bấm, chỉ từng bước")
    told.append(added(one.press_old("Cầm máy bấm giùm cho lẹ")))
    due_at = one.conversation.wake_at
    assert due_at is not None
    told.append(added(one.send(WaitExpired(due_at=due_at))))
    assert [TO_RESIDENTS.findall(one) for one in told] == [[]] * 4
    assert "Bạn đang học dở “Học làm hướng dẫn viên”" in told[-1]


def test_out_of_the_course_a_member_is_a_resident_like_any_other() -> None:
    one = course()
    one.say("dừng")
    one.say("/start 2g-4g-len-doi")
    assert "Bác" in words(one.say("zzz xxx"))


def test_a_phrase_that_nobody_says_is_told(tmp_path: Path) -> None:
    file = tmp_path / "other.yaml"
    file.write_text("greeting: Chào\nchao: Chào\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"other\.yaml:2: không có câu nào tên 'chao'"):
        shipped().phrases.said_otherwise(file)
    with pytest.raises(ValueError, match=r"other\.yaml:2"):
        Phrases.load(file)
    file.write_text("greeting: Chào\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"other\.yaml:1: thiếu câu again, "):
        Phrases.load(file)
    assert shipped().phrases.said_otherwise(file).greeting == "Chào"
    assert Phrases.load(Folders().words / "phrases.yaml") == shipped().phrases
