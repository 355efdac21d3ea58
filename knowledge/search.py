"""Which topic a message is about, how sure that is, and which flows and articles may help.

Pure after Index.load. Never decides what is sent: the bands are advice, and a pasted message is only marked.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Literal

import numpy as np

from knowledge.cues import Cues, looks_pasted
from knowledge.text import URL_TOKEN, Text, fold, read
from knowledge.weights import Weights

Kind = Literal["flow", "article"]
Band = Literal["answer", "offer", "none", "person"]

TOPICS = (
    "vneid", "thanh-toan", "gplx", "lua-dao", "dvc", "ho-chieu", "chu-ky-so",
    "vi-dien-tu", "app-tinh", "tmdt", "suc-khoe", "du-lieu-ca-nhan", "2g-4g", "gap-nguoi",
)  # fmt: skip
OUT = "out"
PERSON_TOPIC = "gap-nguoi"
SCAM_TOPIC = "lua-dao"

_ANSWER_FROM = 0.6
_OFFER_FROM = 0.15
_CUE_BOOST = 1.5  # on the logit, for each scam cue up to _CUES_COUNTED
_CUES_COUNTED = 3
_MOST_HITS = 3
_TITLE_WEIGHT, _ASKED_WEIGHT, _BODY_WEIGHT = 3.0, 2.0, 1.0
_PAIR_WEIGHT, _STOP_WEIGHT = 0.5, 0.3  # of a telling word's
_SATURATION, _LENGTH_SHARE = 2.0, 0.5  # k1 and b of BM25
_CALLED = 0.99  # the chance of a topic whose entry is called by its own words


@dataclass(frozen=True, slots=True)
class Entry:
    kind: Kind
    id: str
    topic: str
    title: str
    asked_as: tuple[str, ...]
    body: str


@dataclass(frozen=True, slots=True)
class Hit:
    kind: Kind
    id: str
    title: str


@dataclass(frozen=True, slots=True)
class Answer:
    """`topic` is "out" in band none; `p` is its probability. `topics` and `hits`: up to three, best first."""

    topic: str
    p: float
    band: Band
    topics: tuple[str, ...]
    hits: tuple[Hit, ...]
    pasted: bool  # reads like a message somebody sent them: check it for a scam before anything else


class Index:
    def __init__(self, weights: Weights, cues: Cues, entries: Iterable[Entry]) -> None:
        self._weights = weights
        self._cues = cues
        self._entries = tuple(entries)
        self._shelf = _Shelf(self._entries, cues.stop)

    @classmethod
    def load(cls, folder: Path, entries: Iterable[Entry]) -> "Index":
        """`folder` holds weights.npz and cues.yaml; entries may be empty. Raises WeightsError, CuesError."""
        return cls(Weights.load(folder / "weights.npz"), Cues.load(folder / "cues.yaml"), entries)

    def ask(self, text: str | Text) -> Answer:
        message = read(text) if isinstance(text, str) else text
        pasted = looks_pasted(message, self._cues)
        if not message.folded:
            return Answer(OUT, 1.0, "none", (), (), pasted)
        called = self._shelf.called(message)
        chances = _settled(self._chances(message), {self._entries[at].topic for at in called})
        order = sorted(TOPICS, key=lambda topic: -chances[topic])
        wants_person = not called and bool(self._cues.person.found_in(message.folded))
        topic, p, band = _judged(order[0], chances, wants_person)
        hits = self._shelf.best(message.folded, {one: chances[one] for one in order[:2]}, called)
        return Answer(topic, p, band, tuple(order[:_MOST_HITS]), hits if band != "none" else (), pasted)

    def _chances(self, message: Text) -> dict[str, float]:
        logits = self._weights.logits(message)
        cues = min(len(self._cues.scam.found_in(message.folded)), _CUES_COUNTED)
        logits[self._weights.classes.index(SCAM_TOPIC)] += _CUE_BOOST * cues
        powers = np.exp(logits - logits.max())
        return dict(zip(self._weights.classes, (powers / powers.sum()).tolist(), strict=True))


def _settled(chances: dict[str, float], called: set[str]) -> dict[str, float]:
    """Authors can trust what they write: an entry's own words mean its topic, unless two topics claim them."""
    if len(called) != 1:
        return chances
    return {topic: _CALLED if topic in called else p * (1 - _CALLED) for topic, p in chances.items()}


