"""Pocket cards: what a member carries to a resident's door, one topic a card. Reads cards.yaml, never writes it."""

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import yaml

_KEYS = ("title", "prepare", "steps", "never", "call", "source", "verified_on")
MOST_STEPS, LONGEST_LINE = 4, 150


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


def load(path: Path) -> dict[str, Card]:
    """By topic, in file order. Raises ValueError naming the card and what is wrong with it."""
    read: Any = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.BaseLoader)  # noqa: S506 text only
    return {topic: _card(path, topic, body) for topic, body in read.items()}


def _card(path: Path, topic: str, body: Any) -> Card:
    where = f"{path}: {topic}"
    if not isinstance(body, dict) or set(body) != set(_KEYS):
        raise ValueError(f"{where} needs just these: {', '.join(_KEYS)}")
    steps = tuple(body["steps"])
    long = [line for line in (body["prepare"], *steps, body["never"], body["call"]) if len(line) > LONGEST_LINE]
    if long or not 1 <= len(steps) <= MOST_STEPS:
        raise ValueError(f"{where}: at most {MOST_STEPS} steps, and {LONGEST_LINE} letters a line: shorten {long[:1]}")
    return Card(
        topic=topic, title=body["title"], prepare=body["prepare"], steps=steps, never=body["never"], call=body["call"],
        source=body["source"], verified_on=date.fromisoformat(body["verified_on"]),
    )  # fmt: skip
