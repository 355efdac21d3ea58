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
#: forbidden, over, or told of others: anywhere in the sentence before it
_TOLD = re.compile(r"\b(?:đừng|ai|lỡ|họ|kẻ gian|người ta|người lạ|đòi|kêu|biểu|dụ)\b", re.IGNORECASE)
#: denied, or done by themselves: in its own clause
_DENIED = re.compile(r"\b(?:không|chớ|khỏi|chưa|hổng|chẳng|tự|hỏi|bắt|máy gửi|tin nhắn|tin)\b", re.IGNORECASE)
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
            if found and _is_asked(sentence.group(), found):
                at = sentence.start() + found.start()
                yield passage.problem(_MESSAGE.format(found.group().strip()[:60]), at)


def _is_asked(sentence: str, found: re.Match[str]) -> bool:
    """In "nếu không được, Bác gửi con mã OTP" nothing is denied: the clause begins at the comma."""
    clause = max(sentence.rfind(sign, 0, found.start()) for sign in ",;:") + 1
    return not _TOLD.search(sentence[: found.end()]) and not _DENIED.search(sentence, clause, found.end())
