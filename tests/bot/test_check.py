"""`gocua check`: every mistake an author can make is told, and nothing else."""

import shutil
from datetime import date, timedelta
from pathlib import Path

import pytest

from bot.answers import Answers
from bot.capabilities import CHANNELS, TELEGRAM, Capabilities
from bot.check import check
from bot.checks.commands import MEANS, YIELDING
from bot.library import INTAKE, Folders
from bot.picture import MOST_BYTES
from knowledge.search import PERSON_TOPIC, TOPICS
from tests.cast import NOW

TODAY = NOW.date()
SMALL = Capabilities(
    name="small", text_limit=200, max_choices=4, label_limit=20, buttons=True,
    photo_out=False, voice_out=False, asks_location=False, asks_phone=False,
)  # fmt: skip
LINES = Capabilities(
    name="lines", text_limit=100, max_choices=3, label_limit=1, buttons=False,
    photo_out=True, voice_out=False, asks_location=False, asks_phone=False, caption_limit=50, most_bubbles=1,
)  # fmt: skip
HEAD = """title: Thử
topic: vneid
asked_as: [làm thử]
verified_on: 2026-11-01
expires_on: 2027-02-01
sources: [Luật Căn cước]
owner: Tổ nội dung
"""
TOPICS_FILE = "".join(f"{topic}: {{name: Một}}\n" for topic in TOPICS if topic != PERSON_TOPIC)
END = "steps: {a: {end: Xong}}\n"
ARTICLE = """---
title: Bài thử
verified_on: 2026-11-01
expires_on: 2026-12-01
sources: [Luật Căn cước]
---
"""


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    (tmp_path / "flows").mkdir()
    shutil.copy(Folders().flows / f"{INTAKE}.yaml", tmp_path / "flows")
    (tmp_path / "knowledge/articles/vneid").mkdir(parents=True)
    for name in ("glossary.yaml", "scams", "topics"):
        (tmp_path / "knowledge" / name).symlink_to(Folders().knowledge / name)
    (tmp_path / "topics.yaml").write_text(TOPICS_FILE, encoding="utf-8")
    for name in ("commands.yaml", "answers.yaml"):
        (tmp_path / name).symlink_to(Folders().words / name)
    return Folders(flows=tmp_path / "flows", words=tmp_path, knowledge=tmp_path / "knowledge")


def told(folders: Folders, text: str = "", *capabilities: Capabilities, today: date = TODAY) -> list[str]:
    """What is said of a flow thu.yaml, without the folder."""
    if text:
        (folders.flows / "thu.yaml").write_text(text, encoding="utf-8")
    return [str(problem).removeprefix(f"{folders.flows}/") for problem in check(folders, capabilities, today)]


def with_picture(folders: Folders, data: bytes) -> None:
    folder = folders.words / "pictures"
    folder.mkdir()
    (folder / "pictures.yaml").write_text("hinh: {says: Một hình, draw: title | Hình}\n", encoding="utf-8")
    (folder / "hinh.png").write_bytes(data)


def test_shipped_content_has_no_error_today() -> None:
    assert [str(one) for one in check(Folders(), CHANNELS, TODAY) if one.level == "error"] == []


def test_a_good_flow_has_no_problem(folders: Folders) -> None:
    assert told(folders, HEAD + END) == []


@pytest.mark.parametrize(
    ("steps", "line", "says"),
    [
        ("a: {end: Xong}, b: {end: Hết}", 8, "step 'b': không đường nào tới bước này"),
        ("a: {say: Một}", 8, "step 'a': đường đứt ở đây"),
        ("a: {do: Một, stuck: [{sign: Hư, say: Sửa}]}", 8, "step 'a': đường đứt ở đây"),
        ("a: {check: Dán, verdicts: {scam: b, suspicious: b, official: b}, then: b}, b: {end: Xong, then: a}", 8,
         "step 'b': then ở đây không có tác dụng"),
        ("a: {choose: Gì, options: {A: a, B: b}, then: b}, b: {end: Xong}", 8, "then ở đây không có tác dụng"),
        ("a: {say: Một}, b: {say: Hai, then: a}", 8, "step 'a': đi vòng hoài"),
        ("a: {say: 'Chào {ten}'}, b: {ask: Tên, as: ten}, c: {end: Xong}", 8, "chưa hỏi {ten} ở đâu"),
        ("a: {end: '{noi_ở}'}", 8, "chưa hỏi {noi_ở} ở đâu"),
        ("a: {do: Một}, b: {end: Xong}", 8, "step 'a': thiếu stuck"),
        ("a: {do: Một, stuck: [{sign: Hư, say: Sửa}, {sign: hu, say: Vá}]}, b: {end: Xong}", 8,
         "bỏ dấu thì giống nhau"),
        ("a: {choose: Gì, options: {'{ten}': b, B: b}}, b: {end: Xong}", 8, "có chỗ điền { }"),
        ("a: {end: Xong, picture: la}", 8, "step 'a': không có hình 'la'"),
        ("a: {go: khong-co}, b: {end: Xong}", 8, "step 'a': dẫn tới kịch bản 'khong-co', mà không có"),
        ("a: {go: thu}, b: {end: Xong}", 8, "step 'a': kịch bản 'thu' lại dẫn về đây"),
        ("a: {say: ''}", 8, "step 'a': `say` còn trống"),
    ],
)  # fmt: skip
def test_a_step_that_goes_wrong(folders: Folders, steps: str, line: int, says: str) -> None:
    found = told(folders, f"{HEAD}steps: {{{steps}}}\n")
    assert any(one.startswith(f"thu.yaml:{line}:") and says in one for one in found), found


