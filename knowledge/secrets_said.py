"""Codes as people say them aloud: "ba con sáu", "hai mươi mốt bốn lăm", "từ một tới sáu", "ba số đầu 339".

Only right behind a word for a code, a password, an ID or an account: elsewhere such words count things. Works on text
that is already lower case, without marks and with ASCII digits. Plain runs of digits in words are others' work.
"""

import re
from collections.abc import Iterator

from knowledge.digits import NUMERAL, Span

_VALUE = rf"(?:{NUMERAL}|muoi|nham|zero|\d{{1,4}})"
_RUN = re.compile(
    rf"(?<![a-z\d.,/])(?:{NUMERAL}|muoi|\d{{1,2}})(?:[ ,.\-]{{1,3}}(?:(?:(?:con|chu) so|con|so|chu|cai|le|linh|tram|"
    rf"roi|toi|xong) )?{_VALUE}){{1,24}}(?![a-z\d/]|[.,]\d)"
)
_SPECIAL = re.compile(r"(?<![a-z])(?:con|so|chu|cai|le|linh|muoi|nham|tram)(?![a-z])")
_REPEATED = re.compile(
    rf"(?P<times>{NUMERAL}|muoi|\d{{1,2}}) (?:(?:con|chu) so|con|so|chu|cai) (?P<digit>{NUMERAL}|\d)(?![a-z\d])"
)
_TIMES = dict(
    zip(["khong", "mot", "hai", "ba", "bon", "nam", "sau", "bay", "tam", "chin", "muoi"], range(11), strict=True)
)
_TENS = re.compile(rf"(?:{NUMERAL} )?muoi(?: (?:{NUMERAL}|nham))?")
_WORD = re.compile(r"[a-z]+|\d+")
_JOINTS = {"con", "so", "chu", "cai", "tram", "roi", "toi", "xong"}
_CUE = re.compile(
    r"(?<![a-z])(?:(?P<otp>otp|o te pe|so(?: [a-z]+){0,3} (?:gui|nhan|doc)|mxn|mxt|code|ma|day so|doc)|"
    r"(?P<password>pin|mk|mat khau|pass(?:word|code)?|"
    r"mat ma|pw|khoa)|(?P<id_number>cccd|cmnd|cmt|can cuoc|cc|chung minh|dinh danh)|(?P<account_number>stk|tk|"
    r"tai khoan))(?![a-z])(?P<words>[^\d\0\n.;?!]{0,40})$"
)
_LEAST = {"otp": 4, "password": 3, "id_number": 9, "account_number": 8}
_CODE_AFTER = re.compile(r" ?,? (?:la )?(?:cai )?(?:ma(?= (?:do|nay|gi|xac|otp|dang))|otp|pin|so otp)(?![a-z])")
_NOT_CODE = re.compile(
    r"(?<![a-z])(?:don|ho so|hs|khach hang|kh|gia|tien|phi|ve|buu|van don|loi|xa|tinh|sdt|dien thoai|hotline|goi|"
    r"so nguoi|khoang|gan|hon|tuoi|nam|ngay|lop|to|ap|phuong|quan)(?![a-z])"
)
_COUNTS = re.compile(
    r" ?(?:tuoi|nguoi|ngan|nghin|trieu|ty|ti|tram|dong|k|lan|phut|gio|ngay|thang|nam|giay|ky tu|ki tu|chu|so|met|cay|"
    r"ky|kg|cai|con|bua|tieng|dua|lop|ap|buoc|cap|muc)(?![a-z])"
)
_IS_TALK = re.compile(  # "6 số không tới", "4 số từ ngân hàng"
    r"(?<=so khong) (?!nha|nhe|nghe|a(?![a-z])|do(?![a-z])|ma(?![a-z])|chua|hoai)[a-z]|(?<=so tu)(?![a-z])|"
    r"(?<=\d so khong)"
)
_SENDER = re.compile(r"tu so \d{3,}")  # from number 8188
_RANGE = re.compile(
    r"(?<![a-z])(?:pin|mk|mat khau|pass(?:word|code)?|mat ma|khoa)(?: [a-z]+){0,5}? "
    r"(?:la )?(?P<code>(?:tu )?(?:mot|1|khong|0) (?:toi|den|qua) (?:so )?(?:sau|bay|tam|chin|muoi|[4-9]))(?! (?:chu|"
    r"ky|ki|so|lan))(?![a-z\d])"
)
_HALVES = re.compile(
    rf"(?P<one>(?:{_VALUE} ?){{1,4}}) ?,? ?(?:va |con |roi )?(?:3|ba|4|bon|2|hai) so (?:sau|cuoi|ke)(?: la)?[ :]{{1,2}}"
    rf"(?P<two>\d{{2,4}}|{NUMERAL}(?: {NUMERAL}){{1,3}}|\0+)(?![\w/]|[.,]\d)"
)
_FIRST_HALF = re.compile(r"(?<![a-z])(?:3|ba|4|bon|2|hai) so (?:dau|truoc)(?: la)?[ :]{1,2}")


def said_aloud(bare: str) -> Iterator[Span]:
    for match in _RUN.finditer(bare):
        if _SENDER.fullmatch(match[0]):
            continue
        if not _SPECIAL.search(match[0]) or _COUNTS.match(bare, match.end()) or _IS_TALK.match(bare, match.end()):
            continue
        if kind := _kind(bare, match):
            yield *match.span(), kind
    for match in _RANGE.finditer(bare):
        yield *match.span("code"), "password"
    for first in _FIRST_HALF.finditer(bare):
        if halves := _HALVES.match(bare, first.end()):
            yield *halves.span("one"), "otp"
            if "\0" not in halves["two"]:
                yield *halves.span("two"), "otp"


def _kind(bare: str, run: re.Match[str]) -> str | None:
    cue, size = _CUE.search(bare[max(0, run.start() - 60) : run.start()]), _size(run[0])
    if not cue or _NOT_CODE.search(cue["words"]):
        return "otp" if size in (5, 6) and _CODE_AFTER.match(bare, run.end()) else None
    return next((kind for kind, least in _LEAST.items() if cue[kind] and least <= size <= 19), None)


def _size(said: str) -> int:
    """How many digits: "ba con sáu" is 3, "hai mươi mốt" 2, "lẻ năm" 2."""
    repeated = sum(_times(match["times"]) for match in _REPEATED.finditer(said))
    rest = _REPEATED.sub(" ", said)
    tens = 2 * len(_TENS.findall(rest))
    rest = _TENS.sub(" ", rest)
    return repeated + tens + sum(len(w) if w.isdigit() else 1 for w in _WORD.findall(rest) if w not in _JOINTS)


def _times(said: str) -> int:
    return int(said) if said.isdigit() else _TIMES.get(said, 4 if said == "tu" else 5 if said == "lam" else 1)
