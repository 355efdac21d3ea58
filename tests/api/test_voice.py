"""Words read aloud, over real HTTP: on Telegram after their text, on the page from each line; made once and kept."""

import asyncio
import shutil
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa
from aiohttp import web

from api import voice
from api.file_types import sniffed
from api.settings import SettingsError, load
from api.voice import NotSpoken, Voice
from tests.fakes import speaker
from tests.service import OUTBOX, Service, started

RESIDENT = 2001
ENGINES = ["fake", *(["espeak-ng"] if shutil.which("espeak-ng") else [])]
FORMS = ["", *[form for form, tool in (("mp3", "ffmpeg"), ("ogg", "opusenc")) if shutil.which(tool)]]


def fake(folder: Path) -> str:
    return f"'{sys.executable}' '{speaker.__file__}' {{out}} '{folder / 'said.txt'}'"


def said(folder: Path) -> list[str]:
    """What the fake engine was given, a text a line."""
    return (folder / "said.txt").read_text(encoding="utf-8").splitlines()


@pytest.fixture(autouse=True)
def _as_made(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without an encoder, whatever this machine has."""
    monkeypatch.setattr(voice, "_form", lambda channel: "")


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[Service]:
    async with started(tmp_path, speech_command=fake(tmp_path)) as one:
        yield one


async def test_a_step_is_heard_after_its_text(service: Service, tmp_path: Path) -> None:
    await service.says(RESIDENT, "/start vneid-quet-nfc", "đọc cho tôi nghe")
    text, sound = service.telegram.sent(RESIDENT)[-2:]
    assert text["reply_markup"]["inline_keyboard"]
    assert sound["document"]["file_name"] == "nghe.wav", "Telegram takes no WAV as a voice"
    (words,) = said(tmp_path)
    assert words.startswith("Dạ, từ giờ con đọc cho Bác nghe.")
    assert "Bác chọn: số 1, an đờ roi" in words

    await service.press(RESIDENT, "iPhone")
    assert len(said(tmp_path)) == 2, "it is remembered"
    await service.says(RESIDENT, "nhắc lại")
    assert len(said(tmp_path)) == 2, "the same words are made once"
    assert len(service.telegram.called("sendDocument")) == 3

    await service.says(RESIDENT, "thôi đọc", "nhắc lại")
    assert len(service.telegram.called("sendDocument")) == 3


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("engine", ENGINES)
async def test_engines_and_encoders(tmp_path: Path, engine: str, form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(voice, "_form", lambda channel: form)
    command = fake(tmp_path) if engine == "fake" else "espeak-ng -v vi -s 140 --stdin -w {out}"
    one = Voice(command, "", tmp_path / "sounds")
    sound = await one.sound("Dạ, Bác mở Cài đặt rồi bấm Kết nối.", "telegram")
    assert sound.content_type == {"": "audio/wav", "mp3": "audio/mpeg", "ogg": "audio/ogg"}[form]
    assert sniffed(sound.path.read_bytes()) == sound.content_type
    assert one.find(sound.path.name) == sound


async def test_a_voice_goes_as_a_voice_where_it_is_one(tmp_path: Path) -> None:
    """What the engine makes is sent as it is when the channel plays it."""
    (tmp_path / "co-san.ogg").write_bytes(b"OggS" + bytes(100))
    async with started(tmp_path, speech_command=f"cat '{tmp_path}/co-san.ogg'") as service:
        await service.says(RESIDENT, "/start vneid-quet-nfc", "đọc cho tôi nghe")
        (call,) = service.telegram.called("sendVoice")
        assert call.files["voice"] == ("nghe.ogg", b"OggS" + bytes(100))


async def test_an_engine_that_fails_is_told_once_and_takes_no_words_away(service: Service, tmp_path: Path) -> None:
    broken = tmp_path / "said.txt.broken"
    broken.touch()
    await service.says(RESIDENT, "/start vneid-quet-nfc", "đọc cho tôi nghe", "iphone", "nhắc lại")
    shown = service.shown(RESIDENT)
    assert len([text for text in shown if "con đọc thành tiếng chưa được" in text]) == 1
    assert "tháo ốp" in shown[-1]
    assert "ended with 1" in service.house.worries["speech"]
    broken.unlink()
    await service.says(RESIDENT, "nhắc lại")
    assert "document" in service.telegram.sent(RESIDENT)[-1]
    assert "speech" not in service.house.worries
    assert not await service.rows(sa.select(OUTBOX.c.id).where(OUTBOX.c.status > 2))


async def test_the_page_plays_a_line(service: Service, tmp_path: Path) -> None:
    visitor = await service.visitor()
    await visitor.says("/start vneid-quet-nfc")
    (line,) = (await visitor.browser.get("/chat/lines")).json()
    address = f"/chat/speech/{line['id']}"
    assert f'data-hear="{address}"' in line["html"]
    assert not line["aloud"], "it is played when they press"
    answer = await visitor.browser.get(address)
    assert (answer.headers["content-type"], sniffed(answer.content)) == ("audio/wav", "audio/wav")
    assert said(tmp_path)[0].startswith("Dạ chào Bác!")

    stranger = await service.visitor()
    assert (await stranger.browser.get(address)).status_code == 404
    assert (await visitor.browser.get("/chat/speech/1.999")).status_code == 404
    await visitor.says("đọc cho tôi nghe")
    assert (await visitor.browser.get("/chat/lines")).json()[-1]["aloud"], "from now on without a press"
    (tmp_path / "said.txt.broken").touch()
    answer = await visitor.browser.get(f"/chat/speech/{(await visitor.browser.get('/chat/lines')).json()[-1]['id']}")
    assert (answer.status_code, "Bác xem chữ" in answer.json()["detail"]) == (503, True)


async def test_without_an_engine_it_is_told_kindly(tmp_path: Path) -> None:
    async with started(tmp_path) as service:
        visitor = await service.visitor()
        await visitor.says("/start vneid-quet-nfc", "đọc cho tôi nghe")
        assert "con chưa đọc thành tiếng được" in await visitor.last()
        lines = (await visitor.browser.get("/chat/lines")).json()
        assert not any("data-hear" in line["html"] for line in lines)
        assert (await visitor.browser.get(f"/chat/speech/{lines[0]['id']}")).status_code == 404


async def test_the_console_shows_the_words_once(service: Service) -> None:
    await service.says(RESIDENT, "đọc cho tôi nghe")
    case_id = await service.hands_off(RESIDENT)
    await service.press(9001, "Nhận")
    desk = await service.desk_of(1)
    page = (await desk.get(f"/team/case/{case_id}")).text
    assert page.count("Dạ có chị Lan") == 1
    assert '<p class="words"></p>' not in page


@asynccontextmanager
async def speech_service(status: int, body: bytes) -> AsyncIterator[tuple[str, list[str]]]:
    """Its address, and what it was asked to say."""
    asked: list[str] = []

    async def speak(request: web.Request) -> web.Response:
        asked.append(await request.text())
        return web.Response(status=status, body=body)

    app = web.Application()
    app.router.add_post("/speak", speak)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/speak", asked
    finally:
        await runner.cleanup()


async def test_a_service_speaks_instead_of_a_command(tmp_path: Path) -> None:
    async with speech_service(200, b"ID3" + bytes(50)) as (url, asked):
        one = Voice("", url, tmp_path)
        first, second = await asyncio.gather(one.sound("Dạ.", "web"), one.sound("Dạ.", "web"))
    assert first == second
    assert first.content_type == "audio/mpeg"
    assert asked == ["Dạ."], "who waits for the same sound waits for one"


@pytest.mark.parametrize(
    ("status", "body", "why"), [(500, b"", "answered 500"), (200, b"<html>", "no sound"), (302, b"", "answered 302")]
)
async def test_a_service_that_does_not_speak(tmp_path: Path, status: int, body: bytes, why: str) -> None:
    async with speech_service(status, body) as (url, _):
        with pytest.raises(NotSpoken, match=why):
            await Voice("", url, tmp_path / "sounds").sound("Dạ.", "web")
    assert not (tmp_path / "sounds").exists()


async def test_what_cannot_be_run_or_takes_too_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(voice, "ENGINE_S", 0.2)
    for command, why in (("khong-co-may-nay", "FileNotFoundError"), ("sleep 9", "TimeoutExpired")):
        with pytest.raises(NotSpoken, match=why):
            await Voice(command, "", tmp_path).sound("Dạ.", "web")
    with pytest.raises(NotSpoken, match="is not read"):
        await Voice("cat", "", tmp_path).sound("a" * 3001, "web")


async def test_sounds_are_few_and_young(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = Voice(fake(tmp_path), "", tmp_path / "sounds")
    monkeypatch.setattr(voice, "MOST_KEPT_BYTES", 5_000)
    made = [(await one.sound(words * 10, "web")).path for words in ("a", "b", "c")]
    assert [path.exists() for path in made] == [False, True, True], "2044 bytes each"
    monkeypatch.setattr("api.voice.time.time", lambda: made[2].stat().st_mtime + voice.KEPT_S + 1)
    newest = (await one.sound("d", "web")).path
    assert list((tmp_path / "sounds").iterdir()) == [newest]


def test_one_engine_is_enough() -> None:
    with pytest.raises(SettingsError, match="đặt cả"):
        load(_env_file=None, speech_command="cat", speech_url="http://127.0.0.1/")
    with pytest.raises(SettingsError, match="GOCUA_SPEECH_URL phải bắt đầu bằng"):
        load(_env_file=None, speech_url="may-doc")
