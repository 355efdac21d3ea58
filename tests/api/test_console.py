"""The console over HTTP: who sees what, what a press does, and that reading is written down."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from fastapi import FastAPI
from PIL import Image

from api import desk, media
from api.console import routes
from api.fetching import Fetching
from api.files import Files
from api.house import House
from api.news import News
from api.shelf import Shelf
from api.tables import Case, Inbox, Log, Media, Member
from bot.library import Folders
from bot.model import Attachment, Choice, Reply
from tests import console_app as town
from tests.cast import HOME, NOW
from tests.console_app import HAN, LAI_VUNG, LAN, SAU, TAM, THU_DAU_MOT

_case, _inbox, _log, _media, _member = (table.__table__ for table in (Case, Inbox, Log, Media, Member))
TALK = "bấm hoài không thấy nút đăng nhập"
PROBLEM = "máy báo không hỗ trợ NFC"


@pytest.fixture(scope="module")
def shelf() -> Shelf:
    return Shelf(Folders(), HOME, dict)


@pytest.fixture
async def built(shelf: Shelf, tmp_path: Path) -> AsyncIterator[tuple[FastAPI, House]]:
    app, house = town.build(shelf, tmp_path, NOW)
    house.store.start()
    yield app, house
    house.store.stop()


@pytest.fixture
def house(built: tuple[FastAPI, House]) -> House:
    return built[1]


Phone = Callable[[int], Any]


@pytest.fixture
async def phone(built: tuple[FastAPI, House]) -> AsyncIterator[Phone]:
    """Each call is one member's browser, signed in."""
    app, house = built
    opened: list[httpx.AsyncClient] = []

    async def of(member_id: int) -> httpx.AsyncClient:
        client = httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://desk.test")
        opened.append(client)
        await client.post(await house.store.write(lambda c: town.sign_in(c, member_id, NOW)))
        return client

    yield of
    for client in opened:
        await client.aclose()


async def put(house: House, chat: str = "bac-tu", **how: Any) -> int:
    """A case whose resident said TALK five minutes ago."""

    def work(connection: sa.Connection) -> int:
        case_id = town.put_case(connection, chat, NOW, **how)
        town.resident_says(connection, chat, TALK, NOW - timedelta(minutes=5))
        return case_id

    return await house.store.write(work)


async def rows(house: House, query: sa.Select[Any]) -> list[Any]:
    return await house.store.read(lambda c: [tuple(row) for row in c.execute(query)])


def of_kind(kind: str) -> sa.Select[Any]:
    return sa.select(_inbox.c.body).where(_inbox.c.body["kind"].as_string() == kind)


# --- who sees what ---------------------------------------------------------------------------------------------------

SEEN = [
    # member, where the case stands, what they see
    (LAN, {"holder": LAN}, "talk"),
    (LAN, {}, "summary"),
    (SAU, {}, "summary"),
    (HAN, {}, "none"),
    (HAN, {"offered_to": HAN}, "summary"),
    (HAN, {"commune": "", "province": ""}, "none"),
    (TAM, {}, "summary"),
    (TAM, {"holder": LAN}, "talk"),
    (TAM, {"holder": SAU, "commune": THU_DAU_MOT}, "none"),
    (LAN, {"holder": TAM}, "none"),
    (SAU, {"holder": LAN}, "none"),
    (SAU, {"holder": LAN, "offered_to": SAU}, "none"),
]


@pytest.mark.parametrize(("member", "stands", "sees"), SEEN)
async def test_a_member_sees_a_case_as_far_as_it_concerns_them(
    house: House, phone: Phone, member: int, stands: dict[str, Any], sees: str
) -> None:
    case_id = await put(house, **stands)
    client = await phone(member)
    page = await client.get(f"/team/case/{case_id}")
    lines = await client.get(f"/team/case/{case_id}/lines")
    assert page.status_code == (404 if sees == "none" else 200)
    assert (PROBLEM in page.text) is (sees != "none")
    assert (TALK in page.text) is (TALK in lines.text) is (sees == "talk")
    assert ("/say" in page.text) is (stands.get("holder") == member)
    assert (f"case/{case_id}/take" in page.text) is (sees == "summary")


