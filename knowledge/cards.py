"""Pocket cards: what a member carries to a resident's door, one topic a card. Reads cards.yaml, never writes it."""

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import yaml

from knowledge.links import Links

_KEYS = frozenset(("title", "prepare", "steps", "never", "call", "source", "verified_on"))
_MAY = frozenset(("address",))
MOST_STEPS, LONGEST_LINE = 4, 150


class CardsError(ValueError):
    """A card that cannot be printed as it is written: its line in the file, and what to do."""

    def __init__(self, path: Path, line: int, message: str) -> None:
        super().__init__(f"{path}:{line}: {message}")
        self.path, self.line, self.message = path, line, message


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    topic: str
    title: str
    #: what to have ready
    prepare: str
    steps: tuple[str, ...]
    #: what nobody may ask the resident for
    never: str
    #: whom to call or see, and where that is known from
    call: str
    source: str
    verified_on: date
    #: the host name of the topic's official page, printed as a QR code; "" where there is none
    address: str = ""


def load(path: Path, links: Links) -> dict[str, Card]:
    """By topic, in file order. Raises CardsError; an address that `links` does not know as official is one."""
    text = path.read_text(encoding="utf-8")
    read: Any = yaml.load(text, Loader=yaml.BaseLoader)  # noqa: S506 text only
    lines = {line.partition(":")[0]: number for number, line in enumerate(text.splitlines(), 1)}
    cards = {}
    for topic, body in read.items():
        if fault := _fault(body, links):
            raise CardsError(path, lines.get(topic, 1), f"thẻ {topic!r}: {fault}")
        cards[topic] = _card(topic, body)
    return cards


def _fault(body: Any, links: Links) -> str:
    if not isinstance(body, dict) or not _KEYS <= set(body) <= _KEYS | _MAY:
        return f"cần đủ {', '.join(sorted(_KEYS))}; thêm được {', '.join(_MAY)}; không khoá nào khác"
    if not 1 <= len(body["steps"]) <= MOST_STEPS:
        return f"từ 1 đến {MOST_STEPS} bước"
    for line in (body["prepare"], *body["steps"], body["never"], body["call"]):
        if len(line) > LONGEST_LINE:
            return f"dòng “{line[:30]}…” dài {len(line)} chữ cái, tối đa {LONGEST_LINE}: bớt lời"
    address = body.get("address", "")
    if address and not links.is_official(address):
        return (
            f"địa chỉ {address} không có trong danh sách trang chính thức "
            "(knowledge/scams/official_domains.tsv, cột sure là yes): thay bằng trang chính thức, hoặc bỏ dòng này"
        )
    return ""


def _card(topic: str, body: Any) -> Card:
    return Card(
        topic=topic, title=body["title"], prepare=body["prepare"], steps=tuple(body["steps"]), never=body["never"],
        call=body["call"], source=body["source"], verified_on=date.fromisoformat(body["verified_on"]),
        address=body.get("address", ""),
    )  # fmt: skip
