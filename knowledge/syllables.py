"""Which letter runs can be a Vietnamese syllable, where its tone stands, and how raw Telex or VNI keys become one.

Works on one lower-case word at a time. Whether a word of a message should be decoded at all is decided in text.py,
which sees the whole message. Never touches words that already are a possible syllable.
"""

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

_ONSETS = "b c ch d đ g gh gi h k kh l m n ng ngh nh p ph qu r s t th tr v x"
_RIMES = (
    "a ac ach ai am an ang anh ao ap at au ay e ec em en eng eo ep et i ia ich im in inh ip it iu o oa oac oach oai"
    " oam oan oang oanh oao oap oat oay oc oe oen oeo oet oi om on ong op ot u ua uc ui um un ung up ut uy uya uych"
    " uynh uyt uyu y ê êch êm ên ênh êp êt êu iêc iêm iên iêng iêp iêt iêu uê uêch uênh uyên uyêt yêm yên yêng yêt"
    " yêu ô ôc ôi ôm ôn ông ôp ôt uôc uôi uôm uôn uông uôt ơ ơi ơm ơn ơp ơt uơ ươc ươi ươm ươn ương ươp ươt ươu"
    " ư ưa ưc ưi ưng ưt ưu ăc ăm ăn ăng ăp ăt oăc oăm oăn oăng oăt âc âm ân âng âp ât âu ây uân uâng uât uây"
)
_SHAPES = {"ă": "aw", "â": "aa", "ê": "ee", "ô": "oo", "ơ": "ow", "ư": "uw", "đ": "dd"}
_TONES = {"f": "\u0300", "s": "\u0301", "r": "\u0309", "x": "\u0303", "j": "\u0323"}
_TONE_KEYS = {mark: key for key, mark in _TONES.items()}
_VNI = {"1": "s", "2": "f", "3": "r", "4": "x", "5": "j", "7": "w", "8": "w", "9": "d"}
_VOWELS = "aăâeêioôơuưy"
_PARTS = re.compile(rf"(qu(?=[{_VOWELS}])|gi(?=[{_VOWELS}])|[^{_VOWELS}]*)([{_VOWELS}]+)(.*)")


@dataclass(frozen=True, slots=True)
class Decoded:
    syllable: str
    sure: bool  # False: an English word may look like this; believe it only beside other residue


def _possible() -> frozenset[str]:
    rimes = _RIMES.split()
    whole = {onset + rime for onset in ("", *_ONSETS.split()) for rime in rimes}
    return frozenset(whole | {"g" + rime for rime in rimes if rime.startswith("i")})


def _keys_of(syllable: str) -> tuple[str, frozenset[str]]:
    """Bare letters and the set of shape keys: "đương" -> ("duong", {"d", "w"})."""
    letters = "".join(_SHAPES[c][0] if c in _SHAPES else c for c in syllable)
    return letters, frozenset(_SHAPES[c][1] for c in syllable if c in _SHAPES)


def _by_letters(possible: frozenset[str]) -> dict[tuple[str, frozenset[str]], str]:
    shared: dict[frozenset[str], frozenset[str]] = {}  # thousands of syllables, a dozen sets of keys
    keys = ((*_keys_of(syllable), syllable) for syllable in sorted(possible))
    return {(letters, shared.setdefault(shapes, shapes)): syllable for letters, shapes, syllable in keys}


_POSSIBLE = _possible()
_BY_KEYS = _by_letters(_POSSIBLE)
_BARE = frozenset(letters for letters, _ in _BY_KEYS)


def is_syllable(word: str) -> bool:
    """True for what can be a Vietnamese syllable as it is spelled: "cứu", not "cứuu"."""
    return split_tone(word)[0] in _POSSIBLE


def split_tone(word: str) -> tuple[str, str]:
    """Toneless letters and the Telex key of the tone ("" for none): "được" -> ("đươc", "j")."""
    spread = unicodedata.normalize("NFD", word)
    tone = next((_TONE_KEYS[c] for c in spread if c in _TONE_KEYS), "")
    return unicodedata.normalize("NFC", "".join(c for c in spread if c not in _TONE_KEYS)), tone


