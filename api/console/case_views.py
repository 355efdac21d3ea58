"""What stands beside the talk on a case's page: notes, colleagues, the flow, words kept ready, visits, the history.

Only for those who may read the talk (views.reach); reads only.
"""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from api import cases, casework, directory, phones, words
from api.auth import Member
from api.console import history
from api.console.views import leads
from api.prepared import Row
from api.tables import CannedReply, Colleague, TeamNote, Visit
from api.tables import Member as MemberTable
from api.tables import Team as TeamTable
from bot.library import Library
from bot.said import VIETNAM

_note = TeamNote.__table__
_canned = CannedReply.__table__
_colleague = Colleague.__table__
_visit = Visit.__table__
_member = MemberTable.__table__
_team = TeamTable.__table__

#: people and teams that a page offers to choose from
MOST_TO_CHOOSE = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A note of the team's."""

    who: str
    at: datetime
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowStep:
    """A step by its first words. `is_here`: where the resident stood; `is_asked`: something is asked of them there."""

    id: str
    number: int
    words: str
    is_here: bool
    is_asked: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """Words kept ready, their placeholders filled for this case."""

    id: int
    title: str
    text: str
    is_own: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """A visit of this case. `result` is "" while it is open."""

    day: str
    place: str
    result: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody to choose. `label` says what helps choosing."""

    id: int
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Whom:
    """To whom a case can go. `is_led`: its lead decides, rather than its holder asks."""

    is_led: bool
    people: tuple[Person, ...]
    teams: tuple[Person, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """`phone` is masked; "" when the resident gave none."""

    notes: tuple[Written, ...]
    colleagues: tuple[Person, ...]
    flow_title: str
    steps: tuple[FlowStep, ...]
    ready: tuple[Ready, ...]
    visits: tuple[Planned, ...]
    history: tuple[history.Past, ...]
    phone: str
    near: tuple[Person, ...]


def beside(connection: sa.Connection, library: Library, case_id: int, member: Member, now: datetime) -> Beside:
    """The case must be there."""
    case = cases.find(connection, case_id)
    assert case is not None
    flow = library.flows.get(case["flow"])
    helping = casework.colleagues(connection, case_id)
    taken_in = {*helping, case["holder_id"], member.id}
    return Beside(
        notes=_notes(connection, case_id),
        colleagues=people(connection, _member.c.id.in_(helping)),
        flow_title=flow.title if flow else "",
        steps=flow_steps(library, case["flow"], case["step"]),
        ready=_ready(connection, library, case, member),
        visits=tuple(
            Planned(day=row.day, place=row.place, result=row.result)
            for row in connection.execute(sa.select(_visit).where(_visit.c.case_id == case_id).order_by(_visit.c.id))
        ),
        history=history.of_case(connection, library, case_id),
        phone=phones.masked(casework.phone_of(connection, library, case)),
        near=people(connection, *near(member, now), _member.c.id.not_in(taken_in - {None})),
    )


def flow_steps(library: Library, flow: str, here: str) -> tuple[FlowStep, ...]:
    """The steps of a flow that say something, in its order; numbered as the summary numbers them."""
    order = list(library.flows[flow].steps) if flow in library.flows else []
    return tuple(
        FlowStep(id=step, number=order.index(step) + 1, words=said, is_here=step == here, is_asked=is_asked)
        for step, said, is_asked in words.steps(library, flow)
    )


def near(member: Member, now: datetime) -> tuple[sa.ColumnElement[bool], ...]:
    """Whom a member may ask or pass to: their commune's people, and the desk of the province; nobody on leave."""
    is_there = _member.c.id.not_in(directory.away(now.astimezone(VIETNAM).date()))
    desk = sa.and_(_member.c.rung == "province", _member.c.province == member.province)
    if not member.commune:
        return (_member.c.province == member.province, _member.c.rung != "group", is_there)
    here = sa.and_(_member.c.commune == member.commune, _member.c.rung != "group")
    return (sa.or_(here, desk), is_there)


