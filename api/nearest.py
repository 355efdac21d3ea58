"""The nearest members who could take a case: plain SQL, two partial indexes, the same on both databases.

Hamlet, then commune, then the commune's desk, then by distance in widening circles inside the province, then the
province's desk. Whoever is found must still be claimed by the one conditional UPDATE of desk.take: between the two,
anybody may have become busy.
"""

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from api.directory import HOUSEHOLDS_MOST, skill_bit, today_keys
from api.tables import Case, Leave, Member, Moment
from bot.handoff import Candidate, Rung
from bot.said import VIETNAM

_member = Member.__table__  # type: ignore[attr-defined]
_leave = Leave.__table__  # type: ignore[attr-defined]
_case = Case.__table__  # type: ignore[attr-defined]

#: how far around the spot is searched, one circle after another, in kilometres; beyond the last one nobody is near
CIRCLES_KM = (10.0, 30.0)
#: members as near as this to each other are equally near: most points are no finer than their hamlet's or commune's
STEP_KM = 2
#: of hamlet and commune together, and of each other rung
MOST = 5
_KM_A_DEGREE = 111.2
_ALWAYS = datetime(1970, 1, 1, tzinfo=UTC)
#: no commune has this code
_NOWHERE = "-"


@dataclass(frozen=True, slots=True, kw_only=True)
class Spot:
    """Where help is wanted: today's commune, its point in degrees, its province, and the hamlet ("" unknown)."""

    commune: str
    hamlet: str
    province: str
    lat: float
    lon: float


def _given(name: str, kind: type[sa.types.TypeEngine[Any]] = sa.Integer) -> sa.BindParameter[Any]:
    return sa.bindparam(name, type_=kind)


_SERVES = _member.c.id == _given("served")
#: "on_duty" stands as a literal: with a bound value PostgreSQL's generic plan would not use the partial indexes
_FREE = sa.and_(
    sa.text("on_duty"),
    _member.c.open_cases < _member.c.capacity,
    sa.or_(_given("skill") == 0, _member.c.skills == 0, _member.c.skills.bitwise_and(_given("skill")) != 0),
    sa.or_(_member.c.households < HOUSEHOLDS_MOST, _SERVES),
    sa.or_(
        _given("minute") < 0,  # the caller has no clock
        sa.and_(
            sa.or_(_member.c.on_duty_until.is_(None), _member.c.on_duty_until > sa.bindparam("now", type_=Moment)),
            _member.c.duty_days.bitwise_and(_given("weekday")) != 0,
            _member.c.duty_from_minute <= _given("minute"),
            _member.c.duty_to_minute > _given("minute"),
            ~sa.exists().where(
                _leave.c.member_id == _member.c.id,
                _leave.c.first_day <= _given("today", sa.Date),
                _leave.c.last_day >= _given("today", sa.Date),
            ),
        ),
    ),
)
_north = (_member.c.lat - _given("lat", sa.Float)) * _KM_A_DEGREE
_east = (_member.c.lon - _given("lon", sa.Float)) * _given("squeeze", sa.Float) * _KM_A_DEGREE
#: "|khu pho 3|khu pho 5|" holds the hamlets meant; a list would be spelled out anew for every query
_in_hamlet = _given("hamlets", sa.String).like("%|" + _member.c.hamlet_key + "|%")
_COLUMNS = (
    _member.c.id, _member.c.hamlet, _member.c.rung, _member.c.open_cases, _member.c.idle_since,
    (_north * _north + _east * _east).label("km2"), sa.case((_SERVES, 0), else_=1).label("stranger"),
    sa.case((sa.and_(_member.c.hamlet_key != "", _in_hamlet), 0), else_=1).label("tier"),
)  # fmt: skip
#: whole steps of distance up to so many kilometres; spelled out because not every SQLite has a square root
_EDGES_KM = range(STEP_KM, int(CIRCLES_KM[-1]) + 1, STEP_KM)


def _best_first(free: sa.Subquery) -> tuple[sa.ColumnElement[Any], ...]:
    steps: list[tuple[sa.ColumnElement[bool], sa.ColumnElement[int]]] = [
        (free.c.km2 < sa.literal_column(str(km * km)), sa.literal_column(str(km))) for km in _EDGES_KM
    ]
    step: sa.Case[Any] = sa.case(*steps, else_=sa.literal_column(str(_EDGES_KM.stop)))
    return free.c.tier, free.c.stranger, step, free.c.open_cases, free.c.idle_since, free.c.id


def _ladder() -> sa.Select[Any]:
    """MOST of the commune, MOST of its desk and MOST of the province's desk, in one go.

    Those above every commune are few, and found in the commune's index under the empty one.
    """
    member = _member.c
    of_commune = sa.and_(member.commune == _given("commune", sa.String), member.rung.in_(("hamlet", "commune", "desk")))
    of_province = sa.and_(member.commune == "", member.province == _given("province", sa.String),
                          member.rung == "province")  # fmt: skip
    wanted = (member.commune.in_((_given("commune", sa.String), "")), sa.or_(of_commune, of_province))
    free = sa.select(*_COLUMNS).where(_FREE, *wanted).subquery("free")
    place = sa.case((free.c.rung == "desk", 1), (free.c.rung == "province", 2), else_=0)
    number = sa.func.row_number().over(partition_by=place, order_by=_best_first(free))
    ranked = sa.select(free.c.id, free.c.hamlet, free.c.tier, place.label("place"), number.label("number")).subquery()
    return sa.select(ranked).where(ranked.c.number <= MOST).order_by(ranked.c.place, ranked.c.number)


