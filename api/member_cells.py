"""What the cells of a members' sheet mean: a place, a role, skills, hours, a phone number. Never asks the directory."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

from api.directory import HOUSEHOLDS_MOST, KINDS, skill_bit
from api.members_file import TITLES, Line
from knowledge.hamlets import hamlet_key, hamlet_name
from knowledge.places import Commune, Gazetteer
from knowledge.text import fold

T = TypeVar("T")

CAPACITY_MOST = 50


@dataclass(frozen=True, slots=True)
class Problem:
    """A cell that cannot be what it says; `todo` tells its writer what to write."""

    row: int
    column: str
    value: str
    todo: str

    def __str__(self) -> str:
        return f"Dòng {self.row}, cột {self.column}, “{self.value}”: {self.todo}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One person as the sheet has them. None or "": not said, so the directory keeps what it has."""

    row: int
    name: str
    called: str
    role: str
    post: str
    team: str
    kind: str
    place: Commune
    commune: str
    hamlet: str
    old_hamlets: tuple[str, ...]
    skills: int | None
    capacity: int | None
    households: int | None
    minutes: tuple[int, int] | None
    days: int | None
    telegram: str
    phone: str


class _Wrong(ValueError):
    """What to write instead."""


def _split(listed: str) -> dict[str, str]:
    """{folded spelling: meaning} of "meaning: spelling|spelling" lines."""
    rows = (line.split(":") for line in listed.strip().splitlines())
    return {fold(spelling): meaning.strip() for meaning, spellings in rows for spelling in spellings.split("|")}


_ROLES = _split("""
lead: tổ trưởng|trưởng nhóm|nhóm trưởng|đội trưởng
member: thành viên|tổ viên|tổ phó|phó nhóm|đội viên
""")
_POSTS = _split("""
hamlet_head: trưởng ấp|trưởng khu phố|trưởng ấp/khu phố|trưởng ấp, khu phố|trưởng thôn|trưởng khóm|trưởng khu vực
youth_union: đoàn thanh niên|đoàn viên|thanh niên|bí thư đoàn|đoàn
women_union: phụ nữ|hội phụ nữ|hội liên hiệp phụ nữ
farmers_union: nông dân|hội nông dân
veterans: cựu chiến binh|hội cựu chiến binh
elderly: người cao tuổi|hội người cao tuổi
official: cán bộ xã|cán bộ phường|cán bộ|công chức|công chức xã|công chức phường|cán bộ xã, phường|cán bộ xã/phường
police: công an|công an xã|công an phường|công an viên
carrier: nhà mạng|viễn thông|vnpt|viettel|mobifone|bưu điện
bank: ngân hàng
teacher: giáo viên|thầy cô|giảng viên
student: học sinh|sinh viên|học sinh, sinh viên
volunteer: tình nguyện viên|tình nguyện
""")
_TEAM_KINDS = _split("""
hamlet: ấp|khu phố|thôn|khóm|tổ ấp|tổ khu phố|ấp/khu phố|tổ của ấp, khu phố
commune: xã|phường|xã/phường|tổ xã|tổ phường|tổ của xã, phường
youth: thanh niên|đoàn thanh niên|đội thanh niên|tổ thanh niên
school: trường|trường học|học đường
desk: bàn hỗ trợ|bàn trực|bàn|quầy hỗ trợ
group: nhóm
""")
_SKILLS = _split("""
vneid: vneid|định danh|định danh điện tử|căn cước
thanh-toan: thanh toán|thanh toán trực tuyến|ngân hàng
gplx: giấy phép lái xe|bằng lái|bằng lái xe|gplx
lua-dao: lừa đảo|chống lừa đảo|an toàn mạng
dvc: dịch vụ công|dịch vụ công trực tuyến|dvc
ho-chieu: hộ chiếu
chu-ky-so: chữ ký số|ký số
vi-dien-tu: ví điện tử|ví
app-tinh: ứng dụng của tỉnh|ứng dụng tỉnh|app tỉnh
tmdt: mua bán trên mạng|bán hàng|bán hàng online|thương mại điện tử|tmđt
suc-khoe: sức khỏe|bảo hiểm y tế|bhyt|sổ sức khỏe
du-lieu-ca-nhan: dữ liệu cá nhân
2g-4g: 2g|4g|sim|2g lên 4g
""")
_NONE: tuple[str, ...] = ()
_ALL_SKILLS = ("tat ca", "moi linh vuc", "het")
_PRONOUNS = frozenset(("anh", "chị", "cô", "chú", "bác", "dì", "cậu", "mợ", "thầy", "ông", "bà", "em"))
_WEEK = ("ca tuan", "hang ngay", "moi ngay", "tat ca")
_DAYS = {
    spelling: day
    for day, said in enumerate(("hai", "ba", "tu", "nam", "sau", "bay"))
    for spelling in (f"{day + 2}", f"t{day + 2}", f"thu {day + 2}", f"thu {said}", said)
} | {"cn": 6, "chu nhat": 6, "c n": 6}
_TIME = r"(\d{1,2})\s*(?:(?:h|g|:|giờ)\s*(\d{2})?)?"
_HOURS = re.compile(rf"(?:từ\s*)?{_TIME}\s*(?:-|–|đến|tới)\s*{_TIME}", re.IGNORECASE)
_EXCEL_DATE = re.compile(r"\d{4}-\d\d-\d\d|\d\d:\d\d:\d\d")
_OF_EXCEL = "Excel đã đổi ô này thành ngày giờ: định dạng cột là Văn bản (Text) rồi ghi lại, ví dụ "


