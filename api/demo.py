"""A sample directory, so that a fresh installation has people to hand to. Everybody in it is invented.

Never touches a directory that has a team already.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import count

import sqlalchemy as sa

from api.tables import Member, Team
from knowledge.hamlets import hamlet_key
from knowledge.places import Commune, Gazetteer

_team = Team.__table__
_member = Member.__table__

#: communes of the former Bình Dương (province 79 today) and of Đồng Tháp (82), each with the hamlets that have a team
COMMUNES: dict[str, tuple[str, ...]] = {
    "25750": ("khu phố 1", "khu phố 3", "khu phố 5"),  # phường Phú Lợi
    "25747": ("khu phố 2", "khu phố 4"),  # phường Thủ Dầu Một
    "25760": ("khu phố 1", "khu phố 6"),  # phường Bình Dương
    "25813": ("khu phố 2", "khu phố 3"),  # phường Bến Cát
    "25942": ("khu phố 1", "khu phố 7"),  # phường Dĩ An
    "25777": ("ấp 1", "ấp 2"),  # xã Dầu Tiếng
    "30178": ("ấp 1", "ấp 2", "ấp 3"),  # xã Mỹ An Hưng
    "30226": ("ấp 2", "ấp 5"),  # xã Lai Vung
    "29905": ("khóm 1", "khóm 3"),  # phường Sa Đéc
    "29869": ("khóm 2", "khóm 4"),  # phường Cao Lãnh
    "29955": ("khóm 1", "khóm 2"),  # phường Hồng Ngự
    "28261": ("khu phố 3", "khu phố 8"),  # phường Mỹ Tho
}
HAMLET_MEMBERS = 3
DESK_MEMBERS = 2
PROVINCE_MEMBERS = 3
_FAMILIES = ("Nguyễn", "Trần", "Lê", "Phạm", "Huỳnh", "Võ", "Đặng", "Bùi")
#: what follows the family name, and how a resident calls them
_PEOPLE = (
    ("Thị Lan", "chị Lan"), ("Minh Tâm", "anh Tâm"), ("Thị Sáu", "cô Sáu"), ("Thanh Thảo", "chị Thảo"),
    ("Quốc Huy", "anh Huy"), ("Văn Bảy", "chú Bảy"), ("Ngọc Hân", "chị Hân"), ("Hoàng Phúc", "anh Phúc"),
    ("Thị Tư", "cô Tư"), ("Kim Ngân", "chị Ngân"), ("Tấn Lộc", "anh Lộc"), ("Văn Năm", "chú Năm"),
    ("Bích Trâm", "chị Trâm"), ("Hữu Nghĩa", "anh Nghĩa"), ("Thị Út", "cô Út"), ("Mỹ Duyên", "chị Duyên"),
    ("Trung Hiếu", "anh Hiếu"), ("Văn Tám", "chú Tám"), ("Thuỳ Linh", "chị Linh"), ("Công Danh", "anh Danh"),
    ("Thị Chín", "cô Chín"), ("Hồng Nhung", "chị Nhung"), ("Đức Thịnh", "anh Thịnh"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Post:
    """One team to be: where it stands, its point in degrees, and how many people it has."""

    name: str
    rung: str
    province: str
    commune: str
    hamlet: str
    lat: float
    lon: float
    people: int


def fill(connection: sa.Connection, gazetteer: Gazetteer, now: datetime) -> int:
    """Put the sample directory into an empty one, all on duty. Returns how many members; 0 when there are teams."""
    if connection.execute(sa.select(_team.c.id).limit(1)).first() is not None:
        return 0
    numbers = count()
    for post in _posts(gazetteer):
        kind = post.rung if post.rung in ("hamlet", "commune") else "desk"
        team = {"name": post.name, "kind": kind, "rung": post.rung, "province": post.province}
        team |= {"commune": post.commune, "hamlet": post.hamlet, "hamlet_key": hamlet_key(post.hamlet)}
        team_id = connection.execute(_team.insert().values(**team).returning(_team.c.id)).scalar_one()
        connection.execute(_member.insert(), [_row(post, team_id, next(numbers), place, now)
                                              for place in range(post.people)])  # fmt: skip
    return next(numbers)


def _posts(gazetteer: Gazetteer) -> Iterator[_Post]:
    provinces: dict[str, str] = {}
    for code, hamlets in COMMUNES.items():
        commune = gazetteer.commune(code)
        provinces[commune.province_code] = commune.province
        here = _inside(commune.name)
        for hamlet in hamlets:
            yield _local(commune, f"Tổ công nghệ số {hamlet}, {here}", "hamlet", hamlet, HAMLET_MEMBERS)
        yield _local(commune, f"Bàn hỗ trợ {here}", "desk", "", DESK_MEMBERS)
    for code, name in provinces.items():
        yield _Post(f"Bàn hỗ trợ {_inside(name)}", "province", code, "", "", 0.0, 0.0, PROVINCE_MEMBERS)


def _local(commune: Commune, name: str, rung: str, hamlet: str, people: int) -> _Post:
    return _Post(name, rung, commune.province_code, commune.code, hamlet, commune.lat, commune.lon, people)


def _inside(name: str) -> str:
    """ "Phường Phú Lợi" as it stands inside a sentence."""
    return name[:1].lower() + name[1:]


def _row(post: _Post, team_id: int, number: int, place: int, now: datetime) -> dict[str, object]:
    """The first of a desk leads it; names repeat only after every family name was used with every given one."""
    rest, called = _PEOPLE[number % len(_PEOPLE)]
    return {
        "name": f"{_FAMILIES[number % len(_FAMILIES)]} {rest}", "called": called,
        "role": "lead" if place == 0 and post.rung != "hamlet" else "member",
        "team_id": team_id, "rung": post.rung, "hamlet": post.hamlet, "hamlet_key": hamlet_key(post.hamlet),
        "commune": post.commune,
        "province": post.province, "lat": post.lat, "lon": post.lon, "telegram_chat": "", "on_duty": True,
        "open_cases": 0, "capacity": 3, "idle_since": now,
    }  # fmt: skip
