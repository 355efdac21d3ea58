"""Words written crooked are read straight, ordinary ones are left."""

import pytest

from knowledge.disguise import disguise, readable
from knowledge.text import fold


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("C0NG TY TU VAN N0P H0 S0", "cong ty tu van nop ho so"),
        ("V A Y nhanh", "vay nhanh"),
        ("C h ú c  m ừ n g", "chuc mung"),
        ("z.a.l.o", "zalo"),
        ("t@i kh0an b@n", "tai khoan ban"),
        ("𝗩𝗶𝗲𝘁𝗰𝗼𝗺𝗯𝗮𝗻𝗸", "vietcombank"),
        ("Ｔａｉ ｋｈｏａｎ", "tai khoan"),
        ("v\u200ba\u200by", "vay"),
        ("Vіеtсоmbаnk", "vietcombank"),  # Cyrillic twins
        ("VlETCOMBANK", "vietcombank"),
    ],
)
def test_what_a_person_reads(written: str, read: str) -> None:
    assert fold(readable(written)) == read


@pytest.mark.parametrize("text", ["sau 3p", "1m60", "gói 5GB", "abc@gmail.com", "tổ 12, ấp 3", "A B", ""])
def test_ordinary_writing_is_no_disguise(text: str) -> None:
    assert disguise(text) == 0


def test_hidden_words_speak_for_a_scam() -> None:
    assert disguise("C0NG TY") == 2
    assert disguise("C0NG TY D0I N0") == 3
    assert disguise("c ộ n g t á c v i ê n") == 3
