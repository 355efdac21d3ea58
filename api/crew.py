"""A lead's own people: invited by a link, what they may and know, when they are asked, and when they are away.

Inside a transaction that the caller holds; whom a lead leads is the caller's question. Never takes anybody out of the
directory: their past stays theirs.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from uuid import uuid4

import sqlalchemy as sa

from api import auth, cases, commands, desk, directory, inbox, messenger
from api.inbox import Arrival
from api.outbox import Pen
from api.outbox import insert as put_out
from api.prepared import Row
from api.tables import Leave, Member, Team
from bot.library import Library
from bot.said import VIETNAM

_member = Member.__table__
_team = Team.__table__
_leave = Leave.__table__

ROLES = {"member": "Thành viên", "lead": "Trưởng nhóm"}
MOST_CAPACITY = 50
#: who goes away today and holds cases has so long to say that they finish them themselves
CHOOSE = timedelta(minutes=30)
#: a longer leave is given by the lead
MOST_OWN_LEAVE = timedelta(days=90)


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


# --- leave -----------------------------------------------------------------------------------------------------------


def give_leave(
    connection: sa.Connection, member_id: int, first_day: date, last_day: date, by: int, now: datetime
) -> int:
    """Days off, both ends included. When the first is today, what they hold goes on at once. Returns how many cases."""
    directory.give_leave(connection, (member_id,), first_day, last_day, hand_on_at=_begins(first_day))
    cases.write_log(connection, now, "leave_given", member_id=by, detail=f"{member_id} {first_day} {last_day}")
    if first_day <= now.astimezone(VIETNAM).date() <= last_day:
        return hand_on(connection, member_id, now)
    return 0


def take_leave(
    connection: sa.Connection, member_id: int, first_day: date, last_day: date, now: datetime
) -> tuple[Row, ...]:
    """A member's own word; their leads are told. Returns what they hold, which goes on when the leave begins, but not
    before CHOOSE is over: see hand_on and keep."""
    hand_on_at = max(_begins(first_day), now + CHOOSE)
    directory.give_leave(connection, (member_id,), first_day, last_day, hand_on_at=hand_on_at)
    cases.write_log(connection, now, "leave_taken", member_id=member_id, detail=f"{member_id} {first_day} {last_day}")
    held = cases.held_by(connection, member_id)
    member = cases.member_of(connection, member_id)
    days = commands.which_days(first_day, last_day, now.astimezone(VIETNAM).date())
    text = f"{member['name']} báo nghỉ {days}."
    if held:
        text += " Đang giữ: " + ", ".join(messenger.briefly(one, cases.resident_name(connection, one)) for one in held)
    _tell_leads(connection, member, text, now)
    return tuple(held)


def end_leave(connection: sa.Connection, member_id: int, first_day: date, by: int, now: datetime) -> None:
    connection.execute(_leave.delete().where(_leave.c.member_id == member_id, _leave.c.first_day == first_day))
    cases.write_log(connection, now, "leave_ended", member_id=by, detail=f"{member_id} {first_day}")


def come_back(connection: sa.Connection, member_id: int, now: datetime, *, for_good: bool = False) -> None:
    """On duty from now on: a leave that runs ends yesterday. `for_good`: and none that was to come does."""
    today = now.astimezone(VIETNAM).date()
    not_over = sa.select(_leave.c.first_day).where(_leave.c.member_id == member_id, _leave.c.last_day >= today)
    for first_day in connection.scalars(not_over).all():
        one = (_leave.c.member_id == member_id, _leave.c.first_day == first_day)
        if first_day < today:
            connection.execute(_leave.update().where(*one).values(last_day=today - timedelta(days=1)))
        elif first_day == today or for_good:
            connection.execute(_leave.delete().where(*one))
        else:
            continue
        cases.write_log(connection, now, "leave_ended", member_id=member_id, detail=f"{member_id} {first_day}")
    desk.set_duty(connection, member_id, True, now)


def hand_on_leavers(connection: sa.Connection, now: datetime) -> int:
    """What is held by who is on leave goes back to the ladder, once a leave. For the minute's timer; returns how many
    cases."""
    today = now.astimezone(VIETNAM).date()
    due = (_leave.c.first_day <= today, _leave.c.last_day >= today, _leave.c.hand_on_at <= now)
    away = set(connection.scalars(sa.select(_leave.c.member_id).where(*due)))
    return sum(hand_on(connection, member_id, now) for member_id in sorted(away))


def hand_on(connection: sa.Connection, member_id: int, now: datetime) -> int:
    """Everything they hold goes back to the ladder. Returns how many cases."""
    keep(connection, member_id, now)
    held = [case["id"] for case in cases.held_by(connection, member_id)]
    return sum(desk.pass_on(connection, one, member_id, "leave", now) for one in held)


def keep(connection: sa.Connection, member_id: int, now: datetime) -> None:
    """From now on nothing that they hold is taken from them because of a leave that runs: they finish it themselves."""
    runs = (_leave.c.member_id == member_id, _leave.c.first_day <= now.astimezone(VIETNAM).date())
    connection.execute(_leave.update().where(*runs).values(hand_on_at=None))


def _begins(day: date) -> datetime:
    return datetime.combine(day, time(), VIETNAM).astimezone(UTC)


def _tell_leads(connection: sa.Connection, member: Row, text: str, now: datetime) -> None:
    for lead in cases.leads(connection, member):
        chat = messenger.chat_of(lead)
        if chat and lead["id"] != member["id"]:
            talk = f"desk:telegram:{chat}"
            arrival = Arrival(channel="telegram", chat=chat, provider_id=f"leave:{uuid4().hex}", conversation=talk,
                              body={"kind": "MemberTold"})  # fmt: skip
            pen = Pen(inbox.put_done(connection, arrival, now), talk, now)
            pen.member(chat, text)
            put_out(connection, pen.rows)


# --- where and when --------------------------------------------------------------------------------------------------


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
