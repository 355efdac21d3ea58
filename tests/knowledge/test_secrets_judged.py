"""The learned judge: what it masks that no rule knows, what it leaves, and that its weights belong to their lines."""

import json
from pathlib import Path

import numpy as np
import pytest
from rapidfuzz import fuzz, process

from knowledge import examples, judge
from knowledge.judge import Judge, JudgeError, the_judge
from knowledge.learn import learn_spans, stale_spans
from knowledge.secrets import redact, views
from knowledge.spans import seen
from knowledge.text import fold

BENCH = Path(__file__).parents[2] / "bench" / "data"


@pytest.mark.parametrize(
    ("text", "secret", "kind"),
    [
        ("thẻ đút vô máy nó kêu số, con bấm 7302 mà nó nhả ra", "7302", "otp"),
        ("số sau lưng thẻ 4000 1234 5678 9010 nó hỏi, tui đọc 481 luôn", "481", "cvv"),
        ("wifi trạm y tế gõ tramyte68 không vô", "tramyte68", "password"),
        ("tiền trợ cấp đổ vô 7102 05 118 2264 nông nghiệp", "7102 05 118 2264", "account_number"),
        ("Lê Văn Sáu, 1957, 087 057 0041 26, ấp Bình Hoà, xin xác nhận", "087 057 0041 26", "id_number"),
        ("mk vneid năm sinh một chín năm sáu", "một chín năm sáu", "password"),
        ("gửi mã 771204 trên hoá đơn ngân hàng gửi otp", "771204", "otp"),
        ("viettel post thu hộ vô 1509238847162 bidv", "1509238847162", "account_number"),
        ("cmnd 120 135 148 cấp năm 1998", "120 135 148", "id_number"),
    ],
)
def test_what_no_rule_knows_is_masked(text: str, secret: str, kind: str) -> None:
    assert secret not in redact(text).text
    assert redact(text).found[-1] == kind


@pytest.mark.parametrize(
    "text",
    [
        "nhà số 1482 đường Nguyễn Huệ cần người tới coi giùm",
        "lúa tươi 7650 một ký mà lái trả có 7200",
        "đồng hồ nước tháng này 1187, tháng trước 1164",
        "dạ có gì gọi con 0 9 1 8, 2 2 2, 3 3 3",
        "con bên Mỹ gọi về bằng số +1 714 555 0199",
        "đơn GHN 6620 4418 07 hai bữa chưa giao",
        "máy Oppo A5s có cài được vneid không",
        "căn cước làm hồi 2021 tới 2036 mới hết hạn",
        "nhắn KTTB gửi 1414 coi tên ai",
        "gọi 1900 0368 hay 18001091 vậy con",
        "họp zoom id 482 5519 3307 lúc 2 giờ",
        "NPK 20-20-15 giá 890.000 một bao mà shop im re",
        "cha tui đi lính từ năm một chín bảy hai tới năm một chín bảy bốn",
        "nó cho số không chín tám không chín tám bảy hai một bốn năm sáu ba biểu gọi lại",
        "(84)982 154 773 với 0084 918 332 771 gọi nháy máy hoài",
        "mã khách hàng nước của nhà là 0226481 đóng ở đâu",
        "công tơ số chế tạo 19077345 đứng yên",
        "ghtk mã 1480276635519 nằm kho mấy bữa",
        "đường huyết 120 130 140 ba bữa nay",
        "111 112 113 khác nhau sao",
        "gd 703318846 momo treo hoài",
        "số tham chiếu 011204773362 tra ở đâu",
        "thẻ hội viên 337218 mất rồi",
        "tin nhắn OTP từ số 8188 thật không",
        "771204 là mã gì trên hoá đơn vậy",
        "vé 718 240 trúng không cô",
    ],
)
def test_ordinary_numbers_are_left(text: str) -> None:
    assert redact(text).text == text


def test_the_lines_it_was_learned_from_are_told_right() -> None:
    lines = examples.load(judge.FOLDER)
    secrets = [(line.text, secret) for line in lines for secret in line.secrets]
    ordinary = [line.text for line in lines if not line.secrets]
    assert sum(secret not in redact(text).text for text, secret in secrets) / len(secrets) >= 0.99
    assert sum(redact(text).text != text for text in ordinary) / len(ordinary) <= 0.003


