import json
from pathlib import Path

import pytest
from rapidfuzz import fuzz, process

from bot.library import Folders, entries, load_flows
from knowledge import articles
from knowledge.learn import UtteranceError, learn, load, stale
from knowledge.search import OUT, TOPICS, Entry, Index
from knowledge.text import read
from knowledge.weights import FILE, Weights, WeightsError

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "knowledge" / "topics"
ENTRIES = [
    Entry("flow", "tao-tai-khoan", "vneid", "Tạo tài khoản VNeID", ("đăng ký vneid mới",), ""),
    Entry("article", "quen-mat-khau", "vneid", "Quên mật khẩu VNeID", ("mất pass vneid",), "Bấm Quên mật khẩu."),
    Entry("article", "mat-bang", "gplx", "Mất bằng lái xin cấp lại", (), "Nộp trên cổng dịch vụ công."),
    Entry("article", "qua-han", "gplx", "Bằng lái quá hạn", (), "Xem ngày hết hạn."),
]


@pytest.fixture(scope="module")
def index() -> Index:
    return Index.load(FOLDER, ENTRIES)


@pytest.mark.parametrize(
    ("text", "topic"),
    [
        ("quen mat khau vneid", "vneid"),
        ("nộp phạt nguội qua mạng ở đâu", "thanh-toan"),
        ("maats bawngf lais xe", "gplx"),
        ("có người xưng công an gọi bắt chuyển tiền", "lua-dao"),
        ("lm giấy khai sinh onl ntn", "dvc"),
        ("hộ chiếu hết hạn", "ho-chieu"),
        ("chữ ký số miễn phí", "chu-ky-so"),
        ("momo bị khóa", "vi-dien-tu"),
        ("đèn đường hư báo ai", "app-tinh"),
        ("mở gian hàng shopee", "tmdt"),
        ("đặt lịch khám bệnh viện", "suc-khoe"),
        ("lộ thông tin cá nhân", "du-lieu-ca-nhan"),
        ("đổi sim 4g", "2g-4g"),
        ("cho tôi gặp nhân viên", "gap-nguoi"),
    ],
)
def test_plain_questions_find_their_topic(index: Index, text: str, topic: str) -> None:
    answer = index.ask(text)
    assert (answer.topic, answer.topics[0]) == (topic, topic)
    assert answer.band == ("person" if topic == "gap-nguoi" else "answer")
    assert 0.6 <= answer.p <= 1
    assert len(answer.topics) == 3


@pytest.mark.parametrize(
    "text", ["", " ?! ", "xin chào", "giá lúa hôm nay", "vay ngân hàng mua nhà", "trời mưa không con"]
)
def test_chatter_is_refused(index: Index, text: str) -> None:
    answer = index.ask(text)
    assert (answer.topic, answer.band, answer.hits) == (OUT, "none", ())


def test_a_scam_outranks_what_it_abuses(index: Index) -> None:
    assert index.ask("nó gửi link giả mạo kêu nâng cấp vneid mức 2 có lừa đảo không").topic == "lua-dao"


def test_asking_for_a_person_is_heard_beside_another_topic(index: Index) -> None:
    answer = index.ask("quên mật khẩu vneid rồi, cho tôi gặp nhân viên")
    assert answer.band == "person"


def test_a_story_about_somebody_who_called_asks_for_no_person(index: Index) -> None:
    assert index.ask("có người gọi nói tôi nợ tiền điện có phải lừa không").band == "answer"


def test_hits_come_from_the_topic_best_first(index: Index) -> None:
    assert index.ask("vneid quên pass rồi").hits[0].id == "quen-mat-khau"
    assert index.ask("bị mất bằng lái xe").hits[0].id == "mat-bang"
    assert all(hit.kind in ("flow", "article") for hit in index.ask("đăng ký vneid").hits)


def test_every_entry_is_found_first_by_each_of_its_own_wordings() -> None:
    folders = Folders()
    library = entries(load_flows(folders.flows).values(), articles.load(folders.knowledge / "articles"))
    index = Index.load(FOLDER, library)
    owners: dict[str, list[Entry]] = {}
    for entry in library:
        for name in {read(text).folded for text in (entry.title, *entry.asked_as)}:
            owners.setdefault(name, []).append(entry)
    lost = []
    for entry in library:
        for text in (entry.title, *entry.asked_as):
            same, answer = owners[read(text).folded], index.ask(text)
            found = entry.id in [hit.id for hit in answer.hits[: len(same)]]
            at_once = (answer.topic, answer.p, answer.band) == (entry.topic, 0.99, "answer")
            if not found or (len({one.topic for one in same}) == 1 and not at_once):
                lost.append((entry.id, text, answer))
    assert len(library) > len(ENTRIES)
    assert lost == []


def test_an_entrys_own_words_outrank_every_rule() -> None:
    asked = ("gặp nhân viên ở đâu", "tin từ dichvucong.gov.vn có thật không")
    index = Index.load(FOLDER, [*ENTRIES, Entry("article", "own", "dvc", "Nơi nộp hồ sơ", asked, "Ra xã.")])
    answer = index.ask("gap nhan vien o dau?")
    assert (answer.topic, answer.p, answer.band, answer.hits[0].id) == ("dvc", 0.99, "answer", "own")
    assert answer.topics[0] == "dvc"
    assert len(answer.topics) == 3
    assert index.ask("Tin từ dichvucong.gov.vn có thật không?").p == 0.99
    assert index.ask("tin từ dichvucong-gov.vip có thật không").p != 0.99