def _judged(best: str, chances: dict[str, float], wants_person: bool) -> tuple[str, float, Band]:
    p = chances[best]
    if wants_person or (best == PERSON_TOPIC and p >= _ANSWER_FROM):
        return (best, p, "person") if p >= _OFFER_FROM else (PERSON_TOPIC, chances[PERSON_TOPIC], "person")
    if p >= _ANSWER_FROM:
        return best, p, "answer"
    if p >= _OFFER_FROM:
        return best, p, "offer"
    return OUT, chances[OUT], "none"


class _Shelf:
    """BM25 over the words of flows and articles, title and other wordings counting more than the body."""

    def __init__(self, entries: tuple[Entry, ...], stop: frozenset[str]) -> None:
        self._entries = entries
        self._stop = stop
        self._by_topic: dict[str, list[int]] = defaultdict(list)
        self._by_name: dict[str, list[int]] = defaultdict(list)
        counted: list[dict[str, float]] = []
        for at, entry in enumerate(entries):
            self._by_topic[entry.topic].append(at)
            ways = [read(text) for text in (entry.title, *entry.asked_as)]
            for name in dict.fromkeys(_name(way) for way in ways):
                self._by_name[name].append(at)
            counted.append(_counts(ways, read(entry.body)))
        usual = sum(sum(one.values()) for one in counted) / max(len(counted), 1)
        held_by = Counter(word for one in counted for word in one)
        self._rarity = {
            word: self._share(word) * math.log(1 + (len(counted) - n + 0.5) / (n + 0.5)) for word, n in held_by.items()
        }
        self._worth = [_saturated(one, usual) for one in counted]

    def called(self, message: Text) -> frozenset[int]:
        """The entries, by their place in the list, that are titled or asked for in exactly these words."""
        return frozenset(self._by_name.get(_name(message), ()))

    def best(self, folded: str, chances: dict[str, float], called: frozenset[int]) -> tuple[Hit, ...]:
        """Up to three: the called ones, then entries of the topics in `chances`; the best score times its topic's
        chance first. None that shares no telling word, unless it is called."""
        wanted = set(_words(folded))
        telling = {word for word in folded.split() if word not in self._stop}
        ranked = []
        for topic, chance in chances.items():
            for at in self._by_topic.get(topic, ()):
                worth = self._worth[at]
                if at in called or not telling.isdisjoint(worth):
                    score = chance * sum(self._rarity[word] * worth[word] for word in wanted if word in worth)
                    ranked.append((at not in called, -score, at))
        chosen = [self._entries[at] for _, _, at in sorted(ranked)[:_MOST_HITS]]
        return tuple(Hit(entry.kind, entry.id, entry.title) for entry in chosen)

    def _share(self, word: str) -> float:
        if " " in word:
            return _PAIR_WEIGHT
        return _STOP_WEIGHT if word in self._stop else 1.0


def _name(text: Text) -> str:
    """A link keeps its letters here: an entry that is asked for with a good one must not answer for a bad one."""
    return fold(text.raw) if URL_TOKEN in text.tokens else text.folded


def _counts(ways: Sequence[Text], body: Text) -> dict[str, float]:
    counts: dict[str, float] = defaultdict(float)
    weights = (_TITLE_WEIGHT, *[_ASKED_WEIGHT] * (len(ways) - 1), _BODY_WEIGHT)
    for text, weight in zip((*ways, body), weights, strict=True):
        for word in _words(text.folded):
            counts[word] += weight
    return counts


def _words(folded: str) -> list[str]:
    words = folded.split()
    return words + [f"{one} {following}" for one, following in pairwise(words)]


def _saturated(counts: dict[str, float], usual: float) -> dict[str, float]:
    length = sum(counts.values()) / usual if usual else 1.0
    damping = _SATURATION * (1 - _LENGTH_SHARE + _LENGTH_SHARE * length)
    return {word: count * (_SATURATION + 1) / (count + damping) for word, count in counts.items()}
