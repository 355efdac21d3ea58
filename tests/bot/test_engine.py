"""What the engine promises whatever happens: it never fails, never falls silent, never speaks over a member."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from bot.engine import ACK_AGAIN, DOUBLE_PRESS, advance
from bot.flow import Check, Choose, Do, parse
from bot.library import INTAKE, Library
from bot.model import (
    Attachment,
    CaseClosed,
    CasePassed,
    CaseTaken,
    CaseWaits,
    CodeTyped,
    Conversation,
    Crashed,
    HandedBack,
    Inbound,
    JoinAsked,
    LeaveCase,
    MemberSaid,
    Note,
    OpenCase,
    Outcome,
    Position,
    Relay,
    StepShown,
    Turn,
    WaitExpired,
)
from tests.cast import MEMBER, NOW, shipped
from tests.talk import Talk, replies, words

SAYINGS = (
    "menu", "quay lại", "gặp người", "gap nguoi", "dừng", "đúng", "dung", "xoá dữ liệu", "gặp bot", "xem lại",
    "cảm ơn con", "alo", "xong rồi", "bị vướng", "chưa được", "hổng được", "có", "ừ", "không", "hông", "2", "số 3",
    "99", "đồng ý", "không đồng ý", "không biết", "phường Phú Lợi", "xa my an hung", "xóm trên", "bến tre",
    "ấp 3 xã Tân Thành Bình", "quên mật khẩu vneid rồi", "tạo tài khoản VNeID", "đổi bằng lái xe", "quen mk vneid ntn",
    "mất tiền rồi con ơi", "qwe rty", "zxc vbn", "mã otp là 482913", "khong nhan duoc ma otp", "bỏ qua", "xoá hết",
    "TK VCB bi khoa, vao http://vcb-dlgibank.vip xac thuc gap", "/start", "/start vneid-tao-tai-khoan", "được rồi",
    "vẫn chưa được", "chuyện khác", "nối kênh", "tách kênh", "bkt mrh", "", " ", "?!", "😀",
)  # fmt: skip
OUTCOMES: tuple[Outcome, ...] = ("solved", "visit", "passed_on", "no_answer", "resident_left")

Act = Callable[[Talk], Turn | None]


def say(text: str, *, edited: bool = False) -> Act:
    return lambda talk: talk.say(text, edited=edited)


def press(place: int) -> Act:
    """The choice at this place on screen, counted round; None when no choice is."""

    def act(talk: Talk) -> Turn | None:
        return talk.press(talk.choices[place % len(talk.choices)].label) if talk.choices else None

    return act


def raw(native: str) -> Act:
    return lambda talk: talk.send(talk.inbound(choice=native))


def wait(hours: int) -> Act:
    def act(talk: Talk) -> Turn | None:
        talk.now += timedelta(hours=hours)
        due_at = talk.conversation.wake_at
        return talk.send(WaitExpired(due_at=due_at)) if due_at and due_at <= talk.now else None

    return act


def closes(outcome: Outcome) -> Act:
    return lambda talk: talk.send(CaseClosed(case=1, outcome=outcome, visit_on="thứ Hai, 23/11"))


def shows(step: str) -> Act:
    return lambda talk: talk.send(StepShown(case=1, flow="vneid-tao-tai-khoan", step=step))


def hands_back(step: str) -> Act:
    return lambda talk: talk.send(HandedBack(case=1, flow="vneid-tao-tai-khoan", step=step))


PRESSES = st.integers(0, 9).map(press)
BY_RESIDENT: st.SearchStrategy[Act] = st.one_of(
    st.sampled_from(SAYINGS).map(say),
    PRESSES,
    PRESSES,
    st.text(max_size=60).map(say),
    st.from_regex(r"\d{0,2}\.?\d{0,2}", fullmatch=True).map(raw),
    st.sampled_from(SAYINGS).map(lambda text: say(text, edited=True)),
    st.just(lambda talk: talk.photo("hinh.jpg")),
    st.just(lambda talk: talk.pin(10.98, 106.67)),
)
BY_OTHERS: st.SearchStrategy[Act] = st.one_of(
    st.sampled_from((1, 21)).map(wait),
    st.just(lambda talk: talk.send(CaseTaken(case=1, member=MEMBER))),
    st.just(lambda talk: talk.send(CaseWaits(case=1, promised_at=talk.now + timedelta(hours=12)))),
    st.just(lambda talk: talk.send(MemberSaid(case=1, member=MEMBER, text="Bác thử lại giúp con nhé"))),
    st.sampled_from(OUTCOMES).map(closes),
    st.just(lambda talk: talk.send(CasePassed(case=1, to="người khác của tổ"))),
    st.sampled_from(("canh-bao", "")).map(shows),
    st.sampled_from(("viec", "canh-bao", "")).map(hands_back),
    st.just(lambda talk: talk.send(Crashed(message="xin chào"))),
)


def missed(turn: Turn) -> bool:
    return any(isinstance(effect, Note) and effect.what == "missed" for effect in turn.effects)


def kept(before: Conversation, turn: Turn) -> None:
    """What holds of every turn."""
    after = turn.conversation
    said = replies(turn)
    assert all(reply.text.strip() and "{" not in reply.text for reply in said)
    assert after.epoch - before.epoch in (0, 1)
    assert after.held_by == before.held_by or after.epoch > before.epoch
    assert after.wake_at is None or (after.held_by == "bot" and after.position)
    shown = [reply for reply in said if reply.choices]
    if shown and after.menu is not None:
        assert (after.menu.number, after.menu.choices) == (shown[-1].menu, shown[-1].choices)
    if before.held_by == after.held_by == "team":
        assert all(reply.notice or reply.author == "member" for reply in said)
    assert all(effect.text or effect.attachments for effect in turn.effects if isinstance(effect, Relay))


@settings(max_examples=250, deadline=None)
@given(acts=st.lists(st.one_of(BY_RESIDENT, BY_RESIDENT, BY_RESIDENT, BY_OTHERS), min_size=4, max_size=30))
def test_whatever_happens(acts: list[Act]) -> None:
    talk = Talk(shipped())
    last: Turn | None = None
    for act in acts:
        before = talk.conversation
        turn = act(talk)
        if turn is None:
            continue
        kept(before, turn)
        if last is not None and missed(last) and missed(turn):
            assert words(last) != words(turn)
        last = turn


@settings(max_examples=250, deadline=None)
@given(acts=st.lists(BY_RESIDENT, min_size=4, max_size=25))
def test_nobody_is_left_without_an_answer(acts: list[Act]) -> None:
    """The talk's pace is slower than a double press, the only thing that may go unanswered."""
    talk = Talk(shipped())
    for act in acts:
        held_by = talk.conversation.held_by
        turn = act(talk)
        if turn is not None and held_by == "bot":
            # a code is made, or looked up, outside: the answer is an event of its own
            assert replies(turn) or isinstance(turn.effects[-1], CodeTyped | JoinAsked)


