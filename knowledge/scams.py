"""Tells what speaks for a scam in a pasted message, link, phone number or shop name, and what to do now.

Never says "safe", never opens a link. `knowledge/scams/patterns.yaml` holds every sign, its score and its sentence.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import yaml

from knowledge.disguise import disguise, readable
from knowledge.links import Link, Links, claimed
from knowledge.secrets import MASKS, redact
from knowledge.text import fold
from knowledge.wording import Wording

Verdict = Literal["scam", "suspicious", "official", "unknown"]

_LOADER = getattr(yaml, "CBaseLoader", yaml.BaseLoader)  # libyaml where it was built in
_SCAM, _SUSPICIOUS = 4, 2  # scores from which
_WORDS_OF_A_MESSAGE = 8
_TOLD = {"retold", "link", "private", "account_given", "hurry", "aftermath", "new_number"}  # a question with a story
_LEADS_ON = {"stranger", "mobile", "divert", "account_given"}
_LONG = 250  # words
_MARKS = {
    "stranger",
    "foreign",
    "odd",
    "link",
    "chat",
    "mobile",
    "claim_stranger",
    "private",
    "short",
    "divert",
    "fake",
    "official",
    "account_given",
}


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
    needs: frozenset[str]  # marks and intents that must all hold
    marks: frozenset[str]  # marks and intents of which one must hold, if any are named
    lacks: frozenset[str]  # marks and intents of which none may hold
    unless: tuple[re.Pattern[str], ...]
    reason: str

    def holds(self, folded: str, marks: frozenset[str]) -> bool:
        if (self.marks and not self.marks & marks) or not self.needs <= marks or self.lacks & marks:
            return False
        return all(part.search(folded) for part in self.all) and not any(part.search(folded) for part in self.unless)


@dataclass(frozen=True, slots=True)
class ScamCheck:
    links: Links
    intents: dict[str, re.Pattern[str]]  # what a message says it is, threatens, promises, demands
    patterns: tuple[Pattern, ...]
    warning: re.Pattern[str]
    advertising: re.Pattern[str]
    wording: Wording
    advice: dict[str, tuple[str, ...]]  # by verdict
    call_whom: dict[str, tuple[str, ...]]  # by verdict

    @classmethod
    def load(cls, folder: Path) -> "ScamCheck":
        """Reads official_domains.tsv, links.yaml and patterns.yaml of `folder`."""
        data = yaml.load((folder / "patterns.yaml").read_text("utf-8"), Loader=_LOADER)  # noqa: S506  makes text only
        return cls(
            links=Links.load(folder),
            intents=(intents := {name: re.compile("|".join(parts)) for name, parts in data["intents"].items()}),
            patterns=tuple(_pattern(row, _MARKS | set(intents)) for row in data["patterns"]),
            warning=re.compile("|".join(data["warnings"])),
            advertising=re.compile(data["advertising"]),
            wording=Wording.load(folder),
            advice={verdict: tuple(steps) for verdict, steps in data["advice"].items()},
            call_whom={verdict: tuple(whom) for verdict, whom in data["call_whom"].items()},
        )

    def assess(self, text: str) -> Assessment:
        text = _told(text)
        links = self.links.find(text)
        folded = _once(fold(readable(text)))
        marks = self._marks(text, folded, links)
        hits = [pattern for pattern in self.patterns if pattern.holds(folded, marks)]
        signs = sorted(
            [(p.score, p.reason) for p in hits] + [(k.weight, k.reason) for k in links if k.weight], reverse=True
        )
        said = 0.0 if self._warns(folded, marks) else self._said(folded, hits, links, marks)
        score = said + max((link.weight for link in links), default=0) + disguise(text)
        verdict: Verdict = "scam" if score >= _SCAM else "suspicious" if score >= _SUSPICIOUS else "unknown"
        if verdict == "unknown" and links and all(link.standing == "official" for link in links) and not hits:
            verdict = "official"
        return self._say(verdict, tuple(dict.fromkeys(reason for _, reason in signs)), links)

    def wording_of(self, text: str) -> tuple[str, frozenset[str]]:
        """What the weights of the wording are learned from: the folded text and its marks."""
        text = _told(text)
        folded = _once(fold(readable(text)))
        return folded, self._marks(text, folded, self.links.find(text))

    def _warns(self, folded: str, marks: frozenset[str]) -> bool:
        """A warning about scams says so twice and leads nowhere."""
        return len(set(self.warning.findall(folded))) > 1 and not marks & _LEADS_ON

    def _said(self, folded: str, hits: list[Pattern], links: tuple[Link, ...], marks: frozenset[str]) -> float:
        said = sum(pattern.score for pattern in hits)
        if self.warning.search(folded) or ("asks" in marks and not marks & _TOLD):
            said -= 3
        if self.advertising.search(folded) or (links and all(link.standing in ("official", "known") for link in links)):
            said -= 2
        return max(max(said, 0) + self._worded(folded, marks), 0)

    def _worded(self, folded: str, marks: frozenset[str]) -> float:
        """What the wording adds (up to 5, to a whole message only) or takes (up to 4, when it is sure).

        A message that names a hotline or a counter is never a scam by its wording alone.
        """
        logit = self.wording.score(folded, marks) + 0.4
        if logit > 0:
            most = 1.5 if "hotline" in marks else 5
            return min(3.7 * logit, most) if len(folded.split()) >= _WORDS_OF_A_MESSAGE else 0
        return max(2 * min(logit + 1.5, 0), -4)

    def _marks(self, text: str, folded: str, links: tuple[Link, ...]) -> frozenset[str]:
        strangers = [link for link in links if link.standing in ("unknown", "odd", "fake")]
        said = {name for name, intent in self.intents.items() if intent.search(folded)}
        chat, mobile = any(link.standing == "chat" for link in links), bool(_MOBILE.search(text))
        marks = {
            "link": bool(links),
            "stranger": bool(strangers),
            "foreign": any(not link.host.endswith(".vn") for link in strangers),
            "odd": any(link.weight for link in strangers),
            "short": bool(strangers) and len(folded.split()) < 22,
            "chat": chat,
            "mobile": mobile,
            "private": chat or mobile or "contact" in said,
            "divert": bool(_DIVERT.search(text)),
            "claim_stranger": self._claims(text, strangers),
            "fake": any(link.standing == "fake" for link in links),
            "account_given": MASKS["account_number"] in text,
            "official": bool(links) and not strangers and not chat,
        }
        return frozenset(said | {mark for mark, holds in marks.items() if holds})

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
            reasons = ("Lời lẽ tin này giống nhiều tin lừa đảo đã gặp.",)
        return Assessment(verdict, reasons[:5], self.advice[verdict], self.call_whom.get(verdict, ()))


_ENDLESS = re.compile(r"(\d{20})\d+|([^\W\d_]{63})[^\W\d_]+")  # nobody's number or word, only slow to match


def _told(text: str) -> str:
    """What is judged: masked, since what was masked before it came here must come out the same."""
    return _ENDLESS.sub(r"\1\2", redact(text).text)


def _once(folded: str) -> str:
    """Of a long text every turn of three words once, numbers alike: who repeats himself says no more."""
    words = folded.split()
    if len(words) < _LONG:
        return folded
    alike = _NUMBER.sub("0", folded).split()
    turns, kept = set[tuple[str, ...]](), list[str]()
    for at, word in enumerate(words):
        turn = tuple(alike[max(0, at - 2) : at + 1])
        if turn not in turns:
            turns.add(turn)
            kept.append(word)
    return " ".join(kept)


_NUMBER = re.compile(r"\d+")
_MOBILE = re.compile(r"(?<!\d)(?:0|\+?84)[ .\-]?[35789](?:[ .\-]?\d){8}(?!\d)")
_DIVERT = re.compile(r"\*(?:21|61|62|67)\*")  # sends a phone's calls, and the codes spoken in them, elsewhere


def _pattern(row: dict[str, Any], known: set[str]) -> Pattern:
    name = row.get("id", "?")
    if unknown := set(row) - {"id", "score", "all", "needs", "with", "lacks", "unless", "reason"}:
        raise ScamDataError(f"patterns.yaml, {name}: unknown field {', '.join(sorted(unknown))}")
    for field in ("needs", "with", "lacks"):
        if unknown := set(row.get(field, ())) - known:
            raise ScamDataError(f"patterns.yaml, {name}: {field}: unknown {', '.join(sorted(unknown))}")
    try:
        return Pattern(
            id=row["id"],
            score=int(row["score"]),
            all=tuple(re.compile(part) for part in row.get("all", ())),
            needs=frozenset(row.get("needs", ())),
            lacks=frozenset(row.get("lacks", ())),
            marks=frozenset(row.get("with", ())),
            unless=tuple(re.compile(part) for part in row.get("unless", ())),
            reason=row["reason"],
        )
    except (KeyError, re.error, ValueError) as wrong:
        raise ScamDataError(f"patterns.yaml, {name}: {wrong}") from wrong
