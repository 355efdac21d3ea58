"""Nothing secret is stored, everything the team needs survives."""

import json
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from knowledge.secrets import MASKS, redact

ROWS = [
    json.loads(line)
    for line in (Path(__file__).parents[2] / "bench" / "data" / "secrets.jsonl").read_text("utf-8").splitlines()
]


@pytest.mark.parametrize("row", [row for row in ROWS if row["kind"] != "ordinary"], ids=lambda row: row["text"])
def test_a_secret_is_masked(row: dict[str, str]) -> None:
    result = redact(row["text"])
    assert row["secret"] not in result.text
    assert row["kind"] in result.found
    assert MASKS[row["kind"]] in result.text


@pytest.mark.parametrize("row", [row for row in ROWS if row["kind"] == "ordinary"], ids=lambda row: row["text"])
def test_an_ordinary_number_is_left(row: dict[str, str]) -> None:
    assert redact(row["text"]).text == row["text"]
    assert redact(row["text"]).found == ()


@pytest.mark.parametrize("text", ["839201", " 402118 ", "771 209", "6 7 8 9 0 1", "482913."])
def test_six_digits_alone_are_a_code(text: str) -> None:
    assert redact(text).found == ("otp",)


@pytest.mark.parametrize("text", ["350000", "1234", "12345", "1234567", "0912345678", "839201 đồng", "bước 3"])
def test_other_numbers_alone_are_not(text: str) -> None:
    assert redact(text).text == text


def test_one_message_with_several_secrets_keeps_the_phone_number() -> None:
    result = redact("Bác Sáu, cccd 082155003319, mk vneid la Hoa@1955, otp 482913, gọi bác 0912345678")
    assert result.found == ("id_number", "password", "otp")
    assert "0912345678" in result.text
    assert not re.search(r"082155003319|Hoa@1955|482913", result.text)


def test_the_number_of_who_sends_a_code_is_kept() -> None:
    assert redact("Dong Thap 1022: ma OTP cua ban: 317645").text == "Dong Thap 1022: ma OTP cua ban: [đã che mã OTP]"


def test_the_text_around_a_mask_is_kept_as_typed() -> None:
    assert redact("Số căn cước của Bác: 082 155 003 319, nhờ con ạ!").text == (
        "Số căn cước của Bác: [đã che số căn cước], nhờ con ạ!"
    )


ALPHABET = st.sampled_from(
    [
        *"0123456789",
        *" .,-:=()\n",
        *"mk otp cccd stk là pass ạ",
        "mật khẩu ",
        "mã ",
        "\u200b",
        "̣",
        "\0",
        *MASKS.values(),
    ]
)
MESSY = st.lists(ALPHABET, max_size=60).map("".join)


@settings(max_examples=50)
@given(st.one_of(st.text(max_size=200), MESSY))
def test_redacting_twice_changes_nothing_more(text: str) -> None:
    once = redact(text)
    assert redact(once.text) == type(once)(once.text, ())


@settings(max_examples=50)
@given(st.integers(1, 96), st.integers(0, 3), st.integers(0, 10**8 - 1), st.sampled_from(["", " ", ".", "-"]))
def test_every_citizen_number_is_masked(province: int, century: int, rest: int, gap: str) -> None:
    digits = f"{province:03}{century}{rest:08}"
    written = gap.join(digits[at : at + 3] for at in range(0, 12, 3))
    assert redact(f"của tôi {written} nhé").text == "của tôi [đã che số căn cước] nhé"


@settings(max_examples=50)
@given(st.sampled_from("35789"), st.integers(0, 10**8 - 1), st.sampled_from(["", " ", ".", "-"]))
def test_every_mobile_number_survives(prefix: str, rest: int, gap: str) -> None:
    digits = f"0{prefix}{rest:08}"
    text = f"gọi bác số {gap.join((digits[:4], digits[4:7], digits[7:]))} nha"
    assert redact(text).text == text


@settings(max_examples=50)
@given(st.integers(0, 10**15 - 1), st.sampled_from(["", " ", "-"]))
def test_every_card_that_passes_luhn_is_masked(body: int, gap: str) -> None:
    digits = f"4{body:015}"[:15]
    total = sum(sum(divmod(int(d) * (2 if place % 2 == 0 else 1), 10)) for place, d in enumerate(digits))
    digits += str(-total % 10)
    written = gap.join(digits[at : at + 4] for at in range(0, 16, 4))
    assert written not in redact(f"thẻ của tôi {written}").text


@settings(max_examples=50)
@given(
    st.integers(0, 999_999),
    st.sampled_from(["mã otp là {}", "OTP cua quy khach la {}", "{} la ma xac thuc", "mxn: {}"]),
)
def test_every_six_digit_code_is_masked(code: int, said: str) -> None:
    assert f"{code:06}" not in redact(said.format(f"{code:06}")).text


@settings(max_examples=50)
@given(st.integers(1, 999), st.integers(0, 999), st.sampled_from(["đ", " đồng", "đ/tháng", " VND"]))
def test_every_amount_survives(thousands: int, rest: int, unit: str) -> None:
    text = f"mất {thousands}.{rest:03}.000{unit}"
    assert redact(text).text == text
