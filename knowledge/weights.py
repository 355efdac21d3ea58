"""The topic weights at run time: what a message's features are, and how the weights turn them into one score a topic.

Needs numpy only. Learns nothing: knowledge/learn.py makes the file this one reads.
"""

from collections import Counter
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from knowledge.text import Text

Block = Counter[str]
_GRAM_LENGTHS = (2, 3, 4)


class WeightsError(Exception):
    """The weights file is absent or unreadable; the message says how to make it."""


@dataclass(frozen=True, slots=True)
class Weights:
    """`table` has one row a feature and one column a class; `blocks` holds each feature's row by its kind."""

    classes: tuple[str, ...]
    vocabulary: dict[str, int]
    rarity: NDArray[np.float32]
    table: NDArray[np.float32]
    bias: NDArray[np.float32]
    fingerprint: str

    @classmethod
    def load(cls, path: Path) -> "Weights":
        try:
            with np.load(path, allow_pickle=False) as stored:
                names = bytes(stored["vocabulary"]).decode("utf-8").split("\n")
                return cls(
                    classes=tuple(bytes(stored["classes"]).decode("utf-8").split("\n")),
                    vocabulary={name: row for row, name in enumerate(names)},
                    rarity=stored["rarity"].astype(np.float32),
                    table=stored["table"].astype(np.float32),
                    bias=stored["bias"].astype(np.float32),
                    fingerprint=bytes(stored["fingerprint"]).decode("ascii"),
                )
        except (OSError, KeyError, ValueError) as error:
            raise WeightsError(f"{path}: topic weights cannot be read ({error}); run: gocua learn") from error

    def logits(self, text: Text) -> NDArray[np.float32]:
        """One score a class; a message with no known feature gets the bias alone."""
        total = self.bias.copy()
        for block in features(text):
            rows, values = weighed(block, self.vocabulary, self.rarity)
            if len(rows):
                total += values @ self.table[rows]
        return total


def features(text: Text) -> tuple[Block, Block, Block]:
    """Counts of folded words and word pairs, of letter runs within folded words, of tokens that carry marks."""
    words = ["0" if word.isdigit() else word for word in text.folded.split()]
    grams: Counter[str] = Counter()
    for word in words:
        grams.update(_letter_runs(word))
    pairs = (f"{one} {next_}" for one, next_ in pairwise(words))
    marked = Counter(f"^{token}" for token in text.tokens if not token.isascii())
    return Counter((*words, *pairs)), grams, marked


@lru_cache(maxsize=20_000)
def _letter_runs(word: str) -> tuple[str, ...]:
    padded = f"_{word}_"
    return tuple(f"~{padded[i : i + n]}" for n in _GRAM_LENGTHS for i in range(len(padded) - n + 1))


def weighed(
    block: Block, vocabulary: dict[str, int], rarity: NDArray[np.float32]
) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
    """Rows of the block's known features and their tf-idf values, of length 1 together."""
    known = [(vocabulary[name], count) for name, count in block.items() if name in vocabulary]
    rows = np.array([row for row, _ in known], dtype=np.intp)
    counts = np.array([count for _, count in known], dtype=np.float32)
    values = (1 + np.log(counts)) * rarity[rows]
    length = float(np.sqrt(values @ values)) or 1.0
    return rows, (values / length).astype(np.float32)
