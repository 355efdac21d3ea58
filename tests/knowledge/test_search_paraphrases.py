"""Every article answers three questions that are put in words it does not hold."""

from collections import Counter

import pytest

from bench.paraphrases import DATA, FILES, Row, contained, rows
from bot.library import Folders, entries, load_flows
from knowledge import articles
from knowledge.articles import Article
from knowledge.learn import load as load_utterances
from knowledge.search import Index
from knowledge.text import read


@pytest.fixture(scope="module")
def held() -> dict[str, Article]:
    return {article.id: article for article in articles.load(Folders().knowledge / "articles")}


def test_every_article_has_three_paraphrases(held: dict[str, Article]) -> None:
    counted = Counter(row.article for row in rows(DATA / "paraphrases.jsonl"))
    assert {one: counted[one] for one in held if counted[one] < 3} == {}
    assert set(counted) <= set(held)


def test_no_paraphrase_is_in_its_article_or_in_the_training_data(held: dict[str, Article]) -> None:
    every = [row for name in FILES for row in rows(DATA / name)]
    assert [(row, own) for row in every if (own := contained(row, held[row.article]))] == []
    learned = {read(one.text).folded for one in load_utterances(Folders().knowledge / "topics")}
    assert [row for row in every if read(row.text).folded in learned] == []


@pytest.mark.parametrize(
    ("text", "own"),
    [
        ("QUEN MAT KHAU vneid!", "Quên mật khẩu VNeID"),
        ("mất pass vneid", "mất mật khẩu vneid"),
        ("bấm quên mật khẩu", "Bác bấm Quên mật khẩu"),
        ("bấm nút lấy lại", None),
    ],
)
def test_what_an_article_holds_is_no_paraphrase(text: str, own: str | None, held: dict[str, Article]) -> None:
    front = "title: Quên mật khẩu VNeID\nasked_as: [mất mật khẩu vneid]\nsources: [a]"
    dates = "verified_on: 2026-11-21\nexpires_on: 2027-05-21"
    path = held["vneid-quen-mat-khau"].path
    article = articles.parse(path, f"---\n{front}\n{dates}\n---\nBác bấm Quên mật khẩu. Rồi đặt lại.")
    assert contained(Row(article.id, text), article) == own


def test_the_search_finds_nearly_all_of_them(held: dict[str, Article]) -> None:
    index = Index.load(Folders().knowledge / "topics", entries(load_flows(Folders().flows).values(), held.values()))
    every = rows(DATA / "paraphrases.jsonl")
    lost = [
        row for row in every if ("article", row.article) not in {(hit.kind, hit.id) for hit in index.ask(row.text).hits}
    ]
    assert len(lost) <= len(every) * 0.02, lost
