"""Answers of a survey: kept without a name, replaced, counted, given out, erased; on both databases."""

import csv
import io
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import httpx
import openpyxl
import pytest
import sqlalchemy as sa

from api import surveys, timers
from api.main import create_app
from api.tables import SurveyAnswer
from tests import console_app
from tests.desk_room import HOURS, Room, opened
from tests.service import BAY, CASE, CONVERSATION, DAY, HAN, LOG, MEMBER, PHU_LOI, SAU, TAM

ANSWER = SurveyAnswer.__table__
SURVEY = "khao-sat-ky-nang-so"
TU, NAM = 2001, 2002
REST = ("Máy bấm phím", "Không vào mạng", "Chưa có", "Chưa lần nào", "Chưa bao giờ", "Không", "Không gặp",
        "Phòng lừa đảo", "Lớp ở ấp, khu phố")  # fmt: skip


@pytest.fixture
def room(tmp_path: Path, database_url: str) -> Iterator[Room]:
    with opened(tmp_path, database_url) as one:
        leads = MEMBER.update().where(MEMBER.c.id.in_((BAY, HAN, SAU))).values(role="lead")
        one.act(lambda c: c.execute(leads))
        yield one


def begins(room: Room, chat: int, place: str = "khu phố 3 phường Phú Lợi") -> None:
    room.says(chat, "khảo sát kỹ năng số")
    room.press(chat, "Đồng ý")
    if place:
        room.says(chat, place)
    room.press(chat, "Đúng rồi" if place else "Bỏ qua")


def answers_all(room: Room, chat: int, age: str = "60 đến 69 tuổi", last: str = "=mở lớp buổi tối") -> None:
    begins(room, chat)
    for label in (age, *REST):
        room.press(chat, label)
    room.says(chat, last)


def kept(room: Room) -> dict[str, str]:
    return {row["question"]: row["answer"] for row in room.rows(sa.select(ANSWER))}


def test_answers_go_to_the_table_without_a_name_and_nowhere_else(room: Room) -> None:
    answers_all(room, TU)
    rows = room.rows(sa.select(ANSWER))
    assert len(rows) == 13  # twelve questions, and that they agreed
    assert {(row["commune"], row["province"]) for row in rows} == {(PHU_LOI, "79")}
    assert {row["version"] for row in rows} == {room.house.shelf.library.flows[SURVEY].version}
    [whose] = {row["respondent"] for row in rows}
    assert str(TU) not in whose
    assert kept(room)["dong-y"] == "đồng ý"
    state = room.talk(TU)["state"]
    assert "answers" not in state
    assert "lớp buổi tối" not in str(state)
    assert room.rows(sa.select(CASE)) == []


def test_who_does_not_agree_is_asked_nothing(room: Room) -> None:
    room.says(TU, "khảo sát kỹ năng số")
    room.press(TU, "Không đồng ý")
    assert room.rows(sa.select(ANSWER)) == []


def test_asked_again_the_new_answer_replaces_the_old(room: Room) -> None:
    answers_all(room, TU)
    room.now += timedelta(days=30)
    room.says(TU, "khảo sát kỹ năng số")
    assert "muốn sửa lại" in room.last(TU)
    room.press(TU, "Sửa câu trả lời")
    room.press(TU, "Đồng ý")
    room.press(TU, "Đúng rồi")
    room.press(TU, "70 tuổi trở lên")
    assert len(room.rows(sa.select(ANSWER))) == 13
    assert kept(room)["tuoi"] == "70 tuổi trở lên"


def test_one_resident_in_two_chats_counts_once(room: Room) -> None:
    answers_all(room, TU)
    room.says(TU, "nối kênh")
    room.says(NAM, room.last(TU).partition(": ")[2].splitlines()[0].strip())
    room.press(NAM, "Nối hai nơi")
    room.says(NAM, "khảo sát kỹ năng số")
    room.press(NAM, "Đồng ý")
    room.press(NAM, "Đúng rồi")
    room.press(NAM, "Dưới 35 tuổi")
    ages = room.rows(sa.select(ANSWER.c.answer).where(ANSWER.c.question == "tuoi"))
    assert [row["answer"] for row in ages] == ["Dưới 35 tuổi"]


