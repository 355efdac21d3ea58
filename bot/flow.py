"""The flow language: what a flow is, and how its YAML becomes one.

Text only (no YAML booleans, dates or numbers), no code, no expressions, unknown and doubled keys refused. A file's
mistakes are collected and reported together, each with its line, step and what to do. Whether a flow is any *good*
(reachable, sourced, within a channel's limits) is bot/check.py's question.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Literal

import yaml

AskKind = Literal["text", "phone", "date", "place", "photo", "number", "consent"]
ASK_KINDS: tuple[AskKind, ...] = ("text", "phone", "date", "place", "photo", "number", "consent")
#: what a flow is for: to lead a resident, to ask many the same, to teach a member
Kind = Literal["guide", "survey", "course"]
KINDS: tuple[Kind, ...] = ("guide", "survey", "course")
VERDICTS = ("scam", "suspicious", "official", "unknown")


@dataclass(frozen=True, slots=True, kw_only=True)
class Stuck:
    """What goes wrong at a step, as residents say it, and what helps. `then` leads on once it helped."""

    sign: str
    also: tuple[str, ...]
    say: str
    then: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Step:
    id: str
    line: int
    #: where to go on; None: the next step in the file
    then: str | None = None
    #: the same in plainer words, for a resident who did not understand
    simpler: str = ""
    picture: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Say(_Step):
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask(_Step):
    text: str
    kind: AskKind
    #: the placeholder under which later texts use the answer
    key: str
    #: where a refusal leads (consent), or "không có" where the answer may be left out
    otherwise: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    label: str
    also: tuple[str, ...]
    then: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Choose(_Step):
    """`right` (in courses alone) is the label of the answer that counts; then every option leads to the next step."""

    text: str
    options: tuple[Option, ...]
    right: str = ""
    #: why the others are wrong
    because: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Do(_Step):
    """One action on the phone. Done, Stuck, Person and Back come by themselves."""

    text: str
    stuck: tuple[Stuck, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Check(_Step):
    """A scam check of what the resident pastes. `verdicts` leads on by verdict; others go to `then`."""

    text: str
    verdicts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Go(_Step):
    """Another flow, and back to the step after this one."""

    flow: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HandOff(_Step):
    """To a person. `text` is said first ("" for nothing). In the intake flow it opens the case."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class End(_Step):
    text: str


Step = Say | Ask | Choose | Do | Check | Go | HandOff | End
#: steps at which a resident's answer is awaited
Waiting = Ask | Choose | Do | Check


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """One guided dialogue. `steps` keeps the file's order; `version` is the hash of the file's text."""

    id: str
    version: str
    file: str
    title: str
    topic: str
    asked_as: tuple[str, ...]
    verified_on: date | None
    expires_on: date | None
    sources: tuple[str, ...]
    owner: str
    #: after so many silent hours the resident is asked once whether to go on
    remind_hours: int
    moved: Mapping[str, str]
    steps: Mapping[str, Step]
    kind: Kind = "guide"

    @property
    def first(self) -> Step:
        return next(iter(self.steps.values()))

    def after(self, step: Step) -> str | None:
        """Where a step leads when nothing else says so: its `then`, else the next in file order, else None."""
        if step.then is not None:
            return step.then
        ids = list(self.steps)
        place = ids.index(step.id) + 1
        return ids[place] if place < len(ids) else None


