"""What residents type as a place and what the gazetteer makes of it; codes of the NSO catalogue 2026-10-10."""

import json
import unicodedata
from pathlib import Path

import pytest

from knowledge.places import Found, Gazetteer, distance_km

EVALUATION = Path(__file__).parents[2] / "bench" / "data" / "places.jsonl"

THU_DAU_MOT, PHU_LOI, BINH_DUONG, PHU_AN, CHANH_HIEP = "25747", "25750", "25760", "25768", "25771"
PHU_LOI_CAN_THO = "31510"
THANH_AN, THANH_AN_CAN_GIO = "25807", "27676"


@pytest.fixture(scope="module")
def gazetteer() -> Gazetteer:
    return Gazetteer.load()


@pytest.mark.parametrize(
    ("text", "communes"),
    [
        # names that deceive
        ("tp Thủ Dầu Một", {THU_DAU_MOT, PHU_LOI, BINH_DUONG, PHU_AN, CHANH_HIEP}),
        ("phường Thủ Dầu Một", {THU_DAU_MOT}),
        ("phường Bình Dương, TP.HCM", {BINH_DUONG}),
        ("phuong go cong dong thap", {"28306"}),
        ("phường Phú Lợi", {PHU_LOI, PHU_LOI_CAN_THO}),
        ("phường Phú Lợi, Sóc Trăng", {PHU_LOI_CAN_THO}),
        ("phường Phú Lợi, tỉnh Bình Dương", {PHU_LOI}),
        ("thành phố Bạc Liêu phường 3", {"31825"}),
        # names that differ by their marks only
        ("xa thanh an tphcm", {THANH_AN, THANH_AN_CAN_GIO}),
        ("xã Thanh An, TP.HCM", {THANH_AN}),
        ("xã Thạnh An, TP.HCM", {THANH_AN_CAN_GIO}),
        ("phuong my tho dong thap", {"28261"}),
        ("xa my tho dong thap", {"30076"}),
        # numbered wards, wards abolished before 2025, districts joined in 2021
        ("phường 6 quận 3", {"27139"}),
        ("P12 Q.TB HCM", {"26983"}),
        ("phường mười hai quận tân bình", {"26983"}),
        ("phường Thảo Điền, quận 2", {"27094"}),
        ("phường Hiệp Phú quận 9", {"26842"}),
        ("phuong linh chieu thu duc", {"26824"}),
        # split wards and wards of which only land moved
        ("phường Hiệp Thành, Thủ Dầu Một", {THU_DAU_MOT, PHU_LOI}),
        ("phường Long Thạnh Mỹ, Thủ Đức", {"26833"}),
        # typing: Telex keys, one error, letters glued, two spaces, other spellings
        ("phuowng Phus Cuowngf, Thur Daauf Mootj", {THU_DAU_MOT}),
        ("phường Phú Cườg, Thủ Dầu Một", {THU_DAU_MOT}),
        ("p phu cuong tdm bd", {THU_DAU_MOT}),
        ("p1q5", {"27301"}),
        ("xã Trung Thành Đông, Huyện  Vũng Liêm", {"29698"}),
        ("Phường Phú Hoà", {PHU_LOI}),
        ("xã Mĩ Phước huyện Mang Thít", {"29623"}),
        ("xã Đăk Wil, Cư Jút, Đắc Nông", {"24646"}),
        # type words of yesterday
        ("xã Long Thành, tỉnh Đồng Nai", {"26368"}),
        ("phường Long Thành, thành phố Đồng Nai", {"26368"}),
        # two names of one place
        ("P. Phú Cường cũ, nay là phường Thủ Dầu Một", {THU_DAU_MOT}),
        # a house number and a street called like a ward
        ("123 Lê Lợi, P. Bến Thành, Q1", {"26743"}),
        ("123 Điện Biên Phủ, P.25, Q. Bình Thạnh", {"26956"}),
        # without a type word: only where a place is meant
        ("con ở Lái Thiêu", {"25966"}),
        ("Phú Lợi Thủ Dầu Một", {PHU_LOI}),
        ("bà ngoại mình ở TT Giồng Trôm Bến Tre không biết xài smartphone", {"28984"}),
    ],
)
def test_finds_the_communes_of_today(gazetteer: Gazetteer, text: str, communes: set[str]) -> None:
    assert set(gazetteer.find(text).communes) == communes
    assert set(gazetteer.find(unicodedata.normalize("NFD", text)).communes) == communes


@pytest.mark.parametrize(
    "text",
    [
        "", "?", "phường " + "1" * 5000,
        "Bình Dương", "tỉnh Vĩnh Long", "TP Hồ Chí Minh", "phường 4", "khu phố 3, phường 2", "ấp 3",
        "con em tên Phú Hòa học lớp 5", "Nguyễn Thị Mỹ Hạnh", "anh Phú Quý ở đâu",
        "bảo hiểm xã hội có đóng qua mạng được không", "thành phố thông minh là gì", "cho hỏi phường nào làm căn cước",
        "ngay cầu Mỹ Thuận", "gần chợ Cái Bè Tiền Giang", "đối diện trường tiểu học Phú Hòa",
        "nhà con ở xa Tân An lắm", "quan trọng là mật khẩu", "phường Phú Lợi, Hà Nội",
    ],
)  # fmt: skip
def test_none_rather_than_wrong(gazetteer: Gazetteer, text: str) -> None:
    assert gazetteer.find(text).communes == ()


def test_too_many_are_named_as_such(gazetteer: Gazetteer) -> None:
    assert gazetteer.find("huyện Châu Thành") == Found(via="many")
    assert gazetteer.find("ấp 3 xã Tân Thành") == Found(via="many", hamlet="ấp 3")


