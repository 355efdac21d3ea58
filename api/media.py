"""Pictures and files that people send: bytes on disk, one row each. Served only by whoever has checked who asks.

A picture is written anew without its metadata, so no place of taking is kept and nothing that only looks like a picture
gets in. What a file is, its bytes say: never its name, nor who sent it.
"""

import contextlib
import hashlib
import re
import secrets
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from api.file_types import ENDINGS, SHOWN_IN_PAGES, UNKNOWN, is_picture, kind_of, sniffed, without_place
from api.pictures import NotAPicture, rewritten
from api.prepared import Row
from api.store import StoreAway
from api.tables import Media, WantedFile
from bot.model import MediaKind

MOST_BYTES = 10 * 1024 * 1024
#: a file without a row is younger than its row, or forgotten: after this it is forgotten
YOUNG_S = 3600.0

TOO_BIG = "Dạ hình này lớn quá. Bác chụp lại, hoặc gửi hình nhỏ hơn giúp con nhé."
_UNREAD = "Dạ con không mở được hình này. Bác chụp lại hoặc gửi hình khác giúp con nhé."
#: names that this store gives: whatever else lies in the folder is not ours to remove
_OURS = re.compile(r"[A-Za-z0-9_-]{20,64}\.[a-z0-9]{2,5}")

_media = Media.__table__
_wanted = WantedFile.__table__
_INSERT = {
    "sqlite": sqlite.insert(_media).on_conflict_do_nothing(index_elements=["id"]),
    "postgresql": postgresql.insert(_media).on_conflict_do_nothing(index_elements=["id"]),
}


class MediaRefused(ValueError):
    """What was sent cannot be kept; the message says so to the sender, in their words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    id: str
    kind: MediaKind
    content_type: str
    path: Path
    size_bytes: int
    name: str


class MediaStore:
    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def keep_photo(self, data: bytes, name: str = "") -> Kept:
        """Write a picture anew and keep it. Raises MediaRefused for what is no picture or too big a one; StoreAway."""
        if len(data) > MOST_BYTES:
            raise MediaRefused(TOO_BIG)
        try:
            clean, content_type = rewritten(data)
        except NotAPicture as error:
            raise MediaRefused(_UNREAD) from error
        return self._write(clean, "photo", content_type, name, secrets.token_urlsafe(16))

    def keep_as(self, media_id: str, data: bytes, kind: MediaKind = "file", name: str = "") -> Kept:
        """Keep a file from a provider under an id of the caller's: a picture written anew, anything else as it is.

        `kind` is what the provider calls it. Raises MediaRefused for what is too big, and for pictures that cannot be
        written anew; StoreAway.
        """
        if len(data) > MOST_BYTES:
            raise MediaRefused(TOO_BIG)
        try:
            clean, content_type = rewritten(data)
        except NotAPicture as error:
            if is_picture(data):
                raise MediaRefused(_UNREAD) from error
            content_type = sniffed(data)
            clean = without_place(data, content_type)
        return self._write(clean, kind_of(content_type, kind), content_type, name, media_id)

    @staticmethod
    def bytes_of(path: str) -> bytes:
        return Path(path).read_bytes()

    def sweep(self, known: Iterable[str], young_s: float = YOUNG_S) -> int:
        """Remove files of this store's that no row in `known` (paths) speaks of. Returns how many."""
        if not self.folder.is_dir():
            return 0
        names, removed = {Path(path).name for path in known}, 0
        for path in self.folder.iterdir():
            forgotten = path.name not in names and _OURS.fullmatch(path.name)
            if forgotten and time.time() - path.stat().st_mtime > young_s:
                path.unlink(missing_ok=True)
                removed += 1
        return removed

    def _write(self, data: bytes, kind: MediaKind, content_type: str, name: str, media_id: str) -> Kept:
        """Raises StoreAway when the disk does not take it, and leaves no half of it there."""
        path = self.folder / f"{media_id}{ENDINGS[content_type]}"
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.write_bytes(data)
        except OSError as error:
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)
            raise StoreAway(error.strerror) from error
        return Kept(id=media_id, kind=kind, content_type=content_type, path=path, size_bytes=len(data), name=name)


def kept_as(conversation: str, ref: str) -> str:
    """The media id of a provider's file in a conversation: the same however often it is asked for."""
    return "f" + hashlib.sha256(f"{conversation} {ref}".encode()).hexdigest()[:31]


def in_page(content_type: str) -> tuple[str, bool]:
    """The type under which a file is served, and whether a page may show it: a file from outside never runs there."""
    shown = content_type in SHOWN_IN_PAGES
    return content_type if shown else UNKNOWN, shown


# --- rows ------------------------------------------------------------------------------------------------------------


def insert(connection: sa.Connection, kept: Kept, conversation: str, now: datetime) -> None:
    """A row that is there already stays as it is."""
    row = {
        "id": kept.id, "conversation": conversation, "kind": kept.kind, "content_type": kept.content_type,
        "size_bytes": kept.size_bytes, "name": kept.name, "path": str(kept.path), "stored_at": now,
    }  # fmt: skip
    connection.execute(_INSERT[connection.dialect.name], row)


def find(connection: sa.Connection, media_id: str) -> Row | None:
    return connection.execute(sa.select(_media).where(_media.c.id == media_id)).mappings().first()


def forget(connection: sa.Connection, conversation: str) -> tuple[Path, ...]:
    """Take the rows of a conversation's files away, of those still wanted too. Returns the files, to be removed once
    that is on disk."""
    connection.execute(_wanted.delete().where(_wanted.c.conversation == conversation))
    gone = _media.delete().where(_media.c.conversation == conversation).returning(_media.c.path)
    return tuple(Path(path) for path in connection.execute(gone).scalars())


def known_paths(connection: sa.Connection) -> tuple[str, ...]:
    return tuple(connection.execute(sa.select(_media.c.path)).scalars())
