"""What a resident's words mean on the screen they look at: commands, choices, stuck signs, dates, phone numbers.

Never picks on a weak match: a wrong option costs an old person more than one more question.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import yaml
from rapidfuzz import fuzz

from bot.flow import Stuck
from bot.model import Choice
from knowledge.text import fold

#: a label counts as typed when it is this alike (0-100), and this much more alike than any other label
_ALIKE, _MARGIN = 86, 8
#: a complaint is a sign of the step from here on
_SIGN_ALIKE = 80
_NUMBER_WORDS = {"mot": 1, "nhat": 1, "hai": 2, "nhi": 2, "ba": 3, "bon": 4, "tu": 4, "nam": 5, "sau": 6, "bay": 7,
                 "tam": 8, "chin": 9, "muoi": 10}  # fmt: skip
_ORDINAL = re.compile(r"(?:(?:toi |tui )?(?:chon|bam|lay) )?(?:so|cai thu|thu|cai so|cau|y|nut|lua chon|cai)? ?(\w+)")
_POLITE = re.compile(
    r"^(?:da |a |vang |thi |toi |tui )+|"
    r"(?: (?:a|nha|nhe|nghen|nghe|hen|con|con oi|em|em oi|chau|ban|ban oi|bot|bot oi|do|luon|roi do|cam on))+$"
)
_SLASH = {"/start": "start", "/menu": "menu", "/nguoi": "person", "/quaylai": "back", "/dung": "stop"}
_YES_LIKE = re.compile(r"^(?:co|roi|da|dung|phai|duoc|dong y)\b")
_NO_LIKE = re.compile(r"^(?:chua|khong|hong|sai)\b")


@dataclass(frozen=True, slots=True)
class Answers:
    """The words for commands and choices: commands.yaml and answers.yaml, folded."""

    commands: Mapping[str, str]
    #: commands that count only with their marks, such as "dừng"
    marked: Mapping[str, str]
    choices: Mapping[str, frozenset[str]]

    @classmethod
    def load(cls, folder: Path) -> "Answers":
        commands: dict[str, str] = {}
        marked: dict[str, str] = {}
        for name, phrases in _lists(folder / "commands.yaml").items():
            for phrase in phrases:
                if phrase.startswith("="):
                    marked[_marked(phrase[1:])] = name
                else:
                    commands[fold(phrase)] = name
        choices = {name: frozenset(map(fold, words)) for name, words in _lists(folder / "answers.yaml").items()}
        return cls(commands=commands, marked=marked, choices=choices)

    def command(self, text: str) -> str | None:
        """The command that the whole message is, else None. A slash command is what a channel's own menu sends."""
        if text.startswith("/"):
            return _SLASH.get(text.split()[0].partition("@")[0].lower())
        if name := self.marked.get(_marked(text)) or self.marked.get(_bare(text)):
            return name
        folded = fold(text)
        return self.commands.get(folded) or self.commands.get(_plain(folded))

    def pick(self, text: str, choices: Sequence[Choice], also: Sequence[Iterable[str]] = ()) -> Choice | None:
        """The choice that a typed message means, None when that is not sure.

        In order: a number, a label, the ways of saying it (answers.yaml, and `also` beside each choice), yes and no
        where exactly one choice is a yes and one a no, a label with typos.
        """
        folded = fold(text)
        if not folded or not choices:
            return None
        plain = _plain(folded)
        if (number := _number(folded, plain)) is not None:
            return choices[number - 1] if 1 <= number <= len(choices) else None
        said = {folded, plain} - {""}
        labels = [fold(choice.label) for choice in choices]
        ways = [self._ways(choice) | {fold(way) for way in (also[i] if i < len(also) else ())}
                for i, choice in enumerate(choices)]  # fmt: skip
        named = [choice for choice, label in zip(choices, labels, strict=True) if label in said]
        meant = [choice for choice, way in zip(choices, ways, strict=True) if said & way]
        for found in (named, meant):
            if len(found) == 1:
                return found[0]
        return self._polar(said, choices, labels) or _alike(plain or folded, choices, labels, ways)

    def _ways(self, choice: Choice) -> frozenset[str]:
        return self.choices.get(choice.id) or frozenset()

    def _polar(self, said: set[str], choices: Sequence[Choice], labels: Sequence[str]) -> Choice | None:
        """Yes and no to a question whose labels are such as "Có rồi" and "Chưa có"."""
        for words, shape in ((self.choices["yes"], _YES_LIKE), (self.choices["no"], _NO_LIKE)):
            if said & words:
                found = [choice for choice, label in zip(choices, labels, strict=True) if shape.match(label)]
                return found[0] if len(found) == 1 else None
        return None


