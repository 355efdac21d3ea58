"""A copy made while the service runs is the whole installation, and comes back as it was: on both databases."""

import os
import tarfile
import threading
from dataclasses import dataclass
from pathlib import Path

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
    (one.settings.media / "hinh-so-1-cua-bac-ba.jpg").write_bytes(b"\xff\xd8 picture")
    (one.settings.data_folder / "gocua.secret").write_text("khoá")
    return one


def test_a_copy_comes_back_whole(full: Place, tmp_path: Path) -> None:
    before = full.proofs()
    assert all(proof.rows for proof in before.values())
    copy = backup.make(full.settings, tmp_path / "copy.gocua", DAY)
    assert (copy.media, copy.media_missing) == (1, 1)
    (full.settings.media / "hinh-so-1-cua-bac-ba.jpg").unlink()
    full.write("DELETE FROM colleague")
    with pytest.raises(MoveRefused, match="--force"):
        backup.restore(full.settings, tmp_path / "copy.gocua")
    assert full.proofs() != before
    backup.restore(full.settings, tmp_path / "copy.gocua", force=True)
    assert full.proofs() == before
    assert (full.settings.media / "hinh-so-1-cua-bac-ba.jpg").read_bytes() == b"\xff\xd8 picture"


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
