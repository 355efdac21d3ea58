"""Whether content is any good: what an author should mend before a resident finds it.

Reads the content folders, nothing else; today's date is passed in. Everything found is a Problem that names file, line,
step and what to do. What cannot even be read as a flow or an article is told by their own parsers, and passed on here.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from bot.capabilities import Capabilities
from bot.channel import listed, split
from bot.flow import (
    VERDICTS,
    Ask,
    Check,
    Choose,
    Do,
    End,
    Flow,
    FlowError,
    Go,
    HandOff,
    Problem,
    Say,
    Step,
    parse,
    ways,
)
from bot.library import INTAKE, Folders
from bot.model import Choice
from knowledge import articles as article_files
from knowledge.articles import Article, ArticlesError
from knowledge.search import TOPICS
from knowledge.text import fold

#: under "what is the trouble" stand two more buttons than signs: something else, and a person
MORE_THAN_SIGNS = 2
#: further signs are understood when typed, but have no button
MOST_SIGNS = 6
#: what every text may name besides the answers of its flow
PLACE_KEY = "noi_o"
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What the poorest of the channels carries."""

    text: int
    label: int
    choices: int
    channels: tuple[Capabilities, ...] = ()

    @classmethod
    def of(cls, capabilities: Iterable[Capabilities]) -> "Limits":
        """Labels are limited only by buttons that cannot be numbers instead; their number is limited everywhere."""
        known = tuple(capabilities)
        return cls(
            text=min((one.text_limit for one in known), default=10_000),
            label=min((one.label_limit for one in known if one.buttons and not one.long_labels), default=10_000),
            choices=min((one.max_choices for one in known), default=10_000),
            channels=known,
        )


def check(folders: Folders, capabilities: Iterable[Capabilities], today: date) -> tuple[Problem, ...]:
    """Every problem of every flow and article, by file and line. Empty: the content can be shipped."""
    limits = Limits.of(capabilities)
    flows, problems = _read_flows(folders.flows)
    articles, unreadable = _read_articles(folders.knowledge / "articles")
    problems += unreadable
    for flow in flows.values():
        problems += check_flow(flow, limits, today)
        problems += _pictures(flow, folders.flows)
    problems += _between(flows)
    for article in articles:
        problems += _article(article, limits, today)
    return tuple(sorted(problems, key=lambda problem: (problem.file, problem.line)))


def _read_flows(folder: Path) -> tuple[dict[str, Flow], list[Problem]]:
    flows: dict[str, Flow] = {}
    problems: list[Problem] = []
    for path in sorted(folder.glob("*.yaml")):
        try:
            flow = parse(path.read_text(encoding="utf-8"), str(path))
        except FlowError as error:
            problems += error.problems
        except UnicodeDecodeError:
            problems.append(_problem(str(path), 1, "", "is not UTF-8 text: save it as UTF-8"))
        else:
            flows[flow.id] = flow
    intake = folder / f"{INTAKE}.yaml"
    if not intake.exists():
        problems.append(_problem(str(intake), 1, "", "this flow is missing: without it nobody reaches a person"))
    return flows, problems


def _read_articles(folder: Path) -> tuple[tuple[Article, ...], list[Problem]]:
    try:
        return article_files.load(folder), []
    except ArticlesError as error:
        return (), [_problem(str(one.path), one.line, "", one.message) for one in error.errors]


def _problem(file: str, line: int, where: str, message: str) -> Problem:
    return Problem(file=file, line=line, where=where, message=message)


def _at(flow: Flow, step: Step, message: str) -> Problem:
    return _problem(flow.file, step.line, f"step {step.id!r}", message)


# --- one flow ----------------------------------------------------------------------------------------------------


def check_flow(flow: Flow, limits: Limits, today: date) -> Iterator[Problem]:
    """What can be said of a flow by itself."""
    yield from _head(flow, limits, today)
    yield from _paths(flow)
    for step in flow.steps.values():
        yield from _choices(flow, step, limits)
        yield from _texts(flow, step, limits)
        yield from _bubbles(flow, step, limits)


