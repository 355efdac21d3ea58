"""What a resident's words mean on the screen they look at."""

from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.answers import day, find_sign, phone
from bot.flow import Stuck
from bot.library import Library
from bot.model import Choice
from tests.cast import shipped

DO = tuple(Choice(id=key, label=label) for key, label in (
    ("done", "Xong rồi"), ("stuck", "Bị vướng"), ("person", "Gặp người"), ("back", "Quay lại")))  # fmt: skip
HELPED = tuple(Choice(id=key, label=label) for key, label in (
    ("fixed", "Được rồi"), ("still", "Vẫn chưa được"), ("person", "Gặp người")))  # fmt: skip
SURE = (Choice(id="yes", label="Đúng rồi"), Choice(id="no", label="Không phải"))
CARD = (Choice(id="option:0", label="Có rồi"), Choice(id="option:1", label="Chưa có, hoặc đã hết hạn"))
PHONES = tuple(Choice(id=f"option:{place}", label=label) for place, label in enumerate(
    ("Điện thoại thông minh", "Điện thoại bấm phím", "Không có điện thoại")))  # fmt: skip
WANT_PERSON = tuple(Choice(id=key, label=label) for key, label in (
    ("person:yes", "Gặp người"), ("again:no", "Xem lại bước này"), ("menu:0", "Xem việc khác")))  # fmt: skip


@pytest.mark.parametrize(
    ("text", "choices", "wanted"),
    [
        # labels: as they are, without marks, with typos, with polite words around
        ("Xong rồi", DO, "done"),
        ("xong roi", DO, "done"),
        ("da xong roi nha con", DO, "done"),
        ("xomg roi", DO, "done"),
        ("dien thoai thong min", PHONES, "option:0"),
        ("điện thoại bấm phím á", PHONES, "option:1"),
        # numbers
        ("2", DO, "stuck"),
        ("số 3", DO, "person"),
        ("cái thứ hai", PHONES, "option:1"),
        ("toi chon so 1", PHONES, "option:0"),
        ("0", DO, ""),
        ("5", DO, ""),
        ("12", DO, ""),
        # ways to say it
        ("ok", DO, "done"),
        ("tiếp đi con", DO, "done"),
        ("hổng được", DO, "stuck"),
        ("báo lỗi", DO, "stuck"),
        ("được rồi con", HELPED, "fixed"),
        ("hổng được", HELPED, "still"),
        ("y chang", HELPED, "still"),
        # yes and no, as they say it in the south
        ("đúng rồi con", SURE, "yes"),
        ("đúng", SURE, "yes"),
        ("dung", SURE, "yes"),
        ("ừ", SURE, "yes"),
        ("phải", SURE, "yes"),
        ("dạ phải", SURE, "yes"),
        ("hông phải", SURE, "no"),
        ("hổng phải", SURE, "no"),
        ("hông", SURE, "no"),
        ("ko", SURE, "no"),
        ("sai rồi", SURE, "no"),
        ("rồi", CARD, "option:0"),
        ("có", CARD, "option:0"),
        ("chưa", CARD, "option:1"),
        ("hông", CARD, "option:1"),
        ("muốn", WANT_PERSON, "person:yes"),
        ("thôi", WANT_PERSON, "again:no"),
        # not sure: asked back
        ("có", PHONES, ""),
        ("điện thoại", PHONES, ""),
        ("không", DO, ""),
        ("tôi muốn hỏi chuyện khác", PHONES, ""),
        ("", DO, ""),
        ("?!", DO, ""),
    ],
)
def test_pick(library: Library, text: str, choices: tuple[Choice, ...], wanted: str) -> None:
    picked = library.answers.pick(text, choices)
    assert (picked.id if picked else "") == wanted


def test_other_ways_to_say_an_option(library: Library) -> None:
    also = (("samsung", "cảm ứng"), ("cục gạch",), ())
    assert library.answers.pick("cuc gach", PHONES, also) == PHONES[1]
    assert library.answers.pick("cục gạch nha con", PHONES, also) == PHONES[1]
    assert library.answers.pick("samsug", PHONES, also) == PHONES[0]


def test_what_two_options_call_alike_is_asked_back(library: Library) -> None:
    assert library.answers.pick("máy cũ", PHONES, (("máy cũ",), ("máy cũ",), ())) is None


