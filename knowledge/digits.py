"""How digits are written: money, dates, phone numbers, hotlines, and groups of digits that are one number.

Works on text that is already lower case, without marks and with ASCII digits. Never says what a number is for.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

Span = tuple[int, int, str]  # start, end, kind
NUMERAL = (  # also as the keys of Telex and VNI are typed
    r"(?:khong|mot|hai|ba|bon|tu|nam|lam|sau|bay|tam|chin|khoong|moojt|moots?|boons?|bons|tuw|nawm|lawm|saus|"
    r"sasu|bayr|bary|tams|chins|kho6ng|mo65t|bo6n|na8m|sa1u|ba3y|ta1m|chi1n)"
)
FOREIGN_NUMERAL = r"(?:zero|one|two|three|four|five|six|seven|eight|nine)"
NUMBERED = re.compile(  # a digit, or several in words
    rf"\d|\b{NUMERAL}(?:[ ,.\-]{{1,3}}(?:(?:con|so|cai|le|linh) )?(?:{NUMERAL}|muoi|tram)){{2}}\b|"
    rf"\b{FOREIGN_NUMERAL} {FOREIGN_NUMERAL}\b"
)
MONEY_AFTER = re.compile(
    r"\s?(?:d|dong|vnd|usd|trieu|nghin|ngan(?! (?:vay|qua|the|ngun|hon|hang))|ty|ti|diem|dg)(?![a-z0-9])|(?:k|tr|"
    r"m|%|mah|tk)(?![a-z0-9])|[.,]\d{3}(?!\d)|[ ]?(?:%|₫|mah|x{2,}|\*{2,})"
)
HOTLINE = re.compile(r"(?:1[89]00(?:\d{4}|\d{6})?|1022|1407|1408|1414|5656)$")
DATE = re.compile(r"(?:[0-3]?\d[./\-][01]?\d[./\-](?:19|20)?\d\d|[01]?\d[./\-](?:19|20)\d\d)(?!\d)")
PHONE = re.compile(
    r"(?<![\do])(?:(?:\+?84|0084|\(\+?84\))[ .\-]?(?:\(0\)[ .]?)?|[0o])[ .\-]?[235789](?:[ .,\-]?\d){8,9}(?!\d)|"
    r"(?<!\d)1[89]00(?:[ .]?\d){2,6}|\(0\d{2,4}\)(?:[ .\-]?\d){6,8}(?!\d)|"
    rf"(?<![a-z])khong (?:hai|ba|nam|bay|tam|"
    rf"chin)(?:[ ,.\-]{{1,3}}{NUMERAL}){{8}}(?![a-z])(?!(?:[ ,.\-]{{1,3}}{NUMERAL}){{2}})"
)
MOBILE = re.compile(r"0[235789]\d{8}|02\d{9}")
CITIZEN = re.compile(r"0\d\d[0-3]\d{8}")
SHORTEST = 6
LONGEST = 19  # digits of the longest card number, so groups too
_GROUP = re.compile(r"(?<!\d)(?!\d{1,2}/\d\d)\d+")  # no day or month: "0395 11/28"
_CHAIN_GAP = re.compile(r" {1,2}|[.\-_]| - |\n")


@dataclass(frozen=True, slots=True)
class Number:
    """One number as written, its groups joined: where it stands and what is around it."""

    start: int
    end: int
    digits: str
    sizes: tuple[int, ...]  # digits of each group
    gap: str  # what stands between the groups, "" for one group


def chains(bare: str) -> Iterator[list[re.Match[str]]]:
    """Runs of digit groups with one and the same short gap between them, in order."""
    chain, gap = list[re.Match[str]](), ""
    for group in _GROUP.finditer(bare):
        between = bare[chain[-1].end() : group.start()] if chain else ""
        if chain and _CHAIN_GAP.fullmatch(between) and (len(chain) == 1 or between.strip() == gap):
            gap = between.strip()
        else:
            if chain:
                yield chain
            chain = []
        chain.append(group)
    if chain:
        yield chain


def take(groups: list[re.Match[str]], named_id: bool) -> tuple[Number, int]:
    """The number that starts at the first group and how many groups it takes; a whole chain if nothing fits.

    Groups that could be a phone number and a rest (0901 234 567 12) are no ID number unless an ID word stands before.
    """

    def number(count: int) -> Number:
        first, last = groups[0], groups[count - 1]
        gap = first.string[first.end() : groups[1].start()].strip() or " " if count > 1 else ""
        sizes = tuple(len(group[0]) for group in groups[:count])
        return Number(first.start(), last.end(), "".join(group[0] for group in groups[:count]), sizes, gap)

    if len(groups[0][0]) >= 9 and not (len(groups[0][0]) == 9 and len(groups) > 1 and len(groups[1][0]) == 3):
        return number(1), 1
    if len(groups[0][0]) < 7 and sum(len(group[0]) for group in groups) < 10:
        return number(len(groups)), len(groups)
    windows = [number(count) for count in range(1, min(len(groups), LONGEST) + 1)]
    for window in reversed(windows):
        size = len(window.digits)
        if size in (16, 19) and min(window.sizes) >= 3 and (luhn(window.digits) or window.digits.startswith("9704")):
            return window, len(window.sizes)
        if size != 12 or not CITIZEN.fullmatch(window.digits):
            continue
        pairs = set(window.sizes) == {2} and len(groups) == len(window.sizes) and not is_drawn(window)
        if (
            named_id
            or pairs
            or set(window.sizes) == {1}
            or (min(window.sizes) >= 2 and 10 not in _running(window.sizes))
        ):
            return window, len(window.sizes)
    for window in windows:
        if len(window.digits) == 10 and MOBILE.fullmatch(window.digits):
            return window, len(window.sizes)
    if long := next((at for at, group in enumerate(groups) if at and len(group[0]) >= 9), 0):
        return number(long), long
    if len(groups[0][0]) >= 7 and not all(len(group[0]) < 7 for group in groups[1:]):
        return number(1), 1
    return number(len(groups)), len(groups)


def is_drawn(number: Number) -> bool:
    """Whether these are pairs in rising order, as the numbers of a lottery are shown."""
    pairs = [number.digits[at : at + 2] for at in range(0, len(number.digits), 2)]
    return set(number.sizes) == {2} and all(one < other for one, other in pairwise(pairs))


def _running(sizes: tuple[int, ...]) -> set[int]:
    total, sums = 0, set[int]()
    for size in sizes:
        total += size
        sums.add(total)
    return sums


def luhn(digits: str) -> bool:
    doubled = (int(digit) * (1 + place % 2) for place, digit in enumerate(reversed(digits)))
    return sum(value - 9 if value > 9 else value for value in doubled) % 10 == 0
