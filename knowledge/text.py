"""The house's only normaliser of Vietnamese text. Never guesses a meaning, never raises on any string."""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from knowledge.syllables import Decoded, decode_telex, decode_vni, is_syllable, mend

_NOT_WORD = re.compile(r"[^0-9a-z]+")
_TOP_LEVEL = (
    "com|vn|net|org|vip|xyz|info|club|cfd|top|icu|cc|life|tech|de|me|ly|shop|site|online|pro|app|io|link|gl|live|asia"
)
_TOKEN = re.compile(
    r"(?P<email>(?<![\w.+-])[\w.+-]+@[\w-]+\.[\w.-]+)"
    rf"|(?P<url>https?://\S+|www\.\S+|(?<![\w@])(?<!\w[.-])[a-z0-9-]+(?:\.[a-z0-9-]+)*\.(?:{_TOP_LEVEL})(?![\w])(?:[/?:]\S*)?)"
    r"|(?P<word>[^\W_]+)"
)
_LETTERS_THEN_DIGITS = re.compile(r"([^\W\d_]{3,})(\d+)")
_ABBREVIATED = re.compile(r"(?<![^\W_/])([^\W\d_])/([^\W\d_])(?![^\W_/])")
_RUN = re.compile(r"([^\W\d_])\1{2,}")
_PASSES = 3  # a word said in full may be the neighbour another one waits for: "man hs" is "làm hồ sơ"
_EMAIL, URL_TOKEN = "thudientu", "linkla"  # what an address of either kind is called among the tokens


@dataclass(frozen=True, slots=True)
class Text:
    """One message in three views. `tokens` keep their marks; `folded` is what matching reads: no marks, one name
    for each thing people call by many, words separated by one space."""

    raw: str
    tokens: tuple[str, ...]
    folded: str


@dataclass(frozen=True, slots=True)
class _Meaning:
    words: tuple[str, ...]
    after: frozenset[str]
    after_none: frozenset[str]
    before: frozenset[str]
    before_none: frozenset[str]

    def fits(self, previous: str, following: str) -> bool:
        if self.after and previous not in self.after and not ("#" in self.after and previous[:1].isdigit()):
            return False
        if self.before and following not in self.before:
            return False
        return previous not in self.after_none and following not in self.before_none


@dataclass(frozen=True, slots=True)
class _Lexicon:
    meanings: dict[str, tuple[_Meaning, ...]]  # teencode.tsv, in file order
    phrases: dict[str, tuple[tuple[tuple[str, ...], tuple[str, ...]], ...]]  # by first word, longest first
    foreign: dict[str, str]  # word -> "never" | "beside"

    @classmethod
    def load(cls, folder: Path) -> "_Lexicon":
        meanings: dict[str, list[_Meaning]] = {}
        for word, meaning, after, before in _rows((folder / "teencode.tsv").read_text(encoding="utf-8"), columns=4):
            meanings.setdefault(word, []).append(_meaning(meaning, after, before))
        phrases: dict[str, set[tuple[tuple[str, ...], tuple[str, ...]]]] = {}
        for canonical, variants in _rows((folder / "phrases.tsv").read_text(encoding="utf-8"), columns=2):
            form = tuple(canonical.split())
            for variant in (canonical, *variants.split(",")):
                if words := tuple(variant.split()):
                    phrases.setdefault(words[0], set()).add((words, form))
        return cls(
            meanings={word: tuple(rows) for word, rows in meanings.items()},
            phrases={
                first: tuple(sorted(pairs, key=lambda pair: (-len(pair[0]), pair))) for first, pairs in phrases.items()
            },
            foreign={row[0]: row[1] for row in _rows((folder / "foreign.tsv").read_text(encoding="utf-8"), columns=2)},
        )


def strip_marks(text: str) -> str:
    """Vietnamese without its marks, case kept: "Đường" -> "Duong"."""
    if text.isascii():
        return text
    bare = "".join(c for c in unicodedata.normalize("NFD", text) if not unicodedata.combining(c))
    return bare.replace("đ", "d").replace("Đ", "D")


def fold(text: str) -> str:
    """The key by which names are compared: lower case, no marks, runs of anything else are one space.

    "  Phường PHÚ-LỢI " -> "phuong phu loi". Empty for text without letters or digits.
    """
    return _NOT_WORD.sub(" ", strip_marks(text).lower()).strip()


