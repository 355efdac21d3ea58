"""One file that holds a whole installation: rows, pictures and files, keys. Made while the service runs.

A gzipped tar: begin.json (format, revision, columns), tables/<name>/<number>.jsonl, media/<name>, keys/<name>, and
end.json with the proof of every table, so a copy that was cut off has no end. Rows are written as moving.py has them: a
copy of either kind of database, of this version's or an older's, is restored into either kind. With GOCUA_BACKUP_KEY
the whole is sealed. A copy is whole once it was read back into a scratch database and the proofs agreed.
"""

import gzip
import io
import os
import shutil
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import Any, BinaryIO, cast

import orjson
import sqlalchemy as sa

from api import data_folder, moving, schema
from api.moving import MoveRefused, Proof, Prover, Row
from api.sealed import SealBroken, SealedReader, SealingWriter, is_sealed
from api.settings import Settings

FORMAT = 1
#: what SQLite writes beside a database; left beside another one of that name it would be written into that
_LOGS = ("-wal", "-shm", "-journal")
_KEYS = ("gocua.secret", "gocua.vapid")


class BackupBroken(Exception):
    """The file is no copy that can be restored; the message says what is wrong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """What a copy holds."""

    revision: str
    proofs: dict[str, Proof]
    media: int
    #: rows whose file was gone by then: erased while the copy was made
    media_missing: int


# --- making ------------------------------------------------------------------------------------------------------


def make(settings: Settings, file: Path, now: datetime, *, verify: bool = True) -> Copy:
    """Write a copy to `file`, which is there only once it is whole. Raises BackupBroken or an OSError."""
    if settings.database_file and not settings.database_file.exists():
        raise BackupBroken(f"Chưa có {settings.database_file}: xem GOCUA_DATABASE_URL.")
    part = file.with_name(file.name + ".part")
    engine = sa.create_engine(settings.database_url, hide_parameters=True)
    try:
        with moving.snapshot(engine) as connection, _sink(part, settings) as tar:
            copy = _write(connection, settings, tar, now)
        if verify:
            _verify(settings, part)
        part.replace(file)
    finally:
        engine.dispose()
        part.unlink(missing_ok=True)
    return copy


def _write(connection: sa.Connection, settings: Settings, tar: tarfile.TarFile, now: datetime) -> Copy:
    tables = moving.tables(connection)
    columns = {str(table.name): moving.columns(table) for table in tables}
    if not columns:
        raise BackupBroken("Cơ sở dữ liệu còn trống: không có gì để sao lưu.")
    revision = schema.revision(connection)
    begin = {"format": FORMAT, "revision": revision, "made_at": now.isoformat(), "columns": columns}
    _add(tar, "begin.json", orjson.dumps(begin))
    proofs: dict[str, Proof] = {}
    media: list[str] = []
    for table in tables:
        prover = Prover()
        for number, batch in enumerate(moving.read(connection, table)):
            if table.name == "media":
                place = columns["media"].index("path")
                media += [row[place] for row in batch]
                batch = [_with(row, place, Path(row[place]).name) for row in batch]
            lines = [moving.line(row) for row in batch]
            prover.add_lines(lines)
            _add(tar, f"tables/{table.name}/{number:06}.jsonl", b"\n".join(lines))
        proofs[str(table.name)] = prover.proof()
    connection.rollback()  # files may take long, and are not the database's
    kept = sum(_add_file(tar, "media", Path(path)) for path in media)
    for name in _KEYS:
        _add_file(tar, "keys", settings.data_folder / name)
    copy = Copy(revision=revision, proofs=proofs, media=kept, media_missing=len(media) - kept)
    _add(tar, "end.json", orjson.dumps(asdict(copy)))
    return copy


def _with(row: Row, place: int, value: str) -> Row:
    return (*row[:place], value, *row[place + 1 :])


def _add(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mode = len(data), 0o600
    tar.addfile(member, io.BytesIO(data))


def _add_file(tar: tarfile.TarFile, folder: str, path: Path) -> bool:
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return False
    _add(tar, f"{folder}/{path.name}", data)
    return True


@contextmanager
def _sink(path: Path, settings: Settings) -> Iterator[tarfile.TarFile]:
    with ExitStack() as stack:
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        into: Any = stack.enter_context(os.fdopen(file, "wb"))
        stack.callback(os.fsync, file)
        stack.callback(into.flush)
        if key := settings.backup_key.get_secret_value():
            into = stack.enter_context(SealingWriter(into, key))
        # A third of the way to the smallest: JSON shrinks to a tenth there already.
        into = stack.enter_context(gzip.GzipFile(filename="", fileobj=into, mode="wb", compresslevel=3))
        yield stack.enter_context(tarfile.open(fileobj=into, mode="w|"))


# --- reading -----------------------------------------------------------------------------------------------------


@contextmanager
def _source(path: Path, settings: Settings) -> Iterator[tarfile.TarFile]:
    """Raises BackupBroken for whatever cannot be read to its end."""
    key = settings.backup_key.get_secret_value()
    with ExitStack() as stack:
        source: Any = stack.enter_context(path.open("rb"))
        try:
            if is_sealed(source):
                if not key:
                    raise BackupBroken(f"{path} được mã hoá: đặt GOCUA_BACKUP_KEY như lúc sao lưu.")
                source = io.BufferedReader(SealedReader(source, key), 1024 * 1024)
            plain = cast(BinaryIO, gzip.GzipFile(fileobj=source, mode="rb"))
            yield stack.enter_context(tarfile.open(fileobj=plain, mode="r|"))
        except (tarfile.TarError, EOFError, OSError, SealBroken, ValueError) as error:
            why = "sai GOCUA_BACKUP_KEY, hoặc tệp hỏng" if isinstance(error, SealBroken) else "tệp hỏng hoặc bị cắt"
            raise BackupBroken(f"{path}: {why} ({error or type(error).__name__})") from error


class _Reading:
    """The members of a copy in their order."""

    def __init__(self, tar: tarfile.TarFile) -> None:
        self._tar = tar
        self._members = iter(tar)
        begin = orjson.loads(self._data(self._next("begin.json")))
        if begin["format"] != FORMAT:
            raise BackupBroken(f"Bản sao có dạng {begin['format']}, gocua này chưa biết: dùng bản gocua đã làm ra nó.")
        self.revision: str = begin["revision"]
        self.columns: dict[str, list[str]] = begin["columns"]
        self._ahead: tarfile.TarInfo | None = next(self._members, None)

    def rows(self, table: str) -> Iterator[Row]:
        while (lines := self._take(f"tables/{table}/")) is not None:
            yield from map(moving.unline, lines[1].split(b"\n") if lines[1] else [])

    def files(self, folder: str) -> Iterator[tuple[str, bytes]]:
        while (found := self._take(f"{folder}/")) is not None:
            yield found

    def end(self) -> Copy:
        found = self._take("end.json")
        if found is None:
            raise BackupBroken("Bản sao không có phần cuối: tệp bị cắt.")
        told = orjson.loads(found[1])
        proofs = {name: Proof(**proof) for name, proof in told["proofs"].items()}
        return Copy(**(told | {"proofs": proofs}))

    def _take(self, beginning: str) -> tuple[str, bytes] | None:
        member = self._ahead
        if member is None or not member.name.startswith(beginning):
            return None
        data = self._data(member)
        self._ahead = next(self._members, None)
        # a name decides nothing about where a file goes
        return Path(member.name).name, data

    def _next(self, name: str) -> tarfile.TarInfo:
        member = next(self._members, None)
        if member is None or member.name != name:
            raise BackupBroken("Tệp này không phải do `gocua backup` làm ra.")
        return member

    def _data(self, member: tarfile.TarInfo) -> bytes:
        file = self._tar.extractfile(member)
        if file is None:
            raise BackupBroken(f"{member.name} trong bản sao không phải là tệp.")
        return file.read()


def _load(reading: _Reading, connection: sa.Connection, media_folder: Path) -> dict[str, Proof]:
    """All rows into an empty database, in the caller's transaction. Returns the proofs as read back from there."""
    schema.bring(connection, reading.revision)
    tables = {str(table.name): table for table in moving.tables(connection)}
    for name, columns in reading.columns.items():
        if name not in tables:
            raise BackupBroken(f"Bản sao có bảng {name!r} mà bản {reading.revision} không có.")
        moving.write(connection, tables[name], columns, reading.rows(name))
    proofs = moving.prove(connection)
    if (media := tables.get("media")) is not None:  # where a file lies was left out of the copy, and of its proof
        connection.execute(media.update().values(path=sa.literal(f"{media_folder}/") + media.c.path))
    moving.set_sequences(connection)
    return proofs