#: an error keeps content from being shipped, a warning is for its author to weigh
Level = Literal["error", "warning"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One mistake in content: where it is, and what to do about it."""

    file: str
    line: int
    where: str
    message: str
    level: Level = "error"

    def __str__(self) -> str:
        where = f" {self.where}:" if self.where else ""
        return f"{self.file}:{self.line}:{where} {self.message}"


class FlowError(ValueError):
    """A flow file that cannot be read. `problems` names every mistake in it."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = problems


_FAST = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
FLOW_KEYS = {
    "title", "kind", "topic", "asked_as", "verified_on", "expires_on", "sources", "owner", "remind_hours", "moved",
    "steps",
}  # fmt: skip
COMMON_KEYS = {"then", "simpler", "picture"}
STEP_KEYS: dict[str, set[str]] = {
    "say": set(),
    "ask": {"kind", "as", "otherwise"},
    "choose": {"options", "right", "because"},
    "do": {"stuck"},
    "check": {"verdicts"},
    "go": set(),
    "hand_off": set(),
    "end": set(),
}
STUCK_KEYS = {"sign", "also", "say", "then"}
OPTION_KEYS = {"also", "then"}


class _Reader:
    """Walks the YAML nodes of one file and collects problems instead of stopping at the first."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.where = ""
        self.kind: Kind = "guide"
        self.problems: list[Problem] = []

    def wrong(self, node: yaml.Node | None, message: str) -> None:
        line = node.start_mark.line + 1 if node is not None else 1
        self.problems.append(Problem(file=self.file, line=line, where=self.where, message=message))

    def pairs(self, node: yaml.Node | None, known: set[str] | None, what: str) -> dict[str, yaml.Node]:
        """The keys of a mapping, in file order; unknown and doubled ones are problems."""
        if not isinstance(node, yaml.MappingNode):
            self.wrong(node, f"{what} phải gồm những dòng `khoá: giá trị`")
            return {}
        out: dict[str, yaml.Node] = {}
        for key_node, value in node.value:
            key = str(key_node.value)
            if key in out:
                self.wrong(key_node, f"{key!r} có hai lần trong {what}: giữ một")
            elif known is not None and key not in known:
                self.wrong(key_node, f"{what} không có khoá {key!r}: dùng một trong {', '.join(sorted(known))}")
            else:
                out[key] = value
        return out

    def text(self, node: yaml.Node | None, what: str, default: str = "") -> str:
        if node is None:
            return default
        if not isinstance(node, yaml.ScalarNode):
            self.wrong(node, f"{what} phải là chữ; trong câu có ': ' thì đặt cả câu trong ngoặc kép thẳng")
            return default
        return str(node.value).strip()

    def texts(self, node: yaml.Node | None, what: str) -> tuple[str, ...]:
        if node is None:
            return ()
        if not isinstance(node, yaml.SequenceNode):
            self.wrong(node, f"{what} phải là danh sách, mỗi dòng bắt đầu bằng `- `")
            return ()
        return tuple(self.text(item, what) for item in node.value)

    def day(self, node: yaml.Node | None, what: str) -> date | None:
        if node is None:
            return None
        try:
            return date.fromisoformat(self.text(node, what))
        except ValueError:
            self.wrong(node, f"{what} phải là một ngày, viết như 2026-11-21")
            return None


def _composed(text: str) -> yaml.Node | None:
    """libyaml, where it was built in, is ten times as fast; Python's own reader says better what is wrong."""
    try:
        return yaml.compose(text, Loader=_FAST)
    except yaml.YAMLError:
        return yaml.compose(text, Loader=yaml.BaseLoader)


def parse(text: str, file: str) -> Flow:
    """A flow from its YAML. The file's stem is the flow's id. Raises FlowError with every problem found."""
    reader = _Reader(file)
    try:
        root = _composed(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark else 1
        detail = getattr(error, "problem", None) or "không đọc được"
        reader.problems.append(
            Problem(
                file=file,
                line=line,
                where="",
                message=f"sai cách viết YAML ở chỗ này ({detail}): xem thụt dòng, dấu ngoặc, dấu hai chấm",
            )
        )
        raise FlowError(tuple(reader.problems)) from error
    head = reader.pairs(root, FLOW_KEYS, "đầu tệp")
    reader.kind = _kind(reader, head.get("kind"))
    steps = _steps(reader, head.get("steps"), root)
    flow = Flow(
        id=Path(file).stem,
        version=hashlib.sha256(text.encode()).hexdigest()[:12],
        file=file,
        title=reader.text(head.get("title"), "title"),
        topic=reader.text(head.get("topic"), "topic"),
        asked_as=reader.texts(head.get("asked_as"), "asked_as"),
        verified_on=reader.day(head.get("verified_on"), "verified_on"),
        expires_on=reader.day(head.get("expires_on"), "expires_on"),
        sources=reader.texts(head.get("sources"), "sources"),
        owner=reader.text(head.get("owner"), "owner"),
        remind_hours=_hours(reader, head.get("remind_hours")),
        moved=_moved(reader, head.get("moved"), steps),
        steps=steps,
        kind=reader.kind,
    )
    for key in ("title", "topic"):
        if not getattr(flow, key) and root is not None:
            reader.wrong(root, f"thiếu {key!r}: thêm một dòng `{key}: ...`")
    _fits_kind(reader, flow)
    for line, where, target in _targets(flow):
        if target not in steps:
            message = f"dẫn tới bước {target!r}, mà không có bước đó: ghi mã một bước có trong tệp"
            reader.problems.append(Problem(file=file, line=line, where=where, message=message))
    if reader.problems:
        raise FlowError(tuple(sorted(reader.problems, key=lambda problem: problem.line)))
    return flow


def _kind(reader: _Reader, node: yaml.Node | None) -> Kind:
    name = reader.text(node, "kind", "guide")
    kind = next((one for one in KINDS if one == name), None)
    if kind is None:
        reader.wrong(node, f"không có kind {name!r}: dùng một trong {', '.join(KINDS)}")
    return kind or "guide"


def _fits_kind(reader: _Reader, flow: Flow) -> None:
    """What a survey and a course are made of. Nobody's answer is kept before they agreed to that."""
    made_of: dict[Kind, tuple[type[Step], ...]] = {"survey": (Say, Ask, Choose, End), "course": (Say, Choose, End)}
    for step in flow.steps.values():
        reader.where = f"step {step.id!r}"
        if flow.kind in made_of and not isinstance(step, made_of[flow.kind]):
            verbs = ", ".join(cls.__name__.lower() for cls in made_of[flow.kind])
            message = f"{flow.kind} không có loại bước này: dùng một trong {verbs}"
            reader.problems.append(Problem(file=flow.file, line=step.line, where=reader.where, message=message))
    reader.where = ""
    first = next((step for step in flow.steps.values() if not isinstance(step, Say)), None)
    if flow.kind == "survey" and first and not (isinstance(first, Ask) and first.kind == "consent"):
        message = "khảo sát phải xin phép trước: bắt đầu bằng một bước `ask` có `kind: consent`"
        reader.problems.append(Problem(file=flow.file, line=first.line, where="", message=message))


def _hours(reader: _Reader, node: yaml.Node | None) -> int:
    value = reader.text(node, "remind_hours", "20")
    if value.isdecimal() and len(value) <= 3 and 1 <= int(value) <= 720:
        return int(value)
    reader.wrong(node, "remind_hours phải là số giờ, từ 1 đến 720")
    return 20


def _moved(reader: _Reader, node: yaml.Node | None, steps: Mapping[str, Step]) -> dict[str, str]:
    if node is None:
        return {}
    moved = {old: reader.text(new, "moved") for old, new in reader.pairs(node, None, "moved").items()}
    for old, new in moved.items():
        if old in steps:
            reader.wrong(node, f"moved kể {old!r}, mà bước đó vẫn còn: bỏ dòng này")
        if new not in steps:
            reader.wrong(node, f"moved dẫn tới {new!r}, mà không có bước đó: ghi mã một bước có trong tệp")
    return moved


def _steps(reader: _Reader, node: yaml.Node | None, root: yaml.Node | None) -> dict[str, Step]:
    if node is None:
        reader.wrong(root, "thiếu 'steps': kịch bản cần ít nhất một bước")
        return {}
    steps: dict[str, Step] = {}
    for step_id, body in reader.pairs(node, None, "steps").items():
        reader.where = f"step {step_id!r}"
        step = _step(reader, step_id, body)
        if step is not None:
            steps[step_id] = step
    reader.where = ""
    if not steps and not reader.problems:
        reader.wrong(node, "'steps' còn trống: kịch bản cần ít nhất một bước")
    return steps


def _step(reader: _Reader, step_id: str, node: yaml.Node) -> Step | None:
    if not isinstance(node, yaml.MappingNode):
        reader.wrong(node, "một bước phải bắt đầu bằng động từ của nó, như `say: ...`")
        return None
    present = [str(key.value) for key, _ in node.value]
    verbs = [verb for verb in STEP_KEYS if verb in present]
    if len(verbs) != 1:
        found = "không có cái nào" if not verbs else "có " + " và ".join(verbs)
        reader.wrong(node, f"mỗi bước có đúng một động từ ({', '.join(STEP_KEYS)}); ở đây {found}")
        return None
    verb = verbs[0]
    keys = reader.pairs(node, {verb} | STEP_KEYS[verb] | COMMON_KEYS, f"bước `{verb}`")
    text = reader.text(keys.get(verb), verb)
    if not text and verb != "hand_off":
        reader.wrong(keys.get(verb, node), f"`{verb}` còn trống: viết lời bà con đọc")
    then = keys.get("then")
    common = _Common(
        id=step_id,
        line=node.start_mark.line + 1,
        then=reader.text(then, "then") if then is not None else None,
        simpler=reader.text(keys.get("simpler"), "simpler"),
        picture=reader.text(keys.get("picture"), "picture"),
    )
    return _BUILD[verb](reader, node, keys, text, common)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Common:
    """The keys that every step may have."""

    id: str
    line: int
    then: str | None
    simpler: str
    picture: str


_Keys = Mapping[str, yaml.Node]


def _say(_r: _Reader, _n: yaml.Node, _k: _Keys, text: str, c: _Common) -> Step:
    return Say(id=c.id, line=c.line, then=c.then, simpler=c.simpler, picture=c.picture, text=text)


def _ask(reader: _Reader, node: yaml.Node, keys: _Keys, text: str, c: _Common) -> Step:
    name = reader.text(keys.get("kind"), "kind", "text")
    kind = next((k for k in ASK_KINDS if k == name), None)
    if kind is None:
        reader.wrong(keys.get("kind", node), f"không có kind {name!r}: dùng một trong {', '.join(ASK_KINDS)}")
        kind = "text"
    key = reader.text(keys.get("as"), "as")
    if reader.kind == "survey" and key:
        reader.wrong(keys["as"], "khảo sát không cần `as`: câu trả lời vào bảng, bỏ dòng này")
    elif not key and kind not in ("place", "consent") and reader.kind != "survey":
        reader.wrong(node, "thiếu `as`: đặt mã cho câu trả lời, để câu sau dùng được bằng {mã}")
    other = keys.get("otherwise")
    otherwise = reader.text(other, "otherwise") if other is not None else None
    if kind == "consent" and otherwise is None:
        reader.wrong(node, "bước xin phép cần `otherwise`: mã bước khi bà con không đồng ý")
    return Ask(
        id=c.id, line=c.line, then=c.then, simpler=c.simpler, picture=c.picture,
        text=text, kind=kind, key=key, otherwise=otherwise,
    )  # fmt: skip


def _choose(reader: _Reader, node: yaml.Node, keys: _Keys, text: str, c: _Common) -> Step:
    if "right" in keys or "because" in keys:
        return _quiz(reader, node, keys, text, c)
    if reader.kind == "course":
        reader.wrong(node, "thiếu `right`: trong bài học câu nào cũng có câu trả lời đúng")
    options: list[Option] = []
    for label, body in reader.pairs(keys.get("options", node), None, "options").items() if "options" in keys else ():
        if isinstance(body, yaml.MappingNode):
            inner = reader.pairs(body, OPTION_KEYS, f"lựa chọn {label!r}")
            also, then = reader.texts(inner.get("also"), "also"), reader.text(inner.get("then"), "then")
        else:
            also, then = (), reader.text(body, f"lựa chọn {label!r}")
        if not then:
            reader.wrong(body, f"lựa chọn {label!r} không dẫn đi đâu: viết `{label}: ma-buoc`")
        options.append(Option(label=label, also=also, then=then))
    if len(options) < 2:
        reader.wrong(node, "`choose` cần `options` có ít nhất hai lựa chọn")
    return Choose(
        id=c.id, line=c.line, then=c.then, simpler=c.simpler, picture=c.picture, text=text, options=tuple(options)
    )


def _quiz(reader: _Reader, node: yaml.Node, keys: _Keys, text: str, c: _Common) -> Step:
    """A question of a course: its options are a plain list, and all of them lead on once it is answered."""
    labels = reader.texts(keys.get("options"), "options")
    right, because = reader.text(keys.get("right"), "right"), reader.text(keys.get("because"), "because")
    if reader.kind != "course":
        reader.wrong(node, "`right` và `because` chỉ dùng trong `kind: course`")
    if len(labels) < 2:
        reader.wrong(node, "câu hỏi bài học cần `options` là danh sách, ít nhất hai dòng `- câu trả lời`")
    if right not in labels:
        reader.wrong(keys.get("right", node), "`right` phải chép đúng từng chữ một trong các options")
    if not because:
        reader.wrong(node, "thiếu `because`: nói vì sao các câu kia sai")
    options = tuple(Option(label=label, also=(), then="") for label in labels)
    return Choose(
        id=c.id, line=c.line, then=c.then, simpler=c.simpler, picture=c.picture, text=text, options=options,
        right=right, because=because,
    )  # fmt: skip


def _do(reader: _Reader, _n: yaml.Node, keys: _Keys, text: str, c: _Common) -> Step:
    found: list[Stuck] = []
    listed = keys.get("stuck")
    if listed is not None and not isinstance(listed, yaml.SequenceNode):
        reader.wrong(listed, "stuck phải là danh sách những mục `- sign: ...`")
        listed = None
    for item in listed.value if listed is not None else ():
        inner = reader.pairs(item, STUCK_KEYS, "mục stuck")
        for key in ("sign", "say"):
            if not reader.text(inner.get(key), key):
                reader.wrong(item, f"mục stuck thiếu `{key}`")
        then = inner.get("then")
        found.append(
            Stuck(
                sign=reader.text(inner.get("sign"), "sign"),
                also=reader.texts(inner.get("also"), "also"),
                say=reader.text(inner.get("say"), "say"),
                then=reader.text(then, "then") if then is not None else None,
            )
        )
    return Do(id=c.id, line=c.line, then=c.then, simpler=c.simpler, picture=c.picture, text=text, stuck=tuple(found))


def _check(reader: _Reader, _n: yaml.Node, keys: _Keys, text: str, c: _Common) -> Step:
    verdicts: dict[str, str] = {}
    if "verdicts" in keys:
        pairs = reader.pairs(keys["verdicts"], set(VERDICTS), "verdicts")
        verdicts = {verdict: reader.text(target, verdict) for verdict, target in pairs.items()}
    return Check(id=c.id, line=c.line, then=c.then, simpler=c.simpler, picture=c.picture, text=text, verdicts=verdicts)


def _go(_r: _Reader, _n: yaml.Node, _k: _Keys, text: str, c: _Common) -> Step:
    return Go(id=c.id, line=c.line, then=c.then, simpler=c.simpler, picture=c.picture, flow=text)


def _hand_off(_r: _Reader, _n: yaml.Node, _k: _Keys, text: str, c: _Common) -> Step:
    return HandOff(id=c.id, line=c.line, then=c.then, simpler=c.simpler, picture=c.picture, text=text)


def _end(_r: _Reader, _n: yaml.Node, _k: _Keys, text: str, c: _Common) -> Step:
    return End(id=c.id, line=c.line, then=c.then, simpler=c.simpler, picture=c.picture, text=text)


_BUILD: dict[str, Callable[[_Reader, yaml.Node, _Keys, str, _Common], Step]] = {
    "say": _say, "ask": _ask, "choose": _choose, "do": _do,
    "check": _check, "go": _go, "hand_off": _hand_off, "end": _end,
}  # fmt: skip


def ways(flow: Flow, step: Step) -> Iterator[str]:
    """The ids of all steps to which a step of this flow can lead directly."""
    yield from (target for _, _, target in _explicit(step))
    stays = isinstance(step, HandOff | End) or (isinstance(step, Choose) and not step.right)
    if not stays and step.then is None and (following := flow.after(step)):
        yield following


def _explicit(step: Step) -> Iterator[tuple[int, str, str]]:
    where = f"step {step.id!r}"
    if step.then is not None:
        yield step.line, where, step.then
    match step:
        case Choose():
            yield from ((step.line, where, option.then) for option in step.options if option.then)
        case Do():
            yield from ((step.line, where, sign.then) for sign in step.stuck if sign.then is not None)
        case Check():
            yield from ((step.line, where, target) for target in step.verdicts.values())
        case Ask(otherwise=str(target)):
            yield step.line, where, target
        case _:
            pass


def _targets(flow: Flow) -> Iterator[tuple[int, str, str]]:
    for step in flow.steps.values():
        yield from _explicit(step)