async def test_the_summary_has_five_lines(house: House, phone: Phone) -> None:
    case_id = await put(house, holder=LAN)
    page = (await (await phone(LAN)).get(f"/team/case/{case_id}")).text
    assert re.findall(r"<dt>(.*?)</dt>", page) == ["Ai", "Ở đâu", "Đang làm gì", "Đã trả lời", "Đã thử"]
    told = [re.sub("<.*?>", "", one).strip() for one in re.findall(r"<dd>(.*?)</dd>", page, re.DOTALL)]
    assert told[0] == "Bác Tư, nhắn qua trang web"
    assert told[1] == "Khu phố 3, Phường Phú Lợi, Thành phố Hồ Chí Minh"
    assert told[2].startswith("Tạo tài khoản VNeID, bước 1 trong ")
    assert told[3] == "nam sinh 1955"
    assert told[4] == f"khởi động lại máyBác nói: “{PROBLEM}”"


async def test_each_list_holds_its_own_cases(house: House, phone: Phone) -> None:
    offered = await put(house, "mot", offered_to=LAN)
    mine = await put(house, "hai", holder=LAN)
    near = await put(house, "ba")
    province = await put(house, "bon", commune=THU_DAU_MOT)
    await put(house, "nam", commune=LAI_VUNG, province="82")
    await put(house, "sau", holder=SAU)
    page = (await (await phone(LAN)).get("/team")).text
    order = [int(number) for number in re.findall(r'id="open-(\d+)"', page)]
    assert order == [offered, mine, near, province]
    assert page.index("Lời mời") < page.index("Hồ sơ của tôi") < page.index("Đang chờ gần tôi")
    assert 'data-urgent="2"' in page
    assert TALK not in page
    assert PROBLEM not in page


async def test_who_waits_longest_for_my_answer_comes_first(house: House, phone: Phone) -> None:
    def work(connection: sa.Connection) -> list[int]:
        made = [town.put_case(connection, chat, NOW, holder=LAN, minutes_ago=60) for chat in ("a", "b", "c")]
        answer = Reply(text="Dạ bác", author="member")
        for chat in ("a", "b", "c"):
            town.they_hear(connection, chat, answer, NOW - timedelta(minutes=40))
        town.resident_says(connection, "b", "còn đó không", NOW - timedelta(minutes=3))
        town.resident_says(connection, "c", "alo", NOW - timedelta(minutes=30))
        town.resident_says(connection, "c", "alo alo", NOW - timedelta(minutes=1))
        return made

    a, b, c = await house.store.write(work)
    page = (await (await phone(LAN)).get("/team")).text
    assert [int(number) for number in re.findall(r'id="open-(\d+)"', page)] == [c, b, a]
    assert re.findall(r"Chờ mình trả lời (.*?)</span>", page) == ["30 phút", "3 phút"]


async def test_hands_that_are_full_are_offered_no_button(house: House, phone: Phone) -> None:
    for chat in ("mot", "hai", "ba"):
        await put(house, chat, holder=LAN)
    waiting = await put(house, "bon")
    client = await phone(LAN)
    page = (await client.get("/team")).text
    assert "Mình đang giữ đủ 3 việc" in page
    assert "/take" not in page
    assert (await client.post(f"/team/case/{waiting}/take")).headers["location"] == "/team?notice=lost"


async def test_what_was_said_before_and_after_the_case_is_not_shown(house: House, phone: Phone) -> None:
    def work(connection: sa.Connection) -> int:
        case_id = town.put_case(connection, "bac-tu", NOW, holder=LAN, minutes_ago=60)
        town.resident_says(connection, "bac-tu", "chuyện tuần trước", NOW - timedelta(days=7))
        town.resident_says(connection, "bac-tu", "chuyện hôm nay", NOW - timedelta(minutes=50))
        town.resident_says(connection, "bac-tu", "chuyện sau khi khép", NOW - timedelta(minutes=5))
        connection.execute(_case.update().values(closed_at=NOW - timedelta(minutes=30), outcome="solved"))
        return case_id

    case_id = await house.store.write(work)
    page = (await (await phone(LAN)).get(f"/team/case/{case_id}")).text
    assert "chuyện hôm nay" in page
    assert "chuyện tuần trước" not in page
    assert "chuyện sau khi khép" not in page
    assert "Đã khép lại:</strong> Xong rồi" in page