#: one message for each verdict of a scam check
PASTED = (
    "TK VCB bi khoa, vao http://vcb-dlgibank.vip xac thuc gap", "Mua ngay tai http://sieu-sale.vip",
    "https://dichvucong.gov.vn", "mai họp tổ ở nhà văn hoá",
)  # fmt: skip


def test_every_choice_leads_somewhere(library: Library) -> None:
    """Walks all flows by pressing every button of every screen that can be reached, each screen once."""
    first = advance(library, Conversation(channel="web", chat="1"), heard(text="menu"), NOW).conversation
    ahead, seen = [first], {screen_of(first)}
    left: set[Position] = set()
    while ahead:
        before = ahead.pop()
        for said in answers_to(library, before):
            turn = advance(library, before, said, NOW)
            kept(before, turn)
            assert replies(turn), (at(before), said)
            assert library.phrases.old_button not in words(turn)
            for after in (turn.conversation, *returned(library, turn.conversation, left)):
                if after.held_by == "bot" and screen_of(after) not in seen:
                    seen.add(screen_of(after))
                    ahead.append(after)
    asking = {f"{flow.id}/{step.id}" for flow in library.flows.values() for step in flow.steps.values()
              if isinstance(step, Choose | Do | Check) and flow.kind != "course"}  # fmt: skip
    assert asking <= {screen[0] for screen in seen}


