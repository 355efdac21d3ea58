"""Tells what speaks for a scam in a pasted message, link, phone number or shop name, and what to do now.

Never says "safe", never opens a link. `knowledge/scams/patterns.yaml` holds every sign, its score and its sentence.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import yaml

from knowledge.links import Link, Links, claimed
from knowledge.secrets import MASKS
from knowledge.text import fold

Verdict = Literal["scam", "suspicious", "official", "unknown"]

_SCAM, _SUSPICIOUS = 4, 2  # scores from which
_MARKS = {"stranger", "link", "chat", "mobile", "claim_stranger", "contact", "call"}


class ScamDataError(ValueError):
    """patterns.yaml says something that cannot be used: the message names the pattern and the field."""


@dataclass(frozen=True, slots=True)
class Assessment:
    verdict: Verdict
    reasons: tuple[str, ...]  # strongest first
    advice: tuple[str, ...]  # steps, in order
    call: tuple[str, ...]  # whom to call or report to


@dataclass(frozen=True, slots=True)
class Pattern:
    id: str
    score: int
    all: tuple[re.Pattern[str], ...]
    marks: frozenset[str]  # at least one must hold, if any are named
    unless: tuple[re.Pattern[str], ...]
    reason: str

    def holds(self, folded: str, marks: frozenset[str]) -> bool:
        if self.marks and not self.marks & marks:
            return False
        return all(part.search(folded) for part in self.all) and not any(part.search(folded) for part in self.unless)


@dataclass(frozen=True, slots=True)
class ScamCheck:
    links: Links
    patterns: tuple[Pattern, ...]
    warning: re.Pattern[str]
    advertising: re.Pattern[str]
    contact: re.Pattern[str]
    call: re.Pattern[str]
    advice: dict[str, tuple[str, ...]]  # by verdict
    call_whom: dict[str, tuple[str, ...]]  # by verdict

    @classmethod
    def load(cls, folder: Path) -> "ScamCheck":
        """Reads official_domains.tsv, links.yaml and patterns.yaml of `folder`."""
        data = yaml.load((folder / "patterns.yaml").read_text("utf-8"), Loader=yaml.BaseLoader)  # noqa: S506  makes text only
        return cls(
            links=Links.load(folder),
            patterns=tuple(_pattern(row) for row in data["patterns"]),
            warning=re.compile("|".join(data["warnings"])),
            advertising=re.compile(data["advertising"]),
            contact=re.compile(data["contact"]),
            call=re.compile(data["call"]),
            advice={verdict: tuple(steps) for verdict, steps in data["advice"].items()},
            call_whom={verdict: tuple(whom) for verdict, whom in data["call_whom"].items()},
        )

    def assess(self, text: str) -> Assessment:
        links = self.links.find(text)
        folded = fold(_readable(text))
        marks = self._marks(text, folded, links)
        hits = [pattern for pattern in self.patterns if pattern.holds(folded, marks)]
        signs = sorted(
            [(p.score, p.reason) for p in hits] + [(k.weight, k.reason) for k in links if k.weight], reverse=True
        )
        said = sum(pattern.score for pattern in hits)
        if self.warning.search(folded):
            said -= 3
        if self.advertising.search(folded) or (links and all(link.standing in ("official", "known") for link in links)):
            said -= 2
        score = max(said, 0) + max((link.weight for link in links), default=0) + _disguised(text)
        verdict: Verdict = "scam" if score >= _SCAM else "suspicious" if score >= _SUSPICIOUS else "unknown"
        if verdict == "unknown" and links and all(link.standing == "official" for link in links) and not hits:
            verdict = "official"
        return self._say(verdict, tuple(dict.fromkeys(reason for _, reason in signs)), links)

    def _marks(self, text: str, folded: str, links: tuple[Link, ...]) -> frozenset[str]:
        strangers = [link for link in links if link.standing in ("unknown", "odd", "fake")]
        return frozenset(
            mark
            for mark, holds in (
                ("link", links),
                ("stranger", strangers),
                ("chat", any(link.standing == "chat" for link in links)),
                ("mobile", _MOBILE.search(text)),
                ("claim_stranger", self._claims(text, strangers)),
                ("contact", self.contact.search(folded)),
                ("call", self.call.search(folded)),
            )
            if holds
        )

    def _claims(self, text: str, strangers: list[Link]) -> bool:
        """Speaks for somebody, with a link not theirs. Shops and carriers own many plain-looking domains."""
        owner = claimed(text, self.links.names) if strangers else None
        if owner is None:
            return False
        return owner.kind in ("bank", "wallet", "state", "power") or any(link.weight for link in strangers)

    def _say(self, verdict: Verdict, reasons: tuple[str, ...], links: tuple[Link, ...]) -> Assessment:
        if verdict == "official":
            reasons = tuple(f"{link.host} là trang chính thức." for link in links)
        elif verdict == "unknown":
            reasons = reasons or ("Con chưa thấy dấu hiệu lừa đảo đã biết trong tin này.",)
        elif not reasons:
            reasons = ("Tin viết số xen chữ để né bộ lọc tin rác.",)
        return Assessment(verdict, reasons[:5], self.advice[verdict], self.call_whom.get(verdict, ()))


_MOBILE = re.compile(r"(?<!\d)(?:0|\+?84)[ .\-]?[35789](?:[ .\-]?\d){8}(?!\d)")
_LETTERS_APART = re.compile(r"(?<![^\W_])(?:[^\W\d_][ .\-_*~]){2,}[^\W\d_](?![^\W_])")
_MASKED = re.compile("|".join(re.escape(mask) for mask in MASKS.values()))
_DIGIT_INSIDE = re.compile(
    r"(?<![\w])(?=[^\W_]*[^\W\d_])[^\W\d_]*[01][^\W\d_]+(?![\w.])|(?<![\w])[^\W\d_]{1,3}0(?![\w.])"
)
_AS_LETTER = str.maketrans("01", "oi")
_SYLLABLE = re.compile(
    r"(?:ngh|ch|gh|gi|kh|ng|nh|ph|qu|th|tr|[bcdghklmnprstvx])?"
    r"(?:uye|uyu|oai|oay|uay|uoi|uou|ieu|yeu|oeo|ia|ie|iu|oa|oe|oi|oo|ua|ue|ui|uo|uu|uy|ye|ai|ao|au|ay|eo|eu|[aeiouy])"
    r"(?:ch|ng|nh|[cmnpt])?"
)


def _readable(text: str) -> str:
    """Digits written for letters ("C0NG TY") and letters set apart ("V A Y") put back; masks are numbers."""
    text = _MASKED.sub("000000", text)
    joined = _LETTERS_APART.sub(lambda run: re.sub(r"[ .\-_*~]", "", run[0]) + " ", text)
    return _DIGIT_INSIDE.sub(lambda word: _undisguised(word[0]) or word[0], joined)


def _undisguised(word: str) -> str | None:
    letters = word.translate(_AS_LETTER)
    return letters if _SYLLABLE.fullmatch(fold(letters)) else None


def _disguised(text: str) -> int:
    """3 when words are written to slip past a filter, else 0."""
    words = [word for word in _DIGIT_INSIDE.findall(text) if _undisguised(word)]
    apart = sum(len(run) for run in _LETTERS_APART.findall(text))
    return 3 if len(words) > 1 or apart > 9 else 2 * len(words)


def _pattern(row: dict[str, Any]) -> Pattern:
    name = row.get("id", "?")
    if unknown := set(row) - {"id", "score", "all", "with", "unless", "reason"}:
        raise ScamDataError(f"patterns.yaml, {name}: unknown field {', '.join(sorted(unknown))}")
    if unknown := set(row.get("with", ())) - _MARKS:
        raise ScamDataError(f"patterns.yaml, {name}: with: unknown {', '.join(sorted(unknown))}")
    try:
        return Pattern(
            id=row["id"],
            score=int(row["score"]),
            all=tuple(re.compile(part) for part in row["all"]),
            marks=frozenset(row.get("with", ())),
            unless=tuple(re.compile(part) for part in row.get("unless", ())),
            reason=row["reason"],
        )
    except (KeyError, re.error, ValueError) as wrong:
        raise ScamDataError(f"patterns.yaml, {name}: {wrong}") from wrong
