"""The resident's page in a real browser: a talk by touch and by keyboard, and what happens when the net is bad."""

import io
import re
import struct
from pathlib import Path
from typing import Any

import axe_core_python
import httpx
import pytest
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, FilePayload, Locator, Page, Route, expect

from api.chat.door import COOKIE
from bot.model import Choice, Reply
from tests.browser.conftest import Served, free_port, serve

pytestmark = pytest.mark.browser

AXE = Path(axe_core_python.__file__).parent / "axe.min.js"
MENU = (Choice(id="done", label="Xong rồi"), Choice(id="stuck", label="Bị vướng"))
LOST = "Mất mạng, con đang nối lại…"


def key_of(page: Page) -> str:
    [cookie] = [one for one in page.context.cookies() if one["name"] == COOKIE]
    return "web:" + cookie["value"].rsplit(".", 1)[0]


def say(page: Page, text: str) -> None:
    page.get_by_label("Bác nhắn gì cho con").fill(text)
    page.get_by_role("button", name="Gửi", exact=True).tap()


def own(page: Page) -> Locator:
    return page.locator(".line.own")


def told(page: Page) -> Locator:
    return page.locator("[data-out]")


def greeted(page: Page, served: Served) -> str:
    """Open the page and begin; the talk's key."""
    page.goto(served.url)
    page.get_by_role("button", name="Bắt đầu").tap()
    expect(told(page)).to_have_count(1)
    return key_of(page)


# --- a talk ----------------------------------------------------------------------------------------------------


def test_a_talk_by_touch_is_the_same_after_reload(served: Served, phone_page: Page) -> None:
    page = phone_page
    greeted(page, served)
    expect(page.get_by_text("Dạ chào Bác!", exact=True)).to_have_count(0)
    expect(own(page)).to_have_text([re.compile("Bắt đầu")])
    first = page.locator(".choices button").first
    label = first.inner_text()
    first.tap()
    expect(told(page)).to_have_count(2)
    expect(own(page).nth(1)).to_contain_text(label)
    expect(page.locator(".choices")).to_have_count(1)
    expect(told(page).nth(1).locator(".choices")).to_have_count(1)
    say(page, "quay lại")
    expect(told(page)).to_have_count(3)
    words = page.locator(".words").all_inner_texts()
    buttons = page.locator(".choices button").all_inner_texts()
    page.reload()
    assert page.locator(".words").all_inner_texts() == words
    assert page.locator(".choices button").all_inner_texts() == buttons


def test_a_talk_by_keyboard(served: Served, phone_page: Page) -> None:
    page = phone_page
    page.goto(served.url)
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Bắt đầu")).to_be_focused()
    page.keyboard.press("Enter")
    expect(told(page)).to_have_count(1)
    expect(page.get_by_label("Bác nhắn gì cho con")).to_be_focused()
    page.keyboard.type("cảm ơn con")
    page.keyboard.press("Shift+Enter")
    page.keyboard.press("Enter")
    expect(own(page).nth(1)).to_contain_text("cảm ơn con")
    expect(told(page)).to_have_count(2)
    expect(page.get_by_label("Bác nhắn gì cho con")).to_have_value("")


def test_a_persons_words_look_different(served: Served, phone_page: Page) -> None:
    key = greeted(phone_page, served)
    served.say(key, Reply(text="chị Lan: Dạ con chào bác.", author="member", notice=True))
    line = phone_page.locator(".line.member")
    expect(line).to_contain_text("Người của tổ")
    expect(line).to_be_in_viewport()
    bot = told(phone_page).first.locator(".bubble")
    ground = "one => getComputedStyle(one).backgroundColor"
    assert line.locator(".bubble").evaluate(ground) != bot.evaluate(ground)


def test_markup_in_words_stays_words(served: Served, phone_page: Page) -> None:
    key = greeted(phone_page, served)
    say(phone_page, "<img src=x onerror=alert(1)>")
    served.say(key, Reply(text="<b>đậm</b>"))
    expect(phone_page.get_by_text("<b>đậm</b>")).to_be_visible()
    expect(own(phone_page).nth(1)).to_contain_text("<img src=x")
    assert phone_page.locator("#log img, #log b").count() == 0


def test_someone_is_answering_until_the_answer_comes(served: Served, phone_page: Page) -> None:
    page = phone_page
    page.route("**/chat/stream**", lambda route: route.abort())
    page.goto(served.url)
    page.get_by_role("button", name="Bắt đầu").tap()
    expect(page.get_by_text("Con đang trả lời…")).to_be_visible()
    page.unroute("**/chat/stream**")
    expect(told(page)).to_have_count(1)
    expect(page.get_by_text("Con đang trả lời…")).to_be_hidden()


