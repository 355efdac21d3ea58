"""The members' and leads' work on cases over HTTP: who may do what, what it changes, what a resident never reads."""

import html
import re
from collections.abc import AsyncIterator, Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from fastapi import FastAPI

from api import cases, casework, crew, desk, turns
from api.cases import Office
from api.house import House
from api.shelf import Shelf
from api.tables import CannedReply, Case, Inbox, Leave, Log, Member, Miss, Offer, Outbox, SignIn, Team, TeamNote, Visit
from bot.handoff import Hours
from bot.library import Folders
from tests import console_app as town
from tests.cast import HOME, NOW
from tests.console_app import HAN, LAN, SAU, TAM, THU_DAU_MOT

_case, _inbox, _log, _member, _note, _offer, _visit, _miss, _outbox, _canned, _leave, _team, _sign_in = (
    table.__table__
    for table in (Case, Inbox, Log, Member, TeamNote, Offer, Visit, Miss, Outbox, CannedReply, Leave, Team, SignIn)
)
FLOW = "vneid-tao-tai-khoan"
SECRET = "bác hay quên, nhờ con trai"
#: in the same commune as LAN and TAM
NAM = 5


@pytest.fixture(scope="module")
def shelf() -> Shelf:
    return Shelf(Folders(), HOME, dict)


@pytest.fixture
async def built(shelf: Shelf, tmp_path: Path, database_url: str) -> AsyncIterator[tuple[FastAPI, House]]:
    app, house = town.build(shelf, tmp_path, NOW, database_url=database_url)
    house.store.start()

    def enter(connection: sa.Connection) -> None:
        row = connection.execute(sa.select(_member).where(_member.c.id == LAN)).mappings().one()
        connection.execute(_member.insert(), {**row, "id": NAM, "name": "Phan Văn Năm", "called": "anh Năm"})
        if connection.dialect.name == "postgresql":  # the town gave out numbers that the sequence knows nothing of
            connection.exec_driver_sql("SELECT setval(pg_get_serial_sequence('member', 'id'), 100)")
        casework.seed_canned(connection)

    await house.store.write(enter)
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
    return await house.store.write(lambda c: town.put_case(c, chat, NOW, **how))


async def rows(house: House, query: Any) -> list[Any]:
    return await house.store.read(lambda c: [tuple(row) for row in c.execute(query)])


async def events(house: House, kind: str) -> list[Any]:
    query = sa.select(_inbox.c.body).where(_inbox.c.body["kind"].as_string() == kind)
    return [body for (body,) in await rows(house, query.order_by(_inbox.c.id))]


def notice(answer: httpx.Response) -> str:
    return answer.headers["location"].partition("notice=")[2].partition("#")[0]


# --- notes and colleagues --------------------------------------------------------------------------------------------


async def test_a_note_is_read_by_the_team_and_never_sent(house: House, phone: Phone) -> None:
    case_id = await put(house, holder=LAN)
    lan, tam, sau = await phone(LAN), await phone(TAM), await phone(SAU)
    assert notice(await lan.post(f"/team/case/{case_id}/note", data={"text": f"{SECRET} 482913 là mã OTP"})) == "noted"
    page = (await tam.get(f"/team/case/{case_id}")).text
    assert SECRET in page
    assert "482913" not in page
    assert "Chỉ tổ thấy" in page
    assert notice(await sau.post(f"/team/case/{case_id}/note", data={"text": "x"})) == "gone"
    assert [row for (row,) in await rows(house, sa.select(_log.c.kind).where(_log.c.kind == "note_written"))]
    assert SECRET not in str(await rows(house, sa.select(_inbox.c.body)))
    assert SECRET not in str(await rows(house, sa.select(_outbox.c.body)))
    assert SECRET not in str(await rows(house, sa.select(_log)))


