"""The grid of secrets: every kind, however written, in what people write around it; and the numbers that are none."""

import unicodedata

import pytest

from knowledge.secrets import redact
from knowledge.text import strip_marks

_NUMERALS = ["không", "một", "hai", "ba", "bốn", "năm", "sáu", "bảy", "tám", "chín"]
_WORDS = dict(zip("0123456789", _NUMERALS, strict=True))
_TELEX = dict(
    zip("0123456789", ["khoong", "moojt", "hai", "ba", "boons", "nawm", "saus", "bayr", "tams", "chins"], strict=True)
)


def _apart(digits: str, *, each: int, by: str) -> str:
    return by.join(digits[at : at + each] for at in range(0, len(digits), each))


def _said(digits: str, words: dict[str, str] = _WORDS, by: str = " ") -> str:
    return by.join(words[digit] for digit in digits)


def _six(digits: str) -> list[str]:
    groups = [_apart(digits, each=each, by=by) for each in (1, 2, 3) for by in (" ", ".", "-")]
    split = [_apart(digits, each=3, by="\n"), _apart(digits, each=3, by=" rồi "), _apart(digits, each=1, by=", ")]
    halves = [f"{_said(digits[:3])} {digits[3:]}", f"{_said(digits[:3])} rồi {_said(digits[3:])}"]
    spoken = [_said(digits), strip_marks(_said(digits)), _said(digits, by=", "), _said(digits, _TELEX)]
    return [digits, *groups, *split, *halves, *spoken]


def _written(digits: str, *sizes: int) -> list[str]:
    groups = [_apart(digits, each=size, by=by) for size in sizes for by in (" ", "-")]
    return [digits, *groups, _apart(digits, each=1, by=" "), _said(digits), strip_marks(_said(digits))]


_CODES = [*_six("482910"), *_six("075163")]
_PINS = ["4826", "48 26", "4 8 2 6", "4.8.2.6", _said("4826"), strip_marks(_said("4826"))]
_CITIZENS = [*_written("087165004321", 3, 4, 6), "087.165.004.321", "087 165\n004 321", "087165\n004321"]
_CARDS = [*_written("9704180022334455", 4, 8), *_written("4111111111111111", 4), "9704\n1800\n2233\n4455"]
_ACCOUNTS = [form for digits in ("6500205123456", "101876543210", "31010000123456") for form in _written(digits, 3, 4)]
_PASSWORDS = [
    "Hoa1965@",
    "tamxa2026",
    "123456a@",
    "meocon_88",
    "linh.2001",
    "#thuy77",
    "H0aMai",
    "12345678",
    "k2PxM9",
]

_SENTENCES = {
    "code": (
        _CODES,
        [
            "mã otp là {}",
            "OTP={}",
            "mxn {}",
            "nó hỏi mã tui đưa {} rồi có sao không",
            "tui lỡ đọc mã {} cho nó rồi",
            "sáu chữ số là {}",
            "vneid gui ma {} roi lam gi nua",
            "mã nè con: {}",
            "{} là mã đăng nhập zalo",
            "VCB: {} la ma OTP cua GD 2,000,000 VND. Khong cung cap cho ai",
            "Dong Thap 1022: ma xac thuc {}",
            "Mã OTP:\n{}",
            "Use {} as your login code",
        ],
    ),
    "plain code": (
        ["482910", "482 910", _said("482910")],
        [
            "{}",
            "dạ {} ạ",
            "{} đó con",
            "nhập vào {} mà không được",
            "nó xin {} tui cho luôn",
            "máy hiện {} bấm vô đâu",
            "nhắn về {} là gì vậy con",
            "con coi {} đúng không",
            "tui bấm {} rồi mà nó bắt nhập lại",
        ],
    ),
    "pin": (
        _PINS,
        [
            "pin thẻ {}",
            "mã pin là {}",
            "passcode vneid là {}",
            "đổi pin thành {}",
            "mật mã {}",
            "mã mở khoá máy là {}",
            "tui quên pin hình như {}",
            "mã pin\n{}",
        ],
    ),
    "citizen": (
        _CITIZENS,
        [
            "{}",
            "cccd {}",
            "căn cước của tôi {} nha",
            "số định danh: {}",
            "{} là số căn cước",
            "tra dùm tui {} coi có chưa",
        ],
    ),
    "old identity card": (
        ["341234567", "341 234 567", "341-234-567", "3 4 1 2 3 4 5 6 7", _said("341234567")],
        ["cmnd {}", "chứng minh cũ {} còn xài không", "CMND số {} cấp 2005", "{} là số cmnd"],
    ),
    "card": (_CARDS, ["{}", "số thẻ {}", "thẻ visa {} hết hạn 09/28", "tui đọc số thẻ {} cho nó rồi"]),
    "account": (
        _ACCOUNTS,
        ["stk {}", "số tài khoản\n{}", "{} vietcombank", "tk nhận tiền trợ cấp: {}", "nó kêu chuyển vô tài khoản {}"],
    ),
    "password": (
        _PASSWORDS,
        [
            "mật khẩu {}",
            "mật khẩu của tôi là {}",
            "mk la {}",
            "pass: {}",
            "matkhau {}",
            "mật khẩu\n{}",
            "maatj khaaur laf {}",
            "ma65t kha63u la2 {}",
            "tui nhập {} mà báo sai mật khẩu",
            "đổi mật khẩu thành {} rồi",
            'mật khẩu đăng nhập là "{}"',
            "({}) là mật khẩu của ba",
        ],
    ),
    "words as password": (["hoamaivang", "thuytrang", "conmeoden"], ["mật khẩu là {}", "mk: {}", "pass: {} nha"]),
    "back of a card": (["415", "907"], ["cvv {}", "ba số sau thẻ {}", "3 số mặt sau là {}", "mã cvv của thẻ {}"]),
}