async def test_a_line_tells_who_spoke_when_and_how_far_it_got(house: House, phone: Phone) -> None:
    def work(connection: sa.Connection) -> int:
        case_id = town.put_case(connection, "bac-tu", NOW, holder=LAN)
        asked = Reply(text="Bác có thẻ chưa?", choices=(Choice(id="a", label="Có rồi"), Choice(id="b", label="Chưa")))
        town.they_hear(connection, "bac-tu", asked, NOW - timedelta(minutes=4))
        town.they_hear(connection, "bac-tu", Reply(text="Con Lan đây", author="member"), NOW - timedelta(minutes=3))
        lost = Reply(text="Bác bấm nút xanh", author="member")
        town.they_hear(connection, "bac-tu", lost, NOW - timedelta(minutes=2), status=4)
        town.resident_says(connection, "bac-tu", "<script>alert(1)</script>", NOW - timedelta(minutes=1))
        return case_id

    case_id = await house.store.write(work)
    page = (await (await phone(LAN)).get(f"/team/case/{case_id}")).text
    assert re.findall(r'class="small who">(\S+) ·', page) == ["Bot", "Tổ", "Tổ", "Bác"]
    assert re.findall(r"<time.*?>(.*?)</time>", page) == ["08:56", "08:57", "08:58", "08:59"]
    assert re.findall(r'class="fate(.*?)">(.*?)<', page) == [("", "đã gửi"), (" bad", "không gửi được")]
    assert "Nút: Có rồi · Chưa" in page
    assert "&lt;script&gt;alert(1)" in page
    assert "<script>" not in page


async def test_both_databases_show_the_same(shelf: Shelf, tmp_path: Path, database_url: str) -> None:
    app, house = town.build(shelf, tmp_path, NOW, database_url=database_url)
    house.store.start()
    offered, held = await put(house, "mot", offered_to=LAN), await put(house, "hai", holder=LAN)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://desk.test") as client:
        await client.post(await house.store.write(lambda c: town.sign_in(c, LAN, NOW)))
        assert re.findall(r'id="open-(\d+)"', (await client.get("/team")).text) == [str(offered), str(held)]
        await client.post(f"/team/case/{held}/say", data={"text": "Dạ bác", "id": "g" * 16})
        page = (await client.get(f"/team/case/{held}")).text
        await client.post("/team/sign-out")
        assert (await client.get("/team")).status_code == 303
    house.store.stop()
    assert page.index(TALK) < page.index("Dạ bác")
    assert re.findall(r"<time.*?>(.*?)</time>", page) == ["08:55", "09:00"]


# --- reading is written down -----------------------------------------------------------------------------------------


async def test_every_opening_is_a_row_of_the_log_without_words(house: House, phone: Phone) -> None:
    held, waiting = await put(house, "mot", holder=LAN), await put(house, "hai")
    client, stranger = await phone(LAN), await phone(HAN)
    for case_id in (held, held, waiting):
        await client.get(f"/team/case/{case_id}")
    await stranger.get(f"/team/case/{held}")
    query = sa.select(_log.c.case_id, _log.c.member_id, _log.c.detail).where(_log.c.kind == "read")
    assert await rows(house, query) == [(held, LAN, "talk"), (held, LAN, "talk"), (waiting, LAN, "summary")]


async def test_the_open_page_counts_as_read_again_only_after_a_while(house: House, phone: Phone) -> None:
    case_id = await put(house, holder=LAN)
    client = await phone(LAN)
    await client.get(f"/team/case/{case_id}/lines")
    await client.get(f"/team/case/{case_id}/lines")
    assert len(await rows(house, sa.select(_log.c.id).where(_log.c.kind == "read"))) == 1
    await house.store.write(lambda c: c.execute(_log.update().values(at=NOW - timedelta(minutes=16))))
    await client.get(f"/team/case/{case_id}/lines")
    assert len(await rows(house, sa.select(_log.c.id).where(_log.c.kind == "read"))) == 2


