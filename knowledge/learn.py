"""Learns the topic weights from knowledge/topics, those of the judge of numbers from knowledge/spans. Build time only:
the one user of scikit-learn and numpy.

The same data give the same file, byte for byte, on the same machine. Never run by the service.
"""

import hashlib
from array import array
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

import numpy as np
from numpy.typing import NDArray

from knowledge import examples, judge
from knowledge.search import OUT, TOPICS, Entry
from knowledge.text import Text, read, strip_marks
from knowledge.variants import misspelt, stories
from knowledge.vocabulary import Vocabulary
from knowledge.weights import FILE, Weights, WeightsError, features, weighed

Alias = tuple[str, str]  # topic, one way to ask for it

_STRENGTH = 8.0  # inverse of the regularisation
_OUT_WEIGHT = 3.0  # of a topic's; chatter is wider than any topic
_ALIAS_WEIGHT = 0.2  # of an utterance's: an entry has a dozen wordings, which lean on its title
_MISSPELT_WEIGHT, _STORY_WEIGHT = 0.3, 0.4  # of the utterance they are made from
_SEEN_AT_LEAST = 3  # rarer features only fit the writer's hand
_SPANS_STRENGTH = 1.0
_SPANS_SEEN_AT_LEAST = 2
_TOO_SMALL = 0.03  # a weight that would only make the file longer
_LEXICON_FILES = ("teencode.tsv", "phrases.tsv", "foreign.tsv")


class UtteranceError(Exception):
    """A line of the training data cannot be used; the message names file and line and says what to do."""


@dataclass(frozen=True, slots=True)
class Utterance:
    topic: str
    text: str
    path: Path
    line: int


def load(folder: Path) -> tuple[Utterance, ...]:
    """Every line of every <topic>.txt that is not empty and no "#" comment, in file order."""
    utterances: list[Utterance] = []
    first: dict[str, Utterance] = {}
    for path in sorted(folder.glob("*.txt")):
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            if not line.strip() or line.startswith("#"):
                continue
            one = Utterance(path.stem, line.strip(), path, number)
            known = first.setdefault(one.text, one)
            if known.topic != one.topic:
                raise UtteranceError(
                    f"{path}:{number}: the same words stand for {known.topic} in {known.path.name}:{known.line}; "
                    "keep them under one topic only"
                )
            utterances.append(one)
    if not utterances:
        raise UtteranceError(f"{folder}: no utterances; write <topic>.txt files with one message a line")
    return tuple(utterances)


def learn(folder: Path, entries: Iterable[Entry] = ()) -> None:
    """Writes folder/weights.zip from the utterances and from how the entries are called and asked for."""
    utterances = [(one.topic, one.text) for one in load(folder)]
    aliases = _aliases(entries)
    weights = fit(utterances, aliases, _fingerprint(folder, aliases))
    members: dict[str, str | bytes] = {
        "classes.txt": _text(weights.classes),
        "vocabulary.txt": _text(weights.vocabulary),
        "rarity.f16": np.array(weights.rarity, dtype="<f2").tobytes(),
        "table.f16": weights.table,
        "bias.f32": np.array(weights.bias, dtype="<f4").tobytes(),
        "fingerprint.txt": weights.fingerprint,
    }
    with ZipFile(folder / FILE, "w") as file:
        for name, content in members.items():
            file.writestr(ZipInfo(name), content, ZIP_DEFLATED)  # a ZipInfo of one's own has no time of writing


def stale(folder: Path, entries: Iterable[Entry] = ()) -> str | None:
    """Why the weights do not belong to today's data and what to do, or None."""
    try:
        stored = Weights.load(folder).fingerprint
    except WeightsError as error:
        return str(error)
    if stored != _fingerprint(folder, _aliases(entries)):
        return f"{folder / FILE}: older than the words it was learned from; run: gocua learn"
    return None


def _aliases(entries: Iterable[Entry]) -> list[Alias]:
    return sorted({(one.topic, text) for one in entries if one.topic in TOPICS for text in (one.title, *one.asked_as)})


def _fingerprint(folder: Path, aliases: Sequence[Alias]) -> str:
    """sha256 over everything the weights are made from."""
    digest = hashlib.sha256()
    for path in (*sorted(folder.glob("*.txt")), *(folder.parent / name for name in _LEXICON_FILES)):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    for topic, text in aliases:
        digest.update(f"{topic}\t{text}\n".encode())
    return digest.hexdigest()


def fit(utterances: Sequence[Alias], aliases: Sequence[Alias], mark: str) -> Weights:
    from sklearn.linear_model import LogisticRegression

    worth = _worth(utterances, aliases)
    texts = [read(text) for _, text in worth]
    vocabulary, rarity = _vocabulary(texts)
    classes = tuple(sorted({topic for topic, _ in worth}))
    model = LogisticRegression(C=_STRENGTH, max_iter=400, tol=1e-3)
    model.fit(
        _matrix(texts, vocabulary, rarity),
        np.array([classes.index(topic) for topic, _ in worth]),
        sample_weight=_balanced(worth, len(classes)),
    )
    return Weights(
        classes=classes,
        vocabulary=vocabulary,
        rarity=rarity,
        table=model.coef_.T.astype("<f2").tobytes(),
        bias=tuple(model.intercept_.tolist()),
        fingerprint=mark,
    )