async def test_a_colleague_reads_and_notes_but_never_speaks(house: House, phone: Phone) -> None:
    case_id = await put(house, holder=LAN)
    lan, nam = await phone(LAN), await phone(NAM)
    assert (await nam.get(f"/team/case/{case_id}")).status_code == 404
    assert notice(await lan.post(f"/team/case/{case_id}/colleague", data={"member": NAM})) == "asked"
    assert "Nhờ mình xem" in (await nam.get("/team")).text
    page = (await nam.get(f"/team/case/{case_id}")).text
    assert "/say" not in page
    assert "Xem số" not in page
    assert notice(await nam.post(f"/team/case/{case_id}/note", data={"text": "gỡ ốp lưng ra"})) == "noted"
    said = await nam.post(f"/team/case/{case_id}/say", data={"text": "chào bác", "id": "a" * 16})
    assert said.status_code == 409
    for act in ("step", "visit", "pass", "phone", "colleague"):
        answer = await nam.post(f"/team/case/{case_id}/{act}", data={"to": "ladder", "member": SAU})
        assert "notice=gone" in answer.headers.get("location", "notice=gone")
    assert await events(house, "CasePassed") == []
    assert "gỡ ốp lưng ra" in (await lan.get(f"/team/case/{case_id}")).text
    assert notice(await lan.post(f"/team/case/{case_id}/colleague", data={"member": NAM, "gone": "1"})) == "let_go"
    assert (await nam.get(f"/team/case/{case_id}")).status_code == 404


async def test_a_colleague_hears_of_it_in_their_own_messenger(house: House, phone: Phone) -> None:
    case_id = await put(house, holder=LAN)
    await house.store.write(
        lambda c: c.execute(_member.update().where(_member.c.id == NAM).values(telegram_chat="777"))
    )
    lan = await phone(LAN)
    for _ in range(2):
        await lan.post(f"/team/case/{case_id}/colleague", data={"member": NAM})
    columns = (_outbox.c.channel, _outbox.c.chat, _outbox.c.case_id, _outbox.c.epoch, _outbox.c.body)
    ((channel, chat, about, epoch, body),) = await rows(house, sa.select(*columns))
    assert (channel, chat, about, epoch) == ("telegram", "777", case_id, None)
    assert body["text"].startswith(f"chị Lan nhờ bạn xem giúp hồ sơ #{case_id}")
    assert "Bác Tư" not in body["text"]


async def test_only_people_nearby_can_be_asked(house: House, phone: Phone) -> None:
    case_id = await put(house, holder=LAN)
    lan = await phone(LAN)
    assert notice(await lan.post(f"/team/case/{case_id}/colleague", data={"member": HAN})) == "choose"
    assert notice(await lan.post(f"/team/case/{case_id}/pass", data={"to": "member", "member": HAN})) == "choose"
    assert await events(house, "CasePassed") == []


async def test_the_second_who_opens_a_case_reads_who_holds_it(house: House, phone: Phone) -> None:
    case_id = await put(house, holder=LAN)
    page = await (await phone(NAM)).get(f"/team/case/{case_id}")
    assert page.status_code == 404
    assert "Chị Lan</strong> đang giữ việc này" in page.text
    assert "Bác Tư" not in page.text
    assert "Lan" not in (await (await phone(HAN)).get(f"/team/case/{case_id}")).text


# --- the bot's steps -------------------------------------------------------------------------------------------------


async def test_the_flow_is_listed_with_the_step_where_they_stood(house: House, phone: Phone) -> None:
    case_id = await put(house, holder=LAN)
    page = (await (await phone(LAN)).get(f"/team/case/{case_id}")).text
    here = re.findall(r'<li value="(\d+)" class="here" aria-current="step">(.*?) <strong>', page)
    assert here == [("1", "Làm VNeID không mất tiền, ai đòi tiền là lừa đảo.")]
    assert len(re.findall(r'<li value="', page)) > 10


