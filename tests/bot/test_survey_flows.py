"""Surveys and courses: what their authors are told, what sets them apart from a guide. Notices in a talk."""

from dataclasses import replace

import pytest
from msgspec import structs

from bot.flow import Choose, Flow, FlowError, parse, ways
from bot.library import Library
from bot.model import CaseClosed, CaseTaken, CourseOpened, NoticeDue, NoticeMet, Quizzed, Surveyed
from bot.surveys import questions
from tests.cast import MEMBER, NOW
from tests.talk import Talk, replies, words

CONSENT = "  a: {ask: Bác đồng ý không ạ., kind: consent, otherwise: z}\n"
END = "  z: {end: Hết}\n"
QUIZ = "  q: {choose: Sao, options: [Một, Hai], right: Hai, because: Vì vậy.}\n"
NOTICE = NoticeDue(notice=7, text="Sáng mai có lớp.")


def flow(steps: str, kind: str) -> Flow:
    return parse(f"title: Thử\ntopic: vneid\nkind: {kind}\nsteps:\n{steps}", "thu.yaml")


@pytest.mark.parametrize(
    ("kind", "steps", "says"),
    [
        ("poll", END, "không có kind 'poll'"),
        ("survey", "  b: {ask: Sao, kind: text}\n" + END, "khảo sát phải xin phép trước"),
        ("survey", CONSENT + "  b: {do: Bấm đi}\n" + END, "survey không có loại bước này"),
        ("survey", CONSENT + "  b: {ask: Sao, kind: text, as: sao}\n" + END, "khảo sát không cần `as`"),
        ("survey", CONSENT + QUIZ + END, "chỉ dùng trong `kind: course`"),
        ("guide", QUIZ + END, "chỉ dùng trong `kind: course`"),
        ("course", "  q: {choose: Sao, options: {Một: z, Hai: z}}\n" + END, "thiếu `right`"),
        ("course", QUIZ.replace("right: Hai", "right: Ba") + END, "`right` phải chép đúng từng chữ"),
        ("course", QUIZ.replace(", because: Vì vậy.", "") + END, "thiếu `because`"),
        ("course", QUIZ.replace("[Một, Hai]", "[Hai]") + END, "ít nhất hai dòng"),
        ("course", QUIZ + "  b: {hand_off: Chào}\n", "course không có loại bước này"),
    ],
)  # fmt: skip
def test_an_author_is_told(kind: str, steps: str, says: str) -> None:
    with pytest.raises(FlowError, match=says):
        flow(steps, kind)


def test_every_answer_of_a_course_leads_on() -> None:
    course = flow(QUIZ + END, "course")
    assert isinstance(course.first, Choose)
    assert (course.first.right, course.first.because) == ("Hai", "Vì vậy.")
    assert list(ways(course, course.first)) == ["z"]


def test_consent_is_no_question(library: Library) -> None:
    survey = library.flows["khao-sat-ky-nang-so"]
    assert len(questions(survey)) == 12
    assert "dong-y" not in questions(survey)


def test_consent_to_a_survey_is_for_the_survey_alone(library: Library) -> None:
    talk = Talk(library)
    talk.say("khảo sát kỹ năng số")
    turn = talk.press("Đồng ý")
    assert [one.answer for one in turn.effects if isinstance(one, Surveyed)] == ["đồng ý"]
    assert talk.conversation.consent is None
    talk.say("gặp người")
    assert talk.at == "gap-nguoi/dong-y"


def test_who_agreed_to_the_team_is_asked_for_the_survey_all_the_same(library: Library) -> None:
    talk = Talk(library)
    talk.conversation = structs.replace(talk.conversation, consent=NOW)
    talk.say("khảo sát kỹ năng số")
    assert talk.at == "khao-sat-ky-nang-so/dong-y"


def test_an_answer_leaves_nothing_in_the_talk(library: Library) -> None:
    talk = Talk(library)
    talk.say("khảo sát kỹ năng số")
    talk.press("Đồng ý")
    for _ in range(11):
        talk.press("Bỏ qua")
    turn = talk.say("x" * 900)
    [answer] = [one for one in turn.effects if isinstance(one, Surveyed)]
    assert answer.answer == "x" * 500
    assert talk.conversation.answers == {}
    assert talk.conversation.surveys == ("khao-sat-ky-nang-so",)


def test_a_wrong_answer_is_no_step(library: Library) -> None:
    course = flow(QUIZ + END, "course")
    talk = Talk(replace(library, flows={**library.flows, "thu": course}))
    assert words(talk.send(CourseOpened(flow="thu"))) == "Sao"
    turn = talk.press("Một")
    assert [one.right for one in turn.effects if isinstance(one, Quizzed)] == [False]
    assert talk.at == "thu/q"
    turn = talk.press("Hai")
    assert [one.right for one in turn.effects if isinstance(one, Quizzed)] == [True]
    assert talk.at == "-"


@pytest.mark.parametrize(
    ("wish", "busy", "patient", "how"),
    [
        ("yes", "", True, "said"), ("yes", "flow", True, "busy"), ("yes", "flow", False, "said"),
        ("yes", "case", False, "busy"), ("no", "", False, "refused"), ("asked", "", False, "refused"),
        ("", "", False, "refused"), ("no", "case", False, "refused"),
    ],
)  # fmt: skip
def test_when_a_notice_is_said(library: Library, wish: str, busy: str, patient: bool, how: str) -> None:
    talk = Talk(library)
    talk.say("menu")
    talk.conversation = structs.replace(talk.conversation, notices=wish)  # as each is
    if busy == "flow":
        talk.say("/start vneid-muc-2")
    if busy == "case":
        talk.conversation = structs.replace(talk.conversation, consent=NOW, case="waiting", held_by="team")
    before = talk.conversation
    turn = talk.send(structs.replace(NOTICE, patient=patient))
    assert turn.effects[0] == NoticeMet(notice=7, how=how)  # type: ignore[arg-type]
    assert turn.conversation == before  # the same question, buttons and reminder as before
    said = replies(turn)
    assert len(said) == (how == "said")
    assert all(one.notice and not one.choices and "“ngưng tin”" in one.text for one in said)


def test_after_a_case_a_notice_may_come(library: Library) -> None:
    talk = Talk(library)
    talk.say("nhận tin")
    talk.conversation = structs.replace(talk.conversation, consent=NOW, case="waiting", held_by="team")
    talk.send(CaseTaken(case=1, member=MEMBER))
    assert [type(one) for one in talk.send(NOTICE).effects] == [NoticeMet]
    talk.send(CaseClosed(case=1, outcome="solved"))
    assert "Sáng mai có lớp." in words(talk.send(NOTICE))


def test_said_in_the_middle_of_a_flow_the_step_stays(library: Library) -> None:
    talk = Talk(library)
    talk.say("/start vneid-muc-2")
    at, shown = talk.at, [choice.label for choice in talk.choices]
    talk.say("ngưng nhắn tin")
    assert talk.conversation.notices == "no"
    assert (talk.at, [choice.label for choice in talk.choices]) == (at, shown)
