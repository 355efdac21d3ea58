"""Small files of every type that is told apart, made here: pictures with a place of taking, voices, documents."""

import io
import struct
import zipfile
from typing import Any

from PIL import Image

GPS_IFD, GPS_LATITUDE = 0x8825, 2
PLACE = b"+10.5012+105.9921+003.5/"


def picture(form: str = "JPEG", size: tuple[int, int] = (64, 48), *, placed: bool = True, **more: Any) -> bytes:
    """A picture, by default one that says where it was taken and that it lies on its side."""
    image = Image.linear_gradient("L").resize(size).convert("RGB")
    out = io.BytesIO()
    if placed and form in ("JPEG", "PNG", "WEBP"):
        exif = Image.Exif()
        exif[0x0112] = 6
        exif.get_ifd(GPS_IFD)[GPS_LATITUDE] = (10.0, 30.0, 4.0)
        more["exif"] = exif
    image.save(out, form, **more)
    return out.getvalue()


def noise(size: tuple[int, int], form: str = "PNG") -> bytes:
    """A picture that hardly shrinks."""
    out = io.BytesIO()
    Image.effect_noise(size, 100).convert("RGB").save(out, form)
    return out.getvalue()


def box(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", 8 + len(data)) + kind + data


def mp4(handler: bytes, brand: bytes = b"isom") -> bytes:
    """A film (b"vide") or voice (b"soun") as phones write it, with the place of taking in it."""
    hdlr = box(b"hdlr", bytes(8) + handler + bytes(13))
    place = box(b"udta", box(b"\xa9xyz", struct.pack(">HH", len(PLACE), 0x15C7) + PLACE))
    return box(b"ftyp", brand + bytes(4) + brand) + box(b"moov", box(b"trak", box(b"mdia", hdlr)) + place)


def office(folder: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as packed:
        packed.writestr("[Content_Types].xml", "<Types/>")
        packed.writestr(f"{folder}/document.xml", "<w/>")
    return out.getvalue()


OGG = b"OggS\0\2" + bytes(22) + b"OpusHead"
AMR = b"#!AMR\n" + bytes(32)
#: one frame of AAC in its bare form, as Zalo's bots are given voices
ADTS = b"\xff\xf1\x60\x40\x01\x7f\xfc" + bytes(20)
PDF = b"%PDF-1.7\n"
FILES = {
    "audio/ogg": OGG,
    "audio/amr": AMR,
    "audio/aac": ADTS,
    "audio/mpeg": b"ID3\x04" + bytes(20),
    "audio/mp4": mp4(b"soun", b"M4A "),
    "audio/wav": b"RIFF\x24\0\0\0WAVEfmt ",
    "video/mp4": mp4(b"vide"),
    "video/webm": b"\x1aE\xdf\xa3" + bytes(20),
    "application/pdf": PDF,
    "application/zip": office("other"),
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": office("word"),
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": office("xl"),
    "application/x-ole-storage": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(20),
    "application/octet-stream": b"<html><script>alert(1)</script>",
}
