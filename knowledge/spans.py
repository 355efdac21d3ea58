"""Numbers and codes in a text as the learned judge sees them: where each stands, and its features.

Works on text that is already lower case, without marks and with ASCII digits, "\0" for what is masked. Never says what
is a secret, never changes a text. `knowledge.judge` weighs the features.
"""

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

from knowledge.accounts import CODE_WORD
from knowledge.digits import CITIZEN, DATE, HOTLINE, MOBILE, MONEY_AFTER, NUMERAL, PHONE, luhn
from knowledge.number_names import called, is_of_numbers

_MIXED = (
    r"(?<![a-z0-9@./\-_&?=])(?=[a-z\-]{0,20}\d)(?=[\d\-]{0,19}[a-z])[a-z0-9][a-z0-9@#!$*_\-]{4,24}+"
    r"(?![\w@/\-]|\.[a-z])"
)
_DIGITS = r"(?<![a-z0-9/@+*#])(?:\d(?:, ?\d(?!\d)){3,9}|\d+(?:(?: {1,2}|[.\-_]| - |\n(?=\d{4}))\d+)*)(?![a-z0-9/@*#])"
_SPOKEN = rf"(?<![a-z]){NUMERAL}(?:[ ,.\-]{{1,3}}{NUMERAL}){{3,18}}(?![a-z])"
_SPAN = re.compile(f"(?P<mixed>{_MIXED})|(?P<digits>{_DIGITS})|(?P<spoken>{_SPOKEN})")
_WORD = re.compile(r"[a-z]+|\d+(?:[.,\-/]\d+)*|\0+|\x01+|[.?!\n]")
_LINK = re.compile(r"(?:https?://|www\.|(?<![a-z0-9\-])[a-z0-9\-]+\.(?:vn|com|net|me|org|info|page)/)\S*")
_TWO_MORE = re.compile(r"[ .\-]\d\d(?![.\-]?\d)")
_SURELY_NUMERAL = re.compile(r"mot|hai|bon|bay|tam|chin|khong")  # "làm từ năm" are words too
_YEAR_SAID = re.compile(r"(?:(?:[a-z]+ )?nam )?(?:mot chin|hai khong) [a-z]+ [a-z]+")
_STUTTERED = re.compile(r"[ ,.\-]{1,3}\x01")  # "không chín, không chín một tám ..."
_SINCE = re.compile(r"(?:[a-z]+ )?nam ")
_ASKED = re.compile(r"(?<![a-z])(?:otp|ma|code|mk|pin|pass|mat khau|khoa|bam|nhap|doc|go)(?![a-z])|\0")
_HUNDREDS = re.compile(r" (?:muoi|tram|ngan|nghin|trieu|chuc|ty)(?![a-z])")
_X_MASKED = re.compile(r"\d*x{2,}\d*|\d?x\d+")
_THOUSANDS = re.compile(r"[1-9]\d{0,2}(?:[.,]\d{3})+")
_YEAR = re.compile(  # or a day, as in 20261104, or a moment
    r"19\d\d|20[0-3]\d|20[0-3]\d(?:0[1-9]|1[0-2])[0-3]\d(?:[0-2]\d[0-5]\d[0-5]\d)?"
)
_DISGUISED = re.compile(r"(?=(?:\d?[a-z]){5})[a-z]+(?:\d[a-z]+)+")  # a word: v1etc0mbank
_AMOUNT = re.compile(
    r"(?:\d+-)?\d+(?:k|tr|trieu|ty|m|d|dong|vnd|ngan|nghin|kg|g|w|h|p|s|phut|gio|km|mah|gb|mb)(?:\d{1,3}p?)?"
)
_ROUND = re.compile(r"[1-9]\d*000")
_COUNTED = re.compile(r"[01]\D{1,3}2\D{1,3}3(?:\D{1,3}\d)*$|1\D{1,3}3\D{1,3}5(?:\D{1,3}\d\d?)*$")
_FOR_HELP = re.compile(r"1\d\d(?:\D{1,3}1\d\d)+")  # 113, 114, 115
_DICTATED = re.compile(r"(?<![\d,.])0[ .,\-]{1,2}[35789](?:[ .,\-]{1,2}\d){8}(?!\d)")
_OTHER_PHONE = re.compile(r"0[235789]\d{8}|01[2689]\d{8}|069\d{5,8}")  # in odd groups; before 2018; the police
_ATTACHED = re.compile(r"[a-z][\-._]\Z|\+\d{1,3} ?\Z")
_CARD_SAID = re.compile(r"(?<![a-z])(?:the|visa|master(?:card)?|cvv|cvc|ccv|napas|jcb)(?![a-z])")
_SIGNS = " :.,;()\"'-=!?#/"
_SHORTEST, _LONGEST, _MOST = 4, 19, 24
_READ, _BEFORE, _AFTER = 600, 90, 60  # characters: of the message, before a number, after it
_ALIKE = {
    word: kind
    for kind, words in {
        "_who": "em e anh chi co chu bac con chau tui toi t minh ban ong ba me ma bo cha di cau mo noi ngoai thim "
        "duong ho no nguoi ta may vo chong thang dua ad admin shop",
        "_bank": "vietcombank vcb vietinbank bidv agribank techcombank tcb mb mbbank acb sacombank tpbank tpb vpbank "
        "vib shb hdbank ocb msb seabank eximbank kienlongbank vbsp ncb scb stb agri lpbank namabank bvbank abbank "
        "pvcombank nh bank momo zalopay",
        "_app": "zalo facebook fb telegram shopee tiktok lazada google gmail viber apple icloud instagram vneid vssid "
        "messenger whatsapp email mail microsoft grab",
        "_end": "nha nhe nhen nghen a ah ha ne do nghe vay ta ak z oi nua luon roi r",
        "khong": "ko k hong hok hem hongg kg kh hk khg",
        "duoc": "dc dk",
        "goi": "gui",
        "vao": "vo",
        "dt": "phone",
        "mk": "pass password matkhau pw pwd",
        "otp": "mxn mxt opt",
    }.items()
    for word in words.split()
}


