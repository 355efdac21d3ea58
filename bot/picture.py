"""The pictures that steps show: one entry each in pictures.yaml, its drawing as a PNG of the same name beside it.

Reads names, words and sizes, never a picture's pixels; `bench/build_pictures.py` draws them. A picture is shown beside
a text that says the same, so whoever gets no picture misses nothing.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

#: a cheap phone on a slow net has it within a second
MOST_BYTES = 60_000
_NAME = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """`says` is read aloud to who cannot see it: what the picture shows, in one or two sentences."""

    name: str
    says: str
    file: Path
    size_bytes: int
    #: one shape a line, as bench/build_pictures.py reads them
    shapes: tuple[str, ...]


def addresses(one: Picture) -> tuple[str, ...]:
    """The host names that its QR codes lead to, each printed beneath its code."""
    shapes = (line.partition("|") for line in one.shapes)
    return tuple(text.strip() for head, _, text in shapes if head.split()[:1] == ["qr"])


def load(folder: Path) -> Mapping[str, Picture]:
    """The pictures of a folder by name, in the order of its pictures.yaml. Raises ValueError naming every fault."""
    path = folder / "pictures.yaml"
    if not path.exists():
        return {}
    read: object = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.BaseLoader)  # noqa: S506 text only
    pictures: dict[str, Picture] = {}
    faults: list[str] = []
    for name, body in read.items() if isinstance(read, dict) else ():
        file = folder / f"{name}.png"
        entry = body if isinstance(body, dict) else {}
        says, shapes = entry.get("says"), entry.get("draw")
        if not _NAME.fullmatch(name):
            faults.append(f"{name!r}: a name has small letters, digits and single hyphens")
        elif not isinstance(says, str) or not isinstance(shapes, str) or len(entry) > 2:
            faults.append(f"{name}: write `says: ...` and `draw: |` with a shape on each line, nothing else")
        elif not file.is_file():
            faults.append(f"{name}: {file.name} is missing: run bench/build_pictures.py")
        else:
            lines, size_bytes = tuple(shapes.splitlines()), file.stat().st_size
            pictures[name] = Picture(name=name, says=says, file=file, size_bytes=size_bytes, shapes=lines)
    if faults:
        raise ValueError("\n".join(f"{path}: {fault}" for fault in faults))
    return pictures
