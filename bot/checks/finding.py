"""Whether residents find what was written: no question leads to two places, and search finds each by its own words."""

from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache

from bot.checks.passages import Passage
from bot.flow import Problem
from knowledge.search import Entry, Index
from knowledge.text import Text, read

#: by kind and id of an entry, the passages of its file
Files = Mapping[tuple[str, str], tuple[Passage, ...]]


@lru_cache(maxsize=10_000)
def _read(way: str) -> Text:
    return read(way)


def doubles(entries: Iterable[Entry], files: Files) -> Iterator[Problem]:
    """Wordings that two entries share, as the search reads them: marks, Southern words and abbreviations aside."""
    asked: dict[str, Entry] = {}
    for entry in entries:
        own = {_read(way).folded: way for way in entry.asked_as}
        for folded, way in own.items():
            first = asked.setdefault(folded, entry)
            if first is not entry:
                message = (
                    f"câu hỏi “{way}” cũng có ở {_named(first)}: một câu chỉ dẫn tới một nơi, bỏ ở một trong hai tệp"
                )
                yield _at(files, entry, way, message)


def lost(index: Index, entries: Iterable[Entry], files: Files) -> Iterator[Problem]:
    """Entries that are not among the first three found for their own title or one of their own wordings."""
    for entry in entries:
        for way in (entry.title, *entry.asked_as):
            answer = index.ask(_read(way))
            if (entry.kind, entry.id) not in {(hit.kind, hit.id) for hit in answer.hits}:
                found = ", ".join(hit.id for hit in answer.hits) or "không gì cả"
                message = f"tìm “{way}” không ra bài này mà ra: {found}. Viết câu hỏi rõ hơn, bớt trùng với bài kia"
                yield _at(files, entry, way, message)


def _named(entry: Entry) -> str:
    return f"{'kịch bản' if entry.kind == 'flow' else 'bài'} {entry.id} ({entry.topic})"


def _at(files: Files, entry: Entry, way: str, message: str) -> Problem:
    passages = files[(entry.kind, entry.id)]
    there = next((one for one in passages if one.text.strip() == way), passages[0])
    return there.problem(message)
