"""Which steps, and which answers to a stuck sign, no transcript shows: what nobody has read as a resident would.

Reads transcripts as they are written; that they play so is what the tests hold. Never runs a talk.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from bot.checks.paths import at
from bot.flow import Do, End, Flow, Go, HandOff, Problem, Say, Step, Waiting, ways
from bot.library import INTAKE
from bot.transcript import Exchange, Transcript, read

_NOTE = re.compile(r"note (\w+) ([\w-]+)(?:/([\w-]+))?(?: (.*))?")
_PLACEHOLDER = re.compile(r"\{[^{}]*\}")
#: (flow, step, sign); the sign is "" for the step itself
_Seen = tuple[str, str, str]


def load(folder: Path) -> tuple[Transcript, ...]:
    """Every <flow>/<name>.yaml under folder. Raises TranscriptError naming what to mend."""
    return tuple(read(path.read_text(encoding="utf-8"), str(path)) for path in sorted(folder.glob("*/*.yaml")))


def uncovered(flows: Mapping[str, Flow], transcripts: Iterable[Transcript]) -> tuple[Problem, ...]:
    """Every step that none reaches, and every sign whose answer none shows, by file and line."""
    seen = {one for transcript in transcripts for one in _seen(flows, transcript)}
    return tuple(
        at(flow, step, message)
        for flow in flows.values()
        for step in flow.steps.values()
        for message in _missing(flow, step, seen)
    )


def _missing(flow: Flow, step: Step, seen: set[_Seen]) -> Iterator[str]:
    if (flow.id, step.id, "") not in seen:
        yield "chưa đoạn hội thoại mẫu nào tới bước này: viết thêm một đoạn"
    for sign in step.stuck if isinstance(step, Do) else ():
        if (flow.id, step.id, sign.sign) not in seen:
            yield f"chưa đoạn hội thoại mẫu nào có câu gỡ chỗ vướng {sign.sign!r}: viết thêm một đoạn"


def _seen(flows: Mapping[str, Flow], transcript: Transcript) -> Iterator[_Seen]:
    before = ""
    for exchange in transcript.exchanges:
        starts = {place for place in (before, exchange.at) if "/" in place}
        for effect in exchange.effects:
            if not (note := _NOTE.fullmatch(effect)):
                continue
            what, flow_id, step_id, detail = note.groups()
            if what == "flow_started" and flow_id in flows:
                starts.add(f"{flow_id}/{flows[flow_id].first.id}")
            elif step_id:
                starts.add(f"{flow_id}/{step_id}")
            if what == "helped":
                yield flow_id, step_id, detail or ""
        yield from _passed(flows, starts, exchange)
        before = exchange.at


def _passed(flows: Mapping[str, Flow], starts: set[str], exchange: Exchange) -> Iterator[_Seen]:
    """The steps that were stood at, and those that await nothing and were passed on the way."""
    said = _flat(" ".join(exchange.bot))
    for place in starts:
        flow_id, _, step_id = place.partition("/")
        flow = flows.get(flow_id)
        if flow is None or step_id not in flow.steps:
            continue
        if isinstance(flow.steps[step_id], Waiting):
            yield flow_id, step_id, ""
        for silent in _silent_from(flow, step_id):
            if _shows(silent, said, exchange.effects):
                yield flow_id, silent.id, ""


def _silent_from(flow: Flow, start: str) -> Iterator[Step]:
    """The steps that one turn may pass: those that await nothing, as far as no question lies between."""
    ahead, met = [start], set[str]()
    while ahead:
        here = ahead.pop()
        step = flow.steps[here]
        if here in met or (isinstance(step, Waiting) and here != start):
            continue
        met.add(here)
        ahead += ways(flow, step)
        if not isinstance(step, Waiting):
            yield step


def _shows(step: Step, said: str, effects: tuple[str, ...]) -> bool:
    match step:
        case Go():
            return f"note flow_started {step.flow}" in effects
        case HandOff(text=""):
            asked_for = any(effect.startswith("note person_wanted") for effect in effects)
            return f"note flow_started {INTAKE}" in effects and not asked_for
        case Say() | End() | HandOff():
            return all(_flat(part) in said for part in _PLACEHOLDER.split(step.text))
        case _:
            return False


def _flat(text: str) -> str:
    return " ".join(text.split())
