"""A flow as its authors see it: steps, ways, and how many residents got stuck or left at each. Reads only.

Counts are of the log alone and name nobody. "Left" is a resident whose last word about the flow is a day old.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import assert_never

import sqlalchemy as sa

from api import newest
from api.tables import Log
from bot.checks.days import Due, due
from bot.flow import VERDICTS, Ask, Check, Choose, Do, End, Flow, Go, HandOff, Say, Step
from bot.library import INTAKE, Library
from bot.said import VIETNAM
from knowledge.articles import Article

LOOKED_BACK = timedelta(days=90)
#: rows of the log that are looked at, the newest: those of a commune's year, of a province's fortnight
MOST_ROWS = 500_000
LEFT_AFTER = timedelta(days=1)
SOON = timedelta(days=30)
MOST_HARD_STEPS = 10
_VERDICTS = dict(zip(VERDICTS, ("Lừa đảo", "Đáng ngờ", "Chính thức", "Chưa rõ"), strict=True))
#: what the log tells of a resident in a flow; after those of _DONE they have not left
_DONE = ("flow_ended", "case_opened", "person_wanted")
_UNDER_WAY = ("flow_started", "step_done", "stuck", "helped", "went_back", "stopped")
#: which count each row of the log raises
_COUNTED = {
    "flow_started": "started",
    "flow_ended": "done",
    "step_done": "done",
    "stuck": "stuck",
    "unclear": "stuck",
    "person_wanted": "person",
}

_log = Log.__table__


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """At one step, or of a whole flow. `done` of a flow: it was followed to its end."""

    started: int = 0
    done: int = 0
    stuck: int = 0
    person: int = 0
    left: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """Where an answer leads: a step of this flow (`number` from 1), another flow, or neither ("" and 0)."""

    label: str
    step: str = ""
    number: int = 0
    flow: str = ""
    title: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    number: int
    id: str
    kind: str
    text: str
    ways: tuple[Way, ...]
    count: Count


@dataclass(frozen=True, slots=True, kw_only=True)
class Hard:
    """A step at which many get stuck or leave."""

    flow: str
    title: str
    number: int
    step: str
    text: str
    count: Count


Place = tuple[str, str]
Counts = Mapping[Place, Count]


def looked_back(connection: sa.Connection, now: datetime) -> timedelta:
    """LOOKED_BACK, or as far as the newest MOST_ROWS of the log reach."""
    before = newest.after(connection, _log.c.id, MOST_ROWS)
    first = sa.select(_log.c.at).where(_log.c.id > before).order_by(_log.c.id).limit(1)
    return min(LOOKED_BACK, now - connection.execute(first).scalar_one()) if before > 0 else LOOKED_BACK


def counts(connection: sa.Connection, library: Library, now: datetime) -> Counts:
    """By (flow, step) what was seen since `looked_back`, and by (flow, "") for the flow as a whole."""
    of_flows = sa.and_(
        _log.c.id > newest.after(connection, _log.c.id, MOST_ROWS),
        _log.c.at >= now - looked_back(connection, now),
        _log.c.flow != "",
    )
    kind = newest.in_place(connection, _log.c.kind)
    seen = (
        sa.select(_log.c.flow, _log.c.step, _log.c.kind, sa.func.count().label("times"))
        .where(of_flows, kind.in_(_COUNTED))
        .group_by(_log.c.flow, _log.c.step, _log.c.kind)
    )
    found: dict[str, Counter[Place]] = {name: Counter() for name in ("started", "done", "stuck", "person", "left")}
    for row in connection.execute(seen):
        name = _COUNTED[row.kind]
        if row.step:
            found[name][row.flow, row.step] += row.times
        if row.kind != "step_done":
            found[name][row.flow, ""] += row.times
    for row in connection.execute(_last_words(of_flows, kind, now - LEFT_AFTER)):
        flow = library.flows.get(row.flow)
        step = row.step or (flow.first.id if flow else "")  # who left at once answered nothing
        found["left"].update(dict.fromkeys({(row.flow, ""), (row.flow, step)}, row.residents))
    places = {place for counter in found.values() for place in counter}
    return {place: Count(**{name: counter[place] for name, counter in found.items()}) for place in places}


def _last_words(
    of_flows: sa.ColumnElement[bool], kind: sa.ColumnElement[str], before: datetime
) -> sa.Select[tuple[str, str, int]]:
    """Flow and step of each conversation's last row about any flow, where that is old and no ending: how many."""
    last = (
        sa.select(sa.func.max(_log.c.id).label("id"))
        .where(of_flows, kind.in_((*_DONE, *_UNDER_WAY)), _log.c.conversation != "")
        .group_by(_log.c.conversation)
        .subquery()
    )
    return (
        sa.select(_log.c.flow, _log.c.step, sa.func.count().label("residents"))
        .join(last, last.c.id == _log.c.id)
        .where(_log.c.at < before, _log.c.kind.in_(_UNDER_WAY), _log.c.flow != INTAKE)
        .group_by(_log.c.flow, _log.c.step)
    )


