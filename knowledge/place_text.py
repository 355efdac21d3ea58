"""What a typed address is made of: words with folded keys, type words ("phường", "tx"), cues and hamlet phrases.

Knows no unit by name and never decides where a text points.
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from knowledge.text import fold

_WORD = re.compile(r"[^\W\d_]+|\d+")
_SHORT_I = re.compile(r"(?<=[bcdghklmnprstvx])y|(?<=qu)y")
_fold_word = lru_cache(maxsize=8192)(fold)


def _words(listed: str) -> frozenset[str]:
    return frozenset(listed.split())


COMMUNE_KINDS = frozenset({"phường", "xã", "thị trấn", "đặc khu"})
DISTRICT_KINDS = frozenset({"quận", "huyện", "thị xã", "thành phố"})
PROVINCE_KINDS = frozenset({"tỉnh", "thành phố"})

TYPE_WORDS: dict[tuple[str, ...], str] = {
    **dict.fromkeys(
        [("phuong",), ("p",), ("f",), ("ph",), ("phuowng",), ("fuong",), ("phuog",), ("puong",), ("phuongf",)], "phường"
    ),
    **dict.fromkeys([("xa",), ("x",)], "xã"),
    **dict.fromkeys([("thi", "tran"), ("tt",), ("t", "tran")], "thị trấn"),
    **dict.fromkeys([("dac", "khu"), ("dk",)], "đặc khu"),
    **dict.fromkeys([("quan",), ("q",), ("quanj",)], "quận"),
    **dict.fromkeys([("huyen",), ("h",), ("huyenj",)], "huyện"),
    **dict.fromkeys([("thi", "xa"), ("tx",), ("t", "x")], "thị xã"),
    **dict.fromkeys([("thanh", "pho"), ("tp",), ("t", "p"), ("tpho",)], "thành phố"),
    **dict.fromkeys([("tinh",), ("t",), ("tinhr",)], "tỉnh"),
}
GLUED_TYPES = {"phuong": "phường", "tp": "thành phố", "tx": "thị xã", "tt": "thị trấn", "xa": "xã", "p": "phường",
               "q": "quận", "h": "huyện", "x": "xã"}  # fmt: skip
# In a text with marks these spellings are other words: "xa" far, "quán" a shop, "Huyền" a name, "phương" a direction.
_NOT_TYPES = _words("xa quan quán quân quản huyền tinh tính tình tĩnh phượng phương phướng phưởng xạ xá xả quạn quẩn")

_DIGITS = ("không", "một", "hai", "ba", "bốn", "năm", "sáu", "bảy", "tám", "chín")
# Said numbers of wards and districts, by glued key: "phường mười hai", "quận nhất".
SAID_NUMBERS = {
    **{fold(word): str(number) for number, word in enumerate(_DIGITS) if number},
    **{"muoi" + fold(word): str(10 + number) for number, word in enumerate(_DIGITS) if number},
    "nhat": "1", "tu": "4", "muoi": "10", "muoilam": "15",
}  # fmt: skip

_HAMLETS: dict[tuple[str, ...], str] = {
    ("ap",): "ấp", ("thon",): "thôn", ("khom",): "khóm", ("xom",): "xóm", ("buon",): "buôn",
    ("khu", "pho"): "khu phố", ("kp",): "khu phố", ("k", "p"): "khu phố",
    ("khu", "vuc"): "khu vực", ("kv",): "khu vực", ("khoi", "pho"): "khối phố", ("khoi",): "khối",
    ("to", "dan", "pho"): "tổ dân phố", ("tdp",): "tổ dân phố", ("to",): "tổ", ("doi",): "đội", ("khu",): "khu",
    ("ban",): "bản", ("lang",): "làng", ("soc",): "sóc", ("plei",): "plei", ("tieu", "khu"): "tiểu khu",
}  # fmt: skip
# These need a number ("tổ 5"), or their marks when a name follows ("bản Mòng": "ban" alone is a friend or a sale).
_NUMBER_ONLY = frozenset({"tổ", "đội", "khu"})
_MARKED_ONLY = frozenset({"bản", "làng", "sóc", "khối"})
_SMALLEST = frozenset({"tổ", "đội"})
# "bản sao", "ấp con", "xóm nào": no names.
_NOT_HAMLET_NAMES = _words("sao thân chính đồ gốc in cứng mềm án con em tôi tui mình nào này đó khác mới cũ")
_HAMLET_LETTERS = frozenset("abcde")  # "ấp 3A"

PLACE_CUES = _words("ở tại bên về quê thuộc dưới từ xứ")
NOT_PLACE_CUES = _words(
    # landmarks and streets
    "cầu chợ đường trường viện điện chùa thờ ngã ba tư công ty quán tiệm thị nghiệp kcn viên xe bay ga tốc hẻm lộ sông "
    "rạch kênh kinh đình miếu trạm thpt thcs học hàng an tượng đài phà cảng hồ núi đèo dốc vòng xoay phố hãng shop "
    # people and family names
    "tên anh chị em cô chú bác ông bà dì cậu mợ thầy bé thằng nguyễn trần lê phạm huỳnh hoàng phan vũ võ đặng bùi đỗ "
    "ngô dương lý đinh trương mai đào lâm trịnh văn"
)
_FOLDED_CUES = {cues: frozenset(map(fold, cues)) for cues in (PLACE_CUES, NOT_PLACE_CUES)}
FILLERS = _words(
    "da vang em con chau toi tui minh nha o tai ben la dia chi thuoc que a nhe ne cu moi nay truoc day gio song thuong "
    "tru tam ah thi tu ve duoi xu so ten goi xin chao bac hien dang do nhen nghen hen nho va cua the ghi doi thanh sap "
    "nhap nguoi dan viet nam vn noi lai cho khu vuc am ok uh um ma"
)
_BREAKS = re.compile(r"[,;:\n()|/–—?!]")


@dataclass(frozen=True, slots=True)
class Word:
    """`raw` as typed (NFC), `text` in lower case, `key` folded, `breaks` when a comma or the like stands before it."""

    raw: str
    text: str
    key: str
    breaks: bool

    @property
    def marked(self) -> bool:
        return not self.text.isascii()

    @property
    def is_number(self) -> bool:
        return self.key.isdigit()


def words(text: str) -> tuple[Word, ...]:
    """The words of a text; "P12" is two, numbers lose leading zeros, other scripts are left out."""
    composed = unicodedata.normalize("NFC", text)
    found: list[Word] = []
    end = 0
    for match in _WORD.finditer(composed):
        key = _fold_word(match[0])
        if not key or " " in key:
            continue
        between = composed[end : match.start()]
        after_abbreviation = bool(found) and len(found[-1].key) <= 2
        breaks = bool(_BREAKS.search(between)) or ("." in between and not after_abbreviation)
        key = (key.lstrip("0") or "0") if key.isdigit() else key
        found.append(Word(match[0], match[0].lower(), key, breaks and bool(found)))
        end = match.end()
    return tuple(found)


def glue(keys: Sequence[str]) -> str:
    """The key of a name: folded syllables without spaces, "ý" and "í" alike ("quy nhon" -> "quinhon")."""
    glued = "".join(keys)
    return _SHORT_I.sub("i", glued) if "y" in glued else glued


@lru_cache(maxsize=8192)
def spelling(syllable: str) -> tuple[str, ...]:
    """A syllable's letters and marks, wherever its tone stands: equal for "hoà" and "hòa", "quý" and "quí"."""
    return tuple(sorted(unicodedata.normalize("NFD", syllable.lower().replace("y", "i").replace("ý", "í"))))


