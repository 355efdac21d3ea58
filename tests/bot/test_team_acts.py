"""What the team does in a talk beside speaking: a step shown again, the talk given back, the case passed on."""

from bot.flow import Choose, Do, Flow
from bot.library import INTAKE, Library
from bot.model import CasePassed, CaseTaken, HandedBack, OpenCase, Relay, StepShown
from tests.cast import MEMBER
from tests.talk import Talk, replies, words

FLOW = "vneid-tao-tai-khoan"


def held(library: Library) -> Talk:
    """A resident who walked two steps into the flow, asked for a person, and got one."""
    talk = Talk(library)
    talk.say("tạo tài khoản VNeID")
    talk.press(talk.choices[0].label)
    talk.press(talk.choices[0].label)
    talk.say("gặp người")
    talk.press("Đồng ý")
    talk.say("phường Phú Lợi")
    while talk.conversation.held_by == "bot":
        talk.press(talk.choices[0].label) if talk.choices else talk.say("không thấy nút nào hết")
    assert any(isinstance(effect, OpenCase) for effect in talk.turns[-1].effects)
    talk.send(CaseTaken(case=1, member=MEMBER))
    return talk


def flow_of(library: Library) -> Flow:
    return library.flows[FLOW]


def test_a_step_is_read_again_and_the_team_keeps_the_talk(library: Library) -> None:
    talk = held(library)
    step = next(one for one in flow_of(library).steps.values() if isinstance(one, Choose))
    turn = talk.send(StepShown(case=1, flow=FLOW, step=step.id))
    (said,) = replies(turn)
    assert said.notice
    assert not said.choices
    assert step.text.strip().splitlines()[0] in said.text
    assert all(f"- {option.label}" in said.text for option in step.options)
    assert talk.conversation.held_by == "team"
    assert any(isinstance(effect, Relay) for effect in talk.say("rồi sao nữa con").effects)


def test_a_step_that_is_gone_shows_nothing(library: Library) -> None:
    talk = held(library)
    assert replies(talk.send(StepShown(case=1, flow=FLOW, step="khong-co"))) == ()
    assert replies(talk.send(StepShown(case=1, flow="khong-co", step="khong-co"))) == ()


def test_nothing_is_shown_to_whom_the_team_no_longer_holds(library: Library) -> None:
    talk = held(library)
    talk.say("gặp bot")
    assert replies(talk.send(StepShown(case=1, flow=FLOW, step=flow_of(library).first.id))) == ()


def test_the_bot_goes_on_where_it_is_told_to(library: Library) -> None:
    talk = held(library)
    before = talk.conversation
    step = [one for one in flow_of(library).steps.values() if isinstance(one, Do)][-1]
    turn = talk.send(HandedBack(case=1, flow=FLOW, step=step.id))
    assert talk.conversation.held_by == "bot"
    assert talk.conversation.case == "none"
    assert talk.conversation.epoch == before.epoch + 1
    assert talk.at == f"{FLOW}/{step.id}"
    assert words(turn).startswith(library.phrases.handed_back)
    assert step.text.strip().splitlines()[0] in words(turn)
    assert all(paused.flow != FLOW for paused in talk.conversation.stack)
    talk.press("Quay lại")
    assert talk.at == f"{FLOW}/{before.stack[-1].step}"  # the way back leads over where they were


def test_given_back_at_an_earlier_step_the_way_back_is_the_one_they_came(library: Library) -> None:
    talk = held(library)
    paused = talk.conversation.stack[-1]
    talk.send(HandedBack(case=1, flow=FLOW, step=paused.trail[-1]))
    assert talk.at == f"{FLOW}/{paused.trail[-1]}"
    assert talk.conversation.position is not None
    assert talk.conversation.position.trail == paused.trail[:-1]


def test_given_back_at_a_step_that_is_gone_they_are_asked_what_they_want(library: Library) -> None:
    talk = held(library)
    turn = talk.send(HandedBack(case=1, flow=FLOW, step="khong-co"))
    assert talk.conversation.held_by == "bot"
    assert replies(turn)[-1].choices


def test_who_has_left_is_not_given_back(library: Library) -> None:
    talk = held(library)
    talk.say("gặp bot")
    before = talk.conversation
    assert replies(talk.send(HandedBack(case=1, flow=FLOW, step=flow_of(library).first.id))) == ()
    assert talk.conversation == before


def test_the_resident_hears_who_comes_next(library: Library) -> None:
    talk = held(library)
    turn = talk.send(CasePassed(case=1, to="anh Tâm, Bàn hỗ trợ phường Phú Lợi"))
    assert "anh Tâm, Bàn hỗ trợ phường Phú Lợi" in words(turn)
    assert talk.conversation.case == "waiting"
    assert talk.conversation.held_by == "team"
    assert INTAKE not in talk.at
