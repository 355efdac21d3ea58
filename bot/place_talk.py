"""Asking where a resident lives: the dialogue inside an `ask` step of kind "place".

known? -> name or pin -> confirm once, naming old and new -> at most five as buttons -> drill down by the old tree ->
hamlet. Two failures go on without a place, marked so: it never loops. A pin is resolved here and forgotten.
"""

import re
from dataclasses import dataclass

from bot.library import Library
from bot.model import Choice, Place, Point
from knowledge.places import Commune
from knowledge.text import fold

#: more names than this are not offered as buttons: the old tree is asked instead
MOST_BUTTONS = 5
_PAGE = 7
_TYPE_WORD = re.compile(r"^(?:tinh|thanh pho|huyen|quan|thi xa|thi tran|phuong|xa|dac khu) ")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Go on asking. `stage` and `draft` are kept in the position until the next answer."""

    text: str
    choices: tuple[Choice, ...] = ()
    stage: str = ""
    draft: tuple[str, ...] = ()
    location: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """The place, or None when it could not be found: the case then goes on without."""

    place: Place | None


Move = Asked | Settled | None


def begin(library: Library, question: str, known: Place | None) -> Asked:
    """The first question of the step; a known place is only confirmed."""
    phrases = library.phrases
    if known is not None:
        text = phrases.place_known.format(place=name(library, known))
        yes, change = Choice(id="yes", label=phrases.yes), Choice(id="no", label=phrases.place_change)
        return Asked(text=text, choices=(yes, change), stage="known")
    return Asked(text=question, location=True)


def hear(
    library: Library,
    stage: str,
    draft: tuple[str, ...],
    known: Place | None,
    said: str,
    picked: str,
    point: Point | None,
) -> Move:
    """One answer. `said` is typed text, `picked` the id of a choice ("" for none). None: not understood."""
    if point is not None:
        near = _codes(library.gazetteer.near(point.lat, point.lon, 3))
        return _offer(library, library.phrases.pin_which, near)
    if stage == "hamlet":
        return _hamlet(library, draft, said, picked)
    if picked == "no" and stage in ("known", "confirm"):
        return Asked(text=library.phrases.place_retype, stage="again", location=True)
    if picked == "yes" and stage == "known":
        return Settled(place=known)
    if picked == "yes" and stage == "confirm":
        return _ask_hamlet(library, draft[0], draft[1], "typed")
    if picked.startswith("place:"):
        return _ask_hamlet(library, picked.removeprefix("place:"), draft[0] if draft else "", "button")
    if picked == "none":
        return _provinces(library) if stage != "drill" else Settled(place=None)
    if picked.startswith("page:"):
        return _page(library, draft, int(picked.removeprefix("page:")))
    if picked.startswith("province:"):
        return _districts(library, picked.removeprefix("province:"))
    if picked.startswith("district:"):
        codes = _codes(library.gazetteer.communes_of(picked.removeprefix("district:")))
        return _offer(library, library.phrases.place_commune, codes, stage="drill", most=len(codes))
    if stage in ("which", "drill") and (named := _named(draft, said)):
        return hear(library, stage, draft, known, "", named, None)
    return _typed(library, stage, said) if said else None


def _named(draft: tuple[str, ...], said: str) -> str:
    """The id of the one choice, on any page, whose name was typed with or without its type word; "" for none."""
    folded = f" {fold(said)}"
    found = [key for key, label in zip(draft[2::2], draft[3::2], strict=True) if folded.endswith(f" {_bare(label)}")]
    return found[0] if len(found) == 1 else ""


def _bare(label: str) -> str:
    """ "Tỉnh Bến Tre" -> "ben tre"."""
    return _TYPE_WORD.sub("", fold(label))


def name(library: Library, place: Place) -> str:
    """ "ấp 3, xã Mỹ An Hưng" as people say it; the province is left out."""
    commune = _within(library.gazetteer.commune(place.commune).name)
    return f"{place.hamlet}, {commune}" if place.hamlet else commune


def _within(full_name: str) -> str:
    """A name as it stands inside a sentence: "Xã Mỹ Lệ, Tỉnh Long An" -> "xã Mỹ Lệ, tỉnh Long An"."""
    return full_name[:1].lower() + full_name[1:].replace(", Tỉnh ", ", tỉnh ")


def _typed(library: Library, stage: str, said: str) -> Move:
    found = library.gazetteer.find(said, library.home)
    phrases = library.phrases
    if not found.communes:
        if stage == "":
            return Asked(text=phrases.place_again, stage="again", location=True)
        return _provinces(library) if stage in ("again", "known", "confirm", "which") else Settled(place=None)
    if len(found.communes) > MOST_BUTTONS:
        return _provinces(library)
    if len(found.communes) > 1:
        return _offer(library, phrases.place_which, found.communes, hamlet=found.hamlet)
    code = found.communes[0]
    new = _within(library.gazetteer.full_name(code))
    text = (
        phrases.place_confirm_old.format(old=_within(found.old_name), new=new)
        if found.old_name
        else phrases.place_confirm.format(new=new)
    )
    yes, no = Choice(id="yes", label=phrases.yes), Choice(id="no", label=phrases.no)
    return Asked(text=text, choices=(yes, no), stage="confirm", draft=(code, found.hamlet))


def _offer(
    library: Library,
    text: str,
    codes: tuple[str, ...],
    *,
    hamlet: str = "",
    stage: str = "which",
    most: int = MOST_BUTTONS,
) -> Asked:
    choices = tuple(Choice(id=f"place:{code}", label=label) for code, label in _labels(library, codes[:most]))
    return _paged(library, text, choices, stage=stage, first=hamlet)


def _codes(communes: tuple[Commune, ...]) -> tuple[str, ...]:
    return tuple(commune.code for commune in communes)


def _labels(library: Library, codes: tuple[str, ...]) -> list[tuple[str, str]]:
    """Commune names, with the province where two of them are called the same."""
    names = [library.gazetteer.commune(code).name for code in codes]
    return [
        (code, library.gazetteer.full_name(code) if names.count(label) > 1 else label)
        for code, label in zip(codes, names, strict=True)
    ]


def _provinces(library: Library) -> Asked:
    units = library.gazetteer.old_provinces()
    served = [unit for unit in units if _served(library, unit.code)]
    others = [unit for unit in units if unit not in served]
    choices = tuple(Choice(id=f"province:{unit.code}", label=unit.name) for unit in (*served, *others))
    return _paged(library, library.phrases.place_province, choices, stage="drill")


def _served(library: Library, old_province: str) -> bool:
    """Whether this deployment serves the people of a province of before July 2025."""
    districts = library.gazetteer.old_districts(old_province)
    return any(
        commune.province_code in library.home
        for district in districts
        for commune in library.gazetteer.communes_of(district.code)
    )


def _districts(library: Library, province: str) -> Asked:
    units = library.gazetteer.old_districts(province)
    choices = tuple(Choice(id=f"district:{unit.code}", label=unit.name) for unit in units)
    return _paged(library, library.phrases.place_district, choices, stage="drill")


def _paged(library: Library, text: str, choices: tuple[Choice, ...], *, stage: str, first: str = "") -> Asked:
    """The first page of choices, and "not mine"; the draft keeps all of them, behind the hamlet already named ("")."""
    choices = (*choices, Choice(id="none", label=library.phrases.place_none))
    draft = (first, text, *(part for choice in choices for part in (choice.id, choice.label)))
    if len(choices) <= _PAGE + 1:
        return Asked(text=text, choices=choices, stage=stage, draft=draft)
    more = Choice(id="page:1", label=library.phrases.menu_more)
    return Asked(text=text, choices=(*choices[:_PAGE], more), stage=stage, draft=draft)


def _page(library: Library, draft: tuple[str, ...], page: int) -> Move:
    if len(draft) < 4:
        return None
    pairs = list(zip(draft[2::2], draft[3::2], strict=True))
    here = tuple(Choice(id=key, label=label) for key, label in pairs[page * _PAGE : (page + 1) * _PAGE])
    following = page + 1 if (page + 1) * _PAGE < len(pairs) else 0
    more = Choice(id=f"page:{following}", label=library.phrases.menu_more)
    return Asked(text=draft[1], choices=(*here, more), stage="drill", draft=draft)


def _ask_hamlet(library: Library, code: str, hamlet: str, how: str) -> Move:
    if hamlet:
        return Settled(place=Place(commune=code, hamlet=hamlet, how="button" if how == "button" else "typed"))
    known = library.hamlets.get(code, ())[:_PAGE]
    choices = tuple(Choice(id=f"hamlet:{place}", label=label) for place, label in enumerate(known))
    unknown = Choice(id="unknown", label=library.phrases.unknown)
    return Asked(text=library.phrases.place_hamlet, choices=(*choices, unknown), stage="hamlet", draft=(code, how))


def _hamlet(library: Library, draft: tuple[str, ...], said: str, picked: str) -> Move:
    code, how = draft
    known = library.hamlets.get(code, ())
    if picked.startswith("hamlet:"):
        hamlet = known[int(picked.removeprefix("hamlet:"))]
    elif picked == "unknown" or not said:
        hamlet = ""
    else:
        hamlet = library.gazetteer.find(said, library.home).hamlet or said.strip()[:60]
    return Settled(place=Place(commune=code, hamlet=hamlet, how="button" if how == "button" else "typed"))