@settings(max_examples=200, deadline=None)
@given(text=st.text(max_size=40), choices=st.sampled_from((DO, HELPED, SURE, CARD, PHONES, ())))
def test_any_text_picks_a_choice_on_screen_or_none(text: str, choices: tuple[Choice, ...]) -> None:
    assert shipped().answers.pick(text, choices) in (*choices, None)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("menu", "menu"),
        ("MENU!", "menu"),
        ("quay lai", "back"),
        ("gặp người", "person"),
        ("cho tui gặp người", "person"),
        ("dạ gặp người nha con", "person"),
        ("dừng", "stop"),
        ("Dừng.", "stop"),
        ("du\u031b\u0300ng", "stop"),
        ("dừng lại", "stop"),
        ("đúng", None),
        ("Đúng!", None),
        ("dung", None),
        ("xoa du lieu", "forget"),
        ("gap bot", "bot"),
        ("cám ơn con nhiều", "thanks"),
        ("/start", "start"),
        ("/menu@gocua_bot", "menu"),
        ("/nguoi", "person"),
        ("/la", None),
        ("tôi muốn gặp người bán hàng", None),
        ("quay lại trang đăng nhập không được", None),
        ("", None),
    ],
)
def test_command(library: Library, text: str, wanted: str | None) -> None:
    assert library.answers.command(text) == wanted


@pytest.mark.parametrize("before", ["", "dạ ", "vâng "])
@pytest.mark.parametrize("said", ["đúng", "Đúng", "ĐÚNG", "dung", "Dung", "đúng rồi", "dung roi", "đúng á"])
@pytest.mark.parametrize("after", ["", ".", "!", " con", " nha con"])
def test_right_is_never_stop(library: Library, before: str, said: str, after: str) -> None:
    assert library.answers.command(before + said + after) is None


SIGNS = tuple(
    Stuck(sign=sign, also=also, say="", then=None)
    for sign, also in (
        ("Không nhận được mã", ("chưa có mã", "ko thấy otp", "mã không về")),
        ("Quét thẻ không nhận", ("quét NFC không được", "không đọc được chip")),
        ("Máy không có NFC", ("không thấy NFC", "nfc là gì")),
        ("Treo", ()),
    )
)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("khong nhan duoc ma otp", 0),
        ("chờ hoài mà mã không về con ơi", 0),
        ("quét nfc hoài không được", 1),
        ("may tui khong co nfc", 2),
        ("nó treo rồi", 3),
        ("nó treotreo", None),
        ("trời hôm nay đẹp quá", None),
        ("mã", None),
        ("", None),
    ],
)
def test_find_sign(text: str, wanted: int | None) -> None:
    assert find_sign(text, SIGNS) == wanted


def test_a_complaint_that_fits_two_signs_is_asked_back() -> None:
    assert find_sign("không được", SIGNS) is None
    assert find_sign("máy hư", (SIGNS[0], Stuck(sign="Máy hư", also=(), say="", then=None),
                                Stuck(sign="Hư máy", also=(), say="", then=None))) is None  # fmt: skip
    assert find_sign("máy hư", ()) is None


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("0912345678", "0912345678"),
        ("0912 345 678", "0912345678"),
        ("+84 912.345.678", "0912345678"),
        ("84912345678", "0912345678"),
        ("số tui là 0912345678", "0912345678"),
        ("091234567", None),
        ("09123456789", None),
        ("0112345678", None),
        ("1912345678", None),
        ("", None),
    ],
)
def test_phone(text: str, wanted: str | None) -> None:
    assert phone(text) == wanted


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("21/11/2026", "2026-11-21"),
        ("21-11", "2026-11-21"),
        ("20/11", "2027-11-20"),
        ("ngày 5 tháng 12", "2026-12-05"),
        ("ngày 5 tháng 12 năm 1950", "1950-12-05"),
        ("hôm nay", "2026-11-21"),
        ("bữa nay", "2026-11-21"),
        ("mai", "2026-11-22"),
        ("ngày mốt", "2026-11-23"),
        ("31/2/2026", None),
        ("29/2", None),
        ("32/1", None),
        ("hôm kia", None),
        ("", None),
    ],
)
def test_day(text: str, wanted: str | None) -> None:
    assert day(text, date(2026, 11, 21)) == wanted