async def test_a_step_is_shown_and_the_talk_given_back(house: House, phone: Phone) -> None:
    case_id = await put(house, holder=LAN)
    lan = await phone(LAN)
    assert 'value="viec"' in (await lan.get(f"/team/case/{case_id}/guide")).text
    shown = await lan.post(f"/team/case/{case_id}/step", data={"flow": FLOW, "step": "viec", "how": "show"})
    assert notice(shown) == "shown"
    assert await events(house, "StepShown") == [{"kind": "StepShown", "case": case_id, "flow": FLOW, "step": "viec"}]
    # canh-bao only says something: the bot cannot wait there
    for step in ("canh-bao", "khong-co"):
        back = await lan.post(f"/team/case/{case_id}/step", data={"flow": FLOW, "step": step, "how": "back"})
        assert notice(back) == "no_step"
    back = await lan.post(f"/team/case/{case_id}/step", data={"flow": FLOW, "step": "viec", "how": "back"})
    assert back.headers["location"] == "/team?notice=handed_back"
    assert len(await events(house, "HandedBack")) == 1
    assert await events(house, "CaseClosed") == []
    query = sa.select(_case.c.outcome, _member.c.open_cases).where(_case.c.holder_id == _member.c.id)
    assert await rows(house, query) == [("handed_back", 0)]


# --- to somebody else ------------------------------------------------------------------------------------------------


def office_of(house: House) -> Office:
    return Office(library=house.shelf.library, hours=Hours(), team_chat="")


async def take_turns(house: House) -> None:
    """All events that are there, as the loop would."""
    while (await house.store.write(lambda c: turns.take(c, office_of(house), NOW))).events:
        pass


@pytest.mark.parametrize(
    ("to", "asked"),
    [({"to": "member", "member": NAM}, NAM), ({"to": "team", "team": 1}, None), ({"to": "ladder"}, None)],
)
async def test_a_case_is_passed_on_and_the_resident_hears_who_comes(
    house: House, phone: Phone, to: dict[str, Any], asked: int | None
) -> None:
    case_id = await put(house, holder=LAN)
    lan = await phone(LAN)
    assert "Phan Văn Năm" in (await lan.get(f"/team/case/{case_id}/pass")).text
    gone = await lan.post(f"/team/case/{case_id}/pass", data={**to, "reason": "skill", "text": SECRET})
    assert gone.headers["location"] == "/team?notice=passed"
    assert await rows(house, sa.select(_case.c.holder_id)) == [(None,)]
    assert await rows(house, sa.select(_member.c.open_cases).where(_member.c.id == LAN)) == [(0,)]
    assert len(await events(house, "CasePassed")) == 1
    await take_turns(house)
    offered = await rows(house, sa.select(_offer.c.member_id).where(_offer.c.answered_at.is_(None)))
    assert len(offered) == 1
    assert offered != [(LAN,)]
    assert asked is None or offered == [(asked,)]
    assert await rows(house, sa.select(_note.c.text)) == [(SECRET,)]
    page = (await (await phone(offered[0][0])).get(f"/team/case/{case_id}")).text
    assert "không rành việc này" not in page  # who has not taken it reads the summary alone


async def test_a_lead_moves_a_case_to_a_member_at_once(house: House, phone: Phone) -> None:
    case_id = await put(house, holder=LAN)
    tam = await phone(TAM)
    moved = await tam.post(f"/team/case/{case_id}/pass", data={"to": "member", "member": NAM, "reason": "late"})
    assert notice(moved) == "passed"
    assert await rows(house, sa.select(_case.c.holder_id)) == [(NAM,)]
    hands = sa.select(_member.c.open_cases).where(_member.c.id.in_((LAN, NAM))).order_by(_member.c.id)
    assert await rows(house, hands) == [(0,), (1,)]
    assert len(await events(house, "CaseTaken")) == 1
    history = (await tam.get(f"/team/case/{case_id}")).text
    assert "Chuyển hồ sơ: bác chờ lâu quá" in history


async def test_a_lead_cannot_fill_hands_that_are_full(house: House, phone: Phone) -> None:
    for chat in ("mot", "hai", "ba"):
        await put(house, chat, holder=NAM)
    case_id = await put(house, holder=LAN)
    moved = await (await phone(TAM)).post(f"/team/case/{case_id}/pass", data={"to": "member", "member": NAM})
    assert notice(moved) == "full"
    assert await rows(house, sa.select(_case.c.holder_id).where(_case.c.id == case_id)) == [(LAN,)]