def answers_to(library: Library, c: Conversation) -> Iterator[Inbound]:
    """Every button on screen, of long lists of places only the first; where a message is to be pasted, one of each."""
    if c.menu:
        most = 4 if at(c) == f"{INTAKE}/noi-o" else len(c.menu.choices)
        yield from (heard(choice=f"{c.menu.number}.{place}") for place in range(1, len(c.menu.choices[:most]) + 1))
    stand = library.stand(c.position) if c.position else None
    if stand and isinstance(stand[1], Check):
        yield from (heard(text=text) for text in PASTED)


def heard(text: str = "", choice: str | None = None) -> Inbound:
    return Inbound(channel="web", chat="1", message_id="1", sent_at=NOW, text=text, choice=choice)


def at(c: Conversation) -> str:
    return f"{c.position.flow}/{c.position.step}" if c.position else "-"


def screen_of(c: Conversation) -> tuple[object, ...]:
    """What tells two screens apart. One of the menu is the same wherever it was opened."""
    ids = tuple(choice.id for choice in c.menu.choices) if c.menu else ()
    if any(one.startswith(("topic:", "up:")) for one in ids):
        return "-", ids
    return at(c), c.position.stage if c.position else "", ids, c.tried[-1:]


def returned(library: Library, c: Conversation, left: set[Position]) -> Iterator[Conversation]:
    """After a `go`: the same resident as they come back, the other flow being done. Once for each `go`."""
    paused = c.stack[-1] if c.position and c.stack else None
    if paused and paused.stage and structs.replace(paused, trail=()) not in left:
        left.add(structs.replace(paused, trail=()))
        yield advance(library, structs.replace(c, position=None, menu=None), heard(text="quay lại"), NOW).conversation


# --- not understood ------------------------------------------------------------------------------------------------


def test_repair_goes_from_plainer_words_to_a_person(library: Library) -> None:
    talk = Talk(library)
    talk.say("đổi bằng lái xe")
    said = [words(talk.say(junk)) for junk in ("qwe rty", "zxcv bnm", "qaz wsx")]
    assert len(set(said)) == 3
    assert library.phrases.repair_person in said[2]
    talk.say("plm okn")
    assert talk.at == f"{INTAKE}/dong-y"


def test_in_the_intake_repair_ends_without_a_person(library: Library) -> None:
    talk = Talk(library)
    talk.say("gặp người")
    said = [words(talk.say("qwe rty")) for _ in range(3)]
    assert len(set(said)) == 3
    assert said[-1] == library.phrases.repair_last.strip()
    assert talk.at == "-"


FORM = """
title: Tờ khai thử
topic: vneid
steps:
  so: {ask: Bác cho con xin số điện thoại ạ., kind: phone, as: so, otherwise: ngay}
  ngay: {ask: Bác cho con xin ngày sinh ạ., kind: date, as: ngay}
  nguoi: {ask: Nhà có mấy người ạ., kind: number, as: nguoi}
  hinh: {ask: Bác gửi hình giúp con., kind: photo, as: hinh}
  het: {end: "Số {so}, ngày {ngay}, {nguoi} người. {hinh}"}
"""


def with_flow(library: Library, text: str, name: str = "thu") -> Library:
    return replace(library, flows=dict(library.flows) | {name: parse(text, f"{name}.yaml")})


