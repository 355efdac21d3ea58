"""Which topic a message is about, how sure that is, and which flows and articles may help.

Pure after Index.load. Never decides what is sent: the bands are advice, and a pasted message is only marked.
"""

import math
from array import array
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from heapq import nlargest
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Literal

from knowledge.cues import Cues, looks_pasted
from knowledge.text import URL_TOKEN, Text, fold, read
from knowledge.vocabulary import Vocabulary
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
_BACKING = 0.05  # on the logit, for each point by which a topic's best entry scores above another's
_DOUBT = 1.5  # what an entry counts for although its topic seems impossible; a sure topic adds 1


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
    """`topic` is "out" in band none; `p` is its probability. `topics` and `hits`: up to three, best first; a
    hit may be of another topic."""

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
        """`folder` holds weights.zip and cues.yaml; entries may be empty. Raises WeightsError, CuesError."""
        return cls(Weights.load(folder), Cues.load(folder / "cues.yaml"), entries)

    def ask(self, text: str | Text) -> Answer:
        message = read(text) if isinstance(text, str) else text
        pasted = looks_pasted(message, self._cues)
        if not message.folded:
            return Answer(OUT, 1.0, "none", (), (), pasted)
        called = self._shelf.called(message)
        scores = self._shelf.scores(message.folded)
        backed = _backed(self._chances(message), self._shelf.best_of_topics(scores))
        chances = _settled(backed, {self._entries[at].topic for at in called})
        order = sorted(TOPICS, key=lambda topic: -chances[topic])
        wants_person = not called and bool(self._cues.person.found_in(message.folded))
        topic, p, band = _judged(order[0], chances, wants_person)
        hits = self._shelf.best(scores, chances, called) if band != "none" else ()
        return Answer(topic, p, band, tuple(order[:_MOST_HITS]), hits, pasted)

    def _chances(self, message: Text) -> dict[str, float]:
        logits = self._weights.logits(message)
        cues = min(len(self._cues.scam.found_in(message.folded)), _CUES_COUNTED)
        logits[self._weights.classes.index(SCAM_TOPIC)] += _CUE_BOOST * cues
        most = max(logits)
        powers = [math.exp(logit - most) for logit in logits]
        total = sum(powers)
        return {topic: power / total for topic, power in zip(self._weights.classes, powers, strict=True)}


def _backed(chances: dict[str, float], best: dict[str, float]) -> dict[str, float]:
    """What is found on the shelf speaks for its topic. How likely chatter is stays as it was, since chatter finds
    something too; a topic without entries is treated like the one found best."""
    most = max(best.values(), default=0.0)
    worth = {topic: chances[topic] * math.exp(_BACKING * (best.get(topic, most) - most)) for topic in TOPICS}
    share = (1 - chances[OUT]) / sum(worth.values())
    return {OUT: chances[OUT], **{topic: one * share for topic, one in worth.items()}}


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


@dataclass(frozen=True, slots=True)
class _Counted:
    """An entry's words, by number, and how often each stands there."""

    words: "array[int]"
    counts: "array[float]"


class _Shelf:
    """BM25 over the words of flows and articles, title and other wordings counting more than the body.

    Flat, since there are 70,000 pairs of word and entry: those of word n stand in `_at` and `_worth` from `_starts`[n]
    on, the entry by its place in the list and what the word adds to its score.
    """

    def __init__(self, entries: tuple[Entry, ...], stop: frozenset[str]) -> None:
        self._entries = entries
        self._stop = stop
        self._by_name: dict[str, tuple[int, ...]] = {}
        self._by_topic: dict[str, list[int]] = defaultdict(list)
        numbers: dict[str, int] = {}
        counted: list[_Counted] = []
        for at, entry in enumerate(entries):
            self._by_topic[entry.topic].append(at)
            ways = [read(text) for text in (entry.title, *entry.asked_as)]
            for name in dict.fromkeys(_name(way) for way in ways):
                self._by_name[name] = (*self._by_name.get(name, ()), at)
            counts = _counts(ways, read(entry.body))
            words = array("I", (numbers.setdefault(word, len(numbers)) for word in counts))
            counted.append(_Counted(words, array("f", counts.values())))
        self._words = Vocabulary("".join(f"{word}\n" for word in numbers))
        held = Counter(word for one in counted for word in one.words)
        self._starts = array("I", accumulate((held[word] for word in range(len(numbers))), initial=0))
        self._at, self._worth = self._weighed(counted)

    def called(self, message: Text) -> frozenset[int]:
        """The entries, by their place in the list, that are titled or asked for in exactly these words."""
        return frozenset(self._by_name.get(_name(message), ()))

    def scores(self, folded: str) -> list[float]:
        """One an entry; 0 for those that share no telling word."""
        telling, others = [0.0] * len(self._entries), [0.0] * len(self._entries)
        for word in dict.fromkeys(_words(folded)):
            if (number := self._words.number(word)) is not None:
                held = slice(self._starts[number], self._starts[number + 1])
                scores = others if " " in word or word in self._stop else telling
                for at, worth in zip(self._at[held], self._worth[held], strict=True):
                    scores[at] += worth
        return [told + more if told else 0.0 for told, more in zip(telling, others, strict=True)]

    def best_of_topics(self, scores: list[float]) -> dict[str, float]:
        """The best score in each topic that has entries."""
        return {topic: max(map(scores.__getitem__, places)) for topic, places in self._by_topic.items()}

    def best(self, scores: list[float], chances: dict[str, float], called: frozenset[int]) -> tuple[Hit, ...]:
        """Up to three: the called ones, then the best score times its topic's chance and doubt; ties in list order."""
        weight = {topic: chance + _DOUBT for topic, chance in chances.items()}
        worth = [score * weight[entry.topic] for score, entry in zip(scores, self._entries, strict=True)]
        found = nlargest(_MOST_HITS + len(called), range(len(worth)), key=worth.__getitem__)
        first = sorted(called, key=lambda at: (-worth[at], at))
        others = [at for at in found if worth[at] > 0 and at not in called]
        chosen = [self._entries[at] for at in (*first, *others)[:_MOST_HITS]]
        return tuple(Hit(entry.kind, entry.id, entry.title) for entry in chosen)

    def _weighed(self, counted: list["_Counted"]) -> tuple["array[int]", "array[float]"]:
        """All words' entries, by their place in the list, and what the word adds to their scores."""
        usual = sum(sum(one.counts) for one in counted) / max(len(counted), 1)
        rarities = array("f", (self._rarity(word, number) for number, word in enumerate(self._words)))
        places, worths = array("I", bytes(4 * self._starts[-1])), array("f", bytes(4 * self._starts[-1]))
        free = self._starts[:]
        for at, one in enumerate(counted):
            for number, count in zip(one.words, _saturated(one.counts, usual), strict=True):
                places[free[number]] = at
                worths[free[number]] = count * rarities[number]
                free[number] += 1
        return places, worths

    def _rarity(self, word: str, number: int) -> float:
        held = self._starts[number + 1] - self._starts[number]
        return self._share(word) * math.log(1 + (len(self._entries) - held + 0.5) / (held + 0.5))

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


def _saturated(counts: Sequence[float], usual: float) -> list[float]:
    length = sum(counts) / usual if usual else 1.0
    damping = _SATURATION * (1 - _LENGTH_SHARE + _LENGTH_SHARE * length)
    return [count * (_SATURATION + 1) / (count + damping) for count in counts]
