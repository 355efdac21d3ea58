"""A text in small pieces, one thing to do in each, for who did not understand it whole. Adds and drops no word."""

import re

_SENTENCE = re.compile(r"(?<=[.!?…])\s+|\n+")
#: where one sentence tells of two things to do
_NEXT = re.compile(
    r"(?:, | )(?=rồi )|, (?=(?:bấm|tìm|chọn|gõ|mở|vô|vào|kéo|đưa|đọc|coi|nhập|đăng nhập|làm|gọi|đem|ghi|nói|hỏi)\b)"
)
_END = re.compile(r"[.;,]$")


def pieces(text: str) -> tuple[str, ...]:
    """In the order of the text, each with a capital and no full stop; brackets and quotation marks stay whole."""
    sentences = [one.strip().removeprefix("- ") for one in _SENTENCE.split(text) if one.strip()]
    found = [part for one in sentences for part in _parted(one)]
    return tuple(_END.sub("", one[:1].upper() + one[1:]) for one in found)


def _parted(sentence: str) -> list[str]:
    parts, begin = [], 0
    for gap in _NEXT.finditer(sentence):
        before = sentence[: gap.start()]
        if before.count("(") == before.count(")") and before.count("“") == before.count("”"):
            parts.append(sentence[begin : gap.start()])
            begin = gap.end()
    return [*parts, sentence[begin:]]
