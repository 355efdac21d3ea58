"""One text laid out for matching: its words and the names of units it may hold, exact, by initials or misspelt.

Collects everything that could be meant and what stands around it; which of it is meant is decided in place_match.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from rapidfuzz import process
from rapidfuzz.distance import OSA

from knowledge.place_index import Index, Keys, Unit, name_key
from knowledge.place_text import (
    COMMUNE_KINDS,
    DISTRICT_KINDS,
    FILLERS,
    GLUED_TYPES,
    NOT_PLACE_CUES,
    PLACE_CUES,
    PROVINCE_KINDS,
    SAID_NUMBERS,
    Hamlet,
    Word,
    glue,
    hamlets,
    is_cue,
    is_marked,
    type_at,
)

COMMUNE, DISTRICT, PROVINCE = range(3)  # the levels of a mention
OLDER_LOSS = 1.5  # of a name given up before 2025, against one still used until July 2025
_NAMESAKE_LOSS = 3.0  # of a commune called like the district or province that is more likely meant
_LONGEST_NAME = 7  # words: "Văn Miếu Quốc Tử Giám" has 5
_MOST_TYPED = 10  # names after a type word that may be misspelt; what names more is a list, and slow to search
_LEVEL_KINDS = (COMMUNE_KINDS, DISTRICT_KINDS, PROVINCE_KINDS)


@dataclass(frozen=True, slots=True, eq=False)
class Mention:
    """A name at words [start, end), its type word included. `loss` is what makes it a weaker reading."""

    level: int
    start: int
    name: int
    end: int
    kind: str
    units: tuple[Unit, ...]
    loss: float = 0.0
    is_initials: bool = False
    is_fuzzy: bool = False
    is_number: bool = False

    @property
    def score(self) -> float:
        if self.is_initials and not self.kind:
            return 0.5
        base = (6.0 if self.kind else 3.0) if self.level == COMMUNE else (2.0 if self.kind else 1.0)
        return base + 2.0 * (self.end - self.start) - self.loss

    def overlaps(self, other: "Mention") -> bool:
        return self.start < other.end and other.start < self.end


class Reading:
    """One text laid out for matching: its words, the hamlet phrases in it and the names it may hold."""

    def __init__(self, index: Index, text: Sequence[Word], *, trust_marks: bool = True) -> None:
        self.index = index
        self.words = text
        self.writes_marks = trust_marks and is_marked(text)
        self.types = [type_at(text, at, self.writes_marks) for at in range(len(text))]
        self._after_type = {at + length for at, (_, length) in enumerate(self.types) if length}
        self.hamlets: tuple[Hamlet, ...] = tuple(
            one for one in hamlets(text, self.writes_marks) if not self._starts_name(one.start)
        )
        self.mentions = list(self._exact())

    def _starts_name(self, start: int) -> bool:
        """ "Buôn Ma Thuột", "Bản Lầu": a hamlet's type word that begins a name."""
        return any(
            len(key) > 5 and (key in self.index.districts or key in self.index.communes)
            for end, key in self.keys(start)
            if end > start + 1 and not self.words[start + 1].is_number
        )

    def keys(self, start: int) -> Iterator[tuple[int, str]]:
        """(end, key) of every run of words from `start` that no comma cuts."""
        for end in range(start + 1, min(start + _LONGEST_NAME, len(self.words)) + 1):
            if end > start + 1 and self.words[end - 1].breaks:
                return
            yield end, glue([word.key for word in self.words[start:end]])

    def _exact(self) -> Iterator[Mention]:
        for start, (kind, length) in enumerate(self.types):
            if kind and start + length < len(self.words) and not self.words[start + length].breaks:
                for end, key in self.keys(start + length):
                    yield from self._typed(kind, start, start + length, end, key)
                    if kind in ("phường", "quận") and key in SAID_NUMBERS:
                        yield from self._typed(kind, start, start + length, end, SAID_NUMBERS[key])
            for end, key in self.keys(start):
                yield from self._untyped(start, end, key)
            yield from self._glued(start)

    def _typed(self, kind: str, start: int, name: int, end: int, key: str) -> Iterator[Mention]:
        for level in (COMMUNE, DISTRICT, PROVINCE):
            if kind in _LEVEL_KINDS[level]:
                named = self.names(level).get(key, ())
                if level == PROVINCE and kind == "thành phố":
                    named = tuple(unit for unit in named if unit.kind == kind)  # "tp Vĩnh Long" was never the province
                if named:
                    yield Mention(level, start, name, end, kind, named, is_number=key.isdigit())
                if level == COMMUNE and (units := self.index.older.get(key)):
                    yield Mention(level, start, name, end, kind, units, loss=OLDER_LOSS, is_number=key.isdigit())
                if level == DISTRICT and end == name + 1 and (units := self.index.district_initials.get(key)):
                    yield Mention(level, start, name, end, kind, units, loss=1.0, is_initials=True)

    def _untyped(self, start: int, end: int, key: str) -> Iterator[Mention]:
        if key.isdigit() or start in self._after_type:
            return
        above = key in self.index.districts or key in self.index.provinces
        for level in (COMMUNE, DISTRICT, PROVINCE):
            units = self.names(level).get(key)
            if units and (end > start + 1 or len(key) >= 6 or (level == PROVINCE and len(key) > 1)):
                loss = _NAMESAKE_LOSS if level == COMMUNE and above else 0.0
                yield Mention(level, start, start, end, "", units, loss=loss)
            if level == COMMUNE and end > start + 1 and not above and (units := self.index.older.get(key)):
                yield Mention(level, start, start, end, "", units, loss=OLDER_LOSS)
        if end == start + 1 and len(key) >= 2:
            if len(key) >= 3 and (units := self.index.district_initials.get(key)):
                yield Mention(DISTRICT, start, start, end, "", units, loss=1.0, is_initials=True)
            if units := self.index.province_initials.get(key):
                yield Mention(PROVINCE, start, start, end, "", units, loss=1.0, is_initials=True)

    def _glued(self, start: int) -> Iterator[Mention]:
        """ "tpthuduc", "xabinhmy": a type word written together with its name."""
        word = self.words[start].key
        for prefix, kind in GLUED_TYPES.items():
            if len(word) >= len(prefix) + 5 and word.startswith(prefix):
                yield from self._typed(kind, start, start, start + 1, glue([word[len(prefix) :]]))
            elif prefix in ("tp", "tx") and word.startswith(prefix) and word not in self.index.provinces:
                units = self.index.district_initials.get(word[len(prefix) :], ())
                if units:
                    yield Mention(DISTRICT, start, start, start + 1, kind, units, loss=1.0, is_initials=True)

    def names(self, level: int) -> Keys:
        return (self.index.communes, self.index.districts, self.index.provinces)[level]

    # -- what surrounds a name

    def in_hamlet(self, at: int) -> bool:
        return any(one.start <= at < one.end for one in self.hamlets)

    def is_barred(self, mention: Mention) -> bool:
        """A name without a type word after "cầu", "đường 12", "tên": a landmark, a street, a person."""
        if mention.kind:
            return False
        if any(self.in_hamlet(at) for at in range(mention.start, mention.end)):
            return True
        before = mention.start - 1
        if before < 0 or self.words[mention.start].breaks or self.in_hamlet(before) or before in self._named:
            return False
        word = self.words[before]
        return word.is_number or is_cue(word, NOT_PLACE_CUES)

    def is_named(self, at: int) -> bool:
        """Whether a word belongs to a name that stands with its type word or to a province or district."""
        return at in self._named

    @cached_property
    def _named(self) -> frozenset[int]:
        """Words of names that stand with their type word, or of provinces and districts."""
        return frozenset(
            at for one in self.mentions if one.kind or one.level != COMMUNE for at in range(one.start, one.end)
        )

    def is_bounded(self, mention: Mention) -> bool:
        """Whether a name surely ends where it seems to: "xã Thanh Tuyềnn" is not xã Thanh."""
        after = mention.end
        if after >= len(self.words) or self.words[after].breaks or mention.is_number:
            return True
        word = self.words[after]
        return bool(self.types[after][0]) or word.key in FILLERS or after in self._named or self.in_hamlet(after)

    def has_place_cue(self, mention: Mention) -> bool:
        before = mention.start - 1
        return before >= 0 and is_cue(self.words[before], PLACE_CUES)

    def is_whole_text(self, mentions: Sequence[Mention]) -> bool:
        """Nothing else is said but hamlet, numbers and small words."""
        return all(
            any(one.start <= at < one.end for one in mentions)
            or self.in_hamlet(at)
            or word.key in FILLERS
            or word.is_number
            or self.types[at][0]
            for at, word in enumerate(self.words)
        )

    def are_near(self, one: Mention, other: Mention) -> bool:
        first, second = sorted((one, other), key=lambda mention: mention.start)
        between = range(first.end, second.start)
        return all(self.in_hamlet(at) or self.words[at].key in FILLERS or at in self._named for at in between)

    def says_old(self, mention: Mention) -> bool:
        return mention.end < len(self.words) and self.words[mention.end].text in ("cũ", "cu")

    def says_new(self, mention: Mention) -> bool:
        return mention.end < len(self.words) and self.words[mention.end].text in ("mới", "moi")


