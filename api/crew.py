"""A lead's own people: invited by a link, what they may and know, when they are asked, and when they are away.

Inside a transaction that the caller holds; whom a lead leads is the caller's question. Never takes anybody out of the
directory: their past stays theirs.
"""

from dataclasses import dataclass
from datetime import date, datetime, time

import sqlalchemy as sa

from api import auth, cases, desk, directory
from api.tables import Leave, Member, Team
from bot.library import Library
from bot.said import VIETNAM

_member = Member.__table__  # type: ignore[attr-defined]
_team = Team.__table__  # type: ignore[attr-defined]
_leave = Leave.__table__  # type: ignore[attr-defined]

ROLES = {"member": "Thành viên", "lead": "Trưởng nhóm"}
MOST_CAPACITY = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Duty:
    """What a lead sets for a member. `skills` as directory.skill_bit adds up; `days` as Member.duty_days."""

    role: str
    post: str
    skills: int
    from_minute: int
    to_minute: int
    days: int
    capacity: int


def invite(
    connection: sa.Connection,
    library: Library,
    team_id: int,
    name: str,
    called: str,
    role: str,
    by: int,
    now: datetime,
    base_url: str,
) -> str:
    """A new member of this team, and the one-time link by which they come in."""
    team = connection.execute(sa.select(_team).where(_team.c.id == team_id)).mappings().one()
    lat, lon = _point(library, team["commune"])
    person = {
        "name": name, "called": called or name, "role": role, "team_id": team_id, "rung": team["rung"],
        "province": team["province"], "commune": team["commune"], "hamlet": team["hamlet"],
        "hamlet_key": team["hamlet_key"], "lat": lat, "lon": lon, "telegram_chat": "", "on_duty": True,
        "open_cases": 0, "idle_since": now,
    }  # fmt: skip
    member_id: int = connection.execute(_member.insert().returning(_member.c.id), person).scalar_one()
    cases.write_log(connection, now, "invited", member_id=by, detail=str(member_id))
    return auth.make_link(connection, member_id, now, base_url)


def new_link(connection: sa.Connection, member_id: int, by: int, now: datetime, base_url: str) -> str:
    """For a phone that was lost or a link that ran out."""
    cases.write_log(connection, now, "link_made", member_id=by, detail=str(member_id))
    return auth.make_link(connection, member_id, now, base_url)


def change(connection: sa.Connection, member_id: int, duty: Duty, by: int, now: datetime) -> None:
    values = {
        "role": duty.role, "post": duty.post, "skills": duty.skills, "duty_from_minute": duty.from_minute,
        "duty_to_minute": duty.to_minute, "duty_days": duty.days, "capacity": duty.capacity,
    }  # fmt: skip
    connection.execute(_member.update().where(_member.c.id == member_id).values(values))
    cases.write_log(connection, now, "member_changed", member_id=by, detail=str(member_id))


def give_leave(
    connection: sa.Connection, member_id: int, first_day: date, last_day: date, by: int, now: datetime
) -> int:
    """Days off, both ends included. When the first is today, what they hold goes on at once. Returns how many cases."""
    directory.give_leave(connection, (member_id,), first_day, last_day)
    cases.write_log(connection, now, "leave_given", member_id=by, detail=f"{member_id} {first_day} {last_day}")
    if first_day <= now.astimezone(VIETNAM).date() <= last_day:
        return _hand_on(connection, member_id, now)
    return 0


def end_leave(connection: sa.Connection, member_id: int, first_day: date, by: int, now: datetime) -> None:
    connection.execute(_leave.delete().where(_leave.c.member_id == member_id, _leave.c.first_day == first_day))
    cases.write_log(connection, now, "leave_ended", member_id=by, detail=f"{member_id} {first_day}")


def hand_on_leavers(connection: sa.Connection, now: datetime) -> int:
    """Cases held by who is on leave today go back to the ladder. For the minute's timer; returns how many."""
    today = now.astimezone(VIETNAM).date()
    away = (
        sa.select(_leave.c.member_id)
        .join(_member, _member.c.id == _leave.c.member_id)
        .where(_leave.c.first_day <= today, _leave.c.last_day >= today, _member.c.open_cases > 0)
    )
    return sum(_hand_on(connection, member_id, now) for member_id in set(connection.scalars(away)))


def _hand_on(connection: sa.Connection, member_id: int, now: datetime) -> int:
    held = [case["id"] for case in cases.held_by(connection, member_id)]
    return sum(desk.pass_on(connection, one, member_id, "leave", now) for one in held)


def _point(library: Library, commune: str) -> tuple[float, float]:
    """In degrees; 0, 0 for a province desk, which is never found by distance."""
    if not commune:
        return 0.0, 0.0
    at = library.gazetteer.commune(commune)
    return at.lat, at.lon


def minute_of(text: str) -> int | None:
    """ "07:30" as a minute of the day; "24:00" is its end. None for anything else."""
    if text == "24:00":
        return 24 * 60
    try:
        at = time.fromisoformat(text)
    except ValueError:
        return None
    return at.hour * 60 + at.minute


def clock_of(minute: int) -> str:
    """ "07:30"; the end of the day is "23:59", the last minute a page's field knows."""
    return f"{minute // 60:02d}:{minute % 60:02d}" if minute < 24 * 60 else "23:59"
