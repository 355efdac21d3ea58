"""Settings: absent is off, half-set is refused and every name is told, nothing secret has a default or is shown."""

import os
import random
import secrets
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from api import settings
from api.settings import Settings, SettingsError

TOKEN = "123456:abcdefghijklmnopqrstuvwxyz"


def load(**given: object) -> Settings:
    return settings.load(_env_file=None, **given)


def test_nothing_set_is_a_whole_installation(tmp_path: Path) -> None:
    whole = load(database_url=f"sqlite:///{tmp_path}/a.db")
    assert whole.telegram_token.get_secret_value() == ""
    assert whole.database_file == tmp_path / "a.db"
    assert whole.media == tmp_path / "gocua-media"
    key = whole.signing_key()
    assert len(key) >= 48
    assert whole.signing_key() == key
    assert (tmp_path / "gocua.secret").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("database", ["sqlite:///a/b.db", "postgresql+psycopg://x@127.0.0.1/x"])
def test_its_own_files_lie_in_the_folder_that_is_told(database: str, tmp_path: Path) -> None:
    whole = load(database_url=database, data_folder=tmp_path)
    assert whole.media == tmp_path / "gocua-media"
    assert whole.signing_key() == (tmp_path / "gocua.secret").read_text(encoding="ascii")


def test_an_empty_key_file_says_what_to_do(tmp_path: Path) -> None:
    """As a full disk or a power cut leaves it: an empty key would sign for everybody."""
    (tmp_path / "gocua.secret").touch()
    with pytest.raises(ValueError, match=r"gocua\.secret trống.*`gocua restore`, hoặc xoá tệp này"):
        load(data_folder=tmp_path).signing_key()


def test_all_who_start_at_once_get_one_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever is slow to make its key meets the file of one who was faster, and never half of it."""
    together, made = threading.Barrier(8), secrets.token_urlsafe

    def slow(length: int) -> str:
        time.sleep(random.uniform(0.01, 0.05))
        return made(length)

    def start(_number: int) -> str:
        together.wait()
        return load(data_folder=tmp_path).signing_key()

    monkeypatch.setattr(secrets, "token_urlsafe", slow)
    with ThreadPoolExecutor(8) as pool:
        found = set(pool.map(start, range(8)))
    assert [len(key) for key in found] == [64]
    assert [path.name for path in tmp_path.iterdir()] == ["gocua.secret"]


def test_a_key_that_could_not_be_written_leaves_no_file(tmp_path: Path) -> None:
    """The disk takes ten bytes and no more; the next start makes a whole one."""
    code = (
        "import resource, sys; from api.settings import Settings; whole = Settings(_env_file=None, "
        "data_folder=sys.argv[1]); resource.setrlimit(resource.RLIMIT_FSIZE, (10, 10)); whole.signing_key()"
    )
    typed = [sys.executable, "-c", code, str(tmp_path)]
    done = subprocess.run(typed, check=False, cwd=Path(__file__).parents[2], capture_output=True, text=True)
    assert "OSError: [Errno 27]" in done.stderr
    assert list(tmp_path.iterdir()) == []
    assert len(load(data_folder=tmp_path).signing_key()) == 64


def test_without_a_folder_they_lie_beside_the_file_or_where_it_was_started(tmp_path: Path) -> None:
    assert load(database_url=f"sqlite:///{tmp_path}/b.db").data_folder == tmp_path
    assert load(database_url="postgresql+psycopg://x@127.0.0.1/x").data_folder == Path.cwd()


@pytest.mark.parametrize(("given", "named"), [
    ({"data_folder": "/không/có"}, ["GOCUA_DATA_FOLDER: không có thư mục /không/có"]),
    ({"telegram_token": TOKEN, "public_url": "https://a.vn"}, ["thiếu GOCUA_TELEGRAM_SECRET"]),
    ({"telegram_secret": "bi-mat"}, ["thiếu GOCUA_TELEGRAM_TOKEN"]),
    ({"telegram_team_chat": "-100"}, ["thiếu GOCUA_TELEGRAM_TOKEN"]),
    ({"telegram_token": TOKEN, "telegram_secret": "bí mật"}, ["GOCUA_TELEGRAM_SECRET chỉ được có"]),
    ({"telegram_token": TOKEN, "telegram_team_chat": "-100²"}, ["GOCUA_TELEGRAM_TEAM_CHAT phải là số của nhóm"]),
    ({"telegram_token": TOKEN, "telegram_team_chat": "@nhom"}, ["GOCUA_TELEGRAM_TEAM_CHAT phải là số của nhóm"]),
    ({"public_url": "a.vn"}, ["GOCUA_PUBLIC_URL phải bắt đầu bằng https://"]),
    ({"database_url": "mysql://x"}, ["GOCUA_DATABASE_URL phải là"]),
    ({"day_starts_hour": 24}, ["GOCUA_DAY_STARTS_HOUR: nhiều nhất là 23"]),
    ({"notices_a_day": 0}, ["GOCUA_NOTICES_A_DAY: ít nhất là 1"]),
    ({"keep_days": "lâu"}, ["GOCUA_KEEP_DAYS: phải là một số nguyên"]),
    ({"zalo_oa_buttons": "on"}, ["GOCUA_ZALO_OA_BUTTONS: phải là một trong 'off', 'form1' or 'form3'"]),
    ({"day_starts_hour": 21, "day_ends_hour": 7}, ["GOCUA_DAY_STARTS_HOUR", "GOCUA_DAY_ENDS_HOUR"]),
    ({"demo": "có lẽ"}, ["GOCUA_DEMO: phải là true hoặc false"]),
    ({"public_url": "a.vn", "telegram_secret": "b c", "telegram_team_chat": "x", "database_url": "y"},
     ["GOCUA_PUBLIC_URL", "GOCUA_TELEGRAM_TOKEN", "GOCUA_TELEGRAM_SECRET", "GOCUA_TELEGRAM_TEAM_CHAT",
      "GOCUA_DATABASE_URL"]),
])  # fmt: skip
def test_half_set_is_refused_by_name(given: dict[str, object], named: list[str]) -> None:
    with pytest.raises(SettingsError) as refused:
        load(**given)
    for name in named:
        assert name in str(refused.value)
    assert TOKEN not in str(refused.value)


def test_no_secret_is_ever_shown() -> None:
    whole = load(telegram_token=TOKEN, telegram_secret="bi-mat-day", secret_key="chìa khoá")
    shown = repr(whole) + str(whole) + str(whole.model_dump())
    assert not [secret for secret in (TOKEN, "bi-mat-day", "chìa khoá") if secret in shown]


def test_they_come_from_the_environment_and_from_a_file(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text('GOCUA_DAY_STARTS_HOUR=6\nGOCUA_HOME_PROVINCES=["82"]\nOTHER=1\n', encoding="utf-8")
    code = "from api.settings import load; s = load(); print(s.day_starts_hour, s.day_ends_hour, s.home_provinces)"
    room = str(Path(__file__).parents[2])
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GOCUA_")}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True,
        env=kept | {"PYTHONPATH": room, "GOCUA_DAY_ENDS_HOUR": "20", "GOCUA_DEMO": ""},
    )  # fmt: skip
    assert done.stdout.strip() == "6 20 ('82',)"
