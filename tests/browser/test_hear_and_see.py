"""A step's picture and its sound on the resident's page, in a real browser."""

import sys
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, Request, expect

from tests.browser.conftest import Served, free_port, serve
from tests.cast import shipped
from tests.fakes import speaker

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def speaking(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("speaking")
    command = f"'{sys.executable}' '{speaker.__file__}' {{out}} '{folder}/said.txt'"
    running = serve(folder, free_port(), speech_command=command)
    yield running
    running.stop()


def say(page: Page, text: str, answers: int) -> None:
    page.get_by_label("Bác nhắn gì cho con").fill(text)
    page.get_by_role("button", name="Gửi", exact=True).tap()
    expect(page.locator("[data-out]")).to_have_count(answers)


def is_sound(request: Request) -> bool:
    return "/chat/speech/" in request.url


def test_a_picture_is_seen_whole_and_said(speaking: Served, phone_page: Page) -> None:
    page = phone_page
    page.goto(speaking.url)
    say(page, "/start vneid-quet-nfc", 1)
    say(page, "samsung", 2)
    picture = page.get_by_alt_text(shipped().pictures["bat-nfc"].says)
    expect(picture).to_be_visible()
    page.wait_for_function("document.querySelector('img.step').complete")
    natural, shown = picture.evaluate("one => [[one.naturalWidth, one.naturalHeight], [one.width, one.height]]")
    assert natural == [800, 600]
    assert abs(shown[0] * 3 - shown[1] * 4) <= 4, "not squeezed"
    assert 280 < shown[0] < 390, "as wide as the screen lets it be"


def test_a_line_is_heard_by_a_press_and_then_without_one(speaking: Served, phone_page: Page) -> None:
    page = phone_page
    page.goto(speaking.url)
    say(page, "/start vneid-quet-nfc", 1)
    button = page.get_by_role("button", name="Nghe đọc lời này")
    assert button.bounding_box()["height"] >= 44  # type: ignore[index]
    with page.expect_response(lambda answer: is_sound(answer.request)) as heard:
        button.tap()
    assert heard.value.headers["content-type"] == "audio/wav"
    with page.expect_request(is_sound):
        say(page, "đọc cho tôi nghe", 2)
    with page.expect_request(is_sound):
        say(page, "samsung", 3)
