"""Whether each article is found in words that it does not hold: python -m bench.paraphrases [--misses] [more.jsonl ...]

Rows {"article", "text"} were written before anybody saw what the search gives for them. paraphrases.jsonl has three
an article; its misses were read and the articles' asked_as widened, so it shows what breaks. Nobody has looked at the
single answers of paraphrases_fresh.jsonl: keep it so, or write new rows and move these.

Prints, for both and each further file: how many rows find their article first, or among the hits that `gocua ask`
gives, how many find a flow of its topic in its stead, how many articles each of their rows finds, and how long a
question takes.
"""

import json
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rapidfuzz import fuzz

from bot.library import entries, load_flows
from knowledge.articles import Article
from knowledge.articles import load as load_articles
from knowledge.search import Answer, Index
from knowledge.text import read

ROOT = Path(__file__).parents[1]
DATA = ROOT / "bench" / "data"
FILES = ("paraphrases.jsonl", "paraphrases_fresh.jsonl")
_SENTENCE_ENDS = ".!?:;\n"
_NEAREST = 90  # how like one of the article's own wordings a row may be, of 100


@dataclass(frozen=True, slots=True)
class Row:
    article: str
    text: str


@dataclass(frozen=True, slots=True)
class Judged:
    row: Row
    article: Article
    answer: Answer
    ms: float

    @property
    def place(self) -> int:
        """1 for the first hit; 0 for none."""
        found = enumerate(self.answer.hits, 1)
        return next((at for at, hit in found if (hit.kind, hit.id) == ("article", self.row.article)), 0)

    @property
    def by_flow(self) -> bool:
        """Not the article, but a guided flow of its topic leads the hits."""
        first = self.answer.hits[:1]
        return not self.place and self.answer.topic == self.article.topic and any(hit.kind == "flow" for hit in first)


def main(paths: Sequence[Path], *, with_misses: bool) -> None:
    articles = {one.id: one for one in load_articles(ROOT / "knowledge" / "articles")}
    flows = load_flows(ROOT / "bot" / "flows").values()
    index = Index.load(ROOT / "knowledge" / "topics", entries(flows, articles.values()))
    index.ask("khởi động")
    for path in (*(DATA / name for name in FILES), *paths):
        _report(path, [_judge(index, articles, row) for row in rows(path)], with_misses=with_misses)


def rows(path: Path) -> list[Row]:
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    return [Row(line["article"], line["text"]) for line in lines]


def contained(row: Row, article: Article) -> str | None:
    """The article's own words that the row only repeats, or None. Both are read as a message is."""
    said = read(row.text).folded
    for own in (article.title, *article.asked_as):
        if said in (wording := read(own).folded) or fuzz.ratio(said, wording) > _NEAREST:
            return own
    return next((sentence for sentence in _sentences(article.body) if said in read(sentence).folded), None)


def _sentences(body: str) -> list[str]:
    return "".join("\n" if sign in _SENTENCE_ENDS else sign for sign in body).splitlines()


def _judge(index: Index, articles: Mapping[str, Article], row: Row) -> Judged:
    started = time.perf_counter()
    answer = index.ask(row.text)
    return Judged(row, articles[row.article], answer, (time.perf_counter() - started) * 1000)


def _report(path: Path, judged: Sequence[Judged], *, with_misses: bool) -> None:
    by_article: dict[str, list[Judged]] = defaultdict(list)
    by_topic: dict[str, list[Judged]] = defaultdict(list)
    for one in judged:
        by_article[one.row.article].append(one)
        by_topic[one.article.topic].append(one)
    print(f"\n{path.name}: {len(judged)} rows, {len(by_article)} articles")
    print(f"  only repeat their article     {sum(contained(one.row, one.article) is not None for one in judged)}")
    print(f"  article first                 {_share(one.place == 1 for one in judged)}")
    print(f"  article among the hits        {_share(one.place > 0 for one in judged)}")
    print(f"  ... or a flow of its topic    {_share(one.place > 0 or one.by_flow for one in judged)}")
    print(f"  topic right                   {_share(one.answer.topic == one.article.topic for one in judged)}")
    print(f"  articles found by each row    {_share(all(one.place for one in group) for group in by_article.values())}")
    for topic, group in sorted(by_topic.items()):
        print(f"    {topic:<16}{_share(one.place > 0 for one in group)} of {len(group)}")
    times = sorted(one.ms for one in judged)
    print(f"  ms: median {statistics.median(times):.2f}, p99 {times[int(len(times) * 0.99)]:.2f}")
    for one in judged:
        if with_misses and not one.place:
            hits = ", ".join(hit.id for hit in one.answer.hits)
            print(f"  {one.row.article}: {one.row.text} -> {one.answer.topic} {one.answer.p:.2f}: {hits}")


def _share(found: Iterable[bool]) -> str:
    every = list(found)
    return f"{100 * sum(every) / len(every):5.1f} % ({sum(every)} of {len(every)})" if every else "    - "


if __name__ == "__main__":
    main([Path(one) for one in sys.argv[1:] if one != "--misses"], with_misses="--misses" in sys.argv)
