"""Plays every transcript of tests/transcripts/ against the shipped content; `--rewrite` writes the bot's side anew."""

import difflib
from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest

from bot.flow import Flow, parse
from bot.library import INTAKE, Library
from bot.model import CaseClosed, CaseTaken, CaseWaits, CourseOpened, MemberSaid, Outcome, Turn, WaitExpired
from bot.transcript import Exchange, Transcript, TranscriptError, answered, read, span, write
from tests.cast import MEMBER
from tests.talk import PACE, Talk

TESTS = Path(__file__).parent.parent
FILES = sorted((TESTS / "transcripts").glob("*/*.yaml"))
CASE = 1


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}/{file.stem}")
def test_transcript(file: Path, library: Library, rewrite: bool) -> None:
    written = read(file.read_text(encoding="utf-8"), file.name)
    played = play(written, library)
    if rewrite:
        file.write_text(write(played), encoding="utf-8")
        return
    if played == written:
        return
    before, after = write(written).splitlines(), write(played).splitlines()
    changes = "\n".join(difflib.unified_diff(before, after, "written", "played", n=4, lineterm=""))
    assert not changes, f"{file.name} plays otherwise (--rewrite writes it anew):\n{changes}"


def test_every_flow_has_six_transcripts(library: Library) -> None:
    counted = {flow: sum(file.parent.name == flow for file in FILES) for flow in library.flows if flow != INTAKE}
    assert not {flow: count for flow, count in counted.items() if count < 6}


def play(transcript: Transcript, library: Library) -> Transcript:
    """The same inputs with the bot's side as it is today."""
    talk = Talk(replace(library, home=transcript.home) if transcript.home else library)
    played: list[Exchange] = []
    for number, exchange in enumerate(transcript.exchanges, 1):
        try:
            turn = happen(talk, exchange)
        except (LookupError, TranscriptError) as error:
            raise AssertionError(f"turn {number}, {exchange.does}: {exchange.what}: {error}") from error
        bare = Exchange(does=exchange.does, what=exchange.what)
        played.append(answered(bare, turn) if turn else bare)
    return replace(transcript, exchanges=tuple(played))


def happen(talk: Talk, exchange: Exchange) -> Turn | None:
    """One input. None when it is nothing that the engine hears of."""
    what = exchange.what
    match exchange.does:
        case "resident":
            return talk.say(what)
        case "edited":
            return talk.say(what, edited=True)
        case "press":
            return talk.press(what)
        case "old":
            return talk.press_old(what)
        case "repeat":
            return talk.press_again(span(what))
        case "pin":
            lat, lon = map(float, what.split(","))
            return talk.pin(lat, lon)
        case "photo":
            return talk.photo(what)
        case "wait":
            return silence(talk, what)
        case "member":
            return member(talk, what)
        case "edit":
            edit(talk, what)
            return None
    raise TranscriptError(f"nobody plays {exchange.does!r}")


def silence(talk: Talk, what: str) -> Turn | None:
    """The clock goes on; the timer rings when it was due by then."""
    talk.now += span(what) - PACE
    due_at = talk.conversation.wake_at
    return talk.send(WaitExpired(due_at=due_at)) if due_at is not None and due_at <= talk.now + PACE else None


def member(talk: Talk, what: str) -> Turn:
    does, _, rest = what.partition(" ")
    if does == "takes":
        return talk.send(CaseTaken(case=CASE, member=MEMBER))
    if does == "away":
        return talk.send(CaseWaits(case=CASE, promised_at=talk.now + span(rest)))
    if does == "learns":
        return talk.send(CourseOpened(flow=rest))
    if does == "says":
        return talk.send(MemberSaid(case=CASE, member=MEMBER, text=rest))
    outcome, _, visit_on = rest.partition(" ")
    if does == "closes" and (known := next((one for one in get_args(Outcome) if one == outcome), None)):
        return talk.send(CaseClosed(case=CASE, outcome=known, visit_on=visit_on))
    raise TranscriptError(f"a member takes, says, learns, is away or closes with one of {', '.join(get_args(Outcome))}")


def edit(talk: Talk, what: str) -> None:
    """The flow as its next edition has it; the one before it is kept, as long as somebody stands on it."""
    flow_id, _, edition = what.partition("/")
    before = talk.library.flows.get(flow_id)
    old = dict(talk.library.old) | ({(flow_id, before.version): before} if before else {})
    flows: dict[str, Flow] = {one: flow for one, flow in talk.library.flows.items() if one != flow_id}
    if edition != "gone":
        text = (TESTS / "editions" / flow_id / f"{edition}.yaml").read_text(encoding="utf-8")
        flows[flow_id] = parse(text, f"{flow_id}.yaml")
    talk.library = replace(talk.library, flows=flows, old=old)
