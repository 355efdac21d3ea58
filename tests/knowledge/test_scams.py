"""Scams are named, real messages are not, and nothing is ever called safe."""

import json
import time
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from knowledge.scams import ScamCheck, ScamDataError
from knowledge.secrets import redact
from knowledge.text import fold

ROOT = Path(__file__).parents[2]
CHECK = ScamCheck.load(ROOT / "knowledge" / "scams")
ROWS = [json.loads(line) for line in (ROOT / "bench" / "data" / "messages.jsonl").read_text("utf-8").splitlines()]


def test_the_share_of_own_messages_told_right() -> None:
    told = Counter((row["label"], CHECK.assess(row["text"]).verdict) for row in ROWS)
    scams, legit = (sum(n for (label, _), n in told.items() if label == which) for which in ("scam", "legit"))
    assert told["scam", "scam"] / scams >= 0.95
    assert (told["scam", "scam"] + told["scam", "suspicious"]) / scams >= 0.97
    assert told["legit", "scam"] / legit <= 0.01
    assert told["legit", "suspicious"] / legit <= 0.02


@pytest.mark.parametrize(
    "text",
    [
        "(VCB) Tai khoan cua ban bi khoa, mo khoa tai https://vcb-mokhoa.top",
        "Em giao hàng nè chị, em gửi bảo vệ rồi chị ck giúp em 250k",
        "Bác đọc giúp con mã OTP vừa gửi về máy",
        "Công an phường đây, bác kết bạn zalo cán bộ để cập nhật VNeID mức 2",
        "C0NG TY TU VAN N0P HO SO VAY, giai ngan trong ngay, no xau van vay, zalo 0900000012",
        "Shop bắt cọc trước 50% mới gửi hàng",
        "mẹ ơi con đổi số rồi nha, mẹ chuyển gấp cho con 5 triệu vào tk này",
        "đánh giá khách sạn trên mạng, mỗi đơn 30k, làm đủ 3 đơn rút tiền liền",
        "Đại uý Hùng bên hậu cần đặt 50 suất cơm, nhờ chị mua giùm 10 thùng sữa, chị chuyển trước giúp đơn vị",
        "Bác cài UltraView lên rồi chia sẻ màn hình cho nhân viên ngân hàng sửa lỗi",
        "Viện kiểm sát thông báo quý vị có lệnh triệu tập, nhấn phím 0 để gặp cán bộ",
        "Muốn rút 12 triệu hoa hồng thì anh nạp thêm 4 triệu xác minh rồi mới rút được",
        "có người tới nhà phát gạo rồi chụp căn cước quay mặt từng người",
        "quán bún sáng nay ai dán đè mã QR khác, khách quét tiền vô tài khoản lạ",
        "Quỹ tín dụng An Phát nhận gửi lãi 3%/tháng, mời thêm người được thưởng 5%",
        "Thầy xem năm nay nhà mình có đại nạn, gửi thầy 3.600.000 làm lễ giải hạn mới qua",
        "Đất dính quy hoạch thì chung trước 30 triệu, bảo đảm đầu năm có sổ",
        "đơn của chị lỗi thanh toán, chị quét mã này nhập 1.000.000 thì hệ thống tự cộng lại",
        "EVN thay công tơ điện tử, mỗi hộ đóng 350k qua QR của nhân viên",
        "Tụi tao đang giữ con mày, chuyển 100tr trong 30 phút, báo công an thì coi chừng",
        "Vi ZaloPay cua ban chua xac thuc, tien se bi thu hoi sau 24 gio. Xac thuc ngay zalopay-xacthuc.me",
        "cho thuê tk momo ngày 300k không cần làm gì",
    ],
)
def test_a_known_trick_is_a_scam_with_reason_and_steps(text: str) -> None:
    assessment = CHECK.assess(text)
    assert assessment.verdict == "scam"
    assert assessment.reasons
    assert any("113" in whom for whom in assessment.call)
    assert "chuyển tiền" in assessment.advice[0]


@pytest.mark.parametrize(
    "text",
    [
        "482913 la ma OTP cua Quy khach. Khong cung cap ma nay cho bat ky ai",
        "TK 0071xxx456 -250,000VND luc 20-11-2026. SD 3,450,120VND",
        "EVNSPC: tien dien T10 cua KH PB05020112233 la 412.350d, thanh toan truoc 30/11",
        "Tai khoan dinh danh muc 2 cua cong dan da duoc phe duyet. Cai VNeID tu CH Play de kich hoat",
        "Cong an khuyen cao: khong cung cap OTP cho nguoi xung la can bo ngan hang",
        "Con ơi chiều nay về sớm nha",
        "má em đổi số rồi, số mới đây nè chị lưu đi",
        "Phường khuyên bà con cúp máy khi có người tự xưng công an đòi chuyển tiền",
        "nộp lệ phí trước bạ xe máy online sao em",
        "Gọi 19001234 bấm phím 2 để nghe lịch cúp điện trong xã",
        "ê mai tui ra chợ ăn bún hông, hôm bữa ông trả rồi",
        "máy bơm kêu mà nước không lên, chú coi giùm con",
        "Dạ bên em đã nhận cọc 500k của anh cho 10 bàn tiệc ngày 6/12, còn lại anh thanh toán sau tiệc ạ",
        "chủ nhà gửi: tiền phòng tháng 10 là 1tr5, các em đóng trước mùng 5 nhé",
        "nhờ anh rút giùm em 2 triệu trong thẻ, tối em qua lấy",
        "ngân hàng có bao giờ gọi hỏi mã otp không ta",
    ],
)
def test_a_real_message_is_not_called_a_scam(text: str) -> None:
    assert CHECK.assess(text).verdict == "unknown"


