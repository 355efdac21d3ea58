"""Names of hamlets as people write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from knowledge.hamlets import hamlet_key, hamlet_name, without_kind


@pytest.mark.parametrize(
    ("key", "spellings"),
    [
        ("khu pho 3", ["KP3", "khu phố 3", "kp 3", "K.P 03", "Khu phố Ba", "khu pho so 3", "KHU  PHỐ SỐ 3", "kp.3"]),
        ("ap binh hoa", ["ấp Bình Hòa", "Ấp Bình Hoà", "ap binh hoa"]),
        ("ap 3 a", ["ấp 3A", "Ấp 3 a"]),
        ("to dan pho 12", ["TDP12", "Tổ dân phố số 12"]),
        ("ap 5", ["Ấp Năm", "ấp 05"]),
        ("ap nam", ["Ấp Nam", "ap nam"]),
        ("3", ["3", "03"]),
        ("", ["", " - "]),
    ],
)
def test_spellings_of_one_hamlet_meet(key: str, spellings: list[str]) -> None:
    assert {hamlet_key(one) for one in spellings} == {key}


@pytest.mark.parametrize(
    ("written", "name"),
    [("KP03", "khu phố 3"), ("ẤP  Bình Hòa", "ấp Bình Hòa"), ("ấp 3A", "ấp 3A"), ("ấp 3/1", "ấp 3 1"),
     ("Khu phố Ba", "khu phố Ba"), ("Giồng Ké", "Giồng Ké")],
)  # fmt: skip
def test_a_name_inside_a_sentence(written: str, name: str) -> None:
    assert hamlet_name(written) == name


def test_the_number_alone() -> None:
    assert [without_kind(key) for key in ("khu pho 3", "ap binh hoa", "3", "")] == ["3", "binh hoa", "3", ""]


@given(st.text())
def test_a_name_keeps_its_key(text: str) -> None:
    assert hamlet_key(hamlet_name(text)) == hamlet_key(text)
    assert hamlet_key(hamlet_key(text)) == hamlet_key(text)
