"""All that a turn looks things up in: flows, answers, places, phrases. Read once, passed on, never changed."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

import yaml

from bot import picture, speech
from bot.answers import Answers
from bot.flow import Ask, Flow, FlowError, Problem, Step, parse
from bot.model import Position
from bot.phrases import Phrases
from bot.picture import Picture
from bot.speech import Speech
from knowledge import articles as article_files
from knowledge.articles import Article
from knowledge.places import Gazetteer
from knowledge.scams import ScamCheck
from knowledge.search import PERSON_TOPIC, TOPICS, Entry, Index

#: the flow that asks for consent, place and problem, and whose hand_off opens the case
INTAKE = "gap-nguoi"

#: of a flow: its id, and the mark of its text
Version = tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """What residents call a topic; `also` are other ways to type it, `first` the flows that lead its list."""

    id: str
    name: str
    also: tuple[str, ...] = ()
    first: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Library:
    """`old` holds the versions on which somebody may still stand, by (flow, version)."""

    flows: Mapping[str, Flow]
    articles: Mapping[str, Article]
    index: Index
    gazetteer: Gazetteer
    scams: ScamCheck
    phrases: Phrases
    #: the same, as they are said to members who take a course
    course_phrases: Phrases
    answers: Answers
    old: Mapping[Version, Flow] = field(default_factory=dict)
    #: province codes that this deployment serves: they break ties between places of one name
    home: tuple[str, ...] = ()
    #: the hamlets known in each commune, in the order in which they are offered
    hamlets: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    #: in the order of the menu
    topics: tuple[Topic, ...] = ()
    #: how texts are read aloud, and whether there is an engine that does
    speech: Speech = field(default_factory=Speech)
    speaks: bool = False
    #: what steps show, by name
    pictures: Mapping[str, Picture] = field(default_factory=dict)
    #: whether residents are asked, once, if they want notices
    asks_notices: bool = False
    #: the answers that are phone numbers, by the flows' own questions
    phone_keys: frozenset[str] = field(init=False)
    _by_topic: Mapping[str, tuple[Flow, ...]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        asked = (step for flow in self.flows.values() for step in flow.steps.values() if isinstance(step, Ask))
        object.__setattr__(self, "phone_keys", frozenset(step.key for step in asked if step.kind == "phone"))
        found = {flow.topic for flow in self.flows.values()}
        object.__setattr__(self, "_by_topic", {topic: self._in_order(topic) for topic in found})

    def of_topic(self, topic: str) -> tuple[Flow, ...]:
        """The flows of a topic in the order of the menu; the intake and courses are in none."""
        return self._by_topic.get(topic, ())

    def _in_order(self, topic: str) -> tuple[Flow, ...]:
        first = next((one.first for one in self.topics if one.id == topic), ())
        there = [flow for flow in self.flows.values() if flow.topic == topic and _is_for_residents(flow)]
        return tuple(sorted(there, key=lambda flow: first.index(flow.id) if flow.id in first else len(first)))

    def stand(self, position: Position) -> tuple[Flow, Step, Position] | None:
        """Where a resident really stands, given that the flow may have been edited under them.

        Same step id and same kind: they move on to the new text. Named in `moved`: there. Else they finish on the old
        version where it is kept. None: nothing of it is left.
        """
        new = self.flows.get(position.flow)
        old = new if new and new.version == position.version else self.old.get((position.flow, position.version))
        before = old.steps.get(position.step) if old else None
        if new is not None:
            step_id = new.moved.get(position.step, position.step)
            after = new.steps.get(step_id)
            if after is not None and (before is None or step_id != position.step or type(after) is type(before)):
                return new, after, _at(position, new, step_id)
        if old is not None and before is not None:
            return old, before, position
        return None


class OldFlows(Mapping[Version, Flow]):
    """Each is read when somebody is first found standing on it. One that can no longer be read is not there."""

    def __init__(self, texts: Mapping[Version, str]) -> None:
        self._texts = dict(texts)
        self._read: dict[Version, Flow] = {}

    def __getitem__(self, key: Version) -> Flow:
        if key not in self._read:
            try:
                self._read[key] = parse(self._texts[key], f"{key[0]}.yaml")
            except FlowError:
                del self._texts[key]
                raise KeyError(key) from None
        return self._read[key]

    def __iter__(self) -> Iterator[Version]:
        return iter(self._texts)

    def __len__(self) -> int:
        return len(self._texts)


def _is_for_residents(flow: Flow) -> bool:
    """Whether a resident may find it. Courses are the members' own, and into the intake one is led."""
    return flow.id != INTAKE and flow.kind != "course"


