"""The place pack as an index of names: which units, of today or before July 2025, a folded name can mean.

Reads the CSV files of a pack folder; built once, never changed. Knows nothing of how people write addresses.
"""

import csv
from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from knowledge.place_text import glue, spelling
from knowledge.text import fold

PROVINCE_COLUMNS = ("code", "type", "name", "valid_from", "valid_to")
COMMUNE_COLUMNS = ("code", "type", "name", "province_code", "lat", "lon", "valid_from", "valid_to")
DISTRICT_COLUMNS = ("code", "type", "name", "province_code")

Keys = Mapping[str, tuple["Unit", ...]]
_Value = TypeVar("_Value", bound=Hashable)


class PlacePackError(ValueError):
    """The pack folder is incomplete or damaged; the message names the file and what to do."""


@dataclass(frozen=True, slots=True, eq=False)
class Unit:
    """A unit that a name can mean.

    `today`: codes of today's communes in which its residents now live. `districts`, `old_provinces`, `provinces`: the
    codes of every unit above it, old and new. `former`: type words it bore earlier. `spellings`: see `spelling`.
    """

    code: str
    kind: str
    name: str
    is_today: bool
    today: tuple[str, ...]
    districts: frozenset[str]
    old_provinces: frozenset[str]
    provinces: frozenset[str]
    former: frozenset[str] = frozenset()

    @property
    def full_name(self) -> str:
        return f"{self.kind[:1].upper()}{self.kind[1:]} {self.name}"

    @property
    def spellings(self) -> tuple[tuple[str, ...], ...]:
        return tuple(spelling(word) for word in self.name.replace("-", " ").replace("'", " ").split())


@dataclass(frozen=True, slots=True)
class Index:
    """Names by key (see `glue`). `older`: names given up before 2025. `initials`: "tdm" -> districts and provinces."""

    communes: Keys
    older: Keys
    districts: Keys
    provinces: Keys
    district_initials: Keys
    province_initials: Keys
    old_provinces: tuple[Unit, ...]
    districts_by_code: Mapping[str, Unit]
    communes_of: Mapping[str, tuple[Unit, ...]]  # old district -> its communes, old ones and today's


class Pack:
    """The files of a pack folder, for as long as they are read.

    Equal values become one: thirteen thousand units lie in 97 provinces, and a frozenset of one code takes 216 bytes.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._values: dict[Hashable, Any] = {}

    def one(self, value: _Value) -> _Value:
        """The first value that was equal to this one."""
        return self._values.setdefault(value, value)  # type: ignore[no-any-return]

    def rows(self, name: str, columns: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
        """The rows of a file in file order; raises PlacePackError if it is missing or has other columns."""
        path = self.folder / f"{name}.csv"
        if not path.is_file():
            raise PlacePackError(f"{path} is missing: build the pack with `python bench/build_places.py`")
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.reader(file)
            header = tuple(next(reader, []))
            if header != columns:
                raise PlacePackError(f"{path}, line 1: columns {','.join(header)}, expected {','.join(columns)}")
            for row in reader:
                if len(row) != len(columns):
                    raise PlacePackError(f"{path}, line {reader.line_num}: {len(row)} fields, expected {len(columns)}")
                yield tuple(map(self.one, row))


def name_key(name: str) -> str:
    """A unit's key; a number keeps no leading zero."""
    return glue([str(int(word)) if word.isdigit() else word for word in fold(name).split()])


def load_index(pack: Pack) -> Index:
    former: dict[str, set[str]] = defaultdict(set)
    today_rows: list[tuple[str, ...]] = []
    for row in pack.rows("communes", COMMUNE_COLUMNS):
        if row[-1]:
            former[row[0]].add(row[1])
        else:
            today_rows.append(row)
    province_of = {row[0]: row[3] for row in today_rows}
    old_province_of = {row[0]: row[3] for row in pack.rows("old_districts", DISTRICT_COLUMNS)}
    goes_to, made_of = _pairs(pack, province_of)

    olds: dict[str, Unit] = {}
    for code, kind, name, district in pack.rows("old_communes", ("code", "type", "name", "district_code")):
        olds[code] = _unit(
            pack, code, kind, name,
            today=goes_to[code],
            districts=[district],
            old_provinces=[old_province_of[district]],
            provinces=[province_of[new] for new in goes_to[code]],
        )  # fmt: skip
    communes = list(olds.values())
    for code, kind, name, province, *_ in today_rows:
        parts = [olds[old] for old in made_of[code]]
        unit = _unit(
            pack, code, kind, name,
            is_today=True,
            today=[code],
            districts=(district for part in parts for district in part.districts),
            old_provinces=(old for part in parts for old in part.old_provinces),
            provinces=[province],
            former=former[code],
        )  # fmt: skip
        communes.append(unit)
    return _index(pack, communes, olds)


