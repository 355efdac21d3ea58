"""A copy made while the service runs is the whole installation, and comes back as it was: on both databases."""

import io
import os
import sqlite3
import subprocess
import sys
import tarfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from filelock import FileLock
from pydantic import SecretStr

from api import backup, moving, schema
from api.backup import BackupBroken
from api.moving import MoveRefused
from api.settings import Settings
from tests.rows import fill_every_table
from tests.service import DAY


@dataclass(frozen=True, slots=True)
class Place:
    """An installation: settings and a filled database."""

    settings: Settings

    def proofs(self) -> dict[str, moving.Proof]:
        engine = sa.create_engine(self.settings.database_url)
        with engine.connect() as connection:
            found = moving.prove(connection)
        engine.dispose()
        return found

    def write(self, text: str) -> None:
        engine = sa.create_engine(self.settings.database_url)
        with engine.begin() as connection:
            connection.exec_driver_sql(text)
        engine.dispose()


PICTURE, WAS = "hinh-so-1-cua-bac-ba.jpg", b"\xff\xd8 picture"


def place(folder: Path, url: str) -> Place:
    folder.mkdir(exist_ok=True)
    return Place(Settings(_env_file=None, database_url=url, media_folder=str(folder / "media")))


@pytest.fixture
def full(tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch) -> Place:
    """Every table has rows; one picture lies in the media folder, the other is gone."""
    monkeypatch.chdir(tmp_path)
    one = place(tmp_path / "old", database_url)
    fill_every_table(one.settings)
    one.settings.media.mkdir()
    (one.settings.media / PICTURE).write_bytes(WAS)
    (one.settings.data_folder / "gocua.secret").write_text("khoá")
    return one


def test_a_copy_comes_back_whole(full: Place, tmp_path: Path) -> None:
    before = full.proofs()
    assert all(proof.rows for proof in before.values())
    copy = backup.make(full.settings, tmp_path / "copy.gocua", DAY)
    assert (copy.media, copy.media_missing) == (1, 1)
    (full.settings.media / PICTURE).unlink()
    full.write("DELETE FROM colleague")
    with pytest.raises(MoveRefused, match="--force"):
        backup.restore(full.settings, tmp_path / "copy.gocua")
    assert full.proofs() != before
    backup.restore(full.settings, tmp_path / "copy.gocua", force=True)
    assert full.proofs() == before
    assert (full.settings.media / PICTURE).read_bytes() == WAS


def test_what_was_there_before_is_kept_each_time(full: Place, tmp_path: Path) -> None:
    file = full.settings.database_file
    backup.make(full.settings, tmp_path / "copy.gocua", DAY)
    for _ in range(3):
        backup.restore(full.settings, tmp_path / "copy.gocua", force=True)
    kept = sorted(path.name for path in file.parent.glob("*.before*")) if file else []
    assert kept == ([f"{file.name}.before{end}" for end in ("", ".2", ".3")] if file else [])


def test_a_copy_of_either_database_comes_back_in_sqlite(full: Place, tmp_path: Path) -> None:
    backup.make(full.settings, tmp_path / "copy.gocua", DAY)
    new = place(tmp_path / "new", f"sqlite:///{tmp_path}/new/gocua.db")
    backup.restore(new.settings, tmp_path / "copy.gocua")
    old_proofs, new_proofs = full.proofs(), new.proofs()
    assert old_proofs.pop("media") != new_proofs.pop("media"), "pictures lie elsewhere now"
    assert old_proofs == new_proofs
    assert (tmp_path / "new" / "gocua.secret").read_text() == "khoá"
    engine = sa.create_engine(new.settings.database_url)
    with engine.connect() as connection:
        paths = connection.exec_driver_sql("SELECT path FROM media").scalars().all()
    engine.dispose()
    assert {Path(path).parent for path in paths} == {new.settings.media}


def test_a_copy_of_sqlite_comes_back_in_postgresql(tmp_path: Path, postgres_url: str) -> None:
    old = place(tmp_path / "old", f"sqlite:///{tmp_path}/old/gocua.db")
    fill_every_table(old.settings)
    backup.make(old.settings, tmp_path / "copy.gocua", DAY)
    new = place(tmp_path / "new", postgres_url)
    backup.restore(new.settings, tmp_path / "copy.gocua")
    assert {name: proof.rows for name, proof in old.proofs().items()} == {
        name: proof.rows for name, proof in new.proofs().items()
    }
    new.write("INSERT INTO miss (at, why, text, topic, given_topic, conversation, commune, province) "
              "VALUES (1, 'missed', '', '', '', '', '', '')")  # fmt: skip


