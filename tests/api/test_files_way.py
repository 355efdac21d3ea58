"""A picture and a voice from Zalo to the member's Telegram and back, over real HTTP from the webhook to the upload."""

import contextlib
import io
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from PIL import Image

from api.tables import Media, WantedFile
from tests.fakes.telegram import Received
from tests.fakes.zalo_oa import FakeZaloOa
from tests.samples import AMR, OGG, noise, picture
from tests.service import CHAT, LAN, OUTBOX, Service, only, started

U = "u1"
MEDIA, WANTED = Media.__table__, WantedFile.__table__


@dataclass(slots=True, kw_only=True)
class Street:
    service: Service
    zalo: FakeZaloOa

    async def says(self, text: str = "", kind: str = "text", **more: Any) -> None:
        assert await self.zalo.says(U, text, kind, **more) == 200
        await self.quiet()

    async def sends(self, kind: str, data: bytes) -> None:
        url = self.zalo.keep(f"{len(self.zalo.kept)}.{kind}", data)
        await self.says(kind=kind, attachments=[{"type": kind, "payload": {"url": url}}])

    async def quiet(self) -> None:
        async def none_open() -> bool:
            await self.service.quiet()
            return not await self.service.rows(sa.select(WANTED.c.id).where(WANTED.c.next_at.is_not(None)))

        await self.service.until(none_open)
        await self.service.quiet()

    def to_lan(self, method: str) -> list[Received]:
        return [one for one in self.service.telegram.called(method) if int(one.fields["chat_id"]) == CHAT[LAN]]


@pytest.fixture
async def street(tmp_path: Path) -> AsyncIterator[Street]:
    async with FakeZaloOa() as zalo:
        zalo.granted()
        given: dict[str, Any] = {
            "zalo_oa_app_id": zalo.app_id, "zalo_oa_app_secret": zalo.app_secret, "zalo_oa_oa_secret": zalo.secret,
            "zalo_oa_oa_id": zalo.oa, "zalo_oa_refresh_token": "refresh1", "zalo_oa_api": zalo.base_url,
            "zalo_oa_oauth": zalo.base_url,
        }  # fmt: skip
        async with started(tmp_path, people=only(LAN), **given) as service:
            zalo.webhook_url = f"{service.url}/webhooks/zalo"
            one = Street(service=service, zalo=zalo)
            for text in ("gặp người", "1", "khu phố 3 phường Phú Lợi", "1", "máy báo lỗi NFC"):
                await one.says(text)
            await service.press(CHAT[LAN], "Nhận")
            await one.quiet()
            yield one


async def test_a_picture_of_a_resident_reaches_the_member_without_its_place(street: Street) -> None:
    await street.sends("image", picture())
    (sent,) = street.to_lan("sendPhoto")
    (name, data) = sent.files["photo"]
    assert name == "hinh.jpg"
    assert b"Exif" not in data
    (row,) = await street.service.rows(sa.select(MEDIA))
    assert row["conversation"] == f"zalo_oa:{U}@9001"


@pytest.mark.parametrize(
    ("data", "method", "name"), [(OGG, "sendVoice", "ghi-am.ogg"), (AMR, "sendDocument", "ghi-am.amr")]
)
async def test_a_voice_is_a_voice_where_it_can_be_played(street: Street, data: bytes, method: str, name: str) -> None:
    await street.sends("audio", data)
    (sent,) = street.to_lan(method)
    assert next(iter(sent.files.values())) == (name, data)


async def test_two_pictures_of_one_message_are_two(street: Street) -> None:
    urls = [street.zalo.keep(f"{place}.jpg", noise((40 + place, 40))) for place in (1, 2)]
    await street.says(kind="image", attachments=[{"type": "image", "payload": {"url": url}} for url in urls])
    sent = [Image.open(io.BytesIO(one.files["photo"][1])).width for one in street.to_lan("sendPhoto")]
    assert sent == [41, 42]


async def test_a_picture_that_cannot_be_had_is_told_to_both(street: Street) -> None:
    street.zalo.fail("file", 410)
    await street.sends("image", picture())
    assert "(hình không tải được, đã nhờ bà con gửi lại)" in street.service.last(CHAT[LAN])
    assert "gửi lại giúp con" in street.zalo.messages[U][-1]["text"]


async def test_a_picture_of_the_member_is_made_small_enough_for_zalo(street: Street) -> None:
    heavy = noise((1400, 1000))
    assert len(heavy) > 1_000_000
    file_id = street.service.telegram.keep_file(heavy, "photos/a.png")
    await street.service.says(CHAT[LAN], photo=[{"file_id": file_id, "file_unique_id": "1", "width": 9, "height": 9}])
    (upload,) = street.zalo.called("upload/image")
    assert len(upload.files["file"][1]) <= 1_000_000
    assert street.zalo.messages[U][-1]["attachment"]["payload"]["elements"][0]["attachment_id"]


@pytest.mark.parametrize("status", [0, 500])
async def test_a_picture_whose_upload_hangs_goes_up_again(street: Street, status: int) -> None:
    """Nobody sees an upload: that its fate is unknown puts the message itself in no doubt."""
    street.zalo.fail("upload/image", status, done=True)
    file_id = street.service.telegram.keep_file(noise((40, 40)), "photos/a.png")
    await street.service.says(CHAT[LAN], photo=[{"file_id": file_id, "file_unique_id": "1", "width": 9, "height": 9}])
    assert len(street.zalo.called("upload/image")) == 2
    assert street.zalo.messages[U][-1]["attachment"]["payload"]["elements"][0]["attachment_id"]
    newest = sa.select(OUTBOX.c.status, OUTBOX.c.error).where(OUTBOX.c.channel == "zalo_oa")
    [row] = await street.service.rows(newest.order_by(OUTBOX.c.id.desc()).limit(1))
    assert row == {"status": 2, "error": ""}


async def test_a_voice_of_the_member_is_refused_to_them_in_words(street: Street) -> None:
    file_id = street.service.telegram.keep_file(OGG, "voice/a.ogg")
    await street.service.says(CHAT[LAN], voice={"file_id": file_id, "file_unique_id": "1", "duration": 2})
    assert "Kênh Zalo OA của bà con không nhận được ghi âm này" in street.service.last(CHAT[LAN])
    assert street.zalo.called("upload/file") == []


async def test_the_console_plays_it_and_seeks_in_it(street: Street) -> None:
    await street.sends("audio", OGG)
    lan = await street.service.desk_of(LAN)
    case = await street.service.case()
    page = (await lan.get(f"/team/case/{case['id']}")).text
    address = page.partition('<audio controls preload="none" src="')[2].partition('"')[0]
    heard = await lan.get(address, headers={"Range": "bytes=0-3"})
    assert (heard.status_code, heard.content, heard.headers["content-type"]) == (206, b"OggS", "audio/ogg")
    assert (await street.service.web.get(address)).status_code in (303, 401, 404)


async def test_erasing_takes_the_files(street: Street) -> None:
    await street.sends("image", picture())
    (row,) = await street.service.rows(sa.select(MEDIA))
    assert len(street.service.house.media.bytes_of(row["path"])) > 100
    await street.says("xoá dữ liệu")
    await street.says("1")
    assert await street.service.rows(sa.select(MEDIA)) == []

    async def gone() -> bool:  # removed once the rest is on disk
        with contextlib.suppress(FileNotFoundError):
            return not street.service.house.media.bytes_of(row["path"])
        return True

    await street.service.until(gone)
