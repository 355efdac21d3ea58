"""What shares a sentence with a word for a PIN or a password: "mã pin tui quên, nhớ mang máng 6028 hay là 6208".

A short number or a word that nobody says, some words away from what names it, and no other name nearer. Works on one
text in two views of equal length: `shown` in lower case, `bare` without marks too. Never masks what has a unit.
"""

import re
from bisect import bisect_left
from collections.abc import Iterator

from knowledge.digits import DATE, HOTLINE, MONEY_AFTER, NUMERAL, PHONE, Span
from knowledge.number_names import called
from knowledge.secrets_words import MAT_KHAU, is_joined

_PIN = (
    r"(?:ma (?:so )?the(?= (?:atm|ngan hang|visa|rut|nay|agri|vcb))|(?:ma|so|mat ma)(?: so)? (?:pin|puk|"
    r"khoa(?! (?:hoc|san|noi|ngoai|nhi))|mo (?:khoa|may|app|dien thoai|dt|ket|cua)|"
    r"may(?! (?:cay|bom|lanh|tinh tien|in|chu))|man hinh|atm|"
    r"rut tien|ket|lien ket|ghep (?:noi|doi)|dong bo|ket noi|bao (?:mat|ve)|bi mat|vao (?:app|may)|vo (?:app|may))|"
    r"ma (?:smartca|ca|ky (?:hop dong|hd|so))|(?:usb )?token|smart ?ca|ma(?:ax|4|x) xa(?:cs|1c) nha?(?:anj|65n|n65|"
    r"nj)|(?<!error )(?<!loi )(?<!qr )(?<!ma )(?<!zip )code|[med]-?code|safekey|(?:the|"
    r"rut(?: tien)?)(?:,? [a-z]+){0,6},? (?:bam|nhap|go)(?= (?:\d{4}|\d{6}|\d \d \d \d)(?!\d))|puk\d?|"
    r"pin[12](?= \d{4})|mo (?:khoa )?bang|o ?te ?pe|op te pe|"
    r"ma x[ntm]|smart otp|pass ?code|mat ma|"
    r"pin (?:the|atm|sim|app|vneid|cua|ngan hang|smart|otp|la|nha|ne|cu|moi)|(?:quen|sai|nhap|doi|bam|nho|dat|go|danh) "
    r"(?:cai )?(?:ma )?pin|(?:khoa|mo)(?: khoa)? (?:man hinh|dien thoai|may|app)|ma(?: la)? (?:4|6|bon|sau) so|(?:ma|"
    r"so)(?: [a-z]+){0,3} tin nhan)"
)
_CUE = re.compile(
    rf"(?<![a-z0-9])(?:(?P<pin>{_PIN})|(?P<password>{MAT_KHAU}|m\.?khau|passw(?:or?)?d|otp|mxn|mk(?= (?:cua|cap|vneid|"
    rf"app|wi|dvc|token|ngan|the|rut|giao|vi|momo))))(?![a-z0-9])"
)
_SAID = rf"{NUMERAL}(?:[ ,.\-]{{1,2}}{NUMERAL}){{3,7}}(?![a-z])"
_NUMBER = re.compile(
    rf"(?<![\w.,/+\-#*:@])(?<!\d )(?P<code>\d{{4}}[ \-]\d{{4}}|\d{{4,8}}|\d(?: \d){{3,7}}|\d\d(?: \d\d){{1,3}}|"
    rf"{_SAID})(?![\w/%]|[.,\-]\d| \d)"
)
_REACH = 90
_YEAR = re.compile(r"(?:19|20)\d\d")
_ROUND = re.compile(r"[1-9]\d*000")
_UNIT = re.compile(
    r"[ ]?(?:ky tu|ki tu|chu so|so|lan|phut|ngay|thang|nam|gio|giay|tieng|lop|buoc|cap|loai|mah|nguoi|cai|ho|tuoi|"
    r"trieu|tr|ngan|nghin|k|dong|d|vnd|m2|met|m|km|kg|ky|con|chuc|tram|muoi|ti|ty|gb|mb|bua|chu)(?![a-z0-9])"
)
_ELSEWHERE = re.compile(
    r"(?<![a-z])(?:ho so|hs|don|hoa don|so tien|tien|gia|phi|goi|hotline|tong dai|sdt|so dien thoai|lien he|lh|"
    r"gui (?:toi|den|ve|qua)?|soan|dau so|tu so|ngay|thang|nam|sinh|luc|thong tu|nghi dinh|luat|quyet dinh|phong|"
    r"nha so|"
    r"so nha|ap|to|xa|phuong|quay|so thu tu|stt|bien so|xe|ma (?:don|ho so|loi|xa|tinh|vung|buu chinh|kh|khach hang|"
    r"so thue|thue|qr|vach|giam gia|van don|benh nhan|hs)|mst|con lai|so du|nop|dong|tra|nap|rut|chuyen|ck|android|"
    r"windows|ios|phien ban|samsung|iphone|ban|duoi|tk|stk|tai khoan|iso|wifi|error|loi|sau|truoc|tru|vay|no)"
    r"(?: (?:so|la|cua|toi|tui|em|bac|minh|khoang|tam|hon|gan|them|mat|vao|vo))*[ :.,#]{0,3}$"
)
_FIRST = re.compile(
    rf"(?<![\w.,/+\-#*])(?<!\d )(?P<code>\d{{4,8}}|\d(?: \d){{3,7}}|{_SAID}) ?(?:la|do la|chinh la|lam|moi la|=)? ?"
    rf"(?:cai |so |con so |day so )?(?:(?P<pin>(?:ma )?(?:so )?(?:pin|puk|passcode|mat ma|mo khoa|khoa|otp|mxn|xac "
    rf"(?:nhan|minh|thuc)))|(?P<password>{MAT_KHAU}|pass(?:word)?|mk))(?![a-z0-9])"
)
_CHOSEN = re.compile(  # "để ngày sanh con trai 1209", but not "tui sinh năm 1962"
    r"(?<![a-z])(?:la|de|dat|lay|cai|xai|dung|chon|bam|nhap|go|theo|bang|=|:)(?: (?:la|cai|chu|so|bang|vo|theo|thanh))*"
    r"(?: (?:ngay|nam|thang|gio|sinh|sanh|cuoi|gio|mat|nhat|duoi|cuoi|dau|bon|so|sdt|dien|thoai|xe|nha|bien|cccd|cua|"
    r"toi|tui|em|con|chau|me|ba|ma|vo|chong|anh|chi|bac|ong|noi|ngoai|trai|gai|ut|lon|nho|minh|no|la|4|6))*[ :]{1,2}\Z"
)
_ASSERTED = re.compile(r"(?:la|lam|=|:) ?(?:cai |so |con so |day so )?\Z")
_SET = re.compile(
    r"(?<![a-z])(?:de|dat|go|nhap|xai|lay|danh|thu|nho|viet|ghi|chu|la|chon|nho la|de la|bam|tu|cu|moi|sang|thanh|qua|"
    r"bang)(?: (?:la|thanh|cai|chu|ten|"
    r"nguyen|dai|thu|lai|vo|vao|mat khau|mk|pass)){0,3} [\"'“(]?(?P<word>[a-z]{3,20}(?:[._\-][a-z]{2,20}){1,5}|"
    r"[a-z]{6,24})(?![\w@./\-])"
)
_VERIFIES = re.compile(  # "nó nhắn 4410 để xác minh", "hiện 3829 kêu nhập"
    r"(?<![\w.,/+\-#*:@])(?<!\d )(?P<code>\d{4,8}|\d(?: \d){3,7}|\d\d(?: \d\d){1,3})(?! ?[\w/%]*\d|[.,\-]\d) "
    r"(?:(?:thi|roi|gi|do|nay|la|ma|cua|ben|no|de|dung|keu|bieu|bao|nho|yeu cau|toi|tui|em|minh) ){0,3}"
    r"(?:xac ?(?:nhan|minh|thuc)|kich hoat|dang nhap|dat lai|lien ket|mo khoa)(?![a-z])"
)
_SENT_TO = re.compile(r"(?<![a-z])(?:gui|goi|soan(?: [a-z]+)?|nhan tin|tong dai|dau so|toi so|den so|ve so|qua so) \Z")
_EXPIRES = re.compile(  # "mã 6619 có hiệu lực 3 phút"
    r"(?<![a-z])(?:ma|code) (?P<code>\d{4,8}) (?:(?:nay|do|no|bi|la|da) )?(?:co hieu luc|het (?:han|hieu luc)|"
    r"(?:khong|ko) (?:dung|hop le|chinh xac)|sai)(?![a-z])"
)
_MADE = re.compile(
    rf"(?<![a-z])(?:lay|dung|xai|de|chon)(?: [a-z]+){{0,5}} (?P<word>[^\s\0]*\d[^\s\0]*|[a-z]{{6,24}}) (?:de )?(?:lam|"
    rf"dat) (?:ma )?(?:{MAT_KHAU}|mk|pass|pin|passcode)(?![a-z])"
)
_DOMAIN = re.compile(r".*\.(?:vn|com|net|org|gov|info|apk|pdf|jpg|docx?|me)$|dvc|.*-?(?:cong|hoat|dang|ky)$")
_PASSWORD = re.compile(rf"(?<![a-z0-9])(?:{MAT_KHAU}|m\.?khau|mk|pass(?:w(?:or?)?d|code)?|pwd?|mat ma)(?![a-z0-9])")