class Candidate(NamedTuple):
    start: int
    end: int
    digits: int  # or numerals; 0 where letters are among them
    features: frozenset[str]


class Seen(NamedTuple):
    """What a message holds: its numbers in order, and the features that they share."""

    candidates: tuple[Candidate, ...]
    features: frozenset[str]


class _Shape(NamedTuple):
    kind: str  # "digits", "spoken" or "mixed"
    size: int  # in digits, in numerals, or in characters if mixed
    features: frozenset[str]

    @property
    def digits(self) -> int:
        return 0 if self.kind == "mixed" else self.size


def seen(shown: str, bare: str) -> Seen:
    """Holds no candidates where there are more than _MOST: such lists and logs are not what residents type."""
    scan = PHONE.sub(_phone_hidden, _LINK.sub(lambda link: "\2" * len(link[0]), bare))
    scan = _DICTATED.sub(lambda phone: "\1" * len(phone[0]), scan)
    spans = [(*match.span(), shape) for match in _SPAN.finditer(scan) if (shape := _shape(scan, match))]
    if not 0 < len(spans) <= _MOST:
        return Seen((), frozenset())
    found = (
        Candidate(start, end, shape.digits, frozenset(_features(shown, scan, start, end, shape)))
        for start, end, shape in spans
    )
    return Seen(tuple(found), frozenset(_of_message(shown, scan)))


def _phone_hidden(phone: re.Match[str]) -> str:
    written, digits = phone[0], re.sub(r"\D", "", phone[0])
    if digits and not (MOBILE.fullmatch(digits) or digits[:2] in ("84", "18", "19") or digits[:4] == "0084"):
        return written
    longer = _TWO_MORE.match(phone.string, phone.end()) if len(digits) == 10 and len(written) > 10 else None
    if longer and CITIZEN.fullmatch(digits + longer[0][1:]):
        return written
    return "\1" * len(written)


def _shape(scan: str, match: re.Match[str]) -> _Shape | None:
    written, kind = match[0], match.lastgroup or ""
    if kind == "spoken":
        words, sure = len(re.findall("[a-z]+", written)), len(_SURELY_NUMERAL.findall(written))
        dated = _YEAR_SAID.fullmatch(written) and not _ASKED.search(scan)
        if written.startswith("khong ") and _STUTTERED.match(scan, match.end()):
            return None
        if sure < 2 or (dated and _SINCE.match(written)) or _HUNDREDS.match(scan, match.end()):
            return None
        year = ("year said",) if dated else ()
        return _Shape(kind, words, frozenset((f"n={words}", "spoken", f"spoken n={words}", *year)))
    if kind == "mixed":
        plain = any(form.fullmatch(written) for form in (_X_MASKED, _AMOUNT, _DISGUISED))
        return None if plain else _mixed(written)
    digits = re.sub(r"\D", "", written)
    least = 3 if written.isdigit() and "\0" in scan and _CARD_SAID.search(scan) else _SHORTEST
    if not least <= len(digits) <= _LONGEST or HOTLINE.match(digits) or MONEY_AFTER.match(scan, match.end()):
        return None
    if (DATE.fullmatch(written) and len(digits) > 6) or _THOUSANDS.fullmatch(written) or _OTHER_PHONE.fullmatch(digits):
        return None
    if _YEAR.fullmatch(written) or _ROUND.fullmatch(written) or _FOR_HELP.fullmatch(written) or _COUNTED.match(written):
        return None
    if _ATTACHED.search(scan, max(0, match.start() - 6), match.start()):
        return None
    return _Shape(kind, len(digits), frozenset(_digits(written, digits)))