def is_marked(text: Sequence[Word]) -> bool:
    """Whether the writer uses marks, so that a word without them says something too."""
    return any(word.marked for word in text)


def type_at(text: Sequence[Word], start: int, writes_marks: bool) -> tuple[str, int]:
    """(type word, how many words) standing at `start`, or ("", 0)."""
    for length in (2, 1):
        keys = tuple(word.key for word in text[start : start + length])
        kind = TYPE_WORDS.get(keys) if len(keys) == length else None
        if kind is None or (length == 2 and text[start + 1].breaks):
            continue
        if length == 1 and kind == "xã" and start and text[start - 1].key == "thi" and not text[start].breaks:
            return "", 0
        if length == 1 and writes_marks and text[start].text in _NOT_TYPES and not _number_at(text, start + 1):
            return "", 0
        return kind, length
    return "", 0


def _number_at(text: Sequence[Word], at: int) -> bool:
    return at < len(text) and text[at].is_number and not text[at].breaks


def is_cue(word: Word, cues: frozenset[str]) -> bool:
    """A word with marks must be the cue itself; without marks its folded form is enough."""
    return word.text in cues if word.marked else word.key in _FOLDED_CUES[cues]


@dataclass(frozen=True, slots=True)
class Hamlet:
    """A hamlet phrase at words [start, end); `name` ("ấp 3", "khu phố Bình Hòa") is empty if its end is unsure."""

    name: str
    start: int
    end: int
    smallest: bool


def hamlets(text: Sequence[Word], writes_marks: bool) -> tuple[Hamlet, ...]:
    found: list[Hamlet] = []
    at = 0
    while at < len(text):
        hamlet = _hamlet_at(text, at, writes_marks)
        if hamlet:
            found.append(hamlet)
        at = hamlet.end if hamlet else at + 1
    return tuple(found)


def _hamlet_at(text: Sequence[Word], start: int, writes_marks: bool) -> Hamlet | None:
    if start and not text[start].breaks and type_at(text, start - 1, writes_marks)[0]:
        return None  # "phường Xóm Củi"
    for length in (3, 2, 1):
        keys = tuple(word.key for word in text[start : start + length])
        kind = _HAMLETS.get(keys) if len(keys) == length else None
        if kind is None:
            continue
        name = start + length + (start + length < len(text) and text[start + length].key == "so")
        end, is_whole = _hamlet_end(text, name, kind, text[start], writes_marks)
        if end > name:
            written = ("" if text[name].is_number else " ").join(word.raw for word in text[name:end])
            return Hamlet(f"{kind} {written}" if is_whole else "", start, end, kind in _SMALLEST)
    return None


def _hamlet_end(text: Sequence[Word], name: int, kind: str, keyword: Word, writes_marks: bool) -> tuple[int, bool]:
    """Where the hamlet's name ends, and whether that is sure; `name` itself when there is none."""
    if name >= len(text) or text[name].text in _NOT_HAMLET_NAMES:
        return name, False
    if text[name].is_number:
        lettered = name + 1 < len(text) and text[name + 1].key in _HAMLET_LETTERS
        return name + 1 + lettered, True
    if kind in _NUMBER_ONLY or (kind in _MARKED_ONLY and keyword.text != kind):
        return name, False
    if writes_marks and not keyword.marked and fold(kind) == keyword.key != kind:
        return name, False
    end = name
    while end < len(text) and not (end > name and text[end].breaks) and not type_at(text, end, writes_marks)[0]:
        end += 1
    if end == len(text) and name <= 2:
        return min(end, name + 2), True  # "ấp Bình Hòa Gò Công": what follows two words is not the hamlet's
    return (end, True) if end - name <= 4 else (name + 2, False)
