"""A sheet of members: understood whatever its form, every mistake told at once, twice the same as once."""

from collections.abc import Iterator
from datetime import datetime
from functools import partial
from pathlib import Path

import openpyxl
import pytest
import sqlalchemy as sa
from click.testing import CliRunner

from api import directory, importing, members_file
from api.cli import app
from api.importing import Outcome, Understood, bring_in, understand
from api.members_file import COLUMNS, MembersFileError, read, write_template
from api.settings import load
from api.store import Store
from api.tables import Hamlet, Member, Team, metadata
from knowledge.places import Gazetteer
from tests.cast import HOME, NOW

_team, _member, _hamlet = (table.__table__ for table in (Team, Member, Hamlet))

SHEET = """\
DANH SÁCH TỔ CÔNG NGHỆ SỐ;;;;;;;;
;;;;;;;;
SĐT;XÃ PHƯỜNG;Họ và tên;xưng hô;Vai trò;Ấp, khu phố;ten cu cua ap;Kỹ năng;Giờ trực;Ngày trực;Sức nhận;Ghi chú
0912.345.678;Phường Phú Lợi;Trần Thị Lan;chị;Tổ trưởng, phụ nữ;KP3;ấp 1, ấp 2;VNeID, DVC;7h-11h30;T2-T6;5;x
+84 912 345 679;Phường Phú Hòa, Thủ Dầu Một;Lê Minh Tâm;Anh Tâm;Đoàn thanh niên;khu pho 3;;;;;;
;xã Mỹ An Hưng;Lê  Văn Bảy;;cán bộ xã;;;tất cả;cả ngày;cả tuần;;
;;;;;;;;;;;
"""


@pytest.fixture(scope="module")
def gazetteer() -> Gazetteer:
    return Gazetteer.load()


@pytest.fixture
def connection(database_url: str) -> Iterator[sa.Connection]:
    store = Store(load(database_url=database_url))
    metadata.create_all(store.engine)
    with store.engine.begin() as connection:
        yield connection
    store.stop()


def write(folder: Path, text: str, name: str = "to.csv", encoding: str = "utf-8") -> Path:
    path = folder / name
    path.write_text(text, encoding=encoding)
    return path


def understood(folder: Path, text: str, gazetteer: Gazetteer) -> Understood:
    return understand(read(write(folder, text)), gazetteer, HOME)


def told(folder: Path, header: str, row: str, gazetteer: Gazetteer) -> list[str]:
    """What is said of one row; a good name and commune are added."""
    text = f"Họ tên;Xã/phường;{header}\nTrần Thị Lan;Phường Phú Lợi;{row}\n"
    return [str(one) for one in understood(folder, text, gazetteer).problems]


def members(connection: sa.Connection) -> list[sa.RowMapping]:
    return list(connection.execute(sa.select(_member).order_by(_member.c.id)).mappings())


# --- reading ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("separator", [";", "\t", ","])
def test_a_csv_however_it_was_saved(tmp_path: Path, encoding: str, separator: str) -> None:
    text = 'Họ tên;Xã/phường;Ngày trực\n"Trần Thị Lan";"Phường Phú Lợi, TP.HCM";"T2, T4"\n'.replace(";", separator)
    (line,) = read(write(tmp_path, text, encoding=encoding)).lines
    assert (line.number, line.cells["name"], line.cells["commune"], line.cells["days"]) == (
        2, "Trần Thị Lan", "Phường Phú Lợi, TP.HCM", "T2, T4",
    )  # fmt: skip


