"""Whether words that residents are to type at a step would be heard as a command: those are heard before anything else.

What a file is asked by (asked_as) may be a command too: then the command is the answer.
"""

from collections.abc import Iterator

from bot.answers import Answers
from bot.checks.passages import Passage, Role
from bot.flow import Problem

_TYPED: frozenset[Role] = frozenset(("label", "asked"))
#: commands only where they can mean nothing else: at a step they are the resident's answer
YIELDING = frozenset(("queue", "not_done"))
MEANS = {
    "menu": "mở danh mục", "start": "mở danh mục", "back": "quay lại", "person": "gặp người", "stop": "dừng",
    "forget": "xoá dữ liệu", "bot": "quay lại với bot", "again": "xem lại bước này", "thanks": "cảm ơn",
    "hello": "chào hỏi", "join": "nối kênh", "unjoin": "tách kênh", "notices_on": "nhận tin báo",
    "notices_maybe": "nhận tin báo", "notices_off": "ngưng tin báo", "aloud_on": "đọc thành tiếng",
    "aloud_off": "thôi đọc", "simpler": "nói lại cho dễ hiểu",
}  # fmt: skip


def taken(passages: tuple[Passage, ...], answers: Answers) -> Iterator[Problem]:
    for passage in passages:
        if passage.role not in _TYPED or not passage.where:
            continue
        name = answers.command(passage.text)
        if name and name not in YIELDING:
            yield passage.problem(
                f"“{passage.text}” là lệnh {MEANS[name]} ở bất cứ đâu, bà con gõ thì không tới được đây: đổi chữ khác"
            )
