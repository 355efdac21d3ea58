"""The nearest members who could take a case: plain SQL, two partial indexes, the same on both databases.

Hamlet, then commune, then by distance in widening boxes, then the province desk. Whoever is found must still be
claimed by the one conditional UPDATE of desk.take: between the two, anybody may have become busy.
"""

import math
from dataclasses import dataclass

import sqlalchemy as sa

from api.tables import Member
from bot.handoff import Candidate
from knowledge.text import fold

_member = Member.__table__  # type: ignore[attr-defined]

#: half the side of the boxes searched one after another, in kilometres; beyond the last one nobody is near
BOXES_KM = (10.0, 30.0)
MOST = 5
_KM_A_DEGREE = 111.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Spot:
    """Where help is wanted: today's commune, its point in degrees, its province, and the hamlet ("" unknown)."""

    commune: str
    hamlet: str
    province: str
    lat: float
    lon: float


_COLUMNS = (_member.c.id, _member.c.hamlet, _member.c.lat, _member.c.lon, _member.c.open_cases, _member.c.idle_since)
#: "on_duty" stands as a literal: with a bound value PostgreSQL's generic plan would not use the partial indexes
_FREE = sa.and_(sa.text("on_duty"), _member.c.open_cases < _member.c.capacity)
_IN_COMMUNE = sa.select(*_COLUMNS).where(
    _FREE, _member.c.commune == sa.bindparam("commune"), _member.c.rung.in_(("hamlet", "commune"))
)
_IN_BOX = sa.select(*_COLUMNS).where(
    _FREE,
    _member.c.lat.between(sa.bindparam("south"), sa.bindparam("north")),
    _member.c.lon.between(sa.bindparam("west"), sa.bindparam("east")),
    _member.c.rung.in_(("hamlet", "commune")),
)
_AT_DESK = sa.select(*_COLUMNS).where(
    _FREE, _member.c.rung == "province", _member.c.province == sa.bindparam("province")
)


def candidates(connection: sa.Connection, spot: Spot | None, province: str) -> tuple[Candidate, ...]:
    """At most MOST members of each rung, best first; without a spot only the desk of `province`."""
    found: list[Candidate] = []
    if spot is not None:
        found += _commune(connection, spot)
        if len(found) < MOST:
            known = {one.member for one in found}
            found += [one for one in _near(connection, spot) if one.member not in known]
    desk = connection.execute(_AT_DESK, {"province": spot.province if spot else province})
    idlest = sorted(desk, key=lambda row: (row.open_cases, row.idle_since, row.id))
    found += [Candidate(member=row.id, rung="province", reason="bàn hỗ trợ của tỉnh") for row in idlest[:MOST]]
    return tuple(found)


def _commune(connection: sa.Connection, spot: Spot) -> list[Candidate]:
    rows = list(connection.execute(_IN_COMMUNE, {"commune": spot.commune}))
    here = fold(spot.hamlet)
    same = {row.id for row in rows if here and fold(row.hamlet) == here}
    rows.sort(key=lambda row: (row.id not in same, row.open_cases, row.idle_since, row.id))
    return [
        Candidate(member=row.id, rung="hamlet", reason=f"cùng {row.hamlet}")
        if row.id in same
        else Candidate(member=row.id, rung="commune", reason="cùng xã, phường")
        for row in rows[:MOST]
    ]


def _near(connection: sa.Connection, spot: Spot) -> list[Candidate]:
    """Members of other communes, nearest first in steps of 2 km; empty when nobody is within the last box."""
    squeeze = math.cos(math.radians(spot.lat))
    for half_km in BOXES_KM:
        up, aside = half_km / _KM_A_DEGREE, half_km / (_KM_A_DEGREE * squeeze)
        box = {
            "south": spot.lat - up, "north": spot.lat + up, "west": spot.lon - aside, "east": spot.lon + aside,
        }  # fmt: skip
        rows = [
            (math.hypot((row.lat - spot.lat), (row.lon - spot.lon) * squeeze) * _KM_A_DEGREE, row)
            for row in connection.execute(_IN_BOX, box)
        ]
        if rows:
            rows.sort(key=lambda pair: (pair[0] // 2, pair[1].open_cases, pair[1].idle_since, pair[1].id))
            return [
                Candidate(member=row.id, rung="near", reason=f"gần nhất, cách khoảng {km:.0f} km")
                for km, row in rows[:MOST]
            ]
    return []
