"""What happened to a case, told in Vietnamese from the rows of the log: when, who, and why when it came by itself."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from api import words
from api.tables import Log, Member
from bot.library import Library
from bot.said import when_promised

_log = Log.__table__
_member = Member.__table__

#: who acts when nobody does
BY_ITSELF = "Tự động"
MOST_ROWS = 300
_RUNGS = {
    "hamlet": "tổ của ấp, khu phố", "commune": "tổ của xã, phường", "desk": "bàn của xã, phường",
    "near": "xã, phường lân cận", "province": "bàn của tỉnh, thành phố", "named": "được chuyển đích danh",
}  # fmt: skip
#: kinds whose member is the one asked, not the one who acts
_PASSIVE = frozenset({"offered", "offer_expired"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """One thing that happened. `why` is "" where there is nothing to add."""

    at: datetime
    who: str
    what: str
    why: str


def of_case(connection: sa.Connection, library: Library, case_id: int) -> tuple[Past, ...]:
    """Oldest first."""
    query = sa.select(_log).where(_log.c.case_id == case_id).order_by(_log.c.id).limit(MOST_ROWS)
    rows = connection.execute(query).mappings().all()
    people = {row["member_id"] for row in rows} | {
        int(row["detail"]) for row in rows if row["kind"].startswith("colleague_") and row["detail"].isdecimal()
    }
    names = {
        row.id: str(row.called or row.name)
        for row in connection.execute(
            sa.select(_member.c.id, _member.c.called, _member.c.name).where(_member.c.id.in_(people - {None}))
        )
    }
    return tuple(_told(row, names, library) for row in rows)


def _told(row: Any, names: Mapping[int, str], library: Library) -> Past:
    member = names.get(row["member_id"], "")
    passive = row["kind"] in _PASSIVE or row["kind"].startswith("warned_")
    teller = _SAID.get(row["kind"])
    what, why = teller(row, member, names, library) if teller else (f"Ghi nhận: {row['kind']}", row["detail"])
    who = BY_ITSELF if passive or not member else member
    if row["kind"] in ("case_opened", "reopened"):
        who = "Bác"
    return Past(at=row["at"], who=who, what=what, why=why)


_Teller = Callable[[Any, str, Mapping[int, str], Library], tuple[str, str]]


def _offered(row: Any, member: str, _names: Mapping[int, str], _library: Library) -> tuple[str, str]:
    rung, _, reason = row["detail"].partition(": ")
    return f"Mời {member}", ", ".join(filter(None, (_RUNGS.get(rung, rung), reason)))


def _of_step(what: str) -> _Teller:
    def tell(row: Any, _member: str, _names: Mapping[int, str], library: Library) -> tuple[str, str]:
        return what, words.step(library, "", row["flow"], row["step"])

    return tell


def _of_colleague(what: str) -> _Teller:
    def tell(row: Any, _member: str, names: Mapping[int, str], _library: Library) -> tuple[str, str]:
        return what.format(names.get(int(row["detail"]), "đồng nghiệp") if row["detail"].isdecimal() else ""), ""

    return tell


def _translated(what: str, meanings: Mapping[str, str]) -> _Teller:
    return lambda row, _member, _names, _library: (what, meanings.get(row["detail"], row["detail"]))


def _promised(row: Any, _member: str, _names: Mapping[int, str], _library: Library) -> tuple[str, str]:
    at = datetime.fromisoformat(row["detail"])
    return f"Hẹn bác sẽ có câu trả lời {when_promised(at, row['at'])}", ""


def _warned(what: str, why: str) -> _Teller:
    return lambda _row, member, _names, _library: (f"{what}: {member}" if member else what, why)


_SAID: dict[str, _Teller] = {
    "case_opened": _of_step("Nhờ người giúp"),
    "offered": _offered,
    "offer_expired": lambda _row, member, _names, _library: (f"Chưa thấy {member} bấm nhận", "hết giờ mời"),
    "queued": lambda _row, _member, _names, _library: ("Vào hàng chờ của xã, phường", "chưa có ai rảnh để mời"),
    "declined": lambda _row, _member, _names, _library: ("Không nhận được", ""),
    "taken": lambda _row, _member, _names, _library: ("Nhận hồ sơ", ""),
    "member_said": lambda _row, _member, _names, _library: ("Trả lời bác", ""),
    "closed": _translated("Khép hồ sơ", words.OUTCOMES),
    "read": _translated("Mở xem", {"talk": "cả lời đã nói", "summary": "phần tóm tắt"}),
    "note_written": lambda _row, _member, _names, _library: ("Ghi chú cho tổ", ""),
    "step_shown": _of_step("Gửi lại một bước cho bác"),
    "handed_back": _of_step("Giao lại cho bot"),
    "passed_on": _translated("Chuyển hồ sơ", words.REASONS),
    "colleague_asked": _of_colleague("Nhờ {} xem giúp"),
    "colleague_left": _of_colleague("Thôi nhờ {}"),
    "visit_asked": lambda row, _member, _names, _library: (f"Hẹn đến nhà ngày {words.day(row['detail'])}", ""),
    "visit_ended": _translated("Chuyến đến nhà", {"done": "đã đến", "missed": "chưa gặp"}),
    "phone_shown": lambda _row, _member, _names, _library: ("Xem số điện thoại của bác", ""),
    "reopened": lambda _row, _member, _names, _library: ("Báo chưa xong, hồ sơ mở lại", ""),
    "promised": _promised,
    "warned_nobody": _warned("Báo trưởng nhóm", "đã mời hết người gần đó"),
    "warned_soon": _warned("Nhắc sắp tới giờ hẹn", "bác chưa được trả lời"),
    "warned_missed": _warned("Báo trễ hẹn", "quá giờ hẹn mà bác chưa được trả lời"),
    "warned_still_open": _warned("Nhắc hồ sơ còn mở", "trả lời rồi mà chưa khép"),
    "warned_taken_away": _warned("Lấy lại hồ sơ để mời người khác", "quá giờ hẹn hai lần chưa trả lời"),
    "warned_reopened": _warned("Báo người từng giữ", "bác báo chưa xong"),
}
