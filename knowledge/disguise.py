"""Puts back what senders write crooked so that filters do not read it: fancy letters, "C0NG TY", "V A Y", "t@i".

The one place for it. Gives text that a person would read the same; folding it is `knowledge.text`'s work.
"""

import re
import unicodedata

from knowledge.secrets import MASKS
from knowledge.text import fold

_INVISIBLE = re.compile(r"[\u00ad\u034f\u061c\u115f\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufe00-\ufe0f\ufeff]")
_LATIN_TWINS = str.maketrans("асеорхуіјѕԁһԛԝАВЕКМНОРСТХІЈЅοαΑΒΕΗΙΚΜΝΟΡΤΧ", "aceopxyijsdhqwABEKMHOPCTXIJSoaABEHIKMNOPTX")
_LETTERS_APART = re.compile(r"(?<![^\W_])[^\W\d_]([ .\-_*~])[^\W\d_](?:\1[^\W\d_])+(?![^\W_])")
_MASKED = re.compile("|".join(re.escape(mask) for mask in MASKS.values()))
_CROOKED = re.compile(
    r"(?<![\w@.])(?=[^\W_]*[^\W\d_])(?:[^\W\d_]*[01@3][^\W\d_]+)+(?![\w.@])|(?<![\w])[^\W\d_]{1,3}0(?![\w.])"
)
_AS_LETTER = str.maketrans("01@3", "oiae")
_L_FOR_I = re.compile(r"(?<=[A-Z])l(?=[A-Z])|\bl(?=[A-Z]{2})")
_TYPED_MARK = re.compile(r"(?<=[aeiouyAEIOUY])[\^`~(+]+[`'?~.]?|(?<=[aeiouyAEIOUY])[?.](?=[a-z])")
_TYPED_MARKS = re.compile(r"[aeiouyAEIOUY][\^`~]")
_SYLLABLE = re.compile(
    r"(?:ngh|ch|gh|gi|kh|ng|nh|ph|qu|th|tr|[bcdghklmnprstvx])?"
    r"(?:uye|uyu|oai|oay|uay|uoi|uou|ieu|yeu|oeo|ia|ie|iu|oa|oe|oi|oo|ua|ue|ui|uo|uu|uy|ye|ai|ao|au|ay|eo|eu|[aeiouy])"
    r"(?:ch|ng|nh|[cmnpt])?"
)


def plain(text: str) -> str:
    """Fancy and full-width letters as ordinary ones, nothing invisible. Foreign look-alikes stay: links judge them."""
    return unicodedata.normalize("NFKC", _INVISIBLE.sub("", text))


def readable(text: str) -> str:
    """What a person reads; a mask stands for a number."""
    text = _MASKED.sub("000000", plain(text)).translate(_LATIN_TWINS)
    if len(_TYPED_MARKS.findall(text)) > 1:
        text = _TYPED_MARK.sub("", text)
    text = _LETTERS_APART.sub(lambda run: re.sub(r"[ .\-_*~]", "", run[0]) + " ", _L_FOR_I.sub("I", text))
    return _CROOKED.sub(lambda word: _straight(word[0]) or word[0], text)


def disguise(text: str) -> int:
    """How much speaks for a sender who hides words from a filter: 0 to 3."""
    text = plain(text)
    words = [word for word in _CROOKED.findall(text) if _straight(word)]
    apart = sum(len(run[0]) for run in _LETTERS_APART.finditer(text))
    return 3 if len(words) > 1 or apart > 9 else 2 * len(words)


def _straight(word: str) -> str | None:
    if len(word) < (4 if word[0].isdigit() else 2):  # "3p", "1m" are quantities
        return None
    letters = word.translate(_AS_LETTER)
    return letters if _SYLLABLE.fullmatch(fold(letters)) else None
