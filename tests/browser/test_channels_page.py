"""The page of the channels on a phone: everything fits, is big enough to press, and axe finds nothing."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Served
from tests.browser.test_console_page import assert_fit_for_a_phone, desk, enter
from tests.console_app import TAM

pytestmark = pytest.mark.browser
__all__ = ["desk"]  # the fixture


def test_the_log_of_one_channel_on_a_phone(desk: Served, phone_page: Page) -> None:
    page, log = phone_page, desk.house.channel_log
    refused = b'{"error":-216,"message":"Access token is invalid or expired, please ask the admin of the OA"}'
    log.came("zalo_oa", "user_send_text", "96d3cdf3af150460909", 412, "mac v1")
    log.came("messenger", "message", "", 98, "")
    log.went("zalo_oa", "oa/message/cs", 200, refused, 87)
    log.went("messenger", "me/messages", 0, "ServerDisconnectedError", 30_000)
    page.wait_for_timeout(2500)  # the log's own pace
    enter(page, desk, TAM)
    page.get_by_role("link", name="Các kênh").click()
    expect(page.locator(".wire li")).to_have_count(4)
    assert_fit_for_a_phone(page)
    page.get_by_label("Kênh").select_option("zalo_oa")
    page.get_by_label("Chỉ chỗ lỗi").check()
    page.get_by_role("button", name="Xem", exact=True).click()
    [line] = page.locator(".wire li").all()
    expect(line).to_contain_text("mã -216")
    expect(page.get_by_role("heading", name="Nhật ký: Zalo OA, chỉ chỗ lỗi")).to_be_visible()
