"""The hand-off ladder on the real tables of both databases: who is asked, who is warned, what the resident is told."""

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
import sqlalchemy as sa

from api import desk, inbox, nearest, timers
from api.tables import Leave, Miss, Timer
from bot.handoff import (
    AGAIN_MINUTES,
    DIGEST_MINUTES,
    GRACE_MINUTES,
    OFFER_MINUTES,
    PROMISE_MINUTES,
    REMIND_HOURS,
    REOPEN_DAYS,
    WARN_MINUTES,
    Candidate,
)
from bot.model import CaseDue, LadderAgain, OfferExpired
from tests.desk_room import HOURS, Room, opened
from tests.service import BAY, CASE, CHAT, DAY, HAN, LAN, LOG, MEMBER, NIGHT, OFFER, SAU, TAM, TOWN, Person

TU, NAM, BA = 2001, 2002, 2003
LEAD = 8
#: the town with a lead in its ward
LED = (*TOWN, Person(id=LEAD, called="chú Hai", chat=9008, rung="commune", hamlet="", on_duty=False))
_timer = Timer.__table__
_leave = Leave.__table__
_miss = Miss.__table__

Opener = Callable[..., AbstractContextManager[Room]]


@pytest.fixture
def open_room(tmp_path: Path, database_url: str) -> Opener:
    def opener(*, people: tuple[Person, ...] = TOWN, at: datetime = DAY) -> AbstractContextManager[Room]:
        return opened(tmp_path, database_url, people=people, at=at)

    return opener


@pytest.fixture
def open_light(tmp_path: Path) -> Opener:
    """On SQLite alone: for what no database could do otherwise."""
    url = f"sqlite:///{tmp_path / 'gocua.db'}"

    def opener(*, people: tuple[Person, ...] = TOWN, at: datetime = DAY) -> AbstractContextManager[Room]:
        return opened(tmp_path, url, people=people, at=at)

    return opener


@pytest.fixture
def light(open_light: Opener) -> Iterator[Room]:
    with open_light() as one:
        yield one


@pytest.fixture
def room(open_room: Opener) -> Iterator[Room]:
    with open_room() as one:
        yield one


def only(*members: int, **changed: Any) -> tuple[Person, ...]:
    return tuple(replace(person, **changed) for person in LED if person.id in members)


def make_lead(room: Room, member_id: int = LEAD, **more: Any) -> None:
    room.act(lambda c: c.execute(MEMBER.update().where(MEMBER.c.id == member_id).values(role="lead", **more)))


# --- asked, one after another ------------------------------------------------------------------------------------


def test_the_ladder_from_the_hamlet_to_the_province(room: Room) -> None:
    case_id = room.hands_off(TU)
    room.later(minutes=40)
    assert [member for member, _ in room.offers(case_id)] == [LAN, TAM, BAY, SAU, HAN]
    assert room.kinds(case_id)[:4] == ["case_opened", "offered", "offer_expired", "offered"]
    assert "trước" in room.last(TU)  # nobody was free: they know by when


def test_what_was_not_understood_is_kept_with_where_they_live(open_light: Opener) -> None:
    with open_light() as room:
        room.says(TU, "qwzx vblk mnrt")
        room.hands_off(TU)
        room.says(TU, "gặp bot")
        room.says(TU, "qwzx vblk mnrt")
        rows = room.rows(sa.select(_miss.c.commune, _miss.c.province).order_by(_miss.c.id))
        assert [tuple(row.values()) for row in rows] == [("", ""), ("25750", "79")]


def test_between_the_search_and_the_offer_somebody_leaves(room: Room) -> None:
    """The directory's answer is asked again: who is off duty, on leave or full by now gets no offer."""
    today = date(2026, 11, 21)
    room.act(lambda c: desk.set_duty(c, LAN, False, room.now))
    room.act(lambda c: c.execute(_leave.insert().values(member_id=TAM, first_day=today, last_day=today, reason="")))
    room.act(lambda c: c.execute(MEMBER.update().where(MEMBER.c.id == BAY).values(capacity=0)))
    room.act(lambda c: c.execute(MEMBER.update().where(MEMBER.c.id == SAU).values(duty_from_minute=1200)))
    stale = tuple(Candidate(member=one, rung="hamlet", reason="") for one in (LAN, TAM, BAY, SAU, HAN))
    with patch.object(nearest, "candidates", return_value=stale):
        case_id = room.hands_off(TU)
    assert [member for member, _ in room.offers(case_id)] == [HAN]


