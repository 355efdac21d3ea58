"""Members who go on leave by their own word: in their chat and on the console, on both databases."""

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from api import commands, crew, timers
from api.main import create_app
from api.tables import Leave
from tests import console_app
from tests.desk_room import HOURS, Room, opened
from tests.service import BAY, CHAT, DAY, LAN, MEMBER, TAM

_leave = Leave.__table__
TU, NAM = 2001, 2002
TODAY, LAST = date(2026, 11, 21), date(2026, 11, 25)
ABOUT = "#1 Bác 2001, khu phố 3"


@pytest.fixture
def room(tmp_path: Path, database_url: str) -> Iterator[Room]:
    with opened(tmp_path, database_url) as one:
        lead = MEMBER.update().where(MEMBER.c.id == BAY).values(role="lead")
        one.act(lambda c: c.execute(lead))
        yield one


def leaves(room: Room) -> list[tuple[int, date, date]]:
    return [tuple(row.values())[:3] for row in room.rows(sa.select(_leave).order_by(_leave.c.first_day))]


def minutes_pass(room: Room, minutes: int) -> None:
    """The timers' loop sees to it now and then that nobody who left holds anything."""
    room.later(minutes=minutes)
    room.act(lambda c: timers.keep(c, HOURS, room.now))


# --- what is said ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("nghỉ đến 25/11", 21, 25),
        ("Nghi phep toi het 25-11 nha", 21, 25),
        ("nghỉ từ 23/11 đến hết ngày 25/11/2026", 23, 25),
        ("nghỉ từ mai đến 25/11", 22, 25),
        ("nghỉ hôm nay", 21, 21),
        ("Nghỉ mai ạ", 22, 22),
        ("nghỉ 24/11", 24, 24),
        ("/nghi đến 25/11", 21, 25),
    ],
)
def test_days_off(text: str, first: int, last: int) -> None:
    days = date(2026, 11, first), date(2026, 11, last)
    assert commands.days_off(text, TODAY) == commands.Days(first=days[0], last=days[1])


@pytest.mark.parametrize(
    "text",
    ["nghỉ", "/nghi", "bác nghỉ đến 25/11 nha", "nghỉ đi bác", "nghỉ đến khi nào vậy bác", "nghỉ đến 31/2",
     "phường nghỉ đến 25/11 bác ơi", "nghỉ xíu", "", "25/11"],
)  # fmt: skip
def test_other_words_are_for_a_resident(text: str) -> None:
    assert commands.days_off(text, TODAY) is None


def test_days_as_they_are_told() -> None:
    told = commands.which_days
    assert told(TODAY, TODAY, TODAY) == "hôm nay"
    assert told(TODAY, LAST, TODAY) == "từ hôm nay đến hết thứ Tư, 25/11"
    assert told(LAST, LAST, TODAY) == "thứ Tư, 25/11"


# --- in their chat ---------------------------------------------------------------------------------------------------


def test_who_is_away_is_asked_nothing_and_comes_back(room: Room) -> None:
    room.says(CHAT[LAN], "nghỉ đến 25/11")
    assert "từ hôm nay đến hết thứ Tư, 25/11" in room.last(CHAT[LAN])
    assert leaves(room) == [(LAN, TODAY, LAST)]
    assert room.last(CHAT[BAY]) == "Nguyễn chị Lan báo nghỉ từ hôm nay đến hết thứ Tư, 25/11."
    assert room.offers(room.hands_off(TU)) == [(TAM, "")]
    room.press(CHAT[TAM], "Nhận")
    room.says(CHAT[LAN], "Đi làm lại")
    assert leaves(room) == []
    assert room.offers(room.hands_off(NAM))[0] == (LAN, "")


def test_what_they_hold_goes_on_after_a_while(room: Room) -> None:
    case_id = room.hands_off(TU)
    room.press(CHAT[LAN], "Nhận")
    room.says(CHAT[LAN], "/nghi đến 25/11")
    assert f"Bạn còn giữ {ABOUT}. Sau 30 phút" in room.last(CHAT[LAN])
    assert room.last(CHAT[BAY]).endswith(f"Đang giữ: {ABOUT}")
    minutes_pass(room, 20)
    assert room.case(case_id)["holder_id"] == LAN
    minutes_pass(room, 10)
    assert room.case(case_id)["holder_id"] is None
    assert room.offers(case_id)[-1] == (TAM, "")
    assert "người khác của tổ" in room.last(TU)
    # once: what they take again of their own will is theirs
    room.press(CHAT[LAN], "Nhận")
    assert room.case(case_id)["holder_id"] == LAN
    minutes_pass(room, 20)
    assert room.case(case_id)["holder_id"] == LAN


def test_what_they_hold_goes_on_at_a_tap(room: Room) -> None:
    case_id = room.hands_off(TU)
    room.press(CHAT[LAN], "Nhận")
    room.says(CHAT[LAN], "nghỉ hôm nay")
    room.press(CHAT[LAN], "Chuyển người khác ngay")
    assert room.last(CHAT[LAN]).startswith("Đã chuyển 1 hồ sơ")
    assert room.offers(case_id)[-1] == (TAM, "")
    assert room.load(LAN) == 0


