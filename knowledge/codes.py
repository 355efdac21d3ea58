"""Codes and passwords that only their surroundings tell: a number that "came to the phone", digits said in words.

Works on text that is already lower case, without marks and with ASCII digits. Never changes a text, never raises.
`knowledge.secrets` asks it after the plain forms ("OTP 482913"); what an ordinary number looks like wins.
"""

import re
from collections.abc import Iterator

from knowledge.numbers import DATE, HOTLINE, MONEY_AFTER, NUMERAL, Span

_SAID = rf"(?:{NUMERAL}|\d)"
_GAP = r"(?:[ ,.\-]{1,3}(?:(?:roi|xong|va|toi) )?)"
_NUMBER = re.compile(
    rf"(?<![\w.,/+\-])(?<!\d )(?P<code>\d{{3}} ?[ .\-] ?\d{{3}}|\d\d(?:[ .\-]\d\d){{1,3}}|{_SAID}(?:{_GAP}{_SAID}){{3,7}}|\d{{4,8}})"
    rf"(?![\w/]|[.,\-]\d| \d)(?!{_GAP}{_SAID}\b)"
)
_PHONE = re.compile(r"(?<!\d)(?:\+?84[ .\-]?|0)[235789](?:[ .\-]?\d){8,9}(?!\d)|1[89]00(?:[ .]?\d){2,6}")
_NAMED = re.compile(
    r"(?<![a-z])(?:(?:ma|so|day so|chuoi so|chu so) (?:so )?(?:xac ?(?:nhan|minh|thuc)|bi mat|bao (?:ve|mat)|khoi phuc|"
    r"unlock|mo khoa|kich hoat|dang nhap|otp|pin|puk|bin|code|truy cap|an toan|giao dich)|"
    r"otp|o te pe|mxn|mxt|smart ?otp|pass ?code|pin|puk|mat ma|mat khau|khoa man hinh)(?![a-z])"
)
_ARRIVED = re.compile(
    r"(?<![a-z])(?:(?:gui|goi|nhan|ban|bao|hien|chay|nhay|no)(?: [a-z]+){0,3} (?:ve|vo|vao|toi|qua|len)(?: [a-z]+){0,2}"
    r" (?:may|dt|dien thoai|zalo|mail|tin nhan|so)|ve may|tin nhan|nhan duoc|vua (?:nhan|gui|goi|toi|ve)|"
    r"moi (?:gui|goi|nhan|nhay|ve)|tong dai (?:gui|goi|nhan)|(?:doc|dua|cho|gui|goi|nhap|bam|dien|go)(?: [a-z]+){0,4}"
    r" (?:ma|so|code|day so)|(?:doc|nhap|bam|dien|go) (?:la|di|no|nha|nhe|ne|duoc|roi)|ma (?:nay|do|ne|so|nhan|gui|goi|la)|"
    r"cai ma|ma)(?![a-z])"
)
_OTHER = re.compile(
    r"(?<![a-z])(?:tien|gia|phi|ho so|hs|don|van don|ve so|khach hang|kh|gd|tru|con lai|tong|goi cuoc|hotline|sdt|"
    r"dt|dien thoai|di dong|loi|ngay|thang|nam|sinh|sn|so thu tu|stt|hop dong|hd|buu (?:chinh|dien|cuc|gui)|tinh|xa|phuong|"
    r"quan|ap|to|thua|ban do|chuyen|nap|rut|no|vnd|soan|bien|xe|so nha|duong|hem|lo|phong|tang|lop|mst|thue|"
    r"tong dai|vach|qr|giam|khuyen mai|danh (?:ba|bo)|hoa don|chung tu|bien (?:lai|nhan)|cong to|dong ho|bhxh|bhyt|"
    r"kenh|ban|phien ban|version|may|mau|model|nghi dinh|thong tu|luat|quyet dinh|qd|gui (?:den|toi)?|"
    r"gio|luc|tu|den|khoang|hon|gan|chi so|diem|giai|dai|zalo|tham chieu|tra cuu|vung|ma so|hang|gd)(?![a-z])[^\d\0]{0,8}$"
)
_UNIT_AFTER = re.compile(
    r"[ ]?(?:ky tu|ki tu|chu so|so|lan|phut|ngay|thang|nam|gio|giay|tieng|lop|buoc|cap|loai|%|mah|nguoi|cai|ho|"
    r"trieu|tr|ngan|nghin|k|dong|d|vnd|m2|met|km|kg|ky|con|chuc|tram|muoi|ti|ty)(?![a-z0-9])"
)
_POLITE = r"(?:da|a|ne|nha|nhe|day|vang|u|ok|oke|con|bac|co|chu|em|anh|chi|ong|ba|oi|di|do|roi|la|ma|cua|tui|toi|no)"
_BARE_ANSWER = re.compile(
    rf"\W*(?:{_POLITE}\W+){{1,5}}(?P<code>\d{{6}}|\d{{3}}[ .\-]\d{{3}}|\d(?: \d){{5}})(?<!000)(?:\W+{_POLITE}){{0,3}}\W*"
)
_CARD_BACK = re.compile(
    r"(?<![a-z])(?:cvv2?|cvc2?|mat sau|sau lung|phia sau|sau the|(?:lan|va|voi|kem|cung) (?:ca )?ma)(?![a-z])"
    r"(?:[ :,(]{1,2}(?:[34]|ba|bon|so|ghi|la|co|in|the|cua|no|con)(?![a-z0-9]))*[ :=]{1,2}(?P<code>\d{3,4})(?![\w.,/\-]*\d)"
)
_SPELT = re.compile(r"(?<![a-z])ma (?P<code>(?=[a-z0-9]*\d)(?=[a-z0-9]*[a-z])[a-z0-9]{5,8})(?![\w\-])")
_LETTERS_ASKED = re.compile(r"dat lai|khoi phuc|xac ?(?:nhan|thuc|minh)|mat khau|otp|captcha")