def test_who_taps_gets_it_off_duty_too(light: Room) -> None:
    case_id = light.hands_off(TU)
    light.act(lambda c: desk.set_duty(c, LAN, False, light.now))
    light.press(CHAT[LAN], "Nhận")
    assert light.case(case_id)["holder_id"] == LAN


def test_a_full_member_is_not_asked_and_the_next_case_comes_when_a_hand_is_free(open_light: Opener) -> None:
    with open_light(people=only(LAN, capacity=1)) as room:
        first = room.hands_off(TU)
        second = room.hands_off(NAM)
        assert room.offers(second) == []  # she is being asked already
        room.press(CHAT[LAN], "Nhận")
        room.later(minutes=AGAIN_MINUTES + 1)
        assert room.offers(second) == []
        room.act(lambda c: desk.close(c, first, LAN, "solved", "", room.now))
        assert room.offers(second) == [(LAN, "")]
        assert room.load(LAN) == 0


def test_somebody_back_on_duty_is_asked_at_once(open_light: Opener) -> None:
    with open_light(people=only(LAN, on_duty=False)) as room:
        case_id = room.hands_off(TU)
        assert "chưa có ai rảnh" in room.last(TU)
        room.act(lambda c: desk.set_duty(c, LAN, True, room.now))
        assert room.offers(case_id) == [(LAN, "")]


def test_a_member_who_cannot_be_reached_is_passed_over_at_once(light: Room) -> None:
    case_id = light.hands_off(TU)
    [offer] = light.rows(sa.select(OFFER.c.id))
    for _ in range(2):  # the second time it is stale
        gone = inbox.from_inside(f"telegram:{TU}", OfferExpired(offer=offer["id"]), f"gone:{light.now.timestamp()}")
        light.act(lambda c, gone=gone: inbox.put(c, [gone], light.now))
        light.now += timedelta(seconds=1)
    assert light.offers(case_id) == [(LAN, "expired"), (TAM, "")]


# --- night and morning -------------------------------------------------------------------------------------------


def test_a_night_and_its_morning(open_room: Opener) -> None:
    with open_room(people=LED, at=NIGHT) as room:
        make_lead(room, on_duty=True)
        case_id = room.hands_off(TU)
        room.act(lambda c: desk.set_duty(c, TAM, False, room.now))
        assert "trước 9 giờ sáng mai" in room.last(TU)
        room.later(hours=7, minutes=55)
        assert all(room.texts(chat) == [] for chat in (*CHAT.values(), 9008) if chat)  # nobody is woken
        room.later(minutes=6)
        assert f"Hồ sơ #{case_id}" in room.last(CHAT[LAN])
        assert "1 chờ" in room.last(9008)  # the lead reads how the place stands
        assert room.texts(CHAT[TAM]) == []  # off duty
        assert room.offers(case_id) == []
        room.later(minutes=DIGEST_MINUTES)
        assert room.offers(case_id) == [(LAN, "")]
        assert len(room.texts(CHAT[BAY])) == 1  # one message in the morning, and no more
        room.press(CHAT[BAY], "Nhận")
        assert room.case(case_id)["holder_id"] == BAY


def test_a_morning_with_nothing_waiting_is_silent(open_light: Opener) -> None:
    with open_light(at=NIGHT) as room:
        room.later(hours=12)
        assert not room.shown
        assert [row["due_at"] for row in room.rows(sa.select(_timer.c.due_at).where(_timer.c.key == "day"))] == [
            datetime(2026, 11, 23, 0, 0, tzinfo=UTC)
        ]


def test_a_service_that_wakes_after_the_day_does_not_make_up_for_it(open_light: Opener) -> None:
    with open_light(at=NIGHT) as room:
        room.hands_off(TU)
        room.now += timedelta(hours=23)  # 22 o'clock the next day
        room.run()
        assert room.texts(CHAT[LAN]) == []


