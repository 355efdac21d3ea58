"""Six digits in a row, however they are written or said: a one-time code, unless something names them otherwise.

Nearly all codes have six digits and hardly anything else has that nobody names: whoever types an order number says
"đơn". So a number is asked what it is called, not what a code might be called. Works on text that is already lower
case, without marks and with ASCII digits. Never changes a text, never raises.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate, pairwise

from knowledge.digits import DATE, HOTLINE, MONEY_AFTER, NUMERAL, Span
from knowledge.number_names import CALLED, CODE_SAID, called, called_after, is_of_numbers

_ELEMENT = re.compile(
    rf"(?<![a-z\d])(?:\d+|{NUMERAL}(?:(?P<hundreds> tram(?: (?:(?:le|"
    rf"linh) )?(?:{NUMERAL}(?: muoi)?(?: {NUMERAL})?|muoi))?)|(?P<tens> muoi(?: {NUMERAL})?))?|"
    rf"(?P<ten>muoi(?: {NUMERAL})?))(?![a-z\d])"
)
_GAP = re.compile(
    r" {1,2}|[.\-]| ?, ?| - |[ ,]{1,2}(?:roi|xong|va|voi|cong|toi|tiep(?: theo)?|sau do|ke do)[ ,:]{1,2}|\n"
)
_IN_WORDS = re.compile(r"roi|xong|va|voi|cong|toi|tiep|sau|ke")
_VALUES = dict(
    zip(["khong", "mot", "hai", "ba", "bon", "nam", "sau", "bay", "tam", "chin"], "0123456789", strict=True)
) | {"tu": "4", "lam": "5"}
_SIZES = {(6,), (3, 3), (2, 2, 2), (1, 1, 1, 3), (3, 1, 1, 1)}
_FOUR = {(4,), (5,), (7,), (8,), (2, 2), (4, 4), (1, 1, 1, 1), (2, 2, 2, 2)}
_LONGEST = 8  # digits of a code
_INSIDE = re.compile(
    r"\d - \Z|[?&](?!otp|code|pin)[a-z]{1,4}=\Z|[\w.,/+\-*#]\Z|(?<!lan )(?<!thu )\d\)? ?\Z"
)  # of a longer code, a link, an amount, a phone number
_GOES_ON = re.compile(r"[\w/*#]|[.,\-]\d| \d{3}")

_SURE = re.compile(rf"(?<![a-z]){CODE_SAID}(?![a-z])")
_LINKED = re.compile(rf"(?:(?<![a-z])(?:la|is|{CODE_SAID})|[:=])\s*$")
_TORN = re.compile(
    rf"(?<![a-z])(?:{CODE_SAID}|ma|code|pin|(?:6|sau) (?:chu )?so)(?:(?: [a-z]+){{0,4}} la)?[ :]{{1,2}}\Z"
)
_SAID_AFTER = re.compile(rf" (?:chinh )?la (?:cai )?(?:{CODE_SAID}|ma (?:giao dich|gi|de|cua))(?![a-z])")
_READ_OUT = re.compile(
    rf"(?<![a-z])(?:{CODE_SAID}|ma|pin|mat khau|mk|pass|passcode|doc|nhap|go|bam|dien|gui|goi|nhan|xin|dua|hien|"
    rf"dang nhap|"
    r"(?:6|sau) (?:chu )?so|so nay|ne|day)(?![a-z])"
)
_AFTER_CODE = re.compile(r"(?<![a-z])(?:ma|code)(?: [a-z]+){0,3} \Z")
_FIVE_ASKED = re.compile(r"(?<![a-z])(?:doi|hoi|xin|doc|dua|ma gi ma|telegram|zalo|facebook|viber) \Z")
_FOUR_READ_OUT = re.compile(
    r"(?<![a-z])(?:4|bon) (?:chu )?so(?![a-z])[^\d\0]{1,40}(?<![a-z])(?:doc|dua|nhap|bam|go|cho)(?: [a-z]+)? \Z"
)
_A_CODE_IS = re.compile(
    r"(?<![a-z])(?:ma|code)(?: [a-z@&.]+){0,6}?(?: (?:la|is|ne|nay|day|do|thanh)|[:=])(?: con| bac| nha)?[ :=]{1,3}$"
)
_NO_CODE = re.compile(
    rf"(?<![a-z])(?:(?:loi|error|xa|tinh|huyen|phuong|truong|kho|khach) (?:ma|code)|"
    rf"(?:ma|code)(?: so)? (?:{CALLED}|may ban|tram|the|qr|vach))(?![a-z])"
)
_PASSWORD_SAID = re.compile(r"(?<![a-z])(?:mat khau|mk|pass(?:word|code)?|pin|mat ma|khoa)(?![a-z])")
_POLITE = r"(?:da|a|ne|nha|nhe|day|vang|u|ok|oke|con|bac|co|chu|em|anh|chi|ong|ba|oi|di|do|roi|la|ma|cua|tui|toi|no)"
_ONLY_BEFORE, _ONLY_AFTER = re.compile(rf"\W*(?:{_POLITE}\W+){{0,5}}"), re.compile(rf"(?:\W+{_POLITE}){{0,3}}\W*")
_UNIT = re.compile(
    r" ?(?:nguoi(?! ta)|luot|bao (?:lua|gao|xi|phan)|ho (?:dan|ngheo)|con (?:ga|vit|heo|bo)|kwh|so dien|khoi|m2|"
    r"m3|met|km|kg|ky|trieu|tr|ngan(?! hang)|nghin|vnd|usd|ty|lit)(?![a-z0-9])"
)
_YEAR_SAID = re.compile(  # "từ năm một chín tám sáu", "năm bảy lăm tới năm tám sáu"
    r"tu nam (?:mot chin|hai khong) [a-z]+ [a-z]+|nam [a-z]+ [a-z]+ (?:toi|va|voi) nam [a-z]+ [a-z]+"
)
_CALLED_FOR_HELP = {"111", "112", "113", "114", "115", "116", "156"}


@dataclass(frozen=True, slots=True)
class _Run:
    start: int
    end: int
    digits: str  # "x" for each of a tens or a hundred said in words
    sizes: tuple[int, ...]
    gap: str
    spoken: bool


def six_digits(shown: str, bare: str) -> Iterator[Span]:
    elsewhere = is_of_numbers(shown)
    for run in _runs(bare):
        six = len(run.digits) == 6 and (run.spoken or run.sizes in _SIZES or _is_torn(bare, run))
        if six or (set(run.sizes) == {1} and 6 <= len(run.sizes) < 9):
            found = _is_code(shown, bare, run, elsewhere)
        elif 5 < len(run.digits) < 9 and _SAID_AFTER.match(bare, run.end):
            found = _stands_free(bare, run)
        else:
            found = run.sizes in _FOUR and _stands_free(bare, run) and _is_said(bare, run)
        if found:
            yield run.start, run.end, _kind(bare, run)


def _runs(bare: str) -> Iterator[_Run]:
    """Neighbouring digits and numerals with one kind of gap. Five digits written together are never part of more."""
    open_run: _Run | None = None
    for match in _ELEMENT.finditer(bare):
        run = _element(match)
        if open_run and (longer := _joined(open_run, run, bare[open_run.end : run.start])):
            open_run = longer
            continue
        if open_run:
            yield open_run
        open_run = run
    if open_run:
        yield open_run


def _element(match: re.Match[str]) -> _Run:
    said = match[0]
    if said.isdigit():
        return _Run(*match.span(), said, (len(said),), "", False)
    size = 3 if match["hundreds"] else 2 if match["tens"] or match["ten"] else 1
    return _Run(*match.span(), _VALUES.get(said, "x" * size), (size,), "", True)


def _joined(one: _Run, other: _Run, gap: str) -> _Run | None:
    """One run of both, None if the gap or the way of writing changes elsewhere than in the middle of six digits."""
    if not _GAP.fullmatch(gap) or max(one.sizes[-1], other.sizes[0]) > 4:
        return None
    kind, half = gap.strip(" \n") or " ", len(one.digits) in (2, 3, 4)
    if gap == " - " and (one.sizes, other.sizes) == ((1, 1, 1), (1,)):
        kind = " "
    if _IN_WORDS.search(kind):
        kind = one.gap or " "
        if not half:
            return None
    if (one.gap and one.gap != kind) or (one.spoken != other.spoken and not half):
        return None
    if kind == "," and (*one.sizes, *other.sizes) != (3, 3) and (one.sizes[-1], other.sizes[0]) != (1, 1):
        return None
    if len(one.digits) > _LONGEST:  # no code, however it goes on
        return _Run(one.start, other.end, one.digits, one.sizes, one.gap, one.spoken)
    return _Run(one.start, other.end, one.digits + other.digits, (*one.sizes, *other.sizes), kind, other.spoken)


def _is_torn(bare: str, run: _Run) -> bool:
    """ "otp 930 4 18": in uneven pieces, near the word for it."""
    written = run.gap == " " and not re.search("[a-z]", bare[run.start : run.end])
    return written and bool(
        _TORN.search(bare, max(0, run.start - 40), run.start)
        or _READ_OUT.search(bare, max(0, run.start - 60), run.start)
        or _READ_OUT.search(bare, run.end, run.end + 45)
    )


def _is_code(shown: str, bare: str, run: _Run, elsewhere: bool) -> bool:
    if not _stands_free(bare, run):
        return False
    before, after = bare[max(0, run.start - 60) : run.start], bare[run.end : run.end + 45]
    named, listed = bool(_SURE.search(before)), _is_list(run)
    if (named and _LINKED.search(before)) or _is_named(before):
        return True
    if called(shown, run.start) or (elsewhere and not named) or called_after(bare, run.start, run.end):
        return False
    if _YEAR_SAID.fullmatch(bare, run.start, run.end) and not _READ_OUT.search(before):
        return False
    if run.sizes == (6,) or (run.gap == " " and run.sizes != (2, 2, 2) and not listed):
        return True
    if not listed and _ONLY_BEFORE.fullmatch(bare, 0, run.start) and _ONLY_AFTER.fullmatch(bare, run.end):
        return True
    heard = _SURE if listed else _READ_OUT
    return bool(heard.search(before) or heard.search(after))


def _is_said(bare: str, run: _Run) -> bool:
    """Four, five, seven and eight digits are codes only where a code is said to be them."""
    before = bare[max(0, run.start - 60) : run.start]
    if run.sizes == (5,) and not run.digits.endswith("00") and _FIVE_ASKED.search(before):
        return True
    if len(run.digits) == 8 and _AFTER_CODE.search(before) and not _NO_CODE.search(before):
        return True
    return _is_named(before) or (len(run.digits) == 4 and bool(_FOUR_READ_OUT.search(before)))


def _is_named(before: str) -> bool:
    return bool(_A_CODE_IS.search(before)) and not _NO_CODE.search(before)


def _stands_free(bare: str, run: _Run) -> bool:
    if _INSIDE.search(bare, max(0, run.start - 6), run.start) or _GOES_ON.match(bare, run.end):
        return False
    if DATE.match(bare, run.start) or MONEY_AFTER.match(bare, run.end) or _UNIT.match(bare, run.end):
        return False
    if HOTLINE.match(run.digits):
        return False
    return not run.digits.endswith("000") or bool(_PASSWORD_SAID.search(bare, max(0, run.start - 30), run.start))


def _is_list(run: _Run) -> bool:
    """ "1 2 3 4 5 6", "38 39 40", "120 150", "113 114": each greater than the one before, two of them round or near."""
    parts = _parts(run)
    if not run.digits.isdigit():
        return False
    if set(parts) <= _CALLED_FOR_HELP:
        return True
    steps = [int(two) - int(one) for one, two in pairwise(parts)]
    if min(steps, default=0) <= 0 or (parts[0][0] == "0" and len(parts[0]) > 1):
        return False
    return len(parts) > 3 or max(steps) < 12 or len(set(steps)) < len(steps) or all(part[-1] in "05" for part in parts)


def _parts(run: _Run) -> list[str]:
    ends = list(accumulate(run.sizes))
    return [run.digits[end - size : end] for end, size in zip(ends, run.sizes, strict=True)]


def _kind(bare: str, run: _Run) -> str:
    before = bare[max(0, run.start - 60) : run.start]
    return "password" if _PASSWORD_SAID.search(before) and not _SURE.search(before) else "otp"
