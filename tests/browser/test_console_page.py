"""The console in a real browser on a phone: taken, answered and closed by touch, live, with and without scripts."""

import asyncio
import os
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from axe_core_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from api import cases, casework, directory
from api import desk as acts
from api.tables import Case, Miss, metadata
from bot.model import Choice, Reply
from tests import console_app as town
from tests.browser.conftest import Served
from tests.console_app import LAN, TAM, THU_DAU_MOT

pytestmark = pytest.mark.browser
PHONE = {"width": 390, "height": 740}


@pytest.fixture
def desk(served: Served) -> Served:
    """The real service with its loops; each test finds its members, and nothing else."""

    def clear(connection: sa.Connection) -> None:
        for table in reversed(metadata.sorted_tables):
            connection.execute(table.delete())
        town.enter_members(connection, datetime.now(UTC))

    served.house.worries.clear()
    act(served, clear)
    return served


def act(desk: Served, work: Any) -> Any:
    """Something happens in the house, and those who wait for it are told."""

    async def do() -> Any:
        result = await desk.house.store.write(work)
        desk.house.news.tell(["turns", "desk"])
        return result

    return asyncio.run_coroutine_threadsafe(do(), desk.loop).result(10)


def enter(page: Page, desk: Served, member: int = LAN) -> None:
    path = act(desk, lambda c: town.sign_in(c, member, datetime.now(UTC)))
    page.goto(desk.url + path)
    page.get_by_role("button", name="Vào bàn làm việc").click()
    expect(page).to_have_url(f"{desk.url}/team")


def put_talk(connection: sa.Connection, chat: str = "bac-tu", **how: Any) -> int:
    now = datetime.now(UTC)
    case_id = town.put_case(connection, chat, now, **how)
    asked = Reply(text="Bác đã có thẻ căn cước gắn chip chưa ạ?",
                  choices=(Choice(id="a", label="Có rồi"), Choice(id="b", label="Chưa có")))  # fmt: skip
    town.they_hear(connection, chat, asked, now - timedelta(minutes=19))
    town.resident_says(connection, chat, "có rồi mà máy báo không hỗ trợ NFC", now - timedelta(minutes=18))
    return case_id


def assert_fit_for_a_phone(page: Page) -> None:
    """Nothing hides to the right, everything to press is big enough, and axe finds nothing."""
    page.wait_for_load_state()
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    small = page.evaluate(
        """[...document.querySelectorAll("a, button, summary, input:not([type=hidden]), textarea, select, label.pick")]
           .filter((one) => one.checkVisibility() && getComputedStyle(one).opacity !== "0")
           .filter((one) => !one.querySelector("img") && !one.closest("label"))
           .filter((one) => one.getBoundingClientRect().height < 48)
           .map((one) => one.outerHTML)"""
    )
    assert small == []
    found = Axe().run(page)
    assert [(one["id"], [node["html"] for node in one["nodes"]]) for one in found["violations"]] == []


def test_a_volunteer_takes_answers_and_closes_by_touch(desk: Served, phone_page: Page) -> None:
    page = phone_page
    enter(page, desk)
    case_id = act(desk, lambda c: put_talk(c, offered_to=LAN))
    card = page.locator(".offer")
    expect(card).to_contain_text("Tạo tài khoản VNeID")  # it came by itself
    expect(page).to_have_title("(1) Bàn làm việc · Gõ Cửa")
    card.get_by_role("button", name="Nhận việc").click()
    expect(page).to_have_url(f"{desk.url}/team/case/{case_id}?notice=taken")
    page.get_by_label("Trả lời bác").fill("Dạ con Lan đây, bác chụp màn hình giúp con")
    page.get_by_role("button", name="Gửi", exact=True).click()
    mine = page.locator(".own.member")
    expect(mine).to_contain_text("bác chụp màn hình")
    expect(mine).to_contain_text("đã gửi")  # the turn took it up, and the page heard
    expect(page.get_by_label("Trả lời bác")).to_have_value("")
    now = datetime.now(UTC)
    act(desk, lambda c: town.resident_says(c, "bac-tu", "để bác chụp", now))
    expect(page.locator(".line.resident").last).to_contain_text("để bác chụp")
    page.get_by_text("Kết thúc việc này").click()
    page.get_by_role("button", name="Xong rồi").click()
    expect(page.get_by_role("status").first).to_contain_text("Đã khép lại")


