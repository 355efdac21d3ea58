"""Every piece of text in a flow or an article, with the line on which it stands and the part it plays.

Looks at the YAML alone, for files that their own parser took already: what is no text there is left out.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import yaml

from bot.flow import Level, Problem

#: said: what the bot says; simpler: the same again, plainer; label: on a button; asked: how residents put it
Role = Literal["title", "said", "simpler", "label", "asked", "source"]
#: what a resident reads
SHOWN: frozenset[Role] = frozenset(("title", "said", "simpler", "label"))

_LOADER = getattr(yaml, "CBaseLoader", yaml.BaseLoader)  # libyaml where it was built in: ten times as fast
_FENCE = "---"
_HEAD: dict[str, Role] = {"title": "title", "asked_as": "asked", "sources": "source"}
_SAYING = frozenset(("say", "ask", "choose", "do", "check", "hand_off", "end"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """`line` is that of the text's first letter; `verb` is "" outside steps and "body" for an article's answer."""

    file: str
    line: int
    where: str
    role: Role
    text: str
    verb: str = ""

    def problem(self, message: str, at: int = 0, level: Level = "error") -> Problem:
        """Of the letter `at` of this text."""
        line = self.line + self.text.count("\n", 0, at)
        return Problem(file=self.file, line=line, where=self.where, message=message, level=level)


def of_flow(text: str, file: str) -> tuple[Passage, ...]:
    """In the order of the file."""
    return tuple(_flow(yaml.compose(text, Loader=_LOADER), file))


def of_article(text: str, file: str) -> tuple[Passage, ...]:
    """Title, other wordings and sources, then the answer."""
    lines = text.removeprefix("\ufeff").splitlines()
    end = next(at for at, line in enumerate(lines[1:], start=1) if line.strip() == _FENCE)
    front = yaml.compose("\n".join(["", *lines[1:end]]), Loader=_LOADER)
    body = "\n".join(lines[end + 1 :])
    kept = body.lstrip("\n")
    line = end + 2 + len(body) - len(kept)
    return (
        *_head(front, file),
        Passage(file=file, line=line, where="", role="said", text=kept.rstrip(), verb="body"),
    )


def _flow(root: yaml.Node | None, file: str) -> Iterator[Passage]:
    yield from _head(root, file)
    for key, value in _pairs(root):
        for step, body in _pairs(value) if key.value == "steps" else ():
            yield from _step(body, file, f"step {step.value!r}")


def _head(root: yaml.Node | None, file: str) -> Iterator[Passage]:
    for key, value in _pairs(root):
        if role := _HEAD.get(key.value):
            yield from (_passage(one, file, "", role) for one in _scalars(value))


def _step(body: yaml.Node, file: str, where: str) -> Iterator[Passage]:
    verb = next((key.value for key, _ in _pairs(body) if key.value in _SAYING), "")
    for key, value in _pairs(body):
        match key.value:
            case "options":
                yield from (_passage(one, file, where, "label") for one in _labels(value))
                for _, option in _pairs(value):
                    yield from _also(option, file, where)
            case "stuck" if isinstance(value, yaml.SequenceNode):
                for entry in value.value:
                    yield from _stuck(entry, file, where)
            case "simpler":
                yield from (_passage(one, file, where, "simpler") for one in _scalars(value))
            case "because":
                yield from (_passage(one, file, where, "said", "because") for one in _scalars(value))
            case name if name == verb:
                yield from (_passage(one, file, where, "said", verb) for one in _scalars(value))


def _stuck(entry: yaml.Node, file: str, where: str) -> Iterator[Passage]:
    for key, value in _pairs(entry):
        role: Role | None = {"sign": "label", "say": "said"}.get(key.value)  # type: ignore[assignment]
        if role:
            yield from (_passage(one, file, where, role, "stuck") for one in _scalars(value))
    yield from _also(entry, file, where)


def _also(node: yaml.Node, file: str, where: str) -> Iterator[Passage]:
    for key, value in _pairs(node):
        if key.value == "also":
            yield from (_passage(one, file, where, "asked") for one in _scalars(value))


def _labels(options: yaml.Node) -> Iterator[yaml.ScalarNode]:
    """Of a mapping its keys, of a list (in a course) its items."""
    yield from (key for key, _ in _pairs(options))
    if isinstance(options, yaml.SequenceNode):
        yield from _scalars(options)


def _pairs(node: yaml.Node | None) -> tuple[tuple[yaml.ScalarNode, yaml.Node], ...]:
    if not isinstance(node, yaml.MappingNode):
        return ()
    return tuple((key, value) for key, value in node.value if isinstance(key, yaml.ScalarNode))


def _scalars(node: yaml.Node) -> Iterator[yaml.ScalarNode]:
    if isinstance(node, yaml.ScalarNode):
        yield node
    elif isinstance(node, yaml.SequenceNode):
        yield from (one for one in node.value if isinstance(one, yaml.ScalarNode))


def _passage(node: yaml.ScalarNode, file: str, where: str, role: Role, verb: str = "") -> Passage:
    block = node.style in ("|", ">")  # the text begins below its sign
    line = node.start_mark.line + (2 if block else 1)
    return Passage(file=file, line=line, where=where, role=role, text=str(node.value).rstrip(), verb=verb)
