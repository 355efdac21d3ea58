"""Notices, surveys, courses and cards on a phone: done by touch, everything fits, axe finds nothing."""

import re
from datetime import UTC, datetime
from typing import Any

import pytest
import sqlalchemy as sa
from playwright.sync_api import Page, expect

from api.tables import ConversationRow, Member, Reader
from tests.browser.conftest import Served
from tests.browser.test_console_page import act, assert_fit_for_a_phone, desk, enter
from tests.console_app import HAN, LAN, PHU_LOI, TAM

pytestmark = pytest.mark.browser
__all__ = ["desk"]  # the fixture

_conversation, _reader, _member = (table.__table__ for table in (ConversationRow, Reader, Member))


def residents(connection: sa.Connection) -> None:
    """Two in Phú Lợi: one wants notices, one does not. The lead of the province is there too."""
    now = datetime.now(UTC)
    for chat, wish in (("bac-tu", "yes"), ("bac-nam", "no")):
        state = {"channel": "web", "chat": chat, "notices": wish, "greeted": True}
        talk: dict[str, Any] = {
            "key": f"web:{chat}", "channel": "web", "chat": chat, "state": state, "state_version": 1, "epoch": 0,
            "reachable": True, "name": "", "heard_at": now, "updated_at": now,
        }  # fmt: skip
        connection.execute(_conversation.insert(), talk)
        place = {"conversation": talk["key"], "province": "79", "commune": PHU_LOI, "hamlet": "khu phố 3"}
        connection.execute(_reader.insert(), {**place, "wish": wish, "wished_at": now})
    above = _member.update().where(_member.c.id == HAN).values(role="lead", commune="", province="79")
    connection.execute(above)


def test_a_notice_from_the_form_to_the_resident(desk: Served, phone_page: Page) -> None:
    page = phone_page
    act(desk, residents)
    enter(page, desk, TAM)
    page.get_by_role("link", name="Tin báo").click()
    expect(page.get_by_role("link", name="Viết tin mới")).to_be_visible()
    assert_fit_for_a_phone(page)
    page.get_by_role("link", name="Viết tin mới").click()
    expect(page.get_by_label("Tên tin")).to_be_visible()
    assert_fit_for_a_phone(page)
    page.get_by_label("Tên tin").fill("Lớp VNeID")
    page.get_by_label("Lời nhắn cho bà con").fill("Chiều mai có lớp VNeID ở nhà văn hoá. Bác nhớ đem căn cước nhé.")
    page.get_by_role("button", name="Lưu, coi trước").click()
    expect(page.get_by_role("heading", name="Sẽ tới 1 người")).to_be_visible()
    expect(page.get_by_text("1 người: không muốn nhận tin")).to_be_visible()
    assert_fit_for_a_phone(page)
    page.get_by_role("button", name="Gửi lên duyệt").click()
    expect(page.get_by_text("Đang chờ người phụ trách cấp trên duyệt")).to_be_visible()
    address = page.url.partition("?")[0]

    enter(page, desk, HAN)
    page.goto(address)
    assert_fit_for_a_phone(page)
    page.get_by_role("button", name="Duyệt, cho gửi").click()
    expect(page.get_by_role("status").first).to_contain_text("Đã duyệt")
    assert_fit_for_a_phone(page)


def test_courses_cards_and_surveys(desk: Served, phone_page: Page) -> None:
    page = phone_page
    enter(page, desk, TAM)
    page.get_by_role("link", name="Khảo sát").click()
    page.get_by_role("link", name="Khảo sát kỹ năng số").click()
    expect(page.get_by_role("heading", name="Năm nay Bác bao nhiêu tuổi")).to_be_visible()
    assert_fit_for_a_phone(page)
    enter(page, desk, LAN)
    page.get_by_role("link", name="Học", exact=True).click()
    expect(page.get_by_role("link", name="Bắt đầu học")).to_be_visible()
    assert_fit_for_a_phone(page)
    page.get_by_role("link", name="Bắt đầu học").click()
    expect(page.get_by_role("button", name="Cầm máy bấm giùm cho lẹ")).to_be_visible()
    assert_fit_for_a_phone(page)
    page.get_by_role("button", name="Cầm máy bấm giùm cho lẹ").click()
    expect(page.get_by_role("alert")).to_contain_text("Chưa đúng")
    assert_fit_for_a_phone(page)
    page.get_by_role("button", name="Để bác bấm, chỉ từng bước").click()
    expect(page.get_by_role("status")).to_contain_text("Đúng rồi")
    page.goto(f"{desk.url}/team/the-bo-tui")
    assert_fit_for_a_phone(page)
    page.get_by_role("link", name="Bằng lái xe").click()
    expect(page.get_by_text("Không bao giờ:")).to_be_visible()
    expect(page.get_by_role("img", name="Mã QR mở trang dichvucong.gov.vn")).to_be_visible()
    for topic in ("vneid", "gplx"):  # the longest that have a code
        page.goto(f"{desk.url}/team/the-bo-tui/{topic}")
        sheets = re.findall(rb"/Type\s*/Page\b", page.pdf(prefer_css_page_size=True))
        assert len(sheets) == 1, f"the card {topic} does not fit on A6"
    page.goto(f"{desk.url}/team/the-bo-tui/gplx")
    assert_fit_for_a_phone(page)