_PASSWORD = re.compile(
    r"(?<![a-z0-9])(?:mat ?khau|m\.?khau|mk|pass(?:w(?:ord|d)?)?|pas|pwd?|mat ma|pass ?code)(?![a-z0-9])"
)
_TOKEN = re.compile(r"(?<![^\s\"'“(:=,\-])[^\s\"'“”(),;:=\0\[\]]{5,40}")
_CODE_LIKE = re.compile(
    r"\d+[a-z%]{1,4}\d?|[a-z]{1,2}\d{8,}[a-z]{0,2}|\d\d[a-z]\d?-?[\d.]+|(?:muc|cap|buoc|lan|so|quan|phuong|to|ap|thang|iphone|"
    r"samsung|android|oppo|nokia|windows|vneid|ios|redmi|note|galaxy|phien|ban|loi|sdk|qd|tt|nd|gt|wifi|sim|the)[\-.]?\d[\w.]*|"
    r"\S+@\S+\.[a-z]{2,}|(?:https?|www)\S*|\S*/\S*|[\d.,:\-]+|\d+x\d+|\S+\.(?:vn|com|net)"
)
_QUOTED = re.compile(r"[\"“'](?P<value>[^\"”'\0]{4,40})[\"”']")


def by_surroundings(text: str, bare: str) -> Iterator[Span]:
    """Spans in order of kind, not of place; they may overlap what the plain forms found."""
    yield from _numbers(bare)
    yield from _tokens(text, bare)


def _numbers(bare: str) -> Iterator[Span]:
    phones = [match.span() for match in _PHONE.finditer(bare)]
    if alone := _BARE_ANSWER.fullmatch(bare):
        yield *alone.span("code"), "otp"
    for match in _CARD_BACK.finditer(bare):
        if "the" in bare or "visa" in bare or "cvv" in bare or "cvc" in bare or "\0" in bare:
            yield *match.span("code"), "cvv"
    for match in _SPELT.finditer(bare):
        if _LETTERS_ASKED.search(bare[max(0, match.start() - 60) : match.end() + 40]) and not _CODE_LIKE.fullmatch(match["code"]):
            yield *match.span("code"), "otp"
    for match in _NUMBER.finditer(bare):
        start, end = match.span("code")
        if any(first < end and start < last for first, last in phones) or not _may_be_code(bare, start, end):
            continue
        yield start, end, "otp"


def _may_be_code(bare: str, start: int, end: int) -> bool:
    """Named as a code close by; or of six or eight digits and said to have come, or to be read out."""
    code, before, after = bare[start:end], bare[max(0, start - 90) : start], bare[end : end + 45]
    if DATE.match(bare, start) or MONEY_AFTER.match(bare, end) or _UNIT_AFTER.match(bare, end) or HOTLINE.match(code):
        return False
    if _OTHER.search(before) or code.endswith("000"):
        return False
    size = len(re.findall(_SAID, code))
    spoken = bool(re.search("[a-z]", code))
    named = [match.end() for match in _NAMED.finditer(before)]
    if size in (6, 8):
        return bool(named or _NAMED.search(after) or _ARRIVED.search(before) or (_ARRIVED.search(after) and not spoken))
    year = code.isdigit() and re.fullmatch(r"(?:19|20)\d\d", code)
    return bool(named) and not year and len(before) - named[-1] < 32 and not re.search(r"\d", before[named[-1] :])


def _tokens(text: str, bare: str) -> Iterator[Span]:
    """Words that nobody says, near a word for password."""
    places = [match.span() for match in _PASSWORD.finditer(bare)]
    if not places:
        return
    for match in _QUOTED.finditer(bare):
        if _near(places, match.start(), before=20, after=0) and re.search(r"\d", match["value"]):
            yield *match.span("value"), "password"
    for match in _TOKEN.finditer(bare):
        start, end = match.span()
        while end > start and bare[end - 1] in ".,;:!?)-":
            end -= 1
        if _near(places, start, before=75, after=end - start + 16) and _nobody_says(text[start:end], bare[start:end]):
            yield start, end, "password"


def _near(places: list[tuple[int, int]], at: int, *, before: int, after: int) -> bool:
    return any(0 <= at - end <= before or 0 <= start - at <= after for start, end in places)


def _nobody_says(shown: str, bare: str) -> bool:
    if len(bare) < 5 or _CODE_LIKE.fullmatch(bare):
        return False
    letters, digits = sum(c.isalpha() for c in bare), sum(c.isdigit() for c in bare)
    special = any(c in "@#!$%^&*_~" for c in bare[1:])
    inner_capital = shown.isascii() and bool(re.fullmatch(r"(?:[A-Z][a-z]+){3,}", shown))
    return (letters > 2 and digits > 0) or (special and letters > 1) or inner_capital
