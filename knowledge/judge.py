"""Whether a number that no rule knows is a secret, by weights learned from lines of what residents might write.

Asked by `knowledge.secrets` last, about what the rules left. Learns nothing: `gocua learn` makes the weights. Never
changes a text, never raises at run time.
"""

import math
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from knowledge.digits import CITIZEN, Span
from knowledge.spans import Candidate, seen
from knowledge.vocabulary import WordWeights

FILE = "weights.tsv"
FOLDER = Path(__file__).parent / "spans"
_SURE = 1.75  # a logit; at 1.5 it masks one secret in a thousand more and two ordinary lines in a thousand
_LONGEST_TEXT = 1000  # characters: every round of masking reads all of them anew
_PASSWORD = re.compile(r"(?<![a-z])(?:pin|puk|mk|pass(?:word|code)?|mat (?:khau|ma)|khoa)(?![a-z])")
_CODE = re.compile(r"(?<![a-z])(?:otp|ma|code|kich hoat)(?![a-z])")


class JudgeError(Exception):
    """The weights are absent or unreadable; the message says how to make them."""


@dataclass(frozen=True, slots=True)
class Judge:
    weights: WordWeights
    bias: float
    fingerprint: str  # of the lines that the weights were learned from

    @classmethod
    def load(cls, folder: Path) -> "Judge":
        """Reads `weights.tsv`: "#" and the fingerprint, then a feature and its weight a line; the bias has no name."""
        try:
            head, *lines = (folder / FILE).read_text("utf-8").splitlines()
            rows = (line.rsplit("\t", 1) for line in lines)
            weights = {feature: float(weight) for feature, weight in rows}
            bias = weights.pop("")
            return cls(WordWeights(weights), bias, head.removeprefix("# "))
        except (OSError, ValueError, KeyError) as error:
            raise JudgeError(f"{folder / FILE}: cannot be read ({error}); run: gocua learn") from error

    def secrets(self, shown: str, bare: str) -> list[Span]:
        """In order and apart. `shown` is in lower case, `bare` without marks too, both of one length."""
        if len(bare) > _LONGEST_TEXT:
            return []
        message = seen(shown, bare)
        if not message.candidates:
            return []
        shared = self.bias + self._sum(message.features)
        return [
            (one.start, one.end, _kind(bare, one))
            for one in message.candidates
            if shared + self._sum(one.features) > _SURE
        ]

    def _sum(self, features: frozenset[str]) -> float:
        return math.fsum(self.weights.of(features))  # in any order alike


@cache
def the_judge() -> Judge:
    return Judge.load(FOLDER)


def _kind(bare: str, one: Candidate) -> str:
    before = bare[max(0, one.start - 60) : one.start]
    if one.digits == 3:
        return "cvv"
    if one.digits < 9:
        named = _CODE.search(before) if not one.digits else not _PASSWORD.search(before)
        return "otp" if named else "password"
    digits = re.sub(r"\D", "", bare[one.start : one.end])
    if one.digits == 16:
        return "card_number"
    return "id_number" if one.digits == 9 or CITIZEN.fullmatch(digits) else "account_number"
