"""Secrets of letters and digits: an "o" typed for a nought, codes like "k7m2p9", lists of spare codes.

Works on text that is already lower case, without marks and with ASCII digits. Never changes a text, never raises.
"""

import re
from collections.abc import Iterator

from knowledge.digits import CITIZEN, MOBILE, Span

_DIGIT = re.compile(r"\d")
_LOOK_ALIKE = str.maketrans("oil", "011")
_LETTERED = re.compile(
    r"(?<![a-z0-9@.])(?=[0-9 .\-]{0,18}[oil])(?=[oil]?\d|"
    r"[oil]{1,2}\d)[0-9oil]{2,19}(?:[ .\-](?=[oil]{0,3}\d)[0-9oil]{2,6}){0,6}(?![a-z0-9@])"
)
_CUE = re.compile(
    r"(?<![a-z])(?:(?P<id_number>cc|cccd|c\.c\.c\.d|cmnd|cmt|can cuoc|dinh danh|chung minh)|"
    r"(?P<account_number>stk|so tk|tk|tai khoan|vcb|vietcombank|bidv|agribank|acb|mb|tpb|vpb|tcb|shb|stb)|"
    r"(?P<card_number>so the|the)|(?P<otp>otp|mxn|ma))(?![a-z])[^\d\0\n]{0,30}$"
)
_LEAST = {"id_number": 9, "account_number": 8, "card_number": 15, "otp": 6}
_MOST = {"id_number": 13, "account_number": 16, "card_number": 19, "otp": 8}
_CODE = re.compile(
    r"(?<![a-z])(?P<cue>(?:ma|code|captcha)(?: (?:so|otp|nay|no|do|kich hoat|xac ?(?:nhan|thuc|minh)|khoi phuc|"
    r"du phong|"
    r"dang nhap|bao mat|captcha|2fa|google|zalo|facebook|fb|vneid|telegram|cua|toi|tui|em|minh|bac|con|gui|ve|moi|cap|"
    r"lai|unlock|mo khoa|truy cap|an toan|gom|ghi|hien|cho|nhan|duoc|backup|recovery|apple|icloud|ky so)){0,6})"
    r"(?P<link> la|:| :| ne|=| day| day ne| thi)?[ :]{1,3}"
    r"(?P<code>[a-z0-9]{3,12}(?:-[a-z0-9]{3,8}){0,5})(?![\w\-@/]|\.\w)"
)
_GOODS = re.compile(
    r"(?<![a-z])(?:don|van don|buu|giao hang|ship|shipper|ghn|ghtk|spx|j&t|giam|khuyen mai|voucher|uu dai|freeship|"
    r"ho so|bien nhan|san pham|sp|hang|lo|may|loi|gioi thieu|moi ban|tra cuu|hoa don|vung trong|truy xuat|tour|ve|"
    r"dat cho|chuyen bay|lop|sach|model|sim|khach hang|kh|thua dat|giao dich)(?![a-z])"
)
_CHANGES = re.compile(r"[a-z](?=\d)|\d(?=[a-z])")
_ORDINARY = re.compile(
    r"[a-z]{1,4}\d+|\d+[a-z]{1,3}|\d+(?:k|tr|h|p)\d*|\d+|[a-z]+|h\d\d.*|[a-z]+\d{1,2}[a-z]+|20\d\d.*"
)
_SPARE = re.compile(
    r"(?:\0|\d{4}[ \-]?\d{4})(?: ?[,;/\n]| va| voi| roi| hay)[ \n]{0,2}(?:\d[.)] ?|ma )?(?P<code>\d{4}[ \-]\d{4}|"
    r"\d{6,8}|\d{3} \d{3})(?![\w/]|[.,\-]?\d| \d)"
)
_SPARE_SAID = re.compile(
    r"(?<![a-z])(?:du phong|backup|khoi phuc|recovery|otp|ma xac ?(?:nhan|thuc|minh)|hai ma|2 ma)(?![a-z])"
)


def mixed(bare: str) -> Iterator[Span]:
    if not _DIGIT.search(bare):
        return
    for match in _LETTERED.finditer(bare):
        if kind := _look_alike(bare, match):
            yield *match.span(), kind
    goods: bool | None = None
    for match in _CODE.finditer(bare):
        if not _is_code(match):
            continue
        goods = bool(_GOODS.search(bare)) if goods is None else goods
        if not goods:
            yield *match.span("code"), "otp"
    if "\0" in bare and _SPARE_SAID.search(bare):
        for match in _SPARE.finditer(bare):
            digits = re.sub(r"\D", "", match["code"])
            if not (MOBILE.fullmatch(digits) or digits.endswith("000")):
                yield *match.span("code"), "otp"


def _look_alike(bare: str, match: re.Match[str]) -> str | None:
    digits = re.sub(r"\D", "", match[0].translate(_LOOK_ALIKE))
    if (
        not re.search("[oil]", match[0])
        or sum(c.isdigit() for c in match[0]) * 2 < len(digits)
        or MOBILE.fullmatch(digits)
    ):
        return None
    if CITIZEN.fullmatch(digits):
        return "id_number"
    cue = _CUE.search(bare[max(0, match.start() - 50) : match.start()])
    kind = next((kind for kind in _LEAST if cue and cue[kind]), None)
    return kind if kind and _LEAST[kind] <= len(digits) <= _MOST[kind] else None


def _is_code(match: re.Match[str]) -> bool:
    """Letters and digits that take turns; a few of them only where it is said that they are the code."""
    code = match["code"].replace("-", "")
    if not (re.search(r"\d", code) and re.search("[a-z]", code)) or len(code) < 5 or _ORDINARY.fullmatch(match["code"]):
        return False
    changes = len(_CHANGES.findall(code))
    return changes >= 3 or (changes >= 2 and bool(match["link"] or " " in match["cue"] or match["cue"] == "captcha"))