def test_a_sheet_of_excel(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    for row in (["Danh sách"], ["Họ tên", "Xã/phường", "Điện thoại", "Sức nhận", "Giờ trực"],
                ["Tra\u0302\u0300n Thị Lan", "Phường Phú Lợi", 912345678, 3.0, datetime(2026, 11, 7)], [None] * 5):  # noqa: DTZ001 Excel knows no zones # fmt: skip
        book.active.append(row)
    book.save(tmp_path / "to.xlsx")
    (line,) = read(tmp_path / "to.xlsx").lines
    assert line.number == 3
    assert line.cells["name"] == "Trần Thị Lan"
    assert (line.cells["phone"], line.cells["capacity"]) == ("912345678", "3")
    assert line.cells["hours"].startswith("2026-11-07")


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("to.csv", "Tên;Nơi\nLan;Phú Lợi\n".encode(), "không thấy dòng tiêu đề"),
        ("to.csv", "Họ tên;Xã/phường\n".encode("utf-16"), "không phải UTF-8"),
        ("to.csv", "Họ tên;Xã/phường;Xã\n".encode(), "cột Xã/phường có hai lần"),
        ("to.xlsx", b"Ho ten", "không mở được"),
        ("to.pdf", b"", "chỉ đọc được .xlsx và .csv"),
    ],
)
def test_a_file_that_is_no_table_of_members(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(MembersFileError, match=said):
        read(tmp_path / name)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    for name in ("to.csv", "to.xlsx"):
        with pytest.raises(MembersFileError, match="không mở được"):
            read(tmp_path / name)


@pytest.mark.parametrize("name", ["mau.xlsx", "mau.csv"])
def test_the_template_has_every_column_and_nobody(tmp_path: Path, name: str) -> None:
    write_template(tmp_path / name)
    sheet = read(tmp_path / name)
    assert (sheet.lines, sheet.ignored) == ((), ())
    with pytest.raises(MembersFileError, match="đã có"):
        write_template(tmp_path / name)


def test_the_template_explains_every_column(tmp_path: Path) -> None:
    write_template(tmp_path / "mau.xlsx")
    book = openpyxl.load_workbook(tmp_path / "mau.xlsx")
    titles = [cell.value for cell in book.worksheets[0][1]]
    assert titles == [column.title for column in COLUMNS] == [row[0].value for row in book.worksheets[1].iter_rows()]


# --- understanding ---------------------------------------------------------------------------------------------------


def test_every_cell_is_understood(tmp_path: Path, gazetteer: Gazetteer) -> None:
    known = understood(tmp_path, SHEET, gazetteer)
    assert known.problems == ()
    assert known.renamed == ("Phường Phú Hòa (TP Thủ Dầu Một cũ) → Phường Phú Lợi, Thành phố Hồ Chí Minh",)
    lan, tam, bay = known.entries
    assert (lan.row, lan.called, lan.role, lan.post, lan.kind) == (4, "chị Lan", "lead", "women_union", "hamlet")
    assert (lan.commune, lan.hamlet, lan.old_hamlets) == ("25750", "khu phố 3", ("ấp 1", "ấp 2"))
    assert lan.skills == directory.skill_bit("vneid") | directory.skill_bit("dvc")
    assert (lan.minutes, lan.days, lan.capacity, lan.phone) == ((420, 690), 0b11111, 5, "0912345678")
    assert (tam.called, tam.role, tam.post, tam.commune) == ("anh Tâm", "", "youth_union", "25750")
    assert (tam.skills, tam.minutes, tam.days, tam.phone) == (None, None, None, "0912345679")
    assert (bay.name, bay.kind, bay.post, bay.hamlet) == ("Lê Văn Bảy", "commune", "official", "")
    assert (bay.skills, bay.minutes, bay.days) == (0, (0, 1440), 127)


@pytest.mark.parametrize(
    ("column", "value", "said"),
    [
        ("Vai trò", "vua", "Dòng 2, cột Vai trò, “vua”: ghi một trong: tổ trưởng"),
        ("Loại tổ", "câu lạc bộ", "ghi một trong: tổ của ấp"),
        ("Loại tổ", "ấp", "phải ghi ấp, khu phố"),
        ("Loại tổ", "trường", "trường học thì phải ghi tên"),
        ("Ấp/khu phố", "3", "ghi cả loại: ấp 3"),
        ("Kỹ năng", "VNeID, bay", "ghi tất cả, hoặc trong số"),
        ("Sức nhận", "0", "một số từ 1 đến 50"),
        ("Sức nhận", "3 hồ sơ", "một số từ 1 đến 50"),
        ("Số hộ", "221", "một số từ 0 đến 220"),
        ("Giờ trực", "21h-7h", "một khoảng trong ngày"),
        ("Giờ trực", "7h-11h, 13h-17h", "một khoảng trong ngày"),
        ("Giờ trực", "7h75-11h", "một khoảng trong ngày"),
        ("Giờ trực", "2026-11-07 00:00:00", "Excel đã đổi ô này"),
        ("Ngày trực", "T8", "ghi T2-T6"),
        ("Ngày trực", "2026-06-02 00:00:00", "Excel đã đổi ô này"),
        ("Telegram", "@lan", "dãy số"),
        ("Điện thoại", "12345", "10 chữ số"),
    ],
)
def test_a_wrong_cell_says_what_to_write(
    tmp_path: Path, gazetteer: Gazetteer, column: str, value: str, said: str
) -> None:
    (problem,) = told(tmp_path, column, value, gazetteer)
    assert said in problem


@pytest.mark.parametrize(
    ("commune", "said"),
    [
        ("phú lợi", "có thể là Phường Phú Lợi, Thành phố Hồ Chí Minh; Xã Tân Thạnh, Tỉnh Đồng Tháp"),
        ("Xã Không Có Thật", "không tìm thấy"),
        ("99999", "không có mã"),
        ("", "không được để trống"),
    ],
)
def test_a_commune_that_is_not_one(tmp_path: Path, gazetteer: Gazetteer, commune: str, said: str) -> None:
    known = understood(tmp_path, f"Họ tên;Xã/phường\nTrần Thị Lan;{commune}\n", gazetteer)
    assert said in str(known.problems[0])


def test_a_code_will_do_for_a_commune(tmp_path: Path, gazetteer: Gazetteer) -> None:
    known = understood(tmp_path, "Họ tên;Xã/phường\nTrần Thị Lan;25750\nVõ Hân;4\n", gazetteer)
    assert [one.commune for one in known.entries] == ["25750", "00004"]


def test_all_mistakes_are_told_at_once(tmp_path: Path, gazetteer: Gazetteer) -> None:
    text = "Họ tên;Xã/phường;Sức nhận;Điện thoại\n;Phường Phú Lợi;x;1\nLan;nơi nào đó;3;0912345678\n"
    problems = understood(tmp_path, text, gazetteer).problems
    assert [(one.row, one.column) for one in problems] == [
        (2, "Họ tên"), (2, "Sức nhận"), (2, "Điện thoại"), (3, "Xã/phường"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ("Lan;25750;;0912345678;;\nLan;25750;;;;", "trùng với dòng 2"),
        ("Lan;25750;777;;;\nTâm;25750;777;;;", "cột Telegram, “777”: trùng với dòng 2"),
        ("Lan;25750;;;Tổ A;xã\nTâm;25750;;;Tổ A;thanh niên", "dòng 2 ghi tổ này là"),
    ],
)
def test_rows_that_contradict_each_other(tmp_path: Path, gazetteer: Gazetteer, rows: str, said: str) -> None:
    header = "Họ tên;Xã/phường;Telegram;Điện thoại;Tổ;Loại tổ\n"
    (problem,) = understood(tmp_path, header + rows, gazetteer).problems
    assert problem.row == 3
    assert said in str(problem)


@pytest.mark.parametrize(
    ("written", "days"),
    [("T2-T6", 0b0011111), ("2-CN", 127), ("T2, T4, CN", 0b1000101), ("thứ hai đến thứ tư", 0b111),
     ("thứ 7 và chủ nhật", 0b1100000), ("T7-T2", 0b1100001), ("hằng ngày", 127)],
)  # fmt: skip
def test_days_as_people_write_them(tmp_path: Path, gazetteer: Gazetteer, written: str, days: int) -> None:
    known = understood(tmp_path, f"Họ tên;Xã/phường;Ngày trực\nLan;25750;{written}\n", gazetteer)
    assert (known.problems, known.entries[0].days) == ((), days)


@pytest.mark.parametrize(
    ("written", "minutes"),
    [("7-21", (420, 1260)), ("7h30 - 11h", (450, 660)), ("7:30–17:00", (450, 1020)), ("từ 8 giờ đến 16g30", (480, 990)),
     ("0h-24h", (0, 1440))],
)  # fmt: skip
def test_hours_as_people_write_them(
    tmp_path: Path, gazetteer: Gazetteer, written: str, minutes: tuple[int, int]
) -> None:
    known = understood(tmp_path, f"Họ tên;Xã/phường;Giờ trực\nLan;25750;{written}\n", gazetteer)
    assert (known.problems, known.entries[0].minutes) == ((), minutes)


# --- bringing in -----------------------------------------------------------------------------------------------------


def bring(connection: sa.Connection, folder: Path, text: str, gazetteer: Gazetteer) -> Outcome:
    known = understood(folder, text, gazetteer)
    assert known.problems == ()
    return bring_in(connection, known.entries, NOW)


def test_once_and_once_more(connection: sa.Connection, tmp_path: Path, gazetteer: Gazetteer) -> None:
    first = bring(connection, tmp_path, SHEET, gazetteer)
    assert (len(first.new), first.changed, first.unchanged, first.off_duty) == (3, [], 0, 3)
    assert first.new_teams == ["Tổ công nghệ số khu phố 3, phường Phú Lợi", "Tổ công nghệ số xã Mỹ An Hưng"]
    assert first.new_hamlets == ["khu phố 3"]
    before = members(connection)
    again = bring(connection, tmp_path, SHEET, gazetteer)
    assert again == Outcome(unchanged=3)
    assert members(connection) == before
    lan = before[0]
    assert (lan["rung"], lan["hamlet"], lan["hamlet_key"], lan["province"]) == (
        "hamlet", "khu phố 3", "khu pho 3", "79",
    )  # fmt: skip
    assert (lan["lat"], lan["lon"]) == (gazetteer.commune("25750").lat, gazetteer.commune("25750").lon)
    assert (lan["capacity"], before[1]["capacity"], before[1]["duty_days"]) == (5, 3, 127)
    assert directory.today_keys(connection, "25750", "ấp 2") == ("khu pho 3",)


def test_what_is_not_said_stays(connection: sa.Connection, tmp_path: Path, gazetteer: Gazetteer) -> None:
    bring(connection, tmp_path, SHEET, gazetteer)
    connection.execute(_member.update().values(on_duty=True, telegram_chat="777", open_cases=2))
    text = "Họ tên;Xã/phường;Ấp/khu phố;Sức nhận;Giờ trực\nTrần Thị Lan;Phường Phú Lợi;kp 3;4;\n"
    done = bring(connection, tmp_path, text, gazetteer)
    assert (done.new, done.changed) == ([], ["Trần Thị Lan: Sức nhận"])
    lan = members(connection)[0]
    assert (lan["capacity"], lan["phone"], lan["role"]) == (4, "0912345678", "lead")
    assert (lan["duty_from_minute"], lan["telegram_chat"], lan["on_duty"], lan["open_cases"]) == (420, "777", True, 2)


def test_namesakes_are_told_apart_by_their_numbers(
    connection: sa.Connection, tmp_path: Path, gazetteer: Gazetteer
) -> None:
    text = "Họ tên;Xã/phường;Điện thoại;Số hộ\nLan;25750;0911111111;10\nLan;25750;0922222222;20\n"
    assert len(bring(connection, tmp_path, text, gazetteer).new) == 2
    swapped = "Họ tên;Xã/phường;Điện thoại;Số hộ\nLan;25750;0922222222;21\nLan;25750;0911111111;10\n"
    done = bring(connection, tmp_path, swapped, gazetteer)
    assert (len(done.changed), done.unchanged) == (1, 1)
    assert [(row["phone"], row["households"]) for row in members(connection)] == [
        ("0911111111", 10), ("0922222222", 21),
    ]  # fmt: skip


def test_a_renamed_hamlet_keeps_its_people(connection: sa.Connection, tmp_path: Path, gazetteer: Gazetteer) -> None:
    header = "Họ tên;Xã/phường;Ấp/khu phố;Tên cũ của ấp\n"
    bring(connection, tmp_path, header + "Lan;25750;ấp 1;\nTâm;25750;ấp 2;\n", gazetteer)
    done = bring(connection, tmp_path, header + "Lan;25750;KP7;ấp 1, ấp 2\nTâm;25750;KP 7;\n", gazetteer)
    assert (done.new, done.unchanged) == ([], 2)
    assert sorted(done.hamlets_now) == ["ấp 1 → khu phố 7", "ấp 2 → khu phố 7"]
    assert connection.scalars(sa.select(_hamlet.c.name)).all() == ["khu phố 7"]
    assert connection.scalars(sa.select(_team.c.name)).all() == ["Tổ công nghệ số khu phố 7, phường Phú Lợi"]
    late = bring(connection, tmp_path, header + "Bảy;25750;Ấp 2;\n", gazetteer)
    assert late.hamlets_now == ["ấp 2 → khu phố 7"]
    assert {row["hamlet_key"] for row in members(connection)} == {"khu pho 7"}


def test_hamlets_that_changed_names_with_each_other(
    connection: sa.Connection, tmp_path: Path, gazetteer: Gazetteer
) -> None:
    text = "Họ tên;Xã/phường;Ấp/khu phố;Tên cũ của ấp\nLan;25750;KP1;KP3\nTâm;25750;KP3;KP1, ấp 9\n"
    for _ in range(2):
        assert bring(connection, tmp_path, text, gazetteer).hamlets_now == []
    assert [row["hamlet"] for row in members(connection)] == ["khu phố 1", "khu phố 3"]


def test_desks_of_commune_and_province(connection: sa.Connection, tmp_path: Path, gazetteer: Gazetteer) -> None:
    text = "Họ tên;Xã/phường;Loại tổ;Telegram\nLan;25750;bàn hỗ trợ;777\nTâm;Tỉnh Đồng Tháp;bàn hỗ trợ;778\n"
    done = bring(connection, tmp_path, text, gazetteer)
    assert done.new_teams == ["Bàn hỗ trợ phường Phú Lợi", "Bàn hỗ trợ tỉnh Đồng Tháp"]
    assert done.off_duty == 0
    assert [(row["rung"], row["commune"], row["province"], row["on_duty"]) for row in members(connection)] == [
        ("desk", "25750", "79", True), ("province", "", "82", True),
    ]  # fmt: skip


def test_a_chat_that_is_somebody_elses(connection: sa.Connection, tmp_path: Path, gazetteer: Gazetteer) -> None:
    bring(connection, tmp_path, "Họ tên;Xã/phường;Telegram\nLan;25750;777\n", gazetteer)
    done = bring(connection, tmp_path, "Họ tên;Xã/phường;Telegram\nTâm;25750;777\n", gazetteer)
    assert [str(one) for one in done.problems] == [
        "Dòng 2, cột Telegram, “777”: đang là của Lan; bỏ trống, hoặc sửa cho đúng người."
    ]
    assert len(members(connection)) == 1


# --- the command -----------------------------------------------------------------------------------------------------


def run(*words: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["members", *words])
    return result.exit_code, result.output


def test_the_command_tries_writes_and_refuses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gazetteer: Gazetteer
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GOCUA_DATABASE_URL", f"sqlite:///{tmp_path / 'gocua.db'}")
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'gocua.db'}")
    good = str(write(tmp_path, SHEET))
    code, said = run("import", good)
    assert (code, "gocua migrate" in said) == (1, True)
    assert CliRunner().invoke(app, ["migrate"]).exit_code == 0

    def count() -> object:
        with engine.connect() as connection:
            return connection.execute(sa.select(sa.func.count()).select_from(_member)).scalar()

    code, said = run("import", good, "--dry-run")
    assert (code, count()) == (0, 0)
    assert "Mới 3, thay đổi 0, giữ nguyên 0." in said
    assert said.endswith("Chạy thử: chưa ghi gì.\n")
    code, said = run("import", good)
    assert (code, count()) == (0, 3)
    assert "Bỏ qua cột (1):\n  Ghi chú" in said
    bad = str(write(tmp_path, "Họ tên;Xã/phường\nVõ Hân;25750\nLan;nơi nào đó\n", "sai.csv"))
    code, said = run("import", bad)
    assert (code, count()) == (1, 3)
    assert said.endswith("1 chỗ cần sửa. Chưa ghi gì.\n")
    code, said = run("template", str(tmp_path / "mau.xlsx"))
    assert (code, (tmp_path / "mau.xlsx").exists()) == (0, True)
    engine.dispose()


