"""Figures for the gazetteer: the evaluation set, all communes of today, 1,500 random old communes in seven forms.

    python -m bench.places [file.jsonl ...]      a row: {"text", "communes", "form"}

"right" is the exact set of communes; "holds" also counts a longer list that holds them all; "sure but wrong" is what
a resident would be asked to confirm wrongly.
"""

import argparse
import csv
import json
import random
import resource
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from knowledge.places import PLACES_FOLDER, Found, Gazetteer
from knowledge.text import strip_marks

SEED = 20261121
SAMPLE = 1500
EVALUATION = Path(__file__).parent / "data" / "places.jsonl"
SHORT = {"phường": "P.", "xã": "X.", "thị trấn": "TT", "quận": "Q.", "huyện": "H.", "thị xã": "TX", "thành phố": "TP"}
LETTERS = "abcdeghiklmnopqrstuvxy"

Case = tuple[str, str, frozenset[str]]  # form, text, communes


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("files", type=Path, nargs="*", default=[EVALUATION])
    arguments.add_argument("--misses", action="store_true", help="print every wrong answer")
    options = arguments.parse_args()
    before_mb = memory_mb()
    started = time.perf_counter()
    gazetteer = Gazetteer.load()
    print(f"load {time.perf_counter() - started:.2f} s, {memory_mb() - before_mb:.0f} MB, pack {gazetteer.version}")
    for file in options.files:
        report(str(file), written(file), gazetteer.find, misses=options.misses)
    report("all communes of today", today(gazetteer), gazetteer.find, misses=options.misses)
    report(f"{SAMPLE} old communes x 7 forms", national(PLACES_FOLDER), gazetteer.find, misses=options.misses)


def memory_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def written(file: Path) -> Iterator[Case]:
    for line in file.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        yield row["form"], row["text"], frozenset(row["communes"])


def today(gazetteer: Gazetteer) -> Iterator[Case]:
    for commune in gazetteer.communes():
        text = gazetteer.full_name(commune.code)
        yield "full", text, frozenset([commune.code])
        yield "no diacritics", strip_marks(text).lower(), frozenset([commune.code])


def national(pack: Path) -> Iterator[Case]:
    """The right answer for an old commune is where its residents went, whatever else bears its name."""
    chance = random.Random(SEED)
    provinces = {row["code"]: row for row in table(pack, "old_provinces")}
    districts = {row["code"]: row for row in table(pack, "old_districts")}
    goes_to: dict[str, set[str]] = defaultdict(set)
    for row in table(pack, "old_to_new"):
        if row["carries_residents"] == "1":
            goes_to[row["old_code"]].add(row["new_code"])
    communes = [row for row in table(pack, "old_communes") if len(row["code"]) == 5]
    for commune in chance.sample(communes, SAMPLE):
        district = districts[commune["district_code"]]
        units = (commune, district, provinces[district["province_code"]])
        for form, text in forms(units, chance):
            yield form, text, frozenset(goes_to[commune["code"]])


def forms(units: tuple[dict[str, str], ...], chance: random.Random) -> Iterator[tuple[str, str]]:
    names = [f"{unit['type']} {unit['name']}" for unit in units]
    short = [f"{SHORT.get(unit['type'], '')}{'' if unit['type'] == 'tỉnh' else ' '}{unit['name']}" for unit in units]
    yield "full", ", ".join(names)
    yield "no diacritics", strip_marks(", ".join(names)).lower()
    yield "abbreviated", ", ".join(short)
    yield "no district", f"{names[0]}, {names[2]}"
    yield "no province", f"{names[0]}, {names[1]}"
    yield "one typo", ", ".join([f"{units[0]['type']} {mistyped(units[0]['name'], chance)}", *names[1:]])
    yield "hamlet first", f"ấp {chance.randint(1, 9)}, " + ", ".join(names)


def mistyped(name: str, chance: random.Random) -> str:
    """One letter doubled, lost, swapped with the next or changed; numbers and names under 5 letters are left alone."""
    places = [at for at, letter in enumerate(name) if letter.isalpha()]
    if len(places) < 5:
        return name
    at = chance.choice(places[1:])
    kind = chance.randrange(4)
    if kind == 0:
        return name[:at] + name[at] + name[at:]
    if kind == 1:
        return name[:at] + name[at + 1 :]
    if kind == 2 and at + 1 < len(name) and name[at + 1].isalpha():
        return name[:at] + name[at + 1] + name[at] + name[at + 2 :]
    return name[:at] + chance.choice(LETTERS) + name[at + 1 :]


def table(pack: Path, name: str) -> list[dict[str, str]]:
    with (pack / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def report(title: str, cases: Iterable[Case], find: Callable[[str], Found], *, misses: bool) -> None:
    asked: Counter[str] = Counter()
    right: Counter[str] = Counter()
    holds: Counter[str] = Counter()
    sure_but_wrong: Counter[str] = Counter()
    times_ms: list[float] = []
    for form, text, communes in cases:
        started = time.perf_counter()
        found = find(text)
        times_ms.append((time.perf_counter() - started) * 1000)
        answer = frozenset(found.communes)
        asked[form] += 1
        right[form] += answer == communes
        holds[form] += (bool(communes) and answer >= communes) or answer == communes
        sure_but_wrong[form] += found.certain and answer != communes
        if misses and answer != communes:
            print(f"  {form}: {text!r}: got {sorted(answer)} ({found.via}), wanted {sorted(communes)}")
    times_ms.sort()
    print(f"\n{title}: p50 {times_ms[len(times_ms) // 2]:.2f} ms, p99 {times_ms[int(len(times_ms) * 0.99)]:.2f} ms")
    print(f"{'form':24} {'asked':>6} {'right':>7} {'holds':>7} {'sure but wrong':>15}")
    for form, count in [*asked.items(), ("all", asked.total())]:
        sums = [counter.total() if form == "all" else counter[form] for counter in (right, holds, sure_but_wrong)]
        print(f"{form:24} {count:6} " + " ".join(f"{100 * part / count:6.1f}%" for part in sums))


if __name__ == "__main__":
    main()
