"""A talk written down as YAML: what the resident and the member did, turn by turn, and what the bot answered.

Only reads and writes the format: it never runs a talk. The tests play transcripts; `gocua chat --record` writes them.

    about: Đường thẳng
    turns:
      - resident: toi muon lam vneid      # one input a turn, see INPUTS
        bot: [...]                        # what was said, with the buttons as a last line [Label] [Label]
        effects: [...]                    # everything else that was decided, one line each
        at: vneid-tao-tai-khoan/viec      # flow/step, "team" while the team holds the talk, "-" outside any flow
"""

import re
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, assert_never

import yaml

from bot.model import (
    CodeTyped,
    Effect,
    Forget,
    JoinAnswered,
    JoinAsked,
    LeaveCase,
    Missed,
    Note,
    NoticeMet,
    OpenCase,
    QueueAsked,
    Quizzed,
    Relay,
    Remember,
    Reply,
    Surveyed,
    Turn,
    Unjoined,
)

#: what can happen in a turn, and what is written behind it
INPUTS = {
    "resident": "words",
    "edited": "words, as a change of an earlier message",
    "press": "the label of a button on screen",
    "old": "the label of a button that was on screen earlier",
    "repeat": "a span: the last pressed button is pressed once more so long after",
    "pin": "lat, lon",
    "photo": "a file name",
    "wait": "a span of silence, such as 20 giờ",
    "member": "takes | away <span> | says <words> | closes <outcome> [<day of the visit>] | learns <course>",
    "edit": "<flow>/<edition>: the flow is replaced by tests/editions/<flow>/<edition>.yaml; `gone` takes it away",
}
_SPAN = re.compile(r"(\d+) (giây|phút|giờ|ngày)")
_UNITS = {"giây": "seconds", "phút": "minutes", "giờ": "hours", "ngày": "days"}
_ANSWER_KEYS = {"bot", "effects", "at"}
#: text only; the one in C where PyYAML has it, for transcripts are many
_LOADER = getattr(yaml, "CBaseLoader", yaml.BaseLoader)


class TranscriptError(ValueError):
    """A transcript that cannot be played. Names the file, and the line or turn to mend."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """One thing that happened (`does` is one of INPUTS) and what came of it."""

    does: str
    what: str
    bot: tuple[str, ...] = ()
    effects: tuple[str, ...] = ()
    at: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Transcript:
    about: str
    #: the province codes that the deployment serves; empty: those of the cast
    home: tuple[str, ...]
    exchanges: tuple[Exchange, ...]


def span(text: str) -> timedelta:
    """ "20 giờ" -> 20 hours. Raises TranscriptError on anything else."""
    found = _SPAN.fullmatch(text)
    if not found:
        raise TranscriptError(f"{text!r} is no span: write a number and one of {', '.join(_UNITS)}")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


def answered(exchange: Exchange, turn: Turn) -> Exchange:
    """The exchange with the bot's side filled in from the turn that it led to."""
    replies = [effect for effect in turn.effects if isinstance(effect, Reply)]
    others = [_line(effect) for effect in turn.effects if not isinstance(effect, Reply)]
    c = turn.conversation
    here = f"{c.position.flow}/{c.position.step}" if c.position else "-"
    at = "team" if c.held_by == "team" else here
    return replace(exchange, bot=tuple(map(_said, replies)), effects=tuple(others), at=at)


def _said(reply: Reply) -> str:
    text = reply.text if reply.author == "bot" else f"({reply.author}) {reply.text}"
    marks = (f"<{reply.ask}>",) if reply.ask else ()
    buttons = " ".join((*(f"[{choice.label}]" for choice in reply.choices), *marks))
    # YAML has no block style for a line that ends in a space.
    return "\n".join(line.rstrip() for line in (*text.splitlines(), *((buttons,) if buttons else ())))