@pytest.mark.parametrize(
    "steps",
    [
        "a: {ask: Tên, as: ten}, b: {end: 'Chào {ten} ở {noi_o}'}",
        "a: {check: Dán, verdicts: {scam: b, suspicious: b, official: b, unknown: b}}, b: {end: Xong}",
        "b: {end: Xong}",
        "a: {say: Một}, b: {choose: Nữa không, options: {Nữa: a, Thôi: c}}, c: {end: Xong}",
        f"a: {{go: {INTAKE}}}, b: {{end: Xong}}",
        "a: {hand_off: ''}",
    ],
)
def test_a_step_that_is_fine(folders: Folders, steps: str) -> None:
    assert told(folders, f"{HEAD}steps: {{{steps}}}\n", TELEGRAM) == []


@pytest.mark.parametrize("key", ["asked_as", "verified_on", "expires_on", "sources", "owner"])
def test_a_head_that_lacks_a_line(folders: Folders, key: str) -> None:
    head = "".join(line for line in HEAD.splitlines(keepends=True) if not line.startswith(key))
    assert told(folders, head + END) == [f"thu.yaml:1: thiếu {key}: thêm vào đầu tệp"]


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("topic: vneid", "topic: nau-an", "chủ đề 'nau-an' không có: dùng một trong vneid"),
        ("2027-02-01", "2026-11-20", "hết hạn từ 2026-11-20: Tổ nội dung đối chiếu lại"),
        ("2026-11-01", "2026-11-22", "verified_on 2026-11-22 còn ở phía trước"),
        ("2027-02-01", "2026-11-01", "expires_on phải sau verified_on"),
        ("2027-02-01", "2027-06-01", "expires_on 2027-06-01 xa quá: tối đa 6 tháng"),
    ],
)
def test_a_head_that_is_wrong(folders: Folders, old: str, new: str, says: str) -> None:
    assert any(says in one for one in told(folders, HEAD.replace(old, new) + END))


def test_a_flow_holds_until_the_end_of_its_last_day(folders: Folders) -> None:
    last = date(2027, 2, 1)
    assert told(folders, HEAD + END, today=last) == []
    assert len(told(folders, today=last + timedelta(days=1))) == 1


def test_the_smallest_channel_sets_the_limits(folders: Folders) -> None:
    (folders.flows / f"{INTAKE}.yaml").write_text(HEAD.replace("làm thử", "gặp") + END, encoding="utf-8")
    options = ", ".join(f"Đường {number}: b" for number in range(5))
    signs = ", ".join(f"{{sign: Vướng thứ {name}, say: Sửa}}" for name in ("một", "hai", "ba"))
    long, label = "1" * 201, "1" * 21
    text = (
        f"{HEAD}steps:\n  a: {{choose: {long}, options: {{{options}}}}}\n  b: {{do: Một, simpler: {long}, "
        f"stuck: [{signs}, {{sign: {label}, say: {long}}}]}}\n  c: {{end: Xong}}\n"
    )
    assert told(folders, text, TELEGRAM) == []
    assert [one.split(": ", 2)[2] for one in told(folders, text, TELEGRAM, SMALL)] == [
        "5 lựa chọn, có kênh chỉ chở được 4: tách làm hai bước",
        f"lời dài 201 chữ cái, có kênh chỉ chở được 200: viết ngắn lại “{'1' * 40}”",
        "4 chỗ vướng, chỉ 2 có nút: gộp bớt lại",
        f"nút dài 21 chữ cái, có kênh chỉ chở được 20: viết ngắn lại “{'1' * 21}”",
        f"simpler dài 201 chữ cái, có kênh chỉ chở được 200: viết ngắn lại “{'1' * 40}”",
        f"say của “{'1' * 21}” dài 201 chữ cái, có kênh chỉ chở được 200: viết ngắn lại “{'1' * 40}”",
    ]