def test_or_they_finish_it_themselves(room: Room) -> None:
    case_id = room.hands_off(TU)
    room.press(CHAT[LAN], "Nhận")
    room.says(CHAT[LAN], "nghỉ đến 25/11")
    room.press(CHAT[LAN], "Để tôi làm nốt")
    minutes_pass(room, 25)
    minutes_pass(room, 25)
    assert room.case(case_id)["holder_id"] == LAN
    room.says(CHAT[LAN], "Dạ Bác làm như vầy nha")
    assert room.last(TU) == "Chị Lan: Dạ Bác làm như vầy nha"


def test_a_tap_of_long_ago_takes_nothing_from_them(room: Room) -> None:
    case_id = room.hands_off(TU)
    room.press(CHAT[LAN], "Nhận")
    room.says(CHAT[LAN], "nghỉ hôm nay")
    room.says(CHAT[LAN], "đi làm lại")
    room.press(CHAT[LAN], "Chuyển người khác ngay")
    assert room.case(case_id)["holder_id"] == LAN


def test_a_leave_to_come_hands_on_in_its_first_morning(room: Room) -> None:
    case_id = room.hands_off(TU)
    room.press(CHAT[LAN], "Nhận")
    room.says(CHAT[LAN], "Dạ Bác ơi")  # answered, so no promise takes it away before
    room.says(CHAT[LAN], "nghỉ 22/11")
    assert "Hồ sơ nào còn giữ lúc đó" in room.last(CHAT[LAN])
    minutes_pass(room, 14 * 60 + 30)  # half past midnight: nobody is told anything in the night
    assert room.case(case_id)["holder_id"] == LAN
    minutes_pass(room, 7 * 60)
    assert room.case(case_id)["holder_id"] is None


def test_a_long_leave_in_the_middle_ends_yesterday(room: Room) -> None:
    room.act(lambda c: crew.give_leave(c, LAN, TODAY - timedelta(days=3), LAST, BAY, room.now))
    room.act(lambda c: crew.give_leave(c, LAN, LAST + timedelta(days=9), LAST + timedelta(days=9), BAY, room.now))
    room.says(CHAT[LAN], "/truc")
    assert leaves(room) == [(LAN, TODAY - timedelta(days=3), TODAY - timedelta(days=1)),
                            (LAN, LAST + timedelta(days=9), LAST + timedelta(days=9))]  # fmt: skip
    room.says(CHAT[LAN], "đi làm lại")
    assert [first for _, first, _ in leaves(room)] == [TODAY - timedelta(days=3)]


@pytest.mark.parametrize("text", ["nghỉ đến 20/11", "nghỉ 20/11/2026", "nghỉ từ 25/11 đến 23/11"])
def test_days_that_make_no_sense_are_told_and_sent_to_nobody(room: Room, text: str) -> None:
    room.hands_off(TU)
    room.press(CHAT[LAN], "Nhận")
    before = len(room.texts(TU))
    room.says(CHAT[LAN], text)
    assert room.last(CHAT[LAN]).startswith("Chưa ghi được")
    assert leaves(room) == []
    assert len(room.texts(TU)) == before


def test_in_reply_to_a_resident_it_is_for_the_resident(room: Room) -> None:
    room.hands_off(TU)
    room.press(CHAT[LAN], "Nhận")
    room.says(TU, "phường nghỉ đến chừng nào con")
    asked = room.shown[str(CHAT[LAN])][-1]
    room.says(CHAT[LAN], "nghỉ đến 25/11", reply_to=f"m{asked['id']}")
    assert leaves(room) == []
    assert room.last(TU) == "Chị Lan: nghỉ đến 25/11"


# --- on the console --------------------------------------------------------------------------------------------------


async def test_the_same_on_the_console(room: Room) -> None:
    case_id = room.hands_off(TU)
    room.press(CHAT[LAN], "Nhận")
    app = create_app(room.house)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://desk.test") as lan:
        await lan.post(await room.house.store.write(lambda c: console_app.sign_in(c, LAN, DAY)))

        async def post(path: str, **form: Any) -> str:
            answer = await lan.post(f"/team/leave{path}", data=form)
            return answer.headers["location"].partition("notice=")[2]

        for days in ({"first": "2026-11-20", "last": "2026-11-25"}, {"first": "2026-11-22", "last": "2026-11-21"},
                     {"first": "2026-11-21", "last": "2027-11-21"}, {"first": "x", "last": ""}):  # fmt: skip
            assert await post("", **days) == "bad_days"
        assert await post("", first="2026-11-21", last="2026-11-25") == "away"
        assert ABOUT in (await lan.get("/team/leave")).text
        assert "Nghỉ đến hết 25/11" in (await lan.get("/team")).text
        assert "Để tôi làm nốt" in (await lan.get("/team/leave")).text
        assert await post("/cases", how="keep") == "kept_cases"
        assert "Để tôi làm nốt" not in (await lan.get("/team/leave")).text
        assert room.case(case_id)["holder_id"] == LAN
        assert await post("/cases", how="pass") == "handed_on"
        assert room.case(case_id)["holder_id"] is None
        await lan.post("/team/duty", data={"on": "1"})
        assert leaves(room) == []
        await post("", first="2026-11-24", last="2026-11-25")
        assert await post("/end", first="2026-11-24") == "saved"
        assert leaves(room) == []
