"""What members tell us in their own chat, not a resident: words with a slash, and days off. Does nothing."""

import re
from dataclasses import dataclass
from datetime import date

from bot import answers
from bot.said import which_day
from knowledge.text import fold

#: ours; all others are the bot's, or unknown
OURS = ("truc", "nghi", "dilam", "hoso", "xong", "hoc", "ngatket", "trogiup")
HELP = (
    "Lệnh dành cho người của tổ:\n"
    "/truc: vào trực, nhận lời mời\n"
    "/nghi: nghỉ trực\n"
    "“nghỉ đến 25/11”, “nghỉ từ 23/11 đến 25/11”: nghỉ phép\n"
    "“đi làm lại”: thôi nghỉ, trực tiếp\n"
    "/hoso: hồ sơ bạn đang giữ\n"
    "/xong: khép hồ sơ đã xong\n"
    "/hoc: khoá học của tổ, có chứng nhận\n"
    "/ngatket: thôi dùng Telegram này cho việc của tổ\n"
    "Trả lời vào tin của ai thì người đó nhận được."
)
DUTY = {
    "truc": "Bạn đang trực. Có bà con cần giúp, lời mời sẽ đến ở đây. Gõ /nghi khi muốn nghỉ.",
    "nghi": "Bạn nghỉ trực rồi, không có lời mời mới. Hồ sơ đang giữ vẫn nhắn được. Gõ /truc để trực lại.",
}


#: the whole message, folded: "nghỉ (phép) đến hết 25/11", "nghỉ từ mai đến 25/11 nha", "nghỉ hôm nay"
_LEAVE = re.compile(
    r"nghi(?: phep)?"
    r"(?:(?: tu)? (?P<first>.+?))??"
    r"(?: (?:den het|toi het|cho den|cho toi|den|toi|het) (?P<last>.+?))?"
    r"(?: (?:nha|nhe|nghe|nghen|a))?"
)
_BACK = frozenset({"di lam lai", "lam lai", "truc lai", "di truc lai", "het nghi"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Days:
    """Days off, both ends included; as they were written, so the last may lie before the first, or long past."""

    first: date
    last: date


def days_off(text: str, today: date) -> Days | None:
    """None when the message, as a whole, is anything else: then it is for a resident. "/nghi 25/11" is one too."""
    found = _LEAVE.fullmatch(fold(text.replace("/nghi", "nghi", 1)))
    if found is None or not (found["first"] or found["last"]):
        return None
    first = answers.day(found["first"], today) if found["first"] else today.isoformat()
    last = answers.day(found["last"], today) if found["last"] else first
    if first is None or last is None:
        return None
    return Days(first=date.fromisoformat(first), last=date.fromisoformat(last))


def is_back(text: str) -> bool:
    """ "đi làm lại", as the whole message."""
    return fold(text) in _BACK


def which_days(first: date, last: date, today: date) -> str:
    """ "hôm nay", "từ hôm nay đến hết thứ Tư, 25/11", "thứ Hai, 23/11"."""
    begins, ends = ("hôm nay" if one == today else which_day(one.isoformat()) for one in (first, last))
    return begins if first == last else f"từ {begins} đến hết {ends}"


def name_of(text: str) -> str:
    """ "/xong@gocua_bot ..." is "xong"."""
    return text.split()[0].removeprefix("/").partition("@")[0].lower()


def unlinked(open_cases: int) -> str:
    text = "Đã ngắt. Từ giờ chuyện của tổ không đến Telegram này nữa. Muốn nối lại, xin trưởng nhóm đường dẫn mới."
    if open_cases:
        text += f" Bạn còn giữ {open_cases} hồ sơ: mở bàn của tổ để trả lời bà con, hoặc nhờ người khác nhận thay."
    return text
