"""What a lead sees: the open cases of their place, and their people. Reads only."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from api import cases, words
from api.auth import Member
from api.prepared import Row
from api.tables import Case, Leave
from api.tables import Member as MemberTable
from api.tables import Team as TeamTable
from bot.library import Library
from bot.said import VIETNAM

_case = Case.__table__
_member = MemberTable.__table__
_team = TeamTable.__table__
_leave = Leave.__table__

MOST_CASES = 200
MOST_PEOPLE = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """An open case as its lead sees it in a list. `holder` is "" while nobody has it."""

    id: int
    topic: str
    place: str
    since: datetime
    holder: str
    promised_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """The open cases of a place. No case is in two lists: the most pressing one has it."""

    overdue: tuple[Watched, ...]
    today: tuple[Watched, ...]
    waiting: tuple[Watched, ...]
    held: tuple[Watched, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Crewed:
    """One of a lead's people. `away_until`: the last day of a leave that runs today."""

    id: int
    name: str
    team: str
    role: str
    on_duty: bool
    open_cases: int
    capacity: int
    away_until: str


def board(connection: sa.Connection, library: Library, lead: Member, now: datetime) -> Board:
    query = (
        sa.select(_case, _member.c.called, _member.c.name)
        .join(_member, _member.c.id == _case.c.holder_id, isouter=True)
        .where(_case.c.closed_at.is_(None), _case.c.province == lead.province)
        .order_by(_case.c.opened_at, _case.c.id)
        .limit(MOST_CASES)
    )
    if lead.commune:
        query = query.where(_case.c.commune == lead.commune)
    lists: dict[str, list[Watched]] = {"overdue": [], "today": [], "waiting": [], "held": []}
    for row in connection.execute(query).mappings():
        if lead.covers(row["province"], row["commune"], row["hamlet"]):
            lists[_list_of(row, now)].append(_watched(library, row))
    return Board(**{name: tuple(found) for name, found in lists.items()})


def _list_of(row: Any, now: datetime) -> str:
    promised = row["promised_at"]
    if promised is not None:
        if promised < now or row["misses"]:
            return "overdue"
        if promised.astimezone(VIETNAM).date() == now.astimezone(VIETNAM).date():
            return "today"
    return "held" if row["holder_id"] is not None else "waiting"


def _watched(library: Library, row: Any) -> Watched:
    place = cases.place_name(library, row)
    return Watched(
        id=row["id"],
        topic=words.topic(library, row["topic"], row["flow"]),
        place=place[:1].upper() + place[1:],
        since=row["opened_at"],
        holder=row["called"] or row["name"] or "",
        promised_at=row["promised_at"],
    )


# --- people ----------------------------------------------------------------------------------------------------------


def of_place(lead: Member, table: Any) -> tuple[sa.ColumnElement[bool], ...]:
    """The rows of team or member that lie in the lead's place."""
    found = [table.c.province == (lead.province or "?"), table.c.rung != "group"]
    if lead.commune:
        found.append(table.c.commune == lead.commune)
    if lead.hamlet_key:
        found.append(table.c.hamlet_key == lead.hamlet_key)
    return tuple(found)


def crew(connection: sa.Connection, lead: Member, now: datetime) -> tuple[Crewed, ...]:
    """On duty first, the fullest hands first among them."""
    today = now.astimezone(VIETNAM).date()
    away = (
        sa.select(_leave.c.member_id, sa.func.max(_leave.c.last_day).label("until"))
        .where(_leave.c.first_day <= today, _leave.c.last_day >= today)
        .group_by(_leave.c.member_id)
        .subquery()
    )
    query = (
        sa.select(_member, _team.c.name.label("team"), away.c.until)
        .join(_team, _team.c.id == _member.c.team_id)
        .join(away, away.c.member_id == _member.c.id, isouter=True)
        .where(*of_place(lead, _member))
        .order_by(_member.c.on_duty.desc(), _member.c.open_cases.desc(), _member.c.id)
        .limit(MOST_PEOPLE)
    )
    return tuple(
        Crewed(
            id=row["id"], name=row["name"], team=row["team"], role=row["role"], on_duty=row["on_duty"],
            open_cases=row["open_cases"], capacity=row["capacity"],
            away_until=words.day(row["until"].isoformat()) if row["until"] else "",
        )
        for row in connection.execute(query).mappings()
    )  # fmt: skip


def person(connection: sa.Connection, lead: Member, member_id: int) -> Row | None:
    """One of the lead's people, whole; None when they are somebody else's."""
    query = (
        sa.select(_member, _team.c.name.label("team"))
        .join(_team, _team.c.id == _member.c.team_id)
        .where(_member.c.id == member_id, *of_place(lead, _member))
    )
    return connection.execute(query).mappings().first()


def leaves(connection: sa.Connection, member_id: int, now: datetime) -> tuple[Row, ...]:
    """Those that have not ended yet, the next one first."""
    query = sa.select(_leave).where(
        _leave.c.member_id == member_id, _leave.c.last_day >= now.astimezone(VIETNAM).date()
    )
    return tuple(connection.execute(query.order_by(_leave.c.first_day)).mappings())


def teams(connection: sa.Connection, lead: Member) -> tuple[Row, ...]:
    query = sa.select(_team.c.id, _team.c.name).where(*of_place(lead, _team)).order_by(_team.c.name)
    return tuple(connection.execute(query.limit(MOST_PEOPLE)).mappings())
