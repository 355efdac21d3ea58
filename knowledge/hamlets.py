"""Names of hamlets: "KP3", "Khu phố 03" and "khu pho so 3" are one. Knows no hamlet by name, no commune, no table."""

from knowledge.place_text import Word, words
from knowledge.text import fold

#: kinds of hamlet by the folded words they are written with; the longer spelling is looked for first
_KINDS = {
    tuple(spelling.split()): kind
    for kind, spellings in {
        "ấp": "ap", "thôn": "thon", "khóm": "khom", "xóm": "xom", "buôn": "buon", "bản": "ban", "làng": "lang",
        "sóc": "soc", "tổ": "to", "khu phố": "khu pho|kp|k p", "khu vực": "khu vuc|kv|k v", "khối phố": "khoi pho",
        "khối": "khoi", "tổ dân phố": "to dan pho|tdp|t d p", "tiểu khu": "tieu khu", "khu": "khu", "đội": "doi",
        "phum": "phum", "plei": "plei", "bon": "bon",
    }.items()
    for spelling in spellings.split("|")
}  # fmt: skip
#: with their marks: "Nam" and "Hải" are names, "năm" and "hai" are numbers
_SAID = {
    "một": "1", "nhất": "1", "nhứt": "1", "hai": "2", "nhì": "2", "ba": "3", "bốn": "4", "tư": "4", "năm": "5",
    "sáu": "6", "bảy": "7", "bẩy": "7", "tám": "8", "chín": "9", "mười": "10",
}  # fmt: skip


def hamlet_key(text: str) -> str:
    """What two names of one hamlet have in common: "khu pho 3" for "KP3", "kp 03", "Khu phố Ba".

    A name without its kind keeps none: "3", "binh hoa". Empty for a text without letters or digits.
    """
    kind, rest = _split(text)
    name = _SAID.get(rest[0].text, rest[0].key) if len(rest) == 1 else " ".join(word.key for word in rest)
    return f"{fold(kind)} {name}".strip()


def without_kind(key: str) -> str:
    """ "3" for "khu pho 3": what people write when they are asked for the number only."""
    return " ".join(word.key for word in _split(key)[1])


def hamlet_name(text: str) -> str:
    """As it stands inside a sentence: "khu phố 3" for "KP03", "ấp Bình Hòa" for "ẤP  Bình Hòa"."""
    kind, rest = _split(text)
    if not kind:
        return " ".join(text.split())
    name = ""
    for at, word in enumerate(rest):
        glued = at > 0 and rest[at - 1].is_number and len(word.key) == 1 and not word.is_number  # "ấp 3A"
        name += ("" if glued else " ") + (word.key if word.is_number else word.raw)
    return kind + name


def _split(text: str) -> tuple[str, tuple[Word, ...]]:
    """(kind in full, the words of the name); the kind is "" when none stands first or nothing follows it."""
    found = words(text)
    for length in (3, 2, 1):
        kind = _KINDS.get(tuple(word.key for word in found[:length]))
        if kind is None or len(found) <= length:
            continue
        rest = found[length:]
        return kind, rest[1:] if len(rest) > 1 and rest[0].key == "so" and rest[1].is_number else rest
    return "", found
