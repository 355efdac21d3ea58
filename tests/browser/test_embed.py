"""The chat on another site's page: "localhost" frames "127.0.0.1", two sites to a browser that keeps cookies apart."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import axe_core_python
import pytest
from playwright.sync_api import Browser, FrameLocator, Page, expect

from api.main import build, create_app
from api.settings import Settings
from bot.model import Reply
from tests.browser.conftest import Served, free_port, listen

pytestmark = pytest.mark.browser

AXE = Path(axe_core_python.__file__).parent / "axe.min.js"
PHONE, DESK = {"width": 390, "height": 740}, {"width": 1280, "height": 800}
HTML = """<!doctype html><html lang="vi"><head><meta charset="utf-8"><title>Xã Mỹ An Hưng</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>button {{ background: red; border-radius: 0 }} p, h1 {{ font: italic 20px serif; color: #222 }}</style></head>
<body><main><h1>Uỷ ban nhân dân xã Mỹ An Hưng</h1><p>Lịch tiếp dân: thứ Ba, thứ Năm.</p>
<button type="button" id="theirs">Tra cứu hồ sơ</button></main>
<script src="{url}/embed.js" defer></script></body></html>"""


@dataclass(frozen=True, slots=True)
class Sites:
    """The service, and one page under two names: only the first is in GOCUA_CHAT_ORIGINS."""

    served: Served
    allowed: str
    stranger: str


@pytest.fixture(scope="module")
def sites(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sites]:
    folder, port, theirs = tmp_path_factory.mktemp("embed"), free_port(), free_port()
    allowed = f"http://localhost:{theirs}"
    given = {"database_url": f"sqlite:///{folder}/gocua.db", "chat_origins": allowed}
    house = build(Settings(_env_file=None, **given))  # type: ignore[arg-type]
    served = listen(create_app(house), house, port)
    html = HTML.format(url=served.url).encode()

    class Commune(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.end_headers()
            self.wfile.write(html)

        def log_message(self, *_: object) -> None:
            pass

    site = ThreadingHTTPServer(("127.0.0.1", theirs), Commune)
    threading.Thread(target=site.serve_forever, daemon=True).start()
    yield Sites(served, allowed, f"http://127.0.0.1:{theirs}")
    site.shutdown()
    site.server_close()
    served.stop()


def visit(browser: Browser, url: str, screen: dict[str, int]) -> Page:
    # The page's own policy is past only axe, which is put into the frame as well.
    context = browser.new_context(viewport=screen, locale="vi-VN", bypass_csp=False)  # type: ignore[arg-type]
    context.set_default_timeout(8000)
    page = context.new_page()
    page.goto(url)
    return page


def chat(page: Page) -> FrameLocator:
    return page.frame_locator("gocua-chat iframe")


def begin(page: Page) -> FrameLocator:
    page.get_by_role("button", name="Nhắn Tổ công nghệ số").click()
    frame = chat(page)
    frame.get_by_role("button", name="Bắt đầu").click()
    expect(frame.locator("[data-out]")).to_have_count(1)
    return frame


def key_of(page: Page) -> str:
    [cookie] = page.context.cookies()
    assert cookie["name"] == "gocua_resident_framed"
    return "web:" + cookie["value"].rsplit(".", 1)[0]


def test_a_talk_in_the_frame_is_there_again_on_the_next_page(sites: Sites, chromium: Browser) -> None:
    page = visit(chromium, sites.allowed, DESK)
    frame = begin(page)
    frame.get_by_label("Bác nhắn gì cho con").fill("cảm ơn con")
    frame.get_by_role("button", name="Gửi", exact=True).click()
    expect(frame.locator("[data-out]")).to_have_count(2)
    page.goto(sites.allowed + "/trang-khac")
    expect(chat(page).locator("[data-out]")).to_have_count(2)  # it was open, so it is again
    expect(page.locator("gocua-chat dialog")).to_be_visible()
    assert page.evaluate("document.activeElement.localName") == "body"
    assert [row["body"]["text"] for row in sites.served.heard(key_of(page))] == ["/start", "cảm ơn con"]
    page.get_by_role("button", name="Đóng").click()
    page.reload()
    expect(page.get_by_role("button", name="Nhắn Tổ công nghệ số")).to_be_visible()
    expect(page.locator("gocua-chat dialog")).to_be_hidden()
    page.context.close()


def test_the_cookie_is_kept_apart_for_each_site(sites: Sites, chromium: Browser) -> None:
    """Outside the frame nobody is known by it: no site follows a resident to another."""
    page = visit(chromium, sites.allowed, DESK)
    begin(page)
    [cookie] = page.context.cookies()
    assert (cookie["sameSite"], cookie["secure"], cookie["httpOnly"]) == ("None", True, True)
    assert cookie.get("partitionKey") or cookie.get("_crHasCrossSiteAncestor")
    page.goto(sites.served.url)
    expect(page.get_by_role("button", name="Bắt đầu")).to_be_visible()
    page.context.close()


def test_a_page_that_is_not_allowed_shows_a_link(sites: Sites, chromium: Browser) -> None:
    page = visit(chromium, sites.stranger, DESK)
    link = page.get_by_role("link", name="Nhắn Tổ công nghệ số")
    expect(link).to_have_attribute("href", sites.served.url + "/")
    assert page.locator("iframe").count() == 0
    page.context.close()


def test_a_frame_put_there_by_hand_stays_empty(sites: Sites, chromium: Browser) -> None:
    """It is the browser that keeps the frame away, not our script; and the page itself is framed by nobody."""
    put = """(url) => new Promise((loaded) => {
        const frame = document.createElement("iframe");
        frame.onload = loaded;
        frame.src = url;
        document.body.append(frame);
    }).then(() => null)"""
    for site, path, is_shown in (
        (sites.allowed, "/embed", True), (sites.stranger, "/embed", False), (sites.allowed, "/", False)
    ):  # fmt: skip
        page = visit(chromium, site, DESK)
        page.evaluate(put, sites.served.url + path)
        [inside] = [one for one in page.frames if one is not page.main_frame]
        assert inside.locator("form").count() == is_shown
        page.context.close()


def test_by_keyboard_alone(sites: Sites, chromium: Browser) -> None:
    page = visit(chromium, sites.allowed, DESK)
    button = page.get_by_role("button", name="Nhắn Tổ công nghệ số")
    expect(button).to_be_visible()
    page.keyboard.press("Tab")
    expect(page.locator("#theirs")).to_be_focused()
    page.keyboard.press("Tab")
    expect(button).to_be_focused()
    page.keyboard.press("Enter")
    expect(chat(page).get_by_role("button", name="Bắt đầu")).to_be_visible()
    [inside] = [one for one in page.frames if one is not page.main_frame]
    inside.wait_for_load_state("load")  # its script hears keys from then on, and it has the focus
    inside.wait_for_function("document.hasFocus()")
    page.keyboard.press("Tab")
    expect(chat(page).get_by_role("button", name="Bắt đầu")).to_be_focused()
    page.keyboard.press("Enter")
    expect(chat(page).locator("[data-out]")).to_have_count(1)
    page.keyboard.press("Escape")  # pressed inside the frame
    expect(page.locator("gocua-chat dialog")).to_be_hidden()
    expect(button).to_be_focused()
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Đóng").focus()
    page.keyboard.press("Escape")  # and outside it
    expect(page.locator("gocua-chat dialog")).to_be_hidden()
    page.context.close()


def test_news_while_it_is_closed_are_marked(sites: Sites, chromium: Browser) -> None:
    page = visit(chromium, sites.allowed, DESK)
    begin(page)
    page.get_by_role("button", name="Đóng").click()
    sites.served.say(key_of(page), Reply(text="chị Lan: Dạ con chào bác.", author="member", notice=True))
    page.get_by_role("button", name="Nhắn Tổ công nghệ số, có tin mới").click()
    expect(chat(page).get_by_text("chị Lan: Dạ con chào bác.")).to_be_visible()
    page.get_by_role("button", name="Đóng").click()
    expect(page.get_by_role("button", name="Nhắn Tổ công nghệ số", exact=True)).to_be_visible()
    page.context.close()


def test_on_a_phone_it_fills_the_screen_and_the_page_is_out_of_reach(sites: Sites, chromium: Browser) -> None:
    page = visit(chromium, sites.allowed, PHONE)
    begin(page)
    box = page.locator("gocua-chat dialog").bounding_box()
    assert box == {"x": 0, "y": 0, **PHONE}
    assert page.evaluate("document.querySelector('gocua-chat').shadowRoot.querySelector('dialog').matches(':modal')")
    page.context.close()


@pytest.mark.parametrize("screen", [PHONE, DESK], ids=["phone", "desk"])
def test_the_pages_own_look_is_left_alone(sites: Sites, chromium: Browser, screen: dict[str, int]) -> None:
    look = """() => [...document.querySelectorAll("html, body, main, h1, p, #theirs")].map((one) =>
        JSON.stringify([one.getBoundingClientRect(), Object.values(getComputedStyle(one)).join()]))"""
    page = visit(chromium, sites.allowed, screen)
    page.route("**/embed.js", lambda route: route.abort())
    page.reload()
    before = page.evaluate(look)
    page.unroute("**/embed.js")
    page.reload()
    button = page.get_by_role("button", name="Nhắn Tổ công nghệ số")
    assert button.evaluate("one => getComputedStyle(one).backgroundColor") == "rgb(11, 83, 69)"
    button.click()
    expect(chat(page).get_by_role("button", name="Bắt đầu")).to_be_visible()
    assert page.evaluate(look) == before
    page.context.close()


@pytest.mark.parametrize("screen", [PHONE, DESK], ids=["phone", "desk"])
def test_everybody_can_use_it(sites: Sites, chromium: Browser, screen: dict[str, int]) -> None:
    context = chromium.new_context(viewport=screen, bypass_csp=True)  # type: ignore[arg-type]
    page = context.new_page()

    def wrong() -> list[object]:
        found: list[object] = []
        for frame in page.frames:
            frame.add_script_tag(path=AXE)
            # A page made of one frame's content is not judged by rules for whole pages from outside.
            run = frame.evaluate("axe.run(document, {iframes: false})")
            found += [(one["id"], [node["html"] for node in one["nodes"]]) for one in run["violations"]]
        return found

    page.goto(sites.allowed)
    button = page.get_by_role("button", name="Nhắn Tổ công nghệ số")
    expect(button).to_be_visible()
    assert wrong() == []
    begin(page)
    assert wrong() == []
    context.close()


def test_where_no_cookie_is_kept_there_is_a_way_out(sites: Sites, chromium: Browser) -> None:
    page = visit(chromium, sites.allowed, DESK)

    def without_cookie(route: object) -> None:
        answer = route.fetch()  # type: ignore[attr-defined]
        headers = {name: value for name, value in answer.headers.items() if name != "set-cookie"}
        route.fulfill(response=answer, headers=headers)  # type: ignore[attr-defined]

    page.route("**/embed", without_cookie)
    page.get_by_role("button", name="Nhắn Tổ công nghệ số").click()
    out = chat(page).get_by_role("link", name="Mở trang trò chuyện")
    expect(out).to_be_visible()
    expect(out).to_have_attribute("target", "_blank")
    expect(chat(page).get_by_label("Bác nhắn gì cho con")).to_be_hidden()
    page.context.close()
