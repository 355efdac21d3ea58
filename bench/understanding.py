"""How well free text finds its topic: python -m bench.understanding [more.jsonl ...]

Prints, for the three files of bench/data and each further file of rows {"text", "topic", "form"}: topics right, topics
among the three offered, answers given at once and how many of those are right, chatter answered, time and memory.

No row is trained on; tests/knowledge/test_search.py keeps them apart from the training data. Of queries.jsonl the wrong
answers were read and the training data widened after them: it shows what breaks. Of unread.jsonl and fresh.jsonl nobody
has looked at single answers, so only their figures speak for new text. Keep it so: when you have looked into one, move
it to queries.jsonl and write new rows.

fresh.jsonl was written by somebody who had not read the training data, and measured at once (97 % right). The same
person wrote some 550 training lines afterwards, so what it gained by them (100 %) flatters. unread.jsonl (94 % before
them, 96 % after), whose writer had no hand in those lines, is the fairer figure.
"""

import json
import resource
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bot.library import entries, load_flows
from knowledge.articles import load as load_articles
from knowledge.search import OUT, Answer, Entry, Index

ROOT = Path(__file__).parents[1]
DATA = ROOT / "bench" / "data"


@dataclass(frozen=True, slots=True)
class Row:
    text: str
    topic: str
    form: str


@dataclass(frozen=True, slots=True)
class Judged:
    row: Row
    answer: Answer
    ms: float

    @property
    def in_scope(self) -> bool:
        return self.row.topic != OUT

    @property
    def right(self) -> bool:
        return self.answer.topic == self.row.topic

    @property
    def at_once(self) -> bool:
        return self.answer.band in ("answer", "person")


def main(paths: list[Path]) -> None:
    before_mb = _memory_mb()
    started = time.perf_counter()
    index = Index.load(ROOT / "knowledge" / "topics", _entries())
    load_s = time.perf_counter() - started
    index.ask("khởi động")
    print(f"load {load_s:.2f} s, memory +{_memory_mb() - before_mb:.0f} MB")
    for path in (*(DATA / f"{name}.jsonl" for name in ("queries", "unread", "fresh")), *paths):
        _report(path, [_judge(index, row) for row in _rows(path)])


def _report(path: Path, judged: list[Judged]) -> None:
    scope = [one for one in judged if one.in_scope]
    chatter = [one for one in judged if not one.in_scope]
    at_once = [one for one in scope if one.at_once]
    print(f"\n{path.name}: {len(scope)} in scope, {len(chatter)} out")
    print(f"  topic right            {_share(one.right for one in scope)}")
    print(f"  among three            {_share(one.row.topic in one.answer.topics for one in scope)}")
    print(f"  answered at once       {_share(one.at_once for one in scope)}")
    print(f"  ... of those right     {_share(one.right for one in at_once)}")
    print(f"  none although in scope {_share(one.answer.band == 'none' for one in scope)}")
    print(f"  chatter answered       {_share(one.at_once for one in chatter)}")
    print(f"  chatter refused        {_share(one.answer.band == 'none' for one in chatter)}")
    print(f"  taken for a paste      {_share(one.answer.pasted for one in judged)}")
    for name, group in (*_by(scope, "form"), *_by(scope, "topic")):
        print(f"    {name:<16}{_share(one.right for one in group)} of {len(group)}")
    times = sorted(one.ms for one in judged)
    print(f"  ms: median {statistics.median(times):.2f}, p99 {times[int(len(times) * 0.99)]:.2f}")


def _judge(index: Index, row: Row) -> Judged:
    started = time.perf_counter()
    answer = index.ask(row.text)
    return Judged(row, answer, (time.perf_counter() - started) * 1000)


def _entries() -> Sequence[Entry]:
    return entries(load_flows(ROOT / "bot" / "flows").values(), load_articles(ROOT / "knowledge" / "articles"))


def _rows(path: Path) -> list[Row]:
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    return [Row(line["text"], line["topic"], line["form"]) for line in lines]


def _by(judged: list[Judged], field: str) -> list[tuple[str, list[Judged]]]:
    groups: dict[str, list[Judged]] = defaultdict(list)
    for one in judged:
        groups[getattr(one.row, field)].append(one)
    return sorted(groups.items())


def _share(hits: Iterable[bool]) -> str:
    all_hits = list(hits)
    return f"{100 * sum(all_hits) / len(all_hits):5.1f} %" if all_hits else "    - "


def _memory_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main([Path(argument) for argument in sys.argv[1:]])