def test_a_place_not_told_here_is_not_taken_from_elsewhere(room: Room) -> None:
    room.hands_off(TU)
    room.says(TU, "gặp bot")
    room.says(TU, "khảo sát kỹ năng số")
    room.press(TU, "Đồng ý")
    room.press(TU, "Bỏ qua")
    room.press(TU, "Dưới 35 tuổi")
    assert {row["commune"] for row in room.rows(sa.select(ANSWER))} == {""}


def test_what_is_erased_is_gone_here_too(room: Room) -> None:
    answers_all(room, TU)
    answers_all(room, NAM)
    room.says(TU, "xoá dữ liệu")
    room.press(TU, "Xoá hết")
    assert len({row["respondent"] for row in room.rows(sa.select(ANSWER))}) == 1


def test_after_the_time_that_was_said_nothing_is_left(room: Room) -> None:
    answers_all(room, TU)
    consent = room.house.shelf.library.flows[SURVEY].first
    assert "12 tháng" in str(getattr(consent, "text", ""))
    room.act(lambda c: timers.keep(c, HOURS, DAY + timedelta(days=364)))
    assert len(kept(room)) == 13
    room.act(lambda c: timers.keep(c, HOURS, DAY + surveys.KEPT + timedelta(seconds=1)))
    assert kept(room) == {}


async def test_the_leads_of_a_place_see_its_counts_and_take_them_home(room: Room) -> None:
    answers_all(room, TU)
    answers_all(room, NAM, age="Dưới 35 tuổi", last="không có gì")
    begins(room, 2003, "khu phố 1 phường Thủ Dầu Một")
    begins(room, 2004, "")
    room.press(2004, "Dưới 35 tuổi")
    app = create_app(room.house)

    async def get(member: int, path: str) -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://desk.test") as desk:
            await desk.post(await room.house.store.write(lambda c: console_app.sign_in(c, member, DAY)))
            return await desk.get(f"/team/surveys{path}")

    assert (await get(TAM, f"/{SURVEY}")).status_code == 404
    assert (await get(BAY, "/gap-nguoi")).status_code == 404
    assert "Khảo sát kỹ năng số" in (await get(BAY, "")).text
    page = (await get(BAY, f"/{SURVEY}")).text
    assert "<strong>2</strong> người đồng ý trả lời, <strong>2</strong> người đi hết" in page
    assert "<strong>1</strong> người đồng ý trả lời, <strong>0</strong>" in (await get(SAU, f"/{SURVEY}")).text
    assert "<strong>4</strong> người đồng ý trả lời" in (await get(HAN, f"/{SURVEY}")).text
    assert "mở lớp buổi tối" not in page

    table = list(csv.reader(io.StringIO((await get(BAY, f"/{SURVEY}/table.csv")).content.decode("utf-8-sig"))))
    assert table[0][:5] == ["Số", "Ngày", "Xã, phường", "Bác ở xã, phường nào ạ? Tên cũ hay mới đều được.",
                            "Năm nay Bác bao nhiêu tuổi ạ?"]  # fmt: skip
    assert {row[4] for row in table[1:]} == {"60 đến 69 tuổi", "Dưới 35 tuổi"}
    assert {row[2] for row in table[1:]} == {"Phường Phú Lợi, Thành phố Hồ Chí Minh"}
    assert {row[-1] for row in table[1:]} == {"'=mở lớp buổi tối", "không có gì"}  # never a formula
    names = {row["name"] for row in room.rows(sa.select(CONVERSATION.c.name))}
    assert not [cell for row in table for cell in row if cell in names]
    book = openpyxl.load_workbook(io.BytesIO((await get(BAY, f"/{SURVEY}/table.xlsx")).content))
    sheet = [["" if cell is None else str(cell) for cell in row] for row in book.active.values]
    assert sheet == table
    log = room.rows(sa.select(LOG.c.kind, LOG.c.member_id, LOG.c.flow).where(LOG.c.kind.startswith("survey_")))
    read = [(row["kind"], row["member_id"]) for row in log if row["member_id"]]
    assert read == [("survey_read", BAY), ("survey_read", SAU), ("survey_read", HAN), ("survey_exported", BAY),
                    ("survey_exported", BAY)]  # fmt: skip
