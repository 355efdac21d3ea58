"""For who measures: what the service would make of a text, one JSON object a line."""

import json
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from bot.library import Folders

if TYPE_CHECKING:
    from knowledge.search import Entry

_words = click.argument("text", nargs=-1, help="Lời bà con gõ.")
_jsonl = click.option("--jsonl", is_flag=True, help='Vào: mỗi dòng một {"text": ...}; ra: mỗi dòng một câu trả lời.')


def _batch(text: tuple[str, ...], jsonl: bool, answer: Callable[[str], dict[str, Any]]) -> None:
    """Answer the words given, or with --jsonl every line of standard input, in order, nothing else on stdout."""
    if not jsonl:
        click.echo(json.dumps(answer(" ".join(text)), ensure_ascii=False))
        return
    for line in sys.stdin:
        if not line.strip():
            continue
        try:
            said = json.loads(line)["text"]
            if not isinstance(said, str):
                raise TypeError
        except (ValueError, KeyError, TypeError):
            out: dict[str, Any] = {"error": 'a line must be a JSON object with a string under "text"'}
        else:
            out = answer(said)
        sys.stdout.write(json.dumps(out, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def _timed(work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    begin = time.perf_counter()
    return {**work(), "ms": round((time.perf_counter() - begin) * 1000, 3)}


def searched() -> "tuple[Entry, ...]":
    """Everything that the search can find."""
    from bot.library import entries, load_flows
    from knowledge import articles

    folders = Folders()
    return entries(load_flows(folders.flows).values(), articles.load(folders.knowledge / "articles"))


@click.command()
@_words
@_jsonl
def ask(text: tuple[str, ...], jsonl: bool) -> None:
    """Một câu hỏi về chủ đề nào, bài nào trả lời."""
    from knowledge.search import Index

    index = Index.load(Folders().knowledge / "topics", searched())

    def answer(said: str) -> dict[str, Any]:
        found = index.ask(said)
        hits = [{"kind": hit.kind, "id": hit.id, "title": hit.title} for hit in found.hits]
        return {
            "topic": found.topic,
            "p": round(found.p, 4),
            "band": found.band,
            "topics": list(found.topics),
            "hits": hits,
        }

    _batch(text, jsonl, lambda said: _timed(lambda: answer(said)))


@click.command()
@_words
@_jsonl
def place(text: tuple[str, ...], jsonl: bool) -> None:
    """Một địa chỉ có thể là xã, phường nào hiện nay."""
    from knowledge.places import Gazetteer

    gazetteer = Gazetteer.load(Folders().knowledge / "places")

    def answer(said: str) -> dict[str, Any]:
        found = gazetteer.find(said)
        return {"communes": list(found.communes), "certain": found.certain}

    _batch(text, jsonl, lambda said: _timed(lambda: answer(said)))


@click.command()
@_words
@_jsonl
def scam(text: tuple[str, ...], jsonl: bool) -> None:
    """Một tin nhắn, đường dẫn hay cửa hàng có dấu hiệu lừa đảo không."""
    from knowledge.scams import ScamCheck

    scams = ScamCheck.load(Folders().knowledge / "scams")

    def answer(said: str) -> dict[str, Any]:
        found = scams.assess(said)
        return {"verdict": found.verdict, "reasons": list(found.reasons)}

    _batch(text, jsonl, answer)


@click.command()
@_words
@_jsonl
def redact(text: tuple[str, ...], jsonl: bool) -> None:
    """Câu chữ sau khi che mã, số và mật khẩu, và đã che những loại nào."""
    from knowledge.secrets import redact as mask

    def answer(said: str) -> dict[str, Any]:
        found = mask(said)
        return {"text": found.text, "found": list(found.found)}

    _batch(text, jsonl, answer)