def _around() -> sa.Select[Any]:
    """MOST of the province's other communes within a circle."""
    member = _member.c
    wanted = (
        member.lat.between(_given("south", sa.Float), _given("north", sa.Float)),
        member.lon.between(_given("west", sa.Float), _given("east", sa.Float)),
        member.province == _given("province", sa.String),
        member.commune != _given("commune", sa.String),
        member.rung.in_(("hamlet", "commune")),
    )
    free = sa.select(*_COLUMNS).where(_FREE, *wanted).subquery("free")
    inside = sa.select(free.c.id, free.c.km2).where(free.c.km2 <= _given("circle_km2", sa.Float))
    return inside.order_by(*_best_first(free)).limit(MOST)


_LADDER, _AROUND = _ladder(), _around()
_LAST_HOLDER = (
    sa.select(_case.c.holder_id)
    .where(_case.c.conversation == sa.bindparam("resident"), _case.c.holder_id.is_not(None))
    .order_by(_case.c.id.desc())
    .limit(1)
)


def candidates(
    connection: sa.Connection,
    spot: Spot | None,
    province: str,
    *,
    topic: str = "",
    resident: str = "",
    now: datetime | None = None,
) -> tuple[Candidate, ...]:
    """Who can take a case, best first; without a spot only the desk of `province`. MOST says how many at most.

    `topic`: they must know it. `resident`: the conversation whose last holder comes first on their rung. `now`: leases,
    duty hours and leave are heeded; without it nobody's are.
    """
    asked = _asked(connection, topic, resident, now)
    if spot is None:
        asked |= {"commune": _NOWHERE, "province": province, "hamlets": "", "lat": 0.0, "lon": 0.0, "squeeze": 1.0}
        return tuple(_rung(row, asked) for row in connection.execute(_LADDER, asked))
    hamlets = "|".join(("", *today_keys(connection, spot.commune, spot.hamlet), ""))
    asked |= {"commune": spot.commune, "province": spot.province, "hamlets": hamlets}
    asked |= {"lat": spot.lat, "lon": spot.lon, "squeeze": math.cos(math.radians(spot.lat))}
    found = [_rung(row, asked) for row in connection.execute(_LADDER, asked)]
    local = sum(one.rung in ("hamlet", "commune") for one in found)
    if local < MOST:
        above = sum(one.rung != "province" for one in found)
        found[above:above] = _near(connection, asked)
    return tuple(found)


def _asked(connection: sa.Connection, topic: str, resident: str, now: datetime | None) -> dict[str, Any]:
    """What the statements have in common."""
    served = connection.execute(_LAST_HOLDER, {"resident": resident}).scalar() if resident else None
    asked: dict[str, Any] = {"skill": skill_bit(topic), "served": served or 0}
    local = (now or _ALWAYS).astimezone(VIETNAM)
    asked |= {"now": now or _ALWAYS, "today": local.date(), "weekday": 1 << local.weekday()}
    return asked | {"minute": -1 if now is None else local.hour * 60 + local.minute}


def _rung(row: sa.Row[Any], asked: dict[str, Any]) -> Candidate:
    if row.place == 2:
        return _candidate(row.id, "province", "bàn hỗ trợ của tỉnh", asked)
    if row.place == 1:
        return _candidate(row.id, "desk", "bàn hỗ trợ của xã, phường", asked)
    if row.tier == 0:
        return _candidate(row.id, "hamlet", f"cùng {row.hamlet}", asked)
    return _candidate(row.id, "commune", "cùng xã, phường", asked)


def _near(connection: sa.Connection, asked: dict[str, Any]) -> list[Candidate]:
    """Members of the province's other communes; empty when nobody is within the last circle."""
    rows: list[Any] = []
    for circle_km in CIRCLES_KM:
        up, aside = circle_km / _KM_A_DEGREE, circle_km / (_KM_A_DEGREE * asked["squeeze"])
        circle = {
            "south": asked["lat"] - up, "north": asked["lat"] + up, "west": asked["lon"] - aside,
            "east": asked["lon"] + aside, "circle_km2": circle_km**2,
        }  # fmt: skip
        rows = list(connection.execute(_AROUND, asked | circle))
        if len(rows) == MOST:
            break
    return [_candidate(row.id, "near", f"gần nhất, cách khoảng {row.km2**0.5:.0f} km", asked) for row in rows]


def _candidate(member_id: int, rung: Rung, reason: str, asked: dict[str, Any]) -> Candidate:
    return Candidate(
        member=member_id, rung=rung, reason=f"{reason}, từng giúp nhà này" if member_id == asked["served"] else reason
    )
