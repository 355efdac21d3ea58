"""Which numbers are account numbers: what is said before and after them, and what nothing else is called.

Works on text that is already lower case, without marks and with ASCII digits. Never changes a text, never raises.
"""

import re

from knowledge.digits import HOTLINE, LONGEST, MOBILE, SHORTEST, Number
from knowledge.number_names import called

_ACCOUNT_WORD = re.compile(
    r"(?<![a-z])(?:(?P<sure>s\.?t\.?k|so ?tk|so tai khoan|so tai khoang|so t\.?khoan|account number|acc no)|tk|"
    r"tai khoan|account|acc)(?![a-z])(?P<words>[^\d\0\n]{0,45})\n?$"
)
_BANK = (
    r"(?:vietcom(?:bank)?|vietcom bank|vcb|vietinbank|vietin|ctg|bidv|agribank|agri|agr|techcom(?:bank)?|techcom bank|"
    r"tcb|mb ?bank|mbb?|acb|sacom(?:bank)?|sacom bank|"
    r"scb|stb|tpbank|tpb|vpbank|vpb|vib|shb|hdbank|ocb|msb|seabank|eximbank|lpb(?:ank)?|lien viet|lienviet|namabank|"
    r"vietbank|"
    r"kien ?long(?: ?bank)?|vbsp|viet ?capital|bvbank|ban viet|abbank|bac ?a ?bank|pvcombank|ncb|saigonbank|shinhan|"
    r"dong ?a(?: ?bank)?|hdb|nam ?a(?: ?bank)?|gp ?bank|gpb|woori(?: ?bank)?|public ?bank|co-?op ?bank|kbank|cimb|"
    r"tnex|liobank|mbv|vikki(?: ?bank)?|pvcom|sea ?bank|bvb|vietabank|oceanbank|baoviet|vietabank|pgbank|hsbc|uob|"
    r"timo|cake|nong nghiep|(?:ngan hang|nha bang|nh)(?: (?:tmcp|a|chau|quan|doi|cong|ngoai|nong|thuong|nghiep|dau|tu|"
    r"ky|sai|gon|tin|chinh|"
    r"sach|buu|dien|lien|viet|nam|phuong|dong|tien|phong|quoc|te|phat|trien|hang|hai|xuat|nhap|khau|bac|xa|hoi)){0,6})"
)
_ACCOUNT_SAID = re.compile(r"(?<![a-z])(?:s\.?t\.?k|tk|tai khoan)(?![a-z])")
ACCOUNT_SAID_BEFORE = re.compile(
    r"(?<![a-z])(?:s\.?t\.?k|tk|(?:so )?tai khoan)(?! (?:zalo|momo|facebook|vneid|dinh danh|"
    r"dang nhap))(?: [a-z]+){0,3}[ :,]{1,2}$"
)
ACCOUNT_SURE = re.compile(
    rf"(?<![a-z])(?:s\.?t\.?k|so ?tk|so tai khoan)[\s:.=\-]{{0,4}}(?:la|nay|momo|{_BANK})?[\s:]{{0,2}}$"
)
_BANK_BEFORE = re.compile(
    rf"(?<![a-z]){_BANK}(?![a-z])(?:[ :,.\-()]{{1,3}}(?:so|la|cua|toi|em|chi nhanh|bank|no|vao)\b)*[ :,.\-()]{{0,3}}$"
)
_BANK_AFTER = re.compile(rf"(?: ?[,\-:(/.]? ?)(?:(?:ngan hang |nh |tai |o |cua )?{_BANK}|(?:la )?stk)(?![a-z])")
_BANK_SAID = re.compile(rf"(?<![a-z]){_BANK}(?![a-z])")
_MONEY_MOVES = re.compile(
    r"(?<![a-z])(?:chuyen|ck|luong|luong huu|nhan tien|tro cap|banking|thay vi|sang|rut)(?![a-z])[^\0\n]{0,50}$"
)
_NOT_SURE_ACCOUNT = re.compile(
    r"(?<![a-z])(?:goi|lien he|lh|hotline|sdt|so dien thoai|dien thoai|dt|tong dai|tru|so du|sd|so tien|otp|pin|"
    r"zalo|(?<!nhan )(?<!lanh )tien|ngay|luc|don|ho so|vneid|dvc)(?![a-z])|[+]"
)
LETTERED = re.compile(
    r"(?<![a-z])(?:s\.?t\.?k|tk|tai khoan)(?![a-z])[^\d\0\n]{0,25}?(?P<number>(?<![a-z0-9])\d{2,4}[a-z]{1,2}\d{6,10}|"
    r"\d{3,4} [a-z]{1,2} ?\d[\d ]{5,10}\d)(?!\w)"
)
_STAMP_OR_GOODS = re.compile(r"20\d\d(?:0[1-9]|1[0-2])[0-3]\d|893\d{10}$")  # a moment; what a shop scans
_LENDING = re.compile(r"(?<![a-z])(?:vay|muon|gui tiet kiem|tra gop|lai)(?![a-z])[^\d\0]{0,30}$")
_NOT_ACCOUNT = re.compile(
    r"(?<![a-z])(?:goi|lien he|lh|hotline|sdt|so dien thoai|dien thoai|dt|tong dai|tru|mat|con lai|so du|sd|rut|"
    r"nap|phi|gia|mst|ma so thue|so tien|(?<!nhan )(?<!lanh )(?<!tra )tien|ngay|luc|nam|don|ma|ho so|zalo|otp|pin|gui|"
    r"vneid|dvc|dang nhap|momo|facebook|fb|them|duoi)(?![a-z])|[+]"
)
CODE_WORD = re.compile(
    r"(?<![a-z])(?:(?:ma|so) (?:don(?: hang)?|van don|gd|giao dich|ho so|to khai|hs|khach hang|kh|buu gui|"
    r"hoa don|bien lai|danh ba|bien nhan|tham chieu|the bhyt|bhyt|bhxh|bao hiem|hop dong|hd|cong to|dong ho|thue|"
    r"chung tu|phieu|theo doi)|don|van don|buu gui|buu pham|hoa don|ma gd|mst|ma so thue|ref|order|ft|serial|seri|imei|"
    r"ma vach|so khung|so may|hop dong|bien lai|giao dich|bhxh|bhyt|danh ba|ma tra cuu|tra cuu|buu kien|ma bhxh|"
    r"ho khau|ma bn|ma benh nhan|ma san pham|san pham ma|phong hop|cuoc hop|zoom|gd|"
    r"(?:viettel ?post|vn ?post|ghtk|ghn|spx|j&t|best express|ninja ?van|nhat tin|giao hang (?:nhanh|tiet kiem)|"
    r"(?:shopee|lazada|tiktok(?: shop)?|buu dien) ma)"
    r"(?=[ :]{1,3}(?:(?:ma|so|don|hang|kien|cua|toi|tui|em)[ :]{1,3})*\Z)|"
    r"to khai|so so)(?![a-z])[\s:.#,()\-]*(?:(?!cccd|cmnd|cmt|the|can|chung|dinh|stk|tk|vao)[a-z]+\b[\s:.#]*){0,4}$"
)
PHONE_WORD = re.compile(
    r"(?<![a-z])(?:sdt|so dt|dt|dien thoai|phone|tel|hotline|goi|zalo|lien he|lh|"
    r"alo)(?![a-z])[\s:.,()\-]*(?:(?:so|la|cua|toi|em|minh|tui|cho|con|qua)\b[\s:.]*){0,4}$"
)
MONEY_BEFORE = re.compile(
    r"(?:[+]|(?<![a-z])(?:so tien|tien|gia|phi|tong|no|rut|nap|so du|mat|tru|cong|thanh toan|tri gia)[ :]*(?:la|"
    r"khoang|hon|gan)?[ :]*[+\-]?)$"
)


