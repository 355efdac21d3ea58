"""Codes and passwords that only their surroundings tell: a number that "came to the phone", digits said in words.

Works on text that is already lower case, without marks and with ASCII digits. Never changes a text, never raises.
`knowledge.secrets` asks it after the plain forms ("OTP 482913"); what an ordinary number looks like wins.
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator

from knowledge.digits import DATE, FOREIGN_NUMERAL, HOTLINE, MONEY_AFTER, NUMERAL, PHONE, Span
from knowledge.number_names import called, called_after, is_of_numbers
from knowledge.secrets_words import MAT_KHAU

_SAID = rf"(?:{NUMERAL}|{FOREIGN_NUMERAL}|\d)"
_GAP = r"(?:[ ,.\-]{1,3}(?:(?:roi|xong|va|toi) )?)"
_NUMBER = re.compile(
    rf"(?<![\w.,/+\-])(?:(?<=lan \d )|(?<!\d ))(?!(?<=\d, )\d,)(?P<code>\d{{3}} ?[ .\-] ?\d{{3}}|"
    rf"\d\d(?:[ .\-]\d\d){{1,3}}|\d\d[ .\-]\d{{3}}|{_SAID}(?:{_GAP}{_SAID}){{3,7}}|\d{{4,8}})"
    rf"(?![\w/]|[.,\-]\d| \d)(?!{_GAP}\d)"
)
_NAMED = re.compile(
    r"(?<![a-z])(?:(?:ma|code|so|day so|chuoi so|chu so) (?:so )?(?:xac ?(?:nhan|minh|thuc)|bi mat|bao (?:ve|"
    r"mat)|khoi phuc|unlock|mo khoa|kich hoat|dang nhap|otp|pin|puk|bin|code|truy cap|an toan|giao dich)|"
    r"(?:verify|verification|security|confirmation|login|access) code|authenticator|(?:xac thuc|bao mat) (?:2|"
    r"hai) (?:lop|buoc)|(?:mat ?khau|mk|pass(?:word)?|pw) (?:[a-z]+ ){0,4}(?:la|:|ghi|dat|de|nhap|go)|otp|"
    r"o te pe|mxn|mxt|smart ?otp|pass ?code|pass(?:word)?|pin|puk|mat ma|mat khau|khoa man hinh)(?![a-z])"
)
_ARRIVED = re.compile(
    r"(?<![a-z])(?:(?:gui|goi|nhan|ban|bao|hien|chay|nhay|no)(?: [a-z]+){0,3} (?:ve|vo|vao|toi|qua|"
    r"len)(?: [a-z]+){0,2} (?:may|dt|dien thoai|zalo|viber|telegram|facebook|fb|e?mail|gmail|sms|tin nhan|so)|"
    r"ma (?:may|gi|bao nhieu|so may)|ve may|tin nhan|nhan duoc|vua (?:nhan|gui|goi|toi|ve)|moi (?:gui|goi|nhan|"
    r"nhay|ve)|tong dai (?:gui|goi|nhan)|(?:doc|dua|cho|gui|goi|nhap|bam|dien|go)(?: [a-z]+){0,4} (?:ma|so|code|"
    r"day so)|doc (?:cho|giup|gium|dum)(?: [a-z]+){1,2}|(?:doc|nhap|bam|dien|go) (?:la|di|no|nha|nhe|ne|duoc|"
    r"roi)|ma (?:nay|do|ne|so|nhan|gui|goi|la|no (?:ra|gui|bao|hien|cho|doi))|cai ma)(?![a-z])"
)
_OTHER = re.compile(
    r"(?<![a-z])(?:(?:tien|gia|phi|ho so|hs|don|van don|ve so|khach hang|gd|con lai|tong|goi cuoc|hotline|sdt|"
    r"dien thoai|di dong|loi|ngay|thang|sinh|sn|so thu tu|stt|hop dong|buu (?:chinh|dien|cuc|gui)|tinh|phuong|"
    r"quan|thua|chuyen|nap|rut|vnd|soan|bien|so nha|duong|hem|mst|thue|vach|giam|khuyen mai|danh (?:ba|bo)|"
    r"hoa don|chung tu|cong to|dong ho|bhxh|bhyt|kenh|phien ban|version|model|nghi dinh|thong tu|luat|quyet dinh|"
    r"khoang|chi so|giai|tham chieu|tra cuu|vung|benh nhan|benh an|sinh vien|hoc sinh|nhan vien|sieu thi|the cao|"
    r"dau so)(?![a-z])[^\d\0]{0,8}|(?:kh|tru|dt|nam|hd|xa|ap|to|ban do|no|xe|lo|phong|tang|lop|tong dai|qr|ban|"
    r"may|mau|qd|gio|luc|tu|den|hon|gan|diem|dai|hang)[ :.]{1,2})$"
)
_SHORT_NUMBER = re.compile(r"(?<![a-z])(?:gui (?:den |toi )?|tu (?:dau )?so )$")  # of text messages: 5656
_SENDER = (
    r"(?:zalo|telegram|facebook|fb|gmail|google|shopee|tiktok|lazada|momo|vneid|viber|apple|app|vcb|mb|bidv|acb|tpbank)"
)
_JUST_A_CODE = re.compile(
    rf"(?<![a-z])(?:(?:gui|goi|nhan|ve|doc|dua|cho|nhap|lo|hoi|xin|bao|keu|doi|"
    rf"{_SENDER})(?![a-z])[^\d\0]{{0,30}}(?<![a-z])(?:ma|code)(?: (?:la|nay|do|ne|no))?|{_SENDER} (?:gui|goi|"
    rf"nhan|bao|hien|doi)(?: so| ma)?|(?:ma|code) (?:vao |vo |cua )?{_SENDER}(?: (?:gui|bao|la|moi|ve))?"
    r"|(?:[4-8]|bon|nam|sau) (?:chu )?so(?: la)?)[ :]{1,2}$"
)
_MAY_BE_JUST = re.compile(rf"(?:la|nay|do|ne|no|ma|code|g[uo]i|nhan|bao|hien|doi|so|moi|ve|{_SENDER})[ :]{{1,2}}$")
_CODE_THEN_SENDER = re.compile(
    rf"(?<!loi )(?<!xa )(?<![a-z])(?:(?:ma|code) (?:\d{{4,5}}|\d\d \d\d|\d(?: \d){{3,4}})(?!\d)(?: (?:cua|tu|ben|do|"
    rf"toan))*(?: {_SENDER}(?![a-z])|(?: [a-z]+)? (?:gui|goi|nhan|ban|bao) (?:ve|toi|den|vo|vao|qua))|"
    rf"ma \d{{5}}(?!\d)[^\0]*(?<![a-z]){_SENDER}(?![a-z]))"
    r"|(?<![a-z])(?:doc|so|ma) \d{4,5}(?!\d) (?:(?:moi|vua|no|gui|nhan|goi|bao|hien) ){0,2}(?:ve|vo|toi|qua|len|"
    r"tren) (?:may|dien thoai|dt)"
)
_OR_ELSE = re.compile(r"\0 (?:hay|hoac) (?:la )?(?P<code>\d{6,8})(?<!000)(?![\w/.,\-])")  # than the one just masked
_LOCK = re.compile(  # what opens a phone is a secret, though "dien thoai" stands before it
    r"(?<![a-z])(?:(?:ma|so|mat ma|pin) (?:so )?(?:mo )?khoa(?! (?:hoc|noi|ngoai|san|nhi|hang|hoa|"
    r"tap))(?: [a-z]+){0,6}|mo khoa[^\d\0]{0,40}(?<![a-z])(?:ma(?: so)?|so)(?: la)?)[ :]{1,2}$"
)
_ENTERED = re.compile(
    r"(?<![a-z])(?:bam|nhap|go|danh)(?: (?:ma|so|pin|cai|vo|vao|la)){0,2} (?P<code>\d{4,8}|\d\d \d\d|"
    r"\d(?: \d){3,5})(?= (?:sai )?(?:\d|"
    r"may|hai|ba|bon|nam) lan|(?: [a-z]+){0,3} sai(?![a-z])|(?: (?:ma|thi|no|may|hoai|van|nhung|cu|roi|"
    r"dt)){0,4} (?:khong|hong|hem|hok|ko) (?:[a-z]+ )?(?:mo|vo|vao|nhan|chiu|dung)(?![a-z])| thi (?:(?:may|"
    r"dien thoai|dt|no|app|cua) ){0,2}(?:mo|vo|vao|sang)(?![a-z]))"
)
_SPOKEN_AS_CODE = re.compile(
    r"(?<![a-z])(?:doc|nhap|nhan|gui|goi|dua|bao|cho)(?: [a-z]+){0,3} (?:ma|day so)[ :]{1,2}$|(?<![a-z])(?:ma|pin|"
    r"pass)(?: so)? (?:la|:|ghi|de|dat)[ :]{0,2}$"
)
_ACCOUNT_AND_WORD = re.compile(  # facebook: 0900000000 - concutung9
    r"(?<![a-z])(?:facebook|fb|zalo|g?mail|tk|tai khoan|nick|vneid|shopee|icloud|tiktok|dang nhap|"
    r"user)(?![a-z])[^\d\0]{0,20}(?:(?:0\d{9}|\S{3,30}@[a-z]+\.[a-z.]+) ?[-/|"
    r",;+]|\0+ ?[/|]) ?(?P<word>(?=[^\s]*\d)(?=[^\s]*[a-z])[^\s\0,;]{6,30})"
)
_SAYS_WHAT_FOR = re.compile(  # 50917 la ma dat lai mat khau
    r" (?:la (?:ma|code)|de)(?: [a-z]+){0,2}? (?:xac ?(?:nhan|minh|thuc)|dat lai|dang nhap|khoi phuc|kich hoat|"
    r"otp|bao mat)| la (?:ma|code)(?: gi(?![a-z])|(?: (?:do|nay|ha|a|nha|khong|hong|phai))*\W*$)"
)
_COUNTED = re.compile(r"\d (?:chu )?so\b")
_UNIT_AFTER = re.compile(
    r"[ ]?(?:ky tu|ki tu|chu so|so|lan|phut|ngay|thang|nam|gio|giay|tieng|lop|buoc|cap|loai|%|mah|nguoi|cai|ho|"
    r"trieu|tr|ngan|nghin|k|dong|d|vnd|m2|met|km|kg|ky|con|chuc|tram|muoi|ti|ty)(?![a-z0-9])"
)
_THREE = rf"(?P<code>\d{{3,4}}|\d\d \d\d|\d \d \d(?: \d)?|{NUMERAL}(?: {NUMERAL}){{2}})(?![\w/]|[.,\-]?\d| \d)"
_CARD_BACK = re.compile(
    r"(?<![a-z])(?:cvv2?|cvc2?|ccv|ma (?:so )?(?:(?:3|ba|4|bon) (?:chu )?so|sau|bao mat|bao ve|an toan)(?: the)?|"
    r"mat sau|sau lung|phia sau|sau the|(?:lan|va|voi|kem|cung) (?:ca )?ma)(?![a-z])"
    rf"(?:[ :,(]{{1,2}}(?:tin|dung|[34]|ba|bon|so|ghi|la|co|in|the|cua|no|con|lay|minh|em|"
    rf"toi)(?![a-z0-9]))*[ :=]{{1,2}}{_THREE}"
)
_THEN_BACK = re.compile(rf"(?<![\w.,/]){_THREE}(?= (?:lam |la |do )?(?:so |ma )?(?:cvv|cvc|so sau|mat sau|sau lung))")
_AFTER_EXPIRY = re.compile(
    r"(?<!\d)(?:0\d|1[0-2])/(?:20)?\d\d(?:[ ,;:.\-|]|cvv|cvc|ma){1,3}(?P<code>\d{3,4})(?![\w/.]|,\d)"
)
_CARD_SAID = re.compile(r"the|ma an toan|visa|master|cvv|cvc|ccv|napas|\0")
_BEHIND = re.compile(
    r"(?:(?<![a-z])so (?=\d{3} )|(?<![\w.,/])(?=\d{3} (?:o |in )?(?:mat|phia|dang) sau))(?P<code>\d{3}) (?:o |in )?"
    r"(?:(?:mat|phia|dang) )?(?:sau(?: lung)?|lung)(?: the)?(?![a-z])"
)
_PREFIXED = re.compile(r"(?<![a-z0-9])(?:g|fb|ig|wa)-(?P<code>\d{5,8})(?!\d)")
_HYPHENED = re.compile(
    r"(?<![\w\-])(?P<code>(?=[a-z0-9\-]*\d)(?=[a-z0-9\-]*[a-z])[a-z0-9]{3,4}-[a-z0-9]{3,4})(?![\w\-])"
)
_SPELT = re.compile(
    r"(?<![a-z])(?:ma|code)(?: (?:kich hoat|xac ?(?:nhan|thuc|minh)|khoi phuc|dang nhap|dat lai|bao mat|du phong|"
    r"otp)(?: [a-z]+){0,10}?)?(?: la)?[ :]{1,2}(?P<code>(?=[a-z0-9]*\d)(?=[a-z0-9]*[a-z])[a-z0-9]{5,8})(?![\w\-])"
)
_LETTERS_ASKED = re.compile(r"kich hoat|dat lai|khoi phuc|xac ?(?:nhan|thuc|minh)|mat khau|otp|captcha")

_PIN = re.compile(r"(?<![a-z])(?:pin|puk|passcode|ma (?:khoa|may|the))(?![a-z])")
_PASSWORD = re.compile(
    rf"(?<![a-z0-9])(?:{MAT_KHAU}|m\.?khau|mk|pass?(?: ?wi ?fi|w(?:or?d?|d)?)?|pwd?|mat ma|pass ?code)(?![a-z0-9])"
)
_NAME_AND_NUMBER = re.compile(r"[a-z]{5,}\d{1,6}|[a-z]{3,4}\d{3,6}")
_TOKEN = re.compile(r"(?<![^\s\"'“(:=,\-])[^\s\"'“”(),;:=\0\[\]]{5,40}")
_CODE_LIKE = re.compile(
    r"\d{1,3}[a-z%]{1,4}\d*|\d+(?:k|d|m|w|v|tr|vnd|mah|mb|gb|kg|dong|trieu)|[a-z]{1,2}\d{8,}[a-z]{0,2}|"
    r"\d\d[a-z]\d?-?[\d.]+|(?:muc|cap|buoc|lan|so|quan|phuong|to|ap|thang|iphone|samsung|android|oppo|nokia|"
    r"windows|vneid|ios|redmi|note|galaxy|phien|ban|loi|sdk|qd|tt|nd|gt|wifi|sim|the)[\-.]?\d[\w.]*|tp-?link\S*|"
    r"\S+@\S+\.[a-z]{2,}|(?:https?|www)\S*|\S*/\S*|[\d.,:\-]+|\d+x\d+|\S+\.(?:vn|com|net)"
)
_WORD_AND_YEAR = re.compile(
    r"(?:(?:chu|la|:|lien|ten|cho) (?P<word>[a-z]{4,20})|(?P<name>(?!(?:lan|thang|ngay|nam|gio|phut|cap|doi|sai|quen|"
    r"khau) )[a-z]{3,20}))(?: (?:roi|va|voi|them|cong|"
    r"xong)){1,2}(?: (?:so|nam|sinh))* (?P<number>\d{2,8}|\d(?: \d){1,7})(?![\w.,/])|"
    r"chu (?P<only>[a-z]{4,20}) so (?P<digits>\d{2,8}|\d(?: \d){1,7})(?![\w.,/])"
)
_WRITTEN_TOGETHER = re.compile(
    r"(?<![a-z])(?:chu|cum|la|dat) (?P<word>[a-z0-9]{5,}) (?:viet )?(?:lien|khong (?:co )?dau|thuong het|"
    r"hoa het)(?![a-z])"
)
_NEVER_ORDINARY = re.compile(
    r"(?<![\w@./])(?=[^\W\d_]{1,20}[@#$*])(?=[^\s,;]*\d)[^\W\d_]{1,20}[@#$*][^\s,;./@\0\[\]]{1,20}(?![\w@])"
)
_ENDING_ODD = re.compile(r"(?<![\w@./])[a-z]{2,20}(?:\d{2,8}[@#$*]+|\d{4}!)(?!\w)")  # Nam1958@
_OLD_AND_NEW = re.compile(
    r"(?<![a-z])(?:cu|tu|dang la)(?: la)?[ :]{1,2}(?P<old>[^\s\0,;]{4,30})(?:[,;]| roi| doi| ma)? (?:moi|sang|"
    r"qua|thanh)(?: la)?[ :]{1,2}(?P<new>[^\s\0,;]{4,30}|(?=\0))"
)
_FOREIGN_WORD = re.compile(r"[a-z]{8,}|(?=[^\s]*\d)\S{4,}")  # no Vietnamese syllable is so long
_KNOWN_NAME = re.compile(
    r"net$|online|window|outlook|yahoo|microsoft|telegram|bank|gram|book|mess|money|phone|authent|shop|account|"
    r"passw|passc|android|samsung|digi|smart|itunes|store|viet|wifi"
)
_QUOTED = re.compile(r"[\"“'](?P<value>[^\"”'\0]{4,40})[\"”']")


def by_surroundings(shown: str, text: str, bare: str, *, numbered: bool) -> Iterator[Span]:
    """Spans in order of kind, not of place; they may overlap what the plain forms found.

    `numbered`: whether digits.NUMBERED finds anything in it.
    """
    if numbered:
        yield from _numbers(shown, bare)
    yield from _tokens(text, bare)


def _numbers(shown: str, bare: str) -> Iterator[Span]:
    if _CARD_SAID.search(bare):
        for pattern in (_CARD_BACK, _THEN_BACK, _AFTER_EXPIRY):
            for match in pattern.finditer(bare):
                yield *match.span("code"), "cvv"
    for match in _ENTERED.finditer(bare):
        if not (HOTLINE.match(match["code"]) or re.fullmatch(r"[1-9]\d*000", match["code"])):
            yield *match.span("code"), "otp"
    for match in _PREFIXED.finditer(bare):
        yield *match.span("code"), "otp"
    for match in _BEHIND.finditer(bare):
        yield *match.span("code"), "cvv"
    for match in _HYPHENED.finditer(bare):
        named = list(_NAMED.finditer(bare, max(0, match.start() - 45), match.start()))
        if named and not re.search(r"\d", bare[named[-1].end() : match.start()]):
            yield *match.span("code"), "otp"
    for match in _SPELT.finditer(bare):
        around = bare[max(0, match.start() - 60) : match.end() + 40]
        if _LETTERS_ASKED.search(around) and not _CODE_LIKE.fullmatch(match["code"]):
            yield *match.span("code"), "otp"
    for match in _OR_ELSE.finditer(bare):
        if not PHONE.match(match["code"]):
            yield *match.span("code"), "otp"
    found = list(_NUMBER.finditer(bare))
    if not found:
        return
    phones = [match.span() for match in PHONE.finditer(bare)]
    named_at = [match.end() for match in _NAMED.finditer(bare)]
    elsewhere = is_of_numbers(shown)
    for match in found:
        start, end = match.span("code")
        phone = any(first < end and start < last for first, last in phones)
        if not phone and _may_be_code(shown, bare, (start, end), named_at, elsewhere):
            yield start, end, "otp"


def _may_be_code(shown: str, bare: str, span: tuple[int, int], named_at: list[int], elsewhere: bool) -> bool:
    """Named as a code close by; or of six or eight digits and said to have come, or to be read out."""
    start, end = span
    code, before, after = bare[start:end], bare[max(0, start - 90) : start], bare[end : end + 45]
    if DATE.match(bare, start) or MONEY_AFTER.match(bare, end) or HOTLINE.match(code):
        return False
    if called_after(bare, start, end):
        return False
    if "khoa" in before and _LOCK.search(before):
        return True
    if _OTHER.search(before[-40:]) or code.endswith("000"):
        return False
    size = len(re.findall(_SAID, code))
    if size < 6 and (_SHORT_NUMBER.search(before) or _UNIT_AFTER.match(bare, end)):
        return False
    spoken = bool(re.search("[a-z]", code))
    if spoken and _SPOKEN_AS_CODE.search(before):
        return True
    last = named_at[at - 1] if (at := bisect_right(named_at, start)) else -90
    named = last > start - 80
    if size in (4, 5, 6, 7) and _SAYS_WHAT_FOR.match(after):
        return "soan" not in before
    if size in (6, 8):
        if not named and (elsewhere or called(shown, start)):
            return False
        return bool(named or _NAMED.search(after) or _ARRIVED.search(before) or (_ARRIVED.search(after) and not spoken))
    if (
        size in (4, 5, 7, 8)
        and not spoken
        and (
            (_MAY_BE_JUST.search(before[-14:]) and _JUST_A_CODE.search(before))
            or _CODE_THEN_SENDER.search(bare[max(0, start - 8) : end + 40])
        )
    ):
        return True
    year = code.isdigit() and re.fullmatch(r"(?:19|20)\d\d", code)
    if year and re.search(r"(?:la|:|de|dat) ?$", before):
        year = None
    return named and not year and start - last < 32 and not re.search(r"\d", _COUNTED.sub("", bare[last:start]))


def _tokens(text: str, bare: str) -> Iterator[Span]:
    """Words that nobody says, near a word for password."""
    for match in _NEVER_ORDINARY.finditer(bare):
        if not bare[match.start() : match.end()].startswith(("tp-", "http")):
            yield *match.span(), "password"
    for match in _ACCOUNT_AND_WORD.finditer(bare):
        yield *match.span("word"), "password"
    for match in _ENDING_ODD.finditer(bare):
        yield *match.span(), "password"
    places = [match.span() for match in _PASSWORD.finditer(bare)]
    pins = [match.span() for match in _PIN.finditer(bare)]
    for match in _OLD_AND_NEW.finditer(bare):
        if _near(sorted(places + pins), match.start(), before=40, after=0):
            yield from (
                (*match.span(part), "password")
                for part in ("old", "new")
                if _FOREIGN_WORD.fullmatch(match[part]) and not PHONE.match(match[part])
            )
    if not places:
        return
    for match in _QUOTED.finditer(bare):
        if _near(places, match.start(), before=20, after=0) and re.search(r"\d", match["value"]):
            yield *match.span("value"), "password"
    for match in _WRITTEN_TOGETHER.finditer(bare):
        if _near(places, match.start(), before=75, after=0):
            yield *match.span("word"), "password"
    for match in _WORD_AND_YEAR.finditer(bare):
        if _near(places, match.start(), before=75, after=0) and not _UNIT_AFTER.match(bare, match.end()):
            yield from ((*match.span(part), "password") for part in match.groupdict() if match[part])
    for match in _TOKEN.finditer(bare):
        start, end = match.span()
        while end > start and bare[end - 1] in ".,;:!?)-":
            end -= 1
        behind = 40 if _NAME_AND_NUMBER.fullmatch(bare, start, end) else 16
        beside = _near(places, start, before=12, after=0)
        if _near(places, start, before=75, after=end - start + behind) and _nobody_says(
            text[start:end], bare[start:end], beside
        ):
            yield start, end, "password"


def _near(places: list[tuple[int, int]], at: int, *, before: int, after: int) -> bool:
    """Whether one of `places`, in order and apart, ends at most `before` before `at` or starts at most `after` on."""
    following = bisect_left(places, (at, 0))
    if following < len(places) and places[following][0] - at <= after:
        return True
    return following > 0 and 0 <= at - places[following - 1][1] <= before


def _nobody_says(shown: str, bare: str, beside: bool) -> bool:
    """`beside`: right behind a word for password."""
    if len(bare) < 5 or _CODE_LIKE.fullmatch(bare):
        return False
    letters, digits = sum(c.isalpha() for c in bare), sum(c.isdigit() for c in bare)
    special = any(c in "@#!$%^&*_~" for c in bare[1:])
    if bare.isalpha() and shown.isascii() and len(bare) >= (8 if beside else 10) and not _KNOWN_NAME.search(bare):
        return True  # no Vietnamese word is so long
    mixed = digits > 0 and (
        letters > 2
        or (beside and letters > 0 and digits > 3)
        or (letters > 0 and digits > 3 and bare[0].isdigit())
        or (special and letters > 0 and "%" not in bare)
    )
    return mixed or (special and letters > 1) or bool(re.fullmatch(r"(?:[A-Z][a-z]+){3,}", shown))
