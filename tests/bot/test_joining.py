"""Joining two chats, as one of them sees it: the words for it, the code's form, what is said at each turn of events."""

import re
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from bot.joining import CODE_LENGTH, CODE_LETTERS, LEAST_DIFFERENT, code_in, continues_case
from bot.library import Library
from bot.model import (
    CaseMoved,
    ChatsJoined,
    CodeRead,
    CodeTyped,
    Conversation,
    ErasedElsewhere,
    Forget,
    JoinAnswered,
    JoinAsked,
    JoinCode,
    Learned,
    Place,
    Relay,
    Unjoined,
)
from knowledge.secrets import redact
from tests.cast import CHANNEL, CHAT, NOW
from tests.talk import Talk, replies, words

CODE = "BKTMRH"
codes = st.text(CODE_LETTERS, min_size=CODE_LENGTH, max_size=CODE_LENGTH).filter(
    lambda code: len(set(code)) >= LEAST_DIFFERENT
)


def free(library: Library) -> Talk:
    talk = Talk(library)
    talk.conversation = Conversation(channel=CHANNEL, chat=CHAT, greeted=True)
    return talk


def held(library: Library) -> Talk:
    talk = Talk(library)
    talk.conversation = Conversation(
        channel=CHANNEL, chat=CHAT, held_by="team", case="taken", greeted=True, acked_at=NOW
    )  # fmt: skip
    return talk


# --- the code and the OTP are never taken for each other ---------------------------------------------------------


@given(code=codes, frame=st.sampled_from([
    "{}", "ma {}", "mã nối kênh là {}", "mã của tôi là {} nha con", "otp {}", "code: {}", "{} là mã nối", "nhập mã {}",
]))  # fmt: skip
def test_a_code_is_never_masked(code: str, frame: str) -> None:
    for written in (code, code.lower(), f"{code[:3]} {code[3:]}"):
        text = frame.format(written)
        assert redact(text).text == text


@given(digits=st.text("0123456789", min_size=4, max_size=8), gap=st.sampled_from(["", " ", "-"]))
def test_an_otp_is_never_a_code(digits: str, gap: str) -> None:
    assert code_in(digits[:3] + gap + digits[3:]) == ""
    assert code_in(redact(f"mã otp là {digits}").text) == ""


@given(code=codes, gap=st.sampled_from(["", " ", "-", "."]), end=st.sampled_from(["", " ", ".", "\n"]))
def test_a_code_is_read_however_it_is_typed(code: str, gap: str, end: str) -> None:
    typed = f"{code[:3]}{gap}{code[3:]}{end}"
    assert code_in(typed) == code_in(typed.lower()) == code


@pytest.mark.parametrize(
    "text",
    [
        "",
        "k bt lm j",
        "hmmmmm",
        "zzzzzz",
        "gplx",
        "BKTMR",
        "BKTMRHC",
        "BKTMRA",
        "bk tm rh",
        "mã BKTMRH",
        "ddktmr",
        "482913",
    ],
)
def test_what_is_no_code(text: str) -> None:
    assert code_in(text) == ""


# --- asking for it -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["nối kênh", "noi kenh", "Nối với Zalo", "noi voi zalo nha con", "lấy mã nối"])
def test_the_words_for_it_work_wherever_they_are_said(library: Library, text: str) -> None:
    midway = Talk(library)
    midway.say("/start vneid-tao-tai-khoan")
    stood = midway.at
    for talk in (Talk(library), midway, held(library)):
        turn = talk.say(text)
        assert JoinAsked() in turn.effects
        assert not [one for one in turn.effects if isinstance(one, Relay)]
    assert midway.at == stood


def test_the_code_is_shown_to_be_read(library: Library) -> None:
    said = words(Talk(library).send(JoinCode(code=CODE, minutes=10)))
    assert "BKT MRH" in said
    assert "10 phút" in said


# --- typing it -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("by", [free, held])
def test_a_code_is_looked_up_and_no_member_reads_it(library: Library, by: Callable[[Library], Talk]) -> None:
    talk = by(library)
    assert talk.say("bkt mrh").effects == (CodeTyped(code=CODE),)


def test_a_first_message_that_is_a_code_is_greeted_too(library: Library) -> None:
    turn = Talk(library).say(CODE)
    assert CodeTyped(code=CODE) in turn.effects
    assert "chào Bác" in words(turn)


@pytest.mark.parametrize(
    ("said", "agreed"), [("có", True), ("nối đi", True), ("không", False), ("1", True), ("2", False)]
)
@pytest.mark.parametrize("by", [free, held])
def test_it_is_asked_before_anything_is_joined(
    library: Library, by: Callable[[Library], Talk], said: str, agreed: bool
) -> None:
    talk = by(library)
    asked = talk.send(CodeRead(found="found", channel="zalo_oa"))
    assert "Zalo" in words(asked)
    assert [one.label for one in talk.choices] == ["Nối hai nơi", "Không nối"]
    turn = talk.say(said)
    assert JoinAnswered(agreed=agreed) in turn.effects
    assert not [one for one in turn.effects if isinstance(one, Relay)]
    assert bool(replies(turn)) is not agreed  # joined is told once it is so