# --- promises ----------------------------------------------------------------------------------------------------


def test_when_everybody_has_been_asked_the_lead_hears_of_it(open_light: Opener) -> None:
    with open_light(people=only(LAN, LEAD)) as room:
        make_lead(room)
        case_id = room.hands_off(TU)
        room.press(CHAT[LAN], "Không nhận được")
        assert "đã mời hết" in room.last(9008)
        assert "trước 12 giờ 30 hôm nay" in room.last(9008)
        room.press(9008, "Nhận")
        assert room.case(case_id)["holder_id"] == LEAD


def test_a_promise_that_is_not_kept(open_room: Opener) -> None:
    """A warning, the hour itself, and the second time the resident is told and somebody else is asked."""
    with open_room(people=(*only(LAN, TAM), *only(LEAD))) as room:
        make_lead(room)
        case_id = room.hands_off(TU)
        room.press(CHAT[LAN], "Nhận")
        known = len(room.texts(TU))
        room.later(minutes=PROMISE_MINUTES - WARN_MINUTES)
        assert "chưa có câu trả lời" in room.last(CHAT[LAN])
        assert room.texts(9008) == []
        room.later(minutes=WARN_MINUTES)
        assert "quá giờ hẹn" in room.last(CHAT[LAN])
        assert "quá giờ hẹn" in room.last(9008)
        assert len(room.texts(TU)) == known
        room.later(minutes=GRACE_MINUTES)
        assert "xin lỗi" in room.last(TU)
        assert "trước 14 giờ 30 hôm nay" in room.last(TU)
        assert "chuyển cho người khác" in room.last(CHAT[LAN])
        assert (room.load(LAN), room.case(case_id)["holder_id"], room.case(case_id)["taken_at"]) == (0, None, None)
        assert room.offers(case_id)[-1] == (TAM, "")
        room.press(CHAT[TAM], "Nhận")
        room.says(CHAT[TAM], "Dạ con đây")
        assert room.last(TU) == "Anh Tâm: Dạ con đây"
        room.later(hours=3)
        assert "xin lỗi" not in room.last(TU)


def test_a_case_that_nobody_ends_is_remembered(open_light: Opener) -> None:
    with open_light(people=only(LAN, LEAD)) as room:
        make_lead(room)
        room.hands_off(TU)
        room.press(CHAT[LAN], "Nhận")
        room.says(CHAT[LAN], "Dạ con đây")
        room.later(hours=REMIND_HOURS, minutes=1)
        assert "hồ sơ còn mở" in room.last(CHAT[LAN])
        assert room.texts(9008) == []
        room.later(hours=REMIND_HOURS, minutes=1)
        assert "hồ sơ còn mở" in room.last(9008)


def test_who_waits_hears_where_they_stand(open_room: Opener) -> None:
    with open_room(people=()) as room:
        for chat in (TU, NAM):
            room.hands_off(chat)
        room.says(NAM, "chừng nào có người vậy con")
        room.says(NAM, "tới lượt tôi chưa")
        assert "thứ 2" in room.last(NAM)
        assert "trước 12 giờ 30 hôm nay" in room.last(NAM)
        room.says(TU, "toi luot toi chua")
        assert "đầu tiên" in room.last(TU)
        room.says(TU, "gặp bot")
        room.says(TU, "chừng nào có người")
        assert "đầu tiên" in room.last(TU)


# --- restarts and stale timers -----------------------------------------------------------------------------------


def test_timers_survive_a_restart(open_room: Opener) -> None:
    with open_room() as room:
        case_id = room.hands_off(TU)
    with open_room(at=room.now + timedelta(minutes=OFFER_MINUTES["hamlet"], seconds=1)) as again:
        again.run()
        assert again.offers(case_id) == [(LAN, "expired"), (TAM, "")]
        again.press(CHAT[TAM], "Nhận")
    with open_room(at=again.now + timedelta(minutes=PROMISE_MINUTES)) as third:
        third.run()
        assert "warned_missed" in third.kinds(case_id)