def test_questions_of_every_kind(library: Library) -> None:
    talk = Talk(with_flow(library, FORM))
    talk.say("/start thu")
    talk.say("+84 912 345 678")
    talk.say("21/11/1950")
    talk.say("nhà có 5 người, 40 m²")
    assert " 540 người" in words(talk.photo("nha.jpg"))
    assert talk.conversation.answers["so"] == "0912345678"


def test_a_wrong_answer_is_asked_again_three_ways_at_most(library: Library) -> None:
    talk = Talk(with_flow(library, FORM))
    talk.say("/start thu")
    said = [words(talk.say("12")) for _ in range(3)]
    assert said[0] == library.phrases.bad_phone
    assert len(set(said)) == 3
    assert talk.choices[0].id == "person:yes"
    talk.say("12")
    assert talk.at == f"{INTAKE}/dong-y"


def test_a_question_may_be_left_out(library: Library) -> None:
    talk = Talk(with_flow(library, FORM))
    talk.say("/start thu")
    talk.say("bỏ qua")
    assert talk.at == "thu/ngay"


# --- an article leads on -------------------------------------------------------------------------------------------


def guides(talk: Talk) -> list[str]:
    return [choice.id.removeprefix("flow:") for choice in talk.choices if choice.id.startswith("flow:")]


def test_the_flows_that_the_question_finds_are_offered_first(library: Library) -> None:
    talk = Talk(library)
    talk.say("tra cuu quy hoach o dau")
    first, second = guides(talk)
    assert first == "app-tinh-quy-hoach"
    assert library.flows[second].topic == "app-tinh"


def test_a_paused_flow_is_no_guide(library: Library) -> None:
    talk = Talk(library)
    for text in ("/start app-tinh-quy-hoach", "menu", "tra cuu quy hoach o dau"):
        talk.say(text)
    assert "app-tinh-quy-hoach" not in guides(talk)
    assert len(guides(talk)) == 2


# --- buttons -------------------------------------------------------------------------------------------------------


def test_a_double_press_is_one_wish(library: Library) -> None:
    talk = Talk(library)
    talk.say("đổi bằng lái xe")
    talk.press("Bằng bị mất")
    assert not talk.press_again(DOUBLE_PRESS - timedelta(seconds=1)).effects
    assert library.phrases.old_button in words(talk.press_again(DOUBLE_PRESS + timedelta(seconds=1)))


@pytest.mark.parametrize(
    "native",
    ["", ".", "1", "1.", "1.0", "1.99", "0.1", "-1.1", "1.x", "2.1", "done", "９.９", "1.²", "1." + "9" * 5000],
)
def test_odd_payloads_are_answered(library: Library, native: str) -> None:
    talk = Talk(library)
    talk.say("menu")
    assert replies(talk.send(talk.inbound(choice=native)))


# --- the clock -----------------------------------------------------------------------------------------------------


def test_a_stale_timer_does_nothing(library: Library) -> None:
    talk = Talk(library)
    talk.say("đổi bằng lái xe")
    stale = talk.conversation.wake_at
    assert stale is not None
    talk.press("Bằng bị mất")
    before = talk.conversation
    turn = advance(library, before, WaitExpired(due_at=stale), stale)
    assert not turn.effects
    assert turn.conversation == before


def test_a_timer_is_not_heard_while_the_team_holds(library: Library) -> None:
    talk = waiting(library)
    assert not talk.send(WaitExpired(due_at=NOW)).effects


def test_one_reminder_only(library: Library) -> None:
    talk = Talk(library)
    talk.say("đổi bằng lái xe")
    assert wait(21)(talk) is not None
    assert talk.conversation.wake_at is None


# --- a loop in a flow ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "steps",
    [
        "a: {say: Một.}, b: {say: Hai., then: a}",
        "a: {go: thu}",
        "a: {say: Một.}, b: {go: thu, then: a}",
    ],
)
def test_a_loop_ends_with_a_person(library: Library, steps: str) -> None:
    talk = Talk(with_flow(library, f"{{title: Vòng tròn, topic: vneid, steps: {{{steps}}}}}"))
    turn = talk.say("/start thu")
    assert talk.at == f"{INTAKE}/dong-y"
    assert len(words(turn)) < 1000


