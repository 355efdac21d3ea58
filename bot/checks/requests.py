"""Whether a text asks for what nobody may be asked for: an OTP, a password, an ID's number or its picture.

Typing a code into one's own phone is no request; "đừng gửi OTP" is the opposite of one.
"""

import re
from collections.abc import Iterator

from bot.checks.passages import Passage
from bot.flow import Problem

_PRIVATE = (
    r"(?:otp|mật khẩu|mật mã|passcode|mã pin|mã (?:xác nhận|xác thực|bảo mật)|cvv|"
    r"số (?:căn cước|cccd|cmnd|định danh|thẻ)|"
    r"(?:ảnh|hình)(?: chụp)?(?: (?:hai|2) mặt| mặt \w+)?(?: của)?(?: thẻ| tấm)? (?:căn cước|cccd|cmnd|giấy tờ))"
)
#: to hand over
_GIVE = r"(?:gửi|gởi|nhắn|đọc|đưa|nói|(?<!nhà )cung cấp|dán|cho (?:con|em|mình|tổ|bot) (?:xin|biết|coi|xem))"
#: to type: a request only where it goes into the talk
_TYPE = r"(?:gõ|nhập|ghi|viết|bấm|chụp)"
_HERE = r"(?:vô đây|vào đây|ở đây|cho (?:con|em|mình|tổ|bot)|lên đây|qua đây|trong khung chat)"
_PICTURE = r"\bchụp\b[^.!?…\n]*?\b(?:căn cước|cccd|cmnd|giấy tờ)\b[^.!?…\n]*?"
_ASKED = re.compile(
    rf"\b{_GIVE}\b(?:(?!\b{_GIVE}\b)[^.!?…\n])*?\b{_PRIVATE}\b"
    rf"|\b{_TYPE}\b[^.!?…\n]*?\b{_PRIVATE}\b[^.!?…\n]*?\b{_HERE}\b"
    rf"|{_PICTURE}\b(?:gửi|gởi) (?:cho )?(?:con|em|mình|tổ|bot|{_HERE})\b",
    re.IGNORECASE,
)
_PRIVATE_IN = re.compile(rf"\b{_PRIVATE}\b", re.IGNORECASE)
#: it is forbidden, told of others, over, or done by themselves
_NOT_ASKED = re.compile(
    r"\b(?:đừng|không|chớ|khỏi|chưa|hổng|chẳng|ai|lỡ|họ|kẻ gian|người ta|người lạ|tự|đòi|kêu|biểu|dụ|hỏi|bắt|máy gửi|"
    r"tin nhắn|tin)\b",
    re.IGNORECASE,
)
_QUOTED = re.compile(r"“[^”]*”")  # the name of a button, or words to be written
_SENTENCE = re.compile(r"[^.!?…\n]+")
_MESSAGE = (
    "như là xin bà con mã, mật khẩu hay hình giấy tờ (“{}”): đừng bao giờ xin; "
    "việc trên máy thì viết “Bác tự bấm trên máy của Bác”"
)


def requests(passages: tuple[Passage, ...]) -> Iterator[Problem]:
    for passage in passages:
        if passage.role not in ("said", "simpler"):
            continue
        text = _QUOTED.sub(lambda found: " " * len(found.group()), passage.text)
        for sentence in _SENTENCE.finditer(text):
            pattern = _PRIVATE_IN if passage.verb == "ask" else _ASKED
            found = pattern.search(sentence.group())
            if found and not _NOT_ASKED.search(sentence.group()[: found.end()]):
                at = sentence.start() + found.start()
                yield passage.problem(_MESSAGE.format(found.group().strip()[:60]), at)