# --- what a press does -----------------------------------------------------------------------------------------------


async def test_a_case_is_taken_by_one_of_two(house: House, phone: Phone) -> None:
    case_id = await put(house)
    lan, sau = await phone(LAN), await phone(SAU)
    answers = await asyncio.gather(*(one.post(f"/team/case/{case_id}/take") for one in (lan, sau)))
    assert sorted(answer.headers["location"] for answer in answers) == [
        "/team/case/1?notice=taken",
        "/team?notice=lost",
    ]
    assert len(await rows(house, of_kind("CaseTaken"))) == 1


async def test_a_case_out_of_sight_cannot_be_taken(house: House, phone: Phone) -> None:
    case_id = await put(house)
    assert (await (await phone(HAN)).post(f"/team/case/{case_id}/take")).headers["location"] == "/team?notice=lost"
    assert await rows(house, sa.select(_case.c.holder_id)) == [(None,)]


async def test_an_offer_is_declined(house: House, phone: Phone) -> None:
    case_id = await put(house, offered_to=LAN)
    client = await phone(LAN)
    assert (await client.post(f"/team/case/{case_id}/decline")).headers["location"] == "/team?notice=declined"
    assert "Lời mời <" not in (await client.get("/team")).text
    assert len(await rows(house, of_kind("OfferDeclined"))) == 1


async def test_pressing_send_twice_says_it_once(house: House, phone: Phone) -> None:
    case_id = await put(house, holder=LAN)
    client = await phone(LAN)
    for _ in range(2):
        said = await client.post(f"/team/case/{case_id}/say", data={"text": "Dạ bác", "id": "0123456789abcdef"})
        assert said.headers["location"] == f"/team/case/{case_id}#reply"
    assert [body["text"] for (body,) in await rows(house, of_kind("MemberSaid"))] == ["Dạ bác"]
    page = (await client.get(f"/team/case/{case_id}")).text
    assert page.count("Dạ bác") == 1  # on its way, and shown already
    assert "đang gửi" in page


async def test_a_members_words_are_masked_too(house: House, phone: Phone) -> None:
    case_id = await put(house, holder=LAN)
    client = await phone(LAN)
    said = await client.post(f"/team/case/{case_id}/say", data={"text": "mã OTP là 482913 nha bác", "id": "a" * 16})
    assert said.headers["location"].endswith("?notice=masked#reply")
    ((body,),) = await rows(house, of_kind("MemberSaid"))
    assert "482913" not in body["text"]
    assert "máy đã che đi" in (await client.get(f"/team/case/{case_id}?notice=masked")).text


@pytest.mark.parametrize("by_script", [False, True])
@pytest.mark.parametrize(
    ("text", "status", "why"),
    [("   ", 422, "Ô còn trống"), ("a" * 2001, 422, "Lời dài quá"), ("Dạ bác còn đó không", 409, "chưa gửi")],
)
async def test_words_that_cannot_be_sent_stay_in_the_box(
    house: House, phone: Phone, text: str, status: int, why: str, by_script: bool
) -> None:
    case_id = await put(house, holder=LAN)
    client = await phone(LAN)
    if status == 409:
        await client.post(f"/team/case/{case_id}/close", data={"outcome": "solved"})
    headers = {"x-gocua-script": "1"} if by_script else {}
    answer = await client.post(f"/team/case/{case_id}/say", data={"text": text, "id": "b" * 16}, headers=headers)
    assert answer.status_code == status
    assert why in answer.text
    if not by_script:
        assert re.search(r'id="(?:text|kept)".*?>(.*?)</textarea>', answer.text, re.DOTALL)[1] == text  # type: ignore[index]
    assert await rows(house, of_kind("MemberSaid")) == []


async def test_words_to_a_case_of_somebody_else_come_back(house: House, phone: Phone) -> None:
    case_id = await put(house, holder=TAM)
    answer = await (await phone(LAN)).post(f"/team/case/{case_id}/say", data={"text": "Dạ bác", "id": "c" * 16})
    assert answer.status_code == 409
    assert ">Dạ bác</textarea>" in answer.text
    assert TALK not in answer.text
    assert await rows(house, of_kind("MemberSaid")) == []