def test_words_survive_a_bad_network(desk: Served, phone_page: Page) -> None:
    page = phone_page
    enter(page, desk)
    case_id = act(desk, lambda c: put_talk(c, holder=LAN))
    page.goto(f"{desk.url}/team/case/{case_id}")
    page.get_by_label("Trả lời bác").fill("Dạ bác chờ con chút")
    page.context.set_offline(True)
    page.get_by_role("button", name="Gửi", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("Mạng yếu, chưa gửi được")
    expect(page.get_by_label("Trả lời bác")).to_have_value("Dạ bác chờ con chút")
    page.context.set_offline(False)
    page.get_by_role("button", name="Gửi", exact=True).click()
    expect(page.locator(".own.member")).to_have_count(1)
    expect(page.get_by_role("alert")).to_be_hidden()


def test_a_case_closed_meanwhile_does_not_swallow_the_words(desk: Served, phone_page: Page) -> None:
    page = phone_page
    enter(page, desk)
    case_id = act(desk, lambda c: put_talk(c, holder=LAN))
    page.goto(f"{desk.url}/team/case/{case_id}")
    page.get_by_label("Trả lời bác").fill("Dạ bác")
    act(desk, lambda c: acts.close(c, case_id, LAN, "resident_left", "", datetime.now(UTC)))
    expect(page.get_by_role("alert")).to_contain_text("vừa khép lại")
    expect(page.get_by_label("Trả lời bác")).to_have_value("Dạ bác")


def test_everything_works_without_scripts(desk: Served, chromium: Browser) -> None:
    context = chromium.new_context(viewport=PHONE, java_script_enabled=False)  # type: ignore[arg-type]
    page = context.new_page()
    enter(page, desk)
    case_id = act(desk, lambda c: put_talk(c))
    page.reload()
    page.get_by_role("button", name="Nhận việc").click()
    page.get_by_label("Trả lời bác").fill("Dạ con đây bác")
    page.get_by_role("button", name="Gửi", exact=True).click()
    expect(page).to_have_url(f"{desk.url}/team/case/{case_id}#reply")
    expect(page.locator(".own.member")).to_contain_text("Dạ con đây bác")
    page.get_by_text("Kết thúc việc này").click()
    page.get_by_role("button", name="Hẹn đến nhà").click()
    expect(page.get_by_role("status")).to_contain_text("Đã khép lại")
    page.get_by_role("button", name="Nghỉ trực").click()
    expect(page.get_by_role("button", name="Vào trực")).to_be_visible()
    page.get_by_role("button", name="Rời bàn làm việc").click()
    expect(page.get_by_role("heading")).to_contain_text("Mình chưa vào bàn làm việc")
    context.close()


def test_every_page_is_fit_for_a_phone(desk: Served, phone_page: Page) -> None:
    page = phone_page
    page.goto(f"{desk.url}/team/sign-in")
    assert_fit_for_a_phone(page)
    page.goto(desk.url + act(desk, lambda c: town.sign_in(c, LAN, datetime.now(UTC))))
    assert_fit_for_a_phone(page)
    desk.house.worries["telegram"] = "Telegram chưa nối được: bot token không đúng"
    act(desk, lambda c: put_talk(c, "mot", offered_to=LAN))
    held = act(desk, lambda c: put_talk(c, "hai", holder=LAN))
    waiting = act(desk, lambda c: put_talk(c, "ba"))
    act(desk, lambda c: put_talk(c, "bon", commune=THU_DAU_MOT))
    other = act(desk, lambda c: put_talk(c, "nam", holder=TAM))
    page.get_by_role("button", name="Vào bàn làm việc").click()
    paths = ["/team", f"/team/case/{held}", f"/team/case/{waiting}", f"/team/case/{other}"]
    for path in paths:
        page.goto(desk.url + path)
        open_all(page)
        assert_fit_for_a_phone(page)


def test_every_page_beside_the_cases_is_fit_for_a_phone(desk: Served, phone_page: Page) -> None:
    page = phone_page
    case_id = act(desk, lambda c: put_talk(c, holder=LAN))
    act(desk, lambda c: put_beside(c, case_id))
    enter(page, desk, TAM)
    people = ["/team/lead", "/team/people", f"/team/people/{LAN}", "/team/misses", f"/team/case/{case_id}/pass"]
    for path in ("/team", f"/team/case/{case_id}", "/team/visits", "/team/canned", *people):
        look_at(page, desk, path)
    page.context.clear_cookies()
    enter(page, desk, LAN)
    for path in (f"/team/case/{case_id}", f"/team/case/{case_id}/guide", f"/team/case/{case_id}/pass", "/team/leave"):
        look_at(page, desk, path)


def test_work_beside_the_talk_goes_by_touch(desk: Served, phone_page: Page) -> None:
    page = phone_page
    case_id = act(desk, lambda c: put_talk(c, holder=LAN))
    act(desk, lambda c: put_beside(c, case_id))
    enter(page, desk)
    page.goto(f"{desk.url}/team/case/{case_id}")
    page.get_by_text("Câu soạn sẵn").click()
    page.get_by_role("link", name="Xin hình màn hình").click()
    expect(page.get_by_label("Trả lời bác")).to_have_value(re.compile("^Dạ Bác Tư chụp giúp con"))
    page.get_by_text("Hướng dẫn bác đang làm").click()
    page.get_by_role("link", name="Cho bác xem lại").click()
    page.get_by_label("2. Bác cần việc nào ạ?").check()
    page.get_by_role("button", name="Gửi bước này").click()
    expect(page.get_by_role("status").first).to_contain_text("Đã gửi bước đó")
    page.get_by_label("Ghi cho tổ").fill("Con trai bác cuối tuần về")
    page.get_by_role("button", name="Ghi chú, không gửi bác").click()
    expect(page.locator(".notes")).to_contain_text("Con trai bác cuối tuần về")
    page.get_by_role("button", name="Xem số").click()
    expect(page.get_by_role("link", name="0912345678")).to_be_visible()
    page.get_by_text("Nhờ người, chuyển việc").click()
    page.get_by_role("link", name="Chuyển cho người khác").click()
    page.get_by_role("button", name="Chuyển", exact=True).click()
    expect(page.get_by_role("status").first).to_contain_text("Đã chuyển")


def test_the_console_can_be_installed_and_woken(desk: Served, phone_page: Page) -> None:
    page = phone_page
    enter(page, desk)
    expect(page.locator("#wake")).to_be_visible()  # the worker is registered, and this browser knows push
    scope = page.evaluate("navigator.serviceWorker.ready.then((worker) => worker.scope)")
    assert scope == f"{desk.url}/team"


def put_beside(connection: sa.Connection, case_id: int) -> None:
    """A case with everything beside it: notes, a colleague, a visit, a phone number, misses to name."""
    now = datetime.now(UTC)
    case = Case.__table__
    connection.execute(case.update().where(case.c.id == case_id).values(answers={"so_dien_thoai": "0912345678"}))
    casework.seed_canned(connection)
    casework.write_note(connection, case_id, LAN, "Bác hay quên, nhắn ngắn thôi. Con trai bác là Hùng.", now)
    casework.ask_colleague(connection, case_id, LAN, TAM, now)
    row = cases.find(connection, case_id)
    assert row is not None
    casework.ask_visit(connection, row, "2026-11-24", "Hẻm 12, nhà cạnh chùa", LAN, now)
    late = put_talk(connection, "tre", holder=TAM)
    connection.execute(case.update().where(case.c.id == late).values(promised_at=now - timedelta(minutes=9)))
    put_talk(connection, "cho")
    directory.give_leave(connection, (LAN,), now.date(), now.date() + timedelta(days=2))
    miss = {"at": now, "why": "missed", "text": "mất sim làm sao", "topic": "2g-4g", "given_topic": "",
            "conversation": "web:x"}  # fmt: skip
    connection.execute(Miss.__table__.insert(), miss)


def open_all(page: Page) -> None:
    closed = page.locator("details:not([open]) > summary")
    while closed.count():
        closed.first.click()


def look_at(page: Page, desk: Served, path: str) -> None:
    answer = page.goto(desk.url + path)
    assert answer is not None
    assert answer.status == 200
    open_all(page)
    assert_fit_for_a_phone(page)
    if folder := os.environ.get("GOCUA_SHOTS"):
        page.screenshot(path=f"{folder}/{path.strip('/').replace('/', '-')}.png", full_page=True)
