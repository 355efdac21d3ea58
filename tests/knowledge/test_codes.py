"""Secrets told by their surroundings: masked however people write them; ordinary numbers in like sentences are left."""

import json
import time
from pathlib import Path

import pytest

from knowledge.secrets import redact

STRANGERS = [
    json.loads(line)
    for line in (Path(__file__).parents[2] / "bench" / "data" / "secrets_strangers.jsonl")
    .read_text("utf-8")
    .splitlines()
]


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("mã đăng nhập zalo 4829", "4829"),
        ("nó nhắn về máy tui số 904418 là cái gì vậy con", "904418"),
        ("nó gửi mã sáu bảy tám chín không một", "sáu bảy tám chín không một"),
        ("cô đọc cho nó mã 5 9 4 rồi 1 2 1", "5 9 4 rồi 1 2 1"),
        ("otp lần 1 là 330218, lần 2 330219", "330219"),
        ("dạ đây ạ: 391048", "391048"),
        ("google gửi G-229310", "229310"),
        ("mã xác minh email: H4L-92M", "H4L-92M"),
        ("passcode hồi đó để 080355 giờ sai", "080355"),
        ("mã mở khoá máy là 1975", "1975"),
        ("mật khẩu em là Lanhuong#1 nha", "Lanhuong#1"),
        ("đây nè Canthoo@79 nhập đi con", "Canthoo@79"),
        ("mật khẩu của bác là chữ Tamnong rồi số 1955", "Tamnong"),
        ("thẻ 4111111111111111, 10/27, 835", "835"),
        ("số căn cước 0 7 9 . 0 6 3 . 0 0 1 . 2 3 4", "0 6 3"),
        ("số tài khoản của má tui đây 4807 2052 18835", "4807 2052 18835"),
        ("số tk 711A12345678 vietinbank", "711A12345678"),
        ("22841 la ma dat lai mat khau Facebook cua ban", "22841"),
        ("mã sáu số 1.8.2.7.4.0", "1.8.2.7.4.0"),
        ("đổi pin từ 110011 sang 220022 mà không cho", "110011"),
        ("mk cũ hoanganh mới Lananh99", "hoanganh"),
        ("ghi ra giấy nè: vneid Nam1958!, ngân hàng Nam1958@", "Nam1958"),
        ("sim này pin 4455 puk 71900382", "71900382"),
        ("thẻ 4111111111111111 exp 10/27 ccv 835", "835"),
        ("mã mở khóa điện thoại bà để 147258", "147258"),
        ("con ơi ngoại bấm 2580 mà máy không mở", "2580"),
        ("bà nhớ mã là mot chin bon bay mà bấm hong vo", "mot chin bon bay"),
        ("ma khoi phuc K7P2MX", "K7P2MX"),
        ("zalo: 0900000121 - concutung9", "concutung9"),
        ("tổng đài hỏi tôi mã 58213 là mã gì vậy, tôi đọc đại", "58213"),
        ("co ma 7704 cua zalo gui ve, co nen doc khong", "7704"),
        ("đặt lịch khám nó nhắn 4410 để xác minh mà trang quay hoài", "4410"),
        ("biểu đọc số 60934 mới về máy", "60934"),
        ("lương hưu của ông nội chuyển về 6908205337719", "6908205337719"),
        ("nhầm số nên chuyển vô 68806 22331 tpbank thay vì 68806 22313", "68806 22313"),
        ("tai khoan khong chin bay bon hai hai mot mot sau sau mbbank", "khong chin bay"),
        ("mật khẩu mình đặt là chữ conbongoi viết liền không dấu", "conbongoi"),
        ("mã thẻ bhyt của tôi GD4878712345678", "GD4878712345678"),
        ("bấm 1357 thì điện thoại mở", "1357"),
        ("mã bốn trăm tám mươi hai, chín trăm mười", "bốn trăm"),
    ],
)
def test_a_secret_is_masked(text: str, secret: str) -> None:
    assert secret not in redact(text).text


@pytest.mark.parametrize(
    "text",
    [
        "đổi số nhận otp từ 0903 000 222 qua 0903 000 333",
        "ngân hàng nhắn otp từ đầu số 6089 có phải thật không",
        "mã bệnh nhân 23045679 quên sổ khám",
        "nhận được 500000 tiền hưu",
        "gửi 5656 mà không thấy trả lời",
        "mình mk 1m65 nặng 58kg",
        "nhập sai mã 5 lần bị khoá 30 phút",
        "một hai ba bữa nữa con về",
        "mật khẩu của Samsung A05s đổi sao",
        "vé số 482913 có trúng không con",
        "vé số 6 số 482913 trúng an ủi không",
        "đơn 576420998173 hủy được không",
        "bấm 1900 0000 mà không gọi được",
        "mã khóa học 202611 của lớp",
        "nhập 500000 không vào",
        "pass lại phòng trọ 1800000",
        "số cũ 0903111222 đổi sang mới 0903111333",
        "mật khẩu zalo quên, số điện thoại vẫn xài là 0345667120",
        "quét ra 8934563138166 là mì gói",
        "kênh youtube 100200 người theo dõi",
    ],
)
def test_an_ordinary_number_is_left(text: str) -> None:
    assert redact(text).text == text


def test_the_share_of_strangers_rows_told_right() -> None:
    secrets = [(row["text"], secret) for row in STRANGERS for secret in row["secrets"]]
    ordinary = [row["text"] for row in STRANGERS if not row["secrets"]]
    assert sum(secret not in redact(text).text for text, secret in secrets) / len(secrets) >= 0.99
    assert sum(redact(text).text != text for text in ordinary) / len(ordinary) <= 0.01


@pytest.mark.parametrize(
    "text",
    ["0", "000 ", "4 8 2 9 1 0 ", "1-", "a0", "12a", "mã ", "mã là 4829 ", "pass a1b2c3 ", "bốn tám ", "http://"],
)
def test_an_endless_message_is_read_at_once(text: str) -> None:
    started = time.thread_time()
    redact((text * 4000)[:4000])
    assert time.thread_time() - started < 0.3