def misspelt(reading: Reading) -> Iterator[Mention]:
    """Names one typing error away, two if 11 letters long: any after a type word, any of a district that is named."""
    named = [one for one in reading.mentions if one.level == DISTRICT and (one.kind or not one.is_initials)]
    in_districts = _commune_names(reading.index, named)
    typed = [start for start, (kind, _) in enumerate(reading.types) if kind]
    for start, (kind, length) in enumerate(reading.types[: typed[_MOST_TYPED] if len(typed) > _MOST_TYPED else None]):
        if kind and start + length < len(reading.words):
            for level in (COMMUNE, DISTRICT, PROVINCE):
                if kind in _LEVEL_KINDS[level]:
                    yield from _near_names(reading, level, kind, start, start + length, reading.names(level), 6)
            if kind in COMMUNE_KINDS:
                yield from _near_names(reading, COMMUNE, kind, start, start + length, in_districts, 3)
        elif not kind and not reading.in_hamlet(start) and not reading.is_named(start):
            for level in (DISTRICT, PROVINCE):
                yield from _near_names(reading, level, "", start, start, reading.names(level), 7)
            yield from _near_names(reading, COMMUNE, "", start, start, in_districts, 6)


def _commune_names(index: Index, districts: Iterable[Mention]) -> Keys:
    """The communes, by name, of the districts that were named."""
    codes = {code for one in districts for unit in one.units for code in unit.districts}
    names: dict[str, tuple[Unit, ...]] = {}
    for code in codes:
        for unit in index.communes_of[code]:
            key = name_key(unit.name)
            names[key] = (*names.get(key, ()), unit)
    return names


def _near_names(
    reading: Reading, level: int, kind: str, start: int, name: int, names: Keys, shortest: int
) -> Iterator[Mention]:
    for end, key in reading.keys(name):
        if len(key) < shortest or key[0].isdigit() or (not kind and end < name + 2) or key in names:
            continue
        if level != COMMUNE and (key in reading.index.districts or key in reading.index.provinces):
            continue
        allowed = 2 if len(key) >= 11 else 1
        close = process.extract(key, names.keys(), scorer=OSA.distance, score_cutoff=allowed, limit=5)
        if close:
            nearest = min(distance for _, distance, _ in close)
            units = tuple(unit for other, distance, _ in close if distance == nearest for unit in names[other])
            yield Mention(level, start, name, end, kind, units, loss=2.0 + 1.5 * nearest, is_fuzzy=True)