def _lists(path: Path) -> dict[str, list[str]]:
    out: dict[str, list[str]] = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.BaseLoader)  # noqa: S506 text only
    return out


def _marked(text: str) -> str:
    return unicodedata.normalize("NFC", text).strip(" .!?").lower()


def _bare(text: str) -> str:
    """With the marks it was typed with, without the polite words around it; "" where its words do not line up."""
    words, folded = _marked(text).split(), fold(text).split()
    plain = _plain(" ".join(folded)).split()
    if len(words) != len(folded):
        return ""
    found = (at for at in range(len(folded)) if folded[at : at + len(plain)] == plain)
    return " ".join(words[(at := next(found, 0)) : at + len(plain)])


def is_of_writing(text: str) -> bool:
    """Whether it speaks of writing ("nhắn tin") in words that fold to those of wanting news ("nhận tin")."""
    return "nhắn" in _marked(text).split()


def _plain(folded: str) -> str:
    """Without the polite words around it: "da xong roi nha con" -> "xong roi"."""
    return _POLITE.sub("", _POLITE.sub("", folded)).strip()


def _number(folded: str, plain: str) -> int | None:
    """The number that the whole message is ("2", "so hai", "cai thu 2"), else None. A bare number word is none."""
    for said in (folded, plain):
        if said.isdecimal() and len(said) <= 2:
            return int(said)
        if (match := _ORDINAL.fullmatch(said)) and match[1] != said:
            word = match[1]
            if word.isdecimal() and len(word) <= 2:
                return int(word)
            if word in _NUMBER_WORDS:
                return _NUMBER_WORDS[word]
    return None


def _alike(said: str, choices: Sequence[Choice], labels: Sequence[str], ways: Sequence[Iterable[str]]) -> Choice | None:
    if len(said) < 4:
        return None
    scores = sorted(
        (
            (max(fuzz.ratio(said, way) for way in (label, *mine)), place)
            for place, (label, mine) in enumerate(zip(labels, ways, strict=True))
        ),
        reverse=True,
    )
    best, place = scores[0]
    second = scores[1][0] if len(scores) > 1 else 0.0
    return choices[place] if best >= _ALIKE and best - second >= _MARGIN else None


def find_sign(text: str, signs: Sequence[Stuck]) -> int | None:
    """The place of the stuck sign that a complaint means; None when no sign, or more than one, fits well."""
    folded = fold(text)
    if len(folded) < 4:
        return None
    scores = sorted(
        ((max(_likeness(folded, fold(way)) for way in (sign.sign, *sign.also)), place)
         for place, sign in enumerate(signs)), reverse=True)  # fmt: skip
    if not scores or scores[0][0] < _SIGN_ALIKE:
        return None
    return scores[0][1] if len(scores) == 1 or scores[0][0] - scores[1][0] >= _MARGIN / 2 else None


def _likeness(said: str, way: str) -> float:
    """0-100. Word order and words around it count little; a way of one word must stand in the message whole."""
    words = way.split()
    if len(words) == 1:
        return 100.0 if way in said.split() else 0.0
    shared = len(set(words) & set(said.split()))
    if shared < min(2, len(words)):
        return 0.0
    return max(fuzz.token_sort_ratio(said, way), 0.95 * fuzz.token_set_ratio(said, way) * shared / len(set(words)))


def phone(text: str) -> str | None:
    """A Vietnamese phone number as ten digits ("+84 912…" -> "0912…"), else None."""
    digits = re.sub(r"\D", "", text)
    if digits.startswith("84") and len(digits) == 11:
        digits = "0" + digits[2:]
    return digits if len(digits) == 10 and digits[0] == "0" and digits[1] in "235789" else None


def day(text: str, today: date) -> str | None:
    """A day as ISO from "21/11/2026", "21-11", "hôm nay", "mai"; a day without a year is the next one to come."""
    folded = fold(text)
    for words, days in ((("hom nay", "bua nay"), 0), (("ngay mai", "mai"), 1), (("mot", "ngay mot", "ngay kia"), 2)):
        if folded in words:
            return date.fromordinal(today.toordinal() + days).isoformat()
    found = re.fullmatch(r"(?:ngay )?(\d{1,2})(?: thang)? (\d{1,2})(?:(?: nam)? (\d{4}))?", folded)
    if not found:
        return None
    try:
        year = int(found[3]) if found[3] else today.year
        read = date(year, int(found[2]), int(found[1]))
        return (read if found[3] or read >= today else date(year + 1, read.month, read.day)).isoformat()
    except ValueError:
        return None
