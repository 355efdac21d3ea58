"""What is kept of a file: a picture without where it was taken, any other by what its bytes are, nothing forgotten."""

import io
import os
import time
from pathlib import Path

import pytest
from PIL import Image

from api import file_types, pictures, pixels
from api.carried import as_sent, refused, why_not
from api.media import MOST_BYTES, MediaRefused, MediaStore, in_page, kept_as
from api.pictures import NotAPicture, fit, rewritten
from bot.capabilities import CHANNELS, MESSENGER, TELEGRAM, WEB, ZALO_BOT, ZALO_OA, Capabilities
from bot.model import Attachment, MediaKind
from tests.samples import FILES, GPS_IFD, PLACE, mp4, noise, picture

MEDIA_ID = "f" + "0" * 31


def opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


# --- pictures --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_a_picture_loses_its_place_and_stands_upright(form: str) -> None:
    before = picture(form, (64, 48))
    assert opened(before).getexif().get_ifd(GPS_IFD)
    data, content_type = rewritten(before)
    after = opened(data)
    assert (after.format, content_type) == (form, f"image/{form.lower()}")
    assert not after.getexif()
    assert "exif" not in after.info
    assert after.size == (48, 64)


@pytest.mark.parametrize(("form", "mode"), [("GIF", "P"), ("PNG", "P"), ("PNG", "LA"), ("JPEG", "CMYK"), ("JPEG", "L")])
def test_its_colours_stay(form: str, mode: str) -> None:
    out = io.BytesIO()
    Image.new("RGB", (40, 40), (200, 30, 30)).convert(mode).save(out, form)
    was, now = opened(out.getvalue()).convert("RGB"), opened(rewritten(out.getvalue())[0]).convert("RGB")
    for a, b in zip(was.getpixel((20, 20)), now.getpixel((20, 20)), strict=True):  # type: ignore[arg-type]
        assert abs(a - b) < 12


def test_a_large_picture_is_kept_small() -> None:
    data, _ = rewritten(picture(size=(5000, 3000)))
    assert max(opened(data).size) == pictures.LONGEST_SIDE
    heavy = noise((2000, 1500))
    assert len(heavy) > pictures.MOST_KEPT_BYTES
    assert len(rewritten(heavy)[0]) <= pictures.MOST_KEPT_BYTES


@pytest.mark.parametrize("data", [b"", b"<html>", picture()[:200], picture("BMP", placed=False), *FILES.values()])
def test_what_is_no_picture(data: bytes) -> None:
    with pytest.raises(NotAPicture):
        rewritten(data)


def test_what_unpacks_to_too_much_is_not_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pixels, "MOST_PIXELS", 1000)
    with pytest.raises(NotAPicture):
        rewritten(picture(size=(100, 100)))


@pytest.mark.parametrize("limit_bytes", [1_000_000, 200_000, 40_000])
def test_a_picture_fits_a_channel(limit_bytes: int) -> None:
    data, content_type = fit(noise((1200, 900)), "image/png", limit_bytes)
    assert len(data) <= limit_bytes
    assert (opened(data).format, content_type) == ("JPEG", "image/jpeg")


def test_what_fits_already_is_left_as_it_is() -> None:
    for form in ("JPEG", "PNG"):
        data = picture(form)
        assert fit(data, f"image/{form.lower()}", 1_000_000) == (data, f"image/{form.lower()}")
        assert fit(data, f"image/{form.lower()}", 0)[0] is data
    assert fit(b"%PDF-", "application/pdf", 2) == (b"%PDF-", "application/pdf")


def test_no_channel_is_given_webp_and_what_is_clear_becomes_white() -> None:
    out = io.BytesIO()
    Image.new("RGBA", (30, 30), (0, 0, 0, 0)).save(out, "WEBP", lossless=True)
    data, content_type = fit(out.getvalue(), "image/webp", 0)
    assert content_type == "image/jpeg"
    assert opened(data).getpixel((5, 5)) == (255, 255, 255)


def test_what_cannot_fit_says_so() -> None:
    with pytest.raises(NotAPicture):
        fit(noise((600, 600)), "image/png", 100)
    with pytest.raises(NotAPicture):
        fit(b"\xff\xd8broken", "image/jpeg", 3)


# --- other files -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("content_type", FILES)
def test_bytes_say_what_a_file_is(content_type: str, tmp_path: Path) -> None:
    kept = MediaStore(tmp_path).keep_as(MEDIA_ID, FILES[content_type], "file", "x.exe")
    assert kept.content_type == content_type
    assert kept.path.name == MEDIA_ID + file_types.ENDINGS[content_type]
    family = content_type.partition("/")[0]
    assert kept.kind == {"audio": "audio", "video": "video"}.get(family, "file")


@pytest.mark.parametrize(
    ("content_type", "said", "kind"),
    [
        ("audio/mp4", "voice", "voice"), ("audio/ogg", "audio", "audio"), ("video/mp4", "note", "video"),
        ("application/pdf", "photo", "file"), ("application/octet-stream", "voice", "file"),
        ("image/png", "sticker", "photo"),
    ],
)  # fmt: skip
def test_a_provider_is_believed_only_as_far_as_the_bytes_go(
    content_type: str, said: MediaKind, kind: MediaKind
) -> None:
    assert file_types.kind_of(content_type, said) == kind


@pytest.mark.parametrize(("handler", "content_type"), [(b"vide", "video/mp4"), (b"soun", "audio/mp4")])
def test_a_film_loses_its_place_and_nothing_else(handler: bytes, content_type: str, tmp_path: Path) -> None:
    before = mp4(handler)
    after = MediaStore(tmp_path).keep_as(MEDIA_ID, before, "video").path.read_bytes()
    zeros = b"+00.0000+000.0000+000.0/"
    assert after == before.replace(PLACE, zeros)
    assert file_types.sniffed(after) == content_type