def whom(connection: sa.Connection, case: Row, member: Member, now: datetime) -> Whom:
    """Everybody within reach but its holder."""
    others = (*near(member, now), _member.c.id != (case["holder_id"] or 0))
    return Whom(
        is_led=case["holder_id"] != member.id, people=people(connection, *others), teams=teams(connection, member)
    )


def people(connection: sa.Connection, *conditions: sa.ColumnElement[bool]) -> tuple[Person, ...]:
    """Those on duty with room first."""
    query = (
        sa.select(_member.c.id, _member.c.called, _member.c.name, _member.c.on_duty, _member.c.open_cases,
                  _member.c.capacity, _team.c.name.label("team"))
        .join(_team, _team.c.id == _member.c.team_id)
        .where(*conditions)
        .order_by(_member.c.on_duty.desc(), _member.c.open_cases, _member.c.id)
        .limit(MOST_TO_CHOOSE)
    )  # fmt: skip
    return tuple(
        Person(
            id=row.id,
            label=f"{row.name} ({'đang trực' if row.on_duty else 'đang nghỉ'}, giữ {row.open_cases}/{row.capacity}), "
            f"{row.team}",
        )
        for row in connection.execute(query)
    )


def teams(connection: sa.Connection, member: Member) -> tuple[Person, ...]:
    """The teams of the member's commune and the desk of the province."""
    desk = sa.and_(_team.c.rung == "province", _team.c.province == member.province)
    here = _team.c.commune == member.commune if member.commune else _team.c.province == member.province
    query = sa.select(_team.c.id, _team.c.name).where(sa.or_(here, desk), _team.c.rung != "group")
    rows = connection.execute(query.order_by(_team.c.id).limit(MOST_TO_CHOOSE))
    return tuple(Person(id=row.id, label=row.name) for row in rows)


def can_show_phone(case: Row, member: Member) -> bool:
    """Who holds the case, and the lead of its place; a colleague who only looks does not call."""
    return case["closed_at"] is None and (case["holder_id"] == member.id or leads(member, case))


def placeholders(connection: sa.Connection, library: Library, case: Row, member: Member) -> dict[str, str]:
    """What {ten}, {xa} and {to} stand for in this case."""
    name = cases.resident_name(connection, case)
    commune = library.gazetteer.commune(case["commune"]).name if _is_known(library, case["commune"]) else ""
    team = connection.execute(sa.select(_team.c.name).where(_team.c.id == member.team_id)).scalar_one()
    return {
        "ten": "bác" if name.startswith("Bác số ") else name,
        "xa": commune[:1].lower() + commune[1:] or "xã, phường mình",
        "to": str(team),
    }


def _is_known(library: Library, commune: str) -> bool:
    try:
        library.gazetteer.commune(commune)
    except KeyError:
        return False
    return True


def _notes(connection: sa.Connection, case_id: int) -> tuple[Written, ...]:
    query = (
        sa.select(_note.c.text, _note.c.written_at, _member.c.called, _member.c.name)
        .join(_member, _member.c.id == _note.c.member_id)
        .where(_note.c.case_id == case_id)
        .order_by(_note.c.id)
    )
    rows = connection.execute(query)
    return tuple(Written(who=row.called or row.name, at=row.written_at, text=row.text) for row in rows)


def _ready(connection: sa.Connection, library: Library, case: Row, member: Member) -> tuple[Ready, ...]:
    """The case's topic first, then one's own, then everybody's."""
    values = placeholders(connection, library, case, member)
    query = sa.select(_canned).where(
        sa.or_(_canned.c.owner_id.is_(None), _canned.c.owner_id == member.id),
        _canned.c.topic.in_(("", case["topic"])),
    )
    rows = connection.execute(query.order_by(_canned.c.topic.desc(), _canned.c.owner_id.is_(None), _canned.c.id))
    return tuple(
        Ready(id=row.id, title=row.title, text=casework.filled(row.text, values), is_own=row.owner_id is not None)
        for row in rows
    )
