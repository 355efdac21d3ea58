"""The `gocua` command as it is typed: what it prints, and its exit codes."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from click.testing import CliRunner, Result

from api import inbox, main, outbox, schema
from api.cli import app, entry
from api.outbox import Pen
from api.settings import Settings
from bot import transcript
from bot.model import Inbound
from tests.service import DAY, MEMBER, OUTBOX, TOWN, content, enter, shared_content

ROOM = Path(__file__).parents[2]


@pytest.fixture
def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An operator's folder: nothing set but where the database lies."""
    for name in [name for name in os.environ if name.startswith("GOCUA_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    # It would bind every logger of this process for good: no later test could look at what is logged.
    monkeypatch.setattr("api.logs.start", lambda: None)
    monkeypatch.setenv("GOCUA_DATABASE_URL", f"sqlite:///{tmp_path}/gocua.db")
    for door in ("api.cli.content.load", "api.doctor.load"):
        monkeypatch.setattr(door, content)
    return tmp_path


def run(*words: str, given: str | None = None) -> Result:
    return CliRunner().invoke(app, list(words), input=given)


# --- one line in, one line out ---------------------------------------------------------------------------------

KEYS = {
    "ask": {"topic", "p", "band", "topics", "hits", "ms"},
    "place": {"communes", "certain", "ms"},
    "scam": {"verdict", "reasons"},
    "redact": {"text", "found"},
}
LINES = [
    '{"text": "làm vneid sao con"}', "", "không phải JSON", '{"text": 7}', "[1]", "7", '{"words": "x"}',
    '{"text": ""}', '{"text": "mã OTP của tui là 482913"}', '{"text": "\\u0000 \\ud83d\\ude00 xã Mỹ An Hưng"}',
]  # fmt: skip


@pytest.mark.parametrize("verb", KEYS)
def test_a_batch_answers_every_line_in_order(room: Path, verb: str) -> None:
    done = run(verb, "--jsonl", given="\n".join(LINES) + "\n")
    assert done.exit_code == 0
    answers: list[dict[str, Any]] = [json.loads(line) for line in done.stdout.splitlines()]
    assert [set(answer) == {"error"} for answer in answers] == [
        False,
        True,
        True,
        True,
        True,
        True,
        False,
        False,
        False,
    ]
    assert all(set(answer) >= KEYS[verb] for answer in answers if "error" not in answer)


@pytest.mark.parametrize(("words", "expected"), [
    (("ask", "làm", "vneid", "sao", "con"), {"topic": "vneid"}),
    (("place", "xã Mỹ An Hưng tỉnh Đồng Tháp"), {"communes": ["30178"], "certain": True}),
    (("scam", "chuyển khoản 500k phí mở khoá để nhận thưởng http://vneid-gov.top"), {"verdict": "scam"}),
    (("redact", "mã OTP của tui là 482913"), {"found": ["otp"]}),
])  # fmt: skip
def test_words_are_answered_with_one_object(room: Path, words: tuple[str, ...], expected: dict[str, Any]) -> None:
    done = run(*words)
    assert done.exit_code == 0
    answer = json.loads(done.stdout)
    assert {key: answer[key] for key in expected} == expected


# --- the operator ----------------------------------------------------------------------------------------------


def test_migrate_and_doctor(room: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = run("doctor")
    assert before.exit_code == 0
    assert "chưa có tệp" in before.stdout
    first, again = run("migrate"), run("migrate")
    assert (first.exit_code, first.stdout.strip()) == (0, f"(trống) -> {schema.head()}")
    assert again.stdout.strip() == f"{schema.head()} -> {schema.head()}"
    well = run("doctor")
    assert well.exit_code == 0
    for line in ("Thiết lập: ổn", "Kênh web: bật", "Kênh Telegram: tắt", "mới nhất", "members import", "hướng dẫn"):
        assert line in well.stdout
    monkeypatch.setenv("GOCUA_TELEGRAM_SECRET", "bi-mat")
    ill = run("doctor")
    assert ill.exit_code == 1
    assert "thiếu GOCUA_TELEGRAM_TOKEN" in ill.stdout
    monkeypatch.delenv("GOCUA_TELEGRAM_SECRET")
    monkeypatch.setenv("GOCUA_DATABASE_URL", f"sqlite:///{room}")
    assert run("doctor").exit_code == 1


def test_doctor_of_a_database_that_is_no_database(room: Path) -> None:
    (room / "gocua.db").write_bytes(b"not a database, long enough to be read as one" * 50)
    done = run("doctor")
    assert done.exit_code == 1
    assert "KHÔNG MỞ ĐƯỢC" in done.stdout
    assert run("migrate").exit_code == 1


def test_what_cannot_be_done_is_said_in_one_line(room: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        for words, why in (
            (("trace", "1"), "gocua serve"), (("member", "link", "Lan"), "gocua serve"),
            (("backup", str(room)), "là thư mục"), (("serve", "--port", port), "chương trình khác"),
        ):  # fmt: skip
            refused = run(*words)
            assert (refused.exit_code, refused.stdout, refused.stderr.count("\n")) == (1, "", 1)
            assert why in refused.stderr
    assert list(room.glob("*.db")) == []
    monkeypatch.setenv("GOCUA_DATABASE_URL", "postgresql+psycopg://a:b@127.0.0.1:1/none")
    for typed in (["trace", "1"], ["member", "link", "Lan"], ["migrate"], ["backup", str(room / "x")]):
        refused = run(*typed)
        assert (refused.exit_code, "Traceback" in refused.stderr, "sqlalche.me" in refused.stderr) == (1, False, False)
        assert "xem GOCUA_DATABASE_URL (" in refused.stderr


def test_what_a_database_refuses_is_said_without_the_row(database_url: str) -> None:
    engine = sa.create_engine(database_url)
    with engine.connect() as connection:
        connection.exec_driver_sql("CREATE TABLE one (phone TEXT PRIMARY KEY)")
        connection.exec_driver_sql("INSERT INTO one VALUES ('0912345678')")
        with pytest.raises(sa.exc.IntegrityError) as refused:
            connection.exec_driver_sql("INSERT INTO one VALUES ('0912345678')")
    engine.dispose()
    assert "GOCUA_DATABASE_URL (" in entry.why(refused.value)
    assert "0912345678" not in entry.why(refused.value)


def test_a_list_that_is_none_names_its_setting(room: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOCUA_HOME_PROVINCES", "79,82")
    assert "GOCUA_HOME_PROVINCES: viết thành danh sách" in run("doctor").stdout


def test_doctor_of_a_newer_database(room: Path) -> None:
    run("migrate")
    with sa.create_engine(f"sqlite:///{room}/gocua.db").begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    told = run("doctor")
    assert (told.exit_code, "bản gocua mới hơn (9999)" in told.stdout) == (1, True)


def test_a_link_for_a_member(room: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (room / "gocua.db").touch()
    empty = run("member", "link", "Lan")
    assert (empty.exit_code, "gocua migrate" in empty.stderr) == (1, True)
    run("migrate")
    engine = sa.create_engine(f"sqlite:///{room}/gocua.db")
    with engine.begin() as connection:
        enter(connection, TOWN, DAY)
    several = run("member", "link", "Nguyễn")
    assert several.exit_code == 1
    assert "Nguyễn chị Lan, Nguyễn anh Tâm" in several.stderr
    assert "không ai" in run("member", "link", "Người Lạ").stderr
    plain = run("member", "link", "cô Sáu")
    assert plain.exit_code == 0
    assert "http://127.0.0.1:8000/team/sign-in/" in plain.stdout
    monkeypatch.setenv("GOCUA_TELEGRAM_TOKEN", "123:abc")
    assert "/start link-" in run("member", "link", "cô Sáu").stdout
    sent = run("member", "link", "Nguyễn chị Lan")
    assert "Đã gửi vào Telegram" in sent.stdout
    with engine.connect() as connection:
        [row] = connection.execute(sa.select(OUTBOX)).mappings()
        assert row["chat"] == connection.execute(sa.select(MEMBER.c.telegram_chat).where(MEMBER.c.id == 1)).scalar()
        assert "/team/sign-in/" in row["body"]["text"]
    engine.dispose()


def test_chat_can_be_recorded(room: Path) -> None:
    done = run("chat", "--record", "talk.yaml", given="chào con\n\ngặp người\n1\nmã OTP của tui là 482913\n")
    assert done.exit_code == 0, done.output
    assert "Đã ghi 4 lượt" in done.stdout
    assert "482913" not in (room / "talk.yaml").read_text(encoding="utf-8")
    written = transcript.read((room / "talk.yaml").read_text(encoding="utf-8"), "talk.yaml")
    assert [one.what for one in written.exchanges][:3] == ["chào con", "gặp người", "1"]


# --- serve -----------------------------------------------------------------------------------------------------


def serve(room: Path, **env: str) -> subprocess.Popen[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GOCUA_")}
    kept |= {"PYTHONPATH": str(ROOM), "PYTHONIOENCODING": "utf-8", "GOCUA_DATABASE_URL": f"sqlite:///{room}/gocua.db"}
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-c", "from api.cli import app; app()", "serve", "--port", str(port)]
    return subprocess.Popen(command, cwd=room, env=kept | env, stdout=-1, stderr=-1, text=True, encoding="utf-8")


def test_half_set_settings_do_not_serve(room: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOCUA_TELEGRAM_SECRET", "b c")
    monkeypatch.setenv("GOCUA_PUBLIC_URL", "a.vn")
    done = run("serve")
    assert done.exit_code == 1
    for name in ("GOCUA_TELEGRAM_TOKEN", "GOCUA_TELEGRAM_SECRET", "GOCUA_PUBLIC_URL"):
        assert name in done.stderr
    assert not (room / "gocua.db").exists()


def test_one_file_one_process(room: Path) -> None:
    """A second process on the same SQLite file is refused and says what to do."""
    with shared_content():
        house = main.build(Settings(_env_file=None, database_url=f"sqlite:///{room}/gocua.db"))
    try:
        second = serve(room)
        _, told = second.communicate(timeout=30)
        assert second.returncode == 1
        assert "một bản khác đang chạy" in told
        assert "Traceback" not in told
    finally:
        house.store.stop()


def test_a_newer_database_is_left_alone(room: Path) -> None:
    run("migrate")
    engine = sa.create_engine(f"sqlite:///{room}/gocua.db")
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = 'r9999'"))
    engine.dispose()
    done = run("serve")
    assert (done.exit_code, "r9999" in done.stderr) == (1, True)


# --- copies, and what became of a message ----------------------------------------------------------------------------


def test_a_copy_is_made_and_brought_back(room: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run("backup", "copy.gocua").exit_code == 1, "there is nothing yet"
    run("migrate")
    done = run("backup", "copy.gocua")
    assert done.exit_code == 0
    assert "khớp từng dòng" in done.stdout
    assert "GOCUA_BACKUP_KEY" in done.stdout
    monkeypatch.setenv("GOCUA_DATABASE_URL", f"sqlite:///{room}/other/gocua.db")
    (room / "other").mkdir()
    assert run("restore", "copy.gocua").exit_code == 0
    assert (room / "other" / "gocua.db").exists()
    (room / "copy.gocua").write_bytes(b"x")
    broken = run("restore", "copy.gocua", "--force")
    assert (broken.exit_code, "Chưa khôi phục được" in broken.stderr) == (1, True)


def test_only_an_sqlite_file_is_moved(room: Path) -> None:
    refused = run("move-to", "postgresql+psycopg://nobody@127.0.0.1:1/none")
    assert refused.exit_code == 1
    assert "SQLite" in refused.stderr


def test_what_became_of_a_message_is_told_without_its_words(room: Path) -> None:
    run("migrate")
    engine = sa.create_engine(f"sqlite:///{room}/gocua.db")
    with engine.begin() as connection:
        said = Inbound(channel="telegram", chat="2001", message_id="1", sent_at=DAY, text="lời riêng của Bác")
        row = inbox.put_done(connection, inbox.from_channel(said, "message:1"), DAY)
        pen = Pen(row, "telegram:2001", DAY)
        pen.member("2001", "lời đáp")
        outbox.insert(connection, pen.rows)
    engine.dispose()
    told = run("trace", str(row)).stdout
    assert told.splitlines()[0].startswith(f"#{row} telegram Inbound: đến 21/11 10:00:00.000, xong")
    assert "queued" in told.splitlines()[1]
    assert "lời" not in told
    assert "không còn giữ" in run("trace", "999").stdout
