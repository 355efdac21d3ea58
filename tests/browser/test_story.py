"""The whole story in two real browsers: a resident gets stuck, the nearest member answers, nobody reloads anything."""

import asyncio
import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_core_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, expect

from api import auth
from api.main import build, create_app
from api.settings import Settings
from tests.browser.conftest import Served, free_port, listen
from tests.service import DAY, LAN, TOWN, Clock, enter, shared_content

pytestmark = pytest.mark.browser
PHONE: Any = {"width": 390, "height": 844}


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Served]:
    """The service by day, whatever the time is here."""
    with shared_content():
        house = build(Settings(_env_file=None, database_url=f"sqlite:///{tmp_path}/gocua.db"), Clock(DAY))
        with house.store.engine.begin() as connection:
            enter(connection, TOWN, DAY)
        served = listen(create_app(house), house, free_port())
        yield served
        served.stop()


@contextlib.contextmanager
def a_phone(chromium: Browser) -> Iterator[Page]:
    """Cookies of its own; a script error fails the test."""
    context: BrowserContext = chromium.new_context(viewport=PHONE, has_touch=True, is_mobile=True, locale="vi-VN")
    context.set_default_timeout(8000)
    errors: list[str] = []
    context.on("weberror", lambda error: errors.append(str(error.error)))
    yield context.new_page()
    context.close()
    assert errors == []


def link(town: Served, member: int) -> str:
    write = town.house.store.write(lambda c: auth.make_link(c, member, town.house.now(), town.url))
    return asyncio.run_coroutine_threadsafe(write, town.loop).result(10)


def tap(page: Page, label: str) -> None:
    page.locator(".choices").last.get_by_role("button", name=label, exact=True).tap()


def say(page: Page, text: str) -> None:
    page.get_by_label("Bác nhắn gì cho con").fill(text)
    page.get_by_role("button", name="Gửi", exact=True).tap()


def hears(page: Page, words: str) -> None:
    """The newest line to the resident."""
    expect(page.locator("[data-out]").last).to_contain_text(words)


def assert_accessible(page: Page) -> None:
    found = Axe().run(page)
    assert [(one["id"], [node["html"] for node in one["nodes"]]) for one in found["violations"]] == []


def test_from_stuck_to_helped(town: Served, chromium: Browser) -> None:
    with a_phone(chromium) as bac, a_phone(chromium) as lan:
        lan.goto(link(town, LAN))
        lan.get_by_role("button", name="Vào bàn làm việc").tap()
        expect(lan.locator(".offer")).to_have_count(0)

        bac.goto(town.url)
        bac.get_by_role("button", name="Bắt đầu").tap()
        tap(bac, "VNeID, căn cước")
        tap(bac, "Tạo tài khoản VNeID")
        hears(bac, "Làm VNeID không mất tiền")
        tap(bac, "Làm tài khoản mới")
        hears(bac, "VNeID có 2 mức")
        tap(bac, "Mức 1 ở nhà")
        hears(bac, "thẻ căn cước gắn chip")
        tap(bac, "Chưa có, hoặc đã hết hạn")
        hears(bac, "Công an xã")
        tap(bac, "Bị vướng")
        hears(bac, "vướng chuyện gì")
        tap(bac, "Thông tin bị sai")
        hears(bac, "nói ngay với cán bộ")
        tap(bac, "Vẫn chưa được")
        tap(bac, "Gặp người")
        hears(bac, "Bác đồng ý không ạ?")
        tap(bac, "Đồng ý")
        hears(bac, "Bác ở ấp, khu phố nào")
        say(bac, "khu phố 3 phường Phú Lợi")
        tap(bac, "Đúng rồi")
        hears(bac, "cần giúp chuyện gì")
        say(bac, "cán bộ nói phải chờ giấy khai sinh")
        hears(bac, "khu phố 3, phường Phú Lợi")

        expect(lan.locator(".offer")).to_contain_text("VNeID")  # it came by itself
        assert_accessible(lan)
        lan.locator(".offer").get_by_role("link").first.tap()
        summary = lan.locator(".summary")
        for line in ("khu phố 3", "Tạo tài khoản VNeID", "Thông tin bị sai", "giấy khai sinh"):
            expect(summary).to_contain_text(line, ignore_case=True)
        lan.get_by_role("button", name="Nhận", exact=True).tap()
        hears(bac, "chị Lan, Tổ công nghệ số khu phố 3")
        lan.get_by_label("Trả lời bác").fill("Dạ con Lan đây, chiều con ghé coi giấy giúp bác")
        lan.get_by_role("button", name="Gửi", exact=True).tap()
        hears(bac, "Chị Lan: Dạ con Lan đây")  # without a reload
        expect(bac.locator(".line.member").last).to_be_in_viewport()
        say(bac, "cám ơn con, 3 giờ nghen")
        expect(lan.locator(".line.resident").last).to_contain_text("3 giờ nghen")
        assert_accessible(lan)
        assert_accessible(bac)

        words = bac.locator(".words").all_inner_texts()
        assert len([one for one in words if "3 giờ nghen" in one]) == 1
        bac.reload()
        expect(bac.locator(".words")).to_have_text(words)
        lan.reload()
        expect(lan.locator(".own.member")).to_have_count(1)

        lan.get_by_text("Kết thúc việc này").tap()
        lan.get_by_role("button", name="Xong rồi").tap()
        expect(lan.get_by_role("status").first).to_contain_text("Đã khép lại")
        hears(bac, "phần nhờ người của tổ xong rồi")
        tap(bac, "Được rồi, cảm ơn")
        tap(bac, "Làm tiếp")
        hears(bac, "Công an xã")  # the step at which they were stuck


def test_a_used_link_opens_nothing(town: Served, chromium: Browser) -> None:
    with a_phone(chromium) as lan, a_phone(chromium) as thief:
        path = link(town, LAN)
        lan.goto(path)
        lan.get_by_role("button", name="Vào bàn làm việc").tap()
        expect(lan).to_have_url(f"{town.url}/team")
        thief.goto(path)
        expect(thief.get_by_role("heading", level=1).last).to_contain_text("không dùng được nữa")
        thief.goto(f"{town.url}/team")
        expect(thief).to_have_url(f"{town.url}/team/sign-in")
        assert_accessible(thief)