@pytest.mark.parametrize("database", ["locked", "away"])
def test_a_database_that_cannot_be_written_is_told_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, database: str
) -> None:
    """And without a name or number out of the sheet."""
    made, url = sa.create_engine, f"sqlite:///{tmp_path / 'gocua.db'}"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GOCUA_DATABASE_URL", url)
    assert CliRunner().invoke(app, ["migrate"]).exit_code == 0
    other = made(url, isolation_level="AUTOCOMMIT")
    with other.connect() as busy:
        if database == "locked":
            impatient = partial(made, connect_args={"timeout": 0.1})
            monkeypatch.setattr(sa, "create_engine", impatient)
            busy.exec_driver_sql("BEGIN IMMEDIATE")
        else:
            monkeypatch.setenv("GOCUA_DATABASE_URL", "postgresql+psycopg://a:b@127.0.0.1:1/none")
        result = CliRunner().invoke(app, ["members", "import", str(write(tmp_path, SHEET))])
    other.dispose()
    assert isinstance(result.exception, SystemExit), "no traceback"
    assert result.exit_code == 1
    assert result.output.startswith("Chưa làm được: không mở hay ghi được cơ sở dữ liệu, xem GOCUA_DATABASE_URL (")
    assert not [word for word in ("Lan", "Võ", "INSERT", "[parameters") if word in result.output]


def test_long_lists_are_cut(tmp_path: Path, gazetteer: Gazetteer) -> None:
    outcome = Outcome(new=[f"Người {number}" for number in range(25)])
    sheet = members_file.Sheet((), ())
    lines = importing.told(sheet, Understood((), (), ()), outcome)
    assert lines[0] == "Người mới (25):"
    assert lines[-2:] == ["  ... và 5 nữa", "Mới 25, thay đổi 0, giữ nguyên 0."]