class _Arriving:
    """Files of a copy, each under a name of its own until all have come: who is refused has changed nothing."""

    #: not that of the database, which may be built in the same folder meanwhile
    _ENDING = ".arriving"

    def __init__(self, folder: Path) -> None:
        self.many = 0
        self._folder = folder
        self._parts: list[tuple[Path, Path]] = []

    def __enter__(self) -> "_Arriving":
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for left in self._folder.glob(f"*{self._ENDING}"):
            left.unlink()
        return self

    def __exit__(self, *_: object) -> None:
        for part, _path in self._parts:
            part.unlink(missing_ok=True)

    def add(self, name: str, data: bytes) -> None:
        path, self.many = self._folder / name, self.many + 1
        if path.exists() and path.stat().st_size == len(data) and path.read_bytes() == data:
            return
        part = path.with_name(name + self._ENDING)
        self._parts.append((part, path))
        part.touch(mode=0o600)
        part.write_bytes(data)

    def stay(self) -> None:
        """In place of what was there under their names."""
        os.sync()  # once for all of them
        for part, path in self._parts:
            part.replace(path)
        data_folder.keep_names(self._folder)


def _verify(settings: Settings, path: Path) -> Copy:
    """Restore into a scratch database beside the copy, and compare. Raises BackupBroken."""
    handle, scratch = tempfile.mkstemp(dir=path.absolute().parent, prefix=".gocua-verify-")
    os.close(handle)
    engine = sa.create_engine(f"sqlite:///{scratch}", hide_parameters=True)
    try:
        with engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA journal_mode=OFF")
            # open, but without a name: whoever ends us leaves nobody's words beside a sealed copy
            Path(scratch).unlink()
            with _source(path, settings) as tar:
                reading = _Reading(tar)
                found = _load(reading, connection, settings.media)
                media = sum(1 for _ in reading.files("media"))
                list(reading.files("keys"))
                return _compared(reading.end(), found, media)
    finally:
        engine.dispose()
        Path(scratch).unlink(missing_ok=True)