async def test_a_lead_of_another_place_moves_nothing(house: House, phone: Phone) -> None:
    case_id = await put(house, holder=SAU, commune=THU_DAU_MOT)
    tam = await phone(TAM)
    assert (await tam.get(f"/team/case/{case_id}/pass")).status_code == 404
    assert notice(await tam.post(f"/team/case/{case_id}/pass", data={"to": "ladder"})) == "gone"
    assert await rows(house, sa.select(_case.c.holder_id)) == [(SAU,)]


# --- the phone number ------------------------------------------------------------------------------------------------


async def test_a_number_is_shown_on_a_tap_and_that_is_written_down(house: House, phone: Phone) -> None:
    case_id = await put(house, holder=LAN)
    answers = {"so_dien_thoai": "0912345678", "nam_sinh": "1955"}
    await house.store.write(lambda c: c.execute(_case.update().values(answers=answers)))
    lan, nam = await phone(LAN), await phone(NAM)
    page = (await lan.get(f"/team/case/{case_id}")).text
    assert "0912345678" not in page
    assert "••• ••• 678" in page
    tapped = (await lan.post(f"/team/case/{case_id}/phone")).text
    assert 'href="tel:0912345678"' in tapped
    assert "0912345678" not in (await nam.post(f"/team/case/{case_id}/phone")).text
    query = sa.select(_log.c.case_id, _log.c.member_id, _log.c.detail).where(_log.c.kind == "phone_shown")
    assert await rows(house, query) == [(case_id, LAN, "")]
    assert "0912345678" not in (await lan.get(f"/team/case/{case_id}")).text


async def test_a_contact_card_of_their_own_counts_too(house: House, phone: Phone) -> None:
    case_id = await put(house, holder=LAN)

    def card(connection: sa.Connection) -> None:
        town.resident_says(connection, "bac-tu", "", NOW)
        for own, number in ((False, "0900000000"), (True, "0987654321")):
            town.resident_says(connection, "bac-tu", number[-2:], NOW)
            body = {"kind": "Inbound", "contact": {"phone": number, "own": own}}
            newest = sa.select(sa.func.max(_inbox.c.id)).scalar_subquery()
            connection.execute(_inbox.update().where(_inbox.c.id == newest).values(body=body))

    await house.store.write(card)
    assert 'href="tel:0987654321"' in (await (await phone(LAN)).post(f"/team/case/{case_id}/phone")).text


# --- visits ----------------------------------------------------------------------------------------------------------


async def test_visits_stand_in_the_list_of_their_place_by_hamlet_and_day(house: House, phone: Phone) -> None:
    one, two = await put(house, "mot", holder=LAN), await put(house, "hai", holder=LAN, name="Bác Năm")
    lan = await phone(LAN)
    assert notice(await lan.post(f"/team/case/{one}/visit", data={"visit_on": "2026-11-20"})) == "no_day"
    for day in ("2026-11-23", "2026-11-24"):  # a new day replaces the old one
        asked = await lan.post(f"/team/case/{one}/visit", data={"visit_on": day, "place": "hẻm 12, cạnh chùa"})
        assert notice(asked) == "visit_asked"
    await lan.post(f"/team/case/{two}/close", data={"outcome": "visit", "visit_on": "2026-11-24", "place": "nhà số 5"})
    page = (await lan.get("/team/visits")).text
    assert page.count("Khu phố 3, Phường Phú Lợi, Thành phố Hồ Chí Minh<br>ngày 24/11/2026") == 1
    assert "Bác Tư" in page
    assert "nhà số 5" in page
    assert "hẻm 12" not in (await (await phone(SAU)).get("/team/visits")).text
    ((first,), (second,)) = await rows(house, sa.select(_visit.c.id).order_by(_visit.c.id))
    assert notice(await (await phone(SAU)).post(f"/team/visits/{first}", data={"result": "done"})) == "gone"
    assert notice(await lan.post(f"/team/visits/{first}", data={"result": "done"})) == "visit_ended"
    assert notice(await lan.post(f"/team/visits/{second}", data={"result": "missed"})) == "visit_ended"
    assert "Không có nhà nào" in (await lan.get("/team/visits")).text
    results = await rows(house, sa.select(_visit.c.result, _visit.c.done_by).order_by(_visit.c.id))
    assert results == [("done", LAN), ("missed", LAN)]