def test_it_is_one_moment_while_others_write(full: Place, tmp_path: Path) -> None:
    """Each writer adds a pair of rows in two tables at once: a copy never has one without the other."""
    stop, number = threading.Event(), 0
    engine = sa.create_engine(full.settings.database_url)

    def keep_writing() -> None:
        nonlocal number
        while not stop.is_set():
            number += 1
            with engine.begin() as connection:
                for table, columns, values in (
                    ("timer", "key, conversation, due_at, body", f"'pair-{number}', 'web:1', 1, '{{}}'"),
                    ("hamlet", "commune, name, key", f"'25750', 'pair-{number}', 'pair-{number}'"),
                ):
                    connection.exec_driver_sql(f"INSERT INTO {table} ({columns}) VALUES ({values})")

    thread = threading.Thread(target=keep_writing)
    thread.start()
    try:
        for turn in range(3):
            backup.make(full.settings, tmp_path / f"{turn}.gocua", DAY)
    finally:
        stop.set()
        thread.join()
        engine.dispose()
    counts = []
    for turn in range(3):
        new = place(tmp_path / f"new{turn}", f"sqlite:///{tmp_path}/new{turn}/gocua.db")
        backup.restore(new.settings, tmp_path / f"{turn}.gocua")
        found = new.proofs()
        counts.append(found["timer"].rows)
        assert found["timer"].rows == found["hamlet"].rows
    assert counts == sorted(counts)
    assert counts[0] < counts[-1]


def test_it_is_sealed_when_there_is_a_passphrase(full: Place, tmp_path: Path) -> None:
    file = tmp_path / "copy.gocua"
    hidden = Place(full.settings.model_copy(update={"backup_key": SecretStr("mật khẩu của tổ")}))
    backup.make(hidden.settings, file, DAY)
    assert b"bac-ba" not in file.read_bytes()
    assert file.stat().st_mode & 0o777 == 0o600
    with pytest.raises(BackupBroken, match="GOCUA_BACKUP_KEY"):
        backup.restore(full.settings, file, force=True)
    before = full.proofs()
    backup.restore(hidden.settings, file, force=True)
    assert full.proofs() == before
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(BackupBroken):
        backup.restore(hidden.settings, file, force=True)
    assert full.proofs() == before