def _head(flow: Flow, limits: Limits, today: date) -> Iterator[Problem]:
    def wrong(message: str) -> Problem:
        return _problem(flow.file, 1, "", message)

    for key in ("asked_as", "verified_on", "expires_on", "sources", "owner"):
        if not getattr(flow, key):
            yield wrong(f"{key!r} is missing: add it at the head of the file")
    if flow.topic and flow.topic not in TOPICS:
        yield wrong(f"unknown topic {flow.topic!r}: use one of {', '.join(TOPICS)}")
    if flow.expires_on and flow.expires_on < today:
        yield wrong(f"expired on {flow.expires_on}: check the facts again, then set verified_on and expires_on anew")
    if flow.verified_on and flow.verified_on > today:
        yield wrong(f"verified_on {flow.verified_on} is still to come: write the day on which the facts were checked")
    if flow.verified_on and flow.expires_on and flow.expires_on <= flow.verified_on:
        yield wrong("expires_on must be a later day than verified_on")
    if len(flow.title) > limits.label:
        yield wrong(_too_long("title", flow.title, limits.label))


def _paths(flow: Flow) -> Iterator[Problem]:
    reached = _from(flow, flow.first.id)
    for step in flow.steps.values():
        if step.id not in reached:
            yield _at(flow, step, "no path leads here: name it in a `then`, an option or a verdict, or take it out")
        if step.then is not None and isinstance(step, Choose | End | HandOff):
            yield _at(flow, step, "`then` does nothing here: take the line out")
        elif _needs_next(step) and flow.after(step) is None:
            yield _at(flow, step, "the path breaks off here: add `then`, or an `end` or `hand_off` step after it")
    for step in _silent_loops(flow):
        yield _at(flow, step, "goes round and round without a question: lead out with an `end`, `hand_off` or question")


def _needs_next(step: Step) -> bool:
    """Whether the step can lead to the one that follows it."""
    if isinstance(step, Check):
        return set(step.verdicts) != set(VERDICTS)
    return not isinstance(step, Choose | HandOff | End)


def _from(flow: Flow, start: str) -> set[str]:
    """The ids of all steps that a step leads to, itself among them."""
    reached: set[str] = set()
    ahead = [start]
    while ahead:
        here = ahead.pop()
        if here not in reached:
            reached.add(here)
            ahead += ways(flow, flow.steps[here])
    return reached


def _silent_loops(flow: Flow) -> Iterator[Step]:
    """The first step, in file order, of every round that awaits nothing."""
    told: set[str] = set()
    for step in flow.steps.values():
        path: list[str] = []
        here: str | None = step.id
        while here is not None and here not in path and isinstance(flow.steps[here], Say | Go):
            path.append(here)
            here = flow.after(flow.steps[here])
        if here == step.id and path and step.id not in told:
            told |= set(path)
            yield step


def _choices(flow: Flow, step: Step, limits: Limits) -> Iterator[Problem]:
    labels: list[str] = []
    match step:
        case Choose():
            labels = [option.label for option in step.options]
            if len(labels) > limits.choices:
                yield _at(flow, step, f"{len(labels)} options, but only {limits.choices} fit everywhere: split it")
        case Do():
            labels = [sign.sign for sign in step.stuck]
            if not labels:
                yield _at(flow, step, "`stuck` is missing: list what goes wrong here, as residents say it")
            most = min(MOST_SIGNS, limits.choices - MORE_THAN_SIGNS)
            if len(labels) > most:
                yield _at(flow, step, f"{len(labels)} stuck signs, but only {most} get a button: merge some")
        case _:
            pass
    for label in labels:
        if len(label) > limits.label:
            yield _at(flow, step, _too_long("label", label, limits.label))
        if _PLACEHOLDER.search(label):
            yield _at(flow, step, f"{label!r} names a placeholder: labels are shown as they are, write it out")
    for label in {one for one in labels if [fold(other) for other in labels].count(fold(one)) > 1}:
        yield _at(flow, step, f"{label!r} stands here twice, marks aside: residents cannot tell them apart")


def _texts(flow: Flow, step: Step, limits: Limits) -> Iterator[Problem]:
    known = {PLACE_KEY} | {
        other.key for other in flow.steps.values() if isinstance(other, Ask) and step.id in _from(flow, other.id)
    }
    for what, text in _said(step):
        if len(text) > limits.text:
            yield _at(flow, step, _too_long(what, text, limits.text))
        for name in _PLACEHOLDER.findall(text):
            if name not in known:
                message = f"{{{name}}} is asked nowhere before: add an `ask` with `as: {name}`, or use {{{PLACE_KEY}}}"
                yield _at(flow, step, message)