def test_a_channel_without_buttons_limits_no_label(folders: Folders) -> None:
    (folders.flows / f"{INTAKE}.yaml").write_text(HEAD.replace("làm thử", "gặp") + END, encoding="utf-8")
    assert (
        told(folders, f"{HEAD}steps: {{a: {{choose: Gì, options: {{Ba: b, Má: b}}}}, b: {{end: Xong}}}}", LINES) == []
    )
    assert len(told(folders, f"{HEAD}steps: {{a: {{end: {'1' * 101}}}}}", LINES)) == 1
    many = "{choose: Gì, options: {A: b, B: b, C: b, D: b}}"
    (found,) = told(folders, f"{HEAD}steps: {{a: {many}, b: {{end: Xong}}}}", LINES)
    assert "4 lựa chọn, có kênh chỉ chở được 3" in found


@pytest.mark.parametrize(
    ("steps", "says"),
    [
        (f"a: {{say: {'1' * 60}}}, b: {{say: {'2' * 30}}}, c: {{end: {'3' * 20}}}", "step 'c': "),
        (f"a: {{choose: {'1' * 40}, options: {{{'4' * 30}: b, {'5' * 30}: b}}}}, b: {{end: Xong}}", "step 'a': "),
        (f"a: {{end: {'1' * 51}, picture: hinh}}", "step 'a': "),
        (f"a: {{say: {'1' * 40}}}, b: {{say: {'2' * 30}}}, c: {{end: {'3' * 20}}}", ""),
        (f"a: {{end: {'1' * 50}, picture: hinh}}", ""),
    ],
)
def test_what_is_read_at_once_is_one_message(folders: Folders, steps: str, says: str) -> None:
    (folders.flows / f"{INTAKE}.yaml").write_text(HEAD.replace("làm thử", "gặp") + END, encoding="utf-8")
    with_picture(folders, b"1")
    found = told(folders, f"{HEAD}steps: {{{steps}}}\n", LINES)
    assert [says in one and "thành 2 tin, lines chỉ nên 1" in one for one in found] == [True] * bool(says)


def test_a_question_can_start_one_flow_only(folders: Folders) -> None:
    (folders.flows / "hai.yaml").write_text(HEAD.replace("làm thử", "Lam  THU!") + END, encoding="utf-8")
    (found,) = told(folders, HEAD + END)
    assert "câu hỏi “làm thử” cũng có ở kịch bản hai (vneid)" in found


def test_flows_that_lead_to_each_other(folders: Folders) -> None:
    (folders.flows / "hai.yaml").write_text(
        HEAD.replace("làm thử", "hai") + "steps: {a: {go: thu}, b: {end: Xong}}", encoding="utf-8"
    )
    found = told(folders, HEAD + "steps: {a: {go: hai}, b: {end: Xong}}")
    assert [one.split(":")[0] for one in found] == ["hai.yaml", "thu.yaml"]
    assert all("lại dẫn về đây" in one for one in found)


def test_without_the_intake_nobody_reaches_a_person(folders: Folders) -> None:
    (folders.flows / f"{INTAKE}.yaml").unlink()
    assert told(folders, HEAD + END) == [
        f"{INTAKE}.yaml:1: thiếu kịch bản này: không có nó thì không ai gặp được người của tổ"
    ]


def test_a_file_that_is_no_text(folders: Folders) -> None:
    (folders.flows / "thu.yaml").write_bytes(b"\xff\xfe")
    assert told(folders) == ["thu.yaml:1: tệp không phải UTF-8: lưu lại theo UTF-8"]


def test_articles(folders: Folders) -> None:
    article = folders.knowledge / "articles/vneid/bai-thu.md"
    article.write_text(ARTICLE + "Một câu.", encoding="utf-8")
    assert told(folders) == []
    assert told(folders, "", LINES) == told(folders, "", LINES, today=date(2026, 12, 1))
    assert "bai-thu.md:1: hết hạn từ 2026-12-01: Tổ nội dung Gõ Cửa" in told(folders, today=date(2026, 12, 2))[0]
    article.write_text(ARTICLE + "1" * 201, encoding="utf-8")
    assert any("bài dài 201 chữ cái" in one for one in told(folders, "", SMALL))
    article.write_text("Một câu.", encoding="utf-8")
    assert any("bai-thu.md:1:" in one for one in told(folders))


def test_a_picture_that_is_missing_or_heavy_is_told(folders: Folders) -> None:
    with_picture(folders, b"1" * (MOST_BYTES + 1))
    (heavy,) = told(folders)
    assert "hinh.png" in heavy
    assert "hình nặng 60001 byte" in heavy
    (folders.words / "pictures/hinh.png").unlink()
    (missing,) = told(folders)
    assert "hinh: hinh.png is missing: run bench/build_pictures.py" in missing