def in_one_sentence(shown: str, bare: str) -> Iterator[Span]:
    cues = list(_CUE.finditer(bare))
    if cues:
        yield from _numbers(shown, bare, cues)
    for match in _FIRST.finditer(bare):
        sure = match["pin"] or _ASSERTED.search(bare, match.end("code"), match.start(match.lastgroup or 0))
        if sure and not (_is_ordinary(bare, match) or called(shown, match.start()) or _YEAR.fullmatch(match["code"])):
            yield *match.span("code"), "password" if match["password"] else "otp"
    for match in (*_VERIFIES.finditer(bare), *_EXPIRES.finditer(bare)):
        before = bare[max(0, match.start() - 40) : match.start()]
        named = _ELSEWHERE.search(before) or called(shown, match.start()) or _SENT_TO.search(before)
        if not (
            named or _is_ordinary(bare, match) or _YEAR.fullmatch(match["code"]) or PHONE.match(bare, match.start())
        ):
            yield *match.span("code"), "otp"
    for match in _MADE.finditer(bare):
        if not match["word"].isalpha() or is_joined(match["word"]):
            yield *match.span("word"), "password"
    if passwords := [match.start() for match in _PASSWORD.finditer(bare)]:
        for match in _SET.finditer(bare):
            near = bisect_left(passwords, match.start() - _REACH) < bisect_left(passwords, match.start() + _REACH)
            odd = not _DOMAIN.match(match["word"]) if not match["word"].isalpha() else is_joined(match["word"])
            if near and odd:
                yield *match.span("word"), "password"


