"""docs/channels: the table says what bot/capabilities.py says, the pages name every setting and every refusal.

--rewrite writes the table anew.
"""

from pathlib import Path

import pytest

from api.settings import Settings
from bot.capabilities import CHANNELS, Capabilities
from bot.channels._messenger_refusals import _TABLE as MESSENGER_REFUSALS
from bot.channels._zalo_refusals import _TABLE as ZALO_REFUSALS

PAGES = Path(__file__).parents[2] / "docs" / "channels"
BEGIN, END = "<!-- bảng: do tests/channels/test_channel_pages.py giữ đúng -->\n", "<!-- hết bảng -->\n"
#: nothing that an operator sets on the way to an answer
NOT_TOLD = ("_api", "_oauth", "_form_picture")


def _yes(value: bool) -> str:
    return "có" if value else "không"


def _number(value: int) -> str:
    return f"{value:,}".replace(",", ".")


def _size(value: int) -> str:
    return f" tới {value // 1_000_000} MB" if value else ""


def _hours(value: float) -> str:
    return "không hạn" if not value else f"{value:g} giờ"


def _files(one: Capabilities) -> str:
    if one.files_out is None:
        return "không"
    kinds = ", ".join(kind.strip(".").upper() for kind in one.files_out) or "mọi loại"
    return kinds + _size(one.file_limit_bytes)


def table() -> str:
    """Markdown: a column for each channel."""
    rows = {
        "lựa chọn hiện thành": ["nút bấm" if one.buttons else "dòng số" for one in CHANNELS],
        "nhiều nhất mấy lựa chọn": [str(one.max_choices) for one in CHANNELS],
        "chữ trên một nút": [
            ("–" if not one.buttons else f"{one.label_limit}{', dài hơn thành dòng số' * one.long_labels}")
            for one in CHANNELS
        ],
        "chữ trong một tin": [_number(one.text_limit) for one in CHANNELS],
        "chữ dưới một hình": [_number(one.caption_limit) if one.caption_limit else "tin riêng" for one in CHANNELS],
        "một câu trả lời thành nhiều nhất": [f"{one.most_bubbles} tin" for one in CHANNELS],
        "gửi hình": [_yes(one.photo_out) + _size(one.photo_limit_bytes) for one in CHANNELS],
        "gửi giọng nói": [_yes(one.voice_out) for one in CHANNELS],
        "gửi tệp": [_files(one) for one in CHANNELS],
        "nhận vị trí": [_yes(one.hears_location) for one in CHANNELS],
        "nhận giọng nói": [_yes(one.hears_voice) for one in CHANNELS],
        "nút xin vị trí": [_yes(one.asks_location) for one in CHANNELS],
        "nút xin số điện thoại": [_yes(one.asks_phone) for one in CHANNELS],
        "sửa tin đã gửi": [_yes(one.edits) for one in CHANNELS],
        "chủ đề trong nhóm của tổ": [_yes(one.topics) for one in CHANNELS],
        "bot nhắn được trong": [_hours(one.window_hours) for one in CHANNELS],
        "người của tổ nhắn được trong": [_hours(one.human_hours) for one in CHANNELS],
        "tiền": [one.price for one in CHANNELS],
    }
    head = ["", *(one.title for one in CHANNELS)]
    lines = [head, ["---"] * len(head), *([name, *cells] for name, cells in rows.items())]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def test_the_table_says_what_the_channels_carry(rewrite: bool) -> None:
    page = PAGES / "README.md"
    before, rest = page.read_text(encoding="utf-8").split(BEGIN)
    shown, after = rest.split(END)
    if rewrite:
        page.write_text(before + BEGIN + table() + END + after, encoding="utf-8")
        shown = table()
    assert shown == table()


def _page(name: str) -> str:
    return (PAGES / f"{name.replace('_', '-')}.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("one", CHANNELS, ids=lambda one: one.name)
def test_every_channel_has_its_page(one: Capabilities) -> None:
    page = _page(one.name)
    assert f"({one.name.replace('_', '-')}.md)" in (PAGES / "README.md").read_text(encoding="utf-8")
    for part in ("## 1. ", "## Tiền và giới hạn", "## Hay gặp gì", "## Tắt", "## Chưa thử"):
        assert part in page, part
    settings = [
        f"GOCUA_{name.upper()}"
        for name in Settings.model_fields
        if name.startswith(one.name) and not name.endswith(NOT_TOLD)
    ]
    assert [name for name in settings if name not in page] == []


def test_every_refusal_is_explained() -> None:
    """An operator who meets a code in the channel log finds it on the channel's page."""
    zalo, page = _page("zalo_oa"), _page("messenger")
    # of the kinds of message that Gõ Cửa does not send, or mends by itself without a trace
    unseen = {-100, -200, -214, -233, -234, -237, -242, -249, -403, -1340, -1341}
    assert [code for code in ZALO_REFUSALS if code not in unseen and str(code) not in zalo] == []
    assert [code for code, _ in MESSENGER_REFUSALS if str(code) not in page] == []
    assert [sub for _, sub in MESSENGER_REFUSALS if sub and sub != 1545041 and str(sub) not in page] == []