@pytest.mark.parametrize("data", [b"\0\0\0\x18ftypheic" + bytes(40), b"II*\0" + bytes(40), picture()[:300]])
def test_a_picture_whose_place_cannot_be_taken_out_is_not_kept(data: bytes, tmp_path: Path) -> None:
    with pytest.raises(MediaRefused):
        MediaStore(tmp_path).keep_as(MEDIA_ID, data, "photo")
    assert list(tmp_path.iterdir()) == []


def test_too_big_is_refused_unread(tmp_path: Path) -> None:
    with pytest.raises(MediaRefused, match="lớn quá"):
        MediaStore(tmp_path).keep_as(MEDIA_ID, bytes(MOST_BYTES + 1), "file")


@pytest.mark.parametrize("content_type", FILES)
def test_a_page_plays_voices_and_films_and_downloads_the_rest(content_type: str) -> None:
    served, shown = in_page(content_type)
    assert shown == (content_type.partition("/")[0] in ("audio", "video") and content_type != "audio/amr")
    assert served == (content_type if shown else "application/octet-stream")


def test_the_same_file_in_two_talks_is_two_files() -> None:
    assert kept_as("zalo_oa:1@9", "https://a") == kept_as("zalo_oa:1@9", "https://a")
    assert kept_as("zalo_oa:1@9", "https://a") != kept_as("zalo_oa:2@9", "https://a")


def test_sweeping_takes_old_files_of_ours_that_no_row_knows(tmp_path: Path) -> None:
    store = MediaStore(tmp_path / "media")
    assert store.sweep(()) == 0
    known, forgotten, young = (store.keep_photo(picture()).path for _ in range(3))
    foreign = store.folder / "ghi-chu.txt"
    foreign.write_text("of the operator's own")
    hours_ago = time.time() - 2 * 3600
    for path in (known, forgotten, foreign):
        os.utime(path, (hours_ago, hours_ago))
    assert store.sweep([str(known)]) == 1
    assert {path.name for path in store.folder.iterdir()} == {known.name, young.name, foreign.name}
    assert not forgotten.exists()


# --- what each channel carries ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("can", "kind", "name", "carried"),
    [
        (ZALO_OA, "photo", "", True), (ZALO_OA, "voice", "", False), (ZALO_OA, "video", "a.mp4", False),
        (ZALO_OA, "file", "Giấy mời.PDF", True), (ZALO_OA, "file", "bảng.xlsx", False), (ZALO_BOT, "photo", "", False),
        (ZALO_BOT, "file", "a.pdf", False), (MESSENGER, "voice", "", True), (MESSENGER, "file", "a.xlsx", True),
        (TELEGRAM, "video", "a.mp4", True), (WEB, "voice", "", True), (ZALO_OA, "file", "IMG_1.JPG", True),
    ],
)  # fmt: skip
def test_a_member_is_told_what_a_channel_does_not_carry(
    can: Capabilities, kind: MediaKind, name: str, carried: bool
) -> None:
    why = why_not(can, Attachment(kind=kind, ref="r", name=name))
    assert (why == "") == carried
    assert carried or can.title in why


def test_one_of_several_is_enough_to_refuse() -> None:
    photo, voice = Attachment(kind="photo", ref="r"), Attachment(kind="voice", ref="r")
    assert refused("zalo_oa", (photo, voice)) == why_not(ZALO_OA, voice) != ""
    assert refused("zalo_oa", (photo,)) == refused("telegram", (photo, voice)) == refused("terminal", (voice,)) == ""


def test_too_heavy_a_file_is_told_too() -> None:
    heavy = Attachment(kind="file", ref="r", name="a.pdf", size_bytes=6_000_000)
    assert "5 MB" in why_not(ZALO_OA, heavy)
    assert why_not(MESSENGER, heavy) == ""


@pytest.mark.parametrize(
    ("channel", "kind", "content_type", "sent_as", "name"),
    [
        ("telegram", "voice", "audio/ogg", "voice", "ghi-am.ogg"),
        ("telegram", "voice", "audio/mp4", "voice", "ghi-am.m4a"),
        ("telegram", "voice", "audio/amr", "file", "ghi-am.amr"),
        ("telegram", "voice", "audio/aac", "file", "ghi-am.aac"),
        ("messenger", "voice", "audio/mp4", "voice", "ghi-am.m4a"),
        ("messenger", "voice", "audio/ogg", "file", "ghi-am.ogg"),
        ("telegram", "video", "video/mp4", "video", "phim.mp4"),
        ("telegram", "sticker", "image/png", "photo", "hinh.png"),
        ("zalo_oa", "file", "application/pdf", "file", "tep.pdf"),
    ],
)
def test_a_file_goes_as_what_the_channel_plays(
    channel: str, kind: MediaKind, content_type: str, sent_as: MediaKind, name: str
) -> None:
    sent = as_sent(channel, Attachment(kind=kind, ref="media:1"), content_type)
    assert (sent.kind, sent.name) == (sent_as, name)


@pytest.mark.parametrize("can", CHANNELS, ids=lambda can: can.name)
def test_a_name_of_its_own_stays(can: Capabilities) -> None:
    one = Attachment(kind="file", ref="media:1", name="Giấy mời.pdf")
    assert as_sent(can.name, one, "application/pdf") == one
    assert as_sent(can.name, Attachment(kind="file", ref="r", name="Giấy mời"), "application/pdf").name == one.name
