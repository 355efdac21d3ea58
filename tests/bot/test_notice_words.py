"""Only who says "nhận tin" wants notices: "nhắn tin", which folds alike, is about writing to somebody."""

import pytest
from msgspec.structs import replace

from bot.model import Notices
from tests.cast import shipped
from tests.talk import Talk, words

ASKED = shipped().phrases.notices_ask


def talk(wish: Notices = "") -> Talk:
    one = Talk(shipped())
    one.say("chào")
    one.conversation = replace(one.conversation, notices=wish)
    return one


@pytest.mark.parametrize("text", ["nhận tin", "Nhận tin nha con", "Dạ tôi muốn nhận tin.", "nhận tin báo của xã"])
def test_with_its_marks_it_is_a_yes(text: str) -> None:
    one = talk()
    one.say(text)
    assert one.conversation.notices == "yes"


@pytest.mark.parametrize(
    "text",
    ["nhắn tin", "nhắn tin nha con", "tôi muốn nhắn tin", "nhắn tin báo", "nhắn lại tin", "nhắn tin cho cháu"],
)
def test_writing_to_somebody_is_none(text: str) -> None:
    one = talk()
    turn = one.say(text)
    assert one.conversation.notices == ""
    assert ASKED not in words(turn)


@pytest.mark.parametrize("text", ["nhan tin", "Nhan tin bao nha con", "toi muon nhan tin"])
def test_without_marks_they_are_asked(text: str) -> None:
    one = talk()
    assert ASKED in words(one.say(text))
    wishes = [one.conversation.notices]
    one.press("Muốn nhận tin")
    wishes.append(one.conversation.notices)
    assert shipped().phrases.notices_on in words(one.say(text))  # not asked twice
    assert [*wishes, one.conversation.notices] == ["asked", "yes", "yes"]


@pytest.mark.parametrize("text", ["nhắn", "nhắn tin", "muốn nhắn tin", "tôi muốn nhắn tin cho con"])
def test_nor_is_it_an_answer_to_the_question(text: str) -> None:
    one = talk()
    one.say("nhan tin")
    one.say(text)
    assert one.conversation.notices == "asked"


@pytest.mark.parametrize("text", ["nhận", "muon nhan", "có", "1"])
def test_others_are(text: str) -> None:
    one = talk()
    one.say("nhan tin")
    one.say(text)
    assert one.conversation.notices == "yes"
