"""The rules of `gocua check`: what each finds, and what it leaves alone."""

import unicodedata
from pathlib import Path

import pytest

from bot.check import check, fix
from bot.checks import facts, finding, plain, requests, spelling
from bot.checks.fixing import fixed
from bot.checks.passages import Passage, of_article, of_flow
from bot.library import Folders
from knowledge.glossary import Glossary, GlossaryError
from knowledge.links import Links
from knowledge.search import Entry, Index
from tests.cast import NOW

KNOWLEDGE = Folders().knowledge
GLOSSARY = Glossary.load(KNOWLEDGE / "glossary.yaml")
LINKS = Links.load(KNOWLEDGE / "scams")
FLOW = """title: Thử
topic: vneid
asked_as: [làm thử]
sources:
  - Luật Căn cước
steps:
  a:
    do: |
      Dòng một.
      Dòng hai.
    simpler: Một việc.
    stuck:
      - sign: Máy hư
        also: [hu may]
        say: Sửa đi.
  b:
    choose: Gì?
    options:
      Một: c
      Hai: {also: [hai], then: c}
  c:
    go: kia
"""
ARTICLE = """---
title: Bài thử
asked_as:
  - làm thử
sources: [Luật Căn cước]
---

Câu một.
Câu hai.
"""


def said(text: str, verb: str = "do", source: str = "Luật Căn cước") -> tuple[Passage, ...]:
    return (
        Passage(file="thu.yaml", line=9, where="step 'a'", role="said", text=text, verb=verb),
        Passage(file="thu.yaml", line=2, where="", role="source", text=source),
        Passage(file="thu.yaml", line=3, where="", role="asked", text="gui hoà bình web-la.xyz otp download"),
    )


def test_passages_of_a_flow_know_their_part_and_line() -> None:
    told = [(one.line, one.where, one.role, one.verb, one.text) for one in of_flow(FLOW, "thu.yaml")]
    assert told == [
        (1, "", "title", "", "Thử"),
        (3, "", "asked", "", "làm thử"),
        (5, "", "source", "", "Luật Căn cước"),
        (9, "step 'a'", "said", "do", "Dòng một.\nDòng hai."),
        (11, "step 'a'", "simpler", "", "Một việc."),
        (13, "step 'a'", "label", "stuck", "Máy hư"),
        (15, "step 'a'", "said", "stuck", "Sửa đi."),
        (14, "step 'a'", "asked", "", "hu may"),
        (17, "step 'b'", "said", "choose", "Gì?"),
        (19, "step 'b'", "label", "", "Một"),
        (20, "step 'b'", "label", "", "Hai"),
        (20, "step 'b'", "asked", "", "hai"),
    ]
    assert of_flow(FLOW, "thu.yaml")[3].problem("sai", at=10).line == 10


def test_passages_of_an_article() -> None:
    told = [(one.line, one.role, one.text) for one in of_article(ARTICLE, "bai.md")]
    assert told == [
        (2, "title", "Bài thử"),
        (4, "asked", "làm thử"),
        (5, "source", "Luật Căn cước"),
        (8, "said", "Câu một.\nCâu hai."),
    ]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("Bác xóa tin.", "“xóa” ở đây viết là “xoá”"),
        ("Hòa bình", "“Hòa” ở đây viết là “Hoà”"),
        ("HỦY", ""),
        ("Bác đựợc gì", "“đựợc” không phải tiếng Việt"),
        ("Bác đươc gì", "“đươc” không phải tiếng Việt"),
        ("nghành", "“nghành” không phải tiếng Việt"),
        (unicodedata.normalize("NFD", "Bác bấm"), "bị tách rời"),
        ("Bác xoá, huỷ, khoẻ, quý, giếng, nghỉ, thuở, khuỷu, kéo rơ moóc", ""),
        ("Nghị định 69/2024/NĐ-CP, QĐ, e-ĐồngTháp", ""),
    ],
)
def test_spelling(text: str, says: str) -> None:
    found = [str(one) for one in spelling.spelling(said(text), GLOSSARY)]
    assert len(found) == bool(says)
    assert all(says in one for one in found)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("title: Xóa  \r\nsteps: {}\r\n\r\n", "title: Xoá\nsteps: {}\n"),
        (unicodedata.normalize("NFD", "khóa"), "khoá\n"),
        ("Hủy VNeID, nđ, quả, đựợc\n", "Huỷ VNeID, nđ, quả, đựợc\n"),
        ("", ""),
    ],
)
def test_what_is_safe_is_fixed(before: str, after: str) -> None:
    assert fixed(before) == after
    assert fixed(after) == after