# --- words kept ready ------------------------------------------------------------------------------------------------


async def test_kept_replies_are_filled_for_the_case(house: House, phone: Phone) -> None:
    case_id = await put(house, holder=LAN)
    lan = await phone(LAN)
    own = {"title": "Của Lan", "text": "Chào {ten} ở {xa}, con bên {to}", "topic": "vneid"}
    assert notice(await lan.post("/team/canned", data=own)) == "kept"
    await lan.post("/team/canned", data={**own, "title": "Việc khác", "topic": "gplx"})
    page = (await lan.get(f"/team/case/{case_id}")).text
    assert "Chào Bác Tư ở phường Phú Lợi, con bên Tổ công nghệ số khu phố 3" in page
    titles = re.findall(r'data-text=".*?">(.*?)</a>', page, re.DOTALL)
    assert titles[0] == "Của Lan"
    assert "Máy không đọc được thẻ" in titles
    assert "Việc khác" not in titles
    ((own_id,),) = await rows(house, sa.select(_canned.c.id).where(_canned.c.title == "Của Lan"))
    put_in = (await lan.get(f"/team/case/{case_id}?ready={own_id}")).text
    assert re.search(r'<textarea id="text".*?>(.*?)</textarea>', put_in, re.DOTALL)[1].startswith("Chào Bác Tư")  # type: ignore[index]
    nam = await phone(NAM)
    assert "Của Lan" not in (await nam.get("/team/canned")).text
    await nam.post(f"/team/canned/{own_id}/drop")
    assert "Của Lan" in (await lan.get("/team/canned")).text
    await lan.post(f"/team/canned/{own_id}/drop")
    assert "Của Lan" not in (await lan.get("/team/canned")).text


async def test_shipped_replies_are_put_in_once(house: House) -> None:
    assert await house.store.write(casework.seed_canned) == 0
    texts = [text for (text,) in await rows(house, sa.select(_canned.c.text).where(_canned.c.owner_id.is_(None)))]
    assert len(texts) > 5
    filled = [casework.filled(text, {"ten": "a", "xa": "b", "to": "c"}) for text in texts]
    assert not any("{" in text for text in filled)


# --- history ---------------------------------------------------------------------------------------------------------


async def test_history_says_when_who_and_why(house: House, phone: Phone) -> None:
    case_id = await put(house)

    def past(connection: sa.Connection) -> None:
        def log(kind: str, minutes: int, **facts: Any) -> None:
            cases.write_log(connection, NOW - timedelta(minutes=minutes), kind, case_id=case_id, **facts)

        log("case_opened", 20, flow=FLOW, step="viec", detail="vneid")
        log("offered", 19, member_id=SAU, detail="near: gần nhất, cách khoảng 4 km")
        log("offer_expired", 14, member_id=SAU)
        log("promised", 13, detail=(NOW + timedelta(hours=2)).isoformat())
        log("warned_missed", 12, detail="2")
        log("reopened", 11)
        log("earthquake", 10)
        desk.take(connection, case_id, LAN, NOW)

    await house.store.write(past)
    page = (await (await phone(LAN)).get(f"/team/case/{case_id}")).text
    history = page[page.index('class="history"') :]
    told = re.findall(r'<li><span class="small">(.*?)</span><br>(.*?)</li>', history, re.DOTALL)
    assert [one[0] for one in told[:3]] == ["08:40 · Bác", "08:41 · Tự động", "08:46 · Tự động"]
    assert told[0][1].startswith("Nhờ người giúp: Tạo tài khoản VNeID, bước 2 trong ")
    assert told[1][1] == "Mời cô Sáu: xã, phường lân cận, gần nhất, cách khoảng 4 km"
    assert told[2][1] == "Chưa thấy cô Sáu bấm nhận: hết giờ mời"
    assert told[3][1] == "Hẹn bác sẽ có câu trả lời trước 11 giờ hôm nay"
    assert told[4] == ("08:48 · Tự động", "Báo trễ hẹn: quá giờ hẹn mà bác chưa được trả lời")
    assert told[5] == ("08:49 · Bác", "Báo chưa xong, hồ sơ mở lại")
    assert told[6][1] == "Ghi nhận: earthquake"
    assert told[7] == ("09:00 · chị Lan", "Nhận hồ sơ")


