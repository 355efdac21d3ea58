"""Which numbers in a text are ID, card or account numbers, and which are phones, amounts, dates and codes.

Works on text that is already lower case, without marks and with ASCII digits. Never changes a text, never raises.
"""

import re
from collections.abc import Iterator

from knowledge.accounts import (
    ACCOUNT_SAID_BEFORE,
    ACCOUNT_SURE,
    CODE_WORD,
    LETTERED,
    MONEY_BEFORE,
    PHONE_WORD,
    is_account,
)
from knowledge.digits import (
    CITIZEN,
    DATE,
    HOTLINE,
    MOBILE,
    MONEY_AFTER,
    NUMERAL,
    PHONE,
    SHORTEST,
    Number,
    Span,
    chains,
    is_drawn,
    luhn,
    take,
)

SPOKEN = re.compile(rf"\b{NUMERAL}(?:[ ,.\-]{{1,3}}{NUMERAL}){{3,18}}\b")
_ID_WORD = re.compile(
    r"(?:(?<![a-z])cc(?=[ :.])|c\.?c\.?c\.?d|cmnd|cm(?= ?\d)|cmt(?:nd)?|cmdd|can ?cuoc|chung ?minh|dinh ?danh|gplx|"
    r"bang lai|"
    r"giay phep lai xe)(?![a-z])(?P<words>[^\d\0\n]{0,40})\n?$"
)
_NOT_ID = re.compile(
    r"(?<![a-z])(?:goi|lien he|lh|hotline|sdt|so dien thoai|dien thoai|dt|tong dai|so tien|tien|phi|gia|"
    r"(?<!cua )(?<!ba )ma|ho so|don|zalo|otp|pin|ngay|nam)(?![a-z])|[+]"
)
_ID_AFTER = re.compile(
    r" (?:(?:la|do la|chinh la) )(?:so |cai )?(?:cccd|cmnd|can cuoc|chung minh|dinh danh|cc)(?![a-z])"
)
_ISSUED = re.compile(r",? (?:do )?(?:cong an (?!xa|phuong)|ca tinh|cap (?:tai|ngay|nam|o|hoi|boi)|noi cap|ngay cap)")
_SIZED = re.compile(r"\b(?:9|12) (?:chu )?so(?: (?:cu|moi|la|ne))*[ :]{1,3}$")  # "9 số cũ 3635 24107"
_DIGITS_OF_ID = re.compile(r"\b(?:9|10|12) (?:chu )?so\b")
_ID_LOOSE = re.compile(
    r"(?:c\.?c\.?c\.?d|cmnd|can ?cuoc|dinh ?danh|"
    r"(?<![a-z])cc(?=[ :]))(?![a-z])[^\d\0\n]{0,30}(?P<number>(?<!\d)0(?:[ .\-]{0,3}\d){11})(?![ .\-]{0,3}\d)"
)
_LINK = re.compile(r"(?:https?://|www\.|(?<![a-z0-9\-])[a-z0-9\-]+\.(?:vn|com|net|me|org|info|page)/)\S*")
_PASSPORT = re.compile(
    r"(?<![a-z])(?:ho chieu|passport|hc(?= so))(?![a-z])[^\d\0\n]{0,30}?(?P<number>(?<![a-z0-9])[a-z] ?\d{7,8})(?!\d)"
)
_PASSPORT_SAID = re.compile(r"(?<![a-z])(?:ho chieu|passport)(?![a-z])")
_PASSPORT_NUMBER = re.compile(r"(?<![a-z0-9])[bcekmnp]\d{7}(?![\w])")
_INSURED = re.compile(  # the kinds of insured people; two letters and more are customers of the power company
    r"(?<![a-z0-9])(?<!ma )(?P<number>(?:dn|hx|ch|nn|tk|hc|xk|ht|tb|no|ct|xb|tn|cs|qn|ca|cy|xn|ms|cc|ck|cb|kc|hd|"
    r"te|bt|hn|dt|dk|xd|ts|tc|tq|ta|ty|hg|ls|pv|hs|sv|gb|gd|th|tv|td|tu|ba)\d(?:[ .\-]?\d){12})(?![\d\w])|"
    r"(?:bhyt|bao hiem(?: y te)?)(?![a-z])[^\d\0\n]{0,20}?(?<![a-z])(?P<named>(?!(?:lh|so|la|dt|"
    r"sd) )[a-z]{2} ?\d(?:[ .\-]?\d){9,12})"
    r"(?![\d\w])"
)
_WORD = re.compile(r"[a-z]+")
_ABROAD = re.compile(r"(?:\+|84 ?\(0\)|\(\+?84\) ?)\Z")
_REFERRED = re.compile(r"(?<![a-z])tham chieu(?: (?:so|la|nay|cua giao dich))*[ :]{1,2}\Z")
_CARD_WORD = re.compile(
    r"(?<![a-z])(?:so the|the (?:atm|visa|master|ngan hang|tin dung|ghi no|napas|jcb)|card|visa|master(?:card)?|"
    r"the)(?![a-z])[^\d\0\n]{0,30}$"
)


