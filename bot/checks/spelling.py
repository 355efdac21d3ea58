"""Whether Vietnamese is spelled right, and spelled in one way: composed letters, marks where today's school puts them.

What is no Vietnamese at all is plain.py's question.
"""

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache

from bot.checks.passages import SHOWN, Passage
from bot.flow import Problem
from knowledge.glossary import Glossary
from knowledge.syllables import is_syllable, place_tone, split_tone

WORD = re.compile(r"[^\W\d_]+")
_TONES = "\u0300\u0301\u0303\u0309\u0323"
_STOPS = ("c", "ch", "p", "t")
#: hoà, khoẻ, huỷ: the mark stands on the last of the two; the elder way (hòa) puts it on the first
_OPEN_PAIR = re.compile(r"(?!qu)[^aăâeêioôơuưy]*(?:oa|oe|uy)")
_WRONG_ONSET = re.compile(r"(?:c|g|ng)[eê]|(?:c|ng)[iy]|(?:k|gh|ngh)[aăâoôơuư]")


def spelling(passages: tuple[Passage, ...], glossary: Glossary) -> Iterator[Problem]:
    for passage in passages:
        if not unicodedata.is_normalized("NFC", passage.text):
            yield passage.problem("chữ có dấu bị tách rời (không phải Unicode dựng sẵn): chạy gocua check --fix")
        elif passage.role in SHOWN:
            for found in WORD.finditer(passage.text):
                message = _wrong(found.group())
                if message and not glossary.has(found.group()):
                    yield passage.problem(message, found.start())


@lru_cache(maxsize=20_000)
def _wrong(word: str) -> str:
    if word.isascii() or not _is_plain(word):
        return ""
    if not is_possible(word.lower()):
        return f"“{word}” không phải tiếng Việt: sửa dấu hay chữ cái, hoặc thêm vào knowledge/glossary.yaml"
    right = spelled(word)
    return f"“{word}” ở đây viết là “{right}”: chạy gocua check --fix" if right != word else ""


def _is_plain(word: str) -> bool:
    """Not an abbreviation (QĐ, NĐ) and no name in one word (ĐồngTháp)."""
    return not word.isupper() and word[1:].islower()


def is_possible(word: str) -> bool:
    """Of a word in lower case that has marks: also its tone and its first letters fit, as in "được" and "nghỉ"."""
    toneless, tone = split_tone(word)
    if toneless.endswith(_STOPS) and tone not in ("s", "j"):
        return False
    if sum(mark in _TONES for mark in unicodedata.normalize("NFD", word)) > 1:
        return False
    return is_syllable(word) and not _WRONG_ONSET.match(toneless)


def spelled(word: str) -> str:
    """The same word with its mark where it belongs ("Hòa" -> "Hoà"); anything that is no syllable as it came."""
    lower = word.lower()
    toneless, tone = split_tone(lower)
    if not tone or not is_possible(lower):
        return word
    if _OPEN_PAIR.fullmatch(toneless):
        right = toneless[:-1] + place_tone(toneless[-1], tone)
    else:
        right = place_tone(toneless, tone)
    return right.upper() if word.isupper() else right.capitalize() if word[0].isupper() else right
