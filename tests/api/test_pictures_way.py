"""A step's picture on its way: one message with its text where the channel shows any, else the text alone."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from api import carrier
from tests.cast import shipped
from tests.service import OUTBOX, Service, started

RESIDENT = 2001
SHOWN = shipped().pictures["bat-nfc"]


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[Service]:
    async with started(tmp_path) as one:
        yield one


async def to_the_picture(service: Service) -> None:
    """To the step that says how NFC is turned on."""
    await service.says(RESIDENT, "/start vneid-quet-nfc", "samsung")


async def test_a_picture_and_its_text_are_one_message(service: Service) -> None:
    await to_the_picture(service)
    message = service.telegram.sent(RESIDENT)[-1]
    assert "NFC" in message["caption"]
    assert message["reply_markup"]["inline_keyboard"], "the choices are under it"
    (call,) = service.telegram.called("sendPhoto")
    name, data = call.files["photo"]
    assert (name, data) == ("bat-nfc.png", SHOWN.file.read_bytes())


async def test_a_picture_goes_up_once_and_to_the_next_by_its_id(service: Service) -> None:
    for resident in (RESIDENT, RESIDENT + 1):
        await service.says(resident, "/start vneid-quet-nfc", "samsung")
    first, second = service.telegram.called("sendPhoto")
    assert (list(first.files), list(second.files)) == (["photo"], [])
    assert service.telegram.files[second.fields["photo"]][1] == SHOWN.file.read_bytes()


async def test_as_many_ids_are_remembered_as_there_is_room_for(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(carrier, "MOST_KNOWN", 1)
    await to_the_picture(service)
    await service.press(RESIDENT, "Xong rồi")
    await service.says(RESIDENT + 1, "/start vneid-quet-nfc", "samsung")
    assert [list(call.files) for call in service.telegram.called("sendPhoto")] == [["photo"], ["photo"], ["photo"]]


async def test_a_picture_that_telegram_forgot_goes_up_again(service: Service) -> None:
    await to_the_picture(service)
    service.telegram.files.clear()
    await service.says(RESIDENT + 1, "/start vneid-quet-nfc", "samsung")
    assert [list(call.files) for call in service.telegram.called("sendPhoto")] == [["photo"], [], ["photo"]]
    assert "NFC" in service.telegram.sent(RESIDENT + 1)[-1]["caption"]


async def test_a_refused_picture_takes_no_words_away(service: Service) -> None:
    service.telegram.fail("sendPhoto", 400, "Bad Request: PHOTO_INVALID_DIMENSIONS")
    await to_the_picture(service)
    message = service.telegram.sent(RESIDENT)[-1]
    assert "NFC" in message["text"]
    assert message["reply_markup"]["inline_keyboard"]
    assert not await service.rows(sa.select(OUTBOX.c.id).where(OUTBOX.c.status > 2))


async def test_the_web_chat_shows_it_and_says_what_it_shows(service: Service) -> None:
    visitor = await service.visitor()
    await visitor.says("/start vneid-quet-nfc", "samsung")
    page = (await visitor.browser.get("/")).text
    assert f'src="/chat/picture/bat-nfc" width="800" height="600" alt="Hình: {SHOWN.says}"' in page
    answer = await service.web.get("/chat/picture/bat-nfc")
    assert (answer.headers["content-type"], answer.content) == ("image/png", SHOWN.file.read_bytes())
    assert (await service.web.get("/chat/picture/../pictures.yaml")).status_code == 404
    assert (await service.web.get("/chat/picture/khong-co")).status_code == 404