def test_the_button_works_while_a_member_answers(library: Library) -> None:
    talk = held(library)
    talk.send(CodeRead(found="found", channel="telegram"))
    assert JoinAnswered(agreed=True) in talk.press("Nối hai nơi").effects
    assert talk.conversation.held_by == "team"
    relayed = talk.say("có").effects  # asked no more: these words are for the member again
    assert Relay(text="có") in relayed


@pytest.mark.parametrize("found", ["own", "same", "wrong", "too_many"])
def test_why_it_is_not_joined_is_said(library: Library, found: str) -> None:
    turn = Talk(library).send(CodeRead(found=found))  # type: ignore[arg-type]
    assert words(turn) == getattr(library.phrases, f"join_{found}")


# --- joined --------------------------------------------------------------------------------------------------------


def test_what_one_chat_knows_the_other_learns(library: Library) -> None:
    place, other = Place(commune="25750", hamlet="khu phố 3"), Place(commune="25747")
    talk = Talk(library)
    assert "Zalo" in words(talk.send(ChatsJoined(others=("zalo_oa",), place=place, consent=NOW)))
    assert (talk.conversation.joined, talk.conversation.place, talk.conversation.consent) == (("zalo_oa",), place, NOW)
    talk.send(ChatsJoined(others=("zalo_oa", "web"), place=other))
    assert talk.conversation.place == place  # what was said here stands
    assert talk.send(Learned(place=other)).effects == ()
    assert talk.conversation.place == other  # but what was said later elsewhere is newer
    assert talk.conversation.consent == NOW


def test_parting_is_asked_for_and_told(library: Library) -> None:
    talk = Talk(library)
    assert words(talk.say("tách kênh")).endswith(library.phrases.not_joined)
    talk.send(ChatsJoined(others=("zalo_oa",)))
    assert Unjoined() in talk.say("tach kenh").effects
    assert "Zalo" in words(talk.send(ChatsJoined(others=())))
    assert talk.conversation.joined == ()


def test_erasing_says_that_both_go(library: Library) -> None:
    talk = Talk(library)
    talk.send(ChatsJoined(others=("messenger",)))
    assert "cả bên Messenger" in words(talk.say("xoá dữ liệu"))
    turn = talk.say("xoá hết")
    assert Forget() in turn.effects
    assert "Messenger" in words(turn)
    elsewhere = talk.send(ErasedElsewhere())
    assert Forget() in elsewhere.effects
    assert words(elsewhere) == library.phrases.erased_elsewhere
    assert talk.conversation == Conversation(
        channel=CHANNEL, chat=CHAT, epoch=talk.conversation.epoch, menus=talk.conversation.menus
    )  # fmt: skip


def test_a_case_comes_and_goes(library: Library) -> None:
    talk = Talk(library)
    turn = talk.send(CaseMoved(case="taken", channel="zalo_oa"))
    assert "bên Zalo" in words(turn)
    assert all(one.notice for one in replies(turn))
    assert Relay(text="máy vẫn báo lỗi") in talk.say("máy vẫn báo lỗi").effects
    epoch = talk.conversation.epoch
    assert talk.send(CaseMoved(case="none", channel="telegram")).effects == ()
    assert (talk.conversation.held_by, talk.conversation.case) == ("bot", "none")
    assert talk.conversation.epoch > epoch
    assert talk.send(CaseMoved(case="none", channel="telegram")).conversation.epoch == epoch + 1


@pytest.mark.parametrize(
    ("said", "is_for_the_team"),
    [("máy vẫn báo lỗi", True), ("gặp người", True), ("có người chưa", True), ("menu", False), ("/start", False),
     ("cảm ơn con", False), ("xoá dữ liệu", False), ("tách kênh", False), (CODE, False)],
)  # fmt: skip
def test_which_words_bring_the_case_along(library: Library, said: str, is_for_the_team: bool) -> None:
    talk = Talk(library)
    assert continues_case(library, talk.conversation, talk.inbound(text=said)) is is_for_the_team
    assert not continues_case(library, talk.conversation, talk.inbound(text=said, choice="3.1"))


def test_an_answer_to_the_bot_stays_with_the_bot(library: Library) -> None:
    talk = Talk(library)
    talk.say("/start vneid-tao-tai-khoan")
    assert not continues_case(library, talk.conversation, talk.inbound(text="tôi bấm rồi"))
    assert continues_case(library, talk.conversation, talk.inbound(text="gặp người"))
    assert continues_case(library, replace(talk.conversation, position=None), talk.inbound(text="tôi bấm rồi"))


def test_every_phrase_of_it_is_short_enough_for_a_small_screen(library: Library) -> None:
    said = [text for name, text in ((n, getattr(library.phrases, n)) for n in library.phrases.__slots__)
            if re.match(r"join|unjoin|not_joined|case_here|erased_else", name)]  # fmt: skip
    assert len(said) >= 12
    assert max(map(len, said)) <= 320