def _compared(told: Copy, found: dict[str, Proof], media: int) -> Copy:
    wrong = [name for name, proof in told.proofs.items() if found.get(name) != proof]
    if wrong or media != told.media:
        raise BackupBroken(f"Đọc lại không giống lúc ghi: {', '.join(wrong) or 'hình và tệp'}.")
    return told


# --- restoring ---------------------------------------------------------------------------------------------------


def restore(settings: Settings, file: Path, *, force: bool = False) -> Copy:
    """Bring a copy back, then up to this version's tables. All of it, or nothing of the database is changed.

    Pictures come before the database and keys after it, so that nothing of it speaks of what is not there yet. Raises
    MoveRefused when there is data already and no `force`, or while anybody is at it; BackupBroken, SchemaError.
    """
    lock = moving.claim(settings)
    try:
        if settings.database_file is not None:
            return _restore_sqlite(settings, file, settings.database_file, force=force)
        return _restore_postgresql(settings, file, force=force)
    finally:
        if lock:
            lock.release()


def _restore_sqlite(settings: Settings, file: Path, database: Path, *, force: bool) -> Copy:
    """Built in a file beside, which takes the place of the old one at once; that one is kept as <name>.before."""
    if database.exists() and not force and not _is_empty(settings.database_url):
        raise MoveRefused(f"{database} đã có dữ liệu. Muốn thay thì thêm --force; tệp cũ được giữ lại là *.before.")
    built = database.with_name(database.name + ".restoring")
    built.unlink(missing_ok=True)
    engine = sa.create_engine(f"sqlite:///{built}", hide_parameters=True)
    try:
        with engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA journal_mode=OFF")
            connection.exec_driver_sql("PRAGMA synchronous=FULL")
            copy, keys = _restored(settings, file, connection)
        engine.dispose()
        if database.exists():
            _keep_aside(database)
        data_folder.put_in_place(built, database)
    finally:
        engine.dispose()
        built.unlink(missing_ok=True)
    _keep_keys(keys, settings.data_folder, over=force)
    return copy


