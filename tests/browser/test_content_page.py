"""The page "Nội dung" in a real browser on a phone: the drawing leads to its steps, nothing hides to the right."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from playwright.sync_api import Page, expect

from api.tables import Log
from tests.browser.conftest import Served
from tests.browser.test_console_page import act, desk, enter, look_at

pytestmark = pytest.mark.browser
__all__ = ["desk"]  # the fixture
FLOW = "vneid-tao-tai-khoan"


def residents_were_there(connection: sa.Connection) -> None:
    steps = {"cai-app": 9, "dang-nhap": 4}
    rows: list[dict[str, Any]] = [
        {"at": datetime.now(UTC) - timedelta(hours=30), "kind": kind, "conversation": f"web:{step}-{number}",
         "flow": FLOW, "step": "" if kind == "flow_started" else step, "detail": ""}
        for step, times in steps.items()
        for number in range(times)
        for kind in ("flow_started", "step_done", "stuck")
    ]  # fmt: skip
    connection.execute(Log.__table__.insert(), rows)


def test_the_content_is_read_on_a_phone(desk: Served, phone_page: Page) -> None:
    page = phone_page
    act(desk, residents_were_there)
    enter(page, desk)
    page.get_by_role("link", name="Nội dung").click()
    expect(page.get_by_role("heading", name="Nội dung")).to_be_visible()
    look_at(page, desk, "/team/content")
    page.get_by_role("link", name="Tạo tài khoản VNeID, bước").first.click()
    expect(page.locator("#cai-app")).to_be_in_viewport()
    look_at(page, desk, f"/team/content/{FLOW}")
    page.locator("svg a").nth(3).click()
    expect(page.locator("ol.drawn > li").nth(3)).to_be_in_viewport()
