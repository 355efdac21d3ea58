"""Which communes of today a text can mean: finds the names in it and keeps the reading that explains most of it.

A reading is a commune, an old district and provinces named in one text that lie in each other. None rather than wrong:
a name without a type word counts only where the text shows that a place is meant.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from knowledge.place_index import Index, Unit
from knowledge.place_reading import COMMUNE, DISTRICT, OLDER_LOSS, PROVINCE, Mention, Reading, misspelt
from knowledge.place_text import Word, spelling, words
from knowledge.syllables import decode_telex
from knowledge.text import fold

MAX_COMMUNES = 14  # as many as today's communes of the biggest old district; more is no answer
_MOST_MENTIONS = (16, 6, 5)  # of each level; more are only met in text written to be slow
_MAX_WORDS = 80  # of a pasted article only the beginning is read


@dataclass(frozen=True, slots=True)
class Match:
    """The answer. `units`: what the name meant; `is_clean`: nothing else that was named speaks against it."""

    communes: tuple[str, ...] = ()
    units: tuple[Unit, ...] = ()
    level: int = PROVINCE
    is_clean: bool = False
    is_older: bool = False
    is_bounded: bool = True
    hamlet: str = ""


@dataclass(frozen=True, slots=True)
class _Choice:
    """A reading of the text: what was named together and which communes that leaves."""

    score: float
    communes: tuple[str, ...]
    units: tuple[Unit, ...]
    mentions: tuple[Mention, ...]


def match(index: Index, text: str, home: frozenset[str] = frozenset()) -> Match:
    """The best reading of `text`; first as typed, then with Telex keys decoded, then with typing errors forgiven."""
    typed = words(text)[:_MAX_WORDS]
    best = _answer(Reading(index, typed), home)
    if _is_settled(best):
        return best
    decoded = _decoded(typed)
    trust_marks = decoded == typed
    if decoded != typed:
        best = _better(best, _answer(Reading(index, decoded, trust_marks=trust_marks), home))
    if not _is_settled(best):
        reading = Reading(index, decoded, trust_marks=trust_marks)
        reading.mentions += list(misspelt(reading))
        best = _better(best, _answer(reading, home))
    return best


def _is_settled(found: Match) -> bool:
    return found.level == COMMUNE and found.is_clean and found.is_bounded and len(found.communes) == 1


def _better(first: Match, second: Match) -> Match:
    """The one that names a commune, else the one that leaves fewer; the first when they are alike."""

    def rank(found: Match) -> tuple[bool, bool, bool, int]:
        is_named = found.level == COMMUNE and bool(found.communes)
        return (is_named, found.is_clean, found.is_bounded, -len(found.communes) or -99)

    return second if rank(second) > rank(first) else first


def _decoded(text: Sequence[Word]) -> tuple[Word, ...]:
    """Raw Telex keys as syllables ("Cuowngf" -> "cường"); doubtful ones only beside a sure one."""
    guesses = [None if word.marked or word.is_number else decode_telex(word.text) for word in text]
    if not any(guess and guess.sure for guess in guesses):
        return tuple(text)
    return tuple(
        Word(guess.syllable, guess.syllable, fold(guess.syllable), word.breaks) if guess else word
        for word, guess in zip(text, guesses, strict=True)
    )


def _answer(reading: Reading, home: frozenset[str]) -> Match:
    hamlet = _hamlet(reading)
    choices = list(_choices(reading))
    if not choices:
        return Match(hamlet=hamlet)
    first = max(choices, key=lambda choice: choice.score)
    main = first.mentions[0]
    alike = [choice for choice in choices if choice.score == first.score]
    best = [choice for choice in alike if choice.mentions[0].overlaps(main)]
    units = tuple(dict.fromkeys(unit for choice in best for unit in choice.units))
    communes = {code for choice in best for code in choice.communes}
    speaks_against = _contradictions(reading, first)
    if any(one.level == PROVINCE and one.start > main.start and reading.are_near(main, one) for one in speaks_against):
        return Match(hamlet=hamlet)  # "phường Phú Lợi, Hà Nội": there is none
    is_clean = not speaks_against
    if main.level == COMMUNE:
        communes, second_is_other = _with_second(first, communes, choices)
        is_clean = is_clean and not second_is_other and not (main.is_fuzzy and len(first.mentions) == 1)
    elif not main.kind and len(first.mentions) == 1:
        namesakes = _namesakes(reading, main)
        units += namesakes
        communes |= {code for unit in namesakes for code in unit.today}
    if len(communes) > 1 and home and not any(one.level == PROVINCE for one in first.mentions):
        at_home = tuple(unit for unit in units if unit.provinces & home)
        communes = {code for unit in at_home for code in unit.today if code in communes} or communes
        units = at_home or units
    is_older = main.level == COMMUNE and main.loss == OLDER_LOSS
    is_bounded = main.level != COMMUNE or reading.is_bounded(main)
    return Match(tuple(sorted(communes)), units, main.level, is_clean, is_older, is_bounded, hamlet)


def _hamlet(reading: Reading) -> str:
    """Of "tổ 7, khu phố 3" the khu phố: teams are made by those."""
    named = [one for one in reading.hamlets if one.name]
    return min(named, key=lambda one: one.smallest).name if named else ""


def _namesakes(reading: Reading, district: Mention) -> tuple[Unit, ...]:
    """Communes called like a district that was named without its type word."""
    same = [one for one in reading.mentions if one.level == COMMUNE and not one.kind]
    found = [one for one in same if (one.start, one.end) == (district.start, district.end) and not one.is_fuzzy]
    return tuple(unit for one in found for unit in one.units)


def _choices(reading: Reading) -> Iterator[_Choice]:
    """Every reading in which what is named lies in each other, communes first."""
    usable = sorted((one for one in reading.mentions if not reading.is_barred(one)), key=lambda one: -one.score)
    levels = [[one for one in usable if one.level == level][:most] for level, most in enumerate(_MOST_MENTIONS)]
    none: list[Mention | None] = [None]
    for commune in levels[COMMUNE] + none:
        for district in levels[DISTRICT] + none:
            if district and commune and commune.overlaps(district):
                continue
            if not (commune or district):
                continue
            for province in levels[PROVINCE] + none:
                mentions = tuple(one for one in (commune, district, province) if one)
                if province and any(one.overlaps(province) for one in mentions[:-1]):
                    continue
                choice = _choice(reading, mentions, district, province)
                if choice:
                    yield choice


def _choice(
    reading: Reading, mentions: tuple[Mention, ...], district: Mention | None, province: Mention | None
) -> _Choice | None:
    main = mentions[0]
    districts = _districts(district, province) if district else ()
    if district and not districts:
        return None
    units: Iterable[Unit] = districts if main is district else main.units
    loss = 0.0
    if main.level == COMMUNE:
        units = _in_districts(units, districts) if district else units
        units = _in_provinces(units, province) if province else units
        units, loss = _alike(reading, main, list(units), district, province)
        loss += 0.0 if reading.is_bounded(main) else 1.0
    units = tuple(units)
    if not units or not _is_meant(reading, mentions):
        return None
    communes = {code for unit in units for code in unit.today}
    return _Choice(sum(one.score for one in mentions) - loss, tuple(sorted(communes)), units, mentions)


def _districts(district: Mention, province: Mention | None) -> tuple[Unit, ...]:
    units = list(_in_provinces(district.units, province)) if province else list(district.units)
    same = [unit for unit in units if unit.kind == district.kind]
    return tuple(same or units)


def _in_districts(units: Iterable[Unit], districts: Sequence[Unit]) -> list[Unit]:
    codes = frozenset().union(*(unit.districts for unit in districts))
    return [unit for unit in units if unit.districts & codes]


def _in_provinces(units: Iterable[Unit], province: Mention) -> list[Unit]:
    olds = frozenset().union(*(unit.old_provinces for unit in province.units))
    news = frozenset().union(*(unit.provinces for unit in province.units))
    return [unit for unit in units if unit.old_provinces & olds or unit.provinces & news]


def _alike(
    reading: Reading, mention: Mention, units: list[Unit], district: Mention | None, province: Mention | None
) -> tuple[list[Unit], float]:
    """Of namesakes those that fit better what was typed: marks, type word, old or new; and the loss of a misfit."""
    loss = 0.0
    if reading.writes_marks and not mention.is_fuzzy and not mention.is_number:
        typed = tuple(spelling(word.text) for word in reading.words[mention.name : mention.end])
        units = [unit for unit in units if unit.spellings == typed] or units
    if mention.kind:
        same = [unit for unit in units if mention.kind == unit.kind or mention.kind in unit.former]
        loss = 0.0 if same else 1.5
        units = same or units
    olds = [unit for unit in units if not unit.is_today]
    todays = [unit for unit in units if unit.is_today]
    if reading.says_old(mention):
        return olds or units, loss
    if reading.says_new(mention):
        return todays or units, loss
    if district and not district.is_initials:
        return olds or units, loss
    if mention.kind and province and any(unit.provinces for unit in province.units):
        return todays or units, loss
    return units, loss


def _is_meant(reading: Reading, mentions: tuple[Mention, ...]) -> bool:
    """Whether the text shows that a place is meant: a type word, a unit above it, a cue, nothing else said."""
    main, *others = mentions
    if main.is_fuzzy and not others and not (main.kind and reading.is_whole_text(mentions)):
        return False  # "phường nào làm" is not "phường Bảo Lâm"
    if main.kind:
        if main.level == COMMUNE and main.end == main.name + 1 and not (main.is_number or reading.is_bounded(main)):
            return False
        vague = main.is_number and main.level == COMMUNE
        return not vague or any(reading.are_near(main, one) for one in others)
    if main.is_initials:
        return False
    if not others and _is_also_above(reading, main):
        return False
    supports = [one for one in others if not one.is_initials or len(reading.words[one.start].key) >= 3 or one.kind]
    if any(reading.are_near(main, one) for one in supports):
        return True
    return reading.has_place_cue(main) or reading.is_whole_text(mentions)


def _is_also_above(reading: Reading, main: Mention) -> bool:
    """ "Bình Dương" alone is the province, "Củ Chi" the district, not a commune so named."""
    higher = [one for one in reading.mentions if (one.start, one.end) == (main.start, main.end) and not one.is_fuzzy]
    return any(one.level > main.level and not one.is_initials for one in higher)


def _contradictions(reading: Reading, choice: _Choice) -> list[Mention]:
    """Provinces, and districts beside the chosen name or with their type word, that are not above the chosen units."""
    found: list[Mention] = []
    for one in reading.mentions:
        if one.level == COMMUNE or one.is_initials or one.is_fuzzy or reading.is_barred(one):
            continue
        if one.level == DISTRICT and not one.kind and not reading.are_near(one, choice.mentions[0]):
            continue
        if any(one.overlaps(chosen) for chosen in choice.mentions) or _is_inside_other(reading, one):
            continue
        above = _in_provinces(choice.units, one) if one.level == PROVINCE else _in_districts(choice.units, one.units)
        if not above:
            found.append(one)
    return found


def _is_inside_other(reading: Reading, one: Mention) -> bool:
    return any(
        other.start <= one.start and one.end <= other.end and other.end - other.start > one.end - one.start
        for other in reading.mentions
    )


def _with_second(first: _Choice, communes: set[str], choices: Sequence[_Choice]) -> tuple[set[str], bool]:
    """A second commune named with its type word: what both can mean, else both, and then True.

    "P. Phú Cường cũ, nay là phường Thủ Dầu Một" names one place twice.
    """
    main = first.mentions[0]
    others = [
        choice
        for choice in choices
        if choice.mentions[0].level == COMMUNE
        and choice.mentions[0].kind
        and main.kind
        and not any(choice.mentions[0].overlaps(one) for one in first.mentions)
    ]
    if not others:
        return communes, False
    second = max(others, key=lambda choice: choice.score)
    both = communes & set(second.communes)
    return (both, False) if both else (communes | set(second.communes), True)