def test_fix_writes_only_what_changed(tmp_path: Path) -> None:
    folders = Folders(flows=tmp_path / "flows", words=tmp_path, knowledge=tmp_path / "knowledge")
    (folders.knowledge / "articles/vneid").mkdir(parents=True)
    folders.flows.mkdir()
    flow, article, good = folders.flows / "a.yaml", folders.knowledge / "articles/vneid/b.md", folders.flows / "c.yaml"
    flow.write_bytes("title: Xóa\xa0".encode())
    article.write_bytes("Hòa \xff".encode("latin-1", errors="ignore"))
    good.write_text("title: Tốt\n", encoding="utf-8")
    assert fix(folders) == (flow, article)
    assert flow.read_text(encoding="utf-8") == "title: Xoá\n"
    assert fix(folders) == ()


@pytest.mark.parametrize(
    ("text", "verb", "levels"),
    [
        ("một " * 24 + "hai.", "do", []),
        ("một " * 25 + "hai.", "do", ["warning"]),
        ("một " * 20 + "hai (" + "ba " * 9 + ").", "do", []),
        ("một " * 20 + "hai; " + "ba " * 20, "do", []),
        ("một hai. " * 38, "do", []),
        ("một hai. " * 40, "do", ["error"]),
        ("một hai. " * 40, "end", []),
        ("một hai. " * 55, "stuck", []),
        ("một hai. " * 60, "body", []),
    ],
)
def test_reading_ease(text: str, verb: str, levels: list[str]) -> None:
    assert [one.level for one in plain.reading(said(text.strip(), verb))] == levels


def test_a_long_sentence_is_told_on_its_own_line() -> None:
    (found,) = plain.reading(said("Ngắn.\nNgắn.\n" + "một " * 30))
    assert (found.line, found.level) == (11, "warning")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Bác download app, download liền", ["download"]),
        ("Bác bấm “Download” trong app VNeID", []),
        ("Bác vô dichvucong.gov.vn, coi chữ dichvucong", []),
        ("Trang acb[.]vn-ibank[.]info là của vn-ibank", []),
        ("Gõ /hoc, số 4G, 2MB, Thông tư 12/2025/TT-BCA, mục II, {so_ho_so}", []),
        ("Bac lam giup", ["Bac", "giup"]),  # "lam" may be a word without marks; what ends in c, ch, p, t has one
    ],
)
def test_jargon(text: str, words: list[str]) -> None:
    found = [one.message.partition("”")[0].removeprefix("“") for one in plain.jargon(said(text), GLOSSARY)]
    assert found == words


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("Bác vô https://dichvucong.gov.vn nhé", ""),
        ("Bác nhắn qua zalo.me/123456", ""),
        ("Bác vô trang-la-qua.com.vn nhé", "trang-la-qua.com.vn"),
        ("Bác điền ở docs.google.com/forms/abc", "docs.google.com"),
        ("Bác vô vneid-gov.xyz nhé", "vneid-gov.xyz"),
        ("Thấy vneid-gov[.]xyz thì đừng bấm", ""),
    ],
)
def test_links(text: str, host: str) -> None:
    assert [host in one.message for one in facts.links(said(text), LINKS)] == [True] * bool(host)


@pytest.mark.parametrize(
    ("text", "source", "says"),
    [
        ("Lệ phí 50.000 đồng.", "Luật Căn cước", "50.000 đồng"),
        ("Lệ phí 50.000đ (báo 9/2026).", "Luật Căn cước", ""),
        ("Lệ phí 50.000 đồng, theo số hiện trên màn hình.", "Luật Căn cước", ""),
        ("Lệ phí 50.000 đồng.", "Tài liệu: lệ phí 50.000 đồng", ""),
        ("Lệ phí 50.000 đồng.", "Tài liệu: lệ phí 150.000 đồng", "50.000 đồng"),
        ("Chờ 7 ngày làm việc.", "Luật Căn cước", "7 ngày"),
        ("Giảm 50% nhé.", "Luật Căn cước", "50%"),
        ("Ngày 1 tháng 7 thì đổi. Bấm 2 lần, chờ 5 phút, gọi 1022.", "Luật Căn cước", ""),
        ("Họ doạ “cắt điện trong 2 giờ”.", "Luật Căn cước", ""),
        ("Theo Nghị định 69/2024/NĐ-CP thì 7 ngày.", "Luật Căn cước", "69/2024/NĐ-CP"),
        ("Theo Nghị định 69/2024/NĐ-CP thì 7 ngày.", "Nghị định 69/2024/NĐ-CP", ""),
        ("Theo Luật 36/2024/QH15.", "Luật 36/2024/QH16", "36/2024/QH15"),
    ],
)
def test_figures(text: str, source: str, says: str) -> None:
    assert [says in one.message for one in facts.figures(said(text, source=source))] == [True] * bool(says)