@pytest.mark.parametrize("outcome", ["solved", "passed_on", "no_answer", "visit"])
async def test_a_case_ends_with_its_outcome(house: House, phone: Phone, outcome: str) -> None:
    case_id = await put(house, holder=LAN)
    client = await phone(LAN)
    form = {"outcome": outcome, "visit_on": "2026-11-22"}
    assert (await client.post(f"/team/case/{case_id}/close", data=form)).headers["location"] == "/team?notice=closed"
    day = "2026-11-22" if outcome == "visit" else ""
    assert await rows(house, sa.select(_case.c.outcome, _case.c.visit_on)) == [(outcome, day)]
    again = await client.post(f"/team/case/{case_id}/close", data=form)
    assert (again.status_code, "đã khép lại trước đó" in again.text) == (409, True)


@pytest.mark.parametrize(
    "form",
    [
        {"outcome": "visit", "visit_on": ""},
        {"outcome": "visit", "visit_on": "2026-11-20"},
        {"outcome": "visit", "visit_on": "mai"},
        {"outcome": "resident_left"},
        {},
    ],
)
async def test_an_end_that_makes_no_sense_is_asked_again(house: House, phone: Phone, form: dict[str, str]) -> None:
    case_id = await put(house, holder=LAN)
    answer = await (await phone(LAN)).post(f"/team/case/{case_id}/close", data=form)
    assert answer.status_code == 422
    assert await rows(house, sa.select(_case.c.closed_at)) == [(None,)]


async def test_duty_is_set_and_not_flipped(house: House, phone: Phone) -> None:
    client = await phone(LAN)
    for on, shown in (("0", "Đang nghỉ"), ("0", "Đang nghỉ"), ("1", "Đang trực")):
        await client.post("/team/duty", data={"on": on})
        assert shown in (await client.get("/team")).text


# --- pictures --------------------------------------------------------------------------------------------------------


def picture() -> bytes:
    out = BytesIO()
    Image.new("RGB", (40, 30), "green").save(out, "JPEG")
    return out.getvalue()


async def test_a_picture_goes_to_the_resident_and_is_seen_by_those_who_may(house: House, phone: Phone) -> None:
    case_id = await put(house, holder=LAN)
    lan, tam, sau = await phone(LAN), await phone(TAM), await phone(SAU)
    sent = await lan.post(
        f"/team/case/{case_id}/photo", data={"id": "d" * 16}, files={"photo": ("a.jpg", picture(), "image/jpeg")}
    )
    assert sent.status_code == 303
    ((body,),) = await rows(house, of_kind("MemberSaid"))
    media_id = body["attachments"][0]["ref"].removeprefix("media:")
    assert f"/team/media/{media_id}" in (await lan.get(f"/team/case/{case_id}")).text
    seen = [await client.get(f"/team/media/{media_id}") for client in (lan, tam, sau)]
    assert [answer.status_code for answer in seen] == [200, 200, 404]
    assert seen[0].headers["content-type"] == "image/jpeg"
    assert seen[0].headers["x-content-type-options"] == "nosniff"


async def test_what_is_no_picture_is_refused(house: House, phone: Phone) -> None:
    case_id = await put(house, holder=LAN)
    answer = await (await phone(LAN)).post(
        f"/team/case/{case_id}/photo", data={"id": "e" * 16}, files={"photo": ("a.jpg", b"MZ", "image/jpeg")}
    )
    assert (answer.status_code, "Không mở được hình này" in answer.text) == (422, True)


async def test_a_picture_of_no_known_length_is_refused(house: House, phone: Phone) -> None:
    case_id, lan = await put(house, holder=LAN), await phone(LAN)
    answer = await lan.post(
        f"/team/case/{case_id}/photo", content=b"", headers=[(b"content-length", "²".encode("latin-1"))]
    )
    assert answer.status_code == 413


async def test_a_picture_for_a_case_of_somebody_else_is_thrown_away(house: House, phone: Phone) -> None:
    case_id = await put(house, holder=TAM)
    answer = await (await phone(LAN)).post(
        f"/team/case/{case_id}/photo", data={"id": "f" * 16}, files={"photo": ("a.jpg", picture(), "image/jpeg")}
    )
    assert answer.status_code == 404
    assert await rows(house, sa.select(_media.c.id)) == []
    assert list(house.media.folder.iterdir()) == []