class Reader:
    """Reads lines; places are looked up once each."""

    def __init__(self, gazetteer: Gazetteer, home: Iterable[str] = ()) -> None:
        self._gazetteer = gazetteer
        self._home = tuple(home)
        self._known: dict[str, Commune] = {}
        #: how each cell was understood where it gave no name of today: "xã A (cũ)" -> "Xã B, Tỉnh C"
        self.renamed: dict[str, str] = {}
        self._provinces: dict[str, Commune] = {}
        for one in gazetteer.communes():
            bare = one.province.removeprefix("Thành phố ").removeprefix("Tỉnh ")
            for spelling in (one.province, bare, f"TP {bare}"):
                self._provinces.setdefault(fold(spelling), one)

    def entry(self, line: Line) -> tuple[Entry | None, tuple[Problem, ...]]:
        """The person of a line, or None and everything that is wrong with it."""
        problems: list[Problem] = []

        def read(key: str, of: Callable[[str], T], default: T) -> T:
            value = line.cells[key]
            try:
                return of(value) if value else default
            except _Wrong as wrong:
                problems.append(Problem(line.number, TITLES[key], value, str(wrong)))
                return default

        for key in ("name", "commune"):
            if not line.cells[key]:
                problems.append(Problem(line.number, TITLES[key], "", "không được để trống."))
        name = read("name", _name, "")
        hamlet = read("hamlet", _hamlet, "")
        kind = read("kind", _one_of(_TEAM_KINDS, KINDS.values()), "") or ("hamlet" if hamlet else "commune")
        if kind == "hamlet" and not hamlet and not line.cells["hamlet"]:
            problems.append(Problem(line.number, TITLES["hamlet"], "", "tổ của ấp, khu phố thì phải ghi ấp, khu phố."))
        is_province = kind == "desk" and fold(line.cells["commune"]) in self._provinces
        place = read("commune", self._province if is_province else self._commune, None)
        role, post = read("role", _role, ("", ""))
        entry = {
            "called": read("called", lambda value: _called(value, name), ""),
            "old_hamlets": read("old_hamlets", _old_hamlets, _NONE),
            "skills": read("skills", _skills, None),
            "capacity": read("capacity", _whole(1, CAPACITY_MOST), None),
            "households": read("households", _whole(0, HOUSEHOLDS_MOST), None),
            "minutes": read("hours", _minutes, None),
            "days": read("days", _days, None),
            "telegram": read("telegram", _telegram, ""),
            "phone": read("phone", _phone, ""),
        }
        if kind in ("school", "group") and not line.cells["team"]:
            problems.append(Problem(line.number, TITLES["team"], "", f"{KINDS[kind]} thì phải ghi tên."))
        if problems or place is None:
            return None, tuple(problems)
        commune = "" if is_province else place.code
        return Entry(row=line.number, name=name, role=role, post=post, team=line.cells["team"], kind=kind, place=place,
                     commune=commune, hamlet=hamlet, **entry), ()  # type: ignore[arg-type] # fmt: skip

    def _province(self, value: str) -> Commune | None:
        return self._provinces[fold(value)]

    def _commune(self, value: str) -> Commune | None:
        if value not in self._known:
            self._known[value] = self._find(value)
        return self._known[value]

    def _find(self, value: str) -> Commune:
        if value.isdigit():
            try:
                return self._gazetteer.commune(value.zfill(5))
            except KeyError:
                raise _Wrong("không có mã xã, phường này; ghi tên, thêm tỉnh.") from None
        found = self._gazetteer.find(value, self._home)
        names = [self._gazetteer.full_name(code) for code in found.communes]
        if len(names) > 1:
            raise _Wrong(f"có thể là {'; '.join(names)}. Ghi đủ tên một nơi, hoặc mã {', '.join(found.communes)}.")
        if not names:
            more = "nhiều nơi tên này, ghi thêm tỉnh" if found.via == "many" else "không tìm thấy xã, phường này"
            raise _Wrong(f"{more}: Phường Phú Lợi, TP.HCM.")
        if not found.certain:
            raise _Wrong(f"có phải {names[0]}? Nếu đúng thì ghi như vậy.")
        if found.old_name:
            self.renamed[value] = f"{found.old_name} → {names[0]}"
        return self._gazetteer.commune(found.communes[0])


def _name(value: str) -> str:
    if not fold(value) or any(letter.isdigit() for letter in value):
        raise _Wrong("ghi họ và tên, không có số.")
    return value


