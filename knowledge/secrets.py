"""Masks what must never be stored: one-time codes, ID, card and account numbers, passwords, PINs.

Knows how Vietnamese residents type them (no marks, teencode, spaced digits, digits in words). Leaves what the team
needs: phone numbers, amounts, dates, dossier and customer codes, hotlines. Rules first; numbers that they leave are
judged by learned weights (`knowledge.judge`). Never logs, never raises, never keeps what it masked.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from knowledge.codes import by_surroundings
from knowledge.digits import DATE, HOTLINE, MONEY_AFTER, NUMBERED, NUMERAL, PHONE, Span
from knowledge.judge import the_judge
from knowledge.numbers import numbers
from knowledge.secrets_mixed import mixed
from knowledge.secrets_near import in_one_sentence
from knowledge.secrets_said import said_aloud
from knowledge.secrets_words import MAT_KHAU, plain_words
from knowledge.six_digits import six_digits
from knowledge.text import strip_marks

MASKS = {
    "otp": "[đã che mã OTP]",
    "password": "[đã che mật khẩu]",
    "cvv": "[đã che mã CVV]",
    "card_number": "[đã che số thẻ]",
    "id_number": "[đã che số căn cước]",
    "account_number": "[đã che số tài khoản]",
}


@dataclass(frozen=True, slots=True)
class Redacted:
    text: str
    found: tuple[str, ...]


def redact(text: str) -> Redacted:
    """`found` holds each kind once, in order of first finding. `text` comes back untouched when nothing is found.

    Masking changes distances, which can bring another number near its keyword: hence the loop, which ends because
    every round masks at least one more character. So redact(redact(x)) is redact(x).
    """
    masked, found = text, list[str]()
    while spans := _secrets(composed := unicodedata.normalize("NFC", masked)):
        pieces, at = [], 0
        for start, end, kind in spans:
            pieces += [composed[at:start], MASKS[kind]]
            at = end
            if kind not in found:
                found.append(kind)
        masked = "".join(pieces) + composed[at:]
    return Redacted(masked, tuple(found))


def views(text: str) -> tuple[str, str]:
    """A composed text as it is matched: in lower case, and without marks too; both as long as the text."""
    bare = _MASK.sub(lambda mask: "\0" * len(mask[0]), text).translate(_BARE)
    return (lower if len(lower := text.lower()) == len(text) else bare), bare


def _secrets(text: str) -> list[Span]:
    shown, bare = views(text)
    numbered = NUMBERED.search(bare)
    if not (numbered or _PASSWORD_WORD.search(bare)):
        return []
    spans = [*_codes(bare), *six_digits(shown, bare), *numbers(shown, bare)] if numbered else []
    spans += _passwords(text, bare)
    if not spans:  # what only its surroundings tell is asked about what is left
        spans = [
            *by_surroundings(shown, text, bare, numbered=bool(numbered)),
            *in_one_sentence(shown, bare),
            *said_aloud(bare),
            *mixed(bare),
            *plain_words(text, shown, bare),
        ]
    merged = list[Span]()
    for start, end, kind in sorted(spans, key=lambda span: span[0]):
        if merged and start < merged[-1][1]:
            first, last, older = merged.pop()
            merged.append((first, max(last, end), older))
        else:
            merged.append((start, end, kind))
    return merged or (the_judge().secrets(shown, bare) if numbered else [])


# --- the text as it is matched: same length as the original, lower case, no marks, ASCII digits ---------------------


def _bare_letters() -> dict[int, str]:
    table = {}
    for code in (*range(0x41, 0x250), *range(0x1E00, 0x1F00)):
        bare = strip_marks(chr(code)).lower()
        if len(bare) == 1:
            table[code] = bare
    table |= {0xFF10 + digit: str(digit) for digit in range(10)}
    table |= {0x1D7CE + offset: str(offset % 10) for offset in range(50)}
    table |= dict.fromkeys((0xA0, 0x200B, 0x200C, 0x200D, 0x202F, 0x2060, 0xFEFF), " ")
    table |= dict.fromkeys((0x2010, 0x2011, 0x2012, 0x2013, 0x2014), "-")
    table |= dict.fromkeys((0xB7, 0x2022), ".")
    return table


_BARE = _bare_letters()
_MASK = re.compile("|".join(re.escape(mask) for mask in MASKS.values()))
_DIGIT = re.compile(r"\d")


# --- one-time codes and CVV ------------------------------------------------------------------------------------------

_CODE = (
    r"(?<!\d)(?P<code>\d{4}[ .\-]\d{4}|\d{4,8}|\d{3}[ .\-]\d{3}|\d\d(?:[ .\-]\d\d){1,3}|\d(?:[ .,\-]{1,2}\d){3,7}"
    rf"|{NUMERAL}(?:[ ,.\-]{{1,3}}{NUMERAL}){{3,7}}(?![a-z]))(?!\d)"
)
_END = r"[\s:=.,()\-><\"'*#/;]{0,4}"
_OTP = (
    r"(?<![a-z])(?:(?:ma |so )?(?:o[. ]?t[. ]?p|o te pe|opt|mxn|mxt|mxm)|ma (?:so )?(?:xac ?(?:nhan|thuc|minh)|"
    r"kich hoat|dang nhap|vao app|code|bao mat)|(?:verification|security|confirmation|login|access) code|"
    r"one[- ]time (?:password|code))(?![a-z])"
)
_NOT_CODE = (
    r"(?:tru|nam|phi|gia|tien|ho|don|cccd|cmnd|cmt|sdt|hotline|dai|dau|ngay|goi|mat|sau|trong|so tien|stk|soan|"
    r"pb|pe|pa)"
)
_WORDS = rf"(?:[ ,:()\-_'\"/]{{1,3}}(?!{_NOT_CODE}\b)[a-z]+){{0,8}}?"
_SAID = re.compile(_OTP)
_CODE_AFTER = re.compile(rf"(?<!soan )(?<!nhan tin ){_OTP}(?P<words>{_WORDS}){_END}{_CODE}")
_CODE_LATER = re.compile(rf"{_OTP}[^\0]{{1,160}}?\b(?:la|is|otp|ma|code)[ :=]{{1,3}}{_CODE}")
_CODE_BEFORE = re.compile(
    rf"{_CODE}\s*(?:[(\-:,=]|la|is|as|day la|chinh la|chac la)\s*(?:your |so |cai |the )?(?:[a-z]+ )?{_OTP}"
)
_YEAR_THEN = re.compile(r"(?:19|20)\d\d ?[:,\-]")
_FROM = re.compile(r"(?<![a-z])tu (?:dau )?so \Z")  # "tin nhắn OTP từ số 8188": who sends
_MILLIONS = re.compile(r"[1-9]\d{3}000")  # no code has seven digits
_CODE_FOLLOWS = re.compile(r"[^\d\0]{0,60}(?:\d{4,8}(?!\d)|\0)")  # "1022: mã OTP 317645": who sends, then the code
_CVV = re.compile(
    r"(?<![a-z])(?:cvv2?|cvc2?|ccv|ma bao mat(?: the)?|ma bao mat (?:3|ba) so|(?:ma|"
    r"so) (?:o )?(?:mat )?sau (?:lung )?(?:the|lung)|sau lung(?: the)?|(?:3|ba) (?:chu )?so (?:o )?(?:mat |phia |"
    r"dang )?sau(?: the)?)(?![a-z0-9])"
    rf"(?:[ ,:()\-/]{{1,3}}(?:[a-z]+|[34](?= (?:chu )?so))){{0,6}}?{_END}"
    r"(?P<code>\d{3,4}|\d(?:[ .\-]\d){2,3})(?![.,]?\d)"
)


def _codes(bare: str) -> Iterator[Span]:
    said = _SAID.search(bare)  # each of the three has it
    phones = [match.span() for match in PHONE.finditer(bare)] if said else []
    for pattern in (_CODE_AFTER, _CODE_LATER, _CODE_BEFORE) if said else ():
        for match in pattern.finditer(bare):
            start, end = match.span("code")
            if any(first < end and start < last for first, last in phones):
                continue
            digits = _digits(match["code"])
            if (len(digits) == 4 and _FROM.search(bare, max(0, start - 20), start)) or _MILLIONS.fullmatch(digits):
                continue
            if pattern is _CODE_BEFORE and len(digits) == 4 and _CODE_FOLLOWS.match(bare, match.end()):
                continue
            if pattern is _CODE_BEFORE and _YEAR_THEN.match(bare, start):
                continue
            near = re.search(r"(?:\bla|\bis|[:=(])\s*$", bare[match.start() : start]) or len(match[0]) < 22
            short = 0 < len(digits) < 5 and pattern in (_CODE_AFTER, _CODE_LATER) and not near
            if not (short or HOTLINE.match(digits) or MONEY_AFTER.match(bare, end) or _date_or_dial(bare, start, end)):
                yield start, end, "otp"
    for match in _CVV.finditer(bare):
        if not _amount(bare, match.end("code")):
            yield *match.span("code"), "cvv"


def _digits(text: str) -> str:
    return "".join(_DIGIT.findall(text))


def _date_or_dial(bare: str, start: int, end: int) -> bool:
    """A date, or part of a longer code: 12.05.2026, H29-241121."""
    return bool(DATE.match(bare, start)) or bare[end : end + 1] == "/" or bare[start - 1 : start] == "/"


# --- passwords, passcodes, PINs --------------------------------------------------------------------------------------

_PASSWORD_WORD = re.compile(
    rf"(?<![a-z0-9])(?:(?P<sure>{MAT_KHAU}|mkhau|m\.khau|pass?word|passwd|passcode|pass ?code|pwd?|"
    r"mat ma|(?:ma )?khoa man hinh)|(?P<pass>pas(?:s(?: ?wi ?fi)?)?)|(?P<mine>mk)|(?P<pin>(?P<sure_pin>(?:ma |"
    r"so )pin|pin(?= (?:sim|the|atm)(?![a-z])))|pin))(?![a-z])"
)
_OWNER = (
    r"(?:cua|toi|tui|em|e|con|bac|minh|ba|ma|me|chong|vo|ong|chi|anh|no|vneid|app|ung dung|ngan hang|nh|bank|ong|"
    r"noi|ngoai|vcb|bidv|acb|mb|nha|ubnd|quan|co quan|truong|phong|vietcombank|agribank|vietinbank|techcombank|"
    r"sacombank|tpbank|vpbank|momo|zalo|zalopay|facebook|fb|gmail|email|mail|wifi|dang nhap|dn|tai khoan|tk|the|"
    r"atm|moi|cu|cap 2|cap2|muc 2|dvc|cong|dich vu cong|vssid|may|dien thoai|dt|sim|ky so|money|vnpt|ipay|"
    r"smart ?banking|digibank|so|hien tai|mac dinh|tam thoi|viettel|vi|rut tien|shopee|tiktok|icloud|apple|"
    r"google|dien tu|ban dau|goc|cap|lai|mang|man hinh|nay|do|cho|chinh xac|la)"
)
_BETWEEN = re.compile(
    rf"(?P<known>(?:[ ,()\-_/]{{1,2}}{_OWNER}(?![a-z0-9]))*)(?P<other>(?:[ ,()\-_]{{1,2}}(?!la\b)[a-z]+){{0,6}}?)"
    r"[ ]*(?P<link>(?:\b(?:la|laf|la2|is|thi la|day la|day ne)\b[ ]*[:=]?|[:=]+|->|=>)[\s:]*)"
)
_NEAR = re.compile(rf"(?:[ ,()\-_/]{{1,2}}{_OWNER}(?![a-z0-9])){{0,5}}[ :=.\-(\"']{{0,3}}")
_VALUE = re.compile(r"[\"'“(]?(?P<value>[^\s\0\[\"('“”]{3,64})")
_BIRTHDAY = re.compile(
    r"(?:(?:[46]|bon|sau) (?:chu )?so )?(?:(?:bien|xe|nha|ngay|nam|thang|sinh|nhat|cuoi|dau|so|dien|thoai|sdt|dt|cccd|"
    r"ten|chu|cua|toi|tui|em|con|be|chau|me|ba|ma|noi|ngoai|chong|vo|anh|chi|bac)[ ]+){1,5}(?=\S*\d)"
)
_SPACED_DIGITS = re.compile(r"\d(?:[ .\-]\d){3,11}(?!\d)|\d{2,4}(?:[ .\-]\d{2,4}){1,3}(?!\d)")
_SPOKEN_CODE = re.compile(rf"{NUMERAL}(?:[ ,.\-]{{1,3}}{NUMERAL}){{3,9}}(?![a-z])")
_UNIT = re.compile(
    r"[ ]?(?:ky tu|ki tu|kt|chu so|chu|so|lan|phut|ngay|thang|nam|gio|giay|tieng|lop|buoc|cap|loai|%|mah|dong|"
    r"vnd|trieu|tr|k|d|nguoi|cai)(?![a-z0-9])"
)
_ENDING = re.compile(
    r"[.,;!?)\"'”\s]*(?:$|\n|[.,;!?)]|(?:nha|nhe|nhen|nghen|a|ah|do|nghe|ban|em|con|thoi|roi|r|va|voi|ma|nhung|"
    r"giup|co|sdt|so|hay|ok|dc|duoc|con|bac|chu|co)\b)"
)
_NO_PASSWORD = re.compile(
    r"(?:gi|j|passcode|password|sao|dau|ai|nao|the|nhu|khong|ko|hong|hok|phai|cai|de|chu|it|toi|mat|quen|bi|sai|dung|"
    r"cua|may|gom|"
    r"duoc|dc|cu|moi|vay|ngay|hay|tu|ma|nhieu|rat|qua|yeu|manh|khoa|het|ham|thong|dien|dang|nhap|xac|nhung|trong|"
    r"tren|duoi|khac|giong|chung|rieng|bao|vneid|otp|pin|zalo|con|cho|khi|luc|neu|hoac|va|voi|thi|la|ra|vao|xong|"
    r"lam|doi|cap|gui|nguoi|viec|buoc|can|nen|lay|tao|dat|hien|van|bang|tin|anh|hinh|chua|roi|luon|cung|nua|day|"
    r"kia|nay|mot|hai|dai|ngan|kho|toan|chuoi|tuyet|xin|vui|quy|hotline|lien|goi|ghi|nho|that|gia|nhan|cong|an)"
)
_QUANTITY = re.compile(r"[\d.,]+(?:d|k|tr|trieu|vnd|dong|lan|p|h|%|mah|gb|g|m|cm|kg)?\d*")
_WORDS_AND_NUMBER = re.compile(rf"(?P<first>[a-z]+)(?: [a-z]+){{1,2}} ?\d{{2,8}}(?={_ENDING.pattern})")  # hoa sen 55
_PHONE_SAID = re.compile(r"(?<![a-z])(?:so (?:dien thoai|dt|zalo|cu|moi)|sdt|dien thoai|goi)(?![a-z])")
_DIGIT_TAIL = re.compile(r" (?=[a-z]{0,3}\d)[a-z0-9@#!$]{1,6}(?!\w)")


def _passwords(text: str, bare: str) -> Iterator[Span]:
    for word in _PASSWORD_WORD.finditer(bare):
        linked, near = _BETWEEN.match(bare, word.end()), _NEAR.match(bare, word.end())
        span = _password_value(text, bare, linked.end(), word, linked) if linked else None
        if span is None and near:
            span = _password_value(text, bare, near.end(), word, None)
        if span:
            yield span


def _password_value(text: str, bare: str, at: int, word: re.Match[str], linked: re.Match[str] | None) -> Span | None:
    if linked and (hint := _BIRTHDAY.match(bare, at)):
        at = hint.end()
    for pattern in (_SPACED_DIGITS, _SPOKEN_CODE):
        spaced = pattern.match(bare, at)
        if (
            spaced
            and len(_digits(spaced[0])) not in (1, 2, 3)
            and (not DATE.match(bare, at) or re.fullmatch(r"\d\d\.\d\d\.\d\d", spaced[0]))
            and not (_amount(bare, spaced.end()) or (linked is None and PHONE.match(bare, at)))
        ):
            return (*spaced.span(), "password")
    match = _VALUE.match(bare, at)
    if not match or (linked is None and PHONE.match(bare, at)):
        return None
    start, end = match.span("value")
    while end > start and bare[end - 1] in ".,;:!?)”":
        end -= 1
    value = bare[start:end]
    words = _WORDS_AND_NUMBER.match(bare, at) if linked else None
    if words and not (_NO_PASSWORD.fullmatch(words["first"]) or _amount(bare, words.end())):
        return (*words.span(), "password")
    if not _looks_secret(text[start:end], value, bare, end, word, linked):
        return None
    if linked and value.isalpha() and (tail := _DIGIT_TAIL.match(bare, end)):
        end = tail.end()
    return start, end, "password"


def _amount(bare: str, end: int) -> bool:
    return bool(_UNIT.match(bare, end) or MONEY_AFTER.match(bare, end))


def _looks_secret(
    shown: str, value: str, bare: str, end: int, word: re.Match[str], linked: re.Match[str] | None
) -> bool:
    """Whether the token after a password word is a password: `shown` as typed, `value` without marks."""
    if len(value) < 3 or value.startswith(("http", "www.", "<", "***", "...")) or "://" in value:
        return False
    has_digit = any(c.isdigit() for c in value)
    has_letter = any(c.isalpha() for c in value)
    if value.isdigit():
        if len(value) < 4 or _amount(bare, end) or (HOTLINE.match(value) and not linked):
            return False
        if linked and re.fullmatch(r"0\d{9}", value) and _PHONE_SAID.search(bare, linked.start(), end):
            return False
        if linked:
            return not (word["mine"] and re.fullmatch(r"19\d\d|20[0-2]\d", value))
        if re.fullmatch(r"0\d{9,10}|20[0-3]\d", value) or (word["mine"] and re.fullmatch(r"19\d\d", value)):
            return False
        return not (word["pin"] and not word["sure_pin"] and value.endswith("00"))
    if word["pin"] and not word["sure_pin"]:
        return bool(linked) and has_digit and has_letter and not MONEY_AFTER.search(value)
    if DATE.fullmatch(value) or _QUANTITY.fullmatch(value):
        return False
    special = any(not c.isalnum() for c in value.strip("-/")) and not re.fullmatch(r"[a-z]+(?:[-/,.][a-z]+)+", value)
    if (has_digit and has_letter) or (special and (has_digit or has_letter)):
        return bool(linked) or has_digit or "@" in value or "#" in value
    if not (linked and shown.isascii() and value.isalpha()) or _NO_PASSWORD.fullmatch(value):
        return False
    typed = any(sign in linked["link"] for sign in ":=>")
    if not typed and (shown != value or (word["mine"] and not (linked["known"] or len(value) >= 8))):
        return False
    return len(value) >= 5 and not linked["other"] and bool(_ENDING.match(bare, end))