def _bubbles(flow: Flow, step: Step, limits: Limits) -> Iterator[Problem]:
    """What a resident reads at once, with every `say` before it, must not become a wall of messages anywhere."""
    if isinstance(step, Say | Go):
        return
    text = "\n\n".join((*_before(flow, step, frozenset()), step.text))
    labels = [option.label for option in step.options] if isinstance(step, Choose) else []
    choices = tuple(Choice(id=str(place), label=label) for place, label in enumerate(labels))
    for one in limits.channels:
        number = bubbles(one, text, choices, pictures=bool(step.picture))
        if number > one.most_bubbles and len(step.text) <= one.text_limit:
            most = f"{one.most_bubbles} fit on {one.title or one.name}"
            yield _at(flow, step, f"with all that is said before it this is {number} messages, {most}: shorten it")
            return


def bubbles(one: Capabilities, text: str, choices: tuple[Choice, ...], *, pictures: int) -> int:
    """How many messages a text with these choices and pictures becomes on a channel."""
    parts = split(text, one.text_limit) if one.buttons else listed(text, choices, one.text_limit)
    if not one.photo_out:
        return len(parts)
    together = pictures == 1 and len(parts) == 1 and len(parts[0]) <= one.caption_limit
    return pictures if together else len(parts) + pictures


def _before(flow: Flow, step: Step, seen: frozenset[str]) -> tuple[str, ...]:
    """The longest run of `say` texts that is read together with a step."""
    runs = [
        (*_before(flow, one, seen | {step.id}), one.text)
        for one in flow.steps.values()
        if isinstance(one, Say) and one.id not in seen and flow.after(one) == step.id
    ]
    return max(runs, key=lambda run: sum(map(len, run)), default=())


def _said(step: Step) -> Iterator[tuple[str, str]]:
    """What a step says, each with what it is called in the file."""
    if not isinstance(step, Go):
        yield "text", step.text
    yield "simpler", step.simpler
    if isinstance(step, Do):
        yield from ((f"`say` of {sign.sign!r}", sign.say) for sign in step.stuck)


def _too_long(what: str, text: str, most: int) -> str:
    return f"{what} has {len(text)} characters, a channel carries {most}: shorten {text[:40]!r}"


def _pictures(flow: Flow, folder: Path) -> Iterator[Problem]:
    for step in flow.steps.values():
        if step.picture and not (folder / step.picture).is_file():
            yield _at(flow, step, f"the picture {step.picture!r} is not in {folder}: put it there or take the line out")


# --- flows among each other, and articles ------------------------------------------------------------------------


def _between(flows: Mapping[str, Flow]) -> Iterator[Problem]:
    leads = {flow.id: [step for step in flow.steps.values() if isinstance(step, Go)] for flow in flows.values()}
    for flow in flows.values():
        for step in leads[flow.id]:
            if step.flow not in flows:
                yield _at(flow, step, f"leads to the flow {step.flow!r}, which does not exist: name one of the others")
            elif flow.id in _flows_from(leads, step.flow):
                yield _at(flow, step, f"the flow {step.flow!r} leads back here: take one of the two `go` out")
    asked: dict[str, Flow] = {}
    for flow in flows.values():
        for way in flow.asked_as:
            first = asked.setdefault(fold(way), flow)
            if first is not flow:
                message = f"asked_as {way!r} stands in {Path(first.file).name} too: a question can start one flow only"
                yield _problem(flow.file, 1, "", message)


def _flows_from(leads: Mapping[str, list[Go]], start: str) -> set[str]:
    reached: set[str] = set()
    ahead = [start]
    while ahead:
        here = ahead.pop()
        if here not in reached:
            reached.add(here)
            ahead += [step.flow for step in leads.get(here, ())]
    return reached


def _article(article: Article, limits: Limits, today: date) -> Iterator[Problem]:
    if article.expires_on < today:
        message = f"expired on {article.expires_on}: check the facts again, then set verified_on and expires_on anew"
        yield _problem(str(article.path), 1, "", message)
    if len(article.body) > limits.text:
        yield _problem(str(article.path), 1, "", _too_long("the answer", article.body, limits.text))
