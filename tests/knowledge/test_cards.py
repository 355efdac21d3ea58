"""Pocket cards: what does not fit on paper, or leads to a page that is not official, is told by file, line and card."""

from pathlib import Path

import pytest

from knowledge import cards
from knowledge.links import Links

KNOWLEDGE = Path(cards.__file__).parent
KNOWN = Links.load(KNOWLEDGE / "scams")
GOOD = {
    "title": "a", "prepare": "b", "steps": "[c]", "never": "d", "call": "e", "source": "g", "verified_on": "2026-11-21",
}  # fmt: skip


def written(folder: Path, **other: str) -> Path:
    """A second card on line 9, after a good one; what is given replaces a line of it, "" takes it out."""
    file = folder / "cards.yaml"
    bodies = ({"gplx": GOOD}, {"vneid": GOOD | other})
    lines = []
    for body in bodies:
        for topic, fields in body.items():
            lines += [f"{topic}:", *(f"  {key}: {value}" for key, value in fields.items() if value)]
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return file


def test_a_card_may_lead_to_an_official_page(tmp_path: Path) -> None:
    shelf = cards.load(written(tmp_path, address="vneid.gov.vn"), KNOWN)
    assert [(one.topic, one.address) for one in shelf.values()] == [("gplx", ""), ("vneid", "vneid.gov.vn")]


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"call": ""}, "cần đủ call,"),
        ({"adress": "vneid.gov.vn"}, "không khoá nào khác"),
        ({"prepare": "b" * 151}, "dài 151 chữ cái, tối đa 150"),
        ({"steps": "[]"}, "từ 1 đến 4 bước"),
        *(
            ({"address": host}, f"địa chỉ {host} không có trong danh sách trang chính thức")
            for host in ("gplx-gov.vn", "vneid-gov.vn", "evn.com.vn", "zalo.me", "vneid.gov.vn/tai", "vneid", "1.1.1.1")
        ),
    ],
)
def test_a_card_that_is_wrong_says_so(tmp_path: Path, wrong: dict[str, str], says: str) -> None:
    with pytest.raises(cards.CardsError, match=r"cards\.yaml:9: thẻ 'vneid': ") as raised:
        cards.load(written(tmp_path, **wrong), KNOWN)
    assert says in raised.value.message