def test_a_copy_that_was_cut_off_changes_nothing(full: Place, tmp_path: Path) -> None:
    file, before = tmp_path / "copy.gocua", full.proofs()
    backup.make(full.settings, file, DAY)
    data = file.read_bytes()
    for part in (data[:-20], data[: len(data) // 2], b"", b"not a copy"):
        file.write_bytes(part)
        with pytest.raises(BackupBroken):
            backup.restore(full.settings, file, force=True)
    assert full.proofs() == before


def test_rows_that_are_not_what_was_proved_are_refused(full: Place, tmp_path: Path) -> None:
    """Whole as a file, but one row is missing in it."""
    file, before = tmp_path / "copy.gocua", full.proofs()
    backup.make(full.settings, file, DAY)
    with tarfile.open(file, "r:gz") as old, tarfile.open(tmp_path / "less.gocua", "w:gz") as new:
        for member in old:
            if member.name != "tables/colleague/000000.jsonl":
                new.addfile(member, old.extractfile(member))
    with pytest.raises(BackupBroken, match="colleague"):
        backup.restore(full.settings, tmp_path / "less.gocua", force=True)
    assert full.proofs() == before


def test_nothing_is_left_of_a_copy_that_failed(full: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backup, "_compared", lambda told, found, media: (_ for _ in ()).throw(BackupBroken("no")))
    with pytest.raises(BackupBroken):
        backup.make(full.settings, tmp_path / "copy.gocua", DAY)
    assert [path for path in os.listdir(tmp_path) if "copy" in path or "verify" in path] == []


def test_no_restore_under_a_running_service(full: Place, tmp_path: Path) -> None:
    backup.make(full.settings, tmp_path / "copy.gocua", DAY)
    if full.settings.database_file:
        with FileLock(f"{full.settings.database_file}.lock"), pytest.raises(MoveRefused, match="dừng"):
            backup.restore(full.settings, tmp_path / "copy.gocua", force=True)
        return
    engine = sa.create_engine(full.settings.database_url)
    with engine.connect() as other:
        other.exec_driver_sql("SELECT 1")
        with pytest.raises(MoveRefused, match="dừng"):
            backup.restore(full.settings, tmp_path / "copy.gocua", force=True)
    engine.dispose()


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_restore_waits_for_a_connection_that_is_just_ending(full: Place, tmp_path: Path) -> None:
    """As of a service stopped the moment before: PostgreSQL ends its side of a closed connection a little later."""
    backup.make(full.settings, tmp_path / "copy.gocua", DAY)
    before, engine = full.proofs(), sa.create_engine(full.settings.database_url, poolclass=sa.NullPool)
    leaving = engine.connect()
    leaving.exec_driver_sql("SELECT 1")
    threading.Timer(0.3, leaving.close).start()
    backup.restore(full.settings, tmp_path / "copy.gocua", force=True)
    assert leaving.closed
    assert full.proofs() == before


def test_an_empty_database_has_nothing_to_copy(tmp_path: Path) -> None:
    nothing = place(tmp_path, f"sqlite:///{tmp_path}/gocua.db").settings
    with pytest.raises(BackupBroken, match="Chưa có"):
        backup.make(nothing, tmp_path / "copy.gocua", DAY)
    (tmp_path / "gocua.db").touch()
    with pytest.raises(BackupBroken, match="trống"):
        backup.make(nothing, tmp_path / "copy.gocua", DAY)
    assert [path.name for path in tmp_path.iterdir()] == ["gocua.db"]


def test_the_copy_knows_its_revision(full: Place, tmp_path: Path) -> None:
    assert backup.make(full.settings, tmp_path / "copy.gocua", DAY).revision == schema.head()


# --- ended in the middle, or refused at the end ----------------------------------------------------------------------

#: dies at the moment when the new file is to take the old one's name
DIES_AT_THE_CHANGE = """
replace = pathlib.Path.replace
pathlib.Path.replace = lambda self, to: os._exit(9) if self.name == "gocua.db.restoring" else replace(self, to)
"""
#: dies with half a picture written
DIES_IN_A_PICTURE = """
write = pathlib.Path.write_bytes
pathlib.Path.write_bytes = lambda self, data: (write(self, data[:3]), os._exit(9)) if ".jpg" in self.name else None
"""
RESTORES = """
import os, pathlib, sys
from api import backup
from api.settings import Settings
{dies}
settings = Settings(_env_file=None, database_url=sys.argv[1], media_folder=sys.argv[2])
backup.restore(settings, pathlib.Path(sys.argv[3]), force=True)
"""


def dies_restoring(settings: Settings, file: Path, dies: str) -> None:
    """A process of its own, killed where `dies` says."""
    typed = [sys.executable, "-c", RESTORES.format(dies=dies), settings.database_url, str(settings.media), str(file)]
    done = subprocess.run(typed, check=False, cwd=Path(__file__).parents[2], capture_output=True)
    assert done.returncode == 9, done.stderr.decode()


def left_over(settings: Settings) -> list[str]:
    """What no restore may leave behind."""
    folders = {settings.data_folder, settings.media}
    return [path.name for folder in folders for path in folder.iterdir() if path.suffix in (".restoring", ".arriving")]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_restore_that_dies_leaves_the_old_database_under_its_name(full: Place, tmp_path: Path) -> None:
    file = tmp_path / "copy.gocua"
    backup.make(full.settings, file, DAY)
    full.write("DELETE FROM colleague")
    before = full.proofs()
    dies_restoring(full.settings, file, DIES_AT_THE_CHANGE)
    assert full.settings.database_file is not None
    assert full.settings.database_file.exists()
    assert full.proofs() == before
    backup.restore(full.settings, file, force=True)
    assert full.proofs() != before
    assert left_over(full.settings) == []


def test_a_restore_that_died_in_a_picture_is_done_again_whole(full: Place, tmp_path: Path) -> None:
    """The second time without --force: nothing of the database was changed the first time."""
    backup.make(full.settings, tmp_path / "copy.gocua", DAY)
    new = place(tmp_path / "new", f"sqlite:///{tmp_path}/new/gocua.db")
    dies_restoring(new.settings, tmp_path / "copy.gocua", DIES_IN_A_PICTURE)
    backup.restore(new.settings, tmp_path / "copy.gocua")
    assert (new.settings.media / PICTURE).read_bytes() == WAS
    assert left_over(new.settings) == []


def rewritten(old: Path, new: Path, change: Callable[[str, bytes], bytes | None]) -> None:
    """A copy with members changed, or left out where `change` gives None."""
    with tarfile.open(old, "r:gz") as source, tarfile.open(new, "w:gz") as target:
        for member in source:
            found = source.extractfile(member)
            assert found is not None
            if (data := change(member.name, found.read())) is not None:
                member.size = len(data)
                target.addfile(member, io.BytesIO(data))


@pytest.mark.parametrize(
    "change",
    [
        lambda name, data: None if name == "end.json" else data,
        lambda name, data: data.replace(b'"checksum":"', b'"checksum":"0') if name == "end.json" else data,
        lambda name, data: data.replace(b'"media":1', b'"media":2') if name == "end.json" else data,
    ],
    ids=["no end", "wrong proof", "a picture too few"],
)
def test_a_copy_that_is_refused_at_its_end_changes_no_file(
    full: Place, tmp_path: Path, change: Callable[[str, bytes], bytes | None]
) -> None:
    backup.make(full.settings, tmp_path / "copy.gocua", DAY)
    rewritten(tmp_path / "copy.gocua", tmp_path / "bad.gocua", change)
    files = {full.settings.media / PICTURE: b"newer", full.settings.data_folder / "gocua.secret": b"newer"}
    for path, data in files.items():
        path.write_bytes(data)
    before = full.proofs()
    with pytest.raises(BackupBroken):
        backup.restore(full.settings, tmp_path / "bad.gocua", force=True)
    assert {path: path.read_bytes() for path in files} == files
    assert full.proofs() == before
    assert left_over(full.settings) == []


# --- an old file that is broken, or in use ---------------------------------------------------------------------------


#: what SQLite writes beside a database, and takes for its own of whatever lies there under that name
LOGS = ("-wal", "-shm", "-journal")


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_copy_takes_the_place_of_garbage_which_is_kept(full: Place, tmp_path: Path) -> None:
    database, garbage = full.settings.database_file, b"no database, but long enough to be read as one" * 99
    assert database is not None
    before = full.proofs()
    backup.make(full.settings, tmp_path / "copy.gocua", DAY)
    database.write_bytes(garbage)
    for ending in LOGS:
        database.with_name(database.name + ending).write_bytes(garbage)
    with pytest.raises(MoveRefused, match="--force"):
        backup.restore(full.settings, tmp_path / "copy.gocua")
    assert database.read_bytes() == garbage
    backup.restore(full.settings, tmp_path / "copy.gocua", force=True)
    assert full.proofs() == before
    assert database.with_name("gocua.db.before").read_bytes() == garbage


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits five seconds for an SQLite file that another has."""
    made = sa.create_engine

    def create(url: Any, **given: Any) -> sa.Engine:
        return made(url, **given, **({"connect_args": {"timeout": 0.1}} if str(url).startswith("sqlite") else {}))

    monkeypatch.setattr(sa, "create_engine", create)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.usefixtures("impatient")
def test_what_somebody_still_reads_is_not_taken_away(full: Place, tmp_path: Path) -> None:
    """Rows that lie in the log alone, which cannot be folded in under the reader's feet."""
    database = full.settings.database_file
    assert database is not None
    backup.make(full.settings, tmp_path / "copy.gocua", DAY)
    reader = sqlite3.connect(database, isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM colleague").fetchone()
    full.write("DELETE FROM colleague")
    before = full.proofs()
    with pytest.raises(MoveRefused, match="chương trình khác"):
        backup.restore(full.settings, tmp_path / "copy.gocua", force=True)
    assert full.proofs() == before
    assert left_over(full.settings) == []
    reader.close()
    backup.restore(full.settings, tmp_path / "copy.gocua", force=True)
    kept = place(tmp_path, f"sqlite:///{database}.before")
    assert kept.proofs() == before


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.usefixtures("impatient")
def test_what_somebody_still_writes_is_not_taken_away(full: Place, tmp_path: Path) -> None:
    """With the older kind of log, as a database has that was made and never served; it is not taken for garbage."""
    database = full.settings.database_file
    assert database is not None
    backup.make(full.settings, tmp_path / "copy.gocua", DAY)
    writer = sqlite3.connect(database, isolation_level=None)
    writer.execute("PRAGMA journal_mode=DELETE")
    writer.execute("BEGIN EXCLUSIVE")
    writer.execute("DELETE FROM colleague")
    with pytest.raises(MoveRefused, match="chương trình khác"):
        backup.restore(full.settings, tmp_path / "copy.gocua", force=True)
    writer.execute("COMMIT")
    writer.close()
    assert full.proofs()["colleague"].rows == 0
    assert list(tmp_path.glob("*.before*")) == []


def test_pictures_may_lie_beside_the_database(tmp_path: Path) -> None:
    one = Place(Settings(_env_file=None, database_url=f"sqlite:///{tmp_path}/gocua.db", media_folder=str(tmp_path)))
    fill_every_table(one.settings)
    (tmp_path / PICTURE).write_bytes(WAS)
    before = one.proofs()
    backup.make(one.settings, tmp_path / "copy.gocua", DAY)
    (tmp_path / PICTURE).unlink()
    backup.restore(one.settings, tmp_path / "copy.gocua", force=True)
    assert one.proofs() == before
    assert (tmp_path / PICTURE).read_bytes() == WAS
    assert left_over(one.settings) == []


# --- beside a slow disk, and a sealed copy ---------------------------------------------------------------------------

#: what an operator may have set against forgotten transactions, and a file that takes longer
IDLE_MS, SLOW_S = 300, 0.8


def sleeps_first(work: Callable[..., Any], *given: Any, **named: Any) -> Any:
    time.sleep(SLOW_S)
    return work(*given, **named)


def hurry(url: str) -> None:
    """Whoever connects from now on is ended by the server in a transaction that says nothing for a moment."""
    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with engine.connect() as connection:
        name = sa.make_url(url).database
        connection.exec_driver_sql(f"ALTER DATABASE {name} SET idle_in_transaction_session_timeout = {IDLE_MS}")


@pytest.mark.parametrize("slow", ["_add", "_add_file"])
def test_a_slow_disk_ends_no_copy(
    postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, slow: str
) -> None:
    one = place(tmp_path, postgres_url)
    fill_every_table(one.settings)
    hurry(postgres_url)
    write, calls = getattr(backup, slow), []

    def once_slow(*given: Any) -> Any:
        calls.append(given)
        return sleeps_first(write, *given) if len(calls) == 2 else write(*given)

    monkeypatch.setattr(backup, slow, once_slow)
    copy = backup.make(one.settings, tmp_path / "copy.gocua", DAY)
    assert all(proof.rows for proof in copy.proofs.values())


def test_a_slow_picture_ends_no_restore(postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = place(tmp_path / "old", f"sqlite:///{tmp_path}/old/gocua.db")
    fill_every_table(old.settings)
    old.settings.media.mkdir()
    (old.settings.media / PICTURE).write_bytes(WAS)
    backup.make(old.settings, tmp_path / "copy.gocua", DAY)
    new = place(tmp_path / "new", postgres_url)
    hurry(postgres_url)
    write = Path.write_bytes
    monkeypatch.setattr(Path, "write_bytes", lambda path, data: sleeps_first(write, path, data))
    backup.restore(new.settings, tmp_path / "copy.gocua")
    assert (new.settings.media / PICTURE).read_bytes() == WAS
    assert new.proofs()["colleague"].rows == 2


def test_nobody_can_read_the_rows_beside_a_copy_that_is_being_proved(
    full: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever ends us there leaves nothing that was sealed lying open."""
    load, seen = backup._load, []

    def looks(*given: Any) -> Any:
        seen.append([path.name for path in tmp_path.rglob(".gocua-verify-*")])
        return load(*given)

    monkeypatch.setattr(backup, "_load", looks)
    backup.make(full.settings, tmp_path / "copy.gocua", DAY)
    assert seen == [[]]