@pytest.mark.parametrize(
    ("text", "verb", "bad"),
    [
        ("Bác gửi con mã OTP nhé.", "do", True),
        ("Bác nhắn mật khẩu qua Zalo.", "do", True),
        ("Bác gửi hình căn cước hai mặt để con làm giùm.", "stuck", True),
        ("Bác chụp thẻ căn cước rồi gửi cho con.", "do", True),
        ("Bác gõ số căn cước vô đây.", "do", True),
        ("Số căn cước của Bác là gì ạ?", "ask", True),
        ("Nếu không được, Bác gửi con mã OTP.", "do", True),
        ("Bác chụp giấy tờ, gửi lên cổng.", "do", False),
        ("Đừng gửi mã OTP cho ai, kể cả con.", "do", False),
        ("Bác đừng nhắn mã cho ai. Bác gõ mã OTP vô ô trên máy.", "do", False),
        ("Họ kêu Bác đọc mã OTP là lừa.", "do", False),
        ("Bác tự nhập mật khẩu rồi bấm gửi.", "do", False),
        ("Bác nhắn con “quên mật khẩu VNeID”.", "do", False),
        ("Số điện thoại của Bác là gì ạ?", "ask", False),
    ],
)
def test_requests(text: str, verb: str, bad: bool) -> None:
    assert len(list(requests.requests(said(text, verb)))) == bad


def entry(one: str, *asked_as: str, title: str = "Thử", topic: str = "vneid") -> Entry:
    return Entry(kind="article", id=one, topic=topic, title=title, asked_as=asked_as, body="")


def files(*entries: Entry) -> dict[tuple[str, str], tuple[Passage, ...]]:
    return {
        (one.kind, one.id): tuple(
            Passage(file=f"{one.id}.md", line=line, where="", role="asked", text=way)
            for line, way in enumerate((one.title, *one.asked_as), start=2)
        )
        for one in entries
    }


def test_one_question_leads_to_one_place() -> None:
    shelf = (
        entry("mot", "mất thẻ căn cước", "đổi thẻ"),
        entry("hai", "Mat the can cuoc!", topic="dvc"),
        entry("ba", "đổi bằng"),
    )
    (found,) = finding.doubles(shelf, files(*shelf))
    assert (found.file, found.line) == ("hai.md", 3)
    assert "bài mot (vneid)" in found.message


def test_what_search_does_not_find_by_its_own_words() -> None:
    same = tuple(entry(name, title="Làm VNeID") for name in ("mot", "hai", "ba", "bon"))
    index = Index.load(KNOWLEDGE / "topics", same)
    (found,) = finding.lost(index, same, files(*same))
    assert (found.file, found.line) == ("bon.md", 2)
    assert "ra: mot, hai, ba" in found.message
    assert list(finding.lost(Index.load(KNOWLEDGE / "topics", same[:3]), same[:3], files(*same))) == []


@pytest.mark.parametrize("text", ["plain: {}", "plain: []\nnames: []", "plain: {a: ''}\nnames: []", "names: [a]"])
def test_a_glossary_that_cannot_be_used(tmp_path: Path, text: str) -> None:
    (tmp_path / "glossary.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(GlossaryError, match=r"glossary\.yaml: "):
        Glossary.load(tmp_path / "glossary.yaml")


def test_every_rule_is_asked(tmp_path: Path) -> None:
    """One file that breaks every rule at once."""
    folders = Folders(flows=tmp_path / "flows", words=tmp_path, knowledge=tmp_path / "knowledge")
    folders.flows.mkdir()
    (folders.knowledge / "articles").mkdir(parents=True)
    for name in ("glossary.yaml", "scams", "topics"):
        (folders.knowledge / name).symlink_to(KNOWLEDGE / name)
    for name in ("topics.yaml", "commands.yaml", "answers.yaml"):
        (tmp_path / name).symlink_to(Folders().words / name)
    text = "Bác xóa download trang-la-qua.com.vn, tốn 50.000 đồng. Bác gửi con mã OTP. " + "một " * 30
    flow = f"title: Thử\ntopic: vneid\nsteps:\n  a:\n    end: {text.strip()}\n"
    (folders.flows / "thu.yaml").write_text(flow, encoding="utf-8")
    told = "\n".join(one.message for one in check(folders, (), NOW.date()) if one.line == 5)
    for says in ("viết là “xoá”", "“download”", "trang-la-qua.com.vn", "50.000 đồng", "xin bà con mã", "ngắt làm hai"):
        assert says in told