def _called(value: str, name: str) -> str:
    """ "chị" is "chị Lan" for Trần Thị Lan."""
    lowered = value.lower()
    if lowered in _PRONOUNS:
        return f"{lowered} {name.split()[-1]}" if name else lowered
    first, _, rest = value.partition(" ")
    return f"{first.lower()} {rest}" if first.lower() in _PRONOUNS else value


def _role(value: str) -> tuple[str, str]:
    """(what they may see, whom they stand for). Only who is said to lead the team becomes its lead."""
    parts = [value] if fold(value) in _POSTS else re.split(r"[,;+]|\bkiêm\b|\bvà\b", value)
    role = post = ""
    for part in filter(None, map(fold, parts)):
        if part in _ROLES:
            role = "lead" if "lead" in (role, _ROLES[part]) else "member"
        elif part in _POSTS:
            post = post or _POSTS[part]
        else:
            raise _Wrong(
                "ghi một trong: tổ trưởng, thành viên, trưởng ấp, đoàn thanh niên, phụ nữ, nông dân, cựu chiến binh, "
                "người cao tuổi, cán bộ xã, công an, nhà mạng, ngân hàng, giáo viên, sinh viên, tình nguyện viên."
            )
    return role, post


def _one_of(spellings: dict[str, str], labels: Iterable[str]) -> Callable[[str], str]:
    def read(value: str) -> str:
        if fold(value) not in spellings:
            raise _Wrong(f"ghi một trong: {'; '.join(labels)}.")
        return spellings[fold(value)]

    return read


def _hamlet(value: str) -> str:
    key = hamlet_key(value)
    if not key or key[0].isdigit():
        raise _Wrong(f"ghi cả loại: ấp {value}, khu phố {value} hoặc khóm {value}.")
    return hamlet_name(value)


def _old_hamlets(value: str) -> tuple[str, ...]:
    return tuple(_hamlet(part.strip()) for part in re.split(r"[;,]", value) if part.strip())


def _skills(value: str) -> int:
    if fold(value) in _ALL_SKILLS:
        return 0
    bits = 0
    for part in filter(None, map(fold, re.split(r"[,;+]", value))):
        if part not in _SKILLS:
            raise _Wrong(
                "ghi tất cả, hoặc trong số: VNeID, thanh toán, giấy phép lái xe, lừa đảo, dịch vụ công, hộ chiếu, chữ "
                "ký số, ví điện tử, ứng dụng tỉnh, mua bán trên mạng, sức khỏe, dữ liệu cá nhân, 2G lên 4G."
            )
        bits |= skill_bit(_SKILLS[part])
    return bits


def _whole(least: int, most: int) -> Callable[[str], int | None]:
    def read(value: str) -> int:
        if not value.isdecimal() or not least <= int(value) <= most:
            raise _Wrong(f"ghi một số từ {least} đến {most}.")
        return int(value)

    return read


def _minutes(value: str) -> tuple[int, int]:
    """Minutes of the day, from and to."""
    if fold(value) == "ca ngay":
        return 0, 1440
    if _EXCEL_DATE.search(value):
        raise _Wrong(f"{_OF_EXCEL}7h-21h.")
    found = _HOURS.fullmatch(value)
    if found:
        start, end = (int(found[at]) * 60 + int(found[at + 1] or 0) for at in (1, 3))
        if start < end <= 1440 and all(int(found[at] or 0) < 60 for at in (2, 4)):
            return start, end
    raise _Wrong("ghi một khoảng trong ngày: 7h-21h, hoặc 13h30-17h, hoặc cả ngày.")


def _days(value: str) -> int:
    """A bit a day, 1 for Monday."""
    if fold(value) in _WEEK:
        return 127
    if _EXCEL_DATE.search(value):
        raise _Wrong(f"{_OF_EXCEL}T2-T6.")
    bits = 0
    for part in re.split(r"[,;+]|\bvà\b", re.sub(r"\bđến\b|\btới\b|–", "-", value.lower())):
        ends = [_DAYS.get(fold(end)) for end in part.split("-")]
        known = [end for end in ends if end is not None]
        if not 1 <= len(known) == len(ends) <= 2:
            raise _Wrong("ghi T2-T6, hoặc T2, T4, CN, hoặc cả tuần.")
        first, last = known[0], known[-1]
        bits |= sum(1 << (first + day) % 7 for day in range((last - first) % 7 + 1))
    return bits


def _telegram(value: str) -> str:
    if not value.isdecimal():
        raise _Wrong("phải là dãy số Telegram, không phải tên; để trống rồi nối bằng: gocua member link")
    return value


def _phone(value: str) -> str:
    """Ten digits from 0 (eleven for a landline): Excel drops the zero, people write +84."""
    digits = re.sub(r"[\s.()+-]", "", value)
    if re.fullmatch(r"84\d{9,10}", digits):
        digits = "0" + digits[2:]
    elif re.fullmatch(r"[35789]\d{8}", digits):
        digits = "0" + digits
    if not re.fullmatch(r"0\d{9,10}", digits):
        raise _Wrong("ghi số điện thoại 10 chữ số: 0912345678.")
    return digits