# --- the lead --------------------------------------------------------------------------------------------------------

PAGES = ("/team/lead", "/team/people", f"/team/people/{LAN}", "/team/misses", "/team/misses.tsv")


@pytest.mark.parametrize("path", PAGES)
async def test_leads_pages_are_for_leads(phone: Phone, path: str) -> None:
    assert (await (await phone(LAN)).get(path)).status_code == 404
    assert (await (await phone(TAM)).get(path)).status_code == 200


async def test_the_board_puts_each_case_where_it_presses_most(house: House, phone: Phone) -> None:
    late, today, waiting, held = [await put(house, chat) for chat in ("mot", "hai", "ba", "bon")]
    await put(house, "nam", commune=THU_DAU_MOT)

    def stand(connection: sa.Connection) -> None:
        def values(case_id: int, **what: Any) -> None:
            connection.execute(_case.update().where(_case.c.id == case_id).values(what))

        values(late, promised_at=NOW - timedelta(minutes=5))
        values(today, promised_at=NOW + timedelta(hours=2), holder_id=LAN, taken_at=NOW)
        values(waiting, promised_at=NOW + timedelta(hours=30))
        values(held, holder_id=NAM, taken_at=NOW)

    await house.store.write(stand)
    page = (await (await phone(TAM)).get("/team/lead")).text
    order = ["Trễ hẹn", f"case/{late}", "Hẹn trả lời hôm nay", f"case/{today}", "chị Lan", "Chưa ai nhận <",
             f"case/{waiting}", "Đang có người giúp", f"case/{held}", "anh Năm", "Người đang trực"]  # fmt: skip
    places = [page.index(one) for one in order]
    assert places == sorted(places)
    assert len(set(re.findall(r"/team/case/(\d+)\"", page))) == 4


async def test_a_lead_invites_by_a_link_that_opens_once(
    built: tuple[FastAPI, House], house: House, phone: Phone
) -> None:
    tam = await phone(TAM)
    given = {"name": "Lý Thị Mai", "called": "chị Mai", "team": "1", "role": "member"}
    page = (await tam.post("/team/people", data=given)).text
    (link,) = re.findall(r'value="http://desk\.test(/team/sign-in/.*?)"', page)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=built[0]), base_url="http://desk.test") as mai:
        assert (await mai.post(link)).headers["location"] == "/team"
        assert "chị Mai" in (await mai.get("/team")).text
    query = sa.select(_member.c.team_id, _member.c.commune, _member.c.role).where(_member.c.name == "Lý Thị Mai")
    assert await rows(house, query) == [(1, town.PHU_LOI, "member")]
    assert "/team/sign-in/" not in (await tam.get("/team/people")).text
    for wrong in ({"team": "99"}, {"role": "king"}, {"name": " "}):
        assert "/team/sign-in/" not in (await tam.post("/team/people", data={**given, **wrong})).text


async def test_a_lead_makes_a_new_link_but_not_for_another_lead(house: House, phone: Phone) -> None:
    tam = await phone(TAM)
    assert "/team/sign-in/" in (await tam.post(f"/team/people/{LAN}/link")).text
    await house.store.write(lambda c: c.execute(_member.update().where(_member.c.id == NAM).values(role="lead")))
    assert "/team/sign-in/" not in (await tam.post(f"/team/people/{NAM}/link")).text
    assert (await tam.post(f"/team/people/{HAN}/link")).status_code == 404


