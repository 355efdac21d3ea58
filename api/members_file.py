"""The directory as communes keep it, a sheet in Excel or CSV: read, checked and understood. Never touches a database.

Every mistake of every row is told at once, by row, column and value, and with what to do.
"""

import csv
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from knowledge.text import fold

#: people put a title above their table: its header is looked for in so many rows
_HEADER_WITHIN = 10
_SEPARATORS = ";,\t"


class MembersFileError(ValueError):
    """The file cannot be read as a table of members; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Column:
    """`key` in code, `title` in the file, `also`: other headers that mean it, `how`: what to write, by an example."""

    key: str
    title: str
    also: tuple[str, ...]
    how: str


COLUMNS = (
    Column("name", "Họ tên", ("ho va ten", "ten", "thanh vien"), "Bắt buộc. Nguyễn Thị Lan"),
    Column("called", "Xưng hô", ("cach goi",), "Bà con gọi là: chị, anh, cô, chú... hoặc chị Lan"),
    Column("role", "Vai trò", ("chuc vu", "chuc danh", "don vi"),
           "Tổ trưởng, trưởng ấp, đoàn thanh niên, phụ nữ, cán bộ xã, nhà mạng...; cách nhau bằng dấu phẩy"),
    Column("team", "Tổ", ("ten to", "to cong nghe so", "to doi"), "Để trống: đặt theo ấp, khu phố"),
    Column("kind", "Loại tổ", ("loai",), "ấp, xã, thanh niên, trường, bàn hỗ trợ hoặc nhóm; để trống: theo ấp"),
    Column("commune", "Xã/phường", ("xa", "phuong", "xa phuong dac khu", "don vi hanh chinh", "dia ban"),
           "Bắt buộc, tên mới hoặc cũ, thêm tỉnh: Phường Phú Lợi, TP.HCM. Bàn hỗ trợ của tỉnh: tên tỉnh"),
    Column("hamlet", "Ấp/khu phố", ("ap", "khu pho", "thon", "khom", "ap khom khu pho", "thon ap khu pho"),
           "khu phố 3"),
    Column("old_hamlets", "Tên cũ của ấp", ("ten cu", "ap cu", "ten cu cua khu pho"), "ấp 1; ấp 2"),
    Column("skills", "Kỹ năng", ("linh vuc", "chuyen mon"), "VNeID, dịch vụ công, lừa đảo...; để trống: tất cả"),
    Column("capacity", "Sức nhận", ("so ho so cung luc",), "Bao nhiêu hồ sơ một lúc: 3"),
    Column("households", "Số hộ", ("so ho phu trach", "ho phu trach"), "Số hộ phụ trách, 0 đến 220"),
    Column("hours", "Giờ trực", ("gio", "thoi gian truc"), "7h-21h; để trống: cả ngày"),
    Column("days", "Ngày trực", ("ngay", "thu"), "T2-T6, hoặc T2, T4, CN; để trống: cả tuần"),
    Column("telegram", "Telegram", ("telegram id", "id telegram"), "Dãy số; để trống rồi nối bằng gocua member link"),
    Column("phone", "Điện thoại", ("so dien thoai", "sdt", "dt", "dien thoai di dong"), "0912 345 678"),
)  # fmt: skip
_REQUIRED = ("name", "commune")
_BY_HEADER = {fold(header): column for column in COLUMNS for header in (column.title, *column.also)}
TITLES = {column.key: column.title for column in COLUMNS}


@dataclass(frozen=True, slots=True)
class Line:
    """One row of people: its number in the file and the cells by column key, "" for an empty one.

    A column that the file does not have is "" too: what is not said stays as it is.
    """

    number: int
    cells: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Sheet:
    """`ignored`: headers that mean nothing here."""

    lines: tuple[Line, ...]
    ignored: tuple[str, ...]


def read(path: Path) -> Sheet:
    """The first sheet of an .xlsx, or a .csv in UTF-8. Raises MembersFileError."""
    rows = _xlsx_rows(path) if path.suffix.lower() == ".xlsx" else _csv_rows(path)
    for at, row in enumerate(rows[:_HEADER_WITHIN]):
        found = [_BY_HEADER.get(fold(cell)) for cell in row]
        keys = [column.key for column in found if column]
        if all(key in keys for key in _REQUIRED):
            twice = sorted({TITLES[key] for key in keys if keys.count(key) > 1})
            if twice:
                raise MembersFileError(f"{path.name}, dòng {at + 1}: cột {', '.join(twice)} có hai lần; giữ lại một.")
            ignored = tuple(cell for cell, column in zip(row, found, strict=True) if cell and column is None)
            return Sheet(tuple(_lines(rows, at, found)), ignored)
    wanted = " và ".join(f"“{TITLES[key]}”" for key in _REQUIRED)
    raise MembersFileError(
        f"{path.name}: không thấy dòng tiêu đề có cột {wanted} trong {_HEADER_WITHIN} dòng đầu. "
        "Lấy mẫu bằng: gocua members template mau.xlsx"
    )


def _lines(rows: Sequence[Sequence[str]], header_at: int, columns: Sequence[Column | None]) -> Iterator[Line]:
    for at in range(header_at + 1, len(rows)):
        cells = {column.key: "" for column in COLUMNS}
        cells |= {column.key: cell for column, cell in zip(columns, rows[at], strict=False) if column}
        if any(cells.values()):
            yield Line(at + 1, cells)


def _xlsx_rows(path: Path) -> list[list[str]]:
    import openpyxl  # here: 8 MB that the service seldom needs

    try:
        book = openpyxl.load_workbook(path, read_only=True, data_only=True)
    except Exception as error:  # a broken file fails in zip, XML or openpyxl, each in its own way
        raise MembersFileError(f"{path.name} không mở được: lưu lại từ Excel dạng .xlsx. ({error})") from error
    try:
        return [[_cell(value) for value in row] for row in book.worksheets[0].iter_rows(values_only=True)]
    finally:
        book.close()


def _csv_rows(path: Path) -> list[list[str]]:
    if path.suffix.lower() != ".csv":
        raise MembersFileError(f"{path.name}: chỉ đọc được .xlsx và .csv; lưu lại thành một trong hai loại đó.")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise MembersFileError(f"{path.name} không mở được: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise MembersFileError(f"{path.name} không phải UTF-8: trong Excel chọn Lưu thành “CSV UTF-8”.") from error
    lines = text.splitlines(keepends=True)
    tables = [[[_cell(value) for value in row] for row in csv.reader(lines, delimiter=one)] for one in _SEPARATORS]
    return max(tables, key=_known_headers)


def _known_headers(rows: Sequence[Sequence[str]]) -> int:
    """The most headers known in one of the first rows: the right separator is the one that finds them."""
    return max((sum(fold(cell) in _BY_HEADER for cell in row) for row in rows[:_HEADER_WITHIN]), default=0)


def _cell(value: Any) -> str:
    """Whole numbers without ".0"; one space between words; composed letters, whatever keyboard wrote them."""
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return " ".join(unicodedata.normalize("NFC", str(value)).split())


def write_template(path: Path) -> None:
    """An empty table with its headers; an .xlsx also explains each column on a second sheet. Overwrites nothing."""
    if path.exists():
        raise MembersFileError(f"{path} đã có: chọn tên khác.")
    titles = [column.title for column in COLUMNS]
    if path.suffix.lower() == ".csv":
        with path.open("w", encoding="utf-8-sig", newline="") as file:
            csv.writer(file).writerow(titles)
        return
    if path.suffix.lower() != ".xlsx":
        raise MembersFileError(f"{path.name}: đặt tên kết thúc bằng .xlsx hoặc .csv.")
    import openpyxl
    from openpyxl.styles import Font

    book = openpyxl.Workbook()
    members, notes = book.active, book.create_sheet("Cách ghi")
    members.title = "Thành viên"
    members.append(titles)
    members.freeze_panes = "A2"
    for at, cell in enumerate(members[1]):
        cell.font = Font(bold=True)
        letter = cell.column_letter
        members.column_dimensions[letter].width = 24 if at in (0, 3, 5) else 14
        # as text: else Excel makes a date of "7-11" and takes the zero off a phone number
        members.column_dimensions[letter].number_format = "@"
    for column in COLUMNS:
        notes.append([column.title, column.how])
    notes.column_dimensions["A"].width, notes.column_dimensions["B"].width = 16, 90
    book.save(path)