# --- people --------------------------------------------------------------------------------------------------------


def waiting(library: Library, *before: str) -> Talk:
    """A talk whose case waits for a member."""
    talk = Talk(library)
    for text in (*before, "gặp người", "đồng ý", "phường Phú Lợi", "đúng rồi", "không biết", "quên mật khẩu vneid rồi"):
        talk.say(text)
    assert talk.conversation.case == "waiting"
    return talk


def of(turn: Turn, kind: type) -> Iterator[object]:
    return (effect for effect in turn.effects if isinstance(effect, kind))


def test_the_case_says_where_and_what_was_tried(library: Library) -> None:
    talk = Talk(library)
    for text in ("kích hoạt VNeID", "có tin rồi", "điện thoại", "xong", "xong", "xong", "khong nhan duoc ma otp",
                 "chưa được", "có", "đồng ý", "phường Phú Lợi", "đúng rồi", "khu phố 3"):  # fmt: skip
        talk.say(text)
    (case,) = (effect for effect in talk.say("chờ hoài").effects if isinstance(effect, OpenCase))
    assert (case.topic, case.flow, case.step) == ("vneid", "vneid-kich-hoat", "otp")
    assert (case.problem, case.tried) == ("chờ hoài", ("Không nhận được mã",))
    assert case.place is not None
    assert case.place.hamlet == "khu phố 3"


def test_waiting_words_are_acknowledged_now_and_then(library: Library) -> None:
    talk = waiting(library)
    assert not replies(talk.say("một"))
    talk.now += ACK_AGAIN
    assert replies(talk.say("hai"))[0].notice
    assert not replies(talk.say("ba"))


def test_a_taken_case_is_left_by_going_back_to_the_bot(library: Library) -> None:
    talk = waiting(library)
    talk.send(CaseTaken(case=1, member=MEMBER))
    assert list(of(talk.say("gặp bot"), LeaveCase))
    assert talk.conversation.case == "none"


def test_a_waiting_case_goes_on_waiting_beside_the_bot(library: Library) -> None:
    talk = waiting(library)
    assert not list(of(talk.say("gặp bot"), LeaveCase))
    assert (talk.conversation.held_by, talk.conversation.case) == ("bot", "waiting")
    assert library.phrases.back_to_waiting in words(talk.say("gặp người"))


def test_a_crash_goes_to_a_person_once(library: Library) -> None:
    talk = Talk(library)
    talk.say("đổi bằng lái xe")
    assert list(of(talk.send(Crashed(message="giúp tui")), OpenCase))
    again = talk.send(Crashed(message="giúp tui nữa"))
    assert not list(of(again, OpenCase))
    assert list(of(again, Relay)) == [Relay(text="giúp tui nữa")]


def test_news_of_a_case_that_is_gone_changes_nothing(library: Library) -> None:
    talk = Talk(library)
    talk.say("đổi bằng lái xe")
    before = talk.conversation
    for event in (CaseWaits(case=1, promised_at=NOW), CaseClosed(case=1, outcome="solved")):
        turn = talk.send(event)
        assert not turn.effects
        assert talk.conversation.position == before.position


def test_coming_back_after_a_hand_off_does_not_hand_off_again(library: Library) -> None:
    talk = Talk(library)
    for text in ("đổi bằng lái xe", "bằng đã quá hạn", "nhờ người hỏi giùm", "không đồng ý", "làm tiếp"):
        talk.say(text)
    assert talk.at == "gplx-doi-bang/qh-hoi"


def test_a_voice_message_is_not_called_a_picture(library: Library) -> None:
    talk = Talk(library)
    talk.say("menu")
    turn = talk.send(talk.inbound(attachments=(Attachment(kind="voice", ref="1"),)))
    assert words(turn) == library.phrases.no_text
