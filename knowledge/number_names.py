"""What residents call the numbers that are no secrets: order, dossier, meter, lottery ticket, amount.

Told by the words before a number, with their marks where they were typed. Never looks at the number itself.
"""

import re

from knowledge.text import strip_marks

_NAMES = (  # what numbers of residents are called that are no codes
    "đơn hàng|(?:mã|số) (?:số )?(?:khách hàng|nhân viên|cán bộ|đại lý|cửa hàng|cơ quan|đơn vị|chi nhánh|"
    "trung tâm)|vận đơn|bưu (?:phẩm|kiện|gửi|cục|điện|chính)|kiện hàng|hồ sơ|biên (?:nhận|lai|bản)|biển số|"
    "hợp đồng|danh (?:bạ|bộ|mục)|h(?:oá|óa) đơn|chứng từ|công văn|quyết định|thông báo|nghị định|thông tư|luật|"
    "công tơ|đồng hồ|chỉ số|số (?:điện|nước)(?! tho)|tiền (?:điện|nước)|sổ (?:đỏ|hồng|ch|bhxh|tiết kiệm)|"
    "số (?:phát hành|bìa|sổ|seri|khung|máy|lô|vào|lưu|đuôi|hiệu)|vé số|tờ vé|(?:mã|số|xe|tàu|dò|mua|bán) vé|xổ số|"
    "(?:dò|"
    "mua) số|tờ khai|hộ (?:nghèo|cận)|mã (?:số )?hộ|đặc biệt|giải|trúng|dự thưởng|chương trình|sản phẩm|seri|"
    "serial|sê ri|thẻ cào|mã vạch|imei|viettel ?post|vn ?post|spx|ghn|ghtk|j&t|báo danh|sbd|kh(?:oá|óa) học|"
    "học (?:sinh|phần|viên)|sinh viên|bệnh (?:nhân|án)|điểm bán|phòng họp|lỗi|error|tham chiếu|tra cứu|"
    "đặt (?:chỗ|vé|bàn)|giảm giá|khuyến mãi|ưu đãi|voucher|bản đồ|t(?:oạ|ọa) độ|gcn|(?:cn)?qsd[dđ]?[dđ]?|ký hiệu|"
    "tiểu mục|đầu số|căn hộ|phiên bản|version|model|tần số|thủ tục|tthc|thứ tự|giao dịch số|mã (?:giao dịch|gd)|"
    "dân số|con số|kiến thiết|mã (?:trạm|điểm|kho|tủ|bàn|toa|tàu|tài sản)|lượt|bhxh|bhyt|thiết bị|địa bàn|"
    "đối tượng|sjc|đơn thuốc|phản ánh|ocop|(?:hội|thành|đoàn) viên|công đoàn|tích điểm|thư viện|lịch hẹn|phiếu khám|"
    "khám bệnh|thẻ tai|theo dõi|kỳ (?:thu|cước|hoá đơn)|máy lẻ|số nhánh|nội bộ|"
    "(?:số|điện thoại|đt|sđt) (?:máy )?bàn|chế tạo|npk|phân (?:bón|đạm|lân)|tiếp nhận|bút toán|"
    "(?:chứng nhận|bìa đỏ|bìa hồng|sổ)(?: số)? (?!dc|dk|dt|ck|bn)[bcd][b-df-hj-np-tvxz](?= )"
)
_SHORT_NAMES = (  # without marks they may be other words: only right before the number
    "đơn|hs|(?:phiếu|giấy)(?: hẹn)?|hđ|hd|kh|thuế|mst|cv|qđ|qd|tờ|lô|lớp|trường|ngành|viện|quầy|phòng|ghế|giường|"
    "vùng|tỉnh|huyện|xã|phường|hộ|thửa|chương|mục|đuôi|vé xe|sđt|sdt|đt|dt|điện thoại|xe|km|nhà|ngày|tháng|năm|"
    "sinh|sn|hsd|nsx|mẫu|kênh|tuyến|chuyến|zoom|id|stt|gd|ref|ft|nghề|thưởng|hàng|ban|khách hàng|nhân viên|"
    "cán bộ|đại lý|tổng đài|hotline|cơ quan|chi nhánh"
)
CALLED = strip_marks(f"(?:{_NAMES}|{_SHORT_NAMES})")
_MONEY = (
    "(?:(?:tiền|giá|phí|cước|(?:còn|thiếu|đang|mắc|trả) nợ|lương|trợ cấp|trả|nộp|đóng|chuyển|ck|rút|nạp|dư|hết|"
    "mất|trừ|cộng|thiếu|vay|mượn|tặng|giảm|lãi|tổng|tốn)(?: (?:là|thêm|tới|khoảng|hơn|gần|số tiền|mỗi))?)"
)
CODE_SAID = (
    r"(?:otp|o te pe|mxn|mxt|code|(?:ma|so|day so) (?:so )?(?:xac ?(?:nhan|minh|thuc)|bao mat|bi mat|kich hoat|"
    r"dang nhap|khoi phuc)|ma (?:giao dich|gd) (?:mot|1) lan|authenticator|verif[a-z]+)"
)
_MARKED_CALLED = (
    rf"(?<![^\W\d_])(?:(?<!gửi )(?<!gởi )(?<!nhắn )(?<!bắn )(?<!báo )(?:{_NAMES})(?![^\W\d_])(?:[ "
    rf":.,#()\-]{{1,3}}(?!mã(?![^\W\d_])|nhập|đọc|g[ửở]i|nhận|nhắn|bấm|gõ|"
    rf"(?:{CODE_SAID}))[^\W\d_]+){{0,3}}(?: \d[\d.]* (?:lên|tới|đến|qua|sang|xuống|và|với|hoặc|hay))?|"
    rf"(?:{_SHORT_NAMES})(?: (?:số|là|này|của [^\W\d_]+))*|{_MONEY})[ :.#()\-=]{{0,3}}\Z"
)
_CALLED_MARKED, _CALLED_BARE = re.compile(_MARKED_CALLED), re.compile(strip_marks(_MARKED_CALLED))
_MARKED_TOPIC = (  # of a whole message: its numbers have no name of their own
    r"(?<![^\W\d_])(?:xổ số|vé số|mega|vietlott|(?:giải|trúng) (?:đặc biệt|an ủi|nhất|nhì|ba|tám)|công tơ|chỉ số|"
    r"đồng hồ (?:điện|nước)|kwh|sổ đỏ|sổ hồng|gcn|qsdd?|ký hiệu|báo danh|t(?:oạ|ọa) độ|lô sản xuất|hsd|"
    r"mã lỗi|số \d{6} xổ|số trúng (?=\d)|"
    r"(?:vé|tờ|số) \d{3} ?\d{3}(?: [^\W\d_]+){0,2} trúng (?:không|hông|gì|giải))(?![^\W\d_])"
)
_TOPIC_MARKED = re.compile(_MARKED_TOPIC)
_TOPIC_BARE = re.compile(  # "gửi về số này", "đọc số đó" look like "vé số", "sổ đỏ" without marks
    strip_marks(_MARKED_TOPIC)
    .replace("ve so|", "(?<!gui )(?<!goi )(?<!nhan )(?<!ban )(?<!bao )ve so|")
    .replace("so do|", "")
)
_CALLED_AFTER = re.compile(
    r" (?:la (?:ma|so) gi )?(?:tren|trong|o|cho) (?:cai )?(?:to |giay )?(?:hoa don|bien lai|bien nhan|giay hen|"
    r"so vao so|hop dong|ve so|so do|so hong)(?![a-z])"
)
_ASKED = re.compile(rf"(?<![a-z])(?:{CODE_SAID}|ma|doc|nhap|bam|go|gui|nhan)(?![a-z])")
_MARKS = re.compile("[\u00c0-\u1ef9]")


def called(shown: str, at: int) -> bool:
    """Whether the number at `at` has a name that is no code's. `shown` is in lower case."""
    before = shown[max(0, at - 60) : at]
    return bool((_CALLED_MARKED if _MARKS.search(before) else _CALLED_BARE).search(before))


def called_after(bare: str, start: int, end: int) -> bool:
    """Whether the number is said to stand on a bill or a form, and not to have been sent or asked for."""
    return bool(_CALLED_AFTER.match(bare, end)) and not _ASKED.search(bare, max(0, start - 20), start)


def is_of_numbers(shown: str) -> bool:
    """Whether the whole message is about tickets, meters or land papers."""
    return bool((_TOPIC_MARKED if _MARKS.search(shown) else _TOPIC_BARE).search(shown))
