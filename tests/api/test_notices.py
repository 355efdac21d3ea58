"""Notices from the first word to the last resident, on both databases: who agrees, who gets one, when, and when not."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from api import inbox, notices
from api.auth import Member
from api.console.notices import _moment
from api.main import create_app
from api.notices import Draft, Reason
from api.outbox import Status
from api.tables import Notice, NoticeTo, Reader
from bot.model import Reached
from tests import console_app
from tests.desk_room import HOURS, Room, opened
from tests.service import BAY, CASE, CHAT, CONVERSATION, DAY, HAN, LAN, LOG, MEMBER, OUTBOX, PHU_LOI, SAU, TAM

NOTICE, TO, READER = (table.__table__ for table in (Notice, NoticeTo, Reader))
TEXT = "Sáng Chủ nhật 22/11 có lớp chỉ dùng VNeID ở nhà văn hoá khu phố 3. Bác nhớ đem căn cước nhé."
TU, NAM, CHIN = 2001, 2002, 2009
ON = {"telegram", "web"}
DRAFT = Draft(
    title="Lớp VNeID", text=TEXT, province="79", commune=PHU_LOI, hamlet="", topic="", channels=("telegram",),
    send_from=DAY, send_until=DAY + timedelta(days=3),
)  # fmt: skip


@pytest.fixture
def room(tmp_path: Path, database_url: str) -> Iterator[Room]:
    with opened(tmp_path, database_url) as one:
        leads = MEMBER.update().where(MEMBER.c.id.in_((LAN, BAY, HAN, SAU))).values(role="lead")
        one.act(lambda c: c.execute(leads))
        yield one


def person(room: Room, member_id: int) -> Member:
    [row] = room.rows(sa.select(MEMBER).where(MEMBER.c.id == member_id))
    return Member(
        id=row["id"], name=row["name"], called=row["called"], is_lead=row["role"] == "lead", team_id=row["team_id"],
        hamlet_key=row["hamlet_key"], commune=row["commune"], province=row["province"], on_duty=True, open_cases=0,
        capacity=3,
    )  # fmt: skip


def settles(room: Room, chat: int, *, wants: bool | None = True, place: str = "khu phố 3 phường Phú Lợi") -> None:
    """A resident who has told where they live, in a survey, and perhaps whether they want notices."""
    room.says(chat, "/start khao-sat-ky-nang-so")
    room.press(chat, "Đồng ý")
    room.says(chat, place)
    room.press(chat, "Đúng rồi")
    room.says(chat, "dừng")
    if wants is not None:
        room.says(chat, "nhận tin" if wants else "ngưng tin")


def approved(room: Room, draft: Draft = DRAFT, on: set[str] = ON) -> int:
    """Written by the lead of the ward, agreed to by the lead of the province."""
    bay, han, library = person(room, BAY), person(room, HAN), room.house.shelf.library
    notice: int = room.act(lambda c: notices.write(c, bay, draft, room.now))
    assert room.act(lambda c: notices.ask(c, bay, notice, room.now))
    assert room.act(lambda c: notices.approve(c, library, on, han, notice, room.now))
    return notice


def given(room: Room, seconds: int = 1, on: set[str] = ON, a_day: int = 1) -> None:
    """What the loop does in so many seconds."""
    for _ in range(seconds):
        room.act(lambda c: notices.give(c, HOURS, on, room.now, a_day))
        room.later(seconds=1)


def told(room: Room, chat: int) -> int:
    return sum(TEXT in text for text in room.texts(chat))


def fates(room: Room, notice: int) -> dict[str, str]:
    rows = room.rows(sa.select(TO).where(TO.c.notice_id == notice))
    return {row["conversation"].removeprefix("telegram:"): row["fate"] for row in rows}


def of(room: Room, notice: int) -> Any:
    return room.rows(sa.select(NOTICE).where(NOTICE.c.id == notice))[0]


# --- who wants any ---------------------------------------------------------------------------------------------------


def test_once_after_a_finished_flow_they_are_asked(room: Room) -> None:
    room.says(TU, "/start vneid-muc-2")
    room.house.shelf.library = replace(room.house.shelf.library, asks_notices=True)
    for _ in range(2):
        room.says(TU, "/start 2g-4g-len-doi")
        room.press(TU, "Máy cũ không gọi được")
        room.press(TU, "Xong rồi")
        room.press(TU, "Gọi được rồi")
    asked = [text for text in room.texts(TU) if "Bác có muốn nhận tin báo" in text]
    assert len(asked) == 0  # a flow is paused: nothing is finished yet
    room.says(NAM, "/start 2g-4g-len-doi")
    for _ in range(2):
        room.press(NAM, "Máy cũ không gọi được")
        room.press(NAM, "Xong rồi")
        room.press(NAM, "Gọi được rồi")
        room.says(NAM, "/start 2g-4g-len-doi")
    assert sum("Bác có muốn nhận tin báo" in text for text in room.texts(NAM)) == 1
    assert [row["wish"] for row in room.rows(sa.select(READER))] == ["asked"]


@pytest.mark.parametrize(("press", "wish"), [("Muốn nhận tin", "yes"), ("Không nhận", "no")])
def test_what_they_answer_is_kept_with_its_time(room: Room, press: str, wish: str) -> None:
    room.house.shelf.library = replace(room.house.shelf.library, asks_notices=True)
    room.says(NAM, "/start 2g-4g-len-doi")
    room.press(NAM, "Máy cũ không gọi được")
    room.press(NAM, "Xong rồi")
    room.press(NAM, "Gọi được rồi")
    room.press(NAM, press)
    [row] = room.rows(sa.select(READER))
    assert (row["wish"], row["wished_at"]) == (wish, DAY)
    log = room.rows(sa.select(LOG.c.detail).where(LOG.c.kind == "remembered_notices"))
    assert [row["detail"] for row in log] == [wish]


def test_moving_house_does_not_change_when_they_agreed(room: Room) -> None:
    room.says(TU, "nhận tin")
    room.now += timedelta(days=1)
    settles(room, TU, wants=None)
    [row] = room.rows(sa.select(READER))
    assert (row["commune"], row["hamlet"], row["wish"], row["wished_at"]) == (PHU_LOI, "khu phố 3", "yes", DAY)


def test_who_wants_none_says_so_at_any_time(room: Room) -> None:
    room.hands_off(TU)
    room.press(CHAT[LAN], "Nhận")
    room.says(TU, "ngưng tin")
    assert "không gửi tin báo" in room.last(TU)
    assert "ngưng tin" not in " ".join(room.texts(CHAT[LAN]))
    assert room.talk(TU)["state"]["held_by"] == "team"


def test_what_is_erased_is_gone_here_too(room: Room) -> None:
    settles(room, TU)
    approved(room)
    room.says(TU, "xoá dữ liệu")
    room.press(TU, "Xoá hết")
    assert room.rows(sa.select(READER)) == []
    assert room.rows(sa.select(TO)) == []
    given(room)
    assert told(room, TU) == 0


# --- who agrees ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("writer", "judge", "may"),
    [(LAN, BAY, True), (LAN, HAN, True), (BAY, HAN, True), (BAY, LAN, False), (BAY, BAY, False), (BAY, SAU, False),
     (LAN, TAM, False), (HAN, BAY, False), (HAN, HAN, False)],
)  # fmt: skip
def test_who_may_agree(room: Room, writer: int, judge: int, may: bool) -> None:
    by, other = person(room, writer), person(room, judge)
    hamlet = "khu phố 3" if writer == LAN else ""
    draft = replace(DRAFT, hamlet=hamlet, commune="" if writer == HAN else PHU_LOI)
    notice = room.act(lambda c: notices.write(c, by, draft, room.now))
    room.act(lambda c: notices.ask(c, by, notice, room.now))
    library = room.house.shelf.library
    assert room.act(lambda c: notices.approve(c, library, ON, other, notice, room.now)) is may
    assert (of(room, notice)["approved_at"] is not None) is may


def test_given_back_with_a_reason_it_is_written_anew(room: Room) -> None:
    bay, han = person(room, BAY), person(room, HAN)
    notice = room.act(lambda c: notices.write(c, bay, DRAFT, room.now))
    assert not room.act(lambda c: notices.give_back(c, han, notice, "dài quá", room.now))  # not handed in yet
    room.act(lambda c: notices.ask(c, bay, notice, room.now))
    assert room.act(lambda c: notices.write(c, bay, DRAFT, room.now, notice)) == 0  # it is being looked at
    assert room.act(lambda c: notices.give_back(c, han, notice, "dài quá", room.now))
    assert (notices.state_of(of(room, notice)), of(room, notice)["reason"]) == ("returned", "dài quá")
    assert room.act(lambda c: notices.write(c, bay, replace(DRAFT, text="Ngắn."), room.now, notice)) == notice
    assert room.act(lambda c: notices.ask(c, bay, notice, room.now))
    kinds = room.rows(sa.select(LOG.c.kind).where(LOG.c.kind.startswith("notice_")).order_by(LOG.c.id))
    assert [row["kind"] for row in kinds] == [
        "notice_written", "notice_asked", "notice_returned", "notice_written", "notice_asked",
    ]  # fmt: skip


def test_too_late_nobody_agrees(room: Room) -> None:
    bay, han, library = person(room, BAY), person(room, HAN), room.house.shelf.library
    notice = room.act(lambda c: notices.write(c, bay, DRAFT, room.now))
    room.act(lambda c: notices.ask(c, bay, notice, room.now))
    late = DRAFT.send_until
    assert not room.act(lambda c: notices.approve(c, library, ON, han, notice, late))


# --- who gets it -----------------------------------------------------------------------------------------------------


def test_the_preview_tells_why_others_do_not(room: Room) -> None:
    settles(room, 3001)
    settles(room, 3002, wants=False)
    settles(room, 3003, wants=None)
    settles(room, 3004)
    blocked = CONVERSATION.update().where(CONVERSATION.c.key == "telegram:3004").values(reachable=False)
    room.act(lambda c: c.execute(blocked))
    settles(room, 3005, place="khu phố 1 phường Thủ Dầu Một")
    room.says(3006, "nhận tin")  # nobody knows where they live

    def look(**changed: Any) -> tuple[list[str], dict[Reason, int]]:
        found = room.act(
            lambda c: notices.audience(c, room.house.shelf.library, ON, replace(DRAFT, **changed), room.now)
        )
        return [key.removeprefix("telegram:") for _, key in found.chats], found.left_out

    others: dict[Reason, int] = {"said_no": 1, "not_asked": 1, "blocked": 1}
    assert look() == (["3001"], others)
    assert look(hamlet="Khu phố 3") == (["3001"], others)
    assert look(hamlet="khu phố 4") == ([], {})
    assert set(look(commune="")[0]) == {"3001", "3005"}
    assert look(channels=("web",)) == ([], {"said_no": 1, "not_asked": 1, "other_channel": 2})
    assert look(topic="gplx") == ([], {"said_no": 1, "not_asked": 1, "other_topic": 2})
    assert look(topic="app-tinh") == (["3001"], others)  # the survey's own
    assert look(channels=("telegram", "messenger")) == (["3001"], others)


def test_a_closed_window_is_told_apart_and_money_is_counted(room: Room) -> None:
    settles(room, 3001)
    settles(room, 3002)
    heard = {"3001": timedelta(hours=100), "3002": timedelta(hours=170)}
    for chat, ago in heard.items():
        moved = {"key": f"zalo_oa:{chat}", "channel": "zalo_oa", "chat": chat, "heard_at": room.now - ago}
        talk = CONVERSATION.update().where(CONVERSATION.c.key == f"telegram:{chat}").values(moved)
        reads = READER.update().where(READER.c.conversation == f"telegram:{chat}").values(conversation=moved["key"])
        room.act(lambda c, talk=talk: c.execute(talk))
        room.act(lambda c, reads=reads: c.execute(reads))
    draft = replace(DRAFT, channels=("zalo_oa",))

    def look(on: set[str]) -> notices.Audience:
        found: notices.Audience = room.act(lambda c: notices.audience(c, room.house.shelf.library, on, draft, room.now))
        return found

    found = look({"zalo_oa"})
    assert (found.chats, found.paid, found.left_out) == ((("zalo_oa", "zalo_oa:3001"),), 1, {"window": 1})
    assert look(ON).left_out == {"off": 2}


def test_of_two_joined_chats_the_one_heard_last_gets_it(room: Room) -> None:
    settles(room, TU)
    room.says(TU, "nối kênh")
    code = room.last(TU).partition(": ")[2].splitlines()[0].strip()
    room.says(NAM, code)
    room.press(NAM, "Nối hai nơi")
    room.says(NAM, "nhận tin")
    found = room.act(lambda c: notices.audience(c, room.house.shelf.library, ON, DRAFT, room.now))
    assert len(found.chats) == 1
    assert found.left_out == {"other_chat": 1}
    room.says(NAM, "ngưng tin")  # and said in one, it holds for both
    found = room.act(lambda c: notices.audience(c, room.house.shelf.library, ON, DRAFT, room.now))
    assert (found.chats, found.left_out) == ((), {"said_no": 2})


# --- how it goes -----------------------------------------------------------------------------------------------------


def test_it_is_sent_once_and_says_how_to_stop(room: Room) -> None:
    settles(room, TU)
    room.says(TU, "menu")
    room.says(TU, "2")  # whatever: a flow or a list of flows
    room.says(TU, "dừng")
    notice = approved(room)
    given(room, seconds=3)
    assert told(room, TU) == 1
    assert room.last(TU).endswith("(Không muốn nhận tin báo nữa, Bác nhắn “ngưng tin”.)")
    assert fates(room, notice) == {str(TU): "said"}
    progress = room.act(lambda c: notices.progress(c, notice))
    assert (progress.sent, progress.waiting, progress.on_the_way, progress.missed) == (1, 0, 0, {})
    assert notices.state_of(of(room, notice)) == "done"


def test_only_so_many_a_second(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(notices.PACE, "telegram", 2)
    chats = range(3001, 3006)
    for chat in chats:
        settles(room, chat)
    first, second = approved(room), approved(room)
    for done in (2, 4, 6, 8, 10):
        room.act(lambda c: notices.give(c, HOURS, ON, room.now, 2))
        room.act(lambda c: notices.give(c, HOURS, ON, room.now, 2))  # another process, in the same second
        assert sum(told(room, chat) for chat in chats) == done
        room.later(seconds=1.1)
    assert set(fates(room, first).values()) == set(fates(room, second).values()) == {"said"}


@pytest.mark.parametrize("a_day", [1, 2])
def test_over_a_days_share_a_notice_waits_for_the_next_day(room: Room, a_day: int) -> None:
    settles(room, TU)
    all_three = [approved(room) for _ in range(3)]
    given(room, seconds=5, a_day=a_day)
    assert told(room, TU) == a_day
    assert [fates(room, one)[str(TU)] for one in all_three] == ["said"] * a_day + ["waiting"] * (3 - a_day)
    held = room.rows(sa.select(LOG.c.detail).where(LOG.c.kind == "notice_held"))
    assert {row["detail"] for row in held} == {str(one) for one in all_three[a_day:]}
    room.now = DAY.replace(hour=23)  # 6 in the morning in Vietnam
    given(room, a_day=a_day)
    assert told(room, TU) == a_day
    room.later(hours=1, minutes=1)
    given(room, seconds=3, a_day=a_day)
    assert told(room, TU) == min(2 * a_day, 3)


def test_the_share_is_the_residents_and_not_the_chats(room: Room) -> None:
    settles(room, TU)
    first = approved(room)
    given(room)
    room.says(TU, "nối kênh")
    code = room.last(TU).partition(": ")[2].splitlines()[0].strip()
    room.later(minutes=1)
    room.says(NAM, code)
    room.press(NAM, "Nối hai nơi")
    room.says(NAM, "nhận tin")
    second = approved(room)
    assert (list(fates(room, first)), list(fates(room, second))) == ([str(TU)], [str(NAM)])
    given(room, seconds=3)
    assert (told(room, TU), told(room, NAM)) == (1, 0)
    room.later(hours=24)
    given(room)
    assert told(room, NAM) == 1


def test_a_notice_that_is_too_late_for_the_next_day_is_left_out(room: Room) -> None:
    settles(room, TU)
    approved(room)
    second = approved(room, replace(DRAFT, send_until=DAY + timedelta(hours=8)))
    given(room, seconds=3)
    assert told(room, TU) == 1
    assert room.act(lambda c: notices.progress(c, second)).missed == {"share": 1}
    assert notices.state_of(of(room, second)) == "done"


def test_the_preview_counts_whose_share_is_taken(room: Room) -> None:
    settles(room, TU)
    settles(room, NAM)

    def held(draft: Draft = DRAFT, a_day: int = 1) -> int:
        library = room.house.shelf.library
        found = room.act(lambda c: notices.audience(c, library, ON, draft, room.now))
        many: int = room.act(lambda c: notices.held(c, found, draft, room.now, a_day))
        return many

    tomorrow = replace(DRAFT, send_from=DAY + timedelta(days=1))
    assert held() == 0
    approved(room, replace(DRAFT, hamlet="khu phố 3"))
    assert (held(), held(a_day=2), held(tomorrow)) == (2, 0, 0)  # both wait for it
    given(room)
    assert (held(), held(a_day=2), held(tomorrow)) == (2, 0, 0)  # both had it
    approved(room, tomorrow)
    assert (held(), held(tomorrow)) == (2, 2)


def test_not_before_its_time_and_never_at_night(room: Room) -> None:
    settles(room, TU)
    approved(room, replace(DRAFT, send_from=DAY + timedelta(hours=2)))
    given(room)
    assert told(room, TU) == 0
    room.now = DAY + timedelta(hours=12)  # 22 o'clock in Vietnam
    given(room)
    assert told(room, TU) == 0
    room.now = DAY + timedelta(hours=22)
    given(room)
    assert told(room, TU) == 1


def test_a_step_is_not_interrupted_but_the_next_day_it_comes(room: Room) -> None:
    settles(room, TU)
    room.says(TU, "/start vneid-muc-2")
    shown = room.shown[str(TU)][-1]
    notice = approved(room)
    given(room)
    assert told(room, TU) == 0
    assert fates(room, notice) == {str(TU): "waiting"}
    room.later(minutes=31)
    given(room)
    assert told(room, TU) == 0
    room.later(hours=24)
    given(room)
    assert told(room, TU) == 1
    assert room.talk(TU)["state"]["menu"]["number"] == shown["body"]["menu"] or room.talk(TU)["state"]["position"]
    assert room.talk(TU)["state"]["position"]["flow"] == "vneid-muc-2"


def test_as_soon_as_the_step_is_over_it_comes(room: Room) -> None:
    settles(room, TU)
    room.says(TU, "/start vneid-muc-2")
    approved(room)
    given(room)
    room.says(TU, "dừng")
    room.later(minutes=31)
    given(room)
    assert told(room, TU) == 1


def test_a_case_is_never_interrupted(room: Room) -> None:
    settles(room, TU)
    room.says(TU, "gặp người")
    room.press(TU, "Đồng ý")
    room.press(TU, "Đúng rồi")
    room.says(TU, "máy báo lỗi")
    case = room.rows(sa.select(CASE.c.id))[0]["id"]
    room.press(CHAT[LAN], "Nhận")
    notice = approved(room, replace(DRAFT, send_until=DAY + timedelta(days=2)))
    for _ in range(3):
        given(room)
        room.later(hours=12)
    assert told(room, TU) == 0
    room.later(hours=24)
    given(room)
    assert room.case(case)["closed_at"] is None
    assert fates(room, notice) == {str(TU): "late"}
    assert notices.state_of(of(room, notice)) == "done"


def test_the_reminder_of_a_flow_comes_as_if_there_was_no_notice(room: Room) -> None:
    settles(room, TU)
    room.says(TU, "/start vneid-muc-2")
    due = room.talk(TU)["state"]["wake_at"]
    approved(room)
    given(room)
    assert room.talk(TU)["state"]["wake_at"] == due


def test_stopped_at_once(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(notices.PACE, "telegram", 2)
    chats = [3001, 3002, 3003]
    for chat in chats:
        settles(room, chat)
    notice = approved(room)
    # two are due in their inboxes and one of them already in the outbox, the third still waits
    with room.house.store.engine.begin() as connection:
        notices.give(connection, HOURS, ON, room.now)
    bay = person(room, BAY)
    assert room.act(lambda c: notices.stop(c, bay, notice, room.now))
    given(room, seconds=3)
    assert [told(room, chat) for chat in chats] == [0, 0, 0]
    assert set(fates(room, notice).values()) == {"stopped"}
    assert not room.act(lambda c: notices.stop(c, bay, notice, room.now))


def test_what_lies_in_the_outbox_is_stopped_too(room: Room) -> None:
    settles(room, TU)
    room.act(lambda c: c.execute(sa.text(
        f"INSERT INTO pause (place, until) VALUES ('telegram', {int(DAY.timestamp() + 60) * 1_000_000})")))  # fmt: skip
    notice = approved(room)
    given(room)
    assert fates(room, notice) == {str(TU): "said"}
    han = person(room, HAN)
    assert room.act(lambda c: notices.stop(c, han, notice, room.now))
    room.later(minutes=5)
    assert told(room, TU) == 0
    progress = room.act(lambda c: notices.progress(c, notice))
    assert (progress.sent, progress.missed) == (0, {"stopped": 1})
    row = OUTBOX.c.status == int(Status.VOID)
    assert len(room.rows(sa.select(OUTBOX.c.id).where(row))) == 1


def test_who_changed_their_mind_or_is_gone_gets_none(room: Room) -> None:
    for chat in (3001, 3002, 3003):
        settles(room, chat)
    notice = approved(room)
    room.says(3001, "ngưng tin")
    gone = CONVERSATION.update().where(CONVERSATION.c.key == "telegram:3002").values(reachable=False)
    room.act(lambda c: c.execute(gone))
    given(room, seconds=2)
    assert fates(room, notice) == {"3001": "refused", "3002": "blocked", "3003": "said"}


def test_said_no_between_the_inbox_and_the_turn(room: Room) -> None:
    """The engine has the last word."""
    settles(room, TU)
    notice = approved(room)
    room.says(TU, "ngưng tin")
    back = READER.update().values(wish="yes")  # as the loop saw it a moment before
    room.act(lambda c: c.execute(back))
    given(room)
    assert told(room, TU) == 0
    assert fates(room, notice) == {str(TU): "refused"}


def test_after_a_restart_it_goes_on_and_nobody_gets_it_twice(
    tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(notices.PACE, "telegram", 1)
    with opened(tmp_path, database_url) as room:
        room.act(lambda c: c.execute(MEMBER.update().where(MEMBER.c.id.in_((BAY, HAN))).values(role="lead")))
        for chat in (3001, 3002):
            settles(room, chat)
        notice = approved(room)
        given(room)
        assert told(room, 3001) + told(room, 3002) == 1
    with opened(tmp_path, database_url, at=DAY + timedelta(seconds=30)) as after:
        given(after, seconds=3)
        assert told(after, 3001) + told(after, 3002) == 1
        assert set(fates(after, notice).values()) == {"said"}


# --- on the console --------------------------------------------------------------------------------------------------


async def test_from_the_form_to_the_button_that_stops(room: Room) -> None:
    settles(room, TU)
    app = create_app(room.house)
    desks: dict[int, httpx.AsyncClient] = {}
    for member in (BAY, HAN, TAM):
        desk = httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://desk.test")
        await desk.post(await room.house.store.write(partial(console_app.sign_in, member_id=member, now=DAY)))
        desks[member] = desk
    bay, han, tam = desks[BAY], desks[HAN], desks[TAM]
    form = {"title": "Lớp VNeID", "text": TEXT, "channel": ["telegram", "web"], "from_day": "2026-11-21",
            "from_hour": "08:00", "until_day": "2026-11-24", "until_hour": "17:00"}  # fmt: skip

    async def post(desk: httpx.AsyncClient, path: str, data: dict[str, Any]) -> str:
        return str((await desk.post(f"/team/notices{path}", data=data)).headers.get("location", ""))

    try:
        assert (await tam.get("/team/notices")).status_code == 404  # no lead
        assert "Lời nhắn cho bà con" in (await bay.get("/team/notices/new")).text
        wrongs: list[dict[str, Any]] = [
            {"text": ""}, {"text": "a" * 501}, {"channel": []}, {"until_day": "2026-11-20"},
            {"until_day": "2027-11-20"},
        ]  # fmt: skip
        for wrong in wrongs:
            refused = await bay.post("/team/notices", data={**form, **wrong})
            assert refused.status_code == 400
            assert "Lớp VNeID" in refused.text
        assert await post(bay, "", form) == "/team/notices/1?notice=notice_written"
        page = (await bay.get("/team/notices/1")).text
        assert "Sẽ tới 1 người" in page
        assert "ngưng tin" in page
        assert (await han.get("/team/notices/1/edit")).status_code == 404
        assert (
            await post(bay, "/1", {**form, "title": "Lớp VNeID khu phố 3"}) == "/team/notices/1?notice=notice_written"
        )
        assert await post(bay, "/1/do", {"how": "ask"}) == "/team/notices/1?notice=notice_ask"
        assert await post(bay, "/1/do", {"how": "approve"}) == "/team/notices/1?notice=notice_not"
        assert "Chờ mình duyệt" in (await han.get("/team/notices")).text
        assert await post(han, "/1/do", {"how": "return", "reason": " "}) == "/team/notices/1?notice=no_reason"
        assert await post(han, "/1/do", {"how": "approve"}) == "/team/notices/1?notice=notice_approve"
        assert "Đã gửi 0 trong 1" in (await bay.get("/team/notices/1")).text
        assert await post(bay, "/1/do", {"how": "stop"}) == "/team/notices/1?notice=notice_stop"
        assert "Đã dừng" in (await bay.get("/team/notices")).text
        read = room.rows(sa.select(LOG.c.member_id).where(LOG.c.kind == "notice_read"))
        assert {row["member_id"] for row in read} == {BAY}
    finally:
        for desk in desks.values():
            await desk.aclose()
    assert told(room, TU) == 0


def test_a_blocked_resident_is_known_by_the_channel(room: Room) -> None:
    """What the channel says of a chat is what the notice goes by."""
    settles(room, TU)
    gone = Reached(channel="telegram", chat=str(TU), reachable=False)
    room.act(lambda c: inbox.put(c, [inbox.from_channel(gone, "gone")], room.now))
    found = room.act(lambda c: notices.audience(c, room.house.shelf.library, ON, DRAFT, room.now))
    assert found.left_out == {"blocked": 1}


def test_a_day_and_an_hour_are_vietnams() -> None:
    assert _moment("2026-11-22", "08:30") == datetime.fromisoformat("2026-11-22T01:30:00+00:00")
    assert _moment("2026-11-22", "24:00") is None
    assert _moment("", "08:00") is None


def test_two_processes_give_each_resident_one(
    tmp_path: Path, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(notices.PACE, "telegram", 3)
    with opened(tmp_path, postgres_url) as room:
        room.act(lambda c: c.execute(MEMBER.update().where(MEMBER.c.id.in_((BAY, HAN))).values(role="lead")))
        chats = range(3001, 3010)
        for chat in chats:
            settles(room, chat)
        notice = approved(room)
        both = threading.Barrier(2)

        def process() -> None:
            for second in range(6):
                both.wait()
                with room.house.store.engine.begin() as connection:
                    notices.give(connection, HOURS, ON, room.now + timedelta(seconds=2 * second))

        threads = [threading.Thread(target=process) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        room.later(seconds=20)
        assert [told(room, chat) for chat in chats] == [1] * 9
        seconds = room.rows(
            sa.select(sa.func.count().label("many")).where(TO.c.notice_id == notice).group_by(TO.c.given_at)
        )
        assert max(row["many"] for row in seconds) <= 3


def test_that_one_chat_was_asked_takes_no_others_yes_away(room: Room) -> None:
    settles(room, TU)
    room.says(TU, "nối kênh")
    room.says(NAM, room.last(TU).partition(": ")[2].splitlines()[0].strip())
    room.press(NAM, "Nối hai nơi")
    room.house.shelf.library = replace(room.house.shelf.library, asks_notices=True)
    room.says(NAM, "/start 2g-4g-len-doi")
    room.press(NAM, "Máy cũ không gọi được")
    room.press(NAM, "Xong rồi")
    room.press(NAM, "Gọi được rồi")
    wishes = {row["conversation"]: row["wish"] for row in room.rows(sa.select(READER))}
    assert wishes == {f"telegram:{TU}": "yes", f"telegram:{NAM}": "asked"}


def test_a_lead_sees_how_many_want_any(room: Room) -> None:
    for chat, wants in ((3001, True), (3002, False), (3003, None)):
        settles(room, chat, wants=wants)
    bay, sau = person(room, BAY), person(room, SAU)
    assert room.act(lambda c: notices.wishes(c, bay)) == {"yes": 1, "no": 1, "": 1}
    assert room.act(lambda c: notices.wishes(c, sau)) == {"yes": 0, "no": 0, "": 0}