def _keep_aside(database: Path) -> None:
    """The old one gets a second name, under which it stays: at no moment is there none under its own."""
    before, logs = _beside(database), [database.with_name(database.name + ending) for ending in _LOGS]
    try:
        _fold_in(database)
    except sa.exc.DatabaseError:  # broken, which may be why a copy is brought back: its log goes with it, as they are
        for log in logs:
            if log.exists():
                log.replace(before.with_name(before.name + log.name.removeprefix(database.name)))
    for log in logs:
        log.unlink(missing_ok=True)
    try:
        os.link(database, before)
    except OSError:  # a disk that knows no second names
        shutil.copy2(database, before)


def _beside(database: Path) -> Path:
    """<name>.before; a further one keeps the earlier: <name>.before.2, .3 ..."""
    names = (f"{database.name}.before{f'.{number}' if number > 1 else ''}" for number in count(1))
    return next(kept for name in names if not (kept := database.with_name(name)).exists())


def _restore_postgresql(settings: Settings, file: Path, *, force: bool) -> Copy:
    """In one transaction; with `force` what was there is dropped in it."""
    engine = sa.create_engine(settings.database_url, hide_parameters=True)
    try:
        with engine.connect() as connection:
            moving.unhurried(connection)
            moving.refuse_company(connection)
            if not moving.is_empty(connection) and not force:
                raise MoveRefused("Cơ sở dữ liệu đã có dữ liệu. Sao lưu nó trước; muốn thay thì thêm --force.")
            there = sa.MetaData()
            there.reflect(connection)
            there.drop_all(connection)
            copy, keys = _restored(settings, file, connection)
    finally:
        engine.dispose()
    _keep_keys(keys, settings.data_folder, over=force)
    return copy


def _restored(settings: Settings, file: Path, connection: sa.Connection) -> tuple[Copy, list[tuple[str, bytes]]]:
    """Rows and files; and the keys, for the caller to keep once the database is in its place."""
    with _source(file, settings) as tar, _Arriving(settings.media) as arriving:
        reading = _Reading(tar)
        found = _load(reading, connection, settings.media)
        for name, data in reading.files("media"):
            arriving.add(name, data)
        keys = list(reading.files("keys"))
        copy = _compared(reading.end(), found, arriving.many)
        arriving.stay()
    schema.bring(connection)
    connection.commit()
    return copy, keys


def _keep_keys(keys: list[tuple[str, bytes]], folder: Path, *, over: bool) -> None:
    for name, data in keys:
        path = folder / name
        if over or not path.exists() or not path.stat().st_size:
            data_folder.write(path, data)


def _is_empty(url: str) -> bool:
    """A file that cannot be read is not empty."""
    engine = sa.create_engine(url, hide_parameters=True)
    try:
        with engine.connect() as connection:
            return moving.is_empty(connection)
    except sa.exc.DatabaseError:
        return False
    finally:
        engine.dispose()


def _fold_in(database: Path) -> None:
    """What still lies in the old file's log goes into it, so that it is whole by itself.

    Raises MoveRefused when somebody is at it, and sqlalchemy's DatabaseError when it is no database.
    """
    engine = sa.create_engine(f"sqlite:///{database}", hide_parameters=True)
    try:
        with engine.connect() as connection:
            busy = connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").scalar()
    except sa.exc.OperationalError as error:
        if getattr(error.orig, "sqlite_errorname", "") != "SQLITE_BUSY":
            raise
        busy = 1
    finally:
        engine.dispose()
    if busy:
        raise MoveRefused(f"Có chương trình khác đang dùng {database} (như `gocua backup`): đợi xong rồi làm lại.")
