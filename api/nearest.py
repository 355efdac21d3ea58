"""The nearest members who could take a case: plain SQL, two partial indexes, the same on both databases.

One statement answers nearly every time: beside the database's own work each round trip and each bound value costs, so
what never changes stands in the text, and no list of values is spelled out anew. Hamlet, then commune, then the
commune's desk, then by distance in widening circles inside the province, then the province's desk. Whoever is found
must still be claimed by the one conditional UPDATE of desk.take: between the two, anybody may have become busy.
"""

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from api.directory import HOUSEHOLDS_MOST, NOW_CALLED, meant_key, skill_bit
from api.prepared import Prepared
from api.tables import Case, Leave, Member, Moment
from bot.handoff import Candidate, Rung
from bot.said import VIETNAM

_member = Member.__table__
_leave = Leave.__table__
_case = Case.__table__

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


def _number(value: float) -> sa.ColumnElement[Any]:
    return sa.literal_column(str(value))


def _on_rung(*rungs: Rung) -> sa.ColumnElement[bool]:
    return sa.or_(*(_member.c.rung == sa.literal_column(f"'{rung}'") for rung in rungs))


_NONE = _number(0)
_EMPTY: sa.ColumnElement[str] = sa.literal_column("''")
_HERE = _member.c.commune == _given("commune", sa.String)
#: who held the resident's last case
_SERVES = _member.c.id == (
    sa.select(_case.c.holder_id)
    .where(_case.c.conversation == _given("resident", sa.String), _case.c.holder_id.is_not(None))
    .order_by(_case.c.id.desc())
    .limit(_number(1))
    .scalar_subquery()
)
_AWAY = sa.exists(_number(1)).where(
    _leave.c.member_id == _member.c.id,
    _leave.c.first_day <= _given("today", sa.Date),
    _leave.c.last_day >= _given("today", sa.Date),
)
#: "on_duty" stands as a literal: with a bound value PostgreSQL's generic plan would not use the partial indexes
_FREE = sa.and_(
    sa.text("on_duty"),
    _member.c.open_cases < _member.c.capacity,
    sa.or_(_given("skill") == _NONE, _member.c.skills == _NONE, _member.c.skills.bitwise_and(_given("skill")) != _NONE),
    sa.or_(_member.c.households < _number(HOUSEHOLDS_MOST), _SERVES),
    sa.or_(
        _given("minute") < _NONE,  # the caller has no clock
        sa.and_(
            sa.or_(_member.c.on_duty_until.is_(None), _member.c.on_duty_until > sa.bindparam("now", type_=Moment)),
            _member.c.duty_days.bitwise_and(_given("weekday")) != _NONE,
            _member.c.duty_from_minute <= _given("minute"),
            _member.c.duty_to_minute > _given("minute"),
            ~_AWAY,
        ),
    ),
)
_north = (_member.c.lat - _given("lat", sa.Float)) * _number(_KM_A_DEGREE)
_east = (_member.c.lon - _given("lon", sa.Float)) * _given("squeeze", sa.Float)
_IN_HAMLET = sa.and_(
    _given("key", sa.String) != _EMPTY,
    sa.or_(_member.c.hamlet_key == _given("key", sa.String), _member.c.hamlet_key.in_(NOW_CALLED.order_by(None))),
)
_TIER = sa.case((_IN_HAMLET, _NONE), else_=_number(1)).label("tier")
_PLACE = sa.case((_on_rung("desk"), _number(1)), (_on_rung("province"), _number(2)), else_=_NONE).label("place")
_COLUMNS = (
    _member.c.id, _member.c.hamlet, _member.c.open_cases, _member.c.idle_since,
    (_north * _north + _east * _east).label("km2"), sa.case((_SERVES, _NONE), else_=_number(1)).label("stranger"),
)  # fmt: skip
#: whole steps of distance up to so many kilometres; spelled out because not every SQLite has a square root
_EDGES_KM = range(STEP_KM, int(CIRCLES_KM[-1]) + 1, STEP_KM)


def _free(wanted: sa.ColumnElement[bool], *more: sa.ColumnElement[Any]) -> sa.CTE:
    """Kept apart from what asks it, else PostgreSQL would work out the distance anew for each step of it."""
    return sa.select(*_COLUMNS, *more).where(_FREE, wanted).cte("free").prefix_with("MATERIALIZED")


def _best_first(free: sa.CTE) -> tuple[sa.ColumnElement[Any], ...]:
    steps = [(free.c.km2 < _number(km * km), _number(km)) for km in _EDGES_KM]
    step: sa.Case[Any] = sa.case(*steps, else_=_number(_EDGES_KM.stop))
    return free.c.stranger, step, free.c.open_cases, free.c.idle_since, free.c.id


