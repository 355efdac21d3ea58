"""What a file from outside is, told by its first bytes: never by its name, nor by what whoever sent it says.

Bytes in, bytes out. A type that is not known here is a file to be downloaded, and nothing more.
"""

import re

from bot.model import MediaKind

UNKNOWN = "application/octet-stream"
#: content type: how its files end
ENDINGS = {
    "image/jpeg": ".jpg", "image/png": ".png", "image/webp": ".webp", "audio/ogg": ".ogg", "audio/mpeg": ".mp3",
    "audio/mp4": ".m4a", "audio/aac": ".aac", "audio/amr": ".amr", "audio/wav": ".wav", "video/mp4": ".mp4",
    "video/webm": ".webm", "application/pdf": ".pdf", "application/zip": ".zip",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": ".docx",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": ".xlsx",
    "application/x-ole-storage": ".doc", UNKNOWN: ".bin",
}  # fmt: skip
#: what a browser shows or plays inside a page of ours; anything else is downloaded
SHOWN_IN_PAGES = frozenset(
    {
        "image/jpeg", "image/png", "image/webp", "audio/ogg", "audio/mpeg", "audio/mp4", "audio/aac", "audio/wav",
        "video/mp4", "video/webm",
    }
)  # fmt: skip
#: pictures that cannot be decoded here, so the place of taking could not be taken out of them
_UNREAD_BRANDS = frozenset([b"heic", b"heix", b"heim", b"heis", b"hevc", b"mif1", b"msf1", b"avif"])
_PICTURES = (b"\xff\xd8\xff", b"\x89PNG", b"GIF8", b"II*\0", b"MM\0*")
_OFFICE = {
    b"word/": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    b"xl/": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
_BEGINNINGS = (
    (b"OggS", "audio/ogg"), (b"ID3", "audio/mpeg"), (b"#!AMR", "audio/amr"), (b"%PDF-", "application/pdf"),
    (b"\x1aE\xdf\xa3", "video/webm"), (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "application/x-ole-storage"),
)  # fmt: skip
#: where a film or voice says where it was taken: "+10.5012+105.9921/", as phones write it (ISO 6709)
_PLACE = re.compile(rb"[+-]\d{2}\.\d{2,8}[+-]\d{3}\.\d{2,8}(?:[+-]\d{1,5}(?:\.\d{1,4})?)?")


def sniffed(data: bytes) -> str:
    """The content type, UNKNOWN when it is none of those in ENDINGS. Pictures are for pictures.py: UNKNOWN here."""
    for beginning, content_type in _BEGINNINGS:
        if data.startswith(beginning):
            return content_type
    if data[4:8] == b"ftyp":
        return "video/mp4" if re.search(rb"hdlr.{8}vide", data, re.DOTALL) else "audio/mp4"
    if data.startswith(b"RIFF") and data[8:12] == b"WAVE":
        return "audio/wav"
    if data.startswith(b"PK\x03\x04"):
        names = data[:4096] + data[-65_536:]
        return next((found for part, found in _OFFICE.items() if part in names), "application/zip")
    # the sync word of MPEG audio: layer 0 is AAC in its bare form (ADTS), layer 3 is MP3
    if len(data) > 2 and data[0] == 0xFF and data[1] & 0xF6 == 0xF0:
        return "audio/aac"
    if len(data) > 2 and data[0] == 0xFF and data[1] & 0xE6 == 0xE2:
        return "audio/mpeg"
    return UNKNOWN


def is_picture(data: bytes) -> bool:
    """Whether it begins as a picture does, readable here or not."""
    return data.startswith(_PICTURES) or (data[4:8] == b"ftyp" and data[8:12] in _UNREAD_BRANDS)


def without_place(data: bytes, content_type: str) -> bytes:
    """A film or voice that no longer says where it was taken: zeros in place of the degrees, all else untouched."""
    if content_type not in ("video/mp4", "audio/mp4"):
        return data
    return _PLACE.sub(lambda found: re.sub(rb"\d", b"0", found[0]), data)


def kind_of(content_type: str, said: MediaKind) -> MediaKind:
    """How to call a file: `said` is what the channel that brought it calls it."""
    family = content_type.partition("/")[0]
    if family == "image":
        return "photo"
    if family == "audio":
        return said if said in ("voice", "audio") else "audio"
    return "video" if family == "video" else "file"