@pytest.mark.parametrize(
    ("steps", "line", "says"),
    [
        ("a:\n    choose: Nào\n    options:\n      Một: b\n      Việc khác: b\n  b: {end: Xong}", 13,
         "“Việc khác” là lệnh mở danh mục"),
        ("a:\n    choose: Nào\n    options:\n      Một: b\n      Hai:\n        also: [gap nguoi]\n        then: b\n"
         "  b: {end: Xong}", 14, "“gap nguoi” là lệnh gặp người"),
        ("a:\n    do: Bấm\n    stuck:\n      - {sign: Quay lại, say: Sửa}\n  b: {end: Xong}", 12,
         "“Quay lại” là lệnh quay lại"),
        ("a:\n    do: Bấm\n    stuck:\n      - {sign: Không hiểu, say: Sửa}\n  b: {end: Xong}", 12,
         "“Không hiểu” là lệnh nói lại cho dễ hiểu"),
    ],
)  # fmt: skip
def test_what_is_a_command_everywhere_is_no_answer(folders: Folders, steps: str, line: int, says: str) -> None:
    (found,) = told(folders, f"{HEAD}steps:\n  {steps}\n")
    assert found.startswith(f"thu.yaml:{line}: step 'a': ")
    assert says in found


def test_every_command_has_a_name_that_authors_read() -> None:
    answers = Answers.load(Folders().words)
    assert {*answers.commands.values(), *answers.marked.values()} == set(MEANS) - {"start"} | YIELDING


def test_what_leads_a_topic_must_be_a_flow(folders: Folders) -> None:
    topics = folders.words / "topics.yaml"
    topics.write_text(TOPICS_FILE.replace("Một}", "Một, first: [khong-co]}", 1), encoding="utf-8")
    (found,) = told(folders)
    assert found.startswith(f"{topics}:1: ")
    assert "có first là 'khong-co', mà không có kịch bản đó" in found
    topics.write_text("vneid: {}\n", encoding="utf-8")
    assert len(told(folders)) == len(TOPICS) - 1


@pytest.mark.parametrize(("day", "told_of"), [("31/01/2027", True), ("01/02/2027", False), ("31/10/2026", False)])
def test_what_holds_until_a_day_is_looked_at_by_then(folders: Folders, day: str, told_of: bool) -> None:
    """HEAD is verified on 2026-11-01 and expires on 2027-02-01."""
    found = told(folders, f"{HEAD}steps:\n  a: {{end: Giảm phí tới hết {day}}}\n")
    assert [f"câu này chỉ đúng tới hết {day}, mà expires_on là 2027-02-01" in one for one in found] == [True] * told_of
    assert all(one.startswith("thu.yaml:9: ") for one in found)


def test_codes_lead_to_official_pages_alone(folders: Folders) -> None:
    with_picture(folders, b"1")
    listed = folders.words / "pictures/pictures.yaml"
    listed.write_text("hinh: {says: Mã QR, draw: qr 1 2 300 | dichvucong.gov.vn}\n", encoding="utf-8")
    assert told(folders) == []
    listed.write_text("hinh: {says: Mã QR, draw: qr 1 2 300 | dvcongvn.com}\n", encoding="utf-8")
    card = "vneid: {title: a}\n"
    (folders.knowledge / "cards.yaml").write_text(card, encoding="utf-8")
    on_card, on_picture = told(folders)
    assert "cards.yaml:1: thẻ 'vneid': cần đủ" in on_card
    assert "mã QR của hình 'hinh' dẫn tới dvcongvn.com, không phải trang chính thức" in on_picture


def test_what_authors_are_shown_is_good_content(folders: Folders) -> None:
    page = (Path(__file__).parents[2] / "docs/authoring.md").read_text(encoding="utf-8")
    flow, article = (page.split(f"```{kind}\n")[1].split("```")[0] for kind in ("yaml", "markdown"))
    (folders.knowledge / "articles/dvc").mkdir()
    (folders.knowledge / "articles/dvc/gio-mo-cua.md").write_text(article, encoding="utf-8")
    assert told(folders, flow, *CHANNELS) == []


def test_authors_are_told_what_each_rule_means() -> None:
    """The page speaks of messages that there are."""
    root = Path(__file__).parents[2]
    page = (root / "docs/authoring.md").read_text(encoding="utf-8")
    lines = [line for line in page.split("| máy báo |")[1].splitlines()[2:] if line.startswith("|")]
    rows = [line.split("|")[1].strip().removesuffix("(nên sửa)") for line in lines]
    code = "".join(path.read_text(encoding="utf-8") for path in (root / "bot/checks").glob("*.py"))
    for name in ("api/cli/content.py", "bot/check.py", "bot/flow.py", "knowledge/articles.py"):
        code += (root / name).read_text(encoding="utf-8")
    unknown = [row for row in rows for part in row.split("…") if part.strip() and part.strip() not in code]
    assert unknown == []
