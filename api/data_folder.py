"""Files of ours in the data folder, keys above all: whole or not there, whoever kills us meanwhile; ours alone to read.

Knows nothing of what is in them. A database is built elsewhere, and only put in its place here.
"""

import contextlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path


class KeyLost(ValueError):
    """A key file is there and holds nothing; the message says what to do."""


def write(path: Path, data: bytes) -> None:
    """In place of whatever was there."""
    part = _written_beside(path, data)
    try:
        put_in_place(part, path)
    finally:
        part.unlink(missing_ok=True)


def made_once(path: Path, make: Callable[[], bytes]) -> bytes:
    """What the file holds; made by whoever of several processes is first. Raises KeyLost for an empty one."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        part = _written_beside(path, make())
        try:
            with contextlib.suppress(FileExistsError):  # another process was first: its own counts
                os.link(part, path)
        except OSError:  # a disk that knows no second names: whole all the same, but the last of several counts
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
        keep_names(path.parent)
    data = path.read_bytes()
    if not data.strip():
        raise KeyLost(
            f"{path} trống (đĩa đầy hoặc mất điện lúc tạo): lấy lại bằng `gocua restore`, hoặc xoá tệp này để tạo khoá "
            "mới (ai đang ở bàn của tổ hay trang trò chuyện phải vào lại)"
        )
    return data


def put_in_place(part: Path, path: Path) -> None:
    """`part`, which is on disk, takes the name of the other at once, and no power cut brings that one back."""
    part.replace(path)
    keep_names(path.parent)


def _written_beside(path: Path, data: bytes) -> Path:
    """Under a name of its own: two processes in two containers may have one number. What fails leaves nothing."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(handle)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    return Path(name)


def keep_names(folder: Path) -> None:
    """What was renamed in it stays so: a file's new name is the folder's, and not on disk with the file."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