def is_account(shown: str, bare: str, before: str, number: Number) -> bool:
    size = len(number.digits)
    if not SHORTEST <= size <= LONGEST or HOTLINE.match(number.digits):
        return False
    phone = bool(MOBILE.fullmatch(number.digits))
    thousands = size < 12 and number.gap == "." and set(number.sizes[1:]) == {3} and number.sizes[0] <= 3
    if thousands and size == 9 and not number.digits.endswith("000") and _BANK_BEFORE.search(before):
        return True
    word = _ACCOUNT_WORD.search(before)
    if word and word["sure"] and size >= 8 and not (phone or thousands or _NOT_SURE_ACCOUNT.search(word["words"])):
        return True
    if number.sizes[:2] == (4, 4) and len(number.sizes) > 2 and not phone and _ACCOUNT_SAID.search(bare):
        return not CODE_WORD.search(before)
    if word and not _NOT_ACCOUNT.search(word["words"]):
        return not thousands or number.digits.startswith("0")
    if size < 8 or thousands:
        return False
    bank, follows = _BANK_BEFORE.search(before), _BANK_AFTER.match(bare, number.end)
    if not (bank or follows or size >= 13 or _MONEY_MOVES.search(before)):
        return False
    if PHONE_WORD.search(before) or CODE_WORD.search(before) or MONEY_BEFORE.search(before):
        return False
    if not phone and _is_nameless_account(shown, bare, before, number):
        return True
    if number.digits.endswith("0000") and _LENDING.search(before):
        return False
    if bank and not re.match(r" ?stk", bare[number.end : number.end + 4]):
        return not phone or bool(re.search(r"\b(?:ck|chuyen|stk|tk|vao|bank:)(?![a-z])", before))
    return bool(follows) and not number.digits.startswith("1800")


def _is_nameless_account(shown: str, bare: str, before: str, number: Number) -> bool:
    """Thirteen digits and more that nothing names, or eight and more where a bank is named and money moves."""
    digits, size = number.digits, len(number.digits)
    if size < 13 and not (_MONEY_MOVES.search(before) and (size >= 10 or _BANK_SAID.search(bare))):
        return False
    if digits.endswith("0000") or digits.startswith("84") or _STAMP_OR_GOODS.match(digits):
        return False
    if number.gap not in ("", " ", "-") or (number.gap and min(number.sizes[:-1]) < 2):
        return False
    return not called(shown, number.start)