def _line(effect: Effect) -> str:
    match effect:
        case Note():
            where = f"{effect.flow}/{effect.step}".strip("/")
            return " ".join(part for part in (f"note {effect.what}", where, effect.detail) if part)
        case OpenCase():
            place = f"{effect.place.hamlet or '?'}, {effect.place.commune}" if effect.place else "?"
            stood = f"{effect.flow}/{effect.step}".strip("/") or "-"
            tried = f" | tried: {', '.join(effect.tried)}" if effect.tried else ""
            kept = f" | answers: {', '.join(effect.answers.values())}" if effect.answers else ""
            return f"open case | {effect.topic} | {stood} | {place} | {effect.problem}{tried}{kept}"
        case Relay():
            files = " ".join(f"<{one.kind} {one.name or one.ref}>" for one in effect.attachments)
            return " ".join(part for part in ("relay", effect.text, files) if part)
        case Remember():
            return f"remember {effect.what} {effect.value}"
        case Missed():
            return f"{effect.why} {effect.text}"
        case Surveyed():
            return f"surveyed {effect.survey}/{effect.question} {effect.answer or '(bỏ qua)'}"
        case Quizzed():
            return f"quizzed {effect.course}/{effect.question} {'right' if effect.right else 'wrong'}"
        case NoticeMet():
            return f"notice {effect.notice} {effect.how}"
        case QueueAsked():
            return "queue asked"
        case LeaveCase():
            return "leave case"
        case JoinAsked():
            return "join asked"
        case CodeTyped():
            return f"code typed {effect.code}"
        case JoinAnswered():
            return f"join {'agreed' if effect.agreed else 'dropped'}"
        case Unjoined():
            return "unjoined"
        case Forget():
            return "forget"
        case Reply():
            return ""
        case _:
            assert_never(effect)


def read(text: str, file: str) -> Transcript:
    """Raises TranscriptError naming what to mend."""
    try:
        data: Any = yaml.load(text, Loader=_LOADER)  # noqa: S506 it makes text only
    except yaml.YAMLError as error:
        raise TranscriptError(f"{file}: {error}") from error
    if not isinstance(data, dict) or not isinstance(data.get("turns"), list) or not data["turns"]:
        raise TranscriptError(f"{file}: write `about: ...` and `turns:` with at least one `- resident: ...`")
    if unknown := set(data) - {"about", "home", "turns"}:
        raise TranscriptError(f"{file}: unknown key {', '.join(sorted(unknown))}: use about, home, turns")
    exchanges = tuple(_exchange(body, f"{file}, turn {number}") for number, body in enumerate(data["turns"], 1))
    return Transcript(about=data.get("about", ""), home=tuple(data.get("home", ())), exchanges=exchanges)


def _exchange(body: Any, where: str) -> Exchange:
    does = [key for key in body if key in INPUTS] if isinstance(body, dict) else []
    if len(does) != 1 or not isinstance(body[does[0]], str):
        raise TranscriptError(f"{where}: a turn has exactly one of {', '.join(INPUTS)}, with text behind it")
    if unknown := set(body) - INPUTS.keys() - _ANSWER_KEYS:
        raise TranscriptError(f"{where}: unknown key {', '.join(sorted(unknown))}")
    return Exchange(
        does=does[0],
        what=body[does[0]],
        bot=tuple(body.get("bot", ())),
        effects=tuple(body.get("effects", ())),
        at=body.get("at", ""),
    )


def write(transcript: Transcript) -> str:
    """The YAML of a transcript. read(write(x)) is x."""
    head: dict[str, Any] = {"about": transcript.about}
    if transcript.home:
        head["home"] = list(transcript.home)
    turns = []
    for one in transcript.exchanges:
        body: dict[str, Any] = {one.does: one.what}
        if one.bot:
            body["bot"] = list(one.bot)
        if one.effects:
            body["effects"] = list(one.effects)
        if one.at:
            body["at"] = one.at
        turns.append(body)
    dumped = yaml.dump(head | {"turns": turns}, Dumper=_Dumper, allow_unicode=True, sort_keys=False, width=10_000)
    return str(dumped)


class _Dumper(yaml.SafeDumper):
    """Lists indented under their key, many-lined text as it reads."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002 as PyYAML calls it
        super().increase_indent(flow, False)

    def text(self, data: str) -> yaml.ScalarNode:
        return self.represent_scalar("tag:yaml.org,2002:str", data, style="|" if "\n" in data else None)


_Dumper.add_representer(str, _Dumper.text)
