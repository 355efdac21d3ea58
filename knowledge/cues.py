"""The word lists behind the few rules that outrank the topic weights. Pure after Cues.load; decides no topic itself."""

import re
from dataclasses import dataclass
from pathlib import Path

import yaml

from knowledge.text import URL_TOKEN, Text

_LISTS = ("scam", "person", "asking", "letter")
_SENDER_TAG = re.compile(r"^\W{0,3}[\[({<](?:TB|QC|QC\w*|TPB\w*|[A-ZĐ][\w. -]{1,20})[\])}>]", re.IGNORECASE)
_CAPITAL_BRAND = re.compile(r"\b[A-Z][A-Z0-9]{3,}\b")
_LONG_WORDS = 20


class CuesError(Exception):
    """cues.yaml cannot be used; the message names the file and what to mend."""


@dataclass(frozen=True, slots=True)
class CueList:
    """Cues of one to several whole words, by their first word."""

    by_first: dict[str, tuple[tuple[str, ...], ...]]

    def found_in(self, folded: str) -> frozenset[str]:
        words = tuple(folded.split())
        return frozenset(
            " ".join(cue)
            for at, word in enumerate(words)
            for cue in self.by_first.get(word, ())
            if words[at : at + len(cue)] == cue
        )


@dataclass(frozen=True, slots=True)
class Cues:
    scam: CueList
    person: CueList
    asking: CueList
    letter: CueList
    stop: frozenset[str]

    @classmethod
    def load(cls, path: Path) -> "Cues":
        try:
            content = yaml.safe_load(path.read_text(encoding="utf-8"))
        except (OSError, yaml.YAMLError) as error:
            raise CuesError(f"{path}: cannot be read ({error})") from error
        expected = {*_LISTS, "stop"}
        if not isinstance(content, dict) or set(content) != expected:
            raise CuesError(f"{path}: needs exactly the keys {', '.join(sorted(expected))}")
        if not isinstance(content["stop"], str):
            raise CuesError(f"{path}: stop must be one line of words")
        lists = {name: _cue_list(path, name, content[name]) for name in _LISTS}
        return cls(**lists, stop=frozenset(content["stop"].split()))


def _cue_list(path: Path, name: str, cues: object) -> CueList:
    if not isinstance(cues, list) or not all(isinstance(cue, str) and cue.split() for cue in cues):
        raise CuesError(f"{path}: {name} must be a list of words; put quotes around a number or yes/no")
    by_first: dict[str, list[tuple[str, ...]]] = {}
    for cue in cues:
        words = tuple(cue.split())
        by_first.setdefault(words[0], []).append(words)
    return CueList({first: tuple(same) for first, same in by_first.items()})


def looks_pasted(text: Text, cues: Cues) -> bool:
    """True for what reads like somebody else's message: it holds a link, or it opens with a sender's tag, or it is
    long and addresses its reader without asking or telling anything of the writer's own."""
    if URL_TOKEN in text.tokens or _SENDER_TAG.match(text.raw):
        return True
    words = len(text.tokens)
    letter = len(cues.letter.found_in(text.folded))
    asking = len(cues.asking.found_in(text.folded))
    if letter >= 2 and asking <= letter and (words >= _LONG_WORDS or _CAPITAL_BRAND.search(text.raw)):
        return True
    return words >= _LONG_WORDS and asking == 0