def test_who_believes_to_be_with_the_team_without_a_case_is_the_bots_again(room: Room) -> None:
    case_id = room.hands_off(TU)
    room.press(CHAT[LAN], "Nhận")
    with room.house.store.engine.begin() as connection:
        connection.execute(CASE.update().where(CASE.c.id == case_id).values(closed_at=room.now, holder_id=None))
    room.says(TU, "con ơi")
    phrases = room.house.shelf.library.phrases
    assert room.last(TU) == phrases.closed_solved.strip()
    room.says(TU, "menu")
    assert phrases.menu.strip() in room.last(TU)


def test_what_is_stale_does_nothing(room: Room) -> None:
    case_id = room.hands_off(TU)
    before = room.case(case_id), room.offers(case_id)
    stale: list[CaseDue | LadderAgain] = [CaseDue(case=case_id), CaseDue(case=99), LadderAgain(case=case_id)]
    for number, event in enumerate(stale):
        old = inbox.from_inside(f"telegram:{TU}", event, f"old:{number}")
        room.act(lambda c, old=old: inbox.put(c, [old], room.now))
    assert (room.case(case_id), room.offers(case_id)) == before
    room.press(CHAT[LAN], "Nhận")
    room.act(lambda c: inbox.put(c, [inbox.from_inside(f"telegram:{TU}", CaseDue(case=case_id), "old:9")], room.now))
    assert room.case(case_id)["holder_id"] == LAN


def test_a_case_that_lost_its_timer_gets_one_again(room: Room) -> None:
    case_id = room.hands_off(TU)
    room.act(lambda c: c.execute(_timer.delete()))
    room.now += timedelta(minutes=20)
    room.act(lambda c: timers.keep(c, HOURS, room.now))
    assert room.offers(case_id) == [(LAN, "expired"), (TAM, "")]
    keys = {row["key"] for row in room.rows(sa.select(_timer.c.key))}
    assert keys >= {"day", f"case:{case_id}"}


# --- passed on, given, opened again ------------------------------------------------------------------------------


def test_passed_on_to_a_person_to_a_team_and_to_the_ladder(room: Room) -> None:
    case_id = room.hands_off(TU)
    room.press(CHAT[LAN], "Nhận")
    room.act(lambda c: desk.pass_on(c, case_id, LAN, "busy", room.now, member=BAY))
    assert "chú Bảy" in room.last(TU)
    assert (room.load(LAN), room.offers(case_id)[-1]) == (0, (BAY, ""))
    room.press(CHAT[BAY], "Nhận")
    team = room.rows(sa.select(MEMBER.c.team_id).where(MEMBER.c.id == TAM))[0]["team_id"]
    room.act(lambda c: desk.pass_on(c, case_id, BAY, "skill", room.now, team=team))
    assert "Tổ công nghệ số khu phố 3" in room.last(TU)
    assert room.offers(case_id)[-1][0] in (LAN, TAM)
    room.later(minutes=25)
    assert room.offers(case_id)[-1][0] in (LAN, TAM)  # the other of that team
    room.act(lambda c: desk.set_duty(c, HAN, False, room.now))
    room.act(lambda c: desk.pass_on(c, case_id, LEAD, "busy", room.now, member=HAN))
    assert "người khác của tổ" in room.last(TU)  # she is not on duty: no promise in her name
    assert room.kinds(case_id).count("passed_on") == 3


def test_a_lead_gives_it_outright(room: Room) -> None:
    case_id = room.hands_off(TU)
    room.press(CHAT[LAN], "Nhận")
    assert room.act(lambda c: desk.give(c, case_id, HAN, TAM, "balance", room.now))
    assert (room.load(LAN), room.load(TAM), room.case(case_id)["holder_id"]) == (0, 1, TAM)
    assert "anh Tâm" in room.last(TU)
    assert not room.act(lambda c: desk.say(c, case_id, LAN, "Dạ con đây", (), "x", room.now))
    assert "Dạ con đây" not in room.last(TU)
    room.act(lambda c: c.execute(MEMBER.update().where(MEMBER.c.id == BAY).values(capacity=0)))
    assert not room.act(lambda c: desk.give(c, case_id, HAN, BAY, "balance", room.now))
    assert room.case(case_id)["holder_id"] == TAM


