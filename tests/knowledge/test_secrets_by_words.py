"""Secrets that words tell: passwords of plain words, codes said aloud, a number some words away from its name."""

import pytest

from knowledge.secrets import redact

_PLAIN_WORDS = [
    ("mk la con meo vang", "con meo vang"),
    ("mật khẩu của tui là Muoi mot Hoa á", "Muoi mot Hoa"),
    ("mk của con tui là trời xanh mây trắng", "trời xanh mây trắng"),
    ("mat khau cua con la hoc sinh gioi, con quen dang nhap", "hoc sinh gioi"),
    ("mật khẩu đổi thành Ngày Mai Tươi Sáng rồi", "Ngày Mai Tươi Sáng"),
    ("mật khẩu đây nè: hoa mười giờ", "hoa mười giờ"),
    ("bác đặt mật khẩu là tên cháu nội: Bảo Ngọc", "Bảo Ngọc"),
    ("mật khẩu là mùa xuân nho nhỏ, không dấu viết liền", "mùa xuân nho nhỏ"),
    ('mk "gao cuu ho"', "gao cuu ho"),
    ("“gạo cứu hộ” là mật khẩu", "gạo cứu hộ"),
    ("pass la hoa hong do", "hoa hong do"),
    ("gõ mật khẩu Hoabinh rồi nó quay vòng vòng", "Hoabinh"),
    ("mk thuhang", "thuhang"),
    ("mk facebook em anhyeuem bị hack", "anhyeuem"),
    ("mat khua cua bac la bong lua vang", "bong lua vang"),
    ("mật khẩu qwerty", "qwerty"),
    ("tui lấy số xe 67b2-345.67 làm mật khẩu", "67b2-345.67"),
    ("mật khẩu có cần chữ hoa không, tôi để lucbinh.troi.song nó không nhận", "lucbinh.troi.song"),
    ("mật khẩu con tui cài cho tui là tên nó viết liền nguyenhoangphuc số 2011", "2011"),
    ("con nhập mk Ba 1972 có khoảng trắng", "Ba 1972"),
]
_ALOUD = [
    ("otp hai số tám ba con sáu một phải hông", "ba con sáu"),
    ("pin thẻ bốn số không chưa đổi", "bốn số không"),
    ("mk wifi là mười con số tám", "mười con số tám"),
    ("mã nó đọc sáu sáu tám tám không lẻ năm á", "không lẻ năm"),
    ("mã là hai mươi mốt bốn lăm bảy ba", "hai mươi mốt"),
    ("pass điện thoại bà nội là từ một tới sáu", "từ một tới sáu"),
    ("mã ba số đầu 339 ba số sau 182", "339"),
    ("mã gồm 3 3 9 với 1 8 2", "3 3 9"),
]
_SOME_WORDS_AWAY = [
    ("mã pin sacombank tui quên, nhớ mang máng 6028 hay là 6208", "6028"),
    ("mã mở máy điện thoại của ông nội 0852 mà vneid lại đòi mã 6 số là sao", "0852"),
    ("tui sáu bốn hai chín là mã pin thẻ của tui bấm ba lần bị nuốt", "sáu bốn hai chín"),
    ("ma pin the tin dung chi de ngay sanh con trai 1209, gio sai 3 lan", "1209"),
    ("pin thẻ lấy năm sinh 1962", "1962"),
    ("nó nhắn 4410 để xác minh", "4410"),
    ("MyViettel: mã 6619 có hiệu lực 3 phút", "6619"),
    ("puk: 8812 0934", "8812 0934"),
    ("MoMo: 3084 16 là mã OTP để thêm ngân hàng", "3084 16"),
    ("bấm 13 79 mà máy không mở", "13 79"),
    ("mã rút tiền 019283 nhập ở cây", "019283"),
]
_LETTERS_AND_DIGITS = [
    ("số cc o93o85oo1764 e gõ nhầm chữ o vs số 0", "o93o85oo1764"),
    ("stk 1o78722334 vcb nha", "1o78722334"),
    ("mã là k7m2p9", "k7m2p9"),
    ("mã khôi phục: ab12-cd34-ef56", "ab12-cd34-ef56"),
    ("mã dự phòng 8821 0093, 7712 8834", "7712 8834"),
    ("bank của e: tpb 03847715501", "03847715501"),
    ("ngân hàng á châu số 20019283", "20019283"),
    ("08 71 59 00 22 14 đó con", "08 71 59 00 22 14"),
    ("số cc: 087 082 0146 93", "087 082 0146 93"),
    ("so 331 02 45 67 cong an dong thap cap", "331 02 45 67"),
    ("9 số cũ 3635 24107, 12 số mới", "3635 24107"),
    ("hộ chiếu mẫu cũ B1234567, mẫu mới K1234567", "K1234567"),
    ("VPBank 218.844.736 chủ TK Ly Thi K", "218.844.736"),
    ("thẻ 4111-1111-1111-1111|12/27|812", "|812"),
]


@pytest.mark.parametrize(("text", "secret"), _PLAIN_WORDS + _ALOUD + _SOME_WORDS_AWAY + _LETTERS_AND_DIGITS)
def test_a_secret_is_masked(text: str, secret: str) -> None:
    once = redact(text)
    assert secret not in once.text
    assert redact(once.text).text == once.text


_TALK = """\
mật khẩu là gì vậy con|mật khẩu là phải có 8 ký tự hả|mật khẩu: quên|mật khẩu: (để trống)|mật khẩu là do mình tự đặt
mật khẩu là ngày sinh có được không|mật khẩu là con tui đặt|mật khẩu là mẹ tui giữ|mật khẩu là vân tay luôn hả
mật khẩu vneid là mật khẩu dịch vụ công luôn hả|đổi mật khẩu thành công mà vẫn không vô|mật khẩu = passcode hả
đổi mật khẩu thành tiếng việt được không|quên mật khẩu là phải ra xã hả|không nhớ mật khẩu là bình thường
đặt mật khẩu gồm tên với năm sinh được không|mật khẩu từ 2020 chưa đổi|mật khẩu đổi 3 lần rồi năm 2024 với 2025
mk là người ở xã Mỹ Hiệp|mk là giáo viên|mk là con của bà Tư|mk: nguyễn thị hoa hỏi|pass lại cái tủ lạnh 500k
pass là đậu hả con|mã pin bốn số hay sáu số|khong nhan duoc ma xac nhan 6 so tu zalo|pin điện thoại 4500 mAh
quên mật khẩu dvc rồi, tài khoản là sđt 0907264815|pass sim 0939 55 1208|quên mật khẩu, sinh năm 1954, ở ấp 3
mã đơn là K7M2P9|mã giảm giá FREESHIP50|mã vé máy bay PNR K7M2PQ|vneid gọi 1022 hay nhắn 1414|otp từ đầu số 8079
stk phải chính chủ mới nhận được 3.000.000 tiền mai táng hả|+84 (0)912 345 678|số 04 11 19 27 33 41 vietlott
đồng hồ 012345 lên 012390|https://dichvucong.gov.vn/tra-cuu?maHS=123456|0 3 7 7 - 4 1 8 - 9 0 5|thẻ BHYT, LH 1900 565656
đường Cách Mạng Tháng 8 số 302|mã ngành 7480201 lấy 24.5|thẻ làm ngày 02/10/2025 chưa có|số thẻ hội viên 1234"""


@pytest.mark.parametrize("text", [text for line in _TALK.splitlines() for text in line.split("|")])
def test_talk_about_secrets_is_left(text: str) -> None:
    assert redact(text).text == text