DUTY = {"role": "lead", "post": "teacher", "capacity": "5", "from": "07:30", "to": "23:59", "day": ["0", "6"],
        "skill": ["vneid", "gplx"]}  # fmt: skip


async def test_a_lead_sets_role_skills_and_hours(house: House, phone: Phone) -> None:
    tam = await phone(TAM)
    assert notice(await tam.post(f"/team/people/{LAN}", data=DUTY)) == "saved"
    columns = ("role", "post", "capacity", "duty_from_minute", "duty_to_minute", "duty_days", "skills")
    query = sa.select(*(_member.c[name] for name in columns)).where(_member.c.id == LAN)
    assert await rows(house, query) == [("lead", "teacher", 5, 450, 1440, 65, 5)]
    page = (await tam.get(f"/team/people/{LAN}")).text
    assert re.findall(r'name="day" value="(\d)" checked', page) == ["0", "6"]
    assert re.findall(r'name="skill" value="(.*?)" checked', page) == ["vneid", "gplx"]
    assert 'type="time" value="07:30"' in page
    wrongs: list[dict[str, Any]] = [
        {"day": []}, {"to": "06:00"}, {"capacity": "0"}, {"capacity": "x"}, {"capacity": "²"}, {"role": "king"},
        {"from": ""},
    ]  # fmt: skip
    for wrong in wrongs:
        assert notice(await tam.post(f"/team/people/{LAN}", data={**DUTY, **wrong})) == "choose"
    assert notice(await tam.post(f"/team/people/{TAM}", data={**DUTY, "role": "member"})) == "saved"
    assert (await tam.get("/team/people")).status_code == 200  # still the lead
    for act in ("", "/leave"):
        assert notice(await tam.post(f"/team/people/{HAN}{act}", data=DUTY)) == "choose"


async def test_who_goes_on_leave_hands_their_cases_on(house: House, phone: Phone) -> None:
    case_id = await put(house, holder=LAN)
    tam = await phone(TAM)
    days = {"first": "2026-11-21", "last": "2026-11-25"}
    assert notice(await tam.post(f"/team/people/{LAN}/leave", data={**days, "last": "2026-11-20"})) == "no_day"
    assert notice(await tam.post(f"/team/people/{LAN}/leave", data=days)) == "left"
    assert await rows(house, sa.select(_leave.c.member_id, _leave.c.last_day)) == [(LAN, date(2026, 11, 25))]
    assert await rows(house, sa.select(_case.c.holder_id).where(_case.c.id == case_id)) == [(None,)]
    await take_turns(house)
    offered = await rows(house, sa.select(_offer.c.member_id).where(_offer.c.answered_at.is_(None)))
    assert offered not in ([], [(LAN,)])
    assert "Nghỉ phép tới 25/11/2026" in (await tam.get("/team/people")).text
    assert notice(await tam.post(f"/team/people/{LAN}/leave", data={"end": "2026-11-21"})) == "saved"
    assert await rows(house, sa.select(_leave.c.member_id)) == []


async def test_leave_that_begins_later_hands_on_when_it_begins(house: House, phone: Phone) -> None:
    await put(house, holder=LAN)
    leave = {"first": "2026-11-23", "last": "2026-11-24"}
    await (await phone(TAM)).post(f"/team/people/{LAN}/leave", data=leave)
    assert await rows(house, sa.select(_case.c.holder_id)) == [(LAN,)]
    assert await house.store.write(lambda c: crew.hand_on_leavers(c, NOW)) == 0
    assert await house.store.write(lambda c: crew.hand_on_leavers(c, NOW + timedelta(days=2))) == 1
    assert await rows(house, sa.select(_case.c.holder_id)) == [(None,)]


