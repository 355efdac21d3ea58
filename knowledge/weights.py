"""The topic weights at run time: what a message's features are, and how the weights turn them into one score a topic.

Needs the standard library only. Learns nothing: knowledge/learn.py makes the file this one reads.
"""

import math
import struct
import zlib
from array import array
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain, pairwise
from operator import mul
from pathlib import Path
from typing import TypeVar
from zipfile import BadZipFile, ZipFile

from knowledge.text import Text
from knowledge.vocabulary import Vocabulary

FILE = "weights.zip"
_GRAM_LENGTHS = (2, 3, 4)
_Known = TypeVar("_Known", bound=Hashable)


class WeightsError(Exception):
    """The weights file is absent or unreadable; the message says how to make it."""


@dataclass(frozen=True, slots=True)
class Weights:
    """`table` has one row a feature, as the vocabulary numbers them, and in it one weight a class, in two bytes."""

    classes: tuple[str, ...]
    vocabulary: Vocabulary
    rarity: "array[float]"
    table: bytes
    bias: tuple[float, ...]
    fingerprint: str

    @classmethod
    def load(cls, folder: Path) -> "Weights":
        """Reads weights.zip, whose texts have one name a line and whose floats are little-endian."""
        path = folder / FILE
        try:
            with ZipFile(path) as stored:
                bias = stored.read("bias.f32")
                return cls(
                    classes=tuple(stored.read("classes.txt").decode("utf-8").split()),
                    vocabulary=Vocabulary(stored.read("vocabulary.txt").decode("utf-8")),
                    rarity=array("f", (one for (one,) in struct.iter_unpack("<e", stored.read("rarity.f16")))),
                    table=stored.read("table.f16"),
                    bias=struct.unpack(f"<{len(bias) // 4}f", bias),
                    fingerprint=stored.read("fingerprint.txt").decode("utf-8"),
                )
        except (OSError, KeyError, ValueError, struct.error, BadZipFile, zlib.error) as error:
            raise WeightsError(f"{path}: topic weights cannot be read ({error}); run: gocua learn") from error

    def logits(self, text: Text) -> list[float]:
        """One score a class; a message with no known feature gets the bias alone."""
        row = struct.Struct(f"<{len(self.classes)}e")
        rows, values = [self.bias], [1.0]
        for block in features(text, self.vocabulary.number):
            rows += [row.unpack_from(self.table, number * row.size) for number in block]
            values += weighed(block, self.rarity)
        return [sum(map(mul, values, column)) for column in zip(*rows, strict=True)]


def features(text: Text, known: Callable[[str], _Known | None]) -> Iterator[Counter[_Known]]:
    """Counts of folded words and word pairs, of letter runs within folded words, of tokens that carry marks.

    `known` is asked what to call each of them, or None for one that does not count.
    """
    words = ["0" if word.isdigit() else word for word in text.folded.split()]
    yield Counter(_called((*words, *(f"{one} {next_}" for one, next_ in pairwise(words))), known))
    yield Counter(chain.from_iterable(_letter_runs(word, known) for word in words))
    yield Counter(_called((f"^{token}" for token in text.tokens if not token.isascii()), known))


def _called(names: Iterable[str], known: Callable[[str], _Known | None]) -> Iterator[_Known]:
    return (feature for name in names if (feature := known(name)) is not None)


@lru_cache(maxsize=2048)  # all common syllables, at up to 700 bytes each
def _letter_runs(word: str, known: Callable[[str], _Known | None]) -> tuple[_Known, ...]:
    padded = f"_{word}_"
    runs = (f"~{padded[i : i + n]}" for n in _GRAM_LENGTHS for i in range(len(padded) - n + 1))
    return tuple(_called(runs, known))


def weighed(block: Mapping[int, int], rarity: Sequence[float]) -> list[float]:
    """The tf-idf values of the block's features in its order, of length 1 together."""
    values = [rarity[at] if count == 1 else (1 + math.log(count)) * rarity[at] for at, count in block.items()]
    length = math.sqrt(sum(map(mul, values, values))) or 1.0
    return [value / length for value in values]