def test_says_how_a_place_was_named(gazetteer: Gazetteer) -> None:
    assert gazetteer.find("p phú hoà tdm") == Found(
        (PHU_LOI,), certain=True, via="old", old_name="Phường Phú Hòa (TP Thủ Dầu Một cũ)"
    )
    assert gazetteer.find("phường 7 quận 3") == Found(
        ("27139",), certain=True, via="older", old_name="Phường Võ Thị Sáu (quận 3 cũ)"
    )
    assert gazetteer.find("phường Phú Lợi, Thủ Dầu Một") == Found((PHU_LOI,), certain=True, via="today")
    assert gazetteer.find("quận 2") == Found(("27094", "27097", "27112"), via="district")


def test_a_split_ward_is_not_certain(gazetteer: Gazetteer) -> None:
    found = gazetteer.find("phường Bình Chuẩn, Thuận An, Bình Dương")
    assert found.communes == ("25969", "25975")
    assert not found.certain


def test_a_misspelt_name_alone_is_not_certain(gazetteer: Gazetteer) -> None:
    assert gazetteer.find("phường Lái Thiiêu") == Found(("25966",), certain=False, via="today")
    assert gazetteer.find("phường Lái Thiiêu, Thuận An").certain


def test_two_places_are_not_certain(gazetteer: Gazetteer) -> None:
    found = gazetteer.find("quê ở xã Hòa Minh, Trà Vinh, trọ ở phường An Bình, Dĩ An")
    assert set(found.communes) == {"29410", "25942"}
    assert not found.certain


def test_home_breaks_ties_and_nothing_else(gazetteer: Gazetteer) -> None:
    assert gazetteer.find("phường Phú Lợi", home=("79",)).communes == (PHU_LOI,)
    assert gazetteer.find("phường Phú Lợi", home=("92",)).communes == (PHU_LOI_CAN_THO,)
    assert gazetteer.find("phường Phú Lợi, Cần Thơ", home=("79",)).communes == (PHU_LOI_CAN_THO,)
    assert gazetteer.find("phường Phú Lợi", home=("01",)).communes == (PHU_LOI, PHU_LOI_CAN_THO)
    assert gazetteer.find("phường 4", home=("79",)).communes == ()


@pytest.mark.parametrize(
    ("text", "hamlet"),
    [
        ("ấp 3, xã Tân Thạnh Đông, Củ Chi", "ấp 3"),
        ("khu phố 5 phường Hiệp Thành TDM", "khu phố 5"),
        ("KP. Bình Hòa, P. Bình Nhâm, Thuận An", "khu phố Bình Hòa"),
        ("tổ 7, kp 3, P. Lái Thiêu", "khu phố 3"),
        ("ấp 1A xã An Phú, Thuận An", "ấp 1A"),
        ("tổ dân phố số 8 phường Cẩm Đông", "tổ dân phố 8"),
        ("phường Xóm Củi quận 8", ""),
        ("Buôn Ma Thuột", ""),
        ("bạn ở phường Lái Thiêu", ""),
        ("ở ấp con có ai phụ trách không", ""),
        ("làm bản sao điện tử ở xã thì cần gì", ""),
    ],
)
def test_hamlet(gazetteer: Gazetteer, text: str, hamlet: str) -> None:
    assert gazetteer.find(text).hamlet == hamlet


def test_a_text_made_to_be_slow_is_still_answered(gazetteer: Gazetteer) -> None:
    assert gazetteer.find("phường Phú Lợi, Thủ Dầu Một " * 2000).communes == (PHU_LOI,)


def test_evaluation_set(gazetteer: Gazetteer) -> None:
    rows = [json.loads(line) for line in EVALUATION.read_text(encoding="utf-8").splitlines()]
    answers = [(gazetteer.find(row["text"]), set(row["communes"])) for row in rows]
    right = [set(found.communes) == communes for found, communes in answers]
    sure_but_wrong = [found.certain and set(found.communes) != communes for found, communes in answers]
    assert len(rows) >= 200
    assert sum(right) / len(rows) >= 0.95
    assert sum(sure_but_wrong) / len(rows) <= 0.02


def test_communes_have_names_and_points(gazetteer: Gazetteer) -> None:
    commune = gazetteer.commune(PHU_LOI)
    assert (commune.name, commune.province) == ("Phường Phú Lợi", "Thành phố Hồ Chí Minh")
    assert gazetteer.full_name(PHU_LOI) == "Phường Phú Lợi, Thành phố Hồ Chí Minh"
    assert gazetteer.full_name("26368") == "Phường Long Thành, Thành phố Đồng Nai"
    with pytest.raises(KeyError):
        gazetteer.commune("99999")


def test_nearest_points(gazetteer: Gazetteer) -> None:
    here = gazetteer.commune(PHU_LOI)
    near = gazetteer.near(here.lat, here.lon)
    assert near[0] == here
    assert len(near) == 3
    assert gazetteer.neighbours(PHU_LOI, 2) == near[1:]
    assert distance_km(here, here) == 0
    assert distance_km(here, gazetteer.commune("00004")) == pytest.approx(1130, abs=20)  # to Ba Đình, Hà Nội


def test_the_old_tree_fits_buttons(gazetteer: Gazetteer) -> None:
    provinces = gazetteer.old_provinces()
    districts = [district for province in provinces for district in gazetteer.old_districts(province.code)]
    assert len(provinces) == 63
    assert len(districts) == 696
    assert max(len(gazetteer.old_districts(province.code)) for province in provinces) <= 30
    assert all(0 < len(gazetteer.communes_of(district.code)) <= 14 for district in districts)
    reached = {commune.code for district in districts for commune in gazetteer.communes_of(district.code)}
    assert reached == {commune.code for commune in gazetteer.communes()}