def _worth(utterances: Sequence[Alias], aliases: Sequence[Alias]) -> dict[Alias, float]:
    """The weight of each row: as it stands, without its marks, since half the residents type none, and misspelt; then
    utterances in pairs, as they are told by voice."""
    worth: dict[Alias, float] = {}
    for rows, weight in ((utterances, 1.0), (aliases, _ALIAS_WEIGHT)):
        for topic, text in rows:
            worth.setdefault((topic, text), weight)
            worth.setdefault((topic, strip_marks(text)), weight)
            worth.setdefault((topic, misspelt(text)), weight * _MISSPELT_WEIGHT)
    by_topic: dict[str, list[str]] = defaultdict(list)
    for topic, text in utterances:
        by_topic[topic].append(text)
    for topic, texts in by_topic.items():
        for story in stories(texts):
            worth.setdefault((topic, story), _STORY_WEIGHT)
    return worth


def _balanced(worth: Mapping[Alias, float], classes: int) -> NDArray[np.float64]:
    """Row weights by which every topic counts the same, whatever its rows, and chatter _OUT_WEIGHT times that."""
    total: dict[str, float] = defaultdict(float)
    for (topic, _), weight in worth.items():
        total[topic] += weight
    share = sum(total.values()) / classes
    return np.array(
        [weight * share / total[topic] * (_OUT_WEIGHT if topic == OUT else 1) for (topic, _), weight in worth.items()]
    )


def _vocabulary(texts: Sequence[Text]) -> tuple[Vocabulary, "array[float]"]:
    held_by = Counter(name for text in texts for block in features(text, str) for name in block)
    names = sorted(name for name, rows in held_by.items() if rows >= _SEEN_AT_LEAST)
    rarity = [1 + np.log((1 + len(texts)) / (1 + held_by[name])) for name in names]
    # Rounded as they will be stored, so that training and run time weigh alike.
    return Vocabulary(_text(names)), array("f", np.array(rarity, dtype=np.float16))


def learn_spans(folder: Path) -> None:
    """Writes folder/weights.tsv from folder/lines.jsonl."""
    weights, bias = fit_spans([one for line in examples.load(folder) for one in examples.examples(line)])
    kept = [(name, weight) for name, weight in sorted(weights.items()) if abs(weight) >= _TOO_SMALL]
    rows = [f"# {_lines_fingerprint(folder)}", *(f"{name}\t{weight:.2f}" for name, weight in (("", bias), *kept))]
    (folder / judge.FILE).write_text("\n".join(rows) + "\n", "utf-8")


def stale_spans(folder: Path) -> str | None:
    """Why the judge's weights do not belong to today's lines and what to do, or None."""
    try:
        stored = judge.Judge.load(folder).fingerprint
    except judge.JudgeError as error:
        return str(error)
    if stored != _lines_fingerprint(folder):
        return f"{folder / judge.FILE}: older than the lines it was learned from; run: gocua learn"
    return None


def _lines_fingerprint(folder: Path) -> str:
    return hashlib.sha256((folder / examples.FILE).read_bytes()).hexdigest()


def fit_spans(rows: Sequence[examples.Example]) -> tuple[dict[str, float], float]:
    """A weight a feature that is seen twice and more, and the bias."""
    from scipy.sparse import csr_array
    from sklearn.linear_model import LogisticRegression

    held_by = Counter(name for row in rows for name in row.features)
    names = sorted(name for name, count in held_by.items() if count >= _SPANS_SEEN_AT_LEAST)
    places = {name: at for at, name in enumerate(names)}
    columns = [sorted(places[name] for name in row.features if name in places) for row in rows]
    starts = np.cumsum([0, *map(len, columns)])
    cells = (np.ones(starts[-1]), np.concatenate([np.array(one, dtype=np.intp) for one in columns]), starts)
    model = LogisticRegression(C=_SPANS_STRENGTH, max_iter=400, tol=1e-4)
    model.fit(csr_array(cells, shape=(len(rows), len(names))), np.array([row.secret for row in rows]))
    return dict(zip(names, map(float, model.coef_[0]), strict=True)), float(model.intercept_[0])


def _matrix(texts: Sequence[Text], vocabulary: Vocabulary, rarity: Sequence[float]) -> object:
    from scipy.sparse import csr_array

    starts, columns, values = [0], array("i"), array("f")
    for text in texts:
        for block in features(text, vocabulary.number):
            columns.extend(block)
            values.extend(weighed(block, rarity))
        starts.append(len(columns))
    cells = (np.array(values), np.array(columns), np.array(starts))
    return csr_array(cells, shape=(len(texts), len(vocabulary)))


def _text(names: Iterable[str]) -> str:
    """One name a line."""
    return "".join(f"{name}\n" for name in names)
