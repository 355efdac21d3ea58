"""The gazetteer: communes of today, the units before July 2025 they were made of, and what a resident's words can mean.

Reads a pack folder once (see bench/build_places.py). Never asks a network, never keeps or logs an address.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from heapq import nsmallest
from pathlib import Path
from typing import Literal

from knowledge.place_index import COMMUNE_COLUMNS, PROVINCE_COLUMNS, Index, Pack, PlacePackError, Unit, load_index
from knowledge.place_match import MAX_COMMUNES, Match, match
from knowledge.place_reading import COMMUNE
from knowledge.place_text import COMMUNE_KINDS

__all__ = ["PLACES_FOLDER", "Commune", "Found", "Gazetteer", "OldUnit", "PlacePackError", "Via", "distance_km"]

PLACES_FOLDER = Path(__file__).parent / "places"
EARTH_RADIUS_KM = 6371.0
_SHORT_KINDS = {"thành phố": "TP", "thị xã": "TX"}

Via = Literal["none", "many", "today", "old", "older", "district"]


@dataclass(frozen=True, slots=True)
class Commune:
    """A commune of today; `name` and `province` with their type words, `lat`/`lon` a point inside it."""

    code: str
    name: str
    province_code: str
    province: str
    lat: float
    lon: float


@dataclass(frozen=True, slots=True)
class OldUnit:
    """A province (2 digits) or district (3 digits) as it was until July 2025; `name` with its type word."""

    code: str
    name: str


@dataclass(frozen=True, slots=True)
class Found:
    """What a text can mean.

    `communes`: codes of today's communes, sorted; empty when none is named or (`via` "many") more than 14 are possible.
    `certain`: exactly one, and one confirmation is enough. `via`: how it was named: by a name of "today", an "old" one
    (until July 2025), an "older" one (given up before that) or by an old "district" alone. `old_name`: for "old" and
    "older", when it was one unit: "Phường Phú Hòa (TP Thủ Dầu Một cũ)". `hamlet`: "ấp 3", "khu phố 5", or empty.
    """

    communes: tuple[str, ...] = ()
    certain: bool = False
    via: Via = "none"
    old_name: str = ""
    hamlet: str = ""


class Gazetteer:
    """Immutable once loaded; safe to share between threads."""

    __slots__ = ("_communes", "_districts_of", "_index", "version")

    def __init__(self, index: Index, communes: Mapping[str, Commune], version: str) -> None:
        self._index = index
        self._communes = communes
        self.version = version
        districts_of: dict[str, list[Unit]] = defaultdict(list)
        for district in index.districts_by_code.values():
            for province in district.old_provinces:
                districts_of[province].append(district)
        self._districts_of = dict(districts_of)

    @classmethod
    def load(cls, folder: Path = PLACES_FOLDER) -> "Gazetteer":
        """Raises PlacePackError naming the file when the pack is incomplete."""
        pack = Pack(folder)
        provinces = {
            code: _titled(kind, name)
            for code, kind, name, _, valid_to in pack.rows("provinces", PROVINCE_COLUMNS)
            if not valid_to
        }
        communes = {
            code: Commune(code, pack.one(_titled(kind, name)), province, provinces[province], float(lat), float(lon))
            for code, kind, name, province, lat, lon, _, valid_to in pack.rows("communes", COMMUNE_COLUMNS)
            if not valid_to
        }
        version = folder / "VERSION"
        if not version.is_file():
            raise PlacePackError(f"{version} is missing: build the pack with `python bench/build_places.py`")
        return cls(load_index(pack), communes, version.read_text(encoding="utf-8").strip())

    def find(self, text: str, home: Iterable[str] = ()) -> Found:
        """`home`: codes of today's provinces; they choose among namesakes only where the text names no province."""
        matched = match(self._index, text, frozenset(home))
        if len(matched.communes) > MAX_COMMUNES:
            return Found(via="many", hamlet=matched.hamlet)
        if not matched.communes:
            return Found(hamlet=matched.hamlet)
        via = self._via(matched)
        return Found(
            communes=matched.communes,
            certain=len(matched.communes) == 1 and matched.is_clean,
            via=via,
            old_name=self._old_name(matched.units) if via in ("old", "older") else "",
            hamlet=matched.hamlet,
        )

    def commune(self, code: str) -> Commune:
        """Raises KeyError for a code that is no commune of today."""
        return self._communes[code]

    def communes(self) -> tuple[Commune, ...]:
        """All communes of today, by code."""
        return tuple(self._communes.values())

    def full_name(self, code: str) -> str:
        """ "Phường Phú Lợi, Thành phố Hồ Chí Minh"; raises KeyError as `commune` does."""
        commune = self._communes[code]
        return f"{commune.name}, {commune.province}"

    def near(self, lat: float, lon: float, count: int = 3) -> tuple[Commune, ...]:
        """The communes whose points are nearest, nearest first. The right one is first in 77 %, among three in 98 %."""
        return tuple(nsmallest(count, self._communes.values(), key=lambda one: _km(lat, lon, one.lat, one.lon)))

    def neighbours(self, code: str, count: int = 6) -> tuple[Commune, ...]:
        """The communes nearest to this one by distance, itself left out; raises KeyError as `commune` does."""
        here = self._communes[code]
        return tuple(one for one in self.near(here.lat, here.lon, count + 1) if one.code != code)[:count]

    def old_provinces(self) -> tuple[OldUnit, ...]:
        """The 63 provinces until July 2025, by name."""
        return _old_units(self._index.old_provinces)

    def old_districts(self, old_province: str) -> tuple[OldUnit, ...]:
        """At most 30, by name; raises KeyError for a code that was no province."""
        return _old_units(self._districts_of[old_province])

    def communes_of(self, old_district: str) -> tuple[Commune, ...]:
        """Today's communes in which an old district's residents live: at most 14, by code; KeyError as above."""
        return tuple(self._communes[code] for code in self._index.districts_by_code[old_district].today)

    def _via(self, matched: Match) -> Via:
        if matched.level != COMMUNE:
            return "district"
        if any(unit.is_today for unit in matched.units):
            return "today"
        if matched.is_older:
            return "older"
        kept_name = len(matched.communes) == 1 and all(
            unit.full_name == self._communes[matched.communes[0]].name for unit in matched.units
        )
        return "today" if kept_name else "old"

    def _old_name(self, units: tuple[Unit, ...]) -> str:
        olds = {unit.code: unit for unit in units if not unit.is_today and unit.kind in COMMUNE_KINDS}
        if len(olds) != 1:
            return ""
        unit = next(iter(olds.values()))
        district = self._index.districts_by_code[next(iter(unit.districts))]
        return f"{unit.full_name} ({_SHORT_KINDS.get(district.kind, district.kind)} {district.name} cũ)"


def distance_km(a: Commune, b: Commune) -> float:
    """Between the communes' points, along the great circle."""
    return _km(a.lat, a.lon, b.lat, b.lon)


def _km(lat: float, lon: float, other_lat: float, other_lon: float) -> float:
    north, other_north = math.radians(lat), math.radians(other_lat)
    half = math.sin((other_north - north) / 2) ** 2
    half += math.cos(north) * math.cos(other_north) * math.sin(math.radians(other_lon - lon) / 2) ** 2
    return 2 * EARTH_RADIUS_KM * math.asin(math.sqrt(half))


def _titled(kind: str, name: str) -> str:
    return f"{kind[:1].upper()}{kind[1:]} {name}"


def _old_units(units: Iterable[Unit]) -> tuple[OldUnit, ...]:
    return tuple(OldUnit(unit.code, unit.full_name) for unit in sorted(units, key=lambda one: (one.name, one.code)))