def test_a_long_answer_is_read_from_its_beginning(served: Served, phone_page: Page) -> None:
    page = phone_page
    key = greeted(page, served)
    say(page, "cảm ơn con")
    expect(told(page)).to_have_count(2)
    served.say(key, Reply(text="Dòng đầu.\n" + "Một dòng nữa.\n" * 60 + "Dòng cuối."))
    expect(told(page)).to_have_count(3)
    expect(own(page).last).to_be_in_viewport()
    more = page.get_by_role("button", name="Còn nữa")
    expect(more).to_be_visible()
    for _ in range(12):
        if more.is_hidden():
            break
        more.tap()
        page.wait_for_timeout(50)
    expect(more).to_be_hidden()


# --- a picture, a place ----------------------------------------------------------------------------------------


def photo(width: int, height: int) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (width, height), "orange").save(out, "JPEG")
    return out.getvalue()


def test_a_photo_is_made_small_sent_and_seen(served: Served, phone_page: Page) -> None:
    page = phone_page
    key = greeted(page, served)
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Gửi hình").tap()
    chooser.value.set_files({"name": "hinh.jpg", "mimeType": "image/jpeg", "buffer": photo(4000, 3000)})
    expect(own(page).nth(1).locator(".fate")).to_have_text("đã gửi")
    page.reload()
    image = own(page).nth(1).locator("img")
    expect(image).to_have_js_property("complete", True)
    assert image.evaluate("one => [one.naturalWidth, one.naturalHeight]") == [1600, 1200]
    assert [row["body"].get("attachments", [{}])[0].get("kind") for row in served.heard(key)] == [None, "photo"]


def test_what_is_no_photo_is_said_so(served: Served, phone_page: Page) -> None:
    greeted(phone_page, served)
    broken: FilePayload = {"name": "hinh.jpg", "mimeType": "image/jpeg", "buffer": b"\xff\xd8" + struct.pack(">H", 7)}
    phone_page.locator("#file").set_input_files(broken)
    expect(own(phone_page).nth(1)).to_contain_text("Dạ con không mở được hình này.")


def test_a_place_is_sent_only_when_pressed(served: Served, phone: BrowserContext, phone_page: Page) -> None:
    phone.grant_permissions(["geolocation"])
    phone.set_geolocation({"latitude": 10.98, "longitude": 106.65})
    key = greeted(phone_page, served)
    served.say(key, Reply(text="Bác ở xã nào ạ?", ask="location"))
    phone_page.get_by_role("button", name="Gửi vị trí").tap()
    expect(own(phone_page).nth(1)).to_contain_text("(vị trí)")
    expect(own(phone_page).nth(1).locator(".fate")).to_have_text("đã gửi")
    assert served.heard(key)[1]["provider_id"] == own(phone_page).nth(1).get_attribute("data-provider")


def test_a_place_that_cannot_be_had_can_be_typed(served: Served, phone_page: Page) -> None:
    key = greeted(phone_page, served)
    served.say(key, Reply(text="Bác ở xã nào ạ?", ask="location"))
    phone_page.get_by_role("button", name="Gửi vị trí").tap()
    expect(phone_page.get_by_role("alert")).to_contain_text("Bác gõ tên ấp, tên xã")
    assert len(served.heard(key)) == 1


# --- a bad net: nothing lost, nothing twice --------------------------------------------------------------------


def test_words_typed_without_net_go_out_when_it_is_back(
    served: Served, phone: BrowserContext, phone_page: Page
) -> None:
    page = phone_page
    key = greeted(page, served)
    phone.set_offline(True)
    say(page, "còn đó không con")
    say(page, "cảm ơn con")
    expect(page.get_by_text(LOST)).to_be_visible()
    expect(own(page).nth(2)).to_contain_text("đang gửi…")
    phone.set_offline(False)
    expect(page.get_by_text(LOST)).to_be_hidden()
    expect(page.get_by_text("đang gửi…")).to_have_count(0)
    expect(told(page)).to_have_count(3)
    assert [row["body"]["text"] for row in served.heard(key)] == ["/start", "còn đó không con", "cảm ơn con"]


def test_an_answer_lost_on_the_way_stores_nothing_twice(served: Served, phone_page: Page) -> None:
    page, tries = phone_page, list[str]()

    def store_but_lose_the_answer(route: Route) -> None:
        tries.append((route.request.post_data_json or {})["id"])
        route.fetch()
        if len(tries) < 3:
            route.abort()
        else:
            route.fallback()

    key = greeted(page, served)
    page.route("**/chat/say", store_but_lose_the_answer)
    say(page, "cảm ơn con")
    expect(own(page).nth(1).locator(".fate")).to_have_text("đã gửi", timeout=15000)
    expect(told(page)).to_have_count(2)
    assert len(set(tries)) == 1
    assert len(served.heard(key)) == 2


@pytest.mark.parametrize("stored", [True, False])
def test_unsent_words_live_through_a_reload(served: Served, phone_page: Page, stored: bool) -> None:
    """Whether the server had them already or not: they are shown once and stored once."""
    page = phone_page

    def lose(route: Route) -> None:
        if stored:
            route.fetch()
        route.abort()

    key = greeted(page, served)
    page.route("**/chat/say", lose)
    say(page, "cảm ơn con")
    expect(own(page).nth(1)).to_contain_text("đang gửi…")
    if stored:
        expect(told(page)).to_have_count(2)
    page.unroute("**/chat/say")
    page.reload()
    expect(own(page)).to_have_count(2)
    expect(page.get_by_text("đang gửi…")).to_have_count(0)
    expect(told(page)).to_have_count(2)
    assert [row["body"]["text"] for row in served.heard(key)] == ["/start", "cảm ơn con"]
    assert page.evaluate("Object.keys(localStorage)") == []