def place_tone(syllable: str, tone: str) -> str:
    """Tone on the vowel where school puts it: ("hoa", "f") -> "hòa", ("ngươi", "f") -> "người"."""
    parts = _PARTS.fullmatch(syllable)
    if not tone or parts is None:
        return syllable
    onset, nucleus, final = parts.groups()
    shaped = [i for i, c in enumerate(nucleus) if c in _SHAPES]
    if shaped:
        at = shaped[-1]
    elif len(nucleus) > 1 and final:
        at = len(nucleus) - 1
    else:
        at = 1 if len(nucleus) == 3 else 0
    marked = nucleus[: at + 1] + _TONES[tone] + nucleus[at + 1 :]
    return unicodedata.normalize("NFC", onset + marked + final)


@lru_cache(maxsize=4096)
def mend(word: str) -> str:
    """One spelling for each marked syllable ("hoà" -> "hòa", "đuợc" -> "được"); any other word as it came."""
    if word.isascii():
        return word
    toneless, tone = split_tone(word)
    if toneless in _POSSIBLE:
        return place_tone(toneless, tone)
    letters, shapes = _keys_of(toneless)
    if not letters.isascii() or not letters.isalpha():
        return word
    decoded = decode_telex(letters + "".join(sorted(shapes)) + tone)
    return decoded.syllable if decoded else word


@lru_cache(maxsize=4096)
def decode_telex(word: str) -> Decoded | None:
    """The syllable whose raw Telex keys `word` holds, keys in any order ("nguofwi"); None if there is none."""
    if not (word.isascii() and word.isalpha()) or word in _BARE or word[0] in "fjwz":
        return None
    found: list[Decoded] = []
    for at in (*(i for i in range(len(word) - 1, 0, -1) if word[i] in _TONES), None):
        tone = word[at] if at is not None else ""
        rest = word if at is None else word[:at] + word[at + 1 :]
        for syllable, tidy in _shaped(rest, bool(tone)):
            stopped = syllable.endswith(("c", "ch", "p", "t"))
            if (stopped and tone in ("f", "r", "x")) or (not tone and syllable == word):
                continue
            late = at is None or any(c in "aeiouy" for c in word[:at])
            sure = tidy and late and len(word) > 2 and bool(tone or not stopped)
            found.append(Decoded(place_tone(syllable, tone), sure))
    return max(found, key=lambda one: one.sure, default=None)


def _shaped(letters: str, toned: bool) -> list[tuple[str, bool]]:
    """Syllables whose shape keys `letters` may hold, each with whether the keys stand where fingers put them."""
    keys: set[str] = set()
    tidy = True
    if "w" in letters:
        tidy = all(letters[i - 1] in "aou" or i == len(letters) - 1 for i, c in enumerate(letters) if c == "w")
        letters = letters.replace("w", "")
        keys.add("w")
    if letters.startswith("d") and letters.count("d") == 2:
        second = letters.index("d", 1)
        tidy = tidy and second in (1, len(letters) - 1)
        letters = "d" + letters[1:].replace("d", "")
        keys.add("d")
    options = [(letters, frozenset(keys), tidy)]
    for vowel in "aeo":
        if letters.count(vowel) == 2:
            second = letters.rindex(vowel)
            close = second - letters.index(vowel) == 1 or (toned and second == len(letters) - 1)
            options.append((letters[:second] + letters[second + 1 :], frozenset(keys | {vowel}), tidy and close))
    return [(_BY_KEYS[bare, shape], neat) for bare, shape, neat in options if (bare, shape) in _BY_KEYS]


def decode_vni(word: str) -> Decoded | None:
    """The syllable whose raw VNI keys `word` holds ("d9ang1"). Sure when a digit stands inside the word or there
    are two of them: "quan1" may be a district."""
    if not word.isascii() or not word[0].isalpha() or word.isalpha():
        return None
    keys = ""
    for at, c in enumerate(word):
        if c == "6":
            circumflexed = next((v for v in reversed(word[:at]) if v in "aeo"), "")
            if not circumflexed:
                return None
            keys += circumflexed
        elif c in _VNI:
            keys += _VNI[c]
        elif c.isdigit():
            return None
    letters = "".join(c for c in word if c.isalpha())
    decoded = decode_telex(letters + keys)
    if decoded is None:
        return None
    inside = any(c.isdigit() for c in word[:-1])
    return Decoded(decoded.syllable, inside)