def numbers(shown: str, bare: str) -> Iterator[Span]:
    for passport in _PASSPORT.finditer(bare):
        yield *passport.span("number"), "id_number"
    if _PASSPORT_SAID.search(bare):
        for other in _PASSPORT_NUMBER.finditer(bare):
            yield *other.span(), "id_number"
    for insured in _INSURED.finditer(bare):
        yield *insured.span(insured.lastgroup or 0), "id_number"
    for loose in _ID_LOOSE.finditer(bare):
        yield *loose.span("number"), "id_number"
    for lettered in LETTERED.finditer(bare):
        yield *lettered.span("number"), "account_number"
    for match in SPOKEN.finditer(bare):
        words = _WORD.findall(match[0])
        before = bare[max(0, match.start() - 45) : match.start()]
        if len(words) >= 8 and ACCOUNT_SAID_BEFORE.search(before):
            yield *match.span(), "account_number"
        elif len(words) >= 9 and not (_is_phone(words) or (len(words) < 12 and PHONE.search(bare, *match.span()))):
            yield *match.span(), "id_number"
    links = [match.span() for match in _LINK.finditer(bare)]
    for chain in chains(bare):
        if sum(len(group[0]) for group in chain) < SHORTEST:
            continue
        at, named = 0, bool(_ID_WORD.search(bare[max(0, chain[0].start() - 40) : chain[0].start()]))
        while at < len(chain):
            number, taken = take(chain[at:], named)
            at += taken
            kind = _kind(shown, bare, number, any(start <= number.start < end for start, end in links))
            if kind:
                yield number.start, number.end, kind


def _kind(shown: str, bare: str, number: Number, in_link: bool) -> str | None:
    size = len(number.digits)
    if size < SHORTEST or HOTLINE.match(number.digits) or DATE.fullmatch(bare, number.start, number.end):
        return None
    before, written = bare[max(0, number.start - 70) : number.start], bare[number.start : number.end]
    sized = size in (9, 12) and _SIZED.search(before)
    before = _DIGITS_OF_ID.sub("so", before) if _WORD.search(before) else before[-8:]
    citizen = size == 12 and bool(CITIZEN.fullmatch(number.digits))
    identity = _ID_WORD.search(before) if 8 < size < 14 else None
    named_id = bool(identity and not _NOT_ID.search(identity["words"])) or bool(
        sized
        or _ID_AFTER.match(bare, number.end)
        or (size in (9, 12) and _ISSUED.match(bare, number.end) and not CODE_WORD.search(before))
    )
    attached = re.search(r"(?:[a-z][a-z0-9]*[.\-_/]?|\d[./_])\Z", before[-20:])
    if attached and not (named_id or re.search(r"(?<![a-z0-9])(?:cccd|cc|so|stk|tk|la|the|card)[.\-_/]?$", before)):
        return "id_number" if citizen and re.search(r"[a-z]$", before) is None and not before.endswith("/") else None
    if in_link or (_ABROAD.search(before) and not citizen):
        return "id_number" if citizen else None
    if MONEY_AFTER.match(bare, number.end) and not number.digits.startswith("0"):
        return None
    sure_account, card = ACCOUNT_SURE.search(before), _is_card(before, number)
    if size == 13 and number.digits.startswith("0084") and not (sure_account or named_id):
        return None
    if sure_account or (is_account(shown, bare, before, number) and not (card or named_id or citizen)):
        return "account_number"
    if card:
        return "card_number"
    return "id_number" if _is_id(before, written, number, named_id, citizen) else None


def _is_phone(words: list[str]) -> bool:
    """Ten numerals of a phone number, its beginning perhaps said twice: "không chín, không chín một tám ..."."""
    begun, phone = words[:-10], words[-10:]
    starts = phone[0] == "khong" and phone[1] in {"hai", "ba", "nam", "bay", "tam", "chin"}
    return starts and begun == phone[: len(begun)]


def _is_card(before: str, number: Number) -> bool:
    size = len(number.digits)
    if not 13 <= size <= 19:
        return False
    named = bool(_CARD_WORD.search(before)) and not re.search(r"bhyt|bao hiem|cao|dien thoai", before[-40:])
    if named or (size in (16, 19) and number.digits.startswith("9704")):
        return True
    if len(set(number.sizes[:-1])) > 1 and number.sizes != (4, 6, 5):  # a dossier's number: 1.001193.000.00.00
        return False
    stamp = size == 14 and re.match(r"20\d\d(?:0[1-9]|1[0-2])[0-3]\d", number.digits)
    zero = number.digits.startswith("0")  # no card issuer's number does
    return luhn(number.digits) and not (zero or stamp or CODE_WORD.search(before))


def _is_id(before: str, written: str, number: Number, named: bool, citizen: bool) -> bool:
    size, phone = len(number.digits), bool(MOBILE.fullmatch(number.digits))
    if named and 9 <= size <= 13 and not phone:
        return True
    if citizen:
        return not (is_drawn(number) or (not number.gap and _REFERRED.search(before)))
    if size not in (9, 12) or CODE_WORD.search(before) or PHONE_WORD.search(before) or MONEY_BEFORE.search(before):
        return False
    if number.gap and set(number.sizes) == {3} and all(one == "1" for one in number.digits[::3]):
        return False  # what is called for help, or blood pressures: 113 114 115, 120 135 140
    if re.match(r"1[89]00|84", number.digits) and size == 9 + 2 * number.digits.startswith("84"):
        return False
    if number.gap:
        plain = set(number.sizes) == {3} or set(number.sizes) == {1}
        money = not number.digits.startswith("0") and (number.gap == "." or re.search(r"00(?: |$)", written))
        return plain and not money
    return not (number.digits.endswith("000") and not number.digits.startswith("0") and written.isdigit())