def _at(position: Position, flow: Flow, step_id: str) -> Position:
    if position.version == flow.version and position.step == step_id:
        return position
    trail = tuple(past for past in position.trail if past in flow.steps)
    return Position(flow=flow.id, version=flow.version, step=step_id, trail=trail)


@dataclass(frozen=True, slots=True, kw_only=True)
class Folders:
    """Where the content lies. The defaults are the packages' own folders."""

    flows: Path = Path(__file__).parent / "flows"
    words: Path = Path(__file__).parent
    knowledge: Path = Path(__file__).parent.parent / "knowledge"


def load_flows(folder: Path) -> dict[str, Flow]:
    """Every flow of a folder by id, in file-name order. Raises FlowError with all problems of all files."""
    flows: dict[str, Flow] = {}
    problems: list[Problem] = []
    for path in sorted(folder.glob("*.yaml")):
        try:
            flow = parse(path.read_text(encoding="utf-8"), str(path))
        except (FlowError, UnicodeDecodeError) as error:
            problems += (
                error.problems
                if isinstance(error, FlowError)
                else [Problem(file=str(path), line=1, where="", message="tệp không phải UTF-8: lưu lại theo UTF-8")]
            )
        else:
            flows[flow.id] = flow
    if INTAKE not in flows and not problems:
        message = "thiếu kịch bản này: không có nó thì không ai gặp được người của tổ"
        problems.append(Problem(file=str(folder / f"{INTAKE}.yaml"), line=1, where="", message=message))
    if problems:
        raise FlowError(tuple(problems))
    return flows


def load_topics(path: Path) -> tuple[Topic, ...]:
    """The topics of topics.yaml. Raises FlowError unless they are the very topics that the search knows."""
    text = path.read_text(encoding="utf-8")
    read: Any = yaml.load(text, Loader=yaml.BaseLoader)  # noqa: S506 text only
    bodies = read if isinstance(read, dict) else {}
    lines = {line.partition(":")[0]: number for number, line in enumerate(text.splitlines(), 1)}
    wanted = sorted(set(TOPICS) - {PERSON_TOPIC})
    faults = {topic: f"thiếu chủ đề {topic!r}: thêm vào tệp" for topic in wanted if topic not in bodies}
    found = []
    for topic, body in bodies.items():
        if topic not in wanted:
            faults[topic] = f"không có chủ đề {topic!r}: dùng một trong {', '.join(wanted)}"
        elif not isinstance(body, dict) or not body.get("name") or set(body) - {"name", "also", "first"}:
            faults[topic] = f"chủ đề {topic!r} cần `name: ...`, thêm được `also: [...]`, `first: [...]`, không gì khác"
        else:
            also, first = tuple(body.get("also", ())), tuple(body.get("first", ()))
            found.append(Topic(id=topic, name=body["name"], also=also, first=first))
    if faults:
        told = ((lines.get(topic, 1), message) for topic, message in faults.items())
        raise FlowError(tuple(Problem(file=str(path), line=line, where="", message=message) for line, message in told))
    return tuple(found)


def load(folders: Folders, *, home: tuple[str, ...] = (), old: Mapping[Version, str] = MappingProxyType({})) -> Library:
    """Read everything; `old` are the texts of earlier versions.

    Raises FlowError, ArticleErrors or ValueError: a caller with a good library keeps that one.
    """
    flows = load_flows(folders.flows)
    today = {(flow.id, flow.version) for flow in flows.values()}
    articles = article_files.load(folders.knowledge / "articles")
    phrases = Phrases.load(folders.words / "phrases.yaml")
    return Library(
        flows=flows,
        articles={article.id: article for article in articles},
        index=Index.load(folders.knowledge / "topics", entries(flows.values(), articles)),
        gazetteer=Gazetteer.load(folders.knowledge / "places"),
        scams=ScamCheck.load(folders.knowledge / "scams"),
        phrases=phrases,
        course_phrases=phrases.said_otherwise(folders.words / "phrases_of_courses.yaml"),
        answers=Answers.load(folders.words),
        old=OldFlows({key: text for key, text in old.items() if key not in today}),
        home=home,
        topics=load_topics(folders.words / "topics.yaml"),
        pictures=picture.load(folders.words / "pictures"),
        speech=speech.load(folders.words / "speech.yaml"),
    )


def entries(flows: Iterable[Flow], articles: Iterable[Article]) -> tuple[Entry, ...]:
    """What the search can find: flows first, so that they win a tie."""
    return (
        *(Entry(kind="flow", id=flow.id, topic=flow.topic, title=flow.title, asked_as=flow.asked_as, body="")
          for flow in flows if _is_for_residents(flow)),
        *(Entry(kind="article", id=one.id, topic=one.topic, title=one.title, asked_as=one.asked_as, body=one.body)
          for one in articles),
    )  # fmt: skip
