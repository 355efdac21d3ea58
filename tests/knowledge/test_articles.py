from datetime import date
from pathlib import Path

import pytest

from knowledge.articles import ArticleError, ArticlesError, load, parse

ROOT = Path(__file__).parents[2]
GOOD = """---
title: Không nhận được mã OTP
asked_as:
  - otp không về
  - "mã: chờ hoài không thấy"
verified_on: 2026-11-21
expires_on: 2027-05-21
sources:
  - "Dân trí 04/12/2025: mã OTP"
---
Bác kiểm tra sóng điện thoại trước ạ.

Sau đó bấm gửi lại mã.
"""
PATH = Path("articles/vneid/khong-co-otp.md")


def test_a_good_file_becomes_an_article() -> None:
    article = parse(PATH, GOOD)
    assert (article.id, article.topic, article.title) == ("khong-co-otp", "vneid", "Không nhận được mã OTP")
    assert article.asked_as == ("otp không về", "mã: chờ hoài không thấy")
    assert article.sources == ("Dân trí 04/12/2025: mã OTP",)
    assert (article.verified_on, article.expires_on) == (date(2026, 11, 21), date(2027, 5, 21))
    assert article.body == "Bác kiểm tra sóng điện thoại trước ạ.\n\nSau đó bấm gửi lại mã."


@pytest.mark.parametrize(
    ("old", "new", "line", "told"),
    [
        ("---\ntitle", "title", 1, "bắt đầu bằng một dòng"),
        ("---\nBác", "Bác", 12, "thứ hai"),
        ("title: Không nhận được mã OTP\n", "", 1, "title:"),
        ('sources:\n  - "Dân trí 04/12/2025: mã OTP"\n', "", 1, "sources:"),
        ("title: Không", "title: a\ntitle: Không", 3, "hai lần"),
        ("title:", "tittle:", 2, "không có khoá tittle"),
        ("verified_on: 2026-11-21", "verified_on: 21/11/2026", 6, "2026-11-21"),
        ("expires_on: 2027-05-21", "expires_on: 2026-11-21", 7, "phải sau"),
        ('  - otp không về\n  - "mã: chờ hoài không thấy"\n', "  otp\n", 3, "danh sách"),
        ("  - otp không về", "  - ", 4, "một dòng chữ"),
        ("title: Không nhận", "title: Không: nhận", 2, "ngoặc kép thẳng"),
        ("Bác kiểm tra sóng điện thoại trước ạ.\n\nSau đó bấm gửi lại mã.\n", "", 11, "viết lời đáp"),
        ("Bác", "Bác " * 200, 11, "bớt lời"),
    ],
)
def test_a_mistake_names_its_line_and_what_to_do(old: str, new: str, line: int, told: str) -> None:
    assert old in GOOD
    with pytest.raises(ArticleError) as caught:
        parse(PATH, GOOD.replace(old, new, 1))
    assert caught.value.line == line
    assert told in caught.value.message
    assert str(caught.value).startswith(f"{PATH}:{line}: ")


def test_an_unknown_topic_is_told() -> None:
    with pytest.raises(ArticleError, match="không phải chủ đề"):
        parse(Path("articles/linh-tinh/a.md"), GOOD)


def test_all_mistakes_are_told_together(tmp_path: Path) -> None:
    for topic, name, text in (("vneid", "a", GOOD), ("dvc", "a", GOOD), ("dvc", "b", "x"), ("gplx", "c", "y")):
        path = tmp_path / topic / f"{name}.md"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    with pytest.raises(ArticlesError) as caught:
        load(tmp_path)
    assert [error.path.parent.name for error in caught.value.errors] == ["dvc", "gplx", "vneid"]
    assert "đổi tên một tệp" in caught.value.errors[2].message


def test_no_articles_is_no_mistake(tmp_path: Path) -> None:
    assert load(tmp_path) == ()


def test_the_houses_own_articles_are_well_formed() -> None:
    articles = load(ROOT / "knowledge" / "articles")
    assert len({article.id for article in articles}) == len(articles) > 0
