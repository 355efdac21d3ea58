"""Other hands for one utterance: the same thing as residents of other habits would type it. Used while learning only.

Nothing is left to chance: the text itself decides what becomes of it, so the same data give the same variants.
"""

from collections.abc import Iterator, Sequence
from zlib import crc32

# Endings and beginnings of a word that sound alike in the south, so that one is written for the other.
_ENDINGS = (
    ("ng", "n"), ("nh", "n"), ("n", "ng"), ("t", "c"), ("c", "t"), ("ao", "au"), ("ay", "ai"), ("ai", "ay"),
    ("au", "ao"), ("y", "i"), ("i", "y"),
)  # fmt: skip
_BEGINNINGS = (
    ("s", "x"), ("x", "s"), ("tr", "ch"), ("ch", "tr"), ("gi", "d"), ("d", "gi"), ("v", "d"), ("qu", "w"), ("ph", "f"),
    ("gh", "g"), ("ngh", "ng"), ("r", "g"), ("k", "c"),
)  # fmt: skip
_MISSPELT_EVERY = 3
_STORY_WORDS = 18  # what is longer is a story already

_OPENERS = (
    "dạ cho con hỏi chút", "alo mấy cô chú ơi cho tui hỏi cái này", "tôi lớn tuổi rồi không rành mấy cái này",
    "con ở xa không về được nên hỏi giùm ba má", "hôm bữa tui có ra ngoài xã mà người ta nói không rõ",
    "em chào anh chị ạ em có việc này nhờ", "cái này tui nghe bà con nói lại thôi", "sáng giờ làm hoài mà không xong",
    "bác già rồi mắt kém bấm tới bấm lui hoài", "nhà chỉ có hai ông bà con cháu đi làm xa hết",
)  # fmt: skip
_JOINERS = (
    "rồi", "mà", "với lại", "bữa trước thì", "người ta nói là", "xong rồi tới giờ", "chứ thiệt ra là", "còn",
    "nên giờ", "tại vì", "hồi đó thì", "nó kêu",
)  # fmt: skip
_CLOSERS = (
    "giờ tui phải làm sao", "ai biết chỉ giùm với", "mong được hướng dẫn cụ thể", "cảm ơn nhiều nghen",
    "không biết có được không nữa", "con cảm ơn ạ", "làm hoài không được bực mình ghê", "vậy thì tính sao đây",
)  # fmt: skip


def misspelt(text: str) -> str:
    """One word in three written as it sounds in the south, or with a key missed or swapped with the next."""
    seed = _seed(text)
    words = text.split()
    for at, word in enumerate(words):
        if (seed + at) % _MISSPELT_EVERY == 0:
            slips = _slips(word, seed + 7 * at)
            words[at] = slips[(seed + 7 * at) % len(slips)]
    return " ".join(words)


def stories(texts: Sequence[str]) -> Iterator[str]:
    """Each short text told in one breath with another of the list."""
    short = [text for text in texts if len(text.split()) < _STORY_WORDS]
    for at, text in enumerate(short):
        yield _story(text, short[(at + len(short) // 2 + 1) % len(short)])


def _slips(word: str, seed: int) -> list[str]:
    """What may stand where `word` was meant; `word` itself when nothing else can."""
    slips = [
        word.removesuffix(end) + heard for end, heard in _ENDINGS if word.endswith(end) and len(word) > len(end) + 1
    ]
    slips += [heard + word.removeprefix(start) for start, heard in _BEGINNINGS if word.startswith(start)]
    if len(word) > 3:
        at = 1 + seed % (len(word) - 2)
        slips.append(word[:at] + word[at + 1] + word[at] + word[at + 2 :])
        slips.append(word[:at] + word[at + 1 :])
    return slips or [word]


def _story(one: str, other: str) -> str:
    seed = _seed(one + other)
    before = _OPENERS[(seed >> 7) % len(_OPENERS)] if seed % 3 else ""
    between = _JOINERS[(seed >> 3) % len(_JOINERS)]
    after = _CLOSERS[(seed >> 11) % len(_CLOSERS)] if seed % 2 else ""
    parts = (before, one.rstrip("?. "), between, other.rstrip("?. "), after)
    return " ".join(part for part in parts if part).lower()


def _seed(text: str) -> int:
    return crc32(text.encode("utf-8"))