def test_an_unsent_photo_lives_through_a_reload(served: Served, phone_page: Page) -> None:
    page = phone_page
    key = greeted(page, served)
    page.route("**/chat/photo", lambda route: route.abort())
    page.locator("#file").set_input_files({"name": "a.jpg", "mimeType": "image/jpeg", "buffer": photo(400, 300)})
    expect(own(page).nth(1)).to_contain_text("đang gửi…")
    page.unroute("**/chat/photo")
    page.reload()
    expect(page.get_by_text("đang gửi…")).to_have_count(0)
    expect(own(page)).to_have_count(2)
    assert [len(row["body"].get("attachments", [])) for row in served.heard(key)] == [0, 1]


def test_the_stream_is_taken_up_after_a_restart(tmp_path: Path, phone_page: Page) -> None:
    port, page = free_port(), phone_page
    first = serve(tmp_path, port)
    key = greeted(page, first)
    first.stop()
    say(page, "cảm ơn con")
    expect(page.get_by_text(LOST)).to_be_visible()
    second = serve(tmp_path, port)
    try:
        second.say(key, Reply(text="chị Lan: Con đây bác.", author="member", notice=True))
        expect(page.locator(".line.member")).to_have_count(1, timeout=20000)
        expect(page.get_by_text("đang gửi…")).to_have_count(0, timeout=20000)
        expect(told(page)).to_have_count(3)
        outs = [int(one) for one in told(page).evaluate_all("all => all.map(one => one.dataset.out)")]
        assert outs == sorted(set(outs))
        assert len(second.heard(key)) == 2
    finally:
        second.stop()


def test_the_stream_goes_on_after_the_last_id(served: Served, phone_page: Page) -> None:
    key = greeted(phone_page, served)
    for text in ("Một", "Hai"):
        served.say(key, Reply(text=text))
    expect(told(phone_page)).to_have_count(3)
    [cookie] = phone_page.context.cookies()
    headers = {
        "cookie": f"{COOKIE}={cookie['value']}",
        "last-event-id": str(told(phone_page).nth(1).get_attribute("data-out")),
    }
    with httpx.stream("GET", f"{served.url}/chat/stream?after=0", headers=headers) as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        lines = stream.iter_lines()
        seen = [next(lines) for _ in range(4)]
    assert seen[2] == f"id: {told(phone_page).nth(2).get_attribute('data-out')}"
    assert '"text": "Hai"' in seen[3]


def test_a_lost_cookie_does_not_lose_the_words(served: Served, phone: BrowserContext, phone_page: Page) -> None:
    greeted(phone_page, served)
    phone.clear_cookies()
    say(phone_page, "xin chào")
    expect(own(phone_page).nth(1).locator(".fate")).to_have_text("đã gửi")
    expect(told(phone_page)).to_have_count(2)
    assert [row["body"]["text"] for row in served.heard(key_of(phone_page))] == ["xin chào"]


# --- for everybody ---------------------------------------------------------------------------------------------


def accessible(page: Page) -> list[Any]:
    """What axe finds wrong; it is put in past the page's own policy."""
    page.add_script_tag(path=AXE)
    found: dict[str, list[dict[str, Any]]] = page.evaluate("axe.run()")
    return [(one["id"], [node["html"] for node in one["nodes"]]) for one in found["violations"]]


def test_everybody_can_read_and_press_it(served: Served, chromium: Browser) -> None:
    context = chromium.new_context(viewport={"width": 320, "height": 640}, has_touch=True, bypass_csp=True)
    page = context.new_page()
    page.goto(served.url)
    assert accessible(page) == []
    key = greeted(page, served)
    served.say(key, Reply(text="chị Lan: Dạ.", author="member", choices=MENU, menu=99, ask="location"))
    expect(page.get_by_role("button", name="Gửi vị trí")).to_be_visible()
    page.route("**/chat/say", lambda route: route.abort())
    say(page, "con ơi")
    expect(page.get_by_text("đang gửi…")).to_be_visible()
    assert accessible(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") == 320
    small = """() => [...document.querySelectorAll("button, textarea")].filter((one) => one.offsetParent)
        .filter((one) => one.offsetHeight < 48 || one.offsetWidth < 48).map((one) => one.outerHTML)"""
    assert page.evaluate(small) == []
    tiny = """() => [...document.querySelectorAll("body *")].filter((one) => one.innerText)
        .filter((one) => parseFloat(getComputedStyle(one).fontSize) < 18).map((one) => one.outerHTML)"""
    assert page.evaluate(tiny) == []
    log = page.get_by_role("log")
    expect(log).to_have_attribute("aria-live", "polite")
    context.close()
