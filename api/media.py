"""Pictures and files that people send: bytes on disk, one row each. Served only by whoever has checked who asks.

An image is decoded and written anew without its metadata, so no place of taking is kept and nothing that only looks
like a picture gets in. The size of what a picture unpacks to is bounded before it is unpacked.
"""

import io
import secrets
import warnings
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import sqlalchemy as sa
from PIL import Image, ImageOps, UnidentifiedImageError

from api.tables import Media

MOST_BYTES = 10 * 1024 * 1024
#: 50 megapixels: above any phone's camera in use, below what exhausts a small machine
MOST_PIXELS = 50_000_000
_LONGEST_SIDE = 2048
_TYPES = {"JPEG": ("image/jpeg", ".jpg"), "PNG": ("image/png", ".png"), "WEBP": ("image/webp", ".webp")}

_media = Media.__table__  # type: ignore[attr-defined]


class MediaRefused(ValueError):
    """What was sent cannot be kept; the message says so to the sender, in their words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    id: str
    kind: str
    content_type: str
    path: Path
    size_bytes: int
    name: str


class MediaStore:
    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def keep_photo(self, data: bytes, name: str = "") -> Kept:
        """Write a picture anew and keep it. Raises MediaRefused for anything that is no picture, or too big a one."""
        if len(data) > MOST_BYTES:
            raise MediaRefused("Dạ hình này lớn quá. Bác chụp lại, hoặc gửi hình nhỏ hơn giúp con nhé.")
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error", Image.DecompressionBombWarning)
                clean, form = _rewritten(data)
        except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError,
                Image.DecompressionBombWarning) as error:  # fmt: skip
            raise MediaRefused(
                "Dạ con không mở được hình này. Bác chụp lại hoặc gửi hình khác giúp con nhé."
            ) from error
        content_type, ending = _TYPES[form]
        return self._write(clean, "photo", content_type, ending, name, secrets.token_urlsafe(16))

    def keep_as(self, media_id: str, data: bytes) -> Kept:
        """Keep a file from a provider under an id of the caller's: a picture written anew, anything else as it is.

        Only of voices the kind is known, by how they begin.
        """
        try:
            return replace(self.keep_photo(data), id=media_id)
        except MediaRefused:
            if len(data) > MOST_BYTES:
                raise
            if data.startswith(b"OggS"):
                return self._write(data, "voice", "audio/ogg", ".ogg", "", media_id)
            return self._write(data, "file", "application/octet-stream", ".bin", "", media_id)

    @staticmethod
    def bytes_of(path: str) -> bytes:
        return Path(path).read_bytes()

    def _write(self, data: bytes, kind: str, content_type: str, ending: str, name: str, media_id: str) -> Kept:
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / f"{media_id}{ending}"
        path.write_bytes(data)
        return Kept(id=media_id, kind=kind, content_type=content_type, path=path, size_bytes=len(data), name=name)


def _rewritten(data: bytes) -> tuple[bytes, str]:
    with Image.open(io.BytesIO(data), formats=list(_TYPES)) as image:
        form = image.format or "JPEG"
        if image.width * image.height > MOST_PIXELS:
            raise ValueError("too many pixels")
        upright = ImageOps.exif_transpose(image)
        upright.thumbnail((_LONGEST_SIDE, _LONGEST_SIDE))
        if form == "JPEG" and upright.mode != "RGB":
            upright = upright.convert("RGB")
        plain = Image.new(upright.mode, upright.size)
        plain.paste(upright)
        out = io.BytesIO()
        plain.save(out, form)
        return out.getvalue(), form


def insert(connection: sa.Connection, kept: Kept, conversation: str, now: datetime) -> None:
    connection.execute(
        _media.insert(),
        {
            "id": kept.id, "conversation": conversation, "kind": kept.kind, "content_type": kept.content_type,
            "size_bytes": kept.size_bytes, "name": kept.name, "path": str(kept.path), "stored_at": now,
        },
    )  # fmt: skip


def find(connection: sa.Connection, media_id: str) -> sa.RowMapping | None:
    return connection.execute(sa.select(_media).where(_media.c.id == media_id)).mappings().first()