def _unit(
    pack: Pack,
    code: str,
    kind: str,
    name: str,
    *,
    is_today: bool = False,
    today: Iterable[str] = (),
    districts: Iterable[str] = (),
    old_provinces: Iterable[str] = (),
    provinces: Iterable[str] = (),
    former: Iterable[str] = (),
) -> Unit:
    sets = [pack.one(frozenset(codes)) for codes in (districts, old_provinces, provinces, former)]
    return Unit(code, kind, name, is_today, pack.one(tuple(today)), *sets)


def _pairs(pack: Pack, province_of: Mapping[str, str]) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """old -> new and new -> old, only where residents went along."""
    goes_to: dict[str, list[str]] = defaultdict(list)
    made_of: dict[str, list[str]] = defaultdict(list)
    for old, new, carries_residents in pack.rows("old_to_new", ("old_code", "new_code", "carries_residents")):
        if new not in province_of:
            file = pack.folder / "old_to_new.csv"
            raise PlacePackError(f"{file}: {new} is no commune of today: build the pack again")
        if carries_residents == "1":
            goes_to[old].append(new)
            made_of[new].append(old)
    return goes_to, made_of


def _index(pack: Pack, communes: list[Unit], olds: Mapping[str, Unit]) -> Index:
    members: dict[str, list[Unit]] = defaultdict(list)
    for unit in olds.values():
        for district in unit.districts:
            members[district].append(unit)
    districts = {
        code: _above(pack, code, kind, name, members[code])
        for code, kind, name, _ in pack.rows("old_districts", DISTRICT_COLUMNS)
    }
    old_provinces = [
        _unit(pack, code, kind, name, old_provinces=[code])
        for code, kind, name in pack.rows("old_provinces", ("code", "type", "name"))
    ]
    provinces = [
        _unit(pack, code, kind, name, is_today=True, provinces=[code])
        for code, kind, name, _, valid_to in pack.rows("provinces", PROVINCE_COLUMNS)
        if not valid_to
    ]
    in_district: dict[str, list[Unit]] = defaultdict(list)
    for unit in communes:
        for district in unit.districts:
            in_district[district].append(unit)
    by_key = [_by_key(communes), _by_key(districts.values()), _by_key([*old_provinces, *provinces])]
    older: dict[str, list[Unit]] = defaultdict(list)
    for code, kind, key, only in pack.rows("aliases", ("code", "type", "key", "only")):
        key = glue([key])
        if len(code) == 5:
            older[key].append(replace(olds[code], kind=kind or olds[code].kind))
        elif len(code) == 3:
            unit = districts[code]
            parts = [olds[one] for one in only.split()]
            by_key[1][key].append(_above(pack, code, kind or unit.kind, unit.name, parts) if parts else unit)
        else:
            name = next(unit.name for unit in old_provinces if unit.code == code)
            by_key[2][key] += [unit for unit in (*old_provinces, *provinces) if unit.code == code and unit.name == name]
    return Index(
        communes=_frozen(by_key[0]),
        older=_frozen(older),
        districts=_frozen(by_key[1]),
        provinces=_frozen(by_key[2]),
        district_initials=_frozen(_by_initials(districts.values())),
        province_initials=_frozen(_by_initials([*old_provinces, *provinces])),
        old_provinces=tuple(old_provinces),
        districts_by_code=districts,
        communes_of=_frozen(in_district),
    )


def _above(pack: Pack, code: str, kind: str, name: str, members: Iterable[Unit]) -> Unit:
    """An old district; `today` holds the communes its residents now live in, by code."""
    members = tuple(members)
    return _unit(
        pack, code, kind, name,
        today=sorted({new for member in members for new in member.today}),
        districts=[code],
        old_provinces=(old for member in members for old in member.old_provinces),
        provinces=(province for member in members for province in member.provinces),
    )  # fmt: skip


def _by_key(units: Iterable[Unit]) -> dict[str, list[Unit]]:
    keys: dict[str, list[Unit]] = defaultdict(list)
    for unit in units:
        keys[name_key(unit.name)].append(unit)
    return keys


def _by_initials(units: Iterable[Unit]) -> dict[str, list[Unit]]:
    keys: dict[str, list[Unit]] = defaultdict(list)
    for unit in units:
        syllables = fold(unit.name).split()
        if len(syllables) > 1:
            keys["".join(syllable[0] for syllable in syllables)].append(unit)
    return keys


def _frozen(keys: Mapping[str, list[Unit]]) -> Keys:
    return {key: tuple(units) for key, units in keys.items()}
