"""What the judge of numbers learns from: lines with their secrets, each number in them once as an example.

Reads knowledge/spans/lines.jsonl. Build time only: never run by the service.
"""

import json
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from knowledge.secrets import MASKS, views
from knowledge.spans import seen

FILE = "lines.jsonl"
_MASK = MASKS["otp"]


class LineError(Exception):
    """A line of the training data cannot be used; the message names file and line and says what to do."""


@dataclass(frozen=True, slots=True)
class Line:
    text: str
    secrets: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Example:
    features: frozenset[str]
    secret: bool


def load(folder: Path) -> tuple[Line, ...]:
    lines = list[Line]()
    for number, row in enumerate((folder / FILE).read_text("utf-8").splitlines(), start=1):
        try:
            one = json.loads(row)
            text = unicodedata.normalize("NFC", one["text"])
            line = Line(text, tuple(unicodedata.normalize("NFC", secret) for secret in one["secrets"]))
        except (ValueError, KeyError, TypeError) as error:
            raise LineError(f'{folder / FILE}:{number}: write {{"text": ..., "secrets": [...]}}; {error!r}') from error
        if absent := [secret for secret in line.secrets if secret not in line.text]:
            raise LineError(f"{folder / FILE}:{number}: the text does not hold {absent[0]!r}; copy it from the text")
        lines.append(line)
    return tuple(lines)


def examples(line: Line) -> Iterator[Example]:
    """Each secret with the others masked, as the rules would leave it; what is ordinary, with all secrets masked."""
    spans = _spans(line)
    for start, end in spans:
        text, gone = _masked(line.text, [span for span in spans if span != (start, end)], before=start)
        message = seen(*views(text))
        for one in message.candidates:
            if one.start < end + gone and start + gone < one.end:
                yield Example(one.features | message.features, secret=True)
    text, _ = _masked(line.text, spans, before=0)
    message = seen(*views(text))
    for one in message.candidates:
        yield Example(one.features | message.features, secret=False)


def _spans(line: Line) -> list[tuple[int, int]]:
    """In order; of two that overlap the longer one."""
    spans = list[tuple[int, int]]()
    for secret in sorted(set(line.secrets), key=lambda secret: (-len(secret), secret)):
        at = line.text.find(secret)
        while at >= 0:
            if all(end <= at or at + len(secret) <= start for start, end in spans):
                spans.append((at, at + len(secret)))
            at = line.text.find(secret, at + 1)
    return sorted(spans)


def _masked(text: str, spans: list[tuple[int, int]], *, before: int) -> tuple[str, int]:
    """The text with the spans masked, and how many characters that added `before` a place."""
    pieces, at, gone = list[str](), 0, 0
    for start, end in spans:
        pieces += [text[at:start], _MASK]
        at = end
        gone += len(_MASK) - (end - start) if start < before else 0
    return "".join(pieces) + text[at:], gone