def closed(room: Room) -> int:
    case_id = room.hands_off(TU)
    room.press(CHAT[LAN], "Nhận")
    room.says(CHAT[LAN], "Dạ bác bấm nút xanh")
    room.act(lambda c: desk.close(c, case_id, LAN, "solved", "", room.now))
    return case_id


@pytest.mark.parametrize("how", ["tap", "words"])
def test_not_done_is_the_same_case_and_the_same_person(room: Room, how: str) -> None:
    case_id = closed(room)
    room.later(hours=1)
    room.press(TU, "Vẫn chưa xong") if how == "tap" else room.says(TU, "vẫn chưa xong con ơi")
    case = room.case(case_id)
    assert (case["closed_at"], case["holder_id"], case["outcome"]) == (None, LAN, "")
    assert room.load(LAN) == 1
    assert "chị Lan" in room.last(TU)
    assert any("chưa xong" in text for text in room.texts(CHAT[LAN]))
    room.says(TU, "nó báo lỗi y chang")
    assert room.last(CHAT[LAN]).endswith("nó báo lỗi y chang")
    assert [row["id"] for row in room.rows(sa.select(CASE))] == [case_id]


def test_not_done_goes_to_somebody_else_when_she_is_away(light: Room) -> None:
    case_id = closed(light)
    light.act(lambda c: desk.set_duty(c, LAN, False, light.now))
    light.press(TU, "Vẫn chưa xong")
    assert light.case(case_id)["closed_at"] is None
    assert light.offers(case_id)[-1] == (TAM, "")
    assert light.load(LAN) == 0


def test_after_some_days_it_is_a_new_wish(light: Room) -> None:
    case_id = closed(light)
    light.later(days=REOPEN_DAYS, hours=1)
    light.press(TU, "Vẫn chưa xong")
    light.press(TU, "Đúng rồi")
    light.says(TU, "lại lỗi nữa")
    assert light.case(case_id)["closed_at"] is not None
    assert [row["id"] for row in light.rows(sa.select(CASE).where(CASE.c.closed_at.is_(None)))] == [case_id + 1]


def test_one_tap_after_the_end_is_written_down_with_its_case(light: Room) -> None:
    case_id = closed(light)
    light.press(TU, "Được rồi, cảm ơn")
    [said] = light.rows(sa.select(LOG).where(LOG.c.kind == "remembered_feedback"))
    assert (said["case_id"], said["member_id"], said["detail"]) == (case_id, LAN, "good")
    assert light.case(case_id)["closed_at"] is not None


# --- many hands at once ------------------------------------------------------------------------------------------


def race(room: Room, claims: list[tuple[int, int]]) -> list[bool]:
    """(case, member) pairs that all want it at the same moment."""
    gate, won = threading.Barrier(len(claims)), [False] * len(claims)

    def claim(place: int, case_id: int, member_id: int) -> None:
        gate.wait()
        with room.house.store.engine.begin() as connection:
            won[place] = desk.take(connection, case_id, member_id, room.now)

    racers = [threading.Thread(target=claim, args=(place, *one)) for place, one in enumerate(claims)]
    for racer in racers:
        racer.start()
    for racer in racers:
        racer.join()
    return won


def test_many_reach_for_one_case(room: Room) -> None:
    case_id = room.hands_off(TU)
    won = race(room, [(case_id, member) for member in (LAN, TAM, BAY, SAU, HAN)])
    assert sum(won) == 1
    assert sum(room.load(member) for member in (LAN, TAM, BAY, SAU, HAN)) == 1
    assert room.kinds(case_id).count("taken") == 1


def test_one_member_reaches_for_many(open_room: Opener) -> None:
    with open_room(people=only(LAN, capacity=2)) as room:
        cases = [room.hands_off(chat) for chat in range(3001, 3006)]
        assert sum(race(room, [(case_id, LAN) for case_id in cases])) == 2
        assert room.load(LAN) == 2
