"""A flow as a picture: boxes in the order of the file, bows from each step to where its answers lead. Only geometry.

Made for a phone's width; forward bows stand on the right, ways back on the left, and the next step has a short line.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from api.console.content_views import Drawn

WIDTH = 360
_LEFT, _RIGHT = 40, 300
_ROW, _BOX = 72, 56
#: how far a bow is pulled out, over one step and over all of them; it reaches three quarters of that
_NEAR, _FAR, _FAR_BACK = 12, 76, 50
_MOST_LETTERS = 21


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """`y` is its upper edge; `heat` from 0 to 10: how many get stuck or leave here, beside the flow's worst step."""

    step: str
    text: str
    end: bool
    y: int
    heat: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Bow:
    """`path` is the d of an SVG path."""

    path: str
    back: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Map:
    width: int
    height: int
    left: int
    box_width: int
    box_height: int
    boxes: tuple[Box, ...]
    bows: tuple[Bow, ...]


def laid_out(steps: tuple[Drawn, ...]) -> Map:
    worst = max((step.count.stuck + step.count.left for step in steps), default=0)
    return Map(
        width=WIDTH, height=_ROW * len(steps) + _ROW - _BOX, left=_LEFT, box_width=_RIGHT - _LEFT, box_height=_BOX,
        boxes=tuple(_box(step, worst) for step in steps), bows=tuple(_bows(steps)),
    )  # fmt: skip


def _box(step: Drawn, worst: int) -> Box:
    said = step.text or next((way.title for way in step.ways if way.title), step.kind)
    text = f"{step.number}. {' '.join(said.split())}"
    if len(text) > _MOST_LETTERS:
        text = text[:_MOST_LETTERS].rsplit(" ", 1)[0].rstrip(".,:;") + "…"
    hard = step.count.stuck + step.count.left
    heat = -(-10 * hard // worst) if worst else 0
    return Box(step=step.id, text=text, end=not step.ways, y=_top(step.number), heat=heat)


def _top(number: int) -> int:
    return (_ROW - _BOX) // 2 + _ROW * (number - 1)


def _bows(steps: tuple[Drawn, ...]) -> Iterator[Bow]:
    """One for each pair of steps, however many answers lead that way."""
    for step in steps:
        for target in sorted({way.number for way in step.ways if way.number}):
            yield _bow(step.number, target, len(steps))


def _bow(start: int, target: int, steps: int) -> Bow:
    if target == start + 1:
        middle = (_LEFT + _RIGHT) // 2
        return Bow(path=f"M{middle} {_top(start) + _BOX}V{_top(target)}", back=False)
    back = target <= start
    out = _NEAR + ((_FAR_BACK if back else _FAR) - _NEAR) * abs(target - start) // steps
    edge, bend = (_LEFT, _LEFT - out) if back else (_RIGHT, _RIGHT + out)
    from_y, to_y = _top(start) + _BOX * 2 // 3, _top(target) + _BOX // 3
    return Bow(path=f"M{edge} {from_y}C{bend} {from_y} {bend} {to_y} {edge} {to_y}", back=back)