def test_words_that_two_topics_claim_decide_no_topic() -> None:
    both = [Entry("article", topic, topic, "Trời mưa", (), "Mưa.") for topic in ("dvc", "gplx")]
    answer = Index.load(FOLDER, both).ask("trời mưa")
    assert answer.p != 0.99


def test_no_entries_no_hits() -> None:
    assert Index.load(FOLDER, []).ask("quên mật khẩu vneid").hits == ()


@pytest.mark.parametrize(
    ("text", "pasted"),
    [
        ("Quy khach vui long truy cap https://abc.vip de nhan qua", True),
        ("[TB] Lich cup dien ngay mai", True),
        ("VIETTEL thong bao: thue bao cua quy khach duoc uu dai 50%, soan tin gui 191", True),
        ("trang dichvucong-abc.com này có thật không", True),
        ("dạ cho con hỏi con đổi máy rồi con vô vneid không được nó kêu nhập mã mà con không thấy mã gửi về", False),
        ("quên mật khẩu vneid", False),
    ],
)
def test_pasted_messages_are_marked(index: Index, text: str, pasted: bool) -> None:
    assert index.ask(text).pasted is pasted


def test_a_read_message_answers_like_its_raw_text(index: Index) -> None:
    assert index.ask(read("doi bang lai")) == index.ask("doi bang lai")


def test_every_topic_is_a_class_of_the_weights_and_has_enough_utterances() -> None:
    assert Weights.load(FOLDER).classes == tuple(sorted((*TOPICS, OUT)))
    counted = {topic: sum(one.topic == topic for one in load(FOLDER)) for topic in (*TOPICS, OUT)}
    assert min(counted[topic] for topic in TOPICS) >= 40
    assert counted[OUT] >= 400


def test_the_evaluation_rows_are_not_in_the_training_data() -> None:
    files = [ROOT / "bench" / "data" / name for name in ("queries.jsonl", "unread.jsonl", "fresh.jsonl")]
    lines = [line for path in files for line in path.read_text(encoding="utf-8").splitlines()]
    rows = [read(json.loads(line)["text"]).folded for line in lines]
    learned = sorted({read(one.text).folded for one in load(FOLDER)})
    nearest = [process.extractOne(row, learned, scorer=fuzz.ratio) for row in rows]
    too_near = [(row, found[0]) for row, found in zip(rows, nearest, strict=True) if found[1] > 90]
    assert len(rows) >= 650
    assert too_near == []


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """Two topics' worth of data in a folder laid out as the real one."""
    for name in ("teencode.tsv", "phrases.tsv", "foreign.tsv"):
        (tmp_path / name).write_bytes((ROOT / "knowledge" / name).read_bytes())
    folder = tmp_path / "topics"
    folder.mkdir()
    (folder / "gplx.txt").write_text("# bằng lái\nđổi bằng lái\nmất bằng lái xe\nthi bằng lái\n", encoding="utf-8")
    (folder / "out.txt").write_text("trời mưa\ntrời nắng quá\nchào con\n", encoding="utf-8")
    return folder


def test_learning_twice_gives_the_same_bytes_and_fresh_weights(small: Path) -> None:
    learn(small, ENTRIES)
    once = (small / FILE).read_bytes()
    learn(small, ENTRIES)
    assert (small / FILE).read_bytes() == once
    assert stale(small, ENTRIES) is None
    weights = Weights.load(small)
    for text, topic in (("bang lai", "gplx"), ("quen mat khau", "vneid")):
        logits = weights.logits(read(text))
        assert weights.classes[logits.index(max(logits))] == topic
    assert weights.logits(read("@")) == list(weights.bias)


def test_weights_are_stale_when_their_data_changed(small: Path) -> None:
    assert "gocua learn" in (stale(small) or "")
    learn(small)
    assert stale(small) is None
    assert "older" in (stale(small, ENTRIES) or "")
    (small / "gplx.txt").write_text("đổi bằng lái\n", encoding="utf-8")
    assert "older" in (stale(small) or "")


def test_bad_training_data_is_told(small: Path) -> None:
    (small / "dvc.txt").write_text("trời mưa\n", encoding="utf-8")
    with pytest.raises(UtteranceError, match=r"out\.txt:1.*dvc"):
        load(small)
    with pytest.raises(UtteranceError, match="no utterances"):
        load(small.parent / "nowhere")


def test_missing_or_broken_weights_say_how_to_make_them(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="gocua learn"):
        Index.load(tmp_path, [])
    whole = (FOLDER / FILE).read_bytes()
    half = whole[: len(whole) // 2]
    for broken in (b"", b"no archive", half, whole[:5000] + bytes(5000) + whole[10_000:]):
        (tmp_path / FILE).write_bytes(broken)
        with pytest.raises(WeightsError, match=r"weights\.zip.*gocua learn"):
            Weights.load(tmp_path)