def _numbers(shown: str, bare: str, cues: list[re.Match[str]]) -> Iterator[Span]:
    at, phones = -1, [match.span() for match in PHONE.finditer(bare)]
    for match in _NUMBER.finditer(bare):
        while at + 1 < len(cues) and cues[at + 1].end() <= match.start():
            at += 1
        if at < 0 or match.start() - cues[at].end() > _REACH:
            continue
        between = bare[cues[at].end() : match.start()]
        if "\n\n" in between or _is_ordinary(bare, match) or not (cues[at]["pin"] or len(between) < 50):
            continue
        if any(first < match.end() and match.start() < last for first, last in phones):
            continue
        year = (len(between) > 12 or not cues[at]["pin"]) and _YEAR.fullmatch(match["code"])
        engine = cues[at][0] == "so may" and "so khung" in bare
        beside = bool(cues[at]["pin"]) and len(between) < 3 and not engine  # "mã rút tiền 019283"
        elsewhere = not beside and (_ELSEWHERE.search(between) or called(shown, match.start()))
        if not (year or elsewhere) or _CHOSEN.search(between):
            yield *match.span("code"), "otp" if "otp" in cues[at][0] else "password"


def _is_ordinary(bare: str, match: re.Match[str]) -> bool:
    start, end = match.span("code")
    code = re.sub("[^0-9a-z]", "", match["code"])
    if DATE.match(bare, start) or MONEY_AFTER.match(bare, end) or _UNIT.match(bare, end) or HOTLINE.match(code):
        return True
    return bool(_ROUND.fullmatch(code))