def read(text: str) -> Text:
    """All views of a message: Telex and VNI residue decoded, teencode and dialect said in full, then marks off."""
    lexicon = _lexicon()
    words = tuple(_words(_clean(text)))
    tokens = _decoded(words, lexicon)
    for _ in range(_PASSES):
        tokens = tuple(_meant(tokens, lexicon))
    bare = fold(" ".join(tokens)).split()
    return Text(raw=text, tokens=tokens, folded=" ".join(_renamed(bare, lexicon)))


@cache
def _lexicon() -> _Lexicon:
    return _Lexicon.load(Path(__file__).parent)


def _clean(text: str) -> str:
    # NFKC, not NFC: phones' "fancy" letters, as spammers use them, become plain ones.
    plain = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).lower())
    seen = "".join(c for c in plain if unicodedata.category(c) not in ("Cf", "Mn", "Me"))
    return _ABBREVIATED.sub(r"\1\2", seen)  # "p/a" is pa


def _words(text: str) -> Iterator[str]:
    for found in _TOKEN.finditer(text):
        if found.lastgroup == "email":
            yield _EMAIL
        elif found.lastgroup == "url":
            yield URL_TOKEN
        else:
            yield _squeezed(found.group())


def _squeezed(word: str) -> str:
    """ "alooo" -> "alo", "quáaa" -> "quá". Two of a letter stay ("app"), and so does "cứu"."""
    short = _RUN.sub(r"\1", word)
    while len(short) > 2 and short[-1] == strip_marks(short[-2]) != short[-2] and not is_syllable(short):
        short = short[:-1]
    return short


def _decoded(words: tuple[str, ...], lexicon: _Lexicon) -> tuple[str, ...]:
    """Raw keys become syllables. A doubtful one ("data", "quan1") needs a sure one somewhere in the message."""
    words = tuple(_without_digit_keys(words))
    guesses: list[Decoded | None] = []
    for word in words:
        guess = None if lexicon.foreign.get(word) == "never" or word in lexicon.meanings else decode_telex(word)
        if guess and word in lexicon.foreign:
            guess = Decoded(guess.syllable, sure=False)
        guesses.append(guess)
    sure = any(guess and guess.sure for guess in guesses)
    return tuple(
        guess.syllable if guess and (guess.sure or sure) else mend(word)
        for word, guess in zip(words, guesses, strict=True)
    )


def _without_digit_keys(words: tuple[str, ...]) -> Iterator[str]:
    """VNI keys become syllables if one of them is sure; else letters and the number behind them are two words."""
    guesses = [decode_vni(word) for word in words]
    sure = any(guess and guess.sure for guess in guesses)
    for word, guess in zip(words, guesses, strict=True):
        if guess and sure:
            yield guess.syllable
        elif split := _LETTERS_THEN_DIGITS.fullmatch(word):
            yield from split.groups()
        else:
            yield word


def _meant(words: tuple[str, ...], lexicon: _Lexicon) -> Iterator[str]:
    previous = ""
    for at, word in enumerate(words):
        meaning = None
        if meanings := lexicon.meanings.get(word):  # few words have any: what stands around them is looked at only then
            before, after = strip_marks(previous), strip_marks(words[at + 1]) if at + 1 < len(words) else ""
            meaning = next((m for m in meanings if m.fits(before, after)), None)
        said = (word,) if meaning is None else meaning.words
        yield from said
        if said:
            previous = said[-1]


def _renamed(words: list[str], lexicon: _Lexicon) -> Iterator[str]:
    at = 0
    while at < len(words):
        for phrase, form in lexicon.phrases.get(words[at], ()):
            if tuple(words[at : at + len(phrase)]) == phrase:
                yield from form
                at += len(phrase)
                break
        else:
            yield words[at]
            at += 1


def _rows(table: str, *, columns: int) -> Iterator[tuple[str, ...]]:
    for line in table.splitlines():
        if line and not line.startswith("# "):
            cells = [cell.strip() for cell in line.split("\t")]
            yield tuple((*cells, *[""] * columns)[:columns])


def _meaning(meaning: str, after: str, before: str) -> _Meaning:
    wanted_after, unwanted_after = _neighbours(after)
    wanted_before, unwanted_before = _neighbours(before)
    return _Meaning(tuple(meaning.split()), wanted_after, unwanted_after, wanted_before, unwanted_before)


def _neighbours(cell: str) -> tuple[frozenset[str], frozenset[str]]:
    words = frozenset(strip_marks(cell.removeprefix("!")).split())
    return (frozenset(), words) if cell.startswith("!") else (words, frozenset())