@pytest.mark.parametrize(
    ("sentence", "forms"),
    [(sentence, forms) for forms, sentences in _SENTENCES.values() for sentence in sentences],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_secret_is_masked_however_it_is_written(sentence: str, forms: list[str]) -> None:
    left = [form for form in forms if _letters(form) in _letters(redact(sentence.format(form)).text)]
    assert left == []


def _letters(text: str) -> str:
    return "".join(c for c in unicodedata.normalize("NFC", text).lower() if c.isalnum())


_PHONES = [
    "0918222333",
    "0918 222 333",
    "0918.222.333",
    "0918-222-333",
    "+84 918 222 333",
    "84918222333",
    "091 822 2333",
    "09 18 22 23 33",
    "0 9 1 8 2 2 2 3 3 3",
    "0277 3851234",
    "(0277) 3 851 234",
    "không chín một tám hai hai hai ba ba ba",
]
_TO_CALL = [
    "gọi lại cho tui {}",
    "sđt {} nha",
    "đổi số nhận otp sang {}",
    "quên mật khẩu vneid, gọi tui {}",
    "mã xác nhận gửi về {} chưa tới",
    "tôi tên Ba, {}, ấp 4",
]


@pytest.mark.parametrize("sentence", _TO_CALL)
def test_a_number_to_call_is_left_however_it_is_written(sentence: str) -> None:
    texts = [sentence.format(phone) for phone in _PHONES]
    assert [redact(text).text for text in texts] == texts


_ORDINARY = """\
482.910đ|412350 đồng|1.250.500|chuyển 12000000 mà không tới|2tr5|lúa 7.800 một ký|vàng 15.230.000
12/05/2021|12-05-2021|sinh 12051958|7 giờ 15 phút|từ 7h30 tới 11h|năm 2024 2025 2026|20261104
123/45/6 đường 30/4|ấp 3 tổ 12|cách chợ 1200 mét|km 45+300|hẻm 84/12/3|căn A12.08|phòng 201 202
công tơ 182736|chỉ số điện tháng trước 12345 tháng này 12678|đồng hồ nước 001234 lên 001256|482910 kwh
đơn hàng 482910|mã đơn: 482910|mã vận đơn 802910|phiếu hẹn 482910|biên nhận 004829|hồ sơ số 4829
mã khách hàng nước 104522|mã KH PB05010123456|danh bạ nước 104522|mã số thuế 1401234567|tờ khai 105123456789
nghị định 168/2024/NĐ-CP|quyết định 2345|công văn số 482910|thủ tục 1.004227|H61.05-261101-0147
gọi 1022|gọi 113 hay 114|tổng đài 1900 0368|gọi 18001091 bấm phím 1|soạn KTTB gửi 1414|*101#|đầu số 6089 nhắn otp
66F1-234.56|xe 67L1 12345|tôi 68 tuổi|phường 14 quận 3|vneid 2.1.6 mức 2|android 13|ip 192.168.1.1
bước 3|tới bước 6 nó kêu nhập mã|bước 1 2 3 4 5 6 xong hết rồi|size 38 39 40|1, 3, 5, 7, 9, 11|12 người
vé số 482910|dò vé 880 215 giùm|giải đặc biệt 482910|mega số 04 11 19 27 33 41|số báo danh 041882|mã lỗi 100001
mã bưu chính 870000|mã xã mới là 28306|số bệnh án 482910|imei 356789012345678|số seri 482910123|sổ đỏ BA 123456
mã vạch 8934563138166|toạ độ 10.456789, 105.632145|huyết áp 120 80|tỉ số 2-1|kênh 14|10 bao lúa 50 ký
mật khẩu 8 ký tự|mật khẩu 6 số|nhập mật khẩu 3 lần sai|mật khẩu phải có ký tự như @ # $|otp 6 số hay 8 số
cccd 12 số|cmnd 9 số|số tài khoản 13 số|thẻ hết hạn 09/28|tk còn 482.910đ|passcode là 6 số hả|hết pin 2 lần
mk cao 1m65|mk sinh năm 1990|pin 5000mAh|pass lại vé 120k|hai ba bữa nữa|một hai ba bốn năm sáu bảy|nhà số hai bảy bốn
bốn trăm tám mươi hai ngàn chín trăm mười đồng|đọc số đó cho ai|nó gửi về số này"""


@pytest.mark.parametrize("frame", ["{}", "cho hỏi {} là sao con", "dạ {} ạ", "nó ghi {} coi giùm"])
def test_an_ordinary_number_is_left_in_every_sentence(frame: str) -> None:
    texts = [frame.format(number) for line in _ORDINARY.splitlines() for number in line.split("|")]
    assert [masked for text in texts if (masked := redact(text).text) != text] == []
