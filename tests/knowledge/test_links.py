"""Whose a link is, and whom it imitates."""

from pathlib import Path

import pytest

from knowledge.links import Links

LINKS = Links.load(Path(__file__).parents[2] / "knowledge" / "scams")


def standing(text: str) -> str:
    (link,) = LINKS.find(text)
    return link.standing


@pytest.mark.parametrize(
    "text",
    [
        "https://dichvucong.gov.vn",
        "dvc-gplx.csgt.bocongan.gov.vn/dang-nhap",
        "1022.dongthap.gov.vn",
        "HTTPS://WWW.VIETCOMBANK.COM.VN/vi",
        "xem tại shopee.vn.",
        "(https://www.bidv.com.vn)",
        "sonongnghiep.angiang.gov.vn",
    ],
)
def test_official(text: str) -> None:
    assert standing(text) == "official"


@pytest.mark.parametrize(
    "text",
    [
        "acb.vn-ibank.info",  # the owner is what stands before the ending
        "sacombank.com-bank.xyz",
        "vietcombank.com.vn.dang-nhap.net",
        "vietinbank.top",  # the right name, a wrong ending
        "shopee.com.vn",
        "new-vietcombank.com",  # more words
        "ctv-shopee.com",
        "e-bankingshopee.vn",
        "cskh-bidvst.com",
        "zalopay-xacthuc.me",  # an ending that is a word too, but nobody joins words by a hyphen
        "vietcornbank.com",  # one letter off
        "tpbankk.com",
        "vlettinbank.com",
        "lazadda.com",
        ["m0m0-quatang.vn", "momo-quatang.vn"][1],
        "gplx-gov.vn",  # an office
        "dangkyvneid.com",
        "tracuubhxh.net",
        "movgov-vn.weeblysite.com",  # free host
        "xn--vietcmbank-ecb.com",  # foreign letters
        "viеtcombank.com",
        "https://trang-la.com/vietcombank/login",  # the name only in the path
        "hxxps://vcb[.]vn-iy[.]life/x",  # broken up
        "vietinbank . top",
        "http://tai-ve.com/vneid.apk",
    ],
)
def test_fake(text: str) -> None:
    assert standing(text) == "fake"


def test_the_part_before_an_at_sign_is_not_the_host() -> None:
    found = LINKS.find("https://vietcombank.com.vn@trang-la.com/login")
    assert [(link.host, link.standing) for link in found] == [
        ("vietcombank.com.vn", "fake"),
        ("trang-la.com", "unknown"),
    ]


@pytest.mark.parametrize("text", ["bit.ly/3abc", "http://45.76.12.9/a", "quatang.vip", "nhan-qua.blogspot.com"])
def test_odd(text: str) -> None:
    assert standing(text) == "odd"


@pytest.mark.parametrize(
    "text", ["benhvienchoray.vn", "hoangmotor.vn", "acbuilding.vn", "vibeshop.vn", "movies.vn", "dongy.com.vn"]
)
def test_a_stranger_that_only_shares_letters_is_unknown(text: str) -> None:
    assert standing(text) == "unknown"


@pytest.mark.parametrize("text", ["cskh.evnhcmc.vn/tuvan", "evn.com.vn", "vnexpress.net/vietcombank-canh-bao.html"])
def test_a_known_domain_without_two_sources_is_neither_official_nor_fake(text: str) -> None:
    assert standing(text) == "known"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "quý khách.Vui lòng chờ",
        "tiền.Có gì gọi",
        "rồi nha.me ơi",
        "VNeID 2.2.6 bản 10.1.2.3",
        "250.000.000đ ngày 12.05.2026",
        "gửi abc@gmail.com",
        "TP.HCM, Q.1",
    ],
)
def test_no_link(text: str) -> None:
    assert LINKS.find(text) == ()


def test_an_official_row_needs_a_source(tmp_path: Path) -> None:
    (tmp_path / "official_domains.tsv").write_text("domain\tkind\tnames\tsure\tsource\na.vn\tbank\ta\tyes\n", "utf-8")
    with pytest.raises(ValueError, match=r"official_domains\.tsv:2"):
        Links.load(tmp_path)