@pytest.mark.parametrize(
    "text",
    [
        "Bộ Công an cảnh báo: có đối tượng giả danh công an yêu cầu cập nhật VNeID qua Zalo, bà con không làm theo",
        "Ngân hàng KHÔNG gửi link yêu cầu nhập mật khẩu, OTP. Quý khách cảnh giác thủ đoạn lừa đảo khoá tài khoản",
        "Điện lực không thu tiền qua tài khoản cá nhân, không doạ cắt điện để đòi chuyển khoản. Đề phòng lừa đảo",
    ],
)
def test_a_warning_is_not_what_it_warns_of(text: str) -> None:
    assert CHECK.assess(text).verdict == "unknown"


def test_a_warning_with_a_stranger_s_link_is_no_warning() -> None:
    text = "VCB cảnh báo lừa đảo, tuyệt đối không cung cấp OTP. Xác minh tài khoản tại https://vcb-canhbao.top"
    assert CHECK.assess(text).verdict == "scam"


def test_what_is_masked_before_does_not_change_the_verdict() -> None:
    masked = [row["text"] for row in ROWS if redact(row["text"]).found]
    assert len(masked) > 10
    assert [CHECK.assess(redact(text).text).verdict for text in masked] == [
        CHECK.assess(text).verdict for text in masked
    ]


def test_official_needs_every_link_official() -> None:
    assert CHECK.assess("Tra cứu tại https://dichvucong.gov.vn").verdict == "official"
    assert CHECK.assess("Tra cứu tại https://dichvucong.gov.vn hoặc evn.com.vn").verdict == "unknown"
    assert CHECK.assess("Tra cứu tại https://dichvucong.gov.vn hoặc dichvucong-vn.top").verdict == "scam"


def test_one_sign_is_suspicious() -> None:
    assert CHECK.assess("xem tại quatang.vip").verdict == "suspicious"


@pytest.mark.parametrize("text", ["", "0912345678", "Shop Hoa Mai", "xyz.com.vn", "💰💰💰", "\0"])
def test_nothing_known_gets_ways_to_check(text: str) -> None:
    assessment = CHECK.assess(text)
    assert assessment.verdict == "unknown"
    assert assessment.reasons
    assert len(assessment.advice) > 2


def test_nothing_is_ever_called_safe() -> None:
    said = {line for row in ROWS for a in [CHECK.assess(row["text"])] for line in (*a.reasons, *a.advice, *a.call)}
    assert not [line for line in said if "an toan" in fold(line) or "chac chan" in fold(line)]


def test_a_fake_link_is_shown_so_that_it_cannot_be_tapped() -> None:
    assert "vcb-mokhoa[.]top" in CHECK.assess("vao vcb-mokhoa.top").reasons[0]


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=300))
def test_any_text_gets_an_answer(text: str) -> None:
    assert CHECK.assess(text).advice


@pytest.mark.parametrize(
    ("row", "complaint"),
    [
        ("{id: x, score: 4, all: [a], reason: r, wiht: [link]}", "unknown field wiht"),
        ("{id: x, score: 4, all: [a], reason: r, with: [lnik]}", "with: unknown lnik"),
        ("{id: x, score: 4, all: ['('], reason: r}", "x: "),
        ("{id: x, score: many, all: [a], reason: r}", "x: "),
        ("{id: x, score: 4, all: [a]}", "reason"),
    ],
)
def test_a_wrong_pattern_is_named(row: str, complaint: str, tmp_path: Path) -> None:
    for name in ("official_domains.tsv", "links.yaml"):
        (tmp_path / name).write_text((ROOT / "knowledge" / "scams" / name).read_text("utf-8"), "utf-8")
    real = (ROOT / "knowledge" / "scams" / "patterns.yaml").read_text("utf-8")
    (tmp_path / "patterns.yaml").write_text(real.replace("patterns:\n", f"patterns:\n  - {row}\n", 1), "utf-8")
    with pytest.raises(ScamDataError, match=complaint):
        ScamCheck.load(tmp_path)


@pytest.mark.parametrize(
    "text",
    ["0", "0" * 19 + "a ", "19 000 a ", "otp 4829 ", "xã Mỹ Hiệp ", "".join(f"ab{at}.top " for at in range(400))],
)
def test_an_endless_message_is_judged_at_once(text: str) -> None:
    started = time.thread_time()
    CHECK.assess((text * 4000)[:4000])
    assert time.thread_time() - started < 0.3


def test_who_repeats_himself_says_no_more() -> None:
    scam = "Tai khoan cua ban bi khoa, mo khoa tai https://vcb-mokhoa.top "
    assert CHECK.assess(scam * 60).verdict == "scam"
    assert CHECK.assess("bà con nhớ mang căn cước ra nhà văn hoá ấp họp " * 80).verdict == "unknown"