async def test_another_residents_file_is_only_ever_a_download(house: House, phone: Phone) -> None:
    kept = house.media.keep_as("tep-cua-bac", b"<html>")

    def work(connection: sa.Connection) -> None:
        town.put_case(connection, "bac-tu", NOW, holder=LAN)
        media.insert(connection, kept, "web:bac-tu", NOW)
        file = Attachment(kind="file", ref=f"media:{kept.id}", name="a.html")
        town.resident_says(connection, "bac-tu", "", NOW, (file,))

    await house.store.write(work)
    answer = await (await phone(LAN)).get(f"/team/media/{kept.id}")
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"].startswith("attachment")


async def test_a_telegram_picture_is_fetched_when_a_member_looks(house: House, phone: Phone) -> None:
    asked: list[tuple[str, str]] = []

    class Line:
        async def fetch(self, file_id: str, conversation: str, kind: str, name: str) -> str:
            asked.append((file_id, conversation))
            kept = house.media.keep_as("tg-hinh", picture())
            await house.store.write(lambda c: media.insert(c, kept, conversation, NOW))
            return kept.id

    def work(connection: sa.Connection) -> int:
        case_id = town.put_case(connection, "bac-tu", NOW, holder=LAN)
        town.resident_says(connection, "bac-tu", "", NOW, (Attachment(kind="photo", ref="AgAC-1"),))
        return case_id

    case_id = await house.store.write(work)
    house.line = Line()  # type: ignore[assignment]
    house.files = Files(house, Fetching({}))
    lan, sau = await phone(LAN), await phone(SAU)
    (address,) = re.findall(r'<img src="(.*?)"', (await lan.get(f"/team/case/{case_id}")).text)
    assert [(await one.get(address)).status_code for one in (sau, lan)] == [404, 200]
    assert asked == [("AgAC-1", "web:bac-tu")]
    assert (await lan.get(address + "7")).status_code == 404


# --- the page itself -------------------------------------------------------------------------------------------------


async def test_trouble_of_the_house_is_shown(house: House, phone: Phone) -> None:
    house.worries["telegram"] = "Telegram refuses our token"
    page = (await (await phone(LAN)).get("/team")).text
    assert "Telegram refuses our token" in page


async def test_pages_load_nothing_from_elsewhere_and_run_nothing_inline(house: House, phone: Phone) -> None:
    case_id = await put(house, holder=LAN)
    client = await phone(LAN)
    for path in ("/team", f"/team/case/{case_id}", "/team/sign-in/x"):
        page = await client.get(path)
        assert page.headers["content-security-policy"].startswith("default-src 'self'; ")
        assert page.headers["cache-control"] == "no-store"
        assert not re.search(r"<style|\sstyle=|\son\w+=|javascript:|<script(?! src=)|https?://", page.text)
        for asset in re.findall(r'(?:src|href)="(/[^"]+\.(?:js|css)[^"]*)"', page.text):
            assert (await client.get(asset)).status_code == 200


async def test_a_pulse_says_that_something_changed_and_never_what() -> None:
    news = News()
    pulses = routes.pulses(news, ("desk", "web:bac-tu"), beat_s=0.02)
    assert await anext(pulses) == "retry: 3000\n\n"
    assert await anext(pulses) == ": beat\n\n"
    for topic in ("desk", "web:bac-tu"):
        news.tell([topic])
        assert await anext(pulses) == "event: changed\ndata:\n\n"
    news.tell(["web:ba-khac"])
    assert await anext(pulses) == ": beat\n\n"
    await pulses.aclose()  # type: ignore[attr-defined]


async def test_a_case_closed_by_the_resident_is_told_to_its_holder(house: House, phone: Phone) -> None:
    case_id = await put(house, holder=LAN)
    await house.store.write(lambda c: desk.close(c, case_id, LAN, "resident_left", "", NOW))
    page = (await (await phone(LAN)).get(f"/team/case/{case_id}")).text
    assert "Bác đã quay lại với bot" in page
    assert "/say" not in page
