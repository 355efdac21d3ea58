"""Which numbers in a text are ID, card or account numbers, and which are phones, amounts, dates and codes.

Works on text that is already lower case, without marks and with ASCII digits. Never changes a text, never raises.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

Span = tuple[int, int, str]  # start, end, kind

NUMERAL = r"(?:khong|mot|hai|ba|bon|tu|nam|lam|sau|bay|tam|chin)"
SPOKEN = re.compile(rf"\b{NUMERAL}(?:[ ,.\-]{{1,3}}{NUMERAL}){{3,18}}\b")
MONEY_AFTER = re.compile(
    r"\s?(?:d|dong|vnd|usd|trieu|nghin|ngan(?! (?:vay|qua|the|ngun|hon|hang))|ty|ti|diem|dg)(?![a-z0-9])|(?:k|tr|m|%|"
    r"mah|tk)(?![a-z0-9])|"
    r"[.,]\d{3}(?!\d)|[ ]?(?:%|₫|mah|x{2,}|\*{2,})"
)
HOTLINE = re.compile(r"1[89]00(?:\d{4}|\d{6})?$")
DATE = re.compile(r"(?:[0-3]?\d[./\-][01]?\d[./\-](?:19|20)?\d\d|[01]?\d[./\-](?:19|20)\d\d)(?!\d)")
_GROUP = re.compile(r"\d+")
_CHAIN_GAP = re.compile(r" {1,2}|[.\-_]| - ")
_ID_WORD = re.compile(
    r"(?:(?<![a-z])cc(?= )|c\.?c\.?c\.?d|cmnd|cmt(?:nd)?|cmdd|can ?cuoc|chung ?minh|dinh ?danh|gplx|bang lai|"
    r"giay phep lai xe)(?![a-z])(?P<words>[^\d\0\n]{0,40})$"
)
_ACCOUNT_WORD = re.compile(
    r"(?<![a-z])(?:(?P<sure>s\.?t\.?k|so ?tk|so tai khoan|so tai khoang|so t\.?khoan|account number|acc no)|tk|"
    r"tai khoan|account|acc)(?![a-z])"
    r"(?P<words>[^\d\0\n]{0,45})$"
)
_BANK = (
    r"(?:vietcombank|vcb|vietinbank|vietin|ctg|bidv|agribank|agri|agr|techcombank|tcb|mb ?bank|mb|acb|sacombank|"
    r"scb|stb|tpbank|"
    r"tpb|vpbank|vpb|vib|shb|hdbank|ocb|msb|seabank|eximbank|lpbank|lienviet|namabank|vietbank|kienlongbank|"
    r"vbsp|viet ?capital|bvbank|ban viet|abbank|bac ?a ?bank|pvcombank|ncb|saigonbank|shinhan|dong ?a(?: ?bank)?|"
    r"baoviet|"
    r"vietabank|pgbank|hsbc|uob|timo|cake|nong nghiep|ngan hang)"
)
_ACCOUNT_SAID = re.compile(r"(?<![a-z])(?:s\.?t\.?k|tk|tai khoan)(?![a-z])")
_ACCOUNT_SURE = re.compile(
    rf"(?<![a-z])(?:s\.?t\.?k|so ?tk|so tai khoan)[\s:.=\-]{{0,4}}(?:la|nay|momo|{_BANK})?[\s:]{{0,2}}$"
)
_BANK_BEFORE = re.compile(
    rf"(?<![a-z]){_BANK}(?![a-z])(?:[ :,.\-()]{{1,3}}(?:so|la|cua|toi|em|chi nhanh|bank|no|vao)\b)*[ :,.\-()]{{0,3}}$"
)
_BANK_AFTER = re.compile(rf"(?: ?[,\-:(/.]? ?)(?:(?:ngan hang |nh |tai |o |cua )?{_BANK}|(?:la )?stk)(?![a-z])")
_NOT_ID = re.compile(
    r"(?<![a-z])(?:goi|lien he|lh|hotline|sdt|so dien thoai|dien thoai|dt|tong dai|so tien|tien|phi|gia|ma|ho so|don|"
    r"zalo|"
    r"otp|pin|ngay|nam)(?![a-z])|[+]"
)
_DIGITS_OF_ID = re.compile(r"\b(?:9|10|12) (?:chu )?so\b")
_ID_LOOSE = re.compile(
    r"(?:c\.?c\.?c\.?d|cmnd|can ?cuoc|dinh ?danh|"
    r"(?<![a-z])cc(?= ))(?![a-z])[^\d\0\n]{0,30}(?P<number>(?<!\d)0(?:[ .\-]{0,3}\d){11})(?![ .\-]{0,3}\d)"
)
_NOT_SURE_ACCOUNT = re.compile(
    r"(?<![a-z])(?:goi|lien he|lh|hotline|sdt|so dien thoai|dien thoai|dt|tong dai|tru|so du|sd|so tien|otp|pin|zalo|"
    r"(?<!nhan )(?<!lanh )tien|"
    r"ngay|luc|don|ho so|vneid|dvc)(?![a-z])|[+]"
)
_LETTERED = re.compile(
    r"(?<![a-z])(?:s\.?t\.?k|tk|tai khoan)(?![a-z])[^\d\0\n]{0,25}?(?P<number>(?<![a-z0-9])\d{2,4}[a-z]{1,2}\d{6,10}|"
    r"\d{3,4} [a-z]{1,2} ?\d[\d ]{5,10}\d)(?!\w)"
)
_LENDING = re.compile(r"(?<![a-z])(?:vay|muon|gui tiet kiem|tra gop|lai)(?![a-z])[^\d\0]{0,30}$")
_NOT_ACCOUNT = re.compile(
    r"(?<![a-z])(?:goi|lien he|lh|hotline|sdt|so dien thoai|dien thoai|dt|tong dai|tru|mat|con lai|so du|sd|rut|"
    r"nap|phi|gia|"
    r"so tien|tien|ngay|luc|nam|don|ma|ho so|zalo|otp|pin|gui|vneid|dvc|dang nhap|momo|facebook|fb|them|"
    r"duoi)(?![a-z])|[+]"
)
_CODE_WORD = re.compile(
    r"(?<![a-z])(?:(?:ma|so) (?:don(?: hang)?|van don|gd|giao dich|ho so|hs|khach hang|kh|buu gui|hoa don|"
    r"bien lai|danh ba|"
    r"bien nhan|tham chieu|the bhyt|bhyt|bhxh|bao hiem|hop dong|hd|cong to|dong ho|thue|chung tu|phieu)|"
    r"don|van don|"
    r"buu gui|buu pham|hoa don|ma gd|mst|ma so thue|ref|order|ft|serial|seri|imei|ma vach|so khung|"
    r"so may|hop dong|bien lai|"
    r"giao dich|bhxh|"
    r"bhyt|danh ba|ma tra cuu|tra cuu|buu kien|ma bhxh|so so)(?![a-z])[\s:.#,()\-]*(?:(?!cccd|cmnd|cmt|the|can|"
    r"chung|dinh|stk|tk|vao)[a-z]+\b[\s:.#]*){0,4}$"
)
_PHONE_WORD = re.compile(
    r"(?<![a-z])(?:sdt|so dt|dt|dien thoai|phone|tel|hotline|goi|zalo|lien he|lh|alo)(?![a-z])[\s:.,()\-]*"
    r"(?:(?:so|la|cua|toi|em|minh|tui|cho|con|qua)\b[\s:.]*){0,4}$"
)
_MONEY_BEFORE = re.compile(
    r"(?:[+]|(?<![a-z])(?:so tien|tien|gia|phi|tong|no|rut|nap|so du|mat|tru|cong|thanh toan|tri gia)[ :]*(?:la|"
    r"khoang|hon|gan)?[ :]*[+\-]?)$"
)
_LINK = re.compile(r"(?:https?://|www\.|(?<![a-z0-9\-])[a-z0-9\-]+\.(?:vn|com|net|me|org|info|page)/)\S*")
_MOBILE = re.compile(r"0[235789]\d{8,9}")
_CITIZEN = re.compile(r"0\d\d[0-3]\d{8}")


_LONGEST = 19  # digits of the longest card number, so groups too


@dataclass(frozen=True, slots=True)
class _Number:
    """One number as written, its groups joined: where it stands and what is around it."""

    start: int
    end: int
    digits: str
    sizes: tuple[int, ...]  # digits of each group
    gap: str  # what stands between the groups, "" for one group


_PASSPORT = re.compile(
    r"(?<![a-z])(?:ho chieu|passport)(?![a-z])[^\d\0\n]{0,30}?(?P<number>(?<![a-z0-9])[a-z] ?\d{7,8})(?!\d)"
)


def numbers(bare: str) -> Iterator[Span]:
    for passport in _PASSPORT.finditer(bare):
        yield *passport.span("number"), "id_number"
    for loose in _ID_LOOSE.finditer(bare):
        yield *loose.span("number"), "id_number"
    for lettered in _LETTERED.finditer(bare):
        yield *lettered.span("number"), "account_number"
    for match in SPOKEN.finditer(bare):
        words = _WORD.findall(match[0])
        if len(words) >= 9 and not (len(words) == 10 and words[0] == "khong"):
            yield *match.span(), "id_number"
    links = [match.span() for match in _LINK.finditer(bare)]
    for chain in _chains(bare):
        at, named = 0, bool(_ID_WORD.search(bare[max(0, chain[0].start() - 40) : chain[0].start()]))
        while at < len(chain):
            number, taken = _take(chain[at:], named)
            at += taken
            kind = _kind(bare, number, any(start <= number.start < end for start, end in links))
            if kind:
                yield number.start, number.end, kind


_WORD = re.compile(r"[a-z]+")


def _chains(bare: str) -> Iterator[list[re.Match[str]]]:
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


def _take(groups: list[re.Match[str]], named_id: bool) -> tuple[_Number, int]:
    """The number that starts at the first group and how many groups it takes; a whole chain if nothing fits.

    Groups that could be a phone number and a rest (0901 234 567 12) are no ID number unless an ID word stands before.
    """

    def number(count: int) -> _Number:
        first, last = groups[0], groups[count - 1]
        gap = first.string[first.end() : groups[1].start()].strip() or " " if count > 1 else ""
        sizes = tuple(len(group[0]) for group in groups[:count])
        return _Number(first.start(), last.end(), "".join(group[0] for group in groups[:count]), sizes, gap)

    if len(groups[0][0]) >= 9 and not (len(groups[0][0]) == 9 and len(groups) > 1 and len(groups[1][0]) == 3):
        return number(1), 1
    windows = [number(count) for count in range(1, min(len(groups), _LONGEST) + 1)]
    singles = set(windows[-1].sizes) == {1}
    for window in reversed(windows):
        size = len(window.digits)
        if size in (16, 19) and min(window.sizes) >= 3 and (_luhn(window.digits) or window.digits.startswith("9704")):
            return window, len(window.sizes)
        if size != 12 or not _CITIZEN.fullmatch(window.digits):
            continue
        if named_id or singles or (min(window.sizes) >= 2 and 10 not in _running(window.sizes)):
            return window, len(window.sizes)
    for window in windows:
        if len(window.digits) == 10 and _MOBILE.fullmatch(window.digits):
            return window, len(window.sizes)
    if len(groups[0][0]) >= 7 and not all(len(group[0]) < 7 for group in groups[1:]):
        return number(1), 1
    return number(len(groups)), len(groups)


def _running(sizes: tuple[int, ...]) -> set[int]:
    total, sums = 0, set[int]()
    for size in sizes:
        total += size
        sums.add(total)
    return sums


def _kind(bare: str, number: _Number, in_link: bool) -> str | None:
    size = len(number.digits)
    if size < 6 or DATE.fullmatch(bare, number.start, number.end):
        return None
    before, written = bare[max(0, number.start - 70) : number.start], bare[number.start : number.end]
    before = _DIGITS_OF_ID.sub("so", before)
    citizen = size == 12 and bool(_CITIZEN.fullmatch(number.digits))
    identity = _ID_WORD.search(before)
    named_id = bool(identity and not _NOT_ID.search(identity["words"]))
    attached = re.search(r"(?:[a-z][a-z0-9]*[.\-_/]?|\d[./_])$", before)
    if attached and not (named_id or re.search(r"(?<![a-z0-9])(?:cccd|cc|so|stk|tk|la|the|card)[.\-_/]?$", before)):
        return "id_number" if citizen and re.search(r"[a-z]$", before) is None and not before.endswith("/") else None
    if in_link or (before.endswith("+") and not citizen):
        return "id_number" if citizen else None
    if MONEY_AFTER.match(bare, number.end) and not number.digits.startswith("0"):
        return None
    sure_account, card = _ACCOUNT_SURE.search(before), _is_card(before, number)
    if sure_account or (_is_account(bare, before, number) and not (card or named_id or citizen)):
        return "account_number"
    if card:
        return "card_number"
    return "id_number" if _is_id(before, written, number, named_id, citizen) else None


def _luhn(digits: str) -> bool:
    doubled = (int(digit) * (1 + place % 2) for place, digit in enumerate(reversed(digits)))
    return sum(value - 9 if value > 9 else value for value in doubled) % 10 == 0


_CARD_WORD = re.compile(
    r"(?<![a-z])(?:so the|the (?:atm|visa|master|ngan hang|tin dung|ghi no|napas|jcb)|card|visa|mastercard|"
    r"the)(?![a-z])"
    r"[^\d\0\n]{0,30}$"
)


def _is_card(before: str, number: _Number) -> bool:
    size = len(number.digits)
    if not 13 <= size <= 19:
        return False
    named = bool(_CARD_WORD.search(before)) and not re.search(r"bhyt|bao hiem|cao|dien thoai", before[-40:])
    if named or (size in (16, 19) and number.digits.startswith("9704")):
        return True
    stamp = size == 14 and re.match(r"20\d\d(?:0[1-9]|1[0-2])[0-3]\d", number.digits)
    zero = number.digits.startswith("0")  # no card issuer's number does
    return _luhn(number.digits) and not (zero or stamp or _CODE_WORD.search(before))


def _is_account(bare: str, before: str, number: _Number) -> bool:
    size = len(number.digits)
    if not 6 <= size <= 19 or HOTLINE.match(number.digits):
        return False
    phone = bool(_MOBILE.fullmatch(number.digits))
    thousands = number.gap == "." and set(number.sizes[1:]) == {3} and number.sizes[0] <= 3
    word = _ACCOUNT_WORD.search(before)
    if word and word["sure"] and size >= 8 and not (phone or thousands or _NOT_SURE_ACCOUNT.search(word["words"])):
        return True
    if number.sizes[:2] == (4, 4) and len(number.sizes) > 2 and not phone and _ACCOUNT_SAID.search(bare):
        return not _CODE_WORD.search(before)
    if word and not _NOT_ACCOUNT.search(word["words"]):
        return bool(word["sure"]) or not (thousands and not number.digits.startswith("0"))
    if size < 8 or thousands or _PHONE_WORD.search(before) or _CODE_WORD.search(before) or _MONEY_BEFORE.search(before):
        return False
    if _LENDING.search(before) and number.digits.endswith("0000"):
        return False
    if _BANK_BEFORE.search(before) and not re.match(r" ?stk", bare[number.end : number.end + 4]):
        return not phone or bool(re.search(r"\b(?:ck|chuyen|stk|tk|vao)\b", before))
    return bool(_BANK_AFTER.match(bare, number.end)) and not number.digits.startswith("1800")


def _is_id(before: str, written: str, number: _Number, named: bool, citizen: bool) -> bool:
    size, phone = len(number.digits), bool(_MOBILE.fullmatch(number.digits))
    if named and 9 <= size <= 13 and not phone:
        return True
    if citizen:
        return True
    if size not in (9, 12) or _CODE_WORD.search(before) or _PHONE_WORD.search(before) or _MONEY_BEFORE.search(before):
        return False
    if number.digits.startswith(("113", "114", "115")) and number.gap:
        return False
    if re.match(r"1[89]00|84", number.digits) and size == 9 + 2 * number.digits.startswith("84"):
        return False
    if number.gap:
        plain = set(number.sizes) == {3} or set(number.sizes) == {1}
        money = not number.digits.startswith("0") and (number.gap == "." or number.digits.endswith("000"))
        return plain and not money
    return not (number.digits.endswith("000") and not number.digits.startswith("0") and written.isdigit())