def hardest(library: Library, found: Counts) -> tuple[Hard, ...]:
    """The steps with most stuck and left, most first; steps that today's flows no longer have are left out."""
    order = sorted(found, key=lambda place: (-(found[place].stuck + found[place].left), place))
    hard = []
    for flow_id, step_id in order:
        flow = library.flows.get(flow_id)
        count = found[flow_id, step_id]
        if flow is None or step_id not in flow.steps or not count.stuck + count.left:
            continue
        hard.append(
            Hard(flow=flow.id, title=flow.title, number=list(flow.steps).index(step_id) + 1, step=step_id,
                 text=_first_words(flow.steps[step_id]), count=count)
        )  # fmt: skip
    return tuple(hard[:MOST_HARD_STEPS])


def due_soon(library: Library, now: datetime) -> tuple[Due, ...]:
    """Flows and articles that expire within SOON, or have; the first to expire first."""
    last = now.astimezone(VIETNAM).date() + SOON
    content: tuple[Flow | Article, ...] = (*library.flows.values(), *library.articles.values())
    found = [dated for one in content if (dated := due(one)) and dated.expires_on <= last]
    return tuple(sorted(found, key=lambda one: (one.expires_on, one.id)))


def drawn(library: Library, flow: Flow, found: Counts) -> tuple[Drawn, ...]:
    """The steps in the order of the file."""
    numbers = {step_id: number for number, step_id in enumerate(flow.steps, start=1)}
    return tuple(
        Drawn(number=numbers[step.id], id=step.id, kind=_kind(step), text="" if isinstance(step, Go) else step.text,
              ways=tuple(_ways(library, flow, step, numbers)), count=found.get((flow.id, step.id), Count()))
        for step in flow.steps.values()
    )  # fmt: skip


def _ways(library: Library, flow: Flow, step: Step, numbers: Mapping[str, int]) -> Iterable[Way]:
    def way(label: str, target: str | None) -> Way:
        return Way(label=label, step=target or "", number=numbers.get(target or "", 0))

    after = flow.after(step)
    match step:
        case Say():
            yield way("", after)
        case Choose():
            yield from (way(option.label, option.then or after) for option in step.options)
        case Do():
            yield way("Xong rồi", after)
            yield from (way(f"Vướng: {sign.sign}", sign.then or after) for sign in step.stuck)
        case Ask():
            yield way("Trả lời", after)
            if step.otherwise:
                yield way("Không, hoặc bỏ qua", step.otherwise)
        case Check():
            yield from (way(_VERDICTS[verdict], step.verdicts.get(verdict, after)) for verdict in VERDICTS)
        case Go():
            there = library.flows.get(step.flow)
            yield Way(label="Sang", flow=step.flow, title=there.title if there else step.flow)
            yield way("Xong thì về", after)
        case HandOff() | End():
            return
        case _:
            assert_never(step)


def _kind(step: Step) -> str:
    match step:
        case Say():
            return "Nói"
        case Choose():
            return "Cho chọn"
        case Do():
            return "Làm trên máy"
        case Ask():
            return "Hỏi"
        case Check():
            return "Xem lừa đảo"
        case Go():
            return "Kịch bản khác"
        case HandOff():
            return "Mời người của tổ"
        case End():
            return "Kết"
        case _:
            assert_never(step)


def _first_words(step: Step) -> str:
    text = "" if isinstance(step, Go) else step.text.strip().partition("\n")[0]
    return text if len(text) <= 80 else text[:80].rsplit(" ", 1)[0] + "…"
