"""Whether somebody of seventy can read it on a small screen: short texts, short sentences, no unexplained words."""

import re
from collections.abc import Iterator

from bot.checks.passages import SHOWN, Passage
from bot.checks.spelling import is_possible
from bot.flow import Problem
from knowledge.glossary import Glossary
from knowledge.syllables import is_syllable

#: characters that a text may have, by its verb; an article's answer is measured by its own parser
_MOST_LETTERS = {"end": 400, "stuck": 500, "body": 10_000}
_MOST_STEP_LETTERS = 350
MOST_WORDS = 25
_ASIDE = re.compile(r"\([^()]*\)")
_SENTENCE = re.compile(r"(?:(?<=[.!?…:;])\s|\n| - )+")
_QUOTED = re.compile(r"“[^”]*”|\"[^\"]*\"")
_ADDRESS = re.compile(r"[\w\[\]@/:.\-]*(?:\.|\[\.\])[a-z][\w\[\]./\-]*")
_LAW_NUMBER = re.compile(r"\d+/(?:\d{4}/)?[A-ZĐ]{2}[\w\-]*")
_PLACEHOLDER = re.compile(r"\{\w+\}")
_COMMAND = re.compile(r"(?<!\w)/[a-z]+\b")
_TOKEN = re.compile(r"[^\W_]+")
_ROMAN = re.compile(r"[IVX]+")


def reading(passages: tuple[Passage, ...]) -> Iterator[Problem]:
    """How long texts and sentences are. What stands between brackets is no part of a sentence: mostly its source."""
    for passage in passages:
        if passage.role not in ("said", "simpler"):
            continue
        most = _MOST_LETTERS.get(passage.verb, _MOST_STEP_LETTERS)
        if len(passage.text) > most:
            yield passage.problem(f"dài {len(passage.text)} chữ cái, tối đa {most}: bớt lời, hoặc tách thành hai bước")
        at = 0
        plain = _masked(passage.text, _ASIDE)
        for gap in (*_SENTENCE.finditer(plain), None):
            sentence = plain[at : gap.start() if gap else len(plain)]
            if (words := len(sentence.split())) > MOST_WORDS:
                start = f"{' '.join(sentence.split()[:6])}…"
                message = f"câu “{start}” dài {words} tiếng, nên dưới {MOST_WORDS}: ngắt làm hai câu"
                yield passage.problem(message, at, "warning")
            at = gap.end() if gap else at


def jargon(passages: tuple[Passage, ...], glossary: Glossary) -> Iterator[Problem]:
    """Foreign words that the glossary does not know, each once a text. Words between “ ” are read off a screen."""
    for passage in passages:
        if passage.role not in SHOWN:
            continue
        # what an address is made of may be spoken of beside it
        told = {word.lower() for found in _ADDRESS.findall(passage.text) for word in _TOKEN.findall(found)}
        for found in _TOKEN.finditer(_masked(passage.text, _QUOTED, _ADDRESS, _LAW_NUMBER, _PLACEHOLDER, _COMMAND)):
            word = found.group()
            if word.lower() not in told and _is_foreign(word) and not glossary.has(word):
                told.add(word.lower())
                message = (
                    f"“{word}” bà con có thể không hiểu: đổi ra tiếng Việt; tên nút thì để trong “ ”; "
                    "cần dùng thì thêm nghĩa vào knowledge/glossary.yaml"
                )
                yield passage.problem(message, found.start())


def _is_foreign(word: str) -> bool:
    if len(word) == 1 or not word.isascii() or not word.isalpha() or _ROMAN.fullmatch(word):
        return False
    return not is_syllable(word.lower()) or not is_possible(word.lower())


def _masked(text: str, *patterns: re.Pattern[str]) -> str:
    """Spaces for every letter that matches: what is left keeps its place."""
    for pattern in patterns:
        text = pattern.sub(lambda found: " " * len(found.group()), text)
    return text