def _mixed(written: str) -> _Shape:
    runs = re.findall(r"[a-z]+|\d+|[^a-z\d]+", written)
    form = "".join("a" if run[0].isalpha() else "9" if run[0].isdigit() else run[0] for run in runs)
    names = {"mixed", f"form={form[:6]}", f"n={min(len(written), 12)}", f"runs={min(len(runs), 6)}"}
    if runs[0].isalpha():
        names.add(f"pre={runs[0]}")
        names.add(f"pren={min(len(runs[0]), 6)}")
    if form == "9a":
        names.add(f"unit={runs[1]}")
    names |= {f"tail={min(len(run), 6)}" for run in runs[-1:] if run.isdigit()}
    if re.search(r"[@#!$*]", written):
        names.add("special")
    return _Shape("mixed", len(written), frozenset(names))


def _digits(written: str, digits: str) -> Iterator[str]:
    sizes = [len(group) for group in re.findall(r"\d+", written)]
    gap = re.sub(r"\d", "", written).strip()[:1] or (" " if len(sizes) > 1 else "")
    yield f"n={len(digits)}"
    yield f"sizes={gap}{'-'.join(map(str, sizes[:6]))}"
    yield f"gap={gap}"
    if len(sizes) > 1 and max(sizes) == min(sizes):
        yield f"even={sizes[0]}"
    yield f"first={digits[0]} n={len(digits)}"
    if len(digits) > 8:
        yield f"first={digits[:4] if digits[:4] == '9704' else digits[:2]}"
        yield f"zero={digits[0] == '0'} long"
    if digits.endswith(("00", "50")):
        yield "half round"
    if len(set(digits)) < 3:
        yield "few digits"
    if len(digits) > 12 and luhn(digits):
        yield "luhn"
    if len(sizes) > 1 and all(int(one) < int(two) for one, two in pairwise(re.findall(r"\d+", written))):
        yield "rising"


def _words(text: str) -> list[str]:
    return [_word(word) for word in _WORD.findall(text)]


def _word(word: str) -> str:
    if word[0] == "\0":
        return "_mask"
    if word[0] == "\1":
        return "_phone"
    if word == "\n":
        return "_line"
    if word[0].isdigit():
        return f"#{min(len(word), 7)}"
    return _ALIKE.get(word, word)


def _sign(letter: str) -> str:
    return letter if letter in _SIGNS else "~" if letter and not letter.isalnum() else ""


def _of_message(shown: str, scan: str) -> Iterator[str]:
    words = _words(scan[:_READ])
    yield from (f"has {word}" for word in words)
    yield from (f"has {one} {two}" for one, two in pairwise(words))
    yield f"long={min(len(words) // 6, 5)}"
    if is_of_numbers(shown):
        yield "of numbers"


def _features(shown: str, scan: str, start: int, end: int, shape: _Shape) -> Iterator[str]:
    left = ["^", *_words(scan[max(0, start - _BEFORE) : start])][::-1]
    right = [*_words(scan[end : end + _AFTER]), "$"]
    kind = "m" if shape.kind == "mixed" else "short" if shape.size < 9 else "long"
    yield from shape.features
    yield from _beside(left, right, kind, f"{shape.kind[0]}{shape.size}")
    yield from _near(left[:8], right[:6], kind)
    yield f"< {_sign(scan[max(0, start - 2) : start].rstrip(' ')[-1:])}"
    yield f"> {_sign(scan[end : end + 2].lstrip(' ')[:1])}"
    yield f">> {_sign(scan[end : end + 1])}"
    if called(shown, start):
        yield "called"
        yield f"called {kind}"
    if CODE_WORD.search(scan, max(0, start - _BEFORE), start):
        yield f"reference {kind}"


def _beside(left: list[str], right: list[str], kind: str, size: str) -> Iterator[str]:
    """Words by their place; `left` counts away from the number, as `right` does."""
    yield from (f"l{at} {word}" for at, word in enumerate(left[:4]))
    yield from (f"r{at} {word}" for at, word in enumerate(right[:3]))
    yield f"l {left[0]} {kind}"
    yield f"l {left[0]} {size}"
    yield f"r {right[0]} {kind}"
    yield f"ll {' '.join(left[1::-1])}"
    yield f"lll {' '.join(left[2::-1])}"
    yield f"rr {' '.join(right[:2])}"
    yield f"l {left[0]} r {right[0]}"


def _near(left: list[str], right: list[str], kind: str) -> Iterator[str]:
    """Words and pairs of neighbours wherever they stand."""
    for word in left:
        yield f"near {word}"
        yield f"near {word} {kind}"
    yield from (f"near {one} {two}" for one, two in pairwise(left[::-1]))
    yield from (f"after {word}" for word in right)
    yield from (f"after {one} {two}" for one, two in pairwise(right))