def test_no_line_of_the_bench_is_learned() -> None:
    rows = [
        fold(json.loads(row)["text"])
        for name in ("secrets.jsonl", "secrets_strangers.jsonl", "secrets_unread.jsonl")
        for row in (BENCH / name).read_text("utf-8").splitlines()
    ]
    lines = [fold(line.text) for line in examples.load(judge.FOLDER)]
    alike = process.cdist(rows, lines, scorer=fuzz.ratio, score_cutoff=90, dtype=np.uint8)
    assert [(rows[row], lines[line]) for row, line in np.argwhere(alike > 90)] == []
    assert len(rows) > 1000


def test_the_weights_are_no_older_than_their_lines_and_small() -> None:
    assert stale_spans(judge.FOLDER) is None
    assert (judge.FOLDER / judge.FILE).stat().st_size < 300_000


def test_a_secret_is_seen_with_the_others_masked_and_ordinary_numbers_with_all() -> None:
    line = examples.Line("otp 482913, mk 9051, sinh 130 con vịt 7730", ("482913", "9051"))
    code, password, *ordinary = examples.examples(line)
    assert code.secret
    assert password.secret
    assert "has _mask" in code.features & password.features
    assert {"n=6", "l0 otp"} <= code.features
    assert {"n=4", "l0 mk", "l1 _mask"} <= password.features
    assert [one.secret for one in ordinary] == [False]
    assert "has _mask" in ordinary[0].features


@pytest.mark.parametrize(
    "text", ["", "xin chào", "1 " * 60, "0918222333", "1900 0368", "12/05/2021", "350.000", "2026"]
)
def test_what_cannot_be_a_secret_is_not_judged(text: str) -> None:
    assert seen(*views(text)).candidates == ()


def test_a_long_text_is_left_to_the_rules() -> None:
    said = "thẻ đút vô máy nó kêu số, con bấm 7302 mà nó nhả ra"
    long = said + " dạ" * 400
    assert the_judge().secrets(*views(said))
    assert the_judge().secrets(*views(long)) == []


def _lines(folder: Path, *rows: tuple[str, list[str]]) -> None:
    lines = (json.dumps({"text": text, "secrets": secrets}, ensure_ascii=False) + "\n" for text, secrets in rows)
    (folder / examples.FILE).write_text("".join(lines), "utf-8")


def test_learning_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    codes = [(f"mở máy bấm {number}", [str(number)]) for number in range(4100, 4120)]
    _lines(tmp_path, *codes, *((f"lúa bán {number} một ký", []) for number in range(7100, 7120)))
    assert "gocua learn" in (stale_spans(tmp_path) or "")
    learn_spans(tmp_path)
    once = (tmp_path / judge.FILE).read_bytes()
    learn_spans(tmp_path)
    assert (tmp_path / judge.FILE).read_bytes() == once
    assert stale_spans(tmp_path) is None
    learned = Judge.load(tmp_path)
    assert learned.secrets(*views("mở máy bấm 5391")) == [(11, 15, "otp")]
    assert learned.secrets(*views("lúa bán 5391 một ký")) == []
    _lines(tmp_path, *codes)
    assert "older" in (stale_spans(tmp_path) or "")


def test_bad_lines_are_told(tmp_path: Path) -> None:
    _lines(tmp_path, ("mở máy bấm 5391", []), ("mở máy bấm 5391", ["5392"]))
    with pytest.raises(examples.LineError, match=r"lines\.jsonl:2.*5392"):
        examples.load(tmp_path)
    (tmp_path / examples.FILE).write_text("{}\n", "utf-8")
    with pytest.raises(examples.LineError, match=r"lines\.jsonl:1: write"):
        examples.load(tmp_path)


def test_missing_weights_say_how_to_make_them(tmp_path: Path) -> None:
    with pytest.raises(JudgeError, match="gocua learn"):
        Judge.load(tmp_path)