async def test_misses_are_named_and_taken_home_as_lines(house: House, phone: Phone) -> None:
    def put_misses(connection: sa.Connection) -> None:
        for text, topic in (("mất sim\tlàm\nsao", "2g-4g"), ("trời mưa hoài", ""), ("quên mk vneid", "vneid")):
            connection.execute(_miss.insert(), missed(text, topic))

    await house.store.write(put_misses)
    tam = await phone(TAM)
    page = (await tam.get("/team/misses")).text
    numbers = [int(one) for one in re.findall(r'action="/team/misses/(\d+)"', page)]
    assert len(numbers) == 3
    third, second, first = numbers
    for miss, topic in ((first, "2g-4g"), (second, "out"), (third, "")):
        assert notice(await tam.post(f"/team/misses/{miss}", data={"topic": topic})) == "saved"
    assert notice(await tam.post(f"/team/misses/{first}", data={"topic": "dia-ly"})) == "choose"
    assert "Không còn câu nào chờ" in (await tam.get("/team/misses")).text
    taken = await tam.get("/team/misses.tsv")
    assert taken.text == "2g-4g\tmất sim làm sao\nout\ttrời mưa hoài\n"
    assert taken.headers["content-disposition"].startswith("attachment")


def missed(text: str, topic: str = "", *, commune: str = "", province: str = "") -> dict[str, Any]:
    return {"at": NOW, "why": "missed", "text": text, "topic": topic, "given_topic": "", "conversation": "web:x",
            "commune": commune, "province": province}  # fmt: skip


async def test_a_lead_reads_the_misses_of_their_place_and_of_no_place(house: House, phone: Phone) -> None:
    there = ({"commune": town.PHU_LOI, "province": "79"}, {"commune": town.THU_DAU_MOT, "province": "79"})
    for where in (*there, dict[str, str]()):
        await house.store.write(
            lambda c, where=where: c.execute(_miss.insert(), missed(f"ở {where}", **where)) and None  # type: ignore[misc]
        )
    tam = await phone(TAM)

    async def shown(at: str) -> list[str]:
        page = html.unescape((await tam.get("/team/misses", params={"at": at})).text)
        return re.findall(r'class="words">ở (.*?)</p>', page)

    assert await shown("") == ["{}", str(there[0])]
    assert await shown(town.PHU_LOI) == [str(there[0])]
    assert await shown("-") == ["{}"]
    assert await shown(town.THU_DAU_MOT) == []
    await tam.post("/team/misses/2", data={"topic": "vneid"})
    assert await rows(house, sa.select(_miss.c.id).where(_miss.c.handled_at.is_not(None))) == []
    assert (await tam.post("/team/misses/1", data={"topic": "vneid", "at": town.PHU_LOI})).headers["location"] == (
        f"/team/misses?notice=saved&at={town.PHU_LOI}"
    )
    assert (await tam.get("/team/misses.tsv", params={"at": "-"})).text == ""
    assert (await tam.get("/team/misses.tsv")).text == f"vneid\tở {there[0]}\n"
    # the desk of the province sees all of it, by commune
    await house.store.write(
        lambda c: c.execute(_member.update().where(_member.c.id == TAM).values(commune="")) and None
    )
    assert await shown("") == ["{}", str(there[1])]
    assert await shown(town.THU_DAU_MOT) == [str(there[1])]


# --- erasure ---------------------------------------------------------------------------------------------------------


async def test_erasure_takes_notes_and_addresses(house: House, phone: Phone) -> None:
    case_id = await put(house, holder=LAN)
    other = await put(house, "khac", holder=LAN)
    lan = await phone(LAN)
    for one in (case_id, other):
        await lan.post(f"/team/case/{one}/note", data={"text": SECRET})
        await lan.post(f"/team/case/{one}/visit", data={"visit_on": "2026-11-24", "place": "hẻm 12"})
    await house.store.write(lambda c: casework.forget(c, "web:bac-tu"))
    assert await rows(house, sa.select(_note.c.case_id)) == [(other,)]
    places = await rows(house, sa.select(_visit.c.place).order_by(_visit.c.case_id))
    assert places == [("",), ("hẻm 12",)]