def _ladder() -> sa.Select[Any]:
    """MOST of the commune, MOST of its desk and MOST of the province's desk, in one go.

    Those above every commune are few, and found in the commune's index under the empty one.
    """
    above = _member.c.commune == _EMPTY
    of_province = sa.and_(above, _member.c.province == _given("province", sa.String), _on_rung("province"))
    of_commune = sa.and_(_HERE, _on_rung("hamlet", "commune", "desk"))
    # the first half is what the index is for
    free = _free(sa.and_(sa.or_(_HERE, above), sa.or_(of_commune, of_province)), _TIER, _PLACE)
    number = sa.func.row_number().over(partition_by=free.c.place, order_by=(free.c.tier, *_best_first(free)))
    ranked = sa.select(
        free.c.id, free.c.hamlet, free.c.tier, free.c.stranger, free.c.place, number.label("number")
    ).subquery()
    return sa.select(ranked).where(ranked.c.number <= _number(MOST)).order_by(ranked.c.place, ranked.c.number)


def _around() -> sa.Select[Any]:
    """MOST of the province's other communes within a circle."""
    square = (
        _member.c.lat.between(_given("south", sa.Float), _given("north", sa.Float)),
        _member.c.lon.between(_given("west", sa.Float), _given("east", sa.Float)),
    )
    of_province = _member.c.province == _given("province", sa.String)
    free = _free(sa.and_(*square, of_province, ~_HERE, _on_rung("hamlet", "commune")))
    inside = sa.select(free.c.id, free.c.km2, free.c.stranger).where(free.c.km2 <= _given("circle_km2", sa.Float))
    return inside.order_by(*_best_first(free)).limit(_number(MOST))


_LADDER, _AROUND = Prepared(_ladder()), Prepared(_around())


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
    at = spot or Spot(commune=_NOWHERE, hamlet="", province=province, lat=0.0, lon=0.0)
    asked = _asked(topic, resident, now) | {
        "commune": at.commune, "province": at.province, "key": meant_key(connection, at.commune, at.hamlet),
        "lat": at.lat, "lon": at.lon, "squeeze": math.cos(math.radians(at.lat)) * _KM_A_DEGREE,
    }  # fmt: skip
    found = [_rung(row) for row in _LADDER.rows(connection, asked)]
    local = sum(one.rung in ("hamlet", "commune") for one in found)
    if spot is not None and local < MOST:
        above = sum(one.rung != "province" for one in found)
        found[above:above] = _near(connection, asked)
    return tuple(found)


def _asked(topic: str, resident: str, now: datetime | None) -> dict[str, Any]:
    """What the statements have in common, beside the spot."""
    local = (now or _ALWAYS).astimezone(VIETNAM)
    return {
        "skill": skill_bit(topic), "resident": resident, "now": now or _ALWAYS, "today": local.date(),
        "weekday": 1 << local.weekday(), "minute": -1 if now is None else local.hour * 60 + local.minute,
    }  # fmt: skip


def _rung(row: sa.Row[Any]) -> Candidate:
    if row.place == 2:
        return _candidate(row, "province", "bàn hỗ trợ của tỉnh")
    if row.place == 1:
        return _candidate(row, "desk", "bàn hỗ trợ của xã, phường")
    if row.tier == 0:
        return _candidate(row, "hamlet", f"cùng {row.hamlet}")
    return _candidate(row, "commune", "cùng xã, phường")


def _near(connection: sa.Connection, asked: dict[str, Any]) -> list[Candidate]:
    """Members of the province's other communes; empty when nobody is within the last circle."""
    rows: list[Any] = []
    for circle_km in CIRCLES_KM:
        up, aside = circle_km / _KM_A_DEGREE, circle_km / asked["squeeze"]
        circle = {
            "south": asked["lat"] - up, "north": asked["lat"] + up, "west": asked["lon"] - aside,
            "east": asked["lon"] + aside, "circle_km2": circle_km**2,
        }  # fmt: skip
        rows = _AROUND.rows(connection, asked | circle)
        if len(rows) == MOST:
            break
    return [_candidate(row, "near", f"gần nhất, cách khoảng {row.km2**0.5:.0f} km") for row in rows]


def _candidate(row: sa.Row[Any], rung: Rung, reason: str) -> Candidate:
    return Candidate(member=row.id, rung=rung, reason=reason if row.stranger else f"{reason}, từng giúp nhà này")
