"""How much a message is worded like a scam, by weights learned from our own made-up messages.

Only adds to or takes from what `knowledge.scams` found by rule; names no reason of its own. `bench/wording.py` learns
the weights.
"""

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import combinations, pairwise
from pathlib import Path

from knowledge.vocabulary import WordWeights

FILE = "wording.tsv"
_SCALE = 4.0
_NUMBER = re.compile(r"\d+")
_AMOUNT = re.compile(r"0(?:k|d|m|tr|trieu)?0?")
_AFTER_AMOUNT = frozenset(("0", "trieu", "tr", "ngan", "nghin", "k", "dong", "d"))
_PEOPLE = re.compile(
    "em|anh|chi|co|chu|bac|con|chau|tui|toi|minh|ban|ong|ba|me|ma|bo|cha|di|cau|mo|noi|ngoai|thim|duong|ho|no|nguoi|"
    "ta|tao|may|vo|chong|thang|dua"
)


@dataclass(frozen=True, slots=True)
class Wording:
    weights: WordWeights
    bias: float

    @classmethod
    def load(cls, folder: Path) -> "Wording":
        """Reads `wording.tsv`: a feature and its weight a line, by a tab; the empty feature is the bias."""
        rows = (line.split("\t") for line in (folder / FILE).read_text("utf-8").splitlines() if line[:1] != "#")
        weights = {feature: float(weight) for feature, weight in rows}
        bias = weights.pop("", 0.0)
        return cls(WordWeights(weights), bias)

    def score(self, folded: str, marks: Iterable[str]) -> float:
        """A logit: above 0 worded like a scam, below 0 not. An empty message is the bias."""
        known = self.weights.of(features(folded, marks))
        return self.bias + sum(known) * scale(len(known))


def features(folded: str, marks: Iterable[str]) -> set[str]:
    """Words, pairs of neighbours (numbers alike, so a masked one too), marks and pairs of marks.

    The words and pairs count once more with all people alike and all amounts: who gives whom how much hardly matters.
    """
    words = [_NUMBER.sub("0", word) for word in folded.split()]
    alike = _alike(words)
    held = sorted(marks)
    return (
        {*words, *alike}
        | {f"{one} {two}" for one, two in pairwise(words)}
        | {f"{one} {two}" for one, two in pairwise(alike)}
        | {f"={mark}" for mark in held}
        | {f"={one}+{two}" for one, two in combinations(held, 2)}
    )


def _alike(words: list[str]) -> list[str]:
    alike = list[str]()
    for word in words:
        kind = "_who" if _PEOPLE.fullmatch(word) else "_much" if _AMOUNT.fullmatch(word) else word
        last = alike[-1] if alike else ""
        if not (kind == last == "_who" or (last == "_much" and word in _AFTER_AMOUNT)):
            alike.append(kind)
    return alike


def scale(count: int) -> float:
    """What one of `count` known features weighs: long messages have many, none may outshout the others by length."""
    return _SCALE / math.sqrt(max(count, 1))
