"""The members' course: in their chat and on the console alike, the first answer counts, the last one certifies."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import httpx
import pytest
import sqlalchemy as sa

from api import qr
from api.main import create_app
from api.tables import Certificate
from bot.flow import Choose
from knowledge import cards
from knowledge.search import PERSON_TOPIC, TOPICS
from tests import console_app
from tests.desk_room import Room, opened
from tests.service import BAY, CHAT, DAY, LAN, LOG, MEMBER, TAM

CERTIFICATE = Certificate.__table__
COURSE = "hoc-huong-dan-vien"
TU = 2001


@pytest.fixture
def room(tmp_path: Path, database_url: str) -> Iterator[Room]:
    with opened(tmp_path, database_url) as one:
        one.act(lambda c: c.execute(MEMBER.update().where(MEMBER.c.id == BAY).values(role="lead")))
        yield one


def asked(room: Room) -> list[Choose]:
    return [step for step in room.house.shelf.library.flows[COURSE].steps.values() if isinstance(step, Choose)]


def wrong(step: Choose) -> str:
    return next(one.label for one in step.options if one.label != step.right)


def certificates(room: Room) -> list[tuple[int, int, int, bool]]:
    rows = room.rows(sa.select(CERTIFICATE).order_by(CERTIFICATE.c.member_id))
    return [(row["member_id"], row["score"], row["questions"], row["passed_at"] is not None) for row in rows]


def test_learned_in_their_chat(room: Room) -> None:
    room.says(CHAT[LAN], "/hoc")
    first, *rest = asked(room)
    room.press(CHAT[LAN], wrong(first))
    assert room.last(CHAT[LAN]).startswith(f"Chưa đúng. {first.because}")
    assert certificates(room) == [(LAN, 0, 9, False)]
    room.press(CHAT[LAN], first.right)
    for step in rest:
        room.press(CHAT[LAN], step.right)
    assert certificates(room) == [(LAN, 8, 9, True)]
    passed = room.rows(sa.select(LOG.c.member_id, LOG.c.flow, LOG.c.detail).where(LOG.c.kind == "course_passed"))
    assert [tuple(row.values()) for row in passed] == [(LAN, COURSE, "8/9")]
    room.says(CHAT[LAN], "/hoc")  # once more, and worse: what was earned stays
    room.press(CHAT[LAN], wrong(first))
    assert certificates(room) == [(LAN, 8, 9, True)]


def test_with_a_case_in_hand_the_buttons_still_answer(room: Room) -> None:
    room.hands_off(TU)
    room.press(CHAT[LAN], "Nhận")
    room.says(CHAT[LAN], "/hoc")
    room.press(CHAT[LAN], asked(room)[0].right)
    assert certificates(room) == [(LAN, 1, 9, False)]
    assert asked(room)[0].right not in " ".join(room.texts(TU))


def test_a_resident_finds_no_course(room: Room) -> None:
    room.says(TU, f"/start {COURSE}")
    room.says(TU, "/hoc")
    assert "Bài 1/4" not in " ".join(room.texts(TU))
    assert certificates(room) == []


def test_what_is_no_course_s_number(room: Room) -> None:
    room.says(CHAT[LAN], "/hoc " + "9" * 5000)
    assert room.last(CHAT[LAN]).startswith("/hoc 1: ")
    room.says(CHAT[LAN], "/hoc ²")  # as without a number
    assert asked(room)[0].text in room.last(CHAT[LAN])


async def test_begun_in_the_chat_and_ended_on_the_console(room: Room) -> None:
    room.says(CHAT[LAN], "/hoc")
    first, second, *_ = asked(room)
    room.press(CHAT[LAN], first.right)
    app = create_app(room.house)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://desk.test") as lan:
        await lan.post(await room.house.store.write(lambda c: console_app.sign_in(c, LAN, DAY)))
        assert "Đang học: 1/9 câu" in (await lan.get("/team/courses")).text
        page = (await lan.get(f"/team/courses/{COURSE}")).text
        assert f"Câu 2/9. {second.text}" in page
        answer = await lan.post(f"/team/courses/{COURSE}", data={"question": second.id, "option": wrong(second)})
        page = (await lan.get(answer.headers["location"])).text
        assert f"Chưa đúng. {second.because}" in page
        await lan.post(f"/team/courses/{COURSE}", data={"question": second.id, "option": "không có câu này"})
        for step in asked(room)[1:]:
            await lan.post(f"/team/courses/{COURSE}", data={"question": step.id, "option": step.right})
        assert certificates(room) == [(LAN, 8, 9, True)]
        assert "Chứng nhận học xong" in (await lan.get(f"/team/courses/{COURSE}")).text
        assert (await lan.get("/team/courses/gap-nguoi")).status_code == 404
    for member, sees in ((BAY, True), (TAM, False)):
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://desk.test") as desk:
            await desk.post(await room.house.store.write(partial(console_app.sign_in, member_id=member, now=DAY)))
            assert ("Nguyễn chị Lan" in (await desk.get("/team/courses")).text) is sees


async def test_a_pocket_card_for_every_topic(room: Room) -> None:
    shelf = cards.load(Path(cards.__file__).parent / "cards.yaml", room.house.shelf.library.scams.links)
    assert set(shelf) == set(TOPICS) - {PERSON_TOPIC}
    app = create_app(room.house)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://desk.test") as lan:
        assert (await lan.get("/team/the-bo-tui")).status_code == 303  # members alone
        await lan.post(await room.house.store.write(lambda c: console_app.sign_in(c, LAN, DAY)))
        for card in shelf.values():
            page = await lan.get(f"/team/the-bo-tui/{card.topic}")
            assert page.status_code == 200
            assert "Không bao giờ:" in page.text
            if card.address:
                wide, dots = qr.squares(f"https://{card.address}")
                assert f'viewBox="0 0 {wide} {wide}"' in page.text
                assert dots in page.text
                assert f"<strong>{card.address}</strong>" in page.text
            else:
                assert "Mã QR" not in page.text
        assert (await lan.get("/team/the-bo-tui/khong-co")).status_code == 404
